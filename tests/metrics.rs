//! The registry of metrics against the records of runs of every method.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use chordbench::engine::Isa;
use chordbench::sweep::{
    ExecuteOptions, KEYS, Kind, METRICS, MetricGroup, Prepared, Reading, RunRecord, RunStatus, Shard, Summary,
    SweepConfig, SweepObserver, Workers, execute, find_key, find_metric, lay_out, metric_names,
};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// Nobody watches.
struct Silent;

impl SweepObserver for Silent {
    fn sweep_started(&self, _: usize, _: usize) {}
    fn run_started(&self, _: usize, _: &str, _: u64) {}
    fn epoch_finished(&self, _: usize, _: u64) {}
    fn run_finished(&self, _: usize, _: &RunRecord) {}
    fn sweep_finished(&self) {}
}

/// A data set with test songs, so few units that everything is enumerated, and every likelihood; all methods.
const EVERY_METHOD: &str = r#"
name = "methods"
[corpus]
path = "set.json"
lowest_pitch = 60
highest_pitch = 66
[model]
hidden = 4
timesteps = 2
[train]
epochs = 2
batch_size = 4
temperatures = 3
early_stopping_metric = "pseudo-log-likelihood"
[evaluate]
log_likelihood = "ais"
ais_chains = 30
ais_temperatures = 20
ais_mixing_steps = 5
raise_windows = 4
[sample]
count = 3
start = "data"
length = 4
"#;

const SONGS: &str = r#"{
    "train": [[[60, 64], [60], [62], [64], [], [60], [60, 64], [62]], [[62], [62], [65], [60], [64], [64], [], [61]]],
    "valid": [[[61], [61, 65], [], [61]]],
    "test": [[[60], [60, 65], [62], [64]]]
}"#;

/// The built-in corpus, whose truth is known, in windows that are long enough to tell a progression.
const BUILT_IN: &str = r#"
name = "built-in"
[model]
hidden = 5
timesteps = 80
[train]
epochs = 1
batch_size = 200
[evaluate]
windows = 20
pseudo_likelihood_windows = 4
[sample]
count = 4
start = "data"
"#;

/// The same corpus in frames, from which pieces of more than four bars are drawn.
const PIECES: &str = r#"
name = "pieces"
[model]
kind = "rnn-rbm"
hidden = 5
recurrent = 5
timesteps = 8
[train]
epochs = 1
batch_size = 20
[evaluate]
windows = 20
pseudo_likelihood_windows = 4
[sample]
count = 4
start = "data"
length = 80
"#;

/// Fields of `timing` that are conditions of a run and no metrics.
const CONDITIONS: [&str; 3] = ["threads", "contended", "continued"];

/// The values of a key that is a choice; none if there is no such key.
fn choices(path: &str) -> Vec<&'static str> {
    let Some(place) = find_key(path) else { return Vec::new() };
    match KEYS[place].kind {
        Kind::Choice(choices) | Kind::Choices(choices) => choices.to_vec(),
        _ => panic!("{path} is not a choice"),
    }
}

/// A finished sweep: its summary, and for each run the record and the epochs as JSON.
struct Finished {
    summary: Summary,
    runs: Vec<(Value, Vec<Value>)>,
}

fn run(config: &str) -> Finished {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("set.json"), SONGS).unwrap();
    let path = folder.path().join("sweep.toml");
    let plan = SweepConfig::from_text(Some((path.as_path(), config.to_owned())), &[]).unwrap().plan().unwrap();
    let mut prepared = Prepared::new(plan, &|_, _| ()).unwrap();
    let plan = lay_out(folder.path(), &prepared, config).unwrap();
    let options = ExecuteOptions::new(Shard::WHOLE, Workers { jobs: 2, threads_per_run: 1 }, Isa::pinned_or_best());
    execute(&mut prepared, config, folder.path(), &options, &Silent).unwrap();
    let read = |run_id: &String| -> (Value, Vec<Value>) {
        let own = folder.path().join("runs").join(run_id);
        let lines = fs::read_to_string(own.join("epochs.jsonl")).unwrap();
        let record = serde_json::from_slice(&fs::read(own.join("result.json")).unwrap()).unwrap();
        (record, lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    };
    let runs: Vec<_> = prepared.run_ids.iter().map(read).collect();
    let record = |json: &Value| Some(serde_json::from_value::<RunRecord>(json.clone()).unwrap());
    let records: Vec<Option<RunRecord>> = runs.iter().map(|(json, _)| record(json)).collect();
    for record in records.iter().flatten() {
        assert_eq!(record.status, RunStatus::Ok, "{:?}", record.error);
    }
    Finished { summary: Summary::of(&plan, &records), runs }
}

