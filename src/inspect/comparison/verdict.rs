//! The verdict on the change of a metric or time from A to B.

use super::difference::Method;
use crate::sweep::Direction;
use serde::Serialize;

/// One metric or time in all configurations.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Quantified {
    /// Its name.
    pub name: String,
    /// Its better direction.
    pub direction: Direction,
    /// The change for the worse that is accepted, as a share of A's mean or, if `absolute`, in its unit; `None` for a
    /// metric that is not judged.
    pub threshold: Option<f64>,
    /// `true` if the threshold is in the unit of the metric.
    pub absolute: bool,
    /// The number of runs of A and of B in which it is undefined.
    pub undefined: [usize; 2],
    /// The mean over configurations.
    pub overall: Contrast,
    /// Each configuration; empty if there is only one.
    pub configurations: Vec<Contrast>,
}

/// A and B in one quantity.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Contrast {
    /// The place of the configuration in the list of them; `None` for the mean of all.
    pub configuration: Option<usize>,
    /// The mean of A; for times, the geometric mean.
    pub a: f64,
    /// The mean of B.
    pub b: f64,
    /// The change B − A; for times, B / A.
    pub change: f64,
    /// The interval of the change; `None` where a side has a single replicate.
    pub interval: Option<[f64; 2]>,
    /// The method that gave the interval.
    pub method: Method,
    /// The degrees of freedom.
    pub degrees_of_freedom: Option<f64>,
    /// The number of values of A and of B.
    pub values: [usize; 2],
    /// The verdict.
    pub verdict: Verdict,
}

/// The meaning of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Worse than A by more than the threshold, beyond doubt.
    Regression,
    /// Not worse by more than the threshold, beyond doubt.
    Within,
    /// The interval lies on both sides of the threshold, or there is no interval: more replicates would tell.
    Unclear,
    /// The metric is not judged, or A's mean is 0 and the threshold a share of it.
    NotJudged,
    /// The metric is of samples, and the two sides sampled differently.
    NotComparable,
}

/// A metric or time that has got worse.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Regression {
    /// The metric or time.
    pub name: String,
    /// The place of the configuration; `None` for the mean of all.
    pub configuration: Option<usize>,
}

impl Quantified {
    /// Returns `true` if verdicts are given on it.
    pub fn is_judged(&self) -> bool {
        self.threshold.is_some()
    }

    /// Returns the overall mean and every configuration.
    pub fn contrasts(&self) -> impl Iterator<Item = &Contrast> {
        std::iter::once(&self.overall).chain(&self.configurations)
    }

    pub(super) fn regressions(&self) -> impl Iterator<Item = Regression> {
        let found = self.contrasts().filter(|contrast| contrast.verdict == Verdict::Regression);
        found.map(|contrast| Regression { name: self.name.clone(), configuration: contrast.configuration })
    }
}
