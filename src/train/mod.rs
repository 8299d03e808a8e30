//! Training: the loop over epochs and batches, and the methods of estimating a gradient. Reads no files and no clocks; prints nothing.

mod averaging;
mod batches;
mod initial;
mod options;
mod phases;
mod schedule;
mod state;
mod tempering;
mod terms;
mod trainer;

pub use batches::TrainingSet;
pub use initial::{initial_parameters, log_odds};
pub use options::{
    Batches, Centring, LearningRateSchedule, Method, ModelOptions, PositiveSample, StatisticsKind, StopMetric,
    TrainOptions, VisibleBias,
};
pub use state::{StateError, Tensor, TensorValues, TrainerState};
pub use trainer::{EpochCounts, EpochPart, Trainer, TrainerError};

#[cfg(test)]
mod tests;
