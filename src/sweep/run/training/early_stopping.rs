//! Early stopping: training ends when a metric of held-out songs has not improved for some evaluations (Prechelt 1998).

use crate::sweep::results::Metrics;
use crate::train::{StopMetric, TrainOptions};
use serde::{Deserialize, Serialize};

/// The state of early stopping in a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct EarlyStopping {
    /// The best value so far, with the epoch that it was reached in.
    best: Option<(f64, u64)>,
    /// The number of evaluations since the best one.
    without_improvement: usize,
}

/// The consequence of an evaluation for training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The model is the best so far.
    Improved,
    /// The model is not better than the best, and patience is left.
    Continue,
    /// Patience is used up.
    Stop,
}

impl EarlyStopping {
    /// Takes the metrics of an evaluated epoch into account. A metric that is undefined or not a number is not an
    /// improvement.
    pub(crate) fn look(&mut self, options: &TrainOptions, metrics: &Metrics, epoch: u64) -> Verdict {
        let Some((name, sign)) = metric_of(options.early_stopping_metric) else { return Verdict::Continue };
        let value = metrics.get(name).copied().flatten().filter(|value| !value.is_nan()).map(|value| sign * value);
        let improved =
            value.filter(|&value| self.best.is_none_or(|(best, _)| value > best + options.early_stopping_min_delta));
        if let Some(value) = improved {
            self.best = Some((value, epoch));
            self.without_improvement = 0;
            return Verdict::Improved;
        }
        self.without_improvement += 1;
        let patient = self.without_improvement < options.early_stopping_patience;
        if patient { Verdict::Continue } else { Verdict::Stop }
    }

    /// Returns the epoch of the best value.
    pub(crate) fn best_epoch(&self) -> Option<u64> {
        self.best.map(|(_, epoch)| epoch)
    }
}

/// Returns the metric's name in records, and 1 if higher is better or −1 if lower is.
fn metric_of(metric: StopMetric) -> Option<(&'static str, f64)> {
    match metric {
        StopMetric::None => None,
        StopMetric::PseudoLogLikelihood => Some(("validation_pseudo_log_likelihood", 1.0)),
        StopMetric::ReconstructionError => Some(("validation_reconstruction_error", -1.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(metric: StopMetric, name: &str, min_delta: f64, values: &[Option<f64>]) -> (Vec<Verdict>, Option<u64>) {
        let options = TrainOptions {
            early_stopping_metric: metric,
            early_stopping_patience: 2,
            early_stopping_min_delta: min_delta,
            ..TrainOptions::default()
        };
        let mut own = EarlyStopping::default();
        let look = |(epoch, value): (u64, &Option<f64>)| {
            own.look(&options, &Metrics::from([(name.to_owned(), *value)]), epoch)
        };
        let verdicts = (0..).zip(values).map(look).collect();
        (verdicts, own.best_epoch())
    }

    #[test]
    fn higher_likelihoods_and_lower_errors_are_improvements() {
        use Verdict::{Continue, Improved, Stop};
        let values = [-9.0, -7.0, -8.0, -6.0, -6.5, -6.0].map(Some);
        let rising = verdicts(StopMetric::PseudoLogLikelihood, "validation_pseudo_log_likelihood", 0.0, &values);
        assert_eq!(rising, (vec![Improved, Improved, Continue, Improved, Continue, Stop], Some(3)));
        let falling = verdicts(StopMetric::ReconstructionError, "validation_reconstruction_error", 0.0, &values[..3]);
        assert_eq!(falling, (vec![Improved, Continue, Stop], Some(0)));
    }

    #[test]
    fn small_steps_and_undefined_values_are_none() {
        use Verdict::{Continue, Improved, Stop};
        let name = "validation_pseudo_log_likelihood";
        let small = [-9.0, -8.5, -7.9, -7.8].map(Some);
        let (seen, best) = verdicts(StopMetric::PseudoLogLikelihood, name, 1.0, &small);
        assert_eq!((seen, best), (vec![Improved, Continue, Improved, Continue], Some(2)));
        let undefined = [Some(-9.0), None, Some(f64::NAN)];
        let (seen, best) = verdicts(StopMetric::PseudoLogLikelihood, name, 0.0, &undefined);
        assert_eq!((seen, best), (vec![Improved, Continue, Stop], Some(0)));
        let (seen, best) = verdicts(StopMetric::None, name, 0.0, &undefined);
        assert_eq!((seen, best), (vec![Continue, Continue, Continue], None));
    }
}
