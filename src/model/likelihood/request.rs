//! The request for a log-likelihood: its windows, its methods.

use super::annealing::Spacing;
use crate::engine::BitMatrix;

/// The windows of one split, on which a model is evaluated.
#[derive(Clone, Copy, Debug)]
pub struct NamedWindows<'a> {
    /// The name of the split: `train`, `validation` or `test`.
    pub name: &'static str,
    /// The windows (windows × visible).
    pub windows: &'a BitMatrix,
    /// The rows of `windows` that count.
    pub rows: &'a [usize],
}

/// A request for ways to compute ln Z.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LikelihoodRequest {
    /// True for ln Z by enumeration, if the smaller layer is small enough.
    pub exact: bool,
    /// The options of annealing, forwards and backwards, if ln Z is to be estimated by it.
    pub annealing: Option<AnnealingOptions>,
    /// The seed of all random numbers.
    pub seed: u64,
}

/// The options of annealing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AnnealingOptions {
    /// The number of chains in each direction.
    pub chains: usize,
    /// The number of inverse temperatures from 0 to 1, both included.
    pub temperatures: usize,
    /// The spacing of the inverse temperatures.
    pub spacing: Spacing,
    /// The number of Gibbs steps from training windows to the states where the chains of reverse AIS start.
    pub mixing_steps: u64,
    /// The number of windows of each split at which RAISE starts a chain; 0 leaves RAISE out.
    pub raise_windows: usize,
}
