//! Tests that the files, read back, sound as the manifest says.

use super::melody;
use super::song::CHORD_REGISTER;
use super::texture::BASS_LIMIT;
use super::*;
use crate::music::{Corpus, CorpusOptions, FileStatus, Note, PianoRoll, Plane, notes};
use std::collections::{BTreeMap, BTreeSet};

/// Returns every song as the careful reading finds it, with its entry in the manifest.
fn read_back() -> Vec<(PianoRoll, SongTruth)> {
    let corpus = Corpus::from_midi(&songs(), &CorpusOptions::default(), &|_, _| {}).unwrap();
    for report in &corpus.files {
        assert_eq!(report.status, FileStatus::Used, "{}: {:?}", report.file, report.reason);
    }
    let rolls = corpus.songs.into_iter().map(|song| song.roll);
    rolls.zip(manifest()).collect()
}

/// Returns the notes struck in one bar.
fn struck(roll: &PianoRoll, bar: usize) -> Vec<Note> {
    let mut notes = notes(roll);
    notes.retain(|note| note.start / STEPS_PER_BAR == bar);
    notes
}

/// If these bytes change, so does every result computed from the built-in corpus.
#[test]
fn the_bytes_are_pinned() {
    let mut hasher = blake3::Hasher::new();
    for (name, bytes) in songs() {
        hasher.update(name.as_bytes());
        hasher.update(&bytes);
    }
    assert_eq!(hasher.finalize().to_hex().as_str(), "97d500f6527d04d5c7c846a4978818e3789a512a99f7d153d512bb0388aa3e64");
}

#[test]
fn keys_progressions_and_textures_come_equally_often() {
    let manifest = manifest();
    let names: Vec<String> = songs().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, manifest.iter().map(|truth| truth.file.clone()).collect::<Vec<_>>());
    assert!(names.is_sorted());
    let count = |label: &dyn Fn(&SongTruth) -> String| {
        let mut counts = BTreeMap::new();
        for truth in &manifest {
            *counts.entry(label(truth)).or_insert(0) += 1;
        }
        (counts.len(), counts.values().copied().collect::<BTreeSet<i32>>())
    };
    assert_eq!(count(&|truth| truth.key.name()), (6, [18].into()));
    assert_eq!(count(&|truth| truth.progression.into()), (12, [9].into()));
    assert_eq!(count(&|truth| truth.texture.name().into()), (6, [18].into()));
    let combination = |truth: &SongTruth| format!("{:?} {} {:?}", truth.key, truth.progression, truth.texture);
    assert_eq!(count(&combination), (108, [1].into()));
}

#[test]
fn no_two_songs_sound_alike() {
    let songs = read_back();
    let distinct: BTreeSet<Vec<u64>> = songs.iter().map(|(roll, _)| roll.cells.words().to_vec()).collect();
    assert_eq!(distinct.len(), songs.len());
    let melodies: BTreeSet<Vec<Note>> = songs
        .iter()
        .map(|(roll, _)| {
            let mut melody = notes(roll);
            melody.retain(|note| melody::REGISTER.contains(&note.pitch));
            melody
        })
        .collect();
    assert_eq!(melodies.len(), songs.len());
}

#[test]
fn lengths_and_registers() {
    for (roll, truth) in read_back() {
        assert_eq!(roll.steps(), truth.steps(), "{}", truth.file);
        assert!([8, 12, 16].contains(&truth.bars.len()), "{}", truth.file);
        let notes = notes(&roll);
        let lowest = notes.iter().map(|note| note.pitch).min();
        let highest = notes.iter().map(|note| note.pitch).max();
        assert!(lowest >= Some(35) && highest <= Some(86), "{}: {lowest:?} to {highest:?}", truth.file);
        // Melody, chords and bass lie apart.
        for note in notes {
            let between = BASS_LIMIT < note.pitch && note.pitch < *CHORD_REGISTER.start()
                || *CHORD_REGISTER.end() < note.pitch && note.pitch < *melody::REGISTER.start();
            assert!(!between, "{}: {note:?}", truth.file);
        }
    }
}

/// The corpus is as dense as a corpus of pop music, where 5.4 % of the hold cells and 1.3 % of the onset cells are on.
#[test]
fn densities_are_those_of_pop_music() {
    let (mut cells, mut hold, mut onset) = (0.0, 0.0, 0.0);
    for (roll, truth) in read_back() {
        let own_cells = (roll.steps() * roll.layout.pitches()) as f64;
        let own = [Plane::Hold, Plane::Onset].map(|plane| roll.ones_in(plane) as f64);
        assert!((0.035..0.070).contains(&(own[0] / own_cells)), "{}: {own:?}", truth.file);
        assert!((0.008..0.020).contains(&(own[1] / own_cells)), "{}: {own:?}", truth.file);
        cells += own_cells;
        hold += own[0];
        onset += own[1];
    }
    assert!((0.048..0.056).contains(&(hold / cells)), "{}", hold / cells);
    assert!((0.010..0.014).contains(&(onset / cells)), "{}", onset / cells);
}

