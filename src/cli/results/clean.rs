//! `runner clean`: the runs that belong to no plan.

use crate::cli::arguments::Verbosity;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::console::{print, start_logging};
use crate::sweep::{Unplanned, clean};
use clap::Args;
use serde_json::json;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Arguments of `runner clean`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  runner clean results/quick\n  runner clean results/quick --remove\n\n\
    Exit codes: 0 listed or removed; 1 some could not be removed; 2 no results there.")]
pub(in crate::cli) struct CleanArguments {
    /// A folder of results, such as results/NAME.
    results: PathBuf,
    /// Remove the runs listed: the files that the program has written; a user's own files stay.
    #[arg(long)]
    remove: bool,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    verbosity: Verbosity,
}

pub(in crate::cli) fn run(arguments: &CleanArguments) -> Result<Exit, CliError> {
    start_logging(arguments.verbosity);
    let runs = clean(&arguments.results, arguments.remove).map_err(CliError::usage)?;
    let left = runs.iter().filter(|run| !run.removed).count();
    let exit = if arguments.remove && left > 0 { Exit::Failed } else { Exit::Done };
    let text = if arguments.json {
        format!("{:#}\n", json!({"schema": 1, "runs": runs}))
    } else {
        describe(&runs, arguments.remove)
    };
    print(&text, exit)
}

fn describe(runs: &[Unplanned], remove: bool) -> String {
    let mut text = String::new();
    for run in runs {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {}  {}{}", run.run_id, run.state, if run.removed { ", removed" } else { "" });
    }
    let remedy = if remove || runs.is_empty() { "" } else { "; --remove deletes them" };
    text + &format!("{} runs belong to no plan{remedy}\n", runs.len())
}
