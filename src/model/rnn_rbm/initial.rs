//! The network before training.

use super::network::Network;
use crate::engine::{Purpose, RowStreams, standard_normals};

/// Returns a network of these units with its matrices ~ N(0, `deviation`²), one stream for each row, and its biases and
/// initial state zero.
pub(super) fn initial_network(
    (visible, hidden, recurrent): (usize, usize, usize),
    deviation: f64,
    seed: u64,
) -> Network {
    let mut network = Network::zeros(visible, hidden, recurrent);
    let columns = [recurrent, hidden, recurrent, recurrent];
    for (number, (array, columns)) in network.arrays_mut().into_iter().zip(columns).enumerate() {
        let streams = RowStreams::new(seed, Purpose::RecurrentWeights, 0, number as u64, 0);
        let mut variates = vec![0.0; columns];
        for (row, weights) in array.chunks_exact_mut(columns).enumerate() {
            standard_normals(&mut streams.generator(row), &mut variates);
            weights.iter_mut().zip(&variates).for_each(|(weight, variate)| *weight = (deviation * variate) as f32);
        }
    }
    network
}
