//! Trains an RBM on MIDI files and writes its samples as MIDI files.
//!
//! ```text
//! cargo run --release --example corpus_to_midi -- FOLDER_TO_WRITE [FOLDER_OF_MIDI_FILES]
//! ```
//!
//! Without a folder of MIDI files it trains on the built-in corpus.

use anyhow::Context;
use chordbench::model::{ChainStart, Chains, ModelOptions, Trainer};
use chordbench::music::{CorpusOptions, MidiStyle, Windows, roll_from_bits, to_midi};
use chordbench::sweep::load_corpus;
use chordbench::train::{TrainOptions, TrainingSet};
use std::path::PathBuf;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let folder = arguments.next().context("give the folder to write to")?;
    let reading = CorpusOptions { path: arguments.next(), ..CorpusOptions::default() };
    let corpus = load_corpus(&reading, &|_, _| ())?;

    // A window is two bars of four beats.
    let model = ModelOptions { timesteps: 32, hidden: 100, ..ModelOptions::default() };
    let options = TrainOptions { learning_rate: 0.05, epochs: 30, ..TrainOptions::default() };
    let windows = Windows::cut(&corpus.layout, corpus.songs.iter().map(|song| &song.roll), model.timesteps);
    anyhow::ensure!(!windows.is_empty(), "no song has {} steps", model.timesteps);
    println!("{} songs, {} windows of {} cells", corpus.songs.len(), windows.len(), windows.bits.columns());

    let set = TrainingSet { windows: &windows.bits, songs: &windows.songs };
    let mut trainer = Trainer::new(set, &model, &options, 1);
    for epoch in 0..options.epochs as u64 {
        trainer.train_epoch(epoch);
    }

    // Eight chains of 500 Gibbs steps, each from a training window.
    let starts: Vec<usize> = (0..windows.len()).collect();
    let chains = Chains::plain(8, 500, ChainStart::Data, 1);
    let samples = chains.run(trainer.model_mut().sampler(), Some((&windows.bits, &starts))).context("no windows")?;
    let style = MidiStyle { steps_per_beat: reading.steps_per_beat, ..MidiStyle::default() };
    std::fs::create_dir_all(&folder)?;
    for sample in 0..samples.rows() {
        let roll = roll_from_bits(&windows.layout, windows.timesteps, samples.row(sample));
        std::fs::write(folder.join(format!("{sample}.mid")), to_midi(&roll, &style))?;
    }
    println!("{} MIDI files in {}", samples.rows(), folder.display());
    Ok(())
}
