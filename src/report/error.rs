//! Why there is no report.

use crate::sweep::{PlanFileError, StoreError};

/// Why a report could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The folder has no plan of a sweep that can be read.
    #[error("{0}; a report is made of the folder of a sweep's results, such as results/quick")]
    Plan(#[from] PlanFileError),
    /// The page cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}
