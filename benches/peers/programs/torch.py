"""PyTorch: `addmm` for inputs and for the update in place; eager or through `torch.compile`."""

import numpy as np
import torch

from jobs import Job
from peer import Data, Parameters


def versions() -> dict:
    return {"torch": torch.__version__}


def sample(inputs: torch.Tensor) -> torch.Tensor:
    probabilities = torch.sigmoid(inputs)
    # In place, so that the comparison leaves floats; `torch.bernoulli` takes four times as long.
    return torch.rand_like(probabilities).lt_(probabilities)


def update(data, weights, visible_bias, hidden_bias, k: int, learning_rate: float) -> None:
    """One CD-k update on `data` (batch x visible)."""
    rate = learning_rate / data.shape[0]
    # The chain's first sample and the one in the gradient are drawn apart, of the same inputs.
    inputs = torch.addmm(hidden_bias, data, weights)
    chain, positive = sample(inputs), sample(inputs)
    fantasy = sample(torch.addmm(visible_bias, chain, weights.t()))
    for _ in range(k - 1):
        chain = sample(torch.addmm(hidden_bias, fantasy, weights))
        fantasy = sample(torch.addmm(visible_bias, chain, weights.t()))
    negative = sample(torch.addmm(hidden_bias, fantasy, weights))
    weights.addmm_(data.t(), positive, alpha=rate)
    weights.addmm_(fantasy.t(), negative, alpha=-rate)
    visible_bias.add_(data.sum(0) - fantasy.sum(0), alpha=rate)
    hidden_bias.add_(positive.sum(0) - negative.sum(0), alpha=rate)


class Peer:
    def __init__(self, job: Job, data: Data, mode: str = "eager"):
        self.job, self.data = job, data
        self.windows = torch.from_numpy(data.windows)
        self.update = update
        if mode == "compile":
            # Batches per song have many sizes: one kernel for all of them.
            self.update = torch.compile(update, dynamic=not job.shuffled)

    def prepare(self) -> None:
        shape = self.windows.shape[1], self.job.hidden
        self.start(
            Parameters(np.zeros(shape, np.float32), np.zeros(shape[0], np.float32), np.zeros(shape[1], np.float32)), 0
        )
        self.train(1)

    def start(self, parameters: Parameters, seed: int) -> None:
        torch.manual_seed(seed)
        self.state = [
            torch.from_numpy(part.copy())
            for part in (parameters.weights, parameters.visible_bias, parameters.hidden_bias)
        ]

    @torch.no_grad()
    def train(self, epochs: int) -> None:
        job, windows = self.job, self.windows
        for _ in range(epochs):
            if job.shuffled:
                batches = (windows[rows] for rows in torch.randperm(len(windows)).split(job.batch_size))
            else:
                batches = (windows[first:end] for first, end in self.data.batches)
            for batch in batches:
                self.update(batch, *self.state, job.k, job.LEARNING_RATE)

    def parameters(self) -> Parameters:
        return Parameters(*(part.numpy() for part in self.state))
