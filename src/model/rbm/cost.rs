//! The memory and time that training an RBM takes, estimated from shapes.

use crate::engine::{EngineKind, Isa};
use crate::model::footprint::Footprint;
use crate::model::options::ModelOptions;
use crate::train::{Centring, Method, TrainOptions};

/// The number of hidden units of a tile, in which the packed engine lays them out.
const TILE: usize = 64;
/// The share of the units of a training window that are on: that of pop music at sixteenth steps.
const DENSITY: f64 = 0.05;
/// The numbers that one vector addition of the widest instruction set adds up.
const LANES: f64 = 16.0;
/// The cost of drawing sixteen units, in vector additions.
const SAMPLING_COST: f64 = 30.0;
/// The cost of updating sixteen weights, in vector additions.
const UPDATE_COST: f64 = 8.0;
/// The number of rows from which on tables of partial sums halve the cost of the down pass.
const TABLES_FROM_ROWS: f64 = 32.0;
/// Nanoseconds of a vector addition with its share of loads, measured with AVX-512; other instruction sets take longer by
/// the factors of [`slowdown`].
const ADDITION_NANOSECONDS: f64 = 0.2;

/// Returns the memory that an RBM of `visible` units takes in training and evaluation.
pub fn footprint(model: &ModelOptions, train: &TrainOptions, visible: usize) -> Footprint {
    let (visible, hidden) = (visible as u64, model.hidden as u64);
    let one_copy = 4 * visible * hidden.next_multiple_of(TILE as u64);
    let has_velocity = train.momentum > 0.0 || train.initial_momentum > 0.0;
    let velocity = if has_velocity { one_copy } else { 0 };
    // Weights as the up pass reads them and as the down pass does; dense products have sums of either side instead.
    let copies = match train.engine {
        EngineKind::Packed | EngineKind::Reference => 2,
        EngineKind::Dense => 3,
    };
    // Updates by a rule pass over the sums once more, in an array of its own.
    let by_rule = train.centring != Centring::None
        || train.sparsity_strength > 0.0
        || train.weight_decay_l1 > 0.0
        || train.nesterov;
    let chains = if train.chains == 0 { train.batch_size } else { train.chains };
    let states = visible.div_ceil(8) + hidden.div_ceil(8);
    // Bits of the data, of the chains and of what is remembered of both, with the lists of units that are on; numbers of
    // the hidden units for either side and for the inputs.
    let visible_row = visible.div_ceil(8) * 6 + visible / 2;
    let hidden_row = 4 * 4 * hidden;
    let dense_row = if train.engine == EngineKind::Packed { 0 } else { 3 * 4 * (visible + hidden) };
    Footprint {
        parameters: one_copy,
        engine: velocity + copies * one_copy,
        velocity,
        // e^w and e^−w, twice as wide as w.
        pseudo_likelihood: 4 * one_copy,
        terms: if by_rule { one_copy } else { 0 },
        chains: if train.method == Method::Pt { (chains * train.temperatures) as u64 * states } else { 0 },
        // Sums of products in f64, of as many parts of the enumeration as are merged at once.
        enumeration: if train.method == Method::Exact { 64 * 8 * visible * hidden } else { 0 },
        chain_states: states,
        row: visible_row + hidden_row + dense_row,
        chain_rows: chains as u64,
    }
}

/// Returns the time of one update of a batch of `rows` windows on one thread, in microseconds, estimated from its
/// operations: 2 + k up passes over the units that are on, k down passes over half the hidden units, draws, and one pass
/// over the weights.
pub fn update_microseconds(model: &ModelOptions, train: &TrainOptions, visible: usize, rows: f64, isa: Isa) -> f64 {
    let (visible, hidden) = (visible as f64, model.hidden as f64);
    let k = train.k as f64;
    let tables = if rows < TABLES_FROM_ROWS { 1.0 } else { 0.5 };
    let up = (2.0 + k) * rows * DENSITY * visible * hidden;
    let down = k * rows * 0.5 * hidden * visible * tables;
    let drawing = SAMPLING_COST * rows * (k * visible + (1.0 + k) * hidden);
    let updating = UPDATE_COST * visible * hidden;
    (up + down + drawing + updating) / LANES * ADDITION_NANOSECONDS * slowdown(isa) * 1e-3
}

/// Returns the factor by which the kernels of an instruction set take longer than those of AVX-512.
fn slowdown(isa: Isa) -> f64 {
    match isa {
        Isa::Avx512 => 1.0,
        Isa::Avx2 => 2.0,
        Isa::Scalar => 6.0,
    }
}
