//! The options of training, its schedules and its batches, shared by all kinds of model.

mod batches;
mod options;
mod schedule;

pub use batches::TrainingSet;
pub use options::{
    Batches, Centring, LearningRateSchedule, Method, PositiveSample, StatisticsKind, StopMetric, TrainOptions,
};
