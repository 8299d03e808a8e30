//! Tests of a model of sequences in the program: a sweep, what inspects it, pieces of any length.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use chordbench::music::midi::MidiFile;
use chordbench::music::{CorpusOptions, Note, PianoRoll, Plane, builtin, notes, read_midi};
use predicates::prelude::*;
use serde_json::{Value, json as value};
use std::fs;
use std::path::{Path, PathBuf};
use support::{Bench, first_run, json};

/// Frames of a beat over a dozen songs. The weights start so large that a frame depends on the past and on its start.
const FRAMES: &str = r#"
name = "frames"
[corpus]
path = "midi"
validation = 0.25
lowest_pitch = 36
highest_pitch = 84
[model]
kind = "rnn-rbm"
timesteps = 4
hidden = 12
weight_std = 0.5
recurrent = 10
recurrent_std = 0.5
[train]
epochs = 3
batch_size = 3
k = 2
learning_rate = 0.05
[pretrain]
epochs = 2
learning_rate = 0.05
[evaluate]
windows = 50
pseudo_likelihood_windows = 5
log_likelihood = "exact"
frames = 40
frame_chains = 5
frame_temperatures = 50
[sample]
count = 2
steps = 6
start = "independent"
length = 48
"#;

/// A temporary folder with songs and a small model of sequences.
struct Studio {
    bench: Bench,
    model: PathBuf,
    options: CorpusOptions,
}

impl Studio {
    fn new(sets: &[&str]) -> Self {
        let bench = Bench::new(FRAMES);
        fs::create_dir(bench.path("midi")).unwrap();
        for (name, bytes) in builtin::songs().iter().step_by(11) {
            fs::write(bench.path("midi").join(name), bytes).unwrap();
        }
        fs::write(bench.path("song.mid"), &builtin::songs()[20].1).unwrap();
        bench.sweep(sets).assert().success();
        let model = first_run(&bench.path("results/frames")).join("model.safetensors");
        let options = CorpusOptions { lowest_pitch: 36, highest_pitch: 84, ..CorpusOptions::default() };
        Self { bench, model, options }
    }

    fn sample(&self, out: &str, arguments: &[&str]) -> assert_cmd::assert::Assert {
        let mut command = self.bench.runner(&["sample", "--out", out, "--count", "2"]);
        command.arg("--model").arg(&self.model).args(arguments).assert()
    }

    fn read(&self, path: &Path) -> PianoRoll {
        read_midi(&MidiFile::parse(&fs::read(path).unwrap()).unwrap(), &self.options).unwrap().roll
    }

    /// Reads the two pieces that a call wrote.
    fn pieces(&self, out: &str) -> [PianoRoll; 2] {
        ["0.mid", "1.mid"].map(|name| self.read(&self.bench.path(out).join(name)))
    }

    fn bytes(&self, out: &str) -> Vec<u8> {
        fs::read(self.bench.path(out).join("1.mid")).unwrap()
    }
}

