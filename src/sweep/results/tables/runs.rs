//! The table of runs: one row for each run of a sweep.

use super::{Cell, Column, ColumnType, Table};
use crate::sweep::config::{KEYS, Kind, find_key};
use crate::sweep::results::metric::Reach;
use crate::sweep::results::metrics::times_of;
use crate::sweep::results::plan_file::{PlanFile, PlannedRun};
use crate::sweep::results::record::{RunRecord, RunStatus};
use crate::sweep::results::summary::music_of;
use serde_json::Value;
use std::sync::Arc;

/// Returns `summary.csv`: one line for each run, in the order of the plan, with the swept keys, all other parameters, the
/// epochs of training, metrics, music metrics and times as columns.
pub fn to_csv(plan: &PlanFile, records: &[Option<RunRecord>]) -> Result<Vec<u8>, csv::Error> {
    runs_table(plan, records).to_csv()
}

/// Returns the table that `summary.csv` is written from; `records[i]` belongs to run `i`.
pub(crate) fn runs_table(plan: &PlanFile, records: &[Option<RunRecord>]) -> Table {
    let found = || records.iter().flatten();
    let names = |names: &dyn Fn(&RunRecord) -> Vec<String>| {
        let mut names: Vec<String> = found().flat_map(names).collect();
        names.sort_unstable();
        names.dedup();
        names
    };
    let metrics = names(&|record| record.metrics.keys().cloned().collect());
    let music = names(&|record| music_of(record).into_keys().collect());
    let parameters = names(&|record| record.params.keys().filter(|key| !plan.swept.contains(key)).cloned().collect());

    let mut columns = run_columns();
    columns.insert(1, Column::of(ColumnType::Text, "status"));
    columns.extend(plan.swept.iter().chain(&parameters).map(|key| key_column(key)));
    columns.push(Column::of(ColumnType::Integer, "epochs"));
    columns.push(Column::of(ColumnType::Integer, "best_epoch"));
    columns.push(Column::of(ColumnType::Flag, "stopped_early"));
    columns.extend(metrics.iter().map(|name| Column::of(ColumnType::Number, name)));
    columns.extend(music.iter().map(|name| Column::of(ColumnType::Number, format!("sample_{name}"))));
    columns.extend(times_of(Reach::Csv).map(|time| Column::of(ColumnType::Number, time.name)));
    columns.push(Column::of(ColumnType::Integer, "threads"));
    columns.push(Column::of(ColumnType::Flag, "contended"));
    columns.push(Column::of(ColumnType::Text, "digest"));

    let mut table = Table::new(columns);
    for (run, record) in plan.runs.iter().zip(records) {
        let status = match record {
            None => "missing",
            Some(record) if record.status == RunStatus::Ok => "ok",
            Some(_) => "failed",
        };
        let mut row = run_cells(run);
        row.insert(1, Cell::text(status));
        row.extend(plan.swept.iter().map(|key| Cell::value(run.swept.get(key))));
        if let Some(record) = record {
            row.extend(parameters.iter().map(|key| Cell::value(record.params.get(key))));
            row.extend(epochs_of(record));
            row.extend(metrics.iter().map(|name| Cell::number(record.metrics.get(name).copied().flatten())));
            let own = music_of(record);
            row.extend(music.iter().map(|name| Cell::number(own.get(name).copied().flatten())));
            let timing = &record.timing;
            row.extend(times_of(Reach::Csv).map(|time| Cell::number(time.of_run_times(timing))));
            row.extend([Cell::Count(timing.threads as u64), flag(timing.contended), Cell::text(&record.digest)]);
        }
        table.push(row);
    }
    table
}

/// Returns the columns that name a run in a table; [`run_cells`] returns their cells.
pub(crate) fn run_columns() -> Vec<Column> {
    vec![
        Column::of(ColumnType::Text, "run_id"),
        Column::of(ColumnType::Integer, "replicate"),
        Column::of(ColumnType::Unsigned, "seed"),
    ]
}

/// Returns the cells that name a run in a table.
pub(crate) fn run_cells(run: &PlannedRun) -> Vec<Cell> {
    vec![Cell::text(&run.run_id), Cell::Count(run.replicate.into()), Cell::text(&run.seed)]
}

/// Returns the column of a key of the configuration.
pub(crate) fn key_column(path: &str) -> Column {
    match find_key(path).map(|key| KEYS[key].kind) {
        Some(Kind::Integer { .. }) => Column::of(ColumnType::Integer, path),
        Some(Kind::Float { .. }) => Column::of(ColumnType::Number, path),
        Some(Kind::Bool) => Column::of(ColumnType::Flag, path),
        _ => Column::free(path),
    }
}

/// Returns the epochs trained, the best epoch, and true for an end before the last epoch planned; the last two are those
/// of early stopping. Without early stopping, all epochs planned are trained, and none is known as the best.
fn epochs_of(record: &RunRecord) -> [Cell; 3] {
    match &record.early_stop {
        Some(stop) => [Cell::Count(stop.epochs), stop.best_epoch.map_or(Cell::Empty, Cell::Count), flag(stop.stopped)],
        None if record.status == RunStatus::Ok => {
            let stopped = record.params.get("train.stop_after");
            [Cell::value(stopped.or(record.params.get("train.epochs"))), Cell::Empty, flag(false)]
        }
        None => [Cell::Empty, Cell::Empty, Cell::Empty],
    }
}

fn flag(flag: bool) -> Cell {
    Cell::Json(Arc::new(Value::Bool(flag)))
}
