"""Checks the results of a finished sweep with software of other projects.

    python tests/check_outputs.py results/quick

Models are opened with the `safetensors` package and samples with the MIDI parser `mido`. Every fault is listed; the exit
code is 1 if there is one. Needs: safetensors, numpy, mido.
"""

import json
import sys
from pathlib import Path

import mido
import numpy
from safetensors import safe_open

TICKS_PER_STEP = 55


class Run:
    """The folder of one run, with the faults found in it."""

    def __init__(self, folder, faults):
        self.folder = folder
        self.faults = faults
        self.record = json.loads((folder / "result.json").read_text())
        self.params = self.record["params"]

    def expect(self, what, found, expected):
        """Records a fault unless `found` equals `expected`."""
        if found != expected:
            self.faults.append(f"{self.folder.name}: {what}: found {found!r}, expected {expected!r}")

    def check_record(self):
        self.expect("run_id", self.record["run_id"], self.folder.name)
        self.expect("status", self.record["status"], "ok")
        listed = sorted(artifact["path"] for artifact in self.record["artifacts"])
        files = [self.folder / "model.safetensors", self.folder / "rolls.json", *(self.folder / "samples").iterdir()]
        self.expect("artifacts", listed, sorted(str(file.relative_to(self.folder)) for file in files))
        epochs = [json.loads(line) for line in (self.folder / "epochs.jsonl").read_text().splitlines()]
        self.expect("epochs", [epoch["epoch"] for epoch in epochs], list(range(self.params["train.epochs"] + 1)))
        self.expect("metrics of the last epoch", epochs[-1]["metrics"], self.record["metrics"])

    def check_model(self):
        timesteps, hidden = self.params["model.timesteps"], self.params["model.hidden"]
        pitches = self.params["corpus.highest_pitch"] - self.params["corpus.lowest_pitch"]
        visible = timesteps * pitches * len(self.params["corpus.planes"])
        shapes = {"weights": (visible, hidden), "visible_bias": (visible,), "hidden_bias": (hidden,)}
        with safe_open(self.folder / "model.safetensors", framework="numpy") as model:
            self.expect("tensors", sorted(model.keys()), sorted(shapes))
            for name, shape in shapes.items():
                tensor = model.get_tensor(name)
                self.expect(f"shape of {name}", tensor.shape, shape)
                self.expect(f"type of {name}", tensor.dtype, numpy.dtype("float32"))
                self.expect(f"{name} is finite", bool(numpy.isfinite(tensor).all()), True)
                self.expect(f"{name} has been trained", bool(numpy.unique(tensor).size > 1), True)
            description = json.loads(model.metadata()["chordbench"])
        layout = {key: self.params[f"corpus.{key}"] for key in ("lowest_pitch", "highest_pitch", "planes")}
        expected = {
            "schema": 1,
            "timesteps": timesteps,
            "layout": layout,
            "steps_per_beat": self.params["corpus.steps_per_beat"],
            "run_id": self.record["run_id"],
            "seed": self.record["seed"],
            "params": self.params,
        }
        self.expect("metadata", description, expected)

    def check_samples(self):
        """Checks every sample and returns their number."""
        samples = sorted((self.folder / "samples").iterdir())
        for path in samples:
            self.check_sample(path.name, mido.MidiFile(path))
        if not self.params["sample.skip_empty"]:
            self.expect("samples", len(samples), self.params["sample.count"])
        return len(samples)

    def check_sample(self, name, midi):
        self.expect(f"{name}: format", midi.type, 0)
        self.expect(f"{name}: tracks", len(midi.tracks), 1)
        self.expect(f"{name}: ticks a beat", midi.ticks_per_beat, TICKS_PER_STEP * self.params["corpus.steps_per_beat"])
        lowest, highest = self.params["corpus.lowest_pitch"], self.params["corpus.highest_pitch"]
        tick, notes, sounding = 0, 0, set()
        for message in midi.tracks[0]:
            tick += message.time
            if message.type == "set_tempo":
                self.expect(f"{name}: tempo", message.tempo, round(60e6 / self.params["sample.tempo"]))
            elif message.type == "program_change":
                self.expect(f"{name}: program", message.program, self.params["sample.program"])
            elif message.type == "note_on" and message.velocity > 0:
                notes += 1
                self.expect(f"{name}: velocity at tick {tick}", message.velocity, self.params["sample.velocity"])
                self.expect(f"{name}: tick {tick} on a step", tick % TICKS_PER_STEP, 0)
                self.expect(f"{name}: {message.note} is a pitch of the model", lowest <= message.note < highest, True)
                self.expect(f"{name}: {message.note} sounds before tick {tick}", message.note in sounding, False)
                sounding.add(message.note)
            elif message.type in ("note_on", "note_off"):
                self.expect(f"{name}: {message.note} sounds until tick {tick}", message.note in sounding, True)
                sounding.discard(message.note)
            elif message.type != "end_of_track":
                self.faults.append(f"{self.folder.name}: {name}: unexpected {message}")
        kinds = [message.type for message in midi.tracks[0]]
        for kind in ("set_tempo", "program_change", "end_of_track"):
            self.expect(f"{name}: events {kind}", kinds.count(kind), 1)
        self.expect(f"{name}: notes left sounding", sorted(sounding), [])
        self.expect(f"{name}: length in ticks", tick, self.params["model.timesteps"] * TICKS_PER_STEP)
        if self.params["sample.skip_empty"]:
            self.expect(f"{name}: has notes", notes > 0, True)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sweep, faults = Path(sys.argv[1]), []
    plan = json.loads((sweep / "plan.json").read_text())
    folders = sorted(path for path in (sweep / "runs").iterdir())
    if [folder.name for folder in folders] != sorted(run["run_id"] for run in plan["runs"]):
        faults.append("the folders of runs are not those of plan.json")
    samples = 0
    for folder in folders:
        run = Run(folder, faults)
        run.check_record()
        run.check_model()
        samples += run.check_samples()
    if not folders or samples == 0:
        faults.append(f"{len(folders)} runs and {samples} samples: nothing to check")
    if faults:
        sys.exit("\n".join(faults))
    print(f"{len(folders)} models and {samples} samples are sound")


if __name__ == "__main__":
    main()
