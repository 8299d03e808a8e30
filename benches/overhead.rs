//! The cost of a run beside its training: `cargo bench --bench overhead [--] [runs]`.
//!
//! - A sweep of a thousand tiny runs, wall-clock time a run less its training and evaluation.
//! - The same command again, with nothing left to do.
//! - A plan of ten thousand runs, to be made and to be looked through.
//!
//! Each has a bound that is generous for a busy machine and that a change of kind would break.
//!
//! ext4 passes over the places of files deleted in the last five minutes, one by one, whenever it makes a file. This
//! bench leaves some twenty thousand of them, so the next within five minutes finds twice the time; let it rest, or set
//! `TMPDIR` to a file system in memory to see the times without the disk's.

use chordbench::engine::Isa;
use chordbench::machine::logical_cpus;
use chordbench::sweep::{
    ExecuteOptions, Outcome, Prepared, Rerun, RunRecord, Shard, StateReader, SweepConfig, SweepObserver, Workers,
    execute,
};
use std::error::Error;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Milliseconds a run beside its training and evaluation: the goal on an idle machine, and what counts as broken on
/// any.
const GOAL_MS: f64 = 5.0;
const BROKEN_MS: f64 = 60.0;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let test = arguments.iter().any(|argument| argument == "--test");
    let given = arguments.iter().find_map(|argument| argument.parse().ok());
    let runs: usize = given.unwrap_or(if test { 40 } else { 1000 });
    many_runs(runs)?;
    large_plan(if test { 200 } else { 10_000 })
}

/// Returns a sweep of one epoch on few windows for `runs` learning rates.
fn config(runs: usize) -> String {
    format!(
        "name = \"overhead\"\n[corpus]\nmin_steps = 250\n[model]\nhidden = 8\ntimesteps = 32\n[train]\nepochs = 1\n\
         [evaluate]\nwindows = 10\npseudo_likelihood_windows = 2\n[sample]\ncount = 2\n\
         [sweep.grid]\n\"train.learning_rate\" = {{ linspace = [0.001, 0.01], count = {runs} }}\n"
    )
}

fn prepared(config: &str) -> Result<Prepared, Box<dyn Error>> {
    let plan = SweepConfig::from_text(Some((Path::new("overhead.toml"), config.to_owned())), &[])?.plan()?;
    Ok(Prepared::new(plan, &|_, _| ())?)
}

/// Adds up what runs say they took.
#[derive(Default)]
struct Adder(Mutex<(usize, f64, f64)>);

impl SweepObserver for Adder {
    fn sweep_started(&self, _: usize, _: usize) {}
    fn run_started(&self, _: usize, _: &str, _: u64) {}
    fn epoch_finished(&self, _: usize, _: u64) {}
    fn run_finished(&self, _: usize, record: &RunRecord) {
        let mut sums = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let timing = &record.timing;
        sums.0 += 1;
        sums.1 += timing.train_s + timing.evaluate_s + timing.likelihood_s;
        sums.2 += timing.total_s;
    }
    fn sweep_finished(&self) {}
}

fn many_runs(runs: usize) -> Result<(), Box<dyn Error>> {
    let config = config(runs);
    let mut prepared = prepared(&config)?;
    let folder = tempfile::tempdir()?;
    let jobs = logical_cpus();
    let options = ExecuteOptions::new(Shard::WHOLE, Workers { jobs, threads_per_run: 1 }, Isa::pinned_or_best());
    let mut timed = |options: &ExecuteOptions, observer: &Adder| -> Result<(Duration, Outcome), Box<dyn Error>> {
        let start = Instant::now();
        let outcome = execute(&mut prepared, &config, folder.path(), options, observer)?;
        Ok((start.elapsed(), outcome))
    };
    let adder = Adder::default();
    let (time, outcome) = timed(&options, &adder)?;
    let (finished, trained_s, total_s) = adder.0.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    assert_eq!((outcome.ok, finished), (runs, runs), "every run ends well");
    let beside = (time.as_secs_f64() * jobs as f64 - trained_s) / runs as f64 * 1e3;
    println!("{runs} runs in {:.2} s, {jobs} at once", time.as_secs_f64());
    println!("  training and evaluation {:.2} ms a run", trained_s / runs as f64 * 1e3);
    println!(
        "  beside them {beside:.2} ms of a job's time a run (goal {GOAL_MS}), {:.2} ms within the run",
        (total_s - trained_s) / runs as f64 * 1e3
    );
    assert!(beside < BROKEN_MS, "{beside:.1} ms a run beside its training");

    let (time, outcome) = timed(&options, &Adder::default())?;
    assert_eq!(outcome.ok, runs);
    let each = time.as_secs_f64() / runs as f64 * 1e3;
    println!("  again, with nothing to do: {:.3} s, {each:.3} ms a run", time.as_secs_f64());
    assert!(each < 5.0, "{each} ms to find a run complete");

    let adder = Adder::default();
    let again = ExecuteOptions { rerun: Rerun::All, ..options };
    let (time, _) = timed(&again, &adder)?;
    let finished = adder.0.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).0;
    assert_eq!(finished, runs, "everything is done again");
    println!("  once more from the start: {:.2} s", time.as_secs_f64());
    Ok(())
}

fn large_plan(runs: usize) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let prepared = prepared(&config(runs))?;
    let planned = start.elapsed();
    assert_eq!(prepared.plan.runs.len(), runs);
    let folder = tempfile::tempdir()?;
    let start = Instant::now();
    let reader = StateReader::new(folder.path());
    let missing = prepared.run_ids.iter().filter(|run_id| !reader.state(run_id).is_complete()).count();
    let scanned = start.elapsed();
    assert_eq!(missing, runs);
    println!(
        "a plan of {runs} runs: {:.2} s to make, {:.3} s to look through",
        planned.as_secs_f64(),
        scanned.as_secs_f64()
    );
    let bound = Duration::from_secs(20);
    assert!(planned < bound && scanned < bound, "a large plan takes too long");
    Ok(())
}
