//! The music that models are trained on: MIDI files ↔ piano rolls ↔ windows of bits. It knows nothing of RBMs.

mod bars_and_stripes;
pub mod builtin;
mod corpus;
mod duplicates;
mod folder;
mod grid;
pub mod midi;
mod note;
mod options;
mod polyphonic;
mod reading;
mod report;
mod roll;
mod sketch;
pub mod sound;
mod split;
mod transpose;
mod windows;
mod write;

pub use bars_and_stripes::MOST_LINES;
pub use corpus::{Corpus, CorpusError, Progress, RowFiles, Song, Split};
pub use duplicates::{Duplicates, Repeats, SplitRepeats, Splits};
pub use note::{Note, notes};
pub use options::{Compat, CorpusOptions, Damaged, MAX_STEPS, MAX_STEPS_PER_BEAT, OptionError, Rounding};
pub use polyphonic::PolyphonicError;
pub use reading::{Omissions, Reading, ReadingError, read_midi};
pub use report::{FileReport, FileStatus};
pub use roll::{Layout, PianoRoll, Plane};
pub use sketch::{Sketch, Voice};
pub use split::{SongSplit, SplitWindows};
pub use transpose::transposed;
pub use windows::{Windows, roll_from_bits};
pub use write::{MidiStyle, to_midi};

#[cfg(test)]
mod tests;
