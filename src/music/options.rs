//! The options by which a corpus is read: the `corpus.*` keys.

use super::piano_roll::{Layout, Plane};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The maximum number of steps in a song. A longer one is refused before it is allocated. At four steps a beat and 120
/// beats a minute this is a day and a half of music.
pub const MAX_STEPS: u64 = 1 << 20;

/// The maximum number of steps in a beat. It leaves a step of written MIDI at least 68 of the 32,767 ticks of a beat.
pub const MAX_STEPS_PER_BEAT: u32 = 480;

/// A way to read MIDI files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compat {
    /// The careful reading, note by note.
    #[default]
    None,
    /// The reading of the original state matrix, with all its quirks.
    Seed,
}

/// A rule for a time between two grid lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rounding {
    /// The nearest step; a time exactly between two steps goes to the later one.
    #[default]
    Nearest,
    /// The step that contains the time.
    Down,
}

/// The treatment of files that break the MIDI standard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Damaged {
    /// Their sound parts are used.
    #[default]
    Use,
    /// They are left out.
    Skip,
    /// The whole corpus fails if there is one, or a file that cannot be read at all.
    Fail,
}

/// The things that stand on one side of a split as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SplitBy {
    /// Each song.
    #[default]
    Song,
    /// The songs below each folder in the folder of the corpus.
    Folder,
    /// The songs that are versions of one another by their content.
    Tune,
}

/// The `corpus.*` keys that decide the reading.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorpusOptions {
    /// The name of a corpus built into the program, `builtin` or `bars-and-stripes`. Unused if `path` is set.
    pub source: String,
    /// The path of a folder, a MIDI file, a polyphonic data set in JSON, or rows of 0 and 1 in .npy or .csv.
    pub path: Option<PathBuf>,
    /// The way to read MIDI files.
    pub compat: Compat,
    /// The lowest MIDI pitch kept.
    pub lowest_pitch: u8,
    /// One more than the highest MIDI pitch kept; at most 128.
    pub highest_pitch: u8,
    /// The planes, in the order of the columns.
    pub planes: Vec<Plane>,
    /// The number of grid steps in a quarter note, 1 to [`MAX_STEPS_PER_BEAT`]; 4 for [`Compat::Seed`].
    pub steps_per_beat: u32,
    /// The minimum number of steps in a song. Shorter ones are skipped.
    pub min_steps: u32,
    /// The rule that puts times onto the grid. It has no effect on [`Compat::Seed`].
    pub rounding: Rounding,
    /// True if the notes of MIDI channel 10 are kept.
    pub drums: bool,
    /// True if the sustain pedal lengthens notes. It has no effect on [`Compat::Seed`].
    pub sustain: bool,
    /// The numerators of time signatures that a song may have. It stops at the first other one. If empty, all are
    /// allowed.
    pub metres: Vec<u8>,
    /// The treatment of files that break the MIDI standard.
    pub damaged: Damaged,
    /// The share of the songs held out for validation, at least 0 and below 1.
    pub validation: f64,
    /// The things that are held out as a whole.
    pub split_by: SplitBy,
    /// The transpositions, in semitones, of each training song, which are trained on in addition to the song itself.
    pub transpose: Vec<i8>,
    /// The number of steps from the start of one training window to the next; 0 stands for the length of a window.
    pub stride: usize,
}

impl Default for CorpusOptions {
    /// Returns the options of the careful reading: any metre, a song of any length, no drums.
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
            sustain: false,
            metres: Vec::new(),
            damaged: Damaged::Use,
            validation: 0.1,
            split_by: SplitBy::Song,
            transpose: Vec::new(),
            stride: 0,
        }
    }
}

/// An option that is out of its range.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("corpus.{key} = {value}: {remedy}")]
pub struct OptionError {
    /// The key, without `corpus.`.
    pub key: &'static str,
    /// The value found.
    pub value: String,
    /// A phrase that says which values are valid.
    pub remedy: String,
}

impl CorpusOptions {
    /// Returns the options of the original's reading, with its metres, its minimum length and drums.
    pub fn seed() -> Self {
        Self { compat: Compat::Seed, min_steps: 51, drums: true, metres: vec![2, 4], ..Self::default() }
    }

    /// Returns the meaning of the piano rolls' columns.
    pub fn layout(&self) -> Layout {
        let planes = self.planes.clone();
        Layout { lowest_pitch: self.lowest_pitch, highest_pitch: self.highest_pitch, planes, units: None }
    }

    /// Returns the number of steps from the start of one training window of `timesteps` steps to the next.
    pub fn stride_of(&self, timesteps: usize) -> usize {
        if self.stride == 0 { timesteps } else { self.stride }
    }

    /// Checks the options. Returns an error for the first that is out of its range.
    pub fn check(&self) -> Result<(), OptionError> {
        let fault = |key, value: &dyn std::fmt::Debug, remedy: &str| {
            Err(OptionError { key, value: format!("{value:?}"), remedy: remedy.into() })
        };
        if self.highest_pitch > 128 {
            return fault("highest_pitch", &self.highest_pitch, "128 is the maximum");
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
            return fault("steps_per_beat", &self.steps_per_beat, "must be 4 if corpus.compat = \"seed\"");
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
