//! The run that a user names: by its model, its folder, its id or its sweep.

use crate::machine::text::Shown as _;
use crate::sweep::{
    Key, Literal, ModelFile, Named, PlanFile, PlanFileError, PointSummary, RunRecord, RunStatus, Summary, display,
    read_record, run_folder,
};
use rayon::prelude::*;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A model, with the reason why it was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChosenModel {
    /// The model file.
    pub path: PathBuf,
    /// The choice in words, if the user did not name a file.
    pub choice: Option<String>,
}

/// The run of a sweep that its ranking puts first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BestRun {
    /// The run's name.
    pub run_id: String,
    /// The folder of the run.
    pub folder: PathBuf,
    /// The metric of the ranking; `None` if no metric is defined in all points.
    pub metric: Option<String>,
}

/// The reason why a name leads to no run.
#[derive(Debug, thiserror::Error)]
pub enum ChosenRunError {
    /// Nothing has the name.
    #[error("no file or folder is called {}, and {} has no sweep of that name and no run whose id begins so", .name.shown(), .results.shown())]
    Nothing {
        /// The name.
        name: PathBuf,
        /// The folder searched.
        results: PathBuf,
    },
    /// Several runs have ids that begin with the name.
    #[error("several runs in {} have ids that begin with {}: {}", .results.shown(), .name.shown(), .runs.join(", "))]
    Several {
        /// The name.
        name: PathBuf,
        /// The folder searched.
        results: PathBuf,
        /// The folders of the runs.
        runs: Vec<String>,
    },
    /// The folder is not that of a sweep or of a run.
    #[error(
        "{} is not the folder of a sweep, such as results/NAME, or of a run, such as results/NAME/runs/RUN_ID{}",
        .folder.shown(), sweeps_below(.sweeps)
    )]
    OtherFolder {
        /// The folder.
        folder: PathBuf,
        /// The sweeps in it.
        sweeps: Vec<String>,
    },
    /// The run has no model.
    #[error("{} has no model: the run {reason}", .folder.shown())]
    NoModel {
        /// The folder of the run.
        folder: PathBuf,
        /// The reason, as the end of a sentence.
        reason: String,
    },
    /// The sweep has no model.
    #[error("{} has no model yet: none of its {runs} runs has ended well", .folder.shown())]
    NoBest {
        /// The folder of the sweep.
        folder: PathBuf,
        /// The number of its runs.
        runs: usize,
    },
    /// The model does not lie in the folder of a sweep.
    #[error("{} does not lie in the folder of a sweep, such as results/NAME/runs/RUN_ID", .0.shown())]
    NoSweep(PathBuf),
    /// The plan of the sweep cannot be read.
    #[error(transparent)]
    Plan(#[from] PlanFileError),
}

fn sweeps_below(sweeps: &[String]) -> String {
    if sweeps.is_empty() { String::new() } else { format!("; it has the sweeps {}", sweeps.join(", ")) }
}

/// The place that a name leads to.
enum Place {
    File(PathBuf),
    Run(PathBuf),
    Sweep(PathBuf),
    OtherFolder(PathBuf),
}

/// The least number of characters by which a run is found.
const SHORTEST_ID: usize = 4;

/// Returns the folder in which runs are looked up by id and sweeps by name: the default of `output.dir`.
pub fn results_folder() -> PathBuf {
    match Key::named("output.dir").default {
        Literal::Text(folder) => folder.into(),
        _ => PathBuf::new(),
    }
}

/// Returns the model that a user names: a model file, the folder of a run, the id of a run or its beginning, the
/// folder of a sweep or its name. A sweep stands for its best run. Ids and names are looked up in `results`.
pub fn find_model(name: &Path, results: &Path) -> Result<ChosenModel, ChosenRunError> {
    match place(name, results)? {
        Place::File(path) => Ok(ChosenModel { path, choice: None }),
        Place::Run(folder) => {
            let path = model_of(&folder)?;
            let choice = (!name.exists()).then(|| format!("{} is the run {}", name.shown(), folder.shown()));
            Ok(ChosenModel { path, choice })
        }
        Place::Sweep(folder) => {
            let plan = PlanFile::read(&folder)?;
            let records: Vec<Option<RunRecord>> =
                plan.runs.par_iter().map(|run| read_record(&run_folder(&folder, &run.run_id), &run.run_id)).collect();
            let summary = Summary::of(&plan, &records);
            let best = BestRun::of(&folder, &summary);
            let best = best.ok_or_else(|| ChosenRunError::NoBest { folder: folder.clone(), runs: plan.runs.len() })?;
            let choice = best.in_words(&folder, &summary);
            Ok(ChosenModel { path: model_of(&best.folder)?, choice: Some(choice) })
        }
        Place::OtherFolder(folder) => Err(ChosenRunError::OtherFolder { sweeps: sweeps_in(&folder), folder }),
    }
}

/// Returns the folder of the sweep that a user names as for [`find_model`]; that of a run is the sweep it belongs to. A
/// folder that holds no sweep is returned as it is.
pub fn find_sweep(name: &Path, results: &Path) -> Result<PathBuf, ChosenRunError> {
    let run = match place(name, results)? {
        Place::Sweep(folder) | Place::OtherFolder(folder) => return Ok(folder),
        Place::File(path) => path.parent().map(Path::to_path_buf).unwrap_or_default(),
        Place::Run(folder) => folder,
    };
    let whole = run.canonicalize().unwrap_or_else(|_| run.clone());
    // A path as the user wrote it is easier to recognise than a whole one.
    let sweep = [run.parent().and_then(Path::parent), whole.parent().and_then(Path::parent)].into_iter().flatten();
    let sweep = sweep.filter(|folder| !folder.as_os_str().is_empty()).find(|folder| is_sweep(folder));
    sweep.map(Path::to_path_buf).ok_or_else(|| ChosenRunError::NoSweep(name.to_path_buf()))
}

