//! The parts of a run's record that are computed from the run as a whole: its corpus, its times.

use super::material::Material;
use crate::music::{Corpus, FileStatus, Splits};
use crate::sweep::results::{CorpusRecord, EpochRecord, FileCounts, FileNote, RunRecord, TimeDistribution, Timing};

/// Returns the entry of a record for the corpus that a run is trained on.
pub(super) fn corpus_record(corpus: &Corpus, material: &Material, trained_windows: usize) -> CorpusRecord {
    let Material { split, windows: split_windows, .. } = material;
    let Splits { training, validation, .. } = &split_windows.windows;
    let count = |status| corpus.files.iter().filter(|file| file.status == status).count();
    let windows = training.len() + validation.len();
    let ones = training.bits.count_ones() + validation.bits.count_ones();
    let cells = windows * training.bits.columns();
    CorpusRecord {
        digest: corpus.digest.clone(),
        units: corpus.layout.units,
        songs: corpus.songs.len(),
        windows,
        density: if cells == 0 { 0.0 } else { ones as f64 / cells as f64 },
        training_songs: split.training.len(),
        validation_songs: split.validation.len(),
        test_songs: split.test.len(),
        training_windows: training.len(),
        trained_windows,
        validation_windows: validation.len(),
        test_windows: split_windows.windows.test.len(),
        transposed_songs: split_windows.transposed_songs,
        transpositions_left_out: split_windows.transpositions_left_out,
        duplicates: Some(material.duplicates),
        files: FileCounts {
            used: count(FileStatus::Used),
            skipped: count(FileStatus::Skipped),
            damaged: count(FileStatus::Damaged),
            failed: count(FileStatus::Failed),
        },
        not_whole: corpus
            .files
            .iter()
            .filter(|file| file.status != FileStatus::Used)
            .take(CorpusRecord::LISTED_FILES)
            .map(|file| FileNote { file: file.file.clone(), status: file.status, reason: file.reason.clone() })
            .collect(),
    }
}

/// Sums up the times of the epochs in a record; `connections` is the number of weights between units.
pub(super) fn summarise_timing(record: &mut RunRecord, epochs: &[EpochRecord], connections: usize) {
    let trained = epochs.iter().filter(|epoch| epoch.epoch > 0);
    let times: Vec<f64> = trained.clone().map(|epoch| epoch.timing.train_s).collect();
    // An empty sum of floats is −0.
    let train_s = times.iter().sum::<f64>() + 0.0;
    let (updates, examples) =
        trained.fold((0, 0), |(updates, examples), epoch| (updates + epoch.updates, examples + epoch.examples));
    let per_second = |count: f64| if train_s > 0.0 { count / train_s } else { 0.0 };
    record.timing = Timing {
        train_s,
        evaluate_s: epochs.iter().map(|epoch| epoch.timing.evaluate_s()).sum::<f64>() + 0.0,
        epoch_s: TimeDistribution::of(times),
        updates_per_s: per_second(updates as f64),
        examples_per_s: per_second(examples as f64),
        connection_updates_per_s: per_second(examples as f64 * connections as f64),
        ..record.timing
    };
}
