//! The search of a folder for the MIDI files of a corpus.

use crate::machine::file::open_regular;
use crate::machine::text::Shown as _;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use unicode_normalization::UnicodeNormalization as _;

/// A file found below a folder.
#[derive(Debug)]
pub(super) struct Found {
    /// The path relative to the folder, with `/` between folders, as it is shown.
    pub(super) name: String,
    /// The path by which the file is opened.
    pub(super) path: PathBuf,
    /// The reason the file cannot be read, if it is known already.
    pub(super) fault: Option<String>,
}

/// The extensions of MIDI files: plain ones, karaoke, and those wrapped in RIFF.
const EXTENSIONS: [&str; 5] = ["mid", "midi", "kar", "rmi", "smf"];

/// Returns true if a file's name ends in one of [`EXTENSIONS`], in upper or lower case.
pub(super) fn is_midi(path: &Path) -> bool {
    has_extension(path, &EXTENSIONS)
}

/// The files below a folder.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// The MIDI files, ordered by name.
    pub(super) midi: Vec<Found>,
    /// The number of files that macOS has put beside others: AppleDouble files and `.DS_Store`.
    pub(super) of_macos: usize,
    /// The number of files that begin as MIDI files do under other names.
    pub(super) other_names: usize,
}

/// Returns true for a file that macOS puts beside another, by its name and its first bytes.
fn is_of_macos(path: &Path, own: &str) -> bool {
    const APPLE_DOUBLE: [u8; 4] = [0, 5, 0x16, 7];
    let beside = own.starts_with("._") || path.components().any(|part| part.as_os_str() == "__MACOSX");
    own == ".DS_Store" || beside && first_bytes(path) == Some(APPLE_DOUBLE)
}

/// Returns the first four bytes of a regular file.
fn first_bytes(path: &Path) -> Option<[u8; 4]> {
    let mut bytes = [0; 4];
    open_regular(path).ok()?.read_exact(&mut bytes).ok().map(|()| bytes)
}

/// Returns true if a file's name has one of the extensions, in upper or lower case.
pub(super) fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    let own = path.extension().and_then(OsStr::to_str);
    own.is_some_and(|own| extensions.iter().any(|extension| own.eq_ignore_ascii_case(extension)))
}

/// Returns the MIDI files below a folder, ordered by name.
///
/// Links are followed, but each folder is visited once, under its own name if it lies below `root`, so circular links
/// do no harm. Folders that cannot be listed, broken links and pipes are returned too, with the fault.
pub(super) fn midi_files(root: &Path) -> io::Result<Listing> {
    fs::read_dir(root)?;
    let mut found = Listing::default();
    let mut visited = BTreeSet::new();
    let mut folders = vec![(String::new(), root.to_path_buf())];
    // Linked folders wait until all real ones are visited, so that those keep their names.
    while !folders.is_empty() {
        let mut linked = Vec::new();
        while let Some((name, path)) = folders.pop() {
            // If a folder cannot be resolved, `visit` fails and says why.
            if path.canonicalize().is_ok_and(|real| !visited.insert(real)) {
                continue;
            }
            if let Err(error) = visit(&name, &path, &mut found, &mut folders, &mut linked) {
                found.midi.push(Found {
                    name: if name.is_empty() { "/".into() } else { name },
                    path,
                    fault: Some(format!("the folder cannot be listed: {error}")),
                });
            }
        }
        // In descending order, since the last is taken off the stack first.
        linked.sort_unstable_by(|a: &(String, PathBuf), b| b.cmp(a));
        folders = linked;
    }
    // Names that are not Unicode may look alike. Then their bytes decide, not the order in which the system lists them.
    found.midi.sort_by_cached_key(|file| (order_of(file, root), file.path.clone().into_os_string()));
    Ok(found)
}

/// Returns the key by which files are ordered: the path below the folder of a corpus, composed (NFC). Systems and
/// archives store an accent with its letter or apart, and copies of a folder must have one order.
fn order_of(file: &Found, root: &Path) -> String {
    let below = file.path.strip_prefix(root).unwrap_or(&file.path);
    below.to_string_lossy().nfc().collect()
}

/// Sorts the entries of one folder into MIDI files, folders, and links to folders.
fn visit(
    name: &str,
    path: &Path,
    found: &mut Listing,
    folders: &mut Vec<(String, PathBuf)>,
    linked: &mut Vec<(String, PathBuf)>,
) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let path = entry.path();
        let own = entry.file_name().shown().into_owned();
        let name = if name.is_empty() { own } else { format!("{name}/{own}") };
        let is_link = entry.file_type()?.is_symlink();
        let fault = match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => {
                if is_link { &mut *linked } else { &mut *folders }.push((name, path));
                continue;
            }
            Ok(metadata) if metadata.is_file() => None,
            Ok(_) => Some("not a regular file".into()),
            Err(error) if is_link => Some(format!("a broken link: {error}")),
            Err(error) => Some(format!("cannot be read: {error}")),
        };
        let own = entry.file_name();
        if fault.is_none() && is_of_macos(&path, &own.to_string_lossy()) {
            found.of_macos += 1;
        } else if is_midi(&path) {
            found.midi.push(Found { name, path, fault });
        } else if fault.is_none() && first_bytes(&path) == Some(*b"MThd") {
            found.other_names += 1;
        }
    }
    Ok(())
}
