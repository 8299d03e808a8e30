//! The reasons why there is no report.

use crate::sweep::{PlanFileError, StoreError};

/// The reason why a report could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The folder has no readable plan of a sweep.
    #[error("{0}; a report needs the folder of a sweep's results, such as results/quick")]
    Plan(#[from] PlanFileError),
    /// The page cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}
