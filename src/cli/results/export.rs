//! `runner export`: the results of a sweep for other programs.

use crate::cli::arguments::Verbosity;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::console::{print, start_logging};
use crate::export::{EVENT_FILE, RunEvents, to_parquet};
use crate::inspect::{epochs_table, find_sweep, read_epochs, read_plan, results_folder};
use crate::machine::text::Shown as _;
use crate::sweep::{PlanFile, Table, create_folder, read_record, read_records, run_folder, runs_table, write_whole};
use clap::{Args, ValueEnum};
use rayon::prelude::*;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Arguments of `runner export`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  runner export results/quick --to csv --out tables\n  \
    runner export quick --to parquet\n  \
    runner export quick --to tensorboard --out logs\n\n\
    Exit codes: 0 written; 1 it could not be written; 2 the folder holds no results of a sweep.")]
pub(in crate::cli) struct ExportArguments {
    /// The sweep: the folder of its results, complete or not, its name, or one of its runs.
    #[arg(value_name = "SWEEP")]
    results: PathBuf,
    /// The form of the results.
    #[arg(long, value_enum, value_name = "FORM")]
    to: Form,
    /// Folder for the files; created if missing [default: `export` in the folder of the sweep, and `export/tensorboard`
    /// for event files].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    verbosity: Verbosity,
}

/// The form of the results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// `runs.csv`, one line for each run, and `epochs.csv`, one line for each epoch of each run.
    Csv,
    /// The same tables as `runs.parquet` and `epochs.parquet`, with typed columns.
    Parquet,
    /// Event files of TensorBoard, a folder for each run.
    Tensorboard,
}

pub(in crate::cli) fn run(arguments: &ExportArguments) -> Result<Exit, CliError> {
    start_logging(arguments.verbosity);
    let folder = find_sweep(&arguments.results, &results_folder())?;
    let default = if arguments.to == Form::Tensorboard { "export/tensorboard" } else { "export" };
    let out = arguments.out.clone().unwrap_or_else(|| folder.join(default));
    let text = match arguments.to {
        Form::Csv => export_tables(&folder, &out, "csv", |table| table.to_csv().map_err(CliError::failed)),
        Form::Parquet => export_tables(&folder, &out, "parquet", |table| to_parquet(table).map_err(CliError::failed)),
        Form::Tensorboard => export_events(&folder, &out),
    }?;
    print(if arguments.verbosity.quiet { "" } else { &text }, Exit::Done)
}

/// Writes both tables and returns a line on each.
fn export_tables(
    folder: &Path,
    out: &Path,
    extension: &str,
    to_bytes: fn(&Table) -> Result<Vec<u8>, CliError>,
) -> Result<String, CliError> {
    let epochs = epochs_table(folder)?;
    let plan = PlanFile::read(folder).map_err(CliError::usage)?;
    let runs = runs_table(&plan, &read_records(folder, &plan));
    create_folder(out)?;
    let mut text = String::new();
    for (name, table) in [("runs", runs), ("epochs", epochs)] {
        let path = out.join(name).with_extension(extension);
        write_whole(&path, &to_bytes(&table)?)?;
        // The lines of a CSV file are its rows and a header. Writing to a string cannot fail.
        let (count, unit) = if extension == "csv" { (table.rows() + 1, "lines") } else { (table.rows(), "rows") };
        let _ = writeln!(text, "{}: {count} {unit}", path.shown());
    }
    Ok(text)
}

/// Writes the events of each run that has trained into a folder of its own, and returns a line on them.
fn export_events(folder: &Path, out: &Path) -> Result<String, CliError> {
    let plan = read_plan(folder)?;
    let mut groups: HashMap<usize, &str> = HashMap::new();
    for run in &plan.runs {
        groups.entry(run.point).or_insert(&run.run_id);
    }
    create_folder(out)?;
    let written = plan.runs.par_iter().map(|run| {
        let epochs = read_epochs(folder, run);
        let record = read_record(&run_folder(folder, &run.run_id), &run.run_id);
        if epochs.is_empty() && record.is_none() {
            return Ok(0);
        }
        let events = RunEvents { run, group: groups[&run.point], record: record.as_ref(), epochs: &epochs };
        let own = out.join(&run.run_id);
        create_folder(&own)?;
        write_whole(&own.join(EVENT_FILE), &events.to_bytes())?;
        Ok(1)
    });
    let written = written.collect::<Result<Vec<usize>, CliError>>()?.into_iter().sum::<usize>();
    Ok(format!(
        "{0}: the events of {written} of {1} runs; `tensorboard --logdir {0}` shows them\n",
        out.shown(),
        plan.runs.len()
    ))
}
