//! Tests with published data: the corpus of the original, difficult MIDI files, two data sets in JSON.

use super::{options, published, seed};
use crate::music::{Compat, Corpus, CorpusOptions, FileStatus, PianoRoll, Plane, Split, Windows, notes};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

fn expected(name: &str) -> Option<Value> {
    let path = published(name)?;
    Some(serde_json::from_slice(&fs::read(path).unwrap()).unwrap())
}

fn corpus_at(name: &str, options: CorpusOptions) -> Option<Corpus> {
    let path = published(name)?;
    let options = CorpusOptions { path: Some(path), ..options };
    let done = AtomicUsize::new(0);
    let corpus = Corpus::load(&options, &|_, of| {
        assert!(done.fetch_add(1, Ordering::Relaxed) < of);
    });
    let corpus = corpus.unwrap();
    // Files that are passed over are counted in lines of their own.
    let read = corpus.files.iter().filter(|file| file.file != "._*").count();
    assert_eq!(done.into_inner(), read);
    Some(corpus)
}

#[test]
fn the_seed_reading_is_the_originals_file_by_file() {
    let Some(expected) = expected("pop-music-midi.expected.json") else {
        return;
    };
    let Some(corpus) = corpus_at("pop-music-midi", CorpusOptions::seed()) else {
        return;
    };
    assert_eq!(corpus.files.len(), 126);
    for file in &corpus.files {
        let truth = &expected[&file.file];
        let own = serde_json::to_value(file).unwrap();
        for key in ["rows", "hold_ones", "onset_ones", "sha256"] {
            assert_eq!(own[key], truth[key], "{key} of {}", file.file);
        }
        let short = truth["rows"].as_u64().unwrap() < 51;
        let status = if short { FileStatus::Skipped } else { FileStatus::Used };
        assert_eq!(file.status, status, "{}: {:?}", file.file, file.reason);
    }
    assert!(corpus.files.is_sorted_by_key(|file| &file.file));

    assert_eq!(corpus.songs.len(), 122);
    let rolls = || corpus.songs.iter().map(|song| &song.roll);
    let rows: usize = rolls().map(PianoRoll::steps).sum();
    assert_eq!(rows, 20_260);
    let density = |plane| {
        let ones: u64 = rolls().map(|roll| roll.ones_in(plane)).sum();
        ones as f64 / (rows * 78) as f64
    };
    assert!((density(Plane::Hold) - 0.05434).abs() < 5e-6);
    assert!((density(Plane::Onset) - 0.01283).abs() < 5e-6);

    let windows = Windows::cut(&corpus.layout, rolls(), 15);
    assert_eq!((windows.len(), windows.bits.columns()), (1291, 15 * 156));
    assert_eq!(windows.songs.iter().filter(|song| song.len() > 1).count(), 122);
}

#[test]
fn the_careful_reading_finds_every_note_of_the_corpus() {
    let Some(corpus) = corpus_at("pop-music-midi", options()) else {
        return;
    };
    // The four songs that the original's reading stops at a metre of 3 or 6 are whole here.
    assert_eq!(corpus.songs.len(), 126);
    for file in &corpus.files {
        assert_eq!(file.status, FileStatus::Used, "{}: {:?}", file.file, file.reason);
        assert!(file.note_ons >= file.onset_ones && file.onset_ones > 0, "{file:?}");
    }
}

/// The notes of a roll are those that another program (muspy) finds in the same cells.
#[test]
fn notes_are_those_of_another_decoder() {
    let Some(expected) = expected("pop-music-midi.muspy.json") else {
        return;
    };
    let Some(corpus) = corpus_at("pop-music-midi", CorpusOptions::seed()) else {
        return;
    };
    for (name, truth) in expected.as_object().unwrap() {
        let song = corpus.songs.iter().find(|song| &song.name == name).unwrap();
        let own = notes(&song.roll);
        assert_eq!(Some(own.len() as u64), truth["notes"].as_u64(), "{name}");
        let pitches: BTreeSet<u8> = own.iter().map(|note| note.pitch).collect();
        assert_eq!(Some(pitches.len() as f64), truth["n_pitches_used"].as_f64(), "{name}");
    }
}

/// A file in which any other reader finds more notes than ours is not found sound.
#[test]
fn hard_files_lose_nothing_silently() {
    let Some(expected) = expected("tricky-midi.expected.json") else {
        return;
    };
    let readers = ["mido_note_ons", "symusic_notes", "python_midi_note_ons", "midly_note_ons"];
    for compat in [Compat::None, Compat::Seed] {
        let base = if compat == Compat::Seed { seed() } else { options() };
        let Some(corpus) = corpus_at("tricky-midi", base) else {
            return;
        };
        let truths = expected.as_object().unwrap();
        assert_eq!(corpus.files.len(), truths.len());
        for file in &corpus.files {
            let truth = &truths[&file.file];
            let most = readers.iter().filter_map(|&reader| truth[reader].as_u64()).max();
            let sound = matches!(file.status, FileStatus::Used | FileStatus::Skipped);
            if most.is_some_and(|most| most > file.note_ons) {
                assert!(!sound, "{file:?} has {most:?} notes elsewhere");
            }
            let strict = truth["midly_strict_ok"] == Value::Bool(true);
            assert_eq!(sound, strict, "{file:?}");
        }
    }
}

