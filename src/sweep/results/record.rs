//! What a run leaves behind: its record, epoch by epoch and as a whole.

use crate::evaluate::music::MusicComparison;
use crate::machine::Environment;
use crate::model::Metrics;
use crate::music::{Duplicates, FileStatus};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunStatus {
    /// Complete.
    Ok,
    /// It could not be completed: training diverged, say. The record's `error` tells why.
    Failed,
}

/// One line of `epochs.jsonl`: the state of the model after `epoch` epochs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Epochs trained so far; 0 is the model before training.
    pub epoch: u64,
    /// Updates of this epoch.
    pub updates: u64,
    /// Examples of this epoch.
    pub examples: u64,
    /// The metrics of the model; empty where this epoch was not evaluated.
    pub metrics: Metrics,
    /// Seconds of training, evaluating and writing apart.
    pub timing: EpochTiming,
}

/// Wall-clock seconds of one epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EpochTiming {
    /// Updates alone.
    pub train_s: f64,
    /// Reconstruction error.
    pub reconstruction_s: f64,
    /// Pseudo-log-likelihood.
    pub pseudo_likelihood_s: f64,
    /// Free energies.
    pub free_energy_s: f64,
    /// Changes of the weights, and whether they are finite.
    pub weights_s: f64,
}

impl EpochTiming {
    /// All that is not training.
    pub fn evaluate_s(&self) -> f64 {
        self.reconstruction_s + self.pseudo_likelihood_s + self.free_energy_s + self.weights_s
    }
}

/// The corpus as one run saw it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CorpusRecord {
    /// BLAKE3 of the songs' cells.
    pub digest: String,
    /// The units of a row, if the corpus is rows that are not music; absent for music.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<usize>,
    /// Songs used.
    pub songs: usize,
    /// Windows of all songs.
    pub windows: usize,
    /// Share of units on in these windows.
    pub density: f64,
    /// Songs trained on.
    pub training_songs: usize,
    /// Songs held out for validation.
    pub validation_songs: usize,
    /// Songs of the data set's own test split: no run trains or chooses by them.
    pub test_songs: usize,
    /// Windows of the training songs.
    pub training_windows: usize,
    /// Those of them that take part in training.
    pub trained_windows: usize,
    /// Windows of the validation songs.
    pub validation_windows: usize,
    /// Windows of the data set's own test split.
    #[serde(default)]
    pub test_windows: usize,
    /// Training songs in other keys, beside the songs as they are.
    #[serde(default)]
    pub transposed_songs: usize,
    /// Transpositions of training songs that the pitches kept have no room for.
    #[serde(default)]
    pub transpositions_left_out: usize,
    /// What stands more than once, within splits and across.
    #[serde(default)]
    pub duplicates: Option<Duplicates>,
    /// Files by what became of them.
    pub files: FileCounts,
    /// The files that were not used whole, with the reason: the first [`Self::LISTED_FILES`]. `corpora/` has all.
    pub not_whole: Vec<FileNote>,
}

impl CorpusRecord {
    /// Files listed at most: a record must stay small for a corpus of any size.
    pub const LISTED_FILES: usize = 100;
}

/// A file that was not used whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileNote {
    /// Its path below that of the corpus.
    pub file: String,
    /// What became of it.
    pub status: FileStatus,
    /// Why.
    pub reason: Option<String>,
}

/// Files of a corpus by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileCounts {
    /// Read and used whole.
    pub used: usize,
    /// Left out by an option.
    pub skipped: usize,
    /// Broken, in part readable.
    pub damaged: usize,
    /// Not readable at all.
    pub failed: usize,
}

/// The distribution of a time over epochs, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TimeDistribution {
    /// Epochs timed.
    pub count: usize,
    /// Median.
    pub median: f64,
    /// Minimum.
    pub min: f64,
    /// Median of the absolute deviations from the median.
    pub mad: f64,
}

impl TimeDistribution {
    /// The distribution of some times.
    pub fn of(mut times: Vec<f64>) -> Self {
        if times.is_empty() {
            return Self::default();
        }
        let middle = |times: &mut Vec<f64>| {
            times.sort_by(f64::total_cmp);
            f64::midpoint(times[(times.len() - 1) / 2], times[times.len() / 2])
        };
        let median = middle(&mut times);
        let (count, min) = (times.len(), times[0]);
        let mut deviations: Vec<f64> = times.iter().map(|time| (time - median).abs()).collect();
        Self { count, median, min, mad: middle(&mut deviations) }
    }
}

