//! The work that is left of a plan, as the folder of its results shows it.

use crate::sweep::plan::{Prepared, Shard};
use crate::sweep::results::StateReader;
use crate::sweep::run::takeover::TrainedRuns;
use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};
use std::collections::HashSet;
use std::fmt;
use std::path::Path;

/// The numbers of runs of a plan, by the work that is left for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Workload {
    /// Runs to train: of runs that share their training, the first.
    pub to_train: usize,
    /// Runs that take over the model of a run that is complete, or of one that is to be trained.
    pub from_trained: usize,
    /// Runs that are complete, failed ones included.
    pub complete: usize,
}

impl Workload {
    /// Counts the runs of a shard of a plan whose results are in `folder`, which need not exist.
    pub fn of(prepared: &Prepared, folder: &Path, shard: Shard) -> Self {
        let mut names = HashSet::new();
        let runs = prepared.plan.shard(shard).map(|run| run.index);
        let runs: Vec<usize> = runs.filter(|&run| names.insert(prepared.run_ids[run].as_str())).collect();
        let reader = StateReader::new(folder);
        let complete: Vec<bool> =
            runs.par_iter().map(|&run| reader.state(&prepared.run_ids[run]).is_complete()).collect();
        let trained = TrainedRuns::find(folder);
        let mut trainings = HashSet::new();
        let mut workload = Self::default();
        for (run, complete) in runs.into_iter().zip(complete) {
            let training_id = || prepared.training_id(run);
            if complete {
                workload.complete += 1;
            } else if trained.has(&training_id()) || !trainings.insert(training_id()) {
                workload.from_trained += 1;
            } else {
                workload.to_train += 1;
            }
        }
        workload
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let Self { to_train, from_trained, complete } = self;
        write!(formatter, "{to_train} to train, {from_trained} from trained models")?;
        if *complete > 0 { write!(formatter, ", {complete} complete") } else { Ok(()) }
    }
}
