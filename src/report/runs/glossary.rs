//! The glossary: the metrics in words.

use crate::sweep::{Direction, find_metric};
use serde::Serialize;

/// A metric explained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(in crate::report) struct Term {
    /// A few words for headings.
    label: String,
    /// As few words as a narrow column needs.
    short: String,
    /// The unit; empty for a share or another plain number.
    unit: String,
    /// The better direction.
    better: Direction,
    /// The definition.
    definition: String,
}

/// Returns the term for the name of a column or a curve, if the metric is registered.
pub(in crate::report) fn term(name: &str) -> Option<Term> {
    let named = find_metric(name)?;
    Some(Term {
        label: named.label(),
        short: named.short(),
        unit: named.unit(),
        better: named.metric.better,
        definition: named.definition(),
    })
}
