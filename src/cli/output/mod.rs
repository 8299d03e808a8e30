//! The output of the verbs: log lines, progress and tables.

pub(super) mod console;
pub(super) mod progress;
pub(super) mod table;
