"""Compare successive halving with random search of the same cost, and print the table of docs/findings/search.md.

    cargo build --release
    python3 benches/search/halving.py --runner target/release/runner --out target/search

trains the points of configs/halving.toml for each of five seeds: all of them to the end, and by halving with first
rungs of several lengths. All of them give the mean of random search over every choice of its points, without drawing
any. It takes a quarter of an hour on two cores and needs no package.
"""

import argparse
import json
import math
import statistics
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
METRIC = "validation_pseudo_log_likelihood"
# Epochs of the first rung.
FIRST_EPOCHS = (1, 3, 9)


def expected_best(values, draws):
    """The mean of the best of `draws` different values, over all choices of them."""
    ordered = sorted(values, reverse=True)
    ways = math.comb(len(ordered), draws)
    return sum(value * math.comb(len(ordered) - place, draws - 1) for place, value in enumerate(ordered, 1)) / ways


def run(runner, config, out, sets):
    sets = [part for pair in sets for part in ("--set", pair)]
    subprocess.run([runner, "run", "--config", config, "--out", out, "--quiet", *sets], check=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runner", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    config = ROOT / "configs" / "halving.toml"
    before, _, after = config.read_text().partition("[sweep.halving]")
    assert after, f"{config} has no table of halving"
    arguments.out.mkdir(parents=True, exist_ok=True)
    whole = arguments.out / "whole.toml"
    whole.write_text(before.replace('name = "halving"', 'name = "whole"'))

    rows = []
    for seed in range(1, arguments.seeds + 1):
        out = arguments.out / str(seed)
        sets = [f"replicates.seed={seed}", "evaluate.log_likelihood=none", "sample.count=0"]
        run(arguments.runner, whole, out, sets)
        points = json.loads((out / "whole" / "summary.json").read_text())["points"]
        value = {point["runs"][0]: point["metrics"].get(METRIC) for point in points}
        value = {name: own["mean"] for name, own in value.items() if own}
        for first in FIRST_EPOCHS:
            name = f"halving-{first}"
            run(arguments.runner, config, out, [*sets, f"name={name}", f"sweep.halving.first_epochs={first}"])
            plan = json.loads((out / name / "plan.json").read_text())
            rungs = plan["halving"]["rungs"]
            # The runs of the last rung are runs of the whole sweep: same parameters, same bits.
            last = [own["run_id"] for own in plan["runs"] if own.get("rung", 0) == len(rungs) - 1]
            chosen = max(value[name] for name in last)
            epochs = [0] + [rung["epochs"] for rung in rungs]
            cost = sum(rung["points"] * (rung["epochs"] - epochs[place]) for place, rung in enumerate(rungs))
            draws = math.ceil(cost / rungs[-1]["epochs"])
            rows.append({
                "first_epochs": first,
                "seed": seed,
                "epochs": cost,
                "halving": chosen,
                "place": 1 + sum(own > chosen for own in value.values()),
                "draws": draws,
                "random": expected_best(list(value.values()), draws),
                "best": max(value.values()),
                "points": len(value),
                "all_epochs": len(value) * rungs[-1]["epochs"],
            })

    (arguments.out / "results.json").write_text(json.dumps(rows, indent=1) + "\n")
    print(table(rows), end="")


def table(rows):
    """The table of docs/findings/search.md, as Markdown."""
    seeds = sorted({row["seed"] for row in rows})
    lines = ["| `first_epochs` | epochs of all runs | halving, mean over seeds | its place among "
             f"{rows[0]['points']}, by seed | random points for that | random search | gain |",
             "|---|---|---|---|---|---|---|"]
    for first in sorted({row["first_epochs"] for row in rows}):
        own = [row for row in rows if row["first_epochs"] == first]
        mean = {name: statistics.mean(row[name] for row in own) for name in ("halving", "random")}
        gains = [row["halving"] - row["random"] for row in own]
        error = statistics.stdev(gains) / math.sqrt(len(gains)) if len(gains) > 1 else math.nan
        places = ", ".join(str(row["place"]) for row in own)
        lines.append(f"| {first} | {own[0]['epochs']:,} | {mean['halving']:.1f} | {places} | {own[0]['draws']} "
                     f"| {mean['random']:.1f} | **{statistics.mean(gains):+.1f} ± {error:.1f}** |")
    best = statistics.mean(row["best"] for row in rows if row["first_epochs"] == rows[0]["first_epochs"])
    lines.append(f"| all to the end | {rows[0]['all_epochs']:,} | {best:.1f} | {', '.join('1' for _ in seeds)} | – | – | – |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
