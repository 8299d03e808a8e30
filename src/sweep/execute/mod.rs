//! The sweep at work: runs side by side, shared with other processes, each recorded as it ends.

mod commit;
mod interrupt;

pub use interrupt::{Interrupt, StopSignal};

use crate::engine::Isa;
use crate::machine::Environment;
use crate::sweep::claim::heart::Heart;
use crate::sweep::claim::presence::Presence;
use crate::sweep::claim::{Acquired, HeldClaim, acquire, time_of_file_system};
use crate::sweep::plan::Prepared;
use crate::sweep::plan::Shard;
use crate::sweep::plan::Workers;
use crate::sweep::plan::expected_bytes;
use crate::sweep::results::Summary;
use crate::sweep::results::{Cause, Interruption, RunState, StateReader};
use crate::sweep::results::{RunRecord, RunStatus};
use crate::sweep::results::{lay_out, read_record, run_folder, sum_up};
use crate::sweep::run::context::{Host, RunContext};
use crate::sweep::run::material::{MaterialCache, Shared};
use crate::sweep::run::takeover::{TrainedRun, TrainedRuns};
use crate::sweep::run::{self, Ended};
use crate::sweep::store::StoreError;
use commit::{Committed, Finished, QUEUE, clear_up_after_the_dead, commit_all};
use rayon::iter::{IntoParallelIterator as _, IntoParallelRefIterator as _, ParallelIterator as _};
use std::collections::{HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

/// Which runs are done besides those that nothing is there of, and those that can go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rerun {
    /// None: complete runs are kept, failed ones too, and a run that ran out of `run.timeout` is left.
    #[default]
    Nothing,
    /// Those that failed, from their start.
    Failed,
    /// Those that ran out of `run.timeout`, from where they stopped and with the whole of that time again.
    Interrupted,
    /// All, from their start.
    All,
}

/// How to go about a sweep; nothing here changes a bit of its results.
#[derive(Clone, Debug)]
pub struct ExecuteOptions {
    /// The part of the plan to run.
    pub shard: Shard,
    /// Runs at once and threads of each.
    pub workers: Workers,
    /// The instruction set of the packed engine.
    pub isa: Isa,
    /// What to do again.
    pub rerun: Rerun,
    /// Start no further run once one has failed.
    pub fail_fast: bool,
    /// At the end, wait for runs that other processes are at, and take over those whose processes die.
    pub wait: bool,
    /// The longest that a run may take.
    pub timeout: Option<Duration>,
    /// The time from one checkpoint of a run to the next; none to write one only where it is interrupted.
    pub checkpoint_interval: Option<Duration>,
    /// What may ask the sweep to stop.
    pub interrupt: Interrupt,
}

impl ExecuteOptions {
    /// Nothing done again, no limits, checkpoints every minute.
    pub fn new(shard: Shard, workers: Workers, isa: Isa) -> Self {
        Self {
            shard,
            workers,
            isa,
            rerun: Rerun::Nothing,
            fail_fast: false,
            wait: true,
            timeout: None,
            checkpoint_interval: Some(Duration::from_mins(1)),
            interrupt: Interrupt::default(),
        }
    }
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
    /// A run has stopped before its end, or has gone over to another process.
    fn run_interrupted(&self, _run: usize, _run_id: &str, _reason: &str) {}
    /// All that is left are `runs` runs that other processes are at.
    fn waiting(&self, _runs: usize) {}
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
    /// Runs of the shard that ran out of `run.timeout`.
    pub timed_out: usize,
    /// Runs of the shard that are not complete: interrupted, out of time, at work elsewhere, or not started.
    pub incomplete: usize,
    /// The signal that ended the sweep, if one did.
    pub interrupted: Option<StopSignal>,
}

