//! `runner compare`: the differences between two results.

use crate::cli::arguments::Verbosity;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::console::{print, start_logging};
use crate::inspect::{Comparison, ComparisonOptions, Contrast, Method, Quantified, Results, Side, Verdict};
use crate::sweep::{Direction, display};
use clap::Args;
use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::path::PathBuf;

/// Arguments of `runner compare`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  runner compare results/before results/after --threshold 0.02\n  runner compare results/a results/b \
    results/c\n  runner compare \
    results/before results/after --metric train_s --metric validation_pseudo_log_likelihood --threshold \
    validation_pseudo_log_likelihood=0.5 --json\n\nExit codes: 0 no regression; 2 nothing to compare; 3 a regression \
    beyond the threshold, or a run that now fails."
)]
pub(in crate::cli) struct CompareArguments {
    /// The results to compare with: a folder of results, or that of a single run.
    a: PathBuf,
    /// The results to judge: one, or several, each of which is compared with A.
    #[arg(required = true, value_name = "B")]
    judged: Vec<PathBuf>,
    /// The change for the worse that is accepted: a share of A's mean (0.05), or NAME=X for one metric in its own unit.
    /// A regression is what lies beyond it with its whole interval.
    #[arg(long = "threshold", value_name = "[NAME=]X", value_parser = parse_threshold)]
    thresholds: Vec<Threshold>,
    /// Compare this metric or time alone; repeatable.
    #[arg(long = "metric", value_name = "NAME")]
    metrics: Vec<String>,
    /// The confidence of the intervals.
    #[arg(long, value_name = "SHARE", default_value_t = 0.95, value_parser = parse_confidence)]
    confidence: f64,
    /// Show every configuration, not the means over them alone.
    #[arg(long)]
    by_configuration: bool,
    /// One JSON object instead of tables.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    verbosity: Verbosity,
}

/// A value of `--threshold`: for one metric, or for all.
#[derive(Clone, Debug, PartialEq)]
struct Threshold {
    name: Option<String>,
    value: f64,
}

fn parse_threshold(text: &str) -> Result<Threshold, &'static str> {
    let (name, number) = match text.split_once('=') {
        Some((name, number)) => (Some(name.to_owned()), number),
        None => (None, text),
    };
    match number.parse::<f64>() {
        Ok(value) if value.is_finite() && value >= 0.0 => Ok(Threshold { name, value }),
        _ => Err("expected a number from 0, such as 0.05, or NAME=NUMBER"),
    }
}

fn parse_confidence(text: &str) -> Result<f64, &'static str> {
    let share = text.parse::<f64>().ok().filter(|share| (0.5..1.0).contains(share));
    share.ok_or("expected a share from 0.5 to below 1, such as 0.95")
}

pub(in crate::cli) fn run(arguments: &CompareArguments) -> Result<Exit, CliError> {
    start_logging(arguments.verbosity);
    let a = Results::read(&arguments.a)?;
    let judged = arguments.judged.iter().map(|path| Results::read(path)).collect::<Result<Vec<_>, _>>()?;
    let mut options = ComparisonOptions {
        metrics: arguments.metrics.clone(),
        confidence: arguments.confidence,
        ..ComparisonOptions::default()
    };
    for threshold in &arguments.thresholds {
        match &threshold.name {
            Some(name) => drop(options.thresholds.insert(name.clone(), threshold.value)),
            None => options.threshold = threshold.value,
        }
    }
    let comparisons = judged.iter().map(|b| Comparison::of(&a, b, &options)).collect::<Result<Vec<_>, _>>()?;
    let text = match comparisons.as_slice() {
        [only] if arguments.json => serde_json::to_string_pretty(only).expect("a comparison is plain data") + "\n",
        several if arguments.json => format!("{:#}\n", json!({"schema": 1, "comparisons": several})),
        [only] => describe(only, arguments.by_configuration),
        several => {
            let texts = several.iter().map(|one| describe(one, arguments.by_configuration)).collect::<Vec<_>>();
            format!("{}\n{}", overview(several), texts.join("\n"))
        }
    };
    print(&text, if comparisons.iter().any(Comparison::is_regression) { Exit::Regression } else { Exit::Done })
}

