//! The folder of a sweep's results: its description, its runs, its summary.

use super::plan_file::PlanFile;
use super::record::RunRecord;
use super::summary::{Summary, to_csv};
use crate::sweep::plan::Prepared;
use crate::sweep::store::{StoreError, create_folder, keep_whole};
use std::path::{Path, PathBuf};

/// Creates the folder of a sweep's results, with the files that describe the sweep: the resolved configuration, the
/// list of the files of each corpus, and the plan, which comes last.
pub fn lay_out(folder: &Path, prepared: &Prepared, config_text: &str) -> Result<PlanFile, StoreError> {
    create_folder(&folder.join("runs"))?;
    keep_whole(&folder.join("sweep.toml"), config_text.as_bytes())?;
    write_file_lists(prepared, &folder.join("corpora"))?;
    let plan = PlanFile::of(prepared);
    plan.write(folder)?;
    Ok(plan)
}

/// Writes `corpora/N.jsonl`, the fate of every file of each corpus, one line for each file, in the order of
/// `plan.json`.
fn write_file_lists(prepared: &Prepared, folder: &Path) -> Result<(), StoreError> {
    create_folder(folder)?;
    for (index, corpus) in prepared.corpora.iter().enumerate() {
        let mut lines = String::new();
        for file in &corpus.files {
            lines += &serde_json::to_string(file).expect("a report is plain data");
            lines.push('\n');
        }
        keep_whole(&folder.join(format!("{index}.jsonl")), lines.as_bytes())?;
    }
    Ok(())
}

/// Returns the folder of one run.
pub fn run_folder(folder: &Path, run_id: &str) -> PathBuf {
    folder.join("runs").join(run_id)
}

/// Reads the record of a complete run; `None` if there is none or it belongs to another run.
pub fn read_record(run_folder: &Path, run_id: &str) -> Option<RunRecord> {
    let text = std::fs::read_to_string(run_folder.join("result.json")).ok()?;
    let record: RunRecord = serde_json::from_str(&text).ok()?;
    (record.run_id == run_id && record.schema == RunRecord::SCHEMA).then_some(record)
}

/// Reads the records of all runs of a plan; `None` for a run that is not complete.
pub fn read_records(folder: &Path, plan: &PlanFile) -> Vec<Option<RunRecord>> {
    plan.runs.iter().map(|run| read_record(&run_folder(folder, &run.run_id), &run.run_id)).collect()
}

/// Writes `summary.json` and `summary.csv` of a plan; `records[i]` belongs to run `i`.
pub fn sum_up(folder: &Path, plan: &PlanFile, records: &[Option<RunRecord>]) -> Result<Summary, StoreError> {
    let summary = Summary::of(plan, records);
    let json = serde_json::to_string_pretty(&summary).expect("a summary is plain data");
    keep_whole(&folder.join("summary.json"), json.as_bytes())?;
    let path = folder.join("summary.csv");
    let csv = to_csv(plan, records).map_err(std::io::Error::other);
    keep_whole(&path, &csv.map_err(StoreError::at("cannot make", &path))?)?;
    Ok(summary)
}
