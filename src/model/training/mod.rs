//! Training, whatever the kind: the trainer, the averaging of parameters, the optimizer that learners may share.

mod averaging;
pub(super) mod optimizer;
mod trainer;

pub use trainer::{EpochCounts, EpochPart, Trainer};