/// Every note is in the scale, except the leading tone in minor, which sounds only over the dominant.
#[test]
fn notes_are_of_the_key() {
    let mut leading_tones = 0;
    for (roll, truth) in read_back() {
        for (bar, chord) in truth.bars.iter().enumerate() {
            let dominant = chord.numeral == "V";
            for note in struck(&roll, bar) {
                let class = note.pitch % 12;
                let leading = truth.key.mode == Mode::Minor && class == truth.key.leading_tone();
                leading_tones += u32::from(leading);
                assert!(
                    truth.key.scale().contains(&class) || leading && dominant,
                    "{}: {note:?} over {}",
                    truth.file,
                    chord.numeral
                );
            }
        }
    }
    assert!(leading_tones > 0);
}

/// In every bar the middle register sounds exactly the chord of the manifest, over its root.
#[test]
fn every_bar_sounds_its_chord() {
    for (roll, truth) in read_back() {
        for (bar, chord) in truth.bars.iter().enumerate() {
            let notes = struck(&roll, bar);
            let chord_register: BTreeSet<u8> =
                notes.iter().filter(|note| CHORD_REGISTER.contains(&note.pitch)).map(|note| note.pitch % 12).collect();
            assert_eq!(chord_register, chord.pitch_classes.into(), "{} bar {bar}", truth.file);
            let bass = notes.iter().find(|note| note.start == bar * STEPS_PER_BAR).unwrap();
            assert!(bass.pitch <= BASS_LIMIT, "{} bar {bar}: {bass:?}", truth.file);
            assert_eq!(bass.pitch % 12, chord.pitch_classes[0], "{} bar {bar}", truth.file);
        }
    }
}

#[test]
fn melodies_sing_chord_tones_on_strong_beats_and_close_on_the_tonic() {
    for (roll, truth) in read_back() {
        let mut melody = notes(&roll);
        melody.retain(|note| melody::REGISTER.contains(&note.pitch));
        for note in &melody {
            let chord = &truth.bars[note.start / STEPS_PER_BAR];
            assert!(
                note.start % 8 != 0 || chord.pitch_classes.contains(&(note.pitch % 12)),
                "{}: {note:?} over {}",
                truth.file,
                chord.numeral
            );
        }
        // The melody has one voice, and most of its moves are a third at most.
        assert!(melody.windows(2).all(|pair| pair[0].end <= pair[1].start), "{}", truth.file);
        let leaps = melody.windows(2).filter(|pair| pair[0].pitch.abs_diff(pair[1].pitch) > 4).count();
        assert!(leaps * 2 < melody.len(), "{}: {leaps} leaps in {} notes", truth.file, melody.len());
        let last = melody.last().unwrap();
        assert_eq!(last.pitch % 12, truth.key.tonic, "{}", truth.file);
        assert_eq!((last.start, last.end), (truth.steps() - STEPS_PER_BAR, truth.steps()), "{}", truth.file);
    }
}

/// Chords change by small moves: in textures that strike whole chords, the voices move ten semitones at most in all.
#[test]
fn voices_move_little() {
    let textures = [Texture::Block, Texture::Pulse, Texture::Walking];
    let blocks = read_back().into_iter().filter(|(_, truth)| textures.contains(&truth.texture));
    for (roll, truth) in blocks {
        let voicings: Vec<BTreeSet<u8>> = (0..truth.bars.len())
            .map(|bar| struck(&roll, bar).iter().map(|note| note.pitch).collect::<BTreeSet<u8>>())
            .map(|pitches| pitches.range(CHORD_REGISTER).copied().collect())
            .collect();
        for pair in voicings.windows(2) {
            let moves = std::iter::zip(&pair[0], &pair[1]).map(|(from, to)| u32::from(from.abs_diff(*to)));
            assert!(moves.sum::<u32>() <= 10, "{}: {pair:?}", truth.file);
        }
    }
}

#[test]
fn the_tune_returns() {
    for (roll, truth) in read_back().into_iter().filter(|(_, truth)| truth.progression == "axis") {
        // The form is AA, AAB or AABA: the second phrase repeats the first, except for its end.
        let phrase = melody::BARS_PER_PHRASE * STEPS_PER_BAR;
        let melody_of = |from: usize| {
            let mut melody = notes(&roll);
            melody.retain(|note| melody::REGISTER.contains(&note.pitch));
            melody.retain(|note| (from..from + STEPS_PER_BAR).contains(&note.start));
            melody.iter().map(|note| (note.start - from, note.pitch)).collect::<Vec<_>>()
        };
        assert_eq!(melody_of(0), melody_of(phrase), "{}", truth.file);
    }
}

#[test]
fn the_manifest_reads_as_json() {
    let json = serde_json::to_value(&manifest()[9]).unwrap();
    assert_eq!(json["file"], "010-c-major-turnaround-wave.mid");
    assert_eq!(json["key"], serde_json::json!({"tonic_pitch_class": 0, "mode": "major"}));
    assert_eq!(json["bars"][1], serde_json::json!({"numeral": "vi", "pitch_classes": [9, 0, 4]}));
}
