//! Tests of sweeps on rows of 0 and 1 that are not music, from file to report.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use chordbench::data::{Format, to_npy};
use chordbench::engine::BitMatrix;
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use support::{Bench, first_run, json};

const CONFIG: &str = r#"
name = "bits"
[corpus]
path = "rows.npy"
validation = 0.25
[model]
hidden = 5
[train]
epochs = 3
learning_rate = 0.05
[sample]
count = 6
steps = 4
start = "noise"
[sweep.grid]
"train.k" = [1, 2]
"#;

/// Rows of ten units, of which neighbours agree more often than not.
fn table(rows: usize) -> BitMatrix {
    BitMatrix::from_fn(rows, 10, |row, unit| (row * 7 + (unit / 2) * (row % 5 + 3)) % 3 == 0)
}

fn to_csv(table: &BitMatrix) -> String {
    let value = |row, unit| if table.get(row, unit) { "1" } else { "0" };
    let line = |row| (0..table.columns()).map(|unit| value(row, unit)).collect::<Vec<_>>().join(",") + "\n";
    (0..table.rows()).map(line).collect()
}

fn bench() -> Bench {
    let bench = Bench::new(CONFIG);
    fs::write(bench.path("rows.npy"), to_npy(&table(40))).unwrap();
    fs::write(bench.path("rows.csv"), to_csv(&table(40))).unwrap();
    bench
}

fn read(path: &Path) -> BitMatrix {
    Format::Npy.read(&fs::read(path).unwrap()).unwrap()
}

fn records(results: &Path) -> Vec<Value> {
    let plan = json(&results.join("plan.json"));
    let ids = plan["runs"].as_array().unwrap().iter().map(|run| run["run_id"].as_str().unwrap().to_owned());
    ids.map(|id| json(&results.join("runs").join(id).join("result.json"))).collect()
}

