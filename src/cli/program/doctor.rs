//! `runner doctor`: the check of this machine for sweeps.

use crate::cli::arguments::Verbosity;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::console::{print, start_logging};
use crate::inspect::{CheckStatus, Diagnosis, Speed};
use clap::Args;
use comfy_table::{CellAlignment, Table, presets};
use std::fmt::Write as _;
use std::path::PathBuf;

/// Arguments of `runner doctor`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  runner doctor\n  runner doctor --out /scratch/results --json\n\nExit codes: 0 nothing is \
    wrong; 1 something is, with its remedy."
)]
pub(in crate::cli) struct DoctorArguments {
    /// The folder that results will go to.
    #[arg(long, value_name = "DIR", default_value = "results")]
    out: PathBuf,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    verbosity: Verbosity,
}

pub(in crate::cli) fn run(arguments: &DoctorArguments) -> Result<Exit, CliError> {
    start_logging(arguments.verbosity);
    let diagnosis = Diagnosis::make(&arguments.out);
    let text = if arguments.json {
        serde_json::to_string_pretty(&diagnosis).expect("a diagnosis is plain data") + "\n"
    } else {
        describe(&diagnosis)
    };
    print(&text, if diagnosis.healthy { Exit::Done } else { Exit::Failed })
}

fn describe(diagnosis: &Diagnosis) -> String {
    let environment = &diagnosis.machine.environment;
    let mut text = format!(
        "{}, {}; runner {} ({}), {}\n\n",
        environment.cpu, environment.os, environment.version, environment.git, environment.rustc
    );
    for check in &diagnosis.checks {
        let status = match check.status {
            CheckStatus::Ok => "ok",
            CheckStatus::Note => "note",
            CheckStatus::Wrong => "WRONG",
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{status:5}  {:15}  {}", check.name, check.finding);
        if let Some(remedy) = &check.remedy {
            let _ = writeln!(text, "       {:15}  → {remedy}", "");
        }
    }
    let _ = writeln!(text, "\n{}", speeds(&diagnosis.speed));
    text.push_str(
        "Updates a second by CD-1 on the built-in corpus, in the fastest epoch, with the estimate for one \
         thread by which\nruns are divided among threads. It counts the operations of the kernels alone: a third of \
         it or more is usual.\n",
    );
    text.push_str(if diagnosis.healthy { "Nothing is wrong.\n" } else { "Something is wrong: see above.\n" });
    text
}

fn speeds(speeds: &[Speed]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["visible", "hidden", "batch", "isa", "threads", "updates/s", "(estimate)"]);
    for speed in speeds {
        table.add_row([
            speed.visible.to_string(),
            speed.hidden.to_string(),
            speed.batch_size.to_string(),
            speed.isa.to_string(),
            speed.threads.to_string(),
            format!("{:.0}", speed.updates_per_s),
            format!("{:.0}", speed.expected_updates_per_s),
        ]);
    }
    for column in [0, 1, 2, 4, 5, 6] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}
