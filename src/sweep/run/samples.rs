//! The samples of a run, from the draw to their files.

use super::context::RunContext;
use super::material::Material;
use super::session::{RunError, Session, Underway};
use crate::compose::fill_in_frames;
use crate::data::to_npy;
use crate::engine::BitMatrix;
use crate::evaluate::music::{
    Baselines, Harmonies, Memorisation, MusicComparison, MusicProfile, Nearest, mode_coverage, nearest_training_window,
};
use crate::music::{MidiStyle, Sketch, Windows, notes, roll_from_bits, to_midi};
use crate::sweep::config::RunParameters;
use crate::sweep::results::{Artifact, RollsFile, RunRecord};
use crate::sweep::store::replace;
use std::time::Instant;

/// The file of the samples of rows that are not music, below the run's folder.
const ROWS: &str = "samples/samples.npy";

/// Draws the samples of a run and writes them; those that are music are written as MIDI and compared with other music.
pub(super) fn sample<U: Underway>(
    context: &RunContext,
    session: &mut Session,
    underway: &mut U,
    material: &Material,
    trained: &[usize],
) -> Result<(), RunError> {
    if underway.model().recurrence().is_some() {
        return sample_pieces(context, session, underway, (&material.windows.windows.training.bits, trained));
    }
    let start = Instant::now();
    let training = &material.windows.windows.training;
    let chains = context.parameters().sample.chains(context.spec.seed);
    let samples = session.attempt(context, underway, |own, go_on| {
        chains.run_while(own.model_mut().sampler(), Some((&training.bits, trained)), go_on)
    })?;
    let samples = samples.ok_or_else(|| {
        RunError::Failed("sampling chains cannot start at data: there are no training windows".into())
    })?;
    let record = &mut session.record;
    if !training.layout.is_music() {
        if samples.rows() > 0 {
            let bytes = to_npy(&samples);
            replace(&context.folder.join(ROWS), &bytes)?;
            record.artifacts.push(Artifact::new(ROWS, &bytes));
        }
        record.timing.sample_s = start.elapsed().as_secs_f64();
        return Ok(());
    }
    write_music(context, material, (&samples, RollsFile::STEPS), record)?;
    record.timing.sample_s = start.elapsed().as_secs_f64();
    Ok(())
}

/// Draws pieces of `sample.length` steps from a model of sequences, and compares them with stretches of songs as long.
fn sample_pieces<U: Underway>(
    context: &RunContext,
    session: &mut Session,
    underway: &mut U,
    trained: (&BitMatrix, &[usize]),
) -> Result<(), RunError> {
    let start = Instant::now();
    let RunParameters { model, sample, .. } = context.parameters();
    let layout = &context.corpus.layout;
    let sketch = Sketch::open(layout.clone(), sample.length);
    let chains = sample.chains(context.spec.seed);
    let pieces = session.attempt(context, underway, |own, go_on| {
        fill_in_frames(own.model_mut(), &sketch, model.timesteps, &chains, Some(trained), go_on)
    })?;
    let pieces = pieces
        .ok_or_else(|| RunError::Failed("sampling chains cannot start at data: there are no training frames".into()))?;
    let record = &mut session.record;
    let columns = layout.columns();
    let samples = BitMatrix::from_fn(pieces.len(), sample.length * columns, |piece, cell| {
        pieces[piece].cells.get(cell / columns, cell % columns)
    });
    let material = context.host.material_of(sample.length);
    if layout.is_music() {
        write_music(context, &material, (&samples, RollsFile::PIECE_STEPS), record)?;
    } else if samples.rows() > 0 {
        let bytes = to_npy(&samples);
        replace(&context.folder.join(ROWS), &bytes)?;
        record.artifacts.push(Artifact::new(ROWS, &bytes));
    }
    record.timing.sample_s = start.elapsed().as_secs_f64();
    Ok(())
}

