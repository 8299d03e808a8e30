//! chordbench trains Restricted Boltzmann Machines on rows of bits: piano-roll windows of MIDI files, or data of your
//! own.
//!
//! The program `runner` trains one model for every point of a sweep and records quality, timing, models and music. This
//! library has its parts. An RBM on a matrix of bits, one example a row:
//!
//! ```
//! use chordbench::engine::BitMatrix;
//! use chordbench::model::{ModelOptions, Trainer, sample};
//! use chordbench::train::{Method, TrainOptions, TrainingSet};
//!
//! // The 8 pictures of 3 × 3 pixels whose rows are all on or all off.
//! let data = BitMatrix::from_fn(8, 9, |picture, pixel| picture >> (pixel / 3) & 1 == 1);
//!
//! let seed = 1;
//! let model = ModelOptions { hidden: 6, ..ModelOptions::default() };
//! let options = TrainOptions { method: Method::Pcd, learning_rate: 0.05, ..TrainOptions::default() };
//! let mut trainer = Trainer::new(TrainingSet::of_rows(&data), &model, &options, seed);
//! for epoch in 0..5000 {
//!     trainer.train_epoch(epoch);
//! }
//!
//! // The mean of ln p(v) over the pictures, exact; −ln 8 = −2.08 is the best there can be.
//! let density = trainer.model().density().unwrap();
//! let log_likelihood = density.exact_log_likelihood(&data).unwrap().unwrap();
//! assert!(log_likelihood > -2.5 && log_likelihood < -2.07, "{log_likelihood}");
//!
//! let samples = sample(trainer.model_mut().sampler(), 5, 1000, seed);
//! assert_eq!((samples.rows(), samples.columns()), (5, 9));
//! ```
//!
//! `examples/` has this as a program, one that reads a corpus, trains and writes MIDI files, and one that evaluates a
//! saved model. The same seed gives the same bits, with any number of threads and on any instruction set.
//!
//! The layers, each depending only on those below it:
//!
//! | module | owns |
//! |---|---|
//! | [`sweep`] | configuration → plan → runs → records, model files |
//! | [`evaluate`] | reconstruction error, metrics of music, the change of the weights |
//! | [`model`] | kinds of model: learning, sampling, likelihoods |
//! | [`train`] | options, schedules and batches of training |
//! | [`music`] | MIDI ↔ piano roll ↔ windows, and the built-in corpus |
//! | [`data`] | tables of bits in NumPy files and CSV |
//! | [`engine`] | packed bits, kernels, random streams |
//!
//! Above them stand the parts of the program: `compose`, `report`, `export`, `inspect`, `cluster` and `cli`. All but the
//! first need the feature `cli`, which is on by default; `default-features = false` leaves out their dependencies.

#![cfg_attr(
    not(feature = "cli"),
    allow(dead_code, unused_imports, reason = "the program is the only user of some parts of the library")
)]

// The program's own parts. They are public for `main.rs`, the tests and the benchmarks, and are not an interface to rely on.
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cluster;
#[doc(hidden)]
pub mod compose;
pub mod data;
pub mod engine;
pub mod evaluate;
#[cfg(feature = "cli")]
mod export;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod inspect;
#[doc(hidden)]
pub mod machine;
pub mod model;
pub mod music;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod report;
pub mod sweep;
pub mod train;

#[cfg(test)]
mod testing;
