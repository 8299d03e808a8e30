//! `runner verify`: the check of results on disk.

use crate::cli::arguments::Verbosity;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::interruption::{end_in_time, watch_signals};
use crate::cli::output::console::{print, start_logging};
use crate::cli::output::progress::{Progress, ProgressMode};
use crate::engine::Isa;
use crate::inspect::{Again, Choice, Fault, VerificationError, Verified, check_files, complete_records, run_again};
use crate::machine::text::Shown as _;
use crate::sweep::{
    Parallelism, PrepareError, Prepared, RunRecord, StopSignal, SweepConfig, Workers, add_decided_rungs, display,
};
use clap::Args;
use rayon::prelude::*;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Arguments of `runner verify`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  runner verify results/quick\n  runner verify results/quick --random 3 --seed 1 --isa \
    scalar\n  runner verify results/quick --run 0123456789ab --corpus my-midi-files\n\nExit codes: 0 all as recorded; \
    1 a difference; 2 not verifiable."
)]
pub(in crate::cli) struct VerifyArguments {
    /// A folder of results, such as results/NAME.
    results: PathBuf,
    /// Do this run again: its name or the beginning of it; repeatable.
    #[arg(long = "run", value_name = "RUN_ID", conflicts_with_all = ["random", "all"])]
    runs: Vec<String>,
    /// Do N runs again, chosen at random.
    #[arg(long, value_name = "N", conflicts_with = "all")]
    random: Option<usize>,
    /// The seed of the random choice.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Do all runs again.
    #[arg(long)]
    all: bool,
    /// The corpus, if it is no longer at the path that the results name.
    #[arg(long, value_name = "PATH")]
    corpus: Option<PathBuf>,
    /// The instruction set to run with: auto, scalar, avx2, avx512 or, on 64-bit ARM, neon; the results must not depend on it.
    #[arg(long, value_name = "NAME")]
    isa: Option<String>,
    /// Threads of one run; the results must not depend on them.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    threads_per_run: Option<u32>,
    /// One JSON object per run, one per line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    verbosity: Verbosity,
}

pub(in crate::cli) fn run(arguments: &VerifyArguments) -> Result<Exit, CliError> {
    start_logging(arguments.verbosity);
    let choice = match arguments {
        VerifyArguments { all: true, .. } => Choice::All,
        VerifyArguments { random: Some(count), seed, .. } => Choice::Random { count: *count, seed: *seed },
        VerifyArguments { runs, .. } if !runs.is_empty() => Choice::Named(runs.clone()),
        _ => Choice::None,
    };
    let records = complete_records(&arguments.results)?;
    let run_ids: Vec<&str> = records.iter().map(|record| record.run_id.as_str()).collect();
    let chosen = choice.among(&run_ids)?;
    let mut verified: Vec<Verified> =
        records.par_iter().map(|record| check_files(&arguments.results, record)).collect();
    if !chosen.is_empty() {
        // What is broken on disk already is reported as that.
        let records: Vec<&RunRecord> = chosen.iter().map(|&index| &records[index]).collect();
        let repeated = match again(arguments, &records)? {
            Ok(repeated) => repeated,
            Err(signal) => return Ok(Exit::Stopped(signal)),
        };
        for (index, again) in chosen.into_iter().zip(repeated) {
            let known = verified[index].fault.take();
            verified[index] = Verified { fault: known.or(again.fault), ..again };
        }
    }
    let faults = verified.iter().filter(|verified| verified.fault.is_some()).count();
    let text = if arguments.json { lines(&verified) } else { describe(&verified, faults, arguments.verbosity.quiet) };
    print(&text, if faults > 0 { Exit::Failed } else { Exit::Done })
}

/// Does runs again, in a temporary folder that is gone afterwards. The inner error is the signal that stopped them.
fn again(arguments: &VerifyArguments, records: &[&RunRecord]) -> Result<Result<Vec<Verified>, StopSignal>, CliError> {
    let sets: Vec<String> = match &arguments.corpus {
        None => Vec::new(),
        Some(path) => match path.to_str() {
            Some(path) => vec![format!("corpus.path={}", display(&path.into()))],
            None => return Err(CliError::usage(format!("the path {} is not Unicode", path.shown()))),
        },
    };
    let file = arguments.results.join("sweep.toml");
    let mut sweep = SweepConfig::load(Some(&file), &sets)?;
    let plan = sweep.plan()?;
    let isa = arguments.isa.as_deref().map_or_else(|| sweep.instruction_set(), Isa::named)?;
    let progress = Progress::new(if arguments.verbosity.quiet { ProgressMode::Never } else { ProgressMode::Auto });
    let prepared = Prepared::new(plan, &|done, of| progress.corpus(done, of));
    progress.corpus_finished();
    let mut prepared = prepared.map_err(|error| match error {
        PrepareError::Corpus(error) if arguments.corpus.is_none() => {
            CliError::usage(format!("{error}; if the corpus has moved, name it with --corpus PATH"))
        }
        error => error.into(),
    })?;
    add_decided_rungs(&mut prepared, &arguments.results);
    if let Some(threads) = arguments.threads_per_run {
        sweep.threads_per_run = Parallelism::Exactly(threads as usize);
    }
    let workers = Workers::for_sweep(&sweep, &prepared, isa, records.len());
    let interrupt = watch_signals()?;
    let scratch = tempfile::Builder::new().prefix("runner-verify-").tempdir();
    let scratch = scratch.map_err(|error| {
        CliError::failed(format!("cannot create a folder in {}: {error}", std::env::temp_dir().shown()))
    })?;
    let place = scratch.path().to_path_buf();
    let own = place.clone();
    end_in_time(interrupt.clone(), move || drop(std::fs::remove_dir_all(own)));
    let how = Again { workers, isa, interrupt, scratch: place };
    match run_again(&arguments.results, records, prepared, &how, &progress) {
        Err(VerificationError::Stopped(signal)) => {
            tracing::warn!("stopped by {}; nothing is verified", signal.reason());
            Ok(Err(signal))
        }
        verified => Ok(Ok(verified?)),
    }
}

fn lines(verified: &[Verified]) -> String {
    let line = |verified| serde_json::to_string(verified).expect("a report is plain data") + "\n";
    verified.iter().map(line).collect()
}

fn describe(verified: &[Verified], faults: usize, quiet: bool) -> String {
    let mut text = String::new();
    for Verified { run_id, digest, run_again, fault } in verified {
        // Writing to a string cannot fail.
        let _ = match fault {
            Some(fault) => writeln!(text, "run {run_id}: {}", explain(fault).shown()),
            None if *run_again => {
                writeln!(text, "run {run_id}: the same again, digest {}", &digest[..digest.len().min(12)])
            }
            None => Ok(()),
        };
    }
    if !quiet {
        let again = verified.iter().filter(|verified| verified.run_again).count();
        let _ = writeln!(
            text,
            "{} runs checked, {again} run again: {}",
            verified.len(),
            if faults == 0 { "all as recorded".to_owned() } else { format!("{faults} not as recorded") }
        );
    }
    text
}

fn explain(fault: &Fault) -> String {
    match fault {
        Fault::File { path, what } => format!("FILE {path} {what}"),
        Fault::Record { digest } => format!(
            "RECORD: result.json and epochs.jsonl give the digest {digest}, which is not the one in the record: one of them \
             was changed"
        ),
        Fault::Outcome { digest, first } => format!(
            "OTHER RESULT, digest {digest}: the first difference is in {}: recorded {}, now {}",
            first.place, first.recorded, first.now
        ),
    }
}
