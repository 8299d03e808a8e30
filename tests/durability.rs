//! Tests of sweeps that are killed, interrupted, shared, out of time or out of space.
//!
//! No complete run is lost or done twice, and a run that continues ends with the same bits.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use chordbench::sweep::ModelFile;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A sweep of many small runs with all kinds of training, and a longer one.
const MANY: &str = r#"
name = "many"
[corpus]
min_steps = 250
[model]
hidden = 5
timesteps = 16
[train]
epochs = 2
momentum = 0.5
[evaluate]
pseudo_likelihood_windows = 2
windows = 30
[sample]
count = 2
steps = 2
start = "noise"
[run]
jobs = 2
checkpoint_seconds = 0.03
[sweep.grid]
"train.method" = ["cd", "pcd"]
"train.statistics" = ["probabilities", "samples"]
"model.hidden" = [4, 5, 6, 7]
[[sweep.include]]
"train.epochs" = 120
"train.method" = "pcd"
"train.early_stopping_metric" = "reconstruction-error"
"train.early_stopping_patience" = 1000
"evaluate.every" = 3
"#;

/// A sweep of one run that takes a few seconds.
const LONG: &str = r#"
name = "long"
[model]
hidden = 20
timesteps = 8
[train]
epochs = 150
averaged_epochs = 120
method = "pcd"
momentum = 0.5
[evaluate]
every = 5
pseudo_likelihood_windows = 2
windows = 30
[sample]
count = 2
[run]
jobs = 1
checkpoint_seconds = 0.1
"#;

/// A temporary folder with a configuration.
struct Bench {
    folder: tempfile::TempDir,
    name: &'static str,
}

impl Bench {
    fn new(name: &'static str, config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("sweep.toml"), config).unwrap();
        Self { folder, name }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_runner"));
        command.current_dir(self.folder.path()).args(["--config", "sweep.toml"]).args(arguments);
        command.stdin(Stdio::null());
        command
    }

    /// Runs the sweep to the end.
    fn finish(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs the sweep to the end, and asserts success.
    fn succeed(&self, arguments: &[&str]) -> Output {
        let output = self.finish(arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output
    }

    fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn results(&self) -> PathBuf {
        self.folder.path().join("results").join(self.name)
    }

    /// Returns the folder of every run by its name.
    fn runs(&self) -> BTreeMap<String, PathBuf> {
        let Ok(entries) = fs::read_dir(self.results().join("runs")) else { return BTreeMap::new() };
        let folders = entries.map(|entry| entry.unwrap().path());
        folders.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), path)).collect()
    }

    /// Returns the folder of the only run.
    fn run(&self) -> PathBuf {
        self.runs().into_values().next().unwrap()
    }

    /// Returns the bytes of every `result.json` that exists.
    fn results_of_runs(&self) -> BTreeMap<String, Vec<u8>> {
        let read = |(name, folder): (String, PathBuf)| Some((name, fs::read(folder.join("result.json")).ok()?));
        self.runs().into_iter().filter_map(read).collect()
    }
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Removes the fields that depend on time or machine.
fn deterministic(mut value: Value) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.retain(|name, _| !matches!(name.as_str(), "timing" | "environment"));
                fields.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    strip(&mut value);
    value
}

