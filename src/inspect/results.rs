//! The results at a path: those of a sweep or of a single run.

use crate::machine::file::read_regular;
use crate::machine::text::Shown as _;
use crate::sweep::{PlanFile, PlanFileError, RunRecord, RunStatus, check_names, read_record, run_folder};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// The records found at a path.
#[derive(Clone, Debug)]
pub struct Results {
    /// The path as given.
    pub path: PathBuf,
    /// The number of runs that the plan lists; 1 for a single run.
    pub planned: usize,
    /// The records of complete runs, in the order of the plan.
    pub records: Vec<RunRecord>,
}

/// The counts of one side of a comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Side {
    /// The path as given.
    pub path: String,
    /// The number of runs that the plan lists.
    pub planned: usize,
    /// The number of runs that ended well.
    pub ok: usize,
    /// The number of runs that failed.
    pub failed: usize,
    /// The number of runs without a readable record.
    pub missing: usize,
}

/// The reason why the results at a path cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    /// The path has no results.
    #[error(
        "{} is not a folder of results: expected one with `plan.json`, such as results/NAME, or that of a run with \
         `result.json`, such as results/NAME/runs/RUN_ID", .0.shown()
    )]
    NoResults(PathBuf),
    /// The folder has no plan.
    #[error("{} is not a folder of results: expected one with `plan.json`, such as results/NAME", .0.shown())]
    NoPlan(PathBuf),
    /// The plan cannot be read.
    #[error(transparent)]
    Plan(#[from] PlanFileError),
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.shown())]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
    /// A file is not of the form that its name says.
    #[error("{} does not have the form that this program writes: {source}", path.shown())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The error, with line and column.
        source: serde_json::Error,
    },
}

impl Results {
    /// Reads a folder of results, the folder of a run, or a `result.json`. Runs that are listed twice count once.
    pub fn read(path: &Path) -> Result<Self, ResultsError> {
        if path.join(PlanFile::NAME).is_file() {
            return Self::read_sweep(path);
        }
        let file = if path.is_dir() { path.join("result.json") } else { path.to_path_buf() };
        if !file.is_file() {
            return Err(ResultsError::NoResults(path.to_path_buf()));
        }
        let record: RunRecord = parse(&file)?;
        let malformed = |reason| {
            let source = serde::de::Error::custom(reason);
            ResultsError::Malformed { path: file.clone(), source }
        };
        check_names(&record).map_err(malformed)?;
        Ok(Self { path: path.to_path_buf(), planned: 1, records: vec![record] })
    }

    /// Reads the folder of a sweep's results.
    pub(super) fn read_sweep(path: &Path) -> Result<Self, ResultsError> {
        let plan = read_plan(path)?;
        let run_ids: Vec<&String> = plan.runs.iter().map(|run| &run.run_id).collect();
        let records: Vec<Option<RunRecord>> =
            run_ids.par_iter().map(|run_id| read_record(&run_folder(path, run_id), run_id)).collect();
        let records = records.into_iter().flatten().collect();
        Ok(Self { path: path.to_path_buf(), planned: run_ids.len(), records })
    }

    /// Counts the runs.
    pub fn side(&self) -> Side {
        let ok = self.records.iter().filter(|record| record.status == RunStatus::Ok).count();
        let failed = self.records.len() - ok;
        let path = self.path.shown().to_string();
        Side { path, planned: self.planned, ok, failed, missing: self.planned - self.records.len() }
    }
}

/// Reads the plan of a folder of results. Runs of the same name, as two paths to the same songs give, are kept once.
pub(crate) fn read_plan(folder: &Path) -> Result<PlanFile, ResultsError> {
    if !folder.join(PlanFile::NAME).is_file() {
        return Err(ResultsError::NoPlan(folder.to_path_buf()));
    }
    let mut plan = PlanFile::read(folder)?;
    let mut seen = HashSet::new();
    plan.runs.retain(|run| seen.insert(run.run_id.clone()));
    Ok(plan)
}

/// Reads a JSON file.
fn parse<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, ResultsError> {
    let text = read_regular(path).map_err(|source| ResultsError::Read { path: path.to_path_buf(), source })?;
    serde_json::from_slice(&text).map_err(|source| ResultsError::Malformed { path: path.to_path_buf(), source })
}
