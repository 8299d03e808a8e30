"""Searches learning rate, Gibbs steps and hidden units with Optuna (TPE). Each trial is a sweep of one run.

    pip install optuna
    python examples/optuna_search.py --trials 40 --epochs 50 --out results/search

`runner` must be on the PATH. The last line printed is JSON: the best trial and the run that it is on disk.
"""

import argparse
import json
import subprocess
from pathlib import Path

import optuna

METRIC = "validation_pseudo_log_likelihood_per_step"

# The keys that all trials share; the others have their defaults.
BASE = """
[corpus]
validation = 0.2
[sample]
count = 4
"""


def propose(trial):
    """Returns the keys that a trial sets."""
    return {
        "train.learning_rate": trial.suggest_float("train.learning_rate", 1e-3, 0.3, log=True),
        "train.k": trial.suggest_int("train.k", 1, 5),
        "model.hidden": trial.suggest_int("model.hidden", 20, 100, step=20),
    }


def train(name, values, arguments):
    """Runs a trial and returns its record. A run that is complete on disk is not trained again."""
    command = ["runner", "run", "--quiet", "--jobs", "1", "--out", str(arguments.out)]
    command += ["--config", str(arguments.out / "base.toml")]
    for key, value in {"name": name, "train.epochs": arguments.epochs, **values}.items():
        command += ["--set", f"{key}={json.dumps(value)}"]
    code = subprocess.run([*command, *arguments.more], stdout=subprocess.DEVNULL).returncode
    if code not in (0, 1):  # 1: the run failed, and its record says why.
        raise SystemExit(f"runner ended with code {code}")
    (run,) = json.loads((arguments.out / name / "plan.json").read_text())["runs"]
    return json.loads((arguments.out / name / "runs" / run["run_id"] / "result.json").read_text())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1, help="seed of the proposals")
    parser.add_argument("--out", type=Path, default=Path("results/search"))
    parser.add_argument("more", nargs="*", help="more arguments of `runner run`, after --")
    arguments = parser.parse_args()

    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "base.toml").write_text(BASE)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=arguments.seed))
    for _ in range(arguments.trials):
        trial = study.ask()
        record = train(f"trial-{trial.number:03}", propose(trial), arguments)
        value = record["metrics"].get(METRIC) if record["status"] == "ok" else None
        trial.set_user_attr("run_id", record["run_id"])
        if value is None:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            study.tell(trial, value)

    best = study.best_trial
    print(json.dumps({"sweep": f"trial-{best.number:03}", "run_id": best.user_attrs["run_id"], "metric": METRIC,
                      "value": best.value, "params": best.params, "trials": len(study.trials)}))


main()
