//! What the program says: log lines, errors, and whether anybody watches.

use super::{EXIT_FAILED, EXIT_OK, EXIT_USAGE, Verbosity};
use crate::music::{Corpus, FileStatus};
use crate::sweep::{ConfigErrors, PrepareError};
use std::collections::HashSet;
use std::io::{ErrorKind, IsTerminal as _, Write as _};
use tracing::level_filters::LevelFilter;

/// Send log lines to standard error, as many as asked for.
pub(super) fn start_logging(verbosity: Verbosity) {
    let level = match (verbosity.quiet, verbosity.verbose) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) => LevelFilter::WARN,
        (false, 1) => LevelFilter::INFO,
        (false, _) => LevelFilter::DEBUG,
    };
    let lines = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_ansi(colour())
        .with_target(false)
        .without_time()
        // Told of itself, a lost line would end the program.
        .log_internal_errors(false);
    // Only the first call in a process can succeed; a later one keeps what is there.
    let _ = lines.try_init();
}

/// Whether colour and bars are welcome on standard error.
pub(super) fn colour() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// Say what is wrong with a configuration; returns the exit code.
pub(super) fn configuration_error(errors: &ConfigErrors) -> u8 {
    let mut stderr = std::io::stderr().lock();
    // Nobody is left to tell if standard error itself is closed.
    let _ = writeln!(stderr, "{}", errors.render(colour()).trim_end());
    EXIT_USAGE
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

/// Print a line to standard error. Where that is closed or full nobody can be told, and the work goes on.
pub(super) fn say(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
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
