//! The reading of a MIDI file's events into a piano roll.

mod careful;
mod channels;
mod grid;
mod seed;

use crate::music::midi::{EventKind, MidiFile};
use crate::music::options::{Compat, CorpusOptions, MAX_STEPS};
use crate::music::piano_roll::PianoRoll;

/// The MIDI channel of drums, counted from 0. Musicians call it channel 10.
const DRUM_CHANNEL: u8 = 9;

/// A piano roll read from a MIDI file, with an account of what it lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The piano roll.
    pub roll: PianoRoll,
    /// The parts of the file that are not in the roll.
    pub omissions: Omissions,
}

/// An account of what a piano roll lacks of its file. All but `stop` and `silence` are numbers of notes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Omissions {
    /// The notes of drums.
    pub drums: u64,
    /// The notes outside the range of pitches.
    pub outside: u64,
    /// The notes without note-off, which are in the roll and sound to the end. The original's reading does not count
    /// them.
    pub unclosed: u64,
    /// The step and the numerator of the time signature at which the song stops.
    pub stop: Option<(u64, u8)>,
    /// The notes at or after that time signature.
    pub after_stop: u64,
    /// The steps of silence left out after the last note because they would make the song too long.
    pub silence: u64,
}

impl Omissions {
    /// Returns a phrase for each kind of omission.
    pub fn phrases(&self) -> Vec<String> {
        let notes = |count: u64| {
            if count == 1 { "1 note".into() } else { format!("{count} notes") }
        };
        let mut phrases = Vec::new();
        if let Some((step, numerator)) = self.stop {
            let after = if self.after_stop == 0 {
                String::new()
            } else {
                format!(" ({} after that left out)", notes(self.after_stop))
            };
            phrases.push(format!("stops at step {step}, where the metre is {numerator}{after}"));
        }
        if self.drums > 0 {
            phrases.push(format!("{} left out on the drum channel", notes(self.drums)));
        }
        if self.outside > 0 {
            phrases.push(format!("{} left out outside the range of pitches", notes(self.outside)));
        }
        if self.unclosed > 0 {
            phrases.push(format!("{} without note-off", notes(self.unclosed)));
        }
        if self.silence > 0 {
            phrases.push(format!("{} steps of silence at the end left out", self.silence));
        }
        phrases
    }
}

/// The reason a MIDI file cannot be read into a piano roll.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadingError {
    /// The header states that a quarter note has no ticks.
    #[error("the header states that a quarter note has 0 ticks")]
    NoTicks,
    /// A quarter note has fewer ticks than the four rows of the original's reading.
    #[error("a quarter note has {ticks} ticks; 4 is the minimum, unless corpus.compat = \"none\"")]
    TooCoarse {
        /// The number of ticks in a quarter note.
        ticks: u64,
    },
    /// The song has more steps than a song may have.
    #[error("the song has {steps} steps; {MAX_STEPS} is the maximum")]
    TooLong {
        /// The number of steps in the song.
        steps: u64,
    },
}

/// Reads a MIDI file by the reading that the options name.
pub fn read_midi(file: &MidiFile, options: &CorpusOptions) -> Result<Reading, ReadingError> {
    if file.quarter.ticks == 0 {
        return Err(ReadingError::NoTicks);
    }
    match options.compat {
        Compat::None => careful::read(file, options),
        Compat::Seed => seed::read(file, options),
    }
}

/// Returns a silent roll of `steps` steps, or an error if they are more than [`MAX_STEPS`].
fn silent(options: &CorpusOptions, steps: u64) -> Result<PianoRoll, ReadingError> {
    if steps > MAX_STEPS {
        return Err(ReadingError::TooLong { steps });
    }
    Ok(PianoRoll::silent(options.layout(), steps as usize))
}

impl Omissions {
    /// Returns true if the note of an event is kept, where drums are on their channel alone.
    fn keeps_by_channel(&mut self, kind: EventKind, options: &CorpusOptions) -> bool {
        self.keeps(kind, |channel| channel == DRUM_CHANNEL, options)
    }

    /// Returns true if the note of an event is kept. Counts a note-on that is not. `is_drum` tells drums by channel.
    fn keeps(&mut self, kind: EventKind, is_drum: impl Fn(u8) -> bool, options: &CorpusOptions) -> bool {
        let (channel, pitch, counts) = match kind {
            EventKind::NoteOn { channel, pitch } => (channel, pitch, 1),
            EventKind::NoteOff { channel, pitch } => (channel, pitch, 0),
            _ => return false,
        };
        if is_drum(channel) && !options.drums {
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

/// Returns the numerator of a time signature that the options do not allow, at which the song stops.
fn stops(kind: EventKind, options: &CorpusOptions) -> Option<u8> {
    match kind {
        EventKind::Metre { numerator } if !options.metres.is_empty() && !options.metres.contains(&numerator) => {
            Some(numerator)
        }
        _ => None,
    }
}
