//! The RNN-RBM as a kind of model: an RBM of frames whose biases a recurrent network sets.

mod cost;
mod density;
mod gradient;
mod initial;
mod known;
mod learner;
mod model;
mod network;
mod sequences;
mod starts;

pub use cost::{footprint, update_microseconds};
pub use learner::RnnRbmLearner;
pub use model::{RnnRbm, shape_of};
pub use network::Network;

#[cfg(test)]
mod tests;
