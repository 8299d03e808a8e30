//! The training of a run, epoch by epoch, with its evaluations.

pub(super) mod early_stopping;
mod shared_stage;

use crate::model::{Model, Tensors, Trainer};
use crate::music::Splits;
use crate::sweep::config::{RunParameters, Stage};
use crate::sweep::results::{EarlyStop, EpochRecord, EpochTiming, Metrics};
use crate::sweep::run::checkpoint::{Checkpoint, Position};
use crate::sweep::run::context::RunContext;
use crate::sweep::run::course;
use crate::sweep::run::evaluation::Evaluation;
use crate::sweep::run::material::Material;
use crate::sweep::run::session::{RunError, Session, Underway, line_of};
use crate::train::{StopMetric, TrainingSet};
use early_stopping::Verdict;
use shared_stage::{Left, OwnStage, Shared};
use std::time::Instant;

/// The trainer of a run with the evaluation of its model.
pub(in crate::sweep::run) struct Training<'a> {
    set: TrainingSet<'a>,
    stages: &'a [Stage],
    /// The place of the trainer's stage among them.
    stage: usize,
    trainer: Trainer<'a>,
    evaluation: Evaluation<'a>,
    /// The stage while it is this run's to do for others.
    own_stage: Option<OwnStage<'a>>,
}

impl Underway for Training<'_> {
    fn model(&self) -> &dyn Model {
        self.trainer.model()
    }

    fn model_mut(&mut self) -> &mut dyn Model {
        self.trainer.model_mut()
    }

    fn state(&self) -> Option<(Tensors, Option<Tensors>)> {
        Some((self.trainer.state(), self.evaluation.before().cloned()))
    }
}

/// Returns the epochs that are done before a stage begins.
fn epochs_before(stages: &[Stage], stage: usize) -> u64 {
    stages[..stage].iter().map(|stage| stage.train.epochs as u64).sum()
}

impl<'a> Training<'a> {
    /// Returns the training of a run at its start, or at the checkpoint that the session resumes from.
    pub(in crate::sweep::run) fn begin(
        context: &RunContext<'a>,
        session: &mut Session,
        material: &'a Material,
        trained: &'a [usize],
        stages: &'a [Stage],
    ) -> Result<Self, RunError> {
        let RunParameters { model, train, evaluate, .. } = context.spec.parameters();
        let Splits { training, validation, .. } = &material.windows.windows;
        let set = TrainingSet { windows: &training.bits, songs: &training.songs };
        let seed = context.spec.seed;
        let sizes = (train.k as u64, model.timesteps, seed);
        let validation_rows: Vec<usize> = (0..validation.len()).collect();
        let evaluation = Evaluation::new(evaluate, sizes, (training, trained), (validation, &validation_rows));
        // The stage that the next or the present epoch belongs to; epoch 0 belongs to the first.
        let done = session.position.epoch.saturating_sub(1);
        let last = stages.len() - 1;
        let resumed = session.resumed.is_some();
        let stage =
            if resumed { (0..last).find(|&stage| done < epochs_before(stages, stage + 1)).unwrap_or(last) } else { 0 };
        let trainer = trainer_of(context, set, &stages[stage], None)?;
        let mut own = Self { set, stages, stage, trainer, evaluation, own_stage: None };
        if let Some(Checkpoint { trainer: state, before, .. }) = session.resumed.take() {
            let restored = own.trainer.restore(&state);
            // Checksum, run and build match, so the arrays are those that this program wrote for this run.
            restored.map_err(|error| RunError::Failed(format!("internal error: checkpoint: {error}")))?;
            own.evaluation.continue_from(before);
        } else {
            own.enter(context, session, 0, None)?;
        }
        Ok(own)
    }

