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

/// The parts of a piece of work, in operations on sixteen numbers each.
///
/// A part is what the work takes at least: an operation that could be of another kind, or data that could already be in
/// a nearer cache, do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Work {
    /// Additions and subtractions of numbers.
    pub additions: f64,
    /// Multiplications.
    pub multiplications: f64,
    /// Operations on integers and bits.
    pub integers: f64,
    /// Comparisons, conversions and shuffles, which processors give to different units.
    pub others: f64,
    /// Loads from any level.
    pub loads: f64,
    /// Stores.
    pub stores: f64,
    /// Loads of what the second-level cache, but not the first, can hold.
    pub from_second_level: f64,
    /// Loads of what no cache of a core can hold.
    pub from_beyond: f64,
}

/// The rates of one core in operations on sixteen numbers a second, each measured alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// Additions of numbers in registers.
    pub additions: f64,
    /// Multiplications of numbers in registers.
    pub multiplications: f64,
    /// Additions of integers in registers.
    pub integers: f64,
    /// Operations of all kinds side by side in registers.
    pub instructions: f64,
    /// Loads, with an addition each, from the first-level cache.
    pub loads: f64,
    /// Stores to the first-level cache.
    pub stores: f64,
    /// Loads from the second-level cache.
    pub second_level: f64,
    /// Loads from beyond it.
    pub beyond: f64,
}

impl Work {
    /// Returns both pieces of work, one after the other.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            additions: self.additions + other.additions,
            multiplications: self.multiplications + other.multiplications,
            integers: self.integers + other.integers,
            others: self.others + other.others,
            loads: self.loads + other.loads,
            stores: self.stores + other.stores,
            from_second_level: self.from_second_level + other.from_second_level,
            from_beyond: self.from_beyond + other.from_beyond,
        }
    }

    /// Returns the work `count` times.
    #[must_use]
    pub fn times(self, count: f64) -> Self {
        Self {
            additions: self.additions * count,
            multiplications: self.multiplications * count,
            integers: self.integers * count,
            others: self.others * count,
            loads: self.loads * count,
            stores: self.stores * count,
            from_second_level: self.from_second_level * count,
            from_beyond: self.from_beyond * count,
        }
    }

    /// Returns the draw of sixteen units from their inputs: a step of xoshiro128++, e^−x by a polynomial of degree 5, and
    /// the comparison. AVX-512 rotates and combines three operands in one instruction.
    pub fn draw(isa: Isa) -> Self {
        let integers = if isa == Isa::Avx512 { 12.0 } else { 19.0 };
        Self { additions: 10.0, multiplications: 8.0, integers, others: 4.0, loads: 1.0, ..Self::default() }
    }

    /// Returns the least seconds that the work takes at these rates, and the part that they bind.
    pub fn bound(&self, rates: &Rates) -> (f64, &'static str) {
        let instructions = self.additions + self.multiplications + self.integers + self.others;
        let parts = [
            (self.additions / rates.additions, "additions"),
            (self.multiplications / rates.multiplications, "multiplications"),
            (self.integers / rates.integers, "integers"),
            (instructions / rates.instructions, "instructions"),
            (self.loads / rates.loads, "loads"),
            (self.stores / rates.stores, "stores"),
            (self.from_second_level / rates.second_level, "second-level cache"),
            (self.from_beyond / rates.beyond, "beyond the second-level cache"),
        ];
        parts.into_iter().max_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or((0.0, "nothing"))
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

    /// Rates of 1 to 8 operations a second: each part binds where it is large enough, and none can be overlooked.
    #[test]
    fn the_slowest_part_binds() {
        let rates = Rates {
            additions: 1.0,
            multiplications: 2.0,
            integers: 3.0,
            instructions: 4.0,
            loads: 5.0,
            stores: 6.0,
            second_level: 7.0,
            beyond: 8.0,
        };
        let none = Work::default();
        assert_eq!(none.bound(&rates).0, 0.0);
        for (work, expected) in [
            (Work { additions: 12.0, ..none }, (12.0, "additions")),
            (Work { multiplications: 12.0, ..none }, (6.0, "multiplications")),
            (Work { integers: 12.0, ..none }, (4.0, "integers")),
            (Work { others: 12.0, ..none }, (3.0, "instructions")),
            (Work { additions: 1.0, multiplications: 2.0, integers: 3.0, others: 6.0, ..none }, (3.0, "instructions")),
            (Work { loads: 12.0, ..none }, (2.4, "loads")),
            (Work { stores: 12.0, ..none }, (2.0, "stores")),
            (Work { from_second_level: 14.0, ..none }, (2.0, "second-level cache")),
            (Work { from_beyond: 12.0, ..none }, (1.5, "beyond the second-level cache")),
        ] {
            assert_eq!(work.bound(&rates), expected);
        }
        let draw = Work::draw(Isa::Avx2);
        assert_eq!(draw.and(draw), draw.times(2.0));
        // 10 + 8 + 19 + 4 instructions at 4 a second, 10 additions at 1.
        assert_eq!(draw.bound(&Rates { additions: 4.0, integers: 8.0, ..rates }), (10.25, "instructions"));
        assert_eq!(draw.bound(&Rates { integers: 8.0, ..rates }).1, "instructions");
        assert_eq!(draw.and(Work { additions: 90.0, ..none }).bound(&rates), (100.0, "additions"));
    }
}
