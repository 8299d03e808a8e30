//! What a trained model is worth: reconstruction error, pseudo-likelihood, free energy and exact likelihood.

mod bernoulli;
mod exact;
mod free_energy;
pub mod music;
mod options;
mod pseudo_likelihood;
mod reconstruction;
mod weight_change;

pub use bernoulli::IndependentBernoulli;
pub use exact::{MAXIMUM_ENUMERATED_UNITS, exact_log_partition};
pub use free_energy::mean_free_energy;
pub use options::EvaluateOptions;
pub use pseudo_likelihood::mean_pseudo_log_likelihood;
pub use reconstruction::reconstruction_error;
pub use weight_change::update_to_weight_ratio;
