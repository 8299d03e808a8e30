//! The estimated cost of training a deep belief network, by its shape: memory, time.

use crate::engine::Isa;
use crate::model::footprint::Footprint;
use crate::model::options::ModelOptions;
use crate::model::rbm;
use crate::train::TrainOptions;

/// Returns the number of units below each layer, with that of the layer.
fn shapes(model: &ModelOptions, visible: usize) -> impl Iterator<Item = (usize, ModelOptions)> {
    let below = std::iter::once(visible).chain(model.layers.iter().copied());
    below.zip(&model.layers).map(|(below, &hidden)| (below, ModelOptions { hidden, ..model.clone() }))
}

/// Returns the number of weights of a network.
pub fn connections(model: &ModelOptions, visible: usize) -> usize {
    shapes(model, visible).map(|(below, layer)| below * layer.hidden).sum()
}

/// Returns the memory that a network above `visible` units takes in training and evaluation.
pub fn footprint(model: &ModelOptions, train: &TrainOptions, visible: usize) -> Footprint {
    let layers = shapes(model, visible).map(|(below, layer)| rbm::footprint(&layer, train, below));
    let mut total = layers.fold(Footprint::default(), |total, own| Footprint {
        parameters: total.parameters + own.parameters,
        engine: total.engine + own.engine,
        velocity: total.velocity.max(own.velocity),
        pseudo_likelihood: total.pseudo_likelihood.max(own.pseudo_likelihood),
        terms: total.terms.max(own.terms),
        chains: total.chains.max(own.chains),
        enumeration: total.enumeration.max(own.enumeration),
        chain_states: total.chain_states + own.chain_states,
        row: total.row + own.row,
        chain_rows: total.chain_rows.max(own.chain_rows),
        window: 0,
    });
    // The data of the top layer, as bits or as means, of the widest layer below it.
    let widest = model.layers.iter().rev().skip(1).max().copied().unwrap_or(0) as u64;
    total.window = match train.propagate {
        crate::train::Propagate::Samples => widest.div_ceil(64) * 8,
        crate::train::Propagate::Means => 4 * widest,
    };
    if train.fine_tune_epochs > 0 {
        total.engine *= 2;
        total.terms += total.parameters;
    }
    total
}

/// Returns the estimated time of one update of `rows` windows on one thread, in microseconds: that of the layer that takes
/// longest.
pub fn update_microseconds(model: &ModelOptions, train: &TrainOptions, visible: usize, rows: f64, isa: Isa) -> f64 {
    let layers = shapes(model, visible);
    layers.map(|(below, layer)| rbm::update_microseconds(&layer, train, below, rows, isa)).fold(0.0, f64::max)
}
