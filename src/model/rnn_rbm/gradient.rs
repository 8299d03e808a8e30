//! The gradient of the mean log-likelihood by the parameters of the network, back through time.
//!
//! With p_t = σ(c_t + v_t·W) and ⟨·⟩_t under the RBM of frame t, or under its chain:
//!
//! ```text
//! δv_t = v_t − ⟨v⟩_t      δh_t = p_t − ⟨h⟩_t      dWuv = Σ u_{t−1} ⊗ δv_t      dWuh = Σ u_{t−1} ⊗ δh_t
//! a_{t−1} = δv_t·Wuvᵀ + δh_t·Wuhᵀ + g_t·Wuuᵀ      g_{t−1} = a_{t−1} ⊙ (1 − u_{t−1}²)      g_T = 0
//! db_u = Σ_{t<T} g_t      dWvu = Σ_{t<T} v_t ⊗ g_t      dWuu = Σ_{t<T} u_{t−1} ⊗ g_t      du_0 = a_0
//! ```
//!
//! all divided by the number of frames (Boulanger-Lewandowski, Bengio and Vincent 2012, section 4.1).

use super::network::{Network, add, at_step, transposed};
use crate::engine::{BitMatrix, ProductKernels};
use rayon::prelude::*;
use std::ops::Range;

/// The pass forward over the sequences of a batch, with the differences between data and model.
pub(super) struct Differences<'a> {
    /// The frames as the network has read them (frames × visible).
    pub frames: &'a BitMatrix,
    /// The rows of each sequence.
    pub sequences: &'a [Range<usize>],
    /// True for the sequences that began at u_0.
    pub from_initial: &'a [bool],
    /// The states before each frame, u_{t−1} (frames × recurrent).
    pub before: &'a [f32],
    /// The same as the biases have seen them: some hidden by dropout, the others scaled up (frames × recurrent).
    pub seen: &'a [f32],
    /// The factor of each of `before` in `seen`; `None` where all are 1.
    pub masks: Option<&'a [f32]>,
    /// The factor of visible units in the network's inputs.
    pub scale: f32,
    /// δv (frames × visible).
    pub visible: &'a [f32],
    /// δh (frames × hidden).
    pub hidden: &'a [f32],
}

impl Differences<'_> {
    /// Returns the gradient, the mean over all frames.
    pub(super) fn gradient(&self, network: &Network, kernels: ProductKernels) -> Network {
        let Network { visible, hidden, recurrent, .. } = *network;
        let mut gradient = Network::zeros(visible, hidden, recurrent);
        // dWuv, transposed: one row for each visible unit, whose differences are mostly zero.
        gradient.to_visible.par_chunks_mut(recurrent).with_min_len(16).enumerate().for_each(|(unit, sums)| {
            let differences = self.visible.iter().skip(unit).step_by(visible);
            for (&difference, state) in differences.zip(self.seen.chunks_exact(recurrent)) {
                if difference != 0.0 {
                    add_scaled(sums, state, difference);
                }
            }
        });
        kernels.add_outer_products(self.seen, self.hidden, &mut gradient.to_hidden, hidden);
        let later = self.back(network, kernels, &mut gradient.initial);
        for state in later.chunks_exact(recurrent) {
            add(&mut gradient.bias, state);
        }
        for (row, later) in later.chunks_exact(recurrent).enumerate() {
            for unit in self.frames.ones(row) {
                add(&mut gradient.from_visible[unit * recurrent..][..recurrent], later);
            }
        }
        kernels.add_outer_products(self.before, &later, &mut gradient.weights, recurrent);
        let frames = self.frames.rows() as f32;
        let [to_visible, to_hidden, from_visible, weights, bias, initial] = gradient.arrays_mut();
        let scale = self.scale;
        for value in from_visible.iter_mut() {
            *value *= scale;
        }
        for array in [to_visible, to_hidden, from_visible, weights, bias, initial] {
            for value in array {
                *value /= frames;
            }
        }
        gradient
    }

    /// Returns g_t of every frame (frames × recurrent), zero for the last of a sequence, and adds a_0 to `initial`.
    fn back(&self, network: &Network, kernels: ProductKernels, initial: &mut [f32]) -> Vec<f32> {
        let Network { visible, recurrent: units, ref to_visible, .. } = *network;
        let to_hidden = transposed(&network.to_hidden, network.hidden);
        let weights = transposed(&network.weights, units);
        // δv·Wuvᵀ + δh·Wuhᵀ of all frames.
        let mut own = vec![0.0; self.before.len()];
        own.par_chunks_mut(units).with_min_len(16).enumerate().for_each(|(row, own)| {
            for (unit, &difference) in self.visible[row * visible..][..visible].iter().enumerate() {
                if difference != 0.0 {
                    add_scaled(own, &to_visible[unit * units..][..units], difference);
                }
            }
        });
        kernels.add_product(self.hidden, &to_hidden, &mut own, units);
        if let Some(masks) = self.masks {
            own.iter_mut().zip(masks).for_each(|(own, mask)| *own *= mask);
        }
        let mut later = vec![0.0; self.before.len()];
        let longest = self.sequences.iter().map(ExactSizeIterator::len).max().unwrap_or(0);
        let (mut current, mut sums) = (Vec::new(), Vec::new());
        for step in (0..longest).rev() {
            let active: Vec<(usize, usize)> = at_step(self.sequences, step).collect();
            current.clear();
            sums.clear();
            for &(_, row) in &active {
                current.extend_from_slice(&later[row * units..][..units]);
                sums.extend_from_slice(&own[row * units..][..units]);
            }
            kernels.add_product(&current, &weights, &mut sums, units);
            for (&(sequence, row), sums) in active.iter().zip(sums.chunks_exact(units)) {
                if step > 0 {
                    let state = &self.before[row * units..][..units];
                    let target = &mut later[(row - 1) * units..][..units];
                    for ((target, sum), state) in target.iter_mut().zip(sums).zip(state) {
                        *target = sum * (1.0 - state * state);
                    }
                } else if self.from_initial[sequence] {
                    add(initial, sums);
                }
            }
        }
        later
    }
}

/// sums ← sums + factor · values.
fn add_scaled(sums: &mut [f32], values: &[f32], factor: f32) {
    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += factor * value);
}
