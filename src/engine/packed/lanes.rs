//! Sixteen numbers side by side: the unit of storage for the packed engine.

use crate::engine::random::LANES;

/// Sixteen f32, aligned to a cache line: one 512-bit register, two of 256 bits or four of 128.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(64))]
pub(super) struct Lanes(pub(super) [f32; LANES]);

/// The identity of addition: x + (−0) is x for every x, −0 included, which x + 0 is not.
pub(super) const NOTHING: f32 = -0.0;

impl Lanes {
    pub(super) const ZERO: Self = Self([0.0; LANES]);

    /// Adds the other sixteen numbers, each to its own.
    #[inline(always)]
    pub(super) fn add(&mut self, other: &Self) {
        for lane in 0..LANES {
            self.0[lane] += other.0[lane];
        }
    }
}

/// Returns lanes for `values`, filled up with zeros to `count` lanes.
pub(super) fn padded(values: &[f32], count: usize) -> Vec<Lanes> {
    let mut lanes = vec![Lanes::ZERO; count];
    for (lanes, values) in lanes.iter_mut().zip(values.chunks(LANES)) {
        lanes.0[..values.len()].copy_from_slice(values);
    }
    lanes
}

/// Copies the first `target.len()` numbers of `lanes`.
pub(super) fn copy_out(lanes: &[Lanes], target: &mut [f32]) {
    for (target, lanes) in target.chunks_mut(LANES).zip(lanes) {
        target.copy_from_slice(&lanes.0[..target.len()]);
    }
}

/// The [`LANES`] generators of one row's stream, word by word: `words[w].0[lane]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StreamState {
    pub(super) words: [Words; 4],
}

/// Sixteen u32, aligned like [`Lanes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub(super) struct Words(pub(super) [u32; LANES]);

impl StreamState {
    pub(super) const ZERO: Self = Self { words: [Words([0; LANES]); 4] };
}
