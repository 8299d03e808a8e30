//! The results of a sweep in the forms of other programs.

mod event_file;
mod parquet;
mod tensorboard;

pub(crate) use parquet::to_parquet;
pub(crate) use tensorboard::{EVENT_FILE, RunEvents};
