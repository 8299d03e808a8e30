//! Tests of the report, one page that holds everything it shows, for results in any state.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use predicates::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use support::Bench;

/// A sweep of four points with two replicates. Those with the absurd weight decay diverge.
const CONFIG: &str = r#"
name = "small"
[model]
hidden = 6
timesteps = 6
[train]
epochs = 3
learning_rate = 0.05
[evaluate]
pseudo_likelihood_windows = 5
windows = 50
[sample]
count = 4
steps = 3
start = "noise"
[sweep.grid]
"train.weight_decay" = [0.0, 1000.0]
"train.k" = [1, 2]
[replicates]
count = 2
"#;

impl Bench {
    /// Runs the sweep with some keys set and returns the folder of its results.
    fn results(&self, sets: &[&str]) -> PathBuf {
        self.sweep(sets).assert().code(predicate::in_iter([0, 1]));
        self.path("results/small")
    }

    /// Makes the page again. Returns it with the data embedded in it.
    fn report(&self) -> (String, Value) {
        self.runner(&["report", "results/small", "--quiet"]).assert().success();
        page(&self.path("results/small"))
    }
}

fn page(results: &Path) -> (String, Value) {
    let html = fs::read_to_string(results.join("report.html")).unwrap();
    let (_, rest) = html.split_once(r#"<script id="data" type="application/json">"#).unwrap();
    let data = serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap();
    (html, data)
}

fn edit(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut value: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    change(&mut value);
    fs::write(path, value.to_string()).unwrap();
}

fn length(value: &Value) -> usize {
    value.as_array().unwrap().len()
}

#[test]
fn a_sweep_leaves_a_page_that_needs_nothing_else() {
    let bench = Bench::new(CONFIG);
    let results = bench.results(&["sweep.grid.train.weight_decay=[0.05, 0.01]"]);
    let (html, data) = page(&results);
    assert_eq!(length(&data["runs"]["id"]), 8);
    assert_eq!((&data["totals"]["ok"], &data["totals"]["points"]), (&json!(8), &json!(4)));
    assert_eq!(data["axes"][0]["values"], json!([0.01, 0.05]), "numbers ascend");
    assert_eq!(data["provenance"]["seed_count"], 2);
    assert!(data["provenance"]["config"].as_str().unwrap().contains("weight_decay"));

    // The best is first, as in the summary.
    let summary: Value = serde_json::from_slice(&fs::read(results.join("summary.json")).unwrap()).unwrap();
    let best = summary["points"][0]["runs"].as_array().unwrap();
    assert_eq!(data["runs"]["id"][0], best[0]);
    let index = |key: &str, value: &Value| {
        let axis = data["axes"].as_array().unwrap().iter().find(|axis| axis["key"] == key).unwrap();
        axis["values"].as_array().unwrap().iter().position(|own| own == value).unwrap()
    };
    let swept = summary["points"][0]["swept"].as_object().unwrap();
    let place: Vec<usize> = data["axes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|axis| index(axis["key"].as_str().unwrap(), &swept[axis["key"].as_str().unwrap()]))
        .collect();
    assert_eq!(data["points"][0], json!(place));

    // The glossary defines every name, and a number equals that of the record to six digits.
    let columns = data["columns"].as_array().unwrap();
    let names = columns.iter().map(|column| &column["name"]).chain(data["curves"]["names"].as_array().unwrap());
    for name in names {
        assert!(data["glossary"].get(name.as_str().unwrap()).is_some(), "no definition of {name}");
    }
    let record: Value = serde_json::from_slice(
        &fs::read(results.join("runs").join(best[0].as_str().unwrap()).join("result.json")).unwrap(),
    )
    .unwrap();
    let name = "validation_pseudo_log_likelihood_per_step";
    let column = columns.iter().find(|column| column["name"] == name).unwrap();
    let (shown, exact) = (column["values"][0].as_f64().unwrap(), record["metrics"][name].as_f64().unwrap());
    assert!((shown - exact).abs() <= exact.abs() * 1e-5, "{shown} for {exact}");

    // The page has curves, samples and units. The distance of a sample is that in the run's file.
    assert_eq!(length(&data["curves"]["runs"]), 8);
    assert_eq!(data["curves"]["runs"][0]["epochs"], json!([0, 1, 2, 3]));
    assert_eq!(length(&data["rolls"]["runs"]), 8);
    let own = &data["rolls"]["runs"][0];
    let rolls: Value = serde_json::from_slice(
        &fs::read(results.join("runs").join(data["runs"]["id"][0].as_str().unwrap()).join("rolls.json")).unwrap(),
    )
    .unwrap();
    assert_eq!(own["samples"][0][4], rolls["samples"][0]["nearest_bits"]);
    let notes = &data["rolls"]["rolls"][own["samples"][0][1].as_u64().unwrap() as usize]["n"];
    assert_eq!(length(notes), 3 * length(&rolls["samples"][0]["roll"]["notes"]));
    assert_eq!(length(&data["units"]), 4);
    let weights = data["units"][0]["units"][0]["weights"].as_str().unwrap();
    assert_eq!(STANDARD.decode(weights).unwrap().len(), 6 * 156);

    // The policy allows only the page's own style and script, and no address is outside the page.
    let (_, policy) = html.split_once("Content-Security-Policy\" content=\"").unwrap();
    let policy = policy.split_once('"').unwrap().0;
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    for (open, close) in [("<style>", "</style>"), ("<script>", "</script>")] {
        let text = html.split_once(open).unwrap().1.split_once(close).unwrap().0;
        let hash = STANDARD.encode(Sha256::digest(text));
        assert!(policy.contains(&format!("'sha256-{hash}'")), "{open} is not what the policy admits");
    }
    let addresses: Vec<&str> = html.match_indices("://").map(|(at, _)| &html[at.saturating_sub(5)..at + 24]).collect();
    assert!(addresses.iter().all(|address| address.contains("http://www.w3.org/2000/svg")), "{addresses:?}");
    assert!(!html.contains("@import") && !html.contains("url("));
}

#[test]
fn text_of_users_stays_text() {
    let bench = Bench::new(CONFIG);
    let results = bench.results(&[]);
    let name = "</script><img src=x onerror=alert(1)>&amp;\u{2028}\"'";
    edit(&results.join("plan.json"), |plan| plan["name"] = name.into());
    fs::write(results.join("sweep.toml"), format!("# {name}\n")).unwrap();
    let (html, data) = bench.report();
    assert_eq!(data["name"], name);
    assert_eq!(data["provenance"]["config"], format!("# {name}\n"));
    assert_eq!(html.matches("</script").count(), 2, "only the page's own scripts end");
    assert!(!html.contains("<img"));
    let title = html.split_once("<title>").unwrap().1.split_once("</title>").unwrap().0;
    assert!(!title.contains('<') && title.contains("script"), "{title}");
}

#[test]
fn failures_are_listed_with_their_reasons() {
    let bench = Bench::new(CONFIG);
    bench.results(&[]);
    let (_, data) = bench.report();
    assert_eq!((&data["totals"]["ok"], &data["totals"]["failed"]), (&json!(4), &json!(4)));
    let statuses = data["runs"]["status"].as_array().unwrap();
    let failed: Vec<usize> = (0..8).filter(|&run| statuses[run] == "failed").collect();
    assert_eq!(failed, [4, 5, 6, 7], "after those that ended well");
    for run in failed {
        assert!(data["runs"]["reason"][run.to_string()].as_str().unwrap().contains("diverged"));
    }
    // If all runs failed, there is still a page.
    let bench = Bench::new(CONFIG);
    bench.results(&["train.weight_decay=1000.0", "train.epochs=4"]);
    let (_, data) = bench.report();
    assert_eq!((&data["totals"]["ok"], &data["totals"]["failed"]), (&json!(0), &json!(4)));
    assert_eq!((&data["ordered_by"], length(&data["rolls"]["runs"]), length(&data["units"])), (&Value::Null, 0, 0));
}

#[test]
fn incomplete_and_damaged_results_are_shown_as_far_as_they_go() {
    let bench = Bench::new(CONFIG);
    let results = bench.results(&["train.weight_decay=0.0"]);
    let (_, whole) = bench.report();
    let id = |run: usize| whole["runs"]["id"][run].as_str().unwrap();
    let folder = |run: usize| results.join("runs").join(id(run));
    fs::write(folder(0).join("rolls.json"), "{").unwrap();
    fs::write(folder(0).join("model.safetensors"), "no model").unwrap();
    fs::write(folder(0).join("epochs.jsonl"), "torn").unwrap();
    fs::remove_dir_all(folder(3)).unwrap();
    edit(&folder(1).join("result.json"), |record| record["warnings"] = json!(["chains miss modes"]));
    let (_, data) = bench.report();
    let status = |run: usize| {
        let place = (0..4).find(|&place| data["runs"]["id"][place] == id(run)).unwrap();
        data["runs"]["status"][place].as_str().unwrap()
    };
    assert_eq!((status(0), status(1), status(3)), ("ok", "ok", "missing"));
    assert_eq!((length(&data["curves"]["runs"]), length(&data["rolls"]["runs"])), (2, 2));
    assert_eq!(data["totals"]["incomplete"], 1);
    let warned = (0..4).find(|&place| data["runs"]["id"][place] == id(1)).unwrap().to_string();
    assert_eq!(data["runs"]["warnings"], json!({ warned: ["chains miss modes"] }));

    // The results have only a plan.
    fs::remove_dir_all(results.join("runs")).unwrap();
    fs::remove_file(results.join("sweep.toml")).unwrap();
    let (_, data) = bench.report();
    assert_eq!((&data["totals"]["incomplete"], length(&data["columns"])), (&json!(4), 0));

    fs::remove_file(results.join("plan.json")).unwrap();
    let report = bench.runner(&["report", "results/small"]).assert().code(2);
    report.stderr(predicate::str::contains("plan.json").and(predicate::str::contains("folder of a sweep's results")));
}

#[test]
fn a_report_that_cannot_be_written_fails_no_sweep() {
    let bench = Bench::new(CONFIG);
    fs::create_dir_all(bench.path("results/small/report.html/occupied")).unwrap();
    let sets = ["--set", "train.weight_decay=0.0", "--set", "train.k=1"];
    let run = bench.runner(&["run", "--config", "sweep.toml"]).args(sets).assert().success();
    run.stderr(predicate::str::contains("no report.html").and(predicate::str::contains("runner report results")));
    bench.runner(&["report", "results/small"]).assert().code(1);
    let written = bench.runner(&["report", "results/small", "--out", "other.html"]).assert().success();
    written.stdout(predicate::str::contains("other.html"));
    assert!(bench.path("other.html").is_file());
}

/// The results have thousands of runs, made from the records of a few.
#[test]
fn a_large_sweep_is_cut_short_and_says_so() {
    const RUNS: usize = 2_500;
    const PLANNED: usize = 21_000;
    let bench = Bench::new(CONFIG);
    let results = bench.results(&["train.weight_decay=0.0", "sweep.grid.model.hidden=[4, 5]"]);
    let plan: Value = serde_json::from_slice(&fs::read(results.join("plan.json")).unwrap()).unwrap();
    let template = plan["runs"][0].clone();
    let old = results.join("runs").join(template["run_id"].as_str().unwrap());
    let record = fs::read_to_string(old.join("result.json")).unwrap();
    let mut runs = Vec::new();
    for index in 0..PLANNED {
        let mut run = template.clone();
        let id = format!("{index:012x}");
        run["index"] = index.into();
        run["run_id"] = id.as_str().into();
        run["point"] = (index / 2).into();
        run["replicate"] = (index % 2).into();
        run["swept"]["model.hidden"] = (index / 2).into();
        if index < RUNS {
            let folder = results.join("runs").join(&id);
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("result.json"), record.replace(template["run_id"].as_str().unwrap(), &id)).unwrap();
            for name in ["epochs.jsonl", "rolls.json"] {
                fs::hard_link(old.join(name), folder.join(name)).unwrap();
            }
        }
        runs.push(run);
    }
    edit(&results.join("plan.json"), |plan| plan["runs"] = runs.into());
    let (html, data) = bench.report();
    assert_eq!(length(&data["runs"]["id"]), 20_000);
    assert_eq!(data["totals"]["runs"], PLANNED);
    assert_eq!(length(&data["curves"]["runs"]), 600);
    assert_eq!(length(&data["rolls"]["runs"]), 400);
    assert_eq!(length(&data["units"]), 0, "no model is there");
    let left_out: Vec<&str> = data["left_out"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    for part in ["list has", "Digests", "Learning curves", "Samples", "Baselines"] {
        assert!(left_out.iter().any(|text| text.contains(part)), "{part}: {left_out:?}");
    }
    assert!(html.len() < 12_000_000, "{} bytes", html.len());
}
