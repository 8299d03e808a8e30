"""NumPy: every array allocated once, every operation in place, float32 throughout."""

import numpy as np

from jobs import Job
from peer import Data, Parameters


def versions() -> dict:
    import threadpoolctl

    blas = [
        f"{pool['internal_api']} {pool['version']} {pool.get('architecture', '')}"
        for pool in threadpoolctl.threadpool_info()
    ]
    return {"numpy": np.__version__, "blas": "; ".join(blas)}


class Peer:
    def __init__(self, job: Job, data: Data):
        self.job, self.data = job, data
        rows = max((end - first for first, end in data.batches), default=job.batch_size)
        visible, hidden = data.windows.shape[1], job.hidden
        self.inputs_up, self.inputs_down = (np.empty((rows, size), np.float32) for size in (hidden, visible))
        self.uniform_up, self.uniform_down = (np.empty((rows, size), np.float32) for size in (hidden, visible))
        self.chain = np.empty((rows, hidden), np.float32)
        # The data above the fantasies, and +h above -h: one product is the difference of the two statistics.
        self.both_visible = np.empty((2 * rows, visible), np.float32)
        self.both_hidden = np.empty((2 * rows, hidden), np.float32)
        self.gradient = np.empty((visible, hidden), np.float32)

    def prepare(self) -> None:
        pass

    def start(self, parameters: Parameters, seed: int) -> None:
        self.weights = parameters.weights.copy()
        self.visible_bias, self.hidden_bias = parameters.visible_bias.copy(), parameters.hidden_bias.copy()
        # The fastest of NumPy's generators.
        self.generator = np.random.Generator(np.random.SFC64(seed))

    def train(self, epochs: int) -> None:
        windows, size = self.data.windows, self.job.batch_size
        with np.errstate(over="ignore"):
            for _ in range(epochs):
                if self.job.shuffled:
                    order = self.generator.permutation(len(windows))
                    for first in range(0, len(order), size):
                        rows = order[first : first + size]
                        np.take(windows, rows, axis=0, out=self.both_visible[: len(rows)])
                        self.update(len(rows))
                else:
                    for first, end in self.data.batches:
                        self.both_visible[: end - first] = windows[first:end]
                        self.update(end - first)

    def update(self, rows: int) -> None:
        """One CD-k update on the batch in the first rows of `both_visible`."""
        both_visible, both_hidden = self.both_visible[: 2 * rows], self.both_hidden[: 2 * rows]
        data, fantasy = both_visible[:rows], both_visible[rows:]
        positive, negative = both_hidden[:rows], both_hidden[rows:]
        chain = self.chain[:rows]
        # The chain's first sample and the one in the gradient are drawn apart, of the same inputs.
        inputs = self.hidden_inputs(data, rows)
        self.sample(inputs, self.uniform_up[:rows], chain)
        self.sample(inputs, self.uniform_up[:rows], positive)
        for step in range(self.job.k):
            if step > 0:
                self.sample(self.hidden_inputs(fantasy, rows), self.uniform_up[:rows], chain)
            inputs = np.matmul(chain, self.weights.T, out=self.inputs_down[:rows])
            inputs += self.visible_bias
            np.exp(np.negative(inputs, out=inputs), out=inputs)
            inputs += 1.0
            self.sample(inputs, self.uniform_down[:rows], fantasy)
        self.sample(self.hidden_inputs(fantasy, rows), self.uniform_up[:rows], negative)

        rate = np.float32(self.job.LEARNING_RATE / rows)
        self.visible_bias += rate * (data.sum(axis=0) - fantasy.sum(axis=0))
        self.hidden_bias += rate * (positive.sum(axis=0) - negative.sum(axis=0))
        positive *= rate
        negative *= -rate
        np.matmul(both_visible.T, both_hidden, out=self.gradient)
        self.weights += self.gradient

    def hidden_inputs(self, visible: np.ndarray, rows: int) -> np.ndarray:
        """1 + exp(-x) of the inputs x = v W + c."""
        inputs = np.matmul(visible, self.weights, out=self.inputs_up[:rows])
        inputs += self.hidden_bias
        np.exp(np.negative(inputs, out=inputs), out=inputs)
        inputs += 1.0
        return inputs

    def sample(self, denominators: np.ndarray, uniform: np.ndarray, states: np.ndarray) -> None:
        """states ~ Bernoulli(1 / denominators): u < 1 / d is u d < 1."""
        self.generator.random(out=uniform, dtype=np.float32)
        np.multiply(uniform, denominators, out=uniform)
        np.less(uniform, 1.0, out=states)

    def parameters(self) -> Parameters:
        return Parameters(self.weights, self.visible_bias, self.hidden_bias)