/// Returns the data in the page of a folder of results.
fn page(results: &Path) -> Value {
    let html = fs::read_to_string(results.join("report.html")).unwrap();
    let (_, rest) = html.split_once(r#"<script id="data" type="application/json">"#).unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

#[test]
fn a_sweep_of_frames_is_inspected_like_any_other() {
    let studio = Studio::new(&["sweep.grid.sample.start=['independent', 'data']"]);
    let bench = &studio.bench;
    let results = bench.path("results/frames");
    let status = bench.runner(&["status", "results/frames"]).assert().code(0);
    status.stdout(predicate::str::contains("2 of 2 runs done, 0 failed"));
    let verified = bench.runner(&["verify", "results/frames", "--all", "--isa", "scalar"]).assert().code(0);
    verified.stdout(predicate::str::contains("the same again").count(2));
    let compared = bench.runner(&["compare", "results/frames", "results/frames"]).assert().code(0);
    compared.stdout(predicate::str::contains("bit-identical in 2 of 2 runs"));

    // The two starts share their training and make other music; each piece has the length asked for.
    let plan = json(&results.join("plan.json"));
    let folders: Vec<PathBuf> =
        (0..2).map(|run| results.join("runs").join(plan["runs"][run]["run_id"].as_str().unwrap())).collect();
    let [one, other] = [0, 1].map(|run| json(&folders[run].join("result.json")));
    assert_eq!((&one["status"], &other["status"]), (&value!("ok"), &value!("ok")));
    assert_eq!(one["metrics"], other["metrics"]);
    assert_ne!(one["music"]["samples"], other["music"]["samples"]);
    for folder in &folders {
        assert_eq!(studio.read(&folder.join("samples/0.mid")).steps(), 48);
    }

    // Pieces of three bars have the metrics of whole pieces, and so have the songs and their shuffled bars.
    let music = &one["music"];
    for profile in [&music["samples"], &music["training"], &music["shuffled"], &music["shuffled_bars"]] {
        assert!(profile["distinct_chords"].as_f64().unwrap() >= 1.0 && profile["bar_repetition"].is_f64(), "{profile}");
        assert_eq!(profile["four_bar_repetition"], Value::Null);
    }
    assert!(music["training"]["key_stability"].as_f64() > music["shuffled_bars"]["key_stability"].as_f64());
    let summary = json(&results.join("summary.json"));
    assert_eq!(summary["points"][0]["music"]["key_stability"]["mean"], music["samples"]["key_stability"]);

    // The page opens with the runs, their curves and their pieces.
    let data = page(&results);
    assert_eq!(data["runs"]["id"].as_array().unwrap().len(), 2);
    assert_eq!((&data["totals"]["ok"], &data["rolls"]["runs"][0]["steps"]), (&value!(2), &value!(48)));

    // The likelihood is that of frames.
    let command = |more: &[&str]| {
        let mut command = bench.runner(&["evaluate", "--json", "--corpus", "midi", "--model"]);
        let output = command.arg(&studio.model).args(more).assert().success().get_output().stdout.clone();
        serde_json::from_slice::<Value>(&output).unwrap()
    };
    let report = command(&[]);
    let (train, metrics) = (&report["log_likelihood"]["train"], &one["metrics"]);
    assert_eq!((&report["corpus"]["of_the_run"], &report["log_partition"]), (&value!(true), &Value::Null));
    assert_eq!(train["windows"], one["corpus"]["trained_windows"]);
    assert_eq!(train["exact"], metrics["train_log_likelihood_exact"]);
    assert!(train["exact"].as_f64().unwrap() < 0.0);
    let estimated = command(&["--ais", "--split", "validation"]);
    let validation = &estimated["log_likelihood"]["validation"];
    let number = |method: &str| validation[method].as_f64().unwrap();
    assert!(number("ais") <= number("ceiling") + 1.0 && validation["exact"].is_null(), "{validation}");
}

#[test]
fn pieces_of_frames_have_any_length_and_every_start() {
    let studio = Studio::new(&[]);
    // Without a length, a piece is as long as those of the run.
    studio.sample("own", &[]).success().stderr(predicate::str::is_empty());
    assert_eq!(studio.pieces("own").map(|piece| piece.steps()), [48, 48]);
    let long = ["--length", "64bars", "--seed", "3"];
    studio.sample("long", &long).success();
    studio.sample("again", &long).success();
    studio.sample("other", &["--length", "64bars", "--seed", "4"]).success();
    assert_eq!(studio.pieces("long").map(|piece| piece.steps()), [1024, 1024]);
    assert_eq!(studio.bytes("long"), studio.bytes("again"));
    assert_ne!(studio.bytes("long"), studio.bytes("other"));
    // A shorter piece is the beginning of a longer one: a frame depends on those before it alone.
    studio.sample("short", &["--length", "35", "--seed", "3"]).success();
    let (short, whole) = (&studio.pieces("short")[0], &studio.pieces("long")[0]);
    assert!((0..34).all(|step| short.cells.row(step) == whole.cells.row(step)) && short.steps() == 35);

    let starts = ["zeros", "noise", "previous", "independent"];
    let mut different: Vec<Vec<u8>> = Vec::new();
    for start in starts {
        studio.sample(start, &["--start", start, "--seed", "3"]).success();
        different.push(studio.bytes(start));
    }
    studio.sample("data", &["--start", "data", "--corpus", "midi", "--seed", "3"]).success();
    different.push(studio.bytes("data"));
    different.sort();
    different.dedup();
    assert_eq!(different.len(), 5);

    studio.sample("sound", &["--length", "1bar", "--wav", "--tempo", "120"]).success();
    let wav = fs::read(studio.bench.path("sound/0.wav")).unwrap();
    assert_eq!((&wav[..4], wav.len()), (&b"RIFF"[..], 44 + 4 * 154_350));

    for (arguments, message) in [
        (&["--hop", "2"][..], "--hop 2: the frames of this model follow one another and do not overlap: leave it out"),
        (&["--start", "data"], "name a folder of MIDI files with --corpus"),
        (&["--corpus", "midi"], "add --start data"),
        (&["--start", "before"], "invalid value 'before'"),
    ] {
        studio.sample("none", arguments).code(2).stderr(predicate::str::contains(message));
    }
    assert!(!studio.bench.path("none").exists());
}

/// Frames of one step remember more than the step before, and say nothing else.
#[test]
fn given_notes_are_kept_by_a_model_of_frames() {
    for timesteps in ["model.timesteps=4", "model.timesteps=1"] {
        let studio = Studio::new(&[timesteps]);
        let song = studio.read(&studio.bench.path("song.mid"));
        let go_on = ["--continue", "song.mid", "--length", "18"];
        studio
            .sample("on", &go_on)
            .success()
            .stderr(predicate::str::contains("one step at a time").not())
            .stderr(predicate::str::contains(format!("18 steps continue the {} of song.mid", song.steps())));
        studio.sample("again", &go_on).success();
        studio.sample("other", &[&go_on[..], &["--seed", "2"]].concat()).success();
        let pieces = studio.pieces("on");
        for piece in &pieces {
            assert_eq!(piece.steps(), song.steps() + 18);
            assert!((0..song.steps()).all(|step| piece.cells.row(step) == song.cells.row(step)), "{timesteps}");
            assert!((song.steps()..piece.steps()).any(|step| piece.cells.count_ones_in(step) > 0));
        }
        assert_ne!(pieces[0], pieces[1]);
        assert_eq!(studio.bytes("on"), studio.bytes("again"));
        assert_ne!(studio.bytes("on"), studio.bytes("other"));

        // What is given has a past of its own: another song goes on in another way.
        fs::write(studio.bench.path("song.mid"), &builtin::songs()[50].1).unwrap();
        studio.sample("elsewhere", &go_on).success();
        let tail = |roll: &PianoRoll| -> Vec<Vec<u64>> {
            (roll.steps() - 18..roll.steps()).map(|step| roll.cells.row(step).to_vec()).collect()
        };
        assert_ne!(tail(&studio.pieces("elsewhere")[0]), tail(&pieces[0]));
        fs::write(studio.bench.path("song.mid"), &builtin::songs()[20].1).unwrap();

        let highest = |roll: &PianoRoll, note: &Note| roll.pitches_at(note.start, Plane::Hold) >> note.pitch == 1;
        let melody: Vec<Note> = notes(&song).into_iter().filter(|note| highest(&song, note)).collect();
        studio.sample("tune", &["--harmonise", "song.mid"]).success();
        for piece in studio.pieces("tune") {
            let made = notes(&piece);
            assert_eq!(piece.steps(), song.steps());
            assert!(melody.iter().all(|note| made.contains(note) && highest(&piece, note)), "the tune is as it was");
            assert!(made.len() > melody.len());
        }
        studio.sample("key", &["--length", "100", "--key", "Am"]).success();
        let major = |pitch: u8| [0, 2, 4, 5, 7, 9, 11].contains(&(pitch % 12));
        assert!(studio.pieces("key").iter().flat_map(notes).all(|note| major(note.pitch)));
    }
}

/// A piece that is longer than every song is shown, and compared with none.
#[test]
fn pieces_longer_than_the_songs_are_shown_alone() {
    let studio = Studio::new(&["sample.length=600", "train.epochs=1", "sample.steps=1"]);
    let results = studio.bench.path("results/frames");
    let run = first_run(&results);
    let rolls = json(&run.join("rolls.json"));
    assert_eq!((&rolls["timesteps"], &rolls["steps"]), (&value!(600), &value!(512)));
    assert_eq!((&rolls["samples"][0]["nearest_window"], &rolls["windows"]), (&Value::Null, &value!({})));
    assert_eq!(json(&run.join("result.json"))["music"], Value::Null);
    let own = &page(&results)["rolls"]["runs"][0];
    assert_eq!((&own["steps"], &own["samples"][0][3], &own["real"]), (&value!(512), &Value::Null, &value!([])));
}

/// A model of windows has no frame before.
#[test]
fn starts_of_frames_are_refused_where_windows_do_not_follow_one_another() {
    let studio = Studio::new(&["model.kind=rbm", "pretrain.epochs=0", "sample.start=noise"]);
    for start in ["previous", "independent"] {
        let message = format!("--start {start}: a start in a model of sequences, and this is one of windows");
        studio.sample("none", &["--start", start]).code(2).stderr(predicate::str::contains(message));
        let start = format!("sample.start={start}");
        let refused = studio.bench.sweep(&["model.kind=rbm", &start]).assert().code(2);
        refused.stderr(predicate::str::contains("cannot be").and(predicate::str::contains("sample.start")));
    }
    studio.sample("hop", &["--hop", "2", "--length", "30"]).success();
    // A window of a beat is not a piece.
    let record = json(&first_run(&studio.bench.path("results/frames")).join("result.json"));
    let music = record["music"].as_object().unwrap();
    assert!(music["samples"].get("distinct_chords").is_none() && !music.contains_key("shuffled_bars"));
}
