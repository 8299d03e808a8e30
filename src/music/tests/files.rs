//! Tests of reading files or folders, readable or not.

use super::{END, options, smf};
use crate::music::{Corpus, CorpusError, CorpusOptions, Damaged, FileStatus};
use std::fs;
use std::path::Path;

/// Returns the MIDI file of a note of eight steps.
fn song(pitch: u8) -> Vec<u8> {
    let track = [&[0, 0x90, pitch, 64, 8, 0x80, pitch, 0][..], &END].concat();
    smf(0, 4, &[&track])
}

fn at(path: &Path) -> CorpusOptions {
    CorpusOptions { path: Some(path.to_path_buf()), ..options() }
}

fn load(options: &CorpusOptions) -> Result<Corpus, CorpusError> {
    Corpus::load(options, &|_, _| {})
}

#[test]
fn a_folder_is_read_to_its_depths_in_order_of_names() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::create_dir_all(root.join("b/deep.mid")).unwrap();
    for (name, pitch) in [("b/deep.mid/x.MID", 60), ("a.midi", 61), ("b.Mid", 62), ("B.MIDI", 63)] {
        fs::write(root.join(name), song(pitch)).unwrap();
    }
    fs::write(root.join("notes.txt"), "no music").unwrap();
    fs::write(root.join("broken.mid"), "no music").unwrap();
    fs::write(root.join("empty.mid"), "").unwrap();
    let corpus = load(&at(root)).unwrap();
    let names: Vec<&str> = corpus.songs.iter().map(|song| song.name.as_str()).collect();
    assert_eq!(names, ["B.MIDI", "a.midi", "b.Mid", "b/deep.mid/x.MID"]);
    let failed: Vec<_> = corpus
        .files
        .iter()
        .filter(|file| file.status == FileStatus::Failed)
        .map(|file| (file.file.as_str(), file.reason.as_deref().unwrap()))
        .collect();
    assert_eq!(
        failed,
        [("broken.mid", "not a MIDI file: it does not begin with MThd"), ("empty.mid", "the file is empty")]
    );

    let strict = CorpusOptions { damaged: Damaged::Fail, ..at(root) };
    let error = load(&strict).unwrap_err().to_string();
    assert!(error.contains("2 failed") && error.contains("broken.mid"), "{error}");
}

#[cfg(unix)]
#[test]
fn links_and_pipes_do_no_harm() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::create_dir_all(root.join("songs/more")).unwrap();
    fs::write(root.join("songs/a.mid"), song(60)).unwrap();
    fs::write(root.join("songs/more/b.mid"), song(61)).unwrap();
    symlink("..", root.join("songs/more/up")).unwrap();
    symlink(root, root.join("again")).unwrap();
    symlink("songs/a.mid", root.join("link.mid")).unwrap();
    symlink("nowhere", root.join("gone.mid")).unwrap();
    symlink("self.mid", root.join("self.mid")).unwrap();
    let other = tempfile::tempdir().unwrap();
    fs::write(other.path().join("c.mid"), song(62)).unwrap();
    symlink(other.path(), root.join("elsewhere")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(root.join("pipe.mid")).unwrap();

    let corpus = load(&at(root)).unwrap();
    let files: Vec<_> = corpus.files.iter().map(|file| (file.file.as_str(), file.status)).collect();
    assert_eq!(
        files,
        [
            ("elsewhere/c.mid", FileStatus::Used),
            ("gone.mid", FileStatus::Failed),
            ("link.mid", FileStatus::Used),
            ("pipe.mid", FileStatus::Failed),
            ("self.mid", FileStatus::Failed),
            ("songs/a.mid", FileStatus::Used),
            ("songs/more/b.mid", FileStatus::Used),
        ]
    );
}

#[test]
fn one_file_is_a_corpus_under_its_own_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.MID");
    fs::write(&path, song(60)).unwrap();
    let corpus = load(&at(&path)).unwrap();
    assert_eq!((corpus.songs.len(), corpus.files[0].file.as_str()), (1, "one.MID"));

    let path = folder.path().join("set.json");
    fs::write(&path, r#"{"train": [[[60], [62]], [[64, 20]], []], "test": [[[], []]]}"#).unwrap();
    let corpus = load(&at(&path)).unwrap();
    assert_eq!(corpus.songs.len(), 3);
    assert_eq!(
        corpus.files[0].reason.as_deref(),
        Some(
            "3 sequences: 2 train, 0 valid, 1 test; 1 of fewer than 1 step left out; 1 of 4 pitches outside 24 to 101 left out"
        )
    );
}

#[test]
fn paths_without_music_are_errors_that_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let error = |path: &Path| load(&at(path)).unwrap_err();
    assert!(matches!(error(&root.join("none")), CorpusError::Path { .. }));
    assert!(matches!(error(root), CorpusError::NoFiles(_)));
    fs::write(root.join("a.txt"), "").unwrap();
    assert!(matches!(error(&root.join("a.txt")), CorpusError::UnknownKind(_)));
    fs::write(root.join("set.json"), "[]").unwrap();
    assert!(matches!(error(&root.join("set.json")), CorpusError::Polyphonic { .. }));

    for (name, pitch) in [("a.mid", 10), ("b.mid", 11)] {
        fs::write(root.join(name), song(pitch)).unwrap();
    }
    fs::write(root.join("c.mid"), "x").unwrap();
    let error = error(root);
    assert_eq!(
        error.to_string(),
        "no song to use: of 3 files, 2 skipped, 1 failed\n  \
         a.mid: no note; 1 note left out outside the range of pitches\n  \
         b.mid: no note; 1 note left out outside the range of pitches\n  \
         c.mid: not a MIDI file: it does not begin with MThd"
    );
}

