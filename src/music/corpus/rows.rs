//! Rows of bits that are not music, read as a corpus: each row is a song of one step, with one report for each file.

use super::error::CorpusError;
use super::folder;
use super::report::{FileReport, counted};
use super::song::{Corpus, Progress, Song, Split};
use crate::data::Format;
use crate::engine::BitMatrix;
use crate::machine::file::read_regular;
use crate::machine::text::Shown as _;
use crate::music::piano_roll::{Layout, PianoRoll};
use std::path::{Path, PathBuf};

/// The files of a folder without their extensions, with the split that each holds.
const SPLITS: [(&str, Split); 3] = [("train", Split::Train), ("valid", Split::Validation), ("test", Split::Test)];

/// A file of rows.
#[derive(Clone, Debug, PartialEq, Eq)]
struct RowFile {
    path: PathBuf,
    format: Format,
    /// The split that its name states, with that name.
    split: Option<(&'static str, Split)>,
}

/// The files of a corpus of rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowFiles {
    path: PathBuf,
    /// The files in the order of their splits.
    files: Vec<RowFile>,
}

impl RowFiles {
    /// Returns the files of rows at a path: a file in .npy or .csv, or a folder with such files that are named train,
    /// valid or test. `None` for anything else: a folder without a file named train, or with a MIDI file below it, is
    /// not one of rows.
    pub fn at(path: &Path) -> Option<Self> {
        let files: Vec<RowFile> = if path.is_dir() {
            let named = SPLITS.iter().flat_map(|&split| {
                Format::ALL.map(|(extension, format)| {
                    let path = path.join(format!("{}.{extension}", split.0));
                    RowFile { path, format, split: Some(split) }
                })
            });
            let files: Vec<RowFile> = named.filter(|file| file.path.is_file()).collect();
            let has_training = files.iter().any(|file| file.split.is_some_and(|(_, split)| split == Split::Train));
            // Music may have lists of its files beside it that bear such names.
            let is_music = || folder::midi_files(path).is_ok_and(|found| !found.midi.is_empty());
            if has_training && !is_music() { files } else { Vec::new() }
        } else {
            let lone = Format::of(path).map(|format| RowFile { path: path.to_path_buf(), format, split: None });
            lone.into_iter().collect()
        };
        (!files.is_empty()).then(|| Self { path: path.to_path_buf(), files })
    }

    /// Returns true if the files state the split of their rows.
    pub fn are_split(&self) -> bool {
        self.files.iter().any(|file| file.split.is_some())
    }

    /// Reads the rows of all files.
    pub(super) fn read(&self, progress: Progress<'_>) -> Result<Corpus, CorpusError> {
        let twice = |pair: &&[RowFile]| pair[0].split == pair[1].split;
        if let Some([first, second]) = self.files.windows(2).find(twice) {
            let [first, second] = [first, second].map(|file| name_of(&file.path));
            return Err(CorpusError::RowsTwice { folder: self.path.clone(), first, second });
        }
        let mut tables: Vec<BitMatrix> = Vec::new();
        for file in &self.files {
            let table = read_table(file)?;
            if let Some(first) = tables.first().filter(|first| first.columns() != table.columns()) {
                return Err(CorpusError::RowsWidth {
                    path: file.path.clone(),
                    found: table.columns(),
                    first: name_of(&self.files[0].path),
                    expected: first.columns(),
                });
            }
            tables.push(table);
            progress(tables.len(), self.files.len());
        }
        let layout = Layout::of_units(tables[0].columns());
        let mut songs = Vec::with_capacity(tables.iter().map(BitMatrix::rows).sum());
        let mut reports = Vec::new();
        for (RowFile { path, split, .. }, table) in self.files.iter().zip(tables) {
            let start = songs.len();
            songs.extend((0..table.rows()).map(|row| {
                let number = row + 1;
                let name = split.map_or_else(|| number.to_string(), |(name, _)| format!("{name}/{number}"));
                let cells = BitMatrix::from_words(1, table.columns(), table.row(row).to_vec());
                let cells = cells.expect("a row has the words of its columns, and zeros after them");
                Song { name, roll: PianoRoll { layout: layout.clone(), cells }, split: split.map(|(_, split)| split) }
            }));
            let mut report = FileReport::used(name_of(path), songs[start..].iter().map(|song| &song.roll));
            let rows = counted(table.rows(), "row");
            report.reason = Some(format!("{rows} of {}", counted(table.columns(), "unit")));
            reports.push(report);
        }
        Ok(Corpus::new(layout, songs, reports))
    }
}

