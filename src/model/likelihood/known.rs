//! The part of the partition function that known states contribute.
//!
//! It is a lower bound on the whole that does not depend on anything random, and it anchors estimates of the rest.

use super::annealing::{BAND, LogWeights};
use crate::engine::BitMatrix;
use crate::model::energy::Rbm;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// The distinct windows among rows of data, with ln Σ e^−F(v) over them.
#[derive(Clone, Debug)]
pub struct KnownStates<'a> {
    states: HashSet<&'a [u64]>,
    log_partition: f64,
}

/// An estimate of ln Z from the share of the model's probability that known states have, with a band of three standard
/// errors, in nats.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Anchored {
    /// The estimate ln Z_S − ln P̂(S), where Z_S is the known states' part of Z and P̂(S) their share of the samples.
    pub log_partition: f64,
    /// The lower end of the band, which belongs to the upper end of P(S): at least ln Z_S.
    pub low: f64,
    /// The upper end of the band, which belongs to the lower end of P(S).
    pub high: f64,
    /// The share P̂(S), 0 to 1.
    pub share: f64,
}

impl<'a> KnownStates<'a> {
    /// Collects the distinct windows among the given rows; `None` without rows.
    pub fn of(rbm: &Rbm, windows: &'a BitMatrix, rows: &[usize]) -> Option<Self> {
        let mut states = HashSet::new();
        let distinct: Vec<usize> = rows.iter().copied().filter(|&row| states.insert(windows.row(row))).collect();
        let logs: Vec<f64> = distinct.par_iter().with_min_len(8).map(|&row| -rbm.free_energy(windows, row)).collect();
        let greatest = logs.iter().copied().reduce(f64::max)?;
        // The sum is in the order of the rows, so that it does not depend on threads.
        let log_partition = greatest + libm::log(logs.iter().map(|log| libm::exp(log - greatest)).sum());
        Some(Self { states, log_partition })
    }

    /// Returns ln Σ e^−F(v) over the known states, in nats. It is part of the sum Z, so ln Z is at least that.
    ///
    /// Annealing that misses modes finds too small a ln Z and does not notice. If the missed modes are those of the
    /// data, this bound reveals it.
    pub fn log_partition(&self) -> f64 {
        self.log_partition
    }

