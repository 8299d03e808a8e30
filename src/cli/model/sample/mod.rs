//! `runner sample`: more music, or more rows, from a trained model.

mod given;
mod rows;

use super::{MODEL_HELP, chosen_model};
use crate::cli::arguments::Verbosity;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::key_flag::{OutOfRange, help, help_with_default, or_of_run, values_of};
use crate::cli::output::console::{other_columns, print, start_logging};
use crate::compose::{Overlap, fill_in, fill_in_frames};
use crate::engine::Isa;
use crate::machine::available_bytes;
use crate::machine::text::Shown as _;
use crate::model::{ChainStart, Chains, LastStep, Model};
use crate::music::{CorpusOptions, MidiStyle, PianoRoll, Windows, notes, sound, to_midi};
use crate::sweep::{Key, ModelDescription, ModelFile, SampleOptions, StoreError, in_words, load_corpus, write_whole};
use clap::Args;
use given::{Given, GivenArguments};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Arguments of `runner sample`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:\n  runner sample --model results/quick --out music --count 20 \
    --steps 1000 --start noise\n  runner sample --model MODEL --continue song.mid --length 8bars --wav\n  runner sample \
    --model MODEL --harmonise tune.mid --keep melody --key G\n  runner sample --model MODEL --length 64bars\n  \
    runner sample --model RNN-RBM --length 64bars --steps 25 --start independent --wav")]
pub(in crate::cli) struct SampleArguments {
    #[arg(long, value_name = "MODEL", help = MODEL_HELP)]
    model: PathBuf,
    /// Folder for the MIDI files, or for samples.npy if the model is of rows that are not music; created if missing.
    #[arg(long, value_name = "DIR", default_value = "samples")]
    out: PathBuf,
    #[arg(long, value_name = "N", help = help("sample.count"), value_parser = values_of::<usize>("sample.count"))]
    count: Option<usize>,
    #[arg(long, value_name = "N", help = help("sample.steps"), value_parser = values_of::<u64>("sample.steps"))]
    steps: Option<u64>,
    #[arg(long, value_parser = values_of::<ChainStart>("sample.start"))]
    #[arg(help = help_with_default("sample.start", "`sample.start` of the model's run; without --corpus, noise for data, or independent in a model of sequences"))]
    start: Option<ChainStart>,
    #[arg(long, value_name = "T", help = help("sample.temperature"), value_parser = values_of::<f64>("sample.temperature"))]
    temperature: Option<f64>,
    #[arg(long, value_name = "FACTOR", help = help("sample.annealing"), value_parser = values_of::<f64>("sample.annealing"))]
    annealing: Option<f64>,
    #[arg(long, help = help("sample.last_step"), value_parser = values_of::<LastStep>("sample.last_step"))]
    last_step: Option<LastStep>,
    /// Seed of the chains; another seed makes other music.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    given: GivenArguments,
    /// Steps from one window of a piece to the next; the others overlap [default: a window less one step]. A
    /// small hop holds on to one chord. Not for a model of sequences, whose frames follow one another.
    #[arg(long, value_name = "STEPS")]
    hop: Option<usize>,
    #[arg(long, value_name = "BPM", value_parser = values_of::<f64>("sample.tempo"))]
    #[arg(help = help_with_default("sample.tempo", "that of the file given, or else `sample.tempo` of the model's run"))]
    tempo: Option<f64>,
    #[arg(long, help = help("sample.velocity"), value_parser = values_of::<u8>("sample.velocity"))]
    velocity: Option<u8>,
    #[arg(long, help = help("sample.program"), value_parser = values_of::<u8>("sample.program"))]
    program: Option<u8>,
    /// Render the sound of every piece too: N.wav beside N.mid.
    #[arg(long)]
    wav: bool,
    /// MIDI files or rows to start chains at, for `--start data`; read by the rules of the model's run.
    #[arg(long, value_name = "PATH")]
    corpus: Option<PathBuf>,
    #[command(flatten)]
    verbosity: Verbosity,
}

