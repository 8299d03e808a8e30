//! The last lines of a verb that has run or merged a sweep: where to look and to listen.

use crate::cluster::shell_command;
use crate::inspect::BestRun;
use crate::machine::text::Shown as _;
use crate::sweep::Summary;
use std::fmt::Write as _;
use std::path::Path;

/// Returns lines that name the report, the samples of the best run, and the command that makes more of them.
pub(in crate::cli) fn next_steps(folder: &Path, summary: &Summary, page: Option<&Path>) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    if let Some(page) = page {
        let _ = writeln!(text, "Report: {}", page.shown());
    }
    if let Some(best) = BestRun::of(folder, summary) {
        let samples = best.folder.join("samples");
        let which = if summary.ok == 1 { "Samples" } else { "Samples of the best run" };
        if samples.is_dir() {
            let _ = writeln!(text, "{which}: {}", samples.shown());
        }
        let command = ["runner", "sample", "--model", &folder.shown()].map(str::to_owned);
        let _ = writeln!(text, "More: {}", shell_command(&command));
    }
    text
}
