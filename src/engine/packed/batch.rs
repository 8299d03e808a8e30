//! The batches of visible states that the packed engine remembers: training asks for the same states more than once.

use super::isa::Kernels;
use super::kernels::TILE;
use super::lanes::Lanes;
use super::lists::{Lists, Parts};
use crate::engine::bits::BitMatrix;

/// One matrix of visible states with what was computed from it.
#[derive(Clone, Debug, Default)]
pub(super) struct VisibleBatch {
    pub(super) states: BitMatrix,
    /// For each row the units that are on.
    pub(super) rows: Lists,
    /// For each unit the rows in which it is on. Filled by [`Self::sort_by_unit`].
    pub(super) units: Lists,
    /// The parts of `rows`. Filled by [`Self::divide`].
    pub(super) parts: Parts,
    /// The hidden inputs (tile × row × 64), and the generation of the parameters they were computed from.
    pub(super) inputs: Vec<[Lanes; TILE]>,
    pub(super) inputs_generation: Option<u64>,
}

impl VisibleBatch {
    fn prepare(&mut self, kernels: Kernels, states: &BitMatrix) {
        self.states.clone_from(states);
        self.inputs_generation = None;
        self.rows.clear();
        self.units.clear();
        for row in 0..states.rows() {
            self.rows.push(|indices| kernels.indices(states.row(row), indices));
        }
    }

    /// Fills `parts`.
    pub(super) fn divide(&mut self) {
        self.parts.find(&self.rows, self.states.columns());
    }

    /// Fills `units` unless that was done.
    pub(super) fn sort_by_unit(&mut self) {
        if self.units.len() != self.states.columns() {
            self.rows.transpose_into(self.states.columns(), &mut self.units);
        }
    }
}

/// The two batches used last: in training the data and the latest states of the chains.
///
/// A batch is recognised by its bits, so that remembering it cannot change a result.
#[derive(Clone, Debug, Default)]
pub(super) struct RecentBatches {
    batches: [VisibleBatch; 2],
    latest: usize,
}

impl RecentBatches {
    /// Returns the place of the batch with these states; the batch not used for longest makes room where it is new.
    pub(super) fn place(&mut self, kernels: Kernels, states: &BitMatrix) -> usize {
        let known = (0..2).find(|&place| self.batches[place].states == *states);
        let place = known.unwrap_or_else(|| {
            let place = 1 - self.latest;
            self.batches[place].prepare(kernels, states);
            place
        });
        self.latest = place;
        place
    }

    /// Returns the batches of the data's and the model's states, with their rows sorted by unit.
    pub(super) fn sorted(&mut self, kernels: Kernels, states: [&BitMatrix; 2]) -> [&VisibleBatch; 2] {
        let places = states.map(|states| self.place(kernels, states));
        for place in places {
            self.at_mut(place).sort_by_unit();
        }
        places.map(|place| self.at(place))
    }

    pub(super) fn at(&self, place: usize) -> &VisibleBatch {
        &self.batches[place]
    }

    pub(super) fn at_mut(&mut self, place: usize) -> &mut VisibleBatch {
        &mut self.batches[place]
    }
}
