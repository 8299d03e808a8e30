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
    # The folder of its windows below that of the exported data, and the corpus that they are cut from.
    data = ""
    corpus = "pop"

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


@dataclass(frozen=True)
class LayersJob(Job):
    """A deep belief network: each layer is trained as a `Job`, those above the first on states that are drawn from the
    layers below once an epoch. Its epochs are those of each layer."""

    layers: tuple = ()

    @property
    def shape(self) -> tuple:
        return self.layers, self.k, self.batch_size, self.shuffled

    def runner_settings(self) -> dict:
        return super().runner_settings() | {
            "model.kind": "dbn",
            "model.layers": list(self.layers),
            "train.propagate": "samples",
        }


class Pretraining(Job):
    """The RBM that an RNN-RBM starts from, at the rate of the article's next post."""

    LEARNING_RATE = 0.01


@dataclass(frozen=True)
class SequenceJob:
    """An RNN-RBM, its data and its training by CD-k on chunks of songs. All statistics are samples, and the gradient is
    the mean over the frames of a batch."""

    title: str
    epochs: int
    peer_epochs: int
    threads: int
    # The folder of its frames below that of the exported data, and the corpus that they are cut from.
    data: str
    corpus: str
    # Steps of a frame.
    timesteps: int
    hidden: int
    recurrent: int = 100
    k: int = 15
    # Frames of a chunk at most, and chunks of an update.
    chunk: int = 100
    batch_size: int = 1
    # Chunks in a new order every epoch, or song after song.
    shuffled: bool = False
    skip_first_frame: bool = False
    learning_rate: float = 0.01
    weight_mean: float = 0.0
    weight_std: float = 0.01
    log_odds: bool = False
    recurrent_std: float = 0.01
    # Epochs of CD-1 for the RBM alone, a song a batch, that come first and are not timed.
    pretrain_epochs: int = 0

    @property
    def shape(self) -> "SequenceJob":
        return self

    def runner_settings(self) -> dict:
        """The job as settings on top of configs/seed.toml."""
        settings = {
            "model.kind": "rnn-rbm",
            "model.timesteps": self.timesteps,
            "model.hidden": self.hidden,
            "model.recurrent": self.recurrent,
            "model.weight_mean": self.weight_mean,
            "model.weight_std": self.weight_std,
            "model.recurrent_std": self.recurrent_std,
            "model.visible_bias": "log-odds" if self.log_odds else "zero",
            "train.k": self.k,
            "train.chunk": self.chunk,
            "train.batch_size": self.batch_size,
            "train.batches": "shuffled" if self.shuffled else "per-song",
            "train.skip_first_window": str(self.skip_first_frame).lower(),
            "train.statistics": "samples",
            "train.positive_sample": "separate",
            "train.learning_rate": self.learning_rate,
            "train.epochs": self.epochs,
        }
        if self.corpus != "pop":
            # A data set in JSON is not read as the article reads MIDI.
            settings["corpus.compat"] = "none"
        if self.pretrain_epochs:
            settings |= {
                "pretrain.epochs": self.pretrain_epochs,
                "pretrain.k": 1,
                "pretrain.learning_rate": Pretraining.LEARNING_RATE,
                # More frames than any song has.
                "pretrain.batch_size": 10_000,
                "pretrain.batches": "per-song",
                "pretrain.skip_first_window": str(self.skip_first_frame).lower(),
                "pretrain.statistics": "samples",
                "pretrain.positive_sample": "separate",
            }
        return settings


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
    "dbn-pop": LayersJob(
        "DBN of 200 and 100 units, CD-1 with W ~ N(0, 0.01²), 50 epochs a layer",
        50,
        50,
        threads=2,
        layers=(200, 100),
        weight_mean=0.0,
        weight_std=0.01,
    ),
    "rnn-pop": SequenceJob(
        "RNN-RBM, 780 visible, H = 50, R = 100, CD-15, one chunk an update, 5 epochs",
        5,
        5,
        threads=2,
        data="frames",
        corpus="pop",
        timesteps=5,
        hidden=50,
        skip_first_frame=True,
        weight_mean=0.01,
        weight_std=1.0,
        recurrent_std=0.0001,
        pretrain_epochs=100,
    ),
    "rnn-jsb": SequenceJob(
        "RNN-RBM, JSB chorales, 88 visible, H = 150, R = 100, CD-15, 8 chunks an update, 5 epochs",
        5,
        5,
        threads=2,
        data="jsb",
        corpus="jsb",
        timesteps=1,
        hidden=150,
        batch_size=8,
        shuffled=True,
        learning_rate=0.05,
        log_odds=True,
    ),
}