/// Wall-clock seconds of a run, by what they were spent on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// The whole run.
    pub total_s: f64,
    /// Cutting the corpus into windows.
    pub corpus_s: f64,
    /// Training alone: no evaluation, no sampling, no writing.
    pub train_s: f64,
    /// Evaluating epochs.
    pub evaluate_s: f64,
    /// The log-likelihood after the last epoch.
    #[serde(default)]
    pub likelihood_s: f64,
    /// Drawing samples and judging them.
    pub sample_s: f64,
    /// Training time of the epochs.
    pub epoch_s: TimeDistribution,
    /// Parameter updates per second of training.
    pub updates_per_s: f64,
    /// Examples per second of training.
    pub examples_per_s: f64,
    /// Visible units × hidden units × examples per second of training.
    pub connection_updates_per_s: f64,
    /// Threads of the run.
    pub threads: usize,
    /// Whether other runs shared the machine meanwhile, of this process or of another that works on the same results: such
    /// times are no benchmark.
    pub contended: bool,
    /// Processor time of the threads of the run, where the system tells: at most `threads` times `total_s`.
    #[serde(default)]
    pub cpu_s: Option<f64>,
    /// How often the run went on after an interruption; `total_s` counts the times at work alone.
    #[serde(default)]
    pub continued: u32,
    /// Bytes of memory that the run was expected to take.
    #[serde(default)]
    pub expected_bytes: u64,
    /// The most bytes of memory that the process had taken by the end of the run, all its runs together.
    #[serde(default)]
    pub peak_bytes: Option<u64>,
}

/// How early stopping ended a run, or did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlyStop {
    /// Epochs trained.
    pub epochs: u64,
    /// The epoch with the best value of the metric; `None` if it was never defined.
    pub best_epoch: Option<u64>,
    /// Whether it ended training before the last epoch planned.
    pub stopped: bool,
    /// Whether the model of the best epoch was restored: the model, its metrics and its samples are of that epoch.
    pub restored: bool,
}

/// A file that a run made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// Path below the run's folder.
    pub path: String,
    /// BLAKE3 of its bytes.
    pub blake3: String,
}

impl Artifact {
    /// The entry for a file with these bytes.
    pub fn new(path: impl Into<String>, bytes: &[u8]) -> Self {
        Self { path: path.into(), blake3: blake3::hash(bytes).to_hex().to_string() }
    }
}

/// `result.json`: all about one run. Its presence is the one sign that the run is complete.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Version of this record.
    pub schema: u32,
    /// The run's name: see `RunSpec::run_id`.
    pub run_id: String,
    /// How it ended.
    pub status: RunStatus,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Every numeric parameter, resolved.
    pub params: Map<String, Value>,
    /// Which replicate of its point this is, counted from 0.
    pub replicate: u32,
    /// The seed of this replicate, in decimal.
    pub seed: String,
    /// The run that was trained, if this one took over its model and its curves. It is no part of the digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trained_in: Option<String>,
    /// What it was trained on.
    pub corpus: Option<CorpusRecord>,
    /// The metrics after the last epoch, or of the epoch that early stopping restored.
    pub metrics: Metrics,
    /// How early stopping ended the run; only where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early_stop: Option<EarlyStop>,
    /// The music of the samples beside that of the baselines.
    pub music: Option<MusicComparison>,
    /// What should keep a reader from trusting some of these numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Where the time went.
    pub timing: Timing,
    /// The machine and the build.
    pub environment: Environment,
    /// The files made.
    pub artifacts: Vec<Artifact>,
    /// BLAKE3 over the canonical JSON of the deterministic part: see [`digest`].
    pub digest: String,
}

impl RunRecord {
    /// The version of the record that this program writes.
    pub const SCHEMA: u32 = 1;

    /// The record without what a summary has no use for, so that those of a large sweep fit into memory.
    pub(crate) fn without_details(self) -> Self {
        Self { params: Map::new(), corpus: None, artifacts: Vec::new(), ..self }
    }
}

/// The digest of a run: BLAKE3 over the canonical JSON (keys sorted, no white space, shortest decimal form of numbers)
/// of its parameters, its seed, the corpus digest, the counts and metrics of every epoch, the music metrics, and the
/// hashes of the files it made. No time, place or machine has a part in it.
pub fn digest(record: &RunRecord, epochs: &[EpochRecord]) -> String {
    let epochs: Vec<Value> = epochs
        .iter()
        .map(|epoch| {
            json!({"epoch": epoch.epoch, "updates": epoch.updates, "examples": epoch.examples, "metrics": epoch.metrics})
        })
        .collect();
    let deterministic = json!({
        "schema": record.schema,
        "status": record.status,
        "error": record.error,
        "params": record.params,
        "seed": record.seed,
        "corpus": record.corpus.as_ref().map(|corpus| &corpus.digest),
        "epochs": epochs,
        "metrics": record.metrics,
        "music": record.music,
        "artifacts": record.artifacts,
    });
    blake3::hash(canonical_json(&deterministic).as_bytes()).to_hex().to_string()
}

/// JSON with sorted keys and no white space. Numbers take their shortest decimal form that reads back the same.
pub fn canonical_json(value: &Value) -> String {
    // serde_json's maps are sorted by key unless some crate turns its `preserve_order` feature on; a test watches.
    value.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_json_sorts_keys() {
        let value: Value = serde_json::from_str(r#"{"b": 1.50, "a": [1, {"d": null, "c": 1e-7}]}"#).unwrap();
        assert_eq!(canonical_json(&value), r#"{"a":[1,{"c":1e-7,"d":null}],"b":1.5}"#);
    }

    #[test]
    fn medians_and_deviations() {
        let times = TimeDistribution::of(vec![3.0, 1.0, 2.0, 10.0]);
        assert_eq!(times, TimeDistribution { count: 4, median: 2.5, min: 1.0, mad: 1.0 });
        assert_eq!(TimeDistribution::of(vec![]).count, 0);
    }
}
