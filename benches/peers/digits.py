"""The digits of scikit-learn by a deep belief network: two stacked `BernoulliRBM`s beside this program's, on one core.

    digits.py --runner PROGRAM --out FOLDER [--seeds 5]

`FOLDER/data` gets the images as rows of bits, `FOLDER/sklearn` the models of scikit-learn in this program's format, and
`FOLDER/digits.json` all numbers: `runner evaluate` measures the likelihood of every model. A table goes to standard
output.
"""

import argparse
import json
import os
import platform
import statistics
import struct
import subprocess
import time
from pathlib import Path

# Before NumPy is loaded, which reads them then: one thread, and kernels for this processor.
for name in [name for name in os.environ if name.startswith("OPENBLAS_")]:
    del os.environ[name]
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np
import sklearn
from sklearn.datasets import load_digits
from sklearn.neural_network import BernoulliRBM

CONFIG = Path(__file__).resolve().parents[2] / "configs/digits-dbn.toml"

# Pixels have values from 0 to 16. From 8 up they are on: a third of them.
THRESHOLD = 8
# 130 whole batches of 10 for training. In a batch that is not full, `BernoulliRBM` divides the statistics of its
# 10 chains by the number of images.
SPLITS = {"train": 1300, "valid": 197, "test": 300}
ORDER_SEED = 8

# The recipe of the configuration, whose first points have these rates.
LAYERS = (100, 20)
LEARNING_RATES = (0.01, 0.02)
BATCH_SIZE = 10
EPOCHS = 200

EVALUATION = ["--threads", "1", "--posterior-samples", "200", "--json", "--quiet"]


def write_images(folder: Path) -> np.ndarray:
    """Writes the three splits and returns the training rows (images x 64)."""
    images = (load_digits().data >= THRESHOLD).astype(np.uint8)
    images = images[np.random.default_rng(ORDER_SEED).permutation(len(images))]
    folder.mkdir(parents=True, exist_ok=True)
    ends = np.cumsum(list(SPLITS.values()))
    assert ends[-1] == len(images)
    for name, rows in zip(SPLITS, np.split(images, ends[:-1])):
        np.save(folder / f"{name}.npy", rows)
    return images[: SPLITS["train"]]


def train_sklearn(rows: np.ndarray, seed: int, rate: float, epochs: int = EPOCHS) -> list[BernoulliRBM]:
    """Trains the layers from below, each on the mean activations of the one below it."""
    layers = []
    for number, units in enumerate(LAYERS):
        layer = BernoulliRBM(
            units,
            learning_rate=rate,
            batch_size=BATCH_SIZE,
            n_iter=epochs,
            random_state=len(LAYERS) * seed + number,
        )
        rows = layer.fit_transform(rows)
        layers.append(layer)
    return layers


def write_model(layers: list[BernoulliRBM], seed: int, path: Path) -> None:
    """Writes the layers as a `model.safetensors` of this program: length of the header, header, values."""
    tensors = {}
    for number, layer in enumerate(layers):
        tensors[f"layers.{number}.hidden_bias"] = layer.intercept_hidden_
        tensors[f"layers.{number}.visible_bias"] = layer.intercept_visible_
        tensors[f"layers.{number}.weights"] = layer.components_.T
    description = {
        "schema": 1,
        "kind": "dbn",
        "timesteps": 1,
        "layout": {"lowest_pitch": 0, "highest_pitch": 0, "planes": [], "units": int(layers[0].components_.shape[1])},
        "steps_per_beat": 4,
        "run_id": "scikit-learn",
        "seed": str(seed),
        "params": {"model.kind": "dbn", "model.layers": list(LAYERS), "model.timesteps": 1},
    }
    header, values = {"__metadata__": {"chordbench": json.dumps(description)}}, b""
    for name, array in sorted(tensors.items()):
        own = np.ascontiguousarray(array, dtype="<f4").tobytes()
        offsets = [len(values), len(values) + len(own)]
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": offsets}
        values += own
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(text)) + text + values)