    /// Begins a stage from the model that the one before left: with what another run has left of it and the stages after
    /// it, or from its start.
    fn enter(
        &mut self,
        context: &RunContext<'a>,
        session: &mut Session,
        mut stage: usize,
        mut earlier: Option<Tensors>,
    ) -> Result<(), RunError> {
        let mut found = false;
        while let Some(next) = self.stages.get(stage).filter(|next| next.shared && next.train.epochs > 0) {
            match shared_stage::find(context, session, stage)? {
                Shared::Own(own) => {
                    self.own_stage = Some(own);
                    break;
                }
                Shared::Done(Left { tensors, epochs }) => {
                    session.take_over_stage(next.name.as_deref().unwrap_or_default(), epochs)?;
                    (earlier, found) = (Some(tensors), true);
                    stage += 1;
                }
            }
        }
        if stage == self.stages.len() {
            // All of training is done: the model is the last stage's.
            self.stage = stage - 1;
            self.trainer = trainer_of(context, self.set, &self.stages[self.stage], None)?;
            if let Some(tensors) = &earlier {
                let restored = self.trainer.model_mut().restore(tensors);
                restored.map_err(|error| RunError::Failed(format!("internal error: shared stage: {error}")))?;
            }
            session.position.finished = true;
            return Ok(());
        }
        if stage > 0 || earlier.is_some() {
            self.stage = stage;
            self.trainer = trainer_of(context, self.set, &self.stages[stage], earlier.as_ref())?;
        }
        if found || stage > 0 {
            self.evaluation.remember(self.trainer.model());
        }
        Ok(())
    }

    /// Ends the present stage and begins the next one.
    fn advance(&mut self, context: &RunContext<'a>, session: &mut Session) -> Result<(), RunError> {
        let earlier = self.model().tensors();
        self.leave(context, session, &earlier);
        self.enter(context, session, self.stage + 1, Some(earlier))
    }

    /// Leaves the model of the present stage for other runs, if that is this run's to do.
    fn leave(&mut self, context: &RunContext, session: &Session, model: &Tensors) {
        if self.own_stage.is_some() {
            // The run itself does not depend on it.
            if let Err(error) = shared_stage::leave(context, self.stage, model.clone(), &session.epochs) {
                tracing::warn!("run {}: a stage of its training is not shared: {error}", context.run_id);
            }
            self.own_stage = None;
        }
    }

    /// Trains and evaluates from the session's position to the last epoch, or until early stopping. Leaves the model at
    /// the parameters of its result.
    pub(in crate::sweep::run) fn finish(
        &mut self,
        context: &RunContext<'a>,
        session: &mut Session,
    ) -> Result<(), RunError> {
        let RunParameters { train, evaluate, .. } = context.parameters();
        let (every, last) = (evaluate.every as u64, context.parameters().epochs());
        while !session.position.finished {
            // Epoch 0 of the record is the model before training.
            if let Some(index) = session.position.epoch.checked_sub(1).filter(|_| !session.position.trained) {
                while index >= epochs_before(self.stages, self.stage + 1) {
                    self.advance(context, session)?;
                    if session.position.finished {
                        break;
                    }
                }
                if session.position.finished || session.position.epoch != index + 1 {
                    // Other runs have trained the stage.
                    continue;
                }
                self.train_epoch(index - epochs_before(self.stages, self.stage), context, session)?;
                session.position.trained = true;
            }
            let epoch = session.position.epoch;
            if epoch == last && epoch > 0 {
                self.leave_state(context, session);
            }
            if let Some(pause) = session.pause(context) {
                session.heed(pause, context, self)?;
            }
            if !self.model().is_finite() {
                return Err(RunError::Failed(format!(
                    "training diverged in epoch {epoch}: parameters are no longer finite (a smaller learning rate may help)"
                )));
            }
            let Position { updates, examples, train_s, .. } = session.position;
            let stage = self.stages[self.stage].name.clone();
            let (metrics, timing) = (Metrics::new(), EpochTiming::default());
            let mut entry = EpochRecord { epoch, stage, updates, examples, metrics, timing };
            let mut verdict = Verdict::Continue;
            let ends_stage = (1..=self.stages.len()).any(|stage| epoch == epochs_before(self.stages, stage));
            if epoch.is_multiple_of(every) || ends_stage || epoch == last {
                let evaluated = session.attempt(context, self, |own, go_on| {
                    own.evaluation.metrics(own.trainer.model_mut(), epoch, go_on)
                })?;
                (entry.metrics, entry.timing) = evaluated.expect("an evaluation that is not stopped comes to its end");
                entry.metrics.extend(self.trainer.metrics());
                if self.stage + 1 == self.stages.len() {
                    verdict = session.position.early_stopping.look(train, &entry.metrics, epoch);
                }
                if verdict == Verdict::Improved && train.early_stopping_restore {
                    session.best = Some(self.model().tensors());
                }
            } else if (epoch + 1).is_multiple_of(every) || epoch + 1 == last {
                self.evaluation.remember(self.trainer.model());
            }
            entry.timing.train_s = train_s;
            session.lines.push(line_of(&entry).trim_end())?;
            session.epochs.push(entry);
            session.position = Position {
                epoch: epoch + 1,
                batch: 0,
                trained: false,
                finished: epoch == last || verdict == Verdict::Stop,
                updates: 0,
                examples: 0,
                train_s: 0.0,
                ..session.position.clone()
            };
            if verdict == Verdict::Stop && epoch < last {
                self.leave_state(context, session);
            }
            context.claim.reached(epoch);
            context.host.epoch_finished(epoch);
        }
        // Stages without epochs after the last one with some make parts of the model too.
        while self.stage + 1 < self.stages.len() {
            self.advance(context, session)?;
        }
        let tensors = self.model().tensors();
        self.leave(context, session, &tensors);
        if train.early_stopping_metric != StopMetric::None {
            let epochs = session.epochs.last().map_or(0, |epoch| epoch.epoch);
            let restored = session.best.is_some();
            session.record.early_stop = Some(EarlyStop {
                epochs,
                best_epoch: session.position.early_stopping.best_epoch(),
                stopped: epochs < last,
                restored,
            });
            if let Some(best) = &session.best {
                let restored = self.model_mut().restore(best);
                restored.map_err(|error| RunError::Failed(format!("internal error: best parameters: {error}")))?;
            }
        }
        session.record.metrics = metrics_of_model(context, session);
        Ok(())
    }