/// All notes are read if the time of what follows a fault is certain. These files play a scale of eight notes.
#[test]
fn repairs_recover_what_other_readers_find() {
    let Some(corpus) = corpus_at("tricky-midi", options()) else {
        return;
    };
    let scale = |name: &str| {
        let file = corpus.files.iter().find(|file| file.file == format!("test-{name}.mid"));
        let file = file.unwrap();
        assert_eq!(file.status, FileStatus::Damaged, "{file:?}");
        assert_eq!(file.note_ons, 8, "{file:?}");
    };
    scale("running-status-metaevent");
    scale("running-status-sysex");
    scale("corrupt-file-extra-byte");
    scale("corrupt-file-missing-byte");
    scale("illegal-message-all");
    for message in ["f1-xx", "f2-xx-xx", "f3-xx", "f4", "f5", "f6", "f8", "f9", "fa", "fb", "fc", "fd", "fe"] {
        scale(&format!("illegal-message-{message}"));
    }
}

#[test]
fn data_sets_have_the_shapes_they_are_known_for() {
    check_data_set("polyphonic/jsb_chorales.json", [229, 76, 77], [13_807, 4_602, 4_725]);
    check_data_set("polyphonic/nottingham.json", [694, 173, 170], [176_561, 45_513, 44_463]);
}

fn check_data_set(name: &str, sequences: [usize; 3], steps: [usize; 3]) {
    let keys = CorpusOptions { lowest_pitch: 21, highest_pitch: 109, ..options() };
    let Some(corpus) = corpus_at(name, keys) else {
        return;
    };
    let of = |split| corpus.songs.iter().filter(move |song| song.split == Some(split));
    let found = [Split::Train, Split::Validation, Split::Test].map(|split| {
        let windows = Windows::cut(&corpus.layout, of(split).map(|song| &song.roll), 1);
        assert_eq!(windows.bits.columns(), 88);
        (of(split).count(), windows.len())
    });
    assert_eq!(found.map(|(sequences, _)| sequences), sequences, "{:?}", corpus.files[0]);
    assert_eq!(found.map(|(_, steps)| steps), steps);
    assert_eq!(corpus.layout.planes, [Plane::Hold]);
    assert_eq!(corpus.files[0].rows, steps.iter().sum::<usize>() as u64);
}

/// Each of the files made for this project has the shape of a fault that people meet.
#[test]
fn music_as_it_is_found_is_read() {
    let Some(expected) = expected("field-midi.expected.json") else {
        return;
    };
    let Some(corpus) = corpus_at("field-midi", options()) else {
        return;
    };
    let truths = expected["files"].as_object().unwrap();
    for (name, truth) in truths.iter().filter(|(name, _)| !name.starts_with("._")) {
        let file = corpus.files.iter().find(|file| file.file == *name);
        let file = file.unwrap_or_else(|| panic!("{name} is not listed"));
        let song = corpus.songs.iter().find(|song| song.name == *name);
        let found = song.map_or(0, |song| notes(&song.roll).len());
        assert_eq!(found as u64, truth["notes"].as_u64().unwrap(), "{file:?}");
        let reads = truth["reads"].as_str().unwrap();
        let damaged = file.status == FileStatus::Damaged;
        assert!(reads.starts_with("used or damaged") || damaged == reads.starts_with("damaged"), "{file:?}");
        let reason = file.reason.as_deref().unwrap_or_default();
        assert!(!reason.contains("the rest of the track is lost"), "{file:?}");
        if name.starts_with("gs-drums") {
            assert!(reason.contains("64 notes left out"), "{reason}");
        }
    }
    let of_macos: Vec<_> = corpus.files.iter().filter(|file| file.file.starts_with("._")).collect();
    assert_eq!(of_macos.len(), 1);
    assert_eq!(of_macos[0].status, FileStatus::Skipped);
    assert!(of_macos[0].reason.as_deref().is_some_and(|reason| reason.starts_with("1 AppleDouble")));
    assert_eq!(corpus.files.len(), truths.len());

    let lengths = |name: &str, options: CorpusOptions| {
        let corpus = corpus_at("field-midi", options).unwrap();
        let song = corpus.songs.into_iter().find(|song| song.name == name).unwrap();
        let lengths: Vec<_> = notes(&song.roll).iter().map(|note| note.end - note.start).collect();
        lengths
    };
    let plain = lengths("sustain-pedal.mid", options());
    let held = lengths("sustain-pedal.mid", CorpusOptions { sustain: true, ..options() });
    assert_eq!(plain.len(), held.len());
    // Those that are let go after the pedal is lifted stay as they are.
    assert!(plain.iter().zip(&held).all(|(plain, held)| held >= plain), "{plain:?} {held:?}");
    assert!(held.iter().filter(|length| **length > 1).count() >= 30, "{held:?}");
    assert!(lengths("all-notes-off.mid", options()).iter().all(|length| *length == 1));
}
