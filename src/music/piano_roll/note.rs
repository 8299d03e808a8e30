//! The note: a pitch that sounds from one step of a piano roll to another.

use super::roll::{PianoRoll, Plane};

/// A note of a piano roll, in steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Note {
    /// The step at which the note is struck.
    pub start: usize,
    /// The MIDI pitch.
    pub pitch: u8,
    /// The first step at which the note no longer sounds.
    pub end: usize,
}

/// Finds the notes of a piano roll, ordered by (start, pitch).
///
/// - With both planes, a hold cell begins a note if its onset cell is on or the step before did not hold. An onset
///   while the pitch is held ends that note and begins another. An onset without hold is silent.
/// - With the hold plane alone, consecutive cells are one note.
/// - With the onset plane alone, each cell is a note of one step.
///
/// A note held at the last step ends with it.
pub fn notes(roll: &PianoRoll) -> Vec<Note> {
    let has_hold = roll.layout.planes.contains(&Plane::Hold);
    let mut notes = Vec::new();
    let mut starts = [0; 128];
    let mut sounding = 0u128;
    for step in 0..=roll.steps() {
        let (hold, onset) = if step == roll.steps() {
            (0, 0)
        } else {
            let onset = roll.pitches_at(step, Plane::Onset);
            let hold = if has_hold { roll.pitches_at(step, Plane::Hold) } else { onset };
            (hold, onset)
        };
        for pitch in ones(sounding & (!hold | onset)) {
            let start = starts[usize::from(pitch)];
            notes.push(Note { start, pitch, end: step });
        }
        for pitch in ones(hold & (!sounding | onset)) {
            starts[usize::from(pitch)] = step;
        }
        sounding = hold;
    }
    notes.sort_unstable();
    notes
}

/// Returns the positions of the bits that are on, in ascending order.
fn ones(mut bits: u128) -> impl Iterator<Item = u8> {
    std::iter::from_fn(move || {
        let lowest = (bits != 0).then(|| bits.trailing_zeros() as u8);
        bits &= bits.wrapping_sub(1);
        lowest
    })
}

#[cfg(test)]
mod tests {
    use super::{Note, notes};
    use crate::music::{Layout, PianoRoll, Plane};

    /// Returns a roll of the pitches 60 and 61 from one string a column, plane after plane, with one character a step.
    fn roll(planes: &[Plane], rows: &[&str]) -> PianoRoll {
        let layout = Layout { lowest_pitch: 60, highest_pitch: 62, planes: planes.to_vec(), units: None };
        let mut roll = PianoRoll::silent(layout, rows[0].len());
        for (column, cells) in rows.iter().enumerate() {
            for (step, cell) in cells.bytes().enumerate() {
                roll.cells.set(step, column, cell == b'x');
            }
        }
        roll
    }

    fn spans(roll: &PianoRoll) -> Vec<(u8, usize, usize)> {
        let span = |Note { start, pitch, end }: Note| (pitch, start, end);
        notes(roll).into_iter().map(span).collect()
    }

    #[test]
    fn an_onset_strikes_again_and_a_hold_after_silence_starts() {
        let roll = roll(&[Plane::Hold, Plane::Onset], &["xxxx.xx.", "..xx...x", "x.x.....", ".x.....x"]);
        assert_eq!(spans(&roll), [(60, 0, 2), (60, 2, 4), (61, 2, 4), (60, 5, 7), (61, 7, 8)]);
    }

    #[test]
    fn the_order_of_planes_is_the_layouts() {
        let roll = roll(&[Plane::Onset, Plane::Hold], &["x.x.", "....", "xxxx", "...."]);
        assert_eq!(spans(&roll), [(60, 0, 2), (60, 2, 4)]);
    }

    #[test]
    fn a_single_plane_has_its_own_reading() {
        let cells = ["xx.x", "...."];
        assert_eq!(spans(&roll(&[Plane::Hold], &cells)), [(60, 0, 2), (60, 3, 4)]);
        assert_eq!(spans(&roll(&[Plane::Onset], &cells)), [(60, 0, 1), (60, 1, 2), (60, 3, 4)]);
    }
}