/// Reads the table of one file.
fn read_table(file: &RowFile) -> Result<BitMatrix, CorpusError> {
    let path = &file.path;
    let at_path = |error| CorpusError::Path { path: path.clone(), error };
    let bytes = read_regular(path).map_err(at_path)?;
    file.format.read(&bytes).map_err(|error| CorpusError::Rows { path: path.clone(), error })
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).shown().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::to_npy;
    use crate::music::{CorpusOptions, FileStatus, SongSplit};
    use crate::testing::random_bits;
    use std::fs;

    fn load(path: &Path) -> Result<Corpus, CorpusError> {
        let options = CorpusOptions { path: Some(path.to_path_buf()), ..CorpusOptions::default() };
        Corpus::load(&options, &|_, _| ())
    }

    fn to_csv(table: &BitMatrix) -> String {
        let value = |row, unit| if table.get(row, unit) { "1" } else { "0" };
        let line = |row| (0..table.columns()).map(|unit| value(row, unit)).collect::<Vec<_>>().join(",") + "\n";
        (0..table.rows()).map(line).collect()
    }

    #[test]
    fn rows_are_songs_of_one_step_in_either_format() {
        let folder = tempfile::tempdir().unwrap();
        let table = random_bits(1, 20, 70, 0.3);
        let [npy, csv] = ["rows.npy", "rows.CSV"].map(|name| folder.path().join(name));
        fs::write(&npy, to_npy(&table)).unwrap();
        fs::write(&csv, to_csv(&table)).unwrap();
        let corpus = load(&npy).unwrap();
        assert_eq!(corpus.layout, Layout::of_units(70));
        assert_eq!(corpus.songs.len(), 20);
        for (row, song) in corpus.songs.iter().enumerate() {
            assert_eq!((song.roll.steps(), song.split, song.name.clone()), (1, None, (row + 1).to_string()));
            assert_eq!(song.roll.cells.row(0), table.row(row));
        }
        let report = &corpus.files[0];
        assert_eq!((report.status, report.rows, report.ones), (FileStatus::Used, 20, Some(table.count_ones())));
        assert_eq!(report.reason.as_deref(), Some("20 rows of 70 units"));
        let other = load(&csv).unwrap();
        assert_eq!((&other.songs, &other.digest), (&corpus.songs, &corpus.digest));
        assert_eq!(other.files[0].sha256, report.sha256);
        // The shape is part of the digest, even where the words are the same.
        fs::write(&npy, to_npy(&BitMatrix::from_fn(20, 71, |row, unit| unit < 70 && table.get(row, unit)))).unwrap();
        assert_ne!(load(&npy).unwrap().digest, corpus.digest);
    }

    #[test]
    fn the_files_of_a_folder_are_its_splits() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, rows: usize, units: usize| {
            let table = random_bits(2, rows, units, 0.3);
            let bytes = if name.ends_with("csv") { to_csv(&table).into_bytes() } else { to_npy(&table) };
            fs::write(folder.path().join(name), bytes).unwrap();
        };
        let fault = || load(folder.path()).unwrap_err().to_string();
        assert!(fault().ends_with(
            "no file below it ends in .mid, .midi, .kar, .rmi or .smf, and it has no train.npy or train.csv"
        ));
        put("valid.csv", 3, 9);
        assert!(fault().ends_with(
            "no file below it ends in .mid, .midi, .kar, .rmi or .smf, and it has no train.npy or train.csv"
        ));
        put("train.npy", 5, 9);
        put("test.npy", 2, 9);
        let corpus = load(folder.path()).unwrap();
        let split = SongSplit::of(&corpus, &CorpusOptions { validation: 0.5, ..CorpusOptions::default() }, 1);
        assert_eq!((split.training.len(), split.validation.len(), split.test.len()), (5, 3, 2));
        let names: Vec<&str> = corpus.files.iter().map(|file| file.file.as_str()).collect();
        assert_eq!(names, ["train.npy", "valid.csv", "test.npy"]);
        put("test.npy", 2, 8);
        assert!(fault().contains("test.npy: its rows have 8 units, those of train.npy 9; all files"));
        put("test.csv", 2, 9);
        assert!(fault().ends_with("test.npy and test.csv are both there; keep one of them"));
        fs::remove_file(folder.path().join("test.npy")).unwrap();
        fs::write(folder.path().join("valid.csv"), "0,1\n1,2\n").unwrap();
        assert!(fault().ends_with("valid.csv: line 2, column 2: expected 0 or 1, found \"2\""), "{}", fault());
    }

    #[test]
    fn music_is_not_taken_for_rows() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["a.mid", "a.json", "missing/train.npy/..", "."] {
            assert_eq!(RowFiles::at(&folder.path().join(path)), None, "{path}");
        }
        // A folder of music may have a list of its files beside them.
        fs::write(folder.path().join("train.csv"), "1,0\n").unwrap();
        assert!(RowFiles::at(folder.path()).is_some());
        fs::create_dir(folder.path().join("songs")).unwrap();
        fs::write(folder.path().join("songs/a.mid"), "").unwrap();
        assert_eq!(RowFiles::at(folder.path()), None);
        let missing = load(&folder.path().join("missing.npy")).unwrap_err();
        assert!(matches!(missing, CorpusError::Path { .. }), "{missing}");
    }
}
