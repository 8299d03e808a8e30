//! `runner sample`: more music from a trained model.

use super::console::{failure, print, start_logging, usage_error};
use super::{EXIT_OK, Verbosity};
use crate::engine::{BitMatrix, Isa, build_for};
use crate::music::{CorpusOptions, MidiStyle, Windows, roll_from_bits, to_midi};
use crate::rbm::{ChainStart, Chains};
use crate::sweep::{ModelFile, SampleOptions, StoreError, load_corpus, write_whole};
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};

/// Arguments of `runner sample`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  runner sample --model results/quick/runs/RUN/model.safetensors --out music --count 20 \
    --steps 1000 --start noise"
)]
pub(super) struct SampleArguments {
    /// A model that a run has left.
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// Folder for the MIDI files; made if it is not there.
    #[arg(long, value_name = "DIR", default_value = "samples")]
    out: PathBuf,
    /// Chains to sample from [default: as in the model's run].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=100_000))]
    count: Option<u32>,
    /// Gibbs steps of each chain [default: as in the model's run].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    steps: Option<u64>,
    /// Where the chains start [default: as in the model's run, or noise if that was data and no corpus is given].
    #[arg(long, value_enum)]
    start: Option<Start>,
    /// Divides every input of a unit: below 1 the music is more conservative [default: as in the model's run].
    #[arg(long, value_name = "T")]
    temperature: Option<f64>,
    /// Seed of the chains; another seed makes other music.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Quarter notes a minute [default: as in the model's run].
    #[arg(long, value_name = "BPM")]
    tempo: Option<f64>,
    /// How hard notes are struck, 1 to 127 [default: as in the model's run].
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=127))]
    velocity: Option<u8>,
    /// General MIDI instrument, 0 to 127 [default: as in the model's run].
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=127))]
    program: Option<u8>,
    /// MIDI files to start chains at, for `--start data`; read as the model's run read its own.
    #[arg(long, value_name = "PATH")]
    corpus: Option<PathBuf>,
    #[command(flatten)]
    verbosity: Verbosity,
}

/// Where chains start.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Start {
    /// All units off.
    Zeros,
    /// Fair coin flips.
    Noise,
    /// Windows of `--corpus`.
    Data,
}

pub(super) fn run(arguments: &SampleArguments) -> u8 {
    start_logging(arguments.verbosity);
    let model = match ModelFile::read(&arguments.model) {
        Ok(model) => model,
        Err(error) => return usage_error(&error),
    };
    let parameters = match model.run_parameters() {
        Ok(parameters) => parameters,
        Err(error) => return usage_error(&error),
    };
    let own = &parameters.sample;
    let (chains, style) = match request(arguments, own, &model) {
        Ok(request) => request,
        Err(message) => return usage_error(&message),
    };
    let data = match &arguments.corpus {
        None => None,
        Some(path) => match windows(path, &parameters.corpus, &model) {
            Ok(windows) => Some(windows),
            Err(message) => return usage_error(&message),
        },
    };
    let rows: Vec<usize> = (0..data.as_ref().map_or(0, Windows::len)).collect();
    let data = data.as_ref().map(|windows| (&windows.bits, rows.as_slice()));
    let engine = Isa::detect().and_then(|isa| build_for(parameters.train.engine, model.parameters.clone(), isa));
    let mut engine = match engine {
        Ok(engine) => engine,
        Err(error) => return usage_error(&error),
    };
    let Some(samples) = chains.run(engine.as_mut(), data) else {
        return usage_error(&"--start data needs windows to start at: name a folder of MIDI files with --corpus");
    };
    match write(arguments, own, &model, &samples, &style) {
        Ok(files) => {
            if !arguments.verbosity.quiet {
                let silent = samples.rows() - files;
                let left_out = if silent > 0 { format!(" ({silent} silent ones left out)") } else { String::new() };
                return print(&format!("{files} samples{left_out} in {}\n", arguments.out.display()), EXIT_OK);
            }
            EXIT_OK
        }
        Err(error) => failure(&error),
    }
}

/// The chains and the sound that are asked for, the model's own run filling in what is not.
fn request(arguments: &SampleArguments, own: &SampleOptions, model: &ModelFile) -> Result<(Chains, MidiStyle), String> {
    let start = match (arguments.start, own.start) {
        (Some(Start::Zeros), _) | (None, ChainStart::Zeros) => ChainStart::Zeros,
        (Some(Start::Noise), _) | (None, ChainStart::Noise) => ChainStart::Noise,
        (None, ChainStart::Data) if arguments.corpus.is_none() => ChainStart::Noise,
        (Some(Start::Data), _) | (None, ChainStart::Data) => ChainStart::Data,
    };
    let temperature = arguments.temperature.unwrap_or(own.temperature);
    if !(0.001..=1000.0).contains(&temperature) {
        return Err(format!("--temperature {temperature}: expected 0.001 to 1000"));
    }
    let tempo = arguments.tempo.unwrap_or(own.tempo);
    if !(4.0..=1000.0).contains(&tempo) {
        return Err(format!("--tempo {tempo}: expected 4 to 1000 quarter notes a minute"));
    }
    let chains = Chains {
        count: arguments.count.map_or(own.count, |count| count as usize),
        steps: arguments.steps.unwrap_or(own.steps as u64),
        start,
        temperature,
        ..own.chains(arguments.seed)
    };
    let style = MidiStyle {
        beats_per_minute: tempo,
        velocity: arguments.velocity.unwrap_or(own.velocity),
        program: arguments.program.unwrap_or(own.program),
        steps_per_beat: model.description.steps_per_beat,
    };
    Ok((chains, style))
}

/// The windows of a corpus, read as the model's run read its own.
fn windows(path: &Path, options: &CorpusOptions, model: &ModelFile) -> Result<Windows, String> {
    let options = CorpusOptions { path: Some(path.to_path_buf()), ..options.clone() };
    let corpus = load_corpus(&options, &|_, _| ()).map_err(|error| error.to_string())?;
    if corpus.layout != model.description.layout {
        return Err(format!("{}: its piano rolls have other columns than the model", path.display()));
    }
    Ok(Windows::cut(&corpus.layout, corpus.songs.iter().map(|song| &song.roll), model.description.timesteps))
}

/// Write `N.mid` for chain N; returns the number of files.
fn write(
    arguments: &SampleArguments,
    own: &SampleOptions,
    model: &ModelFile,
    samples: &BitMatrix,
    style: &MidiStyle,
) -> Result<usize, StoreError> {
    let description = &model.description;
    crate::sweep::create_folder(&arguments.out)?;
    let mut files = 0;
    for sample in (0..samples.rows()).filter(|&row| !own.skip_empty || samples.count_ones_in(row) > 0) {
        let roll = roll_from_bits(&description.layout, description.timesteps, samples.row(sample));
        write_whole(&arguments.out.join(format!("{sample}.mid")), &to_midi(&roll, style))?;
        files += 1;
    }
    Ok(files)
}
