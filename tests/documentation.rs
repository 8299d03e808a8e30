//! The documentation: its tables, references and links.
//!
//! A table of results stands between two comments. The first names the summary below `results/reference`, the columns
//! its runs are grouped by, and the columns whose mean and sample standard deviation over the runs of a group are
//! shown, each with the digits after the point and a heading (`_` for a space):
//!
//!     <!-- table: sweep/summary.csv by train.k of train_s:2:seconds_of_training -->
//!     <!-- table: end -->
//!
//! A part that the program writes stands between `<!-- NAME: begin -->` and `<!-- NAME: end -->`.
//! `CHORDBENCH_BLESS=1 cargo test --test documentation` writes these parts and the tables of results anew.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const BEGIN: &str = "<!-- table: ";
const END: &str = "<!-- table: end -->";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the files below a folder of the repository whose names end in one of `ends`, by path.
fn files(folder: &str, ends: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                folders.push(path);
            } else if ends.iter().any(|end| name.ends_with(end)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Returns the documents for readers, by path.
fn documents() -> Vec<PathBuf> {
    let single = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "results/README.md"];
    let documents: Vec<PathBuf> =
        single.into_iter().map(|name| root().join(name)).chain(files("docs", &[".md"])).collect();
    assert!(documents.len() > 15, "{documents:?}");
    documents
}

/// Compares the part of a page between two marks with the one expected, or puts it there if `CHORDBENCH_BLESS` is set.
fn check_part(path: &Path, begin: &str, end: &str, expected: &str) {
    let page = fs::read_to_string(path).unwrap();
    let (before, rest) = page.split_once(begin).unwrap_or_else(|| panic!("{}: no {begin}", path.display()));
    let (found, after) = rest.split_once(end).unwrap_or_else(|| panic!("{}: no {end}", path.display()));
    if found.trim() == expected.trim() {
        return;
    }
    let bless = std::env::var_os("CHORDBENCH_BLESS").is_some_and(|value| !value.is_empty() && value != "0");
    assert!(
        bless,
        "{}: after {begin} this should stand (CHORDBENCH_BLESS=1 cargo test --test documentation):\n\n{expected}",
        path.display()
    );
    fs::write(path, format!("{before}{begin}\n\n{}\n\n{end}{after}", expected.trim())).unwrap();
}

/// The tables of keys are the registry's own.
#[test]
fn the_configuration_reference_is_that_of_the_registry() {
    let path = root().join("docs/reference/configuration.md");
    check_part(&path, "<!-- keys: begin -->", "<!-- keys: end -->", &chordbench::sweep::keys_markdown());
}

/// The tables of metrics are the registry's own.
#[test]
fn the_metric_reference_is_that_of_the_registry() {
    let path = root().join("docs/reference/metrics.md");
    check_part(&path, "<!-- metrics: begin -->", "<!-- metrics: end -->", &chordbench::sweep::metrics_markdown());
}

/// Every metric of the summaries kept has an entry in the registry, of which the reference is made.
#[test]
fn the_metrics_of_summaries_are_defined() {
    let mut metrics = BTreeSet::new();
    for summary in files("results/reference", &["summary.csv"]) {
        let headers = csv::Reader::from_path(summary).unwrap().headers().unwrap().clone();
        metrics.extend(headers.iter().map(str::to_owned).filter(|name| {
            let about_run =
                ["run_id", "status", "replicate", "seed", "threads", "contended", "digest"].contains(&name.as_str());
            !about_run && !name.contains('.')
        }));
    }
    assert!(metrics.len() > 40, "{metrics:?}");
    for name in metrics {
        assert!(chordbench::sweep::find_metric(&name).is_some(), "{name} is not registered");
    }
}

/// Returns the options that a text names: the words that begin with two hyphens.
fn options(text: &str) -> BTreeSet<String> {
    let starts = text.match_indices("--").map(|(at, _)| at);
    let starts = starts.filter(|&at| !text[..at].ends_with(|before: char| before == '-' || before.is_alphanumeric()));
    let words = starts.map(|at| {
        let name = &text[at + 2..];
        &name[..name.find(|end: char| !end.is_ascii_lowercase() && end != '-').unwrap_or(name.len())]
    });
    words.filter(|name| !name.is_empty()).map(|name| format!("--{name}")).collect()
}

