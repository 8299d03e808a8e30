//! The numerical core: packed bits, random streams, elementary functions, engines that train a layer of binary units.
//! Everything here is deterministic in the sense that [`Engine`] defines.

mod bits;
mod contract;
pub mod cost;
mod dense;
mod kind;
mod math;
mod packed;
mod parameters;
mod random;
mod reference;
mod sparse;
mod update;

pub use bits::BitMatrix;
pub use contract::{Draw, Engine, GibbsStep, HiddenStatistics, Products, RowOffsets, Rule, Statistics, Step};
pub use dense::DenseEngine;
pub use kind::{EngineKind, build, build_for};
pub use math::wide::{WIDE, Wide, exp_of_nonpositive, softplus_sum, softplus_sum_change};
pub use math::{exp, fires, log_sigmoid, sigmoid, sigmoid_f64, softplus, tanh};
pub use packed::{ISA_VARIABLE, Isa, IsaError, PackedEngine, Probe, ProductKernels, join_if_worth, keep_awake};
pub use parameters::Parameters;
pub use random::{
    LANES, Purpose, RowStreams, UnitStream, derive_seed, open_unit, permutation, standard_normals, uniform_below,
};
pub use reference::ReferenceEngine;
pub use sparse::SparseRows;
