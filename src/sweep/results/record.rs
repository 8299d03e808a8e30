//! The record of a run, with those of its epochs.

use crate::evaluate::music::MusicComparison;
use crate::machine::Environment;
use crate::model::Metrics;
use crate::music::{Duplicates, FileStatus};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// The status of a run that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunStatus {
    /// The run is complete.
    Ok,
    /// The run could not be completed, for example since training diverged. The record's `error` has the reason.
    Failed,
}

/// A line of `epochs.jsonl`: the state of the model after `epoch` epochs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// The number of epochs trained so far; 0 is the model before training.
    pub epoch: u64,
    /// The stage of training before the main one that the epoch belongs to; absent in the main one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// The number of updates of this epoch.
    pub updates: u64,
    /// The number of examples of this epoch.
    pub examples: u64,
    /// The metrics of the model; empty if this epoch was not evaluated.
    pub metrics: Metrics,
    /// The times of training and of each evaluation.
    pub timing: EpochTiming,
}

/// The wall-clock seconds of one epoch.
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
    /// Changes of the weights, and the check that they are finite.
    pub weights_s: f64,
}

impl EpochTiming {
    /// Returns the seconds of everything but training.
    pub fn evaluate_s(&self) -> f64 {
        self.reconstruction_s + self.pseudo_likelihood_s + self.free_energy_s + self.weights_s
    }
}

/// The corpus as one run saw it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CorpusRecord {
    /// The BLAKE3 hash of the songs' cells.
    pub digest: String,
    /// The units of a row, if the corpus is rows that are not music; absent for music.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<usize>,
    /// The number of songs used.
    pub songs: usize,
    /// The number of windows of the training and validation songs.
    pub windows: usize,
    /// The share of units that are on in these windows.
    pub density: f64,
    /// The number of songs trained on.
    pub training_songs: usize,
    /// The number of songs held out for validation.
    pub validation_songs: usize,
    /// The number of songs in the data set's own test split, which no run trains on or chooses by.
    pub test_songs: usize,
    /// The number of windows of the training songs.
    pub training_windows: usize,
    /// The number of these windows that take part in training.
    pub trained_windows: usize,
    /// The number of windows of the validation songs.
    pub validation_windows: usize,
    /// The number of windows of the data set's own test split.
    #[serde(default)]
    pub test_windows: usize,
    /// The number of training songs added in other keys.
    #[serde(default)]
    pub transposed_songs: usize,
    /// The number of transpositions of training songs that do not fit into the pitches kept.
    #[serde(default)]
    pub transpositions_left_out: usize,
    /// The windows that occur more than once, within splits and across.
    #[serde(default)]
    pub duplicates: Option<Duplicates>,
    /// The numbers of files, by their fate.
    pub files: FileCounts,
    /// The files that were not used whole, with the reason: the first [`Self::LISTED_FILES`]. `corpora/` lists all.
    pub not_whole: Vec<FileNote>,
}

impl CorpusRecord {
    /// The maximum number of files listed. A record must stay small for a corpus of any size.
    pub const LISTED_FILES: usize = 100;
}

/// A file that was not used whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileNote {
    /// The path of the file below that of the corpus.
    pub file: String,
    /// The fate of the file.
    pub status: FileStatus,
    /// The reason.
    pub reason: Option<String>,
}

/// The numbers of files of a corpus, by their fate.
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
    /// The number of epochs timed.
    pub count: usize,
    /// The median.
    pub median: f64,
    /// The minimum.
    pub min: f64,
    /// The median of the absolute deviations from the median.
    pub mad: f64,
}

impl TimeDistribution {
    /// Returns the distribution of some times.
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

/// The times of a run in wall-clock seconds, with its rates and its memory.
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
    /// Drawing samples and comparing their music.
    pub sample_s: f64,
    /// The training time of the epochs.
    pub epoch_s: TimeDistribution,
    /// The number of parameter updates per second of training.
    pub updates_per_s: f64,
    /// The number of examples per second of training.
    pub examples_per_s: f64,
    /// The product of visible units, hidden units and examples per second of training.
    pub connection_updates_per_s: f64,
    /// The number of threads of the run.
    pub threads: usize,
    /// True if other runs shared the machine, of this process or of another that works on the same results. Such times
    /// are not a benchmark.
    pub contended: bool,
    /// The processor time of the threads of the run, if the system gives it: at most `threads` times `total_s`.
    #[serde(default)]
    pub cpu_s: Option<f64>,
    /// The number of times that the run continued after an interruption. `total_s` counts only the times at work.
    #[serde(default)]
    pub continued: u32,
    /// The bytes of memory that the run was expected to take.
    #[serde(default)]
    pub expected_bytes: u64,
    /// The peak memory of the process by the end of the run, all its runs together, in bytes.
    #[serde(default)]
    pub peak_bytes: Option<u64>,
}

