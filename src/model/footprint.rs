//! The memory of a model, in the parts that the estimate of a run adds up.

/// The memory that a model takes in training and evaluation, in bytes: an upper bound of the large parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    /// One copy of the parameters, as the model lays them out.
    pub parameters: u64,
    /// The parameters as an engine holds them to compute with, velocities included.
    pub engine: u64,
    /// The part of the engine that a checkpoint stores besides the parameters.
    pub velocity: u64,
    /// The tables of the pseudo-log-likelihood.
    pub pseudo_likelihood: u64,
    /// The arrays of updates with further terms.
    pub terms: u64,
    /// The states of persistent chains that a checkpoint stores.
    pub chains: u64,
    /// The sums of an exact gradient.
    pub enumeration: u64,
    /// The states of one chain: its visible and hidden units as bits.
    pub chain_states: u64,
    /// One row of a batch in an update: its bits, its inputs and the values kept for it.
    pub row: u64,
    /// The number of chains that an update moves at once.
    pub chain_rows: u64,
    /// One row of the data that a layer above others is trained on, made from a window.
    pub window: u64,
}
