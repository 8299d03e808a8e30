//! One run: from a point of the sweep to its record, its model and its music.

use super::environment::Environment;
use super::evaluation::Evaluation;
use super::likelihood::{self, likelihood_metrics, run_likelihood};
use super::model_file::{ModelDescription, ModelFile};
use super::modes;
use super::parameters::RunParameters;
use super::plan::RunSpec;
use super::record::{
    Artifact, CorpusRecord, EpochRecord, EpochTiming, FileCounts, FileNote, Metrics, RunRecord, RunStatus,
    TimeDistribution, Timing, digest,
};
use super::rolls::RollsFile;
use super::split::{SongSplit, SplitWindows};
use super::store::{LineFile, StoreError, create_folder, write_whole};
use crate::engine::{BitMatrix, Isa};
use crate::evaluate::music::{
    Baselines, Memorisation, MusicComparison, MusicProfile, chosen_windows, nearest_training_window,
};
use crate::music::{Corpus, FileStatus, MidiStyle, Splits, Windows, roll_from_bits, to_midi};
use crate::train::{Trainer, TrainingSet};
use std::any::Any;
use std::path::Path;
use std::time::Instant;

/// What a run needs beside its specification.
pub(super) struct RunContext<'a> {
    /// The songs.
    pub(super) corpus: &'a Corpus,
    /// The run's name.
    pub(super) run_id: &'a str,
    /// The run's folder.
    pub(super) folder: &'a Path,
    /// The machine and the build.
    pub(super) environment: &'a Environment,
    /// The instruction set of the packed engine.
    pub(super) isa: Isa,
    /// Threads that the run may use.
    pub(super) threads: usize,
    /// Whether other runs share the machine.
    pub(super) contended: bool,
    /// Called after every epoch with the number of epochs trained.
    pub(super) epoch_finished: &'a (dyn Fn(u64) + Sync),
}

/// Why a run has no record at all: its files cannot be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum RunError {
    /// A file cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The run itself failed; this becomes its record.
    #[error("{0}")]
    Failed(String),
}

/// Train, evaluate, sample, and write everything; `result.json` comes last.
///
/// A run that fails for reasons of its own (diverged, no windows to train on) has a record that says so. An error means
/// that not even that could be written.
pub(super) fn execute(spec: &RunSpec, context: &RunContext) -> Result<RunRecord, StoreError> {
    let start = Instant::now();
    prepare_folder(context.folder)?;
    let mut log = LineFile::create(&context.folder.join("log.txt"))?;
    log.push(&format!("run {} seed {} replicate {}", context.run_id, spec.seed, spec.replicate))?;
    let mut record = RunRecord {
        schema: RunRecord::SCHEMA,
        run_id: context.run_id.to_owned(),
        status: RunStatus::Ok,
        error: None,
        params: spec.parameter_map(),
        replicate: spec.replicate,
        seed: spec.seed.to_string(),
        corpus: None,
        metrics: Metrics::new(),
        music: None,
        warnings: Vec::new(),
        timing: Timing { threads: context.threads, contended: context.contended, ..Timing::default() },
        environment: context.environment.clone(),
        artifacts: Vec::new(),
        digest: String::new(),
    };
    let mut epochs = Vec::new();
    // A panic here is a defect of the program, but one that must cost one run and not the night's other runs.
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        train_and_sample(spec, context, &mut record, &mut epochs)
    }));
    let crashed = outcome.is_err();
    let internal = |panic: Box<dyn Any + Send>| RunError::Failed(format!("internal error: {}", panic_message(&*panic)));
    match outcome.unwrap_or_else(|panic| Err(internal(panic))) {
        Ok(()) => {}
        Err(RunError::Store(error)) => return Err(error),
        Err(RunError::Failed(reason)) => {
            record.status = RunStatus::Failed;
            record.error = Some(reason);
        }
    }
    record.digest = digest(&record, &epochs);
    let connections =
        context.corpus.layout.columns() * spec.parameters().model.timesteps * spec.parameters().model.hidden;
    summarise_timing(&mut record, &epochs, connections, start);
    for warning in &record.warnings {
        log.push(&format!("warning: {warning}"))?;
    }
    let outcome = record.error.as_deref().unwrap_or("ok");
    log.push(&format!("{outcome} after {:.3} s, digest {}", record.timing.total_s, record.digest))?;
    // What diverges will diverge again, and that is a result. A defect is none: the next call tries again.
    if !crashed {
        let json = serde_json::to_string_pretty(&record).expect("a record is plain data");
        write_whole(&context.folder.join("result.json"), json.as_bytes())?;
    }
    Ok(record)
}

