//! The verbs that use a trained model.

pub(super) mod evaluate;
pub(super) mod sample;
