//! The Restricted Boltzmann Machine as a kind of model. Formulas are written as in the papers.

mod cost;
mod density;
mod expectations;
mod gradient;
mod initial;
mod learner;
mod model;
mod updates;

pub use cost::{footprint, update_microseconds};
pub use expectations::{Expectations, MAXIMUM_GRADIENT_UNITS};
pub(in crate::model) use gradient::{Gradient, as_numbers};
pub use initial::{initial_parameters, log_odds};
pub use learner::RbmLearner;
pub use model::{RbmModel, shape_of};
pub(in crate::model) use updates::Updates;

#[cfg(test)]
mod tests;