/// An empty folder for the run: whatever an interrupted run left there goes.
fn prepare_folder(folder: &Path) -> Result<(), StoreError> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(StoreError::at("cannot clear the folder", folder))?;
    }
    create_folder(&folder.join("samples"))
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("unknown panic").to_owned()
}

fn train_and_sample(
    spec: &RunSpec,
    context: &RunContext,
    record: &mut RunRecord,
    epochs: &mut Vec<EpochRecord>,
) -> Result<(), RunError> {
    let RunParameters { model, train, evaluate, .. } = spec.parameters();

    let start = Instant::now();
    let split = SongSplit::of(context.corpus, spec.parameters().corpus.validation, spec.seed);
    let windows = SplitWindows::cut(context.corpus, &split, &spec.parameters().corpus, model.timesteps);
    let Splits { training, validation, .. } = &windows.windows;
    let set = TrainingSet { windows: &training.bits, songs: &training.songs };
    let trained = set.trained_windows(train);
    let validation_rows: Vec<usize> = (0..validation.len()).collect();
    record.corpus = Some(corpus_record(context.corpus, &split, &windows, trained.len()));
    record.timing.corpus_s = start.elapsed().as_secs_f64();
    if trained.is_empty() {
        let songs = split.training.len();
        let steps = model.timesteps;
        return Err(RunError::Failed(format!(
            "no windows to train on: none of the {songs} training songs yields a window of {steps} steps \
             (skip_first_window leaves out the first of each song)"
        )));
    }

    let trainer = Trainer::with_isa(set, model, train, spec.seed, context.isa);
    let mut trainer = trainer.map_err(|error| RunError::Failed(error.to_string()))?;
    let sizes = (train.k as u64, model.timesteps, spec.seed);
    let mut evaluation =
        Evaluation::new(evaluate, sizes, (&training.bits, &trained), (&validation.bits, &validation_rows));
    let mut lines = LineFile::create(&context.folder.join("epochs.jsonl"))?;
    for epoch in 0..=train.epochs as u64 {
        let mut entry =
            EpochRecord { epoch, updates: 0, examples: 0, metrics: Metrics::new(), timing: EpochTiming::default() };
        let mut train_s = 0.0;
        // Epoch 0 of the record is the model before training.
        if let Some(index) = epoch.checked_sub(1) {
            let start = Instant::now();
            let counts = trainer.train_epoch(index);
            train_s = start.elapsed().as_secs_f64();
            (entry.updates, entry.examples) = (counts.updates, counts.examples);
        }
        if !trainer.engine().parameters().is_finite() {
            return Err(RunError::Failed(format!(
                "training diverged in epoch {epoch}: parameters are no longer finite (a smaller learning rate may help)"
            )));
        }
        let (every, last) = (evaluate.every as u64, train.epochs as u64);
        if epoch % every == 0 || epoch == last {
            (entry.metrics, entry.timing) = evaluation.metrics(trainer.engine(), epoch);
        } else if (epoch + 1) % every == 0 || epoch + 1 == last {
            evaluation.remember(trainer.engine());
        }
        entry.timing.train_s = train_s;
        lines.push(&serde_json::to_string(&entry).expect("an epoch's record is plain data"))?;
        epochs.push(entry);
        (context.epoch_finished)(epoch);
    }
    record.metrics = epochs.last().map(|epoch| epoch.metrics.clone()).unwrap_or_default();
    let parameters = trainer.engine().parameters();
    let start = Instant::now();
    if let Some(request) = likelihood::request(spec.parameters(), (parameters.visible, parameters.hidden), spec.seed) {
        let engine = (train.engine, context.isa);
        let found = run_likelihood(&parameters, &windows.windows, &trained, &request, engine);
        let found = found.map_err(|error| RunError::Failed(error.to_string()))?;
        record.metrics.extend(likelihood_metrics(&found, model.timesteps));
        record.warnings.extend(found.doubts());
    }
    record.timing.likelihood_s = start.elapsed().as_secs_f64();

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
    let bytes = file.write(&context.folder.join("model.safetensors"))?;
    record.artifacts.push(Artifact::new("model.safetensors", &bytes));

    let start = Instant::now();
    let samples = draw_samples(spec, &mut trainer, (&training.bits, &trained))?;
    write_samples(spec, context, training, &samples, record)?;
    write_rolls(spec, context, training, &samples, record)?;
    record.music = (samples.rows() > 0).then(|| judge(spec, context.corpus, training, validation, &samples));
    record.timing.sample_s = start.elapsed().as_secs_f64();
    Ok(())
}

