//! The board of a sweep at work: its runs with everything that its threads share.

use super::commit::{Committed, Finished, QUEUE, commit_all};
use super::courses::Courses;
use super::followers::Followers;
use super::options::ExecuteOptions;
use super::options::SweepObserver;
use super::survey::Survey;
use crate::machine::Environment;
use crate::machine::text::Shown as _;
use crate::sweep::claim::heart::Heart;
use crate::sweep::claim::presence::Presence;
use crate::sweep::claim::{Acquired, HeldClaim, acquire};
use crate::sweep::plan::{Prepared, expected_bytes};
use crate::sweep::results::{Cause, Interruption, RunRecord, RunStatus, read_record, run_folder};
use crate::sweep::run::context::{Host, RunContext};
use crate::sweep::run::material::{MaterialCache, Shared};
use crate::sweep::run::takeover::{TrainedRun, TrainedRuns};
use crate::sweep::run::{self, Ended};
use crate::sweep::store::StoreError;
use std::collections::{HashMap, HashSet, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

/// The runs of a sweep with their state, shared by all threads.
pub(super) struct Board<'a> {
    prepared: &'a Prepared,
    folder: &'a Path,
    options: &'a ExecuteOptions,
    observer: &'a dyn SweepObserver,
    heart: &'a Heart,
    presence: &'a Presence,
    environment: Environment,
    material: MaterialCache,
    /// The complete runs of the folder, by their training.
    trained: TrainedRuns,
    /// The stages of pretraining that runs of this process are doing.
    pretraining: Mutex<HashSet<String>>,
    jobs: usize,
    again: HashSet<usize>,
    extended: HashMap<usize, Duration>,
    started: SystemTime,
    /// The runs to do.
    queue: Mutex<VecDeque<usize>>,
    /// The courses of trainings that runs of several lengths share.
    courses: Courses,
    /// The runs that wait for another run whose training they will take over.
    followers: Followers,
    /// The runs that another process held.
    elsewhere: Mutex<VecDeque<usize>>,
    /// Those of them whose processes, on other hosts, are not known to be alive or dead.
    watched: Mutex<HashSet<usize>>,
    /// The records of runs completed since the start, by their place in the plan.
    pub(super) records: Mutex<HashMap<usize, RunRecord>>,
    /// The number of runs that ran out of time.
    pub(super) timed_out: Mutex<usize>,
    /// True if no further run may start.
    closed: AtomicBool,
    /// The first error of writing, which stops the sweep.
    error: Mutex<Option<StoreError>>,
    broken: AtomicBool,
}

impl<'a> Board<'a> {
    pub(super) fn new(
        prepared: &'a Prepared,
        folder: &'a Path,
        options: &'a ExecuteOptions,
        observer: &'a dyn SweepObserver,
        heart: &'a Heart,
        presence: &'a Presence,
        survey: Survey,
    ) -> Self {
        let trained = TrainedRuns::find(folder);
        let courses = Courses::of(prepared, &survey.pending);
        Self {
            prepared,
            folder,
            options,
            observer,
            heart,
            presence,
            environment: Environment::capture(options.isa),
            material: MaterialCache::default(),
            followers: Followers::among(
                &survey.pending,
                |run| prepared.training_id(run),
                |id| survey.again.is_empty() && trained.has(id),
                |run| courses.shorter(run),
            ),
            courses,
            trained,
            pretraining: Mutex::default(),
            jobs: options.workers.jobs.min(survey.pending.len()),
            again: survey.again,
            extended: survey.extended,
            started: survey.started,
            queue: Mutex::new(survey.pending.into()),
            elsewhere: Mutex::default(),
            watched: Mutex::default(),
            records: Mutex::default(),
            timed_out: Mutex::default(),
            closed: AtomicBool::new(false),
            error: Mutex::default(),
            broken: AtomicBool::new(false),
        }
    }

