//! The corpus: songs as piano rolls, with a report on each of their files.

mod bars_and_stripes;
mod data_set;
mod error;
mod file;
mod folder;
mod load;
mod polyphonic;
mod report;
mod rows;
mod song;

pub use bars_and_stripes::MOST_LINES;
pub use error::CorpusError;
pub use polyphonic::PolyphonicError;
pub use report::{FileReport, FileStatus};
pub use rows::RowFiles;
pub use song::{Corpus, Progress, Song, Split};
