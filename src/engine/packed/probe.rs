//! The probe that measures a machine's limits, by work of known size with the kernels' own means.

use super::isa::{Isa, IsaError, Kernels};
use super::kernels::{BLOCK, CountUpdate, GROUP, MOST_PLANES};
use super::lanes::{Lanes, StreamState, Words};
use super::layout::MOST_KEPT_BYTES;
use super::passes::{DOWN_ROWS, TABLES_FROM_ROWS};
use crate::engine::random::{LANES, Purpose, RowStreams};

/// Work of known size on one core, by one instruction set. The caller times it.
#[derive(Clone, Debug)]
pub struct Probe {
    kernels: Kernels,
    matrix: Vec<[Lanes; BLOCK]>,
}

impl Probe {
    /// The least rows that a down pass sums by tables.
    pub const TABLES_FROM_ROWS: usize = TABLES_FROM_ROWS;
    /// The rows that one set of tables serves at most.
    pub const ROWS_OF_TABLES: usize = DOWN_ROWS;
    /// The hidden units whose partial sums are tabulated together.
    pub const UNITS_OF_TABLE: usize = GROUP;
    /// The rows of either side up to which an update counts bits.
    pub const MOST_COUNTED_ROWS: usize = CountUpdate::room(MOST_PLANES);
    /// The bytes of weights up to which they are kept transposed too.
    pub const MOST_KEPT_BYTES: usize = MOST_KEPT_BYTES;

    /// Bytes in a row of the matrix that [`Self::loads`] adds up.
    pub const ROW_BYTES: usize = BLOCK * LANES * 4;

    /// Returns probes of the given instruction set.
    pub fn new(isa: Isa) -> Result<Self, IsaError> {
        Ok(Self { kernels: Kernels::new(isa)?, matrix: Vec::new() })
    }

    /// Adds numbers held in registers. Returns the additions of sixteen numbers made, and a result to keep.
    pub fn additions(&self, rounds: usize) -> (usize, f32) {
        let mut lanes = [Lanes([1e-3; LANES]); BLOCK];
        self.kernels.probe_additions(rounds, &mut lanes);
        (rounds * 96, lanes[0].0[0])
    }

    /// Multiplies numbers held in registers. Returns the multiplications of sixteen numbers made, and a result to keep.
    pub fn multiplications(&self, rounds: usize) -> (usize, f32) {
        let mut lanes = [Lanes([1.0; LANES]); BLOCK];
        self.kernels.probe_multiplications(rounds, &mut lanes);
        (rounds * 96, lanes[0].0[0])
    }

    /// Adds integers held in registers. Returns the additions of sixteen integers made, and a result to keep.
    pub fn integers(&self, rounds: usize) -> (usize, u32) {
        let mut words = [Words([1; LANES]); 4];
        self.kernels.probe_integers(rounds, &mut words);
        (rounds * 96, words[0].0[0])
    }

    /// Makes operations of all kinds side by side, held in registers. Returns those on sixteen numbers made, and a result
    /// to keep.
    pub fn mixed(&self, rounds: usize) -> (usize, u32) {
        let (mut lanes, mut words) = ([Lanes([1.0; LANES]); BLOCK], [Words([1; LANES]); 4]);
        self.kernels.probe_mixed(rounds, &mut lanes, &mut words);
        (rounds * 96, words[0].0[0] ^ lanes[0].0[0].to_bits())
    }

    /// Writes a matrix of about `bytes` bytes `rounds` times. Returns the stores of sixteen numbers made, and a result
    /// to keep.
    pub fn stores(&mut self, rounds: usize, bytes: usize) -> (usize, f32) {
        self.matrix.resize((bytes / Self::ROW_BYTES).max(1), [Lanes([1e-6; LANES]); BLOCK]);
        self.kernels.probe_stores(rounds, &Lanes([1e-6; LANES]), &mut self.matrix);
        (rounds * self.matrix.len() * BLOCK, self.matrix[0][0].0[0])
    }

    /// Adds up a matrix of about `bytes` bytes `rounds` times: loads and additions in equal number. Returns those of
    /// sixteen numbers each, and a result to keep.
    pub fn loads(&mut self, rounds: usize, bytes: usize) -> (usize, f32) {
        self.matrix.resize((bytes / Self::ROW_BYTES).max(1), [Lanes([1e-6; LANES]); BLOCK]);
        let mut total = [Lanes::ZERO; BLOCK];
        self.kernels.probe_loads(rounds, &self.matrix, &mut total);
        (rounds * self.matrix.len() * BLOCK, total[0].0[0])
    }

    /// Draws raw numbers. Returns how many, and a result to keep.
    pub fn numbers(&self, rounds: usize) -> (usize, u32) {
        let mut states = [StreamState::ZERO; 2];
        self.kernels.seed(RowStreams::new(1, Purpose::Baseline, 0, 0, 0), 0, &mut states);
        let mut total = Words([0; LANES]);
        self.kernels.probe_numbers(rounds, &mut states, &mut total);
        (rounds * 2 * LANES, total.0.iter().fold(0, |total, number| total ^ number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instruction_set_does_the_same_work() {
        let outcomes: Vec<_> = Isa::available()
            .into_iter()
            .map(|isa| {
                let mut probe = Probe::new(isa).unwrap();
                (probe.additions(3), probe.loads(2, 10_000), probe.numbers(5))
            })
            .collect();
        assert_eq!(outcomes[0].0.0, 288);
        assert_eq!(outcomes[0].1.0, 2 * 19 * 8);
        for isa in Isa::available() {
            let mut probe = Probe::new(isa).unwrap();
            assert_eq!(probe.multiplications(3), (288, 1.0));
            // Four sums of 1 double 24 times a round.
            assert_eq!(probe.integers(1), (96, 1 << 24));
            // They double 12 times; the first sum of numbers does too.
            assert_eq!(probe.mixed(1), (96, 1 << 12 ^ 4096f32.to_bits()));
            assert_eq!(probe.stores(2, 10_000), (2 * 19 * 8, 1e-6));
        }
        // Sums in registers are as many as there are registers: only the count of additions is the same.
        assert!(outcomes.iter().all(|outcome| outcome.0.0 == 288 && outcome.0.1 > 1e-3));
        assert!(outcomes.windows(2).all(|pair| pair[0].1 == pair[1].1 && pair[0].2 == pair[1].2));
    }
}
