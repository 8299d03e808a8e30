"""Checks `runner export` with the programs that read its files, and the search of examples/optuna_search.py.

    python tests/exports.py RUNNER RESULTS

RESULTS is the folder that holds the sweep `quick`. Needs: pandas, pyarrow, tensorboard, optuna.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2

TIMES = ["train_s", "reconstruction_s", "pseudo_likelihood_s", "free_energy_s", "weights_s"]
SPLITS = ["validation", "train", "test"]


def export(runner, sweep, form, out):
    """Exports a sweep twice; the bytes must be the same. Returns the folder."""
    def bytes_of(folder):
        return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    for folder in (out, out / "again"):
        subprocess.run([runner, "export", sweep, "--to", form, "--out", folder, "--quiet"], check=True)
    again = bytes_of(out / "again")
    first = {path: data for path, data in bytes_of(out).items() if path.parts[0] != "again"}
    assert first and first == again, f"{form}: exporting twice gives other bytes"
    return out


def epochs_of(sweep, run):
    """Returns the lines of a run's epochs.jsonl."""
    return [json.loads(line) for line in (sweep / "runs" / run / "epochs.jsonl").read_text().splitlines()]


def check_parquet(sweep, folder):
    """Compares the Parquet files with summary.csv and epochs.jsonl."""
    schema = pyarrow.parquet.read_schema(folder / "runs.parquet")
    types = {"run_id": "string", "seed": "uint64", "train.k": "int64", "train.learning_rate": "double",
             "contended": "bool", "best_epoch": "int64", "train_s": "double"}
    for name, expected in types.items():
        assert str(schema.field(name).type) == expected, (name, schema.field(name).type)

    runs = pyarrow.parquet.read_table(folder / "runs.parquet").to_pandas()
    summary = pd.read_csv(sweep / "summary.csv", dtype=str, keep_default_na=False)
    assert list(runs.columns) == list(summary.columns) and len(runs) == len(summary) > 0
    for name in runs:
        for value, text in zip(runs[name], summary[name]):
            if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
                assert text == "", (name, value, text)
            elif isinstance(value, (bool, np.bool_)):
                assert str(value).lower() == text, (name, value, text)
            elif isinstance(value, str):
                assert value == text, (name, value, text)
            else:
                assert float(value) == float(text), (name, value, text)

    epochs = pyarrow.parquet.read_table(folder / "epochs.parquet").to_pandas()
    rows = 0
    for run, group in epochs.groupby("run_id", sort=False):
        lines = epochs_of(sweep, run)
        assert len(lines) == len(group)
        rows += len(lines)
        for (_, row), line in zip(group.iterrows(), lines):
            assert [row["epoch"], row["updates"]] == [line["epoch"], line["updates"]]
            for name, value in [*line["metrics"].items(), *line["timing"].items()]:
                assert (np.isnan(row[name]) if value is None else row[name] == value), (run, name, row[name], value)
    assert rows == len(epochs) and set(epochs["run_id"]) == set(runs["run_id"])
    return len(runs), rows


def tag(name):
    """Returns the tag of a metric of an epoch."""
    if name in TIMES:
        return f"timing/{name}"
    split = name.split("_")[0]
    return f"{split}/{name.removeprefix(split + '_')}" if split in SPLITS else f"model/{name}"


def check_events(sweep, folder):
    """Compares the event files with epochs.jsonl and the plan, as TensorBoard reads them."""
    plan = json.loads((sweep / "plan.json").read_text())
    scalars = 0
    for run in plan["runs"]:
        events = EventAccumulator(str(folder / run["run_id"]), size_guidance={"scalars": 0}).Reload()
        expected = {}
        for line in epochs_of(sweep, run["run_id"]):
            for name, value in [*line["metrics"].items(), *line["timing"].items()]:
                if value is not None:
                    expected.setdefault(tag(name), []).append((line["epoch"], np.float32(value)))
        tags = set(events.Tags()["scalars"])
        assert expected and set(expected) <= tags, set(expected) - tags
        for name, values in expected.items():
            found = [(event.step, np.float32(event.value)) for event in events.Scalars(name)]
            assert found == values, (run["run_id"], name, found, values)
        scalars += sum(len(events.Scalars(name)) for name in tags)

        record = json.loads((sweep / "runs" / run["run_id"] / "result.json").read_text())
        assert any(name.startswith("samples/") for name in tags) == bool(record["music"])
        for name, value in record["metrics"].items():
            assert value is None or events.Scalars(tag(name)), name

        contents = events.PluginTagToContent("hparams")
        parse = plugin_data_pb2.HParamsPluginData.FromString
        start = parse(contents["_hparams_/session_start_info"]).session_start_info
        values = {key: getattr(value, value.WhichOneof("kind")) for key, value in start.hparams.items()}
        assert values == run["swept"], (values, run["swept"])
        first = next(other["run_id"] for other in plan["runs"] if other["point"] == run["point"])
        assert start.group_name == first
        end = parse(contents["_hparams_/session_end_info"]).session_end_info
        assert end.status == (1 if record["status"] == "ok" else 2)
    return len(plan["runs"]), scalars


def check_search(runner, folder):
    """Runs the example with Optuna; the best trial must be a run on disk, and a second search the same."""
    script = Path(__file__).resolve().parent.parent / "examples/optuna_search.py"
    environment = {**os.environ, "PATH": f"{runner.parent}{os.pathsep}{os.environ['PATH']}"}
    said = []
    for name in ("first", "second"):
        command = [sys.executable, script, "--trials", "4", "--epochs", "2", "--out", folder / name]
        done = subprocess.run(command, check=True, env=environment, capture_output=True, text=True)
        said.append(json.loads(done.stdout.splitlines()[-1]))
    assert said[0]["trials"] == 4 and said[0] == said[1], said
    best = said[0]
    record = json.loads((folder / "first" / best["sweep"] / "runs" / best["run_id"] / "result.json").read_text())
    assert record["metrics"][best["metric"]] == best["value"]
    assert all(record["params"][key] == value for key, value in best["params"].items()), (best, record["params"])


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    runner, results = (Path(argument).resolve() for argument in sys.argv[1:])
    sweep = results / "quick"
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        runs, rows = check_parquet(sweep, export(runner, sweep, "parquet", folder / "parquet"))
        print(f"Parquet: {runs} runs and {rows} epochs are those of summary.csv and epochs.jsonl")
        runs, scalars = check_events(sweep, export(runner, sweep, "tensorboard", folder / "events"))
        print(f"TensorBoard: {scalars} scalars of {runs} runs")
        check_search(runner, folder / "search")
        print("Optuna: the best of 4 trials is a run on disk, and the search can be repeated")


main()
