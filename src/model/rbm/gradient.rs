//! The estimated gradient of the mean log-likelihood by W, b and c, as arrays.

use crate::engine::{BitMatrix, Engine, HiddenStatistics, Statistics};
use crate::model::training::optimizer::{Adam, Moments, Rate};

/// The gradient by the parameters of an RBM.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::model) struct Gradient {
    /// By W (visible × hidden).
    pub(in crate::model) weights: Vec<f32>,
    /// By b (visible).
    pub(in crate::model) visible_bias: Vec<f32>,
    /// By c (hidden).
    pub(in crate::model) hidden_bias: Vec<f32>,
}

impl Gradient {
    /// Returns ⟨v hᵀ⟩, ⟨v⟩ and ⟨h⟩ under the data less those under the model, each the mean over its own rows. Sums run
    /// over rows in ascending order.
    pub(in crate::model) fn estimated(data: &Statistics, model: &Statistics, hidden: usize) -> Self {
        let mut gradient = Self::mean(data, hidden);
        let model = Self::mean(model, hidden);
        for (own, other) in gradient.arrays_mut().into_iter().zip(model.arrays()) {
            own.iter_mut().zip(other).for_each(|(own, other)| *own -= other);
        }
        gradient
    }

    /// Returns ⟨v hᵀ⟩, ⟨v⟩ and ⟨h⟩ of one side.
    pub(in crate::model) fn mean(side: &Statistics, hidden: usize) -> Self {
        let (rows, visible) = (side.visible.rows(), side.visible.columns());
        let mut sums = Self {
            weights: vec![0.0; visible * hidden],
            visible_bias: vec![0.0; visible],
            hidden_bias: vec![0.0; hidden],
        };
        let numbers;
        let values = match side.hidden {
            HiddenStatistics::Probabilities(values) => values,
            HiddenStatistics::Samples(samples) => {
                numbers = as_numbers(samples);
                &numbers
            }
        };
        for (row, values) in values.chunks_exact(hidden).enumerate() {
            for unit in side.visible.ones(row) {
                sums.visible_bias[unit] += 1.0;
                add(&mut sums.weights[unit * hidden..][..hidden], values);
            }
            add(&mut sums.hidden_bias, values);
        }
        let rows = rows as f32;
        sums.arrays_mut().into_iter().flatten().for_each(|sum| *sum /= rows);
        sums
    }

    /// Returns the arrays, in the order of an RBM's parameters.
    pub(in crate::model) fn arrays(&self) -> [&[f32]; 3] {
        [&self.weights, &self.visible_bias, &self.hidden_bias]
    }

    /// Returns the arrays, to be changed.
    pub(in crate::model) fn arrays_mut(&mut self) -> [&mut [f32]; 3] {
        [&mut self.weights, &mut self.visible_bias, &mut self.hidden_bias]
    }

    /// Makes one update of an engine's parameters by Adam.
    pub(in crate::model) fn ascend(&self, engine: &mut dyn Engine, moments: &mut Moments, adam: Adam, rate: Rate) {
        let mut parameters = engine.parameters();
        let biases = Rate { decay: 0.0, ..rate };
        moments.ascend(
            adam,
            &mut [
                (parameters.weights.as_mut_slice(), &self.weights, rate),
                (parameters.visible_bias.as_mut_slice(), &self.visible_bias, biases),
                (parameters.hidden_bias.as_mut_slice(), &self.hidden_bias, biases),
            ],
        );
        engine.restore(&parameters, None);
    }
}

/// Returns the bits of a matrix as numbers (rows × columns).
pub(in crate::model) fn as_numbers(bits: &BitMatrix) -> Vec<f32> {
    let columns = bits.columns();
    let mut numbers = vec![0.0; bits.rows() * columns];
    for row in 0..bits.rows() {
        bits.ones(row).for_each(|column| numbers[row * columns + column] = 1.0);
    }
    numbers
}

/// sums ← sums + values.
fn add(sums: &mut [f32], values: &[f32]) {
    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}
