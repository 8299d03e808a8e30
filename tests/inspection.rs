//! The verbs that tell what is so: log as JSON, completions, manual pages.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use assert_cmd::Command;
use predicates::prelude::*;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;

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

/// A folder to work in, with a configuration in it.
struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn new(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("sweep.toml"), config).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn runner(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_runner"));
        command.current_dir(self.folder.path()).args(arguments);
        command
    }
}

/// Every line of a text as a JSON object.
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
    // Quiet and unwatched, nothing; the same command in plain form, no JSON.
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
