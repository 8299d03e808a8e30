//! The key of a built-in song: a tonic with a mode.

use serde::Serialize;
use std::str::FromStr;

/// The number of tones in a scale, which is the number of scale steps in an octave.
pub(super) const TONES: i32 = 7;

/// The seventh tone of the scale, counted from zero.
const SEVENTH: usize = 6;

/// The mode of a key: major or natural minor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// The major scale.
    Major,
    /// The natural minor scale. Over the dominant its seventh tone is raised to a leading tone.
    Minor,
}

impl Mode {
    /// Returns the distance of each scale tone above the tonic, in semitones.
    pub fn intervals(self) -> [u8; 7] {
        match self {
            Self::Major => [0, 2, 4, 5, 7, 9, 11],
            Self::Minor => [0, 2, 3, 5, 7, 8, 10],
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Major => "major",
            Self::Minor => "minor",
        }
    }
}

/// A key: a tonic and a mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Key {
    /// The pitch class of the tonic, C = 0 to B = 11.
    #[serde(rename = "tonic_pitch_class")]
    pub tonic: PitchClass,
    /// The mode: major or minor.
    pub mode: Mode,
}

/// A MIDI pitch modulo 12: C = 0 to B = 11.
pub type PitchClass = u8;

impl Key {
    /// Returns the major key of a tonic.
    pub(super) const fn major(tonic: PitchClass) -> Self {
        Self { tonic, mode: Mode::Major }
    }

    /// Returns the minor key of a tonic.
    pub(super) const fn minor(tonic: PitchClass) -> Self {
        Self { tonic, mode: Mode::Minor }
    }

    /// Returns the name used in file names, such as `c-major`.
    pub fn name(self) -> String {
        const TONICS: [&str; 12] =
            ["c", "c-sharp", "d", "e-flat", "e", "f", "f-sharp", "g", "a-flat", "a", "b-flat", "b"];
        format!("{}-{}", TONICS[usize::from(self.tonic)], self.mode.name())
    }

    /// Returns the pitch classes of the scale, from the tonic up.
    pub fn scale(self) -> [PitchClass; 7] {
        self.mode.intervals().map(|interval| (self.tonic + interval) % 12)
    }

    /// Returns the pitch class of the leading tone, a semitone below the tonic. It is not in the natural minor scale.
    pub fn leading_tone(self) -> PitchClass {
        (self.tonic + 11) % 12
    }

    /// Returns the MIDI pitch of a scale step. Step 0 is the tonic among pitches 0 to 11, step 7 the tonic an octave
    /// above. If `leading`, the seventh tone is the leading tone in either mode.
    pub(super) fn pitch(self, step: i32, leading: bool) -> u8 {
        let tone = step.rem_euclid(TONES) as usize;
        let interval = if leading && tone == SEVENTH { 11 } else { i32::from(self.mode.intervals()[tone]) };
        (i32::from(self.tonic) + 12 * step.div_euclid(TONES) + interval) as u8
    }
}

/// A text that does not name a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a key: expected one such as C, F#, Bb or Am")]
pub struct KeyError(String);

impl FromStr for Key {
    type Err = KeyError;

    /// Parses a letter, an accidental and a mode, as in `C`, `F#m`, `Bb`, `E minor` or `e-flat-major`.
    fn from_str(text: &str) -> Result<Self, KeyError> {
        let fault = || KeyError(text.to_owned());
        let mut characters = text.trim().chars();
        let tonic = match characters.next().map(|letter| letter.to_ascii_uppercase()) {
            Some('C') => 0,
            Some('D') => 2,
            Some('E') => 4,
            Some('F') => 5,
            Some('G') => 7,
            Some('A') => 9,
            Some('B') => 11,
            _ => return Err(fault()),
        };
        let separators = |c: char| c == '-' || c == ' ' || c == '_';
        let mut rest = characters.as_str();
        let mut shift = 0;
        for (accidental, semitones) in [("#", 1), ("♯", 1), ("sharp", 1), ("♭", 11), ("flat", 11), ("b", 11)] {
            if let Some(after) = rest.trim_start_matches(separators).strip_prefix(accidental) {
                (rest, shift) = (after, semitones);
                break;
            }
        }
        let mode = match rest.trim_start_matches(separators) {
            "" | "M" | "maj" | "major" => Mode::Major,
            "m" | "min" | "minor" => Mode::Minor,
            _ => return Err(fault()),
        };
        Ok(Self { tonic: (tonic + shift) % 12, mode })
    }
}

#[cfg(test)]
mod tests {
    use super::Key;

    #[test]
    fn keys_are_read_as_musicians_write_them() {
        let key = |text: &str| text.parse::<Key>().map(Key::name);
        for (text, name) in [
            ("C", "c-major"),
            ("Am", "a-minor"),
            ("F#m", "f-sharp-minor"),
            ("Bb", "b-flat-major"),
            ("B♭ minor", "b-flat-minor"),
            ("cb", "b-major"),
            ("E maj", "e-major"),
        ] {
            assert_eq!(key(text).as_deref(), Ok(name), "{text}");
        }
        for tonic in 0..12 {
            for own in [Key::major(tonic), Key::minor(tonic)] {
                assert_eq!(own.name().parse(), Ok(own));
            }
        }
        for text in ["", "H", "C##", "Amm", "5", "C dorian"] {
            assert!(key(text).unwrap_err().to_string().contains("such as C"), "{text}");
        }
    }

    #[test]
    fn scales_as_written_on_the_staff() {
        assert_eq!(Key::major(7).scale(), [7, 9, 11, 0, 2, 4, 6]); // G A B C D E F sharp
        assert_eq!(Key::minor(2).scale(), [2, 4, 5, 7, 9, 10, 0]); // D E F G A B flat C
        assert_eq!(Key::minor(9).leading_tone(), 8); // G sharp
        assert_eq!(Key::major(5).name(), "f-major");
    }

    #[test]
    fn scale_steps_are_pitches() {
        let key = Key::minor(9);
        let up: Vec<u8> = (35..=42).map(|step| key.pitch(step, false)).collect();
        assert_eq!(up, [69, 71, 72, 74, 76, 77, 79, 81]);
        assert_eq!(key.pitch(41, true), 80);
        assert_eq!(key.pitch(40, true), 77);
    }
}