/// The result of early stopping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlyStop {
    /// The number of epochs trained.
    pub epochs: u64,
    /// The epoch with the best value of the metric; `None` if it was never defined.
    pub best_epoch: Option<u64>,
    /// True if it ended training before the last epoch planned.
    pub stopped: bool,
    /// True if the model of the best epoch was restored: the model, its metrics and its samples are those of that
    /// epoch.
    pub restored: bool,
}

/// A file that a run made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// The path below the run's folder.
    pub path: String,
    /// The BLAKE3 hash of its bytes.
    pub blake3: String,
}

impl Artifact {
    /// Returns the entry for a file with these bytes.
    pub fn new(path: impl Into<String>, bytes: &[u8]) -> Self {
        Self { path: path.into(), blake3: blake3::hash(bytes).to_hex().to_string() }
    }
}

/// `result.json`, the whole record of a run. Its presence is the one sign that the run is complete.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The version of this record.
    pub schema: u32,
    /// The run's name; see `RunSpec::run_id`.
    pub run_id: String,
    /// The status of the run.
    pub status: RunStatus,
    /// The reason for a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Every parameter that decides the bits of the run, resolved.
    pub params: Map<String, Value>,
    /// The number of the replicate of its point, from 0.
    pub replicate: u32,
    /// The seed of this replicate, in decimal.
    pub seed: String,
    /// The run that was trained, if this one took over its model and its curves. It is not part of the digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trained_in: Option<String>,
    /// The corpus that it was trained on.
    pub corpus: Option<CorpusRecord>,
    /// The metrics after the last epoch, or of the epoch that early stopping restored.
    pub metrics: Metrics,
    /// The result of early stopping, if the options asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early_stop: Option<EarlyStop>,
    /// The music of the samples beside that of the baselines.
    pub music: Option<MusicComparison>,
    /// The reasons not to trust some of these numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// The times of the run.
    pub timing: Timing,
    /// The machine and the build.
    pub environment: Environment,
    /// The files made.
    pub artifacts: Vec<Artifact>,
    /// The BLAKE3 hash over the canonical JSON of the deterministic part; see [`digest`].
    pub digest: String,
}

impl RunRecord {
    /// The version of the record that this program writes.
    pub const SCHEMA: u32 = 1;

    /// Returns the record without the parts that a summary does not use, so that those of a large sweep fit into
    /// memory.
    pub(crate) fn without_details(self) -> Self {
        Self { corpus: None, artifacts: Vec::new(), ..self }
    }
}

/// Returns the digest of a run: the BLAKE3 hash over the canonical JSON (keys sorted, no white space, shortest decimal
/// form of numbers) of its status and error, its parameters, its seed, the corpus digest, the counts and metrics of
/// every epoch, the metrics of the model and of the music, and the hashes of the files it made. It does not depend on
/// time, place or machine. The diversity of the samples stays outside: earlier versions did not measure it, and their
/// digests of the same run remain the same.
pub fn digest(record: &RunRecord, epochs: &[EpochRecord]) -> String {
    let epochs: Vec<Value> = epochs
        .iter()
        .map(|epoch| {
            json!({"epoch": epoch.epoch, "updates": epoch.updates, "examples": epoch.examples, "metrics": epoch.metrics})
        })
        .collect();
    let mut music = json!(record.music);
    if let Value::Object(fields) = &mut music {
        fields.remove("diversity");
    }
    let deterministic = json!({
        "schema": record.schema,
        "status": record.status,
        "error": record.error,
        "params": record.params,
        "seed": record.seed,
        "corpus": record.corpus.as_ref().map(|corpus| &corpus.digest),
        "epochs": epochs,
        "metrics": record.metrics,
        "music": music,
        "artifacts": record.artifacts,
    });
    blake3::hash(canonical_json(&deterministic).as_bytes()).to_hex().to_string()
}

/// Returns JSON with sorted keys and no white space. Numbers take the shortest decimal form that reads back as the same
/// number.
pub fn canonical_json(value: &Value) -> String {
    // Maps of serde_json are sorted by key unless another crate turns its `preserve_order` feature on; a test checks
    // this.
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
