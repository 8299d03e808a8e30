"""NumPy, an RNN-RBM: the chains of all frames in one matrix, the network over all chunks of a batch at once."""

import numpy as np

from jobs import SequenceJob
from programs.numpy import versions as versions
from sequences import Batch, Batches, Data, Parameters, no_parameters


class Peer:
    def __init__(self, job: SequenceJob, data: Data):
        self.job, self.windows = job, data.windows
        self.batches = Batches(job, data)
        rows, visible, hidden, recurrent = self.batches.most_rows, data.windows.shape[1], job.hidden, job.recurrent

        def empty(*shape: int) -> np.ndarray:
            return np.empty(shape, np.float32)

        self.bias_up, self.inputs_up, self.uniform_up = (empty(rows, hidden) for _ in range(3))
        self.bias_down, self.inputs_down, self.uniform_down = (empty(rows, visible) for _ in range(3))
        self.chain = empty(rows, hidden)
        # The data above the fantasies, and the hidden states of each: one product is the difference of the statistics.
        self.both_visible, self.both_hidden = empty(2 * rows, visible), empty(2 * rows, hidden)
        self.before, self.inputs, self.backward, self.later = (empty(rows, recurrent) for _ in range(4))
        matrices = (array for array in no_parameters(job, data).arrays() if array.ndim == 2)
        self.gradient = [np.empty_like(matrix) for matrix in matrices]

    def prepare(self) -> None:
        pass

    def start(self, parameters: Parameters, seed: int) -> None:
        self.model = parameters.copy()
        # The fastest of NumPy's generators.
        self.generator = np.random.Generator(np.random.SFC64(seed))

    def train(self, epochs: int) -> None:
        with np.errstate(over="ignore"):
            for _ in range(epochs):
                for batch in self.batches.epoch(self.generator):
                    self.read(batch)
                    self.contrast(len(batch.rows))
                    self.ascend(batch)

    def read(self, batch: Batch) -> None:
        """Pass the network over the frames of a batch, and set the biases of each."""
        model, rows = self.model, len(batch.rows)
        data = self.both_visible[:rows]
        np.take(self.windows, batch.rows, axis=0, out=data)
        inputs, before = self.inputs[:rows], self.before[:rows]
        np.matmul(data, model.visible_to_recurrent, out=inputs)
        inputs += model.recurrent_bias
        before[: batch.sizes[0]] = model.initial_state
        bounds = batch.bounds()
        for (first, _), (start, end) in zip(bounds, bounds[1:]):
            last = first + end - start
            state = np.matmul(before[first:last], model.recurrent_weights, out=before[start:end])
            state += inputs[first:last]
            np.tanh(state, out=state)
        np.matmul(before, model.recurrent_to_visible, out=self.bias_down[:rows])
        self.bias_down[:rows] += model.visible_bias
        np.matmul(before, model.recurrent_to_hidden, out=self.bias_up[:rows])
        self.bias_up[:rows] += model.hidden_bias

    def contrast(self, rows: int) -> None:
        """Draw the hidden states of the data, and the fantasies with theirs."""
        data, fantasy = self.both_visible[:rows], self.both_visible[rows : 2 * rows]
        positive, negative = self.both_hidden[:rows], self.both_hidden[rows : 2 * rows]
        chain, weights = self.chain[:rows], self.model.weights
        up = weights, self.bias_up[:rows], self.inputs_up[:rows]
        down = weights.T, self.bias_down[:rows], self.inputs_down[:rows]
        # The chain's first sample and the one in the gradient are drawn apart, of the same inputs.
        denominators = self.denominators(data, *up)
        self.sample(denominators, self.uniform_up[:rows], chain)
        self.sample(denominators, self.uniform_up[:rows], positive)
        for step in range(self.job.k):
            if step > 0:
                self.sample(self.denominators(fantasy, *up), self.uniform_up[:rows], chain)
            self.sample(self.denominators(chain, *down), self.uniform_down[:rows], fantasy)
        self.sample(self.denominators(fantasy, *up), self.uniform_up[:rows], negative)

    @staticmethod
    def denominators(states: np.ndarray, weights: np.ndarray, bias: np.ndarray, out: np.ndarray) -> np.ndarray:
        """1 + exp(-x) of the inputs x."""
        inputs = np.matmul(states, weights, out=out)
        inputs += bias
        np.exp(np.negative(inputs, out=inputs), out=inputs)
        inputs += 1.0
        return inputs

    def sample(self, denominators: np.ndarray, uniform: np.ndarray, states: np.ndarray) -> None:
        """states ~ Bernoulli(1 / denominators): u < 1 / d is u d < 1."""
        self.generator.random(out=uniform, dtype=np.float32)
        np.multiply(uniform, denominators, out=uniform)
        np.less(uniform, 1.0, out=states)

    def ascend(self, batch: Batch) -> None:
        """A step along the mean gradient over the frames of a batch."""
        model, rows = self.model, len(batch.rows)
        both_visible, both_hidden = self.both_visible[: 2 * rows], self.both_hidden[: 2 * rows]
        data, before = both_visible[:rows], self.before[:rows]
        hidden = np.subtract(both_hidden[:rows], both_hidden[rows:], out=self.inputs_up[:rows])
        visible = np.subtract(data, both_visible[rows:], out=self.inputs_down[:rows])
        # Back through time: `backward` becomes a_{t-1}, `later` is g_t.
        backward, later = self.backward[:rows], self.later[:rows]
        np.matmul(visible, model.recurrent_to_visible.T, out=backward)
        backward += np.matmul(hidden, model.recurrent_to_hidden.T, out=later)
        later[:] = 0.0
        slopes = np.subtract(1.0, np.square(before, out=self.inputs[:rows]), out=self.inputs[:rows])
        bounds, transposed = batch.bounds(), model.recurrent_weights.T
        for (first, _), (start, end) in zip(bounds[-2::-1], bounds[:0:-1]):
            last = first + end - start
            np.multiply(backward[start:end], slopes[start:end], out=later[first:last])
            backward[first:last] += later[first:last] @ transposed

        rate = np.float32(self.job.learning_rate / rows)
        both_hidden[rows:] *= -1.0
        products = (
            (model.weights, both_visible, both_hidden),
            (model.recurrent_to_visible, before, visible),
            (model.recurrent_to_hidden, before, hidden),
            (model.visible_to_recurrent, data, later),
            (model.recurrent_weights, before, later),
        )
        for (parameter, left, right), gradient in zip(products, self.gradient):
            np.matmul(left.T, right, out=gradient)
            gradient *= rate
            parameter += gradient
        model.visible_bias += rate * visible.sum(axis=0)
        model.hidden_bias += rate * hidden.sum(axis=0)
        model.recurrent_bias += rate * later.sum(axis=0)
        model.initial_state += rate * backward[: batch.sizes[0]].sum(axis=0)

    def ascend_with(self, batch: Batch, positive: np.ndarray, fantasy: np.ndarray, negative: np.ndarray) -> None:
        """An update with states that are given, to check the gradient by."""
        rows = len(batch.rows)
        self.read(batch)
        self.both_visible[rows : 2 * rows] = fantasy
        self.both_hidden[:rows], self.both_hidden[rows : 2 * rows] = positive, negative
        self.ascend(batch)

    def parameters(self) -> Parameters:
        return self.model
