//! `rolls.json`: the samples of a run as notes, each beside its nearest training window, with some real windows.
//!
//! With it a run's music can be shown without the corpus, as the report does.

use crate::engine::BitMatrix;
use crate::evaluate::music::{Nearest, chosen_windows};
use crate::machine::file::read_regular;
use crate::music::{Layout, PianoRoll, Plane, Windows, notes, roll_from_bits};
use crate::sweep::config::Key;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

/// The music of a run in a small form: at most [`Self::SAMPLES`] samples of [`Self::STEPS`] steps, or of
/// [`Self::PIECE_STEPS`] if the model is one of sequences.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollsFile {
    /// The version of this file.
    pub schema: u32,
    /// The meaning of the columns of a step.
    pub layout: Layout,
    /// The number of time steps of a window.
    pub timesteps: usize,
    /// The number of time steps kept of each roll, from the first of the window.
    pub steps: usize,
    /// The number of time steps in a quarter note.
    pub steps_per_beat: u32,
    /// The number of samples that the run drew.
    pub drawn: usize,
    /// The first of the samples that have a MIDI file, in order.
    pub samples: Vec<SampleRoll>,
    /// The training windows that are nearest to some sample, by their index.
    pub windows: BTreeMap<usize, Roll>,
    /// Training windows drawn at random among those with a note, at most one for each sample kept.
    pub real: Vec<RealWindow>,
}

/// A sample with its nearest training window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampleRoll {
    /// The number of the chain that ended at it, as in `samples/N.mid`.
    pub sample: usize,
    /// Its notes.
    pub roll: Roll,
    /// The index of the nearest training window; absent if no training song is as long as the sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nearest_window: Option<usize>,
    /// The number of bits in which the two differ, over all steps and planes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nearest_bits: Option<u32>,
}

/// A window of the training songs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RealWindow {
    /// Its index among the training windows.
    pub window: usize,
    /// Its notes.
    pub roll: Roll,
}

/// A piano roll as notes. With both hold and onset planes, no bit of it is lost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roll {
    /// `[pitch, first step, steps, struck]`, by first step and pitch; `struck` is 1 if the onset plane is on at the
    /// first step.
    pub notes: Vec<(u8, usize, usize, u8)>,
    /// `[pitch, step]` where the onset plane is on and nothing sounds.
    pub silent_onsets: Vec<(u8, usize)>,
}

impl RollsFile {
    /// Reads the file of a run; `None` if there is none, or if its numbers are not those of rolls.
    pub(crate) fn read(run_folder: &Path) -> Option<Self> {
        let bytes = read_regular(&run_folder.join(Self::NAME)).ok()?;
        let own: Self = serde_json::from_slice(&bytes).ok()?;
        own.is_sound().then_some(own)
    }

    /// Returns true if the numbers are within their bounds: the file may come from anywhere.
    fn is_sound(&self) -> bool {
        let Self { schema, layout, timesteps, steps, steps_per_beat, .. } = self;
        let rolls = self.samples.iter().map(|own| &own.roll).chain(self.windows.values());
        let mut rolls = rolls.chain(self.real.iter().map(|own| &own.roll));
        let pitches = layout.lowest_pitch..layout.highest_pitch;
        *schema == Self::SCHEMA
            && layout.is_sound()
            && steps <= timesteps
            && *steps <= Self::PIECE_STEPS
            && Key::named("corpus.steps_per_beat").admits(&(*steps_per_beat).into())
            && rolls.all(|roll| roll.is_within(&pitches, *steps))
    }

    /// The version that this program writes.
    pub const SCHEMA: u32 = 1;
    /// The name of the file in the folder of its run.
    pub const NAME: &str = "rolls.json";
    /// The maximum number of samples kept.
    pub const SAMPLES: usize = 16;
    /// The maximum number of time steps kept of each roll.
    pub const STEPS: usize = 256;
    /// The same for pieces of a model of sequences.
    pub const PIECE_STEPS: usize = 512;

