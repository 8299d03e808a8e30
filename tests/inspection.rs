//! Tests of the verbs that inspect (status, compare, verify, doctor), of logs as JSON, of completions, of manual pages.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "../benches/support/folders.rs"]
mod folders;
mod support;

use chordbench::sweep::{EpochRecord, RunRecord, digest};
use predicates::prelude::*;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use support::{Bench, first_run, json};

const SMALL: &str = r#"
name = "small"
[model]
hidden = 4
timesteps = 6
[train]
epochs = 2
[evaluate]
pseudo_likelihood_windows = 5
windows = 50
[sample]
count = 2
start = "noise"
[sweep.grid]
"train.k" = [1, 2]
[replicates]
count = 3
"#;

/// Parses every line of a text as a JSON object.
fn objects(text: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(text).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))).collect()
}

#[test]
fn under_json_every_line_of_the_log_is_an_object() {
    let bench = Bench::new(SMALL);
    fs::create_dir(bench.path("midi")).unwrap();
    for (name, bytes) in &chordbench::music::builtin::songs()[..20] {
        fs::write(bench.path("midi").join(name), bytes).unwrap();
    }
    fs::write(bench.path("midi/noise.mid"), b"no music").unwrap();
    let arguments = ["--config", "sweep.toml", "--set", "corpus.path=midi", "--log-format", "json", "--jobs", "1"];
    let output = bench.runner(&arguments).output().unwrap();
    assert!(output.status.success());
    let lines = objects(&output.stderr);
    for line in &lines {
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z') && line["message"].is_string(), "{line}");
    }
    let of = |event: &str| lines.iter().filter(|line| line["event"] == event).collect::<Vec<_>>();
    assert!(
        lines.iter().any(|line| line["level"] == "WARN" && line["message"].as_str().unwrap().contains("noise.mid"))
    );
    assert_eq!((of("sweep_started").len(), of("run_started").len(), of("sweep_finished").len()), (1, 6, 1));
    assert_eq!(of("sweep_started")[0]["runs"], 6);
    let finished = of("run_finished");
    assert_eq!(finished.len(), 6);
    for (index, run) in finished.iter().enumerate() {
        let record = bench.path("results/small/runs").join(run["run_id"].as_str().unwrap()).join("result.json");
        let record: Value = serde_json::from_slice(&fs::read(record).unwrap()).unwrap();
        assert_eq!((&run["status"], &run["digest"]), (&record["status"], &record["digest"]));
        assert_eq!(run["total_s"], record["timing"]["total_s"]);
        assert_eq!(run["complete"], index + 1);
    }
    // A quiet call logs nothing. A call without progress logs no events.
    let quiet = bench.runner(&arguments).arg("-q").output().unwrap();
    assert!(quiet.stderr.is_empty());
    let never = bench.runner(&arguments).args(["--progress", "never"]).output().unwrap();
    assert!(objects(&never.stderr).iter().all(|line| line.get("event").is_none()));
    bench.runner(&arguments[..4]).assert().stderr(predicate::str::contains("{").not());
}

