//! One run: from a point of the sweep to its record, its model and its music, in one go or after an interruption.

pub(in crate::sweep) mod checkpoint;
mod early_stopping;
mod evaluation;
mod likelihood;
pub(in crate::sweep) mod material;
mod modes;

pub use likelihood::{likelihood_metrics, run_likelihood};

use crate::engine::{BitMatrix, Isa, Parameters};
use crate::evaluate::music::{
    Baselines, Memorisation, MusicComparison, MusicProfile, Nearest, nearest_training_window,
};
use crate::machine::Environment;
use crate::machine::clock::CpuClock;
use crate::machine::memory::peak_memory_bytes;
use crate::music::{Corpus, FileStatus, MidiStyle, Splits, Windows, roll_from_bits, to_midi};
use crate::sweep::claim::HeldClaim;
use crate::sweep::config::RunParameters;
use crate::sweep::plan::RunSpec;
use crate::sweep::results::RollsFile;
use crate::sweep::results::{
    Artifact, CorpusRecord, EarlyStop, EpochRecord, EpochTiming, FileCounts, FileNote, Metrics, RunRecord, RunStatus,
    TimeDistribution, Timing, digest,
};
use crate::sweep::results::{Cause, Interruption};
use crate::sweep::results::{ModelDescription, ModelFile};
use crate::sweep::store::{LineFile, StoreError, create_folder, replace};
use crate::train::{StopMetric, Trainer, TrainingSet};
use checkpoint::{Checkpoint, Position};
use early_stopping::Verdict;
use evaluation::Evaluation;
use material::{Material, Shared};
use std::any::Any;
use std::path::Path;
use std::time::{Duration, Instant};

/// Work of so long is worth a checkpoint before something that cannot be interrupted.
const WORTH_SAVING: Duration = Duration::from_secs(5);

/// What a run needs beside its specification.
pub(crate) struct RunContext<'a> {
    /// The songs.
    pub(crate) corpus: &'a Corpus,
    /// The songs, divided and cut.
    pub(crate) material: &'a dyn Fn() -> Shared,
    /// The run's name.
    pub(crate) run_id: &'a str,
    /// The run's folder.
    pub(crate) folder: &'a Path,
    /// The claim on it.
    pub(crate) claim: &'a HeldClaim,
    /// Whether to go on from a checkpoint if there is one.
    pub(crate) resume: bool,
    /// The machine and the build.
    pub(crate) environment: &'a Environment,
    /// The instruction set of the packed engine.
    pub(crate) isa: Isa,
    /// Threads that the run may use.
    pub(crate) threads: usize,
    /// Whether other runs share the machine, asked at the start and at the end.
    pub(crate) contended: &'a dyn Fn() -> bool,
    /// Bytes that the run was expected to take.
    pub(crate) expected_bytes: u64,
    /// The longest that it may take, interrupted or not.
    pub(crate) timeout: Option<Duration>,
    /// The time from one checkpoint to the next; none to write one only where the run stops.
    pub(crate) checkpoint_interval: Option<Duration>,
    /// Asked before every batch: the reason to stop, if there is one.
    pub(crate) stop: &'a dyn Fn() -> Option<(Cause, String)>,
    /// Called after every epoch with the number of epochs trained.
    pub(crate) epoch_finished: &'a (dyn Fn(u64) + Sync),
}

/// How a run ended, as long as its files could be written.
pub(crate) enum Ended {
    /// With a record; all that is missing is `result.json`.
    Finished(Box<RunRecord>),
    /// By a defect of the program: the record tells which, but the next call tries again.
    Crashed(Box<RunRecord>),
    /// Before its end.
    Interrupted(Interruption),
    /// Another process has taken it over.
    Lost,
}

/// Why a run does not come to its end.
#[derive(Debug, thiserror::Error)]
enum RunError {
    /// A file cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The run itself failed; this becomes its record.
    #[error("{0}")]
    Failed(String),
    /// It is to stop here.
    #[error("{1}")]
    Stopped(Cause, String),
    /// Another process has taken the run over.
    #[error("taken over")]
    Lost,
}

