//! The options of training, shared by all kinds of model. Batches follow from them, as do the schedules by epoch.

mod batches;
mod options;
mod schedule;

pub use batches::TrainingSet;
pub use options::{
    Batches, Centring, LearningRateSchedule, Method, Optimizer, PositiveSample, Propagate, StatisticsKind, StopMetric,
    TrainOptions,
};
