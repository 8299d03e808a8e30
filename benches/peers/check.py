"""Check the peers that train an RNN-RBM on a tiny case: `check.py [WAY]...`, by default all ways to run them.

The gradient of each, with states that are given, against NumPy's; that against central differences of the energies in
f64; and an epoch against NumPy's, with weights so large that no state is left to chance.
"""

import importlib
import sys

import numpy as np

from jobs import SequenceJob
from sequences import Data, Parameters, batch_of, data_of

WAYS = [
    "rnn_numpy",
    "rnn_torch-formulas",
    "rnn_torch-autograd",
    "rnn_torch-formulas-compile",
    "rnn_torch-autograd-compile",
    "rnn_jax-batch",
    "rnn_jax-scan",
]
VISIBLE, HIDDEN, RECURRENT = 5, 3, 4
# One of them is a frame longer than a chunk, and one is a single frame.
SONGS = [(0, 5), (5, 8), (8, 9), (9, 13)]


def job_of(shuffled: bool, rate: float) -> SequenceJob:
    batch = 5 if shuffled else 1
    return SequenceJob("", 1, 1, 1, "", "", 1, HIDDEN, RECURRENT, 3, 4, batch, shuffled, learning_rate=rate)


def shapes() -> list[tuple[int, ...]]:
    """The shapes of the arrays of `Parameters`."""
    matrices = [(VISIBLE, HIDDEN), (RECURRENT, VISIBLE), (RECURRENT, HIDDEN), (VISIBLE, RECURRENT), (RECURRENT,) * 2]
    return [matrices[0], (VISIBLE,), (HIDDEN,), *matrices[1:], (RECURRENT,), (RECURRENT,)]


def any_model(generator: np.random.Generator) -> Parameters:
    return Parameters(*(generator.normal(0.0, 0.5, shape).astype(np.float32) for shape in shapes()))


def certain_model(generator: np.random.Generator) -> Parameters:
    """Matrices of multiples of 32, biases of odd multiples of 16, recurrent states of -1 and 1: every input of a unit
    is about 16 or more from 0, so no state is left to chance. Updates must be small for it to stay so."""
    arrays = [32.0 * generator.integers(-1, 2, shape).astype(np.float32) for shape in shapes()]
    arrays = [array + 16.0 if array.ndim == 1 else array for array in arrays]
    return Parameters(*arrays[:-1], np.sign(arrays[-1]))


def peer_of(way: str, job: SequenceJob, data: Data):
    name, *how = way.split("-")
    return importlib.import_module(f"programs.{name}").Peer(job, data, *how)


def frames(generator: np.random.Generator) -> np.ndarray:
    return generator.integers(0, 2, (SONGS[-1][1], VISIBLE)).astype(np.float32)


def change(peer, model: Parameters) -> Parameters:
    arrays = zip(peer.parameters().arrays(), model.arrays())
    return Parameters(*(after.astype(np.float64) - before for after, before in arrays))


def gradient(way: str, job: SequenceJob, data: Data, model: Parameters, chunks: np.ndarray, sides) -> Parameters:
    """The change of the parameters by one update at a rate of 1, with states that are given."""
    peer = peer_of(way, job, data)
    peer.start(model, 0)
    peer.ascend_with(batch_of(chunks), *sides)
    return change(peer, model)


def objective(model: Parameters, data: Data, chunks: np.ndarray, sides) -> float:
    """Mean over frames of E(fantasy, h-) - E(data, h+), frame by frame and f64, states constant."""
    frames = batch_of(chunks).rows.tolist()
    total = 0.0
    for first, end in chunks.tolist():
        state = model.initial_state
        for frame in range(first, end):
            visible_bias = model.visible_bias + state @ model.recurrent_to_visible
            hidden_bias = model.hidden_bias + state @ model.recurrent_to_hidden
            positive, fantasy, negative = (side[frames.index(frame)].astype(np.float64) for side in sides)
            for visible, hidden, sign in ((data.windows[frame], positive, 1.0), (fantasy, negative, -1.0)):
                energy = -(visible_bias @ visible + hidden_bias @ hidden + visible @ model.weights @ hidden)
                total -= sign * energy
            inputs = data.windows[frame] @ model.visible_to_recurrent + state @ model.recurrent_weights
            state = np.tanh(model.recurrent_bias + inputs)
    return total / len(frames)