pub(in crate::cli) fn run(arguments: &SampleArguments) -> Result<Exit, CliError> {
    start_logging(arguments.verbosity);
    let arguments = &SampleArguments { model: chosen_model(&arguments.model)?, ..arguments.clone() };
    let model = ModelFile::read(&arguments.model)?;
    if !model.description.layout.is_music() {
        return rows::run(arguments, &model);
    }
    let pieces = pieces(arguments, &model)?;
    let Written { files, others } = write(arguments, &pieces)?;
    if !others.is_empty() {
        let (folder, others) = (arguments.out.shown(), listed(&others));
        tracing::warn!("{folder} holds other numbered files beside those of this call: {others}");
    }
    if arguments.verbosity.quiet {
        return Ok(Exit::Done);
    }
    let silent = pieces.rolls.len() - files;
    let left_out = if silent > 0 { format!(" ({silent} silent ones left out)") } else { String::new() };
    print(&format!("{files} samples{left_out} in {}\n", arguments.out.shown()), Exit::Done)
}

/// The music made, with the style of its files.
struct Pieces {
    rolls: Vec<PianoRoll>,
    style: MidiStyle,
    skip_empty: bool,
}

/// Makes the requested music; an error names the fault of the request.
fn pieces(arguments: &SampleArguments, model: &ModelFile) -> Result<Pieces, CliError> {
    let parameters = model.run_parameters().map_err(CliError::usage)?;
    let isa = Isa::detect()?;
    let mut opened = finite(arguments, model, isa)?;
    let (own, description) = (&parameters.sample, &model.description);
    let of_sequences = opened.recurrence().is_some();
    let overlap = match arguments.hop {
        Some(hop) if of_sequences => {
            let why = "the frames of this model follow one another and do not overlap";
            return Err(CliError::usage(format!("--hop {hop}: {why}: leave it out")));
        }
        hop => overlap(hop, description.timesteps)?,
    };
    let chains = chains(arguments, own, of_sequences)?;
    if arguments.corpus.is_some() && chains.start != ChainStart::Data {
        return Err(CliError::usage(
            "--corpus gives chains windows to start at, and these do not start there: add --start data",
        ));
    }
    let length = if of_sequences { own.length } else { description.timesteps };
    let given = arguments.given.read(description, &parameters.corpus, (length, of_sequences))?;
    for remark in &given.remarks {
        tracing::warn!("{remark}");
    }
    let style = style(arguments, own, &given, description.steps_per_beat)?;
    if let Some(remark) = tempo_remark(arguments, &given, style.beats_per_minute) {
        tracing::warn!("{remark}");
    }
    check_room(chains.count, given.sketch.steps(), description)?;
    if arguments.wav {
        let seconds = given.sketch.steps() as f64 * 60.0 / style.beats_per_minute / f64::from(style.steps_per_beat);
        if seconds > sound::MAX_SECONDS {
            return Err(CliError::usage(format!("--wav: {}", sound::TooLong { seconds })));
        }
    }
    let data = match &arguments.corpus {
        None => None,
        Some(path) => Some(windows(path, &parameters.corpus, model)?),
    };
    let rows: Vec<usize> = (0..data.as_ref().map_or(0, Windows::len)).collect();
    let data = data.as_ref().map(|windows| (&windows.bits, rows.as_slice()));
    let rolls = if of_sequences {
        fill_in_frames(opened.as_mut(), &given.sketch, description.timesteps, &chains, data, &mut || true)
    } else {
        fill_in(opened.sampler(), &given.sketch, overlap, &chains, data)
    };
    let rolls = rolls.ok_or_else(|| match &arguments.corpus {
        None => CliError::usage("--start data needs windows to start at: name a folder of MIDI files with --corpus"),
        Some(path) => {
            let (path, timesteps) = (path.shown(), description.timesteps);
            CliError::usage(format!(
                "{path}: no song is as long as the model's {timesteps} time steps, to start chains at"
            ))
        }
    })?;
    Ok(Pieces { rolls, style, skip_empty: own.skip_empty })
}

