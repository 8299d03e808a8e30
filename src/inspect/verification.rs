//! The verification of results: files against their hashes, records against their digests, runs against repeated runs.

use super::results::{Results, ResultsError};
use crate::engine::{Isa, Purpose, RowStreams, permutation};
use crate::machine::file::{read_regular, read_regular_text};
use crate::machine::text::Shown as _;
use crate::sweep::{
    Artifact, EpochRecord, ExecuteOptions, Interrupt, LayOutError, Named, Prepared, RunRecord, Shard, StopSignal,
    StoreError, SweepObserver, Workers, digest, execute, read_record, run_folder,
};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The result of verifying one run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verified {
    /// The run's name.
    pub run_id: String,
    /// The digest that its record gives.
    pub digest: String,
    /// `true` if it was run again.
    pub run_again: bool,
    /// The first difference from the record; `None` if there is none.
    pub fault: Option<Fault>,
}

/// A difference from a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Fault {
    /// A file that the record names is not there or has other bytes.
    File {
        /// Its path below the run's folder.
        path: String,
        /// The fault of the file.
        what: String,
    },
    /// The record and `epochs.jsonl` do not give the digest in the record: one of them was changed.
    Record {
        /// The digest they give.
        digest: String,
    },
    /// The repeated run has another result.
    Outcome {
        /// The digest it has now.
        digest: String,
        /// The first difference between the record and the repeated run.
        first: Parting,
    },
}

/// The place where two runs part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Parting {
    /// The epoch, metric, file or field.
    pub place: String,
    /// The value in the record.
    pub recorded: String,
    /// The value of the repeated run.
    pub now: String,
}

/// The reason why results cannot be verified.
#[derive(Debug, thiserror::Error)]
pub enum VerificationError {
    /// A signal asked the program to stop before all runs were repeated.
    #[error("stopped by {}", .0.reason())]
    Stopped(StopSignal),
    /// The results cannot be read.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// A run that was asked for is not there.
    #[error("{0}")]
    NoSuchRun(String),
    /// The configuration does not lead to the runs on disk.
    #[error("{0}")]
    OtherRuns(String),
    /// The repeated runs cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The runs to repeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// None: only the files are checked.
    None,
    /// Every complete run.
    All,
    /// The runs whose names begin with one of these.
    Named(Vec<String>),
    /// A random choice of complete runs, a function of the seed.
    Random {
        /// The number of runs.
        count: usize,
        /// The seed.
        seed: u64,
    },
}

impl Choice {
    /// Returns the places of the chosen runs among complete runs.
    pub fn among(&self, run_ids: &[&str]) -> Result<Vec<usize>, VerificationError> {
        match self {
            Self::None => Ok(Vec::new()),
            Self::All => Ok((0..run_ids.len()).collect()),
            Self::Random { count, seed } => {
                let mut generator = RowStreams::new(*seed, Purpose::VerifyChoice, 0, 0, 0).generator(0);
                let mut chosen: Vec<usize> =
                    permutation(&mut generator, run_ids.len()).into_iter().take(*count).collect();
                chosen.sort_unstable();
                Ok(chosen)
            }
            Self::Named(names) => {
                let mut chosen = Vec::new();
                for name in names {
                    let mut found = run_ids.iter().enumerate().filter(|(_, run_id)| run_id.starts_with(name.as_str()));
                    match (found.next(), found.next()) {
                        (Some((index, _)), None) => chosen.push(index),
                        (None, _) => {
                            return Err(VerificationError::NoSuchRun(format!(
                                "no complete run has a name that begins with `{name}`"
                            )));
                        }
                        _ => {
                            return Err(VerificationError::NoSuchRun(format!(
                                "several runs have names that begin with `{name}`: give more of it"
                            )));
                        }
                    }
                }
                chosen.sort_unstable();
                chosen.dedup();
                Ok(chosen)
            }
        }
    }
}

