//! The status of a sweep as its folder shows it, with a forecast of the time left.

use super::results::{ResultsError, read_plan};
use crate::machine::file::read_regular;
use crate::machine::text::Shown as _;
use crate::sweep::{Cause, PlannedRun, PlannedRung, RunState, StateReader, read_record, run_folder, unplanned_runs};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The status of a sweep.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// The version of this report.
    pub schema: u32,
    /// The sweep's name.
    pub name: String,
    /// The words by which a user finds the sweep again.
    pub tags: Vec<String>,
    /// The purpose of the sweep in the user's words.
    pub note: Option<String>,
    /// The folder of the results.
    #[serde(serialize_with = "as_shown")]
    pub folder: PathBuf,
    /// The number of runs of the plan, those of the same name counted once.
    pub runs: usize,
    /// The number of runs that ended well.
    pub ok: usize,
    /// The runs that failed, in the order of the plan.
    pub failed: Vec<FailedRun>,
    /// The runs that a process works on.
    pub running: Vec<RunningRun>,
    /// The runs that stopped before their end.
    pub interrupted: Vec<InterruptedRun>,
    /// The runs that have not begun, by name.
    pub missing: Vec<String>,
    /// The rungs of successive halving, if there are some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub halving: Option<HalvingStatus>,
    /// The number of runs in the folder that belong to no plan; `runner clean` lists them.
    pub unplanned: usize,
    /// The forecast; `None` if no run is left to do or none has finished.
    pub forecast: Option<Forecast>,
}

/// The progress of successive halving.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HalvingStatus {
    /// The rung at work, counted from 0: the newest one that is decided.
    pub rung: usize,
    /// The rungs.
    pub rungs: Vec<PlannedRung>,
    /// The metric that points are ranked by.
    pub metric: String,
    /// The greatest number of runs of rungs that are not decided yet.
    pub to_come: usize,
}

/// A run that failed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FailedRun {
    /// Its name.
    pub run_id: String,
    /// Its values of the keys that vary.
    pub swept: Map<String, Value>,
    /// The reason.
    pub error: Option<String>,
}

/// A run that a process works on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunningRun {
    /// Its name.
    pub run_id: String,
    /// The host of the process.
    pub host: String,
    /// The number of the process there.
    pub pid: u32,
    /// The job of the batch system that it belongs to.
    pub job: Option<String>,
    /// The epochs trained at the last sign of life.
    pub epoch: u64,
    /// The epochs planned.
    pub epochs: u64,
    /// The seconds since the work began.
    pub running_s: f64,
    /// The seconds since the last sign of life.
    pub silent_s: Option<f64>,
}

/// A run that stopped before its end.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InterruptedRun {
    /// Its name.
    pub run_id: String,
    /// The kind of the reason; `vanished` where a process left a stale claim.
    pub cause: Cause,
    /// The reason in words.
    pub reason: String,
    /// The epochs trained by then.
    pub epoch: u64,
    /// The epochs planned.
    pub epochs: u64,
}

/// The forecast of the time left.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Forecast {
    /// The number of finished runs that it rests on.
    pub finished: usize,
    /// The seconds of the work left, one run at a time.
    pub work_s: f64,
    /// The runs at once that the time left assumes: those running now, or one.
    pub at_once: usize,
    /// The seconds until all runs are done.
    pub left_s: f64,
    /// The runs finished in an hour at that pace.
    pub runs_per_hour: f64,
}

/// The part of `result.json` that holds the time of the run.
#[derive(Deserialize)]
struct Timed {
    timing: TotalTime,
}

#[derive(Deserialize)]
struct TotalTime {
    total_s: f64,
}

impl Status {
    /// The version of the report.
    pub const SCHEMA: u32 = 1;

    /// Reads the status of a folder of results from `plan.json` and the folders of the runs.
    pub fn read(folder: &Path) -> Result<Self, ResultsError> {
        let plan = read_plan(folder)?;
        let reader = StateReader::new(folder);
        let states: Vec<RunState> = plan.runs.par_iter().map(|run| reader.state(&run.run_id)).collect();
        let unplanned = unplanned_runs(folder, &plan).len();
        let halving = plan.halving.as_ref().map(|halving| HalvingStatus {
            rung: plan.rung(),
            rungs: halving.rungs.clone(),
            metric: halving.metric.clone(),
            to_come: plan.runs_to_come(),
        });
        let mut status = Self {
            schema: Self::SCHEMA,
            name: plan.name,
            tags: plan.tags,
            note: plan.note,
            folder: folder.to_path_buf(),
            runs: plan.runs.len(),
            ok: 0,
            failed: Vec::new(),
            running: Vec::new(),
            interrupted: Vec::new(),
            missing: Vec::new(),
            halving,
            unplanned,
            forecast: None,
        };
        for (run, state) in plan.runs.iter().zip(&states) {
            status.count(folder, run, state);
        }
        status.forecast = forecast(folder, &plan.runs, &states);
        Ok(status)
    }

