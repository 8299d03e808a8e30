"""One peer process: it trains a job when told to and says how long that took.

    worker.py NAME CORPUS_FOLDER

Requests come as lines of JSON on standard input, answers leave as lines of JSON on standard output. A request is a job
of `jobs.py` with a number of epochs and a seed. NAME is a module `peer_NAME.py`, with the way to run it after a hyphen
where there are several, and `@1` at the end to stay on one core. The module has a function `versions()` and a class `Peer`:

    Peer(job, data[, way])      data.windows (windows x visible, float32, 0 or 1), data.rows, data.batches
    prepare()                   whatever comes before training and is not timed, such as compiling
    start(parameters, seed)     put the model into its first state
    train(epochs)               return when the parameters are computed, not merely queued
    parameters()                weights (visible x hidden), visible bias, hidden bias, as NumPy arrays
"""

import importlib
import json
import os
import sys
import time
from pathlib import Path

from jobs import JOBS
from peer import first_parameters, load, reconstruction_error


def main() -> None:
    name, folder = sys.argv[1], Path(sys.argv[2])
    # Frameworks print to standard output too; the answers have it to themselves.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    name, _, cores = name.partition("@")
    if cores:
        # Before the framework is loaded: it counts the cores that it may use.
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    module = importlib.import_module(f"peer_{name.split('-')[0]}")
    peers = {}
    print(json.dumps({"versions": module.versions()}), file=answers)
    for line in sys.stdin:
        request = json.loads(line)
        job = JOBS[request["job"]]
        if job.shape not in peers:
            data = load(folder, job)
            peers[job.shape] = module.Peer(job, data, *name.split("-")[1:]), data
            peers[job.shape][0].prepare()
        peer, data = peers[job.shape]
        # An epoch before the clock starts wakes threads and fills caches.
        peer.start(first_parameters(job, data, request["seed"]), request["seed"])
        peer.train(1)
        peer.start(first_parameters(job, data, request["seed"]), request["seed"])
        start = time.perf_counter()
        peer.train(request["epochs"])
        seconds = time.perf_counter() - start
        error = reconstruction_error(peer.parameters(), data.windows[data.rows], job.k, request["seed"])
        print(json.dumps({"seconds": seconds, "error": error, "examples": len(data.rows)}), file=answers)


if __name__ == "__main__":
    main()
