//! The folder of a sweep's results: its description, its runs, its summary.

mod merge;
mod other_sweep;
mod unplanned;

pub use merge::{Conflict, Damage, MergeError, Merged, Unfinished, UnfinishedState, merge};
pub use unplanned::{Unplanned, clean, unplanned_runs};

use crate::machine::file::read_regular_text;
use crate::sweep::claim::{Acquired, CLAIM_FILE, acquire, is_part_of_claim};
use crate::sweep::plan::Prepared;
use crate::sweep::results::model_file::ModelFile;
use crate::sweep::results::names::{ForeignName, check_keys};
use crate::sweep::results::plan_file::PlanFile;
use crate::sweep::results::record::RunRecord;
use crate::sweep::results::rolls::RollsFile;
use crate::sweep::results::state::INTERRUPTED_FILE;
use crate::sweep::results::summary::Summary;
use crate::sweep::results::tables::to_csv;
use crate::sweep::store::{StoreError, UNFINISHED, create_folder, keep_whole, write_new};
pub use other_sweep::OtherSweep;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Creates the folder of a sweep's results, with the files that describe the sweep: the resolved configuration, the
/// list of the files of each corpus, and the plan, which comes last. A folder of another sweep is refused.
pub fn lay_out(folder: &Path, prepared: &Prepared, config_text: &str) -> Result<PlanFile, LayOutError> {
    let plan = PlanFile::of(prepared);
    create_folder(&folder.join("runs"))?;
    // Of two sweeps that start at the same moment one creates the file, and the other finds it.
    if !write_new(&folder.join(CONFIG_FILE), config_text.as_bytes())? {
        other_sweep::check(folder, &plan, config_text)?;
    }
    describe(folder, prepared, config_text, &plan)?;
    Ok(plan)
}

/// Lays out the folder as [`lay_out`] does, in the place of any sweep that is there.
pub(in crate::sweep) fn lay_out_in_place(
    folder: &Path,
    prepared: &Prepared,
    config_text: &str,
) -> Result<PlanFile, StoreError> {
    let plan = PlanFile::of(prepared);
    create_folder(&folder.join("runs"))?;
    describe(folder, prepared, config_text, &plan)?;
    Ok(plan)
}

