//! The table of epochs: one line for each epoch of each run of a sweep.

use super::results::{ResultsError, read_plan};
use crate::machine::file::read_regular_text;
use crate::sweep::{EpochRecord, EpochTiming, PlannedRun, metric_order, run_folder};
use rayon::prelude::*;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

/// A reading of a time of an epoch, in seconds.
type ReadTime = fn(&EpochTiming) -> f64;

/// The times of an epoch, by the names of their columns.
const TIMES: [(&str, ReadTime); 5] = [
    ("train_s", |timing| timing.train_s),
    ("reconstruction_s", |timing| timing.reconstruction_s),
    ("pseudo_likelihood_s", |timing| timing.pseudo_likelihood_s),
    ("free_energy_s", |timing| timing.free_energy_s),
    ("weights_s", |timing| timing.weights_s),
];

/// Returns the epochs of all runs of a sweep as CSV, in the order of the plan: the run, the swept keys, the epoch, its
/// metrics and its times. Runs that are not complete have the epochs that they have trained.
pub fn epochs_csv(folder: &Path) -> Result<Vec<u8>, ResultsError> {
    let plan = read_plan(folder)?;
    let epochs: Vec<Vec<EpochRecord>> = plan.runs.par_iter().map(|run| read_epochs(folder, run)).collect();
    let names: BTreeSet<&String> = epochs.iter().flatten().flat_map(|epoch| epoch.metrics.keys()).collect();
    let mut names: Vec<&String> = names.into_iter().collect();
    names.sort_by_cached_key(|name| metric_order(name));

    let mut writer = csv::Writer::from_writer(Vec::new());
    let in_memory = |error: csv::Error| -> ! { panic!("a table in memory can be written: {error}") };
    let first = ["run_id", "replicate", "seed"].into_iter();
    let header = first
        .chain(plan.swept.iter().map(String::as_str))
        .chain(["stage", "epoch", "updates", "examples"])
        .chain(names.iter().map(|name| name.as_str()))
        .chain(TIMES.iter().map(|(name, _)| *name));
    writer.write_record(header).unwrap_or_else(|error| in_memory(error));
    for (run, epochs) in plan.runs.iter().zip(&epochs) {
        let swept = plan.swept.iter().map(|key| run.swept.get(key).map(cell).unwrap_or_default());
        let of_run: Vec<String> =
            [run.run_id.clone(), run.replicate.to_string(), run.seed.clone()].into_iter().chain(swept).collect();
        for epoch in epochs {
            let stage = epoch.stage.clone().unwrap_or_default();
            let counts = [stage, epoch.epoch.to_string(), epoch.updates.to_string(), epoch.examples.to_string()];
            let metric = |name: &&String| epoch.metrics.get(*name).copied().flatten();
            let metrics = names.iter().map(|name| metric(name).map(|value| value.to_string()).unwrap_or_default());
            let times = TIMES.iter().map(|(_, time)| time(&epoch.timing).to_string());
            let line = of_run.iter().cloned().chain(counts).chain(metrics).chain(times);
            writer.write_record(line).unwrap_or_else(|error| in_memory(error));
        }
    }
    Ok(writer.into_inner().unwrap_or_else(|error| panic!("a table in memory can be finished: {error}")))
}

/// Returns the epochs of a run. A line that cannot be read, such as the last of a run that was killed, is left out.
fn read_epochs(folder: &Path, run: &PlannedRun) -> Vec<EpochRecord> {
    let text = read_regular_text(&run_folder(folder, &run.run_id).join("epochs.jsonl")).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Returns a value as a cell: a text without quotes, all else as JSON.
fn cell(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
