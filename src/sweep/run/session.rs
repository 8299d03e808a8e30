//! The session of a run in this process: its progress, the files that it writes, its pauses.

use super::checkpoint::{Checkpoint, Position};
use super::context::RunContext;
use super::course;
use super::record::summarise_timing;
use super::takeover::TrainedRun;
use crate::machine::clock::CpuClock;
use crate::machine::memory::peak_memory_bytes;
use crate::model::{Model, Tensors};
use crate::sweep::results::{
    Cause, EpochRecord, Interruption, Metrics, RunRecord, RunStatus, Timing, clear_run_folder, digest,
};
use crate::sweep::store::{LineFile, StoreError, create_folder, remove_unfinished, replace};
use std::fmt::Display;
use std::time::Instant;

/// The reason why a run does not complete.
#[derive(Debug, thiserror::Error)]
pub(super) enum RunError {
    /// A file cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The run itself failed; this becomes its record.
    #[error("{0}")]
    Failed(String),
    /// The run must stop here.
    #[error("{1}")]
    Stopped(Cause, String),
    /// Another process has taken the run over.
    #[error("taken over")]
    Lost,
}

/// The task of a pause between two batches.
pub(super) enum Pause {
    /// To write a checkpoint.
    Save,
    /// To stop, for a reason.
    Stop(Cause, String),
    /// To leave the run to the process that has taken it over.
    Lost,
}

/// The model of a run under way, with the state that a checkpoint stores.
pub(super) trait Underway {
    /// Returns the model as it is now.
    fn model(&self) -> &dyn Model;
    /// Returns the model as it is now, to be sampled or replaced.
    fn model_mut(&mut self) -> &mut dyn Model;
    /// Returns the state of training, and the parameters that the next change of weights is measured from; `None` if
    /// there is nothing to store.
    fn state(&self) -> Option<(Tensors, Option<Tensors>)>;
}

/// A model that another run has trained. There is nothing to store: it can be read again.
pub(super) struct Trained(pub(super) Box<dyn Model>);

impl Underway for Trained {
    fn model(&self) -> &dyn Model {
        self.0.as_ref()
    }

    fn model_mut(&mut self) -> &mut dyn Model {
        self.0.as_mut()
    }

    fn state(&self) -> Option<(Tensors, Option<Tensors>)> {
        None
    }
}

/// A run at work in this process.
pub(super) struct Session {
    start: Instant,
    cpu: CpuClock,
    pub(super) position: Position,
    /// The state to continue from, until training takes it.
    pub(super) resumed: Option<Checkpoint>,
    pub(super) record: RunRecord,
    pub(super) epochs: Vec<EpochRecord>,
    /// The parameters of the best epoch so far, if early stopping restores them.
    pub(super) best: Option<Tensors>,
    pub(super) lines: LineFile,
    log: LineFile,
    pub(super) last_saved: Instant,
    contended: bool,
}

impl Session {
    /// Opens the run's folder: at the last checkpoint if that can be used, otherwise empty.
    pub(super) fn begin(context: &RunContext) -> Result<Self, StoreError> {
        let (start, cpu) = (Instant::now(), CpuClock::start());
        let resumed = if context.resume { take_up(context)? } else { None };
        if resumed.is_some() {
            remove_unfinished(context.folder);
            remove_unfinished(&context.folder.join("samples"));
        } else {
            clear_folder(context)?;
        }
        let spec = context.spec;
        let mut log = LineFile::append(&context.folder.join("log.txt"))?;
        let (lines, epochs, position, mut checkpoint) = if let Some(Resumed { lines, epochs, checkpoint }) = resumed {
            let position =
                Position { continued: checkpoint.position.continued.saturating_add(1), ..checkpoint.position.clone() };
            log.push(&format!("continues at epoch {} batch {}", position.epoch, position.batch))?;
            (lines, epochs, position, Some(checkpoint))
        } else {
            log.push(&format!("run {} seed {} replicate {}", context.run_id, spec.seed, spec.replicate))?;
            let mut lines = LineFile::create(&context.folder.join("epochs.jsonl"))?;
            if let Some((checkpoint, epochs)) = course::find(context) {
                log.push(&format!(
                    "continues a shorter run of its training after epoch {}",
                    checkpoint.position.epoch
                ))?;
                for epoch in &epochs {
                    lines.push(line_of(epoch).trim_end())?;
                }
                (lines, epochs, checkpoint.position.clone(), Some(checkpoint))
            } else {
                (lines, Vec::new(), Position::default(), None)
            }
        };
        create_folder(&context.folder.join("samples"))?;
        let mut environment = context.environment.clone();
        environment.isa = context.parameters().train.engine.instruction_set(context.isa);
        let contended = context.host.contended();
        let record = RunRecord {
            schema: RunRecord::SCHEMA,
            run_id: context.run_id.to_owned(),
            status: RunStatus::Ok,
            error: None,
            params: spec.parameter_map(),
            replicate: spec.replicate,
            seed: spec.seed.to_string(),
            trained_in: None,
            corpus: None,
            metrics: Metrics::new(),
            early_stop: None,
            music: None,
            warnings: Vec::new(),
            timing: Timing { threads: context.threads, ..Timing::default() },
            environment,
            artifacts: Vec::new(),
            digest: String::new(),
        };
        let best = checkpoint.as_mut().and_then(|checkpoint| checkpoint.best.take());
        let last_saved = Instant::now();
        Ok(Self { start, cpu, position, resumed: checkpoint, record, epochs, best, lines, log, last_saved, contended })
    }

