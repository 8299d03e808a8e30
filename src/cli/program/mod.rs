//! The verbs that concern the program itself or the machine it runs on.

pub(super) mod completions;
pub(super) mod doctor;
pub(super) mod man;
