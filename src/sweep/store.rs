//! Files that are either whole or absent: written beside their place, synced, then renamed into it.

use crate::machine::file::{check_kind, open_for_writing, read_regular};
use crate::machine::text::Shown as _;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The error of a file or folder that could not be written or read.
#[derive(Debug, thiserror::Error)]
#[error("{action} {}: {source}", path.shown())]
pub struct StoreError {
    /// The action that failed: "cannot write", "cannot create", …
    pub action: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// The error of the system.
    pub source: io::Error,
}

impl StoreError {
    /// Returns a closure for `map_err` that adds the action and the path to an error of the system.
    pub(crate) fn at(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self { action, path, source }
    }
}

/// Creates a folder and those above it.
pub(crate) fn create_folder(path: &Path) -> Result<(), StoreError> {
    fs::create_dir_all(path).map_err(StoreError::at("cannot create the folder", path))
}

/// Writes `bytes` to `path` so that a reader finds the old file or the whole new one, even after a crash. Only a
/// regular file is replaced.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let error = |source| StoreError { action: "cannot write", path: path.to_path_buf(), source };
    check_replaceable(path).map_err(error)?;
    let folder = folder_of(path);
    let mut file = temporary_file(folder).map_err(error)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(error)?;
    file.persist(path).map_err(|failure| error(failure.error))?;
    sync_folder(folder);
    Ok(())
}

/// Writes `bytes` to `path` as [`write_whole`] does, unless something is there already; returns false then.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<bool, StoreError> {
    let error = |source| StoreError { action: "cannot write", path: path.to_path_buf(), source };
    let folder = folder_of(path);
    let mut file = temporary_file(folder).map_err(error)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(error)?;
    match file.persist_noclobber(path) {
        Ok(_) => {
            sync_folder(folder);
            Ok(true)
        }
        Err(failure) if failure.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(failure) => Err(error(failure.error)),
    }
}

/// Syncs a folder, so that renames in it survive a crash. Some file systems cannot sync a folder, which is not an
/// error.
pub(crate) fn sync_folder(path: &Path) {
    if let Ok(folder) = File::open(path) {
        let _ = folder.sync_all();
    }
}

/// Writes as [`write_whole`] does, unless `path` holds these bytes already.
pub(crate) fn keep_whole(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    if read_regular(path).is_ok_and(|found| found == bytes) { Ok(()) } else { write_whole(path, bytes) }
}

/// Writes `bytes` to `path` so that a reader finds the old file or the whole new one, but leaves it to the system when
/// they reach the disk. For files that [`sync_folders`] syncs later, or that a loss of power may lose.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let error = |source| StoreError { action: "cannot write", path: path.to_path_buf(), source };
    check_replaceable(path).map_err(error)?;
    let mut file = temporary_file(folder_of(path)).map_err(error)?;
    file.write_all(bytes).map_err(error)?;
    file.persist(path).map_err(|failure| error(failure.error))?;
    Ok(())
}

/// Returns an error if something else than a regular file is at the path. A device or a pipe would be lost, and a link
/// in a folder that came from elsewhere may lead anywhere.
fn check_replaceable(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        found => check_kind(found?.file_type()),
    }
}

/// Returns the path that the links at a path lead to, for a file that the user has named.
pub(crate) fn end_of_links(path: &Path) -> Result<PathBuf, StoreError> {
    if fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink()) {
        let kind = fs::metadata(path).and_then(|found| check_kind(found.file_type()));
        return kind.and_then(|()| fs::canonicalize(path)).map_err(StoreError::at("cannot write", path));
    }
    Ok(path.to_path_buf())
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Returns a file to be renamed. It has the permissions of new files in general, since temporary files are private by
/// default.
fn temporary_file(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.prefix(UNFINISHED).tempfile_in(folder)
}