#[test]
fn a_report_is_a_line_of_json() {
    let files = [("a.mid".to_owned(), song(60)), ("b.mid".to_owned(), vec![1])];
    let corpus = Corpus::from_midi(&files, &options(), &|_, _| {}).unwrap();
    let lines: Vec<String> = corpus.files.iter().map(|file| serde_json::to_string(file).unwrap()).collect();
    let hash = corpus.files[0].sha256.as_deref().unwrap();
    assert_eq!(
        lines,
        [
            format!(
                r#"{{"file":"a.mid","status":"used","reason":null,"rows":8,"hold_ones":8,"onset_ones":1,"sha256":"{hash}"}}"#
            ),
            r#"{"file":"b.mid","status":"failed","reason":"not a MIDI file: it does not begin with MThd","rows":0,"hold_ones":0,"onset_ones":0,"sha256":null}"#.into(),
        ]
    );
}

#[test]
fn threads_make_no_difference() {
    let files: Vec<_> = (0..100).map(|index| (format!("{index}.mid"), song(30 + index % 64))).collect();
    let corpora = [1, 2, 7].map(|threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| Corpus::from_midi(&files, &options(), &|_, _| {}).unwrap())
    });
    assert_eq!(corpora[0], corpora[1]);
    assert_eq!(corpora[0], corpora[2]);
}

/// The digest depends only on what training sees.
#[test]
fn the_digest_is_of_cells_not_of_names() {
    let digest = |files: &[(&str, u8)], options: &CorpusOptions| {
        let files: Vec<_> = files.iter().map(|&(name, pitch)| (name.to_owned(), song(pitch))).collect();
        Corpus::from_midi(&files, options, &|_, _| {}).unwrap().digest
    };
    let one = digest(&[("a.mid", 60), ("b.mid", 61)], &options());
    assert_eq!(one, digest(&[("c.mid", 60), ("d.mid", 61)], &options()));
    assert_ne!(one, digest(&[("a.mid", 61), ("b.mid", 60)], &options()));
    assert_ne!(one, digest(&[("a.mid", 60)], &options()));
    let higher = CorpusOptions { highest_pitch: 103, ..options() };
    assert_ne!(one, digest(&[("a.mid", 60), ("b.mid", 61)], &higher));
}

/// Files that macOS puts beside others are one line, and never broken; MIDI files have several names.
#[test]
fn what_other_systems_leave_is_counted_and_music_has_several_names() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for name in ["a.mid", "b.MIDI", "c.kar", "d.smf"] {
        fs::write(root.join(name), song(60)).unwrap();
    }
    let riff = [b"RIFF\0\0\0\0RMIDdata", &(song(61).len() as u32).to_le_bytes()[..], &song(61)].concat();
    fs::write(root.join("e.rmi"), riff).unwrap();
    fs::create_dir_all(root.join("__MACOSX/deep")).unwrap();
    let apple_double = [0, 5, 0x16, 7, 0, 2, 0, 0, 1];
    for name in ["._a.mid", "__MACOSX/deep/b.mid", ".DS_Store"] {
        fs::write(root.join(name), apple_double).unwrap();
    }
    // Music that bears such a name is music, and other files say nothing.
    fs::write(root.join("._real.mid"), song(62)).unwrap();
    fs::write(root.join("old.mid.bak"), song(63)).unwrap();
    fs::write(root.join("readme.txt"), "MThis").unwrap();
    let corpus = load(&CorpusOptions { damaged: Damaged::Fail, ..at(root) }).unwrap();
    let names: Vec<_> = corpus.songs.iter().map(|song| song.name.as_str()).collect();
    assert_eq!(names, ["._real.mid", "a.mid", "b.MIDI", "c.kar", "d.smf", "e.rmi"]);
    let others: Vec<_> = corpus.files[6..].iter().map(|file| (file.status, file.reason.as_deref().unwrap())).collect();
    assert_eq!(
        others,
        [
            (FileStatus::Skipped, "3 AppleDouble and .DS_Store files of macOS passed over"),
            (FileStatus::Skipped, "1 files that begin as MIDI files do have other names, and are not read"),
        ]
    );
}

/// An accent is stored with its letter or apart, by system; the order of songs, and so the digest, is the same.
#[test]
fn copies_of_a_folder_have_one_order() {
    let digest = |accented: &str, folder: &str| {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join(folder)).unwrap();
        for (name, pitch) in [("a.mid", 60), (accented, 61), ("f.mid", 62), ("z.mid", 63)] {
            fs::write(root.path().join(name), song(pitch)).unwrap();
            fs::write(root.path().join(folder).join(name), song(pitch + 10)).unwrap();
        }
        load(&at(root.path())).unwrap().digest
    };
    assert_eq!(digest("\u{e9}.mid", "\u{fc}ber"), digest("e\u{301}.mid", "u\u{308}ber"));
}
