//! The training windows of the seed recipe as NumPy files, for the peers that are timed against this program.
//!
//! ```text
//! cargo run --release --example export-windows -- FOLDER [CORPUS] [--set KEY=VALUE]...
//! ```
//!
//! `windows.npy` holds the windows (windows × visible, one byte a cell, 0 or 1) and `songs.npy` where each song's
//! windows begin and end (songs × 2). Both come from the reader and the cutter that a run uses, so every peer trains on
//! what this program trains on. Without a corpus it is the built-in one. `--set model.timesteps=5` cuts other windows,
//! such as the frames of an RNN-RBM.

use anyhow::{Context, Result};
use chordbench::music::{SongSplit, Windows};
use chordbench::sweep::{SweepConfig, load_corpus};
use std::path::{Path, PathBuf};

fn main() -> Result<()> {
    let arguments = std::env::args_os().skip(1).map(std::ffi::OsString::into_string);
    let arguments: Vec<String> = arguments
        .collect::<Result<_, _>>()
        .map_err(|argument| anyhow::anyhow!("the argument {} is not Unicode", argument.display()))?;
    let settings = arguments.iter().position(|argument| argument == "--set").unwrap_or(arguments.len());
    let (paths, settings) = arguments.split_at(settings);
    let (folder, corpus) = match paths {
        [folder] => (folder, None),
        [folder, corpus] => (folder, Some(PathBuf::from(corpus))),
        _ => anyhow::bail!("give the folder to write to and, if it is not the built-in one, the corpus"),
    };
    let windows = training_windows(corpus.as_deref(), settings)?;
    let folder = Path::new(folder);
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;

    let (rows, columns) = (windows.bits.rows(), windows.bits.columns());
    let cells = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
    let cells: Vec<u8> = cells.map(|(row, column)| u8::from(windows.bits.get(row, column))).collect();
    write_npy(&folder.join("windows.npy"), "|u1", (rows, columns), &cells)?;

    let bounds = windows.songs.iter().flat_map(|song| [song.start as u64, song.end as u64]);
    let bounds: Vec<u8> = bounds.flat_map(u64::to_le_bytes).collect();
    write_npy(&folder.join("songs.npy"), "<u8", (windows.songs.len(), 2), &bounds)?;

    println!("{} songs, {rows} windows of {columns} cells, {} ones", windows.songs.len(), windows.bits.count_ones());
    Ok(())
}

/// Returns the windows that `configs/seed.toml` trains on with these settings, each behind a `--set`: those of all
/// songs, or of the training songs of a data set with splits of its own.
fn training_windows(corpus: Option<&Path>, settings: &[String]) -> Result<Windows> {
    let mut sets = Vec::new();
    for pair in settings.chunks(2) {
        match pair {
            [option, setting] if option == "--set" => sets.push(setting.clone()),
            _ => anyhow::bail!("give settings as --set KEY=VALUE"),
        }
    }
    let config = include_str!("../../configs/seed.toml").to_owned();
    let sweep = SweepConfig::from_text(Some((Path::new("configs/seed.toml"), config)), &sets)?;
    let parameters = sweep.base(corpus)?;
    let corpus = load_corpus(&parameters.corpus, &|_, _| ())?;
    let split = corpus.songs.iter().any(|song| song.split.is_some());
    anyhow::ensure!(split || parameters.corpus.validation == 0.0, "songs are held out: the windows would differ");
    let songs = SongSplit::of(&corpus, &parameters.corpus, 0).training;
    let rolls = songs.into_iter().map(|song| &corpus.songs[song].roll);
    Ok(Windows::cut(&corpus.layout, rolls, parameters.model.timesteps))
}

/// Writes a matrix in NumPy's format, version 1.0: magic, version, length of the header, header, values row by row.
fn write_npy(path: &Path, element: &str, (rows, columns): (usize, usize), values: &[u8]) -> Result<()> {
    const PREAMBLE: usize = 10;
    let mut header = format!("{{'descr': '{element}', 'fortran_order': False, 'shape': ({rows}, {columns}), }}");
    // The values begin at a multiple of 64 bytes, and the header ends with a line feed.
    let padding = (PREAMBLE + header.len() + 1).next_multiple_of(64) - (PREAMBLE + header.len() + 1);
    header.push_str(&" ".repeat(padding));
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend_from_slice(&u16::try_from(header.len()).context("the header is too long")?.to_le_bytes());
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend_from_slice(values);
    std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
