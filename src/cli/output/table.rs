//! The table of a finished sweep.

use crate::sweep::{MetricGroup, PointSummary, Statistic, Summary, TerminalColumn, display, terminal_columns};
use comfy_table::{CellAlignment, Table, presets};

/// The number of points shown; `summary.csv` has all.
const SHOWN: usize = 20;

/// Returns the points of a summary, best first, with mean ± deviation over replicates.
pub(in crate::cli) fn summary_table(summary: &Summary) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    // A metric of the model has a column where some point has a value of it.
    let is_shown = |column: &TerminalColumn| {
        let has_value = |point: &PointSummary| point.statistic(&column.named).is_some();
        column.named.metric.group() != MetricGroup::Model || summary.points.iter().any(has_value)
    };
    let shown: Vec<TerminalColumn> = terminal_columns().into_iter().filter(is_shown).collect();
    let header: Vec<String> = summary
        .swept
        .iter()
        .map(|key| short_name(key, &summary.swept).to_owned())
        .chain(shown.iter().map(TerminalColumn::heading))
        .chain(["runs", "run"].map(str::to_owned))
        .collect();
    let columns = header.len();
    table.set_header(header);
    for column in 0..columns {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for point in summary.points.iter().take(SHOWN) {
        let mut row: Vec<String> =
            summary.swept.iter().map(|key| point.swept.get(key).map(display).unwrap_or_default()).collect();
        row.extend(shown.iter().map(|column| cell(point.statistic(&column.named), column.digits)));
        row.extend([runs(point), first_run(point)]);
        table.add_row(row);
    }
    let more = summary.points.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!("\n… and {more} points more in summary.csv") } else { String::new() };
    let order = summary.ordered_by.as_deref().map(|metric| format!("\nBest first by {metric}.")).unwrap_or_default();
    format!("{table}{more}{order}")
}

/// Returns the last part of a key, such as `hidden`, if no other swept key ends in it.
fn short_name<'a>(key: &'a str, keys: &[String]) -> &'a str {
    let last = |key: &'a str| key.rsplit('.').next().unwrap_or(key);
    let sharing = keys.iter().filter(|other| other.rsplit('.').next() == Some(last(key))).count();
    if sharing > 1 { key } else { last(key) }
}

fn cell(statistic: Option<Statistic>, digits: usize) -> String {
    match statistic {
        None => "–".into(),
        Some(Statistic { mean, sd: Some(sd), .. }) => format!("{} ± {}", number(mean, digits), number(sd, digits)),
        Some(Statistic { mean, sd: None, .. }) => number(mean, digits),
    }
}

/// Formats a number with `digits` digits after the point; a large one, as of a model that diverged, with an exponent.
fn number(value: f64, digits: usize) -> String {
    if value.abs() < 1e6 { format!("{value:.digits$}") } else { format!("{value:.2e}") }
}

/// Returns the id of the first replicate, with the number of the others.
fn first_run(point: &PointSummary) -> String {
    match point.runs.as_slice() {
        [] => String::new(),
        [run_id] => run_id.clone(),
        [run_id, others @ ..] => format!("{run_id} +{}", others.len()),
    }
}

fn runs(point: &PointSummary) -> String {
    let total = point.ok + point.failed + point.missing;
    match (point.failed, point.missing) {
        (0, 0) => total.to_string(),
        (0, missing) => format!("{}, {missing} missing", point.ok),
        (failed, 0) => format!("{}, {failed} failed", point.ok),
        (failed, missing) => format!("{}, {failed} failed, {missing} missing", point.ok),
    }
}
