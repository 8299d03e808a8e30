//! The verdict on a metric or time: the change from A to B, and its meaning.

use super::difference::Method;
use crate::sweep::Direction;
use serde::Serialize;

/// One metric or time in all configurations.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Quantified {
    /// Its name.
    pub name: String,
    /// Which way it should move.
    pub direction: Direction,
    /// The change for the worse that is still accepted, as a share of A's mean or, if `absolute`, in its unit; `None`
    /// where no direction is worse.
    pub threshold: Option<f64>,
    /// Whether the threshold is in the unit of the metric.
    pub absolute: bool,
    /// Runs that it was undefined in, of A and of B.
    pub undefined: [usize; 2],
    /// The mean over configurations.
    pub overall: Contrast,
    /// Each configuration; empty if there is but one.
    pub configurations: Vec<Contrast>,
}

/// A and B in one quantity.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Contrast {
    /// Which configuration, by its place in the list of them; `None` for the mean of all.
    pub configuration: Option<usize>,
    /// The mean of A; of times, the geometric mean.
    pub a: f64,
    /// The mean of B.
    pub b: f64,
    /// B − A; of times, B / A.
    pub change: f64,
    /// The interval of the change; `None` where there is one replicate alone.
    pub interval: Option<[f64; 2]>,
    /// How the interval was found.
    pub method: Method,
    /// Degrees of freedom.
    pub degrees_of_freedom: Option<f64>,
    /// Values of A and of B.
    pub values: [usize; 2],
    /// What it means.
    pub verdict: Verdict,
}

/// What a difference means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Worse than A by more than the threshold, beyond doubt.
    Regression,
    /// Not worse by more than the threshold, beyond doubt.
    Within,
    /// The interval lies on both sides of the threshold, or there is none: more replicates would tell.
    Unclear,
    /// No direction is the worse one, or A's mean is 0 and the threshold a share of it.
    NotJudged,
}

/// Something that has got worse.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Regression {
    /// The metric or time.
    pub name: String,
    /// In which configuration; `None` for the mean of all.
    pub configuration: Option<usize>,
}

impl Quantified {
    /// Returns `true` if verdicts are given on it.
    pub fn is_judged(&self) -> bool {
        self.threshold.is_some()
    }

    /// The overall mean and every configuration.
    pub fn contrasts(&self) -> impl Iterator<Item = &Contrast> {
        std::iter::once(&self.overall).chain(&self.configurations)
    }

    pub(super) fn regressions(&self) -> impl Iterator<Item = Regression> {
        let found = self.contrasts().filter(|contrast| contrast.verdict == Verdict::Regression);
        found.map(|contrast| Regression { name: self.name.clone(), configuration: contrast.configuration })
    }
}
