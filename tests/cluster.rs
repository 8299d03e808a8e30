//! Tests of sweeps in parts: job scripts for a cluster, merging of shards. `tests/slurm/run` does the same on a real
//! Slurm.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use assert_cmd::Command;
use predicates::prelude::*;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use support::{Bench, json};

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
count = 2
steps = 3
start = "noise"
[sweep.grid]
"train.k" = [1, 2]
"model.hidden" = [4, 8]
[replicates]
count = 2
"#;

impl Bench {
    /// Runs a part of the sweep below a folder and returns the folder of its results.
    fn shard(&self, shard: &str, out: &str, sets: &[&str]) -> PathBuf {
        self.sweep(sets).args(["--shard", shard, "--out", out]).assert().success();
        self.path(out).join("small")
    }

    fn merge(&self, results: &str, shards: &[&Path]) -> assert_cmd::assert::Assert {
        self.runner(&["merge", results]).args(shards).assert()
    }

    /// Writes a stand-in for a program of Slurm, which logs its arguments, a line a call, and runs `script`.
    #[cfg(unix)]
    fn slurm(&self, name: &str, script: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = self.path("bin");
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join(name);
        fs::write(&path, format!("#!/bin/sh\necho \"{name} $*\" >> \"${{0%/*}}/calls\"\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Returns a call of `runner submit slurm` that finds only the programs of [`Self::slurm`].
    fn submit(&self, arguments: &[&str]) -> Command {
        let mut command = self.runner(&["submit", "slurm", "--config", "sweep.toml"]);
        command.env("PATH", self.path("bin")).args(arguments);
        command
    }
}

/// Returns the digest of `summary.json`, and the columns of `summary.csv` that are a function of the configuration.
fn deterministic(results: &Path) -> (String, Vec<Vec<String>>) {
    const TIMES: [&str; 6] = ["total_s", "train_s", "updates_per_s", "examples_per_s", "threads", "contended"];
    let mut reader = csv::Reader::from_path(results.join("summary.csv")).unwrap();
    let header = reader.headers().unwrap().clone();
    assert!(TIMES.iter().all(|time| header.iter().any(|name| name == *time)), "{header:?}");
    let kept = |row: &csv::StringRecord| -> Vec<String> {
        let cells = header.iter().zip(row).filter(|(name, _)| !TIMES.contains(name));
        cells.map(|(_, cell)| cell.to_owned()).collect()
    };
    let mut rows = vec![kept(&header)];
    rows.extend(reader.records().map(|row| kept(&row.unwrap())));
    (json(&results.join("summary.json"))["digest"].as_str().unwrap().to_owned(), rows)
}

/// Returns the files in a folder with their times of change and their bytes.
fn contents(folder: &Path) -> Vec<(PathBuf, std::time::SystemTime, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let modified = fs::metadata(&path).unwrap().modified().unwrap();
                found.push((path.clone(), modified, fs::read(path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

fn a_run(results: &Path) -> PathBuf {
    let mut runs: Vec<PathBuf> = fs::read_dir(results.join("runs")).unwrap().map(|run| run.unwrap().path()).collect();
    runs.sort();
    runs.swap_remove(0)
}

#[test]
fn shards_in_folders_of_their_own_merge_to_the_results_of_one_machine() {
    let bench = Bench::new(SMALL);
    let whole = bench.shard("1/1", "whole", &[]);
    let shards: Vec<PathBuf> =
        (1..=3).map(|part| bench.shard(&format!("{part}/3"), &format!("part-{part}"), &[])).collect();
    let shards: Vec<&Path> = shards.iter().map(PathBuf::as_path).collect();
    bench
        .merge("merged/small", &shards)
        .success()
        .stdout(predicate::str::contains("8 of 8 runs done (8 brought here), 0 failed, 0 missing"));
    let merged = bench.path("merged/small");
    assert_eq!(deterministic(&merged), deterministic(&whole));
    for name in ["plan.json", "sweep.toml", "corpora/0.jsonl"] {
        assert_eq!(fs::read(merged.join(name)).unwrap(), fs::read(whole.join(name)).unwrap(), "{name}");
    }
    for run in fs::read_dir(merged.join("runs")).unwrap() {
        let run = run.unwrap();
        let files = |folder: &Path| -> Vec<PathBuf> {
            let own = contents(folder).into_iter().map(|(path, ..)| path.strip_prefix(folder).unwrap().to_path_buf());
            own.collect()
        };
        assert_eq!(files(&run.path()), files(&whole.join("runs").join(run.file_name())));
    }

    // Merged again, with and without the shards, and with one of them twice, only the summary's time changes.
    let runs = || contents(&merged.join("runs"));
    let before = runs();
    bench.merge("merged/small", &shards).success().stdout(predicate::str::contains("8 of 8 runs done, 0 failed"));
    bench.merge("merged/small", &[]).success();
    bench.merge("merged/small", &[shards[1], shards[1], &merged]).success();
    assert_eq!(runs(), before);
    assert_eq!(deterministic(&merged), deterministic(&whole));

    // The merged results continue like those of one machine.
    bench
        .runner(&["--config", "sweep.toml", "--out", "merged"])
        .assert()
        .success()
        .stderr(predicate::str::contains("8 runs complete, 0 to do"));
}

/// Merging does not read the corpus.
#[test]
fn merging_works_without_the_corpus() {
    let bench = Bench::new(SMALL);
    fs::create_dir(bench.path("midi")).unwrap();
    let roll =
        r#"{"train": [[[60],[60],[62],[64],[],[60],[60,64],[67],[67],[65]],[[60],[],[62],[64],[],[60],[60],[67]]]}"#;
    fs::write(bench.path("midi/songs.json"), roll).unwrap();
    let sets = ["corpus.path=midi/songs.json"];
    let shards = [bench.shard("1/2", "a", &sets), bench.shard("2/2", "b", &sets)];
    fs::remove_dir_all(bench.path("midi")).unwrap();
    fs::remove_file(bench.path("sweep.toml")).unwrap();
    bench.merge("merged", &[&shards[0], &shards[1]]).success().stdout(predicate::str::contains("8 of 8 runs done"));
}

#[test]
fn what_is_missing_interrupted_or_at_work_is_named() {
    let bench = Bench::new(SMALL);
    let results = bench.shard("1/2", "out", &[]);
    let plan = json(&results.join("plan.json"));
    let id = |run: usize| plan["runs"][run]["run_id"].as_str().unwrap().to_owned();
    // Runs 2, 4, 6 and 8 belong to the other shard. Two of them have begun.
    let interrupted = results.join("runs").join(id(3));
    fs::create_dir_all(&interrupted).unwrap();
    let note = serde_json::json!({
        "schema": 1, "run_id": id(3), "cause": "signal", "reason": "SIGTERM", "epoch": 1, "epochs": 2, "spent_s": 0.5,
    });
    fs::write(interrupted.join("interrupted.json"), note.to_string()).unwrap();
    let at_work = results.join("runs").join(id(5));
    fs::create_dir_all(&at_work).unwrap();
    let claim = serde_json::json!({
        "schema": 1, "host": "elsewhere", "pid": 1, "process": null, "token": "x", "job": null, "epoch": 1, "epochs": 2,
        "claimed_at": 0,
    });
    fs::write(at_work.join("claim.json"), claim.to_string()).unwrap();

    let said = bench.merge("out/small", &[]).code(4);
    let said = String::from_utf8(said.get_output().stdout.clone()).unwrap();
    assert!(said.contains("4 of 8 runs done, 0 failed, 4 missing"), "{said}");
    let line = |run: usize| said.lines().find(|line| line.contains(&id(run))).unwrap_or_default();
    assert!(line(1).starts_with("run 2 ") && line(1).ends_with(": missing"), "{said}");
    assert!(line(1).contains("train.k=1 model.hidden=4 replicate=1"), "{said}");
    assert!(line(3).contains(": interrupted after epoch 1 of 2 in ") && line(3).ends_with("SIGTERM"), "{said}");
    assert!(line(5).contains(": running in "), "{said}");
    assert!(line(7).ends_with(": missing"), "{said}");
    let named = |line: &str| line.starts_with("run ") && line.contains(&id(0));
    assert!(!said.lines().any(named), "what is complete is not named: {said}");
    assert_eq!(json(&results.join("summary.json"))["missing"], 4);

    let output = bench.runner(&["merge", "out/small", "--json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    let object: Value = serde_json::from_slice(&output.stdout).unwrap();
    let states: Vec<(u64, &str)> = object["unfinished"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| (run["index"].as_u64().unwrap(), run["state"].as_str().unwrap()))
        .collect();
    assert_eq!(states, [(1, "missing"), (3, "interrupted"), (5, "running"), (7, "missing")]);

    // A run at work is left alone, even if another folder has it. An interrupted one is replaced.
    fs::write(at_work.join("claim.json"), claim.to_string()).unwrap();
    let other = bench.shard("2/2", "other", &[]);
    bench.merge("out/small", &[&other]).code(4).stdout(predicate::str::contains("7 of 8 runs done (3 brought here)"));
    assert!(!at_work.join("result.json").exists());
    assert!(interrupted.join("result.json").exists() && !interrupted.join("interrupted.json").exists());
    fs::remove_file(at_work.join("claim.json")).unwrap();
    bench.merge("out/small", &[&other]).success().stdout(predicate::str::contains("8 of 8 runs done (1 brought here)"));
    let whole = bench.shard("1/1", "whole", &[]);
    assert_eq!(deterministic(&results), deterministic(&whole));
}

#[test]
fn failed_runs_are_named_with_their_reason() {
    let bench = Bench::new(SMALL);
    // If weight decay times learning rate is far above 2, weights oscillate and grow.
    let diverging = SMALL
        .replace(r#""train.k" = [1, 2]"#, r#""train.weight_decay" = [1000, 0]"#)
        .replace("epochs = 2", "epochs = 2\nlearning_rate = 1000");
    fs::write(bench.path("sweep.toml"), diverging).unwrap();
    let part = |part: &str, out: &str| {
        bench.runner(&["run", "--config", "sweep.toml", "-q", "--out", out, "--shard", part]).assert().code(1);
        bench.path(out).join("small")
    };
    let (first, second) = (part("1/2", "a"), part("2/2", "b"));
    bench
        .merge("merged", &[&first, &second])
        .code(1)
        .stdout(predicate::str::contains("4 of 8 runs done (8 brought here), 4 failed, 0 missing"))
        .stdout(predicate::str::contains(
            "train.weight_decay=1000.0 model.hidden=4 replicate=0: failed: training diverged",
        ));
    fs::remove_dir_all(a_run(&bench.path("merged"))).unwrap();
    bench.merge("merged", &[]).code(4);
}

#[test]
fn other_sweeps_and_other_results_are_not_merged() {
    let bench = Bench::new(SMALL);
    let first = bench.shard("1/2", "a", &[]);
    let untouched = contents(&first);
    let refuse = |other: &Path, code: i32, messages: &[&str]| {
        let said = bench.merge("a/small", &[other]).code(code);
        let said = String::from_utf8(said.get_output().stderr.clone()).unwrap();
        assert!(messages.iter().all(|message| said.contains(message)), "{said}");
        assert_eq!(contents(&first), untouched);
    };
    let other = bench.shard("2/2", "b", &["train.epochs=3"]);
    refuse(
        &other,
        2,
        &["belong to different sweeps", "has 8 runs of its own, the first ", "train.k=1 model.hidden=4 seed="],
    );
    let other = bench.shard("2/2", "c", &["corpus.highest_pitch=90"]);
    refuse(&other, 2, &["belong to different sweeps", "their corpora differ too"]);
    let other = bench.shard("2/2", "d", &["sweep.grid.\"train.k\"=[2,1]"]);
    refuse(&other, 2, &["belong to different sweeps", "the same runs in another order"]);
    refuse(&bench.path("c"), 2, &["cannot read", "there is one in ", "give the folder of the sweep itself"]);
    bench.merge("nowhere", &[]).code(2).stderr(predicate::str::contains("cannot read"));

    // The same run has other results.
    let other = bench.shard("1/2", "e", &[]);
    let run = a_run(&other);
    let record = fs::read_to_string(run.join("result.json")).unwrap();
    let digest = json(&run.join("result.json"))["digest"].as_str().unwrap().to_owned();
    let wrong = "0".repeat(64);
    fs::write(run.join("result.json"), record.replace(&digest, &wrong)).unwrap();
    let name = run.file_name().unwrap().to_str().unwrap();
    let (here, there) = (format!("in a/small/runs/{name}"), run.display().to_string());
    refuse(&other, 1, &["different results in two places", name, &digest, &wrong, &here, &there]);
}

#[test]
fn damaged_runs_are_left_where_they_are() {
    let bench = Bench::new(SMALL);
    let whole = bench.shard("1/1", "whole", &[]);
    let found = |name: &str, damage: &dyn Fn(&Path), message: &str| {
        let shard = bench.path(&format!("shard-{name}"));
        for (path, _, bytes) in contents(&whole) {
            let target = shard.join(path.strip_prefix(&whole).unwrap());
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::write(target, bytes).unwrap();
        }
        let run = a_run(&shard);
        damage(&run);
        let merged = format!("merged-{name}");
        bench
            .merge(&merged, &[&shard])
            .code(4)
            .stderr(predicate::str::contains(message).and(predicate::str::contains(run.display().to_string())))
            .stdout(predicate::str::contains("7 of 8 runs done (7 brought here)"))
            .stdout(predicate::str::contains(": damaged in "));
        let runs = bench.path(&merged).join("runs");
        assert!(!runs.join(run.file_name().unwrap()).exists());
        assert_eq!(fs::read_dir(runs).unwrap().count(), 7, "nothing is left in transit");
    };
    let replace = |path: PathBuf, from: &str, to: &str| {
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(path, text.replacen(from, to, 1)).unwrap();
    };
    let flip_a_bit = |run: &Path| {
        let path = run.join("model.safetensors");
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(path, bytes).unwrap();
    };
    found("model", &flip_a_bit, "model.safetensors has the hash");
    found("sample", &|run| fs::remove_file(run.join("samples/0.mid")).unwrap(), "samples/0.mid");
    found("epochs", &|run| replace(run.join("epochs.jsonl"), "\"updates\":", "\"updates\":1"), "have the digest");
    let metric = "\"train_reconstruction_error\": 0";
    found("record", &|run| replace(run.join("result.json"), metric, &metric.replace(": 0", ": 1")), "have the digest");
}

/// Replaces the paths of this machine in a script.
fn portable(bench: &Bench, text: &str) -> String {
    let folder = fs::canonicalize(bench.folder.path()).unwrap();
    let text =
        text.replace(folder.to_str().unwrap(), "/FOLDER").replace(bench.folder.path().to_str().unwrap(), "/FOLDER");
    let text = text.replace(env!("CARGO_BIN_EXE_runner"), "/bin/runner");
    let digest = |line: &str| match line.strip_prefix("plan=") {
        Some(digest) if digest.len() == 64 => "plan=DIGEST".to_owned(),
        _ => line.to_owned(),
    };
    text.lines().map(digest).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_dry_run_shows_the_scripts_and_writes_nothing() {
    let bench = Bench::new(SMALL);
    let shown = |arguments: &[&str]| {
        let output = bench.submit(arguments).arg("--dry-run").output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        portable(&bench, &String::from_utf8(output.stdout).unwrap())
    };
    insta::assert_snapshot!("shards", shown(&["--shards", "4"]));
    let all = [
        "--shards",
        "7",
        "--out",
        "it's \"here\" #1 50%",
        "--partition",
        "long",
        "--account",
        "music lab",
        "--time",
        "1-12",
        "--mem",
        "4G",
        "--cpus-per-task",
        "4",
        "--at-once",
        "2",
        "--sbatch-arg=--qos=high",
        "--sbatch-arg",
        "--mail-user=a b",
        "--requeue",
        "3",
        "--warning",
        "300",
        "--separate",
        "--runner",
        "runner",
        "--set",
        "name='two words'",
    ];
    insta::assert_snapshot!("every_option", shown(&all));
    let nodes = shown(&["--nodes", "2", "--warning", "0"]);
    for line in ["#SBATCH --array=1-2", "#SBATCH --nodes=1", "#SBATCH --exclusive", "#SBATCH --mem=0"] {
        assert!(nodes.lines().any(|own| own == line), "{line}: {nodes}");
    }
    assert!(!nodes.contains("--signal"), "{nodes}");
    // Three rungs, each an array that waits for the one before, then the merge.
    let halving = ["--set", "sweep.halving.first_epochs=1", "--set", "sweep.halving.eta=2", "--set", "train.epochs=4"];
    let rungs = shown(&[&["--shards", "2"], halving.as_slice()].concat());
    let after = r#"--dependency=afterany:"${array%%;*}""#;
    let submitted: Vec<&str> = rungs.lines().skip_while(|line| !line.contains("submitted by")).skip(1).collect();
    assert_eq!(submitted.len(), 4, "{rungs}");
    assert!(submitted[0].starts_with("array=$(sbatch --parsable ") && !submitted[0].contains(after), "{rungs}");
    assert!(submitted[1..3].iter().all(|line| line.starts_with("array=$(") && line.contains(after)), "{rungs}");
    assert!(submitted[3].contains(after) && submitted[3].contains("merge.sh"), "{rungs}");
    assert!(!bench.path("results").exists() && !bench.path("bin").exists());
}

#[test]
fn submitting_needs_slurm_and_sound_arguments() {
    let bench = Bench::new(SMALL);
    let refuse = |arguments: &[&str], message: &str| {
        bench.submit(arguments).assert().code(2).stderr(predicate::str::contains(message));
        assert!(!bench.path("results").exists(), "{arguments:?} wrote results");
    };
    refuse(&["--shards", "4"], "there is no `sbatch` in PATH");
    refuse(&["--shards", "4"], "--dry-run");
    refuse(&["--dry-run"], "--shards");
    refuse(&["--dry-run", "--shards", "4", "--nodes", "2"], "--nodes");
    refuse(&["--dry-run", "--shards", "0"], "--shards");
    refuse(&["--dry-run", "--shards", "2", "--time", "1:00\n#SBATCH --exclusive"], "--time");
    refuse(&["--dry-run", "--shards", "2", "--partition", ""], "--partition");
    refuse(&["--dry-run", "--shards", "2", "--out", "a\nb"], "line break");
    refuse(&["--dry-run", "--shards", "2", "--out", "a\\b"], "backslash");
    refuse(&["--dry-run", "--shards", "2", "--set", "train.epocs=1"], "train.epochs");
    let halved = ["--dry-run", "--shards", "2", "--separate", "--set", "sweep.halving.first_epochs=1"];
    refuse(&halved, "every rung is decided by the records of all shards");
    refuse(&["--dry-run", "--shards", "2", "--set", "corpus.path=nowhere"], "nowhere");
}

#[cfg(unix)]
#[test]
fn jobs_are_submitted_with_their_scripts_kept() {
    let bench = Bench::new(SMALL);
    bench.slurm("scontrol", "echo 'MaxArraySize            = 4'");
    bench.slurm("sbatch", "case \"$*\" in --version) ;; *merge*) echo '8;north' ;; *) echo 7 ;; esac");
    bench
        .submit(&["--shards", "100", "--out", "o"])
        .assert()
        .success()
        .stderr(predicate::str::contains("the sweep has 8 runs: 8 shards instead of 100"))
        .stdout(predicate::str::contains("8 runs in 8 shards, up to 3 a task: job array 7 of 3 tasks, then job 8"));
    let results = bench.path("o/small");
    let submission = results.join("submissions/1");
    let calls = fs::read_to_string(bench.path("bin/calls")).unwrap();
    let calls: Vec<&str> = calls.lines().filter(|call| !call.ends_with("--version")).collect();
    let script = |name: &str| submission.join(name).display().to_string();
    let expected = [
        "scontrol show config".to_owned(),
        format!("sbatch --parsable {}", script("array.sh")),
        format!("sbatch --parsable --dependency=afterany:7 {}", script("merge.sh")),
    ];
    assert_eq!(calls, expected);
    let note = json(&submission.join("submission.json"));
    assert_eq!((&note["array_job"], &note["merge_job"]), (&"7".into(), &"8".into()));
    assert_eq!((&note["shards"], &note["tasks"]), (&8.into(), &3.into()));
    assert!(submission.join("logs").is_dir());
    // The missing runs are known from the start.
    bench.merge("o/small", &[]).code(4).stdout(predicate::str::contains("0 of 8 runs done, 0 failed, 8 missing"));

    // Another submission has its own folder.
    bench.submit(&["--shards", "2", "--out", "o", "-q"]).assert().success().stdout("");
    assert!(results.join("submissions/2/array.sh").is_file());

    bench.slurm("scontrol", "echo 'MaxArraySize = 1'");
    bench.submit(&["--shards", "2"]).assert().code(2).stderr(predicate::str::contains("no job arrays"));
    bench.slurm("scontrol", "exit 1");
    bench.submit(&["--shards", "2"]).assert().code(2).stderr(predicate::str::contains("`scontrol show config` failed"));
    fs::remove_file(bench.path("bin/scontrol")).unwrap();
    bench.slurm("sbatch", "case \"$*\" in --version) ;; *) echo 'invalid partition' >&2; exit 1 ;; esac");
    bench.submit(&["--shards", "2"]).assert().code(1).stderr(predicate::str::contains("invalid partition"));
    bench
        .slurm("sbatch", "case \"$*\" in --version) ;; *merge*) echo 'too many jobs' >&2; exit 1 ;; *) echo 9 ;; esac");
    bench
        .submit(&["--shards", "2"])
        .assert()
        .code(1)
        .stderr(predicate::str::contains("too many jobs").and(predicate::str::contains("scancel 9")));
}

/// The scripts of all tasks, run as Slurm would run them, do every shard once.
#[cfg(unix)]
#[test]
fn the_tasks_of_a_script_do_every_shard() {
    let bench = Bench::new(SMALL);
    bench.slurm("scontrol", "echo 'MaxArraySize = 3'");
    bench.slurm("sbatch", "echo 7");
    bench.submit(&["--shards", "5", "--out", "o o"]).assert().success();
    let submission = bench.path("o o/small/submissions/1");
    let script = submission.join("array.sh");
    let task = |task: u32, runner: Option<&str>| {
        let mut text = fs::read_to_string(&script).unwrap();
        if let Some(runner) = runner {
            text = text.replace(env!("CARGO_BIN_EXE_runner"), runner);
        }
        let path = bench.path("task.sh");
        fs::write(&path, text).unwrap();
        let mut command = Command::new("bash");
        command.arg(path).env("SLURM_ARRAY_TASK_ID", task.to_string()).env("SLURM_ARRAY_JOB_ID", "7");
        command
    };
    task(1, None).assert().success().stdout(predicate::str::contains("Task 1 of 2 on "));
    bench.merge("o o/small", &[]).code(4).stdout(predicate::str::contains("5 of 8 runs done"));
    task(2, None).assert().success();
    let merge = fs::read_to_string(submission.join("merge.sh")).unwrap();
    fs::write(bench.path("merge.sh"), merge).unwrap();
    Command::new("bash")
        .arg(bench.path("merge.sh"))
        .assert()
        .success()
        .stdout(predicate::str::contains("8 of 8 runs done, 0 failed, 0 missing"));
    assert_eq!(deterministic(&bench.path("o o/small")), deterministic(&bench.shard("1/1", "whole", &[])));

    // If the plan is not the one submitted, a task stops at its first shard.
    let other = fs::read_to_string(submission.join("sweep.toml")).unwrap().replace("epochs = 2", "epochs = 3");
    fs::write(submission.join("sweep.toml"), other).unwrap();
    task(1, None).assert().code(2).stderr(predicate::str::contains("another plan").count(1));

    // The exit code of a task is the worst of its shards.
    bench.slurm("worst", "case \"$*\" in *3/5*) exit 1 ;; *) exit 0 ;; esac");
    fs::remove_file(bench.path("bin/calls")).unwrap();
    let worst = bench.path("bin/worst").display().to_string();
    task(1, Some(&worst)).assert().code(1);
    assert_eq!(fs::read_to_string(bench.path("bin/calls")).unwrap().lines().count(), 3, "the shards after it are done");
}

/// A warning before the time limit is forwarded to the runner. The task waits for its exit, and is requeued as often as
/// allowed.
#[cfg(unix)]
#[test]
fn a_warned_task_is_requeued_a_bounded_number_of_times() {
    let bench = Bench::new(SMALL);
    bench.slurm("sbatch", "echo 7");
    bench.slurm(
        "stopping",
        "trap 'sleep 0.3; exit 143' USR1; : > \"${0%/*}/ready\"; for _ in $(seq 600); do sleep 0.05; done",
    );
    let runner = bench.path("bin/stopping").display().to_string();
    bench.submit(&["--shards", "2", "--requeue", "2", "--runner", &runner]).assert().success();
    let script = bench.path("results/small/submissions/1/array.sh");
    bench.slurm("scontrol", "");
    let calls = |signal: &str, restarts: &str| {
        let ready = bench.path("bin/ready");
        let _ = fs::remove_file(&ready);
        let _ = fs::remove_file(bench.path("bin/calls"));
        let path = std::env::join_paths(
            std::iter::once(bench.path("bin")).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
        );
        let mut task = std::process::Command::new("bash")
            .arg(&script)
            .env("PATH", path.unwrap())
            .env("SLURM_ARRAY_TASK_ID", "1")
            .env("SLURM_ARRAY_JOB_ID", "7")
            .env("SLURM_RESTART_COUNT", restarts)
            .spawn()
            .unwrap();
        while !ready.exists() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let kill = std::process::Command::new("kill").args(["-s", signal, &task.id().to_string()]).status().unwrap();
        assert!(kill.success());
        assert_eq!(task.wait().unwrap().code(), Some(143));
        let calls = fs::read_to_string(bench.path("bin/calls")).unwrap();
        calls.lines().filter(|call| call.starts_with("scontrol")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(calls("USR1", "0"), ["scontrol requeue 7_1"]);
    assert_eq!(calls("USR1", "1"), ["scontrol requeue 7_1"]);
    assert!(calls("USR1", "2").is_empty(), "it was requeued twice already");
    assert!(calls("TERM", "0").is_empty(), "a cancelled task is not requeued");
}
