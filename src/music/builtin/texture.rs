//! The textures of the built-in corpus: ways to play a bar of accompaniment.

use super::STEPS_PER_BAR;
use crate::music::Note;
use serde::Serialize;

/// A way to play a bar of accompaniment from a bass note and a chord.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Texture {
    /// Chords and bass together, for three, three and two eighths.
    Block,
    /// Detached quarter-note chords over a bass that pushes into beats three and one.
    Pulse,
    /// Bass and chord tones rising in eighths, twice a bar, each held to the end of the half bar.
    Arpeggio,
    /// Bass, fifth and chord tones rising and falling in eighths, all held to the end of the bar.
    Wave,
    /// The lowest, highest, middle and highest chord tone in eighths, over a bass held for the bar.
    Alberti,
    /// A bass in quarters that walks to the next root, with chords on beats two and four.
    Walking,
}

/// The highest pitch of a walking bass, below every chord and a semitone above the highest root.
pub(super) const BASS_LIMIT: u8 = 51;

/// The material from which a texture plays a bar.
pub(super) struct Bar {
    /// The bass note.
    pub(super) bass: u8,
    /// The third of the chord, less than an octave above the bass note.
    pub(super) third: u8,
    /// The fifth of the chord, less than an octave above the bass note.
    pub(super) fifth: u8,
    /// The pitch from which a walking bass steps to the next bar's bass note.
    pub(super) approach: u8,
    /// The chord in close position, in ascending order.
    pub(super) chord: [u8; 3],
}

impl Texture {
    /// All textures.
    pub const ALL: [Self; 6] = [Self::Block, Self::Pulse, Self::Arpeggio, Self::Wave, Self::Alberti, Self::Walking];

    /// Returns the name used in file names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Pulse => "pulse",
            Self::Arpeggio => "arpeggio",
            Self::Wave => "wave",
            Self::Alberti => "alberti",
            Self::Walking => "walking",
        }
    }

    /// Plays the bar that begins at step `start`.
    pub(super) fn play(self, part: &mut Vec<Note>, start: usize, bar: &Bar) {
        let [low, middle, high] = bar.chord;
        let mut strike = |step: usize, length: usize, pitch: u8| {
            part.push(Note { start: start + step, pitch, end: start + step + length });
        };
        match self {
            Self::Block => {
                for (step, length) in [(0, 6), (6, 6), (12, 4)] {
                    for pitch in [bar.bass, low, middle, high] {
                        strike(step, length, pitch);
                    }
                }
            }
            Self::Pulse => {
                for (step, length) in [(0, 6), (6, 2), (8, 6), (14, 2)] {
                    strike(step, length, bar.bass);
                }
                for beat in [0, 4, 8, 12] {
                    for pitch in bar.chord {
                        strike(beat, 3, pitch);
                    }
                }
            }
            Self::Arpeggio => {
                for half in [0, 8] {
                    for (step, pitch) in [(0, bar.bass), (2, low), (4, middle), (6, high)] {
                        strike(half + step, 8 - step, pitch);
                    }
                }
            }
            Self::Wave => {
                let tones = [bar.bass, bar.fifth, low, middle, high, middle, low, bar.fifth];
                for (eighth, pitch) in tones.into_iter().enumerate() {
                    strike(2 * eighth, STEPS_PER_BAR - 2 * eighth, pitch);
                }
            }
            Self::Alberti => {
                strike(0, STEPS_PER_BAR, bar.bass);
                for (eighth, pitch) in [low, high, middle, high].into_iter().cycle().take(8).enumerate() {
                    strike(2 * eighth, 2, pitch);
                }
            }
            Self::Walking => {
                // A tone that would reach into the chords above is played an octave lower.
                let low = |pitch: u8| if pitch > BASS_LIMIT { pitch - 12 } else { pitch };
                let walk = [bar.bass, low(bar.third), low(bar.fifth), bar.approach];
                for (beat, pitch) in walk.into_iter().enumerate() {
                    strike(4 * beat, 4, pitch);
                }
                for beat in [4, 12] {
                    for pitch in bar.chord {
                        strike(beat, 4, pitch);
                    }
                }
            }
        }
    }

    /// Plays the last bar: bass and chord together, held.
    pub(super) fn close(part: &mut Vec<Note>, start: usize, bass: u8, chord: [u8; 3]) {
        for pitch in std::iter::once(bass).chain(chord) {
            part.push(Note { start, pitch, end: start + STEPS_PER_BAR });
        }
    }

    /// Returns the tempo in quarter notes a minute.
    pub(super) fn tempo(self) -> u16 {
        match self {
            Self::Block => 84,
            Self::Pulse => 120,
            Self::Arpeggio => 96,
            Self::Wave => 72,
            Self::Alberti => 108,
            Self::Walking => 132,
        }
    }
}
