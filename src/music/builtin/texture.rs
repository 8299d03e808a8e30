//! The textures of the built-in corpus: how a bar of accompaniment is played from its bass note and its chord.

use super::STEPS_PER_BAR;
use crate::music::Note;
use serde::Serialize;

/// How the accompaniment plays a chord.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Texture {
    /// Chords and bass together in the rhythm of three, three and two eighths.
    Block,
    /// Detached quarter-note chords over a bass that pushes into beats three and one.
    Pulse,
    /// Bass and chord tones rise in eighths, twice a bar, each left to ring to the half bar.
    Arpeggio,
    /// Bass, fifth and chord tones rise and fall in eighths, all left to ring to the end of the bar.
    Wave,
    /// Lowest, highest, middle, highest chord tone in eighths, over a bass held for the bar.
    Alberti,
    /// A bass in quarters that walks to the next root, chords on beats two and four.
    Walking,
}

/// The highest pitch of a walking bass: below every chord, and a step above the highest root.
pub(super) const BASS_LIMIT: u8 = 51;

/// What a texture plays a bar from.
pub(super) struct Bar {
    /// The bass note.
    pub(super) bass: u8,
    /// The tones of the chord above the bass note that a bass may visit, less than an octave away.
    pub(super) third: u8,
    pub(super) fifth: u8,
    /// The tone of the scale that a walking bass leaves for the next bar's bass note.
    pub(super) approach: u8,
    /// The chord in close position, ascending.
    pub(super) chord: [u8; 3],
}

impl Texture {
    /// All textures.
    pub const ALL: [Self; 6] = [Self::Block, Self::Pulse, Self::Arpeggio, Self::Wave, Self::Alberti, Self::Walking];

    /// The name as it stands in file names.
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

    /// Play one bar that begins at step `start`.
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
                // Where the chord would reach into the chords above it, the bass walks below.
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

    /// The last bar: bass and chord together, held.
    pub(super) fn close(part: &mut Vec<Note>, start: usize, bass: u8, chord: [u8; 3]) {
        for pitch in std::iter::once(bass).chain(chord) {
            part.push(Note { start, pitch, end: start + STEPS_PER_BAR });
        }
    }

    /// Quarter notes a minute.
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
