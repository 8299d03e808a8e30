//! The reading of one MIDI file of a corpus.

use super::folder::Found;
use super::report::{FileReport, FileStatus, counted};
use super::song::Song;
use crate::machine::file::read_regular_up_to;
use crate::music::midi::MidiFile;
use crate::music::options::{Compat, CorpusOptions, Damaged};
use crate::music::piano_roll::PianoRoll;
use crate::music::reading;
use std::path::Path;

/// Reads one file of a folder: its report, and its song if it is used.
pub(super) fn read_found(file: &Found, options: &CorpusOptions) -> (FileReport, Option<Song>) {
    let fault = file.fault.clone().map_or_else(|| load_bytes(&file.path), Err);
    match fault {
        Ok(bytes) => read_bytes(file.name.clone(), &bytes, options),
        Err(reason) => (FileReport::failed(file.name.clone(), reason), None),
    }
}

/// Returns the bytes of a file, or the reason it cannot be read.
fn load_bytes(path: &Path) -> Result<Vec<u8>, String> {
    read_regular_up_to(path, MidiFile::MAX_BYTES).map_err(|error| format!("cannot be read: {error}"))
}

/// Reads the bytes of one MIDI file: its report, and its song if it is used.
pub(super) fn read_bytes(name: String, bytes: &[u8], options: &CorpusOptions) -> (FileReport, Option<Song>) {
    let file = match MidiFile::parse(bytes) {
        Ok(file) => file,
        Err(error) => return (FileReport::failed(name, error.to_string()), None),
    };
    let damage = damage_in_words(&file);
    let reading = match reading::read_midi(&file, options) {
        Ok(reading) => reading,
        Err(error) => {
            let reasons: Vec<String> = damage.into_iter().chain([error.to_string()]).collect();
            let mut report = FileReport::failed(name, reasons.join("; "));
            report.note_ons = file.note_ons();
            return (report, None);
        }
    };
    let mut report = FileReport::used(name, [&reading.roll]);
    report.note_ons = file.note_ons();
    let mut reasons = damage;
    if !reasons.is_empty() {
        report.status = FileStatus::Damaged;
        report.kept = options.damaged == Damaged::Use;
    }
    if let Some(reason) = too_little(&reading.roll, options) {
        reasons.push(reason);
        report.kept = false;
        if report.status == FileStatus::Used {
            report.status = FileStatus::Skipped;
        }
    }
    reasons.append(&mut reading.omissions.phrases());
    match file.alien_chunks {
        0 => {}
        1 => reasons.push("1 chunk skipped that is not a track".into()),
        more => reasons.push(format!("{more} chunks skipped that are not tracks")),
    }
    report.reason = (!reasons.is_empty()).then(|| reasons.join("; "));
    let song = report.kept.then(|| Song { name: report.file.clone(), roll: reading.roll, split: None });
    (report, song)
}

/// The number of faults that a report spells out. It counts the others.
const SPELLED: usize = 4;

/// Returns a phrase for each fault of a file.
fn damage_in_words(file: &MidiFile) -> Vec<String> {
    let mut words: Vec<String> = file.damage.iter().take(SPELLED).map(ToString::to_string).collect();
    if file.damage.len() > SPELLED {
        words.push(format!("and {} more faults", file.damage.len() - SPELLED));
    }
    words
}

/// Returns the reason a song has too little in it to be used, if it has.
fn too_little(roll: &PianoRoll, options: &CorpusOptions) -> Option<String> {
    let steps = roll.steps();
    let silent = roll.cells.count_ones() == 0;
    let short = (steps as u64) < u64::from(options.min_steps);
    match (silent, short) {
        (_, true) => Some(format!(
            "{}, fewer than corpus.min_steps = {}{}",
            counted(steps, "step"),
            options.min_steps,
            if silent { ", and no note" } else { "" }
        )),
        // The original keeps silence that is long enough.
        (true, false) if options.compat == Compat::None => Some("no note".into()),
        _ if steps == 0 => Some("no steps".into()),
        _ => None,
    }
}
