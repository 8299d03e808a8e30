//! The quantities of a record that are compared.

use crate::sweep::{METRICS, Metric, MetricGroup, Metrics, Reach, RunRecord, Subject, times_of};

/// Returns the metrics of a record, those of its music as `sample_…`, as in `summary.csv`. Values that depend on the
/// corpus alone are left out.
pub(super) fn metrics(record: &RunRecord) -> Metrics {
    let compared = METRICS.iter().filter(|metric| metric.subject != Subject::Corpus);
    let music = record.music.iter().flat_map(|music| {
        let value = |metric: &Metric| Some((metric.plain_name(), metric.of_run_music(music)?.0));
        compared.clone().filter_map(value)
    });
    record.metrics.clone().into_iter().chain(music).collect()
}

/// Returns true for a metric of the music of a run's samples, by its name in [`metrics`].
pub(super) fn is_of_samples(name: &str) -> bool {
    let named =
        METRICS.iter().filter(|metric| metric.group() == MetricGroup::Music && metric.subject != Subject::Corpus);
    named.into_iter().any(|metric| metric.plain_name() == name)
}

/// Returns the times that are compared: those that are judged, in the order of the registry.
pub(super) fn times() -> impl Iterator<Item = &'static Metric> {
    times_of(Reach::Report).filter(|time| time.judged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_work_are_compared_and_rates_are_not() {
        let names: Vec<&str> = times().map(|time| time.name).collect();
        assert_eq!(names, ["total_s", "train_s", "evaluate_s", "likelihood_s", "sample_s"]);
    }
}