#[test]
fn a_sweep_on_rows_goes_from_file_to_report() {
    let bench = bench();
    bench.sweep(&[]).assert().success();
    let results = bench.path("results/bits");
    let own = records(&results);
    assert_eq!(own.len(), 2);
    for record in &own {
        assert_eq!((&record["status"], &record["params"]["model.timesteps"]), (&"ok".into(), &1.into()));
        assert_eq!(record["music"], Value::Null);
        let corpus = &record["corpus"];
        let counts =
            ["units", "songs", "training_windows", "validation_windows", "test_windows"].map(|key| &corpus[key]);
        assert_eq!(counts.map(|count| count.as_u64().unwrap()), [10, 40, 30, 10, 0]);
        assert!(record["metrics"]["validation_log_likelihood_exact"].is_f64());
        let paths: Vec<&str> =
            record["artifacts"].as_array().unwrap().iter().map(|own| own["path"].as_str().unwrap()).collect();
        assert_eq!(paths, ["model.safetensors", "samples/samples.npy"]);
    }
    let run = first_run(&results);
    let samples = read(&run.join("samples/samples.npy"));
    assert_eq!((samples.rows(), samples.columns()), (6, 10));
    assert!((1..60).contains(&samples.count_ones()));
    assert!(!run.join("rolls.json").exists());

    // The same rows as text are the same corpus: names, digests and samples are equal.
    bench.sweep(&["corpus.path=rows.csv", "name=text"]).assert().success();
    let text = records(&bench.path("results/text"));
    for (own, other) in own.iter().zip(&text) {
        assert_eq!((&own["run_id"], &own["digest"]), (&other["run_id"], &other["digest"]));
    }

    let html = fs::read_to_string(results.join("report.html")).unwrap();
    let (_, rest) = html.split_once(r#"<script id="data" type="application/json">"#).unwrap();
    let data: Value = serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap();
    assert_eq!((&data["not_music"], &data["rolls"]["runs"]), (&true.into(), &Value::Array(Vec::new())));
    assert_eq!((&data["units"][0]["row_units"], &data["units"][0]["hidden"]), (&10.into(), &5.into()));
    assert!(html.contains("This part does not apply: the corpus is rows of 0 and 1 that are not music."));

    bench.runner(&["verify", "results/bits", "--all"]).assert().success();
    bench.runner(&["status", "results/bits"]).assert().success().stdout(contains("2 of 2 runs done"));
    bench.runner(&["compare", "results/bits", "results/text"]).assert().success();
    bench.runner(&["plan", "--config", "sweep.toml"]).assert().success();
    for shard in ["1/2", "2/2"] {
        bench.sweep(&["name=parts"]).args(["--shard", shard]).assert().success();
    }
    bench.runner(&["merge", "results/parts"]).assert().success();
    let digests = |records: &[Value]| records.iter().map(|own| own["digest"].clone()).collect::<Vec<_>>();
    assert_eq!(digests(&records(&bench.path("results/parts"))), digests(&own));
}

#[test]
fn a_model_of_rows_is_evaluated_and_sampled() {
    let bench = bench();
    bench.sweep(&[]).assert().success();
    let model: PathBuf = first_run(&bench.path("results/bits")).join("model.safetensors");
    let model = model.to_str().unwrap();
    let evaluated = bench.runner(&["evaluate", "--model", model, "--corpus", "rows.csv", "--json"]).assert().success();
    let found: Value = serde_json::from_slice(&evaluated.get_output().stdout).unwrap();
    assert_eq!((&found["visible"], &found["corpus"]["of_the_run"]), (&10.into(), &true.into()));
    let record = json(&Path::new(model).with_file_name("result.json"));
    let own = record["metrics"]["train_log_likelihood_exact"].as_f64().unwrap();
    assert_eq!(found["log_likelihood"]["train"]["exact"].as_f64().unwrap(), own);
    let refused = bench.runner(&["evaluate", "--model", model]).assert().code(2);
    refused.stderr(contains("it is music, and the model is of rows of 10 units"));

    let sample =
        |flags: &[&str]| bench.runner(&[&["sample", "--model", model, "--out", "out"], flags].concat()).assert();
    sample(&["--count", "3", "--steps", "5"]).success().stdout(contains("3 samples of 10 units in out/samples.npy"));
    let samples = read(&bench.path("out/samples.npy"));
    assert_eq!((samples.rows(), samples.columns()), (3, 10));
    sample(&["--start", "data", "--corpus", "rows.npy", "--quiet"]).success().stdout("");
    assert_eq!(read(&bench.path("out/samples.npy")).rows(), 6);
    sample(&["--start", "data"]).code(2).stderr(contains("name a file of rows with --corpus"));
    for flags in [
        &["--continue", "a.mid"][..],
        &["--harmonise", "a.mid"],
        &["--length", "8bars"],
        &["--key", "C"],
        &["--hop", "2"],
        &["--tempo", "90"],
        &["--velocity", "9"],
        &["--program", "3"],
        &["--wav"],
    ] {
        let message = format!("which are not music: leave out {}", flags[0]);
        sample(flags).code(2).stderr(contains(message));
    }
}

#[test]
fn a_folder_states_its_splits() {
    let bench = bench();
    let folder = bench.path("data");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("train.npy"), to_npy(&table(40))).unwrap();
    fs::write(folder.join("valid.csv"), to_csv(&table(9))).unwrap();
    fs::write(folder.join("test.npy"), to_npy(&table(7))).unwrap();
    bench.sweep(&["corpus.path=data"]).assert().success();
    let corpus = &records(&bench.path("results/bits"))[0]["corpus"];
    let counts = ["training_songs", "validation_songs", "test_songs"].map(|key| corpus[key].as_u64().unwrap());
    assert_eq!(counts, [40, 9, 7]);
    let listed = bench.runner(&["corpus", "data", "--json"]).assert().success();
    let lines = String::from_utf8(listed.get_output().stdout.clone()).unwrap();
    let files: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<&str> = files.iter().map(|file| file["file"].as_str().unwrap()).collect();
    assert_eq!(names, ["train.npy", "valid.csv", "test.npy"]);
    assert_eq!((&files[1]["status"], &files[1]["rows"]), (&"used".into(), &9.into()));
    assert_eq!(files[1]["ones"].as_u64(), Some(table(9).count_ones()));
    assert!(files[1]["sha256"].is_string() && files[1].get("hold_ones").is_none());
    let summary = bench.runner(&["corpus", "data", "--summary"]).assert().success();
    summary.stdout(contains("split       rows  density").and(contains("any key").not()));
}