/// Do all runs of a shard, leave the records in `folder`, and sum up what is there of the whole plan.
///
/// Complete runs found there are kept, and interrupted ones go on. Other processes may do the same at the same time. An
/// error means that results could not be written; what was complete stays.
pub fn execute(
    prepared: &Prepared,
    config_text: &str,
    folder: &Path,
    options: &ExecuteOptions,
    observer: &dyn SweepObserver,
) -> Result<Outcome, StoreError> {
    let plan = &prepared.plan;
    let plan_file = lay_out(folder, prepared, config_text)?;

    let in_shard: Vec<usize> = plan.shard(options.shard).map(|run| run.index).collect();
    let same_run = first_of_name(&prepared.run_ids, options.shard);
    let own: Vec<usize> = in_shard.iter().copied().filter(|&run| same_run[run] == run).collect();
    let survey = Survey::of(prepared, folder, options, &own);
    let timed_out = survey.timed_out.len();
    observer.sweep_started(own.len() - timed_out, own.len() - timed_out - survey.pending.len());

    let (records, newly_timed_out) = if survey.pending.is_empty() {
        Presence::clear_away(folder);
        (HashMap::new(), 0)
    } else {
        let heart = Heart::start().map_err(StoreError::at("cannot start the heartbeat of claims in", folder))?;
        let presence = Presence::enter(folder, &heart)?;
        let board = Board::new(prepared, folder, options, observer, &heart, &presence, survey);
        board.work()?;
        let records = board.records.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        (records, board.timed_out.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
    };
    observer.sweep_finished();

    // Other shards and processes may have come further meanwhile: what they left is summed up too.
    let record_of = |run: usize| -> Option<RunRecord> {
        let known = records.get(&same_run[run]).cloned();
        known.or_else(|| record_in(folder, &prepared.run_ids[run]).map(RunRecord::without_details))
    };
    let (records, summary) = loop {
        let records: Vec<Option<RunRecord>> = (0..plan.runs.len()).into_par_iter().map(record_of).collect();
        let summary = sum_up(folder, &plan_file, &records)?;
        // A process that completed its last run since these were read may have written a summary that this one was written
        // over. What is completed from here on is summed up by whoever completes it.
        let newly = |run: usize| records[run].is_none() && record_of(run).is_some();
        if !(0..plan.runs.len()).into_par_iter().any(newly) {
            break (records, summary);
        }
    };

    let of_shard =
        |status| in_shard.iter().filter_map(|&run| records[run].as_ref()).filter(move |r| r.status == status);
    let failed = of_shard(RunStatus::Failed)
        .map(|record| (record.run_id.clone(), record.error.clone().unwrap_or_default()))
        .collect::<Vec<_>>();
    let ok = of_shard(RunStatus::Ok).count();
    Ok(Outcome {
        folder: folder.to_path_buf(),
        summary,
        ok,
        timed_out: timed_out + newly_timed_out,
        incomplete: in_shard.len() - ok - failed.len(),
        failed,
        interrupted: options.interrupt.raised(),
    })
}

/// What is to be done, as the folder shows it at the start.
struct Survey {
    /// Runs to do, in the order of the plan; those that others are at come last.
    pending: Vec<usize>,
    /// Runs that have a record but are to be done again.
    again: HashSet<usize>,
    /// Runs that may take this long instead of `run.timeout`.
    extended: HashMap<usize, Duration>,
    /// Runs that ran out of time and are left.
    timed_out: Vec<usize>,
    /// The time of the folder's file system at the start.
    started: SystemTime,
}

impl Survey {
    fn of(prepared: &Prepared, folder: &Path, options: &ExecuteOptions, own: &[usize]) -> Self {
        let started = time_of_file_system(folder);
        let reader = StateReader::new(folder);
        let states: Vec<RunState> = own.par_iter().map(|&run| reader.state(&prepared.run_ids[run])).collect();
        let mut survey = Self {
            pending: Vec::new(),
            again: HashSet::new(),
            extended: HashMap::new(),
            timed_out: Vec::new(),
            started,
        };
        let mut elsewhere = Vec::new();
        for (&run, state) in own.iter().zip(states) {
            let again = match (&state, options.rerun) {
                (RunState::Ok, Rerun::All) | (RunState::Failed { .. }, Rerun::All | Rerun::Failed) => true,
                (RunState::Ok | RunState::Failed { .. }, _) => {
                    clear_up_after_the_dead(&run_folder(folder, &prepared.run_ids[run]));
                    continue;
                }
                (_, rerun) => rerun == Rerun::All,
            };
            if again {
                survey.again.insert(run);
            }
            match state {
                RunState::Running(_) => elsewhere.push(run),
                RunState::Interrupted(Interruption { cause: Cause::Timeout, spent_s, .. }) if !again => {
                    let spent = Duration::from_secs_f64(spent_s.max(0.0));
                    match options.timeout {
                        Some(limit) if options.rerun == Rerun::Interrupted => {
                            survey.extended.insert(run, spent + limit);
                            survey.pending.push(run);
                        }
                        Some(limit) if spent >= limit => survey.timed_out.push(run),
                        _ => survey.pending.push(run),
                    }
                }
                _ => survey.pending.push(run),
            }
        }
        survey.pending.append(&mut elsewhere);
        survey
    }
}

/// The runs at hand and what is known of them, shared by all threads of a sweep.
struct Board<'a> {
    prepared: &'a Prepared,
    folder: &'a Path,
    options: &'a ExecuteOptions,
    observer: &'a dyn SweepObserver,
    heart: &'a Heart,
    presence: &'a Presence,
    environment: Environment,
    material: MaterialCache,
    /// The runs of the folder that are complete, by their training.
    trained: TrainedRuns,
    jobs: usize,
    again: HashSet<usize>,
    extended: HashMap<usize, Duration>,
    started: SystemTime,
    /// Runs to do.
    queue: Mutex<VecDeque<usize>>,
    /// Runs that another process was at.
    elsewhere: Mutex<VecDeque<usize>>,
    /// Records of runs that were completed since the start, by their place in the plan.
    records: Mutex<HashMap<usize, RunRecord>>,
    /// Number of runs that ran out of time.
    timed_out: Mutex<usize>,
    /// No further run is to start.
    closed: AtomicBool,
    /// What could not be written: everything is to stop.
    error: Mutex<Option<StoreError>>,
    broken: AtomicBool,
}

