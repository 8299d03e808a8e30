//! The course of a training: the state that a shorter run leaves for longer ones.
//!
//! Runs of one course make the same updates and differ only in the number of them: a longer one continues from the state
//! of a shorter one, to the same bits as if it had trained alone. The state stands in `states/ID`, in the form of a
//! checkpoint with its lines of `epochs.jsonl`, and belongs to one build of the program. Without it, or if it cannot be
//! used, a run trains from the start.

use super::checkpoint::{Checkpoint, Position};
use super::context::RunContext;
use super::session::{Session, Underway, line_of};
use crate::machine::file::read_regular_text;
use crate::sweep::results::EpochRecord;
use crate::sweep::store::{StoreError, create_folder, replace};
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

/// The state of a shorter run.
pub(super) struct Left {
    pub(super) checkpoint: Checkpoint,
    pub(super) epochs: Vec<EpochRecord>,
}

fn folder_of(sweep_folder: &Path, id: &str) -> PathBuf {
    sweep_folder.join(STATES).join(id)
}

/// Leaves the state of a run after its last update and before the evaluation of that epoch: a longer run evaluates it
/// only if an epoch of that number is due.
pub(super) fn leave(context: &RunContext, session: &Session, underway: &dyn Underway) -> Result<(), StoreError> {
    let (Some(course), Some((trainer, before))) = (context.course, underway.state()) else { return Ok(()) };
    let folder = folder_of(context.sweep_folder, &course.id);
    create_folder(&folder)?;
    let lines: String = session.epochs.iter().map(line_of).collect();
    replace(&folder.join("epochs.jsonl"), lines.as_bytes())?;
    let position = Position {
        lines_bytes: lines.len() as u64,
        lines_blake3: blake3::hash(lines.as_bytes()).to_hex().to_string(),
        // The time so far is that of the shorter run.
        spent_s: 0.0,
        cpu_s: 0.0,
        continued: 0,
        ..session.position.clone()
    };
    let checkpoint = Checkpoint { position, trainer, before, best: session.best.clone() };
    checkpoint.write(&folder, &course.id, context.environment)
}

/// Finds the state of a shorter run of the course; `None` if there is none that can be used.
pub(super) fn find(context: &RunContext) -> Option<Left> {
    let course = context.course?;
    let folder = folder_of(context.sweep_folder, &course.id);
    let checkpoint = Checkpoint::read(&folder, &course.id, context.environment).ok()??;
    if checkpoint.position.epoch > context.parameters().epochs() {
        return None;
    }
    let lines = read_regular_text(&folder.join("epochs.jsonl")).ok()?;
    if blake3::hash(lines.as_bytes()).to_hex().as_str() != checkpoint.position.lines_blake3 {
        return None;
    }
    let epochs = lines.lines().map(serde_json::from_str).collect::<Result<_, _>>().ok()?;
    Some(Left { checkpoint, epochs })
}

/// Removes the state of a course that no run will continue. One that stays does no harm.
pub(in crate::sweep) fn forget(sweep_folder: &Path, id: &str) {
    let _ = std::fs::remove_dir_all(folder_of(sweep_folder, id));
}

/// Removes the states of all courses.
pub(in crate::sweep) fn forget_all(sweep_folder: &Path) {
    let _ = std::fs::remove_dir_all(sweep_folder.join(STATES));
}
