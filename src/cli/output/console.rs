//! The lines of the program on its standard streams.

use crate::cli::arguments::{LogFormat, Verbosity};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::machine::text::safe_lines;
use crate::music::{Corpus, FileStatus, Layout};
use crate::sweep::{ConfigError, ConfigErrors, Severity};
use std::collections::HashSet;
use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::sync::OnceLock;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The target of progress events: they are shown at any verbosity but `--quiet`.
pub(in crate::cli) const PROGRESS: &str = "progress";

/// The form that the first call of [`start_logging`] sets.
static LOG_FORMAT: OnceLock<LogFormat> = OnceLock::new();

/// Returns true if standard error carries JSON.
pub(in crate::cli) fn logs_json() -> bool {
    LOG_FORMAT.get() == Some(&LogFormat::Json)
}

/// Sends log lines to standard error, in the amount and the form given.
pub(in crate::cli) fn start_logging(verbosity: Verbosity) {
    let level = match (verbosity.quiet, verbosity.verbose) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) => LevelFilter::WARN,
        (false, 1) => LevelFilter::INFO,
        (false, _) => LevelFilter::DEBUG,
    };
    let progress = if verbosity.quiet { LevelFilter::OFF } else { LevelFilter::INFO };
    let filter =
        tracing_subscriber::registry().with(Targets::new().with_default(level).with_target(PROGRESS, progress));
    // A report of a lost line would end the program: hence no internal errors.
    // Only the first call in a process can succeed; a later one changes nothing.
    let _ = match LOG_FORMAT.get_or_init(|| verbosity.log_format) {
        LogFormat::Plain => {
            let lines = tracing_subscriber::fmt::layer().with_writer(|| SafeError).with_ansi(colour());
            filter.with(lines.with_target(false).without_time().log_internal_errors(false)).try_init()
        }
        LogFormat::Json => {
            let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).json().flatten_event(true);
            let lines = lines.with_target(false).with_current_span(false).with_span_list(false);
            filter.with(lines.log_internal_errors(false)).try_init()
        }
    };
}

/// Standard error without what a terminal would obey, but for colours. Each write is one event.
struct SafeError;

impl std::io::Write for SafeError {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        std::io::stderr().lock().write_all(safe_lines(&text, colour()).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().flush()
    }
}

/// Returns true if standard error takes colour and bars.
pub(in crate::cli) fn colour() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// Logs the error that ends a verb.
pub(in crate::cli) fn log_error(error: &CliError) {
    match error {
        CliError::Config(ConfigErrors(errors)) if logs_json() => errors.iter().for_each(log_configuration_error),
        CliError::Config(errors) => say(errors.render(colour()).trim_end()),
        CliError::Usage(reason) | CliError::Failed(reason) => tracing::error!("{reason}"),
    }
}

/// Shows a warning about a configuration.
pub(in crate::cli) fn configuration_warning(warning: &ConfigError) {
    if logs_json() {
        log_configuration_error(warning);
    } else {
        say(warning.render(colour()).trim_end());
    }
}

/// Logs a mistake as one event: its first place with file and line, and the advice.
fn log_configuration_error(error: &ConfigError) {
    let place = error.places.first();
    let (file, line) = (place.map(|place| place.origin.source.name.as_str()), place.map(|place| place.origin.line()));
    let (label, help) = (place.map(|place| place.label.as_str()), error.help.as_deref());
    match error.severity {
        Severity::Error => tracing::error!(file, line, label, help, "{}", error.message),
        Severity::Warning => tracing::warn!(file, line, label, help, "{}", error.message),
    }
}

/// Prints to standard output and returns `exit`. A text that cannot be written is an error, unless `exit` is already
/// that of another fault; a closed pipe, as after `head`, is not an error.
pub(in crate::cli) fn print(text: &str, exit: Exit) -> Result<Exit, CliError> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(safe_lines(text, false).as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            let error = CliError::failed(format!("cannot write to standard output: {error}"));
            if exit == Exit::Done {
                return Err(error);
            }
            log_error(&error);
            Ok(exit)
        }
        _ => Ok(exit),
    }
}

/// Prints a line to standard error. The work continues if that is closed or full.
pub(in crate::cli) fn say(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", safe_lines(line, colour()));
}

/// Returns the difference between the columns of a corpus and those of a model, in words.
pub(in crate::cli) fn other_columns(corpus: &Layout, model: &Layout) -> String {
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

/// Logs the outcome for every file of some corpora; an outcome that two readings of a file share is logged once.
pub(in crate::cli) fn log_files(corpora: &[Corpus]) {
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