    /// Leaves the state of training for longer runs of its course, if there may be some. The run itself does not depend on
    /// it.
    fn leave_state(&self, context: &RunContext, session: &Session) {
        if context.course.is_some_and(|course| course.leaves_state)
            && let Err(error) = course::leave(context, session, self)
        {
            tracing::warn!("run {}: the state of its training is not left for longer runs: {error}", context.run_id);
        }
    }

    /// Trains on the remaining batches of an epoch, with pauses when they are due.
    fn train_epoch(&mut self, index: u64, context: &RunContext, session: &mut Session) -> Result<(), RunError> {
        loop {
            let start = Instant::now();
            let mut pause = None;
            let part = self.trainer.train_part(index, session.position.batch, &mut || {
                pause = session.pause(context);
                pause.is_none()
            });
            let position = &mut session.position;
            position.train_s += start.elapsed().as_secs_f64();
            position.updates += part.counts.updates;
            position.examples += part.counts.examples;
            position.batch = part.next_batch;
            if part.finished {
                return Ok(());
            }
            if let Some(pause) = pause {
                session.heed(pause, context, self)?;
            }
        }
    }
}

/// Returns the trainer of a stage before its first update. `earlier` is the model that the stage before left.
fn trainer_of<'a>(
    context: &RunContext<'a>,
    set: TrainingSet<'a>,
    stage: &'a Stage,
    earlier: Option<&Tensors>,
) -> Result<Trainer<'a>, RunError> {
    let trainer = Trainer::after(earlier, set, &stage.model, &stage.train, context.spec.seed, context.isa);
    trainer.map_err(|error| RunError::Failed(error.to_string()))
}

/// Returns the metrics of the model that the run leaves: those of its last epoch, or of the best one if that was
/// restored.
fn metrics_of_model(context: &RunContext, session: &Session) -> Metrics {
    let restored = context.parameters().train.early_stopping_restore && session.best.is_some();
    let best = session.position.early_stopping.best_epoch().filter(|_| restored);
    let epochs = &session.epochs;
    let own = best.and_then(|best| epochs.iter().find(|epoch| epoch.epoch == best)).or(epochs.last());
    own.map(|epoch| epoch.metrics.clone()).unwrap_or_default()
}
