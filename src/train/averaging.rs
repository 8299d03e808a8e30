//! The mean of the parameters over the last updates of training.

use super::options::TrainOptions;
use super::state::{StateError, StateReader, TensorValues, TrainerState};
use crate::engine::{Engine, Parameters};

/// Sums of the parameters after each update of the last epochs, in f64 (Polyak and Juditsky 1992; for Boltzmann machines
/// Swersky, Chen, Marlin and de Freitas 2010).
///
/// The mean leaves out what the parameters owe to the chains of the last updates alone: along a direction of curvature λ, those
/// of about 1 / (ελ) updates at a constant rate ε, and of √(T / (ελ)) where it falls linearly to zero over T.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Averaging {
    /// The first epoch, counted from zero, whose updates count, and the last.
    epochs: std::ops::RangeInclusive<u64>,
    updates: u64,
    /// Weights (visible × hidden, row-major), then visible biases, then hidden biases; empty before the first update.
    sums: Vec<f64>,
}

impl Averaging {
    /// `None` where the options ask for no mean.
    pub(super) fn new(options: &TrainOptions) -> Option<Self> {
        let last = options.epochs.checked_sub(1)? as u64;
        let first = options.epochs.saturating_sub(options.averaged_epochs) as u64;
        (options.averaged_epochs > 0).then(|| Self { epochs: first..=last, updates: 0, sums: Vec::new() })
    }

    /// Whether updates of an epoch count.
    pub(super) fn counts(&self, epoch: u64) -> bool {
        self.epochs.contains(&epoch)
    }

    /// Whether an epoch is the last of training.
    pub(super) fn ends_with(&self, epoch: u64) -> bool {
        *self.epochs.end() == epoch
    }

    /// Take the parameters after an update into account.
    pub(super) fn add(&mut self, engine: &dyn Engine) {
        let (visible, hidden) = (engine.visible(), engine.hidden());
        self.sums.resize(visible * hidden + visible + hidden, 0.0);
        self.updates += 1;
        engine.add_parameters_to(&mut self.sums);
    }

    /// The mean, which is taken once: nothing is left to take it of. `None` of no updates.
    pub(super) fn take_mean(&mut self, visible: usize, hidden: usize) -> Option<Parameters> {
        let updates = std::mem::take(&mut self.updates) as f64;
        let sums = std::mem::take(&mut self.sums);
        let mut means = sums.into_iter().map(|sum| (sum / updates) as f32);
        let mut next = |count: usize| means.by_ref().take(count).collect::<Vec<f32>>();
        let (weights, visible_bias) = (next(visible * hidden), next(visible));
        let hidden_bias = next(hidden);
        (updates > 0.0).then_some(Parameters { visible, hidden, weights, visible_bias, hidden_bias })
    }

    /// Add the sums, where there are any.
    pub(super) fn save(&self, state: &mut TrainerState) {
        if self.updates > 0 {
            state.insert("averaging.updates", &[1], TensorValues::U64(vec![self.updates]));
            state.insert("averaging.sums", &[self.sums.len()], TensorValues::F64(self.sums.clone()));
        }
    }

    /// This with what [`Self::save`] added, of a model of so many visible and hidden units.
    pub(super) fn restored(
        &self,
        state: &mut StateReader,
        (visible, hidden): (usize, usize),
    ) -> Result<Self, StateError> {
        let mut own = Self { updates: 0, sums: Vec::new(), ..self.clone() };
        if state.has("averaging.updates") {
            own.updates = state.u64("averaging.updates", &[1])?[0];
            own.sums = state.f64("averaging.sums", &[visible * hidden + visible + hidden])?;
        }
        Ok(own)
    }
}