/// Writes samples as MIDI files and as rolls of at most `most_steps` steps, and compares them with windows of songs as
/// long.
fn write_music(
    context: &RunContext,
    material: &Material,
    (samples, most_steps): (&BitMatrix, usize),
    record: &mut RunRecord,
) -> Result<(), RunError> {
    let training = &material.windows.windows.training;
    write_samples(context, training, samples, record)?;
    let nearest = nearest_training_window(samples, &training.bits, None);
    write_rolls(context, training, (samples, &nearest), most_steps, record)?;
    if training.is_empty() {
        // No song is as long as the pieces: there is nothing to compare them with.
        return Ok(());
    }
    record.music = (samples.rows() > 0).then(|| judge(context, material, (samples, &nearest)));
    Ok(())
}

/// The number of held-out windows for each sample that its distance to the training windows is compared with. A run
/// that draws few samples measures little.
const HELD_OUT_PER_SAMPLE: usize = 10;

/// Compares the music of the samples with that of the baselines, with held-out songs, and with the known modes of the
/// built-in corpus.
fn judge(context: &RunContext, material: &Material, (samples, nearest): (&BitMatrix, &[Nearest])) -> MusicComparison {
    let training = &material.windows.windows.training;
    let (layout, timesteps) = (&training.layout, training.timesteps);
    let steps_per_beat = context.parameters().corpus.steps_per_beat;
    let profile = MusicProfile::new(layout, timesteps, samples, nearest);
    // The windows of other models have the metrics that they always had, however long they are.
    let pieces = context.parameters().model.kind.has_memory();
    let baselines = material.baselines().clone();
    let (profile, baselines) = if pieces {
        (profile.with_pieces(layout, timesteps, steps_per_beat, samples), baselines)
    } else {
        (profile, baselines.without_pieces())
    };
    let held_out = material.held_out_nearest(Baselines::ENOUGH_WINDOWS.min(HELD_OUT_PER_SAMPLE * samples.rows()));
    MusicComparison {
        memorisation: Memorisation::of(nearest, &held_out),
        coverage: mode_coverage(&context.parameters().corpus, context.corpus, timesteps, samples),
        diversity: material.diversity(&Harmonies::of_windows(layout, timesteps, samples)),
        ..MusicComparison::new(profile, baselines)
    }
}

/// Writes `samples/N.mid` for chain N, except for chains without a note if the configuration leaves those out.
fn write_samples(
    context: &RunContext,
    training: &Windows,
    samples: &BitMatrix,
    record: &mut RunRecord,
) -> Result<(), RunError> {
    let options = &context.parameters().sample;
    let style = MidiStyle {
        beats_per_minute: options.tempo,
        velocity: options.velocity,
        program: options.program,
        steps_per_beat: context.parameters().corpus.steps_per_beat,
    };
    let mut silent = 0;
    for sample in 0..samples.rows() {
        let roll = roll_from_bits(&training.layout, training.timesteps, samples.row(sample));
        let is_silent = notes(&roll).is_empty();
        silent += usize::from(is_silent);
        if options.skip_empty && is_silent {
            continue;
        }
        let bytes = to_midi(&roll, &style);
        let path = format!("samples/{sample}.mid");
        replace(&context.folder.join(&path), &bytes)?;
        record.artifacts.push(Artifact::new(path, &bytes));
    }
    if silent > 0 {
        let warning = format!("{silent} of {} samples hold no note", samples.rows());
        tracing::warn!("run {}: {warning}", context.run_id);
        record.warnings.push(warning);
    }
    Ok(())
}

/// Writes `rolls.json`: the samples beside the windows of the training songs that are nearest to them.
fn write_rolls(
    context: &RunContext,
    training: &Windows,
    (samples, nearest): (&BitMatrix, &[Nearest]),
    most_steps: usize,
    record: &mut RunRecord,
) -> Result<(), RunError> {
    let RunParameters { corpus, sample, .. } = context.parameters();
    let with_silent = !sample.skip_empty;
    let seed = context.spec.seed;
    let rolls = RollsFile::new(training, samples, nearest, (most_steps, corpus.steps_per_beat), with_silent, seed);
    let bytes = rolls.to_bytes();
    replace(&context.folder.join(RollsFile::NAME), &bytes)?;
    record.artifacts.push(Artifact::new(RollsFile::NAME, &bytes));
    Ok(())
}
