//! The progressions of the built-in corpus: named rows of chords, one a bar.

use super::chord::Chord;
use super::key::Mode;

/// A named row of chords, one a bar, which is repeated and then closed by a cadence.
#[derive(Debug)]
pub(super) struct Progression {
    /// The name used in file names.
    pub(super) name: &'static str,
    /// The chords of one pass, in Roman numerals.
    pub(super) numerals: &'static str,
    /// The chords that replace the end of the last pass.
    pub(super) cadence: &'static str,
    /// The numbers of passes a song may have.
    pub(super) passes: &'static [usize],
}

/// The passes of a four-bar progression: songs of 8, 12 or 16 bars.
const FOUR_BARS: &[usize] = &[2, 3, 4];
/// The passes of an eight-bar progression: songs of 8 or 16 bars.
const EIGHT_BARS: &[usize] = &[1, 2];

const MAJOR: [Progression; 6] = [
    Progression { name: "axis", numerals: "I V vi IV", cadence: "IV I", passes: FOUR_BARS },
    Progression { name: "doo-wop", numerals: "I vi IV V", cadence: "V I", passes: FOUR_BARS },
    Progression { name: "plea", numerals: "vi IV I V", cadence: "V I", passes: FOUR_BARS },
    Progression { name: "turnaround", numerals: "I vi ii V", cadence: "V I", passes: FOUR_BARS },
    Progression { name: "canon", numerals: "I V vi iii IV I IV V", cadence: "V I", passes: EIGHT_BARS },
    Progression { name: "blues", numerals: "I I I I IV IV I I V IV I V", cadence: "I I", passes: &[1] },
];

const MINOR: [Progression; 6] = [
    Progression { name: "andalusian", numerals: "i VII VI V", cadence: "V i", passes: FOUR_BARS },
    Progression { name: "epic", numerals: "i VI III VII", cadence: "V i", passes: FOUR_BARS },
    Progression { name: "aeolian", numerals: "i VII VI VII", cadence: "VII i", passes: FOUR_BARS },
    Progression { name: "ballad", numerals: "i iv VI V", cadence: "V i", passes: FOUR_BARS },
    Progression { name: "fifths", numerals: "i iv VII III VI ii° V i", cadence: "V i", passes: EIGHT_BARS },
    Progression { name: "minor-blues", numerals: "i i i i iv iv i i VI V i V", cadence: "i i", passes: &[1] },
];

impl Progression {
    /// Returns the progressions of a mode.
    pub(super) fn of(mode: Mode) -> &'static [Self; 6] {
        match mode {
            Mode::Major => &MAJOR,
            Mode::Minor => &MINOR,
        }
    }

    /// Returns the chords of a song of `passes` passes, one a bar. The cadence replaces the last ones.
    pub(super) fn bars(&self, mode: Mode, passes: usize) -> Vec<Chord> {
        let pass: Vec<Chord> = Chord::line(self.numerals, mode).collect();
        let cadence: Vec<Chord> = Chord::line(self.cadence, mode).collect();
        let mut bars = pass.repeat(passes);
        bars.truncate(bars.len() - cadence.len());
        bars.extend(cadence);
        bars
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::music::builtin::key::Key;

    /// The case and circle of a numeral agree with the intervals of its triad.
    #[test]
    fn numerals_tell_the_quality_of_the_triad() {
        for key in [Key::major(0), Key::minor(0)] {
            for progression in Progression::of(key.mode) {
                let chords = progression.bars(key.mode, 2);
                for chord in chords {
                    let [root, third, fifth] = chord.pitch_classes(key).map(i32::from);
                    let intervals = [third, fifth].map(|tone| (tone - root).rem_euclid(12));
                    let expected = if chord.numeral.ends_with('°') {
                        [3, 6]
                    } else if chord.numeral.chars().all(char::is_uppercase) {
                        [4, 7]
                    } else {
                        [3, 7]
                    };
                    assert_eq!(intervals, expected, "{} of {}", chord.numeral, progression.name);
                }
            }
        }
    }

    #[test]
    fn every_progression_is_whole_phrases_and_ends_on_the_tonic() {
        for mode in [Mode::Major, Mode::Minor] {
            for progression in Progression::of(mode) {
                for &passes in progression.passes {
                    let bars = progression.bars(mode, passes);
                    assert_eq!(bars.len() % 4, 0, "{}", progression.name);
                    assert_eq!(bars.last().map(|chord| chord.root), Some(0), "{}", progression.name);
                }
            }
        }
    }

    #[test]
    fn the_cadence_replaces_the_last_bars() {
        let numerals: Vec<&str> =
            Progression::of(Mode::Major)[0].bars(Mode::Major, 2).iter().map(|chord| chord.numeral).collect();
        assert_eq!(numerals, ["I", "V", "vi", "IV", "I", "V", "IV", "I"]);
    }
}
