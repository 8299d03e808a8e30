//! The tables of the documentation are those of the results that are kept beside it.
//!
//! A table stands between two comments. The first says what it is made of: the summary below `results/reference`, the
//! columns its runs are grouped by, and the columns whose mean and sample standard deviation over the runs of a group
//! are shown, each with the digits after the point and a heading (`_` for a space):
//!
//!     <!-- table: sweep/summary.csv by train.k of train_s:2:seconds_of_training -->
//!     <!-- table: end -->

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

const BEGIN: &str = "<!-- table: ";
const END: &str = "<!-- table: end -->";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A run as a summary has it: its fields by the names of their columns.
type Run = HashMap<String, String>;

fn runs_of(summary: &Path) -> Vec<Run> {
    let mut reader = csv::Reader::from_path(summary).unwrap_or_else(|error| panic!("{}: {error}", summary.display()));
    reader.deserialize().map(Result::unwrap).filter(|run: &Run| run["status"] == "ok").collect()
}

/// Mean and sample standard deviation of a column, `–` where no run has it.
fn cell(runs: &[&Run], column: &str, digits: usize) -> String {
    assert!(runs.iter().all(|run| run.contains_key(column)), "there is no column {column}");
    let values: Vec<f64> = runs.iter().filter_map(|run| run[column].parse().ok()).collect();
    if values.is_empty() {
        return "–".into();
    }
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let shown = |value: f64| format!("{value:.digits$}").replace('-', "−");
    if values.len() == 1 {
        return shown(mean);
    }
    format!("{} ± {}", shown(mean), shown((squares / (values.len() - 1) as f64).sqrt()))
}

/// The table that a first comment asks for.
fn table(request: &str) -> String {
    let (file, rest) = request.split_once(" by ").expect("FILE by KEY … of COLUMN:DIGITS:HEADING …");
    let (keys, columns) = rest.split_once(" of ").expect("FILE by KEY … of COLUMN:DIGITS:HEADING …");
    let keys: Vec<&str> = keys.split_whitespace().collect();
    let columns: Vec<(&str, usize, String)> = columns
        .split_whitespace()
        .map(|column| {
            let [name, digits, heading] = column.splitn(3, ':').collect::<Vec<_>>()[..] else {
                panic!("{column} is not COLUMN:DIGITS:HEADING");
            };
            (name, digits.parse().unwrap(), heading.replace('_', " "))
        })
        .collect();
    let runs = runs_of(&root().join("results/reference").join(file));
    let mut groups: Vec<(Vec<&str>, Vec<&Run>)> = Vec::new();
    for run in &runs {
        let group: Vec<&str> = keys.iter().map(|&key| run[key].as_str()).collect();
        match groups.iter_mut().find(|(own, _)| *own == group) {
            Some((_, members)) => members.push(run),
            None => groups.push((group, vec![run])),
        }
    }
    let mut text = String::new();
    let headings = keys.iter().map(|key| format!("`{key}`"));
    let headings: Vec<String> =
        headings.chain(["runs".to_owned()]).chain(columns.iter().map(|(.., heading)| heading.clone())).collect();
    let _ = writeln!(text, "| {} |\n|{}", headings.join(" | "), "---|".repeat(headings.len()));
    for (group, members) in groups {
        let mut cells: Vec<String> = group.into_iter().map(str::to_owned).collect();
        cells.push(members.len().to_string());
        cells.extend(columns.iter().map(|(name, digits, _)| cell(&members, name, *digits)));
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text
}

/// To update a table, paste what the failure prints.
#[test]
fn tables_are_those_of_the_results_kept() {
    let mut tables = 0;
    for entry in fs::read_dir(root().join("docs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let page = fs::read_to_string(&path).unwrap();
        let mut rest = page.as_str();
        while let Some((_, after)) = rest.split_once(BEGIN) {
            let (request, after) = after.split_once(" -->").unwrap();
            let (found, after) = after.split_once(END).unwrap_or_else(|| panic!("{request}: no {END}"));
            let expected = table(request);
            assert!(found.trim() == expected.trim(), "{}: {request}\n\n{expected}", path.display());
            tables += 1;
            rest = after;
        }
    }
    assert!(tables > 0, "no table is left to check");
}

/// `docs/tables.md` rounds what `results/reference/tables` has.
#[test]
fn published_tables_are_those_of_the_summaries_kept() {
    let page = fs::read_to_string(root().join("docs/tables.md")).unwrap();
    for (name, title) in [("jsb_chorales", "JSB chorales"), ("nottingham", "Nottingham")] {
        let text = fs::read_to_string(root().join(format!("results/reference/tables/{name}.json"))).unwrap();
        let summary: serde_json::Value = serde_json::from_str(&text).unwrap();
        let score = |key: &str| {
            let score = summary["splits"]["test"][key].as_f64().unwrap();
            format!("{score:.3}").replace('-', "−")
        };
        let steps = |split: &str, key: &str| summary["duplicates"]["steps"][split][key].as_u64().unwrap();
        let by_step = score("bernoulli_log_likelihood_per_step");
        let by_song = score("bernoulli_log_likelihood_per_step_by_song");
        let distinct = steps("training", "count") - steps("training", "repeated");
        for line in [
            format!("| {title} | {by_step} | {by_step} | {by_song} |"),
            format!("| {title} | {} | {} | {distinct} |", steps("test", "count"), steps("test", "in_training")),
        ] {
            assert!(page.contains(&line), "docs/tables.md should have\n{line}");
        }
    }
}

/// The runs of the point that the validation split chooses, by the rule of one standard error: of the points whose mean is
/// within that of the best, the one that holds its weights back the most.
fn chosen<'a>(summary: &serde_json::Value, runs: &'a [Run]) -> Vec<&'a Run> {
    let by = "validation_log_likelihood_cautious_per_step";
    assert_eq!(summary["ordered_by"], by);
    let points: Vec<Vec<&Run>> = summary["points"]
        .as_array()
        .unwrap()
        .iter()
        .map(|point| {
            let ids: Vec<&str> = point["runs"].as_array().unwrap().iter().map(|run| run.as_str().unwrap()).collect();
            runs.iter().filter(|run| ids.contains(&run["run_id"].as_str())).collect()
        })
        .collect();
    let values = |point: &[&Run]| -> Vec<f64> { point.iter().map(|run| run[by].parse().unwrap()).collect() };
    let mean = |point: &[&Run]| values(point).iter().sum::<f64>() / point.len() as f64;
    let best = mean(&points[0]);
    let squares: f64 = values(&points[0]).iter().map(|value| (value - best).powi(2)).sum();
    let count = points[0].len() as f64;
    let error = (squares / (count - 1.0) / count).sqrt();
    let decay = |point: &[&Run]| -> f64 {
        ["train.weight_decay", "train.weight_decay_l1"]
            .iter()
            .filter_map(|key| point[0].get(*key)?.parse::<f64>().ok())
            .sum()
    };
    let level = points.into_iter().filter(|point| mean(point) >= best - error);
    level.max_by(|a, b| decay(a).total_cmp(&decay(b)).then(mean(a).total_cmp(&mean(b)))).unwrap()
}