/// Returns the reproducible results of a sweep: the bytes of files by their path below the folder.
fn results(bench: &Bench) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for (name, folder) in bench.runs() {
        files
            .insert(format!("{name}/result.json"), deterministic(json(&folder.join("result.json"))).to_string().into());
        let epochs = fs::read_to_string(folder.join("epochs.jsonl")).unwrap();
        let epochs: Vec<Value> =
            epochs.lines().map(|line| deterministic(serde_json::from_str(line).unwrap())).collect();
        files.insert(format!("{name}/epochs.jsonl"), Value::from(epochs).to_string().into());
        files.insert(format!("{name}/model"), fs::read(folder.join("model.safetensors")).unwrap());
        for sample in fs::read_dir(folder.join("samples")).unwrap() {
            let path = sample.unwrap().path();
            files.insert(format!("{name}/{}", path.file_name().unwrap().display()), fs::read(path).unwrap());
        }
        for gone in ["claim.json", "checkpoint.safetensors", "interrupted.json"] {
            assert!(!folder.join(gone).exists(), "{gone} stays behind in a complete run");
        }
        for entry in fs::read_dir(&folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(!name.starts_with(".after-") && !name.starts_with(".claim-"), "{name} stays behind");
        }
    }
    let summary = deterministic(json(&bench.results().join("summary.json")));
    files.insert("summary.json".into(), summary.to_string().into());
    // A process killed before it claims its entry leaves the entry empty.
    let entries = fs::read_dir(bench.results().join(".processes")).into_iter().flatten();
    for entry in entries {
        assert!(!entry.unwrap().path().join("claim.json").exists(), "a process that has ended is still listed");
    }
    files
}

fn assert_same(found: &BTreeMap<String, Vec<u8>>, expected: &BTreeMap<String, Vec<u8>>) {
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (name, bytes) in expected {
        assert!(found[name] == *bytes, "{name} differs");
    }
}

/// A sequence of numbers from 0 to below 1 that follows from a seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        // splitmix64 (Steele, Lea and Flood 2014).
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ word >> 31) as f64 / 2f64.powi(64)
    }
}

/// Fifty kills come at random moments (seed 7), uniform over the time that the sweep takes undisturbed. A sweep that
/// completes is compared, and another one begun.
#[test]
fn fifty_kills_lose_nothing_repeat_nothing_and_change_nothing() {
    const KILLS: usize = 50;
    let undisturbed = Bench::new("many", MANY);
    let start = Instant::now();
    undisturbed.succeed(&[]);
    let duration = start.elapsed();
    let expected = results(&undisturbed);
    let mut random = Random(7);
    let (mut kills, mut sweeps, mut continued) = (0, 0, 0);
    while kills < KILLS {
        let bench = Bench::new("many", MANY);
        let mut complete = BTreeMap::new();
        let check = |complete: &mut BTreeMap<String, Vec<u8>>| {
            let now = bench.results_of_runs();
            for (name, bytes) in complete.iter() {
                assert!(now.get(name) == Some(bytes), "run {name} was complete and was lost or done again");
            }
            *complete = now;
        };
        loop {
            // After the last kill the sweep may end.
            let mut child = bench.start(&["-q"]);
            if kills < KILLS {
                std::thread::sleep(duration.mul_f64(random.next()));
            } else {
                child.wait().unwrap();
            }
            let ended = child.try_wait().unwrap();
            child.kill().unwrap();
            let output = child.wait_with_output().unwrap();
            check(&mut complete);
            if ended.is_some() {
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                break;
            }
            kills += 1;
        }
        assert_same(&results(&bench), &expected);
        let records = bench.runs().into_values().map(|folder| json(&folder.join("result.json")));
        continued += records.filter(|record| record["timing"]["continued"].as_u64().unwrap() > 0).count();
        sweeps += 1;
    }
    assert!(continued > 0, "no run continued from a checkpoint, in {sweeps} sweeps");
}

/// A way to damage the folder of a run.
type Damage = fn(&Path);

