//! Evaluation: how good a model is.

mod options;

pub use options::EvaluateOptions;
