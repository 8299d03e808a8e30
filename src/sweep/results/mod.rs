//! The results of a sweep on disk: the files of its runs, the files about the whole.

mod folder;
mod metric;
mod metrics;
mod model_file;
mod names;
mod plan_file;
mod record;
mod rolls;
mod state;
mod summary;
mod tables;
pub(in crate::sweep) mod tensor_file;

pub use crate::model::Metrics;
pub(crate) use folder::check_names;
pub(in crate::sweep) use folder::clear_run_folder;
pub(in crate::sweep) use folder::lay_out_in_place;
pub use folder::{
    Conflict, Damage, LayOutError, MergeError, Merged, OtherSweep, Unfinished, UnfinishedState, Unplanned, clean,
    lay_out, merge, read_record, read_records, run_folder, sum_up, unplanned_runs,
};
pub use metric::{
    Direction, Metric, MetricGroup, NamedMetric, Per, Reach, Reading, SplitName, Subject, Terminal, Variant,
};
pub(crate) use metrics::times_of;
pub use metrics::{
    METRICS, TerminalColumn, find_metric, metric_names, metric_order, metrics_markdown, terminal_columns,
};
pub use model_file::{ModelDescription, ModelFault, ModelFile, ModelFileError};
pub(crate) use names::Named;
pub use plan_file::{PlanFile, PlanFileError, PlannedCorpus, PlannedHalving, PlannedRun, PlannedRung};
pub use record::{
    Artifact, CorpusRecord, EarlyStop, EpochRecord, EpochTiming, FileCounts, FileNote, RunRecord, RunStatus,
    TimeDistribution, Timing, canonical_json, digest,
};
pub use rolls::{RealWindow, Roll, RollsFile, SampleRoll};
pub(in crate::sweep) use state::INTERRUPTED_FILE;
pub use state::{Cause, Interruption, RunState, StateReader, run_state};
pub(crate) use summary::music_of;
pub use summary::{PointSummary, Statistic, Summary};
pub use tables::to_csv;
pub(crate) use tables::{Cell, Column, ColumnType, Table, key_column, run_cells, run_columns, runs_table};
