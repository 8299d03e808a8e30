//! The chord of a bar: a triad on a tone of the scale, written as a Roman numeral.

use super::key::{Key, Mode, PitchClass, TONES};

/// A triad on one tone of a scale.
///
/// The numeral follows the usual notation: upper case for a major third, lower case for a minor third, a circle for a
/// diminished fifth. In minor, `V` is the dominant whose third is the raised seventh tone of the scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chord {
    /// The Roman numeral.
    pub(super) numeral: &'static str,
    /// The tone of the scale the chord stands on, 0 to 6.
    pub(super) root: i32,
    /// True if the seventh tone of the scale is raised to the leading tone while the chord lasts.
    pub(super) leading: bool,
}

impl Chord {
    /// Parses a line of Roman numerals separated by spaces.
    pub(super) fn line(numerals: &'static str, mode: Mode) -> impl Iterator<Item = Self> {
        numerals.split(' ').map(move |numeral| Self::new(numeral, mode))
    }

    fn new(numeral: &'static str, mode: Mode) -> Self {
        const ROOTS: [&str; 7] = ["I", "II", "III", "IV", "V", "VI", "VII"];
        let plain = numeral.trim_end_matches('°').to_ascii_uppercase();
        let root = ROOTS.iter().position(|&root| root == plain);
        let root = root.unwrap_or_else(|| panic!("{numeral} is not a Roman numeral from I to VII")) as i32;
        let leading = mode == Mode::Major || numeral == "V";
        Self { numeral, root, leading }
    }

    /// Returns the root, third and fifth as tones of the scale, 0 to 6.
    pub(super) fn tones(self) -> [i32; 3] {
        [0, 2, 4].map(|above| (self.root + above) % TONES)
    }

    /// Returns the pitch classes of root, third and fifth.
    pub(super) fn pitch_classes(self, key: Key) -> [PitchClass; 3] {
        self.tones().map(|tone| key.pitch(tone, self.leading) % 12)
    }
}

/// Returns the triad of `pitch_classes` in close position within `register` that moves least from `previous`. The
/// movement is the sum of the three voices' distances in semitones; the lowest triad wins a tie.
pub(super) fn voice(
    pitch_classes: [PitchClass; 3],
    previous: [u8; 3],
    register: std::ops::RangeInclusive<u8>,
) -> [u8; 3] {
    let above = |pitch: u8, class: PitchClass| pitch + 1 + (class + 12 * 12 - pitch - 1) % 12;
    let close_positions = register.clone().filter_map(|bottom| {
        let place = pitch_classes.iter().position(|&class| class == bottom % 12)?;
        let middle = above(bottom, pitch_classes[(place + 1) % 3]);
        let top = above(middle, pitch_classes[(place + 2) % 3]);
        register.contains(&top).then_some([bottom, middle, top])
    });
    let movement = |voicing: &[u8; 3]| -> u32 {
        std::iter::zip(voicing, previous).map(|(&to, from)| u32::from(to.abs_diff(from))).sum()
    };
    close_positions
        .min_by_key(movement)
        .unwrap_or_else(|| panic!("no close position of {pitch_classes:?} within {register:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pitch_classes_of_numerals() {
        let chord = |numeral, key: Key| Chord::new(numeral, key.mode).pitch_classes(key);
        assert_eq!(chord("I", Key::major(0)), [0, 4, 7]);
        assert_eq!(chord("ii", Key::major(7)), [9, 0, 4]);
        assert_eq!(chord("IV", Key::major(5)), [10, 2, 5]);
        assert_eq!(chord("V", Key::minor(9)), [4, 8, 11]);
        assert_eq!(chord("v", Key::minor(9)), [4, 7, 11]);
        assert_eq!(chord("VII", Key::minor(9)), [7, 11, 2]);
        assert_eq!(chord("ii°", Key::minor(2)), [4, 7, 10]);
    }

    #[test]
    fn voices_move_little() {
        let register = 52..=67;
        // From C–E–G to F: C stays, E and G step up.
        assert_eq!(voice([5, 9, 0], [60, 64, 67], register.clone()), [57, 60, 65]);
        assert_eq!(voice([5, 9, 0], [55, 60, 64], register.clone()), [57, 60, 65]);
        // From C–E–G to A minor: C and E stay, G steps up to A.
        assert_eq!(voice([9, 0, 4], [55, 60, 64], register.clone()), [57, 60, 64]);
        // Every triad has a place in the register.
        for root in 0..12 {
            for (third, fifth) in [(4, 7), (3, 7), (3, 6)] {
                let classes = [root, (root + third) % 12, (root + fifth) % 12];
                let voicing = voice(classes, [57, 60, 64], register.clone());
                assert!(voicing[0] < voicing[1] && voicing[1] < voicing[2] && voicing[2] - voicing[0] < 12);
                let mut sounding = voicing.map(|pitch| pitch % 12);
                let mut expected = classes;
                sounding.sort_unstable();
                expected.sort_unstable();
                assert_eq!(sounding, expected);
            }
        }
    }
}
