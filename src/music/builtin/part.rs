//! A part: notes struck on the grid, and their way onto a piano roll.

use crate::music::{PianoRoll, Plane};

/// One note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Struck {
    /// The step at which it is struck.
    pub(super) start: usize,
    /// Steps it sounds, unless the same pitch is struck again before.
    pub(super) length: usize,
    /// MIDI pitch.
    pub(super) pitch: u8,
}

/// Notes in any order.
pub(super) type Part = Vec<Struck>;

/// Write the notes into a roll that has a hold and an onset plane.
pub(super) fn paint(notes: &[Struck], roll: &mut PianoRoll) {
    for note in notes {
        let column = |plane| {
            let column = roll.layout.column(plane, note.pitch);
            column.unwrap_or_else(|| panic!("pitch {} lies outside of the layout", note.pitch))
        };
        let (hold, onset) = (column(Plane::Hold), column(Plane::Onset));
        for step in note.start..note.start + note.length {
            roll.cells.set(step, hold, true);
        }
        roll.cells.set(note.start, onset, true);
    }
}
