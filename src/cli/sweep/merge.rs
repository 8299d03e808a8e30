//! `runner merge`: the merging of the shards of a sweep.

use crate::cli::arguments::Verbosity;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::console::{print, start_logging};
use crate::cli::output::next_steps::next_steps;
use crate::cli::output::table::summary_table;
use crate::cli::results::report::write_beside;
use crate::machine::text::{OneLine, Shown as _};
use crate::sweep::{MergeError, Merged, PlannedRun, Summary, Unfinished, UnfinishedState, display, merge};
use clap::Args;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Arguments of `runner merge`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  runner merge results/my-sweep\n  \
    runner merge results/my-sweep /scratch/1/my-sweep /scratch/2/my-sweep\n\n\
    Exit codes: 0 all runs done; 1 some failed, or the folders cannot be merged; 2 a folder is not one of a sweep;\n\
    4 some runs are missing, interrupted or still running.")]
pub(in crate::cli) struct MergeArguments {
    /// The folder of the sweep's results, as `--out` and the sweep's name give it; created if missing.
    #[arg(value_name = "RESULTS")]
    results: PathBuf,
    /// Folders of results of shards of the same sweep, to merge into it.
    #[arg(value_name = "SHARD_FOLDERS")]
    shards: Vec<PathBuf>,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    verbosity: Verbosity,
}

pub(in crate::cli) fn run(arguments: &MergeArguments) -> Result<Exit, CliError> {
    start_logging(arguments.verbosity);
    let merged = merge(&arguments.results, &arguments.shards).map_err(|error| match error {
        MergeError::Plan { .. } | MergeError::Differ { .. } => CliError::usage(error),
        _ => CliError::failed(error),
    })?;
    for unfinished in &merged.unfinished {
        if let UnfinishedState::Damaged(place, damage) = &unfinished.state {
            tracing::error!("{} is damaged and left where it is: {}", place.shown(), OneLine(damage));
        }
    }
    let page = write_beside(&arguments.results);
    let exit = match (merged.unfinished.as_slice(), merged.failed.as_slice()) {
        ([], _) if merged.summary.to_come > 0 => Exit::Incomplete,
        ([], []) => Exit::Done,
        ([], _) => Exit::Failed,
        _ => Exit::Incomplete,
    };
    if arguments.json {
        print(&format!("{}\n", as_json(&merged)), exit)
    } else if arguments.verbosity.quiet {
        Ok(exit)
    } else {
        print(&as_text(&merged, page.as_deref()), exit)
    }
}

fn as_json(merged: &Merged) -> Value {
    let named = |run: usize| {
        let PlannedRun { index, run_id, replicate, seed, swept, .. } = &merged.plan.runs[run];
        json!({"index": index, "run_id": run_id, "replicate": replicate, "seed": seed, "swept": swept})
    };
    let with = |run: usize, name: &str, value: Value| {
        let mut object = named(run);
        object[name] = value;
        object
    };
    let unfinished = merged.unfinished.iter().map(|unfinished| {
        let mut object = with(unfinished.run, "state", state(unfinished).0.into());
        if let Some(place) = place(&unfinished.state) {
            object["folder"] = place.shown().to_string().into();
        }
        object
    });
    json!({
        "schema": 1,
        "folder": merged.folder.shown().to_string(),
        "runs": merged.summary.runs,
        "ok": merged.summary.ok,
        "copied": merged.copied,
        "failed": merged.failed.iter().map(|(run, why)| with(*run, "error", why.as_str().into())).collect::<Vec<_>>(),
        "unfinished": unfinished.collect::<Vec<_>>(),
        "digest": merged.summary.digest,
    })
}

fn as_text(merged: &Merged, page: Option<&Path>) -> String {
    let summary = &merged.summary;
    let mut text = format!("{}\n", summary_table(summary));
    let unfinished = merged.unfinished.iter().map(|unfinished| {
        let (state, detail) = state(unfinished);
        (unfinished.run, format!("{state}{detail}"))
    });
    let failed = merged.failed.iter().map(|(run, why)| (*run, format!("failed: {}", why.shown())));
    let mut listed: Vec<(usize, String)> = unfinished.chain(failed).collect();
    listed.sort_unstable();
    for (run, what) in listed.iter().take(LISTED) {
        let _ = writeln!(text, "{}: {what}", described(merged, *run));
    }
    if listed.len() > LISTED {
        let _ = writeln!(text, "… and {} more: summary.csv and --json have all", listed.len() - LISTED);
    }
    let copied = if merged.copied > 0 { format!(" ({} brought here)", merged.copied) } else { String::new() };
    let _ = writeln!(
        text,
        "{} of {} runs done{copied}, {} failed, {} missing. Digest: {}. Results: {}",
        summary.ok,
        summary.runs,
        summary.failed,
        summary.missing,
        &summary.digest[..12],
        merged.folder.shown(),
    );
    text.push_str(&to_come(summary));
    text + &next_steps(&merged.folder, summary, page)
}

/// Returns a line about the rungs of successive halving that are not decided yet; nothing if there are none.
pub(super) fn to_come(summary: &Summary) -> String {
    match summary.to_come {
        0 => String::new(),
        runs => {
            format!("Successive halving: at most {runs} runs of later rungs to come; the same `runner run` goes on.\n")
        }
    }
}

/// The largest number of runs named.
const LISTED: usize = 200;

/// Describes a run: its number as in `runner plan`, its name, and the values by which it differs.
fn described(merged: &Merged, run: usize) -> String {
    let run = &merged.plan.runs[run];
    let mut text = format!("run {} {}", run.index + 1, run.run_id);
    for (key, value) in merged.plan.swept.iter().filter_map(|key| Some((key, run.swept.get(key)?))) {
        let _ = write!(text, " {key}={}", display(value));
    }
    text + &format!(" replicate={}", run.replicate)
}

/// Returns the state in one word, with the details.
fn state(unfinished: &Unfinished) -> (&'static str, String) {
    match &unfinished.state {
        UnfinishedState::Missing => ("missing", String::new()),
        UnfinishedState::Running(place) => ("running", format!(" in {}", place.shown())),
        UnfinishedState::Damaged(place, damage) => ("damaged", format!(" in {}: {}", place.shown(), OneLine(damage))),
        UnfinishedState::Interrupted(place, interruption) => {
            let (epoch, epochs, reason) = (interruption.epoch, interruption.epochs, interruption.reason.shown());
            ("interrupted", format!(" after epoch {epoch} of {epochs} in {}: {reason}", place.shown()))
        }
    }
}

fn place(state: &UnfinishedState) -> Option<&Path> {
    match state {
        UnfinishedState::Missing => None,
        UnfinishedState::Running(place)
        | UnfinishedState::Damaged(place, _)
        | UnfinishedState::Interrupted(place, _) => Some(place),
    }
}
