//! Measures the log-likelihood of a saved model on a corpus.
//!
//! ```text
//! cargo run --release --example evaluate_model -- MODEL.safetensors [FOLDER_OF_MIDI_FILES]
//! ```
//!
//! Without a folder of MIDI files it reads the built-in corpus. A sweep saves a model in the folder of each run.

use anyhow::Context;
use chordbench::engine::Isa;
use chordbench::model::likelihood::{LikelihoodRequest, MAXIMUM_ENUMERATED_UNITS, METHODS, NamedWindows};
use chordbench::music::{CorpusOptions, Windows};
use chordbench::sweep::{ModelFile, load_corpus};
use std::path::PathBuf;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let file = ModelFile::read(&arguments.next().context("give the model to evaluate")?)?;
    let (description, run) = (&file.description, file.run_parameters()?);

    // The corpus is read as the model's run read its own.
    let reading = CorpusOptions { path: arguments.next(), ..run.corpus };
    let corpus = load_corpus(&reading, &|_, _| ())?;
    anyhow::ensure!(corpus.layout == description.layout, "the corpus has other pitches or planes than the model");
    let windows = Windows::cut(&corpus.layout, corpus.songs.iter().map(|song| &song.roll), description.timesteps);
    let rows: Vec<usize> = (0..windows.len()).collect();
    anyhow::ensure!(!rows.is_empty(), "no song has {} steps", description.timesteps);

    // ln Z by enumeration if the smaller layer allows it, otherwise bracketed by annealing.
    let model = file.open(Isa::detect()?)?;
    let density = model.density().context("this kind of model has no likelihood")?;
    let possible = density.enumerated_units().is_none_or(|units| units <= MAXIMUM_ENUMERATED_UNITS);
    let annealing = (!possible).then(|| run.evaluate.annealing());
    let request = LikelihoodRequest { exact: possible, annealing, posterior_samples: 20, seed: 1 };
    let splits =
        [NamedWindows { name: "train", windows: &windows.bits, songs: &windows.songs, rows: &rows, judged: true }];
    let likelihood = density.log_likelihood(&splits, &request).ok().context("this kind of model has no likelihood")?;

    println!("mean log-likelihood of {} windows, in nats per window and per step", windows.len());
    for method in METHODS {
        if let Some(mean) = likelihood.mean(&likelihood.splits[0], method) {
            println!("{method:>16} {mean:>12.3} {:>12.3}", mean / description.timesteps as f64);
        }
    }
    Ok(())
}