    /// Returns the music of `samples` (samples × timesteps · columns of the layout) beside that of the training
    /// windows, `most_steps` steps of each. `nearest` has the nearest training window of each sample, and is empty if
    /// there are no training windows. `with_silent` keeps samples without any bit on. `seed` draws the real windows: the
    /// first of those that the baselines of the music metrics draw.
    pub(crate) fn new(
        training: &Windows,
        samples: &BitMatrix,
        nearest: &[Nearest],
        (most_steps, steps_per_beat): (usize, u32),
        with_silent: bool,
        seed: u64,
    ) -> Self {
        let expected = if training.is_empty() { 0 } else { samples.rows() };
        assert_eq!(nearest.len(), expected, "nearest windows, of samples");
        let has_note =
            |row: usize| !notes(&roll_from_bits(&training.layout, training.timesteps, samples.row(row))).is_empty();
        let kept_rows = (0..samples.rows()).filter(|&row| with_silent || has_note(row)).take(Self::SAMPLES);
        let roll_of =
            |words: &[u64]| Roll::of(&roll_from_bits(&training.layout, training.timesteps, words), most_steps);
        let kept: Vec<SampleRoll> = kept_rows
            .map(|row| SampleRoll {
                sample: row,
                roll: roll_of(samples.row(row)),
                nearest_window: nearest.get(row).map(|nearest| nearest.window),
                nearest_bits: nearest.get(row).map(|nearest| nearest.bits),
            })
            .collect();
        let windows = kept
            .iter()
            .filter_map(|own| own.nearest_window)
            .map(|window| (window, roll_of(training.bits.row(window))))
            .collect();
        let real = chosen_windows(training.len(), training.len(), seed)
            .into_iter()
            .filter(|&window| training.bits.count_ones_in(window) > 0)
            .take(kept.len())
            .map(|window| RealWindow { window, roll: roll_of(training.bits.row(window)) })
            .collect();
        Self {
            schema: Self::SCHEMA,
            layout: training.layout.clone(),
            timesteps: training.timesteps,
            steps: training.timesteps.min(most_steps),
            steps_per_beat,
            drawn: samples.rows(),
            samples: kept,
            windows,
            real,
        }
    }

    /// Returns the bytes of the file: the same for the same music.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("rolls are plain data")
    }
}

impl Roll {
    /// Returns true if all notes have these pitches and lie within this number of steps.
    fn is_within(&self, pitches: &Range<u8>, steps: usize) -> bool {
        let ends = |start: usize, length: usize| start.checked_add(length).is_some_and(|end| end <= steps);
        let notes = self.notes.iter();
        notes
            .clone()
            .all(|&(pitch, start, length, struck)| pitches.contains(&pitch) && ends(start, length) && struck <= 1)
            && self.silent_onsets.iter().all(|&(pitch, step)| pitches.contains(&pitch) && step < steps)
    }

