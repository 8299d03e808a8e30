//! The hidden units of a model as what they do to the visible ones.

use super::tensors::Tensors;
use crate::engine::Parameters;

/// The hidden units of one layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    /// The layer, from 1 for the lowest.
    pub layer: usize,
    /// The number of units.
    pub hidden: usize,
    /// The change of each visible unit's input as a hidden unit turns on (visible × hidden), row-major: its weights, of the
    /// lowest layer.
    pub effects: Vec<f32>,
    /// The biases of the units (hidden).
    pub biases: Vec<f32>,
}

impl Features {
    /// Returns the layer of the RBM that `weights`, `visible_bias` and `hidden_bias` make; none if the tensors are others.
    pub(super) fn of_rbm(tensors: &Tensors) -> Vec<Self> {
        let Ok(Parameters { hidden, weights, hidden_bias, .. }) = Parameters::try_from(tensors) else {
            return Vec::new();
        };
        vec![Self { layer: 1, hidden, effects: weights, biases: hidden_bias }]
    }
}
