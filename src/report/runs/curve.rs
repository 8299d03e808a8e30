//! The learning curves: metrics by epoch.

use super::list::Runs;
use crate::machine::file::read_regular_text;
use crate::report::number::Rounded;
use crate::report::sweep_results::SweepResults;
use crate::sweep::{EpochRecord, metric_order};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::Path;

/// The most runs with curves: more could not be told apart.
const RUNS: usize = 600;
/// The numbers embedded, about; about eight bytes each.
const NUMBERS: usize = 180_000;
/// The fewest and the most epochs shown of a curve that has as many.
const EPOCHS: (usize, usize) = (16, 160);

/// The curves of some runs.
#[derive(Clone, Debug, Default, Serialize)]
pub(in crate::report) struct Curves {
    /// The metrics.
    pub(in crate::report) names: Vec<String>,
    /// The curves of each run.
    runs: Vec<Curve>,
}

/// The curves of one run.
#[derive(Clone, Debug, Serialize)]
struct Curve {
    /// The run's place in the list.
    run: usize,
    /// The numbers of epochs trained; 0 is the model before training.
    epochs: Vec<u64>,
    /// The seconds of training up to there.
    train_s: Vec<Rounded>,
    /// For each metric, a value for each epoch.
    values: Vec<Vec<Option<Rounded>>>,
}

impl Curves {
    /// Reads the curves of the best points, all replicates of each.
    pub(in crate::report) fn read(results: &SweepResults, runs: &Runs, left_out: &mut Vec<String>) -> Self {
        let with_record = |run: &usize| results.records[runs.places[*run]].is_some();
        let candidates = (0..runs.len()).filter(with_record).count();
        let mut chosen: Vec<usize> = Vec::new();
        for members in &runs.of_point {
            if !chosen.is_empty() && chosen.len() + members.len() > RUNS {
                break;
            }
            chosen.extend(members.iter().copied().filter(with_record));
        }
        if chosen.len() < candidates {
            left_out.push(format!("Learning curves are shown for the {} best runs.", chosen.len()));
        }
        let read = |&run: &usize| (run, read_epochs(&results.run_folder(runs.places[run]).join("epochs.jsonl")));
        let read: Vec<(usize, Vec<(f64, EpochRecord)>)> = chosen.par_iter().map(read).collect();
        let metrics = read.iter().flat_map(|(_, epochs)| epochs).flat_map(|(_, epoch)| epoch.metrics.keys());
        let mut names: Vec<String> = metrics.collect::<BTreeSet<_>>().into_iter().cloned().collect();
        names.sort_by_cached_key(|name| metric_order(name));
        let share = NUMBERS / (names.len() * read.len()).max(1);
        let limit = share.clamp(EPOCHS.0, EPOCHS.1);
        let thinned = read.iter().map(|(_, epochs)| epochs.len()).max().unwrap_or(0);
        if thinned > limit {
            left_out.push(format!("Learning curves show {limit} of up to {thinned} evaluated epochs, evenly spaced."));
        }
        let curves = read
            .into_iter()
            .filter(|(_, epochs)| !epochs.is_empty())
            .map(|(run, epochs)| {
                let kept: Vec<&(f64, EpochRecord)> =
                    evenly(epochs.len(), limit).into_iter().map(|index| &epochs[index]).collect();
                let value =
                    |name: &String, epoch: &EpochRecord| epoch.metrics.get(name).copied().flatten().map(Rounded);
                Curve {
                    run,
                    epochs: kept.iter().map(|(_, epoch)| epoch.epoch).collect(),
                    train_s: kept.iter().map(|(train_s, _)| Rounded(*train_s)).collect(),
                    values: names
                        .iter()
                        .map(|name| kept.iter().map(|(_, epoch)| value(name, epoch)).collect())
                        .collect(),
                }
            })
            .collect();
        Self { names, runs: curves }
    }
}

/// Returns the evaluated epochs of a file, each with the seconds of training up to its end. A line that cannot be read,
/// such as the last of a run that was killed, is left out.
fn read_epochs(path: &Path) -> Vec<(f64, EpochRecord)> {
    let text = read_regular_text(path).unwrap_or_default();
    let mut train_s = 0.0;
    let mut evaluated = Vec::new();
    for epoch in text.lines().filter_map(|line| serde_json::from_str::<EpochRecord>(line).ok()) {
        train_s += epoch.timing.train_s;
        if !epoch.metrics.is_empty() {
            evaluated.push((train_s, epoch));
        }
    }
    evaluated
}

/// Returns at most `limit` (at least two) of the indices below `count`, evenly spaced, first and last among them.
fn evenly(count: usize, limit: usize) -> Vec<usize> {
    if count <= limit { (0..count).collect() } else { (0..limit).map(|i| i * (count - 1) / (limit - 1)).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_both_ends() {
        assert_eq!(evenly(0, 4), [] as [usize; 0]);
        assert_eq!(evenly(4, 4), [0, 1, 2, 3]);
        assert_eq!(evenly(10, 4), [0, 3, 6, 9]);
        assert_eq!(evenly(1001, 101)[100], 1000);
    }

    #[test]
    fn epochs_without_metrics_count_in_the_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("epochs.jsonl");
        let line = |epoch: u64, metrics: &str| {
            let times =
                r#"{"train_s":0.5,"reconstruction_s":0,"pseudo_likelihood_s":0,"free_energy_s":0,"weights_s":0}"#;
            format!(r#"{{"epoch":{epoch},"updates":1,"examples":1,"metrics":{metrics},"timing":{times}}}"#) + "\n"
        };
        let text = line(0, r#"{"a":1.0}"#) + &line(1, "{}") + &line(2, r#"{"a":null}"#) + r#"{"epoch":3,"#;
        std::fs::write(&path, text).unwrap();
        let epochs = read_epochs(&path);
        let found: Vec<(f64, u64)> = epochs.iter().map(|(train_s, epoch)| (*train_s, epoch.epoch)).collect();
        assert_eq!(found, [(0.5, 0), (1.5, 2)]);
        assert!(read_epochs(&folder.path().join("none")).is_empty());
    }
}
