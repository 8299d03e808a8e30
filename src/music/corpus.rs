//! The corpus: songs as piano rolls, and a report on every file they came from.

use super::folder::{self, Found};
use super::midi::MidiFile;
use super::options::{CorpusOptions, Damaged, OptionError};
use super::polyphonic::{self, PolyphonicError};
use super::report::{FileReport, FileStatus};
use super::{Layout, PianoRoll, Plane, reading};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The largest file read as MIDI, in bytes; the largest in circulation have some tens of megabytes.
const MAX_FILE_BYTES: u64 = 1 << 28;

/// What a song of a data set is for, where the data set says so itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// To train on.
    Train,
    /// To choose by.
    Validation,
    /// To judge by.
    Test,
}

/// A song.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Song {
    /// The name of its file relative to the corpus, or split and number in a data set.
    pub name: String,
    /// Its notes.
    pub roll: PianoRoll,
    /// What it is for, if its data set says so.
    pub split: Option<Split>,
}

/// Songs of one layout, and where they came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corpus {
    /// What the columns of every song mean.
    pub layout: Layout,
    /// The songs used, in order of their files' names.
    pub songs: Vec<Song>,
    /// A report on every file, in order of their names.
    pub files: Vec<FileReport>,
    /// BLAKE3, in hex, of the layout and of the split, the steps and the cells of every song, in order. Names are no
    /// part of it.
    pub digest: String,
}

/// Told of progress: files done, of how many. Called from several threads, not always in order.
pub type Progress<'a> = &'a (dyn Fn(usize, usize) + Sync);

/// Why there is no corpus.
#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    /// An option is out of its range.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// The source is none that the program brings along.
    #[error("corpus.source = {0:?} is not known; use \"builtin\", or set corpus.path to a folder of MIDI files")]
    UnknownSource(String),
    /// The path does not exist or cannot be read.
    #[error("corpus.path {}: {error}", path.display())]
    Path {
        /// The path.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The folder has no MIDI file.
    #[error("corpus.path {}: no file below it ends in .mid or .midi", .0.display())]
    NoFiles(PathBuf),
    /// The file is neither MIDI nor JSON.
    #[error("corpus.path {}: expected a folder, a file that ends in .mid or .midi, or a data set in .json", .0.display())]
    UnknownKind(PathBuf),
    /// The data set cannot be read.
    #[error("corpus.path {}: {error}", path.display())]
    Polyphonic {
        /// The path.
        path: PathBuf,
        /// What is wrong, and where.
        error: PolyphonicError,
    },
    /// Files are broken, and `corpus.damaged` is `fail`.
    #[error("corpus.damaged = \"fail\", and {}", Listing(.0))]
    Damaged(Vec<FileReport>),
    /// No song is left.
    #[error("no song to use: {}", Listing(.0))]
    NoSongs(Vec<FileReport>),
}

/// File reports told in one sentence: counts by status, and the first few by name.
struct Listing<'a>(&'a [FileReport]);

/// Files that a listing names.
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

impl Corpus {
    /// Read the corpus at `options.path`: a folder with all below it, one MIDI file, or a data set in JSON.
    ///
    /// An error if no song is left to use, or if `options.damaged` says that broken files are one.
    pub fn load(options: &CorpusOptions, progress: Progress<'_>) -> Result<Self, CorpusError> {
        Self::survey(options, progress)?.usable(options)
    }

    /// As [`Self::load`], but whatever the files are like: to list them.
    pub fn survey(options: &CorpusOptions, progress: Progress<'_>) -> Result<Self, CorpusError> {
        options.check()?;
        let Some(path) = &options.path else {
            return Err(CorpusError::UnknownSource(options.source.clone()));
        };
        let at_path = |error| CorpusError::Path { path: path.clone(), error };
        let metadata = fs::metadata(path).map_err(at_path)?;
        if metadata.is_dir() {
            let found = folder::midi_files(path).map_err(at_path)?;
            if found.is_empty() {
                return Err(CorpusError::NoFiles(path.clone()));
            }
            return Ok(read_all(options, &found, progress, |file| read_file(file, options)));
        }
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        if folder::has_extension(path, &["json"]) {
            let bytes = fs::read(path).map_err(at_path)?;
            let corpus = read_polyphonic(&bytes, name, options)
                .map_err(|error| CorpusError::Polyphonic { path: path.clone(), error })?;
            progress(1, 1);
            return Ok(corpus);
        }
        if !folder::is_midi(path) {
            return Err(CorpusError::UnknownKind(path.clone()));
        }
        let fault = (!metadata.is_file()).then(|| "not a regular file".into());
        let found = [Found { name, path: path.clone(), fault }];
        Ok(read_all(options, &found, progress, |file| read_file(file, options)))
    }

    /// Read MIDI files from memory, each with its name, in the order given; the built-in corpus comes this way.
    pub fn from_midi(
        files: &[(String, Vec<u8>)],
        options: &CorpusOptions,
        progress: Progress<'_>,
    ) -> Result<Self, CorpusError> {
        options.check()?;
        let read = |(name, bytes): &(String, Vec<u8>)| read_bytes(name.clone(), bytes, options);
        read_all(options, files, progress, read).usable(options)
    }

    /// The corpus, unless it is an error to use it.
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

    /// The corpus of some songs.
    fn new(layout: Layout, songs: Vec<Song>, files: Vec<FileReport>) -> Self {
        let digest = digest(&layout, &songs);
        Self { layout, songs, files, digest }
    }
}

