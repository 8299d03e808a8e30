//! Tests of several parts of the module together.

mod damaged;
mod files;
mod published;
mod round_trip;
mod timing;
mod twins;

use super::midi::MidiFile;
use super::{Corpus, CorpusOptions, FileReport, Layout, PianoRoll, Plane};
use proptest::prelude::*;
use std::path::PathBuf;

/// Returns the bytes of a MIDI file with the given format, division word and bytes of each track.
fn smf(format: u16, division: u16, tracks: &[&[u8]]) -> Vec<u8> {
    let mut bytes = b"MThd\0\0\0\x06".to_vec();
    for word in [format, tracks.len() as u16, division] {
        bytes.extend(word.to_be_bytes());
    }
    for track in tracks {
        bytes.extend(b"MTrk");
        bytes.extend((track.len() as u32).to_be_bytes());
        bytes.extend(*track);
    }
    bytes
}

/// The End-of-Track event after zero ticks.
const END: [u8; 4] = [0, 0xff, 0x2f, 0];

/// Returns the options of the careful reading.
fn options() -> CorpusOptions {
    CorpusOptions::default()
}

/// Returns the options of the original's reading, without a minimum length.
fn seed() -> CorpusOptions {
    CorpusOptions { min_steps: 0, ..CorpusOptions::seed() }
}

fn parse(bytes: &[u8]) -> MidiFile {
    MidiFile::parse(bytes).unwrap()
}

/// Returns the report of a corpus on one file, and its roll if it is used.
fn report(bytes: &[u8], options: &CorpusOptions) -> (FileReport, Option<PianoRoll>) {
    let files = [("song.mid".to_owned(), bytes.to_vec())];
    match Corpus::from_midi(&files, options, &|_, _| {}) {
        Ok(corpus) => (corpus.files[0].clone(), Some(corpus.songs[0].roll.clone())),
        Err(super::CorpusError::NoSongs(reports) | super::CorpusError::Damaged(reports)) => (reports[0].clone(), None),
        Err(error) => panic!("{error}"),
    }
}

/// Returns the notes of a roll as (pitch, start, end).
fn spans(roll: &PianoRoll) -> Vec<(u8, usize, usize)> {
    super::notes(roll).iter().map(|note| (note.pitch, note.start, note.end)).collect()
}

/// Returns rolls made of notes, with every order of planes: each onset is held, and each hold after silence has an
/// onset.
pub(super) fn rolls() -> impl Strategy<Value = PianoRoll> {
    let planes = prop::sample::select(vec![
        vec![Plane::Hold, Plane::Onset],
        vec![Plane::Onset, Plane::Hold],
        vec![Plane::Hold],
        vec![Plane::Onset],
    ]);
    let note = (any::<u8>(), 0usize..70, 1usize..20);
    let notes = prop::collection::vec(note, 0..40);
    (planes, 0u8..127, 1u8..=128, 1usize..80, notes).prop_map(|(planes, lowest_pitch, pitches, steps, notes)| {
        let highest_pitch = lowest_pitch.saturating_add(pitches).min(128);
        let layout = Layout { lowest_pitch, highest_pitch, planes, units: None };
        let mut hold = vec![0u128; steps];
        let mut onset = vec![0u128; steps];
        for (pitch, start, length) in notes {
            let pitch = lowest_pitch + pitch % (highest_pitch - lowest_pitch);
            let (start, end) = (start % steps, (start % steps + length).min(steps));
            onset[start] |= 1 << pitch;
            (start..end).for_each(|step| hold[step] |= 1 << pitch);
        }
        let mut roll = PianoRoll::silent(layout, steps);
        for step in 0..steps {
            roll.fill_step(step, hold[step], onset[step]);
        }
        roll
    })
}

/// Returns the path of published data; `None`, with a message, if it is not on this machine.
fn published(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("CHORDBENCH_DATA")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data")), PathBuf::from);
    let path = folder.join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {} does not exist; CHORDBENCH_DATA names the folder", path.display());
    None
}
