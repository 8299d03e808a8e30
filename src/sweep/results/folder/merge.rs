//! The merging of shards: complete runs of several folders of results are copied to one, then summed up.

use super::{
    RECORD_FILE, SAMPLES, clear_run_folder, find_record, is_own_file, move_files_of_user, read_record, run_folder,
    sum_up,
};
use crate::machine::file::{check_kind, open_regular, read_regular, read_regular_text};
use crate::machine::text::Shown as _;
use crate::sweep::config::display;
use crate::sweep::results::names::Named;
use crate::sweep::results::plan_file::{PlanFile, PlanFileError, PlannedRun};
use crate::sweep::results::record::{EpochRecord, RunRecord, RunStatus, digest};
use crate::sweep::results::state::{Interruption, RunState, StateReader};
use crate::sweep::results::summary::Summary;
use crate::sweep::store::{StoreError, create_folder, sync_folder, write_whole};
use std::collections::{HashMap, HashSet};
use std::fmt::Display;
use std::fmt::Write as _;
use std::fs::{self, File, FileType};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// The outcome of merging.
#[derive(Debug)]
pub struct Merged {
    /// The folder of the results.
    pub folder: PathBuf,
    /// The plan of the sweep.
    pub plan: PlanFile,
    /// The summary, as the folder now holds it.
    pub summary: Summary,
    /// The number of runs copied to the folder.
    pub copied: usize,
    /// The runs of the plan that failed, with their reasons.
    pub failed: Vec<(usize, String)>,
    /// The runs of the plan without a record.
    pub unfinished: Vec<Unfinished>,
}

/// A run that is not complete.
#[derive(Clone, Debug, PartialEq)]
pub struct Unfinished {
    /// The position in the plan.
    pub run: usize,
    /// The state of the run.
    pub state: UnfinishedState,
}

/// The state of a run that is not complete.
#[derive(Clone, Debug, PartialEq)]
pub enum UnfinishedState {
    /// There is nothing of it.
    Missing,
    /// It stopped before its end, in this folder.
    Interrupted(PathBuf, Interruption),
    /// A process works on it, in this folder.
    Running(PathBuf),
    /// Its files in this folder differ from its record.
    Damaged(PathBuf, Damage),
}

/// A difference between the files of a run and its record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// `result.json` is not the record.
    #[error("result.json has changed in the meantime")]
    Record,
    /// A file cannot be read.
    #[error("{path}: {reason}")]
    Unreadable {
        /// The path below the run's folder.
        path: String,
        /// The error of reading.
        reason: String,
    },
    /// An artifact has another hash.
    #[error("{path} has the hash {found}, not {recorded} as recorded")]
    Artifact {
        /// The path below the run's folder.
        path: String,
        /// The BLAKE3 hash of the file.
        found: String,
        /// The BLAKE3 hash in the record.
        recorded: String,
    },
    /// Record and epochs together have another digest.
    #[error("result.json and epochs.jsonl have the digest {found}, not {recorded} as recorded")]
    Digest {
        /// The digest that they give.
        found: String,
        /// The digest in the record.
        recorded: String,
    },
}

/// The reason why folders are not merged. Nothing has been copied then.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// A folder has no plan.
    #[error("{error}{hint}")]
    Plan {
        /// The error.
        error: PlanFileError,
        /// The place of a plan nearby, if there is one.
        hint: String,
    },
    /// The folders are of different sweeps.
    #[error(
        "{} and {} belong to different sweeps, and are not merged: {difference}",
        .first.shown(), .second.shown()
    )]
    Differ {
        /// One folder.
        first: PathBuf,
        /// The other.
        second: PathBuf,
        /// The difference of their plans.
        difference: String,
    },
    /// A run has different results in two places.
    #[error("{}", conflicts(.0))]
    Conflicts(Vec<Conflict>),
    /// A file cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A run with different results in two places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The run's name.
    pub run_id: String,
    /// The folders of the run, with status and digest of the record there.
    pub places: [(PathBuf, String); 2],
}

fn conflicts(conflicts: &[Conflict]) -> String {
    const SHOWN: usize = 10;
    let mut text = format!("{} runs have different results in two places, and nothing is merged:", conflicts.len());
    for Conflict { run_id, places: [first, second] } in conflicts.iter().take(SHOWN) {
        let _ = write!(text, "\n  run {run_id}: {} in {}", first.1, first.0.shown());
        let _ = write!(text, "\n                    {} in {}", second.1, second.0.shown());
    }
    if conflicts.len() > SHOWN {
        let _ = write!(text, "\n  … and {} more", conflicts.len() - SHOWN);
    }
    text + "\nOne of the two is wrong, or the programs differ (environment in result.json): remove the wrong folder of the run"
}

