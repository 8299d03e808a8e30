//! The command line: arguments in, exit code out; one file a verb.

mod arguments;
mod corpus;
mod error;
mod exit;
mod key_flag;
mod model;
mod output;
mod program;
mod results;
mod sweep;

use clap::{CommandFactory as _, Parser, Subcommand};
use exit::Exit;
use model::{evaluate, sample};
use output::console;
use program::{completions, doctor, man};
use results::{compare, report, verify};
use std::ffi::OsString;
use std::process::ExitCode;
use sweep::{merge, plan, run, status, submit};

/// Train Restricted Boltzmann Machines on MIDI piano rolls: one for every point of a sweep.
///
/// `runner --config sweep.toml` is short for `runner run --config sweep.toml`.
#[derive(Debug, Parser)]
#[command(name = "runner", version, arg_required_else_help = true)]
#[command(after_help = "Example:\n  runner --config configs/quick.toml --set replicates.count=3 --jobs 2\n\n\
    Exit codes: 0 all runs done; 1 some run failed; 2 usage or configuration; 3 a regression \
    found by compare;\n4 incomplete; 130 or 143 interrupted.")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

/// The verb.
#[derive(Debug, Subcommand)]
enum Verb {
    /// Run a sweep: train, evaluate and sample every point, and sum up.
    Run(run::RunArguments),
    /// Show the runs that a sweep consists of, without running them.
    Plan(plan::PlanArguments),
    /// List every file of a corpus: used, skipped, damaged or failed, and why.
    Corpus(corpus::CorpusArguments),
    /// Bring the shards of a sweep together, sum up, and name what is missing.
    Merge(merge::MergeArguments),
    /// Hand a sweep to a cluster: a job array, and a job that sums up.
    Submit(submit::SubmitArguments),
    /// Make more music from a trained model.
    Sample(sample::SampleArguments),
    /// Show what is done of a sweep, running, interrupted, failed and missing, and how long the rest takes.
    Status(status::StatusArguments),
    /// Compare two results: metrics and times with intervals over replicates, and whether the bits are the same.
    Compare(compare::CompareArguments),
    /// Check results: files against hashes, and runs against the same runs done again.
    Verify(verify::VerifyArguments),
    /// Check this machine: limits, bits and speed.
    Doctor(doctor::DoctorArguments),
    /// Measure the log-likelihood of a trained model, exactly or from both sides.
    Evaluate(evaluate::EvaluateArguments),
    /// Show the results of a sweep as one web page, to look at and to listen to.
    Report(report::ReportArguments),
    /// Print what makes a shell complete the program's arguments.
    Completions(completions::CompletionsArguments),
    /// Print the manual page, or write those of all verbs.
    Man(man::ManArguments),
}

/// Parse the arguments of the process, do what they say, and return its exit code.
pub fn main() -> ExitCode {
    let ended = match Cli::parse_from(with_verb(std::env::args_os())).verb {
        Verb::Run(arguments) => run::run(&arguments),
        Verb::Plan(arguments) => plan::run(&arguments),
        Verb::Corpus(arguments) => corpus::run(&arguments),
        Verb::Merge(arguments) => merge::run(&arguments),
        Verb::Submit(arguments) => submit::run(&arguments),
        Verb::Sample(arguments) => sample::run(&arguments),
        Verb::Status(arguments) => status::run(&arguments),
        Verb::Compare(arguments) => compare::run(&arguments),
        Verb::Verify(arguments) => verify::run(&arguments),
        Verb::Doctor(arguments) => doctor::run(&arguments),
        Verb::Evaluate(arguments) => evaluate::run(&arguments),
        Verb::Report(arguments) => report::run(&arguments),
        Verb::Completions(arguments) => completions::run(&arguments, Cli::command()),
        Verb::Man(arguments) => man::run(&arguments, Cli::command()),
    };
    ExitCode::from(ended.map_or_else(
        |error| {
            console::log_error(&error);
            error.code()
        },
        Exit::code,
    ))
}

/// The arguments with `run` before the first if that is an option of it: `--config` alone runs a sweep.
fn with_verb(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.collect();
    let own = ["-h", "--help", "-V", "--version"];
    let first = arguments.get(1).map(|first| first.to_string_lossy().into_owned());
    if first.is_some_and(|first| first.starts_with('-') && !own.contains(&first.as_str())) {
        arguments.insert(1, "run".into());
    }
    arguments
}

#[cfg(test)]
mod tests;