/// Train, evaluate, sample, and write everything but `result.json`.
///
/// A run that fails for reasons of its own (diverged, no windows to train on) has a record that says so. An error means
/// that not even that could be written.
pub(crate) fn execute(spec: &RunSpec, context: &RunContext) -> Result<Ended, StoreError> {
    let mut session = Session::begin(spec, context)?;
    // A panic here is a defect of the program, but one that must cost one run and not the night's other runs.
    let outcome =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| train_and_sample(spec, context, &mut session)));
    let result = match outcome {
        Ok(Err(RunError::Store(error))) => {
            // Where one file cannot be written, this one may be: the disk has room for little, say.
            let _ = session.interruption(spec, context, Cause::Storage, error.to_string()).write(context.folder);
            return Err(error);
        }
        Ok(Err(RunError::Lost)) => return Ok(Ended::Lost),
        Ok(Err(RunError::Stopped(cause, reason))) => {
            let interruption = session.interruption(spec, context, cause, reason);
            session.log.push(&format!("stopped after {} epochs: {}", interruption.epoch, interruption.reason))?;
            interruption.write(context.folder)?;
            return Ok(Ended::Interrupted(interruption));
        }
        Ok(Ok(())) => Ok(()),
        Ok(Err(RunError::Failed(reason))) => Err((reason, false)),
        Err(panic) => Err((format!("internal error: {}", panic_message(&*panic)), true)),
    };
    let crashed = matches!(result, Err((_, true)));
    if let Err((reason, _)) = result {
        session.record.status = RunStatus::Failed;
        session.record.error = Some(reason);
    }
    session.close(spec, context)?;
    if crashed {
        let reason = session.record.error.clone().unwrap_or_default();
        session.interruption(spec, context, Cause::Crash, reason).write(context.folder)?;
        return Ok(Ended::Crashed(Box::new(session.record)));
    }
    Ok(Ended::Finished(Box::new(session.record)))
}

/// A run at work in this process: what it has come to, and where it writes.
struct Session {
    start: Instant,
    cpu: CpuClock,
    position: Position,
    /// The state to go on from; taken by the trainer.
    resumed: Option<Checkpoint>,
    record: RunRecord,
    epochs: Vec<EpochRecord>,
    best: Option<Parameters>,
    lines: LineFile,
    log: LineFile,
    last_saved: Instant,
    contended: bool,
}

impl Session {
    /// Open the run's folder: at the last checkpoint if there is a usable one, else empty.
    fn begin(spec: &RunSpec, context: &RunContext) -> Result<Self, StoreError> {
        let (start, cpu) = (Instant::now(), CpuClock::start());
        let resumed = if context.resume { take_up(context)? } else { None };
        if resumed.is_none() {
            clear_folder(context)?;
        }
        let mut log = LineFile::append(&context.folder.join("log.txt"))?;
        let (lines, epochs, position, mut checkpoint) = if let Some(Resumed { lines, epochs, checkpoint }) = resumed {
            let position = Position { continued: checkpoint.position.continued + 1, ..checkpoint.position.clone() };
            log.push(&format!("goes on at epoch {} batch {}", position.epoch, position.batch))?;
            (lines, epochs, position, Some(checkpoint))
        } else {
            log.push(&format!("run {} seed {} replicate {}", context.run_id, spec.seed, spec.replicate))?;
            (LineFile::create(&context.folder.join("epochs.jsonl"))?, Vec::new(), Position::default(), None)
        };
        create_folder(&context.folder.join("samples"))?;
        let mut environment = context.environment.clone();
        environment.isa = spec.parameters().train.engine.instruction_set(context.isa);
        let contended = (context.contended)();
        let record = RunRecord {
            schema: RunRecord::SCHEMA,
            run_id: context.run_id.to_owned(),
            status: RunStatus::Ok,
            error: None,
            params: spec.parameter_map(),
            replicate: spec.replicate,
            seed: spec.seed.to_string(),
            corpus: None,
            metrics: Metrics::new(),
            early_stop: None,
            music: None,
            warnings: Vec::new(),
            timing: Timing { threads: context.threads, ..Timing::default() },
            environment,
            artifacts: Vec::new(),
            digest: String::new(),
        };
        let best = checkpoint.as_mut().and_then(|checkpoint| checkpoint.best.take());
        let last_saved = Instant::now();
        Ok(Self { start, cpu, position, resumed: checkpoint, record, epochs, best, lines, log, last_saved, contended })
    }

