//! The output of the verbs.

pub(super) mod console;
pub(super) mod next_steps;
pub(super) mod progress;
pub(super) mod table;