def central_differences(model: Parameters, data: Data, chunks: np.ndarray, sides) -> Parameters:
    model = Parameters(*(array.astype(np.float64) for array in model.arrays()))
    step = 1e-5
    differences = []
    for array in model.arrays():
        gradient = np.zeros_like(array)
        for place in np.ndindex(array.shape):
            value = array[place]
            array[place] = value + step
            upper = objective(model, data, chunks, sides)
            array[place] = value - step
            gradient[place] = (upper - objective(model, data, chunks, sides)) / (2 * step)
            array[place] = value
        differences.append(gradient)
    return Parameters(*differences)


def compare(what: str, own: Parameters, other: Parameters, tolerance: float, names=None) -> bool:
    """True if nothing is further apart than the tolerance. The arrays named, by default all, must have changed."""
    names = names or list(own.__dataclass_fields__)
    errors = {name: float(abs(getattr(own, name) - getattr(other, name)).max()) for name in own.__dataclass_fields__}
    silent = [name for name in names if not abs(getattr(other, name)).max() > 5 * tolerance]
    worst = max(errors, key=errors.get)
    good = errors[worst] <= tolerance and not silent
    unchanged = [f"({name} did not change)" for name in silent]
    print("ok    " if good else "FAILED", f"{what}: at most {errors[worst]:.1e} apart", *unchanged, flush=True)
    return good


def check_gradients(ways: list[str], shuffled: bool) -> list[bool]:
    """A batch of several chunks, or the longest alone."""
    job, generator = job_of(shuffled, 1.0), np.random.default_rng(7)
    data, model = data_of(frames(generator), SONGS, job), any_model(generator)
    chunks = np.asarray(data.chunks if shuffled else data.chunks[:1])
    rows = int((chunks[:, 1] - chunks[:, 0]).sum())
    sides = [generator.integers(0, 2, (rows, size)).astype(np.float32) for size in (HIDDEN, VISIBLE, HIDDEN)]
    batch = f"{len(chunks)} chunk{'s' * (len(chunks) > 1)}, {rows} frames"
    expected = gradient("rnn_numpy", job, data, model, chunks, sides)
    differences = central_differences(model, data, chunks, sides)
    good = [compare(f"rnn_numpy: gradient against differences, {batch}", expected, differences, 1e-6)]
    for way in ways:
        own = gradient(way, job, data, model, chunks, sides)
        good.append(compare(f"{way}: gradient against NumPy's, {batch}", own, expected, 1e-6))
    return good


def check_epochs(ways: list[str], shuffled: bool) -> list[bool]:
    """An epoch of one batch of all chunks, or of a chunk an update."""
    job, generator = job_of(shuffled, 2e-4), np.random.default_rng(9)
    data, model = data_of(frames(generator), SONGS, job), certain_model(generator)
    changes = {}
    for way in ["rnn_numpy", *ways]:
        peer = peer_of(way, job, data)
        peer.prepare()
        peer.start(model, 3)
        peer.train(1)
        changes[way] = change(peer, model)
    what = "an epoch against NumPy's, " + ("one batch" if shuffled else "a chunk an update")
    # The states of the network are saturated, so nothing reaches its own weights.
    names = list(model.__dataclass_fields__)[:5]
    return [compare(f"{way}: {what}", changes[way], changes["rnn_numpy"], 1e-5, names) for way in ways]


def main() -> None:
    ways = sys.argv[1:] or WAYS
    good = []
    for shuffled in (False, True):
        good += check_gradients(ways, shuffled) + check_epochs(ways, shuffled)
    sys.exit(0 if all(good) else "a peer computes something else")


if __name__ == "__main__":
    main()
