//! The piano roll: time steps × (planes × pitches), as packed bits.

use crate::engine::BitMatrix;
use serde::{Deserialize, Serialize};

/// A plane of a piano roll's columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Plane {
    /// The note sounds during the step.
    Hold,
    /// The note is struck at the step.
    Onset,
}

/// The meaning of a piano roll's columns: planes are outer, pitches inner and ascending. Rows that are not music have
/// units instead.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Layout {
    /// The lowest MIDI pitch kept.
    pub lowest_pitch: u8,
    /// One more than the highest MIDI pitch kept.
    pub highest_pitch: u8,
    /// The planes, in the order of the columns.
    pub planes: Vec<Plane>,
    /// The number of units of a row that is not music, which has neither pitches nor planes; `None` for music, and then
    /// absent from files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<usize>,
}

impl Layout {
    /// Returns the number of pitches in a plane.
    pub fn pitches(&self) -> usize {
        usize::from(self.highest_pitch - self.lowest_pitch)
    }

    /// Returns the layout of rows of `units` units that are not music.
    pub fn of_units(units: usize) -> Self {
        Self { lowest_pitch: 0, highest_pitch: 0, planes: Vec::new(), units: Some(units) }
    }

    /// Returns true if the columns are pitches, false if they are units of another meaning.
    pub fn is_music(&self) -> bool {
        self.units.is_none()
    }

    /// Returns true if the layout is one that a corpus can have: pitches in at least one plane, or units, but not both.
    pub fn is_sound(&self) -> bool {
        match self.units {
            Some(units) => units > 0 && *self == Self::of_units(units),
            None => self.lowest_pitch < self.highest_pitch && self.highest_pitch <= 128 && !self.planes.is_empty(),
        }
    }

    /// Returns the number of columns: planes × pitches, or the units of a row that is not music.
    pub fn columns(&self) -> usize {
        self.units.unwrap_or(self.planes.len() * self.pitches())
    }

    /// Returns the first column of a plane, if the layout has the plane.
    pub fn plane_offset(&self, plane: Plane) -> Option<usize> {
        self.planes.iter().position(|&own| own == plane).map(|index| index * self.pitches())
    }

    /// Returns the column of a pitch in a plane, if the layout has both.
    pub fn column(&self, plane: Plane, pitch: u8) -> Option<usize> {
        let kept = (self.lowest_pitch..self.highest_pitch).contains(&pitch);
        kept.then(|| self.plane_offset(plane).map(|offset| offset + usize::from(pitch - self.lowest_pitch))).flatten()
    }
}

/// A piece of music on a grid of time steps (steps × columns of the layout).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PianoRoll {
    /// The meaning of the columns.
    pub layout: Layout,
    /// The cells (steps × columns).
    pub cells: BitMatrix,
}

impl PianoRoll {
    /// Returns a silent roll of `steps` steps.
    pub fn silent(layout: Layout, steps: usize) -> Self {
        let cells = BitMatrix::zeros(steps, layout.columns());
        Self { layout, cells }
    }

    /// Returns the number of time steps.
    pub fn steps(&self) -> usize {
        self.cells.rows()
    }

    /// Returns the number of cells that are on in a plane; 0 if the layout lacks it.
    pub fn ones_in(&self, plane: Plane) -> u64 {
        (0..self.steps()).map(|step| u64::from(self.pitches_at(step, plane).count_ones())).sum()
    }

    /// Returns the pitches that are on in a plane at a step, pitch `p` as bit `p`; 0 if the layout lacks the plane.
    pub fn pitches_at(&self, step: usize, plane: Plane) -> u128 {
        let Some(offset) = self.layout.plane_offset(plane) else {
            return 0;
        };
        read_bits(self.cells.row(step), offset, self.layout.pitches()) << self.layout.lowest_pitch
    }

