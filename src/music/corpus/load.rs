//! The reading of a corpus from the files that its options name.

use super::bars_and_stripes::{self, MOST_LINES};
use super::data_set;
use super::error::CorpusError;
use super::file;
use super::folder::{self, Found, Listing};
use super::report::{FileReport, FileStatus};
use super::rows::RowFiles;
use super::song::{Corpus, Progress, Song, Split};
use crate::machine::file::read_regular;
use crate::machine::text::Shown as _;
use crate::music::options::{CorpusOptions, Damaged, OptionError};
use crate::music::piano_roll::{Layout, Plane};
use rayon::prelude::*;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

impl Corpus {
    /// Reads the corpus at `options.path`: a folder with all folders below it, one MIDI file, a data set in JSON, or
    /// rows of 0 and 1 that are not music.
    ///
    /// Fails if no song is left, or if a file is broken and `options.damaged` is [`Damaged::Fail`].
    pub fn load(options: &CorpusOptions, progress: Progress<'_>) -> Result<Self, CorpusError> {
        Self::survey(options, progress)?.usable(options)
    }

    /// Reads like [`Self::load`], but accepts broken files and a corpus without songs, so that they can be listed.
    pub fn survey(options: &CorpusOptions, progress: Progress<'_>) -> Result<Self, CorpusError> {
        options.check()?;
        let Some(path) = &options.path else {
            return Err(CorpusError::UnknownSource(options.source.clone()));
        };
        let at_path = |error| CorpusError::Path { path: path.clone(), error };
        let metadata = fs::metadata(path).map_err(at_path)?;
        if let Some(files) = RowFiles::at(path) {
            return files.read(progress);
        }
        if metadata.is_dir() {
            let found = folder::midi_files(path).map_err(at_path)?;
            if found.midi.is_empty() {
                return Err(CorpusError::NoFiles(path.clone()));
            }
            let mut corpus = read_all(options, &found.midi, progress, |file| file::read_found(file, options));
            corpus.files.extend(passed_over(&found));
            return Ok(corpus);
        }
        let name = path.file_name().unwrap_or(path.as_os_str()).shown().into_owned();
        if folder::has_extension(path, &["json"]) {
            let bytes = read_regular(path).map_err(at_path)?;
            let corpus = data_set::read(&bytes, name, options)
                .map_err(|error| CorpusError::Polyphonic { path: path.clone(), error })?;
            progress(1, 1);
            return Ok(corpus);
        }
        if !folder::is_midi(path) {
            return Err(CorpusError::UnknownKind(path.clone()));
        }
        let fault = (!metadata.is_file()).then(|| "not a regular file".into());
        let found = [Found { name, path: path.clone(), fault }];
        Ok(read_all(options, &found, progress, |file| file::read_found(file, options)))
    }

    /// Reads MIDI files from memory as (name, bytes), in the order given. The built-in corpus is read this way.
    pub fn from_midi(
        files: &[(String, Vec<u8>)],
        options: &CorpusOptions,
        progress: Progress<'_>,
    ) -> Result<Self, CorpusError> {
        options.check()?;
        let read = |(name, bytes): &(String, Vec<u8>)| file::read_bytes(name.clone(), bytes, options);
        read_all(options, files, progress, read).usable(options)
    }

    /// Returns all patterns of bars and stripes as training songs, with as many lines as `options` has pitches. The
    /// layout has only the hold plane.
    pub fn bars_and_stripes(options: &CorpusOptions) -> Result<Self, CorpusError> {
        options.check()?;
        let layout = Layout { planes: vec![Plane::Hold], ..options.layout() };
        if layout.pitches() > MOST_LINES {
            let remedy = format!("bars and stripes have at most {MOST_LINES} pitches");
            return Err(OptionError { key: "highest_pitch", value: options.highest_pitch.to_string(), remedy }.into());
        }
        let patterns = bars_and_stripes::patterns(&layout);
        let report = FileReport::used("bars-and-stripes".into(), patterns.iter().map(|(_, roll)| roll));
        let song = |(name, roll)| Song { name, roll, split: Some(Split::Train) };
        Ok(Self::new(layout, patterns.into_iter().map(song).collect(), vec![report]))
    }

    /// Returns the corpus, or an error if it has no songs or has broken files that `options` do not allow.
    fn usable(self, options: &CorpusOptions) -> Result<Self, CorpusError> {
        if options.damaged == Damaged::Fail {
            let is_broken = |report: &&FileReport| matches!(report.status, FileStatus::Damaged | FileStatus::Failed);
            let broken: Vec<FileReport> = self.files.iter().filter(is_broken).cloned().collect();
            if !broken.is_empty() {
                return Err(CorpusError::Damaged(broken));
            }
        }
        if self.songs.is_empty() {
            return Err(CorpusError::NoSongs(self.files));
        }
        Ok(self)
    }
}

/// Returns a line for each kind of files of a folder that are passed over.
fn passed_over(found: &Listing) -> impl Iterator<Item = FileReport> {
    let kinds = [
        ("._*", found.of_macos, "AppleDouble and .DS_Store files of macOS passed over"),
        ("*", found.other_names, "files that begin as MIDI files do have other names, and are not read"),
    ];
    let kinds = kinds.into_iter().filter(|(_, count, _)| *count > 0);
    kinds.map(|(name, count, what)| FileReport::passed_over(name.into(), format!("{count} {what}")))
}

/// Reads files in parallel and keeps their order.
fn read_all<File: Sync>(
    options: &CorpusOptions,
    files: &[File],
    progress: Progress<'_>,
    read: impl Fn(&File) -> (FileReport, Option<Song>) + Sync,
) -> Corpus {
    let done = AtomicUsize::new(0);
    let read: Vec<(FileReport, Option<Song>)> = files
        .par_iter()
        .map(|file| {
            let outcome = read(file);
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, files.len());
            outcome
        })
        .collect();
    let (reports, songs): (Vec<_>, Vec<_>) = read.into_iter().unzip();
    Corpus::new(options.layout(), songs.into_iter().flatten().collect(), reports)
}
