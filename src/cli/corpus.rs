//! `runner corpus`: what becomes of every file.

use super::console::{configuration_error, print, start_logging, usage_error};
use super::{EXIT_OK, Verbosity};
use crate::music::{Corpus, FileStatus};
use crate::sweep::Sweep;
use clap::Args;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Arguments of `runner corpus`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  runner corpus my-midi-files --set corpus.drums=true --json")]
pub(super) struct CorpusArguments {
    /// A folder of MIDI files, one MIDI file, or a polyphonic data set in JSON.
    path: PathBuf,
    /// One JSON object a file and line.
    #[arg(long)]
    json: bool,
    /// A configuration whose `corpus` table says how to read.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Set a key, over the file: `--set corpus.compat=seed`.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    #[command(flatten)]
    verbosity: Verbosity,
}

pub(super) fn run(arguments: &CorpusArguments) -> u8 {
    start_logging(arguments.verbosity);
    let base =
        Sweep::load(arguments.config.as_deref(), &arguments.sets).and_then(|sweep| sweep.base(Some(&arguments.path)));
    let options = match base {
        Ok(parameters) => parameters.corpus,
        Err(errors) => return configuration_error(&errors),
    };
    let corpus = match Corpus::survey(&options, &|_, _| ()) {
        Ok(corpus) => corpus,
        Err(error) => return usage_error(&error),
    };
    let mut text = String::new();
    for file in &corpus.files {
        // Writing to a string cannot fail.
        let _ = if arguments.json {
            writeln!(text, "{}", serde_json::to_string(file).expect("a report is plain data"))
        } else {
            let reason = file.reason.as_deref().map(|reason| format!(" ({reason})")).unwrap_or_default();
            let status = status_name(file.status);
            writeln!(
                text,
                "{status:8} {:>8} rows {:>8} hold {:>8} onset  {}{reason}",
                file.rows, file.hold_ones, file.onset_ones, file.file
            )
        };
    }
    if !arguments.json {
        let count = |status| corpus.files.iter().filter(|file| file.status == status).count();
        let rows: usize = corpus.songs.iter().map(|song| song.roll.steps()).sum();
        let _ = writeln!(
            text,
            "{} files: {} used, {} skipped, {} damaged, {} failed; {} songs of {rows} rows in all; digest {}",
            corpus.files.len(),
            count(FileStatus::Used),
            count(FileStatus::Skipped),
            count(FileStatus::Damaged),
            count(FileStatus::Failed),
            corpus.songs.len(),
            &corpus.digest[..12],
        );
    }
    print(&text, EXIT_OK)
}

fn status_name(status: FileStatus) -> &'static str {
    match status {
        FileStatus::Used => "used",
        FileStatus::Skipped => "skipped",
        FileStatus::Damaged => "damaged",
        FileStatus::Failed => "failed",
    }
}
