//! The recurrent network that sets the biases of every frame.

use super::gradient::NetworkGradient;
use crate::engine::{BitMatrix, ProductKernels, SparseRows, Step, tanh};
use crate::model::contract::Context;
use crate::model::tensors::{TensorError, TensorReader, TensorValues, Tensors};
use std::borrow::Cow;
use std::ops::Range;

/// The parameters of the network, or arrays of the same shapes, such as their gradient.
///
/// ```text
/// u_t = tanh(b_u + v_t·Wvu + u_{t−1}·Wuu)      b_t = b + u_{t−1}·Wuv      c_t = c + u_{t−1}·Wuh
/// ```
///
/// (Boulanger-Lewandowski, Bengio and Vincent 2012, section 4; vectors are rows.)
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// The number of visible units of a frame.
    pub visible: usize,
    /// The number of hidden units.
    pub hidden: usize,
    /// The number of recurrent units.
    pub recurrent: usize,
    /// Wuv, transposed (visible × recurrent): the differences δv that meet it are sparse.
    pub to_visible: Vec<f32>,
    /// Wuh (recurrent × hidden).
    pub to_hidden: Vec<f32>,
    /// Wvu (visible × recurrent).
    pub from_visible: Vec<f32>,
    /// Wuu (recurrent × recurrent), from the row's unit to the column's.
    pub weights: Vec<f32>,
    /// b_u (recurrent).
    pub bias: Vec<f32>,
    /// u_0 (recurrent).
    pub initial: Vec<f32>,
}

/// The names of the tensors of a network, in the order of [`Network::arrays`].
const NAMES: [&str; 6] = [
    "recurrent_to_visible",
    "recurrent_to_hidden",
    "visible_to_recurrent",
    "recurrent_weights",
    "recurrent_bias",
    "initial_state",
];

impl Network {
    /// True for each of [`Self::arrays`] that weight decay applies to: the matrices.
    pub(super) const DECAYS: [bool; 6] = [true, true, true, true, false, false];

    /// Returns a network whose parameters are all zero.
    pub fn zeros(visible: usize, hidden: usize, recurrent: usize) -> Self {
        Self {
            visible,
            hidden,
            recurrent,
            to_visible: vec![0.0; visible * recurrent],
            to_hidden: vec![0.0; recurrent * hidden],
            from_visible: vec![0.0; visible * recurrent],
            weights: vec![0.0; recurrent * recurrent],
            bias: vec![0.0; recurrent],
            initial: vec![0.0; recurrent],
        }
    }

    /// Returns the names and shapes of the tensors.
    pub fn layout(&self) -> Vec<(String, Vec<usize>)> {
        let (visible, hidden, recurrent) = (self.visible, self.hidden, self.recurrent);
        let shapes: [Vec<usize>; 6] = [
            vec![recurrent, visible],
            vec![recurrent, hidden],
            vec![visible, recurrent],
            vec![recurrent, recurrent],
            vec![recurrent],
            vec![recurrent],
        ];
        NAMES.into_iter().map(str::to_owned).zip(shapes).collect()
    }

    /// Returns the arrays, Wuv transposed.
    pub fn arrays(&self) -> [&[f32]; 6] {
        [&self.to_visible, &self.to_hidden, &self.from_visible, &self.weights, &self.bias, &self.initial]
    }

    /// Returns the arrays, to be changed.
    pub fn arrays_mut(&mut self) -> [&mut [f32]; 6] {
        [
            &mut self.to_visible,
            &mut self.to_hidden,
            &mut self.from_visible,
            &mut self.weights,
            &mut self.bias,
            &mut self.initial,
        ]
    }

    /// Adds the tensors under names that start with `prefix`.
    pub fn insert(&self, prefix: &str, tensors: &mut Tensors) {
        let to_visible = transposed(&self.to_visible, self.recurrent);
        let [_, others @ ..] = self.arrays();
        let values = std::iter::once(to_visible).chain(others.into_iter().map(<[f32]>::to_vec));
        for ((name, shape), values) in self.layout().into_iter().zip(values) {
            tensors.insert(format!("{prefix}{name}"), &shape, TensorValues::F32(values));
        }
    }

