//! The transposition of a song by semitones.

use super::roll::{PianoRoll, Plane};

/// Returns the roll with every note `semitones` higher (lower, if negative); `None` if a note would leave the pitches
/// of the layout. Nothing is cut off, since a chord that loses a note is another chord.
pub fn transposed(roll: &PianoRoll, semitones: i8) -> Option<PianoRoll> {
    let Some((lowest, highest)) = pitch_range(roll) else {
        return Some(roll.clone());
    };
    let kept = i16::from(roll.layout.lowest_pitch)..i16::from(roll.layout.highest_pitch);
    if ![lowest, highest].iter().all(|&pitch| kept.contains(&(i16::from(pitch) + i16::from(semitones)))) {
        return None;
    }
    let moved = |bits: u128| {
        let distance = u32::from(semitones.unsigned_abs());
        if semitones < 0 { bits >> distance } else { bits << distance }
    };
    let mut transposed = PianoRoll::silent(roll.layout.clone(), roll.steps());
    for step in 0..roll.steps() {
        let pitches = |plane| moved(roll.pitches_at(step, plane));
        transposed.fill_step(step, pitches(Plane::Hold), pitches(Plane::Onset));
    }
    Some(transposed)
}

/// Returns the lowest and the highest pitch of a roll; `None` if it is silent.
pub(in crate::music) fn pitch_range(roll: &PianoRoll) -> Option<(u8, u8)> {
    let pitches = |step| roll.pitches_at(step, Plane::Hold) | roll.pitches_at(step, Plane::Onset);
    let all = (0..roll.steps()).fold(0, |all, step| all | pitches(step));
    (all != 0).then(|| (all.trailing_zeros() as u8, 127 - all.leading_zeros() as u8))
}

#[cfg(test)]
mod tests {
    use super::transposed;
    use crate::music::{Layout, PianoRoll, Plane, notes, tests::rolls};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn notes_move_by_the_semitones_or_not_at_all(roll in rolls(), semitones in -127i8..=127) {
            let kept = roll.layout.lowest_pitch..roll.layout.highest_pitch;
            let target = |pitch: u8| u8::try_from(i16::from(pitch) + i16::from(semitones)).ok();
            let own = notes(&roll);
            let leaves = own.iter().any(|note| target(note.pitch).is_none_or(|pitch| !kept.contains(&pitch)));
            let moved = transposed(&roll, semitones);
            prop_assert_eq!(moved.is_none(), leaves);
            if let Some(moved) = moved {
                let places = |roll: &PianoRoll, by: i8| -> Vec<(i16, usize, usize)> {
                    let place = |pitch: u8| i16::from(pitch) + i16::from(by);
                    notes(roll).iter().map(|note| (place(note.pitch), note.start, note.end)).collect()
                };
                prop_assert_eq!(places(&moved, 0), places(&roll, semitones));
                prop_assert_eq!(moved.cells.count_ones(), roll.cells.count_ones());
                prop_assert_eq!(transposed(&moved, -semitones), Some(roll));
            }
        }
    }

    #[test]
    fn both_planes_move_and_the_bounds_are_those_of_the_layout() {
        let planes = vec![Plane::Hold, Plane::Onset];
        let mut roll = PianoRoll::silent(Layout { lowest_pitch: 60, highest_pitch: 66, planes, units: None }, 2);
        roll.fill_step(0, 1 << 61 | 1 << 63, 1 << 63);
        let up = transposed(&roll, 2).unwrap();
        assert_eq!((up.pitches_at(0, Plane::Hold), up.pitches_at(0, Plane::Onset)), (1 << 63 | 1 << 65, 1 << 65));
        assert_eq!(up.pitches_at(1, Plane::Hold), 0);
        assert_eq!(transposed(&roll, 3), None);
        assert!(transposed(&roll, -1).is_some());
        assert_eq!(transposed(&roll, -2), None);
        let silent = PianoRoll::silent(roll.layout, 3);
        assert_eq!(transposed(&silent, 100), Some(silent));
    }
}
