//! The column: one metric or time, a value a run.

use super::number::Rounded;
use super::results::Results;
use super::runs::Runs;
use crate::sweep::{RunRecord, music_of};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;

/// A number of every run listed.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Column {
    /// The name, as in `summary.csv`.
    pub(super) name: String,
    /// What kind of number.
    group: Group,
    /// A value a run; `None` where it is undefined or the run has no record.
    values: Vec<Option<Rounded>>,
}

/// Kinds of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Group {
    /// Of the model, after the last epoch.
    Model,
    /// Of the music of the samples.
    Music,
    /// Times and rates.
    Timing,
}

/// What is counted of samples and follows from the configuration.
const COUNTS: [&str; 2] = ["rolls", "steps"];

/// Reads one time of a record.
type TimeOf = fn(&RunRecord) -> f64;

/// Names and values of the times of a run.
const TIMES: [(&str, TimeOf); 10] = [
    ("total_s", |record| record.timing.total_s),
    ("corpus_s", |record| record.timing.corpus_s),
    ("train_s", |record| record.timing.train_s),
    ("evaluate_s", |record| record.timing.evaluate_s),
    ("likelihood_s", |record| record.timing.likelihood_s),
    ("sample_s", |record| record.timing.sample_s),
    ("epoch_s", |record| record.timing.epoch_s.median),
    ("updates_per_s", |record| record.timing.updates_per_s),
    ("examples_per_s", |record| record.timing.examples_per_s),
    ("connection_updates_per_s", |record| record.timing.connection_updates_per_s),
];

/// The columns that any run listed has a value for: of the model, of the music, of time.
pub(super) fn columns_of(results: &Results, runs: &Runs) -> Vec<Column> {
    let values_of: Vec<BTreeMap<(Group, String), f64>> = runs
        .places
        .par_iter()
        .map(|&place| results.records[place].as_ref().map_or_else(BTreeMap::new, values))
        .collect();
    let mut columns: BTreeMap<(Group, String), Vec<Option<Rounded>>> = BTreeMap::new();
    for (run, values) in values_of.into_iter().enumerate() {
        for (key, value) in values {
            columns.entry(key).or_insert_with(|| vec![None; runs.len()])[run] = Some(Rounded(value));
        }
    }
    columns.into_iter().map(|((group, name), values)| Column { name, group, values }).collect()
}

/// The numbers of one run that are defined.
fn values(record: &RunRecord) -> BTreeMap<(Group, String), f64> {
    let model = record.metrics.iter().map(|(name, value)| ((Group::Model, name.clone()), *value));
    let music = music_of(record)
        .into_iter()
        .filter(|(name, _)| !COUNTS.contains(&name.as_str()))
        .map(|(name, value)| ((Group::Music, format!("sample_{name}")), value));
    let times = TIMES.iter().map(|(name, value)| ((Group::Timing, (*name).to_owned()), Some(value(record))));
    let all = model.chain(music).chain(times);
    all.filter_map(|(key, value)| Some((key, value.filter(|value| value.is_finite())?))).collect()
}