    /// Takes the tensors that [`Self::insert`] added for a network of this one's shape.
    pub fn taken(&self, prefix: &str, reader: &mut TensorReader) -> Result<Self, TensorError> {
        let mut taken = Self::zeros(self.visible, self.hidden, self.recurrent);
        for ((name, shape), array) in self.layout().into_iter().zip(taken.arrays_mut()) {
            array.copy_from_slice(&reader.f32(&format!("{prefix}{name}"), &shape)?);
        }
        taken.to_visible = transposed(&taken.to_visible, self.visible);
        Ok(taken)
    }

    /// Returns true if every parameter is a finite number.
    pub fn is_finite(&self) -> bool {
        self.arrays().into_iter().flatten().all(|value| value.is_finite())
    }

    /// Makes a step along `scale` times the gradient, with momentum: V ← μV + εG − ελθ, θ ← θ + V, where λ decays matrices alone.
    pub(super) fn ascend(&mut self, velocity: &mut Self, gradient: &Self, scale: f32, step: &Step) {
        let rate = step.learning_rate * scale;
        let arrays = self.arrays_mut().into_iter().zip(velocity.arrays_mut()).zip(gradient.arrays()).zip(Self::DECAYS);
        for (((values, velocities), gradients), decays) in arrays {
            let decay = if decays { step.learning_rate * step.weight_decay } else { 0.0 };
            for ((value, velocity), gradient) in values.iter_mut().zip(velocities).zip(gradients) {
                *velocity = step.momentum * *velocity + (rate * gradient - decay * *value);
                *value += *velocity;
            }
        }
    }

    /// Makes the same step where it has neither momentum nor decay, which leaves parameters without a gradient as they
    /// are, and no velocity to remember.
    pub(super) fn ascend_plainly(&mut self, gradient: &NetworkGradient, rate: f32) {
        let ascend = |values: &mut [f32], gradients: &[f32]| {
            values.iter_mut().zip(gradients).for_each(|(value, gradient)| *value += rate * gradient);
        };
        let units = self.recurrent;
        for ((values, gradients), rows) in
            self.arrays_mut().into_iter().zip(gradient.arrays.arrays()).zip(gradient.rows())
        {
            match rows {
                None => ascend(values, gradients),
                Some(rows) => {
                    for row in rows {
                        let own = row * units..(row + 1) * units;
                        ascend(&mut values[own.clone()], &gradients[own]);
                    }
                }
            }
        }
    }

    /// Returns the network with the copies that passes over songs use.
    pub fn prepared(&self, kernels: ProductKernels) -> Prepared<'_> {
        let to_visible = Cow::Owned(transposed(&self.to_visible, self.recurrent));
        Prepared { network: self, kernels, to_visible }
    }

    /// Returns the same, with Wuv (recurrent × visible) at hand.
    pub(super) fn prepared_with<'a>(&'a self, kernels: ProductKernels, to_visible: &'a [f32]) -> Prepared<'a> {
        assert_eq!(to_visible.len(), self.to_visible.len(), "weights from recurrent to visible units");
        Prepared { network: self, kernels, to_visible: Cow::Borrowed(to_visible) }
    }
}

/// A network ready to pass over songs.
pub struct Prepared<'a> {
    network: &'a Network,
    kernels: ProductKernels,
    /// Wuv (recurrent × visible).
    to_visible: Cow<'a, [f32]>,
}

/// The states of a network over some sequences of frames.
#[derive(Clone, Debug, PartialEq)]
pub struct States {
    /// The state before each frame, u_{t−1} (frames × recurrent).
    pub before: Vec<f32>,
    /// The state after the last frame of each sequence (sequences × recurrent).
    pub after: Vec<f32>,
}