def measured(runner: Path, model: Path, data: Path) -> dict:
    """Returns ln Z of the top layer, and the bound and the estimate of each split in nats an image."""
    command = [runner, "evaluate", "--model", model, "--corpus", data, *EVALUATION]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    splits = found["log_likelihood"].items()
    likelihood = {split: {kind: own[kind] for kind in ("bound", "estimate")} for split, own in splits}
    return {"log_partition": found["log_partition"]["exact"], "log_likelihood": likelihood}


def train_ours(runner: Path, data: Path, folder: Path, seed: int) -> list[tuple[dict, Path]]:
    """Runs the configuration with one replicate and returns the record and the model of each point, in their order."""
    settings = {"corpus.path": data, "replicates.count": 1, "replicates.seed": seed}
    command = [runner, "--config", CONFIG, "--out", folder, "--jobs", "1", "--threads-per-run", "1", "--quiet"]
    for key, value in settings.items():
        command += ["--set", f"{key}={value}"]
    # A model that is there already would not be trained, or timed, again.
    subprocess.run([*command, "--rerun", "all"], check=True)
    results = folder / "digits-dbn"
    points = json.loads((results / "plan.json").read_text())["runs"]
    runs = [results / "runs" / point["run_id"] for point in points]
    return [(json.loads((run / "result.json").read_text()), run / "model.safetensors") for run in runs]


def spread(values: list[float], digits: int) -> str:
    deviation = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.{digits}f}{deviation}".replace("-", "−")


def table(results: list[dict]) -> str:
    headings = ["network", "bound, test", "estimate, test", "estimate, validation", "estimate, training"]
    headings += ["wall, s", "processor, s"]
    lines = [f"| {' | '.join(headings)} |", "|---" * len(headings) + "|"]
    for name in dict.fromkeys(result["network"] for result in results):
        own = [result for result in results if result["network"] == name]
        chosen = [("test", "bound"), ("test", "estimate"), ("validation", "estimate"), ("train", "estimate")]
        cells = [spread([result["log_likelihood"][split][kind] for result in own], 2) for split, kind in chosen]
        cells += [spread([result[seconds] for result in own], 1) for seconds in ("train_s", "cpu_s")]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runner", type=Path, required=True, help="this program")
    parser.add_argument("--out", type=Path, required=True, help="the folder for images, models and numbers")
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    runner, out = arguments.runner.resolve(), arguments.out.resolve()
    data = out / "data"
    rows = write_images(data).astype(np.float32)

    # What is loaded and allocated once is not timed.
    train_sklearn(rows, 0, LEARNING_RATES[0], epochs=1)
    names = [*(f"ours, rate {rate}" for rate in LEARNING_RATES), "ours, a better recipe"]
    results = []
    for seed in range(1, arguments.seeds + 1):
        for rate in LEARNING_RATES:
            start, start_cpu = time.perf_counter(), time.process_time()
            layers = train_sklearn(rows, seed, rate)
            seconds, cpu = time.perf_counter() - start, time.process_time() - start_cpu
            model = out / f"sklearn/{rate}-{seed}/model.safetensors"
            write_model(layers, seed, model)
            own = {"network": f"scikit-learn, rate {rate}", "seed": seed, "train_s": seconds, "cpu_s": cpu}
            results.append(own | measured(runner, model, data))
        for name, (record, model) in zip(names, train_ours(runner, data, out / f"ours/{seed}", seed), strict=True):
            # The processor time of a record is that of the whole run, its evaluation included.
            own = {"network": name, "seed": seed} | {key: record["timing"][key] for key in ("train_s", "cpu_s")}
            results.append(own | measured(runner, model, data))

    versions = {"python": platform.python_version(), "numpy": np.__version__, "scikit-learn": sklearn.__version__}
    versions["runner"] = record["environment"]
    (out / "digits.json").write_text(json.dumps({"versions": versions, "results": results}, indent=1) + "\n")
    print(table(results))


if __name__ == "__main__":
    main()
