//! The deep belief network as a kind of model: an RBM on top of directed logistic layers.

mod conditional;
mod cost;
mod density;
mod layers;
mod learner;
mod lower;
mod model;
mod posterior;
mod up_down;

pub use cost::{connections, footprint, update_microseconds};
pub use layers::{Layers, features, is_single, visible_units};
pub use learner::learner;
pub use model::Dbn;

#[cfg(test)]
mod tests;
