"""One peer process: it trains a job when told to and says how long that took.

    peer.py NAME CORPUS_FOLDER

Requests come as lines of JSON on standard input, answers leave as lines of JSON on standard output. A request is a job of
`jobs.py` with a number of epochs and a seed. Each peer is a module `peer_NAME.py` with a class `Peer`:

    Peer(job, data)             data.windows (windows x visible, float32, 0 or 1), data.batches or data.rows
    prepare()                   whatever comes before training and is not timed, such as compiling
    start(parameters, seed)     put the model into its first state
    train(epochs)               return when the parameters are computed, not merely queued
    parameters()                weights (visible x hidden), visible bias, hidden bias, as NumPy arrays

Everything that is the same for all peers stands here: the data, the first state, the clock and the measure of error.
"""

import importlib
import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jobs import JOBS, Job


@dataclass
class Data:
    """The windows, as a job goes through them."""

    # windows x visible, 0 or 1.
    windows: np.ndarray
    # The windows that are trained on, ascending.
    rows: np.ndarray
    # First and past-the-last window of each batch of an epoch, in order; empty where batches are shuffled.
    batches: list[tuple[int, int]]


@dataclass
class Parameters:
    """An RBM."""

    # visible x hidden.
    weights: np.ndarray
    visible_bias: np.ndarray
    hidden_bias: np.ndarray


def load(folder: Path, job: Job) -> Data:
    """The exported windows, in the batches of the job."""
    windows = np.load(folder / "windows.npy").astype(np.float32)
    if job.shuffled:
        return Data(windows, np.arange(len(windows)), [])
    batches = []
    for first, end in np.load(folder / "songs.npy").astype(int).tolist():
        # The seed recipe leaves out the first window of every song.
        starts = range(first + 1, end, job.batch_size)
        batches += [(start, min(start + job.batch_size, end)) for start in starts]
    return Data(windows, np.concatenate([np.arange(*batch) for batch in batches]), batches)


def first_parameters(job: Job, data: Data, seed: int) -> Parameters:
    """Weights from the job's normal distribution; biases zero, or the log-odds of the windows for the visible ones."""
    visible = data.windows.shape[1]
    weights = np.random.default_rng(seed).normal(job.weight_mean, job.weight_std, (visible, job.hidden))
    bias = np.zeros(visible)
    if job.log_odds:
        least = 0.5 / len(data.rows)
        share = np.clip(data.windows[data.rows].mean(axis=0, dtype=np.float64), least, 1.0 - least)
        bias = np.log(share / (1.0 - share))
    return Parameters(weights.astype(np.float32), bias.astype(np.float32), np.zeros(job.hidden, np.float32))


def reconstruction_error(model: Parameters, windows: np.ndarray, seed: int) -> float:
    """Mean of (v - v~)^2, v~ the visible sample after one Gibbs step from v: the runner's definition, in f64."""
    generator = np.random.default_rng(seed)

    def sample(inputs: np.ndarray) -> np.ndarray:
        return (generator.random(inputs.shape) * (1.0 + np.exp(-inputs)) < 1.0).astype(np.float64)

    with np.errstate(over="ignore"):
        weights = model.weights.astype(np.float64)
        hidden = sample(windows @ weights + model.hidden_bias)
        visible = sample(hidden @ weights.T + model.visible_bias)
    return float(((windows - visible) ** 2).mean())


def main() -> None:
    name, folder = sys.argv[1], Path(sys.argv[2])
    # Frameworks print to standard output too; the answers have it to themselves.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    module = importlib.import_module(f"peer_{name.split('-')[0]}")
    peers = {}
    print(json.dumps({"versions": module.versions()}), file=answers)
    for line in sys.stdin:
        request = json.loads(line)
        job = JOBS[request["job"]]
        if job.shape not in peers:
            data = load(folder, job)
            peers[job.shape] = module.Peer(job, data, *name.split("-")[1:]), data
            peers[job.shape][0].prepare()
        peer, data = peers[job.shape]
        # An epoch before the clock starts wakes threads and fills caches.
        peer.start(first_parameters(job, data, request["seed"]), request["seed"])
        peer.train(1)
        peer.start(first_parameters(job, data, request["seed"]), request["seed"])
        start = time.perf_counter()
        peer.train(request["epochs"])
        seconds = time.perf_counter() - start
        error = reconstruction_error(peer.parameters(), data.windows[data.rows], request["seed"])
        print(json.dumps({"seconds": seconds, "error": error}), file=answers)


if __name__ == "__main__":
    main()
