//! The sketch of the music to be made: the given notes, key, length.

use crate::cli::arguments::Length;
use crate::cli::error::CliError;
use crate::machine::file::read_regular_up_to;
use crate::machine::text::Shown as _;
use crate::music::midi::MidiFile;
use crate::music::{
    Compat, CorpusOptions, MAX_STEPS, PianoRoll, Plane, Reading, Sketch, Voice, builtin, notes, read_midi,
};
use crate::sweep::ModelDescription;
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};

/// The number of bars that are added if no length is given.
const CONTINUED_BARS: usize = 4;

/// The arguments that constrain the music.
#[derive(Clone, Debug, Args)]
pub(super) struct GivenArguments {
    /// Continue a MIDI file: its notes stay, and `--length` new steps follow [default length: 4bars].
    #[arg(long = "continue", value_name = "FILE", conflicts_with = "harmonise")]
    continue_from: Option<PathBuf>,
    /// Keep a voice of a MIDI file, and make the others anew around it.
    #[arg(long, value_name = "FILE", visible_alias = "harmonize", conflicts_with = "length")]
    harmonise: Option<PathBuf>,
    /// Keep of the file to harmonise the melody (nothing is put above it), the bass (nothing below), or every note
    /// (others are added).
    #[arg(long, value_enum, default_value = "melody", requires = "harmonise")]
    keep: Keep,
    /// Sound no pitch foreign to a key, such as C, F#, Bb or Am; given notes stay.
    #[arg(long, value_name = "KEY")]
    key: Option<builtin::Key>,
    /// Length of the music, or of the part added to a file: steps, or bars of four beats as in `8bars` [default: one
    /// window of the model; of a model of sequences, `sample.length` of its run].
    #[arg(long, value_name = "STEPS|BARS")]
    length: Option<Length>,
}

/// The voice of a file that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Keep {
    /// The highest notes.
    Melody,
    /// The lowest notes.
    Bass,
    /// Every note.
    AllGiven,
}

/// The music to be made, as far as it is given.
pub(super) struct Given {
    pub(super) sketch: Sketch,
    /// The tempi of the file that is continued or harmonised, in order, in quarter notes a minute.
    pub(super) tempi: Vec<f64>,
    /// The remarks about the file, for the user.
    pub(super) remarks: Vec<String>,
}

impl GivenArguments {
    /// Returns the names of the arguments that are given.
    pub(super) fn names(&self) -> Vec<&'static str> {
        let given = [
            ("--continue", self.continue_from.is_some()),
            ("--harmonise", self.harmonise.is_some()),
            ("--key", self.key.is_some()),
            ("--length", self.length.is_some()),
        ];
        given.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect()
    }

    /// Reads the given music in the layout and on the grid of a model; `reading` has the rules of its run. A piece has
    /// `default_steps` steps if nothing is given. `of_sequences` is true if the model remembers more than a window.
    pub(super) fn read(
        &self,
        model: &ModelDescription,
        reading: &CorpusOptions,
        (default_steps, of_sequences): (usize, bool),
    ) -> Result<Given, CliError> {
        let length = |default| self.length.unwrap_or(default).steps(model.steps_per_beat);
        let mut given = match (&self.continue_from, &self.harmonise) {
            (Some(path), _) => {
                let mut file = File::read(path, model, reading)?;
                let added = length(Length::Bars(CONTINUED_BARS));
                within_bounds(file.roll.steps().saturating_add(added))?;
                let heard = if of_sequences { 4 * model.steps_per_beat as usize } else { model.timesteps };
                file.tell_of_silence(heard);
                if model.timesteps == 1 && !of_sequences {
                    file.remarks.push(
                        "the model hears one step at a time: each new step depends on the step before alone".into(),
                    );
                }
                let sketch = Sketch::after(&file.roll, added);
                file.remarks.push(format!("{} steps continue the {} of {}", added, file.roll.steps(), path.shown()));
                Given { sketch, tempi: file.tempi, remarks: file.remarks }
            }
            (None, Some(path)) => {
                let mut file = File::read(path, model, reading)?;
                within_bounds(file.roll.steps())?;
                let (voice, name) = match self.keep {
                    Keep::Melody => (Voice::Melody, "the melody"),
                    Keep::Bass => (Voice::Bass, "the bass"),
                    Keep::AllGiven => (Voice::All, "all"),
                };
                let (sketch, kept) = Sketch::with_voice(&file.roll, voice);
                file.remarks.push(format!("{name}: {} of {} notes kept", kept.len(), notes(&file.roll).len()));
                file.remarks.extend(self.foreign(kept.iter().map(|note| note.pitch)));
                Given { sketch, tempi: file.tempi, remarks: file.remarks }
            }
            (None, None) => {
                let steps = length(Length::Steps(default_steps));
                within_bounds(steps)?;
                let sketch = Sketch::open(model.layout.clone(), steps);
                Given { sketch, tempi: Vec::new(), remarks: Vec::new() }
            }
        };
        if let Some(key) = self.key {
            given.sketch.restrict_to(key);
        }
        Ok(given)
    }

    /// Returns a remark if some kept notes are foreign to the key.
    fn foreign(&self, pitches: impl Iterator<Item = u8>) -> Option<String> {
        let key = self.key?;
        let scale = key.scale();
        let foreign = pitches.filter(|pitch| !scale.contains(&(pitch % 12))).count();
        (foreign > 0).then(|| format!("{foreign} of the notes kept are foreign to {} and stay", key.name()))
    }
}