    /// Seconds of the run so far, those before interruptions included.
    fn spent_s(&self) -> f64 {
        self.position.spent_s + self.start.elapsed().as_secs_f64()
    }

    /// What is to be done before the next batch, if anything.
    fn pause(&self, context: &RunContext) -> Option<Pause> {
        if context.claim.is_lost() {
            return Some(Pause::Lost);
        }
        if let Some((cause, reason)) = (context.stop)() {
            return Some(Pause::Stop(cause, reason));
        }
        if let Some(timeout) = context.timeout.filter(|timeout| self.spent_s() > timeout.as_secs_f64()) {
            let reason = format!("it took longer than run.timeout = {} s", timeout.as_secs_f64());
            return Some(Pause::Stop(Cause::Timeout, reason));
        }
        let due = context.checkpoint_interval.is_some_and(|interval| self.last_saved.elapsed() >= interval);
        due.then_some(Pause::Save)
    }

    /// Do what a pause is for; an error where it is the end.
    fn heed(
        &mut self,
        pause: Pause,
        context: &RunContext,
        trainer: &Trainer,
        evaluation: &Evaluation,
    ) -> Result<(), RunError> {
        if let Pause::Lost = pause {
            return Err(RunError::Lost);
        }
        if let Err(error) = self.save(context, trainer, evaluation) {
            // The one before is still there. It may be possible later, and the run is of use without.
            tracing::warn!("run {}: no checkpoint: {error}", context.run_id);
        }
        self.last_saved = Instant::now();
        match pause {
            Pause::Stop(cause, reason) => Err(RunError::Stopped(cause, reason)),
            Pause::Save | Pause::Lost => Ok(()),
        }
    }

    fn save(&mut self, context: &RunContext, trainer: &Trainer, evaluation: &Evaluation) -> Result<(), StoreError> {
        // Lines that a checkpoint speaks of must be there with it, after a loss of power too.
        self.lines.sync()?;
        let (lines_bytes, lines_blake3) = self.lines.written();
        let (spent_s, cpu_s) = (self.spent_s(), self.position.cpu_s + self.cpu.seconds());
        let position = Position { lines_bytes, lines_blake3, spent_s, cpu_s, ..self.position.clone() };
        let checkpoint = Checkpoint {
            position,
            trainer: trainer.state(),
            before: evaluation.before().cloned(),
            best: self.best.clone(),
        };
        checkpoint.write(context.folder, context.run_id, context.environment)
    }

    fn interruption(&self, spec: &RunSpec, context: &RunContext, cause: Cause, reason: String) -> Interruption {
        Interruption {
            schema: Interruption::SCHEMA,
            run_id: context.run_id.to_owned(),
            cause,
            reason,
            epoch: self.epochs.last().map_or(0, |epoch| epoch.epoch),
            epochs: spec.parameters().train.epochs as u64,
            spent_s: self.spent_s(),
        }
    }

