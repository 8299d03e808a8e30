//! The part of a sweep's results that a report needs in memory at once.

use super::error::ReportError;
use crate::machine::text::Shown as _;
use crate::sweep::{
    KEYS, PlanFile, PlannedRun, RunRecord, RunState, RunStatus, StateReader, Summary, find_key, read_record, run_folder,
};
use rayon::prelude::*;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Plan, records and summary of a sweep.
pub(super) struct SweepResults {
    /// The folders: one, or those of several sweeps on one page.
    pub(super) folders: Vec<PathBuf>,
    /// The place in `folders` of each run of the plan.
    pub(super) folder_of_run: Vec<usize>,
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
    /// Reads the results of some sweeps. Several become one plan, with the key `sweep` before those that vary.
    pub(super) fn read(folders: &[&Path]) -> Result<Self, ReportError> {
        let mut plans = Vec::new();
        let mut records: Vec<Option<RunRecord>> = Vec::new();
        let mut folder_of_run = Vec::new();
        for (place, folder) in folders.iter().enumerate() {
            let plan = PlanFile::read(folder)?;
            let record = |run_id: &String| read_record(&run_folder(folder, run_id), run_id);
            let own: Vec<Option<RunRecord>> = plan.runs.par_iter().map(|run| record(&run.run_id)).collect();
            folder_of_run.extend(std::iter::repeat_n(place, plan.runs.len()));
            let parameters = own.iter().flatten().next().map(|record| record.params.clone()).unwrap_or_default();
            records.extend(own);
            plans.push((plan, parameters));
        }
        let plan = if plans.len() == 1 { plans.remove(0).0 } else { united(plans, folders) };
        // Made anew, since summary.json may be older than the records.
        let summary = Summary::of(&plan, &records);
        let members = members_of(&plan, &summary);
        let folders = folders.iter().map(|folder| folder.to_path_buf()).collect();
        Ok(Self { folders, folder_of_run, plan, records, summary, members })
    }

    /// Returns the folder of a run of the plan.
    pub(super) fn run_folder(&self, run: usize) -> PathBuf {
        run_folder(&self.folders[self.folder_of_run[run]], &self.plan.runs[run].run_id)
    }

    /// Returns a reader of the states of runs without a record, for each folder.
    pub(super) fn states(&self) -> Vec<StateReader> {
        self.folders.iter().map(|folder| StateReader::new(folder)).collect()
    }

    /// Returns the record of a run that ended well.
    pub(super) fn ok(&self, run: usize) -> Option<&RunRecord> {
        self.records[run].as_ref().filter(|record| record.status == RunStatus::Ok)
    }
}

/// Unites the plans of several sweeps, each with the parameters of one of its runs, which give a key that only another
/// sweep varies its value.
fn united(plans: Vec<(PlanFile, Map<String, Value>)>, folders: &[&Path]) -> PlanFile {
    const SWEEP: &str = "sweep";
    let names: Vec<String> = plans.iter().map(|(plan, _)| plan.name.clone()).collect();
    let label = |place: usize| {
        let twice = names.iter().filter(|name| **name == names[place]).count() > 1;
        if twice { folders[place].shown().into_owned() } else { names[place].clone() }
    };
    let mut swept = vec![SWEEP.to_owned()];
    for key in plans.iter().flat_map(|(plan, _)| &plan.swept) {
        if !swept.contains(key) {
            swept.push(key.clone());
        }
    }
    let mut tags: Vec<String> = Vec::new();
    let (mut corpora, mut runs, mut points) = (Vec::new(), Vec::<PlannedRun>::new(), 0);
    for (place, (plan, parameters)) in plans.into_iter().enumerate() {
        let first_corpus = corpora.len();
        corpora.extend(plan.corpora);
        tags.extend(plan.tags.into_iter().filter(|tag| !tags.contains(tag)).collect::<Vec<_>>());
        let own_points = plan.runs.last().map_or(0, |run| run.point + 1);
        for mut run in plan.runs {
            for key in &swept[1..] {
                let fixed = || parameters.get(key).cloned().or_else(|| Some(find_key_default(key)));
                if let Some(value) = run.swept.get(key).cloned().or_else(fixed) {
                    run.swept.insert(key.clone(), value);
                }
            }
            run.swept.insert(SWEEP.to_owned(), label(place).into());
            run.index = runs.len();
            run.point += points;
            run.corpus += first_corpus;
            runs.push(run);
        }
        points += own_points;
    }
    PlanFile {
        schema: PlanFile::SCHEMA,
        name: names.join(" + "),
        tags,
        note: None,
        swept,
        corpora,
        halving: None,
        runs,
    }
}

/// Returns the default of a key, which a record leaves out if the key is newer than the first version; null for no key.
fn find_key_default(path: &str) -> Value {
    find_key(path).map_or(Value::Null, |key| KEYS[key].default.into())
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
