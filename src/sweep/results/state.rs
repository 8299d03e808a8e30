//! The state of a run as its folder shows it: complete, failed, interrupted, running, or missing.

use super::folder::run_folder;
use super::record::{RunRecord, RunStatus};
use crate::machine::file::read_regular;
use crate::sweep::claim::{Claim, find, time_of_file_system};
use crate::sweep::store::{StoreError, write_whole};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The name of the file with the reason why a run stopped before its end.
pub(crate) const INTERRUPTED_FILE: &str = "interrupted.json";

/// The state of a run.
#[derive(Clone, Debug, PartialEq)]
pub enum RunState {
    /// It is complete.
    Ok,
    /// It failed for reasons of its own, and would fail again.
    Failed {
        /// The reason.
        error: Option<String>,
    },
    /// It stopped before its end and can continue.
    Interrupted(Interruption),
    /// A process works on it now.
    Running(Claim),
    /// There is nothing of it.
    Missing,
}

impl RunState {
    /// Returns true if the run has a record.
    pub fn is_complete(&self) -> bool {
        matches!(self, Self::Ok | Self::Failed { .. })
    }

    /// Returns the word for the state.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed { .. } => "failed",
            Self::Interrupted(_) => "interrupted",
            Self::Running(_) => "running",
            Self::Missing => "missing",
        }
    }
}

/// `interrupted.json`: the reason why a run stopped before its end, with its progress.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interruption {
    /// The version of this file.
    pub schema: u32,
    /// The run's name.
    pub run_id: String,
    /// The kind of reason.
    pub cause: Cause,
    /// The reason in words.
    pub reason: String,
    /// The number of whole epochs trained by then.
    pub epoch: u64,
    /// The number of epochs planned.
    pub epochs: u64,
    /// The seconds that the run has taken so far, all its parts together.
    pub spent_s: f64,
}

/// The kind of reason that stopped a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// A signal asked the program to stop.
    Signal,
    /// The run took longer than `run.timeout`.
    Timeout,
    /// Files could not be written: those of the run or of another one.
    Storage,
    /// A defect of the program.
    Crash,
    /// The process ended without notice: it was killed, or power was lost.
    Vanished,
}

impl Interruption {
    /// The version that this program writes.
    pub const SCHEMA: u32 = 1;

    /// Writes it to the run's folder.
    pub(crate) fn write(&self, run_folder: &Path) -> Result<(), StoreError> {
        let json = serde_json::to_string_pretty(self).expect("an interruption is plain data");
        write_whole(&run_folder.join(INTERRUPTED_FILE), json.as_bytes())
    }

    /// Reads the file in a run's folder, if it belongs to that run.
    pub(crate) fn read(run_folder: &Path, run_id: &str) -> Option<Self> {
        let own: Self = serde_json::from_slice(&read_regular(&run_folder.join(INTERRUPTED_FILE)).ok()?).ok()?;
        (own.schema == Self::SCHEMA && own.run_id == run_id).then_some(own)
    }

    fn vanished(run_id: &str, claim: &Claim) -> Self {
        Self {
            schema: Self::SCHEMA,
            run_id: run_id.to_owned(),
            cause: Cause::Vanished,
            reason: format!("process {} on {} ended without a message", claim.pid, claim.host),
            epoch: claim.epoch,
            epochs: claim.epochs,
            spent_s: 0.0,
        }
    }
}

/// The part of a record that shows that a run is complete. The whole file must be intact to be read.
#[derive(Deserialize)]
struct Completion {
    schema: u32,
    run_id: String,
    status: RunStatus,
    #[serde(default)]
    error: Option<String>,
}

/// A reader of the states of many runs of one folder of results.
#[derive(Debug)]
pub struct StateReader {
    folder: PathBuf,
    now: SystemTime,
}

impl StateReader {
    /// Returns a reader of the folder of a sweep's results. It compares claims with the time of this call.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_path_buf(), now: time_of_file_system(folder) }
    }

    /// Returns the state of a run. A torn `result.json`, or one of another run, does not count.
    pub fn state(&self, run_id: &str) -> RunState {
        let run_folder = run_folder(&self.folder, run_id);
        if let Some(state) = completed(&run_folder, run_id) {
            return state;
        }
        let found = find(&run_folder).ok().flatten();
        if let Some(found) = found.as_ref().filter(|found| !found.seems_dead(self.now)) {
            return RunState::Running(found.claim.clone());
        }
        let interrupted = || match found {
            Some(found) => Some(Interruption::vanished(run_id, &found.claim)),
            None => Interruption::read(&run_folder, run_id),
        };
        // A run whose claim is gone by now may have become complete since the first look.
        completed(&run_folder, run_id).or_else(|| interrupted().map(RunState::Interrupted)).unwrap_or(RunState::Missing)
    }
}

