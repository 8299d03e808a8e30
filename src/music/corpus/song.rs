//! The songs of a corpus, as piano rolls of one layout.

use super::report::FileReport;
use crate::music::piano_roll::{Layout, PianoRoll, Plane};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// The part of a data set that a song belongs to, where the data set itself is split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// Songs to train on.
    Train,
    /// Songs to choose between models by.
    Validation,
    /// Songs to judge the chosen model by.
    Test,
}

/// A song of a corpus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Song {
    /// The path of its file relative to the corpus, or split and number in a data set (`train/1`). A row that is not
    /// music is a song of one step.
    pub name: String,
    /// The notes.
    pub roll: PianoRoll,
    /// The split, if the data set states one.
    pub split: Option<Split>,
}

/// Songs of one layout, with reports on their files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corpus {
    /// The meaning of every song's columns.
    pub layout: Layout,
    /// The songs used, in order of their files.
    pub songs: Vec<Song>,
    /// A report on every file; those of a folder are ordered by name.
    pub files: Vec<FileReport>,
    /// The BLAKE3 digest, in hex, of the layout and of each song's split, steps and cells, in order. Names do not enter
    /// it.
    pub digest: String,
}

/// A callback for progress: (files done, files in all). Called from several threads, not always in order.
pub type Progress<'a> = &'a (dyn Fn(usize, usize) + Sync);

impl Corpus {
    /// Returns the corpus of the songs, with its digest.
    pub(super) fn new(layout: Layout, songs: Vec<Song>, files: Vec<FileReport>) -> Self {
        let digest = digest(&layout, &songs);
        Self { layout, songs, files, digest }
    }
}

impl Corpus {
    /// Returns the number of the folder of each song: the first folder of its name, in the order in which they occur. A
    /// song in no folder is alone.
    pub fn folders(&self) -> Vec<usize> {
        let mut known = HashMap::new();
        let number = |song: &Song| {
            let folder = song.name.split_once('/').map_or(song.name.as_str(), |(folder, _)| folder);
            let next = known.len();
            *known.entry((song.name.contains('/'), folder.to_owned())).or_insert(next)
        };
        self.songs.iter().map(number).collect()
    }

    /// Adds the folders of the songs to the digest, since a split by folders depends on them.
    #[must_use]
    pub(crate) fn digested_with_folders(mut self) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"chordbench folders 1");
        hasher.update(self.digest.as_bytes());
        self.folders().iter().for_each(|&folder| {
            hasher.update(&(folder as u64).to_le_bytes());
        });
        self.digest = hasher.finalize().to_hex().to_string();
        self
    }
}

/// Returns the BLAKE3 digest of all that training sees: the layout, then each song's split, steps and cells.
fn digest(layout: &Layout, songs: &[Song]) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"chordbench corpus 1");
    hasher.update(&[layout.lowest_pitch, layout.highest_pitch, layout.planes.len() as u8]);
    for plane in &layout.planes {
        hasher.update(&[match plane {
            Plane::Hold => 0,
            Plane::Onset => 1,
        }]);
    }
    // Without planes, so that no layout of music hashes alike.
    if let Some(units) = layout.units {
        hasher.update(&(units as u64).to_le_bytes());
    }
    for song in songs {
        hasher.update(&[match song.split {
            None => 0,
            Some(Split::Train) => 1,
            Some(Split::Validation) => 2,
            Some(Split::Test) => 3,
        }]);
        hasher.update(&(song.roll.steps() as u64).to_le_bytes());
        let cells: Vec<u8> = song.roll.cells.words().iter().flat_map(|word| word.to_le_bytes()).collect();
        hasher.update(&cells);
    }
    hasher.finalize().to_hex().to_string()
}
