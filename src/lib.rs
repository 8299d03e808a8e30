//! chordbench trains Restricted Boltzmann Machines on piano-roll windows of MIDI files, one for every point of a sweep,
//! and records quality, timing, models and music.
//!
//! The layers, each of which depends only on those below it:
//!
//! | module | owns |
//! |---|---|
//! | [`cli`] | arguments in, exit code out; one file for each verb |
//! | [`cluster`] | job scripts for batch systems, and their submission |
//! | [`inspect`] | status, checks and comparisons of results; descriptions of a corpus and of the machine |
//! | [`report`] | records → one web page |
//! | [`sweep`] | configuration → plan → runs → records |
//! | [`evaluate`] | reconstruction error, metrics of music, the change of the weights |
//! | [`compose`] | pieces of any length, in part given, from a model of windows |
//! | [`model`] | kinds of model: learning, sampling, likelihoods |
//! | [`train`] | options, schedules and batches of training |
//! | [`music`] | MIDI ↔ piano roll ↔ windows, and the built-in corpus |
//! | [`machine`] | processors, memory, host and clocks, as the system describes them |
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
