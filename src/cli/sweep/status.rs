//! `runner status`: the state of the runs of a sweep.

use crate::cli::arguments::Verbosity;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::console::{print, start_logging};
use crate::cli::output::progress::duration;
use crate::inspect::{Forecast, Status};
use crate::machine::text::Shown as _;
use crate::sweep::{PlannedRung, SweepConfig, display};
use clap::Args;
use serde_json::{Map, Value};
use std::fmt::Write as _;
use std::path::PathBuf;

/// The number of runs of a kind listed one by one; the rest are counted. `--json` has all.
const LISTED: usize = 20;

/// Arguments of `runner status`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  runner status results/quick\n  runner status --config configs/quick.toml --json\n\nExit \
    codes: 0 all runs done; 1 some run failed, and none is left; 2 no results there; 4 incomplete."
)]
pub(in crate::cli) struct StatusArguments {
    /// A folder of results, such as results/NAME.
    #[arg(required_unless_present = "config")]
    results: Option<PathBuf>,
    /// The configuration whose results are shown, instead of a folder.
    #[arg(long, value_name = "FILE", conflicts_with = "results")]
    config: Vec<PathBuf>,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    verbosity: Verbosity,
}

pub(in crate::cli) fn run(arguments: &StatusArguments) -> Result<Exit, CliError> {
    start_logging(arguments.verbosity);
    let folder = match (&arguments.results, &arguments.config) {
        (Some(results), _) => results.clone(),
        (None, config) => SweepConfig::load_layers(config.iter().map(PathBuf::as_path), &[])?.results_dir(),
    };
    let status = Status::read(&folder)?;
    let exit = if !status.is_complete() {
        Exit::Incomplete
    } else if status.failed.is_empty() {
        Exit::Done
    } else {
        Exit::Failed
    };
    let text = if arguments.json {
        serde_json::to_string_pretty(&status).expect("a status is plain data") + "\n"
    } else {
        describe(&status)
    };
    print(&text, exit)
}

fn describe(status: &Status) -> String {
    let mut text = format!(
        "{}: {} of {} runs done, {} failed, {} running, {} interrupted, {} missing\n",
        status.folder.shown(),
        status.ok,
        status.runs,
        status.failed.len(),
        status.running.len(),
        status.interrupted.len(),
        status.missing.len()
    );
    // Writing to a string cannot fail.
    if !status.tags.is_empty() {
        let tags: Vec<_> = status.tags.iter().map(|tag| tag.shown()).collect();
        let _ = writeln!(text, "  tags: {}", tags.join(", "));
    }
    if let Some(note) = &status.note {
        let _ = writeln!(text, "  note: {}", note.shown());
    }
    if let Some(halving) = &status.halving {
        let (rung, rungs) = (halving.rung, halving.rungs.len());
        let PlannedRung { epochs, points } = halving.rungs[rung];
        let to_come =
            if halving.to_come > 0 { format!("; at most {} runs to come", halving.to_come) } else { String::new() };
        let _ = writeln!(
            text,
            "  rung {} of {rungs}: {points} points to epoch {epochs}, by {}{to_come}",
            rung + 1,
            halving.metric.shown()
        );
    }
    list(&mut text, &status.running, |run| {
        let job = run.job.as_deref().map(|job| format!(", job {}", job.shown())).unwrap_or_default();
        let silent = run.silent_s.map(|silent| format!(", last sign of life {} ago", duration(silent)));
        format!(
            "running      {}  epoch {} of {}  on {}, process {}{job}, for {}{}",
            run.run_id,
            run.epoch,
            run.epochs,
            run.host.shown(),
            run.pid,
            duration(run.running_s),
            silent.unwrap_or_default()
        )
    });
    list(&mut text, &status.interrupted, |run| {
        format!("interrupted  {}  epoch {} of {}  {}", run.run_id, run.epoch, run.epochs, run.reason.shown())
    });
    list(&mut text, &status.failed, |run| {
        let reason = run.error.as_deref().unwrap_or("no reason known");
        format!("failed       {}  {}  {}", run.run_id, label(&run.swept), reason.shown())
    });
    if status.unplanned > 0 {
        let _ = writeln!(text, "{} more runs belong to no plan: `runner clean` lists them", status.unplanned);
    }
    if let Some(forecast) = &status.forecast {
        text.push_str(&outlook(forecast));
    } else if status.ok + status.failed.len() < status.runs {
        text.push_str("time left: unknown until a run has finished\n");
    }
    text
}

/// Writes one line each for the first few, and the number of the others.
fn list<T>(text: &mut String, runs: &[T], line: impl Fn(&T) -> String) {
    for run in runs.iter().take(LISTED) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {}", line(run));
    }
    if runs.len() > LISTED {
        let _ = writeln!(text, "  … and {} more", runs.len() - LISTED);
    }
}

fn outlook(forecast: &Forecast) -> String {
    let Forecast { finished, work_s, at_once, left_s, runs_per_hour } = forecast;
    let pace = if *runs_per_hour < 10.0 { format!("{runs_per_hour:.1}") } else { format!("{runs_per_hour:.0}") };
    format!(
        "time left: {}, {pace} runs an hour, with {at_once} at once; {} of work, judged by {finished} finished runs: a run \
         takes as long as replicates of its point did, or else by epochs × hidden units × (1 + k)\n",
        duration(*left_s),
        duration(*work_s)
    )
}

fn label(swept: &Map<String, Value>) -> String {
    let parts: Vec<String> = swept.iter().map(|(key, value)| format!("{key}={}", display(value))).collect();
    parts.join(" ")
}
