//! The Restricted Boltzmann Machine: energies, conditionals and Gibbs chains. Formulae as in the papers, in f64.

mod clamp;
mod expectations;
mod gibbs;
mod model;
mod sampling;

pub use clamp::Clamp;
pub use expectations::{Expectations, MAXIMUM_GRADIENT_UNITS};
pub use gibbs::{GibbsStreams, advance_from_hidden, advance_from_visible};
pub use model::Rbm;
pub use sampling::{ChainStart, Chains, LastStep};