/// Each verb's section of the reference lists the options of its help, and no others.
#[test]
fn the_command_line_reference_is_that_of_the_help() {
    let page = fs::read_to_string(root().join("docs/reference/command-line.md")).unwrap();
    let help = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_runner")).args(arguments).arg("--help").output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let overview = help(&[]);
    let (_, verbs) = overview.split_once("Commands:\n").unwrap();
    let (verbs, _) = verbs.split_once("\n\n").unwrap();
    let verbs: Vec<&str> = verbs.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(verbs.len() > 10, "{verbs:?}");
    let sections: HashMap<&str, &str> = page.split("\n## ").skip(1).filter_map(|part| part.split_once('\n')).collect();
    let common = options(sections["Flags of every verb"]);
    for verb in verbs.into_iter().filter(|&verb| verb != "help") {
        let (title, words) = match verb {
            "submit" => ("`submit slurm`".to_owned(), vec!["submit", "slurm"]),
            "completions" | "man" => ("`completions` and `man`".to_owned(), vec![verb]),
            verb => (format!("`{verb}`"), vec![verb]),
        };
        let section = sections.get(title.as_str()).unwrap_or_else(|| panic!("no section on {verb}"));
        let text = help(&words);
        let (_, listed) = text.split_once("\nOptions:\n").unwrap();
        let heads: Vec<&str> = listed.lines().map(str::trim_start).filter(|line| line.starts_with('-')).collect();
        let mut expected: BTreeSet<String> = options(&heads.iter().fold(String::new(), |all, head| {
            let names = head.split("  ").next().unwrap_or(head);
            all + names + "\n"
        }));
        expected.retain(|option| !common.contains(option));
        let missing: Vec<_> = expected.difference(&options(section)).cloned().collect();
        assert!(missing.is_empty(), "{verb}: the reference does not list {missing:?}");
        let cells = section.lines().filter(|line| line.starts_with("| `-")).filter_map(|line| line.split('|').nth(1));
        let cells = cells.fold(String::new(), |all, cell| all + cell + "\n");
        let unknown: Vec<_> = options(&cells).difference(&expected).cloned().collect();
        assert!(unknown.is_empty(), "{verb}: the program has no {unknown:?}");
    }
}

/// Returns a document without its blocks and spans of code, line by line.
fn prose(text: &str) -> Vec<String> {
    let mut fenced = false;
    let lines = text.lines().map(|line| {
        if line.starts_with("```") {
            fenced = !fenced;
            return String::new();
        }
        if fenced { String::new() } else { line.split('`').step_by(2).collect::<Vec<_>>().join("`") }
    });
    lines.collect()
}

/// Returns the anchors of a document as GitHub makes them of its headings.
fn anchors(text: &str) -> Vec<String> {
    let mut fenced = false;
    let mut anchors: Vec<String> = Vec::new();
    for line in text.lines() {
        fenced ^= line.starts_with("```");
        let title = line.trim_start_matches('#');
        if fenced || title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        let kept = title.trim().chars().filter_map(|letter| match letter {
            ' ' => Some('-'),
            '-' | '_' => Some(letter),
            letter if letter.is_alphanumeric() => Some(letter),
            _ => None,
        });
        let anchor = kept.collect::<String>().to_lowercase();
        let earlier = anchors.iter().filter(|known| **known == anchor).count();
        anchors.push(if earlier == 0 { anchor } else { format!("{anchor}-{earlier}") });
    }
    anchors
}

/// Returns the targets of a document's links, inline and by reference.
fn targets(text: &str) -> Vec<String> {
    let lines = prose(text);
    let definitions = lines.iter().filter_map(|line| line.strip_prefix('[')?.split_once("]: "));
    let definitions: HashMap<&str, &str> = definitions.map(|(name, target)| (name, target.trim())).collect();
    let all = lines.join("\n");
    let references = all.split("][").skip(1).filter_map(|rest| rest.split_once(']')).map(|(name, _)| name);
    for name in references {
        assert!(definitions.contains_key(name), "[{name}] has no target");
    }
    let inline = all.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    inline.chain(definitions.values().copied()).map(str::to_owned).collect()
}

/// Every link within the repository leads to a file and, if it names an anchor, to a heading.
#[test]
fn links_lead_somewhere() {
    let (mut links, mut anchored) = (0, 0);
    for path in documents() {
        let text = fs::read_to_string(&path).unwrap();
        for target in targets(&text).iter().filter(|target| !target.starts_with("http")) {
            let (file, anchor) = target.split_once('#').map_or((target.as_str(), None), |(file, to)| (file, Some(to)));
            let aim = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            assert!(aim.exists(), "{}: {target} is not there", path.display());
            if let Some(anchor) = anchor {
                let known = anchors(&fs::read_to_string(&aim).unwrap());
                assert!(known.iter().any(|own| own == anchor), "{}: {target} is not in {known:?}", path.display());
                anchored += 1;
            }
            links += 1;
        }
    }
    assert!(links > 100 && anchored > 20, "{links} links, {anchored} with an anchor");
}

/// The index leads to every page.
#[test]
fn the_index_names_every_page() {
    let index = root().join("docs/README.md");
    let targets = targets(&fs::read_to_string(&index).unwrap());
    for page in files("docs", &[".md"]).into_iter().filter(|page| *page != index) {
        let name = page.strip_prefix(root().join("docs")).unwrap().to_str().unwrap();
        assert!(targets.iter().any(|target| target == name), "docs/README.md does not name {name}");
    }
}

