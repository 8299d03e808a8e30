//! The training windows of the seed recipe as NumPy files, for the peers that are timed against this program.
//!
//! ```text
//! cargo run --release --example export-windows -- FOLDER [CORPUS]
//! ```
//!
//! `windows.npy` holds the windows (windows × visible, one byte a cell, 0 or 1) and `songs.npy` where each song's
//! windows begin and end (songs × 2). Both come from the reader and the cutter that a run uses, so every peer trains on
//! what this program trains on. Without a corpus it is the built-in one.

use anyhow::{Context, Result};
use chordbench::music::Windows;
use chordbench::sweep::{SweepConfig, load_corpus};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

fn main() -> Result<()> {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let (folder, corpus) = match arguments.as_slice() {
        [folder] => (folder, None),
        [folder, corpus] => (folder, Some(PathBuf::from(corpus))),
        _ => anyhow::bail!("give the folder to write to and, if it is not the built-in one, the corpus"),
    };
    let windows = seed_windows(corpus.as_deref())?;
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

/// Returns the windows that `configs/seed.toml` trains on, of all songs: that recipe holds none out.
fn seed_windows(corpus: Option<&Path>) -> Result<Windows> {
    let config = include_str!("../../configs/seed.toml").to_owned();
    let sweep = SweepConfig::from_text(Some((Path::new("configs/seed.toml"), config)), &[])?;
    let parameters = sweep.base(corpus)?;
    anyhow::ensure!(parameters.corpus.validation == 0.0, "the seed recipe holds songs out: the windows would differ");
    let corpus = load_corpus(&parameters.corpus, &|_, _| ())?;
    let rolls = corpus.songs.iter().map(|song| &song.roll);
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