#[test]
fn under_json_mistakes_have_their_place() {
    let bench = Bench::new("name = \"wrong\"\n[train]\nk = 0\nepocs = 3\n");
    let output = bench.runner(&["plan", "--config", "sweep.toml", "--log-format", "json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let lines = objects(&output.stderr);
    assert_eq!(lines.len(), 2);
    assert!(lines.iter().all(|line| line["level"] == "ERROR" && line["file"] == "sweep.toml"));
    let mut places: Vec<u64> = lines.iter().map(|line| line["line"].as_u64().unwrap()).collect();
    places.sort_unstable();
    assert_eq!(places, [3, 4]);
    let excluded = "[sweep.grid]\n\"train.k\" = [1, 2]\n[[sweep.exclude]]\n\"train.k\" = 9\n";
    fs::write(bench.path("sweep.toml"), excluded).unwrap();
    let output = bench.runner(&["plan", "--config", "sweep.toml", "--log-format", "json"]).output().unwrap();
    assert!(output.status.success());
    let lines = objects(&output.stderr);
    assert_eq!((lines.len(), &lines[0]["level"], &lines[0]["line"]), (1, &"WARN".into(), &3.into()));
}

#[test]
fn shells_and_readers_of_manuals_are_served() {
    let bench = Bench::new("");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = bench.runner(&["completions", shell]).output().unwrap();
        assert!(script.status.success());
        let script = String::from_utf8(script.stdout).unwrap();
        for word in ["corpus", "threads-per-run", "log-format"] {
            assert!(script.contains(word), "{shell}: no {word}");
        }
    }
    bench.runner(&["completions", "tcsh"]).assert().code(2).stderr(predicate::str::contains("fish"));
    bench.runner(&["man"]).assert().success().stdout(predicate::str::contains(".TH runner 1"));
    bench.runner(&["man", "--out", "man1"]).assert().success();
    for page in ["runner.1", "runner-run.1", "runner-corpus.1"] {
        assert!(fs::read_to_string(bench.path("man1").join(page)).unwrap().contains(".SH"), "{page}");
    }
    fs::write(bench.path("taken"), "").unwrap();
    bench.runner(&["man", "--out", "taken"]).assert().code(1).stderr(predicate::str::contains("taken"));
}

#[test]
fn results_are_compared_with_each_other() {
    let bench = Bench::new(SMALL);
    for (out, epochs) in [("a", "2"), ("same", "2"), ("trained", "40")] {
        let epochs = format!("train.epochs={epochs}");
        let sets = ["--set", &epochs, "--set", "train.learning_rate=0.05"];
        bench.runner(&["--config", "sweep.toml", "-q", "--jobs", "1", "--out", out]).args(sets).assert().success();
    }
    bench
        .runner(&["compare", "a/small", "same/small", "--metric", "validation_pseudo_log_likelihood"])
        .assert()
        .code(0)
        .stdout(predicate::str::contains("2 configurations in both; bit-identical in 6 of 6 runs"))
        .stdout(predicate::str::contains("No regression."));
    let compare = |a: &str, b: &str, more: &[&str]| -> (Option<i32>, Value) {
        let output = bench.runner(&["compare", a, b, "--json", "--threshold", "1000"]).args(more).output().unwrap();
        (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_default())
    };
    // More training is better, certainly with three replicates whose seeds pair, and less is worse.
    let metric = ["--metric", "train_pseudo_log_likelihood", "--threshold", "train_pseudo_log_likelihood=1"];
    let (better, comparison) = compare("a/small", "trained/small", &metric);
    assert_eq!(better, Some(0));
    assert_eq!(comparison["apart"]["train.epochs"], serde_json::json!([2, 40]));
    let overall = &comparison["metrics"][0]["overall"];
    assert_eq!((&overall["method"], &overall["verdict"]), (&"over-replicates".into(), &"within".into()));
    let mean = |folder: &str| {
        let summary = json(&bench.path(folder).join("small/summary.json"));
        let points = summary["points"].as_array().unwrap().clone();
        points
            .iter()
            .map(|point| point["metrics"]["train_pseudo_log_likelihood"]["mean"].as_f64().unwrap())
            .sum::<f64>()
            / points.len() as f64
    };
    let change = overall["change"].as_f64().unwrap();
    assert!((change - (mean("trained") - mean("a"))).abs() < 1e-9 && change > 1.0, "{change}");
    assert_eq!(compare("trained/small", "a/small", &metric).0, Some(3));
    bench
        .runner(&["compare", "trained/small", "a/small", "--by-configuration"])
        .assert()
        .code(3)
        .stdout(predicate::str::contains("A and B differ in train.epochs: 40 in A, 2 in B"))
        .stdout(predicate::str::contains("REGRESSION: train_log_likelihood_exact\n"))
        .stdout(predicate::str::contains("\n   train.k=2 "));
    // Single runs can be compared too, without intervals.
    let [one, other] = ["a", "same"].map(|out| first_run(&bench.path(out).join("small")).display().to_string());
    let (code, comparison) = compare(&one, &other, &[]);
    assert_eq!((code, &comparison["identical"]["same"]), (Some(0), &1.into()));
    assert_eq!(comparison["metrics"][0]["overall"]["interval"], Value::Null);

    let wrong = |arguments: &[&str], message: &str| {
        bench.runner(arguments).assert().code(2).stderr(predicate::str::contains(message));
    };
    wrong(&["compare", "a/small", "nowhere"], "nowhere is not a folder of results");
    wrong(&["compare", "a/small", "a/small", "--metric", "pll"], "no record has `pll`");
    wrong(&["compare", "a/small", "a/small", "--threshold=-1"], "expected a number from 0");
    wrong(&["compare", "a/small", "a/small", "--confidence", "95"], "such as 0.95");
}

#[test]
fn verification_finds_what_was_changed() {
    let bench = Bench::new(SMALL);
    bench.runner(&["--config", "sweep.toml", "-q"]).assert().success();
    let results = bench.path("results/small");
    let verify = |arguments: &[&str]| {
        let mut all = vec!["verify", "results/small"];
        all.extend(arguments);
        bench.runner(&all).assert()
    };
    verify(&[]).code(0).stdout("6 runs checked, 0 run again: all as recorded\n");
    verify(&["--all", "--isa", "scalar", "--threads-per-run", "2"])
        .code(0)
        .stdout(predicate::str::contains("the same again").count(6));
    let output = verify(&["--random", "2", "--seed", "3", "--json"]).code(0).get_output().stdout.clone();
    let lines = objects(&output);
    assert_eq!((lines.len(), lines.iter().filter(|line| line["run_again"] == true).count()), (6, 2));

    let run = first_run(&results);
    let run_id = run.file_name().unwrap().to_str().unwrap();
    let named = |fault: &'static str| predicate::str::contains(format!("run {run_id}: {fault}"));
    let spoil = |name: &str, change: &dyn Fn(Vec<u8>) -> Vec<u8>, check: &dyn Fn()| {
        let before = fs::read(run.join(name)).unwrap();
        fs::write(run.join(name), change(before.clone())).unwrap();
        check();
        fs::write(run.join(name), before).unwrap();
    };
    let flip = |mut bytes: Vec<u8>| {
        *bytes.last_mut().unwrap() ^= 1;
        bytes
    };
    spoil("model.safetensors", &flip, &|| {
        verify(&[]).code(1).stdout(named("FILE model.safetensors has other bytes"));
        verify(&["--run", &run_id[..6]]).code(1).stdout(named("FILE model.safetensors has other bytes"));
    });
    let worse = |bytes: Vec<u8>| {
        let mut record: RunRecord = serde_json::from_slice(&bytes).unwrap();
        record.metrics.insert("train_reconstruction_error".into(), Some(0.0));
        serde_json::to_vec(&record).unwrap()
    };
    spoil("result.json", &worse, &|| drop(verify(&[]).code(1).stdout(named("RECORD"))));

    // A consistent forgery is found only if the run is done again.
    let mut record: RunRecord = serde_json::from_slice(&fs::read(run.join("result.json")).unwrap()).unwrap();
    let lines = fs::read_to_string(run.join("epochs.jsonl")).unwrap();
    let mut epochs: Vec<EpochRecord> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    epochs[1].metrics.insert("train_reconstruction_error".into(), Some(0.25));
    record.digest = digest(&record, &epochs);
    fs::write(run.join("result.json"), serde_json::to_vec(&record).unwrap()).unwrap();
    let lines: Vec<String> = epochs.iter().map(|epoch| serde_json::to_string(epoch).unwrap()).collect();
    fs::write(run.join("epochs.jsonl"), lines.join("\n")).unwrap();
    verify(&[]).code(0);
    verify(&["--run", run_id]).code(1).stdout(named("OTHER RESULT")).stdout(predicate::str::contains(
        "the first difference is in epoch 1, metric train_reconstruction_error: recorded 0.25, now ",
    ));

    fs::remove_file(run.join("samples/0.mid")).unwrap();
    verify(&[]).code(1).stdout(named("FILE samples/0.mid cannot be read"));
    verify(&["--run", "zz"]).code(2).stderr(predicate::str::contains("begins with `zz`"));
    verify(&["--random", "1", "--isa", "sse9"]).code(2).stderr(predicate::str::contains("sse9"));
    bench.runner(&["verify", "nowhere"]).assert().code(2).stderr(predicate::str::contains("nowhere"));
    bench.runner(&["verify", "results/small", "--all", "--random", "2"]).assert().code(2);
}

#[test]
fn verification_follows_a_corpus_that_has_moved() {
    let bench = Bench::new(SMALL);
    for (folder, songs) in [("midi", 0..20), ("other", 20..40)] {
        fs::create_dir(bench.path(folder)).unwrap();
        for (name, bytes) in &chordbench::music::builtin::songs()[songs] {
            fs::write(bench.path(folder).join(name), bytes).unwrap();
        }
    }
    bench.runner(&["--config", "sweep.toml", "-q", "--set", "corpus.path=midi"]).assert().success();
    fs::rename(bench.path("midi"), bench.path("moved [1]")).unwrap();
    let verify = |arguments: &[&str]| {
        let mut all = vec!["verify", "results/small", "--random", "1", "-q"];
        all.extend(arguments);
        bench.runner(&all).assert()
    };
    verify(&[]).code(2).stderr(predicate::str::contains("--corpus PATH"));
    verify(&["--corpus", "moved [1]"]).code(0);
    verify(&["--corpus", "other"]).code(2).stderr(predicate::str::contains("was trained on a corpus of digest"));
}

#[test]
fn the_doctor_names_what_is_wrong_and_what_helps() {
    let bench = Bench::new("");
    let doctor = |arguments: &[&str]| {
        let mut command = bench.runner(&["doctor"]);
        command.args(arguments).env_remove("CHORDBENCH_ISA");
        command
    };
    let output = doctor(&["--json"]).output().unwrap();
    let diagnosis: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &diagnosis["healthy"]), (Some(0), &true.into()), "{diagnosis}");
    let speed = diagnosis["speed"].as_array().unwrap();
    assert!(speed.len() >= 4 && speed.iter().all(|speed| speed["updates_per_s"].as_f64().unwrap() > 0.0));
    assert!(diagnosis["machine"]["isas"].as_array().unwrap().contains(&"scalar".into()));
    assert!(!bench.path("results").exists());
    doctor(&[])
        .env("CHORDBENCH_ISA", "sse9")
        .assert()
        .code(1)
        .stdout(predicate::str::contains("WRONG  instruction set"))
        .stdout(predicate::str::contains("→ unset CHORDBENCH_ISA"));
    fs::write(bench.path("taken"), "").unwrap();
    doctor(&["--out", "taken/results"])
        .assert()
        .code(1)
        .stdout(predicate::str::contains("WRONG  results folder"))
        .stdout(predicate::str::contains("Something is wrong"));
}

