//! The comparison of two results.

use super::error::ComparisonError;
use super::measurement::{Measured, measure};
use super::options::ComparisonOptions;
use super::pairing::{Configuration, Pairing};
use super::verdict::{Quantified, Regression};
use crate::inspect::results::{Results, Side};
use crate::sweep::{RunRecord, RunStatus};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The comparison of results B with results A.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// The version of this report.
    pub schema: u32,
    /// The counts of A.
    pub a: Side,
    /// The counts of B.
    pub b: Side,
    /// The confidence of the intervals.
    pub confidence: f64,
    /// The parameters with one value in all of A and another in all of B.
    pub apart: BTreeMap<String, [Value; 2]>,
    /// The parameters that only the records of A, or only those of B, have.
    pub unshared: [Vec<String>; 2],
    /// The keys of sampling in which A and B differ. If there are any, metrics of samples are not comparable.
    pub sampled_apart: Vec<String>,
    /// The configurations compared, by their values of the parameters that vary.
    pub configurations: Vec<Map<String, Value>>,
    /// The number of configurations that only A, and only B, has.
    pub unmatched: [usize; 2],
    /// The number of runs that are the same to the last bit.
    pub identical: Identical,
    /// The runs that ended well in A and failed in B: a regression whatever the threshold.
    pub newly_failed: Vec<Failure>,
    /// The metrics.
    pub metrics: Vec<Quantified>,
    /// The times, as ratios B / A.
    pub times: Vec<Quantified>,
    /// The number of configurations whose times were not compared, by the reason.
    pub times_left_out: BTreeMap<String, usize>,
    /// The number of differences judged, of means over configurations and of single configurations.
    pub judged: [usize; 2],
    /// The confidence of the intervals behind the verdicts on each of the two: higher if many are judged.
    pub verdict_confidence: [f64; 2],
    /// The metrics and times that have got worse beyond doubt and threshold.
    pub regressions: Vec<Regression>,
}

/// The runs of the same configuration and seed on both sides.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Identical {
    /// The number of those with the same digest.
    pub same: usize,
    /// The number of all of them.
    pub of: usize,
    /// The reason why digests cannot be the same, if they cannot.
    pub impossible: Option<String>,
}

/// A run that ended well in A and failed in B.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Failure {
    /// The run in B.
    pub run_id: String,
    /// The reason.
    pub error: Option<String>,
}

impl Comparison {
    /// The version of the report.
    pub const SCHEMA: u32 = 1;

    /// Compares B with A.
    pub fn of(a: &Results, b: &Results, options: &ComparisonOptions) -> Result<Self, ComparisonError> {
        let pairing = Pairing::of(a, b)?;
        let (metrics, times, times_left_out) = measure(&pairing, options)?;
        let all = || metrics.iter().chain(&times);
        let judged = [
            all().filter(|quantity| quantity.overall.is_judged()).count(),
            all().flat_map(|quantity| &quantity.configurations).filter(|own| own.is_judged()).count(),
        ];
        // Some of many intervals miss the truth by chance. The chance is divided among all (Bonferroni), one half to
        // the means over configurations and one to single ones, so that the chance of any wrong verdict is that of one
        // interval.
        let families = judged.iter().filter(|count| **count > 0).count().max(1) as f64;
        let verdict_confidence =
            judged.map(|count| 1.0 - (1.0 - options.confidence) / (families * count.max(1) as f64));
        let conclude = |measured: Vec<Measured>| -> Vec<Quantified> {
            measured.into_iter().map(|quantity| quantity.conclude(options.confidence, verdict_confidence)).collect()
        };
        let (metrics, times) = (conclude(metrics), conclude(times));
        let regressions = metrics.iter().chain(&times).flat_map(Quantified::regressions).collect();
        Ok(Self {
            schema: Self::SCHEMA,
            a: a.side(),
            b: b.side(),
            confidence: options.confidence,
            configurations: pairing.configurations.iter().map(|configuration| configuration.label.clone()).collect(),
            unmatched: pairing.unmatched,
            identical: Identical::of(&pairing),
            newly_failed: newly_failed(&pairing),
            metrics,
            times,
            times_left_out,
            judged,
            verdict_confidence,
            regressions,
            sampled_apart: pairing.sampled_apart(),
            apart: pairing.apart,
            unshared: pairing.unshared,
        })
    }

    /// Returns `true` if B is worse than A: a metric or time beyond doubt and threshold, or a run that now fails.
    pub fn is_regression(&self) -> bool {
        !self.regressions.is_empty() || !self.newly_failed.is_empty()
    }
}

impl Identical {
    fn of(pairing: &Pairing<'_>) -> Self {
        let pairs = pairing.configurations.iter().flat_map(same_seed);
        let (mut same, mut of) = (0, 0);
        for (a, b) in pairs {
            of += 1;
            same += usize::from(a.digest == b.digest);
        }
        let impossible = (!pairing.digests_comparable()).then(|| {
            let keys = pairing.apart.keys().chain(pairing.unshared.iter().flatten());
            let keys: Vec<String> = keys.map(|key| format!("`{key}`")).collect();
            format!("a digest covers every parameter, and A and B differ in {}", keys.join(", "))
        });
        Self { same, of, impossible }
    }
}

/// Returns the runs of the same seed in a configuration.
fn same_seed<'a>(configuration: &'a Configuration<'_>) -> impl Iterator<Item = (&'a RunRecord, &'a RunRecord)> {
    configuration.a.iter().filter_map(|a| {
        let b = configuration.b.iter().find(|b| b.seed == a.seed)?;
        Some((*a, *b))
    })
}

fn newly_failed(pairing: &Pairing<'_>) -> Vec<Failure> {
    let pairs = pairing.configurations.iter().flat_map(same_seed);
    pairs
        .filter(|(a, b)| a.status == RunStatus::Ok && b.status == RunStatus::Failed)
        .map(|(_, b)| Failure { run_id: b.run_id.clone(), error: b.error.clone() })
        .collect()
}
