"""Compare successive halving with random search of the same cost, and print the table of docs/findings/search.md.

    cargo build --release
    python3 benches/search/halving.py --runner target/release/runner --out target/search

trains the points of configs/halving.toml for each of five seeds twice: by halving, and all of them to the end. The
second gives the mean of random search over all choices of its points, without drawing any. It takes some minutes on two
cores and needs no package.
"""

import argparse
import json
import math
import statistics
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
METRIC = "validation_pseudo_log_likelihood"


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
        run(arguments.runner, config, out, sets)
        run(arguments.runner, whole, out, sets)
        plan = json.loads((out / "halving" / "plan.json").read_text())
        points = json.loads((out / "whole" / "summary.json").read_text())["points"]
        # The run that halving leaves is one of the whole sweep: same parameters, same bits.
        value = {point["runs"][0]: point["metrics"].get(METRIC) for point in points}
        value = {name: own["mean"] for name, own in value.items() if own}
        last = [own["run_id"] for own in plan["runs"] if own.get("rung", 0) == len(plan["halving"]["rungs"]) - 1]
        chosen = max(value[name] for name in last)
        rungs = plan["halving"]["rungs"]
        before = [0] + [rung["epochs"] for rung in rungs]
        cost = sum(rung["points"] * (rung["epochs"] - before[place]) for place, rung in enumerate(rungs))
        length = rungs[-1]["epochs"]
        draws = math.ceil(cost / length)
        rows.append({
            "seed": seed,
            "epochs": cost,
            "halving": chosen,
            "rank": 1 + sum(own > chosen for own in value.values()),
            "points": len(value),
            "draws": draws,
            "random": expected_best(list(value.values()), draws),
            "best": max(value.values()),
            # How many random points reach the same value on average.
            "equal": next((n for n in range(1, len(value)) if expected_best(list(value.values()), n) >= chosen), len(value)),
        })
    print(f"| seed | halving, {rows[0]['epochs']} epochs | its place among {rows[0]['points']} | random search, "
          f"{rows[0]['draws']} points, {rows[0]['draws'] * length} epochs | best of all, {length * rows[0]['points']:,} epochs "
          "| random points for as much |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        print(f"| {row['seed']} | {row['halving']:.2f} | {row['rank']} | {row['random']:.2f} | {row['best']:.2f} | {row['equal']} |")
    mean = {name: statistics.mean(row[name] for row in rows) for name in ("halving", "rank", "random", "best", "equal")}
    print(f"| mean | **{mean['halving']:.2f}** | {mean['rank']:.1f} | **{mean['random']:.2f}** | {mean['best']:.2f} | {mean['equal']:.0f} |")
    gains = [row["halving"] - row["random"] for row in rows]
    error = statistics.stdev(gains) / math.sqrt(len(gains)) if len(gains) > 1 else float("nan")
    print(f"\nHalving gains {statistics.mean(gains):.2f} ± {error:.2f} nats a window (mean and standard error over seeds).")
    (arguments.out / "results.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