/// Returns the place of a name: a path that exists, or else a sweep or a run in `results`.
fn place(name: &Path, results: &Path) -> Result<Place, ChosenRunError> {
    if is_sweep(name) {
        return Ok(Place::Sweep(name.to_path_buf()));
    }
    if is_run(name) {
        return Ok(Place::Run(name.to_path_buf()));
    }
    if name.is_dir() {
        return Ok(Place::OtherFolder(name.to_path_buf()));
    }
    // A file that cannot be read is an error of its own, which names the path.
    let is_path = name.exists() || name.components().count() != 1 || name.extension().is_some();
    let Some(text) = name.to_str().filter(|_| !is_path) else { return Ok(Place::File(name.to_path_buf())) };
    let own = results.join(text);
    if is_sweep(&own) {
        return Ok(Place::Sweep(own));
    }
    let mut runs = Vec::new();
    if text.len() >= SHORTEST_ID && Named::Run.check(text).is_ok() {
        for sweep in folders_in(results) {
            let begins = |folder: &PathBuf| folder.file_name().is_some_and(|id| id.to_string_lossy().starts_with(text));
            runs.extend(folders_in(&sweep.join("runs")).into_iter().filter(begins));
        }
    }
    match runs.as_slice() {
        [] => Err(ChosenRunError::Nothing { name: name.to_path_buf(), results: results.to_path_buf() }),
        [run] => Ok(Place::Run(run.clone())),
        _ => Err(ChosenRunError::Several {
            name: name.to_path_buf(),
            results: results.to_path_buf(),
            runs: runs.iter().map(|run| run.shown().into_owned()).collect(),
        }),
    }
}

/// Returns the model file in the folder of a run.
fn model_of(folder: &Path) -> Result<PathBuf, ChosenRunError> {
    let path = folder.join(ModelFile::NAME);
    if path.is_file() {
        return Ok(path);
    }
    let run_id = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let reason = match read_record(folder, &run_id) {
        Some(RunRecord { status: RunStatus::Ok, .. }) => "ended well, and the file is gone".to_owned(),
        Some(record) => format!("failed: {}", record.error.as_deref().unwrap_or("no reason known").shown()),
        None => "has not ended".to_owned(),
    };
    Err(ChosenRunError::NoModel { folder: folder.to_path_buf(), reason })
}

fn is_sweep(folder: &Path) -> bool {
    folder.join(PlanFile::NAME).is_file()
}

fn is_run(folder: &Path) -> bool {
    folder.is_dir() && ["result.json", ModelFile::NAME, "epochs.jsonl"].iter().any(|name| folder.join(name).is_file())
}

/// Returns the folders in a folder, in the order of their names.
fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// Returns the sweeps in a folder.
fn sweeps_in(folder: &Path) -> Vec<String> {
    folders_in(folder).iter().filter(|path| is_sweep(path)).map(|path| path.shown().into_owned()).collect()
}

impl BestRun {
    /// Returns the best replicate of the first point of a summary that has one; `None` if no run has ended well.
    pub fn of(folder: &Path, summary: &Summary) -> Option<Self> {
        let point = summary.points.iter().find(|point| point.ok > 0)?;
        let records = point.runs.iter().filter_map(|run_id| read_record(&run_folder(folder, run_id), run_id));
        let metric = summary.ordered_by.as_deref();
        let score = |record: &RunRecord| {
            let own = metric.and_then(|metric| record.metrics.get(metric).copied().flatten());
            own.unwrap_or(f64::NEG_INFINITY)
        };
        // Of equal ones the first.
        let best = records
            .filter(|record| record.status == RunStatus::Ok)
            .reduce(|best, next| if score(&next).total_cmp(&score(&best)).is_gt() { next } else { best })?;
        let folder = run_folder(folder, &best.run_id);
        Some(Self { run_id: best.run_id, folder, metric: summary.ordered_by.clone() })
    }

    /// Returns the choice of the run in words.
    fn in_words(&self, folder: &Path, summary: &Summary) -> String {
        let values = |point: &PointSummary| {
            let values = point.swept.iter().map(|(key, value)| format!("{key} = {}", shown(value)));
            values.collect::<Vec<String>>().join(", ")
        };
        let point = summary.points.iter().find(|point| point.runs.contains(&self.run_id));
        let values = point.map(values).filter(|values| !values.is_empty());
        let values = values.map(|values| format!(" ({values})")).unwrap_or_default();
        let (run_id, runs) = (&self.run_id, summary.ok);
        match &self.metric {
            _ if runs == 1 => format!("the only complete run of {} is {run_id}{values}", folder.shown()),
            Some(metric) => format!("the best of {runs} runs of {} by {metric} is {run_id}{values}", folder.shown()),
            None => format!("the first of {runs} runs of {} is {run_id}{values}: no metric ranks them", folder.shown()),
        }
    }
}

fn shown(value: &Value) -> String {
    display(value).shown().into_owned()
}