/// All that a status reports is planted file by file.
#[test]
fn the_status_tells_what_is_so() {
    let bench = Bench::new(SMALL);
    bench.runner(&["status", "results/small"]).assert().code(2).stderr(predicate::str::contains("plan.json"));
    bench.runner(&["--config", "sweep.toml", "-q"]).assert().success();
    let results = bench.path("results/small");
    let status = || -> (Option<i32>, Value) {
        let output = bench.runner(&["status", "results/small", "--json"]).output().unwrap();
        (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
    };
    let (code, complete) = status();
    assert_eq!((code, &complete["ok"], &complete["forecast"]), (Some(0), &6.into(), &Value::Null));
    bench
        .runner(&["status", "--config", "sweep.toml"])
        .assert()
        .code(0)
        .stdout(predicate::str::contains("6 of 6 runs done, 0 failed, 0 running, 0 interrupted, 0 missing"));

    // The three replicates of k = 1 took 10 s each, those of k = 2 took 30 s.
    let plan = json(&results.join("plan.json"));
    let runs: Vec<PathBuf> = plan["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| results.join("runs").join(run["run_id"].as_str().unwrap()))
        .collect();
    for (index, run) in runs.iter().enumerate() {
        let mut record = json(&run.join("result.json"));
        record["timing"]["total_s"] = if index < 3 { 10.0 } else { 30.0 }.into();
        fs::write(run.join("result.json"), record.to_string()).unwrap();
    }
    let near = |value: &Value, expected: f64| (value.as_f64().unwrap() - expected).abs() < 1e-6;
    fs::remove_file(runs[5].join("result.json")).unwrap();
    let (code, status_now) = status();
    let forecast = &status_now["forecast"];
    assert_eq!((code, &status_now["missing"][0]), (Some(4), &plan["runs"][5]["run_id"]));
    assert!(
        near(&forecast["work_s"], 30.0) && near(&forecast["left_s"], 30.0),
        "replicates are the best guide: {forecast}"
    );
    assert!(near(&forecast["runs_per_hour"], 120.0), "{forecast}");

    // Without a replicate the forecast goes by size: 1 + k is half as much again.
    fs::remove_file(runs[4].join("result.json")).unwrap();
    fs::remove_file(runs[3].join("result.json")).unwrap();
    let forecast = status().1["forecast"].clone();
    assert!(near(&forecast["work_s"], 45.0) && near(&forecast["left_s"], 45.0), "{forecast}");

    // Two runs are at work, each with one of two epochs done. One has been silent for an hour.
    let claim = |run: &Path| {
        let claim = serde_json::json!({"schema": 1, "host": "elsewhere", "pid": 4711, "process": null, "token": "t",
            "job": "88_2", "epoch": 1, "epochs": 2, "claimed_at": 0});
        fs::write(run.join("claim.json"), claim.to_string()).unwrap();
    };
    claim(&runs[3]);
    claim(&runs[4]);
    let silent = fs::File::options().write(true).open(runs[4].join("claim.json")).unwrap();
    silent.set_modified(std::time::SystemTime::now() - std::time::Duration::from_hours(1)).unwrap();
    let (code, status_now) = status();
    assert_eq!(code, Some(4));
    let running = &status_now["running"][0];
    assert_eq!(
        (&running["host"], &running["pid"], &running["job"]),
        (&"elsewhere".into(), &4711.into(), &"88_2".into())
    );
    assert_eq!((&running["epoch"], &running["epochs"]), (&1.into(), &2.into()));
    assert!(running["silent_s"].as_f64().unwrap() < 60.0 && running["running_s"].as_f64().unwrap() > 1e9);
    let interrupted = &status_now["interrupted"][0];
    assert_eq!((&interrupted["cause"], &interrupted["epoch"]), (&"vanished".into(), &1.into()));
    let forecast = &status_now["forecast"];
    assert!(near(&forecast["work_s"], 7.5 + 7.5 + 15.0) && forecast["at_once"] == 1, "{forecast}");
    fs::remove_file(runs[4].join("claim.json")).unwrap();
    claim(&runs[4]);
    let forecast = status().1["forecast"].clone();
    assert!(near(&forecast["left_s"], 15.0), "two at once, and the run that is missing as long as both: {forecast}");
    bench
        .runner(&["status", "results/small"])
        .assert()
        .code(4)
        .stdout(predicate::str::contains("3 of 6 runs done, 0 failed, 2 running, 0 interrupted, 1 missing"))
        .stdout(predicate::str::contains("epoch 1 of 2  on elsewhere, process 4711, job 88_2, for"))
        .stdout(predicate::str::contains("time left: 15 s"));

    // One more run was stopped by a signal, and one failed.
    fs::remove_file(runs[4].join("claim.json")).unwrap();
    let stopped = serde_json::json!({"schema": 1, "run_id": plan["runs"][4]["run_id"], "cause": "signal",
        "reason": "SIGTERM", "epoch": 0, "epochs": 2, "spent_s": 1.0});
    fs::write(runs[4].join("interrupted.json"), stopped.to_string()).unwrap();
    let mut record = json(&runs[0].join("result.json"));
    (record["status"], record["error"]) = ("failed".into(), "it diverged".into());
    fs::write(runs[0].join("result.json"), record.to_string()).unwrap();
    bench
        .runner(&["status", "results/small"])
        .assert()
        .code(4)
        .stdout(predicate::str::contains("epoch 0 of 2  SIGTERM"))
        .stdout(predicate::str::contains("train.k=1  it diverged"));
    // When all runs are done, the exit code reports the failure.
    for run in &runs[3..] {
        let name = run.file_name().unwrap().to_str().unwrap();
        let text = fs::read_to_string(runs[1].join("result.json")).unwrap();
        let own = runs[1].file_name().unwrap().to_str().unwrap();
        fs::write(run.join("result.json"), text.replace(own, name)).unwrap();
    }
    assert_eq!(status().0, Some(1));
}

/// The status and the plan of 10,000 runs take no noticeable time. The bound is generous, for a busy machine and a
/// debug build; `cargo bench --bench folders` measures.
#[test]
fn ten_thousand_runs_are_looked_at_at_once() {
    let sweep = folders::Folders::planned(Path::new(env!("CARGO_BIN_EXE_runner"))).unwrap();
    sweep.complete(0..folders::RUNS - 1).unwrap();
    let start = std::time::Instant::now();
    let status: Value = serde_json::from_slice(&sweep.call(&["status", "results/many", "--json"]).unwrap()).unwrap();
    assert_eq!((&status["ok"], status["missing"].as_array().unwrap().len()), (&9999.into(), 1));
    assert_eq!(status["forecast"]["finished"], 9999);
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
    assert!(sweep.results().join("plan.json").is_file());
    let start = std::time::Instant::now();
    let plan = String::from_utf8(sweep.call(&["plan", "--config", "many.toml"]).unwrap()).unwrap();
    // A header, the runs, their number and their time.
    assert_eq!(plan.lines().count(), 1 + folders::RUNS + 2);
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
}

/// The status shows a run at work, and shows it as interrupted as soon as its process is gone.
#[cfg(target_os = "linux")]
#[test]
fn a_process_at_work_is_seen_and_so_is_its_end() {
    let bench = Bench::new(SMALL);
    let arguments = ["--config", "sweep.toml", "-q", "--jobs", "1", "--set", "train.epochs=1000000"];
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_runner"))
        .current_dir(bench.folder.path())
        .args(arguments)
        .spawn()
        .unwrap();
    let status = || -> (Option<i32>, Value) {
        let output = bench.runner(&["status", "results/small", "--json"]).output().unwrap();
        (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_default())
    };
    let running = || status().1["running"].as_array().filter(|running| !running.is_empty()).cloned();
    // Waits a hundred seconds at most, since the machine may be busy.
    let seen = (0..1000).find_map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        running()
    });
    child.kill().unwrap();
    child.wait().unwrap();
    let seen = seen.unwrap();
    assert_eq!((seen.len(), &seen[0]["pid"], &seen[0]["epochs"]), (1, &child.id().into(), &1_000_000.into()));
    let (code, after) = status();
    assert_eq!(code, Some(4));
    assert_eq!((&after["running"], &after["interrupted"][0]["cause"]), (&Value::Array(vec![]), &"vanished".into()));
    assert_eq!(after["interrupted"][0]["run_id"], seen[0]["run_id"]);
    assert_eq!(after["missing"].as_array().unwrap().len(), 5);
}
