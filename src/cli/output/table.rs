//! The table of a finished sweep.

use crate::sweep::{PointSummary, Statistic, Summary, display};
use comfy_table::{CellAlignment, Table, presets};

/// Points shown; the rest stand in `summary.csv`.
const SHOWN: usize = 20;

/// Metrics shown after the swept keys: name, heading, digits after the point.
const METRICS: [(&str, &str, usize); 8] = [
    ("validation_log_likelihood_exact_per_step", "val LL/step", 3),
    ("validation_log_likelihood_cautious_per_step", "val cautious LL/step", 3),
    ("validation_log_likelihood_ais_per_step", "val AIS/step", 3),
    ("validation_log_likelihood_reverse_ais_per_step", "val rev. AIS/step", 3),
    ("validation_pseudo_log_likelihood_per_step", "val PLL/step", 3),
    ("train_pseudo_log_likelihood_per_step", "train PLL/step", 3),
    ("validation_reconstruction_error", "val recon", 4),
    ("train_reconstruction_error", "train recon", 4),
];

/// The points of a summary, best first, with mean ± deviation over replicates.
pub(in crate::cli) fn summary_table(summary: &Summary) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let shown: Vec<_> = METRICS
        .into_iter()
        .filter(|(name, ..)| summary.points.iter().any(|point| point.mean(name).is_some()))
        .collect();
    let headings = shown.iter().map(|(_, heading, _)| (*heading).to_owned());
    let header: Vec<String> = summary
        .swept
        .iter()
        .map(|key| short_name(key, &summary.swept).to_owned())
        .chain(headings)
        .chain(["music dist.", "(Bernoulli)", "train s", "runs"].map(str::to_owned))
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
        row.extend(shown.iter().map(|(name, _, digits)| cell(point.metrics.get(*name), *digits)));
        row.push(cell(point.music.get("distance"), 3));
        row.push(cell(point.music.get("bernoulli_distance"), 3));
        row.push(cell(point.timing.get("train_s"), 2));
        row.push(runs(point));
        table.add_row(row);
    }
    let more = summary.points.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!("\n… and {more} points more in summary.csv") } else { String::new() };
    let order = summary.ordered_by.as_deref().map(|metric| format!("\nBest first by {metric}.")).unwrap_or_default();
    format!("{table}{more}{order}")
}

/// The last part of a key, such as `hidden`, if no other swept key ends in it.
fn short_name<'a>(key: &'a str, keys: &[String]) -> &'a str {
    let last = |key: &'a str| key.rsplit('.').next().unwrap_or(key);
    let sharing = keys.iter().filter(|other| other.rsplit('.').next() == Some(last(key))).count();
    if sharing > 1 { key } else { last(key) }
}

fn cell(statistic: Option<&Option<Statistic>>, digits: usize) -> String {
    match statistic.copied().flatten() {
        None => "–".into(),
        Some(Statistic { mean, sd: Some(sd), .. }) => format!("{} ± {}", number(mean, digits), number(sd, digits)),
        Some(Statistic { mean, sd: None, .. }) => number(mean, digits),
    }
}

/// A number with that many digits after the point; large ones, as of a model out of bounds, with an exponent.
fn number(value: f64, digits: usize) -> String {
    if value.abs() < 1e6 { format!("{value:.digits$}") } else { format!("{value:.2e}") }
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
