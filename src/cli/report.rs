//! `runner report`: the results of a sweep as a web page.

use super::console::{failure, print, start_logging, usage_error};
use super::{EXIT_OK, Verbosity};
use crate::report::{FILE_NAME, Report};
use clap::Args;
use std::path::{Path, PathBuf};

/// Arguments of `runner report`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  runner report results/quick --out /tmp/quick.html\n\n\
    Exit codes: 0 written; 1 it could not be written; 2 the folder holds no results of a sweep.")]
pub(super) struct ReportArguments {
    /// The folder of a sweep's results, complete or not.
    #[arg(value_name = "RESULTS")]
    results: PathBuf,
    /// Where to write the page [default: report.html in the folder].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    verbosity: Verbosity,
}

/// `report.html` beside the results that a command has just changed. It can be made again from them at any time, so that
/// nothing fails with it.
pub(super) fn write_beside(folder: &Path) {
    let path = folder.join(FILE_NAME);
    let written = Report::read(folder).and_then(|report| Ok(report.write(&path)?));
    if let Err(error) = written {
        tracing::warn!("no report.html: {error}; `runner report {}` tries again", folder.display());
    }
}

pub(super) fn run(arguments: &ReportArguments) -> u8 {
    start_logging(arguments.verbosity);
    let report = match Report::read(&arguments.results) {
        Ok(report) => report,
        Err(error) => return usage_error(&error),
    };
    let path = arguments.out.clone().unwrap_or_else(|| arguments.results.join(FILE_NAME));
    match report.write(&path) {
        Ok(_) if arguments.verbosity.quiet => EXIT_OK,
        Ok(bytes) => {
            let left_out: String = report.left_out().iter().flat_map(|text| ["  ", text, "\n"]).collect();
            let size = bytes as f64 / 1e6;
            print(&format!("{}: {size:.2} MB\n{left_out}", path.display()), EXIT_OK)
        }
        Err(error) => failure(&error),
    }
}
