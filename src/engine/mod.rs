//! The numerical core: packed bits, random streams, elementary functions, and the engines that train a layer of
//! binary units. Everything here is deterministic: see [`Engine`] for what that means.

mod bits;
mod parameters;
mod random;

pub use bits::BitMatrix;
pub use parameters::Parameters;
pub use random::{LANES, Purpose, RowStreams, UnitStream, derive_seed, permutation, standard_normals, uniform_below};
