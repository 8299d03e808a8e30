//! The corpus: songs as piano rolls, with a report on each of their files.

mod bars_and_stripes;
mod data_set;
mod duplicates;
mod error;
mod file;
mod folder;
mod load;
mod polyphonic;
mod report;
mod song;
mod split;

pub use bars_and_stripes::MOST_LINES;
pub use duplicates::{Duplicates, Repeats, SplitRepeats, Splits};
pub use error::CorpusError;
pub use load::Progress;
pub use polyphonic::PolyphonicError;
pub use report::{FileReport, FileStatus};
pub use song::{Corpus, Song, Split};
pub use split::{SongSplit, SplitWindows};
