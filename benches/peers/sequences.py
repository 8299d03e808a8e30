"""What the peers that train an RNN-RBM have in common: the data, batches of chunks, the first state and the error."""

from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np

import peer
from programs import numpy as peer_numpy
from jobs import Pretraining, SequenceJob


@dataclass
class Data:
    """The frames, as a job goes through them."""

    # frames x visible, 0 or 1, song after song.
    windows: np.ndarray
    # First and past-the-last frame of each song.
    songs: list[tuple[int, int]]
    # The frames that are trained on, ascending.
    rows: np.ndarray
    # First and past-the-last frame of each chunk, in order.
    chunks: list[tuple[int, int]]


@dataclass
class Batch:
    """The chunks of an update, the longest first, as rows: their first frames, then their second frames, and so on.

    The chunks that have a frame at some step are then the first of those that had one at the step before, so a pass
    over time works on slices and needs no padding.
    """

    # The frame of each row.
    rows: np.ndarray
    # Rows of each step.
    sizes: list[int]

    def bounds(self) -> list[tuple[int, int]]:
        """First and past-the-last row of each step."""
        ends = np.cumsum(self.sizes).tolist()
        return list(zip([0, *ends], ends))

    def previous(self) -> np.ndarray:
        """For each row from the second step on, the row of the frame before."""
        steps = zip(self.bounds(), self.sizes[1:])
        return np.concatenate([np.arange(0), *(np.arange(first, first + size) for (first, _), size in steps)])


@dataclass
class Parameters:
    """An RNN-RBM; frames x visible times `visible_to_recurrent` and so on."""

    weights: np.ndarray
    visible_bias: np.ndarray
    hidden_bias: np.ndarray
    recurrent_to_visible: np.ndarray
    recurrent_to_hidden: np.ndarray
    visible_to_recurrent: np.ndarray
    recurrent_weights: np.ndarray
    recurrent_bias: np.ndarray
    initial_state: np.ndarray

    def arrays(self) -> tuple[np.ndarray, ...]:
        return tuple(getattr(self, name) for name in self.__dataclass_fields__)

    def copy(self) -> "Parameters":
        return Parameters(*(array.copy() for array in self.arrays()))


def no_parameters(job: SequenceJob, data: Data) -> Parameters:
    """An RNN-RBM of zeros."""
    visible, hidden, recurrent = data.windows.shape[1], job.hidden, job.recurrent
    shapes = (
        (visible, hidden),
        visible,
        hidden,
        (recurrent, visible),
        (recurrent, hidden),
        (visible, recurrent),
        (recurrent, recurrent),
        recurrent,
        recurrent,
    )
    return Parameters(*(np.zeros(shape, np.float32) for shape in shapes))


def load(folder: Path, job: SequenceJob) -> Data:
    """The exported frames, in the chunks of the job."""
    folder = folder / job.data
    windows = np.load(folder / "windows.npy").astype(np.float32)
    songs = [tuple(song) for song in np.load(folder / "songs.npy").astype(int).tolist()]
    return data_of(windows, songs, job)


def data_of(windows: np.ndarray, songs: list[tuple[int, int]], job: SequenceJob) -> Data:
    chunks = []
    for first, end in songs:
        starts = range(first + int(job.skip_first_frame), end, job.chunk)
        chunks += [(start, min(start + job.chunk, end)) for start in starts]
    return Data(windows, songs, np.concatenate([np.arange(*chunk) for chunk in chunks]), chunks)


def batch_of(chunks: np.ndarray) -> Batch:
    """The batch of some chunks (chunks x 2)."""
    lengths = chunks[:, 1] - chunks[:, 0]
    order = np.argsort(-lengths, kind="stable")
    steps = np.arange(lengths.max())[:, None]
    there = steps < lengths[order]
    return Batch((chunks[order, 0] + steps)[there], there.sum(axis=1).tolist())


class Batches:
    """The batches of a job, epoch by epoch."""

    def __init__(self, job: SequenceJob, data: Data):
        self.chunks, self.size, self.shuffled = np.asarray(data.chunks), job.batch_size, job.shuffled
        self.ordered = [] if self.shuffled else self.cut(self.chunks)
        lengths = np.sort(self.chunks[:, 1] - self.chunks[:, 0])
        # Bounds of a batch.
        self.most_rows, self.longest = int(lengths[-self.size :].sum()), int(lengths[-1])

    def cut(self, chunks: np.ndarray) -> list[Batch]:
        return [batch_of(chunks[first : first + self.size]) for first in range(0, len(chunks), self.size)]

    def epoch(self, generator: np.random.Generator) -> list[Batch]:
        return self.cut(generator.permutation(self.chunks)) if self.shuffled else self.ordered


def first_parameters(job: SequenceJob, data: Data, seed: int) -> Parameters:
    """The RBM as the job draws and pretrains it; recurrent matrices from a normal distribution, the rest zero."""
    visible = data.windows.shape[1]
    rbm = astuple(pretrained(job, data, seed))
    generator = np.random.default_rng([seed, 1])
    shapes = (
        (job.recurrent, visible),
        (job.recurrent, job.hidden),
        (visible, job.recurrent),
        (job.recurrent, job.recurrent),
    )
    matrices = [generator.normal(0.0, job.recurrent_std, shape).astype(np.float32) for shape in shapes]
    return Parameters(*rbm, *matrices, *(np.zeros(job.recurrent, np.float32) for _ in range(2)))


def pretrained(job: SequenceJob, data: Data, seed: int) -> peer.Parameters:
    """The RBM after `pretrain_epochs` of CD-1 with a song a batch, by the RBM's peer in NumPy."""
    song = max(end - first for first, end in data.songs)
    rbm = Pretraining("", 0, 0, 1, job.hidden, 1, song, False, job.weight_mean, job.weight_std, job.log_odds)
    batches = [(first + int(job.skip_first_frame), end) for first, end in data.songs]
    windows = peer.Data(data.windows, data.rows, [batch for batch in batches if batch[0] < batch[1]])
    parameters = peer.first_parameters(rbm, windows, seed)
    if job.pretrain_epochs == 0:
        return parameters
    trainer = peer_numpy.Peer(rbm, windows)
    trainer.start(parameters, seed)
    trainer.train(job.pretrain_epochs)
    return trainer.parameters()


def states_before(model: Parameters, windows: np.ndarray, songs: list[tuple[int, int]]) -> np.ndarray:
    """The state before each frame of whole songs (frames x recurrent)."""
    before = np.zeros((len(windows), len(model.initial_state)), windows.dtype)
    for first, end in songs:
        state = model.initial_state
        for row in range(first, end):
            before[row] = state
            inputs = model.recurrent_bias + windows[row] @ model.visible_to_recurrent
            state = np.tanh(inputs + state @ model.recurrent_weights)
    return before


def reconstruction_error(model: Parameters, data: Data, k: int, seed: int) -> float:
    """Mean of (v - v~)^2 over the frames trained on, v~ the visible sample after k Gibbs steps from v, with the biases
    that the frames before it set."""
    model = Parameters(*(array.astype(np.float64) for array in model.arrays()))
    windows = data.windows.astype(np.float64)
    before = states_before(model, windows, data.songs)[data.rows]
    biases = (
        model.visible_bias + before @ model.recurrent_to_visible,
        model.hidden_bias + before @ model.recurrent_to_hidden,
    )
    return peer.distance_of_chain(windows[data.rows], model.weights, *biases, k, seed)
