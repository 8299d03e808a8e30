//! The runs of a folder of results that belong to no plan, such as those of a sweep that another has replaced.

use super::{has_own_files, remove_run, run_folder};
use crate::machine::text::Shown as _;
use crate::sweep::results::names::Named;
use crate::sweep::results::plan_file::{PlanFile, PlanFileError};
use crate::sweep::results::state::{RunState, StateReader};
use crate::sweep::store::StoreError;
use serde::Serialize;
use std::collections::HashSet;
use std::path::Path;

/// A run that belongs to no plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unplanned {
    /// The run's name.
    pub run_id: String,
    /// The state of the run, in one word.
    pub state: &'static str,
    /// `true` if its files are removed.
    pub removed: bool,
}

/// Returns the names of the runs in a folder of results that are not among those of its plan, in order.
pub fn unplanned_runs(folder: &Path, plan: &PlanFile) -> Vec<String> {
    let planned: HashSet<&String> = plan.runs.iter().map(|run| &run.run_id).collect();
    let entries = std::fs::read_dir(folder.join("runs")).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let is_unplanned = |name: &String| {
        Named::Run.check(name).is_ok() && !planned.contains(name) && has_own_files(&run_folder(folder, name))
    };
    let mut names: Vec<String> = names.filter(is_unplanned).collect();
    names.sort_unstable();
    names
}

/// Lists the runs of a folder of results that belong to no plan, and removes them if asked: the files that the program
/// has written, and the folder of a run unless a user's own files are left in it. Runs that a process works on stay.
pub fn clean(folder: &Path, remove: bool) -> Result<Vec<Unplanned>, PlanFileError> {
    let plan = PlanFile::read(folder)?;
    let reader = StateReader::new(folder);
    let clean = |run_id: String| {
        let state = reader.state(&run_id);
        let removable = remove && !matches!(state, RunState::Running(_));
        let removed =
            removable && remove_run(&run_folder(folder, &run_id)).map_or_else(|error| warn(&error), |()| true);
        Unplanned { run_id, state: state.name(), removed }
    };
    Ok(unplanned_runs(folder, &plan).into_iter().map(clean).collect())
}

fn warn(error: &StoreError) -> bool {
    tracing::warn!("{}", error.to_string().shown());
    false
}
