//! The presence of processes in a folder of results: each claims an entry of its own while it works there.
//!
//! Runs have claims of their own. An entry tells other processes on the same machine, even at other shards, that they
//! share it, so that their times are not a benchmark.

use super::heart::Heart;
use super::{Acquired, HeldClaim, Life, PROBE, STALE_AFTER, acquire, find, time_of_file_system};
use crate::machine::host::host_name;
use crate::sweep::store::{StoreError, UNFINISHED, create_folder};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// The folder of the entries, below the folder of results.
const FOLDER: &str = ".processes";

/// The entry of this process among those that work on a folder, until dropped.
#[derive(Debug)]
pub(crate) struct Presence {
    folder: PathBuf,
    own: PathBuf,
    claim: Option<Arc<HeldClaim>>,
}

impl Presence {
    /// Adds the entry of this process and removes those of dead ones.
    pub(crate) fn enter(results: &Path, heart: &Heart) -> Result<Self, StoreError> {
        let folder = results.join(FOLDER);
        let own = Self::own_folder(&folder)?;
        let claim = match acquire(&own, 0)? {
            Acquired::Held(claim) => Some(claim),
            Acquired::Taken | Acquired::Watched => None,
        };
        if let Some(claim) = &claim {
            heart.keep(claim);
        }
        let presence = Self { folder, own, claim };
        remove_left_behind(&presence.folder, presence.others());
        remove_temporary(results);
        Ok(presence)
    }

    /// Removes the entries of dead processes without adding one, for a process that finds nothing to do.
    pub(crate) fn clear_away(results: &Path) {
        let folder = results.join(FOLDER);
        remove_left_behind(&folder, entries(&folder));
        remove_temporary(results);
        let _ = std::fs::remove_dir(folder);
    }

    fn own_folder(folder: &Path) -> Result<PathBuf, StoreError> {
        let mut attempts = 0..10;
        loop {
            create_folder(folder)?;
            match tempfile::Builder::new().prefix("").tempdir_in(folder) {
                Ok(own) => return Ok(own.keep()),
                // The last process before this one has just removed it.
                Err(error) if error.kind() == ErrorKind::NotFound && attempts.next().is_some() => {}
                Err(error) => return Err(StoreError::at("cannot create a folder in", folder)(error)),
            }
        }
    }

    /// Returns true if another process works on the folder from this machine.
    pub(crate) fn has_neighbours(&self) -> bool {
        let others = self.others();
        if others.is_empty() {
            return false;
        }
        let (host, now) = (host_name(), time_of_file_system(&self.folder));
        let is_neighbour = |other: PathBuf| {
            let found = find(&other).ok().flatten();
            found.is_some_and(|found| found.claim.host == host && !found.seems_dead(now))
        };
        others.into_iter().any(is_neighbour)
    }

    fn others(&self) -> Vec<PathBuf> {
        let mut entries = entries(&self.folder);
        entries.retain(|path| *path != self.own);
        entries
    }
}

/// Removes the temporary files in a folder of results that killed processes left.
fn remove_temporary(results: &Path) {
    let entries = std::fs::read_dir(results).into_iter().flatten().flatten();
    let is_temporary = |name: &str| name.starts_with(UNFINISHED) || name.starts_with(PROBE);
    let old: Vec<_> = entries.filter(|entry| entry.file_name().to_str().is_some_and(is_temporary)).collect();
    if old.is_empty() {
        return;
    }
    let now = time_of_file_system(results);
    for entry in old {
        let written = entry.metadata().and_then(|file| file.modified());
        if written.is_ok_and(|written| now.duration_since(written).is_ok_and(|age| age > STALE_AFTER)) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Returns the entries of processes; none if the folder is a link, which may lead anywhere.
fn entries(folder: &Path) -> Vec<PathBuf> {
    if !std::fs::symlink_metadata(folder).is_ok_and(|found| found.is_dir()) {
        return Vec::new();
    }
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

fn remove_left_behind(folder: &Path, entries: Vec<PathBuf>) {
    if entries.is_empty() {
        return;
    }
    let now = time_of_file_system(folder);
    for entry in entries.into_iter().filter(|entry| is_left_behind(entry, now)) {
        let _ = std::fs::remove_dir_all(entry);
    }
}

/// Returns true if an entry is that of a dead process. A process that has just created its folder has no claim in it
/// yet.
fn is_left_behind(entry: &Path, now: SystemTime) -> bool {
    match find(entry) {
        Ok(Some(found)) => found.life(now) == Life::Dead,
        Ok(None) => {
            let made = std::fs::metadata(entry).and_then(|folder| folder.modified());
            made.is_ok_and(|made| now.duration_since(made).is_ok_and(|age| age > STALE_AFTER))
        }
        Err(_) => false,
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.claim.take();
        let _ = std::fs::remove_dir_all(&self.own);
        // Succeeds for the last process alone.
        let _ = std::fs::remove_dir(&self.folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The entry is that of a process that was killed after its last run was complete.
    #[test]
    fn the_entry_of_a_dead_process_is_cleared_away_by_one_that_has_nothing_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let heart = Heart::start().unwrap();
        let living = Presence::enter(folder.path(), &heart).unwrap();
        let dead = folder.path().join(FOLDER).join("dead");
        std::fs::create_dir(&dead).unwrap();
        let file = std::fs::File::create(dead.join("claim.json")).unwrap();
        let long_ago = SystemTime::now() - 2 * STALE_AFTER;
        file.set_times(std::fs::FileTimes::new().set_modified(long_ago)).unwrap();
        Presence::clear_away(folder.path());
        assert!(!dead.exists() && living.own.exists());
        drop(living);
        Presence::clear_away(folder.path());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn processes_see_each_other_and_leave_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let heart = Heart::start().unwrap();
        let one = Presence::enter(folder.path(), &heart).unwrap();
        assert!(!one.has_neighbours());
        let two = Presence::enter(folder.path(), &heart).unwrap();
        assert!(one.has_neighbours() && two.has_neighbours());
        drop(one);
        assert!(!two.has_neighbours());
        drop(two);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
