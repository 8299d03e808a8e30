//! Batch systems: what brings a sweep to a cluster: job scripts, and their submission.
//!
//! A sweep is divided into shards, each a function of the plan alone, and the shards over the tasks of a job array. The
//! tasks share nothing but the folder of results; a job that depends on all of them sums up what they left.

mod packing;
mod quoting;
mod slurm;
mod submission;

pub use packing::Packing;
pub use slurm::{SlurmJob, SlurmOptions};
pub use submission::{Submission, SubmitError, Submitted, array_limit, by_hand, find_sbatch};