impl Prepared<'_> {
    /// Passes over sequences, each a range of the rows of `frames` (frames × visible), from the states `starts`
    /// (sequences × recurrent). Visible units count `scale` times.
    pub fn pass(&self, frames: &BitMatrix, sequences: &[Range<usize>], starts: &[f32], scale: f32) -> States {
        let mut units = SparseRows::default();
        units.fill_with_bits(frames);
        self.pass_over(&units, sequences, starts, scale)
    }

    /// Passes as [`Self::pass`] does over frames whose units are listed.
    pub(super) fn pass_over(
        &self,
        frames: &SparseRows,
        sequences: &[Range<usize>],
        starts: &[f32],
        scale: f32,
    ) -> States {
        let units = self.network.recurrent;
        let mut before = vec![0.0; frames.rows() * units];
        let inputs = self.inputs(frames, scale);
        let mut after = starts.to_vec();
        let longest = sequences.iter().map(ExactSizeIterator::len).max().unwrap_or(0);
        let (mut current, mut next) = (Vec::new(), Vec::new());
        for step in 0..longest {
            // The rows of the sequences that have such a frame, side by side.
            let active: Vec<(usize, usize)> = at_step(sequences, step).collect();
            current.clear();
            next.clear();
            for &(sequence, row) in &active {
                let state = &after[sequence * units..][..units];
                before[row * units..][..units].copy_from_slice(state);
                current.extend_from_slice(state);
                next.extend_from_slice(&inputs[row * units..][..units]);
            }
            self.kernels.add_product(&current, &self.network.weights, &mut next, units);
            for (&(sequence, _), next) in active.iter().zip(next.chunks_exact(units)) {
                let state = &mut after[sequence * units..][..units];
                state.iter_mut().zip(next).for_each(|(state, &input)| *state = tanh(input));
            }
        }
        States { before, after }
    }

    /// Returns b_u + scale · v·Wvu of every frame (frames × recurrent).
    fn inputs(&self, frames: &SparseRows, scale: f32) -> Vec<f32> {
        let Network { recurrent, from_visible, bias, .. } = self.network;
        let mut inputs = vec![0.0; frames.rows() * recurrent];
        self.kernels.add_sparse_product(frames, from_visible, &mut inputs, *recurrent);
        for inputs in inputs.chunks_exact_mut(*recurrent) {
            inputs.iter_mut().zip(bias).for_each(|(input, bias)| *input = *input * scale + bias);
        }
        inputs
    }

    /// Returns the offsets u·Wuv and u·Wuh of frames, from the state before each (frames × recurrent).
    pub fn context(&self, before: &[f32]) -> Context {
        let Network { visible, hidden, recurrent, ref to_hidden, .. } = *self.network;
        let frames = before.len() / recurrent;
        let mut context = Context {
            visible: vec![0.0; frames * visible],
            hidden: vec![0.0; frames * hidden],
            units: (visible, hidden),
        };
        self.kernels.add_product(before, &self.to_visible, &mut context.visible, visible);
        self.kernels.add_product(before, to_hidden, &mut context.hidden, hidden);
        context
    }

    /// Moves states (sequences × recurrent) past one frame each (sequences × visible).
    pub fn advance(&self, states: &mut [f32], frames: &BitMatrix) {
        let sequences: Vec<Range<usize>> = (0..frames.rows()).map(|row| row..row + 1).collect();
        let after = self.pass(frames, &sequences, states, 1.0).after;
        states.copy_from_slice(&after);
    }
}

/// Returns the sequences that have a frame number `step`, each with the row of that frame.
pub(super) fn at_step(sequences: &[Range<usize>], step: usize) -> impl Iterator<Item = (usize, usize)> + '_ {
    sequences
        .iter()
        .enumerate()
        .filter(move |(_, rows)| step < rows.len())
        .map(move |(own, rows)| (own, rows.start + step))
}

/// sums ← sums + values.
pub(super) fn add(sums: &mut [f32], values: &[f32]) {
    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}

/// Returns the transpose of a row-major matrix of `columns` columns.
pub(super) fn transposed(matrix: &[f32], columns: usize) -> Vec<f32> {
    let rows = matrix.len().checked_div(columns).unwrap_or(0);
    let mut transposed = vec![0.0; matrix.len()];
    for (row, values) in matrix.chunks_exact(columns.max(1)).enumerate() {
        for (column, &value) in values.iter().enumerate() {
            transposed[column * rows + row] = value;
        }
    }
    transposed
}
