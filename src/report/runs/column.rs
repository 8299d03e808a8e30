//! The columns: metrics or times, with a value for each run.

use super::list::Runs;
use crate::report::number::Rounded;
use crate::report::sweep_results::SweepResults;
use crate::sweep::{
    METRICS, Metric, MetricGroup, Reach, RunRecord, SplitName, Subject, find_metric, metric_order, times_of,
};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;

/// A number of every run listed.
#[derive(Clone, Debug, Serialize)]
pub(in crate::report) struct Column {
    /// The name, as in `summary.csv`.
    pub(in crate::report) name: String,
    /// The kind of number.
    group: MetricGroup,
    /// `true` if the list of runs shows it unasked.
    shown: bool,
    /// A value for each run; `None` where it is undefined or the run has no record.
    values: Vec<Option<Rounded>>,
}

/// Returns the columns that any run listed has a value for, in the order of the registry.
pub(in crate::report) fn columns_of(results: &SweepResults, runs: &Runs) -> Vec<Column> {
    let values_of: Vec<BTreeMap<(MetricGroup, String), f64>> = runs
        .places
        .par_iter()
        .map(|&place| results.records[place].as_ref().map_or_else(BTreeMap::new, values))
        .collect();
    let mut columns: BTreeMap<(MetricGroup, String), Vec<Option<Rounded>>> = BTreeMap::new();
    for (run, values) in values_of.into_iter().enumerate() {
        for (key, value) in values {
            columns.entry(key).or_insert_with(|| vec![None; runs.len()])[run] = Some(Rounded(value));
        }
    }
    let is_there = |name: &str| columns.contains_key(&(MetricGroup::Model, name.to_owned()));
    let shown: Vec<bool> = columns.keys().map(|(_, name)| is_shown(name, is_there)).collect();
    let column = |(((group, name), values), shown)| Column { name, group, shown, values };
    let mut columns: Vec<Column> = columns.into_iter().zip(shown).map(column).collect();
    columns.sort_by_cached_key(|column| (column.group, metric_order(&column.name), column.name.clone()));
    columns
}

/// Returns `true` if the list of runs shows a column unasked: as the registry says, and training windows in place of
/// validation windows where there are none of these.
fn is_shown(name: &str, is_there: impl Fn(&str) -> bool) -> bool {
    let Some(mut named) = find_metric(name) else { return false };
    if named.is_listed() {
        return true;
    }
    if named.split != Some(SplitName::Train) {
        return false;
    }
    named.split = Some(SplitName::Validation);
    named.is_listed() && !is_there(&named.name())
}

/// Returns the numbers of one run that are defined.
fn values(record: &RunRecord) -> BTreeMap<(MetricGroup, String), f64> {
    let model = record.metrics.iter().map(|(name, value)| ((MetricGroup::Model, name.clone()), *value));
    // What follows from the configuration is not a result.
    let results = METRICS.iter().filter(|metric| metric.subject != Subject::Configuration);
    let music = record.music.iter().flat_map(|music| {
        let value = |metric: &Metric| Some(((MetricGroup::Music, metric.plain_name()), metric.of_run_music(music)?.0));
        results.clone().filter_map(value)
    });
    let times = times_of(Reach::Report)
        .map(|time| ((MetricGroup::Timing, time.plain_name()), time.of_run_times(&record.timing)));
    let all = model.chain(music).chain(times);
    all.filter_map(|(key, value)| Some((key, value.filter(|value| value.is_finite())?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn training_windows_stand_in_where_none_are_held_out() {
        let held_out = |name: &str| name.starts_with("validation_");
        let nothing = |_: &str| false;
        for (name, beside_held_out, alone) in [
            ("validation_log_likelihood_exact_per_step", true, true),
            ("validation_log_likelihood_exact", false, false),
            ("train_log_likelihood_exact_per_step", false, true),
            ("train_pseudo_log_likelihood_per_step", true, true),
            ("train_reconstruction_error", false, true),
            ("test_log_likelihood_exact_per_step", false, false),
            ("free_energy_gap", false, false),
            ("sample_distance", true, true),
            ("train_s", true, true),
            ("of_another_version", false, false),
        ] {
            assert_eq!((is_shown(name, held_out), is_shown(name, nothing)), (beside_held_out, alone), "{name}");
        }
    }
}
