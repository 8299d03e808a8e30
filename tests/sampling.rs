//! Tests of `runner sample`: continued files, harmonised voices, long pieces, keys, sound.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use chordbench::music::midi::MidiFile;
use chordbench::music::{CorpusOptions, MidiStyle, Note, PianoRoll, Plane, builtin, notes, read_midi, to_midi};
use predicates::prelude::*;
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use support::{Bench, first_run, json};

const SMALL: &str = r#"
name = "small"
[model]
hidden = 8
timesteps = 6
[train]
epochs = 2
[evaluate]
pseudo_likelihood_windows = 5
windows = 50
[sample]
count = 2
steps = 20
start = "noise"
"#;

/// A temporary folder with a small model.
struct Studio {
    bench: Bench,
    model: PathBuf,
    options: CorpusOptions,
}

impl Studio {
    fn new(sets: &[&str], options: CorpusOptions) -> Self {
        let bench = Bench::new(SMALL);
        bench.sweep(sets).assert().success();
        let model = first_run(&bench.path("results/small")).join("model.safetensors");
        Self { bench, model, options }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.bench.path(name)
    }

    fn sample(&self, out: &str, arguments: &[&str]) -> assert_cmd::assert::Assert {
        let mut command = self.bench.runner(&["sample", "--out", out]);
        if !arguments.contains(&"--count") {
            command.args(["--count", "2"]);
        }
        command.arg("--model").arg(&self.model).args(arguments).assert()
    }

    fn read(&self, path: &Path) -> PianoRoll {
        read_midi(&MidiFile::parse(&fs::read(path).unwrap()).unwrap(), &self.options).unwrap().roll
    }

    /// Reads the two pieces that a call wrote.
    fn pieces(&self, out: &str) -> [PianoRoll; 2] {
        ["0.mid", "1.mid"].map(|name| self.read(&self.path(out).join(name)))
    }
}

fn both_planes() -> Studio {
    with_song(&[])
}

/// Returns a studio with a deep belief network of two layers.
fn deep() -> Studio {
    with_song(&["model.kind=dbn", "model.layers=[8, 6]"])
}

fn with_song(sets: &[&str]) -> Studio {
    let studio = Studio::new(sets, CorpusOptions::default());
    fs::write(studio.path("song.mid"), &builtin::songs()[20].1).unwrap();
    studio
}

#[test]
fn a_file_goes_on_and_keeps_its_own_notes() {
    goes_on(&both_planes());
}

#[test]
fn a_deep_network_goes_on_from_a_file() {
    goes_on(&deep());
}

fn goes_on(studio: &Studio) {
    let song = studio.read(&studio.path("song.mid"));
    let go_on = ["--continue", "song.mid", "--length", "2bars"];
    studio.sample("on", &go_on).success();
    studio.sample("again", &go_on).success();
    let pieces = studio.pieces("on");
    for piece in &pieces {
        assert_eq!(piece.steps(), song.steps() + 32);
        assert!((0..song.steps()).all(|step| piece.cells.row(step) == song.cells.row(step)));
        assert!((song.steps()..piece.steps()).any(|step| piece.cells.count_ones_in(step) > 0));
    }
    assert_ne!(pieces[0], pieces[1]);
    assert_eq!(fs::read(studio.path("on/1.mid")).unwrap(), fs::read(studio.path("again/1.mid")).unwrap());
    // The tempo is that of the file, unless another one is asked for.
    let tempo = |file: &Path| MidiFile::tempo(&fs::read(file).unwrap()).unwrap();
    assert!((tempo(&studio.path("on/0.mid")) - tempo(&studio.path("song.mid"))).abs() < 1e-3);
    studio.sample("fast", &["--continue", "song.mid", "--length", "4", "--tempo", "200", "--hop", "2"]).success();
    assert_eq!(tempo(&studio.path("fast/0.mid")), 200.0);
    assert_eq!(studio.pieces("fast")[0].steps(), song.steps() + 4);
}

