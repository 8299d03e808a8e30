//! The training loop, which can pause after any update.

use super::averaging::Averaging;
use crate::engine::{Isa, keep_awake};
use crate::model::contract::{Learner, LearnerError, Metrics, Model};
use crate::model::options::ModelOptions;
use crate::model::tensors::{TensorError, TensorReader, Tensors};
use crate::train::{TrainOptions, TrainingSet};
use std::ops::AddAssign;

/// A trainer of one model on one set of windows. The caller decides when it trains, observes it and takes the time.
pub struct Trainer<'a> {
    learner: Box<dyn Learner + 'a>,
    averaging: Option<Averaging>,
}

/// The counts of the updates of an epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EpochCounts {
    /// The number of parameter updates.
    pub updates: u64,
    /// The number of examples, over all batches.
    pub examples: u64,
}

impl AddAssign for EpochCounts {
    fn add_assign(&mut self, other: Self) {
        self.updates += other.updates;
        self.examples += other.examples;
    }
}

/// The result of a part of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochPart {
    /// The updates of this part.
    pub counts: EpochCounts,
    /// The batch to continue with, counted from zero within the epoch.
    pub next_batch: u64,
    /// True if the last batch of the epoch is done.
    pub finished: bool,
}

impl<'a> Trainer<'a> {
    /// Returns a trainer as [`Self::with_isa`] does, with the instruction set that [`Isa::pinned_or_best`] finds.
    ///
    /// # Panics
    /// If the environment names an instruction set that cannot be used, or the model is too large for an exact
    /// gradient.
    pub fn new(set: TrainingSet<'a>, model: &ModelOptions, options: &'a TrainOptions, seed: u64) -> Self {
        Self::with_isa(set, model, options, seed, Isa::pinned_or_best()).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Returns a trainer at the state before the first update. Everything drawn is a function of `seed`; the
    /// instruction set changes no bit. An error if this processor lacks it, or if the model is too large for an exact
    /// gradient.
    pub fn with_isa(
        set: TrainingSet<'a>,
        model: &ModelOptions,
        options: &'a TrainOptions,
        seed: u64,
        isa: Isa,
    ) -> Result<Self, LearnerError> {
        Self::after(None, set, model, options, seed, isa)
    }

    /// Returns a trainer as [`Self::with_isa`] does, that starts from the model which an earlier stage of training left.
    pub fn after(
        earlier: Option<&Tensors>,
        set: TrainingSet<'a>,
        model: &ModelOptions,
        options: &'a TrainOptions,
        seed: u64,
        isa: Isa,
    ) -> Result<Self, LearnerError> {
        let learner = model.kind.learner(set, model, options, seed, isa, earlier)?;
        Ok(Self { learner, averaging: Averaging::new(options) })
    }

    /// Returns the model as it is now.
    pub fn model(&self) -> &dyn Model {
        self.learner.model()
    }

    /// Returns the model as it is now, to be sampled or replaced.
    pub fn model_mut(&mut self) -> &mut dyn Model {
        self.learner.model_mut()
    }

    /// Trains on every batch of one epoch, counted from zero.
    pub fn train_epoch(&mut self, epoch: u64) -> EpochCounts {
        self.train_part(epoch, 0, &mut || true).counts
    }

    /// Trains on the batches of one epoch from `first_batch` on, both counted from zero, until `go_on`, asked after
    /// every update but the last, returns false. Makes at least one update if there is one to make.
    ///
    /// An epoch in parts has the bits of an epoch in one piece.
    pub fn train_part(&mut self, epoch: u64, first_batch: u64, go_on: &mut dyn FnMut() -> bool) -> EpochPart {
        keep_awake(self.learner.work(), || self.train_batches(epoch, first_batch, go_on))
    }

    fn train_batches(&mut self, epoch: u64, first_batch: u64, go_on: &mut dyn FnMut() -> bool) -> EpochPart {
        let batches = self.learner.start(epoch, first_batch);
        let mut counts = EpochCounts::default();
        for batch in first_batch..batches {
            if counts.updates > 0 && !go_on() {
                return EpochPart { counts, next_batch: batch, finished: false };
            }
            let examples = self.learner.update(batch);
            if let Some(averaging) = self.averaging.as_mut().filter(|own| own.counts(epoch)) {
                averaging.add(self.learner.model());
            }
            counts += EpochCounts { updates: 1, examples };
        }
        if let Some(averaging) = self.averaging.as_mut().filter(|own| own.ends_with(epoch))
            && let Some(mean) = averaging.take_mean(self.learner.model())
        {
            let restored = self.learner.model_mut().restore(&mean);
            restored.unwrap_or_else(|error| panic!("a mean of the model's own parameters: {error}"));
        }
        EpochPart { counts, next_batch: batches, finished: true }
    }

    /// Returns everything that the next update depends on besides the options, the windows, the seed, and the numbers
    /// of its epoch and batch. Random streams have no state: they are keyed by these.
    pub fn state(&self) -> Tensors {
        let mut state = self.learner.state();
        if let Some(averaging) = &self.averaging {
            averaging.save(&mut state);
        }
        state
    }

    /// Takes over the state of another trainer of the same options, windows and seed, and continues to the same bits.
    /// Nothing changes on an error.
    pub fn restore(&mut self, state: &Tensors) -> Result<(), TensorError> {
        let mut reader = TensorReader::new(state);
        let model = self.learner.model();
        let averaging = self.averaging.as_ref().map(|own| own.restored(&mut reader, model)).transpose()?;
        self.learner.restore(reader)?;
        self.averaging = averaging;
        Ok(())
    }

    /// Returns the metrics of training itself in the epoch so far.
    pub fn metrics(&self) -> Metrics {
        self.learner.metrics()
    }
}