    /// Complete the record and the files beside it.
    fn close(&mut self, spec: &RunSpec, context: &RunContext) -> Result<(), StoreError> {
        let Self { record, epochs, .. } = self;
        record.digest = digest(record, epochs);
        let RunParameters { model, .. } = spec.parameters();
        let connections = context.corpus.layout.columns() * model.timesteps * model.hidden;
        summarise_timing(record, epochs, connections);
        let (total_s, cpu_s) = (self.spent_s(), self.position.cpu_s + self.cpu.seconds());
        let timing = &mut self.record.timing;
        (timing.total_s, timing.cpu_s) = (total_s, self.cpu.is_known().then_some(cpu_s));
        timing.contended = self.contended || (context.contended)();
        timing.continued = self.position.continued;
        (timing.expected_bytes, timing.peak_bytes) = (context.expected_bytes, peak_memory_bytes());
        for warning in &self.record.warnings {
            self.log.push(&format!("warning: {warning}"))?;
        }
        let outcome = self.record.error.as_deref().unwrap_or("ok");
        self.log.push(&format!("{outcome} after {total_s:.3} s, digest {}", self.record.digest))?;
        if self.position.continued == 0 {
            return Ok(());
        }
        // Once more in one piece: should a process that had lost the run have gone on in the same file, this is what counts.
        let lines: String = self.epochs.iter().map(line_of).collect();
        replace(&context.folder.join("epochs.jsonl"), lines.as_bytes())
    }
}

/// What is to be done between two batches.
enum Pause {
    Save,
    Stop(Cause, String),
    Lost,
}

/// A run as its folder holds it.
struct Resumed {
    lines: LineFile,
    epochs: Vec<EpochRecord>,
    checkpoint: Checkpoint,
}

/// The checkpoint in the run's folder with the epochs that belong to it. What is of no use is said and left alone.
fn take_up(context: &RunContext) -> Result<Option<Resumed>, StoreError> {
    let refuse = |reason: &str| {
        tracing::warn!("run {} starts afresh: its checkpoint cannot be used: {reason}", context.run_id);
        Ok(None)
    };
    let checkpoint = match Checkpoint::read(context.folder, context.run_id, context.environment) {
        Ok(Some(checkpoint)) => checkpoint,
        Ok(None) => return Ok(None),
        Err(reason) => return refuse(&reason),
    };
    let Position { lines_bytes, lines_blake3, .. } = &checkpoint.position;
    let reopened = LineFile::reopen(&context.folder.join("epochs.jsonl"), *lines_bytes, lines_blake3)?;
    let Some((lines, text)) = reopened else { return refuse("epochs.jsonl is another than it speaks of") };
    match text.lines().map(serde_json::from_str).collect() {
        Ok(epochs) => Ok(Some(Resumed { lines, epochs, checkpoint })),
        Err(_) => refuse("epochs.jsonl does not read"),
    }
}

/// Clear away whatever an earlier attempt left, the sign of completeness first and the claim never.
fn clear_folder(context: &RunContext) -> Result<(), StoreError> {
    let error = |source| StoreError { action: "cannot clear the folder", path: context.folder.to_path_buf(), source };
    let gone = |result: std::io::Result<()>| match result {
        Err(failure) if failure.kind() != std::io::ErrorKind::NotFound => Err(error(failure)),
        _ => Ok(()),
    };
    gone(std::fs::remove_file(context.folder.join("result.json")))?;
    for entry in std::fs::read_dir(context.folder).map_err(error)? {
        let entry = entry.map_err(error)?;
        if entry.file_type().map_err(error)?.is_dir() {
            gone(std::fs::remove_dir_all(entry.path()))?;
        } else if !entry.file_name().to_str().is_some_and(|name| context.claim.consists_of(name)) {
            gone(std::fs::remove_file(entry.path()))?;
        }
    }
    Ok(())
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("unknown panic").to_owned()
}

fn line_of(epoch: &EpochRecord) -> String {
    serde_json::to_string(epoch).expect("an epoch's record is plain data") + "\n"
}

