//! Annealed importance sampling of partition functions.

mod base;
mod chains;
mod schedule;
mod weights;

pub use base::base_rate;
pub use chains::Annealing;
pub use schedule::{Spacing, inverse_temperatures};
pub(super) use weights::BAND;
pub use weights::{Estimate, LogWeights};

#[cfg(test)]
mod tests;