fn status_and_digest(record: &RunRecord) -> String {
    let status = if record.status == RunStatus::Ok { "ok" } else { "failed" };
    format!("{status}, digest {}", record.digest)
}

/// Copies the complete runs of `shards` to `results`, collects those that are not complete, and sums up. No corpus is
/// needed.
///
/// Every folder must hold the same plan; `results` may be empty. A run is first copied to a temporary folder, checked
/// there, file by file against the hashes in its record and as a whole against its digest, and then renamed to its
/// place. Runs that are there already stay, so merging again changes nothing.
pub fn merge(results: &Path, shards: &[PathBuf]) -> Result<Merged, MergeError> {
    let here = fs::canonicalize(results).ok();
    let shards: Vec<&Path> = shards
        .iter()
        .map(PathBuf::as_path)
        .filter(|shard| here.is_none() || fs::canonicalize(shard).ok() != here)
        .collect();
    let plan = agreed_plan(results, &shards)?;
    let places = places(&shards, &plan)?;
    let Gathered { mut records, to_copy, unreadable } = gather(results, &plan, &places)?;

    bring_plan(results, &shards, &plan)?;
    remove_leftovers(&results.join("runs"));
    let folders = std::iter::once(results).chain(shards);
    let readers: HashMap<&Path, StateReader> = folders.map(|folder| (folder, StateReader::new(folder))).collect();
    let mut copied = 0;
    let damaged = unreadable.into_iter().map(|(run_id, (place, reason))| {
        let damage = Damage::Unreadable { path: RECORD_FILE.to_owned(), reason };
        (run_id, UnfinishedState::Damaged(place, damage))
    });
    let mut refused: HashMap<String, UnfinishedState> = damaged.collect();
    for (place, record) in to_copy {
        let run_id = record.run_id.clone();
        let (source, target) = (run_folder(place, &run_id), run_folder(results, &run_id));
        if matches!(readers[results].state(&run_id), RunState::Running(_)) {
            refused.insert(run_id, UnfinishedState::Running(target));
        } else if let Some(damage) = copy_run(&source, &target, &record)? {
            refused.insert(run_id, UnfinishedState::Damaged(source, damage));
        } else {
            copied += 1;
        }
    }
    for (run, record) in plan.runs.iter().zip(&mut records) {
        if refused.contains_key(&run.run_id) {
            *record = None;
        }
    }

    let summary = sum_up(results, &plan, &records)?;
    let mut failed = Vec::new();
    let mut unfinished = Vec::new();
    for (run, record) in plan.runs.iter().zip(&records) {
        match record {
            Some(record) if record.status == RunStatus::Failed => {
                failed.push((run.index, record.error.clone().unwrap_or_default()));
            }
            Some(_) => {}
            None => {
                let folders = std::iter::once(results).chain(places[&run.run_id].iter().copied());
                let state = refused.get(&run.run_id).cloned();
                let state = state.unwrap_or_else(|| furthest(folders, &run.run_id, &readers));
                unfinished.push(Unfinished { run: run.index, state });
            }
        }
    }
    Ok(Merged { folder: results.to_path_buf(), plan, summary, copied, failed, unfinished })
}

/// Finds, for every run of the plan, the shards that have a folder of it, in their order.
fn places<'a>(shards: &[&'a Path], plan: &PlanFile) -> Result<HashMap<String, Vec<&'a Path>>, StoreError> {
    let mut places: HashMap<String, Vec<&Path>> =
        plan.runs.iter().map(|run| (run.run_id.clone(), Vec::new())).collect();
    for shard in shards {
        let folder = shard.join("runs");
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            entries => entries.map_err(StoreError::at("cannot read the folder", &folder))?,
        };
        for entry in entries {
            let entry = entry.map_err(StoreError::at("cannot read the folder", &folder))?;
            if let Some(places) = entry.file_name().to_str().and_then(|name| places.get_mut(name)) {
                places.push(shard);
            }
        }
    }
    Ok(places)
}

/// The record of every run of the plan that is complete anywhere, and the runs to copy, with the shard to copy them
/// from.
struct Gathered<'a> {
    records: Vec<Option<RunRecord>>,
    to_copy: Vec<(&'a Path, RunRecord)>,
    /// The runs without a record whose `result.json` cannot be read, with the folder and the reason.
    unreadable: HashMap<String, (PathBuf, String)>,
}

