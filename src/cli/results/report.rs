//! `runner report`: the results of a sweep as a web page.

use crate::cli::arguments::Verbosity;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::console::{print, start_logging};
use crate::inspect::{find_sweep, results_folder};
use crate::machine::text::Shown as _;
use crate::report::{FILE_NAME, Report};
use crate::sweep::end_of_links;
use clap::Args;
use std::path::{Path, PathBuf};

/// Arguments of `runner report`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  runner report results/quick --out /tmp/quick.html\n  runner report results/a results/b \
    --out both.html\n\n\
    Exit codes: 0 written; 1 it could not be written; 2 the folder holds no results of a sweep."
)]
pub(in crate::cli) struct ReportArguments {
    /// The sweep: the folder of its results, complete or not, its name, or one of its runs.
    /// Several make one page, which needs `--out`.
    #[arg(value_name = "SWEEP", required = true)]
    results: Vec<PathBuf>,
    /// File of the page [default: report.html in the folder].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    verbosity: Verbosity,
}

/// Writes `report.html` beside results that a command has just changed, and returns its path. A failure is not an error:
/// the page can be made from the results at any time.
pub(in crate::cli) fn write_beside(folder: &Path) -> Option<PathBuf> {
    let path = folder.join(FILE_NAME);
    let written = Report::read(folder).and_then(|report| Ok(report.write(&path)?));
    match written {
        Ok(_) => Some(path),
        Err(error) => {
            tracing::warn!("no report.html: {error}; `runner report {}` tries again", folder.shown());
            None
        }
    }
}

pub(in crate::cli) fn run(arguments: &ReportArguments) -> Result<Exit, CliError> {
    start_logging(arguments.verbosity);
    let find = |name: &PathBuf| find_sweep(name, &results_folder());
    let folders = arguments.results.iter().map(find).collect::<Result<Vec<_>, _>>()?;
    let path = match (&arguments.out, folders.as_slice()) {
        (Some(out), _) => end_of_links(out)?,
        (None, [only]) => only.join(FILE_NAME),
        (None, _) => return Err(CliError::usage("a page of several sweeps lies in none of them: name it with --out")),
    };
    let report = Report::read_several(&folders.iter().map(PathBuf::as_path).collect::<Vec<_>>())?;
    let bytes = report.write(&path)?;
    if arguments.verbosity.quiet {
        return Ok(Exit::Done);
    }
    let left_out: String = report.left_out().iter().flat_map(|text| ["  ", text, "\n"]).collect();
    let size = bytes as f64 / 1e6;
    print(&format!("{}: {size:.2} MB\n{left_out}", path.shown()), Exit::Done)
}
