"""Time the runner and its peers on the same jobs, and write the table of ratios.

`run` beside this file calls it with everything in place; `run --help` lists the options.

Each peer is a process that stays (`worker.py`), so that compiling is done once and not timed. Processes that are not
being timed are stopped by a signal: none of their threads can spin. A contestant has the machine to itself as far as this
script can see to it: before each measurement it waits, within limits, for other programs to leave the processors alone,
and afterwards it looks at how much they took. A measurement that lost more than the tolerated share is repeated, and
where none was undisturbed, the table says so.
"""

import argparse
import json
import os
import platform
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from jobs import JOBS, Job, LayersJob, SequenceJob

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent

# Peers, and for each the ways to run it that a good practitioner would try. The fastest on a job is what counts.
PEERS = {
    "NumPy": ["numpy"],
    "PyTorch": ["torch-eager", "torch-compile"],
    "JAX": ["jax-batch", "jax-scan"],
    "TensorFlow": ["tensorflow-graph", "tensorflow-xla"],
    "scikit-learn": ["sklearn"],
}
# The same for an RNN-RBM.
SEQUENCE_PEERS = {
    "NumPy": ["rnn_numpy"],
    "PyTorch": [
        "rnn_torch-formulas",
        "rnn_torch-autograd",
        "rnn_torch-formulas-compile",
        "rnn_torch-autograd-compile",
    ],
    "JAX": ["rnn_jax-batch", "rnn_jax-scan"],
}
# The same for a deep belief network.
LAYERS_PEERS = {"PyTorch": ["layers_torch-eager", "layers_torch-compile"]}
# Trains by another rule: shown, but not among those that "fastest" is taken from.
OTHER_RULE = "scikit-learn"
OTHER_RULE_EPOCHS = 10
OURS = "chordbench"
# Reconstruction errors of one job may differ by so much from ours: seeds scatter by 5 %.
ERROR_TOLERANCE = 0.15

# Variables that pin kernels, threads or instruction sets. Some workplaces set them for the sake of old builds.
PINNING = ("OPENBLAS_", "OMP_", "MKL_", "KMP_", "GOTO_", "BLIS_", "XLA_FLAGS", "TF_NUM_", "CHORDBENCH_ISA")
# What keeps a framework at one thread besides binding the process to one core.
ONE_THREAD = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
}

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def clean_environment() -> dict:
    return {name: value for name, value in os.environ.items() if not name.startswith(PINNING)}


# How busy other programs keep the machine.


def machine_ticks() -> int:
    """Ticks that the processors have spent on anything but idling, all of them together."""
    user, nice, system, _idle, _waiting, interrupt, soft, steal = map(
        int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    )
    return user + nice + system + interrupt + soft + steal


def process_ticks(process: int) -> int:
    """Ticks that a process and the children it has waited for have spent."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:15]))


def others_share(seconds: float, machine: int, own: int) -> float:
    """The share of all processors that went to others, given ticks of the machine and of the measured process."""
    available = seconds * TICKS_PER_SECOND * (os.cpu_count() or 1)
    return max(0.0, (machine - own) / max(available, 1.0))


def wait_for_quiet(tolerance: float, limit: float) -> float:
    """Return when others leave the processors alone, or after `limit` seconds; how long that took."""
    begin = time.monotonic()
    while time.monotonic() < begin + limit:
        before, start = machine_ticks(), time.monotonic()
        time.sleep(0.5)
        if others_share(time.monotonic() - start, machine_ticks() - before, 0) <= tolerance:
            break
    return time.monotonic() - begin


@dataclass
class Measurement:
    """One contestant's time for one job."""

    # For the epochs that were run.
    seconds: float
    epochs: int
    # Reconstruction error after them.
    error: float
    # Windows trained on in an epoch.
    examples: int
    # The share of the processors that other programs had meanwhile.
    others: float


