//! The verbs that plan sweeps, run them and bring their runs together.

pub(super) mod merge;
pub(super) mod plan;
pub(super) mod run;
pub(super) mod status;
pub(super) mod submit;
