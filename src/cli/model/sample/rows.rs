//! The samples of `runner sample` from a model of rows that are not music: one NumPy file.

use super::{SampleArguments, chains, finite, listed, windows};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::console::print;
use crate::compose::fill_in_frames;
use crate::data::to_npy;
use crate::engine::{BitMatrix, Isa};
use crate::machine::text::Shown as _;
use crate::model::ChainStart;
use crate::music::{Sketch, Windows};
use crate::sweep::{ModelFile, create_folder, write_whole};

/// The name of the file.
const NAME: &str = "samples.npy";

/// Draws samples (count × units; of a model of sequences, count × steps · units) and writes them as `samples.npy`.
pub(super) fn run(arguments: &SampleArguments, model: &ModelFile) -> Result<Exit, CliError> {
    let samples = samples(arguments, model)?;
    let path = arguments.out.join(NAME);
    create_folder(&arguments.out)?;
    write_whole(&path, &to_npy(&samples))?;
    let line = format!("{} samples of {} units in {}\n", samples.rows(), samples.columns(), path.shown());
    print(if arguments.verbosity.quiet { "" } else { &line }, Exit::Done)
}

/// Draws the requested samples; an error names the fault of the request.
fn samples(arguments: &SampleArguments, model: &ModelFile) -> Result<BitMatrix, CliError> {
    let place = arguments.model.shown();
    let of_music = of_music(arguments);
    if !of_music.is_empty() {
        let (flags, units) = (listed(&of_music), model.description.layout.columns());
        return Err(CliError::usage(format!(
            "{place} is a model of rows of {units} units, which are not music: leave out {flags}"
        )));
    }
    let parameters = model.run_parameters().map_err(CliError::usage)?;
    let mut opened = finite(arguments, model, Isa::detect()?)?;
    let of_sequences = opened.recurrence().is_some();
    let chains = chains(arguments, &parameters.sample, of_sequences)?;
    if arguments.corpus.is_some() && chains.start != ChainStart::Data {
        let message = "--corpus gives chains rows to start at, and these do not start there: add --start data";
        return Err(CliError::usage(message));
    }
    let data = arguments.corpus.as_deref().map(|path| windows(path, &parameters.corpus, model)).transpose()?;
    let rows: Vec<usize> = (0..data.as_ref().map_or(0, Windows::len)).collect();
    let data = data.as_ref().map(|rows_of_data| (&rows_of_data.bits, rows.as_slice()));
    let samples = if of_sequences {
        let sketch = Sketch::open(model.description.layout.clone(), parameters.sample.length);
        let timesteps = model.description.timesteps;
        fill_in_frames(opened.as_mut(), &sketch, timesteps, &chains, data, &mut || true).map(|pieces| {
            let columns = sketch.layout().columns();
            BitMatrix::from_fn(pieces.len(), sketch.steps() * columns, |piece, cell| {
                pieces[piece].cells.get(cell / columns, cell % columns)
            })
        })
    } else {
        chains.run(opened.sampler(), data)
    };
    samples.ok_or_else(|| CliError::usage("--start data needs rows to start at: name a file of rows with --corpus"))
}

/// Returns the arguments given that apply to music alone.
fn of_music(arguments: &SampleArguments) -> Vec<String> {
    let given = [
        ("--hop", arguments.hop.is_some()),
        ("--tempo", arguments.tempo.is_some()),
        ("--velocity", arguments.velocity.is_some()),
        ("--program", arguments.program.is_some()),
        ("--wav", arguments.wav),
    ];
    let others = given.into_iter().filter(|(_, given)| *given).map(|(name, _)| name);
    arguments.given.names().into_iter().chain(others).map(str::to_owned).collect()
}
