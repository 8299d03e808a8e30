//! The arguments that several verbs share.

use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::str::FromStr;

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

/// A configuration: files, with settings that override them.
#[derive(Clone, Debug, Args)]
pub(super) struct ConfigArguments {
    /// The sweep, in TOML. Given again, a layer above: what a later file sets or sweeps wins.
    #[arg(long, value_name = "FILE", required = true)]
    pub(super) config: Vec<PathBuf>,
    /// Override a key of the file: `--set train.k=5`, `--set 'sweep.grid."model.hidden"=[50, 100]'`.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(super) sets: Vec<String>,
}

/// A length of music.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    Steps(usize),
    Bars(usize),
}

impl FromStr for Length {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
        let count = digits.parse().ok().filter(|&count: &usize| count > 0);
        match (count, text[digits.len()..].trim()) {
            (Some(steps), "") => Ok(Self::Steps(steps)),
            (Some(bars), "bar" | "bars") => Ok(Self::Bars(bars)),
            _ => Err("expected steps, such as 256, or bars, such as 8bars"),
        }
    }
}

impl Length {
    /// Returns the number of steps.
    pub(super) fn steps(self, steps_per_beat: u32) -> usize {
        match self {
            Self::Steps(steps) => steps,
            Self::Bars(bars) => bars.saturating_mul(4 * steps_per_beat as usize),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Length;

    #[test]
    fn lengths_are_steps_or_bars() {
        let steps = |text: &str| text.parse().map(|length: Length| length.steps(4));
        assert_eq!(steps("256"), Ok(256));
        assert_eq!(steps("8bars"), Ok(128));
        assert_eq!(steps("1 bar"), Ok(16));
        for text in ["", "0", "bars", "-3", "8beats", "3.5", "99999999999999999999"] {
            assert!(steps(text).unwrap_err().contains("8bars"), "{text}");
        }
    }
}