fn within_bounds(steps: usize) -> Result<(), CliError> {
    let fits = steps as u64 <= MAX_STEPS;
    let message = || format!("--length: a piece of {steps} steps, more than the {MAX_STEPS} it may have");
    fits.then_some(()).ok_or_else(|| CliError::usage(message()))
}

/// A MIDI file in the layout of the model.
struct File {
    roll: PianoRoll,
    tempi: Vec<f64>,
    remarks: Vec<String>,
}

impl File {
    /// Reads a file by the default rules, whatever the rules of the model's run: those of the article's program add a
    /// silent row at the end.
    fn read(path: &Path, model: &ModelDescription, reading: &CorpusOptions) -> Result<Self, CliError> {
        let fault = |reason: &dyn std::fmt::Display| format!("{}: {reason}", path.shown());
        let bytes = read_regular_up_to(path, MidiFile::MAX_BYTES);
        let bytes = bytes.map_err(|error| CliError::usage(fault(&format!("cannot be read: {error}"))))?;
        let file = MidiFile::parse(&bytes).map_err(|error| CliError::usage(fault(&error)))?;
        let options = CorpusOptions {
            compat: Compat::None,
            lowest_pitch: model.layout.lowest_pitch,
            highest_pitch: model.layout.highest_pitch,
            planes: model.layout.planes.clone(),
            steps_per_beat: model.steps_per_beat,
            ..reading.clone()
        };
        let Reading { roll, omissions } = read_midi(&file, &options).map_err(|error| CliError::usage(fault(&error)))?;
        let damage = file.damage.iter().map(ToString::to_string);
        let remarks: Vec<String> = damage.chain(omissions.phrases()).map(|phrase| fault(&phrase)).collect();
        if notes(&roll).is_empty() {
            let (lowest, highest) = (model.layout.lowest_pitch, model.layout.highest_pitch - 1);
            let nothing = format!("no note that the model knows, whose pitches are {lowest} to {highest}");
            return Err(CliError::usage([vec![fault(&nothing)], remarks].concat().join("; ")));
        }
        Ok(Self { roll, tempi: MidiFile::tempi(&bytes), remarks })
    }

    /// Adds a remark if half of the last `heard` steps of the file are silent: the continuation is then likely silent too.
    fn tell_of_silence(&mut self, heard: usize) {
        let plane = if self.roll.layout.planes.contains(&Plane::Hold) { Plane::Hold } else { Plane::Onset };
        let steps = self.roll.steps();
        let silent = (0..steps).rev().take_while(|&step| self.roll.pitches_at(step, plane) == 0).count();
        if silent >= heard.div_ceil(2) {
            self.remarks.push(format!("its last {silent} steps are silent, and the next may be too"));
        }
    }
}