impl<'a> Board<'a> {
    fn new(
        prepared: &'a Prepared,
        folder: &'a Path,
        options: &'a ExecuteOptions,
        observer: &'a dyn SweepObserver,
        heart: &'a Heart,
        presence: &'a Presence,
        survey: Survey,
    ) -> Self {
        Self {
            prepared,
            folder,
            options,
            observer,
            heart,
            presence,
            environment: Environment::capture(options.isa),
            material: MaterialCache::default(),
            trained: TrainedRuns::find(folder),
            jobs: options.workers.jobs.min(survey.pending.len()),
            again: survey.again,
            extended: survey.extended,
            started: survey.started,
            queue: Mutex::new(survey.pending.into()),
            elsewhere: Mutex::default(),
            records: Mutex::default(),
            timed_out: Mutex::default(),
            closed: AtomicBool::new(false),
            error: Mutex::default(),
            broken: AtomicBool::new(false),
        }
    }

    /// Do the runs, several at once.
    fn work(&self) -> Result<(), StoreError> {
        loop {
            let (sender, finished) = sync_channel(QUEUE);
            std::thread::scope(|scope| {
                scope.spawn(move || commit_all(&finished, &|run, committed| self.committed(run, committed)));
                for _ in 0..self.jobs {
                    let sender = sender.clone();
                    // One pool a job: what a run divides over threads stays among its own.
                    scope.spawn(move || {
                        let threads = self.options.workers.threads_per_run;
                        match rayon::ThreadPoolBuilder::new().num_threads(threads).build() {
                            Ok(pool) => pool.install(|| self.do_runs(&sender)),
                            Err(failure) => self.fail(StoreError {
                                action: "cannot start the threads of a run in",
                                path: self.folder.to_path_buf(),
                                source: std::io::Error::other(failure),
                            }),
                        }
                    });
                }
                drop(sender);
            });
            if let Some(error) = lock(&self.error).take() {
                return Err(error);
            }
            // A run that was lost to another process at its very end is waited for like the others.
            let (queued, elsewhere) = (lock(&self.queue).is_empty(), lock(&self.elsewhere).is_empty());
            if self.is_over() || (queued && (elsewhere || !self.options.wait)) {
                return Ok(());
            }
        }
    }

