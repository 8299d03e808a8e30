//! The self-test: a small training with the same bits on every machine, measured for speed.

use crate::engine::Isa;
use crate::engine::Parameters;
use crate::model::{LearnerError, ModelOptions, TensorError, Trainer};
use crate::music::{Corpus, CorpusOptions, Windows, builtin};
use crate::sweep::{RunParameters, update_microseconds};
use crate::train::{TrainOptions, TrainingSet};
use serde::Serialize;
use std::time::{Duration, Instant};

/// The digest of the built-in corpus, read with default options.
pub const BUILTIN_CORPUS_DIGEST: &str = "e9f1939213628305132b5a9befd8b221c880008dabb565841120327f8b54b88d";

/// BLAKE3 over the parameters of the model of [`training_digest`], on every machine.
pub const TRAINING_DIGEST: &str = "657b9f0bd0aeaacc5d02121c59a6b793b945414dda439d6e97a7ba142d3f455d";

/// The number of songs of the small training.
const SONGS: usize = 12;

/// Reads the built-in corpus with default options.
pub fn builtin_corpus() -> Corpus {
    let songs = builtin::songs();
    Corpus::from_midi(&songs, &CorpusOptions::default(), &|_, _| ())
        .unwrap_or_else(|error| panic!("the built-in corpus is sound MIDI: {error}"))
}

/// Trains a small model for two epochs on the first songs of the built-in corpus and returns its digest: hexadecimal
/// BLAKE3 of weights, visible and hidden biases in little-endian f32.
pub fn training_digest(corpus: &Corpus, isa: Isa, threads: usize) -> Result<String, SelfTestError> {
    let model = ModelOptions { timesteps: 8, hidden: 40, ..ModelOptions::default() };
    let options = TrainOptions { k: 2, learning_rate: 0.05, batch_size: 20, momentum: 0.5, ..TrainOptions::default() };
    let windows = Windows::cut(&corpus.layout, corpus.songs[..SONGS].iter().map(|song| &song.roll), model.timesteps);
    let set = TrainingSet { windows: &windows.bits, songs: &windows.songs };
    pool(threads)?.install(|| {
        let mut trainer = Trainer::with_isa(set, &model, &options, 1, isa)?;
        for epoch in 0..2 {
            trainer.train_epoch(epoch);
        }
        let parameters = Parameters::try_from(&trainer.model().tensors())?;
        let mut hasher = blake3::Hasher::new();
        for value in parameters.weights.iter().chain(&parameters.visible_bias).chain(&parameters.hidden_bias) {
            hasher.update(&value.to_le_bytes());
        }
        Ok(hasher.finalize().to_hex().to_string())
    })
}

/// The reason why a self-test cannot run.
#[derive(Debug, thiserror::Error)]
pub enum SelfTestError {
    /// The trainer cannot be made: the processor lacks the instruction set, for example.
    #[error(transparent)]
    Learner(#[from] LearnerError),
    /// The model is not an RBM.
    #[error(transparent)]
    Tensors(#[from] TensorError),
    /// Threads cannot be started.
    #[error("cannot start threads: {0}")]
    Threads(#[from] rayon::ThreadPoolBuildError),
}

fn pool(threads: usize) -> Result<rayon::ThreadPool, rayon::ThreadPoolBuildError> {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build()
}

/// A size of model and batch whose speed is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpeedJob {
    /// The number of hidden units; windows have 15 steps of 156 units.
    pub hidden: usize,
    /// The number of windows in a batch.
    pub batch_size: usize,
}

/// The sizes measured: the article's model with small and common batches, and larger ones.
pub const SPEED_JOBS: [SpeedJob; 4] = [
    SpeedJob { hidden: 50, batch_size: 10 },
    SpeedJob { hidden: 50, batch_size: 100 },
    SpeedJob { hidden: 256, batch_size: 100 },
    SpeedJob { hidden: 1024, batch_size: 100 },
];

/// The speed of training at one size.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Speed {
    /// The number of visible units.
    pub visible: usize,
    /// The number of hidden units.
    pub hidden: usize,
    /// The number of windows in a batch.
    pub batch_size: usize,
    /// The instruction set.
    pub isa: Isa,
    /// The number of threads.
    pub threads: usize,
    /// The updates a second in the fastest of the epochs.
    pub updates_per_s: f64,
    /// The updates a second of one thread by the estimate that divides runs among threads. It counts the operations of
    /// the kernels alone; a third of it or more is usual.
    pub expected_updates_per_s: f64,
}

/// Trains by CD-1 on the built-in corpus for about `budget` and returns the speed of the fastest epoch: other work on
/// the machine can only make an epoch slower.
pub fn measure(
    corpus: &Corpus,
    job: SpeedJob,
    isa: Isa,
    threads: usize,
    budget: Duration,
) -> Result<Speed, SelfTestError> {
    let mut parameters = RunParameters::default();
    (parameters.model.hidden, parameters.train.batch_size) = (job.hidden, job.batch_size);
    let (model, options, rows) = (&parameters.model, &parameters.train, job.batch_size as f64);
    let windows = Windows::cut(&corpus.layout, corpus.songs.iter().map(|song| &song.roll), model.timesteps);
    let set = TrainingSet { windows: &windows.bits, songs: &windows.songs };
    pool(threads)?.install(|| {
        let mut trainer = Trainer::with_isa(set, model, options, 1, isa)?;
        let start = Instant::now();
        let mut fastest = 0.0f64;
        for epoch in 0.. {
            let epoch_start = Instant::now();
            let counts = trainer.train_epoch(epoch);
            fastest = fastest.max(counts.updates as f64 / epoch_start.elapsed().as_secs_f64().max(1e-9));
            // The first epoch runs with cold caches: a second follows unless the first took four times the budget.
            if start.elapsed() >= budget * if epoch > 0 { 1 } else { 4 } {
                break;
            }
        }
        Ok(Speed {
            visible: windows.bits.columns(),
            hidden: job.hidden,
            batch_size: job.batch_size,
            isa,
            threads,
            updates_per_s: fastest,
            expected_updates_per_s: 1e6 / update_microseconds(&parameters, corpus.layout.columns(), rows, isa),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The checks of `runner doctor` hold on the machine that runs the tests.
    #[test]
    fn the_pinned_digests_hold_for_every_instruction_set_and_number_of_threads() {
        let corpus = builtin_corpus();
        assert_eq!(corpus.digest, BUILTIN_CORPUS_DIGEST);
        for isa in Isa::available() {
            for threads in [1, 2, 3] {
                assert_eq!(
                    training_digest(&corpus, isa, threads).unwrap(),
                    TRAINING_DIGEST,
                    "{isa}, {threads} threads"
                );
            }
        }
    }

    #[test]
    fn speed_is_measured_of_the_size_asked_for() {
        let corpus = builtin_corpus();
        let job = SpeedJob { hidden: 20, batch_size: 200 };
        let speed = measure(&corpus, job, Isa::pinned_or_best(), 1, Duration::ZERO).unwrap();
        assert_eq!((speed.visible, speed.hidden, speed.batch_size, speed.threads), (15 * 156, 20, 200, 1));
        assert!(speed.updates_per_s > 1.0, "{speed:?}");
    }
}
