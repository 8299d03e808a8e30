//! The difference of two means with its uncertainty, by Student's t.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF as _, StudentsT};

/// The method that gives the uncertainty of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// The mean of the differences between replicates of the same seed (Student 1908).
    PairedT,
    /// The difference of the means of independent replicates whose variances may differ (Welch 1947).
    WelchT,
    /// The mean over configurations, each with its own uncertainty by one of the above, degrees of freedom after
    /// Satterthwaite (1946).
    OverReplicates,
    /// The mean over configurations of one replicate each; the scatter between configurations is the uncertainty.
    OverConfigurations,
    /// One replicate on a side: a difference without an uncertainty.
    SingleReplicate,
}

/// A difference B − A.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// The estimate.
    pub value: f64,
    /// Its standard error and degrees of freedom; `None` where a side has a single replicate.
    pub error: Option<(f64, f64)>,
    /// The method that gave the error.
    pub method: Method,
}

/// The replicates of one configuration: their seeds and values.
pub(super) type Sample<'a> = [(&'a str, f64)];

impl Difference {
    /// Returns the difference between the replicates of one configuration: by seed if the two sides share at least two
    /// seeds, by Welch's test of all replicates if they share fewer and both have at least two. `None` without a value
    /// on a side.
    pub(super) fn between(a: &Sample<'_>, b: &Sample<'_>) -> Option<Self> {
        let of_seed = |seed: &str| b.iter().find(|(other, _)| *other == seed).map(|(_, value)| *value);
        let pairs: Vec<f64> = a.iter().filter_map(|(seed, value)| Some(of_seed(seed)? - value)).collect();
        let values = |side: &Sample<'_>| side.iter().map(|(_, value)| *value).collect::<Vec<f64>>();
        match pairs.as_slice() {
            [_, _, ..] => Self::of_sample(&pairs, Method::PairedT),
            [difference] if a.len() == 1 || b.len() == 1 => {
                Some(Self { value: *difference, error: None, method: Method::SingleReplicate })
            }
            _ => Self::welch(&values(a), &values(b)),
        }
    }

    /// Returns the mean of a sample of differences.
    pub(super) fn of_sample(differences: &[f64], method: Method) -> Option<Self> {
        let (value, variance) = moments(differences)?;
        let count = differences.len() as f64;
        let error = variance.map(|variance| ((variance / count).sqrt(), count - 1.0));
        Some(Self { value, error, method: if error.is_some() { method } else { Method::SingleReplicate } })
    }

    /// Returns the difference of the means of two independent samples.
    fn welch(a: &[f64], b: &[f64]) -> Option<Self> {
        let ((mean_a, variance_a), (mean_b, variance_b)) = (moments(a)?, moments(b)?);
        let value = mean_b - mean_a;
        let Some((variance_a, variance_b)) = variance_a.zip(variance_b) else {
            return Some(Self { value, error: None, method: Method::SingleReplicate });
        };
        let (count_a, count_b) = (a.len() as f64, b.len() as f64);
        let parts = [(variance_a / count_a, count_a - 1.0), (variance_b / count_b, count_b - 1.0)];
        Some(Self { value, error: Some(combine(&parts)), method: Method::WelchT })
    }

    /// Returns the mean of the differences of several configurations with equal weights. Those without an uncertainty
    /// of their own are left out, unless none has one.
    pub(super) fn mean_of(differences: &[Self]) -> Option<Self> {
        if let [only] = differences {
            return Some(*only);
        }
        let certain: Vec<(f64, (f64, f64))> =
            differences.iter().filter_map(|difference| Some((difference.value, difference.error?))).collect();
        if certain.is_empty() {
            let values: Vec<f64> = differences.iter().map(|difference| difference.value).collect();
            return Self::of_sample(&values, Method::OverConfigurations);
        }
        let count = certain.len() as f64;
        let parts: Vec<(f64, f64)> = certain.iter().map(|(_, (error, freedom))| (error * error, *freedom)).collect();
        let (error, freedom) = combine(&parts);
        let value = certain.iter().map(|(value, _)| value).sum::<f64>() / count;
        Some(Self { value, error: Some((error / count, freedom)), method: Method::OverReplicates })
    }

    /// Returns the difference in another unit, `factor` of which are one of the present.
    pub(super) fn scaled(self, factor: f64) -> Self {
        let error = self.error.map(|(error, freedom)| (error * factor.abs(), freedom));
        Self { value: self.value * factor, error, ..self }
    }

    /// Returns the two-sided interval that holds the true difference with this confidence.
    pub fn interval(&self, confidence: f64) -> Option<[f64; 2]> {
        let (error, freedom) = self.error?;
        // Equal differences, as those of bit-identical runs, have no uncertainty.
        let half = if error == 0.0 { 0.0 } else { error * student_quantile(0.5 + 0.5 * confidence, freedom) };
        Some([self.value - half, self.value + half])
    }
}