    /// Whether no further run is to start.
    fn is_over(&self) -> bool {
        self.closed.load(Ordering::Relaxed) || self.options.interrupt.raised().is_some()
    }

    /// Why runs at work are to stop, if they are.
    fn reason_to_stop(&self) -> Option<(Cause, String)> {
        if let Some(signal) = self.options.interrupt.raised() {
            return Some((Cause::Signal, signal.reason().to_owned()));
        }
        let broken = self.broken.load(Ordering::Relaxed);
        broken.then(|| (Cause::Storage, "the files of another run could not be written".to_owned()))
    }

    fn fail(&self, error: StoreError) {
        self.closed.store(true, Ordering::Relaxed);
        self.broken.store(true, Ordering::Relaxed);
        lock(&self.error).get_or_insert(error);
    }

    /// The work of one job: run after run, then those that others had and may have left.
    fn do_runs(&self, sender: &SyncSender<Finished>) {
        /// Time between two looks at runs of others.
        const PATIENCE: Duration = Duration::from_millis(100);
        let mut told = false;
        while !self.is_over() {
            let next = lock(&self.queue).pop_front();
            if let Some(run) = next {
                self.attempt(run, sender);
                continue;
            }
            if !self.options.wait {
                break;
            }
            let (left, next) = {
                let mut elsewhere = lock(&self.elsewhere);
                (elsewhere.len(), elsewhere.pop_front())
            };
            let Some(run) = next else { break };
            if !std::mem::replace(&mut told, true) {
                self.observer.waiting(left);
            }
            if !self.attempt(run, sender) {
                std::thread::sleep(PATIENCE);
            }
        }
    }

    /// Do a run, unless it is complete or another process is at it, which `false` tells.
    fn attempt(&self, run: usize, sender: &SyncSender<Finished>) -> bool {
        let run_id = &self.prepared.run_ids[run];
        let run_folder = run_folder(self.folder, run_id);
        if self.accept(run) {
            return true;
        }
        let epochs = self.prepared.plan.runs[run].parameters().train.epochs as u64;
        match acquire(&run_folder, epochs) {
            Err(error) => self.fail(error),
            Ok(Acquired::Taken) => {
                lock(&self.elsewhere).push_back(run);
                return false;
            }
            Ok(Acquired::Held(claim)) => {
                // Whoever had it may have completed it between the first look and the claim.
                if !self.accept(run) {
                    self.heart.keep(&claim);
                    if let Err(error) = self.do_run(run, &run_folder, &claim, sender) {
                        self.observer.run_interrupted(run, run_id, &error.to_string());
                        self.fail(error);
                    }
                }
            }
        }
        true
    }

    /// Take over the record of a run that was complete before or that another process has completed.
    fn accept(&self, run: usize) -> bool {
        let run_id = &self.prepared.run_ids[run];
        if self.again.contains(&run) {
            // To be done again, unless it has been since the start.
            let path = run_folder(self.folder, run_id).join("result.json");
            let written = std::fs::metadata(path).and_then(|file| file.modified());
            if written.is_ok_and(|written| written < self.started) {
                return false;
            }
        }
        let Some(record) = record_in(self.folder, run_id) else { return false };
        self.complete(run, record);
        true
    }

