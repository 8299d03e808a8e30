"""scikit-learn's BernoulliRBM: not quite the same job, so a row of its own rather than one of the peers.

It trains by persistent contrastive divergence with probabilities in the statistics and in f64 (`partial_fit` takes
nothing else): an update is two up passes and one down pass where the job has three and one. The number of its chains is
fixed, and both halves of the gradient are divided by the size of the batch: with batches per song, of 3 to 33 rows, ten
chains are about right on average and wrong for each. There is no k.
"""

import numpy as np
import sklearn
from sklearn.neural_network import BernoulliRBM

from jobs import Job
from peer import Data, Parameters


def versions() -> dict:
    return {"scikit-learn": sklearn.__version__}


class Peer:
    CHAINS_PER_SONG = 10

    def __init__(self, job: Job, data: Data):
        assert job.k == 1, "BernoulliRBM takes one Gibbs step an update"
        self.job, self.data = job, data
        self.windows = data.windows.astype(np.float64)

    def prepare(self) -> None:
        pass

    def start(self, parameters: Parameters, seed: int) -> None:
        chains = self.job.batch_size if self.job.shuffled else self.CHAINS_PER_SONG
        self.generator = np.random.default_rng(seed)
        self.rbm = BernoulliRBM(
            self.job.hidden, learning_rate=self.job.LEARNING_RATE, batch_size=chains, random_state=seed
        )
        # `partial_fit` keeps a state that it finds.
        self.rbm.components_ = np.asfortranarray(parameters.weights.T.astype(np.float64))
        self.rbm.intercept_visible_ = parameters.visible_bias.astype(np.float64)
        self.rbm.intercept_hidden_ = parameters.hidden_bias.astype(np.float64)
        self.rbm.n_features_in_ = parameters.weights.shape[0]
        self.rbm._n_features_out = self.job.hidden

    def train(self, epochs: int) -> None:
        size = self.job.batch_size
        for _ in range(epochs):
            if self.job.shuffled:
                order = self.generator.permutation(len(self.windows))
                for first in range(0, len(order), size):
                    self.rbm.partial_fit(self.windows[order[first : first + size]])
            else:
                for first, end in self.data.batches:
                    self.rbm.partial_fit(self.windows[first:end])

    def parameters(self) -> Parameters:
        return Parameters(
            self.rbm.components_.T.astype(np.float32),
            self.rbm.intercept_visible_.astype(np.float32),
            self.rbm.intercept_hidden_.astype(np.float32),
        )
