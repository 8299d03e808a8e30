//! The verbs that concern the program and the machine it runs on.

pub(super) mod completions;
pub(super) mod doctor;
pub(super) mod man;
