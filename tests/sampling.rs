//! `runner sample` as its users meet it: going on from files, harmonising, long pieces, keys, sound.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use assert_cmd::Command;
use chordbench::music::midi::MidiFile;
use chordbench::music::{CorpusOptions, MidiStyle, Note, PianoRoll, Plane, builtin, notes, read_midi, to_midi};
use predicates::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};

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

/// A folder with a small model in it.
struct Bench {
    folder: tempfile::TempDir,
    model: PathBuf,
    options: CorpusOptions,
}

impl Bench {
    fn new(sets: &[&str], options: CorpusOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("sweep.toml"), SMALL).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_runner"));
        command.current_dir(folder.path()).args(["--config", "sweep.toml", "-q"]);
        for set in sets {
            command.args(["--set", set]);
        }
        command.assert().success();
        let run = folder.path().join("results/small/runs").read_dir().unwrap().next().unwrap().unwrap().path();
        Self { model: run.join("model.safetensors"), folder, options }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn sample(&self, out: &str, arguments: &[&str]) -> assert_cmd::assert::Assert {
        let mut command = Command::new(env!("CARGO_BIN_EXE_runner"));
        command.current_dir(self.folder.path()).arg("sample").arg("--model").arg(&self.model);
        command.args(["--out", out, "--count", "2"]).args(arguments).assert()
    }

    fn read(&self, path: &Path) -> PianoRoll {
        read_midi(&MidiFile::parse(&fs::read(path).unwrap()).unwrap(), &self.options).unwrap().roll
    }

    /// The two pieces that a call leaves.
    fn pieces(&self, out: &str) -> [PianoRoll; 2] {
        ["0.mid", "1.mid"].map(|name| self.read(&self.path(out).join(name)))
    }
}

fn both_planes() -> Bench {
    let bench = Bench::new(&[], CorpusOptions::default());
    fs::write(bench.path("song.mid"), &builtin::songs()[20].1).unwrap();
    bench
}

#[test]
fn a_file_goes_on_and_keeps_its_own_notes() {
    let bench = both_planes();
    let song = bench.read(&bench.path("song.mid"));
    let go_on = ["--continue", "song.mid", "--length", "2bars"];
    bench.sample("on", &go_on).success();
    bench.sample("again", &go_on).success();
    let pieces = bench.pieces("on");
    for piece in &pieces {
        assert_eq!(piece.steps(), song.steps() + 32);
        assert!((0..song.steps()).all(|step| piece.cells.row(step) == song.cells.row(step)));
        assert!((song.steps()..piece.steps()).any(|step| piece.cells.count_ones_in(step) > 0));
    }
    assert_ne!(pieces[0], pieces[1]);
    assert_eq!(fs::read(bench.path("on/1.mid")).unwrap(), fs::read(bench.path("again/1.mid")).unwrap());
    // The tempo is the file's, unless another is asked for.
    let tempo = |file: &Path| MidiFile::tempo(&fs::read(file).unwrap()).unwrap();
    assert!((tempo(&bench.path("on/0.mid")) - tempo(&bench.path("song.mid"))).abs() < 1e-3);
    bench.sample("fast", &["--continue", "song.mid", "--length", "4", "--tempo", "200", "--hop", "2"]).success();
    assert_eq!(tempo(&bench.path("fast/0.mid")), 200.0);
    assert_eq!(bench.pieces("fast")[0].steps(), song.steps() + 4);
}

