//! The evaluation of a trained model: reconstruction error, free energy, likelihoods, metrics of music.

mod annealing;
mod bernoulli;
mod exact;
mod free_energy;
mod known;
mod likelihood;
pub mod music;
mod options;
mod pseudo_likelihood;
mod reconstruction;
mod weight_change;

pub use annealing::{Annealing, Estimate, LogWeights, Spacing, base_rate, inverse_temperatures};
pub use bernoulli::IndependentBernoulli;
pub use exact::{MAXIMUM_ENUMERATED_UNITS, enumeration_cost, exact_log_partition};
pub use free_energy::mean_free_energy;
pub use known::{Anchored, KnownStates};
pub use likelihood::{BuildEngine, Likelihood, LikelihoodRequest, METHODS, NamedWindows, SplitLikelihood};
pub use options::{AnnealingOptions, EvaluateOptions, LikelihoodMethod};
pub use pseudo_likelihood::mean_pseudo_log_likelihood;
pub use reconstruction::reconstruction_error;
pub use weight_change::update_to_weight_ratio;
