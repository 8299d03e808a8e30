//! The rungs of successive halving: the points that go on, as a function of records alone.

use crate::sweep::config::Halving;
use crate::sweep::plan::{Prepared, RunSpec};
use crate::sweep::results::{Direction, RunRecord, RunStatus, read_record, run_folder};
use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};
use std::path::Path;

/// The consequence of the records of a rung.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// The plan has no further rung.
    Last,
    /// Runs of the rung have no record yet.
    Open,
    /// The points that go on, by their places in the plan; none if no run of the rung has a value of the metric.
    Survivors(Vec<usize>),
}

impl Decision {
    /// Decides by the records in a folder: ranks the points of the newest rung by their means over replicates. A point with
    /// a failed run, or without a value of the metric, does not go on; of equal points the first of the plan does.
    pub(super) fn in_folder(prepared: &Prepared, folder: &Path) -> Self {
        let plan = &prepared.plan;
        let (Some(bracket), Some(next)) = (&plan.bracket, plan.rungs_to_come().first()) else { return Self::Last };
        let rung = plan.rung();
        let first = plan.points.partition_point(|point| point.rung < rung);
        let runs = &plan.runs[plan.runs.partition_point(|run| run.point_index < first)..];
        let score_of = |run: &RunSpec| {
            let run_id = &prepared.run_ids[run.index];
            let record = read_record(&run_folder(folder, run_id), run_id)?;
            Some((run.point_index, score(&bracket.halving, &record)))
        };
        let Some(scores) = runs.par_iter().map(score_of).collect::<Option<Vec<_>>>() else { return Self::Open };
        let mean = |members: &[(usize, Option<f64>)]| {
            let defined: Vec<f64> = members.iter().map(|(_, score)| *score).collect::<Option<_>>()?;
            Some((members[0].0, defined.iter().sum::<f64>() / defined.len() as f64))
        };
        let mut ranked: Vec<(usize, f64)> = scores.chunk_by(|a, b| a.0 == b.0).filter_map(mean).collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
        let mut survivors: Vec<usize> = ranked.into_iter().take(next.points).map(|(point, _)| point).collect();
        survivors.sort_unstable();
        Self::Survivors(survivors)
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