/// Checks the files of a run, and the digest over record and epochs, against its record.
pub fn check_files(folder: &Path, record: &RunRecord) -> Verified {
    let run_folder = run_folder(folder, &record.run_id);
    let fault = record.artifacts.iter().find_map(|artifact| check_artifact(&run_folder, artifact));
    let fault = fault.or_else(|| match read_epochs(&run_folder) {
        Err(what) => Some(Fault::File { path: "epochs.jsonl".into(), what }),
        Ok(epochs) => {
            let digest = digest(record, &epochs);
            (digest != record.digest).then_some(Fault::Record { digest })
        }
    });
    Verified { run_id: record.run_id.clone(), digest: record.digest.clone(), run_again: false, fault }
}

fn check_artifact(run_folder: &Path, artifact: &Artifact) -> Option<Fault> {
    let path = match Named::Artifact.below(run_folder, &artifact.path) {
        Err(error) => return Some(Fault::File { path: "result.json".into(), what: format!("names a file: {error}") }),
        Ok(path) => path,
    };
    let what = match read_regular(&path) {
        Err(error) => format!("cannot be read: {error}"),
        Ok(bytes) => {
            let found = Artifact::new(&*artifact.path, &bytes).blake3;
            if found == artifact.blake3 {
                return None;
            }
            format!("has other bytes than the record says: BLAKE3 {found}, not {}", artifact.blake3)
        }
    };
    Some(Fault::File { path: artifact.path.clone(), what })
}

/// Reads the lines of `epochs.jsonl`; none if the run failed before its first.
fn read_epochs(run_folder: &Path) -> Result<Vec<EpochRecord>, String> {
    let text = match read_regular_text(&run_folder.join("epochs.jsonl")) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(format!("cannot be read: {error}")),
    };
    let line = |(index, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|error| format!("line {}: {error}", index + 1))
    };
    text.lines().enumerate().map(line).collect()
}

/// The options of repeating runs.
#[derive(Clone, Debug)]
pub struct Again {
    /// The runs at once and the threads of each.
    pub workers: Workers,
    /// The instruction set.
    pub isa: Isa,
    /// The flag that asks the runs to stop.
    pub interrupt: Interrupt,
    /// The empty folder that the runs are repeated in.
    pub scratch: PathBuf,
}

/// Repeats the runs of some records in a folder of their own and compares. `prepared` is the sweep that they belong to.
pub fn run_again(
    folder: &Path,
    records: &[&RunRecord],
    prepared: Prepared,
    how: &Again,
    observer: &dyn SweepObserver,
) -> Result<Vec<Verified>, VerificationError> {
    let mut prepared = only(prepared, records)?;
    let options =
        ExecuteOptions { interrupt: how.interrupt.clone(), ..ExecuteOptions::new(Shard::WHOLE, how.workers, how.isa) };
    let outcome = execute(&mut prepared, "", &how.scratch, &options, observer).map_err(|error| match error {
        LayOutError::Store(error) => VerificationError::Store(error),
        LayOutError::Other(other) => VerificationError::OtherRuns(other.to_string()),
    })?;
    if let Some(signal) = outcome.interrupted {
        return Err(VerificationError::Stopped(signal));
    }
    let compare = |record: &&RunRecord| {
        let own_folder = run_folder(&how.scratch, &record.run_id);
        let fault = match read_record(&own_folder, &record.run_id) {
            None => Some(("no record".to_owned(), Parting::new("result.json", "a record", "none: see the log"))),
            Some(now) if now.digest == record.digest => None,
            Some(now) => {
                let before = read_epochs(&run_folder(folder, &record.run_id)).unwrap_or_default();
                let after = read_epochs(&own_folder).unwrap_or_default();
                let first = first_difference((record, &before), (&now, &after));
                Some((now.digest, first))
            }
        };
        let fault = fault.map(|(digest, first)| Fault::Outcome { digest, first });
        Verified { run_id: record.run_id.clone(), digest: record.digest.clone(), run_again: true, fault }
    };
    Ok(records.iter().map(compare).collect())
}

