//! The last step of runs: their files are synced, then `result.json` is written, for several runs at a time.
//!
//! Waiting for the disk takes longer than training a small model. So finished runs wait together, while others train.

use crate::sweep::claim::{Acquired, CLAIM_FILE, HeldClaim, acquire};
use crate::sweep::results::INTERRUPTED_FILE;
use crate::sweep::results::RunRecord;
use crate::sweep::run::checkpoint::CHECKPOINT_FILE;
use crate::sweep::store::{StoreError, replace, sync_folders};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

/// A run whose files are written except for `result.json`.
pub(crate) struct Finished {
    /// The run's place in the plan.
    pub(crate) run: usize,
    /// The run's folder.
    pub(crate) folder: PathBuf,
    /// The run's record.
    pub(crate) record: RunRecord,
    /// The claim on the run.
    pub(crate) claim: Arc<HeldClaim>,
}

/// The maximum number of runs that wait to be committed. More would only lose more when the program is killed.
pub(crate) const QUEUE: usize = 64;

/// The time that the first run of a group waits for others. Writing ten runs at once takes hardly longer than writing
/// one.
const PATIENCE: Duration = Duration::from_millis(50);

/// The result of committing a finished run.
pub(crate) enum Committed {
    /// The run is complete.
    Complete(Box<RunRecord>),
    /// Another process has taken the run over and will complete it.
    Lost,
    /// `result.json` could not be written.
    Failed(StoreError),
}

/// Commits runs as they arrive, until all senders are gone. Calls `done` for every run.
pub(crate) fn commit_all(finished: &Receiver<Finished>, done: &dyn Fn(usize, Committed)) {
    while let Ok(first) = finished.recv() {
        let deadline = Instant::now() + PATIENCE;
        // Once all senders are gone, this does not wait.
        let others =
            std::iter::from_fn(|| finished.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok());
        let batch: Vec<Finished> = std::iter::once(first).chain(others.take(QUEUE - 1)).collect();
        let folders: Vec<&Path> = batch.iter().map(|finished| finished.folder.as_path()).collect();
        // If one of these has not reached the disk, no `result.json` may claim that it has.
        let synced = sync_folders(&folders);
        match synced {
            Ok(()) => batch.into_iter().for_each(|finished| done(finished.run, commit(finished))),
            Err(StoreError { action, path, source }) => {
                for finished in batch {
                    let source = std::io::Error::new(source.kind(), source.to_string());
                    done(finished.run, Committed::Failed(StoreError { action, path: path.clone(), source }));
                }
            }
        }
    }
}

fn commit(finished: Finished) -> Committed {
    let Finished { folder, record, claim, .. } = finished;
    if !claim.verify() {
        return Committed::Lost;
    }
    let json = serde_json::to_string_pretty(&record).expect("a record is plain data");
    // Not synced by itself: a loss of power leaves either the whole record or none, and without a record the run is
    // done again.
    if let Err(error) = replace(&folder.join("result.json"), json.as_bytes()) {
        return Committed::Failed(error);
    }
    clear_away(&folder, &claim);
    Committed::Complete(Box::new(record))
}

/// Removes the files that a complete run does not need, its claim last. A file that stays does no harm.
fn clear_away(folder: &Path, claim: &HeldClaim) {
    for name in [CHECKPOINT_FILE, INTERRUPTED_FILE] {
        let _ = std::fs::remove_file(folder.join(name));
    }
    claim.release();
}

/// Removes those files of a complete run whose process was killed before it could.
pub(crate) fn clear_up_after_the_dead(folder: &Path) {
    // The claim is removed last, so without a claim nothing else is left.
    if folder.join(CLAIM_FILE).exists()
        && let Ok(Acquired::Held(claim)) = acquire(folder, 0)
    {
        clear_away(folder, &claim);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::time::SystemTime;

    #[test]
    fn what_the_dead_left_goes_and_what_the_living_hold_stays() {
        let folder = tempfile::tempdir().unwrap();
        let names = [CLAIM_FILE, CHECKPOINT_FILE, INTERRUPTED_FILE];
        let there = || names.map(|name| folder.path().join(name).exists());
        for name in names {
            fs::write(folder.path().join(name), "{}").unwrap();
        }
        // A claim that cannot be read counts as alive until it is stale.
        clear_up_after_the_dead(folder.path());
        assert_eq!(there(), [true; 3]);
        let claim = fs::File::options().write(true).open(folder.path().join(CLAIM_FILE)).unwrap();
        claim.set_modified(SystemTime::now() - Duration::from_mins(10)).unwrap();
        clear_up_after_the_dead(folder.path());
        assert_eq!(there(), [false; 3]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nor any trace of the takeover");
    }
}
