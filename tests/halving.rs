//! Tests of successive halving, and of longer runs that continue shorter ones.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use predicates::prelude::*;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::{Bench, json};

const PLAIN: &str = r#"
name = "small"
[corpus]
min_steps = 200
[model]
timesteps = 4
hidden = 6
[train]
epochs = 9
learning_rate = 0.05
early_stopping_metric = "pseudo-log-likelihood"
early_stopping_patience = 3
averaged_epochs = 0
[evaluate]
every = 2
pseudo_likelihood_windows = 10
[sample]
count = 2
[sweep.grid]
"train.k" = [1, 2, 3]
"model.hidden" = [4, 8, 12]
[replicates]
count = 2
"#;

fn halved() -> String {
    format!("{PLAIN}[sweep.halving]\nfirst_epochs = 1\n")
}

/// Returns the digests of all complete runs of a folder of results, by name.
fn digests(results: &Path) -> BTreeMap<String, String> {
    let folders = fs::read_dir(results.join("runs")).unwrap().map(|entry| entry.unwrap().path());
    let complete = folders.filter(|folder| folder.join("result.json").is_file());
    let digest = |folder: &Path| json(&folder.join("result.json"))["digest"].as_str().unwrap().to_owned();
    complete.map(|folder| (folder.file_name().unwrap().to_str().unwrap().to_owned(), digest(&folder))).collect()
}

fn continued(results: &Path) -> usize {
    let folders = fs::read_dir(results.join("runs")).unwrap().map(|entry| entry.unwrap().path());
    let logs = folders.filter_map(|folder| fs::read_to_string(folder.join("log.txt")).ok());
    logs.filter(|log| log.contains("continues a shorter run of its training")).count()
}

fn summary(results: &Path) -> Value {
    json(&results.join("summary.json"))
}

#[test]
fn the_best_points_go_on_and_end_as_if_trained_alone() {
    let bench = Bench::new(&halved());
    let results = bench.path("results/small");
    let plan = ["plan", "--config", "sweep.toml"];
    let shown = predicate::str::contains("rung 2: 3 points to epoch 3 at most, to be decided");
    let cost = predicate::str::contains("42 epochs in all, 162 if every point");
    bench.runner(&plan).assert().success().stdout(shown.and(cost));
    let last = predicate::str::contains("rung 3 of 3: up to 1 points, to epoch 9");
    bench.runner(&["run", "--config", "sweep.toml"]).assert().success().stderr(last);
    bench.runner(&plan).assert().success().stdout(predicate::str::contains("to be decided").not());
    let plan = json(&results.join("plan.json"));
    let rungs = |name: &str| -> Vec<u64> {
        let rungs = plan["halving"]["rungs"].as_array().unwrap().iter();
        rungs.map(|rung| rung[name].as_u64().unwrap()).collect()
    };
    assert_eq!((rungs("points"), rungs("epochs")), (vec![9, 3, 1], vec![1, 3, 9]));
    let own = digests(&results);
    assert_eq!(own.len(), 2 * (9 + 3 + 1));
    assert_eq!(continued(&results), 2 * (3 + 1));
    assert!(!results.join("states").exists(), "states that nothing continues are removed");
    // Those that went on are the best of their rung, by the mean over replicates.
    let points = summary(&results)["points"].as_array().unwrap().clone();
    let of_rung = |rung: u64| points.iter().filter(move |point| point["rung"].as_u64().unwrap_or(0) == rung);
    let score = |point: &Value| point["metrics"]["validation_pseudo_log_likelihood"]["mean"].as_f64().unwrap();
    let place = |point: &Value| (point["swept"]["train.k"].clone(), point["swept"]["model.hidden"].clone());
    for (rung, left) in [(0, 3), (1, 1)] {
        let mut ranked: Vec<&Value> = of_rung(rung).collect();
        ranked.sort_by(|a, b| score(b).total_cmp(&score(a)));
        let mut expected: Vec<_> = ranked[..left].iter().map(|point| place(point)).collect();
        let mut next: Vec<_> = of_rung(rung + 1).map(place).collect();
        expected.sort_by_key(|place| format!("{place:?}"));
        next.sort_by_key(|place| format!("{place:?}"));
        assert_eq!(next, expected, "rung {rung}");
    }
    assert_eq!(points[0]["rung"], 2, "the runs of the last rung come first");

    // The last rung has the runs of the plain sweep, and a shorter run is what it is alone.
    let plain = Bench::new(PLAIN);
    plain.sweep(&[]).assert().success();
    let whole = digests(&plain.path("results/small"));
    let common: Vec<&String> = own.keys().filter(|run| whole.contains_key(*run)).collect();
    assert_eq!(common.len(), 2);
    assert!(common.iter().all(|&run| own[run] == whole[run]));
    bench.runner(&["verify", "results/small", "--all"]).assert().success();

    bench.runner(&["status", "results/small"]).assert().success().stdout(predicate::str::contains("rung 3 of 3"));
    bench.runner(&["merge", "results/small"]).assert().success();
    // Nothing is left to do, and nothing is done again.
    bench.sweep(&[]).assert().success();
    assert_eq!(digests(&results), own);
}

