//! Tests of commands as users write them: without a verb, and with the words of other programs.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use chordbench::music::builtin;
use predicates::prelude::*;
use std::fs;
use std::path::Path;
use support::{Bench, TWO_RUNS, json};

/// The arguments that make a run of the recipe for songs short.
const SHORT: &str = "model.hidden=2 model.recurrent=2 pretrain.epochs=0 train.epochs=1 train.k=1 evaluate.windows=20 \
    evaluate.pseudo_likelihood_windows=5 evaluate.log_likelihood=none sample.count=1 sample.length=4 sample.steps=1";

/// Writes three songs of the built-in corpus.
fn write_songs(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    for (name, bytes) in &builtin::songs()[..3] {
        fs::write(folder.join(name), bytes).unwrap();
    }
}

#[test]
fn a_folder_of_songs_becomes_music() {
    let bench = Bench::new("");
    write_songs(&bench.path("My [demo] Songs"));
    let sets: Vec<&str> = SHORT.split_whitespace().flat_map(|set| ["--set", set]).collect();
    let mut call = bench.runner(&["My [demo] Songs"]);
    let done = call.args(&sets).args(["--set", "corpus.validation=0.34"]).assert().success();
    let text = String::from_utf8(done.get_output().stdout.clone()).unwrap();
    let results = bench.path("results/My [demo] Songs");
    assert!(results.join("report.html").is_file());
    assert_eq!(json(&results.join("plan.json"))["corpora"][0]["songs"], 3);
    let samples = text.lines().find_map(|line| line.strip_prefix("Samples: ")).unwrap();
    assert!(samples.starts_with("results/My [demo] Songs/runs/"), "{text}");
    assert!(bench.path(samples).is_dir());
    assert!(text.ends_with("More: runner sample --model 'results/My [demo] Songs'\n"), "{text}");

    bench
        .runner(&["results/My [demo] Songs"])
        .assert()
        .code(2)
        .stderr(predicate::str::contains("`runner report 'results/My [demo] Songs'` shows them"));
}

#[test]
fn a_configuration_needs_no_verb() {
    let bench = Bench::new(TWO_RUNS);
    let call = ["sweep.toml", "--shard", "1/2", "-q", "--set", "model.hidden=2"];
    bench.runner(&call).assert().success();
    assert!(bench.path("results/small/plan.json").is_file());
    bench.runner(&["missing.toml"]).assert().code(2).stderr(predicate::str::contains("no configuration file"));
}

#[test]
fn what_was_meant_is_said() {
    let bench = Bench::new(TWO_RUNS);
    fs::create_dir(bench.path("My Songs")).unwrap();
    for (arguments, tip) in [
        (&["run", "--config", "sweep.toml", "--epochs", "10"][..], "`--set train.epochs=10`"),
        (&["--config", "sweep.toml", "--lr=0.1"], "`--set train.learning_rate=0.1`"),
        (&["plan", "--config", "sweep.toml", "--batch-size"], "`--set train.batch_size=VALUE`"),
        (&["sweep.toml", "--set", "corpus.path=My", "Songs"], "`--set 'corpus.path=My Songs'`"),
        (&["sweep.toml", "--set", "corpus.path=[demo]", "songs", "-q"], "`--set 'corpus.path=[demo] songs'`"),
        (&["corpus", "My", "Songs"], "`'My Songs'`"),
    ] {
        bench.runner(arguments).assert().code(2).stderr(predicate::str::contains(tip));
    }
    bench.runner(&["compare", "--lr", "1"]).assert().code(2).stderr(predicate::str::contains("--set").not());
}
