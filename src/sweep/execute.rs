//! The sweep at work: runs side by side, each recorded as it ends.

use super::environment::Environment;
use super::plan::Shard;
use super::prepared::Prepared;
use super::record::{RunRecord, RunStatus};
use super::results::{lay_out, read_record, run_folder, sum_up};
use super::run::{self, RunContext};
use super::store::StoreError;
use super::summary::Summary;
use super::workers::Workers;
use crate::engine::Isa;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// How to go about a sweep; nothing here changes a bit of its results.
#[derive(Clone, Copy, Debug)]
pub struct ExecuteOptions {
    /// The part of the plan to run.
    pub shard: Shard,
    /// Runs at once and threads of each.
    pub workers: Workers,
    /// The instruction set of the packed engine.
    pub isa: Isa,
    /// Run again what is already complete.
    pub fresh: bool,
    /// Start no further run once one has failed.
    pub fail_fast: bool,
}

/// Told what happens while a sweep runs; called from several threads.
pub trait SweepObserver: Sync {
    /// The number of runs to do is known: `skipped` of `total` are complete already.
    fn sweep_started(&self, total: usize, skipped: usize);
    /// A run starts; `epochs` are planned.
    fn run_started(&self, run: usize, run_id: &str, epochs: u64);
    /// A run has trained `epoch` epochs.
    fn epoch_finished(&self, run: usize, epoch: u64);
    /// A run has its record.
    fn run_finished(&self, run: usize, record: &RunRecord);
    /// All is done.
    fn sweep_finished(&self);
}

/// What a sweep came to.
#[derive(Debug)]
pub struct Outcome {
    /// The folder of the results.
    pub folder: PathBuf,
    /// The summary that now stands there.
    pub summary: Summary,
    /// Runs of the shard that are complete and well.
    pub ok: usize,
    /// Runs of the shard that failed, with their reasons.
    pub failed: Vec<(String, String)>,
    /// Runs of the shard that were not started, after `--fail-fast`.
    pub not_started: usize,
}

/// Do all runs of a shard, leave the records in `folder`, and sum up what is there of the whole plan.
///
/// Complete runs found there are kept. An error means that results could not be written; what was complete stays.
pub fn execute(
    prepared: &Prepared,
    config_text: &str,
    folder: &Path,
    options: &ExecuteOptions,
    observer: &dyn SweepObserver,
) -> Result<Outcome, StoreError> {
    let plan = &prepared.plan;
    let plan_file = lay_out(folder, prepared, config_text)?;

    let records: Vec<Mutex<Option<RunRecord>>> = plan.runs.iter().map(|_| Mutex::new(None)).collect();
    let in_shard: Vec<usize> = plan.shard(options.shard).map(|run| run.index).collect();
    let same_run = first_of_name(&prepared.run_ids, options.shard);
    let mut pending = Vec::new();
    for run in 0..plan.runs.len() {
        let known = read_record(&run_folder(folder, &prepared.run_ids[run]), &prepared.run_ids[run]);
        let again = options.fresh && options.shard.contains(run);
        let known = known.filter(|_| !again);
        if known.is_none() && options.shard.contains(run) && same_run[run] == run {
            pending.push(run);
        }
        *lock(&records[run]) = known;
    }
    let to_do: HashSet<&String> = pending.iter().map(|&run| &prepared.run_ids[run]).collect();
    let complete = in_shard.iter().filter(|&&run| !to_do.contains(&prepared.run_ids[run])).count();
    observer.sweep_started(complete + pending.len(), complete);

    do_pending(prepared, folder, options, observer, &pending, &records)?;
    observer.sweep_finished();

    // Other shards may have come further meanwhile: what they left is summed up too.
    let record_of = |run: usize| {
        let own = lock(&records[same_run[run]]).clone();
        own.or_else(|| read_record(&run_folder(folder, &prepared.run_ids[run]), &prepared.run_ids[run]))
    };
    let records: Vec<Option<RunRecord>> = (0..plan.runs.len()).map(record_of).collect();
    let summary = sum_up(folder, &plan_file, &records)?;

    let of_shard =
        |status| in_shard.iter().filter_map(|&run| records[run].as_ref()).filter(move |r| r.status == status);
    let failed = of_shard(RunStatus::Failed)
        .map(|record| (record.run_id.clone(), record.error.clone().unwrap_or_default()))
        .collect::<Vec<_>>();
    let ok = of_shard(RunStatus::Ok).count();
    let not_started = in_shard.len() - ok - failed.len();
    Ok(Outcome { folder: folder.to_path_buf(), summary, ok, failed, not_started })
}

