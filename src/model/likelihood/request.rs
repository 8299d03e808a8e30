//! The request for a log-likelihood: its windows, its methods.

use super::annealing::Spacing;
use crate::engine::BitMatrix;
use std::ops::Range;

/// The windows of one split, on which a model is evaluated.
#[derive(Clone, Copy, Debug)]
pub struct NamedWindows<'a> {
    /// The name of the split: `train`, `validation` or `test`.
    pub name: &'static str,
    /// The windows (windows × visible).
    pub windows: &'a BitMatrix,
    /// The windows of each song, in order, which a model of sequences goes through. Windows of no song stand alone.
    pub songs: &'a [Range<usize>],
    /// The rows of `windows` that count.
    pub rows: &'a [usize],
    /// True if the likelihood of the split is asked for; others may still serve as known states.
    pub judged: bool,
}

impl<'a> NamedWindows<'a> {
    /// Returns rows of a matrix (examples × visible) that are no songs, as training windows.
    pub fn of_rows(windows: &'a BitMatrix, rows: &'a [usize]) -> Self {
        Self { name: "train", windows, songs: &[], rows, judged: true }
    }
}

/// A request for ways to compute ln Z.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LikelihoodRequest {
    /// True for ln Z by enumeration, if the smaller layer is small enough.
    pub exact: bool,
    /// The options of annealing, forwards and backwards, if ln Z is to be estimated by it.
    pub annealing: Option<AnnealingOptions>,
    /// The number of times that a deep network draws the hidden layers of each window.
    pub posterior_samples: usize,
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
    /// The options for models in which every frame has a ln Z of its own.
    pub frames: FrameAnnealing,
}

/// The options of annealing the partition functions of single frames, forwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FrameAnnealing {
    /// The number of frames of each split that are judged, a fixed random choice; 0 for all.
    pub frames: usize,
    /// The number of chains of a frame.
    pub chains: usize,
    /// The number of inverse temperatures from 0 to 1, both included.
    pub temperatures: usize,
}

impl Default for FrameAnnealing {
    fn default() -> Self {
        Self { frames: 1_000, chains: 20, temperatures: 300 }
    }
}
