//! The rungs of successive halving: the points that go on, as a function of records alone.

use crate::sweep::config::Halving;
use crate::sweep::plan::Prepared;
use crate::sweep::results::{Direction, RunRecord, RunStatus, read_record, run_folder};
use std::path::Path;

/// The consequence of the records of a rung.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// The plan has no further rung.
    Last,
    /// The number of runs that have no record yet.
    Open(usize),
    /// The points that go on, by their places in the plan; none if no run of the rung has a value of the metric.
    Survivors(Vec<usize>),
}

impl Decision {
    /// Ranks the points of the newest rung of a plan by their means over replicates. A point with a failed run, or without
    /// a value of the metric, does not go on; of equal points the first of the plan does.
    pub(super) fn of(prepared: &Prepared, record_of: impl Fn(usize) -> Option<RunRecord>) -> Self {
        let plan = &prepared.plan;
        let (Some(bracket), Some(next)) = (&plan.bracket, plan.rungs_to_come().first()) else { return Self::Last };
        let rung = plan.rung();
        let first = plan.points.partition_point(|point| point.rung < rung);
        let mut scores: Vec<Vec<Option<f64>>> = vec![Vec::new(); plan.points.len() - first];
        let mut open = 0;
        for run in plan.runs.iter().filter(|run| run.point_index >= first) {
            match record_of(run.index) {
                Some(record) => scores[run.point_index - first].push(score(&bracket.halving, &record)),
                None => open += 1,
            }
        }
        if open > 0 {
            return Self::Open(open);
        }
        let mean = |scores: &Vec<Option<f64>>| {
            let defined: Option<Vec<f64>> = scores.iter().copied().collect();
            defined.map(|scores| scores.iter().sum::<f64>() / scores.len() as f64)
        };
        let means = scores.iter().map(mean).enumerate().filter_map(|(place, mean)| Some((first + place, mean?)));
        let mut ranked: Vec<(usize, f64)> = means.collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
        let mut survivors: Vec<usize> = ranked.into_iter().take(next.points).map(|(point, _)| point).collect();
        survivors.sort_unstable();
        Self::Survivors(survivors)
    }

    /// Decides by the records in a folder.
    pub(super) fn in_folder(prepared: &Prepared, folder: &Path) -> Self {
        Self::of(prepared, |run| {
            let run_id = &prepared.run_ids[run];
            read_record(&run_folder(folder, run_id), run_id)
        })
    }
}

/// Returns the value of the metric in a record, higher for better; `None` if it is undefined or the run failed.
fn score(halving: &Halving, record: &RunRecord) -> Option<f64> {
    let value = halving.metric.of_record(record).filter(|_| record.status == RunStatus::Ok);
    let sign = if halving.metric.metric.better == Direction::Lower { -1.0 } else { 1.0 };
    value.filter(|value| value.is_finite()).map(|value| sign * value)
}

/// Adds the rungs that the records in a folder decide to the plan of a sweep. The folder need not exist.
pub fn add_decided_rungs(prepared: &mut Prepared, folder: &Path) {
    while let Decision::Survivors(survivors) = Decision::in_folder(prepared, folder)
        && !survivors.is_empty()
    {
        prepared.promote(&survivors);
    }
}