/// Opens a model whose parameters are finite numbers.
fn finite(arguments: &SampleArguments, model: &ModelFile, isa: Isa) -> Result<Box<dyn Model>, CliError> {
    let place = arguments.model.shown();
    let opened = model.open(isa).map_err(|error| CliError::usage(format!("{place}: {error}")))?;
    if opened.is_finite() {
        return Ok(opened);
    }
    let makes = if model.description.layout.is_music() { "music" } else { "samples" };
    Err(CliError::usage(format!("{place}: some of its parameters are not finite numbers: it makes no {makes}")))
}

/// Returns the windows of a piece: they share one step unless another hop is given.
fn overlap(hop: Option<usize>, timesteps: usize) -> Result<Overlap, CliError> {
    let Some(hop) = hop else { return Ok(Overlap::of_one_step(timesteps)) };
    let most = (timesteps - 1).max(1);
    if !(1..=most).contains(&hop) {
        let why = format!("the windows of this model have {timesteps} steps and must overlap");
        return Err(CliError::usage(format!("--hop {hop}: expected 1 to {most}: {why}")));
    }
    Ok(Overlap { timesteps, hop })
}

/// Returns the requested chains; settings not given are those of the model's run. A model that is not one of sequences
/// refuses the starts that only these have.
fn chains(arguments: &SampleArguments, own: &SampleOptions, of_sequences: bool) -> Result<Chains, CliError> {
    let name = match arguments.start {
        Some(ChainStart::Previous) => Some("previous"),
        Some(ChainStart::Independent) => Some("independent"),
        _ => None,
    };
    if let Some(name) = name.filter(|_| !of_sequences) {
        let why = "a start in a model of sequences, and this is one of windows: expected zeros, noise or data";
        return Err(CliError::usage(format!("--start {name}: {why}")));
    }
    let own_start = match own.start {
        ChainStart::Data if arguments.corpus.is_none() && of_sequences => ChainStart::Independent,
        ChainStart::Data if arguments.corpus.is_none() => ChainStart::Noise,
        start => start,
    };
    Ok(Chains {
        count: or_of_run(("--count", arguments.count), "sample.count", own.count)?,
        steps: or_of_run(("--steps", arguments.steps), "sample.steps", own.steps as u64)?,
        start: arguments.start.unwrap_or(own_start),
        temperature: or_of_run(("--temperature", arguments.temperature), "sample.temperature", own.temperature)?,
        annealing: or_of_run(("--annealing", arguments.annealing), "sample.annealing", own.annealing)?,
        last_step: arguments.last_step.unwrap_or(own.last_step),
        ..own.chains(arguments.seed)
    })
}

/// Returns the requested style; settings not given are those of the given file or, without one, of the model's run.
fn style(
    arguments: &SampleArguments,
    own: &SampleOptions,
    given: &Given,
    steps_per_beat: u32,
) -> Result<MidiStyle, OutOfRange> {
    let of_file = given.tempi.first().copied().filter(|&tempo| is_tempo(tempo));
    Ok(MidiStyle {
        beats_per_minute: or_of_run(("--tempo", arguments.tempo.or(of_file)), "sample.tempo", own.tempo)?,
        velocity: or_of_run(("--velocity", arguments.velocity), "sample.velocity", own.velocity)?,
        program: or_of_run(("--program", arguments.program), "sample.program", own.program)?,
        steps_per_beat,
    })
}

/// Returns true for a tempo that music can be written in.
fn is_tempo(tempo: f64) -> bool {
    Key::named("sample.tempo").admits(&tempo.into())
}