/// Waits until everything in some folders and the folders below them has reached the disk.
pub(crate) fn sync_folders(folders: &[&Path]) -> Result<(), StoreError> {
    /// The number of folders from which syncing the whole file system is quicker than syncing file by file.
    #[cfg(target_os = "linux")]
    const MANY: usize = 3;
    #[cfg(target_os = "linux")]
    if let [first, ..] = folders
        && folders.len() >= MANY
    {
        use rustix::io::Errno;
        let folder = File::open(first).map_err(StoreError::at("cannot open", first))?;
        match rustix::fs::syncfs(folder) {
            Ok(()) => return Ok(()),
            // A file system that cannot sync as a whole may still sync file by file.
            Err(Errno::NOSYS | Errno::OPNOTSUPP | Errno::INVAL) => {}
            // The system reports an error of writing once: the sync of single files would not report it again.
            Err(error) => return Err(StoreError::at("cannot sync", first)(error.into())),
        }
    }
    folders.iter().try_for_each(|folder| sync_tree(folder))
}

fn sync_tree(folder: &Path) -> Result<(), StoreError> {
    let error = |source| StoreError { action: "cannot sync", path: folder.to_path_buf(), source };
    for entry in fs::read_dir(folder).map_err(error)? {
        let entry = entry.map_err(error)?;
        let kind = entry.file_type().map_err(error)?;
        if kind.is_dir() {
            sync_tree(&entry.path())?;
        } else if kind.is_file() {
            match File::open(entry.path()) {
                Ok(file) => file.sync_all().map_err(error)?,
                // A temporary file of another process.
                Err(missing) if missing.kind() == io::ErrorKind::NotFound => {}
                Err(other) => return Err(error(other)),
            }
        }
    }
    sync_folder(folder);
    Ok(())
}

/// A file of lines, each written at once, so that a killed run leaves the lines that it had.
#[derive(Debug)]
pub(crate) struct LineFile {
    file: File,
    path: PathBuf,
    bytes: u64,
    hasher: blake3::Hasher,
}

impl LineFile {
    /// Creates an empty file in place of any file at the path.
    pub(crate) fn create(path: &Path) -> Result<Self, StoreError> {
        let file = open_for_writing(path, File::options().write(true).create(true).truncate(true))
            .map_err(StoreError::at("cannot create", path))?;
        Ok(Self { file, path: path.to_path_buf(), bytes: 0, hasher: blake3::Hasher::new() })
    }

    /// Opens a file to add lines to; creates it if it does not exist.
    pub(crate) fn append(path: &Path) -> Result<Self, StoreError> {
        let file = open_for_writing(path, File::options().append(true).create(true));
        let file = file.map_err(StoreError::at("cannot open", path))?;
        Ok(Self { file, path: path.to_path_buf(), bytes: 0, hasher: blake3::Hasher::new() })
    }

    /// Opens a file at its first `bytes` bytes, which must have the BLAKE3 hash `expected`, and cuts off the rest.
    /// Returns their text too; `None` if the file is shorter or the hash differs.
    pub(crate) fn reopen(path: &Path, bytes: u64, expected: &str) -> Result<Option<(Self, String)>, StoreError> {
        let Ok(mut text) = read_regular(path) else { return Ok(None) };
        if (text.len() as u64) < bytes {
            return Ok(None);
        }
        text.truncate(bytes as usize);
        let mut hasher = blake3::Hasher::new();
        hasher.update(&text);
        let Some(text) = String::from_utf8(text).ok().filter(|_| hasher.finalize().to_hex().as_str() == expected)
        else {
            return Ok(None);
        };
        let file = open_for_writing(path, File::options().append(true)).map_err(StoreError::at("cannot open", path))?;
        file.set_len(bytes).map_err(StoreError::at("cannot cut", path))?;
        Ok(Some((Self { file, path: path.to_path_buf(), bytes, hasher }, text)))
    }

    /// Appends one line.
    pub(crate) fn push(&mut self, line: &str) -> Result<(), StoreError> {
        let line = format!("{line}\n");
        self.file.write_all(line.as_bytes()).map_err(StoreError::at("cannot write", &self.path))?;
        self.bytes += line.len() as u64;
        self.hasher.update(line.as_bytes());
        Ok(())
    }

    /// Returns the number of bytes written so far and their BLAKE3 hash.
    pub(crate) fn written(&self) -> (u64, String) {
        (self.bytes, self.hasher.finalize().to_hex().to_string())
    }

