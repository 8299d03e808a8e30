//! The check that a folder of results belongs to the sweep that is about to use it.

use crate::machine::file::read_regular_text;
use crate::machine::text::Shown as _;
use crate::sweep::config::{Difference, SweepConfig};
use crate::sweep::results::plan_file::PlanFile;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// The results of another sweep in the folder.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} holds the results of another configuration of this name: {}; give this one another name (`--set name=…`) or \
     another folder (`--out`), or let it take the place of the other (`runner run --replace`), whose runs then belong \
     to no plan",
    .folder.shown(), .differences.join("; ")
)]
pub struct OtherSweep {
    /// The folder.
    pub folder: PathBuf,
    /// The keys that differ, with their values.
    pub differences: Vec<String>,
}

/// The number of differing keys that are named.
const NAMED: usize = 5;

/// Returns an error if the folder belongs to a sweep that differs in more than the values of its axes. A sweep that
/// shares a run with it is the same one, extended or narrowed. Keys of what comes after training may differ: such runs
/// share their training.
pub(super) fn check(folder: &Path, plan: &PlanFile, config_text: &str) -> Result<(), OtherSweep> {
    let before = PlanFile::read(folder).ok();
    if let Some(before) = &before {
        let own: HashSet<&str> = plan.runs.iter().map(|run| run.run_id.as_str()).collect();
        if before.runs.is_empty() || before.runs.iter().any(|run| own.contains(run.run_id.as_str())) {
            return Ok(());
        }
    }
    let path = folder.join("sweep.toml");
    let read = |text: String| SweepConfig::from_text(Some((&path, text)), &[]).ok();
    // A file of another version of the program may not be readable: then nothing is known to differ.
    let (Some(old), Some(new)) = (read_regular_text(&path).ok().and_then(read), read(config_text.to_owned())) else {
        return Ok(());
    };
    let same_songs = before
        .is_some_and(|before| before.corpora.iter().any(|old| plan.corpora.iter().any(|new| old.digest == new.digest)));
    let mut differences: Vec<String> = new
        .differences(&old)
        .into_iter()
        .filter(|difference| !(difference.is_input && same_songs))
        .map(|Difference { key, own, other, .. }| format!("`{key}` is {} there, {} here", other.shown(), own.shown()))
        .collect();
    if differences.is_empty() {
        return Ok(());
    }
    let more = differences.len().saturating_sub(NAMED);
    differences.truncate(NAMED);
    if more > 0 {
        differences.push(format!("{more} more keys differ"));
    }
    Err(OtherSweep { folder: folder.to_path_buf(), differences })
}
