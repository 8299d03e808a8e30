//! Tests of the diversity of samples: in the record, the summary, the comparison and the report, and in no digest.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use support::{Bench, first_run, json};

const CONFIG: &str = r#"
name = "small"
[corpus]
validation = 0.1
[model]
hidden = 6
timesteps = 8
[train]
epochs = 2
[evaluate]
pseudo_likelihood_windows = 5
windows = 50
[sample]
count = 12
steps = 3
start = "data"
"#;

/// The values of a column of `summary.csv`.
fn column(text: &str, name: &str) -> Vec<String> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let place =
        reader.headers().unwrap().iter().position(|own| own == name).unwrap_or_else(|| panic!("{name}: {text}"));
    reader.records().map(|row| row.unwrap()[place].to_owned()).collect()
}

#[test]
fn the_diversity_of_samples_is_recorded_summed_up_compared_and_shown() {
    let bench = Bench::new(CONFIG);
    bench.sweep(&[]).assert().success();
    let results = bench.path("results/small");
    let record = json(&first_run(&results).join("result.json"));
    let diversity = &record["music"]["diversity"];
    let value =
        |of: &str, name: &str| diversity[of][name].as_f64().unwrap_or_else(|| panic!("{of} {name}: {diversity}"));
    assert_eq!((value("samples", "windows"), value("training", "windows")), (12.0, 12.0));
    let ratio = value("samples", "pairwise_distance") / value("training", "pairwise_distance");

    let csv = fs::read_to_string(results.join("summary.csv")).unwrap();
    assert_eq!(column(&csv, "sample_diversity"), [ratio.to_string()]);
    for name in ["pairwise_distance", "distinct_windows", "distinct_chord_sequences"] {
        assert_eq!(column(&csv, &format!("sample_{name}")), [value("samples", name).to_string()]);
        assert_eq!(column(&csv, &format!("sample_training_{name}")), [value("training", name).to_string()]);
    }

    bench.sweep(&["name=other", "sample.steps=1"]).assert().success();
    let compared = bench.runner(&["compare", "results/small", "results/other", "--metric", "sample_diversity"]);
    let compared = String::from_utf8(output(compared)).unwrap();
    assert!(compared.contains("sample_diversity"), "{compared}");

    let html = fs::read_to_string(results.join("report.html")).unwrap();
    let (_, rest) = html.split_once(r#"<script id="data" type="application/json">"#).unwrap();
    let data: Value = serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap();
    let columns = data["columns"].as_array().unwrap();
    let shown = columns.iter().find(|column| column["name"] == "sample_diversity").unwrap();
    assert_eq!(shown["shown"], true);
    // Each sample is heard once, in an order of its own.
    let own = &data["rolls"]["runs"][0];
    let order: Vec<u64> = own["apart"].as_array().unwrap().iter().map(|place| place.as_u64().unwrap()).collect();
    assert_eq!(order.iter().copied().collect::<BTreeSet<_>>().len(), own["samples"].as_array().unwrap().len());
    assert!(!order.is_sorted(), "{order:?}");
}

/// Earlier versions did not measure it: their records and summaries keep their digests.
#[test]
fn records_without_diversity_have_the_same_digests() {
    let bench = Bench::new(CONFIG);
    bench.sweep(&[]).assert().success();
    let results = bench.path("results/small");
    let digest = || json(&results.join("summary.json"))["digest"].clone();
    let before = digest();
    let path = first_run(&results).join("result.json");
    let mut record = json(&path);
    assert!(record["music"].as_object_mut().unwrap().remove("diversity").is_some());
    fs::write(&path, serde_json::to_vec_pretty(&record).unwrap()).unwrap();
    bench.runner(&["verify", "results/small"]).assert().success();
    bench.sweep(&[]).assert().success();
    assert_eq!(digest(), before);
    let csv = fs::read_to_string(results.join("summary.csv")).unwrap();
    assert_eq!(column(&csv, "sample_diversity"), [""]);
}

fn output(mut command: assert_cmd::Command) -> Vec<u8> {
    command.output().unwrap().stdout
}
