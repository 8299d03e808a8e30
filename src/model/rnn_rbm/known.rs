//! The known frames: the distinct ones of the training data.

use crate::engine::{BitMatrix, softplus_sum};
use crate::model::energy::Rbm;
use rayon::prelude::*;
use std::collections::HashSet;

/// Distinct frames, with the terms of their free energies that no context changes.
pub(super) struct KnownFrames {
    /// The frames (frames × visible), in order of first appearance.
    pub(super) frames: BitMatrix,
    /// The same, by their words.
    states: HashSet<Vec<u64>>,
    /// v·W of each (frames × hidden).
    products: Vec<f64>,
    /// b·v of each.
    own: Vec<f64>,
    /// c (hidden).
    hidden_bias: Vec<f64>,
}

impl KnownFrames {
    /// Collects the distinct frames among the rows `rows` of `frames` (frames × visible).
    pub(super) fn new(rbm: &Rbm, frames: &BitMatrix, rows: &[usize]) -> Self {
        let mut states = HashSet::new();
        let rows: Vec<usize> = rows.iter().copied().filter(|&row| states.insert(frames.row(row).to_vec())).collect();
        let bias = &rbm.parameters().visible_bias;
        let hidden_bias: Vec<f64> = rbm.parameters().hidden_bias.iter().map(|&bias| f64::from(bias)).collect();
        let products: Vec<Vec<f64>> = rows
            .par_iter()
            .map(|&row| {
                let mut inputs = rbm.hidden_inputs(frames, row);
                inputs.iter_mut().zip(&hidden_bias).for_each(|(input, bias)| *input -= bias);
                inputs
            })
            .collect();
        let own = rows.iter().map(|&row| frames.ones(row).map(|unit| f64::from(bias[unit])).sum()).collect();
        Self { frames: frames.gather(&rows), states, products: products.concat(), own, hidden_bias }
    }

    /// Returns true if there is no frame.
    pub(super) fn is_empty(&self) -> bool {
        self.own.is_empty()
    }

    /// Returns true if a frame of these words is known.
    pub(super) fn contains(&self, words: &[u64]) -> bool {
        self.states.contains(words)
    }

    /// Returns −F_t of every frame, in nats, under biases with the offsets `visible` and `hidden` of a frame t.
    pub(super) fn negative_free_energies(&self, visible: &[f32], hidden: &[f32]) -> Vec<f64> {
        let biases: Vec<f64> =
            self.hidden_bias.iter().zip(hidden).map(|(bias, &offset)| bias + f64::from(offset)).collect();
        let mut inputs = vec![0.0; biases.len()];
        self.products
            .chunks_exact(biases.len())
            .zip(&self.own)
            .enumerate()
            .map(|(row, (products, own))| {
                for ((input, product), bias) in inputs.iter_mut().zip(products).zip(&biases) {
                    *input = product + bias;
                }
                let moved: f64 = self.frames.ones(row).map(|unit| f64::from(visible[unit])).sum();
                own + moved + softplus_sum(&inputs)
            })
            .collect()
    }
}