/// Every name in a record and its epochs with its values, those of music as `sample_…`.
fn numbers(record: &Value, epochs: &[Value]) -> Vec<(MetricGroup, String, Value)> {
    let fields = |group, prefix: &str, fields: &Map<String, Value>| {
        fields.iter().map(|(name, value)| (group, format!("{prefix}{name}"), value.clone())).collect::<Vec<_>>()
    };
    let object = |value: &Value| value.as_object().cloned().unwrap_or_default();
    let mut all = fields(MetricGroup::Model, "", &object(&record["metrics"]));
    for epoch in epochs {
        all.extend(fields(MetricGroup::Model, "", &object(&epoch["metrics"])));
        all.extend(fields(MetricGroup::Timing, "", &object(&epoch["timing"])));
    }
    all.extend(fields(MetricGroup::Timing, "", &object(&record["timing"])));
    let music = object(&record["music"]["samples"]);
    let profile = music.into_iter().filter(|(_, value)| !value.is_object()).collect();
    all.extend(fields(MetricGroup::Music, "sample_", &profile));
    all.retain(|(_, name, _)| !CONDITIONS.contains(&name.as_str()));
    all
}

#[test]
fn records_and_registry_have_the_same_metrics() {
    let methods = choices("train.method");
    assert!(methods.len() >= 4, "{methods:?}");
    let of_windows = run(&format!("{EVERY_METHOD}[sweep.grid]\n\"train.method\" = {methods:?}\n"));
    assert!(of_windows.runs.len() >= methods.len());
    let others: Vec<&str> = choices("model.kind").into_iter().filter(|kind| !["rbm", "dbn"].contains(kind)).collect();
    let of_sequences = format!("\"model.kind\" = {others:?}\n\"train.method\" = [\"cd\", \"pcd\"]\n");
    let of_sequences = run(&format!("{EVERY_METHOD}[sweep.grid]\n{of_sequences}"));
    assert_eq!(of_sequences.runs.len(), 2 * others.len());
    // The layers of a deep network are trained for as many epochs as they are given.
    let of_layers = EVERY_METHOD
        .replace("early_stopping_metric = \"pseudo-log-likelihood\"\n", "")
        .replace("[model]\n", "[model]\nkind = \"dbn\"\nlayers = [4, 3, 3, 2]\n");
    let sweeps = [of_windows, of_sequences, run(&of_layers), run(BUILT_IN), run(PIECES)];
    let stopped = |(record, _): &(Value, Vec<Value>)| record["early_stop"].is_object();
    assert!(sweeps[..2].iter().flat_map(|sweep| &sweep.runs).all(stopped));

    // Whatever a record has is registered, under its own group.
    let mut produced: BTreeMap<String, bool> = BTreeMap::new();
    for (record, epochs) in sweeps.iter().flat_map(|sweep| &sweep.runs) {
        for (group, name, value) in numbers(record, epochs) {
            let found = find_metric(&name).unwrap_or_else(|| panic!("{name} is not registered"));
            assert_eq!(found.metric.group(), group, "{name}");
            let is_defined = value.as_f64().is_some() || value.is_object();
            *produced.entry(name).or_default() |= is_defined;
        }
    }

    // Whatever is registered is produced by some run, with a value. What is read out of the music stands in the
    // summary.
    let points = || sweeps.iter().flat_map(|sweep| &sweep.summary.points);
    for named in metric_names() {
        let name = named.name();
        let is_defined = match named.metric.reading {
            Reading::Music(_) | Reading::Coverage(_) => points().any(|point| point.statistic(&named).is_some()),
            _ => produced.get(&name) == Some(&true),
        };
        assert!(is_defined, "no run has a value of {name}");
    }
    let known: BTreeSet<&str> = METRICS.iter().map(|metric| metric.name).collect();
    for name in points().flat_map(|point| point.music.keys().chain(point.timing.keys())) {
        assert!(known.contains(name.as_str()), "{name} is summed up and not registered");
    }
}
