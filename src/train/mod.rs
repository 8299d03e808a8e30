//! The options, schedules and batches of training, shared by all kinds of model.

mod batches;
mod options;
mod schedule;

pub use batches::TrainingSet;
pub use options::{
    Batches, Centring, LearningRateSchedule, Method, PositiveSample, StatisticsKind, StopMetric, TrainOptions,
};
