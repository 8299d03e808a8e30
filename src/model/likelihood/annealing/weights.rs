//! The logarithms of importance weights, from which a partition function is estimated.

use serde::{Deserialize, Serialize};

/// The number of standard errors that a band extends to either side.
pub(crate) const BAND: f64 = 3.0;

/// The logarithms of the importance weights of independent chains, in the order of the chains, in nats.
#[derive(Clone, Debug, PartialEq)]
pub struct LogWeights(pub Vec<f64>);

/// An estimate of ln Z with a band of three standard errors, in nats.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The estimate ln Ẑ.
    pub log_partition: f64,
    /// The lower end of the band. Forwards it belongs to mean w − 3σ̂, and is `None` (−∞) if that is not positive.
    /// Backwards it belongs to mean w + 3σ̂.
    pub low: Option<f64>,
    /// The upper end of the band. Forwards it belongs to mean w + 3σ̂. Backwards it belongs to mean w − 3σ̂, and is
    /// `None` (∞) if that is not positive.
    pub high: Option<f64>,
    /// The mean of the chains' own estimates of ln Z. Its expectation bounds ln Z from the same side as that of
    /// `log_partition`, less tightly, but its error is that of a plain mean.
    pub mean_of_logs: f64,
    /// The standard error of `mean_of_logs`; zero for a single chain.
    pub standard_error: f64,
    /// The number of equal weights that would have the same variance: (Σ w)² / Σ w², between 1 and the number of
    /// chains.
    pub effective_sample_size: f64,
    /// The number of chains.
    pub chains: usize,
}

impl LogWeights {
    /// Estimates ln Z from forward weights, whose mean estimates Z / Z_0: ln Z ≈ `log_base` + ln mean w. E[ln Ẑ] ≤ ln
    /// Z.
    pub fn forward(&self, log_base: f64) -> Estimate {
        self.estimate(log_base, 1.0)
    }

    /// Estimates ln Z from backward weights, whose mean estimates Z_0 / Z: ln Z ≈ `log_base` − ln mean w. E[ln Ẑ] ≥ ln
    /// Z if the chains start from the model's own distribution.
    pub fn backward(&self, log_base: f64) -> Estimate {
        self.estimate(log_base, -1.0)
    }

    fn estimate(&self, log_base: f64, sign: f64) -> Estimate {
        let logs = &self.0;
        assert!(!logs.is_empty(), "an estimate without chains");
        let count = logs.len() as f64;
        let greatest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = logs.iter().map(|log| libm::exp(log - greatest)).collect();
        let (sum, squares) = weights.iter().fold((0.0, 0.0), |(sum, squares), w| (sum + w, squares + w * w));
        let mean = sum / count;
        let deviations = |values: &[f64], mean: f64| values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        let error_of_mean = |squares: f64| if count > 1.0 { (squares / (count - 1.0) / count).sqrt() } else { 0.0 };
        let error = error_of_mean(deviations(&weights, mean));
        let shifted = |mean: f64| (mean > 0.0).then(|| log_base + sign * (greatest + libm::log(mean)));
        let (less, more) = (shifted(mean - BAND * error), shifted(mean + BAND * error));
        let (low, high) = if sign > 0.0 { (less, more) } else { (more, less) };
        let mean_of_logs = logs.iter().sum::<f64>() / count;
        Estimate {
            log_partition: log_base + sign * (greatest + libm::log(mean)),
            low,
            high,
            mean_of_logs: log_base + sign * mean_of_logs,
            standard_error: error_of_mean(deviations(logs, mean_of_logs)),
            effective_sample_size: sum * sum / squares,
            chains: logs.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Purpose, RowStreams, standard_normals};

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-12 * b.abs().max(1.0), "{a} against {b}");
    }

    #[test]
    fn weights_by_hand() {
        // w = 1, 2, 3 times a common factor e^500: mean 2, variance 1, standard error 1/√3, ESS 36/14.
        let logs = LogWeights([1.0f64, 2.0, 3.0].map(|w| w.ln() + 500.0).to_vec());
        let forward = logs.forward(10.0);
        close(forward.log_partition, 510.0 + 2f64.ln());
        close(forward.low.unwrap(), 510.0 + (2.0 - 3f64.sqrt()).ln());
        close(forward.high.unwrap(), 510.0 + (2.0 + 3f64.sqrt()).ln());
        close(forward.effective_sample_size, 36.0 / 14.0);
        close(forward.mean_of_logs, 510.0 + 6f64.ln() / 3.0);
        let backward = logs.backward(10.0);
        close(backward.log_partition, -490.0 - 2f64.ln());
        close(backward.low.unwrap(), -490.0 - (2.0 + 3f64.sqrt()).ln());
        close(backward.high.unwrap(), -490.0 - (2.0 - 3f64.sqrt()).ln());
        close(backward.mean_of_logs, -490.0 - 6f64.ln() / 3.0);
        close(backward.standard_error, forward.standard_error);
    }

    #[test]
    fn ends_of_effective_sample_size() {
        let equal = LogWeights(vec![-3.0; 40]).forward(0.0);
        close(equal.effective_sample_size, 40.0);
        assert_eq!((equal.low, equal.high), (Some(equal.log_partition), Some(equal.log_partition)));
        let one = LogWeights([vec![0.0], vec![-80.0; 39]].concat()).forward(0.0);
        close(one.effective_sample_size, 1.0);
        assert_eq!(one.low, None, "three errors below the mean there is no weight");
        assert_eq!(LogWeights(vec![2.0]).forward(1.0).standard_error, 0.0);
    }

    /// Log-normal weights with σ = 1/2: E w = e^{σ²/2}. About 0.4 % of 400 bands from 500 weights each miss, since the
    /// distribution of the mean is slightly skewed. Seed 9; more than 2 % has a chance below 1e-6. Bands of half the
    /// width would miss 13 %, bands of twice the width none in 400.
    #[test]
    fn bands_cover_as_often_as_they_say() {
        let mut missed = [0, 0];
        for trial in 0..400 {
            let mut logs = vec![0.0; 500];
            standard_normals(&mut RowStreams::new(9, Purpose::Baseline, 0, 0, 0).generator(trial), &mut logs);
            for log in &mut logs {
                *log *= 0.5;
            }
            let estimate = LogWeights(logs).forward(0.0);
            let (low, high) = (estimate.low.unwrap(), estimate.high.unwrap());
            missed[0] += usize::from(!(low..=high).contains(&0.125));
            // A band of a third of the width, one standard error, misses about 32 %.
            let middle = estimate.log_partition;
            let inner = middle - (middle - low) / 3.0..=middle + (high - middle) / 3.0;
            missed[1] += usize::from(!inner.contains(&0.125));
        }
        assert!(missed[0] <= 8, "{} of 400 bands miss", missed[0]);
        assert!((80..=180).contains(&missed[1]), "{} of 400 bands of one error miss", missed[1]);
    }
}