/// Returns the state that `result.json` gives, if the file is whole and belongs to the run.
fn completed(run_folder: &Path, run_id: &str) -> Option<RunState> {
    let text = read_regular(&run_folder.join("result.json")).ok()?;
    let own: Completion = serde_json::from_slice(&text).ok()?;
    if own.schema != RunRecord::SCHEMA || own.run_id != run_id {
        return None;
    }
    Some(match own.status {
        RunStatus::Ok => RunState::Ok,
        RunStatus::Failed => RunState::Failed { error: own.error },
    })
}

/// Returns the state of one run of a folder of results. For many runs, use one [`StateReader`], which asks for the time
/// once.
pub fn run_state(folder: &Path, run_id: &str) -> RunState {
    StateReader::new(folder).state(run_id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::claim::{Acquired, acquire};
    use std::fs;
    use std::time::Duration;

    const ID: &str = "0123456789ab";

    fn interruption() -> Interruption {
        Interruption {
            schema: Interruption::SCHEMA,
            run_id: ID.into(),
            cause: Cause::Signal,
            reason: "SIGTERM".into(),
            epoch: 3,
            epochs: 10,
            spent_s: 1.5,
        }
    }

    #[test]
    fn each_file_has_its_state() {
        let folder = tempfile::tempdir().unwrap();
        let run = run_folder(folder.path(), ID);
        let state = || run_state(folder.path(), ID);
        assert_eq!(state(), RunState::Missing);
        fs::create_dir_all(&run).unwrap();
        assert_eq!(state(), RunState::Missing);
        interruption().write(&run).unwrap();
        assert_eq!(state(), RunState::Interrupted(interruption()));
        let Acquired::Held(held) = acquire(&run, 10).unwrap() else { panic!("nobody else is there") };
        assert!(matches!(state(), RunState::Running(claim) if claim.pid == std::process::id() && claim.epochs == 10));
        fs::write(run.join("result.json"), format!(r#"{{"schema":1,"run_id":"{ID}","status":"ok","more":[1,2]}}"#))
            .unwrap();
        assert_eq!(state(), RunState::Ok);
        drop(held);
        let failed = format!(r#"{{"schema":1,"run_id":"{ID}","status":"failed","error":"diverged"}}"#);
        fs::write(run.join("result.json"), failed).unwrap();
        assert_eq!(state(), RunState::Failed { error: Some("diverged".into()) });
    }

    #[test]
    fn torn_and_foreign_files_are_none() {
        let folder = tempfile::tempdir().unwrap();
        let run = run_folder(folder.path(), ID);
        fs::create_dir_all(&run).unwrap();
        let whole = format!(r#"{{"schema":1,"run_id":"{ID}","status":"ok","digest":"abc"}}"#);
        for end in 0..whole.len() {
            fs::write(run.join("result.json"), &whole[..end]).unwrap();
            assert_eq!(run_state(folder.path(), ID), RunState::Missing, "{}", &whole[..end]);
        }
        for (from, to) in [(ID, "ba9876543210"), ("\"schema\":1", "\"schema\":99"), ("\"ok\"", "\"well\"")] {
            fs::write(run.join("result.json"), whole.replace(from, to)).unwrap();
            assert_eq!(run_state(folder.path(), ID), RunState::Missing, "{from} as {to}");
        }
        Interruption { run_id: "other".into(), ..interruption() }.write(&run).unwrap();
        assert_eq!(run_state(folder.path(), ID), RunState::Missing);
    }

    #[test]
    fn the_claim_of_a_dead_process_is_an_interruption() {
        let folder = tempfile::tempdir().unwrap();
        let run = run_folder(folder.path(), ID);
        let Acquired::Held(held) = acquire(&run, 10).unwrap() else { panic!("nobody else is there") };
        let claim = fs::File::options().write(true).open(run.join("claim.json")).unwrap();
        claim.set_modified(SystemTime::now() - Duration::from_hours(1)).unwrap();
        assert!(matches!(
            run_state(folder.path(), ID),
            RunState::Interrupted(Interruption { cause: Cause::Vanished, .. })
        ));
        drop(held);
        assert_eq!(run_state(folder.path(), ID), RunState::Missing);
    }
}
