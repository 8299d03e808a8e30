//! The plan of a sweep: every run, in order, and the workers and the memory that they take.

mod expansion;
mod memory;
mod prepared;
mod workers;

pub use expansion::{MAX_RUNS, Plan, Point, RunSpec, Shard, ShardError, run_id_of};
pub use memory::{MemoryNeed, check_memory, expected_bytes, in_words};
pub use prepared::{PrepareError, Prepared, load_corpus};
pub use workers::Workers;
pub(crate) use workers::update_microseconds;
