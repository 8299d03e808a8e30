//! The part of a sweep's results that a report needs in memory at once.

use super::error::ReportError;
use crate::sweep::{PlanFile, RunRecord, RunState, RunStatus, StateReader, Summary, read_record, run_folder};
use rayon::prelude::*;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Plan, records and summary of a sweep.
pub(super) struct SweepResults {
    /// The folder.
    pub(super) folder: PathBuf,
    /// The plan.
    pub(super) plan: PlanFile,
    /// The record of each run of the plan, if it has one.
    pub(super) records: Vec<Option<RunRecord>>,
    /// The points, best first.
    pub(super) summary: Summary,
    /// The places in the plan of the runs of each point of the summary, by replicate.
    pub(super) members: Vec<Vec<usize>>,
}

impl SweepResults {
    pub(super) fn read(folder: &Path) -> Result<Self, ReportError> {
        let plan = PlanFile::read(folder)?;
        let record = |run_id: &String| read_record(&run_folder(folder, run_id), run_id);
        let records: Vec<Option<RunRecord>> = plan.runs.par_iter().map(|run| record(&run.run_id)).collect();
        // Made anew, since summary.json may be older than the records.
        let summary = Summary::of(&plan, &records);
        let members = members_of(&plan, &summary);
        Ok(Self { folder: folder.to_path_buf(), plan, records, summary, members })
    }

    /// Returns the folder of a run of the plan.
    pub(super) fn run_folder(&self, run: usize) -> PathBuf {
        run_folder(&self.folder, &self.plan.runs[run].run_id)
    }

    /// Returns a reader of the states of runs without a record.
    pub(super) fn states(&self) -> StateReader {
        StateReader::new(&self.folder)
    }

    /// Returns the record of a run that ended well.
    pub(super) fn ok(&self, run: usize) -> Option<&RunRecord> {
        self.records[run].as_ref().filter(|record| record.status == RunStatus::Ok)
    }
}

/// Returns the state of a run; only that of a run without a record is looked for.
pub(super) fn state_of(record: Option<&RunRecord>, look: impl FnOnce() -> RunState) -> RunState {
    match record {
        Some(record) if record.status == RunStatus::Ok => RunState::Ok,
        Some(record) => RunState::Failed { error: record.error.clone() },
        None => look(),
    }
}

/// Returns the runs of the points of a summary. Two points may share a run, where two paths lead to the same songs.
fn members_of(plan: &PlanFile, summary: &Summary) -> Vec<Vec<usize>> {
    let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
    for run in plan.runs.iter().rev() {
        places.entry(&run.run_id).or_default().push(run.index);
    }
    let of_point = |runs: &Vec<String>, places: &mut HashMap<&str, Vec<usize>>| {
        runs.iter().filter_map(|run_id| places.get_mut(run_id.as_str())?.pop()).collect()
    };
    summary.points.iter().map(|point| of_point(&point.runs, &mut places)).collect()
}
