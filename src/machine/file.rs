//! The reading of regular files: never a pipe, a device or more bytes than there is memory.
//!
//! Every file that a user or another program may have put in its place is opened here.

use super::memory::available_bytes;
use std::fs::{self, File, FileType};
use std::io::{self, ErrorKind, Read as _};
use std::path::Path;

/// Opens a regular file for reading. Anything else is refused at once: the open of a pipe would wait for a writer, and a
/// device may not end.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    // Before it is opened, which may already do something to a device.
    check_kind(fs::metadata(path)?.file_type())?;
    let mut options = File::options();
    options.read(true);
    let file = without_waiting(&mut options).open(path)?;
    check_kind(file.metadata()?.file_type())?;
    Ok(file)
}

/// Reads a regular file whole; one that is larger than the memory left is refused.
pub(crate) fn read_regular(path: &Path) -> io::Result<Vec<u8>> {
    read_open(open_regular(path)?, u64::MAX)
}

/// Reads a regular file of at most `limit` bytes.
pub(crate) fn read_regular_up_to(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    read_open(open_regular(path)?, limit)
}

/// Reads a regular file whole as text in UTF-8.
pub(crate) fn read_regular_text(path: &Path) -> io::Result<String> {
    String::from_utf8(read_regular(path)?).map_err(|error| io::Error::new(ErrorKind::InvalidData, error.utf8_error()))
}

/// Reads an open file to its end, if it has at most `limit` bytes and fits into memory.
pub(crate) fn read_open(file: File, limit: u64) -> io::Result<Vec<u8>> {
    let too_large =
        |bytes, limit: String| io::Error::new(ErrorKind::FileTooLarge, format!("it has {bytes} bytes; {limit}"));
    let length = file.metadata()?.len();
    if length > limit {
        return Err(too_large(length, format!("{limit} is the maximum")));
    }
    if length > ALWAYS_FITS
        && let Some(available) = available_bytes().filter(|available| length > *available)
    {
        return Err(too_large(length, format!("{available} bytes of memory are available")));
    }
    let mut bytes = Vec::new();
    // A file that grows while it is read ends here all the same.
    file.take(length.saturating_add(SLACK).min(limit)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The size of a file for which the memory left is not asked.
const ALWAYS_FITS: u64 = 1 << 24;
/// The bytes that are read beyond the length of a file: some file systems state none.
const SLACK: u64 = 1 << 20;

/// Makes the open of a file return at once, whatever it turns out to be.
fn without_waiting(options: &mut fs::OpenOptions) -> &mut fs::OpenOptions {
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt as _;
        options.custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed());
    }
    options
}

/// Opens a file for writing by some options. Anything but a regular file is refused at once, a link too: in a folder that
/// came from elsewhere it may lead anywhere.
pub(crate) fn open_for_writing(path: &Path, options: &mut fs::OpenOptions) -> io::Result<File> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => check_kind(metadata.file_type())?,
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let file = without_waiting(options).open(path)?;
    check_kind(file.metadata()?.file_type())?;
    Ok(file)
}

/// Returns an error for everything but a regular file.
pub(crate) fn check_kind(kind: FileType) -> io::Result<()> {
    if kind.is_file() {
        return Ok(());
    }
    if kind.is_dir() {
        return Err(io::Error::new(ErrorKind::IsADirectory, "it is a folder, not a file"));
    }
    Err(io::Error::new(ErrorKind::InvalidInput, format!("it is {}, not a regular file", name_of(kind))))
}

#[cfg(unix)]
fn name_of(kind: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt as _;
    if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else if kind.is_symlink() {
        "a link"
    } else {
        "a device"
    }
}

#[cfg(not(unix))]
fn name_of(_: FileType) -> &'static str {
    "something else"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regular_files_are_read_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "text").unwrap();
        assert_eq!(read_regular_text(&path).unwrap(), "text");
        assert_eq!(read_regular_up_to(&path, 4).unwrap(), b"text");
        let error = read_regular_up_to(&path, 3).unwrap_err().to_string();
        assert_eq!(error, "it has 4 bytes; 3 is the maximum");
        fs::write(&path, b"\xff").unwrap();
        assert_eq!(read_regular_text(&path).unwrap_err().kind(), ErrorKind::InvalidData);
        assert_eq!(read_regular(&folder.path().join("none")).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(read_regular(folder.path()).unwrap_err().kind(), ErrorKind::IsADirectory);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn everything_else_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        make_fifo(&path("pipe"));
        std::os::unix::fs::symlink(path("loop"), path("loop")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", path("zeros")).unwrap();
        let refused = |name: &str, why: &str| {
            let error = read_regular(&path(name)).unwrap_err().to_string();
            assert!(error.contains(why), "{name}: {error}");
            assert!(open_for_writing(&path(name), File::options().append(true)).is_err(), "{name}");
        };
        refused("pipe", "a pipe");
        refused("loop", "symbolic links");
        refused("zeros", "a device");
        // A file of terabytes, which takes no room.
        File::create(path("sparse")).unwrap().set_len(1 << 42).unwrap();
        let error = read_regular(&path("sparse")).unwrap_err().to_string();
        assert!(error.contains("4398046511104 bytes") && error.contains("memory"), "{error}");
    }

    #[cfg(target_os = "linux")]
    fn make_fifo(path: &Path) {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    }
}
