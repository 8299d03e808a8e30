//! The submission of a sweep to a batch system.
//!
//! A sweep is divided into shards, each a function of the plan alone. The tasks of a job array do the shards and share
//! only the folder of results. A job that depends on all of them sums up.

mod packing;
mod quoting;
mod slurm;
mod submission;

pub use packing::Packing;
pub(crate) use quoting::command as shell_command;
pub use slurm::{SlurmJob, SlurmOptions};
pub use submission::{Submission, SubmitError, Submitted, array_limit, by_hand, find_sbatch};