/// Waits until the run has trained some epochs and left a checkpoint.
fn wait_until_under_way(bench: &Bench) {
    let deadline = Instant::now() + Duration::from_mins(2);
    while Instant::now() < deadline {
        let runs = bench.runs();
        if runs.values().any(|run| run.join("checkpoint.safetensors").exists()) {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("no checkpoint after two minutes");
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

#[test]
fn signals_stop_a_run_at_a_checkpoint_that_it_goes_on_from() {
    let undisturbed = Bench::new("long", LONG);
    undisturbed.succeed(&[]);
    let expected = results(&undisturbed);
    let cases = [
        (&[Signal::INT][..], 130, "SIGINT"),
        (&[Signal::TERM], 143, "SIGTERM"),
        (&[Signal::USR1], 143, "SIGUSR1: the time limit of the job is near"),
        (&[Signal::HUP], 129, "SIGHUP: the terminal is gone"),
        // `timeout` signals a child and its group: one request arrives twice.
        (&[Signal::INT, Signal::INT], 130, "SIGINT"),
        (&[Signal::TERM, Signal::TERM], 143, "SIGTERM"),
        (&[Signal::HUP, Signal::HUP, Signal::HUP], 129, "SIGHUP: the terminal is gone"),
    ];
    for (signals, code, reason) in cases {
        let bench = Bench::new("long", LONG);
        let child = bench.start(&[]);
        wait_until_under_way(&bench);
        for &own in signals {
            signal(&child, own);
        }
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{signals:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(!bench.run().join("result.json").exists(), "{signals:?} came too late to test anything");
        let interrupted = json(&bench.run().join("interrupted.json"));
        assert_eq!((&interrupted["cause"], &interrupted["reason"]), (&"signal".into(), &reason.into()));
        assert_eq!(interrupted["epochs"], 150);
        assert!(!bench.run().join("claim.json").exists());
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains("0 of 1 runs done, 0 failed, 1 missing"), "{text}");
        bench.succeed(&[]);
        assert_same(&results(&bench), &expected);
        assert_eq!(json(&bench.run().join("result.json"))["timing"]["continued"], 1);
    }
}

/// A program under `nohup` outlives its terminal.
#[test]
fn a_hang_up_that_is_ignored_stays_so() {
    let bench = Bench::new("long", LONG);
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' HUP; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_runner")]);
    command.args(["--config", "sweep.toml"]).current_dir(bench.folder.path());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until_under_way(&bench);
    signal(&child, Signal::HUP);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_verification_that_is_stopped_leaves_nothing_behind() {
    let bench = Bench::new("long", LONG);
    bench.succeed(&[]);
    let scratch = bench.folder.path().join("tmp");
    fs::create_dir(&scratch).unwrap();
    for (signals, code) in [(&[Signal::TERM][..], 143), (&[Signal::INT, Signal::INT], 130), (&[Signal::HUP], 129)] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_runner"));
        command.arg("verify").arg(bench.results()).args(["--all", "-q"]).env("TMPDIR", &scratch);
        let mut child = command.current_dir(bench.folder.path()).stderr(Stdio::piped()).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_mins(2);
        let under_way = || {
            let folders = fs::read_dir(&scratch).unwrap().flatten();
            folders
                .map(|folder| folder.path().join("runs"))
                .any(|runs| fs::read_dir(runs).is_ok_and(|runs| runs.count() > 0))
        };
        while !under_way() {
            assert!(Instant::now() < deadline && child.try_wait().unwrap().is_none(), "nothing is run again");
            std::thread::sleep(Duration::from_millis(5));
        }
        for &own in signals {
            signal(&child, own);
        }
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(fs::read_dir(&scratch).unwrap().count(), 0, "{signals:?}");
    }
}

/// Two processes that start at the same moment share the runs and have the same summary.
#[test]
fn two_processes_share_a_folder() {
    let alone = Bench::new("many", MANY);
    alone.succeed(&[]);
    let bench = Bench::new("many", MANY);
    let children = [0, 1].map(|_| bench.start(&["--jobs", "1", "--log-format", "json"]));
    let outputs = children.map(|child| child.wait_with_output().unwrap());
    let mut started = 0;
    let mut tables = Vec::new();
    for output in &outputs {
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{log}");
        let own = log.lines().filter(|line| line.contains("\"run_started\"")).count();
        assert!(own > 0, "one process did all the work: {log}");
        started += own;
        tables.push(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    assert_eq!(started, 17, "every run is done once");
    assert_eq!(tables[0], tables[1]);
    assert!(tables[0].contains("17 of 17 runs done"), "{}", tables[0]);
    assert_same(&results(&bench), &results(&alone));
    // They shared one machine, so at least one run was contended.
    let contended = bench.runs().into_values().any(|run| json(&run.join("result.json"))["timing"]["contended"] == true);
    assert!(contended, "neither noticed the other");
}

#[test]
fn a_process_waits_for_the_runs_of_others_or_leaves_them() {
    let bench = Bench::new("long", LONG);
    let first = bench.start(&[]);
    wait_until_under_way(&bench);
    let left = bench.finish(&["--no-wait"]);
    assert_eq!(left.status.code(), Some(4), "{}", String::from_utf8_lossy(&left.stderr));
    let waiting = bench.start(&[]);
    std::thread::sleep(Duration::from_millis(100));
    // The killed process does not release its claim. The waiting one finds it dead and continues.
    let mut first = first;
    first.kill().unwrap();
    first.wait().unwrap();
    let output = waiting.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let record = json(&bench.run().join("result.json"));
    assert_eq!((&record["status"], &record["timing"]["continued"]), (&"ok".into(), &1.into()));
}

#[test]
fn a_run_that_is_out_of_time_stays_as_it_is_until_asked_for() {
    let undisturbed = Bench::new("long", LONG);
    undisturbed.succeed(&[]);
    let bench = Bench::new("long", LONG);
    let limited = ["--set", "run.timeout=0.3"];
    let output = bench.finish(&limited);
    assert_eq!(output.status.code(), Some(4), "{}", String::from_utf8_lossy(&output.stderr));
    let interrupted = || json(&bench.run().join("interrupted.json"));
    let first = interrupted();
    assert_eq!(first["cause"], "timeout");
    assert_eq!(bench.finish(&limited).status.code(), Some(4));
    assert_eq!(interrupted(), first, "it is left as it is");
    let output = bench.finish(&["--set", "run.timeout=0.3", "--rerun", "interrupted"]);
    assert_eq!(output.status.code(), Some(4));
    assert!(interrupted()["spent_s"].as_f64() > first["spent_s"].as_f64(), "it continued");
    bench.succeed(&[]);
    assert_same(&results(&bench), &results(&undisturbed));
}

#[test]
fn files_that_are_torn_or_foreign_are_not_trusted() {
    let undisturbed = Bench::new("long", LONG);
    undisturbed.succeed(&[]);
    let expected = results(&undisturbed);
    let damage: [(&str, Damage); 4] = [
        ("a torn checkpoint", |run| {
            let path = run.join("checkpoint.safetensors");
            let bytes = fs::read(&path).unwrap();
            fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
        }),
        ("a torn line of epochs", |run| {
            use std::io::Write as _;
            let mut file = fs::File::options().append(true).open(run.join("epochs.jsonl")).unwrap();
            file.write_all(b"{\"epoch\":999,\"upd").unwrap();
        }),
        ("epochs cut short", |run| {
            let path = run.join("epochs.jsonl");
            let text = fs::read(&path).unwrap();
            fs::write(path, &text[..text.len() / 3]).unwrap();
        }),
        ("half a result", |run| fs::write(run.join("result.json"), "{\"schema\":1,\"run_id\":\"").unwrap()),
    ];
    for (name, damage) in damage {
        let bench = Bench::new("long", LONG);
        let mut child = bench.start(&[]);
        wait_until_under_way(&bench);
        child.kill().unwrap();
        child.wait().unwrap();
        damage(&bench.run());
        let output = bench.succeed(&[]);
        assert_same(&results(&bench), &expected);
        let warned = String::from_utf8_lossy(&output.stderr).contains("starts afresh");
        assert_eq!(warned, matches!(name, "a torn checkpoint" | "epochs cut short"), "{name}");
    }
}

/// Early stopping ends when patience does, and leaves the model of training for only the best number of epochs.
#[test]
fn early_stopping_leaves_the_best_model() {
    let config = LONG.replace("every = 5", "every = 1").replace("epochs = 150\naveraged_epochs = 120", "epochs = 60");
    let metric = ["--set", "train.early_stopping_metric=reconstruction-error"];
    let patience = ["--set", "train.early_stopping_patience=2"];
    let bench = Bench::new("long", &config);
    bench.succeed(&[metric, patience].concat());
    let record = json(&bench.run().join("result.json"));
    let stop = &record["early_stop"];
    let [epochs, best] = ["epochs", "best_epoch"].map(|name| stop[name].as_u64().unwrap());
    assert_eq!((&stop["stopped"], &stop["restored"]), (&true.into(), &true.into()));
    assert!(epochs < 60 && epochs == best + 2, "{stop}");
    let lines = fs::read_to_string(bench.run().join("epochs.jsonl")).unwrap();
    let errors: Vec<f64> = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["metrics"]["validation_reconstruction_error"].as_f64())
        .map(Option::unwrap)
        .collect();
    let least = errors.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!((errors.len() as u64, errors[best as usize]), (epochs + 1, least));
    assert_eq!(record["metrics"]["validation_reconstruction_error"].as_f64(), Some(least));
    // The same training for the best number of epochs, without early stopping.
    let short = Bench::new("long", &config);
    short.succeed(&["--set", &format!("train.epochs={best}")]);
    let model = |bench: &Bench| ModelFile::read(&bench.run().join("model.safetensors")).unwrap().tensors;
    assert_eq!(model(&bench), model(&short));
    // If the best model is not restored, the model is that of the last epoch.
    let last = Bench::new("long", &config);
    last.succeed(&[&metric[..], &patience, &["--set", "train.early_stopping_restore=false"]].concat());
    assert_ne!(model(&last), model(&bench));
    assert_eq!(json(&last.run().join("result.json"))["early_stop"]["epochs"], epochs);
    let wrong = bench.finish(&[&metric[..], &["--set", "corpus.validation=0.0"]].concat());
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("no songs are held out"));
}

/// A limit on the size of files stands for a full disk: the larger model cannot be written.
#[test]
fn a_run_that_cannot_be_written_leaves_the_others_whole() {
    let config = LONG.replace("epochs = 150", "epochs = 2").replace("hidden = 20\n", "")
        + "[sweep.grid]\n\"model.hidden\" = [4, 400]\n";
    let bench = Bench::new("long", &config);
    let script = format!("trap '' XFSZ; ulimit -f 600; exec {} --config sweep.toml", env!("CARGO_BIN_EXE_runner"));
    let output = Command::new("sh").current_dir(bench.folder.path()).args(["-c", &script]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("cannot write") && text.contains("model.safetensors"), "{text}");
    let complete = bench.results_of_runs();
    assert_eq!(complete.len(), 1, "the small one");
    let interrupted = bench.runs().into_values().find(|run| !run.join("result.json").exists()).unwrap();
    assert_eq!(json(&interrupted.join("interrupted.json"))["cause"], "storage");
    assert!(
        fs::read_dir(&interrupted)
            .unwrap()
            .all(|entry| { !entry.unwrap().file_name().to_str().unwrap().starts_with(".writing-") })
    );
    bench.succeed(&[]);
    let now = bench.results_of_runs();
    assert!(now.len() == 2 && complete.iter().all(|(name, bytes)| now[name] == *bytes));
}

/// The estimate is an upper bound, and at most twice the memory really used.
#[cfg(target_os = "linux")]
#[test]
fn the_memory_estimate_is_near_what_a_large_model_takes() {
    let config = |hidden: usize| {
        format!(
            "name = \"large\"\n[model]\ntimesteps = 96\nhidden = {hidden}\n[train]\nepochs = 1\nmomentum = 0.5\nbatch_size = 20\n\
             [evaluate]\npseudo_likelihood_windows = 1\nwindows = 20\n[sample]\ncount = 1\n[run]\njobs = 1\n"
        )
    };
    for hidden in [256, 512] {
        let bench = Bench::new("large", &config(hidden));
        bench.succeed(&[]);
        let timing = json(&bench.run().join("result.json"))["timing"].clone();
        let (expected, peak) = (timing["expected_bytes"].as_f64().unwrap(), timing["peak_bytes"].as_f64().unwrap());
        // The memory of the program itself and its corpus comes on top of that of a run.
        let program = 40e6;
        assert!(peak < expected + program, "{hidden} hidden units: {peak} bytes, {expected} expected");
        assert!(peak > expected / 2.0, "{hidden} hidden units: {peak} bytes, {expected} expected");
    }
}
