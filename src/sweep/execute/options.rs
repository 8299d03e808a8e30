//! The options of the execution of a sweep, with the observer of its progress.

use super::interrupt::Interrupt;
use crate::engine::Isa;
use crate::sweep::plan::{Rung, Shard, Workers};
use crate::sweep::results::RunRecord;
use std::time::Duration;

/// The runs that are done besides missing ones and those that can continue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rerun {
    /// None: complete runs are kept, failed ones too, and runs that ran out of `run.timeout` are left.
    #[default]
    Nothing,
    /// Failed runs, from their start.
    Failed,
    /// Runs that ran out of `run.timeout`, from where they stopped and with the whole of that time again.
    Interrupted,
    /// All runs, from their start.
    All,
}

/// The options of executing a sweep. None of them changes a bit of its results.
#[derive(Clone, Debug)]
pub struct ExecuteOptions {
    /// The part of the plan to run.
    pub shard: Shard,
    /// The number of runs at once and of threads for each.
    pub workers: Workers,
    /// The instruction set of the packed engine.
    pub isa: Isa,
    /// The runs to do again.
    pub rerun: Rerun,
    /// True to take the place of another sweep in the folder, rather than refuse it.
    pub replace: bool,
    /// True to start no further run once one has failed.
    pub fail_fast: bool,
    /// True to wait at the end for runs that other processes hold, and to take over those whose processes die.
    pub wait: bool,
    /// The longest time that a run may take.
    pub timeout: Option<Duration>,
    /// The time from one checkpoint of a run to the next; `None` to write one only when the run is interrupted.
    pub checkpoint_interval: Option<Duration>,
    /// The flag that asks the sweep to stop.
    pub interrupt: Interrupt,
}

impl ExecuteOptions {
    /// Returns the default options: nothing is done again, there are no limits, and checkpoints are a minute apart.
    pub fn new(shard: Shard, workers: Workers, isa: Isa) -> Self {
        Self {
            shard,
            workers,
            isa,
            rerun: Rerun::Nothing,
            replace: false,
            fail_fast: false,
            wait: true,
            timeout: None,
            checkpoint_interval: Some(Duration::from_mins(1)),
            interrupt: Interrupt::default(),
        }
    }
}

/// An observer of a sweep while it runs. Several threads call it.
pub trait SweepObserver: Sync {
    /// Receives the number of runs; `skipped` of `total` are complete already.
    fn sweep_started(&self, total: usize, skipped: usize);
    /// Receives the start of a rung of successive halving, by its place among the rungs; then the runs of it start.
    fn rung_started(&self, _rung: usize, _rungs: &[Rung]) {}
    /// Receives the start of a run; `epochs` are planned.
    fn run_started(&self, run: usize, run_id: &str, epochs: u64);
    /// Receives the number of epochs that a run has trained.
    fn epoch_finished(&self, run: usize, epoch: u64);
    /// Receives the record of a run.
    fn run_finished(&self, run: usize, record: &RunRecord);
    /// Receives the reason for which a run stopped before its end or went to another process.
    fn run_interrupted(&self, _run: usize, _run_id: &str, _reason: &str) {}
    /// Receives the number of runs left, all of which other processes hold.
    fn waiting(&self, _runs: usize) {}
    /// Receives the end of the sweep.
    fn sweep_finished(&self);
}
