//! Tests of the program as users call it: arguments, exit codes, files.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use predicates::prelude::*;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use support::{Bench, first_run, json};

const SMALL: &str = r#"
name = "small"
[model]
hidden = 8
timesteps = 6
[train]
epochs = 2
[evaluate]
pseudo_likelihood_windows = 5
windows = 50
[sample]
count = 4
steps = 3
start = "noise"
[sweep.grid]
"train.k" = [1, 2]
"model.hidden" = [4, 8]
[replicates]
count = 2
"#;

#[test]
fn a_sweep_leaves_everything_it_promises() {
    let bench = Bench::new(SMALL);
    bench
        .runner(&["--config", "sweep.toml"])
        .assert()
        .success()
        .stdout(predicate::str::contains("8 of 8 runs done"))
        .stderr(predicate::str::contains("[8/8]"));
    let sweep = bench.path("results/small");
    for name in ["sweep.toml", "plan.json", "summary.json", "summary.csv"] {
        assert!(sweep.join(name).is_file(), "{name}");
    }
    let plan = json(&sweep.join("plan.json"));
    let runs = plan["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 8);
    for run in runs {
        let folder = sweep.join("runs").join(run["run_id"].as_str().unwrap());
        let record = json(&folder.join("result.json"));
        assert_eq!(record["status"], "ok");
        assert_eq!(record["seed"], run["seed"]);
        assert!(record["metrics"]["validation_pseudo_log_likelihood"].as_f64().unwrap() < 0.0);
        assert!(record["timing"]["train_s"].as_f64().unwrap() > 0.0);
        let epochs = fs::read_to_string(folder.join("epochs.jsonl")).unwrap();
        assert_eq!(epochs.lines().count(), 3, "the untrained model and two epochs");
        for artifact in record["artifacts"].as_array().unwrap() {
            let bytes = fs::read(folder.join(artifact["path"].as_str().unwrap())).unwrap();
            assert_eq!(artifact["blake3"], blake3::hash(&bytes).to_hex().to_string());
        }
        assert!(folder.join("samples").read_dir().unwrap().count() > 0);
    }
    let summary = json(&sweep.join("summary.json"));
    assert_eq!(summary["ok"], 8);
    assert_eq!(summary["points"].as_array().unwrap().len(), 4);
    for point in summary["points"].as_array().unwrap() {
        let metric = &point["metrics"]["train_reconstruction_error"];
        assert_eq!(metric["count"], 2);
        assert!(metric["mean"].as_f64().unwrap() > 0.0 && metric["sd"].as_f64().is_some());
    }
    let csv = fs::read_to_string(sweep.join("summary.csv")).unwrap();
    assert_eq!(csv.lines().count(), 9);
    assert!(csv.starts_with("run_id,status,replicate,seed,train.k,model.hidden,"), "{csv}");
}

#[test]
fn complete_runs_are_kept_and_fresh_does_them_again() {
    let bench = Bench::new(SMALL);
    let quarter = ["run", "--config", "sweep.toml", "--shard", "1/4"];
    bench.runner(&[]).args(quarter).assert().success();
    let runs = bench.path("results/small/runs");
    assert_eq!(runs.read_dir().unwrap().count(), 2);
    let times = || -> Vec<_> {
        let folders = runs.read_dir().unwrap().map(|run| run.unwrap().path());
        let time = |path: &Path| fs::metadata(path.join("result.json")).unwrap().modified().unwrap();
        let mut all: Vec<_> = folders.map(|path| (path.clone(), time(&path))).collect();
        all.sort();
        all
    };
    let before = times();
    bench.runner(&[]).args(quarter).assert().success().stderr(predicate::str::contains("2 runs complete, 0 to do"));
    assert_eq!(times(), before);
    bench.runner(&[]).args(quarter).arg("--fresh").assert().success();
    assert!(times().iter().zip(&before).all(|(new, old)| new.0 == old.0 && new.1 > old.1));
    bench.runner(&["run", "--config", "sweep.toml", "-q"]).assert().success().stdout("").stderr("");
    assert_eq!(runs.read_dir().unwrap().count(), 8);
}

/// Records are read back exactly as they were written.
#[test]
fn a_second_call_with_nothing_to_do_changes_no_summary() {
    let bench = Bench::new(SMALL);
    let files = ["summary.json", "summary.csv", "plan.json"].map(|name| bench.path("results/small").join(name));
    let read = || files.each_ref().map(|path| fs::read_to_string(path).unwrap());
    bench.runner(&["--config", "sweep.toml", "-q"]).assert().success();
    let first = read();
    bench.runner(&["--config", "sweep.toml", "-q"]).assert().success();
    assert_eq!(read(), first);
}

/// A sweep continues if its output is lost, and the exit code reports the loss.
#[cfg(target_os = "linux")]
#[test]
fn lost_output_neither_stops_a_sweep_nor_hides_a_failure() {
    let full = || fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let bench = Bench::new(SMALL);
    let run = |arguments: &[&str]| {
        std::process::Command::new(env!("CARGO_BIN_EXE_runner"))
            .current_dir(bench.folder.path())
            .args(arguments)
            .stdout(full())
            .stderr(full())
            .status()
            .unwrap()
    };
    assert_eq!(run(&["--config", "sweep.toml", "--progress", "plain"]).code(), Some(1), "the table was lost");
    assert_eq!(json(&bench.path("results/small/summary.json"))["ok"], 8, "and nothing else");
    assert_eq!(run(&["--config", "sweep.toml", "-q"]).code(), Some(0));
}

#[test]
fn shards_at_the_same_time_sum_up_to_the_whole() {
    let bench = Bench::new(SMALL);
    let start = |shard: &str| {
        std::process::Command::new(env!("CARGO_BIN_EXE_runner"))
            .current_dir(bench.folder.path())
            .args(["--config", "sweep.toml", "-q", "--shard", shard])
            .spawn()
            .unwrap()
    };
    let mut shards = ["1/2", "2/2"].map(start);
    assert!(shards.iter_mut().all(|shard| shard.wait().unwrap().success()));
    bench.runner(&["--config", "sweep.toml"]).assert().success().stderr(predicate::str::contains("8 runs complete"));
    assert_eq!(json(&bench.path("results/small/summary.json"))["ok"], 8);
}

#[test]
fn a_diverged_run_is_recorded_and_the_others_go_on() {
    // If weight decay times learning rate is far above 2, weights oscillate and grow.
    let config = SMALL
        .replace(r#""train.k" = [1, 2]"#, r#""train.weight_decay" = [1000, 0]"#)
        .replace("epochs = 2", "epochs = 2\nlearning_rate = 1000");
    let bench = Bench::new(&config);
    bench
        .runner(&["--config", "sweep.toml", "--jobs", "1"])
        .assert()
        .code(1)
        .stdout(predicate::str::contains("4 of 8 runs done, 4 failed, 0 missing"))
        .stderr(predicate::str::contains("training diverged"));
    let summary = json(&bench.path("results/small/summary.json"));
    assert_eq!((&summary["ok"], &summary["failed"]), (&4.into(), &4.into()));
    bench
        .runner(&["--config", "sweep.toml", "--jobs", "1", "--out", "elsewhere", "--fail-fast"])
        .assert()
        .code(1)
        .stdout(predicate::str::contains("0 of 8 runs done, 1 failed, 7 missing"));
}

/// A data set whose only held-out song is shorter than a window passes the checks of the configuration.
#[test]
fn early_stopping_without_held_out_windows_is_a_failure_that_says_so() {
    let bench =
        Bench::new("name = \"small\"\n[model]\nhidden = 4\ntimesteps = 2\n[train]\nepochs = 2\n[sample]\ncount = 0\n");
    fs::write(bench.path("set.json"), r#"{"train": [[[60, 64], [60], [62], [64]]], "valid": [[[60]]]}"#).unwrap();
    let sets = ["corpus.path=set.json", "train.early_stopping_metric=pseudo-log-likelihood"];
    bench.sweep(&sets).assert().code(1);
    let record = json(&first_run(&bench.path("results/small")).join("result.json"));
    let error = record["error"].as_str().unwrap();
    assert!(error.contains("nothing to stop early by: none of the 1 held-out songs"), "{error}");
}

/// After some training on bars and stripes (3 × 3), the patterns have most of the model's probability. The log Z
/// estimated from their share then has a band of a tenth of a nat, which contains the exact value.
#[test]
fn log_z_is_anchored_in_the_training_windows() {
    let bench = Bench::new(include_str!("../configs/bars-and-stripes-3x3.toml"));
    let sets = [
        "train.epochs=600",
        "evaluate.every=600",
        "evaluate.log_likelihood=ais",
        "evaluate.ais_temperatures=500",
        "replicates.count=1",
        "name=small",
    ];
    bench.sweep(&[&sets[..], &["train.averaged_epochs=50"]].concat()).args(["--shard", "1/4"]).assert().success();
    let run = first_run(&bench.path("results/small"));
    let record = json(&run.join("result.json"));
    let metric = |name: &str| record["metrics"][name].as_f64().unwrap();
    let exact = metric("log_partition_exact");
    for way in ["ais", "samples"] {
        let [found, low, high] = ["", "_low", "_high"].map(|end| metric(&format!("log_partition_anchored_{way}{end}")));
        assert!(low <= found && found <= high && high - low < 0.1, "{way}: {low}, {found}, {high}");
        assert!((low..=high).contains(&exact), "{way}: {exact} is not within {low} and {high}");
        let mean = metric(&format!("train_log_likelihood_anchored_{way}"));
        assert!((mean + metric("train_free_energy") + found).abs() < 1e-9);
    }
    // A model of bars and stripes is judged by bars and stripes, unless other songs are named. Options that enumeration
    // does not use are reported.
    let evaluate = |more: &[&str]| {
        let mut command = bench.runner(&["evaluate", "--json", "--model"]);
        command.arg(run.join("model.safetensors")).args(more).assert().success()
    };
    let own = evaluate(&["--chains", "7", "--seed", "1"]);
    let own = own.stderr(predicate::str::contains("--chains, --seed without effect"));
    let report: Value = serde_json::from_slice(&own.get_output().stdout).unwrap();
    assert_eq!(report["corpus"]["of_the_run"], true);
    assert_eq!(report["log_likelihood"]["train"]["windows"], record["corpus"]["trained_windows"]);
    assert_eq!(report["log_likelihood"]["train"]["exact"].as_f64(), Some(metric("train_log_likelihood_exact")));
    fs::write(bench.path("other.json"), r#"{"test": [[[60, 61, 62], [], [61]]]}"#).unwrap();
    let other = evaluate(&["--corpus", "other.json", "--ais", "--chains", "50", "--temperatures", "50"]);
    let other =
        other.stderr(predicate::str::contains("not the corpus").and(predicate::str::contains("from one side alone")));
    let report: Value = serde_json::from_slice(&other.get_output().stdout).unwrap();
    let of = |method: &str| report["log_likelihood"]["test"][method].as_f64();
    assert!(of("ais").is_some() && of("cautious").is_none() && of("reverse_ais").is_none(), "{report}");

    // The output in words has the share of the training windows.
    let output = bench.runner(&["evaluate", "--ais", "--model"]).arg(run.join("model.safetensors")).assert().success();
    let text = String::from_utf8_lossy(&output.get_output().stdout).into_owned();
    assert!(text.contains("anchored there by annealed chains: ") && text.contains(" % of the probability)"), "{text}");
}

#[test]
fn wrong_configurations_write_nothing() {
    for (set, message) in [
        ("train.k=0", "train.k"),
        ("model.hidden=0", "model.hidden"),
        ("train.learning_rate=-1", "train.learning_rate"),
        ("train.learning_rate=nan", "train.learning_rate"),
        ("train.epocs=3", "did you mean"),
        ("model.timesteps=60000", "longer than any song"),
        ("corpus.path=no/such/folder", "no/such/folder"),
        ("sweep.grid.\"train.k\"=[]", "train.k"),
        ("model.hidden=lots", "model.hidden"),
    ] {
        let bench = Bench::new(SMALL);
        bench
            .runner(&["--config", "sweep.toml", "--set", set])
            .assert()
            .code(2)
            .stderr(predicate::str::contains(message));
        assert!(!bench.path("results").exists(), "{set} wrote results");
    }
    let bench = Bench::new(SMALL);
    let no_windows = ["--set", "train.skip_first_window=true", "--set", "model.timesteps=200"];
    bench
        .runner(&["--config", "sweep.toml"])
        .args(no_windows)
        .assert()
        .code(2)
        .stderr(predicate::str::contains("leaves no window to train on"));
    assert!(!bench.path("results").exists());
    bench.runner(&["--config", "missing.toml"]).assert().code(2).stderr(predicate::str::contains("missing.toml"));
    bench.runner(&["--config"]).assert().code(2);
    bench.runner(&[]).assert().code(2);
}

#[test]
fn results_that_cannot_be_written_are_an_error() {
    let bench = Bench::new(SMALL);
    fs::write(bench.path("results"), "a file where a folder should be").unwrap();
    bench
        .runner(&["--config", "sweep.toml"])
        .assert()
        .code(1)
        .stderr(predicate::str::contains("cannot create the folder"));
}

#[test]
fn plans_are_shown_and_shards_divide_them() {
    let bench = Bench::new(SMALL);
    let lines = |arguments: &[&str]| -> Vec<String> {
        let output = bench.runner(&["plan", "--config", "sweep.toml", "--json"]).args(arguments).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
    };
    let mut all = lines(&[]);
    assert_eq!(all.len(), 8);
    let mut parts: Vec<String> = (1..=3).flat_map(|part| lines(&["--shard", &format!("{part}/3")])).collect();
    parts.sort();
    all.sort();
    assert_eq!(parts, all);
    bench
        .runner(&["plan", "--config", "sweep.toml"])
        .assert()
        .success()
        .stdout(predicate::str::contains("4 points, 2 replicates, 8 runs"))
        .stdout(predicate::str::contains("of all 8 runs on an idle machine: less than 1 s in all"))
        .stdout(predicate::str::contains("of training").and(predicate::str::contains("of evaluation")));
    bench.runner(&["plan", "--config", "sweep.toml", "--shard", "4/3"]).assert().code(2);
    assert!(!bench.path("results").exists());
}

#[test]
fn a_model_makes_more_music_by_itself() {
    let bench = Bench::new(SMALL);
    bench.runner(&["--config", "sweep.toml", "--shard", "1/8", "-q"]).assert().success();
    let run = first_run(&bench.path("results/small"));
    let model = run.join("model.safetensors");
    let sample = |out: &str, more: &[&str]| {
        let mut command = bench.runner(&[]);
        command
            .arg("sample")
            .arg("--model")
            .arg(&model)
            .args(["--out", out, "--count", "3", "--steps", "2"])
            .args(more);
        command.assert()
    };
    sample("one", &["--tempo", "90", "--program", "11"]).success();
    sample("two", &["--tempo", "90", "--program", "11"]).success();
    sample("other", &["--seed", "2"]).success();
    let files = |out: &str| -> Vec<Vec<u8>> {
        (0..3).map(|index| fs::read(bench.path(out).join(format!("{index}.mid"))).unwrap()).collect()
    };
    assert_eq!(files("one"), files("two"));
    assert_ne!(files("one"), files("other"));
    assert!(files("one").iter().all(|bytes| bytes.starts_with(b"MThd")));
    sample("data", &["--start", "data"]).code(2).stderr(predicate::str::contains("--corpus"));
    sample("hot", &["--temperature", "0"]).code(2).stderr(predicate::str::contains("--temperature"));
    fs::write(bench.path("broken"), b"no model").unwrap();
    bench
        .runner(&["sample", "--model", "broken"])
        .assert()
        .code(2)
        .stderr(predicate::str::contains("not a safetensors file"));
    // The samples of a model are a corpus at which its chains can start.
    sample("again", &["--start", "data", "--corpus", "one"]).success();
}

/// The likelihood in a run's record equals that of `evaluate` for its model. Methods that were not asked for are null.
#[test]
fn a_model_is_judged_by_its_likelihood() {
    let bench = Bench::new(SMALL);
    let set = ["--set", "evaluate.ais_chains=70", "--set", "evaluate.ais_temperatures=40"];
    let mut command = bench.runner(&[]);
    command.args(["--config", "sweep.toml", "--shard", "1/8", "-q", "--set", "evaluate.log_likelihood=ais"]).args(set);
    command.assert().success();
    let run = first_run(&bench.path("results/small"));
    let record = json(&run.join("result.json"));
    let metric = |name: &str| record["metrics"][name].as_f64().unwrap();
    assert!(metric("validation_log_likelihood_exact") < 0.0);
    assert!(record["timing"]["likelihood_s"].as_f64().unwrap() > 0.0);
    assert!(metric("train_log_likelihood_ceiling") >= metric("train_log_likelihood_exact"));
    assert_eq!(metric("train_log_likelihood_cautious"), metric("train_log_likelihood_exact"));
    let summary = json(&bench.path("results/small/summary.json"));
    assert_eq!(summary["ordered_by"], "validation_log_likelihood_exact_per_step");
    assert!(record["metrics"].get("test_log_likelihood_exact").is_none(), "the built-in corpus has no test songs");
    let evaluate = |more: &[&str]| {
        let mut command = bench.runner(&[]);
        command.arg("evaluate").arg("--model").arg(run.join("model.safetensors")).args(more);
        command.assert()
    };
    let report = |more: &[&str]| -> Value {
        let output = evaluate(&[more, &["--json"]].concat()).success().get_output().stdout.clone();
        serde_json::from_slice(&output).unwrap()
    };
    let exact = report(&[]);
    assert_eq!(exact["log_partition"]["exact"].as_f64(), Some(metric("log_partition_exact")));
    for split in ["train", "validation"] {
        let mean = metric(&format!("{split}_log_likelihood_exact"));
        assert_eq!(exact["log_likelihood"][split]["exact"].as_f64(), Some(mean));
        assert_eq!(exact["log_likelihood_per_step"][split]["exact"].as_f64(), Some(mean / 6.0));
    }
    assert!(exact["log_partition"]["ais"].is_null() && exact["annealing"].is_null());
    assert_eq!((&exact["corpus"]["of_the_run"], &exact["log_likelihood"]["test"]), (&Value::Bool(true), &Value::Null));
    let seed = record["seed"].as_str().unwrap();
    let both = report(&["--ais", "--exact", "--seed", seed, "--threads", "1"]);
    for way in ["exact", "ais", "reverse_ais"] {
        assert_eq!(both["log_partition"][way].as_f64(), Some(metric(&format!("log_partition_{way}"))), "{way}");
    }
    // These are null on both sides if no sample of the model is a training window.
    for way in ["anchored_ais", "anchored_samples"] {
        let recorded = record["metrics"][format!("log_partition_{way}")].as_f64();
        assert_eq!(both["log_partition"][way].as_f64(), recorded, "{way}");
    }
    let raise = metric("validation_log_likelihood_raise");
    assert_eq!(both["log_likelihood"]["validation"]["raise"].as_f64(), Some(raise));
    assert_eq!(both["annealing"]["ais"]["chains"], 70);
    let of_validation = report(&["--split", "validation"]);
    assert_eq!(of_validation["log_likelihood"].as_object().unwrap().len(), 1);
    evaluate(&[]).success().stdout(predicate::str::contains("log Z, exact"));
    evaluate(&["--split", "test"]).code(2).stderr(predicate::str::contains("--split"));
    evaluate(&["--corpus", "nowhere"]).code(2).stderr(predicate::str::contains("nowhere"));
    let (name, bytes) = &chordbench::music::builtin::songs()[0];
    fs::write(bench.path(name), bytes).unwrap();
    let other = evaluate(&["--corpus", name, "--json"]).success();
    let other = other.stderr(predicate::str::contains("not the corpus that the model was trained on"));
    let other: Value = serde_json::from_slice(&other.get_output().stdout).unwrap();
    assert_eq!(other["corpus"]["of_the_run"], false);
}

#[test]
fn a_corpus_is_listed_file_by_file() {
    let bench = Bench::new(SMALL);
    fs::create_dir_all(bench.path("midi/deep")).unwrap();
    let (name, bytes) = &chordbench::music::builtin::songs()[0];
    fs::write(bench.path("midi").join(name), bytes).unwrap();
    fs::write(bench.path("midi/deep/CUT.MID"), &bytes[..bytes.len() - 20]).unwrap();
    fs::write(bench.path("midi/noise.midi"), b"no music").unwrap();
    fs::write(bench.path("midi/readme.txt"), b"no MIDI file").unwrap();
    let output = bench.runner(&["corpus", "midi", "--json"]).output().unwrap();
    assert!(output.status.success());
    let lines: Vec<Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let status = |file: &str| lines.iter().find(|line| line["file"] == file).unwrap()["status"].clone();
    assert_eq!(lines.len(), 3);
    assert_eq!(status(name), "used");
    assert_eq!(status("deep/CUT.MID"), "damaged");
    assert_eq!(status("noise.midi"), "failed");
    bench
        .runner(&["corpus", "midi"])
        .assert()
        .success()
        .stdout(predicate::str::contains("3 files: 1 used, 0 skipped, 1 damaged, 1 failed"));
    bench.runner(&["corpus", "nowhere"]).assert().code(2).stderr(predicate::str::contains("nowhere"));
    bench.runner(&["corpus", "midi", "--set", "corpus.lowest_pitch=200"]).assert().code(2);
    let read_as = |name: &str| {
        let output = bench.runner(&["corpus", "midi", "--set", &format!("corpus.compat={name}")]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(read_as("article"), read_as("seed"));
    assert_ne!(read_as("article"), read_as("none"));
}

/// The summary of a small data set whose splits share music is worked out by hand.
#[test]
fn a_corpus_is_summed_up_by_split() {
    let bench = Bench::new(SMALL);
    let set = r#"{"train": [[[60], [60, 64], [], [60]], [[62], [62]]], "valid": [[[61], [61, 65], [], [61]]],
        "test": [[[60], [60, 64], [], [60]], [[60], [60]]]}"#;
    fs::write(bench.path("set.json"), set).unwrap();
    let summary = |more: &[&str]| {
        let output = bench.runner(&["corpus", "set.json", "--summary", "--json"]).args(more).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let plain = summary(&["--set", "model.timesteps=2"]);
    assert_eq!((&plain["units"], &plain["timesteps"]), (&88.into(), &2.into()));
    let sizes = |split: &str| ["songs", "steps", "windows"].map(|key| plain["splits"][split][key].as_u64().unwrap());
    assert_eq!([sizes("training"), sizes("validation"), sizes("test")], [[2, 6, 3], [1, 4, 2], [2, 6, 3]]);
    let repeats = |kind: &str, split: &str| plain["duplicates"][kind][split].clone();
    assert_eq!(repeats("songs", "test")["in_training"], 1);
    assert_eq!(repeats("songs", "validation")["in_training"], 0);
    assert_eq!(repeats("songs_transposed", "validation")["in_training"], 1);
    assert_eq!(repeats("songs_transposed", "test")["in_validation"], 1);
    assert_eq!(repeats("windows", "test")["in_training"], 2);
    assert_eq!(repeats("steps", "training")["repeated"], 2);
    // In the six training steps, 60, 62 and 64 occur 3, 2 and 1 times. The other 85 pitches never occur.
    let on = |count: f64| ((count + 1.0) / 8.0f64).ln();
    let off = |count: f64| (1.0 - (count + 1.0) / 8.0f64).ln();
    let never = 85.0 * off(0.0);
    let first = [on(3.0) + off(2.0) + off(1.0), on(3.0) + off(2.0) + on(1.0), off(3.0) + off(2.0) + off(1.0)];
    let steps = [first[0], first[1], first[2], first[0], first[0], first[0]];
    let mean = |steps: &[f64]| steps.iter().sum::<f64>() / steps.len() as f64 + never;
    let score = |key: &str| plain["splits"]["test"][key].as_f64().unwrap();
    assert!((score("bernoulli_log_likelihood_per_step") - mean(&steps)).abs() < 1e-12);
    let by_song = f64::midpoint(mean(&steps[..4]), mean(&steps[4..]));
    assert!((score("bernoulli_log_likelihood_per_step_by_song") - by_song).abs() < 1e-12);

    // With transpositions, the training split also holds the validation song.
    let keys = summary(&["--set", "model.timesteps=4", "--set", "corpus.transpose=[1, 46]"]);
    assert_eq!((&keys["transposed_songs"], &keys["transpositions_left_out"]), (&3.into(), &1.into()));
    assert_eq!(keys["duplicates"]["windows"]["validation"]["in_training"], 1);
    let overlap = summary(&["--set", "model.timesteps=2", "--set", "corpus.stride=1"]);
    assert_eq!(overlap["splits"]["training"]["windows"], 4);
    assert_eq!(overlap["splits"]["test"]["windows"], 3);
    bench
        .runner(&["corpus", "set.json", "--summary"])
        .assert()
        .success()
        .stdout(predicate::str::contains("mean of all steps").and(predicate::str::contains("in training")));
    fs::write(bench.path("twice.json"), r#"{"train": [[[60]]], "train": []}"#).unwrap();
    bench.runner(&["corpus", "twice.json"]).assert().code(2).stderr(
        predicate::str::contains("twice.json").and(predicate::str::contains("\"train\" appears more than once")),
    );
}

/// The published scores are those of independent Bernoulli units with add-one counts on the test split, in nats a step.
#[test]
fn the_published_baselines_are_reproduced_to_the_third_decimal() {
    let folder = std::env::var_os("CHORDBENCH_DATA")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data")), PathBuf::from);
    let published = [("jsb_chorales.json", -11.061), ("nottingham.json", -10.252), ("piano_midi_de.json", -11.046)];
    for (name, published) in published {
        let path = folder.join("polyphonic").join(name);
        if !path.exists() {
            eprintln!("skipped: {} does not exist; CHORDBENCH_DATA names the folder", path.display());
            continue;
        }
        let bench = Bench::new(SMALL);
        let output = bench.runner(&[]).arg("corpus").arg(&path).args(["--summary", "--json"]).output().unwrap();
        let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
        let score = summary["splits"]["test"]["bernoulli_log_likelihood_per_step"].as_f64().unwrap();
        assert!((score - published).abs() < 5e-4, "{name}: {score}");
    }
}