/// Returns the sweep with the runs of the records alone; an error if one of them is not a run of the sweep.
fn only(mut prepared: Prepared, records: &[&RunRecord]) -> Result<Prepared, VerificationError> {
    let mut runs = Vec::with_capacity(records.len());
    for record in records {
        let Some(found) = prepared.run_ids.iter().position(|run_id| *run_id == record.run_id) else {
            return Err(VerificationError::OtherRuns(why_not_planned(&prepared, record)));
        };
        runs.push(prepared.plan.runs[found].clone());
    }
    for (index, run) in runs.iter_mut().enumerate() {
        run.index = index;
    }
    prepared.plan.runs = runs;
    // The records say which rungs there are, and every run is trained from its start: none continues a shorter one.
    prepared.plan.bracket = None;
    prepared.plan.swept.clear();
    prepared.run_ids = records.iter().map(|record| record.run_id.clone()).collect();
    Ok(prepared)
}

fn why_not_planned(prepared: &Prepared, record: &RunRecord) -> String {
    let recorded = record.corpus.as_ref().map_or("", |corpus| &corpus.digest);
    let run_id = &record.run_id;
    if prepared.corpora.iter().all(|corpus| corpus.digest != recorded) {
        let found: Vec<&str> = prepared.corpora.iter().map(|corpus| &corpus.digest[..12]).collect();
        let recorded = recorded.get(..12).unwrap_or(recorded);
        return format!(
            "run {run_id} was trained on a corpus of digest {recorded}, and the corpus is now one of {}: give the one \
             it was trained on with --corpus PATH",
            found.join(", ")
        );
    }
    let same_seed = prepared.plan.runs.iter().find(|run| run.seed.to_string() == record.seed);
    let planned = same_seed.map(crate::sweep::RunSpec::parameter_map).unwrap_or_default();
    let mut keys: Vec<&String> = planned.keys().chain(record.params.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let differing: Vec<&str> = keys
        .into_iter()
        .filter(|key| planned.contains_key(*key) != record.params.contains_key(*key))
        .map(String::as_str)
        .collect();
    let version = &record.environment.version;
    if differing.is_empty() {
        format!("sweep.toml does not lead to run {run_id}: was the file changed since?")
    } else {
        format!(
            "sweep.toml does not lead to run {run_id}, which version {version} of the program has made: records and \
             this program differ in the keys {}",
            differing.join(", ")
        )
    }
}

impl Parting {
    fn new(place: impl Into<String>, recorded: impl Into<String>, now: impl Into<String>) -> Self {
        Self { place: place.into(), recorded: recorded.into(), now: now.into() }
    }
}

/// Returns the place where two runs of the same parameters part first, in the order in which a run computes.
fn first_difference(recorded: (&RunRecord, &[EpochRecord]), now: (&RunRecord, &[EpochRecord])) -> Parting {
    let show = |value: Option<f64>| value.map_or_else(|| "undefined".to_owned(), |value| value.to_string());
    let metrics = |place: &str, one: &BTreeMap<String, Option<f64>>, other: &BTreeMap<String, Option<f64>>| {
        let names = one.keys().chain(other.keys());
        let differing = names.filter(|name| one.get(*name) != other.get(*name)).min();
        differing.map(|name| {
            let value = |side: &BTreeMap<String, Option<f64>>| {
                side.get(name).map_or_else(|| "absent".to_owned(), |value| show(*value))
            };
            Parting::new(format!("{place}metric {name}"), value(one), value(other))
        })
    };
    let field = |place: &str, one: &Value, other: &Value| {
        (one != other).then(|| Parting::new(place, one.to_string(), other.to_string()))
    };
    let ((old, old_epochs), (new, new_epochs)) = (recorded, now);
    let corpus = |record: &RunRecord| Value::from(record.corpus.as_ref().map(|corpus| corpus.digest.clone()));
    let before = field("corpus digest", &corpus(old), &corpus(new));
    let epochs = || {
        old_epochs.iter().zip(new_epochs).find_map(|(old, new)| {
            let counts = |epoch: &EpochRecord| serde_json::json!([epoch.epoch, epoch.updates, epoch.examples]);
            let place = format!("epoch {}, ", old.epoch);
            field(&format!("{place}epoch, updates and examples"), &counts(old), &counts(new))
                .or_else(|| metrics(&place, &old.metrics, &new.metrics))
        })
    };
    let number_of_epochs = || field("number of epochs", &old_epochs.len().into(), &new_epochs.len().into());
    let status = || {
        let text = |record: &RunRecord| {
            let status = serde_json::to_value(record.status).unwrap_or_default();
            serde_json::json!([status, record.error])
        };
        field("status and error", &text(old), &text(new))
    };
    let artifacts = || {
        let hash = |record: &RunRecord, path: &str| {
            let own = record.artifacts.iter().find(|artifact| artifact.path == path);
            own.map_or_else(|| "absent".to_owned(), |artifact| format!("BLAKE3 {}", artifact.blake3))
        };
        let all = old.artifacts.iter().chain(&new.artifacts);
        let mut paths = all.map(|artifact| artifact.path.as_str());
        paths
            .find(|path| hash(old, path) != hash(new, path))
            .map(|path| Parting::new(path, hash(old, path), hash(new, path)))
    };
    let rest = || {
        let json = |record: &RunRecord| serde_json::to_value(record).unwrap_or_default();
        let (old, new) = (json(old), json(new));
        let fields = old.as_object().into_iter().chain(new.as_object()).flat_map(serde_json::Map::keys);
        let mut fields: Vec<&String> =
            fields.filter(|name| !["timing", "environment", "digest", "replicate"].contains(&name.as_str())).collect();
        fields.sort_unstable();
        fields.into_iter().find_map(|name| field(name, &old[name], &new[name]))
    };
    before
        .or_else(epochs)
        .or_else(number_of_epochs)
        .or_else(status)
        .or_else(|| metrics("final ", &old.metrics, &new.metrics))
        .or_else(artifacts)
        .or_else(rest)
        .unwrap_or_else(|| Parting::new("digest", &*old.digest, &*new.digest))
}

/// Reads the records of all complete runs of a folder of results, in the order of the plan.
pub fn complete_records(folder: &Path) -> Result<Vec<RunRecord>, VerificationError> {
    let results = Results::read_sweep(folder)?;
    if results.records.is_empty() {
        return Err(VerificationError::NoSuchRun(format!("{} has no complete run", folder.shown())));
    }
    Ok(results.records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_functions_of_seed_and_names() {
        let run_ids = ["aa1", "aa2", "b33", "c44", "d55"];
        let random = |count, seed| Choice::Random { count, seed }.among(&run_ids).unwrap();
        assert_eq!(random(3, 1), random(3, 1));
        assert_eq!(random(3, 1).len(), 3);
        assert_eq!(random(9, 1), [0, 1, 2, 3, 4]);
        assert!((2..20).any(|seed| random(2, seed) != random(2, 1)));
        let named = |names: &[&str]| Choice::Named(names.iter().map(|&name| name.to_owned()).collect()).among(&run_ids);
        assert_eq!(named(&["d5", "aa1", "aa1"]).unwrap(), [0, 4]);
        assert!(named(&["aa"]).unwrap_err().to_string().contains("several"));
        assert!(named(&["e"]).unwrap_err().to_string().contains("`e`"));
        assert_eq!(Choice::None.among(&run_ids).unwrap(), [0usize; 0]);
        assert_eq!(Choice::All.among(&run_ids).unwrap().len(), 5);
    }
}