/// Finds the records of all runs. All records of one run must have the same digest.
fn gather<'a>(
    results: &'a Path,
    plan: &PlanFile,
    places: &HashMap<String, Vec<&'a Path>>,
) -> Result<Gathered<'a>, MergeError> {
    let mut gathered =
        Gathered { records: Vec::with_capacity(plan.runs.len()), to_copy: Vec::new(), unreadable: HashMap::new() };
    let mut conflicts = Vec::new();
    let mut seen = HashSet::new();
    for run in &plan.runs {
        let run_id = &run.run_id;
        let mut unreadable = None;
        let mut find = |folder: &Path| {
            let place = run_folder(folder, run_id);
            find_record(&place, run_id).unwrap_or_else(|reason| {
                unreadable.get_or_insert((place, reason));
                None
            })
        };
        let mut own = find(results).map(|record| (results, record));
        let here = own.is_some();
        for &shard in &places[run_id] {
            let Some(record) = find(shard) else { continue };
            match &own {
                None => own = Some((shard, record)),
                Some((_, first)) if first.digest == record.digest => {}
                Some((place, first)) => {
                    let places = [(*place, first), (shard, &record)];
                    let places = places.map(|(folder, record)| (run_folder(folder, run_id), status_and_digest(record)));
                    conflicts.push(Conflict { run_id: run_id.clone(), places });
                }
            }
        }
        // The same run may stand in the plan twice.
        if let Some((place, record)) = own.as_ref().filter(|_| !here && seen.insert(run_id.clone())) {
            gathered.to_copy.push((place, record.clone()));
        }
        if let Some(unreadable) = unreadable.filter(|_| own.is_none()) {
            gathered.unreadable.insert(run_id.clone(), unreadable);
        }
        gathered.records.push(own.map(|(_, record)| record));
    }
    conflicts.dedup();
    if conflicts.is_empty() { Ok(gathered) } else { Err(MergeError::Conflicts(conflicts)) }
}

/// Returns the state of a run without a record: running if it is in any folder, otherwise interrupted, otherwise
/// missing.
fn furthest<'a>(
    folders: impl Iterator<Item = &'a Path>,
    run_id: &str,
    readers: &HashMap<&Path, StateReader>,
) -> UnfinishedState {
    let mut found = UnfinishedState::Missing;
    for folder in folders {
        let place = run_folder(folder, run_id);
        match readers[folder].state(run_id) {
            RunState::Running(_) => return UnfinishedState::Running(place),
            RunState::Interrupted(interruption) if found == UnfinishedState::Missing => {
                found = UnfinishedState::Interrupted(place, interruption);
            }
            _ => {}
        }
    }
    found
}

/// Returns the plan that all folders hold.
fn agreed_plan(results: &Path, shards: &[&Path]) -> Result<PlanFile, MergeError> {
    let own = results.join(PlanFile::NAME).exists() || shards.is_empty();
    let folders = own.then_some(results).into_iter().chain(shards.iter().copied());
    let mut agreed: Option<(&Path, PlanFile)> = None;
    for folder in folders {
        let plan = PlanFile::read(folder).map_err(|error| MergeError::Plan { hint: plan_below(folder), error })?;
        match &agreed {
            None => agreed = Some((folder, plan)),
            Some((first, known)) => {
                if let Some(difference) = difference(first, known, folder, &plan) {
                    let [first, second] = [first, folder].map(Path::to_path_buf);
                    return Err(MergeError::Differ { first, second, difference });
                }
            }
        }
    }
    Ok(agreed.expect("there is at least one folder").1)
}

/// Returns a hint at a plan one folder below: `--out DIR` makes a folder of the sweep's name below DIR. Empty if there
/// is none.
fn plan_below(folder: &Path) -> String {
    let below = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    match below.filter(|path| path.join(PlanFile::NAME).is_file()).min() {
        Some(path) => format!("; there is one in {}: give the folder of the sweep itself", path.shown()),
        None => String::new(),
    }
}

