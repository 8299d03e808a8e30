//! The splits of a corpus, with the duplicates within or across them.

mod duplicates;
mod song_split;

pub use duplicates::{Duplicates, Repeats, SplitRepeats, Splits};
pub use song_split::{SongSplit, SplitWindows};