    fn count(&mut self, folder: &Path, run: &PlannedRun, state: &RunState) {
        let run_id = run.run_id.clone();
        match state {
            RunState::Ok => self.ok += 1,
            RunState::Failed { error } => {
                self.failed.push(FailedRun { run_id, swept: run.swept.clone(), error: error.clone() });
            }
            RunState::Running(claim) => self.running.push(RunningRun {
                host: claim.host.clone(),
                pid: claim.pid,
                job: claim.job.clone(),
                epoch: claim.epoch,
                epochs: claim.epochs,
                running_s: UNIX_EPOCH.checked_add(Duration::from_secs(claim.claimed_at)).map_or(0.0, seconds_since),
                silent_s: last_sign_of_life(folder, &run_id).map(seconds_since),
                run_id,
            }),
            RunState::Interrupted(interruption) => self.interrupted.push(InterruptedRun {
                run_id,
                cause: interruption.cause,
                reason: interruption.reason.clone(),
                epoch: interruption.epoch,
                epochs: interruption.epochs,
            }),
            RunState::Missing => self.missing.push(run_id),
        }
    }

    /// Returns `true` if every run has its record, well or failed.
    pub fn is_complete(&self) -> bool {
        let decided = self.halving.as_ref().is_none_or(|halving| halving.to_come == 0);
        decided && self.ok + self.failed.len() == self.runs
    }
}

/// Serialises a path, which need not be Unicode.
fn as_shown<S: serde::Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.shown())
}

fn seconds_since(time: SystemTime) -> f64 {
    SystemTime::now().duration_since(time).map_or(0.0, |past| past.as_secs_f64())
}

fn last_sign_of_life(folder: &Path, run_id: &str) -> Option<SystemTime> {
    std::fs::metadata(run_folder(folder, run_id).join("claim.json")).and_then(|file| file.modified()).ok()
}

/// Forecasts the time left from the times of finished runs. A run is expected to take the mean time of the finished
/// replicates of its point; without any, its size at the pace of all finished runs. If it has begun, the epochs left
/// count.
fn forecast(folder: &Path, runs: &[PlannedRun], states: &[RunState]) -> Option<Forecast> {
    if states.iter().all(RunState::is_complete) {
        return None;
    }
    let finished: Vec<(&PlannedRun, f64)> = runs
        .par_iter()
        .zip(states)
        .filter(|(_, state)| matches!(state, RunState::Ok))
        .filter_map(|(run, _)| Some((run, total_s(folder, &run.run_id)?)))
        .collect();
    let (template, _) = finished.first()?;
    let template = read_record(&run_folder(folder, &template.run_id), &template.run_id)?;
    let size = |run: &PlannedRun| size(&template.params, &run.swept);

    let mut by_point: HashMap<usize, (f64, usize)> = HashMap::new();
    let (mut time, mut work) = (0.0, 0.0);
    for (run, seconds) in &finished {
        let point = by_point.entry(run.point).or_default();
        *point = (point.0 + seconds, point.1 + 1);
        time += seconds;
        work += size(run);
    }
    let expected = |run: &PlannedRun| match by_point.get(&run.point) {
        Some((seconds, count)) => seconds / *count as f64,
        None => time / work * size(run),
    };
    let share = |epoch: u64, epochs: u64| 1.0 - epoch as f64 / epochs.max(1) as f64;
    let left: Vec<f64> = runs
        .iter()
        .zip(states)
        .filter_map(|(run, state)| match state {
            RunState::Ok | RunState::Failed { .. } => None,
            RunState::Running(claim) => Some(expected(run) * share(claim.epoch, claim.epochs)),
            RunState::Interrupted(stopped) => Some(expected(run) * share(stopped.epoch, stopped.epochs)),
            RunState::Missing => Some(expected(run)),
        })
        .collect();
    let running = states.iter().filter(|state| matches!(state, RunState::Running(_))).count();
    let (work_s, longest) = left.iter().fold((0.0, 0.0f64), |(sum, longest), &run| (sum + run, longest.max(run)));
    let at_once = running.max(1);
    let left_s = (work_s / at_once as f64).max(longest);
    let runs_per_hour = if left_s > 0.0 { 3600.0 * left.len() as f64 / left_s } else { 0.0 };
    Some(Forecast { finished: finished.len(), work_s, at_once, left_s, runs_per_hour })
}

fn total_s(folder: &Path, run_id: &str) -> Option<f64> {
    let bytes = read_regular(&run_folder(folder, run_id).join("result.json")).ok()?;
    serde_json::from_slice::<Timed>(&bytes).ok().map(|timed| timed.timing.total_s)
}

/// Returns the size of a run in arbitrary units: epochs × hidden units × (Gibbs steps + 1), since data and gradient
/// cost as much as one step more. Windows × visible units are the cells of the corpus, whatever the length of a window.
/// `swept` has the run's own values, `template` those of another run of the sweep.
fn size(template: &Map<String, Value>, swept: &Map<String, Value>) -> f64 {
    let number = |key: &str| swept.get(key).or_else(|| template.get(key)).and_then(Value::as_f64).unwrap_or(1.0);
    let stop_after = swept.get("train.stop_after").and_then(Value::as_f64).filter(|&epochs| epochs > 0.0);
    stop_after.unwrap_or_else(|| number("train.epochs")).max(1.0) * number("model.hidden") * (1.0 + number("train.k"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn sizes_grow_with_what_costs() {
        let object = |value: Value| value.as_object().cloned().unwrap_or_default();
        let template = object(json!({"train.epochs": 10, "model.hidden": 50, "train.k": 1}));
        let base = size(&template, &Map::new());
        assert_eq!(size(&template, &object(json!({"train.epochs": 30}))), 3.0 * base);
        assert_eq!(size(&template, &object(json!({"model.hidden": 100}))), 2.0 * base);
        assert_eq!(size(&template, &object(json!({"train.k": 5}))), 3.0 * base);
    }
}
