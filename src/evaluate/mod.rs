//! The evaluation of a trained model.

mod bernoulli;
pub mod music;
mod options;
mod reconstruction;
mod weight_change;

pub use bernoulli::IndependentBernoulli;
pub use options::{EvaluateOptions, LikelihoodMethod};
pub use reconstruction::reconstruction_error;
pub use weight_change::update_to_weight_ratio;
