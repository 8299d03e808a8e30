//! Tests of the names by which models and sweeps are found.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use predicates::prelude::*;
use std::fs;
use support::{Bench, TWO_RUNS, json};

/// Returns a bench with a finished sweep of two points, with two replicates each.
fn finished() -> Bench {
    let bench = Bench::new(&format!("{TWO_RUNS}[replicates]\ncount = 2\n"));
    bench.sweep(&[]).assert().success();
    bench
}

/// Returns the id of the best run of the sweep, by the rule of the manual, and that of another.
fn best_and_other(bench: &Bench) -> (String, String) {
    let results = bench.path("results/small");
    let summary = json(&results.join("summary.json"));
    let metric = summary["ordered_by"].as_str().unwrap();
    let runs = |point: usize| -> Vec<String> {
        let runs = summary["points"][point]["runs"].as_array().unwrap();
        runs.iter().map(|run| run.as_str().unwrap().to_owned()).collect()
    };
    let value =
        |run: &String| json(&results.join("runs").join(run).join("result.json"))["metrics"][metric].as_f64().unwrap();
    let best = runs(0).into_iter().max_by(|a, b| value(a).total_cmp(&value(b))).unwrap();
    (best, runs(1).remove(0))
}

#[test]
fn a_model_is_found_by_its_sweep_its_run_or_its_id() {
    let bench = finished();
    let (best, other) = best_and_other(&bench);
    let music = |model: &str, out: &str| {
        let call = ["sample", "--model", model, "--out", out, "--count", "2", "--steps", "3"];
        let done = bench.runner(&call).assert().success();
        let said = String::from_utf8(done.get_output().stderr.clone()).unwrap();
        (fs::read(bench.path(out).join("0.mid")).unwrap(), said)
    };
    let (of_best, silent) = music(&format!("results/small/runs/{best}/model.safetensors"), "file");
    assert_eq!(silent, "", "a file is not a choice");
    for (name, out) in [("results/small", "sweep"), ("small", "name")] {
        let (bytes, said) = music(name, out);
        assert_eq!(bytes, of_best, "{name}");
        assert!(said.contains(&best) && said.contains("the best of 4 runs"), "{said}");
        assert!(
            said.contains("by validation_log_likelihood_exact_per_step is") && said.contains("train.k ="),
            "{said}"
        );
    }
    let (of_other, _) = music(&format!("results/small/runs/{other}"), "folder");
    let (bytes, said) = music(&other, "id");
    assert_eq!(bytes, of_other);
    assert!(said.contains(&format!("results/small/runs/{other}")), "{said}");
    assert_eq!(music(&other[..6], "beginning").0, of_other);

    let evaluated = |model: &str| {
        let call = ["evaluate", "--model", model, "--json", "--quiet"];
        let output = bench.runner(&call).assert().success().get_output().stdout.clone();
        serde_json::from_slice::<serde_json::Value>(&output).unwrap()["run_id"].as_str().unwrap().to_owned()
    };
    assert_eq!([evaluated("results/small"), evaluated(&other)], [best, other]);
}

#[test]
fn a_report_is_made_of_the_sweep_that_a_run_belongs_to() {
    let bench = finished();
    let (_, other) = best_and_other(&bench);
    let page = bench.path("results/small/report.html");
    let model = format!("results/small/runs/{other}/model.safetensors");
    for name in ["small", &other, &format!("results/small/runs/{other}"), &model] {
        fs::remove_file(&page).unwrap();
        bench.runner(&["report", name]).assert().success();
        assert!(page.is_file(), "{name}");
    }
}

#[test]
fn names_that_lead_nowhere_are_errors_that_say_where_was_looked() {
    let bench = finished();
    let (best, other) = best_and_other(&bench);
    let refused = |model: &str, parts: &[&str]| {
        let failed = bench.runner(&["sample", "--model", model]).assert().code(2);
        let said = String::from_utf8(failed.get_output().stderr.clone()).unwrap();
        assert!(parts.iter().all(|part| said.contains(part)), "{model}: {said}");
    };
    refused("abcdef", &["no file or folder is called abcdef", "results has no sweep"]);
    refused("results", &["not the folder of a sweep", "it has the sweeps results/small"]);
    refused(&best[..3], &["no file or folder is called"]);
    refused("no/such/model", &["cannot read the model no/such/model"]);
    // The same run in two sweeps.
    bench.sweep(&["name=twin"]).assert().success();
    refused(&other, &["several runs in results", &format!("results/twin/runs/{other}")]);
    // A run without a model, and a sweep without a run.
    fs::remove_file(bench.path("results/small/runs").join(&best).join("model.safetensors")).unwrap();
    refused(&format!("results/small/runs/{best}"), &["has no model"]);
    fs::remove_dir_all(bench.path("results/small/runs")).unwrap();
    refused("results/small", &["none of its 4 runs has ended well"]);
}

#[test]
fn the_last_lines_name_report_and_samples_of_the_best_run() {
    let bench = Bench::new(TWO_RUNS);
    let done = bench.runner(&["--config", "sweep.toml"]).assert().success();
    let (best, other) = best_and_other(&bench);
    let text = String::from_utf8(done.get_output().stdout.clone()).unwrap();
    let last: Vec<&str> = text.lines().rev().take(3).collect();
    assert_eq!(last[0], "More: runner sample --model results/small");
    assert_eq!(last[1], format!("Samples of the best run: results/small/runs/{best}/samples"));
    assert_eq!(last[2], "Report: results/small/report.html");
    let row = |id: &str| text.lines().position(|line| line.trim_end().ends_with(id));
    assert!(row(&best).unwrap() < row(&other).unwrap(), "{text}");
    bench.runner(&["merge", "results/small"]).assert().success().stdout(predicate::str::ends_with(format!(
        "Samples of the best run: results/small/runs/{best}/samples\nMore: runner sample --model results/small\n"
    )));
}