fn train_and_sample(spec: &RunSpec, context: &RunContext, session: &mut Session) -> Result<(), RunError> {
    let RunParameters { model, train, evaluate, .. } = spec.parameters();

    let start = Instant::now();
    let material = (context.material)();
    let Splits { training, validation, .. } = &material.windows.windows;
    let set = TrainingSet { windows: &training.bits, songs: &training.songs };
    let trained = set.trained_windows(train);
    let validation_rows: Vec<usize> = (0..validation.len()).collect();
    session.record.corpus = Some(corpus_record(context.corpus, &material, trained.len()));
    session.record.timing.corpus_s = start.elapsed().as_secs_f64();
    if trained.is_empty() {
        let songs = material.split.training.len();
        let steps = model.timesteps;
        return Err(RunError::Failed(format!(
            "no windows to train on: none of the {songs} training songs yields a window of {steps} steps \
             (skip_first_window leaves out the first of each song)"
        )));
    }
    if train.early_stopping_metric != StopMetric::None && validation.is_empty() {
        let songs = material.split.validation.len();
        return Err(RunError::Failed(format!(
            "nothing to stop early by: none of the {songs} held-out songs yields a window of {} steps",
            model.timesteps
        )));
    }

    let trainer = Trainer::with_isa(set, model, train, spec.seed, context.isa);
    let mut trainer = trainer.map_err(|error| RunError::Failed(error.to_string()))?;
    let sizes = (train.k as u64, model.timesteps, spec.seed);
    let mut evaluation =
        Evaluation::new(evaluate, sizes, (&training.bits, &trained), (&validation.bits, &validation_rows));
    if let Some(Checkpoint { trainer: state, before, .. }) = session.resumed.take() {
        let restored = trainer.restore(&state);
        // Checksum, run and build are right, so the arrays are what this program wrote for this run.
        restored.map_err(|error| RunError::Failed(format!("internal error: checkpoint: {error}")))?;
        evaluation.go_on_from(before);
    }
    train_epochs(spec, context, session, &mut trainer, &mut evaluation)?;
    session.record.metrics = metrics_of_model(spec, session);
    let parameters = trainer.engine().parameters();
    if let Some(request) = likelihood::request(spec.parameters(), (parameters.visible, parameters.hidden), spec.seed) {
        // Annealing may take as long as training, and has no place to go on from but its start.
        let long = request.annealing.is_some() && context.checkpoint_interval.is_some();
        let save = (long && session.last_saved.elapsed() > WORTH_SAVING).then_some(Pause::Save);
        if let Some(pause) = session.pause(context).or(save) {
            session.heed(pause, context, &trainer, &evaluation)?;
        }
        let start = Instant::now();
        let engine = (train.engine, context.isa);
        let found = run_likelihood(&parameters, &material.windows.windows, &trained, &request, engine);
        let found = found.map_err(|error| RunError::Failed(error.to_string()))?;
        session.record.metrics.extend(likelihood_metrics(&found, model.timesteps));
        session.record.warnings.extend(found.doubts());
        session.record.timing.likelihood_s = start.elapsed().as_secs_f64();
    }

    let description = ModelDescription {
        schema: ModelFile::SCHEMA,
        timesteps: model.timesteps,
        layout: context.corpus.layout.clone(),
        steps_per_beat: spec.parameters().corpus.steps_per_beat,
        run_id: context.run_id.to_owned(),
        seed: spec.seed.to_string(),
        params: spec.parameter_map(),
    };
    let file = ModelFile { description, parameters };
    let bytes = file.to_bytes();
    replace(&context.folder.join("model.safetensors"), &bytes)?;
    session.record.artifacts.push(Artifact::new("model.safetensors", &bytes));

    let start = Instant::now();
    let samples = loop {
        let mut pause = None;
        let go_on = || {
            pause = session.pause(context).filter(|pause| !matches!(pause, Pause::Save));
            pause.is_none()
        };
        let samples = draw_samples(spec, &mut trainer, (&training.bits, &trained), go_on)?;
        match pause {
            Some(pause) => session.heed(pause, context, &trainer, &evaluation)?,
            None => break samples,
        }
    };
    let record = &mut session.record;
    write_samples(spec, context, training, &samples, record)?;
    let nearest = nearest_training_window(&samples, &training.bits, None);
    write_rolls(spec, context, training, (&samples, &nearest), record)?;
    record.music = (samples.rows() > 0).then(|| judge(spec, context.corpus, &material, (&samples, &nearest)));
    record.timing.sample_s = start.elapsed().as_secs_f64();
    Ok(())
}

