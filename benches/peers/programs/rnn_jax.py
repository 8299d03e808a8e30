"""JAX, an RNN-RBM: the update compiled for each number of rows, or a whole epoch compiled as one scan over batches.

The chains run on the rows of a batch; the network scans a grid (steps x chunks) with gaps behind the shorter chunks.
Shuffled batches have any number of rows, so they are filled up to the next multiple of 64, with a mask.
"""

import jax
import jax.numpy as jnp
import numpy as np

from jobs import SequenceJob
from programs.jax import sample
from programs.jax import versions as versions
from sequences import Batch, Batches, Data, Parameters, no_parameters

ROWS_AT_ONCE = 64


def at(grid, rows):
    """Rows of a grid (steps x chunks), at each place; zero where there is none."""
    return grid.at[rows].get(mode="fill", fill_value=0.0)


def read(model, data, place, row_of):
    """The states before each frame (on the grid, and rows x recurrent), and the biases that they set."""
    _, visible_bias, hidden_bias, to_visible, to_hidden, from_visible, recurrent, recurrent_bias, initial = model
    inputs = at(data @ from_visible + recurrent_bias, place)
    starts = jnp.broadcast_to(initial, inputs.shape[1:])
    _, states = jax.lax.scan(lambda state, own: (jnp.tanh(own + state @ recurrent), state), starts, inputs)
    before = states.reshape(-1, len(initial))[row_of]
    return states, before, visible_bias + before @ to_visible, hidden_bias + before @ to_hidden


def contrast(key, data, weights, down_bias, up_bias, k: int):
    """The hidden states of the data, the fantasies and theirs; biases of each row."""
    keys = jax.random.split(key, 2 * k + 2)
    # The chain's first sample and the one in the gradient are drawn apart, of the same inputs.
    inputs = data @ weights + up_bias
    chain, positive = sample(keys[0], inputs), sample(keys[1], inputs)
    fantasy = sample(keys[2], chain @ weights.T + down_bias)

    def gibbs_step(fantasy, pair):
        chain = sample(pair[0], fantasy @ weights + up_bias)
        return sample(pair[1], chain @ weights.T + down_bias), None

    if k > 1:
        fantasy, _ = jax.lax.scan(gibbs_step, fantasy, keys[4:].reshape(k - 1, 2))
    return positive, fantasy, sample(keys[3], fantasy @ weights + up_bias)


def ascend(model, data, network, sides, place, row_of, mask, learning_rate: float):
    """A step along the mean gradient over the rows that the mask keeps."""
    weights, visible_bias, hidden_bias, to_visible, to_hidden, from_visible, recurrent, recurrent_bias, initial = model
    (states, before), (positive, fantasy, negative) = network, sides
    mask = mask[:, None]
    rate = learning_rate / mask.sum()
    visible, hidden = (data - fantasy) * mask, (positive - negative) * mask
    # Back through time.
    own = at(visible @ to_visible.T + hidden @ to_hidden.T, place)

    def back(later, step):
        own, state = step
        backward = own + later @ recurrent.T
        return backward * (1.0 - jnp.square(state)), (later, backward)

    _, (later, backward) = jax.lax.scan(back, jnp.zeros_like(own[0]), (own, states), reverse=True)
    later = later.reshape(-1, len(initial))[row_of] * mask
    # One product is the difference of the two statistics.
    both_visible = jnp.concatenate([data, fantasy])
    both_hidden = jnp.concatenate([positive * mask, -negative * mask])
    return (
        weights + rate * (both_visible.T @ both_hidden),
        visible_bias + rate * visible.sum(0),
        hidden_bias + rate * hidden.sum(0),
        to_visible + rate * (before.T @ visible),
        to_hidden + rate * (before.T @ hidden),
        from_visible + rate * (data.T @ later),
        recurrent + rate * (before.T @ later),
        recurrent_bias + rate * later.sum(0),
        initial + rate * backward[0].sum(0),
    )


def update(model, key, windows, rows, place, row_of, mask, k: int, learning_rate: float):
    """One CD-k update on the frames `rows` of `windows`."""
    data = windows[rows]
    states, before, down_bias, up_bias = read(model, data, place, row_of)
    key, own = jax.random.split(key)
    sides = contrast(own, data, model[0], down_bias, up_bias, k)
    return ascend(model, data, (states, before), sides, place, row_of, mask, learning_rate), key