/// The same tune at another resolution, with drums of no concern, out-of-range notes, and fewer steps than a window.
#[test]
fn files_of_any_kind_can_be_gone_on_from() {
    let bench = both_planes();
    // A C at 1000 ticks a quarter for two steps; a pitch above the model's; 90 beats a minute.
    let track = [
        &[0, 0xff, 0x51, 3, 0x0a, 0x2c, 0x2b][..],
        &[0, 0x90, 60, 80, 0, 0x90, 120, 80, 0x83, 0x74, 0x80, 60, 0, 0, 0x80, 120, 0],
        &[0, 0xff, 0x2f, 0],
    ]
    .concat();
    let header = [b"MThd\0\0\0\x06\0\0\0\x01\x03\xe8MTrk\0\0\0".to_vec(), vec![track.len() as u8], track].concat();
    fs::write(bench.path("short.mid"), header).unwrap();
    bench
        .sample("on", &["--continue", "short.mid", "--length", "7"])
        .success()
        .stderr(predicate::str::contains("short.mid: 1 note outside the pitches left out"));
    for piece in bench.pieces("on") {
        assert_eq!(piece.steps(), 2 + 7);
        assert!(notes(&piece).iter().any(|note| (note.start, note.pitch) == (0, 60) && note.end >= 2));
        assert_eq!((0..2).map(|step| piece.cells.count_ones_in(step)).collect::<Vec<_>>(), [2, 1]);
    }
    let tempo = MidiFile::tempo(&fs::read(bench.path("on/0.mid")).unwrap()).unwrap();
    assert!((tempo - 90.0).abs() < 1e-3, "{tempo}");
}

#[test]
fn a_voice_is_kept_and_the_others_are_made_anew() {
    let bench = both_planes();
    let song = bench.read(&bench.path("song.mid"));
    let highest = |roll: &PianoRoll, note: &Note| roll.pitches_at(note.start, Plane::Hold) >> note.pitch == 1;
    let melody: Vec<Note> = notes(&song).into_iter().filter(|note| highest(&song, note)).collect();
    bench.sample("melody", &["--harmonise", "song.mid"]).success().stderr(predicate::str::contains("the melody: "));
    for piece in bench.pieces("melody") {
        let made = notes(&piece);
        assert_eq!(piece.steps(), song.steps());
        assert!(melody.iter().all(|note| made.contains(note)), "the tune is as it was");
        assert!(melody.iter().all(|note| highest(&piece, note)), "and nothing is above it");
        assert!(made.len() > melody.len());
    }
    bench.sample("bass", &["--harmonize", "song.mid", "--keep", "bass"]).success();
    let lowest = |roll: &PianoRoll, note: &Note| {
        roll.pitches_at(note.start, Plane::Hold).trailing_zeros() == u32::from(note.pitch)
    };
    for piece in bench.pieces("bass") {
        let kept: Vec<Note> = notes(&song).into_iter().filter(|note| lowest(&song, note)).collect();
        let made = notes(&piece);
        assert!(kept.len() > 10 && kept.iter().all(|note| made.contains(note) && lowest(&piece, note)));
    }
    bench.sample("all", &["--harmonise", "song.mid", "--keep", "all-given"]).success();
    for piece in bench.pieces("all") {
        let made = notes(&piece);
        assert!(notes(&song).iter().all(|note| made.contains(note)));
    }
}

#[test]
fn pieces_are_as_long_as_asked_for_and_in_a_key() {
    let bench = both_planes();
    bench.sample("long", &["--length", "100"]).success();
    assert_eq!(bench.pieces("long").map(|piece| piece.steps()), [100, 100]);
    let major = |pitch: u8| [0, 2, 4, 5, 7, 9, 11].contains(&(pitch % 12));
    let foreign = |out: &str| {
        let pieces = bench.pieces(out);
        pieces.iter().flat_map(notes).filter(|note| !major(note.pitch)).count()
    };
    assert!(foreign("long") > 0);
    bench.sample("key", &["--length", "100", "--key", "Am"]).success();
    assert_eq!(foreign("key"), 0);
    assert!(!notes(&bench.pieces("key")[0]).is_empty());
    // More heat is other music; so is an end at the likelier states, which of a model that knows so little is silence.
    let bytes = |out: &str| fs::read(bench.path(out).join("0.mid")).ok();
    for (out, change) in [("hot", ["--annealing", "20"]), ("sure", ["--last-step", "likeliest"])] {
        bench.sample(out, &[&["--length", "100"], &change[..]].concat()).success();
        assert_ne!(bytes(out), bytes("long"));
    }
}

