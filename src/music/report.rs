//! The report on one file of a corpus: what became of it, and why.

use super::{PianoRoll, Plane};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileStatus {
    /// Sound, and part of the corpus.
    Used,
    /// Sound, but left out by an option, for example as too short.
    Skipped,
    /// It breaks the standard: something was lost, or read by a guess. Part of the corpus if [`FileReport::kept`].
    Damaged,
    /// Nothing could be read.
    Failed,
}

/// What became of one file. Serialises to one line of the corpus listing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileReport {
    /// Path relative to that of the corpus, with `/` between folders.
    pub file: String,
    /// What became of it.
    pub status: FileStatus,
    /// Why, and what else there is to say: notes left out, the metre at which the song stops.
    pub reason: Option<String>,
    /// Time steps read.
    pub rows: u64,
    /// Cells on in the hold plane.
    pub hold_ones: u64,
    /// Cells on in the onset plane.
    pub onset_ones: u64,
    /// SHA-256, in hex, of the cells, one byte (0 or 1) each, row after row; none for a failed file.
    pub sha256: Option<String>,
    /// Note-on events found in the file, of whatever pitch and channel.
    #[serde(skip)]
    pub note_ons: u64,
    /// Whether what was read is part of the corpus.
    #[serde(skip)]
    pub kept: bool,
}

impl FileReport {
    /// The report on a file of which nothing could be read.
    pub(super) fn failed(file: String, reason: String) -> Self {
        Self {
            file,
            status: FileStatus::Failed,
            reason: Some(reason),
            rows: 0,
            hold_ones: 0,
            onset_ones: 0,
            sha256: None,
            note_ons: 0,
            kept: false,
        }
    }

    /// The report on a file used as a whole, with what was read of it.
    pub(super) fn used<'a>(file: String, rolls: impl IntoIterator<Item = &'a PianoRoll>) -> Self {
        let mut report =
            Self { status: FileStatus::Used, reason: None, kept: true, ..Self::failed(file, String::new()) };
        let mut hash = Sha256::new();
        for roll in rolls {
            report.rows += roll.steps() as u64;
            report.hold_ones += roll.ones_in(Plane::Hold);
            report.onset_ones += roll.ones_in(Plane::Onset);
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

/// Bytes in lower-case hexadecimal.
fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
