//! The verbs of a sweep, from its plan to its merged results.

pub(super) mod merge;
pub(super) mod plan;
pub(super) mod run;
pub(super) mod status;
pub(super) mod submit;
