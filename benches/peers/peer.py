"""What all peers have in common: the data, the first state of a model and the measure of its error."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jobs import Job


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


def reconstruction_error(model: Parameters, data: Data, k: int, seed: int) -> float:
    """Mean of (v - v~)^2 over the windows trained on, v~ the visible sample after k Gibbs steps from v: the runner's
    definition, in f64."""
    weights = model.weights.astype(np.float64)
    return distance_of_chain(data.windows[data.rows], weights, model.visible_bias, model.hidden_bias, k, seed)


def distance_of_chain(windows, weights, visible_bias, hidden_bias, k: int, seed: int) -> float:
    """Mean of (v - v~)^2, v~ the visible sample after k Gibbs steps from v; biases for all windows, or one a row."""
    generator = np.random.default_rng(seed)

    def sample(inputs: np.ndarray) -> np.ndarray:
        return (generator.random(inputs.shape) * (1.0 + np.exp(-inputs)) < 1.0).astype(np.float64)

    with np.errstate(over="ignore"):
        visible = windows
        for _ in range(k):
            hidden = sample(visible @ weights + hidden_bias)
            visible = sample(hidden @ weights.T + visible_bias)
    return float(((windows - visible) ** 2).mean())
