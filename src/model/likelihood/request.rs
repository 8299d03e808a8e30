//! The request for a log-likelihood: of which windows, and by which ways.

use super::annealing::Spacing;
use crate::engine::BitMatrix;

/// Windows to judge a model by.
#[derive(Clone, Copy, Debug)]
pub struct NamedWindows<'a> {
    /// `train`, `validation` or `test`.
    pub name: &'static str,
    /// The windows (windows × visible).
    pub windows: &'a BitMatrix,
    /// The rows of them that count.
    pub rows: &'a [usize],
}

/// What to compute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LikelihoodRequest {
    /// ln Z by enumeration, where the smaller layer is small enough.
    pub exact: bool,
    /// ln Z by annealing, forwards and backwards.
    pub annealing: Option<AnnealingOptions>,
    /// The seed of all that is drawn.
    pub seed: u64,
}

/// How partition functions are annealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AnnealingOptions {
    /// Chains in each direction.
    pub chains: usize,
    /// Inverse temperatures from 0 to 1, both counted.
    pub temperatures: usize,
    /// How they are spaced.
    pub spacing: Spacing,
    /// Gibbs steps that lead from training windows to where the chains of reverse AIS start.
    pub mixing_steps: u64,
    /// Windows of each split that RAISE starts at, one chain each; zero leaves it out.
    pub raise_windows: usize,
}
