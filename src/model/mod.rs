//! The kinds of model that can be trained, sampled, measured.
//!
//! [`contract`] has the traits that the rest of the program works through. A [`Model`] is named tensors with a
//! [`Sampler`] and, if the kind defines one, a [`Density`]. A [`Learner`] changes a model batch by batch. [`ModelKind`]
//! makes them, and is the only place that knows the kinds. A new kind is a folder beside [`rbm`] and an arm in
//! `kind.rs`. Nothing here reads files or clocks, or prints.

mod chains;
mod clamp;
pub mod contract;
pub mod dbn;
pub mod energy;
mod features;
mod footprint;
mod gibbs;
mod kind;
pub mod likelihood;
mod options;
pub mod rbm;
pub mod rnn_rbm;
mod tensors;
mod training;

pub use chains::{ChainStart, Chains, sample};
pub use clamp::Clamp;
pub use contract::{
    ChainStep, Context, Density, FrameStarts, LastStep, Learner, LearnerError, Memory, Metrics, Model, Recurrence,
    Sampler, Unanswered,
};
pub use energy::Rbm;
pub use features::Features;
pub use footprint::Footprint;
pub use gibbs::{GibbsStreams, Offsets, advance_from_hidden, advance_from_visible};
pub use options::{ModelKind, ModelOptions, VisibleBias};
pub use tensors::{Tensor, TensorError, TensorReader, TensorValues, Tensors};
pub use training::{EpochCounts, EpochPart, Trainer};