/// Pages that the sources, messages, tests, scripts and configurations name are there.
#[test]
fn pages_named_elsewhere_are_there() {
    const ENDS: [&str; 3] = [".md", ".png", ".py"];
    let ends = [".rs", ".py", ".toml", ".md", ".html", ".js", ".yml", "run", "gate", "gate-proof", "cluster"];
    let mut named = 0;
    let mut paths = documents();
    for folder in ["src", "tests", "benches", "configs", ".ci", ".github"] {
        paths.extend(files(folder, &ends));
    }
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        for (at, _) in text.match_indices("docs/") {
            let word = &text[at..];
            let end =
                word.find(|end: char| !end.is_ascii_alphanumeric() && !"/-_.".contains(end)).unwrap_or(word.len());
            let name = word[..end].trim_end_matches('.');
            if !text[..at].ends_with(|before: char| before.is_alphanumeric())
                && ENDS.iter().any(|end| name.ends_with(end))
            {
                assert!(root().join(name).exists(), "{} names {name}", path.display());
                named += 1;
            }
        }
    }
    assert!(named > 20, "{named}");
}

/// Lines of prose have at most 120 columns; tables, what asks for them, and code may have more.
#[test]
fn lines_have_at_most_120_columns() {
    for path in documents() {
        let text = fs::read_to_string(&path).unwrap();
        let mut fenced = false;
        for (number, line) in text.lines().enumerate() {
            fenced ^= line.starts_with("```");
            if !fenced && !line.starts_with('|') && !line.starts_with(BEGIN) {
                let columns = line.chars().filter(|letter| !('\u{300}'..='\u{36f}').contains(letter)).count();
                assert!(columns <= 120, "{}:{}: {columns} columns", path.display(), number + 1);
            }
        }
        assert!(!fenced, "{}: a block of code does not end", path.display());
    }
}

/// A run as a summary has it: its fields by the names of their columns.
type Run = HashMap<String, String>;

fn runs_of(summary: &Path) -> Vec<Run> {
    let mut reader = csv::Reader::from_path(summary).unwrap_or_else(|error| panic!("{}: {error}", summary.display()));
    reader.deserialize().map(Result::unwrap).filter(|run: &Run| run["status"] == "ok").collect()
}

/// Returns mean and sample standard deviation of a column, `–` where no run has it.
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

/// Returns the table that a first comment asks for.
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

#[test]
fn tables_are_those_of_the_results_kept() {
    let mut tables = 0;
    for path in files("docs", &[".md"]) {
        let page = fs::read_to_string(&path).unwrap();
        for part in page.split(BEGIN).skip(1).filter(|part| !part.starts_with("end -->")) {
            let (request, _) = part.split_once(" -->").unwrap();
            check_part(&path, &format!("{BEGIN}{request} -->"), END, &table(request));
            tables += 1;
        }
    }
    assert!(tables >= 8, "{tables} tables");
}

