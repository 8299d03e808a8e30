//! `runner run`: the sweep.

use super::console::{configuration_error, failure, log_files, prepare_error, print, start_logging, usage_error};
use super::progress::{Progress, ProgressMode};
use super::table::summary_table;
use super::{ConfigArguments, EXIT_FAILED, EXIT_INCOMPLETE, EXIT_OK, Verbosity};
use crate::sweep::{ExecuteOptions, Outcome, Parallelism, PlanFile, Prepared, Shard, Workers, execute};
use clap::Args;
use std::path::PathBuf;

/// Arguments of `runner run`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  runner run --config configs/quick.toml --out /tmp/results --jobs 2")]
pub(super) struct RunArguments {
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
    /// Run again what is already complete.
    #[arg(long)]
    fresh: bool,
    /// Start no further run once one has failed.
    #[arg(long)]
    fail_fast: bool,
    /// Bars on a terminal, plain lines elsewhere, or nothing.
    #[arg(long, value_enum, default_value = "auto")]
    progress: ProgressMode,
    #[command(flatten)]
    verbosity: Verbosity,
}

pub(super) fn run(arguments: &RunArguments) -> u8 {
    start_logging(arguments.verbosity);
    let (mut sweep, plan) = match super::plan::read(&arguments.config, arguments.verbosity) {
        Ok(read) => read,
        Err(errors) => return configuration_error(&errors),
    };
    let config_text = sweep.to_toml();
    let isa = match sweep.instruction_set() {
        Ok(isa) => isa,
        Err(error) => return usage_error(&error),
    };
    let progress = Progress::new(if arguments.verbosity.quiet { ProgressMode::Never } else { arguments.progress });
    let prepared = match Prepared::new(plan, &|done, of| progress.corpus(done, of)) {
        Ok(prepared) => prepared,
        Err(error) => {
            progress.corpus_finished();
            return prepare_error(&error);
        }
    };
    progress.corpus_finished();
    log_files(&prepared.corpora);

    if let Some(expected) = &arguments.plan_digest {
        let found = PlanFile::of(&prepared).digest();
        if found != *expected {
            return usage_error(&format!(
                "this is another plan than the one submitted: its digest is {found}, not {expected}; the configuration, the \
                 songs or the program differ here"
            ));
        }
    }

    let exactly = |count: Option<u32>, or| count.map_or(or, |count| Parallelism::Exactly(count as usize));
    sweep.jobs = exactly(arguments.jobs, sweep.jobs);
    sweep.threads_per_run = exactly(arguments.threads_per_run, sweep.threads_per_run);
    let options = ExecuteOptions {
        shard: arguments.shard,
        workers: Workers::for_sweep(&sweep, &prepared, isa, prepared.plan.shard(arguments.shard).count()),
        isa,
        fresh: arguments.fresh,
        fail_fast: arguments.fail_fast,
    };
    let folder = match &arguments.out {
        Some(out) => out.join(&sweep.name),
        None => sweep.results_dir(),
    };
    match execute(&prepared, &config_text, &folder, &options, &progress) {
        Ok(outcome) => report(&outcome, arguments.verbosity),
        Err(error) => failure(&format!("{error}; what was complete is kept, and the same command goes on from there")),
    }
}

fn report(outcome: &Outcome, verbosity: Verbosity) -> u8 {
    for (run_id, reason) in &outcome.failed {
        tracing::error!("run {run_id} failed: {reason}");
    }
    let code = if !outcome.failed.is_empty() {
        EXIT_FAILED
    } else if outcome.not_started > 0 {
        EXIT_INCOMPLETE
    } else {
        EXIT_OK
    };
    if verbosity.quiet {
        return code;
    }
    let summary = &outcome.summary;
    let text = format!(
        "{}\n{} of {} runs done, {} failed, {} missing. Digest: {}. Results: {}\n",
        summary_table(summary),
        summary.ok,
        summary.runs,
        summary.failed,
        summary.missing,
        &summary.digest[..12],
        outcome.folder.display(),
    );
    print(&text, code)
}
