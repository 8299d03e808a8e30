//! The music that models are trained on: MIDI files ↔ piano rolls ↔ windows of bits. It knows nothing of models.

pub mod builtin;
mod corpus;
pub mod midi;
mod options;
mod piano_roll;
mod reading;
mod render;
mod sketch;
mod split;

pub use corpus::{
    Corpus, CorpusError, FileReport, FileStatus, MOST_LINES, PolyphonicError, Progress, RowFiles, Song, Split,
};
pub use options::{Compat, CorpusOptions, Damaged, MAX_STEPS, MAX_STEPS_PER_BEAT, OptionError, Rounding, SplitBy};
pub use piano_roll::{Layout, Note, PianoRoll, Plane, Windows, notes, roll_from_bits, transposed};
pub use reading::{Omissions, Reading, ReadingError, read_midi};
pub use render::{MidiStyle, sound, to_midi};
pub use sketch::{Sketch, Voice};
pub(crate) use split::Passages;
pub use split::{Duplicates, Repeats, Seen, SongSplit, SplitRepeats, SplitWindows, Splits};

#[cfg(test)]
mod tests;
