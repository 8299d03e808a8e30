//! Runs that differ only in what comes after training: they are trained once, and their digests are those of runs that
//! were trained each for itself.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use support::{Bench, json};

/// Four trainings: two sizes by two methods.
const SWEEP: &str = r#"
name = "small"
[corpus]
min_steps = 250
[model]
timesteps = 8
[train]
epochs = 3
[evaluate]
pseudo_likelihood_windows = 2
windows = 20
ais_chains = 8
ais_temperatures = 20
ais_mixing_steps = 5
raise_windows = 2
[sample]
count = 2
steps = 2
start = "noise"
[sweep.grid]
"model.hidden" = [4, 5]
"train.method" = ["cd", "pcd"]
"#;

/// The changes that concern what comes after training alone.
const CHANGES: [&str; 4] =
    ["sample.tempo=90.0", "sample.count=3", "evaluate.log_likelihood=\"ais\"", "sample.last_step=\"likeliest\""];

/// The records of the runs of the last plan, by name.
fn records(results: &Path) -> BTreeMap<String, Value> {
    let plan = json(&results.join("plan.json"));
    let names = plan["runs"].as_array().unwrap().iter().map(|run| run["run_id"].as_str().unwrap().to_owned());
    names.map(|name| (name.clone(), json(&run_file(results, &name, "result.json")))).collect()
}

fn run_file(results: &Path, run_id: &str, file: &str) -> PathBuf {
    results.join("runs").join(run_id).join(file)
}

fn digests(results: &Path) -> BTreeMap<String, String> {
    let digest = |record: Value| record["digest"].as_str().unwrap().to_owned();
    records(results).into_iter().map(|(name, record)| (name, digest(record))).collect()
}

/// Asserts that every run of the last plan took its training over: it names the run that was trained, and its curves
/// are the same to the byte, times included, which no second training would measure alike.
fn assert_taken_over(results: &Path) {
    for (name, record) in records(results) {
        let donor = record["trained_in"].as_str().unwrap_or_else(|| panic!("{name} was trained"));
        assert_ne!(donor, name);
        let lines = [donor, &name].map(|run| fs::read(run_file(results, run, "epochs.jsonl")).unwrap());
        assert!(lines[0] == lines[1], "{name} has other curves than {donor}");
        let donor = json(&run_file(results, donor, "result.json"));
        assert_eq!(record["timing"]["train_s"], donor["timing"]["train_s"]);
        assert!(donor["trained_in"].is_null(), "{name} names a run that was not trained");
    }
}

/// The digests of the sweep with a change, in a folder where nothing was trained before.
fn fresh(change: &str) -> BTreeMap<String, String> {
    let bench = Bench::new(SWEEP);
    bench.sweep(&[change]).assert().success();
    let results = bench.path("results/small");
    assert!(records(&results).values().all(|record| record["trained_in"].is_null()));
    digests(&results)
}

#[test]
fn a_change_of_what_comes_after_training_trains_nothing() {
    let bench = Bench::new(SWEEP);
    let results = bench.path("results/small");
    bench.sweep(&[]).assert().success();
    for change in CHANGES {
        bench.sweep(&[change]).assert().success();
        assert_taken_over(&results);
        assert_eq!(digests(&results), fresh(change), "{change}");
    }
    // Metrics of training stay, those of the likelihood are the new ones.
    bench.sweep(&["evaluate.log_likelihood=\"none\""]).assert().success();
    for record in records(&results).values() {
        let names: Vec<&String> = record["metrics"].as_object().unwrap().keys().collect();
        assert!(names.iter().any(|name| *name == "train_free_energy"), "{names:?}");
        assert!(!names.iter().any(|name| name.contains("partition")), "{names:?}");
    }
}

#[test]
fn shards_take_over_too() {
    let bench = Bench::new(SWEEP);
    let results = bench.path("results/small");
    bench.sweep(&[]).assert().success();
    for shard in ["1/2", "2/2"] {
        bench.sweep(&["sample.tempo=90.0"]).args(["--shard", shard]).assert().success();
    }
    assert_taken_over(&results);
    assert_eq!(digests(&results), fresh("sample.tempo=90.0"));
}

