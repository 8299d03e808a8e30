//! A whole sweep of a minimal kind of model, since no step of a sweep may depend on the kind.

use crate::cli::run_with;
use crate::engine::Isa;
use crate::report::Report;
use crate::sweep::{
    ExecuteOptions, Interrupt, ModelFile, Prepared, RunRecord, RunStatus, Shard, StopSignal, SweepConfig,
    SweepObserver, Workers, execute, read_record, run_folder,
};
use std::ffi::OsStr;
use std::path::Path;

const CONFIG: &str = r#"
name = "independent"
[corpus]
min_steps = 200
[model]
kind = "independent-units"
[train]
epochs = 4
averaged_epochs = 2
batch_size = 20
[evaluate]
pseudo_likelihood_windows = 5
[sample]
count = 3
start = "noise"
steps = 2
[sweep.grid]
"model.timesteps" = [4, 8]
"sample.last_step" = ["draw", "likeliest"]
"#;

/// An observer that stops the sweep after an epoch of the first run.
struct StopAfter(Option<(u64, Interrupt)>);

impl SweepObserver for StopAfter {
    fn sweep_started(&self, _: usize, _: usize) {}
    fn run_started(&self, _: usize, _: &str, _: u64) {}
    fn epoch_finished(&self, _: usize, epoch: u64) {
        if let Some((last, interrupt)) = &self.0
            && epoch == *last
        {
            interrupt.raise(StopSignal::Terminate);
        }
    }
    fn run_finished(&self, _: usize, _: &RunRecord) {}
    fn sweep_finished(&self) {}
}

/// Runs a sweep in a folder, up to an epoch of its first run if one is given.
fn run(config: &str, folder: &Path, stop_after: Option<u64>) -> (Prepared, usize) {
    let file = (Path::new("independent.toml"), config.to_owned());
    let plan = SweepConfig::from_text(Some(file), &[]).unwrap().plan().unwrap();
    let mut prepared = Prepared::new(plan, &|_, _| ()).unwrap();
    let mut options = ExecuteOptions::new(Shard::WHOLE, Workers { jobs: 1, threads_per_run: 1 }, Isa::Scalar);
    options.interrupt = Interrupt::default();
    let observer = StopAfter(stop_after.map(|epoch| (epoch, options.interrupt.clone())));
    let outcome = execute(&mut prepared, config, folder, &options, &observer).unwrap();
    (prepared, outcome.ok)
}

fn digests(records: &[RunRecord]) -> Vec<String> {
    records.iter().map(|own| own.digest.clone()).collect()
}

fn records(folder: &Path, prepared: &Prepared) -> Vec<RunRecord> {
    let read = |run_id: &String| read_record(&run_folder(folder, run_id), run_id).unwrap();
    prepared.run_ids.iter().map(read).collect()
}

/// Asserts that the verbs of models and results accept a run of the toy kind.
fn verbs_know_no_kind(results: &Path, run_id: &str) {
    let model = run_folder(results, run_id).join(ModelFile::NAME);
    let call = |arguments: &[&dyn AsRef<OsStr>]| {
        let words = std::iter::once(OsStr::new("runner")).chain(arguments.iter().map(|word| (*word).as_ref()));
        run_with(words.map(OsStr::to_owned))
    };
    assert_eq!(call(&[&"evaluate", &"--model", &model, &"--json"]), 0);
    assert_eq!(call(&[&"evaluate", &"--model", &model]), 0);

    let music = results.join("music");
    let sample: [&dyn AsRef<OsStr>; 8] =
        [&"sample", &"--model", &model, &"--out", &music, &"--count", &"2", &"--length=2bars"];
    assert_eq!(call(&sample), 0);
    for name in ["0.mid", "1.mid"] {
        assert!(std::fs::read(music.join(name)).unwrap().starts_with(b"MThd"), "{name}");
    }

    let page = results.join("page.html");
    assert_eq!(call(&[&"report", &results, &"--out", &page]), 0);
    assert!(std::fs::read_to_string(page).unwrap().contains(run_id));
    assert_eq!(call(&[&"status", &results]), 0);
    assert_eq!(call(&[&"verify", &results]), 0);
    // A missing model is an error of usage.
    assert_eq!(call(&[&"evaluate", &"--model", &results.join("none.safetensors")]), 2);
}

