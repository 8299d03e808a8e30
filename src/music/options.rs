//! The options that decide how a corpus is read: the `corpus.*` keys.

use super::{Layout, Plane};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The largest number of steps a song may have. A longer one is refused rather than allocated: at four steps a beat
/// and 120 beats a minute this is a day and a half of music.
pub const MAX_STEPS: u64 = 1 << 20;

/// The largest number of steps a beat: beyond it, a beat of written MIDI would leave no room for sound tick counts.
pub const MAX_STEPS_PER_BEAT: u32 = 480;

/// Which reading of MIDI is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compat {
    /// The careful reading, note by note.
    #[default]
    None,
    /// The reading of the original state matrix, quirk by quirk.
    Seed,
}

/// How a time between two grid lines is brought onto the grid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rounding {
    /// To the nearest step; a time exactly between two goes to the later one.
    #[default]
    Nearest,
    /// To the step that contains it.
    Down,
}

/// What becomes of files that break the MIDI standard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Damaged {
    /// What is sound in them is used.
    #[default]
    Use,
    /// They are left out.
    Skip,
    /// One of them fails the whole corpus, and so does a file that cannot be read at all.
    Fail,
}

/// The `corpus.*` keys that decide the reading.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorpusOptions {
    /// The name of a corpus the program brings along, `builtin` or `bars-and-stripes`. Unused where `path` is set.
    pub source: String,
    /// A folder, a MIDI file, or a polyphonic data set in JSON.
    pub path: Option<PathBuf>,
    /// Which reading of MIDI is asked for.
    pub compat: Compat,
    /// The lowest MIDI pitch kept.
    pub lowest_pitch: u8,
    /// One more than the highest MIDI pitch kept; at most 128.
    pub highest_pitch: u8,
    /// The planes, in the order of the columns.
    pub planes: Vec<Plane>,
    /// Steps of the grid in a quarter note, 1 to [`MAX_STEPS_PER_BEAT`]; 4 under [`Compat::Seed`].
    pub steps_per_beat: u32,
    /// Songs of fewer steps are skipped.
    pub min_steps: u32,
    /// How times are brought onto the grid; without effect under [`Compat::Seed`].
    pub rounding: Rounding,
    /// Whether the notes of MIDI channel 10 are kept.
    pub drums: bool,
    /// The numerators of time signatures that a song may have; it stops at the first other one. Empty: any.
    pub metres: Vec<u8>,
    /// What becomes of files that break the MIDI standard.
    pub damaged: Damaged,
    /// Share of the songs held out for validation, 0 to below 1.
    pub validation: f64,
    /// Semitones by which every training song is transposed, to be trained on beside the song as it is.
    pub transpose: Vec<i8>,
    /// Steps from the start of one training window to the next; 0 for the length of a window.
    pub stride: usize,
}

impl Default for CorpusOptions {
    /// The careful reading: any metre, a song of any length, no drums.
    fn default() -> Self {
        Self {
            source: "builtin".into(),
            path: None,
            compat: Compat::None,
            lowest_pitch: 24,
            highest_pitch: 102,
            planes: vec![Plane::Hold, Plane::Onset],
            steps_per_beat: 4,
            min_steps: 1,
            rounding: Rounding::Nearest,
            drums: false,
            metres: Vec::new(),
            damaged: Damaged::Use,
            validation: 0.1,
            transpose: Vec::new(),
            stride: 0,
        }
    }
}

/// An option out of its range.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("corpus.{key} = {value}: {remedy}")]
pub struct OptionError {
    /// The key, without `corpus.`.
    pub key: &'static str,
    /// The value found.
    pub value: String,
    /// What would be right.
    pub remedy: String,
}

impl CorpusOptions {
    /// The reading of the original: its metres, its shortest song, drums and all.
    pub fn seed() -> Self {
        Self { compat: Compat::Seed, min_steps: 51, drums: true, metres: vec![2, 4], ..Self::default() }
    }

    /// What the columns of the piano rolls mean.
    pub fn layout(&self) -> Layout {
        Layout { lowest_pitch: self.lowest_pitch, highest_pitch: self.highest_pitch, planes: self.planes.clone() }
    }

    /// Steps from the start of one training window of `timesteps` steps to the next.
    pub fn stride_of(&self, timesteps: usize) -> usize {
        if self.stride == 0 { timesteps } else { self.stride }
    }

    /// The first option that is out of its range.
    pub fn check(&self) -> Result<(), OptionError> {
        let fault = |key, value: &dyn std::fmt::Debug, remedy: &str| {
            Err(OptionError { key, value: format!("{value:?}"), remedy: remedy.into() })
        };
        if self.highest_pitch > 128 {
            return fault("highest_pitch", &self.highest_pitch, "MIDI pitches end below 128");
        }
        if self.lowest_pitch >= self.highest_pitch {
            return fault(
                "lowest_pitch",
                &self.lowest_pitch,
                &format!("must be below corpus.highest_pitch, which is {}", self.highest_pitch),
            );
        }
        if self.planes.is_empty() {
            return fault("planes", &self.planes, "name at least one of \"hold\" and \"onset\"");
        }
        if (1..self.planes.len()).any(|index| self.planes[..index].contains(&self.planes[index])) {
            return fault("planes", &self.planes, "name each plane once");
        }
        if !(1..=MAX_STEPS_PER_BEAT).contains(&self.steps_per_beat) {
            let remedy = format!("must be 1 to {MAX_STEPS_PER_BEAT}");
            return fault("steps_per_beat", &self.steps_per_beat, &remedy);
        }
        if self.compat == Compat::Seed && self.steps_per_beat != 4 {
            return fault("steps_per_beat", &self.steps_per_beat, "must be 4 where corpus.compat = \"seed\"");
        }
        if !(0.0..1.0).contains(&self.validation) {
            return fault("validation", &self.validation, "must be at least 0 and below 1");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{CorpusOptions, OptionError};
    use crate::music::Plane;

    #[test]
    fn both_readings_are_within_range() {
        assert_eq!(CorpusOptions::default().check(), Ok(()));
        assert_eq!(CorpusOptions::seed().check(), Ok(()));
        assert_eq!(CorpusOptions::seed().layout().columns(), 156);
    }

    #[test]
    fn each_option_out_of_range_is_named() {
        let key = |change: &dyn Fn(&mut CorpusOptions)| {
            let mut options = CorpusOptions::seed();
            change(&mut options);
            options.check().map_err(|OptionError { key, .. }| key)
        };
        assert_eq!(key(&|options| options.highest_pitch = 129), Err("highest_pitch"));
        assert_eq!(key(&|options| options.lowest_pitch = 102), Err("lowest_pitch"));
        assert_eq!(key(&|options| options.planes = vec![]), Err("planes"));
        assert_eq!(key(&|options| options.planes = vec![Plane::Hold; 2]), Err("planes"));
        assert_eq!(key(&|options| options.steps_per_beat = 0), Err("steps_per_beat"));
        assert_eq!(key(&|options| options.steps_per_beat = 8), Err("steps_per_beat"));
        assert_eq!(key(&|options| options.validation = 1.0), Err("validation"));
        assert_eq!(key(&|options| options.validation = f64::NAN), Err("validation"));
    }
}
