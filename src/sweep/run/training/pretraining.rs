//! The shared models of the stage of training before the main one.
//!
//! Runs of a folder that agree on the data, the seed and everything that this stage depends on share its model: the
//! first one leaves it in `pretrained/ID`, and the others start from there. The files are those of a checkpoint, with
//! its checksum, and belong to one build of the program.

use crate::model::Tensors;
use crate::sweep::plan::training_id_of;
use crate::sweep::results::EpochRecord;
use crate::sweep::run::checkpoint::{Checkpoint, Position};
use crate::sweep::run::context::{Host, RunContext};
use crate::sweep::run::session::{RunError, Session, line_of};
use crate::sweep::store::{StoreError, create_folder, replace};
use std::path::PathBuf;
use std::time::Duration;

/// The time between two looks for the model that another run of this process is about to leave.
const WAIT: Duration = Duration::from_millis(50);
/// The number of hexadecimal digits of a name.
const DIGITS: usize = 12;

/// A stage of pretraining that is this run's to do; other runs of the process wait until it is dropped.
pub(in crate::sweep::run) struct OwnStage<'a> {
    host: &'a dyn Host,
    id: String,
}

impl Drop for OwnStage<'_> {
    fn drop(&mut self) {
        self.host.end_pretraining(&self.id);
    }
}

/// The model and the curve that the stage left.
pub(in crate::sweep::run) struct Pretrained {
    pub(in crate::sweep::run) tensors: Tensors,
    pub(in crate::sweep::run) epochs: Vec<EpochRecord>,
}

/// The stage as a run finds it.
pub(in crate::sweep::run) enum Stage<'a> {
    /// Another run has done it.
    Done(Pretrained),
    /// It is this run's to do.
    Own(OwnStage<'a>),
}

/// Returns the name of the stage of a run.
fn name_of(context: &RunContext) -> String {
    let main = |path: &str| {
        let of_network = ["model.kind", "model.recurrent", "model.recurrent_std"];
        let of_training = path.starts_with("train.") && !["train.k", "train.engine"].contains(&path);
        of_network.contains(&path) || of_training
    };
    let parameters = context.spec.parameter_map();
    let own = parameters.iter().map(|(path, value)| (path.as_str(), value)).filter(|(path, _)| !main(path));
    training_id_of(own, &context.corpus.digest, context.spec.seed)[..DIGITS].to_owned()
}

fn folder_of(context: &RunContext, name: &str) -> PathBuf {
    context.sweep_folder.join("pretrained").join(name)
}

/// Finds the stage's model, waits while another run of this process is about to leave it, or takes the stage on.
pub(in crate::sweep::run) fn find<'a>(context: &RunContext<'a>, session: &mut Session) -> Result<Stage<'a>, RunError> {
    let id = name_of(context);
    loop {
        if context.resume
            && let Some(pretrained) = read(context, &id)
        {
            return Ok(Stage::Done(pretrained));
        }
        if context.host.begin_pretraining(&id) {
            return Ok(Stage::Own(OwnStage { host: context.host, id }));
        }
        session.stop_if_asked(context)?;
        std::thread::sleep(WAIT);
    }
}

/// Leaves the stage's model and curve for other runs.
pub(in crate::sweep::run) fn leave(
    context: &RunContext,
    tensors: Tensors,
    epochs: &[EpochRecord],
) -> Result<(), StoreError> {
    let id = name_of(context);
    let folder = folder_of(context, &id);
    create_folder(&folder)?;
    let lines: String = epochs.iter().map(line_of).collect();
    replace(&folder.join("epochs.jsonl"), lines.as_bytes())?;
    let position = Position {
        epoch: epochs.last().map_or(0, |epoch| epoch.epoch),
        lines_bytes: lines.len() as u64,
        lines_blake3: blake3::hash(lines.as_bytes()).to_hex().to_string(),
        ..Position::default()
    };
    Checkpoint { position, trainer: tensors, before: None, best: None }.write(&folder, &id, context.environment)
}

/// Reads what a run has left; `None` if it is not there, torn, or another build's.
fn read(context: &RunContext, id: &str) -> Option<Pretrained> {
    let folder = folder_of(context, id);
    let Checkpoint { position, trainer: tensors, .. } = Checkpoint::read(&folder, id, context.environment).ok()??;
    let lines = std::fs::read_to_string(folder.join("epochs.jsonl")).ok()?;
    if blake3::hash(lines.as_bytes()).to_hex().as_str() != position.lines_blake3 {
        return None;
    }
    let epochs = lines.lines().map(serde_json::from_str).collect::<Result<_, _>>().ok()?;
    Some(Pretrained { tensors, epochs })
}