class PeerProcess:
    """A process of worker.py, stopped while it is not being timed."""

    def __init__(self, variant: str, python: str, corpus: Path, log: Path):
        self.variant = variant
        environment = clean_environment() | (ONE_THREAD if variant.endswith("@1") else {})
        self.process = subprocess.Popen(
            [python, str(HERE / "worker.py"), variant, str(corpus)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log.open("a"),
            text=True,
            env=environment,
        )
        self.versions = self.answer()["versions"]
        self.process.send_signal(signal.SIGSTOP)

    def answer(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.variant} ended with code {self.process.wait()}; its log says why")
        return json.loads(line)

    def measure(self, job: str, epochs: int, seed: int) -> Measurement:
        self.process.send_signal(signal.SIGCONT)
        try:
            ticks, machine, start = process_ticks(self.process.pid), machine_ticks(), time.monotonic()
            self.process.stdin.write(json.dumps({"job": job, "epochs": epochs, "seed": seed}) + "\n")
            self.process.stdin.flush()
            answer = self.answer()
            ticks, machine = process_ticks(self.process.pid) - ticks, machine_ticks() - machine
            others = others_share(time.monotonic() - start, machine, ticks)
            return Measurement(answer["seconds"], epochs, answer["error"], answer["examples"], others)
        finally:
            self.process.send_signal(signal.SIGSTOP)

    def close(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()


class Runner:
    """Our own program, a process a measurement."""

    def __init__(self, program: Path, corpora: dict[str, Path | None]):
        self.program, self.corpora = program, corpora
        self.environment: dict = {}

    def measure(self, name: str, epochs: int, seed: int) -> Measurement:
        job = JOBS[name]
        settings = job.runner_settings() | {
            "train.epochs": epochs,
            "replicates.seed": seed,
            # Evaluate the last epoch alone; it is not part of the time.
            "evaluate.every": 1_000_000,
            "evaluate.pseudo_likelihood_windows": 0,
        }
        if self.corpora[job.corpus]:
            settings["corpus.path"] = self.corpora[job.corpus]
        with tempfile.TemporaryDirectory() as folder:
            command = [self.program, "run", "--config", ROOT / "configs/seed.toml", "--out", folder, "--quiet"]
            command += ["--jobs", "1", "--threads-per-run", str(job.threads)]
            command += [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
            ticks, machine, start = process_ticks(os.getpid()), machine_ticks(), time.monotonic()
            subprocess.run(list(map(str, command)), check=True, env=clean_environment())
            ticks, machine = process_ticks(os.getpid()) - ticks, machine_ticks() - machine
            others = others_share(time.monotonic() - start, machine, ticks)
            [record] = Path(folder).glob("*/runs/*/result.json")
            lines = record.with_name("epochs.jsonl").read_text().splitlines()
            record = json.loads(record.read_text())
        self.environment = record["environment"]
        error, examples = record["metrics"]["train_reconstruction_error"], record["corpus"]["trained_windows"]
        # Pretraining is not part of the job; each layer of a deep network is.
        timed = [epoch for epoch in map(json.loads, lines) if epoch["epoch"] > 0 and epoch.get("stage") != "pretrain"]
        expected = epochs * len(job.layers) if isinstance(job, LayersJob) else epochs
        if len(timed) != expected:
            raise RuntimeError(f"{name}: the record has {len(timed)} epochs, not {expected}")
        seconds = sum(epoch["timing"]["train_s"] for epoch in timed)
        return Measurement(seconds, epochs, error, examples, others)


@dataclass
class Cell:
    """All measurements of one contestant on one job."""

    variant: str
    measurements: list[Measurement] = field(default_factory=list)

    def seconds(self, epochs: int) -> float:
        """Median time, for this many epochs."""
        return statistics.median(one.seconds / one.epochs for one in self.measurements) * epochs

    def error(self) -> float:
        return statistics.mean(one.error for one in self.measurements)

    def others(self) -> float:
        return max(one.others for one in self.measurements)


class Comparison:
    """The contestants, their measurements and the tables made of them."""

    def __init__(self, arguments: argparse.Namespace):
        self.arguments = arguments
        self.runner = Runner(arguments.runner, {"pop": arguments.corpus, "jsb": arguments.jsb})
        self.out: Path = arguments.out
        self.random = random.Random()
        self.patience: float = arguments.patience
        self.processes: dict[str, PeerProcess] = {}
        self.cells: dict[str, dict[str, Cell]] = {name: {} for name in arguments.jobs}
        self.trials: dict[str, dict[str, float]] = {name: {} for name in arguments.jobs}
        self.versions: dict[str, str] = {}

    def epochs(self, name: str, contestant: str) -> int:
        """Epochs that a contestant is timed on."""
        job = JOBS[name]
        epochs = job.epochs if contestant == OURS else job.peer_epochs
        if contestant == OTHER_RULE:
            # Shown for orientation, and so slow that the rest would wait for it.
            epochs = min(epochs, OTHER_RULE_EPOCHS)
        return max(1, round(epochs * self.arguments.scale))

    def process(self, variant: str) -> PeerProcess:
        if variant not in self.processes:
            print(f"starting {variant}", flush=True)
            log = self.out / f"{variant}.log"
            process = PeerProcess(variant, sys.executable, self.arguments.data, log)
            self.processes[variant] = process
            self.versions |= process.versions
        return self.processes[variant]

    def measure(self, contestant: str, variant: str, name: str, epochs: int, seed: int) -> Measurement:
        """The least disturbed of up to three measurements: the first that others left alone, if there is one."""
        best = None
        for _ in range(self.arguments.tries):
            self.patience -= wait_for_quiet(self.arguments.tolerance, self.patience)
            if contestant == OURS:
                one = self.runner.measure(name, epochs, seed)
            else:
                one = self.process(variant).measure(name, epochs, seed)
            if best is None or one.others < best.others:
                best = one
            if best.others <= self.arguments.tolerance:
                break
        return best

    def choose_variants(self) -> None:
        """For each peer and job the way of running it that is fastest, by the better of two short trials."""
        contestants = [(peer, variant) for peer in self.arguments.peers for variant in all_variants(peer)]
        for peer, variant in contestants:
            for name in self.arguments.jobs:
                if variant not in variants(peer, JOBS[name]):
                    continue
                epochs = max(1, self.epochs(name, peer) // 20)
                trials = [self.measure(peer, variant, name, epochs, seed) for seed in (1, 2)]
                seconds = min(one.seconds / one.epochs for one in trials)
                self.trials[name][variant] = seconds
                print(f"{name}: {variant} {1000 * seconds:.2f} ms an epoch", flush=True)
                known = self.cells[name].get(peer)
                if known is None or seconds < self.trials[name][known.variant]:
                    self.cells[name][peer] = Cell(variant)
        for name in self.arguments.jobs:
            self.cells[name][OURS] = Cell(OURS)
        chosen = {cell.variant for cells in self.cells.values() for cell in cells.values()}
        for variant in [variant for variant in self.processes if variant not in chosen]:
            self.processes.pop(variant).close()

    def rounds(self) -> None:
        """Everything once a round, in an order of its own."""
        for number in range(1, self.arguments.rounds + 1):
            pairs = [(name, contestant) for name, cells in self.cells.items() for contestant in cells]
            self.random.shuffle(pairs)
            for name, contestant in pairs:
                cell = self.cells[name][contestant]
                seed = 100 + number
                one = self.measure(contestant, cell.variant, name, self.epochs(name, contestant), seed)
                if contestant == OURS and JOBS[name].peer_epochs < JOBS[name].epochs:
                    # The error is compared after as many epochs as the peers have trained.
                    one.error = self.runner.measure(name, self.epochs(name, "a peer"), seed).error
                cell.measurements.append(one)
                print(
                    f"round {number}: {name}, {cell.variant}: {one.seconds:.3f} s, error {one.error:.4f}, "
                    f"others {one.others:.1%}",
                    flush=True,
                )
            self.write()

    def close(self) -> None:
        for process in self.processes.values():
            process.close()

    # What comes out.

    def ratio(self, name: str, peer: str) -> float:
        """Times that ours is faster: medians over the rounds, for the whole job."""
        cells, epochs = self.cells[name], JOBS[name].epochs
        return cells[peer].seconds(epochs) / cells[OURS].seconds(epochs)

    def fastest(self, name: str) -> str | None:
        """The fastest of the peers that do the same job."""
        peers = [peer for peer in self.cells[name] if peer not in (OURS, OTHER_RULE)]
        return min(peers, key=lambda peer: self.ratio(name, peer), default=None)

    def spread(self, name: str, peer: str) -> tuple[float, float]:
        """The least and the greatest of the ratios of single rounds."""
        pairs = zip(self.cells[name][peer].measurements, self.cells[name][OURS].measurements)
        ratios = [theirs.seconds / theirs.epochs * ours.epochs / ours.seconds for theirs, ours in pairs]
        return min(ratios), max(ratios)

    def scaled(self, name: str, peer: str) -> str:
        """The mark of a peer's time that was multiplied."""
        return "†" if self.epochs(name, peer) < self.epochs(name, OURS) else ""

    def table(self) -> str:
        """The tables, in Markdown."""
        peers = [peer for peer in PEERS if peer in self.arguments.peers]

        def row(name: str, first: str, ours: str, cell, last: str) -> str:
            cells = [cell(peer) if peer in self.cells[name] else "–" for peer in peers]
            return "| " + " | ".join([first, ours, *cells, last]) + " |"

        lines = [
            "| job | ours, s | "
            + " | ".join(f"{peer}, s" for peer in peers)
            + " | fastest peer / ours (single rounds) |",
            "|---|---|" + "---|" * len(peers) + "---|",
        ]
        for name in self.arguments.jobs:
            job, cells, fastest = JOBS[name], self.cells[name], self.fastest(name)
            last = "–"
            if fastest:
                least, greatest = self.spread(name, fastest)
                last = f"**{self.ratio(name, fastest):.1f} ×** {fastest} ({least:.1f}–{greatest:.1f})"
            lines.append(
                row(
                    name,
                    title(job),
                    f"{cells[OURS].seconds(job.epochs):.3f}",
                    lambda peer: (
                        f"{cells[peer].seconds(job.epochs):.2f}{self.scaled(name, peer)}"
                        f" ({self.ratio(name, peer):.1f} ×)"
                    ),
                    last,
                )
            )
        lines += [
            "",
            self.notes(),
            "",
            "Reconstruction error on the trained windows after the epochs timed, means over the rounds, and the way of "
            "running each peer that was fastest in the trials (`@1`: on one core):",
            "",
            "| job | ours | " + " | ".join(peers) + " |",
            "|---|---|" + "---|" * len(peers),
        ]
        for name in self.arguments.jobs:
            cells = self.cells[name]
            text = row(
                name,
                f"{JOBS[name].title}, after {self.epochs(name, 'a peer')}",
                f"{cells[OURS].error():.4f}",
                lambda peer: f"{cells[peer].error():.4f} `{cells[peer].variant}`",
                "",
            )
            lines.append(text.removesuffix("  |"))
        return "\n".join(lines) + "\n"

    def notes(self) -> str:
        """What the numbers of the first table rest on."""
        everyone = [cell for cells in self.cells.values() for cell in cells.values() if cell.measurements]
        disturbed = [one for cell in everyone for one in cell.measurements if one.others > self.arguments.tolerance]
        total = sum(len(cell.measurements) for cell in everyone)
        where = self.runner.environment
        rounds = min(len(cell.measurements) for cell in everyone)
        versions = ", ".join(f"{name} {version}" for name, version in sorted(self.versions.items()))
        text = [
            f"Medians of {rounds} rounds in random order, seconds of training alone, on {where.get('logical_cpus')} cores "
            f"of {where.get('cpu')} ({where.get('isa')}), commit {where.get('git')}. Peers: {versions}.",
        ]
        if any(self.scaled(name, peer) for name, cells in self.cells.items() for peer in cells):
            text.append("† Timed on fewer epochs and multiplied: dense products cost the same in every epoch.")
        if OTHER_RULE in self.arguments.peers:
            text.append(
                f"{OTHER_RULE} trains by another rule (persistent chains, probabilities, f64, one up pass less) and is "
                f"timed on {OTHER_RULE_EPOCHS} epochs at most, so it takes no part in the last column."
            )
        text += [f"**Not the same job:** {difference}." for difference in self.differences()]
        if disturbed:
            worst = max(one.others for one in disturbed)
            text.append(
                f"**The machine was not quiet:** in {len(disturbed)} of {total} measurements other programs took more "
                f"than {self.arguments.tolerance:.0%} of the processors, at worst {worst:.0%}."
            )
        if self.arguments.scale != 1.0:
            text.append(f"**No measurement but a trial:** jobs were cut to {self.arguments.scale:g} of their epochs.")
        return "\n".join(text)

    def differences(self) -> list[str]:
        """Where a peer's error or its number of windows is not ours, so that its time would mean nothing."""
        found = []
        for name, cells in self.cells.items():
            ours = cells[OURS]
            for peer, cell in cells.items():
                if not cell.measurements or not ours.measurements or peer == OURS:
                    continue
                if cell.measurements[0].examples != ours.measurements[0].examples:
                    found.append(f"{peer} trains on another number of windows at {name}")
                elif peer != OTHER_RULE and abs(cell.error() / ours.error() - 1.0) > ERROR_TOLERANCE:
                    found.append(f"{peer} has an error of {cell.error():.4f} at {name}, ours is {ours.error():.4f}")
        return found

    def write(self) -> None:
        document = {
            "schema": 1,
            "machine": {"platform": platform.platform(), "cores": os.cpu_count(), **self.runner.environment},
            "versions": self.versions,
            "scale": self.arguments.scale,
            "jobs": {
                name: {
                    "job": asdict(JOBS[name]),
                    "trials_seconds_an_epoch": self.trials[name],
                    "contestants": {
                        contestant: {
                            "variant": cell.variant,
                            "seconds": cell.seconds(JOBS[name].epochs),
                            "ratio": self.ratio(name, contestant),
                            "measurements": [asdict(one) for one in cell.measurements],
                        }
                        for contestant, cell in self.cells[name].items()
                    },
                }
                for name in self.arguments.jobs
            },
        }
        (self.out / "results.json").write_text(json.dumps(document, indent=1) + "\n")
        table = self.table()
        (self.out / "table.md").write_text(table)
        for path in self.arguments.update:
            replace_block(path, wrapped(table))


def variants(peer: str, job: Job | SequenceJob) -> list[str]:
    """The ways to run a peer on a job, with all cores and on one; none if it cannot do the job."""
    if peer == OTHER_RULE and job.k > 1:
        return []
    ways = {SequenceJob: SEQUENCE_PEERS, LayersJob: LAYERS_PEERS}.get(type(job), PEERS).get(peer, [])
    return [way + cores for way in ways for cores in ("", "@1")]


def all_variants(peer: str) -> list[str]:
    """The ways to run a peer on any job."""
    ways = [way for peers in (PEERS, SEQUENCE_PEERS, LAYERS_PEERS) for way in peers.get(peer, [])]
    return [way + cores for way in ways for cores in ("", "@1")]


def title(job: Job | SequenceJob) -> str:
    return f"{job.title} ({'one core' if job.threads == 1 else f'{job.threads} threads'})"


def wrapped(table: str) -> str:
    """The table with its prose in lines of 120 columns, as the documents have it."""
    lines = table.split("\n")
    return "\n".join(line if line.startswith("|") else textwrap.fill(line, 120, break_on_hyphens=False) for line in lines)


def replace_block(path: Path, table: str) -> None:
    """Put the table between the two marks of a document."""
    begin, end = "<!-- peers: begin -->\n", "<!-- peers: end -->"
    text = path.read_text()
    before, found, rest = text.partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found and found_end):
        sys.exit(f"{path} has no place for the table: put {begin.strip()} and {end} there")
    path.write_text(before + begin + "\n" + table + "\n" + end + after)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time the runner and its peers on the same jobs.")
    parser.add_argument("--runner", type=Path, required=True, help="our program")
    parser.add_argument("--data", type=Path, required=True, help="folder of the exported windows")
    parser.add_argument("--corpus", type=Path, help="what they were exported from; the built-in corpus if absent")
    parser.add_argument("--jsb", type=Path, help="the chorales, jsb_chorales.json; without them no job trains on them")
    parser.add_argument("--out", type=Path, required=True, help="folder for results.json, table.md and logs")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--jobs", nargs="+", choices=JOBS, default=list(JOBS), metavar="JOB", help=", ".join(JOBS))
    parser.add_argument(
        "--peers", nargs="+", choices=PEERS, default=list(PEERS), metavar="PEER", help=", ".join(PEERS)
    )
    parser.add_argument(
        "--scale", type=float, default=1.0, help="share of each job's epochs to run, to try the script out"
    )
    parser.add_argument("--tolerance", type=float, default=0.05, help="share of the processors that others may take")
    parser.add_argument("--patience", type=float, default=1200.0, help="seconds to wait for a quiet machine, in all")
    parser.add_argument("--tries", type=int, default=3, help="measurements at most, until one is undisturbed")
    parser.add_argument("--update", type=Path, action="append", default=[], help="document to put the table into")
    options = parser.parse_args()
    if not options.jsb:
        options.jobs = [name for name in options.jobs if JOBS[name].corpus != "jsb"]
    if not options.jobs:
        parser.error("no job is left without --jsb")
    return options


def main() -> None:
    options = arguments()
    if not shutil.which(str(options.runner)):
        sys.exit(f"{options.runner} is no program")
    options.out.mkdir(parents=True, exist_ok=True)
    comparison = Comparison(options)
    try:
        comparison.choose_variants()
        comparison.rounds()
    finally:
        comparison.close()
    print()
    print(comparison.table())
    print(f"written to {options.out}/table.md and results.json")


if __name__ == "__main__":
    main()
