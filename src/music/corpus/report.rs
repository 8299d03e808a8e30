//! The report on one file of a corpus.

use crate::music::piano_roll::{PianoRoll, Plane};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// The outcome of reading a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileStatus {
    /// Sound, and part of the corpus.
    Used,
    /// Sound, but left out because of an option, for example as too short.
    Skipped,
    /// In breach of the standard: something was lost or had to be guessed. Part of the corpus if [`FileReport::kept`].
    Damaged,
    /// Unreadable.
    Failed,
}

/// The report on one file. It serialises to one line of the corpus listing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "Line")]
pub struct FileReport {
    /// The path relative to that of the corpus, with `/` between folders.
    pub file: String,
    /// The outcome.
    pub status: FileStatus,
    /// The reasons for the outcome and other remarks: notes left out, the metre at which the song stops.
    pub reason: Option<String>,
    /// The number of time steps read.
    pub rows: u64,
    /// The number of cells that are on in the hold plane.
    pub hold_ones: u64,
    /// The number of cells that are on in the onset plane.
    pub onset_ones: u64,
    /// The number of ones in rows that are not music, which have no planes; `None` for music.
    pub ones: Option<u64>,
    /// The SHA-256 digest, in hex, of the cells, one byte (0 or 1) each, row after row; `None` for a failed file.
    pub sha256: Option<String>,
    /// The number of note-on events in the file, at any pitch and on any channel.
    pub note_ons: u64,
    /// True if the file's music is part of the corpus.
    pub kept: bool,
}

/// The line of a report in the corpus listing: the ones of each plane, or of the rows.
#[derive(Serialize)]
struct Line {
    file: String,
    status: FileStatus,
    reason: Option<String>,
    rows: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    hold_ones: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    onset_ones: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ones: Option<u64>,
    sha256: Option<String>,
}

impl From<FileReport> for Line {
    fn from(report: FileReport) -> Self {
        let FileReport { file, status, reason, rows, hold_ones, onset_ones, ones, sha256, .. } = report;
        let in_plane = |count| Some(count).filter(|_| ones.is_none());
        let (hold_ones, onset_ones) = (in_plane(hold_ones), in_plane(onset_ones));
        Self { file, status, reason, rows, hold_ones, onset_ones, ones, sha256 }
    }
}

impl FileReport {
    /// Returns the report on files that are no part of a corpus by their kind.
    pub(super) fn passed_over(file: String, reason: String) -> Self {
        Self { status: FileStatus::Skipped, ..Self::failed(file, reason) }
    }

    /// Returns the report on an unreadable file.
    pub(super) fn failed(file: String, reason: String) -> Self {
        Self {
            file,
            status: FileStatus::Failed,
            reason: Some(reason),
            rows: 0,
            hold_ones: 0,
            onset_ones: 0,
            ones: None,
            sha256: None,
            note_ons: 0,
            kept: false,
        }
    }

    /// Returns the report on a file that is used, with all rolls read from it.
    pub(super) fn used<'a>(file: String, rolls: impl IntoIterator<Item = &'a PianoRoll>) -> Self {
        let mut report =
            Self { status: FileStatus::Used, reason: None, kept: true, ..Self::failed(file, String::new()) };
        let mut hash = Sha256::new();
        for roll in rolls {
            report.rows += roll.steps() as u64;
            report.hold_ones += roll.ones_in(Plane::Hold);
            report.onset_ones += roll.ones_in(Plane::Onset);
            if !roll.layout.is_music() {
                *report.ones.get_or_insert_default() += roll.cells.count_ones();
            }
            let mut bytes = vec![0; roll.layout.columns()];
            for step in 0..roll.steps() {
                bytes.fill(0);
                for column in roll.cells.ones(step) {
                    bytes[column] = 1;
                }
                hash.update(&bytes);
            }
        }
        report.sha256 = Some(hex(&hash.finalize()));
        report
    }
}

/// Writes bytes in lower-case hexadecimal.
fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Returns a count with its noun, in the plural unless the count is 1.
pub(super) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