    /// Returns the first `most_steps` steps of a roll; a note that lasts longer is cut there.
    fn of(roll: &PianoRoll, most_steps: usize) -> Self {
        let end = roll.steps().min(most_steps);
        let both = roll.layout.planes.contains(&Plane::Hold) && roll.layout.planes.contains(&Plane::Onset);
        let on = |step: usize, plane, pitch: u8| roll.pitches_at(step, plane) >> pitch & 1 == 1;
        let notes = notes(roll)
            .into_iter()
            .filter(|note| note.start < end)
            .map(|note| {
                let struck = u8::from(on(note.start, Plane::Onset, note.pitch));
                (note.pitch, note.start, note.end.min(end) - note.start, struck)
            })
            .collect();
        let silent =
            |step| if both { roll.pitches_at(step, Plane::Onset) & !roll.pitches_at(step, Plane::Hold) } else { 0 };
        let silent_onsets = (0..end)
            .flat_map(|step| {
                let bits = silent(step);
                (0..128u8).filter(move |&pitch| bits >> pitch & 1 == 1).map(move |pitch| (pitch, step))
            })
            .collect();
        Self { notes, silent_onsets }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::music::nearest_training_window;
    use crate::testing::random_bits;

    fn rolls_file(training: &Windows, samples: &BitMatrix, with_silent: bool) -> RollsFile {
        let nearest = nearest_training_window(samples, &training.bits, None);
        RollsFile::new(training, samples, &nearest, (RollsFile::STEPS, 4), with_silent, 5)
    }

    fn layout(planes: &[Plane]) -> Layout {
        Layout { lowest_pitch: 60, highest_pitch: 70, planes: planes.to_vec(), units: None }
    }

    /// Returns the cells that a roll of notes describes.
    fn cells(roll: &Roll, layout: &Layout, steps: usize) -> PianoRoll {
        let mut back = PianoRoll::silent(layout.clone(), steps);
        let mut set = |step: usize, plane, pitch| {
            if let Some(column) = layout.column(plane, pitch) {
                back.cells.set(step, column, true);
            }
        };
        for &(pitch, start, length, struck) in &roll.notes {
            (start..start + length).for_each(|step| set(step, Plane::Hold, pitch));
            if struck == 1 {
                set(start, Plane::Onset, pitch);
            }
        }
        roll.silent_onsets.iter().for_each(|&(pitch, step)| set(step, Plane::Onset, pitch));
        back
    }

    #[test]
    fn notes_and_silent_onsets_are_the_whole_roll() {
        for planes in
            [vec![Plane::Hold, Plane::Onset], vec![Plane::Onset, Plane::Hold], vec![Plane::Hold], vec![Plane::Onset]]
        {
            let layout = layout(&planes);
            let bits = random_bits(7, 20, 30 * layout.columns(), 0.3);
            for row in 0..bits.rows() {
                let roll = roll_from_bits(&layout, 30, bits.row(row));
                assert_eq!(cells(&Roll::of(&roll, RollsFile::STEPS), &layout, 30), roll, "{planes:?}");
            }
        }
    }

    #[test]
    fn long_rolls_are_cut_with_their_notes() {
        let mut roll = PianoRoll::silent(layout(&[Plane::Hold, Plane::Onset]), RollsFile::STEPS + 5);
        for step in RollsFile::STEPS - 2..RollsFile::STEPS + 4 {
            roll.fill_step(step, 1 << 60 | 1 << 63, if step >= RollsFile::STEPS { 1 << 65 } else { 1 << 63 });
        }
        let start = RollsFile::STEPS - 2;
        let expected = vec![(60, start, 2, 0), (63, start, 1, 1), (63, start + 1, 1, 1)];
        assert_eq!(Roll::of(&roll, RollsFile::STEPS), Roll { notes: expected, silent_onsets: vec![] });
    }

    #[test]
    fn each_sample_stands_beside_its_nearest_window() {
        let layout = layout(&[Plane::Hold]);
        let songs: Vec<PianoRoll> = (0..3)
            .map(|song| {
                let mut roll = PianoRoll::silent(layout.clone(), 4);
                if song > 0 {
                    (0..4).for_each(|step| roll.fill_step(step, 1 << (60 + song), 0));
                }
                roll
            })
            .collect();
        let training = Windows::cut(&layout, &songs, 4);
        // Chain 0 is silent, chain 1 is window 2 except for one bit, chain 2 is window 1.
        let mut samples = training.bits.gather(&[0, 2, 1]);
        samples.set(1, 9, true);
        let file = rolls_file(&training, &samples, false);
        let found: Vec<_> = file.samples.iter().map(|own| (own.sample, own.nearest_window, own.nearest_bits)).collect();
        assert_eq!(found, [(1, Some(2), Some(1)), (2, Some(1), Some(0))]);
        assert_eq!(file.windows.keys().copied().collect::<Vec<_>>(), [1, 2]);
        assert_eq!(file.windows[&1], file.samples[1].roll);
        let mut real: Vec<usize> = file.real.iter().map(|real| real.window).collect();
        real.sort_unstable();
        assert_eq!(real, [1, 2], "the silent window is none to show");
        assert_eq!((file.drawn, file.steps, file.timesteps), (3, 4, 4));
        assert_eq!(rolls_file(&training, &samples, true).samples.len(), 3);
        let folder = tempfile::tempdir().unwrap();
        let write = |file: &RollsFile| {
            std::fs::write(folder.path().join(RollsFile::NAME), file.to_bytes()).unwrap();
            RollsFile::read(folder.path())
        };
        assert_eq!(write(&file).as_ref(), Some(&file));
        let spoilings: [fn(&mut RollsFile); 6] = [
            |file| file.schema = 9,
            |file| file.steps = usize::MAX,
            |file| file.steps_per_beat = 0,
            |file| file.samples[0].roll.notes.push((60, usize::MAX, usize::MAX, 1)),
            |file| file.real[0].roll.notes.push((200, 0, 1, 1)),
            |file| file.layout.highest_pitch = 255,
        ];
        for spoil in spoilings {
            let mut other = file.clone();
            spoil(&mut other);
            assert_eq!(write(&other), None, "{other:?}");
        }
    }

    #[test]
    fn many_samples_are_cut_short() {
        let layout = layout(&[Plane::Hold, Plane::Onset]);
        let mut song = PianoRoll::silent(layout.clone(), 3);
        song.fill_step(1, 1 << 61, 1 << 61);
        let training = Windows::cut(&layout, [&song], 1);
        let samples = random_bits(3, 100, layout.columns(), 0.5);
        let file = rolls_file(&training, &samples, true);
        assert_eq!((file.drawn, file.samples.len(), file.real.len()), (100, RollsFile::SAMPLES, 1));
    }
}
