//! Tests of the reproducibility contract: the bits of a run are a function of its configuration, corpus, seed.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use chordbench::engine::Isa;
use chordbench::sweep::{
    ExecuteOptions, Prepared, RunRecord, RunStatus, Shard, SweepConfig, SweepObserver, Workers, execute,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// An observer that ignores everything.
struct Silent;

impl SweepObserver for Silent {
    fn sweep_started(&self, _: usize, _: usize) {}
    fn run_started(&self, _: usize, _: &str, _: u64) {}
    fn epoch_finished(&self, _: usize, _: u64) {}
    fn run_finished(&self, _: usize, _: &RunRecord) {}
    fn sweep_finished(&self) {}
}

/// A sweep over all that takes different paths through the code: engines, methods, statistics, batches, starts.
const CONFIG: &str = r#"
name = "reproducibility"
[model]
hidden = 30
timesteps = 8
[train]
epochs = 2
batch_size = 70
momentum = 0.5
weight_decay = 0.001
[evaluate]
pseudo_likelihood_windows = 20
windows = 150
[sample]
count = 3
steps = 2
[sweep.grid]
"train.engine" = ["packed", "dense", "reference"]
"train.statistics" = ["probabilities", "samples"]
[[sweep.zip]]
"train.method" = ["cd", "pcd"]
"train.batches" = ["per-song", "shuffled"]
"sample.start" = ["noise", "data"]
"train.k" = [1, 2]
[replicates]
count = 1
"#;

/// Runs a sweep and returns the digest and the model's hash of each run.
fn digests(config: &str, workers: Workers, shards: &[&str]) -> BTreeMap<String, (String, String)> {
    digests_with(Isa::pinned_or_best(), config, workers, shards)
}

fn digests_with(isa: Isa, config: &str, workers: Workers, shards: &[&str]) -> BTreeMap<String, (String, String)> {
    let folder = tempfile::tempdir().unwrap();
    let file = (Path::new("sweep.toml"), config.to_owned());
    let plan = SweepConfig::from_text(Some(file), &[]).unwrap().plan().unwrap();
    let mut prepared = Prepared::new(plan, &|_, _| ()).unwrap();
    for shard in shards {
        let shard: Shard = shard.parse().unwrap();
        let options = ExecuteOptions::new(shard, workers, isa);
        execute(&mut prepared, config, folder.path(), &options, &Silent).unwrap();
    }
    let record = |run_id: &String| {
        let path = folder.path().join("runs").join(run_id).join("result.json");
        let record: RunRecord = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        assert_eq!(record.status, RunStatus::Ok, "{:?}", record.error);
        let model = record.artifacts.iter().find(|artifact| artifact.path == "model.safetensors").unwrap();
        (record.digest.clone(), model.blake3.clone())
    };
    prepared.run_ids.iter().map(|run_id| (run_id.clone(), record(run_id))).collect()
}

#[test]
fn threads_jobs_order_and_shards_do_not_change_a_bit() {
    let expected = digests(CONFIG, Workers { jobs: 1, threads_per_run: 1 }, &["1/1"]);
    assert_eq!(expected.len(), 12);
    assert_eq!(expected.values().collect::<BTreeSet<_>>().len(), 12, "every point differs");

    for threads_per_run in [2, 3, 7] {
        let own = digests(CONFIG, Workers { jobs: 1, threads_per_run }, &["1/1"]);
        assert_eq!(own, expected, "{threads_per_run} threads");
    }
    let two_jobs = digests(CONFIG, Workers { jobs: 2, threads_per_run: 2 }, &["1/1"]);
    assert_eq!(two_jobs, expected, "two jobs of two threads");

    let reordered = CONFIG
        .replace(r#"["packed", "dense", "reference"]"#, r#"["reference", "packed", "dense"]"#)
        .replace(r#"["probabilities", "samples"]"#, r#"["samples", "probabilities"]"#);
    assert_ne!(reordered, CONFIG);
    let reordered = digests(&reordered, Workers { jobs: 2, threads_per_run: 1 }, &["1/1"]);
    assert_eq!(reordered, expected, "another order");

    let sharded = digests(CONFIG, Workers { jobs: 1, threads_per_run: 1 }, &["3/3", "1/3", "2/3"]);
    assert_eq!(sharded, expected, "three shards");
}

#[test]
fn instruction_sets_do_not_change_a_bit() {
    let workers = Workers { jobs: 2, threads_per_run: 1 };
    let expected = digests_with(Isa::Scalar, CONFIG, workers, &["1/1"]);
    for isa in Isa::available() {
        assert_eq!(digests_with(isa, CONFIG, workers, &["1/1"]), expected, "{isa}");
    }
}

#[test]
fn another_seed_gives_other_runs() {
    let workers = Workers { jobs: 2, threads_per_run: 1 };
    let one = digests(CONFIG, workers, &["1/1"]);
    let other = digests(&CONFIG.replace("count = 1\n", "count = 1\nseed = 43\n"), workers, &["1/1"]);
    assert!(one.keys().all(|run| !other.contains_key(run)));
    assert!(one.values().all(|digest| other.values().all(|own| own != digest)));
}