/// Train and evaluate from where the run stands to the last epoch, or to where early stopping ends it. The trainer is
/// left with the model that counts.
fn train_epochs(
    spec: &RunSpec,
    context: &RunContext,
    session: &mut Session,
    trainer: &mut Trainer,
    evaluation: &mut Evaluation,
) -> Result<(), RunError> {
    let RunParameters { train, evaluate, .. } = spec.parameters();
    let (every, last) = (evaluate.every as u64, train.epochs as u64);
    while !session.position.finished {
        let epoch = session.position.epoch;
        // Epoch 0 of the record is the model before training.
        if let Some(index) = epoch.checked_sub(1).filter(|_| !session.position.trained) {
            train_epoch(index, context, session, trainer, evaluation)?;
            session.position.trained = true;
        }
        if let Some(pause) = session.pause(context) {
            session.heed(pause, context, trainer, evaluation)?;
        }
        if !trainer.engine().parameters().is_finite() {
            return Err(RunError::Failed(format!(
                "training diverged in epoch {epoch}: parameters are no longer finite (a smaller learning rate may help)"
            )));
        }
        let Position { updates, examples, train_s, .. } = session.position;
        let mut entry =
            EpochRecord { epoch, updates, examples, metrics: Metrics::new(), timing: EpochTiming::default() };
        let mut verdict = Verdict::GoOn;
        if epoch.is_multiple_of(every) || epoch == last {
            (entry.metrics, entry.timing) = loop {
                let mut pause = None;
                let go_on = || {
                    pause = session.pause(context).filter(|pause| !matches!(pause, Pause::Save));
                    pause.is_none()
                };
                match (evaluation.metrics(trainer.engine(), epoch, go_on), pause) {
                    (Some(evaluated), _) => break evaluated,
                    (None, Some(pause)) => session.heed(pause, context, trainer, evaluation)?,
                    (None, None) => {}
                }
            };
            insert_acceptance(&mut entry.metrics, trainer.exchange_acceptance());
            verdict = session.position.early_stopping.look(train, &entry.metrics, epoch);
            if verdict == Verdict::Improved && train.early_stopping_restore {
                session.best = Some(trainer.engine().parameters());
            }
        } else if (epoch + 1).is_multiple_of(every) || epoch + 1 == last {
            evaluation.remember(trainer.engine());
        }
        entry.timing.train_s = train_s;
        session.lines.push(line_of(&entry).trim_end())?;
        session.epochs.push(entry);
        session.position = Position {
            epoch: epoch + 1,
            batch: 0,
            trained: false,
            finished: epoch == last || verdict == Verdict::Stop,
            updates: 0,
            examples: 0,
            train_s: 0.0,
            ..session.position.clone()
        };
        context.claim.reached(epoch);
        (context.epoch_finished)(epoch);
    }
    if train.early_stopping_metric != StopMetric::None {
        let epochs = session.epochs.last().map_or(0, |epoch| epoch.epoch);
        let restored = session.best.is_some();
        session.record.early_stop = Some(EarlyStop {
            epochs,
            best_epoch: session.position.early_stopping.best_epoch(),
            stopped: epochs < last,
            restored,
        });
        if let Some(best) = &session.best {
            trainer.engine().restore(best, None);
        }
    }
    Ok(())
}

