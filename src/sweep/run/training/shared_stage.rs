//! The models of stages of training that runs share.
//!
//! Runs of a folder that agree on the data, the seed and everything that a stage depends on share its model: the first one
//! leaves it in `pretrained/ID`, and the others continue from there. The files are those of a checkpoint, with
//! its checksum, and belong to one build of the program.

use crate::model::Tensors;
use crate::sweep::config::Key;
use crate::sweep::config::settings::layers::joined;
use crate::sweep::plan::training_id_of;
use crate::sweep::results::EpochRecord;
use crate::sweep::run::checkpoint::{Checkpoint, Position};
use crate::sweep::run::context::{Host, RunContext};
use crate::sweep::run::session::{RunError, Session};
use crate::sweep::store::StoreError;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// The time between two looks for the model that another run of this process is about to leave.
const WAIT: Duration = Duration::from_millis(50);
/// The number of hexadecimal digits of a name.
const DIGITS: usize = 12;

/// A shared stage that is this run's to do; other runs of the process wait until it is dropped.
pub(in crate::sweep::run) struct OwnStage<'a> {
    host: &'a dyn Host,
    id: String,
}

impl Drop for OwnStage<'_> {
    fn drop(&mut self) {
        self.host.end_pretraining(&self.id);
    }
}

/// The model that a stage left, with the curve up to its end.
pub(in crate::sweep::run) struct Left {
    pub(in crate::sweep::run) tensors: Tensors,
    pub(in crate::sweep::run) epochs: Vec<EpochRecord>,
}

/// A shared stage as a run finds it.
pub(in crate::sweep::run) enum Shared<'a> {
    /// Another run has done it.
    Done(Left),
    /// It is this run's to do.
    Own(OwnStage<'a>),
}

/// Returns the name of a stage of a run, given its place: the identity of everything that it and the stages before it
/// depend on.
fn name_of(context: &RunContext, place: usize) -> String {
    let parameters = context.spec.parameter_map();
    let own: BTreeMap<&str, Value> = if context.parameters().model.kind.has_layers() {
        let own = |(path, value): (&String, &Value)| of_lower_layers(path, value, place + 1);
        let own = parameters.iter().filter_map(|pair| Some((pair.0.as_str(), own(pair)?)));
        // A key that was added later is no parameter at its default, but the layers always count.
        let layers = &context.parameters().model.layers[..=place];
        own.chain([("model.layers", layers.into())]).collect()
    } else {
        let main = |path: &str| {
            let of_network = ["model.kind", "model.recurrent", "model.recurrent_std"];
            let of_training = path.starts_with("train.") && !["train.k", "train.engine"].contains(&path);
            of_network.contains(&path) || of_training
        };
        let own = parameters.iter().map(|(path, value)| (path.as_str(), value.clone()));
        own.filter(|(path, _)| !main(path)).collect()
    };
    let own = own.iter().map(|(path, value)| (*path, value));
    training_id_of(own, &context.corpus.digest, context.spec.seed)[..DIGITS].to_owned()
}

/// Returns the part of a parameter that the lowest `layers` layers of a deep network depend on; `None` if they do not
/// depend on it.
fn of_lower_layers(path: &str, value: &Value, layers: usize) -> Option<Value> {
    let of_upper = layers == 1 && ["train.propagate", "model.tied_start"].contains(&path);
    if of_upper || path.starts_with("train.fine_tune") {
        return None;
    }
    let key = Key::named(path);
    match value {
        Value::Array(values) if key.may_differ_by_layer() => Some(joined(&values[..layers])),
        value => Some(value.clone()),
    }
}

fn folder_of(context: &RunContext, name: &str) -> PathBuf {
    context.sweep_folder.join("pretrained").join(name)
}

/// Finds the stage's model, waits while another run of this process is about to leave it, or takes the stage on.
pub(in crate::sweep::run) fn find<'a>(
    context: &RunContext<'a>,
    session: &mut Session,
    place: usize,
) -> Result<Shared<'a>, RunError> {
    let id = name_of(context, place);
    loop {
        if context.resume
            && let Some(left) = read(context, &id)
        {
            return Ok(Shared::Done(left));
        }
        if context.host.begin_pretraining(&id) {
            return Ok(Shared::Own(OwnStage { host: context.host, id }));
        }
        session.stop_if_asked(context)?;
        std::thread::sleep(WAIT);
    }
}

/// Leaves the stage's model and curve for other runs.
pub(in crate::sweep::run) fn leave(
    context: &RunContext,
    place: usize,
    tensors: Tensors,
    epochs: &[EpochRecord],
) -> Result<(), StoreError> {
    let id = name_of(context, place);
    let position = Position { epoch: epochs.last().map_or(0, |epoch| epoch.epoch), ..Position::default() };
    let checkpoint = Checkpoint { position, trainer: tensors, before: None, best: None };
    checkpoint.leave(&folder_of(context, &id), &id, epochs, context.environment)
}

/// Reads what a run has left; `None` if it is not there, torn, or another build's.
fn read(context: &RunContext, id: &str) -> Option<Left> {
    let (Checkpoint { trainer: tensors, .. }, epochs) =
        Checkpoint::find(&folder_of(context, id), id, context.environment)?;
    Some(Left { tensors, epochs })
}