/// Every wrong input ends with code 2 and a message that names file, place, value and remedy, before anything is
/// written.
#[test]
fn wrong_inputs_are_refused_by_name() {
    let bench = bench();
    let refused = |bytes: &[u8], name: &str, message: &str| {
        fs::write(bench.path(name), bytes).unwrap();
        let call = bench.sweep(&[&format!("corpus.path={name}")]).assert().code(2);
        call.stderr(contains(name).and(contains(message)));
    };
    let sound = to_npy(&table(4));
    let other = |from: &str, to: &str| {
        let at = sound.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
        [&sound[..at], to.as_bytes(), &sound[at + to.len()..]].concat()
    };
    refused(&sound[..sound.len() - 1], "bad.npy", "truncated: 39 of 40 bytes of the array");
    refused(&other("|u1", "<f8"), "bad.npy", "of type '<f8' (float64); expected bool or uint8");
    refused(&other("'|u1'", "'|O' "), "bad.npy", "(Python objects)");
    refused(&other("(4, 10)", "(40,)  "), "bad.npy", "the shape (40,); expected rows × units");
    refused(&[&sound[..sound.len() - 1], &[3]].concat(), "bad.npy", "row 4, column 10: expected 0 or 1, found 3");
    refused(b"", "bad.npy", "the file is empty");
    refused(b"0,1\n", "bad.npy", "not a NumPy file");
    refused(b"", "bad.csv", "the file is empty");
    refused(b"0,1\n1,2\n", "bad.csv", "line 2, column 2: expected 0 or 1, found \"2\"");
    refused(b"a,b\n1,0\n", "bad.csv", "a header line is not read: remove it");
    refused(b"0,1\n1\n", "bad.csv", "line 2: expected 2 values, as in line 1, found 1");
    fs::create_dir(bench.path("data")).unwrap();
    fs::write(bench.path("data/train.csv"), "0,1\n1,1\n").unwrap();
    let in_folder = |name: &str, bytes: &[u8], message: &str| {
        fs::write(bench.path("data").join(name), bytes).unwrap();
        bench.sweep(&["corpus.path=data"]).assert().code(2).stderr(contains(name).and(contains(message)));
    };
    in_folder("test.csv", b"0,1,1\n", "its rows have 3 units, those of train.csv 2");
    in_folder("train.npy", &sound, "train.npy and train.csv are both there");
    let set = |set: &str, message: &str| {
        bench.sweep(&[set]).assert().code(2).stderr(contains(message));
    };
    set("model.timesteps=2", "`model.timesteps` cannot be 2 for rows of 0 and 1");
    set("corpus.drums=true", "`corpus.drums` cannot be true for rows of 0 and 1: it applies to music alone");
    set("corpus.compat=seed", "`corpus.compat` cannot be \"seed\" for rows");
    fs::write(bench.path("wide.csv"), to_csv(&BitMatrix::zeros(9, 60))).unwrap();
    let wide = ["corpus.path=wide.csv", "model.hidden=30"];
    for (key, most) in [("train.method", 20), ("evaluate.log_likelihood", 25)] {
        let call = bench.sweep(&[wide[0], wide[1], &format!("{key}=exact")]).assert().code(2);
        let message = format!("`{key}` cannot be \"exact\" for a model of 60 visible and 30 hidden units");
        call.stderr(contains(message).and(contains(format!("{most} is the maximum"))));
    }
    // Of a deep network the top layer counts, and each layer that is trained so.
    let exact = "evaluate.log_likelihood=exact";
    let deep =
        |layers: &str, key: &str| bench.sweep(&[wide[0], "model.kind=dbn", &format!("model.layers={layers}"), key]);
    deep("[40, 30]", exact).assert().code(2).stderr(contains("of 40 visible and 30 hidden units"));
    deep("[40, 8]", "train.method=exact").assert().code(2).stderr(contains("of 60 visible and 40 hidden units"));
    assert!(!bench.path("results").exists());
    deep("[40, 8]", exact).assert().success();
}
