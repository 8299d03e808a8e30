//! The piano roll: time steps × (planes × pitches), as packed bits.

use crate::engine::BitMatrix;
use serde::{Deserialize, Serialize};

/// One plane of a piano roll's columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Plane {
    /// The note sounds during the step.
    Hold,
    /// The note is struck at the step.
    Onset,
}

/// What the columns of a piano roll mean: planes, outer, of pitches, inner and ascending.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Layout {
    /// The lowest MIDI pitch kept.
    pub lowest_pitch: u8,
    /// One more than the highest MIDI pitch kept.
    pub highest_pitch: u8,
    /// The planes, in the order of the columns.
    pub planes: Vec<Plane>,
}

impl Layout {
    /// Pitches a plane.
    pub fn pitches(&self) -> usize {
        usize::from(self.highest_pitch - self.lowest_pitch)
    }

    /// Columns of a step: planes × pitches.
    pub fn columns(&self) -> usize {
        self.planes.len() * self.pitches()
    }

    /// The first column of a plane, if the layout has it.
    pub fn plane_offset(&self, plane: Plane) -> Option<usize> {
        self.planes.iter().position(|&own| own == plane).map(|index| index * self.pitches())
    }

    /// The column of a pitch in a plane, if the layout has both.
    pub fn column(&self, plane: Plane, pitch: u8) -> Option<usize> {
        let kept = (self.lowest_pitch..self.highest_pitch).contains(&pitch);
        kept.then(|| self.plane_offset(plane).map(|offset| offset + usize::from(pitch - self.lowest_pitch))).flatten()
    }
}

/// A piece of music on a grid of time steps (steps × columns of the layout).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PianoRoll {
    /// What the columns mean.
    pub layout: Layout,
    /// The cells (steps × columns).
    pub cells: BitMatrix,
}

impl PianoRoll {
    /// A silent roll of `steps` steps.
    pub fn silent(layout: Layout, steps: usize) -> Self {
        let cells = BitMatrix::zeros(steps, layout.columns());
        Self { layout, cells }
    }

    /// Number of time steps.
    pub fn steps(&self) -> usize {
        self.cells.rows()
    }

    /// Number of cells on in one plane; zero if the layout lacks it.
    pub fn ones_in(&self, plane: Plane) -> u64 {
        let Some(offset) = self.layout.plane_offset(plane) else {
            return 0;
        };
        let columns = offset..offset + self.layout.pitches();
        (0..self.steps())
            .map(|step| self.cells.ones(step).filter(|column| columns.contains(column)).count() as u64)
            .sum()
    }
}
