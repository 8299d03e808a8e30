//! Sweeps: a configuration becomes a plan, the plan becomes a list of runs, each run leaves a record.
//!
//! | room | owns |
//! |---|---|
//! | `config` | TOML and `--set` → the settings of every point |
//! | `plan` | the points → runs with seeds, corpora and names |
//! | `claim` | the claim of a process on a run |
//! | `results` | the files of a sweep, written and read |
//! | `run` | one run, from its specification to its record |
//! | `execute` | many runs side by side |

mod claim;
mod config;
mod execute;
mod plan;
mod results;
mod run;
mod store;

pub use claim::{Claim, HEARTBEAT, STALE_AFTER};
pub use config::{
    ConfigError, ConfigErrors, Halving, KEYS, Key, Kind, Literal, Origin, Parallelism, Place, Replicates, Role,
    RunParameters, SONGS_RECIPE, SampleOptions, Settings, Severity, Source, Stage, SweepConfig, display, find_key,
    keys_markdown,
};
pub(crate) use config::{file_name_fault, meant_key};
pub use execute::{
    ExecuteOptions, Interrupt, Outcome, Rerun, StopSignal, SweepObserver, Workload, add_decided_rungs, execute,
};
pub(crate) use plan::update_microseconds;
pub use plan::{
    Bracket, MAX_RUNS, MemoryNeed, Plan, Point, PrepareError, Prepared, RunSpec, Rung, Shard, ShardError,
    SweepDuration, Workers, check_memory, expected_bytes, in_words, load_corpus, run_id_of, training_id_of,
};
pub use results::{
    Artifact, Cause, Conflict, CorpusRecord, Damage, Direction, EarlyStop, EpochRecord, EpochTiming, FileCounts,
    FileNote, Interruption, LayOutError, METRICS, MergeError, Merged, Metric, MetricGroup, Metrics, ModelDescription,
    ModelFault, ModelFile, ModelFileError, NamedMetric, OtherSweep, Per, PlanFile, PlanFileError, PlannedCorpus,
    PlannedHalving, PlannedRun, PlannedRung, PointSummary, Reach, Reading, RealWindow, Roll, RollsFile, RunRecord,
    RunState, RunStatus, SampleRoll, SplitName, StateReader, Statistic, Subject, Summary, Terminal, TerminalColumn,
    TimeDistribution, Timing, Unfinished, UnfinishedState, Unplanned, Variant, canonical_json, clean, digest,
    find_metric, lay_out, merge, metric_names, metric_order, metrics_markdown, read_record, read_records, run_folder,
    run_state, sum_up, terminal_columns, to_csv, unplanned_runs,
};
pub(crate) use results::{
    Cell, Column, ColumnType, Named, Table, check_names, key_column, music_of, run_cells, run_columns, runs_table,
    times_of,
};
pub use run::{likelihood_metrics, named_splits};
pub use store::StoreError;
pub(crate) use store::{create_folder, end_of_links, write_whole};
