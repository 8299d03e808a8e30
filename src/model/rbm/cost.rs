//! The estimated cost of training an RBM, by its shape: memory, time.

use crate::engine::Isa;
use crate::engine::cost::{UpdateSize, engine_bytes, row_bytes, state_bytes, weight_bytes};
use crate::model::footprint::Footprint;
use crate::model::options::ModelOptions;
use crate::train::{Centring, Method, TrainOptions};

/// The share of the units of a training window that are on: that of pop music at sixteenth steps.
const DENSITY: f64 = 0.05;

/// Returns the memory that an RBM of `visible` units takes in training and evaluation.
pub fn footprint(model: &ModelOptions, train: &TrainOptions, visible: usize) -> Footprint {
    let hidden = model.hidden;
    let one_copy = weight_bytes(visible, hidden);
    let has_velocity = train.momentum > 0.0 || train.initial_momentum > 0.0;
    // Updates by a rule add up all terms in one more array of weights.
    let by_rule = train.centring != Centring::None
        || train.sparsity_strength > 0.0
        || train.weight_decay_l1 > 0.0
        || train.nesterov;
    let chains = if train.chains == 0 { train.batch_size } else { train.chains };
    let states = state_bytes(visible, hidden);
    Footprint {
        parameters: one_copy,
        engine: engine_bytes(train.engine, visible, hidden, has_velocity),
        velocity: if has_velocity { one_copy } else { 0 },
        // e^w and e^−w, twice as wide as w.
        pseudo_likelihood: 4 * one_copy,
        terms: if by_rule { one_copy } else { 0 },
        chains: if train.method == Method::Pt { (chains * train.temperatures) as u64 * states } else { 0 },
        // Sums of products in f64, one array for each of the up to 64 blocks of an enumeration.
        enumeration: if train.method == Method::Exact { 64 * 8 * (visible * hidden) as u64 } else { 0 },
        chain_states: states,
        row: row_bytes(train.engine, visible, hidden),
        chain_rows: chains as u64,
        window: 0,
    }
}

/// Returns the estimated time of one update of a batch of `rows` windows on one thread, in microseconds.
pub fn update_microseconds(model: &ModelOptions, train: &TrainOptions, visible: usize, rows: f64, isa: Isa) -> f64 {
    let gibbs_steps = train.k as f64;
    UpdateSize { rows, gibbs_steps, visible, hidden: model.hidden, density: DENSITY }.nanoseconds(isa) * 1e-3
}
