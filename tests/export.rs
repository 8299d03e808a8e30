//! Tests of the tables that other programs read.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use predicates::prelude::*;
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use support::{Bench, TWO_RUNS, json};

/// Reads a table as one map for each line.
fn table(path: &Path) -> (Vec<String>, Vec<HashMap<String, String>>) {
    let mut reader = csv::Reader::from_path(path).unwrap();
    let header: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let lines = reader.records().map(|line| {
        header.iter().cloned().zip(line.unwrap().iter().map(str::to_owned)).collect::<HashMap<String, String>>()
    });
    let lines = lines.collect();
    (header, lines)
}

#[test]
fn tables_have_every_parameter_and_every_epoch() {
    let bench = Bench::new(TWO_RUNS);
    let stopping = [
        "train.epochs=40",
        "train.early_stopping_metric=pseudo-log-likelihood",
        "corpus.validation=0.2",
        "train.early_stopping_patience=1",
        "train.early_stopping_min_delta=1000",
    ];
    bench.sweep(&stopping).assert().success();
    let results = bench.path("results/small");
    let (header, runs) = table(&results.join("summary.csv"));
    assert_eq!(header[..6], ["run_id", "status", "replicate", "seed", "train.k", "corpus.compat"]);
    let (mut lines, mut stopped) = (0, 0);
    for run in &runs {
        let record = json(&results.join("runs").join(&run["run_id"]).join("result.json"));
        let parameters = record["params"].as_object().unwrap();
        for (key, value) in parameters {
            let expected = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            assert_eq!(run[key], if value.is_null() { String::new() } else { expected }, "{key}");
        }
        let stop = &record["early_stop"];
        assert_eq!(run["epochs"], stop["epochs"].to_string());
        assert_eq!(run["best_epoch"], stop["best_epoch"].to_string());
        assert_eq!(run["stopped_early"], "true");
        stopped += run["epochs"].parse::<usize>().unwrap();
        lines +=
            fs::read_to_string(results.join("runs").join(&run["run_id"]).join("epochs.jsonl")).unwrap().lines().count();
    }
    assert!(stopped < 40, "the test must stop early: {stopped}");

    let said = predicate::str::contains(format!("epochs.csv: {} lines", lines + 1));
    bench.runner(&["export", "small", "--to", "csv"]).assert().success().stdout(said);
    assert_eq!(table(&results.join("export/runs.csv")).1, runs);
    let (header, epochs) = table(&results.join("export/epochs.csv"));
    assert_eq!(header[..8], ["run_id", "replicate", "seed", "train.k", "stage", "epoch", "updates", "examples"]);
    assert_eq!(epochs.len(), lines);
    let last = epochs.iter().rfind(|epoch| epoch["run_id"] == runs[0]["run_id"]).unwrap();
    assert_eq!(last["epoch"], runs[0]["epochs"]);
    assert!(last["train_s"].parse::<f64>().unwrap() > 0.0);
    assert!(last["train_pseudo_log_likelihood"].parse::<f64>().unwrap() < 0.0);

    bench.runner(&["export", "results/small", "--to", "csv", "--out", "tables", "-q"]).assert().success().stdout("");
    assert!(bench.path("tables/runs.csv").is_file());
    bench.runner(&["export", "nowhere", "--to", "csv"]).assert().code(2);
    bench.runner(&["export", "results", "--to", "csv"]).assert().code(2);
}
