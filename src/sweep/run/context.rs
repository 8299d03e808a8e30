//! The context of a run: its specification, its folder, its sweep.

use super::course::Course;
use super::material::Shared;
use super::takeover::TrainedRun;
use crate::engine::Isa;
use crate::machine::Environment;
use crate::music::Corpus;
use crate::sweep::claim::HeldClaim;
use crate::sweep::config::RunParameters;
use crate::sweep::plan::RunSpec;
use crate::sweep::results::Cause;
use std::path::Path;
use std::time::Duration;

/// The sweep, as its runs call it.
pub(in crate::sweep) trait Host {
    /// Returns the songs, divided and cut into windows.
    fn material(&self) -> Shared;
    /// Returns the songs, divided in the same way and cut into windows of that many steps.
    fn material_of(&self, timesteps: usize) -> Shared;
    /// Returns a complete run with the training of this one, if the folder of results has one.
    fn trained(&self) -> Option<TrainedRun>;
    /// Returns true if no run of this process does the stage of pretraining of this name; then it is the caller's to do
    /// and to end.
    fn begin_pretraining(&self, name: &str) -> bool;
    /// Ends what [`Self::begin_pretraining`] began.
    fn end_pretraining(&self, name: &str);
    /// Returns true if other runs share the machine now.
    fn contended(&self) -> bool;
    /// Returns the reason to stop, if there is one. Asked before every batch.
    fn reason_to_stop(&self) -> Option<(Cause, String)>;
    /// Receives the number of epochs trained, after every epoch.
    fn epoch_finished(&self, epoch: u64);
}

/// The inputs of a run.
pub(in crate::sweep) struct RunContext<'a> {
    /// The run.
    pub(in crate::sweep) spec: &'a RunSpec,
    /// The sweep.
    pub(in crate::sweep) host: &'a dyn Host,
    /// The songs.
    pub(in crate::sweep) corpus: &'a Corpus,
    /// The run's name.
    pub(in crate::sweep) run_id: &'a str,
    /// The folder of the sweep.
    pub(in crate::sweep) sweep_folder: &'a Path,
    /// The run's folder.
    pub(in crate::sweep) folder: &'a Path,
    /// The claim on the run.
    pub(in crate::sweep) claim: &'a HeldClaim,
    /// True if the run continues from a checkpoint, if it has one.
    pub(in crate::sweep) resume: bool,
    /// The course of its training, if other runs of the sweep may share it.
    pub(in crate::sweep) course: Option<&'a Course>,
    /// The machine and the build.
    pub(in crate::sweep) environment: &'a Environment,
    /// The instruction set of the packed engine.
    pub(in crate::sweep) isa: Isa,
    /// The number of threads that the run may use.
    pub(in crate::sweep) threads: usize,
    /// The bytes that the run was expected to take.
    pub(in crate::sweep) expected_bytes: u64,
    /// The longest time that the run may take, interruptions not counted.
    pub(in crate::sweep) timeout: Option<Duration>,
    /// The time from one checkpoint to the next; `None` to write one only when the run stops.
    pub(in crate::sweep) checkpoint_interval: Option<Duration>,
}

impl RunContext<'_> {
    /// Returns the typed parameters of the run.
    pub(super) fn parameters(&self) -> &RunParameters {
        self.spec.parameters()
    }
}
