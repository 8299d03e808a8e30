//! The error of reading a corpus.

use super::polyphonic::PolyphonicError;
use super::report::{FileReport, FileStatus, counted};
use crate::data::DataError;
use crate::machine::text::Shown as _;
use crate::music::options::OptionError;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// The reason a corpus cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    /// An option is out of its range.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// The source is not one that is built into the program.
    #[error(
        "corpus.source = {0:?} is not known; use \"builtin\" or \"bars-and-stripes\", or set corpus.path to a folder of \
         MIDI files"
    )]
    UnknownSource(String),
    /// The path does not exist or cannot be read.
    #[error("corpus.path {}: {error}", path.shown())]
    Path {
        /// The path.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The folder has neither a MIDI file nor files of rows.
    #[error("corpus.path {}: no file below it ends in .mid, .midi, .kar, .rmi or .smf, and it has no train.npy or train.csv", .0.shown())]
    NoFiles(PathBuf),
    /// The file is of no kind that is read.
    #[error(
        "corpus.path {}: expected a folder, a MIDI file (.mid, .midi, .kar, .rmi, .smf), a data set in .json, or rows of 0 and 1 in \
         .npy or .csv", .0.shown()
    )]
    UnknownKind(PathBuf),
    /// A file of rows cannot be read.
    #[error("corpus.path {}: {error}", path.shown())]
    Rows {
        /// The path.
        path: PathBuf,
        /// The error, with its place.
        error: DataError,
    },
    /// A folder has two files of rows for one split.
    #[error("corpus.path {}: {first} and {second} are both there; keep one of them", folder.shown())]
    RowsTwice {
        /// The folder.
        folder: PathBuf,
        /// The name of the one.
        first: String,
        /// The name of the other.
        second: String,
    },
    /// Two files of rows in a folder have rows of different width.
    #[error(
        "corpus.path {}: its rows have {found} units, those of {first} {expected}; all files of a folder need rows of \
         the same width", path.shown()
    )]
    RowsWidth {
        /// The path of the file.
        path: PathBuf,
        /// The units of its rows.
        found: usize,
        /// The name of the file before.
        first: String,
        /// The units of that file's rows.
        expected: usize,
    },
    /// The data set cannot be read.
    #[error("corpus.path {}: {error}", path.shown())]
    Polyphonic {
        /// The path.
        path: PathBuf,
        /// The error, with its place.
        error: PolyphonicError,
    },
    /// Files are broken, and `corpus.damaged` is `fail`.
    #[error("corpus.damaged = \"fail\", and {}", Listing(.0))]
    Damaged(Vec<FileReport>),
    /// Every song was left out.
    #[error("no song to use: {}", Listing(.0))]
    NoSongs(Vec<FileReport>),
}

/// A summary of file reports: counts by status, then the first [`NAMED`] files with their reasons.
struct Listing<'a>(&'a [FileReport]);

/// The number of files that a listing names.
const NAMED: usize = 5;

impl fmt::Display for Listing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |status| self.0.iter().filter(|report| report.status == status).count();
        let counts: Vec<String> = [
            (FileStatus::Used, "used"),
            (FileStatus::Skipped, "skipped"),
            (FileStatus::Damaged, "damaged"),
            (FileStatus::Failed, "failed"),
        ]
        .into_iter()
        .filter(|&(status, _)| count(status) > 0)
        .map(|(status, word)| format!("{} {word}", count(status)))
        .collect();
        if self.0.is_empty() {
            return f.write_str("there are no files");
        }
        write!(f, "of {}, {}", counted(self.0.len(), "file"), counts.join(", "))?;
        for report in self.0.iter().take(NAMED) {
            write!(f, "\n  {}: {}", report.file, report.reason.as_deref().unwrap_or("used"))?;
        }
        match self.0.len().saturating_sub(NAMED) {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}
