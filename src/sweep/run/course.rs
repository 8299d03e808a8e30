//! The course of a training: the state that a shorter run leaves for longer ones.
//!
//! Runs of one course make the same updates and differ only in the number of them: a longer one continues from the state
//! of a shorter one, to the same bits as if it had trained alone. The state stands in `states/ID`, in the form of a
//! checkpoint with its lines of `epochs.jsonl`, and belongs to one build of the program. Without it, or if it cannot be
//! used, a run trains from the start.

use super::checkpoint::{Checkpoint, Position};
use super::context::RunContext;
use super::session::{Session, Underway};
use crate::sweep::results::EpochRecord;
use crate::sweep::store::StoreError;
use std::path::{Path, PathBuf};

/// The folder of the states, below that of the sweep.
const STATES: &str = "states";

/// The course of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sweep) struct Course {
    /// The identity of everything that its updates depend on.
    pub(in crate::sweep) id: String,
    /// True if longer runs may continue this one.
    pub(in crate::sweep) leaves_state: bool,
}

fn folder_of(sweep_folder: &Path, id: &str) -> PathBuf {
    sweep_folder.join(STATES).join(id)
}

/// Leaves the state of a run after its last update and before the evaluation of that epoch: a longer run evaluates it
/// only if an epoch of that number is due.
pub(super) fn leave(context: &RunContext, session: &Session, underway: &dyn Underway) -> Result<(), StoreError> {
    let (Some(course), Some((trainer, before))) = (context.course, underway.state()) else { return Ok(()) };
    // The time so far is that of the shorter run.
    let position = Position { spent_s: 0.0, cpu_s: 0.0, continued: 0, ..session.position.clone() };
    let checkpoint = Checkpoint { position, trainer, before, best: session.best.clone() };
    let folder = folder_of(context.sweep_folder, &course.id);
    checkpoint.leave(&folder, &course.id, &session.epochs, context.environment)
}

/// Finds the state of a shorter run of the course, with the records of its epochs; `None` if there is none that can be
/// used.
pub(super) fn find(context: &RunContext) -> Option<(Checkpoint, Vec<EpochRecord>)> {
    let course = context.course?;
    let found = Checkpoint::find(&folder_of(context.sweep_folder, &course.id), &course.id, context.environment);
    found.filter(|(checkpoint, _)| checkpoint.position.epoch <= context.parameters().epochs())
}

/// Removes the state of a course that no run will continue. One that stays does no harm.
pub(in crate::sweep) fn forget(sweep_folder: &Path, id: &str) {
    let _ = std::fs::remove_dir_all(folder_of(sweep_folder, id));
}

/// Removes the states of all courses.
pub(in crate::sweep) fn forget_all(sweep_folder: &Path) {
    let _ = std::fs::remove_dir_all(sweep_folder.join(STATES));
}
