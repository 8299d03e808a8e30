//! Tests of several configurations of one name on one folder of results, and of the runs that belong to no plan.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use predicates::prelude::*;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use support::{Bench, TWO_RUNS, first_run, json};

fn with_songs(bench: &Bench, folder: &str, songs: std::ops::Range<usize>) {
    fs::create_dir(bench.path(folder)).unwrap();
    for (name, bytes) in &chordbench::music::builtin::songs()[songs] {
        fs::write(bench.path(folder).join(name), bytes).unwrap();
    }
}

fn runs_in(results: &Path) -> usize {
    fs::read_dir(results.join("runs")).unwrap().count()
}

#[test]
fn another_configuration_of_the_same_name_is_refused() {
    let bench = Bench::new(TWO_RUNS);
    let results = bench.path("results/small");
    bench.sweep(&[]).assert().success();
    with_songs(&bench, "midi", 0..20);
    let files = ["plan.json", "sweep.toml", "summary.json", "report.html", "corpora/0.jsonl"];
    let before = files.map(|name| fs::read(results.join(name)).unwrap());
    for (set, named) in [
        ("corpus.path=midi", "`corpus.path` is null there, \""),
        ("train.epochs=2", "`train.epochs` is 1 there, 2 here"),
        ("model.hidden=5", "`model.hidden` is 4 there, 5 here"),
        ("replicates.seed=9", "`replicates.seed`"),
    ] {
        let ways = ["--set name=", "--out", "--replace", named].map(predicate::str::contains);
        let [name, out, replace, key] = ways;
        bench.sweep(&[set]).assert().code(2).stderr(name.and(out).and(replace).and(key));
        assert_eq!(files.map(|name| fs::read(results.join(name)).unwrap()), before, "{set}");
        assert_eq!(runs_in(&results), 2);
    }
    // The same sweep with more or fewer values and replicates, with other samples or workers, goes on.
    for sets in [
        &["sweep.grid.train.k=[1, 2, 3]"][..],
        &["sweep.grid.train.k=[4, 5]"],
        &["sweep.grid.train.k=[1]"],
        &["train.k=2"],
        &["replicates.count=2"],
        &["sample.count=2"],
        &["run.jobs=1"],
        &["sweep.grid.model.hidden=[4, 5]"],
        &["sweep.grid.model.hidden=[5]"],
        &[],
    ] {
        bench.sweep(sets).assert().success();
    }
    // The same songs by another path are the same corpus.
    let moved = Bench::new(TWO_RUNS);
    with_songs(&moved, "midi", 0..20);
    with_songs(&moved, "copy", 0..20);
    for path in ["midi", "copy"] {
        moved.sweep(&[&format!("corpus.path={path}")]).assert().success();
    }
}

#[test]
fn of_two_that_start_at_the_same_moment_one_is_refused() {
    for _ in 0..3 {
        let bench = Bench::new(TWO_RUNS);
        let children = ["train.epochs=1", "train.epochs=2"].map(|set| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_runner"));
            command.args(["run", "--config", "sweep.toml", "-q", "--set", set]).current_dir(bench.folder.path());
            command.stderr(Stdio::piped()).spawn().unwrap()
        });
        let outputs = children.map(|child| child.wait_with_output().unwrap());
        let mut codes = outputs.each_ref().map(|output| output.status.code());
        codes.sort_unstable();
        assert_eq!(codes, [Some(0), Some(2)], "{outputs:?}");
        let refused = outputs.iter().find(|output| output.status.code() == Some(2)).unwrap();
        assert!(String::from_utf8_lossy(&refused.stderr).contains("`train.epochs`"));
        bench.runner(&["status", "results/small"]).assert().success().stdout(predicate::str::contains("2 of 2 runs"));
        bench.runner(&["verify", "results/small", "--all"]).assert().success();
        assert_eq!(runs_in(&bench.path("results/small")), 2);
    }
}

