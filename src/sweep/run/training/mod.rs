//! The training of a run, epoch by epoch, with its evaluations.

pub(super) mod early_stopping;
mod pretraining;

use crate::model::{Model, ModelKind, ModelOptions, Tensors, Trainer};
use crate::music::Splits;
use crate::sweep::config::RunParameters;
use crate::sweep::results::{EarlyStop, EpochRecord, EpochTiming, Metrics};
use crate::sweep::run::checkpoint::{Checkpoint, Position};
use crate::sweep::run::context::RunContext;
use crate::sweep::run::evaluation::Evaluation;
use crate::sweep::run::material::Material;
use crate::sweep::run::session::{RunError, Session, Underway, line_of};
use crate::train::{StopMetric, TrainingSet};
use early_stopping::Verdict;
use pretraining::{OwnStage, Pretrained, Stage};
use std::time::Instant;

/// The trainer of a run with the evaluation of its model.
pub(in crate::sweep::run) struct Training<'a> {
    set: TrainingSet<'a>,
    trainer: Trainer<'a>,
    evaluation: Evaluation<'a>,
    /// The stage before the main one, while it is this run's to do.
    own_stage: Option<OwnStage<'a>>,
    /// True while the trainer is that of this stage.
    in_first_stage: bool,
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

impl<'a> Training<'a> {
    /// Returns the training of a run at its start, or at the checkpoint that the session resumes from.
    pub(in crate::sweep::run) fn begin(
        context: &RunContext<'a>,
        session: &mut Session,
        material: &'a Material,
        trained: &'a [usize],
    ) -> Result<Self, RunError> {
        let RunParameters { model, train, evaluate, .. } = context.spec.parameters();
        let Splits { training, validation, .. } = &material.windows.windows;
        let set = TrainingSet { windows: &training.bits, songs: &training.songs };
        let seed = context.spec.seed;
        let (mut own_stage, mut earlier) = (None, None);
        let begins = session.resumed.is_none() && session.position.epoch == 0;
        if begins && context.spec.parameters().pretrain.0.epochs > 0 {
            match pretraining::find(context, session)? {
                Stage::Own(stage) => own_stage = Some(stage),
                Stage::Done(Pretrained { tensors, epochs }) => {
                    session.take_over_stage(epochs)?;
                    earlier = Some(tensors);
                }
            }
        }
        let mut trainer = trainer_of(context, set, session.position.epoch, earlier.as_ref())?;
        let sizes = (train.k as u64, model.timesteps, seed);
        let validation_rows: Vec<usize> = (0..validation.len()).collect();
        let mut evaluation = Evaluation::new(evaluate, sizes, (training, trained), (validation, &validation_rows));
        if let Some(Checkpoint { trainer: state, before, .. }) = session.resumed.take() {
            let restored = trainer.restore(&state);
            // Checksum, run and build match, so the arrays are those that this program wrote for this run.
            restored.map_err(|error| RunError::Failed(format!("internal error: checkpoint: {error}")))?;
            evaluation.continue_from(before);
        }
        if earlier.is_some() {
            evaluation.remember(trainer.model());
        }
        let first = context.spec.parameters().pretrain.0.epochs as u64;
        let in_first_stage = first > 0 && session.position.epoch <= first;
        Ok(Self { set, trainer, evaluation, own_stage, in_first_stage })
    }

    /// Trains and evaluates from the session's position to the last epoch, or until early stopping. Leaves the model at
    /// the parameters of its result.
    pub(in crate::sweep::run) fn finish(
        &mut self,
        context: &RunContext<'a>,
        session: &mut Session,
    ) -> Result<(), RunError> {
        let RunParameters { train, pretrain, evaluate, .. } = context.parameters();
        let (every, first, last) = (evaluate.every as u64, pretrain.0.epochs as u64, context.parameters().epochs());
        while !session.position.finished {
            let epoch = session.position.epoch;
            // Epoch 0 of the record is the model before training.
            if let Some(index) = epoch.checked_sub(1).filter(|_| !session.position.trained) {
                if index == first && self.in_first_stage {
                    let earlier = self.model().tensors();
                    if self.own_stage.is_some() {
                        // The run itself does not depend on it.
                        if let Err(error) = pretraining::leave(context, earlier.clone(), &session.epochs) {
                            tracing::warn!("run {}: its pretraining is not shared: {error}", context.run_id);
                        }
                        self.own_stage = None;
                    }
                    self.in_first_stage = false;
                    self.trainer = trainer_of(context, self.set, epoch, Some(&earlier))?;
                    self.evaluation.remember(self.trainer.model());
                }
                let within = if index < first { index } else { index - first };
                self.train_epoch(within, context, session)?;
                session.position.trained = true;
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
            let stage = (first > 0 && epoch <= first).then(|| PRETRAINING.to_owned());
            let (metrics, timing) = (Metrics::new(), EpochTiming::default());
            let mut entry = EpochRecord { epoch, stage, updates, examples, metrics, timing };
            let mut verdict = Verdict::Continue;
            if epoch.is_multiple_of(every) || epoch == last || epoch == first {
                let evaluated = session.attempt(context, self, |own, go_on| {
                    own.evaluation.metrics(own.trainer.model_mut(), epoch, go_on)
                })?;
                (entry.metrics, entry.timing) = evaluated.expect("an evaluation that is not stopped comes to its end");
                entry.metrics.extend(self.trainer.metrics());
                if entry.stage.is_none() {
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
            context.claim.reached(epoch);
            context.host.epoch_finished(epoch);
        }
        if self.in_first_stage {
            self.in_first_stage = false;
            // The main stage has no epochs, but the model is its own.
            let earlier = self.model().tensors();
            self.trainer = trainer_of(context, self.set, last + 1, Some(&earlier))?;
        }
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

/// The name of the stage of training before the main one.
const PRETRAINING: &str = "pretrain";

/// Returns the trainer of the stage that an epoch of the record belongs to, before its first update. `earlier` is the
/// model that the stage before left.
fn trainer_of<'a>(
    context: &RunContext<'a>,
    set: TrainingSet<'a>,
    epoch: u64,
    earlier: Option<&Tensors>,
) -> Result<Trainer<'a>, RunError> {
    let RunParameters { model, train, pretrain, .. } = context.spec.parameters();
    let first = pretrain.0.epochs as u64;
    let trainer = if first > 0 && epoch <= first {
        let rbm = ModelOptions { kind: ModelKind::Rbm, ..model.clone() };
        Trainer::after(None, set, &rbm, &pretrain.0, context.spec.seed, context.isa)
    } else {
        Trainer::after(earlier, set, model, train, context.spec.seed, context.isa)
    };
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
