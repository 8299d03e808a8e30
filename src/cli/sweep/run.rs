//! `runner run`: the sweep.

use super::merge::to_come;
use super::plan;
use crate::cli::arguments::{ConfigArguments, Verbosity};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::interruption::{end_in_time, watch_signals};
use crate::cli::output::console::{log_files, print, start_logging};
use crate::cli::output::next_steps::next_steps;
use crate::cli::output::progress::{Progress, ProgressMode};
use crate::cli::output::table::summary_table;
use crate::cli::results::report::write_beside;
use crate::machine::available_bytes;
use crate::machine::text::Shown as _;
use crate::sweep::{
    ExecuteOptions, LayOutError, Outcome, Parallelism, PlanFile, Prepared, Rerun, RunSpec, Shard, Workers,
    check_memory, execute,
};
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};

/// Arguments of `runner run`.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  runner run --config configs/quick.toml --out /tmp/results --jobs 2\n  \
    runner run --config configs/quick.toml --rerun failed\n\n\
    The same command again continues where the last one stopped. Several processes may share a folder of results.")]
pub(in crate::cli) struct RunArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// Folder for the results, instead of `output.dir`; the sweep makes a folder of its name there.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Runs at once, instead of `run.jobs`.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    jobs: Option<u32>,
    /// Threads of one run, instead of `run.threads_per_run`.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    threads_per_run: Option<u32>,
    /// Do only part I of N of the plan, such as 2/3.
    #[arg(long, value_name = "I/N", default_value = "1/1")]
    shard: Shard,
    /// Stop at once unless the plan has this digest, as in the job scripts of `runner submit`.
    #[arg(long, value_name = "DIGEST", hide_short_help = true)]
    plan_digest: Option<String>,
    /// Run everything again from the start: short for `--rerun all`.
    #[arg(long, conflicts_with = "rerun")]
    fresh: bool,
    /// Besides runs that are missing or were interrupted, do again: runs that failed, or all; or let runs that ran out
    /// of
    /// `run.timeout` have the whole of that time again.
    #[arg(long, value_name = "WHICH", value_enum)]
    rerun: Option<RerunArgument>,
    /// Leave runs that other processes work on, rather than wait for them.
    #[arg(long)]
    no_wait: bool,
    /// Take the place of another configuration of this name in the folder; its runs then belong to no plan.
    #[arg(long)]
    replace: bool,
    /// Start no further run once one has failed.
    #[arg(long)]
    fail_fast: bool,
    /// Bars on a terminal, plain lines elsewhere, or nothing.
    #[arg(long, value_enum, default_value = "auto")]
    progress: ProgressMode,
    #[command(flatten)]
    verbosity: Verbosity,
}

/// The runs to do again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum RerunArgument {
    /// Runs that failed, from their start.
    Failed,
    /// Runs that ran out of time, from where they stopped.
    Interrupted,
    /// All runs, from their start.
    All,
}

impl RunArguments {
    fn rerun(&self) -> Rerun {
        match self.rerun {
            _ if self.fresh => Rerun::All,
            None => Rerun::Nothing,
            Some(RerunArgument::Failed) => Rerun::Failed,
            Some(RerunArgument::Interrupted) => Rerun::Interrupted,
            Some(RerunArgument::All) => Rerun::All,
        }
    }
}

pub(in crate::cli) fn run(arguments: &RunArguments) -> Result<Exit, CliError> {
    start_logging(arguments.verbosity);
    let interrupt = watch_signals()?;
    let left = "some runs did not stop in time; they will continue from their last checkpoints";
    end_in_time(interrupt.clone(), move || tracing::warn!("{left}"));
    let (mut sweep, plan) = plan::read(&arguments.config, arguments.verbosity)?;
    let config_text = sweep.to_toml();
    let isa = sweep.instruction_set()?;
    let progress = Progress::new(if arguments.verbosity.quiet { ProgressMode::Never } else { arguments.progress });
    let prepared = Prepared::new(plan, &|done, of| progress.corpus(done, of));
    progress.corpus_finished();
    let mut prepared = prepared?;
    log_files(&prepared.corpora);
    prepared.seen_in_training().iter().for_each(|warning| tracing::warn!("{warning}"));

    if let Some(expected) = &arguments.plan_digest {
        let found = PlanFile::of(&prepared).digest();
        if found != *expected {
            return Err(CliError::usage(format!(
                "this is another plan than the one submitted: its digest is {found}, not {expected}; the configuration, the \
                 songs or the program differ here"
            )));
        }
    }

    let exactly = |count: Option<u32>, or| count.map_or(or, |count| Parallelism::Exactly(count as usize));
    sweep.jobs = exactly(arguments.jobs, sweep.jobs);
    sweep.threads_per_run = exactly(arguments.threads_per_run, sweep.threads_per_run);
    let runs: Vec<&RunSpec> = prepared.plan.shard(arguments.shard).collect();
    let workers = Workers::for_sweep(&sweep, &prepared, isa, runs.len());
    if let Some(bytes) = available_bytes() {
        check_memory(&prepared, &runs, workers.jobs, bytes)?;
    }
    let options = ExecuteOptions {
        rerun: arguments.rerun(),
        replace: arguments.replace,
        fail_fast: arguments.fail_fast,
        wait: !arguments.no_wait,
        timeout: sweep.timeout,
        checkpoint_interval: sweep.checkpoint_interval,
        interrupt,
        ..ExecuteOptions::new(arguments.shard, workers, isa)
    };
    let folder = match &arguments.out {
        Some(out) => out.join(&sweep.name),
        None => sweep.results_dir(),
    };
    let outcome = execute(&mut prepared, &config_text, &folder, &options, &progress).map_err(|error| match error {
        LayOutError::Other(other) => CliError::usage(other),
        LayOutError::Store(error) => {
            CliError::failed(format!("{error}; complete runs are kept, and the same command continues from there"))
        }
    })?;
    // A user who has asked the program to stop does not wait for a page.
    let page = if outcome.interrupted.is_none() { write_beside(&outcome.folder) } else { None };
    report(&outcome, arguments.shard, page.as_deref(), arguments.verbosity)
}

fn report(outcome: &Outcome, shard: Shard, page: Option<&Path>, verbosity: Verbosity) -> Result<Exit, CliError> {
    for (run_id, reason) in &outcome.failed {
        tracing::error!("run {run_id} failed: {}", reason.shown());
    }
    if outcome.timed_out > 0 {
        let runs = outcome.timed_out;
        tracing::warn!("{runs} runs are out of time: raise run.timeout, or let them continue by `--rerun interrupted`");
    }
    let exit = if let Some(signal) = outcome.interrupted {
        tracing::warn!("stopped by {}; the same command continues from there", signal.reason());
        Exit::Stopped(signal)
    } else if !outcome.failed.is_empty() {
        Exit::Failed
    } else if outcome.incomplete > 0 || outcome.to_come > 0 && shard == Shard::WHOLE {
        Exit::Incomplete
    } else {
        Exit::Done
    };
    if verbosity.quiet {
        return Ok(exit);
    }
    let summary = &outcome.summary;
    let text = format!(
        "{}\n{} of {} runs done, {} failed, {} missing. Digest: {}. Results: {}\n{}{}",
        summary_table(summary),
        summary.ok,
        summary.runs,
        summary.failed,
        summary.missing,
        &summary.digest[..12],
        outcome.folder.shown(),
        to_come(summary),
        next_steps(&outcome.folder, summary, page),
    );
    print(&text, exit)
}
