//! The error of reading a corpus.

use super::polyphonic::PolyphonicError;
use super::report::{FileReport, FileStatus, counted};
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
    #[error("corpus.path {}: {error}", path.display())]
    Path {
        /// The path.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The folder has no MIDI file.
    #[error("corpus.path {}: no file below it ends in .mid or .midi", .0.display())]
    NoFiles(PathBuf),
    /// The file is neither MIDI nor JSON.
    #[error(
        "corpus.path {}: expected a folder, a file that ends in .mid or .midi, or a data set in .json", .0.display()
    )]
    UnknownKind(PathBuf),
    /// The data set cannot be read.
    #[error("corpus.path {}: {error}", path.display())]
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