/// Do the runs of a list, several at once; each leaves its record in `records`.
fn do_pending(
    prepared: &Prepared,
    folder: &Path,
    options: &ExecuteOptions,
    observer: &dyn SweepObserver,
    pending: &[usize],
    records: &[Mutex<Option<RunRecord>>],
) -> Result<(), StoreError> {
    let environment = Environment::capture(options.isa);
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let error: Mutex<Option<StoreError>> = Mutex::new(None);
    let jobs = options.workers.jobs.min(pending.len());
    let work = || {
        while !stop.load(Ordering::Relaxed) {
            let Some(&run) = pending.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
            let spec = &prepared.plan.runs[run];
            let run_id = &prepared.run_ids[run];
            let run_folder = run_folder(folder, run_id);
            observer.run_started(run, run_id, spec.parameters().train.epochs as u64);
            let context = RunContext {
                corpus: prepared.corpus_of(run),
                run_id,
                folder: &run_folder,
                environment: &environment,
                isa: options.isa,
                threads: options.workers.threads_per_run,
                contended: jobs > 1,
                epoch_finished: &|epoch| observer.epoch_finished(run, epoch),
            };
            // Another process may have done it since; its work is not cleared away.
            let known = if options.fresh { None } else { read_record(&run_folder, run_id) };
            match known.map_or_else(|| run::execute(spec, &context), Ok) {
                Ok(record) => {
                    observer.run_finished(run, &record);
                    if record.status == RunStatus::Failed && options.fail_fast {
                        stop.store(true, Ordering::Relaxed);
                    }
                    *lock(&records[run]) = Some(record);
                }
                Err(failure) => {
                    stop.store(true, Ordering::Relaxed);
                    lock(&error).get_or_insert(failure);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                // One pool a job: what a run divides over threads stays among its own.
                let pool = rayon::ThreadPoolBuilder::new().num_threads(options.workers.threads_per_run).build();
                match pool {
                    Ok(pool) => pool.install(work),
                    Err(failure) => {
                        let source = std::io::Error::other(failure);
                        let action = "cannot start the threads of a run in";
                        lock(&error).get_or_insert(StoreError { action, path: folder.to_path_buf(), source });
                    }
                }
            });
        }
    });
    error.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).map_or(Ok(()), Err)
}

/// For each run the first of the same name: two paths with the same songs below them give the same run twice, and it is
/// done once; by the shard itself if it has any of them.
fn first_of_name(run_ids: &[String], shard: Shard) -> Vec<usize> {
    let mut first = HashMap::new();
    let (own, others): (Vec<usize>, Vec<usize>) = (0..run_ids.len()).partition(|&run| shard.contains(run));
    for run in own.into_iter().chain(others) {
        first.entry(&run_ids[run]).or_insert(run);
    }
    run_ids.iter().map(|run_id| first[run_id]).collect()
}

/// The value behind a lock, also after a panic elsewhere: every value here is replaced whole.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_the_same_name_are_done_once() {
        let run_ids = ["a", "b", "a", "c", "b"].map(str::to_owned);
        assert_eq!(first_of_name(&run_ids, Shard::WHOLE), [0, 1, 0, 3, 1]);
        assert_eq!(first_of_name(&run_ids, "3/3".parse().unwrap()), [2, 1, 2, 3, 1]);
    }
}