/// The batches that are left of an epoch, with pauses where they are due.
fn train_epoch(
    index: u64,
    context: &RunContext,
    session: &mut Session,
    trainer: &mut Trainer,
    evaluation: &Evaluation,
) -> Result<(), RunError> {
    loop {
        let start = Instant::now();
        let mut pause = None;
        let part = trainer.train_part(index, session.position.batch, &mut || {
            pause = session.pause(context);
            pause.is_none()
        });
        let position = &mut session.position;
        position.train_s += start.elapsed().as_secs_f64();
        position.updates += part.counts.updates;
        position.examples += part.counts.examples;
        position.batch = part.next_batch;
        if part.finished {
            return Ok(());
        }
        if let Some(pause) = pause {
            session.heed(pause, context, trainer, evaluation)?;
        }
    }
}

/// The metrics of the model that the run leaves: of its last epoch, or of the best one where that was restored.
fn metrics_of_model(spec: &RunSpec, session: &Session) -> Metrics {
    let restored = spec.parameters().train.early_stopping_restore && session.best.is_some();
    let best = session.position.early_stopping.best_epoch().filter(|_| restored);
    let epochs = &session.epochs;
    let own = best.and_then(|best| epochs.iter().find(|epoch| epoch.epoch == best)).or(epochs.last());
    own.map(|epoch| epoch.metrics.clone()).unwrap_or_default()
}

/// How readily parallel tempering exchanged states in the last epoch: the mean over neighbouring temperatures, and the least.
fn insert_acceptance(metrics: &mut Metrics, acceptance: Option<Vec<Option<f64>>>) {
    if let Some(shares) = acceptance {
        // Null before the first exchange was tried.
        let shares: Option<Vec<f64>> = shares.into_iter().collect();
        let mean = shares.as_ref().map(|shares| shares.iter().sum::<f64>() / shares.len() as f64);
        metrics.insert("exchange_acceptance".into(), mean);
        metrics
            .insert("least_exchange_acceptance".into(), shares.and_then(|shares| shares.into_iter().reduce(f64::min)));
    }
}

/// The visible states (count × visible) at the ends of the sampling chains;
/// whatever they have come to where `go_on`, asked before every step, ends it.
fn draw_samples(
    spec: &RunSpec,
    trainer: &mut Trainer,
    data: (&BitMatrix, &[usize]),
    mut go_on: impl FnMut() -> bool,
) -> Result<BitMatrix, RunError> {
    let chains = spec.parameters().sample.chains(spec.seed);
    chains
        .run_while(trainer.engine(), Some(data), &mut go_on)
        .ok_or_else(|| RunError::Failed("sampling chains cannot start at data: there are no training windows".into()))
}

/// Held-out windows that a sample's distance to the training windows is compared with: so many for each sample, so that
/// a run that draws little measures little.
const HELD_OUT_PER_SAMPLE: usize = 10;

/// The music of the samples, whose nearest training windows are known, beside that of the baselines, of songs held out,
/// and of the corpus whose truth is known.
fn judge(
    spec: &RunSpec,
    corpus: &Corpus,
    material: &Material,
    (samples, nearest): (&BitMatrix, &[Nearest]),
) -> MusicComparison {
    let training = &material.windows.windows.training;
    let (layout, timesteps) = (&training.layout, training.timesteps);
    let profile = MusicProfile::new(layout, timesteps, samples, nearest);
    let held_out = material.held_out_nearest(Baselines::ENOUGH_WINDOWS.min(HELD_OUT_PER_SAMPLE * samples.rows()));
    MusicComparison {
        memorisation: Memorisation::of(nearest, &held_out),
        coverage: modes::coverage(&spec.parameters().corpus, corpus, timesteps, samples),
        ..MusicComparison::new(profile, material.baselines().clone())
    }
}

/// `samples/N.mid` for chain N; chains that ended silent are left out where the configuration says so.
fn write_samples(
    spec: &RunSpec,
    context: &RunContext,
    training: &Windows,
    samples: &BitMatrix,
    record: &mut RunRecord,
) -> Result<(), RunError> {
    let options = &spec.parameters().sample;
    let style = MidiStyle {
        beats_per_minute: options.tempo,
        velocity: options.velocity,
        program: options.program,
        steps_per_beat: spec.parameters().corpus.steps_per_beat,
    };
    for sample in 0..samples.rows() {
        if options.skip_empty && samples.count_ones_in(sample) == 0 {
            continue;
        }
        let roll = roll_from_bits(&training.layout, training.timesteps, samples.row(sample));
        let bytes = to_midi(&roll, &style);
        let path = format!("samples/{sample}.mid");
        replace(&context.folder.join(&path), &bytes)?;
        record.artifacts.push(Artifact::new(path, &bytes));
    }
    Ok(())
}

