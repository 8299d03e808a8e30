//! What is compared of a record: names, values, and which direction is the better one.

use crate::sweep::{Metrics, RunRecord, music_of};
use serde::Serialize;

/// Which way a quantity should move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Less is better.
    Lower,
    /// More is better.
    Higher,
    /// Neither is better as such, as of a free energy: such a quantity is shown and not judged.
    Neither,
}

/// Directions by a part of the name: likelihoods should rise, the distance of the music fall. Free energies and partition
/// functions have no good value of their own, of the music it is the distance from the training data that counts, and the
/// reconstruction error says how sticky the chains are as much as how good the model is.
const DIRECTIONS: [(&str, Direction); 3] = [
    // Of what annealing says, not of the model.
    ("log_likelihood_ceiling", Direction::Neither),
    ("log_likelihood", Direction::Higher),
    ("sample_distance", Direction::Lower),
];

impl Direction {
    /// The direction of a metric of this name.
    pub fn of_metric(name: &str) -> Self {
        let known = DIRECTIONS.iter().find(|(part, _)| name.contains(part));
        known.map_or(Self::Neither, |(_, direction)| *direction)
    }

    /// The factor that makes a change for the worse positive.
    pub(super) fn worse(self) -> Option<f64> {
        match self {
            Self::Lower => Some(1.0),
            Self::Higher => Some(-1.0),
            Self::Neither => None,
        }
    }
}

/// The metrics of a record, those of its music as `sample_…`, as in `summary.csv`.
pub(super) fn metrics(record: &RunRecord) -> Metrics {
    let music = music_of(record).into_iter().map(|(name, value)| (format!("sample_{name}"), value));
    // The baseline is a property of the corpus, no result of the model.
    let music = music.filter(|(name, _)| name != "sample_bernoulli_distance");
    record.metrics.clone().into_iter().chain(music).collect()
}

/// The times that are compared.
pub(super) const TIMES: [&str; 5] = ["train_s", "evaluate_s", "likelihood_s", "sample_s", "total_s"];

/// The times of a record in seconds, in the order of [`TIMES`].
pub(super) fn times(record: &RunRecord) -> [f64; 5] {
    let timing = &record.timing;
    [timing.train_s, timing.evaluate_s, timing.likelihood_s, timing.sample_s, timing.total_s]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_follow_from_names() {
        for (name, direction) in [
            ("validation_pseudo_log_likelihood", Direction::Higher),
            ("train_pseudo_log_likelihood_per_step", Direction::Higher),
            ("test_log_likelihood_reverse_ais", Direction::Higher),
            ("test_log_likelihood_ceiling_per_step", Direction::Neither),
            ("log_partition_exact", Direction::Neither),
            ("validation_reconstruction_error", Direction::Neither),
            ("sample_distance", Direction::Lower),
            ("validation_free_energy", Direction::Neither),
            ("free_energy_gap", Direction::Neither),
            ("sample_polyphony", Direction::Neither),
        ] {
            assert_eq!(Direction::of_metric(name), direction, "{name}");
        }
    }
}
