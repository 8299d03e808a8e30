//! The options of a comparison.

use std::collections::BTreeMap;

/// The quantities to compare, and the bounds of a regression.
#[derive(Clone, Debug, PartialEq)]
pub struct ComparisonOptions {
    /// The metrics and times to compare, by name; all if empty.
    pub metrics: Vec<String>,
    /// A change for the worse by more than this share of A's mean is a regression.
    pub threshold: f64,
    /// Thresholds of single metrics in the unit of the metric, in place of the share.
    pub thresholds: BTreeMap<String, f64>,
    /// The confidence of intervals, between 0 and 1.
    pub confidence: f64,
}

impl Default for ComparisonOptions {
    fn default() -> Self {
        Self { metrics: Vec::new(), threshold: 0.05, thresholds: BTreeMap::new(), confidence: 0.95 }
    }
}