/// `rolls.json`: the same samples beside what is nearest to them in the training songs.
fn write_rolls(
    spec: &RunSpec,
    context: &RunContext,
    training: &Windows,
    (samples, nearest): (&BitMatrix, &[Nearest]),
    record: &mut RunRecord,
) -> Result<(), RunError> {
    let RunParameters { corpus, sample, .. } = spec.parameters();
    let with_silent = !sample.skip_empty;
    let rolls = RollsFile::new(training, samples, nearest, corpus.steps_per_beat, with_silent, spec.seed);
    let bytes = rolls.to_bytes();
    replace(&context.folder.join(RollsFile::NAME), &bytes)?;
    record.artifacts.push(Artifact::new(RollsFile::NAME, &bytes));
    Ok(())
}

fn corpus_record(corpus: &Corpus, material: &Material, trained_windows: usize) -> CorpusRecord {
    let Material { split, windows: split_windows, .. } = material;
    let Splits { training, validation, .. } = &split_windows.windows;
    let count = |status| corpus.files.iter().filter(|file| file.status == status).count();
    let windows = training.len() + validation.len();
    let ones = training.bits.count_ones() + validation.bits.count_ones();
    let cells = windows * training.bits.columns();
    CorpusRecord {
        digest: corpus.digest.clone(),
        songs: corpus.songs.len(),
        windows,
        density: if cells == 0 { 0.0 } else { ones as f64 / cells as f64 },
        training_songs: split.training.len(),
        validation_songs: split.validation.len(),
        test_songs: split.test.len(),
        training_windows: training.len(),
        trained_windows,
        validation_windows: validation.len(),
        test_windows: split_windows.windows.test.len(),
        transposed_songs: split_windows.transposed_songs,
        transpositions_left_out: split_windows.transpositions_left_out,
        duplicates: Some(material.duplicates),
        files: FileCounts {
            used: count(FileStatus::Used),
            skipped: count(FileStatus::Skipped),
            damaged: count(FileStatus::Damaged),
            failed: count(FileStatus::Failed),
        },
        not_whole: corpus
            .files
            .iter()
            .filter(|file| file.status != FileStatus::Used)
            .take(CorpusRecord::LISTED_FILES)
            .map(|file| FileNote { file: file.file.clone(), status: file.status, reason: file.reason.clone() })
            .collect(),
    }
}

/// Fill in the times; `connections` is the number of weights, visible × hidden.
fn summarise_timing(record: &mut RunRecord, epochs: &[EpochRecord], connections: usize) {
    let trained = epochs.iter().filter(|epoch| epoch.epoch > 0);
    let times: Vec<f64> = trained.clone().map(|epoch| epoch.timing.train_s).collect();
    // An empty sum of floats is −0.
    let train_s = times.iter().sum::<f64>() + 0.0;
    let (updates, examples) =
        trained.fold((0, 0), |(updates, examples), epoch| (updates + epoch.updates, examples + epoch.examples));
    let per_second = |count: f64| if train_s > 0.0 { count / train_s } else { 0.0 };
    record.timing = Timing {
        train_s,
        evaluate_s: epochs.iter().map(|epoch| epoch.timing.evaluate_s()).sum::<f64>() + 0.0,
        epoch_s: TimeDistribution::of(times),
        updates_per_s: per_second(updates as f64),
        examples_per_s: per_second(examples as f64),
        connection_updates_per_s: per_second(examples as f64 * connections as f64),
        ..record.timing
    };
}