    /// Estimates ln Z from the share P of the known states among weighted samples of the model (samples × visible).
    /// Only the unknown part of Z is estimated. It is a ratio estimate, with a bias of the order of one over the number
    /// of samples.
    ///
    /// The standard error is √((1 − P) / (P n)), where n is the number of equally weighted samples that would give
    /// P̂(S) the same variance. It is at most (Σ w)² / Σ w², and less if the large weights are those of unknown states.
    /// The band is that of Wilson (1927) for n, which has a width even if P̂(S) is 1. `None` if no sample is a known
    /// state or a weight is not finite.
    pub fn anchored(&self, samples: &BitMatrix, weights: &LogWeights) -> Option<Anchored> {
        let LogWeights(logs) = weights;
        assert_eq!(logs.len(), samples.rows(), "weights and samples");
        let greatest = logs.iter().copied().reduce(f64::max)?;
        // Sums of weights and of their squares: first over known states, then over the others.
        let (mut sums, mut squares) = ([0.0; 2], [0.0; 2]);
        for (row, log) in logs.iter().enumerate() {
            let weight = libm::exp(log - greatest);
            let side = usize::from(!self.states.contains(samples.row(row)));
            sums[side] += weight;
            squares[side] += weight * weight;
        }
        let sum = sums[0] + sums[1];
        let (share, others) = (sums[0] / sum, sums[1] / sum);
        if !sum.is_finite() || share <= 0.0 {
            return None;
        }
        let effective = sum * sum / (squares[0] + squares[1]);
        let variance = (squares[0] * others * others + squares[1] * share * share) / (sum * sum);
        let effective = if variance > 0.0 { effective.min(share * others / variance) } else { effective };
        let shrunk = 1.0 + BAND * BAND / effective;
        let middle = (share + BAND * BAND / (2.0 * effective)) / shrunk;
        let spread = share * others / effective + BAND * BAND / (4.0 * effective * effective);
        let upper = middle + BAND * spread.sqrt() / shrunk;
        // The ends are the roots of a quadratic, whose product is P̂² / (1 + 9 / n). In this form nothing cancels.
        let log_lower = 2.0 * libm::log(share) - libm::log(shrunk * upper);
        Some(Anchored {
            log_partition: self.log_partition - libm::log(share),
            low: self.log_partition - libm::log(upper.min(1.0)),
            high: self.log_partition - log_lower,
            share,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Purpose, RowStreams, standard_normals};
    use crate::model::likelihood::exact_log_partition;
    use crate::testing::random_parameters;

    #[test]
    fn all_states_make_the_whole_and_fewer_make_less() {
        let rbm = Rbm::new(random_parameters(5, 6, 9, 1.5));
        let exact = exact_log_partition(&rbm).unwrap();
        // Every state appears twice and counts once.
        let states = BitMatrix::from_fn(128, 6, |row, unit| row >> unit & 1 == 1);
        let all: Vec<usize> = (0..128).collect();
        let part_of = |rows: &[usize]| KnownStates::of(&rbm, &states, rows).map(|known| known.log_partition());
        let whole = part_of(&all).unwrap();
        assert!((whole - exact).abs() < 1e-9, "{whole} against {exact}");
        let part = part_of(&all[3..40]).unwrap();
        let share: f64 = (3..40).map(|row| libm::exp(-rbm.free_energy(&states, row) - exact)).sum();
        assert!((part - exact - libm::log(share)).abs() < 1e-9 && part < exact, "{part} against {exact}");
        assert_eq!(part_of(&[]), None);
    }

    /// States drawn uniformly and weighted by e^−F are samples of the model. In 200 models of 6 × 9 units, the 40
    /// likeliest of the 64 states are known. A band of three standard errors misses the exact value in about 0.3 % of
    /// models; more than 5 of 200 has a chance below 1e-4. The errors are far smaller than those of the weights alone.
    #[test]
    fn weighted_samples_find_the_whole_from_a_part() {
        let states = BitMatrix::from_fn(64, 6, |row, unit| row >> unit & 1 == 1);
        let (mut missed, mut errors) = (0, [0.0, 0.0]);
        for seed in 0..200 {
            let rbm = Rbm::new(random_parameters(seed, 6, 9, 0.5));
            let exact = exact_log_partition(&rbm).unwrap();
            let mut rows: Vec<usize> = (0..64).collect();
            rows.sort_by(|&a, &b| rbm.free_energy(&states, a).total_cmp(&rbm.free_energy(&states, b)));
            let known = KnownStates::of(&rbm, &states, &rows[..40]).unwrap();
            let streams = RowStreams::new(seed, Purpose::Baseline, 5, 0, 0);
            let drawn: Vec<usize> = (0..400).map(|row| (streams.row(row).next_u32() >> 26) as usize).collect();
            let logs: Vec<f64> = drawn.iter().map(|&row| -rbm.free_energy(&states, row)).collect();
            let weights = LogWeights(logs);
            let Anchored { log_partition, low, high, share } =
                known.anchored(&states.gather(&drawn), &weights).unwrap();
            assert!((known.log_partition()..=log_partition).contains(&low) && log_partition <= high);
            assert!((known.log_partition() - libm::log(share) - log_partition).abs() < 1e-12);
            missed += usize::from(!(low..=high).contains(&exact));
            let plain = weights.forward(6.0 * std::f64::consts::LN_2).log_partition;
            errors[0] += (log_partition - exact).powi(2);
            errors[1] += (plain - exact).powi(2);
        }
        assert!(missed <= 5, "{missed} of 200 bands miss");
        assert!(25.0 * errors[0] < errors[1], "{errors:?}");
    }

    /// Eight equal weights, seven on the known state, so P̂ = 7/8. Wilson's ends for n = 8 and z = 3 are worked out by
    /// hand.
    #[test]
    fn the_band_is_wilsons() {
        let rbm = Rbm::new(random_parameters(5, 6, 9, 1.5));
        let windows = BitMatrix::from_fn(2, 6, |row, unit| row == 0 && unit == 0);
        let known = KnownStates::of(&rbm, &windows, &[0]).unwrap();
        let samples = windows.gather(&[0, 0, 0, 0, 0, 1, 0, 0]);
        let found = known.anchored(&samples, &LogWeights(vec![7.0; 8])).unwrap();
        let by = |share: f64| known.log_partition() - share.ln();
        for (value, share) in [(found.log_partition, 0.875), (found.low, 0.988_429), (found.high, 0.364_512)] {
            assert!((value - by(share)).abs() < 1e-5, "{found:?}: {value} against {}", by(share));
        }
        // Cases in which all samples are known, and none is.
        let all = known.anchored(&windows.gather(&[0; 91]), &LogWeights(vec![0.0; 91])).unwrap();
        assert_eq!((all.log_partition, all.low), (known.log_partition(), known.log_partition()));
        assert!((all.high - by(0.91)).abs() < 1e-12, "nine of a hundred may be missing: {all:?}");
        assert_eq!(known.anchored(&windows.gather(&[1; 4]), &LogWeights(vec![0.0; 4])), None);
        assert_eq!(known.anchored(&BitMatrix::zeros(0, 6), &LogWeights(Vec::new())), None);
    }

    /// Ninety-nine samples of the known state, and one of another with the same weight as all of them. The estimate
    /// depends on that one, though by weights alone four samples count. By hand: P = ½, Σ w̃² (1[v ∈ S] − P)² = ¼ (¼ /
    /// 99 + ¼), n = 100 / 25.
    #[test]
    fn heavy_samples_elsewhere_widen_the_band() {
        let rbm = Rbm::new(random_parameters(5, 6, 9, 1.5));
        let windows = BitMatrix::from_fn(2, 6, |row, unit| row == 0 && unit == 0);
        let known = KnownStates::of(&rbm, &windows, &[0]).unwrap();
        let by = |share: f64| known.log_partition() - share.ln();
        let mut rows = vec![0; 99];
        rows.push(1);
        let mut logs = vec![0.0; 99];
        logs.push(99f64.ln());
        let found = known.anchored(&windows.gather(&rows), &LogWeights(logs)).unwrap();
        assert!((found.log_partition - by(0.5)).abs() < 1e-12);
        // n = 3.96: Wilson's lower end for z = 3 and P = ½ is ½ − 1.5 / √(n + 9).
        let half = 1.5 / 12.96f64.sqrt();
        assert!((found.high - by(0.5 - half)).abs() < 1e-9, "{found:?} against {}", by(0.5 - half));
        // One sample has eighty of eight thousand: by weights alone more than half of the samples count, and σ is 6.7
        // times too small.
        let mut rows = vec![0; 7999];
        rows.push(1);
        let mut logs = vec![0.0; 7999];
        logs.push(80f64.ln());
        let found = known.anchored(&windows.gather(&rows), &LogWeights(logs)).unwrap();
        let sigma: f64 = 80.0 / 8079.0;
        assert!(found.high - found.log_partition > 2.5 * sigma, "{found:?}");
        // The ends are finite however small the share is.
        let found = known.anchored(&windows.gather(&[0, 1, 1]), &LogWeights(vec![-600.0, 0.0, 0.0])).unwrap();
        assert!(
            found.low < found.log_partition && found.log_partition < found.high && found.high.is_finite(),
            "{found:?}"
        );
        assert_eq!(known.anchored(&windows.gather(&[0, 1]), &LogWeights(vec![0.0, f64::NAN])), None);
    }

    /// Unequal weights count as fewer samples, so their band is wider than that of equal weights.
    #[test]
    fn unequal_weights_widen_the_band() {
        let rbm = Rbm::new(random_parameters(5, 6, 9, 1.5));
        let windows = BitMatrix::from_fn(2, 6, |row, unit| row == 0 && unit == 0);
        let known = KnownStates::of(&rbm, &windows, &[0]).unwrap();
        let samples = windows.gather(&(0..100).map(|row| usize::from(row % 10 == 0)).collect::<Vec<usize>>());
        let mut logs = vec![0.0; 100];
        standard_normals(&mut RowStreams::new(4, Purpose::Baseline, 0, 0, 0).generator(0), &mut logs);
        let width = |logs: Vec<f64>| {
            let Anchored { low, high, .. } = known.anchored(&samples, &LogWeights(logs)).unwrap();
            high - low
        };
        assert!(width(logs) > 1.2 * width(vec![0.0; 100]));
    }
}
