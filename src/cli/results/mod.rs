//! The verbs that read results on disk.

pub(super) mod clean;
pub(super) mod compare;
pub(super) mod export;
pub(super) mod report;
pub(super) mod verify;