    /// Does the runs, several at once.
    pub(super) fn work(&self) -> Result<(), StoreError> {
        loop {
            let (sender, finished) = sync_channel(QUEUE);
            std::thread::scope(|scope| {
                scope.spawn(move || commit_all(&finished, &|run, committed| self.committed(run, committed)));
                for _ in 0..self.jobs {
                    let sender = sender.clone();
                    // One pool for each job: the work that a run divides over threads stays on its own.
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
            let queued = lock(&self.queue).is_empty() && self.followers.is_empty();
            if self.is_over() || (queued && (lock(&self.elsewhere).is_empty() || !self.options.wait)) {
                return Ok(());
            }
        }
    }

    /// Returns true if no further run may start.
    fn is_over(&self) -> bool {
        self.closed.load(Ordering::Relaxed) || self.options.interrupt.raised().is_some()
    }

    /// Returns the reason for which runs at work must stop, if there is one.
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

    /// Does the work of one job: run after run, then those that other processes held and may have left.
    fn do_runs(&self, sender: &SyncSender<Finished>) {
        /// The time between two looks at runs of other processes.
        const PATIENCE: Duration = Duration::from_millis(100);
        let mut told = false;
        while !self.is_over() {
            let next = lock(&self.queue).pop_front();
            if let Some(run) = next {
                if !self.followers.hold(run) {
                    self.attempt(run, sender);
                }
                continue;
            }
            if let Some(run) = self.followers.next() {
                self.attempt(run, sender);
                continue;
            }
            // Without waiting, too, it must be known of every run whether its process lives.
            if !self.options.wait && self.followers.is_empty() && lock(&self.watched).is_empty() {
                break;
            }
            let (left, next) = {
                let mut elsewhere = lock(&self.elsewhere);
                (elsewhere.len(), elsewhere.pop_front())
            };
            let Some(run) = next else {
                if self.followers.is_empty() {
                    break;
                }
                std::thread::sleep(PATIENCE / 10);
                continue;
            };
            if !std::mem::replace(&mut told, true) {
                self.observer.waiting(left);
            }
            if !self.attempt(run, sender) {
                std::thread::sleep(PATIENCE);
            }
        }
    }

    /// Does a run, unless it is complete. Returns false if another process holds it.
    fn attempt(&self, run: usize, sender: &SyncSender<Finished>) -> bool {
        let run_id = &self.prepared.run_ids[run];
        let run_folder = run_folder(self.folder, run_id);
        if self.accept(run) {
            lock(&self.watched).remove(&run);
            return true;
        }
        let epochs = self.prepared.plan.runs[run].parameters().epochs();
        match acquire(&run_folder, epochs) {
            Err(error) => self.fail(error),
            Ok(taken @ (Acquired::Taken | Acquired::Watched)) => {
                if matches!(taken, Acquired::Watched) {
                    lock(&self.watched).insert(run);
                } else {
                    lock(&self.watched).remove(&run);
                }
                if !self.options.wait {
                    self.followers.release(run);
                }
                lock(&self.elsewhere).push_back(run);
                return false;
            }
            Ok(Acquired::Held(claim)) => {
                lock(&self.watched).remove(&run);
                // The process that held it may have completed it between the first look and the claim.
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

    /// Accepts the record of a run that was complete before or that another process has completed. Returns false if
    /// there is none.
    fn accept(&self, run: usize) -> bool {
        let run_id = &self.prepared.run_ids[run];
        if self.again.contains(&run) {
            // The run must be done again, unless that has happened since the start.
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
            tracing::warn!(
                "run {run_id}: process {} on {} died at work on it; this process takes it over",
                dead.pid,
                dead.host.shown()
            );
        }
        // A run that crashed may crash again from its checkpoint.
        let crashed = Interruption::read(run_folder, run_id).is_some_and(|before| before.cause == Cause::Crash);
        self.observer.run_started(run, run_id, parameters.epochs());
        let host = RunHost { board: self, run };
        let context = RunContext {
            spec,
            host: &host,
            corpus,
            run_id,
            sweep_folder: self.folder,
            folder: run_folder,
            claim,
            resume: !self.again.contains(&run) && !crashed,
            course: self.courses.of_run(run).filter(|_| !crashed),
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
                // The receiver exists for as long as there is a sender.
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
                self.followers.release(run);
                self.observer.run_interrupted(run, run_id, &interruption.reason);
            }
            Ended::Lost => self.lost(run),
        }
        Ok(())
    }

    /// Starts no further run after a failure, if the options say so.
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
        if record.status == RunStatus::Ok {
            self.trained.add(self.prepared.training_id(run), &record.run_id);
        }
        self.followers.release(run);
        self.observer.run_finished(run, &record);
        lock(&self.records).insert(run, record.without_details());
    }

    /// Notes that another process has taken a run over because this one seemed dead.
    fn lost(&self, run: usize) {
        let run_id = &self.prepared.run_ids[run];
        tracing::warn!(
            "run {run_id} was taken over by another process, since this one had not renewed its claim in time"
        );
        self.observer.run_interrupted(run, run_id, "taken over by another process");
        lock(&self.elsewhere).push_back(run);
    }
}

/// The board for one run.
struct RunHost<'a> {
    board: &'a Board<'a>,
    run: usize,
}

impl Host for RunHost<'_> {
    fn material(&self) -> Shared {
        self.material_of(self.board.prepared.plan.runs[self.run].parameters().model.timesteps)
    }

    fn material_of(&self, timesteps: usize) -> Shared {
        let Board { prepared, material, .. } = self.board;
        let spec = &prepared.plan.runs[self.run];
        material.get(prepared.corpus_of(self.run), &spec.parameters().corpus, timesteps, spec.seed)
    }

    fn begin_pretraining(&self, name: &str) -> bool {
        lock(&self.board.pretraining).insert(name.to_owned())
    }

    fn end_pretraining(&self, name: &str) {
        lock(&self.board.pretraining).remove(name);
    }

    fn trained(&self) -> Option<TrainedRun> {
        let Board { prepared, folder, trained, again, .. } = self.board;
        let anew = again.contains(&self.run);
        trained.read(folder, &prepared.training_id(self.run), &prepared.run_ids[self.run], anew)
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

/// Reads the record of a complete run in a folder of results.
pub(super) fn record_in(folder: &Path, run_id: &str) -> Option<RunRecord> {
    read_record(&run_folder(folder, run_id), run_id)
}

/// Locks a value, also after a panic elsewhere: every value here is replaced whole.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