/// Returns the difference of two plans, if there is one. Names of sweeps and places of corpora do not count.
fn difference(first_folder: &Path, first: &PlanFile, second_folder: &Path, second: &PlanFile) -> Option<String> {
    let ids = |plan: &PlanFile| plan.runs.iter().map(|run| run.run_id.clone()).collect::<Vec<_>>();
    let (first_ids, second_ids) = (ids(first), ids(second));
    if first_ids == second_ids {
        return match (&first.swept, &second.swept) {
            (a, b) if a == b => None,
            (a, b) => Some(format!("the same runs, but one varies {} and the other {}", a.join(", "), b.join(", "))),
        };
    }
    let lacks = |folder: &Path, plan: &PlanFile, other: &[String]| {
        let other: HashSet<&String> = other.iter().collect();
        let mut only = plan.runs.iter().filter(|run| !other.contains(&run.run_id));
        let run = only.next()?;
        Some(format!("{} has {} runs of its own, the first {}", folder.shown(), 1 + only.count(), described(plan, run)))
    };
    let parts = [lacks(first_folder, first, &second_ids), lacks(second_folder, second, &first_ids)];
    let mut parts: Vec<String> = parts.into_iter().flatten().collect();
    let digests = |plan: &PlanFile| plan.corpora.iter().map(|corpus| corpus.digest.clone()).collect::<Vec<_>>();
    if digests(first) != digests(second) {
        parts.push("their corpora differ too: the songs were others, or were read by other rules".to_owned());
    }
    Some(if parts.is_empty() { "the same runs in another order".to_owned() } else { parts.join("; ") })
}

/// Returns the name of a run with the values by which it differs from others.
fn described(plan: &PlanFile, run: &PlannedRun) -> String {
    let mut text = run.run_id.clone();
    for key in &plan.swept {
        let value = run.swept.get(key).map(display).unwrap_or_default();
        let _ = write!(text, " {key}={value}");
    }
    text + &format!(" seed={}", run.seed)
}

/// Copies the files that describe the sweep, if the folder has no plan yet; the plan last.
fn bring_plan(results: &Path, shards: &[&Path], plan: &PlanFile) -> Result<(), MergeError> {
    create_folder(&results.join("runs"))?;
    if results.join(PlanFile::NAME).exists() {
        return Ok(());
    }
    if let Some(shard) = shards.first() {
        create_folder(&results.join("corpora"))?;
        let lists = plan.corpora.iter().map(|corpus| corpus.files.as_str());
        for name in lists.chain(["sweep.toml"]) {
            let path = shard.join(name);
            match read_regular(&path) {
                Ok(bytes) => write_whole(&results.join(name), &bytes)?,
                // Summing up does not need it.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(StoreError::at("cannot read", &path)(error).into()),
            }
        }
    }
    Ok(plan.write(results)?)
}

/// The prefix of the temporary folders that runs are copied to.
const IN_TRANSIT: &str = ".merging-";

/// The name, in a temporary folder, of the folder of a run that made way.
const BEFORE: &str = "before";