#[test]
fn a_toy_kind_runs_a_whole_sweep() {
    let folder = tempfile::tempdir().unwrap();
    let (prepared, ok) = run(CONFIG, folder.path(), None);
    assert_eq!(ok, 4);
    let whole = records(folder.path(), &prepared);
    for (record, run_id) in whole.iter().zip(&prepared.run_ids) {
        assert_eq!(record.status, RunStatus::Ok);
        // Quantities that the kind defines are recorded; those that it does not define are absent.
        let metrics = &record.metrics;
        let value = |name: &str| metrics.get(name).copied().flatten().unwrap_or_else(|| panic!("{name} is not there"));
        let (likelihood, pseudo) =
            (value("validation_log_likelihood_exact"), value("validation_pseudo_log_likelihood"));
        assert!(likelihood < -1.0 && (likelihood - pseudo).abs() < 0.2 * pseudo.abs(), "{likelihood} and {pseudo}");
        assert!(value("train_reconstruction_error") > 0.0 && value("free_energy_gap").is_finite());
        assert!(metrics.keys().all(|name| !name.contains("ais") && !name.contains("exchange")));
        assert!(record.music.is_some() && record.artifacts.len() >= 3, "{:?}", record.artifacts);
        // The file opens as a model of its own kind, and its density agrees with the record.
        let model = ModelFile::read(&run_folder(folder.path(), run_id).join(ModelFile::NAME)).unwrap();
        assert!(model.rbm().is_none() && model.open(Isa::Scalar).unwrap().is_finite());
    }
    // Runs that differ in their samples alone share one training.
    assert_eq!(whole.iter().filter(|record| record.trained_in.is_some()).count(), 2);

    verbs_know_no_kind(folder.path(), &prepared.run_ids[0]);

    // A sweep that is stopped within the first run and continued from its checkpoint comes to the same bits.
    let parts = tempfile::tempdir().unwrap();
    let (_, ok) = run(CONFIG, parts.path(), Some(2));
    assert_eq!(ok, 0, "stopped within the first run");
    let (_, ok) = run(CONFIG, parts.path(), None);
    assert_eq!(ok, 4);
    let continued = records(parts.path(), &prepared);
    assert_eq!(continued[0].timing.continued, 1);
    assert_eq!(digests(&continued), digests(&whole));

    let page = Report::read(folder.path()).unwrap().to_html();
    assert!(page.contains("independent-units") || page.contains("model.timesteps"));
    assert!(prepared.run_ids.iter().all(|run_id| page.contains(run_id)));
}

const STAGES: &str = r#"
name = "stages"
[corpus]
min_steps = 200
[model]
kind = "rnn-rbm"
timesteps = 4
hidden = 8
recurrent = 5
[pretrain]
epochs = 3
method = "pcd"
[train]
epochs = 3
batch_size = 2
chunk = 20
[evaluate]
every = 2
pseudo_likelihood_windows = 5
windows = 20
log_likelihood = "none"
[sample]
count = 0
[sweep.grid]
"train.rbm_rate" = [0.5, 1.0]
"#;

/// Runs that agree on pretraining share its model, with the digests of runs that each do it themselves; a sweep that is
/// stopped in either stage continues to the same bits.
#[test]
fn a_stage_of_pretraining_is_shared_and_continued() {
    let folder = tempfile::tempdir().unwrap();
    let (prepared, ok) = run(STAGES, folder.path(), None);
    assert_eq!(ok, 2);
    let whole = records(folder.path(), &prepared);
    let shared: Vec<_> = std::fs::read_dir(folder.path().join("pretrained")).unwrap().collect();
    assert_eq!(shared.len(), 1);
    let log = |run: usize| std::fs::read_to_string(run_folder(folder.path(), &prepared.run_ids[run]).join("log.txt"));
    assert!(
        !log(0).unwrap().contains("takes over")
            && log(1).unwrap().contains("takes over the epochs up to 3 of pretrain")
    );
    let curve = std::fs::read_to_string(run_folder(folder.path(), &prepared.run_ids[1]).join("epochs.jsonl")).unwrap();
    let stages: Vec<bool> = curve.lines().map(|line| line.contains("\"stage\":\"pretrain\"")).collect();
    assert_eq!(stages, [true, true, true, true, false, false, false]);

    for stop in [1, 3, 5] {
        let parts = tempfile::tempdir().unwrap();
        assert_eq!(run(STAGES, parts.path(), Some(stop)).1, 0, "stopped within the first run");
        assert_eq!(run(STAGES, parts.path(), None).1, 2);
        assert_eq!(digests(&records(parts.path(), &prepared)), digests(&whole), "stopped after epoch {stop}");
    }
    let alone = tempfile::tempdir().unwrap();
    let (other, ok) = run(&STAGES.replace("[0.5, 1.0]", "[1.0]"), alone.path(), None);
    assert_eq!((ok, &other.run_ids[0]), (1, &prepared.run_ids[1]));
    assert_eq!(records(alone.path(), &other)[0].digest, whole[1].digest);
}

