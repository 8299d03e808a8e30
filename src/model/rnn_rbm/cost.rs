//! The estimated cost of training an RNN-RBM, by its shape: memory, time.

use crate::engine::Isa;
use crate::model::footprint::Footprint;
use crate::model::options::ModelOptions;
use crate::model::rbm;
use crate::train::TrainOptions;

/// The frames of a song where none are named.
const TYPICAL_SONG: usize = 500;
/// The products that one thread adds in a nanosecond.
const PRODUCTS_A_NANOSECOND: f64 = 4.0;

/// Returns the memory that an RNN-RBM of `visible` units takes in training and evaluation.
pub fn footprint(model: &ModelOptions, train: &TrainOptions, visible: usize) -> Footprint {
    let frames = frames(train);
    let of_rbm = rbm::footprint(model, &TrainOptions { batch_size: frames, ..train.clone() }, visible);
    let (hidden, recurrent) = (model.hidden, model.recurrent);
    let network = 4 * (recurrent * (2 * visible + hidden + recurrent + 2)) as u64;
    Footprint {
        parameters: of_rbm.parameters + network,
        engine: of_rbm.engine + network,
        velocity: 2 * (of_rbm.parameters + network),
        // The gradient and the transposed copies of the network.
        terms: 2 * of_rbm.parameters + 3 * network,
        row: of_rbm.row + 4 * (4 * visible + 4 * hidden + 6 * recurrent) as u64,
        chain_rows: frames as u64,
        ..of_rbm
    }
}

/// Returns the estimated time of one update of `rows` frames on one thread, in microseconds.
pub fn update_microseconds(model: &ModelOptions, train: &TrainOptions, visible: usize, rows: f64, isa: Isa) -> f64 {
    let (hidden, recurrent) = (model.hidden, model.recurrent);
    let products = recurrent * (visible + 3 * hidden + 3 * recurrent);
    let network = rows * products as f64 / PRODUCTS_A_NANOSECOND * 1e-3;
    rbm::update_microseconds(model, train, visible, rows, isa) + network
}

/// Returns the number of frames of a batch.
fn frames(train: &TrainOptions) -> usize {
    let songs = if train.batches == crate::train::Batches::PerSong { 1 } else { train.batch_size };
    songs.saturating_mul(if train.chunk == 0 { TYPICAL_SONG } else { train.chunk })
}
