//! The command line: arguments in, exit code out; one file per verb.

mod arguments;
mod corpus;
mod error;
mod exit;
mod interruption;
mod key_flag;
mod model;
mod output;
mod program;
mod results;
mod shorthand;
mod sweep;

use clap::{CommandFactory as _, Parser, Subcommand};
use exit::Exit;
use model::{evaluate, sample};
use output::console;
use program::{completions, doctor, man};
use results::{clean, compare, export, report, verify};
use shorthand::{explain, with_verb};
use std::ffi::OsString;
use std::process::ExitCode;
use sweep::{merge, plan, run, status, submit};

/// Train Restricted Boltzmann Machines on MIDI piano rolls: one for every point of a sweep.
///
/// `runner sweep.toml` is short for `runner run --config sweep.toml`. `runner FOLDER` trains a model of the songs in a
/// folder and makes music with it.
#[derive(Debug, Parser)]
#[command(name = "runner", version, arg_required_else_help = true)]
#[command(
    after_help = "Examples:\n  runner configs/quick.toml --set replicates.count=3 --jobs 2\n  runner my-midi-files\n\n\
    Exit codes: 0 all runs done; 1 some run failed; 2 usage or configuration; 3 a regression \
    found by compare;\n4 incomplete; 129, 130 or 143 interrupted."
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

/// The verb.
#[derive(Debug, Subcommand)]
enum Verb {
    /// Run a sweep: train, evaluate and sample every point, and sum up.
    Run(run::RunArguments),
    /// Show the runs of a sweep without running them.
    Plan(plan::PlanArguments),
    /// List every file of a corpus: used, skipped, damaged or failed, with the reason.
    Corpus(corpus::CorpusArguments),
    /// Bring the shards of a sweep together, sum up, and name the missing runs.
    Merge(merge::MergeArguments),
    /// Submit a sweep to a cluster: a job array, and a job that sums up.
    Submit(submit::SubmitArguments),
    /// Make more music from a trained model.
    Sample(sample::SampleArguments),
    /// Show the runs of a sweep that are done, running, interrupted, failed and missing, and the time left.
    Status(status::StatusArguments),
    /// Compare two results: metrics and times, with intervals over replicates, and bits.
    Compare(compare::CompareArguments),
    /// List the runs of a folder that belong to no plan, and remove them on request.
    Clean(clean::CleanArguments),
    /// Check results: files against their hashes, and runs by running them again.
    Verify(verify::VerifyArguments),
    /// Check this machine: limits, bits and speed.
    Doctor(doctor::DoctorArguments),
    /// Measure the log-likelihood of a trained model, exactly or from both sides.
    Evaluate(evaluate::EvaluateArguments),
    /// Write the results of a sweep as one web page, with music to listen to.
    Report(report::ReportArguments),
    /// Export the runs and epochs of a sweep as tables.
    Export(export::ExportArguments),
    /// Print the script by which a shell completes the program's arguments.
    Completions(completions::CompletionsArguments),
    /// Print the manual page, or write the pages of all verbs.
    Man(man::ManArguments),
}

/// Runs the program with the arguments of the process and returns its exit code.
pub fn main() -> ExitCode {
    ExitCode::from(run_with(std::env::args_os()))
}

/// Runs the program with some arguments, its name first, and returns its exit code. Ends the process if they are wrong.
pub(crate) fn run_with(arguments: impl Iterator<Item = OsString>) -> u8 {
    let parsed = with_verb(arguments)
        .and_then(|arguments| Cli::try_parse_from(&arguments).map_err(|error| explain(error, &arguments)));
    parsed.unwrap_or_else(|error| error.exit()).verb.run()
}

impl Verb {
    /// Does the work, logs the error if there is one, and returns the exit code.
    fn run(self) -> u8 {
        let ended = match self {
            Self::Run(arguments) => run::run(&arguments),
            Self::Plan(arguments) => plan::run(&arguments),
            Self::Corpus(arguments) => corpus::run(&arguments),
            Self::Merge(arguments) => merge::run(&arguments),
            Self::Submit(arguments) => submit::run(&arguments),
            Self::Sample(arguments) => sample::run(&arguments),
            Self::Status(arguments) => status::run(&arguments),
            Self::Compare(arguments) => compare::run(&arguments),
            Self::Clean(arguments) => clean::run(&arguments),
            Self::Verify(arguments) => verify::run(&arguments),
            Self::Doctor(arguments) => doctor::run(&arguments),
            Self::Evaluate(arguments) => evaluate::run(&arguments),
            Self::Report(arguments) => report::run(&arguments),
            Self::Export(arguments) => export::run(&arguments),
            Self::Completions(arguments) => completions::run(&arguments, Cli::command()),
            Self::Man(arguments) => man::run(&arguments, Cli::command()),
        };
        ended.map_or_else(
            |error| {
                console::log_error(&error);
                error.code()
            },
            Exit::code,
        )
    }
}

#[cfg(test)]
mod tests;