/// The reason why a folder of results cannot be laid out.
#[derive(Debug, thiserror::Error)]
pub enum LayOutError {
    /// It holds another sweep.
    #[error(transparent)]
    Other(#[from] OtherSweep),
    /// A file cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The resolved configuration in a folder of results.
const CONFIG_FILE: &str = "sweep.toml";

fn describe(folder: &Path, prepared: &Prepared, config_text: &str, plan: &PlanFile) -> Result<(), StoreError> {
    keep_whole(&folder.join(CONFIG_FILE), config_text.as_bytes())?;
    write_file_lists(prepared, &folder.join("corpora"))?;
    plan.write(folder)
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
    find_record(run_folder, run_id).ok().flatten()
}

/// Reads the record of a complete run as [`read_record`] does; an error with the reason if there is one that cannot be
/// read or belongs to another run.
pub(in crate::sweep::results) fn find_record(run_folder: &Path, run_id: &str) -> Result<Option<RunRecord>, String> {
    let text = match read_regular_text(&run_folder.join(RECORD_FILE)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        text => text.map_err(|error| error.to_string())?,
    };
    let record: RunRecord = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    if record.run_id != run_id || record.schema != RunRecord::SCHEMA {
        let (run_id, schema) = (record.run_id.escape_debug(), record.schema);
        return Err(format!("it belongs to run {run_id}, schema {schema}"));
    }
    check_names(&record).map_err(|error| error.to_string())?;
    Ok(Some(record))
}

/// Returns an error unless the names of a record's metrics and parameters are plain.
pub(crate) fn check_names(record: &RunRecord) -> Result<(), ForeignName> {
    check_keys(record.metrics.keys().chain(record.params.keys()))
}

/// The file that makes a run complete.
pub(super) const RECORD_FILE: &str = "result.json";
/// The folder of the samples of a run, below its own.
pub(super) const SAMPLES: &str = "samples";

/// Returns true if this program writes files of that name to the folder of a run, or to a folder of samples below it.
/// Everything else there is the user's.
pub(in crate::sweep::results) fn is_own_file(name: &str, in_samples: bool) -> bool {
    const OF_RUN: [&str; 8] = [
        RECORD_FILE,
        "epochs.jsonl",
        "log.txt",
        ModelFile::NAME,
        RollsFile::NAME,
        "checkpoint.safetensors",
        INTERRUPTED_FILE,
        CLAIM_FILE,
    ];
    if name.starts_with(UNFINISHED) {
        return true;
    }
    if in_samples {
        let number = name.strip_suffix(".mid");
        let numbered =
            number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
        return numbered || name == "samples.npy";
    }
    OF_RUN.contains(&name) || is_part_of_claim(name)
}

/// Returns true if this program has written to the folder of a run.
pub(in crate::sweep::results) fn has_own_files(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).any(|name| is_own_file(&name, false))
}

/// Removes the files that this program has written to the folder of a run, those of samples included, except for those
/// to `keep`; `result.json`, which marks a complete run, first. What a user has put there stays.
pub(in crate::sweep) fn clear_run_folder(folder: &Path, keep: &dyn Fn(&str) -> bool) -> std::io::Result<()> {
    let gone = |result: std::io::Result<()>| match result {
        Err(failure) if failure.kind() != ErrorKind::NotFound => Err(failure),
        _ => Ok(()),
    };
    gone(fs::remove_file(folder.join(RECORD_FILE)))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        if name == SAMPLES && entry.file_type()?.is_dir() {
            for sample in fs::read_dir(entry.path())? {
                let sample = sample?;
                if sample.file_name().to_str().is_some_and(|name| is_own_file(name, true)) {
                    gone(fs::remove_file(sample.path()))?;
                }
            }
            // Only an empty one goes.
            let _ = fs::remove_dir(entry.path());
        } else if is_own_file(name, false) && !keep(name) {
            gone(fs::remove_file(entry.path()))?;
        }
    }
    Ok(())
}

/// Removes a run: its files, and its folder unless a user's own files are left in it. A run of another process is not
/// removed while that works on it.
pub(crate) fn remove_run(folder: &Path) -> Result<(), StoreError> {
    let Acquired::Held(claim) = acquire(folder, 0)? else {
        let source = std::io::Error::from(ErrorKind::ResourceBusy);
        return Err(StoreError { action: "cannot remove the run in", path: folder.to_path_buf(), source });
    };
    clear_run_folder(folder, &|name| claim.consists_of(name)).map_err(StoreError::at("cannot remove", folder))?;
    claim.release();
    // Only an empty one goes.
    let _ = fs::remove_dir(folder);
    Ok(())
}

/// Moves what a user has put into the folder of a run to another folder of the run, in the place of copies there.
pub(in crate::sweep::results) fn move_files_of_user(from: &Path, to: &Path) -> std::io::Result<()> {
    for (below, in_samples) in [("", false), (SAMPLES, true)] {
        let (from, to) = (from.join(below), to.join(below));
        for entry in fs::read_dir(from).into_iter().flatten() {
            let entry = entry?;
            let name = entry.file_name();
            let own = name.to_str().is_some_and(|name| is_own_file(name, in_samples) || !in_samples && name == SAMPLES);
            if !own {
                fs::create_dir_all(&to)?;
                move_into(&entry.path(), &to.join(&name))?;
            }
        }
    }
    Ok(())
}

/// Renames a file or folder; two folders are united.
fn move_into(from: &Path, to: &Path) -> std::io::Result<()> {
    let is_folder = |path: &Path| fs::symlink_metadata(path).is_ok_and(|found| found.is_dir());
    if !is_folder(from) || !is_folder(to) {
        return fs::rename(from, to);
    }
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        move_into(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
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
