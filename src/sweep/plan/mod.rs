//! The plan of a sweep: every run, in order, with the resources that they take.

mod bracket;
mod duration;
mod expansion;
mod identity;
mod memory;
mod prepared;
mod shard;
mod workers;

pub use bracket::{Bracket, Rung};
pub use duration::SweepDuration;
pub use expansion::{MAX_RUNS, Plan, Point, RunSpec};
pub use identity::{run_id_of, training_id_of};
pub use memory::{MemoryNeed, check_memory, expected_bytes, in_words};
pub use prepared::{PrepareError, Prepared, load_corpus};
pub use shard::{Shard, ShardError};
pub use workers::Workers;
pub(crate) use workers::update_microseconds;
