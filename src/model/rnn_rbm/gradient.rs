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
use crate::engine::{ProductKernels, SparseRows, join_if_worth};
use std::ops::Range;

/// The gradient by the parameters of a network, in memory that one update leaves to the next.
pub(super) struct NetworkGradient {
    /// The gradient by each array of parameters; rows of Wuv and Wvu that no unit touches are zero.
    pub arrays: Network,
    /// The rows of Wuv, transposed, that a difference touches.
    to_visible: Rows,
    /// The rows of Wvu that a frame touches.
    from_visible: Rows,
}

/// Some rows of a matrix, each once.
#[derive(Default)]
struct Rows {
    rows: Vec<usize>,
    known: Vec<bool>,
}

impl Rows {
    /// Zeroes the rows of a matrix of `columns` columns, and forgets them.
    fn clear(&mut self, matrix: &mut [f32], columns: usize) {
        for row in self.rows.drain(..) {
            self.known[row] = false;
            matrix[row * columns..][..columns].fill(0.0);
        }
    }

    /// Adds the columns in use of a matrix of `count` columns.
    fn add(&mut self, sparse: &SparseRows, count: usize) {
        self.known.resize(count, false);
        for &column in sparse.columns() {
            let column = column as usize;
            if !std::mem::replace(&mut self.known[column], true) {
                self.rows.push(column);
            }
        }
        self.rows.sort_unstable();
    }
}

/// Returns the rows of each of [`Network::arrays`] that are touched; `None` for all.
fn rows_of<'a>(to_visible: &'a Rows, from_visible: &'a Rows) -> [Option<&'a [usize]>; 6] {
    [Some(&to_visible.rows), None, Some(&from_visible.rows), None, None, None]
}

impl NetworkGradient {
    /// Returns room for the gradient of a network of these numbers of units.
    pub(super) fn new(visible: usize, hidden: usize, recurrent: usize) -> Self {
        Self {
            arrays: Network::zeros(visible, hidden, recurrent),
            to_visible: Rows::default(),
            from_visible: Rows::default(),
        }
    }

    /// Returns the rows that may not be zero, ascending, for each of [`Network::arrays`]; `None` for all.
    pub(super) fn rows(&self) -> [Option<&[usize]>; 6] {
        rows_of(&self.to_visible, &self.from_visible)
    }

    /// Calls `change` with every stretch of numbers that may not be zero.
    pub(super) fn for_each_stretch(&mut self, mut change: impl FnMut(&mut [f32])) {
        let Self { arrays, to_visible, from_visible } = self;
        let units = arrays.recurrent;
        for (array, rows) in arrays.arrays_mut().into_iter().zip(rows_of(to_visible, from_visible)) {
            match rows {
                None => change(array),
                Some(rows) => rows.iter().for_each(|row| change(&mut array[row * units..][..units])),
            }
        }
    }

    /// Zeroes everything, and notes the rows that the sparse factors will touch.
    fn begin(&mut self, differences: &SparseRows, frames: &SparseRows) {
        let Self { arrays, to_visible, from_visible } = self;
        let (visible, units) = (arrays.visible, arrays.recurrent);
        to_visible.clear(&mut arrays.to_visible, units);
        from_visible.clear(&mut arrays.from_visible, units);
        let [_, to_hidden, _, weights, bias, initial] = arrays.arrays_mut();
        for array in [to_hidden, weights, bias, initial] {
            array.fill(0.0);
        }
        to_visible.add(differences, visible);
        from_visible.add(frames, visible);
    }
}

/// The pass forward over the sequences of a batch, with the differences between data and model.
pub(super) struct Differences<'a> {
    /// The frames as the network has read them (frames × visible).
    pub frames: &'a SparseRows,
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
    pub visible: &'a SparseRows,
    /// δh (frames × hidden).
    pub hidden: &'a [f32],
}

impl Differences<'_> {
    /// gradient ← the mean over all frames.
    pub(super) fn gradient(&self, network: &Network, kernels: ProductKernels, gradient: &mut NetworkGradient) {
        let Network { hidden, recurrent, .. } = *network;
        let frames = self.frames.rows();
        gradient.begin(self.visible, self.frames);
        let Network { to_visible, to_hidden, from_visible, weights, bias, initial, .. } = &mut gradient.arrays;
        let biases = || {
            kernels.add_sparse_outer_products(self.visible, self.seen, to_visible, recurrent);
            kernels.add_outer_products(self.seen, self.hidden, to_hidden, hidden);
        };
        let recurrence = || {
            let later = self.back(network, kernels, initial);
            for state in later.chunks_exact(recurrent) {
                add(bias, state);
            }
            kernels.add_sparse_outer_products(self.frames, &later, from_visible, recurrent);
            kernels.add_outer_products(self.before, &later, weights, recurrent);
        };
        join_if_worth(frames * recurrent * (hidden + recurrent), biases, recurrence);
        let (scale, frames) = (self.scale, frames as f32);
        for &row in &gradient.from_visible.rows {
            let values = &mut gradient.arrays.from_visible[row * recurrent..][..recurrent];
            for value in values {
                *value *= scale;
            }
        }
        gradient.for_each_stretch(|values| values.iter_mut().for_each(|value| *value /= frames));
    }

    /// Returns g_t of every frame (frames × recurrent), zero for the last of a sequence, and adds a_0 to `initial`.
    fn back(&self, network: &Network, kernels: ProductKernels, initial: &mut [f32]) -> Vec<f32> {
        let Network { recurrent: units, ref to_visible, .. } = *network;
        let to_hidden = transposed(&network.to_hidden, network.hidden);
        let weights = transposed(&network.weights, units);
        // δv·Wuvᵀ + δh·Wuhᵀ of all frames.
        let mut own = vec![0.0; self.before.len()];
        kernels.add_sparse_product(self.visible, to_visible, &mut own, units);
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
