//! The run, from a point of the sweep to its record, in one go or after an interruption.

pub(in crate::sweep) mod checkpoint;
pub(in crate::sweep) mod context;
pub(in crate::sweep) mod course;
mod evaluation;
mod likelihood;
pub(in crate::sweep) mod material;
mod record;
mod samples;
mod session;
pub(in crate::sweep) mod takeover;
mod training;

pub use likelihood::{likelihood_metrics, named_splits};

use crate::model::contract::LearnerError;
use crate::music::Splits;
use crate::sweep::config::RunParameters;
use crate::sweep::results::{Artifact, Cause, Interruption, ModelDescription, ModelFile, RunRecord, RunStatus};
use crate::sweep::store::{StoreError, replace};
use crate::train::{StopMetric, TrainingSet};
use context::RunContext;
use material::Material;
use session::{Pause, RunError, Session, Trained, Underway};
use std::any::Any;
use std::time::{Duration, Instant};
use training::Training;

/// The time of work that is worth a checkpoint before a step that cannot be interrupted.
const WORTH_SAVING: Duration = Duration::from_secs(5);

/// The end of a run whose files could be written.
pub(in crate::sweep) enum Ended {
    /// It ended with a record; only `result.json` is missing.
    Finished(Box<RunRecord>),
    /// A defect of the program ended it: the record names it, but the next call tries again.
    Crashed(Box<RunRecord>),
    /// It stopped before its end.
    Interrupted(Interruption),
    /// Another process has taken it over.
    Lost,
}

/// Makes a run: trains, evaluates, samples, and writes every file except for `result.json`.
///
/// A run that fails for reasons of its own (diverged, no windows to train on) has a record with the reason. An error
/// means that the record could not be written.
pub(in crate::sweep) fn execute(context: &RunContext) -> Result<Ended, StoreError> {
    let mut session = Session::begin(context)?;
    // A panic here is a defect of the program, but it must cost one run, not the other runs of the night.
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| make(context, &mut session)));
    let result = match outcome {
        Ok(Err(RunError::Store(error))) => {
            // If one file cannot be written, this small one still may be.
            let _ = session.interrupt(context, Cause::Storage, error.to_string());
            return Err(error);
        }
        Ok(Err(RunError::Lost)) => return Ok(Ended::Lost),
        Ok(Err(RunError::Stopped(cause, reason))) => {
            return session.interrupt(context, cause, reason).map(Ended::Interrupted);
        }
        Ok(Ok(())) => Ok(()),
        Ok(Err(RunError::Failed(reason))) => Err((reason, false)),
        Err(panic) => Err((format!("internal error: {}", panic_message(&*panic)), true)),
    };
    let crashed = matches!(result, Err((_, true)));
    if let Err((reason, _)) = result {
        session.record.status = RunStatus::Failed;
        session.record.error = Some(reason);
    }
    session.close(context)?;
    if crashed {
        let reason = session.record.error.clone().unwrap_or_default();
        session.interrupt(context, Cause::Crash, reason)?;
        return Ok(Ended::Crashed(Box::new(session.record)));
    }
    Ok(Ended::Finished(Box::new(session.record)))
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("unknown panic").to_owned()
}

/// Makes the model, by training or from a run with the same training, then does the steps after training.
fn make(context: &RunContext, session: &mut Session) -> Result<(), RunError> {
    let RunParameters { model, train, .. } = context.parameters();
    let start = Instant::now();
    let material = context.host.material();
    let Splits { training, validation, .. } = &material.windows.windows;
    let trained = TrainingSet { windows: &training.bits, songs: &training.songs }.trained_windows(train);
    session.record.corpus = Some(record::corpus_record(context.corpus, &material, trained.len()));
    session.record.warnings.extend(material.seen.iter().cloned());
    session.record.timing.corpus_s = start.elapsed().as_secs_f64();
    if trained.is_empty() {
        let songs = material.split.training.len();
        let steps = model.timesteps;
        return Err(RunError::Failed(format!(
            "no windows to train on: none of the {songs} training songs yields a window of {steps} steps \
             (skip_first_window leaves out the first of each song)"
        )));
    }
    if train.early_stopping_metric != StopMetric::None && validation.is_empty() {
        let songs = material.split.validation.len();
        return Err(RunError::Failed(format!(
            "nothing to stop early by: none of the {songs} held-out songs yields a window of {} steps",
            model.timesteps
        )));
    }
    let twin = if session.resumed.is_none() { context.host.trained() } else { None };
    if let Some(twin) = twin {
        let failed = |error: LearnerError| RunError::Failed(error.to_string());
        let own = model.kind.open(&twin.tensors, train.engine, context.isa).map_err(failed)?;
        session.take_over(&twin)?;
        return after_training(context, session, &mut Trained(own), &material, &trained);
    }
    let stages = context.parameters().stages();
    let mut own = Training::begin(context, session, &material, &trained, &stages)?;
    own.finish(context, session)?;
    after_training(context, session, &mut own, &material, &trained)
}

/// Measures the likelihood of the model, then writes its file and its samples.
fn after_training<U: Underway>(
    context: &RunContext,
    session: &mut Session,
    underway: &mut U,
    material: &Material,
    trained: &[usize],
) -> Result<(), RunError> {
    let RunParameters { model, evaluate, .. } = context.parameters();
    if let Some(density) = underway.model().density()
        && let Some(request) = likelihood::request(evaluate, density.as_ref(), context.spec.seed)
    {
        // Annealing may take as long as training and cannot continue from a checkpoint.
        let long = request.annealing.is_some() && context.checkpoint_interval.is_some();
        let save = (long && session.last_saved.elapsed() > WORTH_SAVING).then_some(Pause::Save);
        if let Some(pause) = session.pause(context).or(save) {
            session.heed(pause, context, underway)?;
        }
        let start = Instant::now();
        let rows = material.windows.windows.map(|windows| (0..windows.len()).collect::<Vec<usize>>());
        let splits = named_splits(&material.windows.windows, [trained, &rows.validation, &rows.test]);
        if let Ok(found) = density.log_likelihood(&splits, &request) {
            session.record.metrics.extend(likelihood_metrics(&found, model.timesteps));
            session.record.warnings.extend(found.doubts());
            session.record.timing.likelihood_s = start.elapsed().as_secs_f64();
        }
    }
    write_model(context, session, underway)?;
    samples::sample(context, session, underway, material, trained)
}

/// Writes `model.safetensors`.
fn write_model<U: Underway>(context: &RunContext, session: &mut Session, underway: &U) -> Result<(), RunError> {
    let parameters = context.parameters();
    let description = ModelDescription {
        schema: ModelFile::SCHEMA,
        kind: parameters.model.kind,
        timesteps: parameters.model.timesteps,
        layout: context.corpus.layout.clone(),
        steps_per_beat: parameters.corpus.steps_per_beat,
        run_id: context.run_id.to_owned(),
        seed: context.spec.seed.to_string(),
        params: context.spec.parameter_map(),
    };
    let tensors = underway.model().tensors();
    let description = ModelDescription { kind: parameters.model.kind.of_file(&tensors), ..description };
    let file = ModelFile { description, tensors };
    let bytes = file.to_bytes();
    replace(&context.folder.join(ModelFile::NAME), &bytes)?;
    session.record.artifacts.push(Artifact::new(ModelFile::NAME, &bytes));
    Ok(())
}