    /// Takes over the curves of a run with the same training.
    pub(super) fn take_over(&mut self, trained: &TrainedRun) -> Result<(), StoreError> {
        self.log.push(&format!("takes over the training of run {}", trained.run_id))?;
        self.epochs.clone_from(&trained.epochs);
        self.record.trained_in = Some(trained.run_id.clone());
        self.record.early_stop = trained.early_stop;
        self.record.metrics = trained.metrics();
        for line in trained.lines.lines() {
            self.lines.push(line)?;
        }
        Ok(())
    }

    /// Returns the seconds of the run so far, those before interruptions included.
    fn spent_s(&self) -> f64 {
        self.position.spent_s + self.start.elapsed().as_secs_f64()
    }

    /// Returns the task to do before the next batch, if there is one.
    pub(super) fn pause(&self, context: &RunContext) -> Option<Pause> {
        if context.claim.is_lost() {
            return Some(Pause::Lost);
        }
        if let Some((cause, reason)) = context.host.reason_to_stop() {
            return Some(Pause::Stop(cause, reason));
        }
        if let Some(timeout) = context.timeout.filter(|timeout| self.spent_s() > timeout.as_secs_f64()) {
            let reason = format!("it took longer than run.timeout = {} s", timeout.as_secs_f64());
            return Some(Pause::Stop(Cause::Timeout, reason));
        }
        let due = context.checkpoint_interval.is_some_and(|interval| self.last_saved.elapsed() >= interval);
        due.then_some(Pause::Save)
    }

    /// Returns an error if the run must stop or leave its place to another process.
    pub(super) fn stop_if_asked(&self, context: &RunContext) -> Result<(), RunError> {
        match self.pause(context) {
            None | Some(Pause::Save) => Ok(()),
            Some(Pause::Stop(cause, reason)) => Err(RunError::Stopped(cause, reason)),
            Some(Pause::Lost) => Err(RunError::Lost),
        }
    }

    /// Takes over the curve of the stages of training up to a shared one, after which the run continues.
    pub(super) fn take_over_stage(&mut self, name: &str, epochs: Vec<EpochRecord>) -> Result<(), StoreError> {
        let first = self.epochs.len();
        self.log
            .push(&format!("takes over the epochs up to {} of {name}", epochs.last().map_or(0, |last| last.epoch)))?;
        for epoch in epochs.into_iter().skip(first) {
            self.lines.push(line_of(&epoch).trim_end())?;
            self.position.epoch = epoch.epoch + 1;
            self.epochs.push(epoch);
        }
        Ok(())
    }

    /// Does the task of a pause; an error if the run ends with it.
    pub(super) fn heed(&mut self, pause: Pause, context: &RunContext, underway: &dyn Underway) -> Result<(), RunError> {
        if let Pause::Lost = pause {
            return Err(RunError::Lost);
        }
        if let Err(error) = self.save(context, underway) {
            // The last checkpoint is still there. A later attempt may succeed, and the run does not depend on it.
            tracing::warn!("run {}: no checkpoint: {error}", context.run_id);
        }
        self.last_saved = Instant::now();
        match pause {
            Pause::Stop(cause, reason) => Err(RunError::Stopped(cause, reason)),
            Pause::Save | Pause::Lost => Ok(()),
        }
    }

    /// Does work that asks `go_on` between its steps and ends early if that returns false, which happens only for a
    /// reason to end the run: checkpoints wait.
    pub(super) fn attempt<U: Underway, T>(
        &mut self,
        context: &RunContext,
        underway: &mut U,
        work: impl FnOnce(&mut U, &mut dyn FnMut() -> bool) -> T,
    ) -> Result<T, RunError> {
        let mut pause = None;
        let done = work(underway, &mut || {
            pause = self.pause(context).filter(|pause| !matches!(pause, Pause::Save));
            pause.is_none()
        });
        match pause {
            None => Ok(done),
            Some(pause) => self.heed(pause, context, underway).map(|()| done),
        }
    }