/// Returns mean and sample variance; no variance for a single value, `None` for no value.
fn moments(values: &[f64]) -> Option<(f64, Option<f64>)> {
    if values.is_empty() {
        return None;
    }
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some((mean, (values.len() > 1).then(|| squares / (count - 1.0))))
}

/// Returns the standard error of a sum of independent parts (variance of the mean, degrees of freedom), and its
/// effective degrees of freedom: (Σ v)² / Σ (v² / f), Satterthwaite (1946).
fn combine(parts: &[(f64, f64)]) -> (f64, f64) {
    let variance: f64 = parts.iter().map(|(variance, _)| variance).sum();
    let divisor: f64 = parts.iter().map(|(variance, freedom)| variance * variance / freedom).sum();
    let freedom = if divisor > 0.0 { variance * variance / divisor } else { parts.iter().map(|(_, f)| f).sum() };
    (variance.sqrt(), freedom)
}

/// Returns the value that Student's t with `freedom` (> 0) degrees of freedom is below with this probability.
pub fn student_quantile(probability: f64, freedom: f64) -> f64 {
    let distribution = StudentsT::new(0.0, 1.0, freedom)
        .unwrap_or_else(|error| panic!("{freedom} degrees of freedom: {error}: counts are at least two here"));
    distribution.inverse_cdf(probability)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Purpose, RowStreams, standard_normals};

    fn seeded<'a>(seeds: &[&'a str], values: &[f64]) -> Vec<(&'a str, f64)> {
        seeds.iter().copied().zip(values.iter().copied()).collect()
    }

    const SEEDS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    /// Hours of sleep gained by two drugs on ten patients: Cushny and Peebles 1905, as Student 1908 gives them.
    const DRUG_1: [f64; 10] = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0];
    const DRUG_2: [f64; 10] = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4];

    /// Percentage points of the t distribution: Abramowitz and Stegun 1964, table 26.10 (there two-sided).
    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (probability, freedom, expected) in [
            (0.975, 1.0, 12.706),
            (0.975, 2.0, 4.303),
            (0.975, 3.0, 3.182),
            (0.975, 5.0, 2.571),
            (0.975, 10.0, 2.228),
            (0.975, 30.0, 2.042),
            (0.975, 120.0, 1.980),
            (0.95, 4.0, 2.132),
            (0.95, 60.0, 1.671),
            (0.995, 1.0, 63.657),
            (0.995, 2.0, 9.925),
            (0.995, 10.0, 3.169),
            (0.9995, 1.0, 636.619),
            (0.9995, 2.0, 31.598),
            (0.9995, 10.0, 4.587),
            (0.9995, 120.0, 3.373),
        ] {
            let quantile = student_quantile(probability, freedom);
            assert!((quantile - expected).abs() < 1.1e-3, "t({probability}, {freedom}) = {quantile}, not {expected}");
            assert!((student_quantile(1.0 - probability, freedom) + quantile).abs() < 1e-6 * quantile);
        }
        assert!(student_quantile(0.5, 7.0).abs() < 1e-9);
        // Far in the tails, where many comparisons at once need it: exact for one and two degrees of freedom.
        let tail: f64 = 1e-5;
        let cauchy = (std::f64::consts::PI * (0.5 - tail)).tan();
        assert!((student_quantile(1.0 - tail, 1.0) / cauchy - 1.0).abs() < 1e-6);
        let p = 1.0 - tail;
        let two = (2.0 * p - 1.0) * (2.0 / (4.0 * p * (1.0 - p))).sqrt();
        assert!((student_quantile(p, 2.0) / two - 1.0).abs() < 1e-6);
    }

    /// The intervals that R's `t.test` prints for these data (its own example, `sleep`).
    #[test]
    fn intervals_are_those_of_the_textbook() {
        let near = |found: [f64; 2], expected: [f64; 2]| {
            assert!((found[0] - expected[0]).abs() < 1e-6 && (found[1] - expected[1]).abs() < 1e-6, "{found:?}");
        };
        let paired = Difference::between(&seeded(&SEEDS, &DRUG_1), &seeded(&SEEDS, &DRUG_2)).unwrap();
        assert_eq!((paired.method, paired.error.unwrap().1), (Method::PairedT, 9.0));
        assert!((paired.value - 1.58).abs() < 1e-12);
        near(paired.interval(0.95).unwrap(), [0.7001142, 2.4598858]);
        let others = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
        let welch = Difference::between(&seeded(&SEEDS, &DRUG_1), &seeded(&others, &DRUG_2)).unwrap();
        assert_eq!(welch.method, Method::WelchT);
        assert!((welch.error.unwrap().1 - 17.776).abs() < 1e-3);
        near(welch.interval(0.95).unwrap(), [-0.2054832, 3.3654832]);
    }

    #[test]
    fn seeds_decide_how_replicates_are_paired() {
        let method = |a: &Sample<'_>, b: &Sample<'_>| Difference::between(a, b).map(|difference| difference.method);
        let a = [("1", 1.0), ("2", 2.0), ("3", 3.5)];
        // The order does not matter, and seeds of only one side are left out.
        let shared = Difference::between(&a, &[("9", 100.0), ("3", 4.0), ("1", 2.0)]).unwrap();
        assert_eq!((shared.value, shared.method), (0.75, Method::PairedT));
        assert_eq!(method(&a, &[("1", 1.0), ("8", 2.0)]), Some(Method::WelchT), "one shared seed is not a sample");
        assert_eq!(method(&a, &[("8", 1.0)]), Some(Method::SingleReplicate));
        let single = Difference::between(&a[..1], &[("1", 4.0)]).unwrap();
        assert_eq!((single.value, single.error, single.interval(0.95)), (3.0, None, None));
        assert_eq!(method(&a, &[]), None);
    }

    #[test]
    fn the_same_difference_every_time_leaves_no_doubt() {
        let a = [("1", 1.0), ("2", 2.0)];
        let difference = Difference::between(&a, &[("1", 1.5), ("2", 2.5)]).unwrap();
        assert_eq!(difference.interval(0.95), Some([0.5, 0.5]));
        let welch = Difference::between(&[("1", 1.0), ("2", 1.0)], &[("3", 3.0), ("4", 3.0)]).unwrap();
        assert_eq!(welch.interval(0.95), Some([2.0, 2.0]));
    }

    #[test]
    fn configurations_weigh_the_same() {
        let certain = |value, error| Difference { value, error: Some((error, 4.0)), method: Method::PairedT };
        let mean = Difference::mean_of(&[certain(1.0, 3.0), certain(2.0, 4.0)]).unwrap();
        assert_eq!((mean.value, mean.method), (1.5, Method::OverReplicates));
        let (error, freedom) = mean.error.unwrap();
        assert!((error - 2.5).abs() < 1e-12, "√(9 + 16) / 2");
        assert!((freedom - 625.0 / (81.0 / 4.0 + 256.0 / 4.0)).abs() < 1e-9);
        let single = |value| Difference { value, error: None, method: Method::SingleReplicate };
        let mean = Difference::mean_of(&[single(1.0), single(3.0), single(5.0)]).unwrap();
        assert_eq!((mean.value, mean.method), (3.0, Method::OverConfigurations));
        assert!((mean.error.unwrap().0 - 2.0 / 3f64.sqrt()).abs() < 1e-12);
        assert_eq!(Difference::mean_of(&[single(1.0)]).unwrap().method, Method::SingleReplicate);
        assert_eq!(Difference::mean_of(&[certain(1.0, 1.0), single(9.0)]).unwrap().value, 1.0);
        assert_eq!(Difference::mean_of(&[]), None);
    }

    /// Intervals hold the truth as often as they claim. Seed 5, 4,000 trials each: the bounds are five standard errors
    /// of the share, exceeded by a right program in fewer than one of a million seeds.
    #[test]
    fn intervals_cover_the_truth_as_often_as_they_say() {
        let mut generator = RowStreams::new(5, Purpose::Baseline, 0, 0, 0).generator(0);
        let mut normals = vec![0.0; 12];
        let trials = 4000;
        let mut held = [0usize; 3];
        for _ in 0..trials {
            standard_normals(&mut generator, &mut normals);
            // The true difference is 0.3; the noise that replicates of a seed share is ten times the rest.
            let a: Vec<f64> = normals[..4].iter().map(|common| 10.0 * common).collect();
            let b: Vec<f64> = a.iter().zip(&normals[4..8]).map(|(a, own)| a + 0.3 + own).collect();
            let apart: Vec<f64> = normals[8..].iter().map(|own| 0.3 + 3.0 * own).collect();
            let holds = |difference: Difference| {
                let [low, high] = difference.interval(0.9).unwrap();
                usize::from(low <= 0.3 && 0.3 <= high)
            };
            let paired = Difference::between(&seeded(&SEEDS, &a), &seeded(&SEEDS, &b)).unwrap();
            let welch = Difference::between(&seeded(&SEEDS, &normals[4..8]), &seeded(&SEEDS[4..], &apart)).unwrap();
            assert_eq!((paired.method, welch.method), (Method::PairedT, Method::WelchT));
            held[0] += holds(paired);
            held[1] += holds(welch);
            held[2] += holds(Difference::mean_of(&[paired, welch]).unwrap());
        }
        let share = held.map(|count| count as f64 / f64::from(trials));
        assert!((share[0] - 0.9).abs() < 0.024, "{share:?}");
        // Welch's approximation is known to be slightly off at four replicates.
        assert!((share[1] - 0.9).abs() < 0.024 + 0.01, "{share:?}");
        assert!((share[2] - 0.9).abs() < 0.024 + 0.015, "{share:?}");
    }
}