/// Returns the cells of the lines of a table, without its head.
fn cells(table: &str) -> Vec<Vec<&str>> {
    let lines = table.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    lines.skip(2).map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

#[test]
fn ratios_to_other_frameworks_are_those_of_the_measurements_kept() {
    let text = fs::read_to_string(root().join("results/reference/peers/results.json")).unwrap();
    let kept: serde_json::Value = serde_json::from_str(&text).unwrap();
    // `serde_json` sorts keys; the tables have the jobs in this order.
    let jobs = ["seed", "seed-start", "seed-k10", "wide", "wide-start", "dbn-pop", "rnn-pop", "rnn-jsb"];
    assert_eq!(kept["jobs"].as_object().unwrap().len(), jobs.len());
    let of = |job: &str, peer: &str| {
        let own = &kept["jobs"][job]["contestants"][peer];
        Some((own["seconds"].as_f64()?, own["ratio"].as_f64()?))
    };
    let peers = ["NumPy", "PyTorch", "JAX", "TensorFlow"];
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let page = fs::read_to_string(root().join("docs/findings/performance.md")).unwrap();
    let speed = cells(readme.split_once("## Speed").unwrap().1);
    let table = cells(page.split_once("<!-- peers: begin -->").unwrap().1);
    assert_eq!((speed.len(), table.len()), (jobs.len(), jobs.len()));
    for ((job, short), long) in jobs.into_iter().zip(&speed).zip(&table) {
        assert!(long[0].starts_with(kept["jobs"][job]["job"]["title"].as_str().unwrap()), "{job}: {}", long[0]);
        let own = of(job, "chordbench").unwrap().0;
        assert_eq!((short[1], long[1]), (&*format!("**{own:.2}**"), &*format!("{own:.3}")), "{job}");
        for (place, peer) in peers.into_iter().enumerate() {
            let cell =
                of(job, peer).map_or("–".to_owned(), |(seconds, ratio)| format!("{seconds:.2} ({ratio:.1} ×)"));
            // The longer table marks times that were measured on fewer epochs.
            let longer = long[2 + place].replace('†', "");
            assert_eq!((short[2 + place], &*longer), (&*cell, &*cell), "{job}, {peer}");
        }
        let least =
            peers.into_iter().filter_map(|peer| of(job, peer)).map(|(_, ratio)| ratio).fold(f64::INFINITY, f64::min);
        assert!(long[7].starts_with(&format!("**{least:.1} ×**")), "{job}: {}", long[7]);
    }
    // Elsewhere the README quotes no ratio that is not in the table.
    let ratio = |text: &str| text.matches('×').count();
    let of_table: usize = speed.iter().flatten().map(|cell| ratio(cell)).sum();
    let factors = readme.match_indices(" ×)").count();
    assert_eq!(factors, of_table, "ratios in the README");
}

#[test]
fn the_gains_of_halving_are_those_of_the_measurements_kept() {
    let text = fs::read_to_string(root().join("results/reference/search/results.json")).unwrap();
    let kept: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let page = fs::read_to_string(root().join("docs/findings/search.md")).unwrap();
    let lines = cells(page.split_once("<!-- search: begin -->").unwrap().1);
    assert_eq!(lines.len(), 4);
    for line in &lines[..3] {
        let own: Vec<_> = kept.iter().filter(|row| row["first_epochs"].as_u64() == line[0].parse().ok()).collect();
        assert_eq!(own.len(), 5);
        let column = |name: &str| own.iter().map(|row| row[name].as_f64().unwrap()).collect::<Vec<_>>();
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let places: Vec<String> = column("place").iter().map(ToString::to_string).collect();
        let gains: Vec<f64> =
            column("halving").iter().zip(column("random")).map(|(own, random)| own - random).collect();
        let squares: f64 = gains.iter().map(|gain| (gain - mean(&gains)).powi(2)).sum();
        let error = (squares / 4.0 / 5.0).sqrt();
        assert_eq!(line[1].replace(',', ""), own[0]["epochs"].to_string());
        assert_eq!(line[2], format!("{:.1}", mean(&column("halving"))));
        assert_eq!(line[3], places.join(", "));
        assert_eq!((line[4], line[5]), (&*own[0]["draws"].to_string(), &*format!("{:.1}", mean(&column("random")))));
        assert_eq!(line[6], format!("**{:+.1} ± {error:.1}**", mean(&gains)));
    }
}

/// `docs/findings/tables.md` rounds what `results/reference/tables` has.
#[test]
fn published_tables_are_those_of_the_summaries_kept() {
    let page = fs::read_to_string(root().join("docs/findings/tables.md")).unwrap();
    let sets = [("jsb_chorales", "JSB chorales"), ("nottingham", "Nottingham"), ("piano_midi_de", "Piano-midi.de")];
    for (name, title) in sets {
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
            assert!(page.contains(&line), "docs/findings/tables.md should have\n{line}");
        }
    }
}

/// Returns the runs of the point that the validation split chooses, by the rule of one standard error: of the points
/// whose mean is within that of the best, the one that holds its weights back the most.
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

/// The models of the point chosen for Nottingham, evaluated once more with more chains: every seed lies above the
/// published number by each anchored estimate, and the means over the seeds by their bands of three standard errors
/// too.
#[test]
fn the_nottingham_models_lie_above_with_more_chains() {
    let page = fs::read_to_string(root().join("docs/findings/tables.md")).unwrap();
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
        assert!(page.contains(&line), "docs/findings/tables.md should have\n{line}");
        for (way, lowest) in ["anchored_ais", "anchored_samples"].into_iter().zip(&mut lowest) {
            let log_likelihood = test[way].as_f64().unwrap();
            assert!(log_likelihood > -5.25, "{id}: {way}: {log_likelihood}");
            let end = |end: &str| report["annealing"][way][end].as_f64().unwrap();
            *lowest += (log_likelihood - (end("high") - end("log_partition"))) / runs.len() as f64;
        }
    }
    assert!(lowest.iter().all(|&mean| mean > -5.25), "{lowest:?}");
}

/// The RBM rows of `docs/findings/tables.md` are those of the point that the validation split chooses, and every seed
/// of it lies cautiously above the published number.
#[test]
fn the_rbm_rows_are_those_of_the_searches_kept() {
    let page = fs::read_to_string(root().join("docs/findings/tables.md")).unwrap();
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
        assert!(page.contains(&line), "docs/findings/tables.md should have\n{line}");
    }
}