#[cfg(unix)]
#[test]
fn two_processes_and_a_kill_change_nothing() {
    use std::process::{Command, Stdio};
    use std::time::Duration;
    let bench = Bench::new(SWEEP);
    let results = bench.path("results/small");
    bench.sweep(&[]).assert().success();
    // Samples that take a while, so that the kill meets runs at work.
    let start = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_runner"));
        command.current_dir(bench.folder.path()).args(["run", "--config", "sweep.toml", "--quiet"]);
        command.args(["--set", "sample.steps=3000"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let mut killed = start();
    std::thread::sleep(Duration::from_millis(150));
    killed.kill().unwrap();
    killed.wait().unwrap();
    let both = [start(), start()];
    for mut process in both {
        assert!(process.wait().unwrap().success());
    }
    assert_taken_over(&results);
    assert_eq!(digests(&results), fresh("sample.steps=3000"));
}

/// Within one sweep, runs wait for the first of their training; a chain of takeovers names the run that was trained.
#[test]
fn a_sweep_over_samples_trains_each_model_once() {
    let bench = Bench::new(SWEEP);
    let results = bench.path("results/small");
    let steps = "sweep.grid.sample.steps=[1, 2, 3]";
    for jobs in ["1", "3"] {
        bench.sweep(&[steps]).args(["--fresh", "--jobs", jobs]).assert().success();
        let records = records(&results);
        assert_eq!(records.len(), 12);
        let trained = records.values().filter(|record| record["trained_in"].is_null()).count();
        assert_eq!(trained, 4, "{jobs} jobs");
    }
    let together = digests(&results);
    for steps in ["1", "2", "3"] {
        let alone = fresh(&format!("sample.steps={steps}"));
        assert!(alone.iter().all(|(name, digest)| together[name] == *digest), "{steps} steps");
    }
}

/// A model that is not the one its record names is no model to take over; the run is trained.
#[test]
fn damaged_files_are_not_taken_over() {
    let bench = Bench::new(SWEEP);
    let results = bench.path("results/small");
    bench.sweep(&[]).assert().success();
    for (name, file) in records(&results).keys().zip(["model.safetensors", "epochs.jsonl", "model.safetensors"]) {
        let path = run_file(&results, name, file);
        let mut bytes = fs::read(&path).unwrap();
        // In the weights of a model, in the name of a field of the curves.
        let place = if file == "epochs.jsonl" { 3 } else { bytes.len() - 20 };
        bytes[place] ^= 1;
        fs::write(path, bytes).unwrap();
    }
    bench.sweep(&["sample.count=3"]).assert().success();
    let trained = records(&results).values().filter(|record| record["trained_in"].is_null()).count();
    assert_eq!(trained, 3);
    assert_eq!(digests(&results), fresh("sample.count=3"));
}

/// The plan counts the runs to train and those that take a model over.
#[test]
fn the_plan_counts_what_is_to_train() {
    let bench = Bench::new(SWEEP);
    let counts = |sets: &[&str]| {
        let mut command = bench.runner(&["plan", "--config", "sweep.toml"]);
        for set in sets {
            command.args(["--set", set]);
        }
        let output = command.assert().success().get_output().stdout.clone();
        let text = String::from_utf8(output).unwrap();
        let (_, rest) = text.split_once(" runs: ").unwrap();
        rest.split_once(';').unwrap().0.to_owned()
    };
    let steps = "sweep.grid.sample.steps=[1, 2, 3]";
    assert_eq!(counts(&[]), "4 to train, 0 from trained models");
    assert_eq!(counts(&[steps]), "4 to train, 8 from trained models");
    bench.sweep(&[]).assert().success();
    assert_eq!(counts(&[]), "0 to train, 0 from trained models, 4 complete");
    assert_eq!(counts(&[steps]), "0 to train, 8 from trained models, 4 complete");
    assert_eq!(counts(&["sample.tempo=90.0", "train.epochs=4"]), "4 to train, 0 from trained models");
    assert_eq!(counts(&["sample.tempo=90.0"]), "0 to train, 4 from trained models");
}
