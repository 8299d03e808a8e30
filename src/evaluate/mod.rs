//! What a model and its samples are worth.

pub mod music;
