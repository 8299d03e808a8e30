//! The table of epochs: one row for each epoch of each run of a sweep.

use super::results::{ResultsError, read_plan};
use crate::machine::file::read_regular_text;
use crate::sweep::{
    Cell, Column, ColumnType, EpochRecord, EpochTiming, PlannedRun, Table, key_column, metric_order, run_cells,
    run_columns, run_folder,
};
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::path::Path;

/// A reading of a time of an epoch, in seconds.
type ReadTime = fn(&EpochTiming) -> f64;

/// The times of an epoch, by the names of their columns.
pub(crate) const TIMES: [(&str, ReadTime); 5] = [
    ("train_s", |timing| timing.train_s),
    ("reconstruction_s", |timing| timing.reconstruction_s),
    ("pseudo_likelihood_s", |timing| timing.pseudo_likelihood_s),
    ("free_energy_s", |timing| timing.free_energy_s),
    ("weights_s", |timing| timing.weights_s),
];

/// Returns the epochs of all runs of a sweep, in the order of the plan: the run, the swept keys, the epoch, its metrics
/// and its times. Runs that are not complete have the epochs that they have trained.
pub(crate) fn epochs_table(folder: &Path) -> Result<Table, ResultsError> {
    let plan = read_plan(folder)?;
    let epochs: Vec<Vec<EpochRecord>> = plan.runs.par_iter().map(|run| read_epochs(folder, run)).collect();
    let names: BTreeSet<&String> = epochs.iter().flatten().flat_map(|epoch| epoch.metrics.keys()).collect();
    let mut names: Vec<&String> = names.into_iter().collect();
    names.sort_by_cached_key(|name| metric_order(name));

    let mut columns = run_columns();
    columns.extend(plan.swept.iter().map(|key| key_column(key)));
    columns.push(Column::of(ColumnType::Text, "stage"));
    columns.extend(["epoch", "updates", "examples"].map(|name| Column::of(ColumnType::Integer, name)));
    columns.extend(names.iter().map(|name| Column::of(ColumnType::Number, *name)));
    columns.extend(TIMES.iter().map(|(name, _)| Column::of(ColumnType::Number, *name)));
    let mut table = Table::new(columns);
    for (run, epochs) in plan.runs.iter().zip(&epochs) {
        let mut of_run = run_cells(run);
        of_run.extend(plan.swept.iter().map(|key| Cell::value(run.swept.get(key))));
        for epoch in epochs {
            let stage = epoch.stage.as_ref().map_or(Cell::Empty, Cell::text);
            let counts = [epoch.epoch, epoch.updates, epoch.examples].map(Cell::Count);
            let metrics = names.iter().map(|name| Cell::number(epoch.metrics.get(*name).copied().flatten()));
            let times = TIMES.iter().map(|(_, time)| Cell::Number(time(&epoch.timing)));
            table.push(of_run.iter().cloned().chain([stage]).chain(counts).chain(metrics).chain(times));
        }
    }
    Ok(table)
}

/// Returns the epochs of a run. A line that cannot be read, such as the last of a run that was killed, is left out.
pub(crate) fn read_epochs(folder: &Path, run: &PlannedRun) -> Vec<EpochRecord> {
    let text = read_regular_text(&run_folder(folder, &run.run_id).join("epochs.jsonl")).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}