    fn save(&mut self, context: &RunContext, underway: &dyn Underway) -> Result<(), StoreError> {
        let Some((trainer, before)) = underway.state() else { return Ok(()) };
        // The lines that a checkpoint names must survive a loss of power with it.
        self.lines.sync()?;
        let (lines_bytes, lines_blake3) = self.lines.written();
        let (spent_s, cpu_s) = (self.spent_s(), self.position.cpu_s + self.cpu.seconds());
        let position = Position { lines_bytes, lines_blake3, spent_s, cpu_s, ..self.position.clone() };
        let checkpoint = Checkpoint { position, trainer, before, best: self.best.clone() };
        checkpoint.write(context.folder, context.run_id, context.environment)
    }

    /// Writes the note of why the run stopped before its end into its folder, and returns it.
    pub(super) fn interrupt(
        &mut self,
        context: &RunContext,
        cause: Cause,
        reason: String,
    ) -> Result<Interruption, StoreError> {
        let interruption = Interruption {
            schema: Interruption::SCHEMA,
            run_id: context.run_id.to_owned(),
            cause,
            reason,
            epoch: self.epochs.last().map_or(0, |epoch| epoch.epoch),
            epochs: context.parameters().epochs(),
            spent_s: self.spent_s(),
        };
        if matches!(cause, Cause::Signal | Cause::Timeout) {
            self.log.push(&format!("stopped after {} epochs: {}", interruption.epoch, interruption.reason))?;
        }
        interruption.write(context.folder)?;
        Ok(interruption)
    }

    /// Completes the record, and the files beside it.
    pub(super) fn close(&mut self, context: &RunContext) -> Result<(), StoreError> {
        let Self { record, epochs, .. } = self;
        record.digest = digest(record, epochs);
        let model = &context.parameters().model;
        let visible = context.corpus.layout.columns() * model.timesteps;
        summarise_timing(record, epochs, model.kind.connections(model, visible));
        let (total_s, cpu_s) = (self.spent_s(), self.position.cpu_s + self.cpu.seconds());
        let timing = &mut self.record.timing;
        (timing.total_s, timing.cpu_s) = (total_s, self.cpu.is_known().then_some(cpu_s));
        timing.contended = self.contended || context.host.contended();
        timing.continued = self.position.continued;
        (timing.expected_bytes, timing.peak_bytes) = (context.expected_bytes, peak_memory_bytes());
        for warning in &self.record.warnings {
            self.log.push(&format!("warning: {warning}"))?;
        }
        let outcome = self.record.error.as_deref().unwrap_or("ok");
        self.log.push(&format!("{outcome} after {total_s:.3} s, digest {}", self.record.digest))?;
        if self.position.continued == 0 {
            return Ok(());
        }
        // Written once more in one piece, in case a process that had lost the run continued in the same file.
        let lines: String = self.epochs.iter().map(line_of).collect();
        replace(&context.folder.join("epochs.jsonl"), lines.as_bytes())
    }
}

/// Returns the line of `epochs.jsonl` for an epoch.
pub(super) fn line_of(epoch: &EpochRecord) -> String {
    serde_json::to_string(epoch).expect("an epoch's record is plain data") + "\n"
}

/// The files of an interrupted run.
struct Resumed {
    lines: LineFile,
    epochs: Vec<EpochRecord>,
    checkpoint: Checkpoint,
}

/// Returns the checkpoint in the run's folder with the epochs that belong to it. A warning names the reason if it
/// cannot be used.
fn take_up(context: &RunContext) -> Result<Option<Resumed>, StoreError> {
    let refuse = |reason: &dyn Display| {
        tracing::warn!("run {} starts afresh: its checkpoint cannot be used: {reason}", context.run_id);
        Ok(None)
    };
    let checkpoint = match Checkpoint::read(context.folder, context.run_id, context.environment) {
        Ok(Some(checkpoint)) => checkpoint,
        Ok(None) => return Ok(None),
        Err(reason) => return refuse(&reason),
    };
    let Position { lines_bytes, lines_blake3, .. } = &checkpoint.position;
    let reopened = LineFile::reopen(&context.folder.join("epochs.jsonl"), *lines_bytes, lines_blake3)?;
    let Some((lines, text)) = reopened else { return refuse(&"epochs.jsonl is not the one that it belongs to") };
    match text.lines().map(serde_json::from_str).collect() {
        Ok(epochs) => Ok(Some(Resumed { lines, epochs, checkpoint })),
        Err(_) => refuse(&"epochs.jsonl cannot be read"),
    }
}

/// Removes the files of earlier attempts except for those of the claim.
fn clear_folder(context: &RunContext) -> Result<(), StoreError> {
    let cleared = clear_run_folder(context.folder, &|name| context.claim.consists_of(name));
    cleared.map_err(StoreError::at("cannot clear the folder", context.folder))
}
