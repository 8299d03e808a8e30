//! Tests of the tables that other programs read.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::Field;
use predicates::prelude::*;
use std::collections::HashMap;
use std::fs;
use std::fs::File;
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

/// Reads a Parquet file as one map for each row, without nulls.
fn parquet_rows(path: &Path) -> Vec<HashMap<String, Field>> {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let rows = reader.get_row_iter(None).unwrap().map(|row| row.unwrap().into_columns());
    rows.map(|row| row.into_iter().filter(|(_, value)| *value != Field::Null).collect()).collect()
}

#[test]
fn parquet_files_have_the_tables_with_types() {
    let bench = Bench::new(TWO_RUNS);
    bench.sweep(&[]).assert().success();
    let results = bench.path("results/small");
    let said = predicate::str::contains("runs.parquet: 2 rows").and(predicate::str::contains("epochs.parquet: 4 rows"));
    bench.runner(&["export", "small", "--to", "parquet"]).assert().success().stdout(said);

    let (header, lines) = table(&results.join("summary.csv"));
    let rows = parquet_rows(&results.join("export/runs.parquet"));
    assert_eq!(rows.len(), lines.len());
    for (row, line) in rows.iter().zip(&lines) {
        for name in &header {
            let text = match row.get(name) {
                None => String::new(),
                Some(Field::Str(text)) => text.clone(),
                Some(Field::Bool(flag)) => flag.to_string(),
                Some(Field::Long(integer)) => integer.to_string(),
                Some(Field::ULong(integer)) => integer.to_string(),
                Some(Field::Double(number)) => {
                    assert_eq!(Ok(*number), line[name].parse(), "{name}");
                    continue;
                }
                Some(other) => panic!("{name}: {other}"),
            };
            assert_eq!(text, line[name], "{name}");
        }
        assert_eq!(row["train.k"], Field::Long(line["train.k"].parse().unwrap()));
        assert_eq!(row["seed"], Field::ULong(line["seed"].parse().unwrap()));
        assert!(matches!(row["train_s"], Field::Double(seconds) if seconds > 0.0));
    }
    let epochs = parquet_rows(&results.join("export/epochs.parquet"));
    assert_eq!(
        epochs.iter().map(|epoch| &epoch["epoch"]).collect::<Vec<_>>(),
        [0, 1, 0, 1].map(Field::Long).each_ref()
    );

    let first = fs::read(results.join("export/runs.parquet")).unwrap();
    fs::write(results.join("export/runs.parquet"), "old").unwrap();
    bench.runner(&["export", "small", "--to", "parquet", "-q"]).assert().success().stdout("");
    assert_eq!(fs::read(results.join("export/runs.parquet")).unwrap(), first);
    bench.runner(&["export", "nowhere", "--to", "parquet"]).assert().code(2);
}

#[test]
fn event_files_are_one_for_each_run_that_has_trained() {
    let bench = Bench::new(TWO_RUNS);
    bench.sweep(&[]).assert().success();
    let results = bench.path("results/small");
    let plan = json(&results.join("plan.json"));
    let runs: Vec<&str> = plan["runs"].as_array().unwrap().iter().map(|run| run["run_id"].as_str().unwrap()).collect();
    let file = |folder: &str, run: &str| bench.path(folder).join(run).join("events.out.tfevents.chordbench");
    let bytes = |folder: &str, run: &str| fs::read(file(folder, run)).unwrap();

    let said = predicate::str::contains("the events of 2 of 2 runs");
    bench.runner(&["export", "small", "--to", "tensorboard"]).assert().success().stdout(said);
    bench.runner(&["export", "small", "--to", "tensorboard", "--out", "logs", "-q"]).assert().success().stdout("");
    for run in &runs {
        let events = bytes("logs", run);
        assert_eq!(events, bytes("results/small/export/tensorboard", run), "the same bytes again");
        for part in ["brain.Event:2", "train/reconstruction_error", "timing/train_s", "samples/", "train.k", "hparams"]
        {
            assert!(events.windows(part.len()).any(|window| window == part.as_bytes()), "{part}");
        }
    }

    // A run without a record has the epochs that it has trained; one without any has no folder.
    fs::remove_file(results.join("runs").join(runs[0]).join("result.json")).unwrap();
    fs::remove_dir_all(results.join("runs").join(runs[1])).unwrap();
    let said = predicate::str::contains("the events of 1 of 2 runs");
    let export = ["export", "small", "--to", "tensorboard", "--out", "part"];
    bench.runner(&export).assert().success().stdout(said);
    assert!(bytes("part", runs[0]).len() < bytes("logs", runs[0]).len());
    assert!(!bench.path("part").join(runs[1]).exists());

    fs::write(bench.path("file"), "").unwrap();
    let error = predicate::str::contains("cannot create the folder");
    bench.runner(&["export", "small", "--to", "tensorboard", "--out", "file"]).assert().code(1).stderr(error);
    bench.runner(&["export", "nowhere", "--to", "tensorboard"]).assert().code(2);
}
