//! `runner export`: the results of a sweep as tables for other programs.

use crate::cli::arguments::Verbosity;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::console::{print, start_logging};
use crate::inspect::{epochs_csv, find_sweep, results_folder};
use crate::machine::text::Shown as _;
use crate::sweep::{PlanFile, create_folder, read_records, to_csv, write_whole};
use clap::{Args, ValueEnum};
use std::fmt::Write as _;
use std::path::PathBuf;

/// Arguments of `runner export`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  runner export results/quick --to csv --out tables\n\n\
    Exit codes: 0 written; 1 it could not be written; 2 the folder holds no results of a sweep.")]
pub(in crate::cli) struct ExportArguments {
    /// The sweep: the folder of its results, complete or not, its name, or one of its runs.
    #[arg(value_name = "SWEEP")]
    results: PathBuf,
    /// The form of the tables.
    #[arg(long, value_enum, value_name = "FORM")]
    to: Form,
    /// Folder for the tables; created if missing [default: `export` in the folder of the sweep].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    verbosity: Verbosity,
}

/// The form of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// `runs.csv`, one line for each run, and `epochs.csv`, one line for each epoch of each run.
    Csv,
}

pub(in crate::cli) fn run(arguments: &ExportArguments) -> Result<Exit, CliError> {
    start_logging(arguments.verbosity);
    let folder = find_sweep(&arguments.results, &results_folder())?;
    let tables = match arguments.to {
        Form::Csv => {
            let epochs = epochs_csv(&folder)?;
            let plan = PlanFile::read(&folder).map_err(CliError::usage)?;
            let runs = to_csv(&plan, &read_records(&folder, &plan)).map_err(CliError::failed)?;
            [("runs.csv", runs), ("epochs.csv", epochs)]
        }
    };
    let out = arguments.out.clone().unwrap_or_else(|| folder.join("export"));
    create_folder(&out)?;
    let mut text = String::new();
    let lines = |bytes: &[u8]| String::from_utf8_lossy(bytes).lines().count();
    for (name, bytes) in tables {
        let path = out.join(name);
        write_whole(&path, &bytes)?;
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}: {} lines", path.shown(), lines(&bytes));
    }
    print(if arguments.verbosity.quiet { "" } else { &text }, Exit::Done)
}
