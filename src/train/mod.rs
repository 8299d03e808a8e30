//! Training: how a model is initialised and learnt.

mod options;

pub use options::{Batches, Engine, Method, ModelOptions, PositiveSample, Statistics, TrainOptions, VisibleBias};
