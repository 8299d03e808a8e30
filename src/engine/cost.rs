//! The costs of the engines.
//!
//! Pure functions of shapes. Bytes are upper estimates that leave out what is small. Times rest on measurements of the
//! packed engine.

use super::kind::EngineKind;
use super::packed::{Isa, SAMPLING_COST, TABLES_FROM_ROWS, TILE_UNITS};
use super::random::LANES;

/// The cost of updating sixteen weights, in vector additions.
const UPDATE_COST: f64 = 8.0;
/// The share of a down pass's additions that tables of partial sums leave.
const TABLES_SHARE: f64 = 0.5;
/// The share of the hidden units that are on.
const HIDDEN_DENSITY: f64 = 0.5;
/// The nanoseconds of a vector addition with its share of loads, measured with AVX-512; other instruction sets take as
/// much longer as the factors of [`slowdown`] say.
const ADDITION_NANOSECONDS: f64 = 0.2;

/// Returns the bytes of one copy of the weights in f32, the hidden units filled up to whole tiles of 64. Biases do not
/// count.
pub fn weight_bytes(visible: usize, hidden: usize) -> u64 {
    4 * visible as u64 * hidden.next_multiple_of(TILE_UNITS) as u64
}

/// Returns the bytes that an engine takes for one layer: the weights as the up pass and as the down pass read them, or
/// the sums of either side of a dense product; with `momentum`, the last changes too.
///
/// Updates by a rule of more terms than a plain step take one more [`weight_bytes`].
pub fn engine_bytes(kind: EngineKind, visible: usize, hidden: usize, momentum: bool) -> u64 {
    let copies = match kind {
        EngineKind::Packed | EngineKind::Reference => 2,
        EngineKind::Dense => 3,
    };
    (copies + u64::from(momentum)) * weight_bytes(visible, hidden)
}

/// Returns the bytes of the states of both layers in one row, packed.
pub fn state_bytes(visible: usize, hidden: usize) -> u64 {
    (visible.div_ceil(8) + hidden.div_ceil(8)) as u64
}

/// Returns the bytes that a row at work takes: the bits of the data and the chains, and those remembered of both, with
/// the lists of units that are on; numbers of the hidden units for either side and for the inputs; and in engines that
/// expand bits to numbers, those of both layers.
pub fn row_bytes(kind: EngineKind, visible: usize, hidden: usize) -> u64 {
    let (visible, hidden) = (visible as u64, hidden as u64);
    let expanded = if kind == EngineKind::Packed { 0 } else { 3 * 4 * (visible + hidden) };
    visible.div_ceil(8) * 6 + visible / 2 + 4 * 4 * hidden + expanded
}

/// The size of one update by contrastive divergence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UpdateSize {
    /// The rows of a batch; a mean over batches need not be whole.
    pub rows: f64,
    /// k, the Gibbs steps of the negative phase.
    pub gibbs_steps: f64,
    /// The number of visible units.
    pub visible: usize,
    /// The number of hidden units.
    pub hidden: usize,
    /// The share of the visible units that are on.
    pub density: f64,
}

impl UpdateSize {
    /// Returns the operations of the update, counted as additions of single numbers: 2 + k up passes over the units
    /// that are on, k down passes over half of the hidden units, draws, and one pass over the weights.
    pub fn operations(&self) -> f64 {
        let (rows, k) = (self.rows, self.gibbs_steps);
        let (visible, hidden) = (self.visible as f64, self.hidden as f64);
        let tables = if rows < TABLES_FROM_ROWS as f64 { 1.0 } else { TABLES_SHARE };
        let up = (2.0 + k) * rows * self.density * visible * hidden;
        let down = k * rows * HIDDEN_DENSITY * hidden * visible * tables;
        let drawing = SAMPLING_COST as f64 * rows * (k * visible + (1.0 + k) * hidden);
        let updating = UPDATE_COST * visible * hidden;
        up + down + drawing + updating
    }

    /// Returns the nanoseconds of the update by the packed engine on one thread.
    pub fn nanoseconds(&self, isa: Isa) -> f64 {
        self.operations() / LANES as f64 * ADDITION_NANOSECONDS * slowdown(isa)
    }
}

/// Returns how many times as long the kernels of an instruction set take as those of AVX-512.
fn slowdown(isa: Isa) -> f64 {
    match isa {
        Isa::Avx512 => 1.0,
        Isa::Avx2 => 2.0,
        Isa::Scalar => 6.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Literal values worked out by hand, so that a constant that moves is seen.
    #[test]
    fn bytes_are_those_of_the_shapes() {
        assert_eq!(weight_bytes(2340, 50), 4 * 2340 * 64);
        assert_eq!(weight_bytes(2340, 64), 599_040);
        assert_eq!(weight_bytes(88, 150), 67_584);
        assert_eq!(engine_bytes(EngineKind::Packed, 2340, 50, false), 1_198_080);
        assert_eq!(engine_bytes(EngineKind::Packed, 2340, 50, true), 1_797_120);
        assert_eq!(engine_bytes(EngineKind::Reference, 2340, 50, false), 1_198_080);
        assert_eq!(engine_bytes(EngineKind::Dense, 2340, 50, false), 1_797_120);
        assert_eq!(engine_bytes(EngineKind::Dense, 88, 150, true), 270_336);
        assert_eq!(state_bytes(2340, 50), 293 + 7);
        assert_eq!(row_bytes(EngineKind::Packed, 2340, 50), 1758 + 1170 + 800);
        assert_eq!(row_bytes(EngineKind::Dense, 2340, 50), 3728 + 28_680);
        assert_eq!(row_bytes(EngineKind::Reference, 88, 150), 66 + 44 + 2400 + 2856);
    }

    #[test]
    fn times_are_those_of_the_operations() {
        let small = UpdateSize { rows: 10.0, gibbs_steps: 1.0, visible: 2340, hidden: 50, density: 0.05 };
        // 175,500 + 585,000 + 732,000 + 936,000.
        assert_eq!(small.operations(), 2_428_500.0);
        let close = |found: f64, expected: f64| (found / expected - 1.0).abs() < 1e-12;
        assert!(close(small.nanoseconds(Isa::Avx512), 30_356.25));
        assert!(close(small.nanoseconds(Isa::Avx2), 60_712.5));
        assert!(close(small.nanoseconds(Isa::Scalar), 182_137.5));
        let large = UpdateSize { rows: 100.0, gibbs_steps: 5.0, hidden: 1024, ..small };
        // 83,865,600 + 299,520,000 + 53,532,000 + 19,169,280: tables halve the down passes.
        assert!(close(large.operations(), 456_086_880.0), "{}", large.operations());
        let below = UpdateSize { rows: 31.0, ..large };
        assert!(close(below.operations(), 25_998_336.0 + 185_702_400.0 + 16_594_920.0 + 19_169_280.0));
    }
}