/// Returns a table of the metrics and times that are judged: the means of A and of each other result, over the
/// configurations that it shares with A.
fn overview(comparisons: &[Comparison]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let paths = comparisons.iter().map(|comparison| comparison.b.path.clone());
    table.set_header(["metric".to_owned(), comparisons[0].a.path.clone()].into_iter().chain(paths));
    let quantities = |comparison: &Comparison| -> Vec<Quantified> {
        comparison.metrics.iter().chain(&comparison.times).cloned().collect()
    };
    let of_each: Vec<Vec<Quantified>> = comparisons.iter().map(quantities).collect();
    let mut names: Vec<&String> = Vec::new();
    for quantity in of_each.iter().flatten().filter(|quantity| quantity.is_judged()) {
        if !names.contains(&&quantity.name) {
            names.push(&quantity.name);
        }
    }
    for name in names {
        let found: Vec<Option<&Quantified>> =
            of_each.iter().map(|own| own.iter().find(|quantity| quantity.name == *name)).collect();
        let first = found.iter().flatten().next().map_or(0.0, |quantity| quantity.overall.a);
        let cell = |quantity: Option<&Quantified>| match quantity {
            None => "–".to_owned(),
            Some(quantity) => {
                let mark = if quantity.overall.verdict == Verdict::Regression { " REGRESSION" } else { "" };
                format!("{}{mark}", number(quantity.overall.b, quantity.overall.b))
            }
        };
        table.add_row([name.clone(), number(first, first)].into_iter().chain(found.iter().copied().map(cell)));
    }
    for column in 1..comparisons.len() + 2 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    format!("{table}\n")
}

fn describe(comparison: &Comparison, by_configuration: bool) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "A: {}\nB: {}", side(&comparison.a), side(&comparison.b));
    for (key, [a, b]) in &comparison.apart {
        let _ = writeln!(text, "A and B differ in {key}: {} in A, {} in B", display(a), display(b));
    }
    for (name, keys) in ["A", "B"].iter().zip(&comparison.unshared).filter(|(_, keys)| !keys.is_empty()) {
        let _ = writeln!(text, "only the records of {name} have {}", keys.join(", "));
    }
    let _ = write!(text, "{} configurations in both", comparison.configurations.len());
    for (name, count) in ["A", "B"].iter().zip(comparison.unmatched).filter(|(_, count)| *count > 0) {
        let _ = write!(text, ", {count} in {name} alone");
    }
    let identical = &comparison.identical;
    let _ = match &identical.impossible {
        Some(reason) => writeln!(text, "; bit-identity is impossible: {reason}"),
        None if identical.of == 0 => writeln!(text, "; no seed in both, so nothing can be bit-identical"),
        None => writeln!(text, "; bit-identical in {} of {} runs", identical.same, identical.of),
    };

    let percent = 100.0 * comparison.confidence;
    let heading = |what: &str| format!("{what} ({} %)", (percent * 1e6).round() / 1e6);
    if !comparison.metrics.is_empty() {
        // What is judged comes first.
        let (judged, shown): (Vec<_>, Vec<_>) = comparison.metrics.iter().cloned().partition(Quantified::is_judged);
        let metrics = [judged, shown].concat();
        let header = ["metric", "A", "B", &heading("B − A"), "interval by", "verdict"].map(str::to_owned);
        let _ = writeln!(text, "\n{}", table(&metrics, header, comparison, by_configuration));
    }
    if !comparison.times.is_empty() {
        let header = ["time", "A", "B", &heading("B / A"), "interval by", "verdict"].map(str::to_owned);
        let _ = writeln!(text, "\n{}", table(&comparison.times, header, comparison, by_configuration));
    }
    if !comparison.times_left_out.is_empty() {
        text.push('\n');
    }
    for (reason, count) in &comparison.times_left_out {
        let _ = writeln!(text, "times of {count} configurations not compared: {reason}");
    }
    if !comparison.sampled_apart.is_empty() {
        let keys = comparison.sampled_apart.join(", ");
        let _ = writeln!(
            text,
            "metrics of samples are not comparable: A and B sampled differently ({keys}). Sample both alike to compare."
        );
    }
    for quantity in comparison.metrics.iter().filter(|quantity| quantity.undefined != [0, 0]) {
        let [a, b] = quantity.undefined;
        let _ = writeln!(text, "{} is undefined in {a} runs of A and {b} of B, which are left out", quantity.name);
    }
    text.push('\n');
    let [means, single] = comparison.judged;
    if means + single > 1 {
        let [of_means, of_single] = comparison.verdict_confidence.map(|confidence| 100.0 * confidence);
        let _ =
            write!(text, "Verdicts allow for chance: {means} means are judged, each by an interval of {of_means:.3} %");
        let _ = match single {
            0 => writeln!(text, "."),
            _ => writeln!(text, ",\nand {single} single configurations, each by one of {of_single:.3} %."),
        };
    }
    if !comparison.is_regression() {
        text.push_str("No regression.\n");
    }
    for regression in &comparison.regressions {
        let place = match regression.configuration {
            None => String::new(),
            Some(index) => format!(" at {}", label(&comparison.configurations[index])),
        };
        let _ = writeln!(text, "REGRESSION: {}{place}", regression.name);
    }
    for failure in &comparison.newly_failed {
        let reason = failure.error.as_deref().unwrap_or("no reason known");
        let _ = writeln!(text, "REGRESSION: run {} ended well in A and failed in B: {reason}", failure.run_id);
    }
    text
}

