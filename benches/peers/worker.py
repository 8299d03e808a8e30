"""One peer process: it trains a job when told to and says how long that took.

    worker.py NAME CORPUS_FOLDER

Requests come as lines of JSON on standard input, answers leave as lines of JSON on standard output. A request is a job
of `jobs.py` with a number of epochs and a seed. NAME is a module `programs/NAME.py`, with the way to run it after hyphens
where there are several, and `@1` at the end to stay on one core. The module has a function `versions()` and a class `Peer`:

    Peer(job, data[, way ...])  data.windows (windows x visible, float32, 0 or 1), data.rows, data.batches
    prepare()                   whatever comes before training and is not timed, such as compiling
    start(parameters, seed)     put the model into its first state
    train(epochs)               return when the parameters are computed, not merely queued
    parameters()                weights (visible x hidden), visible bias, hidden bias, as NumPy arrays

Modules `programs/rnn_NAME.py` train the RNN-RBM of a `SequenceJob` on the data and parameters of `sequences.py`,
modules `programs/layers_NAME.py` the deep belief network of a `LayersJob` on those of `layers.py`.
"""

import importlib
import json
import os
import sys
import time
from pathlib import Path

import layers
import peer
import sequences
from jobs import JOBS, LayersJob, SequenceJob


def main() -> None:
    name, folder = sys.argv[1], Path(sys.argv[2])
    # Frameworks print to standard output too; the answers have it to themselves.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    name, _, cores = name.partition("@")
    if cores:
        # Before the framework is loaded: it counts the cores that it may use.
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    module = importlib.import_module(f"programs.{name.split('-')[0]}")
    peers = {}
    print(json.dumps({"versions": module.versions()}), file=answers)
    for line in sys.stdin:
        request = json.loads(line)
        job, seed = JOBS[request["job"]], request["seed"]
        common = {SequenceJob: sequences, LayersJob: layers}.get(type(job), peer)
        if job.shape not in peers:
            data = common.load(folder, job)
            peers[job.shape] = module.Peer(job, data, *name.split("-")[1:]), data
            peers[job.shape][0].prepare()
        own, data = peers[job.shape]
        first = common.first_parameters(job, data, seed)
        # An epoch before the clock starts wakes threads and fills caches.
        own.start(first, seed)
        own.train(1)
        own.start(first, seed)
        start = time.perf_counter()
        own.train(request["epochs"])
        seconds = time.perf_counter() - start
        error = common.reconstruction_error(own.parameters(), data, job.k, seed)
        print(json.dumps({"seconds": seconds, "error": error, "examples": len(data.rows)}), file=answers)


if __name__ == "__main__":
    main()