class Peer:
    def __init__(self, job: SequenceJob, data: Data, mode: str = "batch"):
        self.job, self.data, self.mode = job, data, mode
        self.windows = jnp.asarray(data.windows)
        self.batches = Batches(job, data)
        self.step = jax.jit(self.update, donate_argnums=0)
        if mode == "scan":
            self.most = self.filled(self.batches.most_rows)
            lengths = {end - first for first, end in data.chunks}
            fixed = sorted({self.filled(length) for length in lengths})
            self.sizes = list(range(ROWS_AT_ONCE, self.most + 1, ROWS_AT_ONCE)) if job.shuffled else fixed
            self.epoch = jax.jit(self.epoch_as_scan, donate_argnums=0)
        self.ordered = None if job.shuffled else self.arrays_of_epoch()

    def filled(self, rows: int) -> int:
        """The number of rows that a batch of so many is filled up to."""
        return -(-rows // ROWS_AT_ONCE) * ROWS_AT_ONCE if self.job.shuffled else rows

    def update(self, model, key, rows, place, row_of, mask):
        return update(model, key, self.windows, rows, place, row_of, mask, self.job.k, self.job.learning_rate)

    def arrays_of(self, batch: Batch) -> tuple[np.ndarray, ...]:
        """The frame of each row, the row of each place of the grid, the place of each row, and which rows count."""
        count = len(batch.rows)
        filled = self.filled(count)
        steps = self.batches.longest if self.job.shuffled else len(batch.sizes)
        chunks = min(self.job.batch_size, len(self.batches.chunks)) if self.job.shuffled else batch.sizes[0]
        there = np.arange(chunks) < np.asarray(batch.sizes)[:, None]
        # Rows that do not exist are filled with zeros.
        place = np.full((steps, chunks), np.iinfo(np.int32).max, np.int32)
        place[: len(batch.sizes)][there] = np.arange(count)
        rows, row_of, mask = np.zeros(filled, np.int32), np.zeros(filled, np.int32), np.zeros(filled, np.float32)
        rows[:count], mask[:count] = batch.rows, 1.0
        row_of[:count] = np.flatnonzero(place.ravel() < count)
        return rows, place, row_of, mask

    def arrays_of_epoch(self):
        """The batches of an epoch, one by one, or in arrays that a scan goes through."""
        batches = [self.arrays_of(batch) for batch in self.batches.epoch(getattr(self, "generator", None))]
        if self.mode == "batch":
            return batches if self.job.shuffled else jax.device_put(batches)
        size = np.asarray([self.sizes.index(len(rows)) for rows, *_ in batches])

        def stacked(arrays, fill):
            shape = [max(sizes) for sizes in zip(*(array.shape for array in arrays))]
            if self.job.shuffled and len(shape) == 1:
                shape = [self.most]
            out = np.full((len(arrays), *shape), fill, arrays[0].dtype)
            for target, array in zip(out, arrays):
                target[tuple(map(slice, array.shape))] = array
            return out

        rows, place, row_of, mask = (stacked(part, fill) for part, fill in zip(zip(*batches), (0, 2**31 - 1, 0, 0)))
        return size, rows, place, row_of, mask

    def epoch_as_scan(self, model, key, batches):
        """A scan over batches, with a branch for each number of rows."""

        def branch(size):
            def of_size(state, rows, place, row_of, mask):
                # A chunk alone has as many steps as rows.
                steps = place if self.job.shuffled else place[:size]
                return self.update(*state, rows[:size], steps, row_of[:size], mask[:size])

            return of_size

        branches = [branch(size) for size in self.sizes]
        body = lambda state, batch: (jax.lax.switch(batch[0], branches, state, *batch[1:]), None)  # noqa: E731
        return jax.lax.scan(body, (model, key), batches)[0]

    def prepare(self) -> None:
        self.start(no_parameters(self.job, self.data), 0)
        self.train(1)
        if self.mode == "batch" and self.job.shuffled:
            # Every number of rows that an epoch may draw.
            _, place, *_ = self.arrays_of_epoch()[0]
            for filled in range(ROWS_AT_ONCE, self.filled(self.batches.most_rows) + 1, ROWS_AT_ONCE):
                zeros = np.zeros(filled, np.int32)
                self.model, self.key = self.step(
                    self.model, self.key, zeros, place, zeros, np.ones(filled, np.float32)
                )
            jax.block_until_ready(self.model)

    def start(self, parameters: Parameters, seed: int) -> None:
        self.generator = np.random.default_rng(seed)
        self.model = tuple(jnp.array(array) for array in parameters.arrays())
        self.key = jax.random.key(seed)
        jax.block_until_ready((self.model, self.key))

    def train(self, epochs: int) -> None:
        for _ in range(epochs):
            batches = self.ordered or self.arrays_of_epoch()
            if self.mode == "scan":
                self.model, self.key = self.epoch(self.model, self.key, batches)
            else:
                for batch in batches:
                    self.model, self.key = self.step(self.model, self.key, *batch)
        jax.block_until_ready(self.model)

    def ascend_with(self, batch: Batch, positive: np.ndarray, fantasy: np.ndarray, negative: np.ndarray) -> None:
        """An update with states that are given, to check the gradient by."""
        rows, place, row_of, mask = map(jnp.asarray, self.arrays_of(batch))
        gap = ((0, len(rows) - len(fantasy)), (0, 0))
        # What stands in the rows between must not count.
        sides = [jnp.pad(array, gap, constant_values=1.0) for array in (positive, fantasy, negative)]
        data = self.windows[rows]
        states, before, _, _ = read(self.model, data, place, row_of)
        rate = self.job.learning_rate
        self.model = ascend(self.model, data, (states, before), sides, place, row_of, mask, rate)

    def parameters(self) -> Parameters:
        return Parameters(*(np.asarray(array) for array in self.model))
