//! The mean of the parameters over the last updates of training.

use crate::model::contract::Model;
use crate::model::tensors::{TensorError, TensorReader, TensorValues, Tensors};
use crate::train::TrainOptions;

/// The sums of the parameters after each update of the last epochs, in f64 (Polyak and Juditsky 1992; for Boltzmann
/// machines Swersky, Chen, Marlin and de Freitas 2010).
///
/// The mean removes the noise that the chains of the last updates leave in the parameters: along a direction of
/// curvature λ, the chains of about 1 / (ελ) updates at a constant rate ε, and of √(T / (ελ)) where it falls linearly
/// to zero over T.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::model) struct Averaging {
    /// The first epoch, counted from zero, whose updates count, and the last.
    epochs: std::ops::RangeInclusive<u64>,
    updates: u64,
    /// The sums, in the order of [`Model::add_to`]; empty before the first update.
    sums: Vec<f64>,
}

/// Returns the number of parameters of a model.
fn numbers(model: &dyn Model) -> usize {
    model.layout().iter().map(|(_, shape)| shape.iter().product::<usize>()).sum()
}

impl Averaging {
    /// Returns empty sums, or `None` if the options ask for no mean.
    pub(in crate::model) fn new(options: &TrainOptions) -> Option<Self> {
        let last = options.epochs.checked_sub(1)? as u64;
        let first = options.epochs.saturating_sub(options.averaged_epochs) as u64;
        (options.averaged_epochs > 0).then(|| Self { epochs: first..=last, updates: 0, sums: Vec::new() })
    }

    /// Returns true if updates of an epoch count.
    pub(in crate::model) fn counts(&self, epoch: u64) -> bool {
        self.epochs.contains(&epoch)
    }

    /// Returns true if an epoch is the last of training.
    pub(in crate::model) fn ends_with(&self, epoch: u64) -> bool {
        *self.epochs.end() == epoch
    }

    /// Adds the parameters after an update.
    pub(in crate::model) fn add(&mut self, model: &dyn Model) {
        if self.sums.is_empty() {
            self.sums.resize(numbers(model), 0.0);
        }
        self.updates += 1;
        model.add_to(&mut self.sums);
    }

    /// Returns the mean and resets the sums; `None` if there were no updates.
    pub(in crate::model) fn take_mean(&mut self, model: &dyn Model) -> Option<Tensors> {
        let updates = std::mem::take(&mut self.updates) as f64;
        let sums = std::mem::take(&mut self.sums);
        if updates == 0.0 {
            return None;
        }
        let mut means = sums.into_iter().map(|sum| (sum / updates) as f32);
        let mut tensors = Tensors::default();
        for (name, shape) in model.layout() {
            let values = means.by_ref().take(shape.iter().product()).collect();
            tensors.insert(name, &shape, TensorValues::F32(values));
        }
        Some(tensors)
    }

    /// Adds the sums to a state, if there are any.
    pub(in crate::model) fn save(&self, state: &mut Tensors) {
        if self.updates > 0 {
            state.insert("averaging.updates", &[1], TensorValues::U64(vec![self.updates]));
            state.insert("averaging.sums", &[self.sums.len()], TensorValues::F64(self.sums.clone()));
        }
    }

    /// Returns these sums with the values that [`Self::save`] added to a state.
    pub(in crate::model) fn restored(&self, state: &mut TensorReader, model: &dyn Model) -> Result<Self, TensorError> {
        let mut own = Self { updates: 0, sums: Vec::new(), ..self.clone() };
        if state.has("averaging.updates") {
            own.updates = state.u64("averaging.updates", &[1])?[0];
            own.sums = state.f64("averaging.sums", &[numbers(model)])?;
        }
        Ok(own)
    }
}