fn side(side: &Side) -> String {
    let Side { path, planned, ok, failed, missing } = side;
    let failed = if *failed > 0 { format!(", {failed} failed") } else { String::new() };
    let missing = if *missing > 0 { format!(", {missing} missing") } else { String::new() };
    format!("{path}: {ok} of {planned} runs done{failed}{missing}")
}

fn table(quantities: &[Quantified], header: [String; 6], comparison: &Comparison, by_configuration: bool) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(header);
    for column in 1..4 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for quantity in quantities {
        let shown = quantity.contrasts().filter(|contrast| by_configuration || contrast.configuration.is_none());
        for contrast in shown {
            let name = match contrast.configuration {
                None => quantity.name.clone(),
                Some(index) => format!("  {}", label(&comparison.configurations[index])),
            };
            let [a, b] = [contrast.a, contrast.b].map(|value| number(value, value));
            table.add_row(vec![name, a, b, change(contrast), method(contrast), verdict(quantity, contrast)]);
        }
    }
    table
}

/// Formats a change with its interval, to the digits that the interval makes meaningful.
fn change(contrast: &Contrast) -> String {
    match contrast.interval {
        None => number(contrast.change, contrast.change),
        Some([low, high]) => {
            let scale = if high > low { high - low } else { contrast.change };
            format!("{} [{}, {}]", number(contrast.change, scale), number(low, scale), number(high, scale))
        }
    }
}

/// Formats a number rounded to three significant digits of `scale`; very large and small ones with an exponent.
fn number(value: f64, scale: f64) -> String {
    let magnitude = scale.abs().max(f64::MIN_POSITIVE).log10().floor();
    if value == 0.0 && scale == 0.0 {
        "0".into()
    } else if (-7.0..6.0).contains(&magnitude) && value.abs() < 1e9 {
        format!("{value:.*}", (2.0 - magnitude).max(0.0) as usize)
    } else {
        format!("{value:.2e}")
    }
}

fn method(contrast: &Contrast) -> String {
    let [a, b] = contrast.values;
    let freedom = contrast.degrees_of_freedom.map(|freedom| format!(", {freedom:.0} d.f.")).unwrap_or_default();
    match contrast.method {
        Method::PairedT => format!("paired t{freedom}"),
        Method::WelchT => format!("Welch's t, {a} and {b} values{freedom}"),
        Method::OverReplicates => format!("t over replicates{freedom}"),
        Method::OverConfigurations => format!("t over configurations{freedom}"),
        Method::SingleReplicate => "single replicate: no interval".into(),
    }
}

fn verdict(quantity: &Quantified, contrast: &Contrast) -> String {
    let verdict = match contrast.verdict {
        Verdict::Regression => "REGRESSION",
        Verdict::Within => "within",
        Verdict::Unclear => "unclear",
        Verdict::NotJudged => return "not judged".into(),
        Verdict::NotComparable => return "not comparable".into(),
    };
    let threshold = match quantity.threshold {
        Some(threshold) if quantity.absolute => threshold.to_string(),
        Some(threshold) => format!("{} %", (threshold * 1e8).round() / 1e6),
        None => String::new(),
    };
    let sign = if quantity.direction == Direction::Higher { "−" } else { "+" };
    format!("{verdict} {sign}{threshold}")
}

fn label(configuration: &Map<String, Value>) -> String {
    let parts: Vec<String> = configuration.iter().map(|(key, value)| format!("{key}={}", display(value))).collect();
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_shares_or_of_one_metric() {
        assert_eq!(parse_threshold("0.05"), Ok(Threshold { name: None, value: 0.05 }));
        assert_eq!(parse_threshold("a=1e-3"), Ok(Threshold { name: Some("a".into()), value: 1e-3 }));
        for wrong in ["", "x", "-1", "nan", "a=", "inf"] {
            assert!(parse_threshold(wrong).is_err(), "{wrong}");
        }
        assert_eq!(parse_confidence("0.99"), Ok(0.99));
        assert!(parse_confidence("1").is_err() && parse_confidence("95").is_err());
    }

    #[test]
    fn numbers_have_the_digits_that_matter() {
        assert_eq!(number(-2.13649, 0.01), "-2.1365");
        assert_eq!(number(123.456, 123.456), "123");
        assert_eq!(number(0.000123456, 0.000123456), "0.000123");
        assert_eq!(number(1.5e12, 1.5e12), "1.50e12");
        assert_eq!(number(0.0, 0.0), "0");
    }
}
