//! Files that are either whole or absent: written beside their place, synced, and renamed into it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file or folder that could not be written or read, and why.
#[derive(Debug, thiserror::Error)]
#[error("{action} {}: {source}", path.display())]
pub struct StoreError {
    /// What was being done: "cannot write", "cannot create", …
    pub action: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

impl StoreError {
    /// A closure for `map_err` that says what was being done to which path.
    pub(crate) fn at(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self { action, path, source }
    }
}

/// Create a folder and those above it.
pub(crate) fn create_folder(path: &Path) -> Result<(), StoreError> {
    fs::create_dir_all(path).map_err(StoreError::at("cannot create the folder", path))
}

/// Put `bytes` into `path` so that whoever looks finds the old file or the whole new one, even after a crash.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let error = |source| StoreError { action: "cannot write", path: path.to_path_buf(), source };
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".writing-").tempfile_in(folder).map_err(error)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(error)?;
    set_common_permissions(file.as_file()).map_err(error)?;
    file.persist(path).map_err(|failure| error(failure.error))?;
    sync_folder(folder);
    Ok(())
}

/// Have what was renamed in a folder survive a crash. Some file systems cannot sync a folder; they lose nothing worse.
pub(crate) fn sync_folder(path: &Path) {
    if let Ok(folder) = File::open(path) {
        let _ = folder.sync_all();
    }
}

/// Temporary files are private; results are for everybody whom the folder admits.
#[cfg(unix)]
fn set_common_permissions(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn set_common_permissions(_: &File) -> io::Result<()> {
    Ok(())
}

/// A file of lines, each flushed as it comes, so that a killed run leaves what it had.
#[derive(Debug)]
pub(crate) struct LineFile {
    file: File,
    path: PathBuf,
}

impl LineFile {
    /// A new, empty file in place of whatever was there.
    pub(crate) fn create(path: &Path) -> Result<Self, StoreError> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)
            .map_err(StoreError::at("cannot create", path))?;
        Ok(Self { file, path: path.to_path_buf() })
    }

    /// Append one line.
    pub(crate) fn push(&mut self, line: &str) -> Result<(), StoreError> {
        self.file.write_all(format!("{line}\n").as_bytes()).map_err(StoreError::at("cannot write", &self.path))
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
}
