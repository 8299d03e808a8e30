//! What the program says: log lines, errors, and whether anybody watches.

use super::{EXIT_FAILED, EXIT_OK, EXIT_USAGE, Verbosity};
use crate::music::{Corpus, FileStatus, Layout};
use crate::sweep::{ConfigError, ConfigErrors, PrepareError, Severity};
use clap::ValueEnum;
use std::collections::HashSet;
use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::sync::OnceLock;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The form of what is said on standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// Lines for people.
    #[default]
    Plain,
    /// One JSON object a line: `timestamp`, `level`, `message`, and the fields of the event.
    Json,
}

/// The target of events that tell progress: they are said at any verbosity but `--quiet`.
pub(super) const PROGRESS: &str = "progress";

/// The form asked for by the first call of [`start_logging`].
static LOG_FORMAT: OnceLock<LogFormat> = OnceLock::new();

/// Whether standard error carries JSON.
pub(super) fn logs_json() -> bool {
    LOG_FORMAT.get() == Some(&LogFormat::Json)
}

/// Send log lines to standard error, as many as asked for, in the form asked for.
pub(super) fn start_logging(verbosity: Verbosity) {
    let level = match (verbosity.quiet, verbosity.verbose) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) => LevelFilter::WARN,
        (false, 1) => LevelFilter::INFO,
        (false, _) => LevelFilter::DEBUG,
    };
    let progress = if verbosity.quiet { LevelFilter::OFF } else { LevelFilter::INFO };
    let filter =
        tracing_subscriber::registry().with(Targets::new().with_default(level).with_target(PROGRESS, progress));
    // A lost line that told of itself would end the program: hence no internal errors.
    // Only the first call in a process can succeed; a later one keeps what is there.
    let _ = match LOG_FORMAT.get_or_init(|| verbosity.log_format) {
        LogFormat::Plain => {
            let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(colour());
            filter.with(lines.with_target(false).without_time().log_internal_errors(false)).try_init()
        }
        LogFormat::Json => {
            let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).json().flatten_event(true);
            let lines = lines.with_target(false).with_current_span(false).with_span_list(false);
            filter.with(lines.log_internal_errors(false)).try_init()
        }
    };
}

/// Whether colour and bars are welcome on standard error.
pub(super) fn colour() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// Say what is wrong with a configuration; returns the exit code.
pub(super) fn configuration_error(errors: &ConfigErrors) -> u8 {
    if logs_json() {
        errors.0.iter().for_each(log_configuration_error);
        return EXIT_USAGE;
    }
    let mut stderr = std::io::stderr().lock();
    // Nobody is left to tell if standard error itself is closed.
    let _ = writeln!(stderr, "{}", errors.render(colour()).trim_end());
    EXIT_USAGE
}

/// Say what is likely not meant in a configuration.
pub(super) fn configuration_warning(warning: &ConfigError) {
    if logs_json() {
        log_configuration_error(warning);
    } else {
        say(warning.render(colour()).trim_end());
    }
}

/// One event for a mistake: its first place with file and line, and the advice.
fn log_configuration_error(error: &ConfigError) {
    let place = error.places.first();
    let (file, line) = (place.map(|place| place.origin.source.name.as_str()), place.map(|place| place.origin.line()));
    let (label, help) = (place.map(|place| place.label.as_str()), error.help.as_deref());
    match error.severity {
        Severity::Error => tracing::error!(file, line, label, help, "{}", error.message),
        Severity::Warning => tracing::warn!(file, line, label, help, "{}", error.message),
    }
}

/// Say why a plan cannot be run; returns the exit code.
pub(super) fn prepare_error(error: &PrepareError) -> u8 {
    match error {
        PrepareError::Config(errors) => configuration_error(errors),
        PrepareError::Corpus(error) => usage_error(error),
    }
}

/// Say that input or usage is wrong; returns the exit code.
pub(super) fn usage_error(error: &dyn std::fmt::Display) -> u8 {
    tracing::error!("{error}");
    EXIT_USAGE
}

/// Say that the work failed; returns the exit code.
pub(super) fn failure(error: &dyn std::fmt::Display) -> u8 {
    tracing::error!("{error}");
    EXIT_FAILED
}

/// Print to standard output; returns the exit code: `code`, or that of a failure if the text is lost. A reader that has
/// gone away, as `head` does, has lost nothing it wanted.
pub(super) fn print(text: &str, code: u8) -> u8 {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            let lost = failure(&format!("cannot write to standard output: {error}"));
            if code == EXIT_OK { lost } else { code }
        }
        _ => code,
    }
}

/// Print a line for people to standard error. Where that is closed or full nobody can be told, and the work goes on.
pub(super) fn say(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Returns the difference between the columns of a corpus and those of a model, in words.
pub(super) fn other_columns(corpus: &Layout, model: &Layout) -> String {
    let (own, other) = (corpus.columns(), model.columns());
    match (corpus.is_music(), model.is_music()) {
        (true, true) => {
            format!("its piano rolls have {own} columns of pitches and planes, other than the model's {other}")
        }
        (true, false) => format!(
            "it is music, and the model is of rows of {other} units: name a file of such rows (.npy or .csv) with --corpus"
        ),
        (false, true) => format!("it is rows of {own} units, and the model is of music"),
        (false, false) => format!("its rows have {own} units, those of the model {other}"),
    }
}

/// Log what became of every file of some corpora; what two readings of a file agree on is said once.
pub(super) fn log_files(corpora: &[Corpus]) {
    let mut said = HashSet::new();
    for file in corpora.iter().flat_map(|corpus| &corpus.files) {
        let reason = file.reason.as_deref().unwrap_or("whole");
        if !said.insert((&file.file, file.status, reason)) {
            continue;
        }
        match file.status {
            FileStatus::Used => tracing::debug!("{}: used: {reason}", file.file),
            FileStatus::Skipped => tracing::info!("{}: skipped: {reason}", file.file),
            FileStatus::Damaged => tracing::warn!("{}: damaged: {reason}", file.file),
            FileStatus::Failed => tracing::warn!("{}: failed: {reason}", file.file),
        }
    }
}
