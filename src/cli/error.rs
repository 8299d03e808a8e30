//! The error that ends a verb.

use super::exit::Exit;
use super::key_flag::OutOfRange;
use crate::engine::IsaError;
use crate::inspect::{ChosenRunError, ComparisonError, ResultsError, VerificationError};
use crate::music::CorpusError;
use crate::report::ReportError;
use crate::sweep::{ConfigErrors, LayOutError, ModelFileError, PrepareError, StoreError};

/// An error of which the text alone matters.
type Reason = Box<dyn std::error::Error + Send + Sync>;

/// An error that ends a verb: [`crate::cli::main`] prints it and exits with its code.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    /// A wrong configuration.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// Wrong usage, or input that cannot be read.
    #[error("{0}")]
    Usage(Reason),
    /// Work that failed, or results that cannot be written.
    #[error("{0}")]
    Failed(Reason),
}

impl CliError {
    /// Makes an error of wrong usage or unreadable input.
    pub(super) fn usage(reason: impl Into<Reason>) -> Self {
        Self::Usage(reason.into())
    }

    /// Makes an error of work that failed.
    pub(super) fn failed(reason: impl Into<Reason>) -> Self {
        Self::Failed(reason.into())
    }

    /// Returns the exit code.
    pub(super) fn code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::Usage(_) => Exit::USAGE,
            Self::Failed(_) => Exit::FAILED,
        }
    }
}

/// Converts errors of input to errors of usage.
macro_rules! usage {
    ($($error:ty),+ $(,)?) => {
        $(impl From<$error> for CliError {
            fn from(error: $error) -> Self {
                Self::usage(error)
            }
        })+
    };
}

usage!(
    ChosenRunError,
    ComparisonError,
    CorpusError,
    IsaError,
    ModelFileError,
    OutOfRange,
    ReportError,
    ResultsError,
    VerificationError
);

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        Self::failed(error)
    }
}

impl From<LayOutError> for CliError {
    fn from(error: LayOutError) -> Self {
        match error {
            LayOutError::Other(other) => Self::usage(other),
            LayOutError::Store(error) => error.into(),
        }
    }
}

impl From<PrepareError> for CliError {
    fn from(error: PrepareError) -> Self {
        match error {
            PrepareError::Config(errors) => errors.into(),
            PrepareError::Corpus(error) => error.into(),
        }
    }
}
