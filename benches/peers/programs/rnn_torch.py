"""PyTorch, an RNN-RBM: the gradient by its formulas or by autograd, the chains eager or through `torch.compile`."""

import numpy as np
import torch

from jobs import SequenceJob
from programs.torch import sample
from programs.torch import versions as versions
from sequences import Batch, Batches, Data, Parameters, no_parameters


def contrast(data, weights, down_bias, up_bias, k: int):
    """The hidden states of the data, the fantasies and theirs; biases of each row."""
    # The chain's first sample and the one in the gradient are drawn apart, of the same inputs.
    inputs = torch.addmm(up_bias, data, weights)
    chain, positive = sample(inputs), sample(inputs)
    fantasy = sample(torch.addmm(down_bias, chain, weights.t()))
    for _ in range(k - 1):
        chain = sample(torch.addmm(up_bias, fantasy, weights))
        fantasy = sample(torch.addmm(down_bias, chain, weights.t()))
    return positive, fantasy, sample(torch.addmm(up_bias, fantasy, weights))


class Peer:
    def __init__(self, job: SequenceJob, data: Data, gradient: str = "formulas", mode: str = "eager"):
        self.job, self.data, self.windows = job, data, torch.from_numpy(data.windows)
        self.batches = Batches(job, data)
        # Batches have many numbers of rows: one kernel for all of them.
        self.contrast = torch.compile(contrast, dynamic=True) if mode == "compile" else contrast
        self.update = self.by_autograd if gradient == "autograd" else self.by_formulas

    def prepare(self) -> None:
        self.start(no_parameters(self.job, self.data), 0)
        self.train(1)

    def start(self, parameters: Parameters, seed: int) -> None:
        torch.manual_seed(seed)
        self.generator = np.random.default_rng(seed)
        self.model = [torch.from_numpy(array) for array in parameters.copy().arrays()]
        if self.update == self.by_autograd:
            for parameter in self.model[1:]:
                parameter.requires_grad_()

    def train(self, epochs: int) -> None:
        for _ in range(epochs):
            for batch in self.batches.epoch(self.generator):
                self.update(batch, lambda *inputs: self.contrast(*inputs, self.job.k))

    @torch.no_grad()
    def by_formulas(self, batch: Batch, draw) -> None:
        """One update, back through time by hand."""
        (
            weights,
            visible_bias,
            hidden_bias,
            to_visible,
            to_hidden,
            from_visible,
            recurrent,
            recurrent_bias,
            initial,
        ) = self.model
        data, bounds = self.windows[torch.from_numpy(batch.rows)], batch.bounds()
        # What each step reads, and the state before it.
        inputs = torch.addmm(recurrent_bias, data, from_visible).split(batch.sizes)
        states = [initial.expand(batch.sizes[0], -1)]
        for read, size in zip(inputs, batch.sizes[1:]):
            states.append(torch.addmm(read[:size], states[-1][:size], recurrent).tanh_())
        before = torch.cat(states)
        down_bias = torch.addmm(visible_bias, before, to_visible)
        up_bias = torch.addmm(hidden_bias, before, to_hidden)

        positive, fantasy, negative = draw(data, weights, down_bias, up_bias)

        visible, hidden = data - fantasy, positive - negative
        backward = (visible @ to_visible.t()).addmm_(hidden, to_hidden.t())
        slopes = 1.0 - before.square()
        later, transposed = torch.zeros_like(before), recurrent.t()
        steps = list(zip(backward.split(batch.sizes), slopes.split(batch.sizes), later.split(batch.sizes)))
        for (own, _, target), (after, slope, _) in zip(steps[-2::-1], steps[:0:-1]):
            size = len(after)
            torch.mul(after, slope, out=target[:size])
            own[:size].addmm_(target[:size], transposed)

        rate = self.job.learning_rate / len(batch.rows)
        weights.addmm_(data.t(), positive, alpha=rate).addmm_(fantasy.t(), negative, alpha=-rate)
        to_visible.addmm_(before.t(), visible, alpha=rate)
        to_hidden.addmm_(before.t(), hidden, alpha=rate)
        from_visible.addmm_(data.t(), later, alpha=rate)
        recurrent.addmm_(before.t(), later, alpha=rate)
        visible_bias.add_(visible.sum(0), alpha=rate)
        hidden_bias.add_(hidden.sum(0), alpha=rate)
        recurrent_bias.add_(later.sum(0), alpha=rate)
        initial.add_(backward[: bounds[0][1]].sum(0), alpha=rate)

    def by_autograd(self, batch: Batch, draw) -> None:
        """One update by the gradient of the energies, of states that are constants; PyTorch's own network."""
        weights, *trained = self.model
        visible_bias, hidden_bias, to_visible, to_hidden, from_visible, recurrent, recurrent_bias, initial = trained
        data, sizes = self.windows[torch.from_numpy(batch.rows)], torch.tensor(batch.sizes)
        starts = initial.expand(batch.sizes[0], -1)
        network = [from_visible.t(), recurrent.t(), recurrent_bias, torch.zeros_like(recurrent_bias)]
        states, _ = torch.rnn_tanh(data, sizes, starts[None], network, True, 1, 0.0, False, False)
        before = torch.cat([starts, states[torch.from_numpy(batch.previous())]])
        down_bias = torch.addmm(visible_bias, before, to_visible)
        up_bias = torch.addmm(hidden_bias, before, to_hidden)
        rate = self.job.learning_rate / len(batch.rows)
        with torch.no_grad():
            positive, fantasy, negative = draw(data, weights, down_bias.detach(), up_bias.detach())
            visible, hidden = data - fantasy, positive - negative
            weights.addmm_(data.t(), positive, alpha=rate).addmm_(fantasy.t(), negative, alpha=-rate)
        # The derivatives of the mean energies by the biases of each frame.
        gradients = torch.autograd.grad((down_bias, up_bias), trained, (visible, hidden), allow_unused=True)
        with torch.no_grad():
            for parameter, gradient in zip(trained, gradients):
                # A batch of single frames reaches no weights of the network.
                if gradient is not None:
                    parameter.add_(gradient, alpha=rate)

    def ascend_with(self, batch: Batch, positive: np.ndarray, fantasy: np.ndarray, negative: np.ndarray) -> None:
        """An update with states that are given, to check the gradient by."""
        states = [torch.from_numpy(array) for array in (positive, fantasy, negative)]
        self.update(batch, lambda *_: states)

    def parameters(self) -> Parameters:
        return Parameters(*(parameter.detach().numpy() for parameter in self.model))
