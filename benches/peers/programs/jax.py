"""JAX: the update compiled for each size of batch, or a whole epoch compiled as one scan over its batches."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from jobs import Job
from peer import Data, Parameters

# The default generator without its promise to draw the same on several devices: on a processor the fastest of those
# there are, twice as fast as with the promise, which is the default, or as XLA's own (rbg).
jax.config.update("jax_threefry_partitionable", False)


def versions() -> dict:
    import jaxlib

    return {"jax": jax.__version__, "jaxlib": jaxlib.__version__}


def sample(key, inputs):
    return (jax.random.uniform(key, inputs.shape) < jax.nn.sigmoid(inputs)).astype(jnp.float32)


def update(model, key, data, k: int, learning_rate: float):
    """One CD-k update on `data` (batch x visible)."""
    weights, visible_bias, hidden_bias = model
    rate = learning_rate / data.shape[0]
    keys = jax.random.split(key, 2 * k + 3)
    # The chain's first sample and the one in the gradient are drawn apart, of the same inputs.
    inputs = data @ weights + hidden_bias
    chain, positive = sample(keys[0], inputs), sample(keys[1], inputs)
    fantasy = sample(keys[2], chain @ weights.T + visible_bias)

    def gibbs_step(fantasy, pair):
        chain = sample(pair[0], fantasy @ weights + hidden_bias)
        return sample(pair[1], chain @ weights.T + visible_bias), None

    if k > 1:
        fantasy, _ = jax.lax.scan(gibbs_step, fantasy, keys[5:].reshape(k - 1, 2))
    negative = sample(keys[3], fantasy @ weights + hidden_bias)
    # One product is the difference of the two statistics.
    both_visible, both_hidden = jnp.concatenate([data, fantasy]), jnp.concatenate([positive, -negative])
    model = (
        weights + rate * (both_visible.T @ both_hidden),
        visible_bias + rate * (data.sum(0) - fantasy.sum(0)),
        hidden_bias + rate * (positive.sum(0) - negative.sum(0)),
    )
    return model, keys[4]


class Peer:
    def __init__(self, job: Job, data: Data, mode: str = "batch"):
        self.job, self.data = job, data
        self.windows = jnp.asarray(data.windows)
        self.batch_update = partial(update, k=job.k, learning_rate=job.LEARNING_RATE)
        self.epoch = self.epoch_of_batches() if mode == "batch" else self.epoch_as_scan()

    def epoch_of_batches(self):
        """One call of a compiled update a batch; calls queue up, nothing waits for them."""
        job, windows = self.job, self.windows
        if job.shuffled:
            gathering = jax.jit(
                lambda model, key, rows: self.batch_update(model, key, windows[rows]), donate_argnums=0
            )
            shuffle = jax.jit(lambda key: self.split(jax.random.permutation(key, len(windows))))

            def epoch(model, key):
                for rows in shuffle(key):
                    model, key = gathering(model, key, rows)
                return model, key
        else:
            step = jax.jit(self.batch_update, donate_argnums=0)
            batches = [windows[first:end] for first, end in self.data.batches]

            def epoch(model, key):
                for batch in batches:
                    model, key = step(model, key, batch)
                return model, key

        return epoch

    def epoch_as_scan(self):
        """One call an epoch: a scan over batches, and for batches per song a branch for each size of batch."""
        job, windows = self.job, self.windows

        def over_shuffled(model, key):
            order = jax.random.permutation(key, len(windows))
            full = len(windows) // job.batch_size * job.batch_size
            rows = order[:full].reshape(-1, job.batch_size)
            state, _ = jax.lax.scan(
                lambda state, rows: (self.batch_update(*state, windows[rows]), None), (model, key), rows
            )
            return self.batch_update(*state, windows[order[full:]]) if full < len(windows) else state

        def over_songs(model, key):
            sizes = sorted({end - first for first, end in self.data.batches})
            starts = jnp.asarray([first for first, _ in self.data.batches])
            which = jnp.asarray([sizes.index(end - first) for first, end in self.data.batches])

            def branch(size):
                return lambda state, start: self.batch_update(
                    *state, jax.lax.dynamic_slice_in_dim(windows, start, size)
                )

            def body(state, batch):
                start, size = batch
                return jax.lax.switch(size, [branch(size) for size in sizes], state, start), None

            return jax.lax.scan(body, (model, key), (starts, which))[0]

        return jax.jit(over_shuffled if job.shuffled else over_songs, donate_argnums=0)

    def split(self, order):
        return [order[first : first + self.job.batch_size] for first in range(0, len(order), self.job.batch_size)]

    def prepare(self) -> None:
        visible, hidden = self.windows.shape[1], self.job.hidden
        zeros = [np.zeros(shape, np.float32) for shape in ((visible, hidden), visible, hidden)]
        self.start(Parameters(*zeros), 0)
        self.train(1)

    def start(self, parameters: Parameters, seed: int) -> None:
        self.model = tuple(
            jnp.array(part) for part in (parameters.weights, parameters.visible_bias, parameters.hidden_bias)
        )
        self.key = jax.random.key(seed)
        jax.block_until_ready((self.model, self.key))

    def train(self, epochs: int) -> None:
        for _ in range(epochs):
            self.model, self.key = self.epoch(self.model, self.key)
        jax.block_until_ready(self.model)

    def parameters(self) -> Parameters:
        return Parameters(*(np.asarray(part) for part in self.model))
