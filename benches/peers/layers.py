"""What the peers that train a deep belief network have in common: the first state of its layers and their error."""

from dataclasses import replace
from pathlib import Path

import numpy as np

import peer
from jobs import LayersJob
from peer import Data, Parameters


def load(folder: Path, job: LayersJob) -> Data:
    """The exported windows, in the batches of the job."""
    return peer.load(folder, job)


def first_parameters(job: LayersJob, data: Data, seed: int) -> list[Parameters]:
    """The layers from below, each with weights from the job's normal distribution and biases of zero."""
    layers = [peer.first_parameters(replace(job, hidden=job.layers[0]), data, seed)]
    for number, (below, units) in enumerate(zip(job.layers, job.layers[1:]), 1):
        generator = np.random.default_rng([seed, number])
        weights = generator.normal(job.weight_mean, job.weight_std, (below, units)).astype(np.float32)
        layers.append(Parameters(weights, np.zeros(below, np.float32), np.zeros(units, np.float32)))
    return layers


def reconstruction_error(layers: list[Parameters], data: Data, k: int, seed: int) -> float:
    """Mean of (v - v~)^2 over the windows trained on, v~ drawn by a pass up, k Gibbs steps of the two highest layers and a
    pass down: the runner's definition, in f64."""
    generator = np.random.default_rng(seed)

    def sample(inputs: np.ndarray) -> np.ndarray:
        return (generator.random(inputs.shape) * (1.0 + np.exp(-inputs)) < 1.0).astype(np.float64)

    windows = data.windows[data.rows]
    *lower, top = [Parameters(*(getattr(layer, name).astype(np.float64) for name in vars(layer))) for layer in layers]
    with np.errstate(over="ignore"):
        states = windows
        for layer in lower:
            states = sample(states @ layer.weights + layer.hidden_bias)
        for _ in range(k):
            states = sample(sample(states @ top.weights + top.hidden_bias) @ top.weights.T + top.visible_bias)
        for layer in reversed(lower):
            states = sample(states @ layer.weights.T + layer.visible_bias)
    return float(((windows - states) ** 2).mean())
