//! The exit codes.

use crate::sweep::StopSignal;

/// The end of a verb without an error of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// All work is done.
    Done,
    /// A run failed, or a check found a fault.
    Failed,
    /// A metric or a time got worse.
    Regression,
    /// Some runs are not done.
    Incomplete,
    /// A signal asked the program to stop.
    Stopped(StopSignal),
}

impl Exit {
    /// The exit code of wrong usage, a wrong configuration, or input that cannot be read.
    pub(super) const USAGE: u8 = 2;
    /// The exit code of work that failed, or of results that cannot be written.
    pub(super) const FAILED: u8 = 1;

    /// Returns the exit code.
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => Self::FAILED,
            Self::Regression => 3,
            Self::Incomplete => 4,
            Self::Stopped(signal) => signal.exit_code(),
        }
    }
}
