//! The report of one build on itself: the least time of every case.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The outcome of one measuring process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    /// The commit that the build was made of.
    pub(crate) commit: String,
    /// Least time of each case, in nanoseconds.
    pub(crate) minima: BTreeMap<String, f64>,
}

impl Report {
    /// Keeps the lesser time of each case.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (name, &time) in &other.minima {
            self.minima.entry(name.clone()).and_modify(|least| *least = least.min(time)).or_insert(time);
        }
    }
}
