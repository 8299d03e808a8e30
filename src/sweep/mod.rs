//! Sweeps: a configuration becomes a plan, and a plan a list of runs.
//!
//! A configuration is TOML. Its keys are listed in [`KEYS`]; the table `sweep` says which of them vary:
//!
//! | table | points |
//! |---|---|
//! | `[sweep.grid]` | `"model.hidden" = [50, 100]`: every combination of all axes, the last written varies fastest |
//! | `[[sweep.zip]]` | lists of equal length, walked together; each zip is one more axis after those of the grid |
//! | `[sweep.random]` | `count` points, each key drawn from `{ uniform = [a, b] }`, `{ log-uniform = [a, b] }` or `{ choice = [a, b] }`; the last axis of all |
//! | `[[sweep.include]]` | one more point: its settings over the base; where there is no axis, these are the only points |
//! | `[[sweep.exclude]]` | drops the combinations that have all its values; included points stay |
//!
//! Precedence: defaults < file < `--set`, and a later `--set` wins over an earlier one. What `--set` gives a key holds in
//! every run: the key leaves the axes and the included points of the file. `--set sweep.grid.model.hidden=[5,10]` sweeps a
//! key, in place of any axis the file has for it.
//!
//! In a grid or zip, `{ logspace = [a, b], count = n }` and `{ linspace = [a, b], count = n }` stand for a list. Points that
//! come out the same are run once.

mod axis;
mod checkpoint;
mod claim;
mod clock;
mod commit;
mod configuration;
mod document;
mod early_stopping;
mod environment;
mod error;
mod evaluation;
mod execute;
mod interrupt;
mod keys;
mod layer;
mod likelihood;
mod material;
mod memory;
mod merge;
mod model_file;
mod modes;
mod overview;
mod parameters;
mod plan;
mod plan_file;
mod prepared;
mod presence;
mod record;
mod resolved;
mod results;
mod rolls;
mod run;
mod settings;
mod split;
mod state;
mod store;
mod summary;
mod value;
mod workers;

pub use claim::{Claim, HEARTBEAT, STALE_AFTER};
pub use configuration::{Parallelism, Replicates, Sweep};
pub use environment::{Environment, logical_cpus};
pub use error::{ConfigError, ConfigErrors, Origin, Place, Severity, Source};
pub use execute::{ExecuteOptions, Outcome, Rerun, SweepObserver, execute};
pub use interrupt::{Interrupt, StopSignal};
pub use keys::{KEYS, Key, Kind, Literal, Role, find_key, keys_markdown};
pub use likelihood::{likelihood_metrics, run_likelihood};
pub use memory::{MemoryNeed, available_bytes, check_memory, expected_bytes, in_words};
pub use merge::{Conflict, MergeError, Merged, Unfinished, UnfinishedState, check_run, merge};
pub use model_file::{ModelDescription, ModelFile, ModelFileError};
pub use overview::{CorpusOverview, SplitOverview};
pub use parameters::{RunParameters, SampleOptions};
pub use plan::{MAX_RUNS, Plan, Point, RunSpec, Shard, ShardError, run_id_of};
pub use plan_file::{PlanFile, PlanFileError, PlannedCorpus, PlannedRun};
pub use prepared::{PrepareError, Prepared, load_corpus};
pub use record::{
    Artifact, CorpusRecord, EarlyStop, EpochRecord, EpochTiming, FileCounts, FileNote, Metrics, RunRecord, RunStatus,
    TimeDistribution, Timing, canonical_json, digest,
};
pub use results::{lay_out, read_record, read_records, run_folder, sum_up};
pub use rolls::{RealWindow, Roll, RollsFile, SampleRoll};
pub use settings::Settings;
pub use split::{SongSplit, SplitWindows};
pub use state::{Cause, Interruption, RunState, StateReader, run_state};
pub use store::StoreError;
pub(crate) use store::{create_folder, write_whole};
pub(crate) use summary::music_of;
pub use summary::{PointSummary, Statistic, Summary, to_csv};
pub use value::display;
pub use workers::Workers;
pub(crate) use workers::update_microseconds;