/// Returns a MIDI file of one note, with the given tempi at its start and after each quarter note, in microseconds.
fn file_of_tempi(tempi: &[u32]) -> Vec<u8> {
    let mut track = vec![0, 0x90, 60, 80];
    for (index, microseconds) in tempi.iter().enumerate() {
        let [_, high, middle, low] = microseconds.to_be_bytes();
        track.extend([if index == 0 { 0 } else { 96 }, 0xff, 0x51, 3, high, middle, low]);
    }
    track.extend([96, 0x80, 60, 0, 0, 0xff, 0x2f, 0]);
    [b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk\0\0\0".to_vec(), vec![track.len() as u8], track].concat()
}

/// A tempo of a file that cannot be kept is reported, unless a tempo is asked for.
#[test]
fn tempi_that_are_lost_are_said() {
    let studio = both_planes();
    for (name, tempi, remark, written) in [
        ("changing.mid", &[1_000_000, 1_000_000, 333_333, 1_000_000][..], "changes 2 times", 60.0),
        ("once.mid", &[500_000, 250_000], "changes once: all is written at its first, 120.00", 120.0),
        (
            "fast.mid",
            &[50_000],
            "the tempo of the file is 1200.00, expected a number from 4 to 1000: written at 120 (--tempo)",
            120.0,
        ),
        ("slow.mid", &[16_700_000], "the tempo of the file is 3.59, expected", 120.0),
    ] {
        fs::write(studio.path(name), file_of_tempi(tempi)).unwrap();
        let go_on = ["--continue", name, "--length", "4"];
        studio.sample(name.split_once('.').unwrap().0, &go_on).success().stderr(predicate::str::contains(remark));
        let made = fs::read(studio.path(name.split_once('.').unwrap().0).join("0.mid")).unwrap();
        assert_eq!(MidiFile::tempo(&made), Some(written), "{name}");
        let asked = studio.sample("asked", &[&go_on[..], &["--tempo", "100"]].concat()).success();
        asked.stderr(predicate::str::contains("tempo").not());
    }
}

/// A folder that is used again may hold files of an earlier call. No file is removed.
#[test]
fn files_of_earlier_calls_are_named() {
    let studio = both_planes();
    studio.sample("again", &["--wav", "--seed", "1"]).success().stderr(predicate::str::contains("numbered").not());
    fs::write(studio.path("again/notes.txt"), "mine").unwrap();
    studio.sample("again", &["--count", "1", "--seed", "2"]).success().stderr(predicate::str::contains(
        "again holds other numbered files beside those of this call: 0.wav, 1.mid, 1.wav",
    ));
    assert!(studio.path("again/1.wav").exists());
}

/// The file has another resolution, a note out of range and fewer steps than a window.
#[test]
fn files_of_any_kind_can_be_gone_on_from() {
    let studio = both_planes();
    // C for two steps at 1000 ticks a quarter note, a pitch above those of the model, 90 beats a minute.
    let track = [
        &[0, 0xff, 0x51, 3, 0x0a, 0x2c, 0x2b][..],
        &[0, 0x90, 60, 80, 0, 0x90, 120, 80, 0x83, 0x74, 0x80, 60, 0, 0, 0x80, 120, 0],
        &[0, 0xff, 0x2f, 0],
    ]
    .concat();
    let header = [b"MThd\0\0\0\x06\0\0\0\x01\x03\xe8MTrk\0\0\0".to_vec(), vec![track.len() as u8], track].concat();
    fs::write(studio.path("short.mid"), header).unwrap();
    studio
        .sample("on", &["--continue", "short.mid", "--length", "7"])
        .success()
        .stderr(predicate::str::contains("short.mid: 1 note left out outside the range of pitches"));
    for piece in studio.pieces("on") {
        assert_eq!(piece.steps(), 2 + 7);
        assert!(notes(&piece).iter().any(|note| (note.start, note.pitch) == (0, 60) && note.end >= 2));
        assert_eq!((0..2).map(|step| piece.cells.count_ones_in(step)).collect::<Vec<_>>(), [2, 1]);
    }
    let tempo = MidiFile::tempo(&fs::read(studio.path("on/0.mid")).unwrap()).unwrap();
    assert!((tempo - 90.0).abs() < 1e-3, "{tempo}");
}

#[test]
fn a_voice_is_kept_and_the_others_are_made_anew() {
    keeps_voices(&both_planes());
}

#[test]
fn a_deep_network_makes_other_voices_anew() {
    keeps_voices(&deep());
}

fn keeps_voices(studio: &Studio) {
    let song = studio.read(&studio.path("song.mid"));
    let highest = |roll: &PianoRoll, note: &Note| roll.pitches_at(note.start, Plane::Hold) >> note.pitch == 1;
    let melody: Vec<Note> = notes(&song).into_iter().filter(|note| highest(&song, note)).collect();
    studio.sample("melody", &["--harmonise", "song.mid"]).success().stderr(predicate::str::contains("the melody: "));
    for piece in studio.pieces("melody") {
        let made = notes(&piece);
        assert_eq!(piece.steps(), song.steps());
        assert!(melody.iter().all(|note| made.contains(note)), "the tune is as it was");
        assert!(melody.iter().all(|note| highest(&piece, note)), "and nothing is above it");
        assert!(made.len() > melody.len());
    }
    studio.sample("bass", &["--harmonize", "song.mid", "--keep", "bass"]).success();
    let lowest = |roll: &PianoRoll, note: &Note| {
        roll.pitches_at(note.start, Plane::Hold).trailing_zeros() == u32::from(note.pitch)
    };
    for piece in studio.pieces("bass") {
        let kept: Vec<Note> = notes(&song).into_iter().filter(|note| lowest(&song, note)).collect();
        let made = notes(&piece);
        assert!(kept.len() > 10 && kept.iter().all(|note| made.contains(note) && lowest(&piece, note)));
    }
    studio.sample("all", &["--harmonise", "song.mid", "--keep", "all-given"]).success();
    for piece in studio.pieces("all") {
        let made = notes(&piece);
        assert!(notes(&song).iter().all(|note| made.contains(note)));
    }
}

#[test]
fn pieces_are_as_long_as_asked_for_and_in_a_key() {
    let studio = both_planes();
    are_long_and_in_a_key(&studio);
    // A higher temperature makes other music.
    studio.sample("hot", &["--length", "100", "--annealing", "20"]).success();
    let bytes = |out: &str| fs::read(studio.path(out).join("0.mid")).ok();
    assert_ne!(bytes("hot"), bytes("long"));
}

#[test]
fn pieces_of_a_deep_network_are_as_long_as_asked_for_and_in_a_key() {
    are_long_and_in_a_key(&deep());
}

fn are_long_and_in_a_key(studio: &Studio) {
    studio.sample("long", &["--length", "100"]).success();
    assert_eq!(studio.pieces("long").map(|piece| piece.steps()), [100, 100]);
    let major = |pitch: u8| [0, 2, 4, 5, 7, 9, 11].contains(&(pitch % 12));
    let foreign = |out: &str| {
        let pieces = studio.pieces(out);
        pieces.iter().flat_map(notes).filter(|note| !major(note.pitch)).count()
    };
    assert!(foreign("long") > 0);
    studio.sample("key", &["--length", "100", "--key", "Am"]).success();
    assert_eq!(foreign("key"), 0);
    assert!(!notes(&studio.pieces("key")[0]).is_empty());
    // A last step to the likelier states makes other music too, which may be silent.
    let bytes = |out: &str| fs::read(studio.path(out).join("0.mid")).ok();
    studio.sample("sure", &["--length", "100", "--last-step", "likeliest"]).success();
    assert_ne!(bytes("sure"), bytes("long"));
}

#[test]
fn sound_is_written_beside_the_notes() {
    let studio = both_planes();
    studio.sample("sound", &["--length", "1bar", "--wav", "--tempo", "120"]).success();
    let wav = fs::read(studio.path("sound/0.wav")).unwrap();
    // Two seconds and the tail, with 44 bytes of header and 4 a frame.
    assert_eq!((&wav[..4], wav.len()), (&b"RIFF"[..], 44 + 4 * 154_350));
    let loudest =
        wav[44..].chunks_exact(2).map(|sample| i16::from_le_bytes([sample[0], sample[1]]).unsigned_abs()).max();
    assert!((29_000..30_000).contains(&loudest.unwrap()), "{loudest:?}");
    studio
        .sample("endless", &["--length", "100000", "--wav"])
        .code(2)
        .stderr(predicate::str::contains("--wav: the piece lasts 12500 seconds; 1800 is the maximum"));
}

/// A model of one step with only the hold plane has no past in its window, so it continues from the step before.
#[test]
fn models_of_one_step_and_one_plane_make_pieces_too() {
    let options = CorpusOptions { planes: vec![Plane::Hold], ..CorpusOptions::default() };
    let studio = Studio::new(&["model.timesteps=1", "corpus.planes=[\"hold\"]"], options);
    fs::write(studio.path("song.mid"), &builtin::songs()[3].1).unwrap();
    studio
        .sample("on", &["--continue", "song.mid", "--length", "5"])
        .success()
        .stderr(predicate::str::contains("one step at a time"));
    let song = studio.read(&studio.path("song.mid"));
    for piece in studio.pieces("on") {
        assert_eq!(piece.steps(), song.steps() + 5);
        assert!((0..song.steps()).all(|step| piece.cells.row(step) == song.cells.row(step)));
    }
    studio.sample("tune", &["--harmonise", "song.mid", "--hop", "1"]).success();
    studio.sample("hop", &["--hop", "2"]).code(2).stderr(predicate::str::contains("--hop 2: expected 1 to 1"));
}

#[test]
fn what_cannot_be_done_is_said() {
    let studio = both_planes();
    fs::write(studio.path("noise.mid"), b"no music").unwrap();
    let silent = PianoRoll::silent(CorpusOptions::default().layout(), 8);
    fs::write(studio.path("silent.mid"), to_midi(&silent, &MidiStyle::default())).unwrap();
    let mut brief = PianoRoll::silent(CorpusOptions::default().layout(), 2);
    brief.cells.set(0, 30, true);
    fs::write(studio.path("brief.mid"), to_midi(&brief, &MidiStyle::default())).unwrap();
    for (arguments, message) in [
        (&["--continue", "missing.mid"][..], "missing.mid: cannot be read"),
        (&["--continue", "noise.mid"], "noise.mid: not a MIDI file"),
        (&["--harmonise", "silent.mid"], "silent.mid: no note that the model knows, whose pitches are 24 to 101"),
        (&["--continue", "song.mid", "--harmonise", "song.mid"], "cannot be used with"),
        (&["--harmonise", "song.mid", "--length", "8"], "cannot be used with"),
        (&["--keep", "bass"], "--harmonise"),
        (&["--length", "two"], "8bars"),
        (&["--length", "99999999"], "more than the 1048576"),
        (&["--key", "H"], "is not a key"),
        (&["--hop", "6"], "--hop 6: expected 1 to 5: the windows of this model have 6 steps and must overlap"),
        (&["--annealing", "0"], "'0' for '--annealing <FACTOR>'"),
        (&["--corpus", "song.mid"], "add --start data"),
        (&["--start", "data"], "name a folder of MIDI files with --corpus"),
        (&["--start", "data", "--corpus", "brief.mid"], "brief.mid: no song is as long as the model's 6 time steps"),
        (&["--count", "100000", "--length", "1048576"], "of memory are available"),
    ] {
        studio.sample("none", arguments).code(2).stderr(predicate::str::contains(message));
    }
    assert!(!studio.path("none").exists());
    // A truncated file is read as far as possible.
    let whole = fs::read(studio.path("song.mid")).unwrap();
    fs::write(studio.path("cut.mid"), &whole[..whole.len() / 2]).unwrap();
    studio
        .sample("cut", &["--continue", "cut.mid", "--length", "4"])
        .success()
        .stderr(predicate::str::contains("cut.mid"));
}

/// A sample whose onsets sound nothing has no note: it gets no file, and counts among the silent ones.
#[test]
fn samples_without_a_note_have_no_file_and_are_a_warning() {
    let config = "name = \"quiet\"\n[corpus]\nlowest_pitch = 60\nhighest_pitch = 62\n[model]\nhidden = 1\ntimesteps = 1\n\
                  [train]\nepochs = 1\n[evaluate]\nwindows = 20\npseudo_likelihood_windows = 5\n\
                  [sample]\ncount = 300\nstart = \"noise\"\n";
    let bench = Bench::new(config);
    let notes_of = |path: &Path| MidiFile::parse(&fs::read(path).unwrap()).unwrap().note_ons();
    let said = predicate::str::contains("of 300 samples hold no note");
    bench.runner(&["--config", "sweep.toml", "--progress", "never"]).assert().success().stderr(said.clone());
    let run = first_run(&bench.path("results/quiet"));
    let files: Vec<_> = fs::read_dir(run.join("samples")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!files.is_empty() && files.iter().all(|path| notes_of(path) > 0));
    let record = json(&run.join("result.json"));
    let warnings = record["warnings"].as_array().unwrap();
    let expected = format!("{} of 300 samples hold no note", 300 - files.len());
    assert!(warnings.contains(&expected.clone().into()), "{expected}: {warnings:?}");
    let shown: Vec<u64> = json(&run.join("rolls.json"))["samples"]
        .as_array()
        .unwrap()
        .iter()
        .map(|own| own["sample"].as_u64().unwrap())
        .collect();
    assert!(shown.iter().all(|sample| run.join(format!("samples/{sample}.mid")).exists()), "{shown:?}");
    // With files for all of them, some hold no note: the test would find them.
    bench.sweep(&["sample.skip_empty=false", "name=all"]).assert().success();
    let all = first_run(&bench.path("results/all")).join("samples");
    let silent = fs::read_dir(all).unwrap().filter(|entry| notes_of(&entry.as_ref().unwrap().path()) == 0).count();
    assert_eq!(silent, 300 - files.len());
    // The verb leaves them out too.
    let model = run.join("model.safetensors");
    let sample = ["sample", "--model", model.to_str().unwrap(), "--out", "music", "--count", "300"];
    bench.runner(&sample).assert().success();
    let music = fs::read_dir(bench.path("music")).unwrap().map(|entry| entry.unwrap().path());
    assert!(music.into_iter().all(|path| notes_of(&path) > 0));
}

/// Long pieces of the default command move on: at most one of 16 pieces of 32 bars has three sets of pitch classes or
/// fewer, and the median piece changes its chord at least 60 times. Windows that overlap by more stand still: with
/// `--hop 4` three of these pieces have so few sets, and the median piece has 8 changes.
#[test]
fn long_pieces_of_the_default_command_do_not_stand_still() {
    let bench = Bench::new("");
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/configs/practical.toml");
    let mut training = bench.runner(&["run", "--quiet", "--out", ".", "--config", config]);
    for set in ["model.hidden=100", "train.epochs=60", "sample.count=1", "sample.steps=100", "evaluate.every=60"] {
        training.args(["--set", set]);
    }
    training.args(["--set", "evaluate.log_likelihood=none"]).assert().success();
    let model = first_run(&bench.path("practical")).join("model.safetensors");
    let sample = ["sample", "--count", "16", "--length", "32bars", "--out", "music", "--quiet", "--model"];
    bench.runner(&sample).arg(&model).assert().success();
    let (mut few, mut changes) = (16, Vec::new());
    for piece in 0..16 {
        let Ok(bytes) = fs::read(bench.path(&format!("music/{piece}.mid"))) else { continue };
        let roll = read_midi(&MidiFile::parse(&bytes).unwrap(), &CorpusOptions::default()).unwrap().roll;
        let chords: Vec<u128> =
            (0..roll.steps()).map(|step| classes(roll.pitches_at(step, Plane::Hold))).filter(|&own| own != 0).collect();
        few -= usize::from(chords.iter().collect::<HashSet<_>>().len() > 3);
        changes.push(chords.windows(2).filter(|pair| pair[0] != pair[1]).count());
    }
    changes.sort_unstable();
    assert!(few <= 1, "{few} of 16 pieces stand still; changes: {changes:?}");
    assert!(changes.len() == 16 && changes[7] >= 60, "{changes:?}");
}

/// The pitch classes of some pitches.
fn classes(pitches: u128) -> u128 {
    (0..128).filter(|pitch| pitches >> pitch & 1 == 1).fold(0, |classes, pitch| classes | 1 << (pitch % 12))
}
