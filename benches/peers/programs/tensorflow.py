"""TensorFlow: a whole epoch as one graph, or the update compiled by XLA for each size of batch."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow as tf

from jobs import Job
from peer import Data, Parameters


def versions() -> dict:
    return {"tensorflow": tf.__version__}


def sample(inputs):
    return tf.cast(tf.random.uniform(tf.shape(inputs)) < tf.sigmoid(inputs), tf.float32)


class Peer:
    def __init__(self, job: Job, data: Data, mode: str = "graph"):
        self.job, self.data = job, data
        visible, hidden = data.windows.shape[1], job.hidden
        self.windows = tf.constant(data.windows)
        self.weights, self.visible_bias, self.hidden_bias = (
            tf.Variable(tf.zeros(shape)) for shape in ([visible, hidden], [visible], [hidden])
        )
        self.epoch = self.epoch_as_graph() if mode == "graph" else self.epoch_of_batches()

    def update(self, data) -> None:
        """One CD-k update on `data` (batch x visible)."""
        weights, visible_bias, hidden_bias = (
            variable.read_value() for variable in (self.weights, self.visible_bias, self.hidden_bias)
        )

        def up(visible):
            return tf.nn.bias_add(tf.matmul(visible, weights), hidden_bias)

        def down(hidden):
            return tf.nn.bias_add(tf.matmul(hidden, weights, transpose_b=True), visible_bias)

        rate = self.job.LEARNING_RATE / tf.cast(tf.shape(data)[0], tf.float32)
        # The chain's first sample and the one in the gradient are drawn apart, of the same inputs.
        inputs = up(data)
        chain, positive = sample(inputs), sample(inputs)
        fantasy = sample(down(chain))
        for _ in range(self.job.k - 1):
            fantasy = sample(down(sample(up(fantasy))))
        negative = sample(up(fantasy))
        # One product is the difference of the two statistics.
        both_visible, both_hidden = tf.concat([data, fantasy], 0), tf.concat([positive * rate, negative * -rate], 0)
        self.weights.assign_add(tf.matmul(both_visible, both_hidden, transpose_a=True))
        self.visible_bias.assign_add(rate * (tf.reduce_sum(data, 0) - tf.reduce_sum(fantasy, 0)))
        self.hidden_bias.assign_add(rate * (tf.reduce_sum(positive, 0) - tf.reduce_sum(negative, 0)))

    def epoch_as_graph(self):
        job, windows, count = self.job, self.windows, len(self.data.windows)

        @tf.function
        def over_shuffled():
            order = tf.random.shuffle(tf.range(count))
            for first in tf.range(0, count, job.batch_size):
                self.update(tf.gather(windows, order[first : first + job.batch_size]))

        bounds = tf.constant(self.data.batches or [(0, 0)])

        @tf.function
        def over_songs():
            for batch in tf.range(tf.shape(bounds)[0]):
                self.update(windows[bounds[batch, 0] : bounds[batch, 1]])

        return over_shuffled if job.shuffled else over_songs

    def epoch_of_batches(self):
        job, windows, count = self.job, self.windows, len(self.data.windows)
        update = tf.function(self.update, jit_compile=True)
        gathering = tf.function(lambda rows: self.update(tf.gather(windows, rows)), jit_compile=True)
        batches = [windows[first:end] for first, end in self.data.batches]

        def over_shuffled():
            order = tf.random.shuffle(tf.range(count))
            for first in range(0, count, job.batch_size):
                gathering(order[first : first + job.batch_size])

        def over_songs():
            for batch in batches:
                update(batch)

        return over_shuffled if job.shuffled else over_songs

    def prepare(self) -> None:
        self.epoch()

    def start(self, parameters: Parameters, seed: int) -> None:
        tf.random.set_seed(seed)
        self.weights.assign(parameters.weights)
        self.visible_bias.assign(parameters.visible_bias)
        self.hidden_bias.assign(parameters.hidden_bias)

    def train(self, epochs: int) -> None:
        for _ in range(epochs):
            self.epoch()
        # Reading a value waits for what computes it.
        self.visible_bias.numpy()
        self.weights.read_value()[0, 0].numpy()

    def parameters(self) -> Parameters:
        return Parameters(self.weights.numpy(), self.visible_bias.numpy(), self.hidden_bias.numpy())
