//! The arguments that several verbs share.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// The form of the lines on standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// Plain text.
    #[default]
    Plain,
    /// One JSON object per line: `timestamp`, `level`, `message`, and the fields of the event.
    Json,
}

/// The amount and the form of the lines on standard error.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(super) struct Verbosity {
    /// Show errors alone.
    #[arg(short, long)]
    pub(super) quiet: bool,
    /// Show more: files that are skipped (-v), every file (-vv).
    #[arg(short, long, action = clap::ArgAction::Count, conflicts_with = "quiet")]
    pub(super) verbose: u8,
    /// Log and progress on standard error: plain text, or one JSON object per line.
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "plain")]
    pub(super) log_format: LogFormat,
}

/// A configuration: a file, with settings that override it.
#[derive(Clone, Debug, Args)]
pub(super) struct ConfigArguments {
    /// The sweep, in TOML.
    #[arg(long, value_name = "FILE")]
    pub(super) config: PathBuf,
    /// Override a key of the file: `--set train.k=5`, `--set 'sweep.grid."model.hidden"=[50, 100]'`.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(super) sets: Vec<String>,
}
