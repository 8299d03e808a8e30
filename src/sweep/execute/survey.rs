//! The survey of a folder of results before a sweep: the runs to do.

use super::commit::clear_up_after_the_dead;
use super::options::{ExecuteOptions, Rerun};
use crate::sweep::claim::time_of_file_system;
use crate::sweep::plan::Prepared;
use crate::sweep::results::{Cause, Interruption, RunState, StateReader, run_folder};
use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// The runs to do, as the folder shows them at the start.
pub(super) struct Survey {
    /// The runs to do, in the order of the plan; those that other processes hold come last.
    pub(super) pending: Vec<usize>,
    /// The runs to do again from their start.
    pub(super) again: HashSet<usize>,
    /// The runs that may take this time instead of `run.timeout`.
    pub(super) extended: HashMap<usize, Duration>,
    /// The runs that ran out of time and are left.
    pub(super) timed_out: Vec<usize>,
    /// The time of the folder's file system at the start.
    pub(super) started: SystemTime,
}

impl Survey {
    pub(super) fn of(prepared: &Prepared, folder: &Path, options: &ExecuteOptions, own: &[usize]) -> Self {
        let started = time_of_file_system(folder);
        let reader = StateReader::new(folder);
        let states: Vec<RunState> = own.par_iter().map(|&run| reader.state(&prepared.run_ids[run])).collect();
        let mut survey = Self {
            pending: Vec::new(),
            again: HashSet::new(),
            extended: HashMap::new(),
            timed_out: Vec::new(),
            started,
        };
        let mut elsewhere = Vec::new();
        for (&run, state) in own.iter().zip(states) {
            let again = match (&state, options.rerun) {
                (RunState::Ok, Rerun::All) | (RunState::Failed { .. }, Rerun::All | Rerun::Failed) => true,
                (RunState::Ok | RunState::Failed { .. }, _) => {
                    clear_up_after_the_dead(&run_folder(folder, &prepared.run_ids[run]));
                    continue;
                }
                (_, rerun) => rerun == Rerun::All,
            };
            if again {
                survey.again.insert(run);
            }
            match state {
                RunState::Running(_) => elsewhere.push(run),
                RunState::Interrupted(Interruption { cause: Cause::Timeout, spent_s, .. }) if !again => {
                    let spent = Duration::try_from_secs_f64(spent_s.max(0.0)).unwrap_or(Duration::MAX);
                    match options.timeout {
                        Some(limit) if options.rerun == Rerun::Interrupted => {
                            survey.extended.insert(run, spent.saturating_add(limit));
                            survey.pending.push(run);
                        }
                        Some(limit) if spent >= limit => survey.timed_out.push(run),
                        _ => survey.pending.push(run),
                    }
                }
                _ => survey.pending.push(run),
            }
        }
        survey.pending.append(&mut elsewhere);
        survey
    }
}
