//! The rungs of successive halving.

use crate::report::sweep_results::SweepResults;
use crate::sweep::PlannedHalving;
use serde::Serialize;

/// The rungs of a sweep, with the rung of each point listed.
#[derive(Clone, Debug, Serialize)]
pub(in crate::report) struct Rungs {
    #[serde(flatten)]
    planned: PlannedHalving,
    /// The rung of each point, best point first.
    rung_of_point: Vec<usize>,
}

impl Rungs {
    /// Returns the rungs of the first `count` points; `None` without halving.
    pub(in crate::report) fn of(results: &SweepResults, count: usize) -> Option<Self> {
        let planned = results.plan.halving.clone()?;
        let rung_of_point = results.summary.points[..count].iter().map(|point| point.rung).collect();
        Some(Self { planned, rung_of_point })
    }
}
