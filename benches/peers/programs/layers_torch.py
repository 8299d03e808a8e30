"""PyTorch: a deep belief network, each layer trained as the RBM of `torch.py` on states drawn from the layers below."""

import numpy as np
import torch

from jobs import LayersJob
from peer import Data, Parameters
from programs.torch import sample, update
from programs.torch import versions as versions


class Peer:
    def __init__(self, job: LayersJob, data: Data, mode: str = "eager"):
        self.job, self.data = job, data
        self.windows = torch.from_numpy(data.windows)
        self.update = torch.compile(update, dynamic=True) if mode == "compile" else update

    def prepare(self) -> None:
        sizes = self.windows.shape[1], *self.job.layers
        shapes = zip(sizes, sizes[1:])
        zeros = [Parameters(*(np.zeros(part, np.float32) for part in (own, own[0], own[1]))) for own in shapes]
        self.start(zeros, 0)
        self.train(1)

    def start(self, layers: list[Parameters], seed: int) -> None:
        torch.manual_seed(seed)
        self.states = [
            [torch.from_numpy(part.copy()) for part in (own.weights, own.visible_bias, own.hidden_bias)]
            for own in layers
        ]

    @torch.no_grad()
    def train(self, epochs: int) -> None:
        """Train each layer for this number of epochs, on data that are drawn once an epoch."""
        job = self.job
        for number, state in enumerate(self.states):
            for _ in range(epochs):
                rows = self.windows
                for weights, _visible_bias, hidden_bias in self.states[:number]:
                    rows = sample(torch.addmm(hidden_bias, rows, weights))
                for first, end in self.data.batches:
                    self.update(rows[first:end], *state, job.k, job.LEARNING_RATE)

    def parameters(self) -> list[Parameters]:
        return [Parameters(*(part.numpy() for part in state)) for state in self.states]
