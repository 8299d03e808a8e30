//! The baselines that the music of samples is read by: the same metrics of other windows.

use super::number::Rounded;
use super::results::Results;
use super::runs::Runs;
use crate::evaluate::music::MusicProfile;
use serde::Serialize;
use serde_json::Value;

/// Points with baselines at most.
const POINTS: usize = 400;

/// Metrics that count windows and say nothing of music.
const COUNTS: [&str; 3] = ["rolls", "steps", "notes"];

/// Music metrics of the baselines, for one run of each point.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Baselines {
    /// The metrics.
    names: Vec<String>,
    runs: Vec<OfRun>,
}

/// The baselines of one run: they depend on its training windows and its seed.
#[derive(Clone, Debug, Serialize)]
struct OfRun {
    /// The run's place in the list.
    run: usize,
    training: Profile,
    bernoulli: Profile,
    shuffled: Profile,
}

/// One baseline.
#[derive(Clone, Debug, Serialize)]
struct Profile {
    /// For each metric a value.
    values: Vec<Option<Rounded>>,
    /// The distance from the training data, 0 to 1.
    distance: Option<Rounded>,
    /// Mean, smallest and largest distance to the nearest training window, in bits.
    nearest: Option<(Rounded, u32, u32)>,
}

impl Baselines {
    pub(super) fn of(results: &Results, runs: &Runs, left_out: &mut Vec<String>) -> Self {
        let has_music = |run| results.ok(runs.places[run]).is_some_and(|record| record.music.is_some());
        let one_a_point =
            runs.of_point.iter().filter_map(|members| members.iter().copied().find(|&run| has_music(run)));
        let mut chosen: Vec<usize> = one_a_point.collect();
        if chosen.len() > POINTS {
            left_out.push(format!("Baselines of music are shown for the {POINTS} best points, of {}.", chosen.len()));
            chosen.truncate(POINTS);
        }
        let mut names: Vec<String> = Vec::new();
        let mut of_runs = Vec::new();
        for run in chosen {
            let music = results.ok(runs.places[run]).and_then(|record| record.music.as_ref());
            let Some(music) = music else { continue };
            if names.is_empty() {
                names = named(&music.samples).into_iter().map(|(name, _)| name).collect();
            }
            let (own, score) = (&music.baselines, |score: Option<f64>| score.map(Rounded));
            of_runs.push(OfRun {
                run,
                training: Profile::of(&own.training, Some(Rounded(0.0))),
                bernoulli: Profile::of(&own.bernoulli, score(music.bernoulli_distance.score)),
                shuffled: Profile::of(&own.shuffled, score(music.shuffled_distance.score)),
            });
        }
        Self { names, runs: of_runs }
    }
}

impl Profile {
    fn of(profile: &MusicProfile, distance: Option<Rounded>) -> Self {
        let values = named(profile).into_iter().map(|(_, value)| value.map(Rounded)).collect();
        let nearest = profile.nearest_training_window;
        Self { values, distance, nearest: nearest.map(|bits| (Rounded(bits.mean), bits.smallest, bits.largest)) }
    }
}

/// The metrics of a profile by name.
fn named(profile: &MusicProfile) -> Vec<(String, Option<f64>)> {
    let json = serde_json::to_value(&profile.metrics).unwrap_or(Value::Null);
    let fields = json.as_object().cloned().unwrap_or_default();
    fields
        .into_iter()
        .filter(|(name, _)| !COUNTS.contains(&name.as_str()))
        .map(|(name, value)| (name, value.as_f64()))
        .collect()
}