/// Read files in parallel; their order is kept.
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

/// Read one file of a folder.
fn read_file(file: &Found, options: &CorpusOptions) -> (FileReport, Option<Song>) {
    let fault = file.fault.clone().map_or_else(|| load_bytes(&file.path), Err);
    match fault {
        Ok(bytes) => read_bytes(file.name.clone(), &bytes, options),
        Err(reason) => (FileReport::failed(file.name.clone(), reason), None),
    }
}

/// The bytes of a file, or why there are none.
fn load_bytes(path: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |error: io::Error| format!("cannot be read: {error}");
    let length = fs::metadata(path).map_err(unreadable)?.len();
    if length > MAX_FILE_BYTES {
        return Err(format!("{length} bytes are too many for a MIDI file"));
    }
    fs::read(path).map_err(unreadable)
}

/// Read the bytes of one MIDI file.
fn read_bytes(name: String, bytes: &[u8], options: &CorpusOptions) -> (FileReport, Option<Song>) {
    let file = match MidiFile::parse(bytes) {
        Ok(file) => file,
        Err(error) => return (FileReport::failed(name, error.to_string()), None),
    };
    let damage = damage_in_words(&file);
    let reading = match reading::read_midi(&file, options) {
        Ok(reading) => reading,
        Err(error) => {
            let reasons: Vec<String> = damage.into_iter().chain([error.to_string()]).collect();
            let mut report = FileReport::failed(name, reasons.join("; "));
            report.note_ons = file.note_ons();
            return (report, None);
        }
    };
    let mut report = FileReport::used(name, [&reading.roll]);
    report.note_ons = file.note_ons();
    let mut reasons = damage;
    if !reasons.is_empty() {
        report.status = FileStatus::Damaged;
        report.kept = options.damaged == Damaged::Use;
    }
    if let Some(reason) = too_little(&reading.roll, options) {
        reasons.push(reason);
        report.kept = false;
        if report.status == FileStatus::Used {
            report.status = FileStatus::Skipped;
        }
    }
    reasons.append(&mut reading.omissions.phrases());
    match file.alien_chunks {
        0 => {}
        1 => reasons.push("1 chunk that is no track passed over".into()),
        more => reasons.push(format!("{more} chunks that are no tracks passed over")),
    }
    report.reason = (!reasons.is_empty()).then(|| reasons.join("; "));
    let song = report.kept.then(|| Song { name: report.file.clone(), roll: reading.roll, split: None });
    (report, song)
}

/// Damage named one by one; more than these are counted.
const SPELLED: usize = 4;

/// What is wrong with a file, a phrase each.
fn damage_in_words(file: &MidiFile) -> Vec<String> {
    let mut words: Vec<String> = file.damage.iter().take(SPELLED).map(ToString::to_string).collect();
    if file.damage.len() > SPELLED {
        words.push(format!("and {} more faults", file.damage.len() - SPELLED));
    }
    words
}

/// Why a sound song is no song to use.
fn too_little(roll: &PianoRoll, options: &CorpusOptions) -> Option<String> {
    let steps = roll.steps();
    let silent = roll.cells.count_ones() == 0;
    let short = (steps as u64) < u64::from(options.min_steps);
    match (silent, short) {
        (_, true) => Some(format!(
            "{}, fewer than corpus.min_steps = {}{}",
            counted(steps, "step"),
            options.min_steps,
            if silent { ", and no note" } else { "" }
        )),
        // The original keeps long silence.
        (true, false) if options.compat == super::Compat::None => Some("no note".into()),
        _ if steps == 0 => Some("no steps".into()),
        _ => None,
    }
}

/// A count with its noun.
fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Read a data set. Its layout has the hold plane alone, whatever the options say: a set of pitches a step does not tell
/// a note held from one struck again.
fn read_polyphonic(bytes: &[u8], name: String, options: &CorpusOptions) -> Result<Corpus, PolyphonicError> {
    let layout = Layout { planes: vec![Plane::Hold], ..options.layout() };
    let mut set = polyphonic::parse(bytes, &layout)?;
    let all = set.songs.len();
    set.songs.retain(|song| song.roll.steps() > 0 && song.roll.steps() as u64 >= u64::from(options.min_steps));
    let mut report = FileReport::used(name, set.songs.iter().map(|song| &song.roll));
    report.note_ons = set.pitches;
    let count = |split| set.songs.iter().filter(|song| song.split == Some(split)).count();
    let mut reasons = vec![format!(
        "{} sequences: {} train, {} valid, {} test",
        set.songs.len(),
        count(Split::Train),
        count(Split::Validation),
        count(Split::Test)
    )];
    if set.songs.len() < all {
        let bound = counted(options.min_steps.max(1) as usize, "step");
        reasons.push(format!("{} of fewer than {bound} left out", all - set.songs.len()));
    }
    if set.outside > 0 {
        reasons.push(format!(
            "{} of {} pitches outside {} to {} left out",
            set.outside,
            set.pitches,
            layout.lowest_pitch,
            layout.highest_pitch - 1
        ));
    }
    if set.songs.is_empty() {
        report.status = FileStatus::Skipped;
        report.kept = false;
    }
    report.reason = Some(reasons.join("; "));
    Ok(Corpus::new(layout, set.songs, vec![report]))
}

/// BLAKE3 of what training sees: layout, and of each song its split, its steps and its cells.
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