    fn do_run(
        &self,
        run: usize,
        run_folder: &Path,
        claim: &Arc<HeldClaim>,
        sender: &SyncSender<Finished>,
    ) -> Result<(), StoreError> {
        let (spec, run_id) = (&self.prepared.plan.runs[run], &self.prepared.run_ids[run]);
        let corpus = self.prepared.corpus_of(run);
        let parameters = spec.parameters();
        if let Some(dead) = claim.predecessor() {
            tracing::warn!("run {run_id}: process {} on {} died at it and is taken over from", dead.pid, dead.host);
        }
        // What crashed may have done so for what its checkpoint holds.
        let crashed = Interruption::read(run_folder, run_id).is_some_and(|before| before.cause == Cause::Crash);
        self.observer.run_started(run, run_id, parameters.train.epochs as u64);
        let host = RunHost { board: self, run };
        let context = RunContext {
            spec,
            host: &host,
            corpus,
            run_id,
            folder: run_folder,
            claim,
            resume: !self.again.contains(&run) && !crashed,
            environment: &self.environment,
            isa: self.options.isa,
            threads: self.options.workers.threads_per_run,
            expected_bytes: expected_bytes(parameters, corpus),
            timeout: self.extended.get(&run).copied().or(self.options.timeout),
            checkpoint_interval: self.options.checkpoint_interval,
        };
        match run::execute(&context)? {
            Ended::Finished(record) => {
                self.close_after(&record);
                let finished =
                    Finished { run, folder: run_folder.to_path_buf(), record: *record, claim: Arc::clone(claim) };
                // The other end is there for as long as runs may come.
                let _ = sender.send(finished);
            }
            Ended::Crashed(record) => {
                self.close_after(&record);
                self.complete(run, *record);
            }
            Ended::Interrupted(interruption) => {
                if interruption.cause == Cause::Timeout {
                    tracing::warn!("run {run_id} stopped after {} epochs: {}", interruption.epoch, interruption.reason);
                    *lock(&self.timed_out) += 1;
                }
                self.observer.run_interrupted(run, run_id, &interruption.reason);
            }
            Ended::Lost => self.lost(run),
        }
        Ok(())
    }

    /// Start nothing more after a failure, where that is wanted.
    fn close_after(&self, record: &RunRecord) {
        if record.status == RunStatus::Failed && self.options.fail_fast {
            self.closed.store(true, Ordering::Relaxed);
        }
    }

    fn committed(&self, run: usize, committed: Committed) {
        match committed {
            Committed::Complete(record) => self.complete(run, *record),
            Committed::Lost => self.lost(run),
            Committed::Failed(error) => {
                self.observer.run_interrupted(run, &self.prepared.run_ids[run], &error.to_string());
                self.fail(error);
            }
        }
    }

    fn complete(&self, run: usize, record: RunRecord) {
        self.observer.run_finished(run, &record);
        lock(&self.records).insert(run, record.without_details());
    }

    /// Another process thinks that this one has died, and goes on with the run.
    fn lost(&self, run: usize) {
        let run_id = &self.prepared.run_ids[run];
        tracing::warn!("run {run_id} was taken over by another process, after this one had been silent for too long");
        self.observer.run_interrupted(run, run_id, "taken over by another process");
        lock(&self.elsewhere).push_back(run);
    }
}

/// The board as one run sees it.
struct RunHost<'a> {
    board: &'a Board<'a>,
    run: usize,
}

impl Host for RunHost<'_> {
    fn material(&self) -> Shared {
        let Board { prepared, material, .. } = self.board;
        let spec = &prepared.plan.runs[self.run];
        let parameters = spec.parameters();
        material.get(prepared.corpus_of(self.run), &parameters.corpus, parameters.model.timesteps, spec.seed)
    }

    fn trained(&self) -> Option<TrainedRun> {
        if self.board.again.contains(&self.run) {
            return None;
        }
        let Board { prepared, folder, trained, .. } = self.board;
        trained.read(folder, &prepared.training_id(self.run), &prepared.run_ids[self.run])
    }

    fn contended(&self) -> bool {
        self.board.jobs > 1 || self.board.presence.has_neighbours()
    }

    fn reason_to_stop(&self) -> Option<(Cause, String)> {
        self.board.reason_to_stop()
    }

    fn epoch_finished(&self, epoch: u64) {
        self.board.observer.epoch_finished(self.run, epoch);
    }
}

/// The record of a complete run in a folder of results.
fn record_in(folder: &Path, run_id: &str) -> Option<RunRecord> {
    read_record(&run_folder(folder, run_id), run_id)
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