#[test]
fn runs_of_no_plan_are_counted_listed_and_removed_on_request() {
    let bench = Bench::new(TWO_RUNS);
    let results = bench.path("results/small");
    bench.sweep(&[]).assert().success();
    let old = first_run(&results);
    fs::write(old.join("notes.txt"), "mine").unwrap();
    fs::create_dir(results.join("runs/mine")).unwrap();
    let said = predicate::str::contains("belong to no plan");
    bench.runner(&["status", "results/small"]).assert().success().stdout(said.clone().not());
    bench.sweep(&["train.epochs=2"]).arg("--replace").assert().success();
    bench
        .runner(&["status", "results/small"])
        .assert()
        .success()
        .stdout(predicate::str::contains("2 more runs belong"));
    let status = bench.runner(&["status", "results/small", "--json"]).output().unwrap();
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&status.stdout).unwrap()["unplanned"], 2);
    bench.runner(&["report", "results/small"]).assert().success().stdout(said);
    let listed = predicate::str::contains("2 runs belong to no plan; --remove deletes them");
    let name = old.file_name().unwrap().to_str().unwrap().to_owned();
    bench.runner(&["clean", "results/small"]).assert().success().stdout(listed.and(predicate::str::contains(name)));
    assert_eq!(runs_in(&results), 5, "nothing is removed unasked");
    bench.runner(&["clean", "results/small", "--remove"]).assert().success();
    assert_eq!(runs_in(&results), 4, "two of the plan, the user's file in one, the user's folder");
    assert_eq!(fs::read_dir(&old).unwrap().count(), 1);
    assert_eq!(fs::read_to_string(old.join("notes.txt")).unwrap(), "mine");
    bench
        .runner(&["clean", "results/small", "--json"])
        .assert()
        .success()
        .stdout(predicate::str::contains("\"runs\": []"));
    bench.runner(&["verify", "results/small"]).assert().success();
    bench.runner(&["clean", "nowhere"]).assert().code(2);
    assert_eq!(json(&results.join("plan.json"))["runs"].as_array().unwrap().len(), 2);
}

/// Two paths to the same songs are one point, everywhere.
#[test]
fn corpora_with_the_same_songs_are_one_point() {
    let bench = Bench::new(TWO_RUNS);
    with_songs(&bench, "midi", 0..20);
    with_songs(&bench, "copy", 0..20);
    with_songs(&bench, "other", 20..40);
    let paths = "sweep.grid.corpus.path=[\"midi\", \"copy\", \"other\"]";
    let warned = || predicate::str::contains("2 points are the same as earlier ones");
    let plan = ["plan", "--config", "sweep.toml", "--set", paths];
    bench
        .runner(&plan)
        .assert()
        .success()
        .stderr(warned())
        .stdout(predicate::str::contains("4 points, 1 replicates, 4 runs"));
    let run = ["run", "--config", "sweep.toml", "--set", paths, "--progress", "never"];
    bench.runner(&run).assert().success().stderr(warned()).stdout(predicate::str::contains("4 of 4 runs done"));
    let results = bench.path("results/small");
    let [plan, summary] = ["plan.json", "summary.json"].map(|name| json(&results.join(name)));
    assert_eq!((plan["runs"].as_array().unwrap().len(), plan["corpora"].as_array().unwrap().len()), (4, 2));
    assert_eq!((&summary["runs"], summary["points"].as_array().unwrap().len()), (&4.into(), 4));
    assert_eq!(fs::read_dir(results.join("corpora")).unwrap().count(), 2);
    let indices: Vec<_> = plan["runs"].as_array().unwrap().iter().map(|run| run["point"].as_u64().unwrap()).collect();
    assert_eq!(indices, [0, 1, 2, 3]);
    bench.runner(&["status", "results/small"]).assert().success().stdout(predicate::str::contains("4 of 4 runs done"));
    bench.runner(&["verify", "results/small", "--all"]).assert().success();
    bench.runner(&["merge", "results/small"]).assert().success().stdout(predicate::str::contains("4 of 4 runs done"));
}