/// Returns a remark on the tempi of the given file that are lost, unless a tempo is requested; all is written at
/// `tempo`.
fn tempo_remark(arguments: &SampleArguments, given: &Given, tempo: f64) -> Option<String> {
    let first = *given.tempi.first().filter(|_| arguments.tempo.is_none())?;
    if !is_tempo(first) {
        let expected = Key::named("sample.tempo").kind.describe();
        return Some(format!("the tempo of the file is {first:.2}, expected {expected}: written at {tempo} (--tempo)"));
    }
    let changes = given.tempi.len() - 1;
    (changes > 0).then(|| {
        let times = if changes == 1 { "once".to_owned() } else { format!("{changes} times") };
        format!("the tempo of the file changes {times}: all is written at its first, {tempo:.2} (--tempo)")
    })
}

/// Checks that the cells of the pieces, by far their largest part, fit into memory.
fn check_room(count: usize, steps: usize, model: &ModelDescription) -> Result<(), CliError> {
    let bytes_of_step = model.layout.columns().div_ceil(64) as u64 * 8;
    let cells = (count as u64).saturating_mul(steps as u64).saturating_mul(bytes_of_step);
    match available_bytes() {
        Some(available) if cells > available => {
            let (needed, there) = (in_words(cells), in_words(available));
            Err(CliError::usage(format!(
                "{count} pieces of {steps} steps take about {needed}, and {there} of memory are available: make fewer \
                 at a time, each call with its own --seed and folder"
            )))
        }
        _ => Ok(()),
    }
}

/// Reads the windows of a corpus by the rules of the model's run.
fn windows(path: &Path, options: &CorpusOptions, model: &ModelFile) -> Result<Windows, CliError> {
    let options = CorpusOptions { path: Some(path.to_path_buf()), ..options.clone() };
    let corpus = load_corpus(&options, &|_, _| ())?;
    if corpus.layout != model.description.layout {
        let columns = other_columns(&corpus.layout, &model.description.layout);
        return Err(CliError::usage(format!("{}: {columns}", path.shown())));
    }
    Ok(Windows::cut(&corpus.layout, corpus.songs.iter().map(|song| &song.roll), model.description.timesteps))
}

/// The files in the folder after a call.
struct Written {
    /// The number of pieces written.
    files: usize,
    /// The numbered files that the call has not written, such as those of an earlier call.
    others: Vec<String>,
}

/// Writes `N.mid` for chain N, and `N.wav` if requested.
fn write(arguments: &SampleArguments, pieces: &Pieces) -> Result<Written, StoreError> {
    crate::sweep::create_folder(&arguments.out)?;
    let mut written = HashSet::new();
    let mut files = 0;
    for (chain, roll) in pieces.rolls.iter().enumerate() {
        if pieces.skip_empty && notes(roll).is_empty() {
            continue;
        }
        let mut file = |extension: &str| {
            let name = format!("{chain}.{extension}");
            let path = arguments.out.join(&name);
            written.insert(name);
            path
        };
        write_whole(&file("mid"), &to_midi(roll, &pieces.style))?;
        if arguments.wav {
            let sound = sound::render(roll, &pieces.style);
            let sound = sound.unwrap_or_else(|error| panic!("the length was checked before: {error}"));
            write_whole(&file("wav"), &sound::to_wav(&sound))?;
        }
        files += 1;
    }
    let mut others = numbered_files(&arguments.out);
    others.retain(|name| !written.contains(name));
    Ok(Written { files, others })
}

/// Returns the files of a folder that are named by numbers, in their order; none if the folder cannot be listed.
fn numbered_files(folder: &Path) -> Vec<String> {
    let number = |name: &str| {
        let (stem, extension) = name.rsplit_once('.')?;
        let digits = !stem.is_empty() && stem.bytes().all(|byte| byte.is_ascii_digit());
        if digits && matches!(extension, "mid" | "wav") { stem.parse::<u64>().ok() } else { None }
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut numbered: Vec<(u64, String)> = names.filter_map(|name| Some((number(&name)?, name))).collect();
    numbered.sort();
    numbered.into_iter().map(|(_, name)| name).collect()
}

/// Lists the first few names, with the number of the others.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    let rest = names.len().saturating_sub(SHOWN);
    if rest > 0 { format!("{shown} and {rest} more") } else { shown }
}
