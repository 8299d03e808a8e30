//! The search of a folder for the MIDI files of a corpus.

use crate::machine::text::Shown as _;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

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

/// Returns true if a file's name ends in `.mid` or `.midi`, in upper or lower case.
pub(super) fn is_midi(path: &Path) -> bool {
    has_extension(path, &["mid", "midi"])
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
pub(super) fn midi_files(root: &Path) -> io::Result<Vec<Found>> {
    fs::read_dir(root)?;
    let mut found = Vec::new();
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
                found.push(Found {
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
    found.sort_by_cached_key(|file| (order_of(file, root), file.path.clone().into_os_string()));
    Ok(found)
}

/// Returns the key by which files are ordered: the path below the folder of a corpus.
fn order_of(file: &Found, root: &Path) -> String {
    let below = file.path.strip_prefix(root).unwrap_or(&file.path);
    below.to_string_lossy().into_owned()
}

/// Sorts the entries of one folder into MIDI files, folders, and links to folders.
fn visit(
    name: &str,
    path: &Path,
    found: &mut Vec<Found>,
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
        if is_midi(&path) {
            found.push(Found { name, path, fault });
        }
    }
    Ok(())
}
