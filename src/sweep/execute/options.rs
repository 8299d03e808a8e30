//! The options of the execution of a sweep, and the observer of its progress.

use super::interrupt::Interrupt;
use crate::engine::Isa;
use crate::sweep::plan::{Shard, Workers};
use crate::sweep::results::RunRecord;
use std::time::Duration;

/// Which runs are done besides those that nothing is there of, and those that can go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rerun {
    /// None: complete runs are kept, failed ones too, and a run that ran out of `run.timeout` is left.
    #[default]
    Nothing,
    /// Those that failed, from their start.
    Failed,
    /// Those that ran out of `run.timeout`, from where they stopped and with the whole of that time again.
    Interrupted,
    /// All, from their start.
    All,
}

/// How to go about a sweep; nothing here changes a bit of its results.
#[derive(Clone, Debug)]
pub struct ExecuteOptions {
    /// The part of the plan to run.
    pub shard: Shard,
    /// Runs at once and threads of each.
    pub workers: Workers,
    /// The instruction set of the packed engine.
    pub isa: Isa,
    /// What to do again.
    pub rerun: Rerun,
    /// Start no further run once one has failed.
    pub fail_fast: bool,
    /// At the end, wait for runs that other processes are at, and take over those whose processes die.
    pub wait: bool,
    /// The longest that a run may take.
    pub timeout: Option<Duration>,
    /// The time from one checkpoint of a run to the next; none to write one only where it is interrupted.
    pub checkpoint_interval: Option<Duration>,
    /// What may ask the sweep to stop.
    pub interrupt: Interrupt,
}

impl ExecuteOptions {
    /// Nothing done again, no limits, checkpoints every minute.
    pub fn new(shard: Shard, workers: Workers, isa: Isa) -> Self {
        Self {
            shard,
            workers,
            isa,
            rerun: Rerun::Nothing,
            fail_fast: false,
            wait: true,
            timeout: None,
            checkpoint_interval: Some(Duration::from_mins(1)),
            interrupt: Interrupt::default(),
        }
    }
}

/// Told what happens while a sweep runs; called from several threads.
pub trait SweepObserver: Sync {
    /// The number of runs to do is known: `skipped` of `total` are complete already.
    fn sweep_started(&self, total: usize, skipped: usize);
    /// A run starts; `epochs` are planned.
    fn run_started(&self, run: usize, run_id: &str, epochs: u64);
    /// A run has trained `epoch` epochs.
    fn epoch_finished(&self, run: usize, epoch: u64);
    /// A run has its record.
    fn run_finished(&self, run: usize, record: &RunRecord);
    /// A run has stopped before its end, or has gone over to another process.
    fn run_interrupted(&self, _run: usize, _run_id: &str, _reason: &str) {}
    /// All that is left are `runs` runs that other processes are at.
    fn waiting(&self, _runs: usize) {}
    /// All is done.
    fn sweep_finished(&self);
}