    /// Waits until all lines have reached the disk.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        self.file.sync_data().map_err(StoreError::at("cannot sync", &self.path))
    }
}

/// The beginning of the names of files that are not whole yet.
pub(crate) const UNFINISHED: &str = ".writing-";

/// Removes the files of a folder that a killed process left unfinished.
pub(crate) fn remove_unfinished(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_str().is_some_and(|name| name.starts_with(UNFINISHED))) {
        let _ = fs::remove_file(entry.path());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("result.json");
        write_whole(&path, b"old").unwrap();
        write_whole(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file stays behind");
        let missing = folder.path().join("missing").join("result.json");
        let error = write_whole(&missing, b"x").unwrap_err().to_string();
        assert!(error.contains("cannot write") && error.contains("missing"), "{error}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn only_regular_files_are_replaced() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        use std::os::unix::fs::symlink;
        type Writer = fn(&Path, &[u8]) -> Result<(), StoreError>;
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        mknodat(CWD, path("pipe"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        fs::write(path("file"), "old").unwrap();
        for (target, link) in [("file", "link"), ("/dev/null", "to-null"), ("none", "to-none")] {
            symlink(target, path(link)).unwrap();
        }
        let writers: [Writer; 3] = [write_whole, keep_whole, replace];
        for write in writers {
            for name in ["pipe", "link", "to-null", "to-none"] {
                let before = fs::symlink_metadata(path(name)).unwrap().file_type();
                let error = write(&path(name), b"x").unwrap_err().to_string();
                assert!(error.contains("cannot write") && error.contains(name), "{error}");
                assert_eq!(fs::symlink_metadata(path(name)).unwrap().file_type(), before);
            }
        }
        for name in ["pipe", "link"] {
            assert!(LineFile::create(&path(name)).is_err() && LineFile::append(&path(name)).is_err());
        }
        assert_eq!(fs::read_to_string(path("file")).unwrap(), "old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 5, "no temporary file stays behind");
        sync_folders(&[folder.path()]).unwrap();
        assert_eq!(end_of_links(&path("link")).unwrap(), path("file").canonicalize().unwrap());
        assert_eq!(end_of_links(&path("new")).unwrap(), path("new"));
        assert!(end_of_links(&path("to-none")).is_err());
    }

    #[test]
    fn lines_are_taken_up_where_they_were_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("epochs.jsonl");
        let mut lines = LineFile::create(&path).unwrap();
        lines.push("one").unwrap();
        lines.push("two").unwrap();
        let (bytes, hash) = lines.written();
        lines.push("three, cut off").unwrap();
        let (mut again, text) = LineFile::reopen(&path, bytes, &hash).unwrap().unwrap();
        assert_eq!(text, "one\ntwo\n");
        again.push("3").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\n3\n");
        assert_eq!(again.written().1, blake3::hash(b"one\ntwo\n3\n").to_hex().to_string());
        assert!(LineFile::reopen(&path, bytes, &again.written().1).unwrap().is_none(), "another text");
        assert!(LineFile::reopen(&path, 100, &hash).unwrap().is_none(), "too short");
        assert!(LineFile::reopen(&folder.path().join("none"), 0, &hash).unwrap().is_none());
    }

    #[test]
    fn folders_are_synced_one_by_one_or_all_at_once() {
        let folders: Vec<_> = (0..4).map(|_| tempfile::tempdir().unwrap()).collect();
        let paths: Vec<&Path> = folders.iter().map(tempfile::TempDir::path).collect();
        replace(&paths[0].join("file"), b"text").unwrap();
        create_folder(&paths[1].join("samples")).unwrap();
        for count in 0..=4 {
            sync_folders(&paths[..count]).unwrap();
        }
        assert!(sync_folders(&[Path::new("no/such/folder")]).is_err());
    }

    #[test]
    fn unfinished_files_are_removed_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        for name in [".writing-AbC", "0.mid", ".hidden"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        remove_unfinished(folder.path());
        let exists = |name: &str| folder.path().join(name).exists();
        assert!(!exists(".writing-AbC") && exists("0.mid") && exists(".hidden"));
    }
}
