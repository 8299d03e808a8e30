//! The sightings of claims of other hosts: the time, by this machine's own clock, for which each has not changed.
//!
//! The time of a file may come from the clock of the host that wrote it, which can be hours off. A claim that is renewed
//! changes all the same.

use super::{Claim, STALE_AFTER};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// The time without a change after which a claim of another host is dead.
pub(super) const WATCH: Duration = if cfg!(test) { Duration::from_millis(300) } else { STALE_AFTER };

/// A claim as this process sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sighting {
    /// The time for which it has not changed.
    pub(super) unchanged: Duration,
    /// True if it has changed since the first look.
    pub(super) has_changed: bool,
}

/// The last change of a claim that was seen.
#[derive(Debug)]
struct Seen {
    token: String,
    epoch: u64,
    modified: SystemTime,
    since: Instant,
    has_changed: bool,
}

static SEEN: LazyLock<Mutex<HashMap<PathBuf, Seen>>> = LazyLock::new(Mutex::default);

/// Looks at the claim at a path.
pub(super) fn look(path: &Path, claim: &Claim, modified: SystemTime) -> Sighting {
    let mut all = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    let new = |has_changed| Seen {
        token: claim.token.clone(),
        epoch: claim.epoch,
        modified,
        since: Instant::now(),
        has_changed,
    };
    let seen = all.entry(path.to_path_buf()).or_insert_with(|| new(false));
    if seen.token != claim.token {
        *seen = new(false);
    } else if (seen.epoch, seen.modified) != (claim.epoch, modified) {
        *seen = new(true);
    }
    Sighting { unchanged: seen.since.elapsed(), has_changed: seen.has_changed }
}