const LAYERS: &str = r#"
name = "layers"
[corpus]
min_steps = 200
[model]
kind = "dbn"
timesteps = 4
[train]
method = ["cd", "pcd", "cd"]
epochs = [3, 2, 2]
learning_rate = [0.01, 0.1, 0.1]
fine_tune_epochs = 2
[evaluate]
every = 2
windows = 20
log_likelihood = "exact"
posterior_samples = 3
[sample]
count = 2
start = "noise"
steps = 3
[sweep.grid]
"model.layers" = [[8], [8, 6], [8, 6, 5]]
"#;

/// A sweep over depth trains each layer once, with the digests of runs on their own; a sweep that is stopped in any stage
/// continues to the same bits.
#[test]
fn a_sweep_over_depth_trains_shared_layers_once() {
    let folder = tempfile::tempdir().unwrap();
    let (prepared, ok) = run(LAYERS, folder.path(), None);
    assert_eq!(ok, 3);
    let whole = records(folder.path(), &prepared);
    assert_eq!(std::fs::read_dir(folder.path().join("pretrained")).unwrap().count(), 3);
    let log = |run: usize| std::fs::read_to_string(run_folder(folder.path(), &prepared.run_ids[run]).join("log.txt"));
    assert!(
        !log(0).unwrap().contains("takes over") && log(1).unwrap().contains("takes over the epochs up to 3 of layer 1")
    );
    assert!(log(2).unwrap().contains("takes over the epochs up to 5 of layer 2"));
    let curve = std::fs::read_to_string(run_folder(folder.path(), &prepared.run_ids[2]).join("epochs.jsonl")).unwrap();
    let of = |stage: &str| curve.lines().filter(|line| line.contains(&format!("\"stage\":\"{stage}\""))).count();
    assert_eq!([of("layer 1"), of("layer 2"), of("layer 3"), of("fine-tune")], [4, 2, 2, 2]);
    for (record, depth) in whole.iter().zip(1..) {
        let value = |name: &str| record.metrics.get(&format!("validation_log_likelihood_{name}")).copied().flatten();
        assert!(value("cautious").unwrap() < -1.0, "{:?}", record.metrics);
        if depth > 1 {
            assert!(value("bound").unwrap() <= value("estimate").unwrap() && value("exact").is_some());
        }
    }
    let model = ModelFile::read(&run_folder(folder.path(), &prepared.run_ids[2]).join(ModelFile::NAME)).unwrap();
    assert_eq!(model.tensors.shape("layers.1.weights"), Some(&[8, 6][..]));
    assert_eq!(model.tensors.shape("recognition.1.weights"), Some(&[8, 6][..]));
    verbs_know_no_kind(folder.path(), &prepared.run_ids[2]);

    for stop in [2, 3, 4, 6, 8] {
        let config = LAYERS.replace("[8], [8, 6], ", "");
        let parts = tempfile::tempdir().unwrap();
        assert_eq!(run(&config, parts.path(), Some(stop)).1, 0, "stopped within the run");
        let (deep, ok) = run(&config, parts.path(), None);
        assert_eq!((ok, &deep.run_ids[0]), (1, &prepared.run_ids[2]));
        assert_eq!(records(parts.path(), &deep)[0].digest, whole[2].digest, "stopped after epoch {stop}");
    }
    // The default layers, which are no parameter of the run, have stages of their own too.
    let default =
        LAYERS.replace("[[8], [8, 6], [8, 6, 5]]", "[[200, 100]]").replace("epochs = [3, 2, 2]", "epochs = 1");
    let deep = tempfile::tempdir().unwrap();
    assert_eq!(
        run(&default.replace("log_likelihood = \"exact\"", "log_likelihood = \"none\""), deep.path(), None).1,
        1
    );
    assert_eq!(std::fs::read_dir(deep.path().join("pretrained")).unwrap().count(), 2);
    // A single layer after a deeper network: its stage is there, and nothing is trained.
    let after = tempfile::tempdir().unwrap();
    let config = LAYERS.replace("fine_tune_epochs = 2\n", "").replace("[8], [8, 6], ", "");
    run(&config, after.path(), None);
    let config = config.replace("[8, 6, 5]", "[8, 6]");
    let (shallow, _) = run(&config, after.path(), None);
    let alone = tempfile::tempdir().unwrap();
    run(&config, alone.path(), None);
    let digest = |folder: &Path| records(folder, &shallow)[0].digest.clone();
    assert_eq!(digest(after.path()), digest(alone.path()));
}