    /// Turns on the given pitches (pitch `p` as bit `p`) in the planes of a silent step. Pitches and planes that the
    /// layout lacks are left out.
    pub fn fill_step(&mut self, step: usize, hold: u128, onset: u128) {
        let (lowest, pitches) = (self.layout.lowest_pitch, self.layout.pitches());
        let words = self.cells.row_mut(step);
        for (index, plane) in self.layout.planes.iter().enumerate() {
            let bits = match plane {
                Plane::Hold => hold,
                Plane::Onset => onset,
            };
            write_bits(words, index * pitches, (bits >> lowest) & ones_below(pitches));
        }
    }
}

/// Returns a mask of the lowest `width` bits, at most 128.
fn ones_below(width: usize) -> u128 {
    if width == 0 { 0 } else { u128::MAX >> (128 - width) }
}

/// Returns the `width` bits (at most 128) that start at bit `offset` of a row.
fn read_bits(words: &[u64], offset: usize, width: usize) -> u128 {
    let word = |index: usize| u128::from(words.get(index).copied().unwrap_or(0));
    let (first, shift) = (offset / 64, offset % 64);
    let low = word(first) | word(first + 1) << 64;
    let high = word(first + 2);
    let bits = if shift == 0 { low } else { low >> shift | high << (128 - shift) };
    bits & ones_below(width)
}

/// Turns on `bits`, shifted to bit `offset` of a row.
fn write_bits(words: &mut [u64], offset: usize, bits: u128) {
    let (first, shift) = (offset / 64, offset % 64);
    let low = bits << shift;
    let high = if shift == 0 { 0 } else { bits >> (128 - shift) };
    for (index, part) in [low as u64, (low >> 64) as u64, high as u64].into_iter().enumerate() {
        if part != 0 {
            words[first + index] |= part;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Layout, PianoRoll, Plane};
    use proptest::prelude::*;

    /// Files of music keep the bytes that they had before there were units.
    #[test]
    fn layouts_of_units_have_columns_and_nothing_of_music() {
        let music = Layout { lowest_pitch: 60, highest_pitch: 62, planes: vec![Plane::Hold], units: None };
        let text = r#"{"lowest_pitch":60,"highest_pitch":62,"planes":["hold"]}"#;
        assert_eq!(serde_json::to_string(&music).unwrap(), text);
        assert_eq!(serde_json::from_str::<Layout>(text).unwrap(), music);
        let units = Layout::of_units(70);
        let text = r#"{"lowest_pitch":0,"highest_pitch":0,"planes":[],"units":70}"#;
        assert_eq!(serde_json::to_string(&units).unwrap(), text);
        assert_eq!(serde_json::from_str::<Layout>(text).unwrap(), units);
        assert_eq!((units.columns(), units.is_music(), music.columns(), music.is_music()), (70, false, 2, true));
        assert!(units.is_sound() && music.is_sound());
        assert!(!Layout { units: Some(2), ..music }.is_sound() && !Layout::of_units(0).is_sound());
        assert!(!Layout { units: None, ..units }.is_sound());
    }

    proptest! {
        #[test]
        fn steps_hold_the_pitches_they_were_given(
            lowest in 0u8..128,
            pitches in 1u8..=128,
            onset_first: bool,
            hold: u128,
            onset: u128,
        ) {
            let highest_pitch = lowest.saturating_add(pitches).min(128);
            let planes = if onset_first { vec![Plane::Onset, Plane::Hold] } else { vec![Plane::Hold, Plane::Onset] };
            let layout = Layout { lowest_pitch: lowest, highest_pitch, planes, units: None };
            let mut roll = PianoRoll::silent(layout.clone(), 3);
            roll.fill_step(1, hold, onset);
            for (plane, bits) in [(Plane::Hold, hold), (Plane::Onset, onset)] {
                let mut kept = 0;
                for pitch in lowest..highest_pitch {
                    let on = bits >> pitch & 1 == 1;
                    kept |= u128::from(on) << pitch;
                    prop_assert_eq!(roll.cells.get(1, layout.column(plane, pitch).unwrap()), on);
                }
                prop_assert_eq!(roll.pitches_at(1, plane), kept);
                prop_assert_eq!(roll.ones_in(plane), u64::from(kept.count_ones()));
            }
            prop_assert_eq!(roll.cells.count_ones_in(0) + roll.cells.count_ones_in(2), 0);
        }
    }
}