#[test]
fn sound_is_written_beside_the_notes() {
    let bench = both_planes();
    bench.sample("sound", &["--length", "1bar", "--wav", "--tempo", "120"]).success();
    let wav = fs::read(bench.path("sound/0.wav")).unwrap();
    // Two seconds and the tail: 44 bytes of header, 4 a frame.
    assert_eq!((&wav[..4], wav.len()), (&b"RIFF"[..], 44 + 4 * 154_350));
    let loudest =
        wav[44..].chunks_exact(2).map(|sample| i16::from_le_bytes([sample[0], sample[1]]).unsigned_abs()).max();
    assert!((29_000..30_000).contains(&loudest.unwrap()), "{loudest:?}");
    bench
        .sample("endless", &["--length", "100000", "--wav"])
        .code(2)
        .stderr(predicate::str::contains("--wav: 12500 seconds of sound"));
}

/// A model of held notes alone, and of one step: no past to hold on to, but the step before.
#[test]
fn models_of_one_step_and_one_plane_make_pieces_too() {
    let options = CorpusOptions { planes: vec![Plane::Hold], ..CorpusOptions::default() };
    let bench = Bench::new(&["model.timesteps=1", "corpus.planes=[\"hold\"]"], options);
    fs::write(bench.path("song.mid"), &builtin::songs()[3].1).unwrap();
    bench
        .sample("on", &["--continue", "song.mid", "--length", "5"])
        .success()
        .stderr(predicate::str::contains("one step at a time"));
    let song = bench.read(&bench.path("song.mid"));
    for piece in bench.pieces("on") {
        assert_eq!(piece.steps(), song.steps() + 5);
        assert!((0..song.steps()).all(|step| piece.cells.row(step) == song.cells.row(step)));
    }
    bench.sample("tune", &["--harmonise", "song.mid", "--hop", "1"]).success();
    bench.sample("hop", &["--hop", "2"]).code(2).stderr(predicate::str::contains("--hop 2: expected 1 to 1"));
}

#[test]
fn what_cannot_be_done_is_said() {
    let bench = both_planes();
    fs::write(bench.path("noise.mid"), b"no music").unwrap();
    let silent = PianoRoll::silent(CorpusOptions::default().layout(), 8);
    fs::write(bench.path("silent.mid"), to_midi(&silent, &MidiStyle::default())).unwrap();
    for (arguments, message) in [
        (&["--continue", "missing.mid"][..], "missing.mid: cannot be read"),
        (&["--continue", "noise.mid"], "noise.mid: not a MIDI file"),
        (&["--harmonise", "silent.mid"], "silent.mid: no note that the model knows, whose pitches are 24 to 101"),
        (&["--continue", "song.mid", "--harmonise", "song.mid"], "cannot be used with"),
        (&["--harmonise", "song.mid", "--length", "8"], "cannot be used with"),
        (&["--keep", "bass"], "--harmonise"),
        (&["--length", "two"], "8bars"),
        (&["--length", "99999999"], "more than the 1048576"),
        (&["--key", "H"], "no key"),
        (&["--hop", "6"], "--hop 6: expected 1 to 5: the windows of this model have 6 steps and must overlap"),
        (&["--annealing", "0"], "--annealing 0"),
    ] {
        bench.sample("none", arguments).code(2).stderr(predicate::str::contains(message));
    }
    assert!(!bench.path("none").exists());
    // A file that is cut short is read as far as it goes.
    let whole = fs::read(bench.path("song.mid")).unwrap();
    fs::write(bench.path("cut.mid"), &whole[..whole.len() / 2]).unwrap();
    bench
        .sample("cut", &["--continue", "cut.mid", "--length", "4"])
        .success()
        .stderr(predicate::str::contains("cut.mid"));
}
