//! The baselines that the music of samples is compared with: the same metrics of other windows.

use crate::evaluate::music::MusicProfile;
use crate::report::number::Rounded;
use crate::report::runs::Runs;
use crate::report::sweep_results::SweepResults;
use crate::sweep::{Direction, METRICS, Metric, Reading};
use serde::Serialize;

/// The most points with baselines.
const POINTS: usize = 400;

/// The music metrics of the baselines, for one run of each point.
#[derive(Clone, Debug, Default, Serialize)]
pub(in crate::report) struct Baselines {
    /// The metrics.
    names: Vec<&'static str>,
    runs: Vec<RunBaselines>,
}

/// The baselines of one run: they depend on its training windows and its seed.
#[derive(Clone, Debug, Serialize)]
struct RunBaselines {
    /// The run's place in the list.
    run: usize,
    training: Profile,
    bernoulli: Profile,
    shuffled: Profile,
    /// Absent for windows shorter than two bars.
    #[serde(skip_serializing_if = "Option::is_none")]
    shuffled_bars: Option<Profile>,
}

/// One baseline.
#[derive(Clone, Debug, Serialize)]
struct Profile {
    /// A value for each metric.
    values: Vec<Option<Rounded>>,
    /// The distance from the training data, 0 to 1.
    distance: Option<Rounded>,
    /// Mean, smallest and largest distance to the nearest training window, in bits.
    nearest: Option<(Rounded, u32, u32)>,
}

impl Baselines {
    pub(in crate::report) fn of(results: &SweepResults, runs: &Runs, left_out: &mut Vec<String>) -> Self {
        let has_music = |run| results.ok(runs.places[run]).is_some_and(|record| record.music.is_some());
        let one_a_point =
            runs.of_point.iter().filter_map(|members| members.iter().copied().find(|&run| has_music(run)));
        let mut chosen: Vec<usize> = one_a_point.collect();
        if chosen.len() > POINTS {
            left_out.push(format!("Baselines of music are shown for the {POINTS} best points, of {}.", chosen.len()));
            chosen.truncate(POINTS);
        }
        let mut of_runs = Vec::new();
        for run in chosen {
            let music = results.ok(runs.places[run]).and_then(|record| record.music.as_ref());
            let Some(music) = music else { continue };
            let (own, score) = (&music.baselines, |score: Option<f64>| score.map(Rounded));
            of_runs.push(RunBaselines {
                run,
                training: Profile::of(&own.training, Some(Rounded(0.0))),
                bernoulli: Profile::of(&own.bernoulli, score(music.bernoulli_distance.score)),
                shuffled: Profile::of(&own.shuffled, score(music.shuffled_distance.score)),
                shuffled_bars: own.shuffled_bars.as_ref().map(|bars| Profile::of(bars, None)),
            });
        }
        let names = compared().map(|metric| metric.name).collect();
        Self { names, runs: of_runs }
    }
}

impl Profile {
    fn of(profile: &MusicProfile, distance: Option<Rounded>) -> Self {
        let values = compared().map(|metric| metric.of_profile_value(&profile.metrics).map(Rounded)).collect();
        let nearest = profile.nearest_training_window;
        Self { values, distance, nearest: nearest.map(|bits| (Rounded(bits.mean), bits.smallest, bits.largest)) }
    }
}

/// Returns the metrics of profiles that are best near those of the training windows.
fn compared() -> impl Iterator<Item = &'static Metric> {
    let of_profile = |metric: &&Metric| matches!(metric.reading, Reading::Profile(_) | Reading::Pieces(_));
    METRICS.iter().filter(|metric| metric.better == Direction::Near).filter(of_profile)
}
