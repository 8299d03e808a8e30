//! chordbench trains Restricted Boltzmann Machines on piano-roll windows of MIDI files, one for every point of a sweep,
//! and records quality, timing, models and music.
//!
//! The layers, each depending only on those below it:
//!
//! | module | owns |
//! |---|---|
//! | [`cli`] | arguments in, exit code out; one file a verb |
//! | [`cluster`] | job scripts for batch systems, and their submission |
//! | [`inspect`] | what is so: of results, of two of them, of the machine |
//! | [`report`] | records → one web page |
//! | [`sweep`] | configuration → plan → runs → records |
//! | [`compose`] | pieces of any length, in part given, from a model of windows |
//! | [`train`] | the training loop and contrastive divergence |
//! | [`evaluate`] | reconstruction error, likelihoods, free energies, music metrics |
//! | [`rbm`] | the model: energies, conditionals, Gibbs chains |
//! | [`music`] | MIDI ↔ piano roll ↔ windows, and the built-in corpus |
//! | [`data`] | tables of bits in NumPy files and CSV |
//! | [`engine`] | packed bits, kernels, random streams |

pub mod cli;
pub mod cluster;
pub mod compose;
pub mod data;
pub mod engine;
pub mod evaluate;
pub mod inspect;
pub mod machine;
pub mod model;
pub mod music;
pub mod report;
pub mod sweep;
pub mod train;

#[cfg(test)]
mod testing;
