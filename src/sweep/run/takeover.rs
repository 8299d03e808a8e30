//! The takeover of a complete run's training by another run, instead of repeating it.

use crate::machine::file::{read_regular, read_regular_text};
use crate::model::Tensors;
use crate::sweep::config::RunParameters;
use crate::sweep::plan::training_id_of;
use crate::sweep::results::{EarlyStop, EpochRecord, Metrics, ModelFile, RunStatus, digest, read_record, run_folder};
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// The training of a complete run: the part that runs with other samples or another likelihood share with it.
#[derive(Debug)]
pub(in crate::sweep) struct TrainedRun {
    /// The run that was trained.
    pub(super) run_id: String,
    /// The parameters of its model.
    pub(super) tensors: Tensors,
    /// Its `epochs.jsonl`.
    pub(super) lines: String,
    /// The records of these lines.
    pub(super) epochs: Vec<EpochRecord>,
    /// The end of its training by early stopping, if the options asked for that.
    pub(super) early_stop: Option<EarlyStop>,
}

impl TrainedRun {
    /// Reads the training of a complete run. `None` if its files differ from those that its record was made from.
    fn read(folder: &Path, run_id: &str) -> Option<Self> {
        let run_folder = run_folder(folder, run_id);
        let record = read_record(&run_folder, run_id).filter(|record| record.status == RunStatus::Ok)?;
        let lines = read_regular_text(&run_folder.join("epochs.jsonl")).ok()?;
        let epochs: Vec<EpochRecord> = lines.lines().map(serde_json::from_str).collect::<Result<_, _>>().ok()?;
        let bytes = read_regular(&run_folder.join(ModelFile::NAME)).ok()?;
        let blake3 = blake3::hash(&bytes).to_hex().to_string();
        let model = record.artifacts.iter().find(|artifact| artifact.path == ModelFile::NAME)?;
        if model.blake3 != blake3 || digest(&record, &epochs) != record.digest {
            return None;
        }
        let tensors = ModelFile::from_bytes(&bytes).ok()?.tensors;
        let run_id = record.trained_in.unwrap_or(record.run_id);
        Some(Self { run_id, tensors, lines, epochs, early_stop: record.early_stop })
    }

    /// Returns the metrics of the model that training left: those of the last epoch, or of the best one if that was
    /// restored.
    pub(super) fn metrics(&self) -> Metrics {
        let best = self.early_stop.filter(|stop| stop.restored).and_then(|stop| stop.best_epoch);
        let own = best.and_then(|best| self.epochs.iter().find(|epoch| epoch.epoch == best)).or(self.epochs.last());
        own.map(|epoch| epoch.metrics.clone()).unwrap_or_default()
    }
}

/// The part of `result.json` that determines the training of a run.
#[derive(Deserialize)]
struct Training {
    run_id: String,
    status: RunStatus,
    params: Map<String, Value>,
    seed: String,
    corpus: Option<TrainedCorpus>,
}

#[derive(Deserialize)]
struct TrainedCorpus {
    digest: String,
}

/// The complete runs of a folder of results, by the identity of their training.
#[derive(Debug, Default)]
pub(in crate::sweep) struct TrainedRuns {
    /// The names of runs that were complete before.
    found: BTreeMap<String, Vec<String>>,
    /// The names of runs that were completed since.
    added: Mutex<BTreeMap<String, Vec<String>>>,
}

impl TrainedRuns {
    /// Finds the complete runs of a folder.
    pub(in crate::sweep) fn find(folder: &Path) -> Self {
        let entries = std::fs::read_dir(folder.join("runs")).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        // The order of a folder's entries is the file system's.
        names.sort();
        let trainings: Vec<(String, String)> =
            names.into_par_iter().filter_map(|name| Some((training_in(folder, &name)?, name))).collect();
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (training_id, name) in trainings {
            found.entry(training_id).or_default().push(name);
        }
        Self { found, added: Mutex::default() }
    }

    /// Adds a run that has been completed.
    pub(in crate::sweep) fn add(&self, training_id: String, run_id: &str) {
        let mut added = self.added.lock().unwrap_or_else(PoisonError::into_inner);
        added.entry(training_id).or_default().push(run_id.to_owned());
    }

    /// Returns true if a run of this training was complete before.
    pub(in crate::sweep) fn has(&self, training_id: &str) -> bool {
        self.found.contains_key(training_id)
    }

    /// Reads a complete and intact run of this training other than `run_id` itself, if there is one. Runs completed
    /// before the start count unless `anew`; runs completed since always count.
    pub(in crate::sweep) fn read(
        &self,
        folder: &Path,
        training_id: &str,
        run_id: &str,
        anew: bool,
    ) -> Option<TrainedRun> {
        let added = self.added.lock().unwrap_or_else(PoisonError::into_inner).get(training_id).cloned();
        let found = self.found.get(training_id).filter(|_| !anew);
        let names = found.into_iter().flatten().cloned().chain(added.into_iter().flatten());
        names.filter(|name| name != run_id).find_map(|name| TrainedRun::read(folder, &name))
    }
}

/// Returns the identity of the training of a run; `None` if the run is not complete.
fn training_in(folder: &Path, name: &str) -> Option<String> {
    let text = read_regular(&run_folder(folder, name).join("result.json")).ok()?;
    let own: Training = serde_json::from_slice(&text).ok()?;
    if own.status != RunStatus::Ok || own.run_id != name {
        return None;
    }
    RunParameters::from_map(&own.params).ok()?;
    let parameters = own.params.iter().map(|(key, value)| (key.as_str(), value));
    Some(training_id_of(parameters, &own.corpus?.digest, own.seed.parse().ok()?))
}
