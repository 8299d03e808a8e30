//! Tests of several sweeps at once: compared, on one page, with tags and notes.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use predicates::prelude::*;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use support::{Bench, TWO_RUNS, json};

/// Returns the data embedded in a page.
fn page(path: &Path) -> Value {
    let html = fs::read_to_string(path).unwrap();
    let start = html.find("application/json").unwrap();
    let text = &html[start + html[start..].find('>').unwrap() + 1..];
    serde_json::from_str(&text[..text.find("</script>").unwrap()]).unwrap()
}

#[test]
fn several_sweeps_are_compared_and_shown_together() {
    let bench = Bench::new(TWO_RUNS);
    for (name, epochs) in [("a", "1"), ("b", "2"), ("c", "3")] {
        bench.sweep(&[&format!("name={name}"), &format!("train.epochs={epochs}")]).assert().success();
    }
    let paths = ["results/a", "results/b", "results/c"];
    let lenient = ["--threshold", "1000"];
    let output = bench.runner(&["compare"]).args(paths).args(lenient).arg("--json").assert().success();
    let found: Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
    let judged: Vec<&Value> = found["comparisons"].as_array().unwrap().iter().map(|own| &own["b"]["path"]).collect();
    assert_eq!(judged, ["results/b", "results/c"]);
    assert_eq!(found["comparisons"][1]["apart"]["train.epochs"], json!([1, 3]));
    let text = bench.runner(&["compare"]).args(paths).args(lenient).assert().success().get_output().stdout.clone();
    let text = String::from_utf8(text).unwrap();
    let heading = text.lines().next().unwrap();
    assert!(paths.iter().all(|path| heading.contains(path)), "{heading}");
    assert!(text.contains("B: results/b") && text.contains("B: results/c"), "{text}");

    bench.runner(&["report"]).args(paths).assert().code(2).stderr(predicate::str::contains("--out"));
    bench.runner(&["report", "a", "results/c", "--out", "both.html"]).assert().success();
    let data = page(&bench.path("both.html"));
    assert_eq!(data["name"], "a + c");
    assert_eq!(data["totals"]["runs"], 4);
    let axes: Vec<(&Value, &Value)> =
        data["axes"].as_array().unwrap().iter().map(|axis| (&axis["key"], &axis["values"])).collect();
    assert_eq!(axes, [(&json!("sweep"), &json!(["a", "c"])), (&json!("train.k"), &json!([1, 2]))]);
    let mut points: Vec<Value> = data["points"].as_array().unwrap().clone();
    points.sort_by_key(ToString::to_string);
    assert_eq!(json!(points), json!([[0, 0], [0, 1], [1, 0], [1, 1]]));
    // Every run is that of its own sweep.
    for (run, id) in data["runs"]["id"].as_array().unwrap().iter().enumerate() {
        let point = data["runs"]["point"][run].as_u64().unwrap() as usize;
        let sweep = ["a", "c"][data["points"][point][0].as_u64().unwrap() as usize];
        let folder = format!("results/{sweep}/runs/{}", id.as_str().unwrap());
        assert_eq!(data["runs"]["folder"][run], folder);
        assert!(bench.path(&folder).is_dir());
    }
    assert_eq!(data["rolls"]["runs"].as_array().unwrap().len(), 4, "music of both");
}

#[test]
fn tags_and_notes_are_shown_and_rename_no_run() {
    let bench = Bench::new(TWO_RUNS);
    bench.sweep(&[]).assert().success();
    let results = bench.path("results/small");
    let plain = json(&results.join("plan.json"));
    assert!(plain.get("tags").is_none() && plain.get("note").is_none());
    let digest = || json(&results.join("summary.json"))["digest"].clone();
    let before = digest();
    let sets = ["tags=[\"draft\", \"k\"]", "note=Is one step enough?"];
    bench
        .runner(&["run", "--config", "sweep.toml", "--progress", "plain", "--set", sets[0], "--set", sets[1]])
        .assert()
        .success()
        .stderr(predicate::str::contains("2 runs complete, 0 to do"));
    assert_eq!(digest(), before);
    let plan = json(&results.join("plan.json"));
    assert_eq!(plan["runs"], plain["runs"]);
    assert_eq!((&plan["tags"], &plan["note"]), (&json!(["draft", "k"]), &json!("Is one step enough?")));
    let shown = predicate::str::contains("tags: draft, k\n  note: Is one step enough?");
    bench.runner(&["status", "results/small"]).assert().success().stdout(shown);
    let data = page(&results.join("report.html"));
    assert_eq!((&data["tags"], &data["note"]), (&plan["tags"], &plan["note"]));
    bench.sweep(&["tags=draft"]).assert().code(2);
}
