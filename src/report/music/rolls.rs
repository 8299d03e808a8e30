//! The notes of the music that the page plays: samples, their nearest training windows, real ones.

use super::apart::farthest_first;
use crate::report::runs::Runs;
use crate::report::sweep_results::SweepResults;
use crate::sweep::{Key, Roll, RollsFile};
use serde::Serialize;
use std::collections::HashMap;

/// The most runs with music.
const RUNS: usize = 400;
/// The numbers embedded, about: three for each note, about three bytes each.
const NUMBERS: usize = 360_000;

/// The music of some runs; equal rolls, as the nearest windows of many samples, are stored once.
#[derive(Clone, Debug, Default, Serialize)]
pub(in crate::report) struct Rolls {
    /// The different rolls.
    rolls: Vec<PackedRoll>,
    /// The runs, best first.
    runs: Vec<RunRolls>,
}

/// A roll in few characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
struct PackedRoll {
    /// For each note: pitch, steps since the start of the note before, twice its length and one more if it was struck.
    n: Vec<usize>,
    /// For each silent onset: pitch, steps since the one before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    s: Vec<usize>,
}

/// A sample: its number, its roll, the roll of its nearest training window, that window's index, and the number of bits
/// in which they differ. The last two are null if there is no training window.
type Sample = (usize, usize, usize, Option<usize>, Option<u32>);

/// The music of one run.
#[derive(Clone, Debug, Serialize)]
struct RunRolls {
    /// The run's place in the list.
    run: usize,
    lowest_pitch: u8,
    highest_pitch: u8,
    /// The planes of a step.
    planes: Vec<crate::music::Plane>,
    timesteps: usize,
    /// Steps that the rolls are cut to.
    steps: usize,
    steps_per_beat: u32,
    /// The tempo in quarter notes a minute.
    tempo: f64,
    /// The number of samples that the run drew.
    drawn: usize,
    samples: Vec<Sample>,
    /// The places of the samples in the order in which they are heard first: far apart before alike.
    apart: Vec<usize>,
    /// The training windows drawn at random: index and roll.
    real: Vec<(usize, usize)>,
}

impl Rolls {
    /// Reads the music of one run of each point, best first, then of the others, as far as there is room.
    pub(in crate::report) fn read(results: &SweepResults, runs: &Runs, left_out: &mut Vec<String>) -> Self {
        let mut music = Self::default();
        let mut places: HashMap<PackedRoll, usize> = HashMap::new();
        let mut numbers = 0;
        let key = Key::named("sample.tempo");
        let candidates = runs.one_a_point_first(|run| results.ok(runs.places[run]).is_some());
        for &run in &candidates {
            if numbers > NUMBERS || music.runs.len() == RUNS {
                let (shown, all) = (music.runs.len(), candidates.len());
                left_out.push(format!(
                    "Samples are embedded for {shown} of {all} runs: one run of each point first, the best points first."
                ));
                break;
            }
            let Some(file) = RollsFile::read(&results.run_folder(runs.places[run])) else { continue };
            let mut store = |roll: &Roll| {
                let packed = PackedRoll::of(roll);
                *places.entry(packed.clone()).or_insert_with(|| {
                    numbers += packed.n.len() + packed.s.len();
                    music.rolls.push(packed);
                    music.rolls.len() - 1
                })
            };
            let silent = Roll::default();
            let samples = file
                .samples
                .iter()
                .map(|own| {
                    let nearest = own.nearest_window.and_then(|window| file.windows.get(&window)).unwrap_or(&silent);
                    (own.sample, store(&own.roll), store(nearest), own.nearest_window, own.nearest_bits)
                })
                .collect();
            let own_rolls: Vec<&Roll> = file.samples.iter().map(|own| &own.roll).collect();
            let apart = farthest_first(&own_rolls, file.steps);
            let real = file.real.iter().map(|real| (real.window, store(&real.roll))).collect();
            let tempo = results.records[runs.places[run]].as_ref().and_then(|record| record.params.get("sample.tempo"));
            music.runs.push(RunRolls {
                run,
                lowest_pitch: file.layout.lowest_pitch,
                highest_pitch: file.layout.highest_pitch,
                planes: file.layout.planes,
                timesteps: file.timesteps,
                steps: file.steps,
                steps_per_beat: file.steps_per_beat,
                tempo: tempo.filter(|tempo| key.admits(tempo)).and_then(serde_json::Value::as_f64).unwrap_or(120.0),
                drawn: file.drawn,
                samples,
                apart,
                real,
            });
        }
        // They were read one for each point first; they are shown best first.
        music.runs.sort_by_key(|own| own.run);
        music
    }
}

impl PackedRoll {
    fn of(roll: &Roll) -> Self {
        let mut before = 0;
        let n = roll.notes.iter().flat_map(|&(pitch, start, length, struck)| {
            let since = start.saturating_sub(std::mem::replace(&mut before, start));
            [usize::from(pitch), since, 2 * length + usize::from(struck)]
        });
        let n = n.collect();
        before = 0;
        let s = roll
            .silent_onsets
            .iter()
            .flat_map(|&(pitch, step)| [usize::from(pitch), step.saturating_sub(std::mem::replace(&mut before, step))]);
        Self { n, s: s.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rolls_are_packed_step_after_step() {
        let roll =
            Roll { notes: vec![(60, 0, 4, 1), (64, 0, 2, 0), (62, 3, 1, 1)], silent_onsets: vec![(70, 2), (50, 5)] };
        let packed = PackedRoll::of(&roll);
        assert_eq!(packed.n, [60, 0, 9, 64, 0, 4, 62, 3, 3]);
        assert_eq!(packed.s, [70, 2, 50, 3]);
    }
}