/// Removes the temporary folders of a merge that was killed. If it was killed before it had brought a user's files back
/// to the folder of their run, they are left there.
fn remove_leftovers(runs: &Path) {
    for entry in fs::read_dir(runs).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(IN_TRANSIT) {
            let before = entry.path().join(BEFORE);
            let _ = clear_run_folder(&before, &|_| false);
            let _ = fs::remove_dir(&before);
            if fs::symlink_metadata(&before).is_ok() {
                tracing::warn!("a merge that was killed has left files in {}", before.shown());
            } else {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
}

/// Copies a complete run to its place, all of it at once; returns the damage if there is some.
fn copy_run(source: &Path, target: &Path, record: &RunRecord) -> Result<Option<Damage>, StoreError> {
    let runs = target.parent().unwrap_or(Path::new("."));
    let transit = tempfile::Builder::new().prefix(IN_TRANSIT).tempdir_in(runs);
    let transit = transit.map_err(StoreError::at("cannot create a folder in", runs))?;
    let copy = transit.path().join("run");
    if let Err(damage) = copy_folder(source, &copy, "")?.and_then(|()| check_run(&copy, record)) {
        return Ok(Some(damage));
    }
    // The files of an interrupted run make way, and are removed with the temporary folder; those of the user stay.
    let before = transit.path().join(BEFORE);
    if fs::symlink_metadata(target).is_ok() {
        fs::rename(target, &before).map_err(StoreError::at("cannot replace", target))?;
    }
    fs::rename(&copy, target).map_err(StoreError::at("cannot rename a folder to", target))?;
    move_files_of_user(&before, target).map_err(StoreError::at("cannot move files to", target))?;
    sync_folder(runs);
    Ok(None)
}

/// Copies a folder of files and folders, each file synced, except for the files that mark a run as not complete. `below`
/// is its path in the folder of the run. Links and special files may lead anywhere: one in the place of a file of the
/// run is damage, others are left where they are.
fn copy_folder(source: &Path, target: &Path, below: &str) -> Result<Result<(), Damage>, StoreError> {
    let damage =
        |path: &str, reason: io::Error| Damage::Unreadable { path: path.to_owned(), reason: reason.to_string() };
    create_folder(target)?;
    let entries = match fs::read_dir(source).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
        Ok(entries) => entries,
        Err(error) => return Ok(Err(damage(if below.is_empty() { "." } else { below }, error))),
    };
    for entry in entries {
        let (path, name) = (entry.path(), entry.file_name());
        let shown = name.to_string_lossy();
        if shown.starts_with('.') || PASSING.contains(&shown.as_ref()) {
            continue;
        }
        let own = if below.is_empty() { format!("{shown}") } else { format!("{below}/{shown}") };
        let target = target.join(&name);
        let kind = entry.file_type();
        if kind.as_ref().is_ok_and(FileType::is_dir) {
            match copy_folder(&path, &target, &own)? {
                Err(damage) if own == SAMPLES => return Ok(Err(damage)),
                Err(damage) => tracing::warn!("{} is not copied: {damage}", path.shown()),
                Ok(()) => {}
            }
            continue;
        }
        let opened = kind.and_then(check_kind).and_then(|()| open_regular(&path));
        let copied = match opened {
            Ok(file) => copy_file(file, &target)?,
            Err(error) => Err(error),
        };
        if let Err(error) = copied {
            let in_samples = below == SAMPLES;
            if (in_samples || below.is_empty()) && is_own_file(&shown, in_samples) {
                return Ok(Err(damage(&own, error)));
            }
            tracing::warn!("{} is not copied: {error}", path.shown());
            let _ = fs::remove_file(&target);
        }
    }
    sync_folder(target);
    Ok(Ok(()))
}

/// Copies an open file; the inner error is that of reading it.
fn copy_file(mut source: File, target: &Path) -> Result<io::Result<()>, StoreError> {
    const BYTES: usize = 1 << 16;
    let error = |source| StoreError { action: "cannot write", path: target.to_path_buf(), source };
    let mut copy = File::create(target).map_err(error)?;
    let mut bytes = vec![0; BYTES];
    loop {
        match source.read(&mut bytes) {
            Ok(0) => break,
            Ok(count) => copy.write_all(&bytes[..count]).map_err(error)?,
            Err(failure) if failure.kind() == ErrorKind::Interrupted => {}
            Err(failure) => return Ok(Err(failure)),
        }
    }
    copy.sync_all().map_err(error)?;
    Ok(Ok(()))
}

/// The files of a run that mean nothing once it is complete.
const PASSING: [&str; 3] = ["claim.json", "interrupted.json", "checkpoint.safetensors"];

/// Checks the files of a run against its record: `result.json` must equal the record, the artifacts must have their
/// hashes, and record and epochs together must have the digest. An error names the wrong file and the fault.
fn check_run(folder: &Path, record: &RunRecord) -> Result<(), Damage> {
    let unreadable = |path: &str, error: &dyn Display| {
        let (path, reason) = (path.to_owned(), error.to_string());
        Damage::Unreadable { path, reason }
    };
    if read_record(folder, &record.run_id).as_ref() != Some(record) {
        return Err(Damage::Record);
    }
    for artifact in &record.artifacts {
        let path = Named::Artifact.below(folder, &artifact.path);
        let path = path.map_err(|error| unreadable("result.json", &error))?;
        let bytes = read_regular(&path).map_err(|error| unreadable(&artifact.path, &error))?;
        let found = blake3::hash(&bytes).to_hex().to_string();
        if found != artifact.blake3 {
            let (path, recorded) = (artifact.path.clone(), artifact.blake3.clone());
            return Err(Damage::Artifact { path, found, recorded });
        }
    }
    let lines = match read_regular_text(&folder.join("epochs.jsonl")) {
        // A run that failed before its first epoch has none.
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        lines => lines.map_err(|error| unreadable("epochs.jsonl", &error))?,
    };
    let epochs: Result<Vec<EpochRecord>, _> = lines.lines().map(serde_json::from_str).collect();
    let epochs = epochs.map_err(|error| unreadable("epochs.jsonl", &error))?;
    let found = digest(record, &epochs);
    if found != record.digest {
        return Err(Damage::Digest { found, recorded: record.digest.clone() });
    }
    Ok(())
}
