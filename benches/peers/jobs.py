"""The jobs that this program and its peers are timed on."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Job:
    """One model, its data and its training. All statistics are samples, and the learning rate is 0.005 / batch size."""

    title: str
    # Epochs of the job, and those that peers are timed on where the whole job would take them too long.
    epochs: int
    peer_epochs: int
    # Threads of ours; peers always have all cores.
    threads: int
    hidden: int = 50
    k: int = 1
    batch_size: int = 100
    shuffled: bool = False
    weight_mean: float = 0.01
    weight_std: float = 1.0
    log_odds: bool = False

    LEARNING_RATE = 0.005

    @property
    def shape(self) -> tuple:
        """What a peer compiles for: jobs of one shape differ in their first state and their epochs alone."""
        return self.hidden, self.k, self.batch_size, self.shuffled

    def runner_settings(self) -> dict:
        """The job as settings on top of configs/seed.toml."""
        return {
            "model.hidden": self.hidden,
            "model.weight_mean": self.weight_mean,
            "model.weight_std": self.weight_std,
            "model.visible_bias": "log-odds" if self.log_odds else "zero",
            "train.k": self.k,
            "train.batch_size": self.batch_size,
            "train.batches": "shuffled" if self.shuffled else "per-song",
            "train.skip_first_window": str(not self.shuffled).lower(),
            "train.learning_rate": self.LEARNING_RATE,
            "train.epochs": self.epochs,
        }


JOBS = {
    "seed": Job("seed job, 200 epochs", 200, 200, threads=1),
    "seed-start": Job("seed job, first 6 epochs", 6, 6, threads=1),
    "seed-k10": Job("seed job at k = 10, 200 epochs", 200, 20, threads=1, k=10),
    "wide": Job(
        "H = 1024, B = 100 shuffled, W ~ N(0, 0.01²), b = log-odds, 20 epochs",
        20,
        20,
        threads=2,
        hidden=1024,
        shuffled=True,
        weight_mean=0.0,
        weight_std=0.01,
        log_odds=True,
    ),
    "wide-start": Job(
        "H = 1024, B = 100 shuffled, W ~ N(0.01, 1), b = 0, first 8 epochs",
        8,
        8,
        threads=2,
        hidden=1024,
        shuffled=True,
    ),
}
