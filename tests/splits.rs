//! Tests of splits that leak: warnings, and the keys that keep versions of a song and folders together.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use chordbench::music::midi::MidiFile;
use chordbench::music::{CorpusOptions, MidiStyle, Plane, builtin, read_midi, to_midi};
use predicates::prelude::*;
use serde_json::Value;
use std::fs;
use support::{Bench, first_run, json};

const CONFIG: &str = r#"
name = "small"
[corpus]
path = "songs"
validation = 0.2
[model]
hidden = 4
timesteps = 8
[train]
epochs = 1
[evaluate]
pseudo_likelihood_windows = 5
windows = 20
log_likelihood = "none"
[sample]
count = 2
steps = 1
start = "noise"
"#;

/// Returns a bench with twenty songs in `songs/whole`, and their melodies alone in `songs/melody`.
fn with_versions() -> Bench {
    let bench = Bench::new(CONFIG);
    let style = MidiStyle { beats_per_minute: 120.0, velocity: 80, program: 0, steps_per_beat: 4 };
    for folder in ["songs/whole", "songs/melody"] {
        fs::create_dir_all(bench.path(folder)).unwrap();
    }
    for (name, bytes) in builtin::songs().iter().step_by(5).take(20) {
        fs::write(bench.path("songs/whole").join(name), bytes).unwrap();
        let mut roll = read_midi(&MidiFile::parse(bytes).unwrap(), &CorpusOptions::default()).unwrap().roll;
        for step in 0..roll.steps() {
            let highest = |bits: u128| bits.checked_ilog2().map_or(0, |pitch| 1 << pitch);
            let top = highest(roll.pitches_at(step, Plane::Hold));
            let struck = roll.pitches_at(step, Plane::Onset) & top;
            roll.fill_step(step, top, struck);
        }
        fs::write(bench.path("songs/melody").join(name), to_midi(&roll, &style)).unwrap();
    }
    bench
}

/// The overview of the corpus with some keys set.
fn overview(bench: &Bench, sets: &[&str]) -> Value {
    let mut command = bench.runner(&["corpus", "--config", "sweep.toml", "--summary", "--json"]);
    for set in sets {
        command.args(["--set", set]);
    }
    serde_json::from_slice(&command.output().unwrap().stdout).unwrap()
}

const WARNING: &str = "% of the bars held out for validation also stand in training";

#[test]
fn versions_of_a_song_leak_unless_tunes_are_split() {
    let bench = with_versions();
    let by_song = overview(&bench, &[]);
    assert_eq!(by_song["splits"]["validation"]["songs"], 8);
    assert!(by_song["validation_bars_in_training"].as_f64().unwrap() > 0.25, "{by_song}");
    assert_eq!(by_song["tunes"], 20);
    let tune = "corpus.split_by=tune";
    let by_tune = overview(&bench, &[tune]);
    assert_eq!(by_tune["splits"]["validation"]["songs"], 8);
    assert!(by_tune["validation_bars_in_training"].as_f64().unwrap() < 0.25, "{by_tune}");

    // `plan` and `run` warn before they start, and the record and with it the report after.
    let hint = || predicate::str::contains(WARNING).and(predicate::str::contains("corpus.split_by = \"tune\""));
    let plan = ["plan", "--config", "sweep.toml"];
    bench.runner(&plan).assert().success().stderr(hint());
    bench.runner(&plan).args(["--set", tune]).assert().success().stderr(predicate::str::contains(WARNING).not());
    let run = ["run", "--config", "sweep.toml", "--progress", "never"];
    bench.runner(&run).assert().success().stderr(hint());
    let warnings = json(&first_run(&bench.path("results/small")).join("result.json"))["warnings"].to_string();
    assert!(warnings.contains(WARNING), "{warnings}");
    let page = fs::read_to_string(bench.path("results/small/report.html")).unwrap();
    assert!(page.contains(WARNING));
    let other = ["--set", tune, "--set", "name=other"];
    bench.runner(&run).args(other).assert().success().stderr(predicate::str::contains(WARNING).not());
    let record = json(&first_run(&bench.path("results/other")).join("result.json"));
    assert_eq!((&record["params"]["corpus.split_by"], record["warnings"].as_array()), (&"tune".into(), None));
    bench.runner(&["verify", "results/other", "--all"]).assert().success();
}

/// Folders are held out whole. They are part of the digest of the corpus, and so of the names of runs.
#[test]
fn folders_are_held_out_whole() {
    let bench = with_versions();
    let by_folder = overview(&bench, &["corpus.split_by=folder"]);
    assert_eq!(by_folder["splits"]["validation"]["songs"], 20, "no folder fits into a fifth: the smaller one");
    fs::create_dir(bench.path("songs/more")).unwrap();
    let names: Vec<_> =
        fs::read_dir(bench.path("songs/whole")).unwrap().take(4).map(|own| own.unwrap().path()).collect();
    for path in &names {
        fs::rename(path, bench.path("songs/more").join(path.file_name().unwrap())).unwrap();
    }
    let moved = overview(&bench, &["corpus.split_by=folder"]);
    assert_eq!(moved["splits"]["validation"]["songs"], 4);
    assert_ne!(moved["digest"], by_folder["digest"]);
    bench.runner(&["plan", "--config", "sweep.toml", "--set", "corpus.split_by=album"]).assert().code(2);
}
