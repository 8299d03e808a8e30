//! Tests of configurations in layers: several files, files that extend others, and where values came from.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use predicates::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use support::{Bench, TWO_RUNS};

const CHANGE: &str = "[model]\nhidden = 7\n[train]\nk = 3\n[sweep.grid]\n\"train.batch_size\" = [50, 100, 200]\n";

/// Writes files into the folder of a bench.
fn put(bench: &Bench, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = bench.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// The values of some keys in each run of a plan.
fn planned(bench: &Bench, arguments: &[&str], keys: &[&str]) -> Vec<Vec<String>> {
    let output = bench.runner(&["plan", "--json"]).args(arguments).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let line = |line: &str| -> Vec<String> {
        let run: serde_json::Value = serde_json::from_str(line).unwrap();
        keys.iter().map(|key| run["swept"].get(key).map_or_else(String::new, ToString::to_string)).collect()
    };
    text.lines().map(line).collect()
}

/// A later file wins over what an earlier one sets or sweeps; axes of other keys stay.
#[test]
fn later_files_win_over_earlier_ones() {
    let bench = Bench::new(TWO_RUNS);
    let smaller = "[sweep.grid]\n\"train.batch_size\" = [10]\n\"train.k\" = [4, 5]\n";
    put(&bench, &[("change.toml", CHANGE), ("smaller.toml", smaller)]);
    let files = |names: &[&'static str]| names.iter().flat_map(|&name| ["--config", name]).collect::<Vec<_>>();
    let keys = ["train.k", "train.batch_size"];
    let one = |k: &str, size: &str| vec![k.to_owned(), size.to_owned()];
    assert_eq!(planned(&bench, &files(&["sweep.toml"]), &keys), [one("1", ""), one("2", "")]);
    let two = planned(&bench, &files(&["sweep.toml", "change.toml"]), &keys);
    assert_eq!(two, [one("", "50"), one("", "100"), one("", "200")], "the file's k is no axis any more");
    let three = planned(&bench, &files(&["sweep.toml", "change.toml", "smaller.toml"]), &keys);
    assert_eq!(three, [one("4", ""), one("5", "")]);
    let mut other_order = files(&["change.toml", "sweep.toml"]);
    assert_eq!(planned(&bench, &other_order, &keys).len(), 6, "the axes of both");
    other_order.extend(["--set", "train.batch_size=30"]);
    assert_eq!(planned(&bench, &other_order, &keys), [one("1", ""), one("2", "")]);
}

#[test]
fn a_file_extends_another_relative_to_itself() {
    let bench = Bench::new("");
    put(
        &bench,
        &[
            ("base/base.toml", &format!("extends = \"deeper/first.toml\"\n{TWO_RUNS}")),
            ("base/deeper/first.toml", "[train]\nepochs = 9\nbatch_size = 17\n"),
            ("change.toml", &format!("extends = \"base/base.toml\"\n{CHANGE}")),
        ],
    );
    let run = ["run", "--config", "change.toml", "--quiet", "--set", "train.epochs=2", "--set", "train.batch_size=5"];
    bench.runner(&run).assert().success();
    // The resolved configuration says where each value came from, and reads back as the same sweep.
    let resolved = fs::read_to_string(bench.path("results/small/sweep.toml")).unwrap();
    let places: BTreeMap<&str, &str> = resolved.lines().filter_map(|line| line.split_once("  # ")).collect();
    for (value, place) in [
        ("name = \"small\"", "base/base.toml:3"),
        ("hidden = 7", "change.toml:3"),
        ("timesteps = 6", "base/base.toml:6"),
        ("k = 3", "change.toml:5"),
        ("epochs = 2", "--set"),
        ("batch_size = 5", "--set"),
    ] {
        assert_eq!(places.get(value), Some(&place), "{resolved}");
    }
    let again = ["plan", "--config", "results/small/sweep.toml", "--json"];
    let ids = |arguments: &[&str]| String::from_utf8(bench.runner(arguments).output().unwrap().stdout).unwrap();
    let own = ["plan", "--json", "--config", "change.toml", "--set", "train.epochs=2", "--set", "train.batch_size=5"];
    assert_eq!(ids(&again), ids(&own));
    // A sweep of one file has no such notes.
    put(&bench, &[("alone.toml", TWO_RUNS)]);
    bench.runner(&["run", "--config", "alone.toml", "--quiet", "--set", "name=alone"]).assert().success();
    bench.runner(&["status", "--config", "base/base.toml", "--config", "change.toml"]).assert().success();
}

#[test]
fn circles_missing_files_and_special_files_are_refused() {
    let bench = Bench::new("extends = \"a.toml\"\n");
    put(
        &bench,
        &[
            ("a.toml", "extends = \"b/b.toml\"\n"),
            ("b/b.toml", "[train]\nk = 2\n[model]\nhidden = 3\n"),
            ("missing.toml", "extends = \"nowhere.toml\"\n"),
            ("number.toml", "extends = 5\n"),
            ("folder.toml", "extends = \"b\"\n"),
        ],
    );
    let refused = |file: &str, expected: &[&str]| {
        let assert = bench.runner(&["plan", "--config", file]).assert().code(2);
        expected.iter().fold(assert, |assert, text| assert.stderr(predicate::str::contains(*text)));
    };
    bench.runner(&["plan", "--config", "sweep.toml"]).assert().success();
    fs::write(bench.path("b/b.toml"), "extends = \"../sweep.toml\"\n").unwrap();
    let circle = "in a circle: sweep.toml extends a.toml extends b/b.toml extends b/../sweep.toml";
    refused("sweep.toml", &[circle, "b/b.toml:1"]);
    fs::write(bench.path("b/b.toml"), "extends = \"b.toml\"\n").unwrap();
    refused("sweep.toml", &["in a circle: b/b.toml extends b/b.toml"]);
    refused("missing.toml", &["there is no configuration file `nowhere.toml`", "extended here"]);
    refused("number.toml", &["`extends` cannot be 5", "expected the path of a file"]);
    refused("folder.toml", &["cannot read the configuration `b`"]);
    #[cfg(unix)]
    {
        put(&bench, &[("pipe.toml", "extends = \"pipe\"\n")]);
        assert!(std::process::Command::new("mkfifo").arg(bench.path("pipe")).status().unwrap().success());
        refused("pipe.toml", &["`pipe`"]);
    }
}

#[cfg(unix)]
#[test]
fn a_file_at_home_can_be_extended() {
    let bench = Bench::new("extends = \"~/below/base.toml\"\nname = \"above\"\n");
    put(&bench, &[("below/base.toml", TWO_RUNS)]);
    let mut command = bench.runner(&["plan", "--json", "--config", "sweep.toml"]);
    command.env("HOME", bench.folder.path()).assert().success().stdout(predicate::str::contains("\"train.k\":2"));
}
