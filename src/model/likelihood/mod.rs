//! The log-likelihood of a model of binary units: exactly, or bracketed from both sides.

mod annealing;
mod bracket;
mod exact;
mod free_energy;
mod known;
mod pseudo_likelihood;
mod request;

pub use annealing::{Annealing, Estimate, LogWeights, Spacing, base_rate, inverse_temperatures};
pub use bracket::{BuildEngine, FrameFindings, Likelihood, METHODS, SplitLikelihood};
pub use exact::{MAXIMUM_ENUMERATED_UNITS, enumeration_cost, exact_log_partition};
pub use free_energy::mean_free_energy;
pub use known::{Anchored, KnownStates};
pub use pseudo_likelihood::mean_pseudo_log_likelihood;
pub use request::{AnnealingOptions, FrameAnnealing, LikelihoodRequest, NamedWindows};
