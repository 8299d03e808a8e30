//! The reading: how the events of a MIDI file become a piano roll.

mod careful;
mod seed;

use super::PianoRoll;
use super::midi::{EventKind, MidiFile};
use super::options::{Compat, CorpusOptions, MAX_STEPS};

/// The MIDI channel of drums, from 0; musicians count it as the tenth.
const DRUM_CHANNEL: u8 = 9;

/// A piano roll read from a MIDI file, and what of the file is not in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The piano roll.
    pub roll: PianoRoll,
    /// What the options left out.
    pub omissions: Omissions,
}

/// What the options left out of a piano roll, and what else a user may want to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Omissions {
    /// Notes of the drum channel.
    pub drums: u64,
    /// Notes outside the range of pitches.
    pub outside: u64,
    /// Notes that were never let go; each sounds to the end. The original's reading does not count them.
    pub unclosed: u64,
    /// The step and the numerator of the time signature at which the song stops.
    pub stop: Option<(u64, u8)>,
    /// Notes at or after that time signature.
    pub after_stop: u64,
    /// Steps of silence after the last note that are more than a song may have.
    pub silence: u64,
}

impl Omissions {
    /// One phrase for each thing left out.
    pub fn phrases(&self) -> Vec<String> {
        let notes = |count: u64| {
            if count == 1 { "1 note".into() } else { format!("{count} notes") }
        };
        let mut phrases = Vec::new();
        if let Some((step, numerator)) = self.stop {
            let after = if self.after_stop == 0 {
                String::new()
            } else {
                format!(" ({} after it left out)", notes(self.after_stop))
            };
            phrases.push(format!("stops at step {step}, at a metre of {numerator}{after}"));
        }
        if self.drums > 0 {
            phrases.push(format!("{} of drums left out", notes(self.drums)));
        }
        if self.outside > 0 {
            phrases.push(format!("{} outside the pitches left out", notes(self.outside)));
        }
        if self.unclosed > 0 {
            phrases.push(format!("{} never let go", notes(self.unclosed)));
        }
        if self.silence > 0 {
            phrases.push(format!("{} steps of silence at the end left out", self.silence));
        }
        phrases
    }
}

/// Why a MIDI file has no piano roll.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadingError {
    /// The header says that a quarter note has no ticks.
    #[error("the header gives a quarter note no ticks")]
    NoTicks,
    /// The original divides a quarter note into four whole numbers of ticks.
    #[error("a quarter note of {ticks} ticks has no four rows of whole ticks; corpus.compat = \"none\" can read it")]
    TooCoarse {
        /// Ticks in a quarter note.
        ticks: u64,
    },
    /// More steps than a song may have.
    #[error("a song of {steps} steps, more than the {MAX_STEPS} that a song may have")]
    TooLong {
        /// Steps of the song.
        steps: u64,
    },
}

/// Read a MIDI file as the options ask for.
pub fn read_midi(file: &MidiFile, options: &CorpusOptions) -> Result<Reading, ReadingError> {
    if file.quarter.ticks == 0 {
        return Err(ReadingError::NoTicks);
    }
    match options.compat {
        Compat::None => careful::read(file, options),
        Compat::Seed => seed::read(file, options),
    }
}

/// A silent roll of `steps` steps, unless they are too many.
fn silent(options: &CorpusOptions, steps: u64) -> Result<PianoRoll, ReadingError> {
    if steps > MAX_STEPS {
        return Err(ReadingError::TooLong { steps });
    }
    Ok(PianoRoll::silent(options.layout(), steps as usize))
}

impl Omissions {
    /// Whether the note of an event is kept; a note-on that is not is counted.
    fn keeps(&mut self, kind: EventKind, options: &CorpusOptions) -> bool {
        let (channel, pitch, counts) = match kind {
            EventKind::NoteOn { channel, pitch } => (channel, pitch, 1),
            EventKind::NoteOff { channel, pitch } => (channel, pitch, 0),
            EventKind::Metre { .. } => return false,
        };
        if channel == DRUM_CHANNEL && !options.drums {
            self.drums += counts;
            return false;
        }
        if !(options.lowest_pitch..options.highest_pitch).contains(&pitch) {
            self.outside += counts;
            return false;
        }
        true
    }
}

/// Whether a song stops at an event: a time signature with a numerator that the options do not allow.
fn stops(kind: EventKind, options: &CorpusOptions) -> Option<u8> {
    match kind {
        EventKind::Metre { numerator } if !options.metres.is_empty() && !options.metres.contains(&numerator) => {
            Some(numerator)
        }
        _ => None,
    }
}