#[test]
fn jobs_shards_kills_and_lost_states_change_nothing() {
    let bench = Bench::new(&halved());
    bench.sweep(&["run.jobs=1"]).assert().success();
    let expected = summary(&bench.path("results/small"))["digest"].clone();
    let same = |other: &Bench, how: &str| {
        assert_eq!(summary(&other.path("results/small"))["digest"], expected, "{how}");
    };

    let jobs = Bench::new(&halved());
    jobs.sweep(&["run.jobs=4"]).assert().success();
    same(&jobs, "four jobs");

    // Each shard does its part of the rung that is decided, and ends; the rungs are decided by all together.
    let shards = Bench::new(&halved());
    for call in 0..3 {
        for shard in ["1/3", "3/3", "2/3"] {
            shards.runner(&["run", "--config", "sweep.toml", "--shard", shard, "--no-wait", "-q"]).assert().success();
        }
        let status = shards.runner(&["status", "results/small"]).assert();
        drop(if call < 2 { status.code(4) } else { status.success() });
    }
    same(&shards, "three shards");

    // A process is killed again and again; states are removed between.
    let killed = Bench::new(&halved());
    let end = Instant::now() + Duration::from_mins(2);
    for pause in (1..).map(|turn| Duration::from_millis(60 * turn)) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_runner"));
        command.current_dir(killed.folder.path()).args(["run", "--config", "sweep.toml", "--quiet"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let started = Instant::now();
        let mut ended = false;
        while !ended && started.elapsed() < pause {
            ended = child.try_wait().unwrap().is_some();
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = child.kill();
        child.wait().unwrap();
        let _ = fs::remove_dir_all(killed.path("results/small/states"));
        if ended {
            break;
        }
        assert!(Instant::now() < end, "the sweep never ends");
    }
    killed.sweep(&[]).assert().success();
    same(&killed, "kills");

    // From the start again, and with the failed ones alone.
    for rerun in [&["--fresh"][..], &["--rerun", "failed"]] {
        let arguments = [&["run", "--config", "sweep.toml"], rerun].concat();
        jobs.runner(&arguments).assert().success();
        same(&jobs, rerun[0]);
    }
}

#[test]
fn a_point_with_a_failed_run_does_not_go_on() {
    // Such a decay makes weights infinite.
    let text = halved().replace("\"train.k\" = [1, 2, 3]", "\"train.weight_decay\" = [1000, 0, 0.1]");
    let bench = Bench::new(&text.replace("[train]\n", "[train]\nbatch_size = 10\n"));
    bench.sweep(&[]).assert().code(1);
    let results = bench.path("results/small");
    let points = summary(&results)["points"].as_array().unwrap().clone();
    let of_rung = |rung: u64| points.iter().filter(move |point| point["rung"].as_u64().unwrap_or(0) == rung);
    let diverged = |point: &Value| point["swept"]["train.weight_decay"] == 1000.0;
    assert_eq!(of_rung(0).filter(|point| point["failed"] == 2).count(), 3);
    assert!(of_rung(0).all(|point| diverged(point) == (point["failed"] == 2)));
    assert_eq!((of_rung(1).count(), of_rung(2).count()), (3, 1));
    assert!(!of_rung(1).chain(of_rung(2)).any(diverged));
    // Where no run has the metric, the sweep ends at that rung and says so.
    let nothing = Bench::new(&halved());
    nothing
        .runner(&["run", "--config", "sweep.toml", "--set", "evaluate.pseudo_likelihood_windows=0"])
        .args(["--set", "train.early_stopping_metric=none"])
        .assert()
        .code(4)
        .stderr(predicate::str::contains("no run of it has a value of `validation_pseudo_log_likelihood`"));
    assert_eq!(digests(&nothing.path("results/small")).len(), 18);
}

#[test]
fn longer_runs_continue_shorter_ones_where_the_bits_are_the_same() {
    let text = PLAIN.replace("\"train.k\" = [1, 2, 3]", "\"train.epochs\" = [3, 5, 8]").replace("epochs = 9\n", "");
    let text = text
        .replace("early_stopping_metric = \"pseudo-log-likelihood\"", "")
        .replace("early_stopping_patience = 3", "");
    let bench = Bench::new(&text);
    bench.sweep(&[]).assert().success();
    let results = bench.path("results/small");
    assert_eq!(continued(&results), 2 * 2 * 3, "two of three lengths, for two seeds of three sizes");
    bench.runner(&["verify", "results/small", "--all"]).assert().success();
    // The same runs, one length at a time, train from the start.
    let alone = Bench::new(&text);
    let mut separate = BTreeMap::new();
    for epochs in [8, 5, 3] {
        let sets = [format!("train.epochs={epochs}"), format!("output.dir=\"{epochs}\"")];
        alone.sweep(&[&sets[0], &sets[1]]).assert().success();
        let own = alone.path(&format!("{epochs}/small"));
        assert_eq!(continued(&own), 0);
        separate.extend(digests(&own));
    }
    assert_eq!(separate, digests(&results));

    // A rate that falls to its last value in the last epoch is another training for every length.
    let falling = Bench::new(&text);
    let sets = ["train.learning_rate_schedule=linear", "train.learning_rate_final=0.001"];
    falling.sweep(&sets).assert().success();
    assert_eq!(continued(&falling.path("results/small")), 0);
    // So is one that averages over the last epochs; a stop before leaves schedules as they are.
    let stopped = Bench::new(&text);
    let mut sets = sets.to_vec();
    sets.extend(["train.epochs=8", "sweep.grid.train.stop_after=[2, 5, 0]"]);
    stopped.sweep(&sets).assert().success();
    let stopped = stopped.path("results/small");
    assert_eq!(continued(&stopped), 2 * 2 * 3);
    let whole = digests(&falling.path("results/small"));
    let common: Vec<_> = digests(&stopped).into_iter().filter(|(run, _)| whole.contains_key(run)).collect();
    assert_eq!(common.len(), 2 * 3);
    assert!(common.iter().all(|(run, digest)| whole[run] == *digest));
}