/// The models of the point chosen for Nottingham, evaluated once more with more chains: every seed lies above what is
/// published by each anchored estimate, and the means over the seeds by their bands of three standard errors too.
#[test]
fn the_nottingham_models_lie_above_with_more_chains() {
    let page = fs::read_to_string(root().join("docs/tables.md")).unwrap();
    let folder = root().join("results/reference/tables-nottingham");
    let summary: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(folder.join("summary.json")).unwrap()).unwrap();
    let runs = runs_of(&folder.join("summary.csv"));
    let mut lowest = [0.0; 2];
    let runs = chosen(&summary, &runs);
    for run in &runs {
        let (id, seed) = (&run["run_id"], run["replicate"].parse::<u32>().unwrap() + 1);
        let text = fs::read_to_string(folder.join(format!("evaluate-{id}.json"))).unwrap();
        let report: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((report["run_id"].as_str(), &report["corpus"]["of_the_run"]), (Some(id.as_str()), &true.into()));
        assert_eq!(report["warnings"].as_array().map(Vec::len), Some(0), "{id}");
        let test = &report["log_likelihood_per_step"]["test"];
        let ways = ["ais", "reverse_ais", "anchored_ais", "anchored_samples", "ceiling"];
        let cells = ways.map(|way| format!("{:.4}", test[way].as_f64().unwrap()).replace('-', "−"));
        let line = format!("| {seed} | {} |", cells.join(" | "));
        assert!(page.contains(&line), "docs/tables.md should have\n{line}");
        for (way, lowest) in ["anchored_ais", "anchored_samples"].into_iter().zip(&mut lowest) {
            let log_likelihood = test[way].as_f64().unwrap();
            assert!(log_likelihood > -5.25, "{id}: {way}: {log_likelihood}");
            let end = |end: &str| report["annealing"][way][end].as_f64().unwrap();
            *lowest += (log_likelihood - (end("high") - end("log_partition"))) / runs.len() as f64;
        }
    }
    assert!(lowest.iter().all(|&mean| mean > -5.25), "{lowest:?}");
}

/// The RBM rows of `docs/tables.md` are those of the point that the validation split chooses, and every seed of it lies
/// cautiously above what is published.
#[test]
fn the_rbm_rows_are_those_of_the_searches_kept() {
    let page = fs::read_to_string(root().join("docs/tables.md")).unwrap();
    for (name, title, published) in [("tables-jsb", "JSB chorales", -7.43), ("tables-nottingham", "Nottingham", -5.25)]
    {
        let folder = root().join("results/reference").join(name);
        let text = fs::read_to_string(folder.join("summary.json")).unwrap();
        let summary: serde_json::Value = serde_json::from_str(&text).unwrap();
        let runs = runs_of(&folder.join("summary.csv"));
        let runs = chosen(&summary, &runs);
        assert!(runs.len() >= 3, "{name}: three seeds");
        let of = |method: &str| format!("test_log_likelihood_{method}_per_step");
        let values = |method: &str| -> Vec<f64> { runs.iter().map(|run| run[&of(method)].parse().unwrap()).collect() };
        for way in ["anchored_ais", "anchored_samples"] {
            let mean = values(way).iter().sum::<f64>() / runs.len() as f64;
            assert!(mean > published, "{name}: {way}: {mean}");
        }
        let worst = values("cautious").into_iter().fold(f64::INFINITY, f64::min);
        assert!(worst > published, "{name}: {worst}");
        let published = format!("{published:.2}").replace('-', "−");
        let worst = format!("{worst:.3}").replace('-', "−");
        let ways = ["ais", "reverse_ais", "anchored_ais", "anchored_samples", "ceiling"];
        let cells = ways.map(|method| cell(&runs, &of(method), 3)).join(" | ");
        let line = format!("| {title} | {published} | {cells} | {worst} |");
        assert!(page.contains(&line), "docs/tables.md should have\n{line}");
    }
}
