//! Training: the loop over epochs and batches, and contrastive divergence. Reads no files and no clocks; prints nothing.

mod batches;
mod initial;
mod options;
mod phases;
mod state;
mod trainer;

pub use batches::TrainingSet;
pub use initial::{initial_parameters, log_odds};
pub use options::{
    Batches, Method, ModelOptions, PositiveSample, StatisticsKind, StopMetric, TrainOptions, VisibleBias,
};
pub use state::{StateError, Tensor, TensorValues, TrainerState};
pub use trainer::{EpochCounts, EpochPart, Trainer};

#[cfg(test)]
mod tests;