/// The visible states (count × visible) at the ends of the sampling chains.
fn draw_samples(spec: &RunSpec, trainer: &mut Trainer, data: (&BitMatrix, &[usize])) -> Result<BitMatrix, RunError> {
    let chains = spec.parameters().sample.chains(spec.seed);
    chains
        .run(trainer.engine(), Some(data))
        .ok_or_else(|| RunError::Failed("sampling chains cannot start at data: there are no training windows".into()))
}

/// Held-out windows that a sample's distance to the training windows is compared with: so many for each sample, so that
/// a run that draws little measures little.
const HELD_OUT_PER_SAMPLE: usize = 10;

/// The music of the samples beside that of the baselines, of songs held out, and of the corpus whose truth is known.
fn judge(
    spec: &RunSpec,
    corpus: &Corpus,
    training: &Windows,
    validation: &Windows,
    samples: &BitMatrix,
) -> MusicComparison {
    let (layout, timesteps, enough) = (&training.layout, training.timesteps, Baselines::ENOUGH_WINDOWS);
    let nearest = nearest_training_window(samples, &training.bits, None);
    let profile = MusicProfile::new(layout, timesteps, samples, &nearest);
    let baselines = Baselines::draw(layout, timesteps, &training.bits, enough, spec.seed);
    let held_out = enough.min(HELD_OUT_PER_SAMPLE * samples.rows());
    let held_out = validation.bits.gather(&chosen_windows(validation.len(), held_out, spec.seed));
    let held_out = nearest_training_window(&held_out, &training.bits, None);
    MusicComparison {
        memorisation: Memorisation::of(&nearest, &held_out),
        coverage: modes::coverage(&spec.parameters().corpus, corpus, timesteps, samples),
        ..MusicComparison::new(profile, baselines)
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
        write_whole(&context.folder.join(&path), &bytes)?;
        record.artifacts.push(Artifact::new(path, &bytes));
    }
    Ok(())
}

/// `rolls.json`: the same samples beside what is nearest to them in the training songs.
fn write_rolls(
    spec: &RunSpec,
    context: &RunContext,
    training: &Windows,
    samples: &BitMatrix,
    record: &mut RunRecord,
) -> Result<(), RunError> {
    let RunParameters { corpus, sample, .. } = spec.parameters();
    let bytes = RollsFile::new(training, samples, corpus.steps_per_beat, !sample.skip_empty, spec.seed).to_bytes();
    write_whole(&context.folder.join(RollsFile::NAME), &bytes)?;
    record.artifacts.push(Artifact::new(RollsFile::NAME, &bytes));
    Ok(())
}

fn corpus_record(
    corpus: &Corpus,
    split: &SongSplit,
    split_windows: &SplitWindows,
    trained_windows: usize,
) -> CorpusRecord {
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
        duplicates: Some(split_windows.duplicates(corpus, split)),
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
fn summarise_timing(record: &mut RunRecord, epochs: &[EpochRecord], connections: usize, start: Instant) {
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
        total_s: start.elapsed().as_secs_f64(),
        ..record.timing
    };
}
