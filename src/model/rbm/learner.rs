//! The learner of an RBM.

use super::initial::initial_parameters;
use super::model::RbmModel;
use super::updates::Updates;
use crate::engine::{BitMatrix, Isa};
use crate::model::contract::{Learner, LearnerError, Metrics, Model};
use crate::model::options::ModelOptions;
use crate::model::tensors::{TensorError, TensorReader, Tensors};
use crate::train::{TrainOptions, TrainingSet};

/// A learner that trains one RBM on one set of windows.
pub struct RbmLearner<'a> {
    set: TrainingSet<'a>,
    options: &'a TrainOptions,
    seed: u64,
    model: RbmModel,
    updates: Updates<'a>,
    /// The rows of the batches of the epoch that was started.
    batches: Vec<Vec<usize>>,
    batch: BitMatrix,
}

impl<'a> RbmLearner<'a> {
    /// Returns a learner at the state before the first update. Everything drawn is a function of `seed`; the
    /// instruction set changes no bit. An error if this processor lacks it, or if the model is too large for an exact
    /// gradient.
    pub fn new(
        set: TrainingSet<'a>,
        model: &ModelOptions,
        options: &'a TrainOptions,
        seed: u64,
        isa: Isa,
    ) -> Result<Self, LearnerError> {
        let trained = set.trained_windows(options);
        let updates = Updates::new(options, model.hidden, (set.windows, &trained), seed)?;
        let parameters = initial_parameters(model, set.windows, &trained, seed);
        let model = RbmModel::new(parameters, options.engine, isa)?;
        Ok(Self { set, options, seed, model, updates, batches: Vec::new(), batch: BitMatrix::default() })
    }
}

impl Learner for RbmLearner<'_> {
    fn model(&self) -> &dyn Model {
        &self.model
    }

    fn model_mut(&mut self) -> &mut dyn Model {
        &mut self.model
    }

    fn start(&mut self, epoch: u64, first_batch: u64) -> u64 {
        self.batches = self.set.batches(self.options, self.seed, epoch);
        self.updates.start(epoch, first_batch);
        self.batches.len() as u64
    }

    fn update(&mut self, batch: u64) -> u64 {
        let rows = &self.batches[batch as usize];
        self.set.windows.gather_into(rows, &mut self.batch);
        self.updates.make(self.model.engine_mut(), &self.batch, batch);
        rows.len() as u64
    }

    fn work(&self) -> usize {
        let engine = self.model.engine();
        self.options.batch_size * engine.visible() * engine.hidden()
    }

    fn state(&self) -> Tensors {
        let engine = self.model.engine();
        let mut state = Tensors::from(engine.parameters());
        self.updates.save(engine, &mut state);
        state
    }

    fn restore(&mut self, state: TensorReader) -> Result<(), TensorError> {
        self.updates.restore(self.model.engine_mut(), state)
    }

    fn metrics(&self) -> Metrics {
        self.updates.metrics()
    }
}
