//! The options of evaluation: the `evaluate` table of a configuration.

use crate::model::Density;
use crate::model::likelihood::{AnnealingOptions, FrameAnnealing, MAXIMUM_ENUMERATED_UNITS, Spacing};
use serde::{Deserialize, Serialize};

/// A method for the log-likelihood of a trained model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LikelihoodMethod {
    /// Enumeration if that takes about a second at most, otherwise no log-likelihood.
    #[default]
    Auto,
    /// No log-likelihood.
    None,
    /// Enumeration, however long it takes.
    Exact,
    /// Annealing, forwards and backwards, and also enumeration if that takes about a second at most.
    Ais,
}

/// The options of evaluating a model during and after training.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluateOptions {
    /// The number of epochs from one evaluation to the next. The last epoch is always evaluated.
    pub every: usize,
    /// The number of windows of each split for the pseudo-log-likelihood; 0 leaves it out.
    pub pseudo_likelihood_windows: usize,
    /// The number of windows of each split for the other metrics; 0 stands for all.
    pub windows: usize,
    /// The method for the log-likelihood after the last epoch.
    pub log_likelihood: LikelihoodMethod,
    /// The number of chains of AIS in each direction.
    pub ais_chains: usize,
    /// The number of inverse temperatures from 0 to 1, both included.
    pub ais_temperatures: usize,
    /// The spacing of the inverse temperatures.
    pub ais_spacing: Spacing,
    /// The number of Gibbs steps from training windows to the states where the chains of reverse AIS start.
    pub ais_mixing_steps: usize,
    /// The number of windows of each split at which RAISE starts a chain; 0 leaves RAISE out.
    pub raise_windows: usize,
    /// For deep networks, the number of times that the hidden layers are drawn given each window.
    pub posterior_samples: usize,
    /// For models of sequences, the number of frames of each split that annealing judges; 0 for all.
    pub frames: usize,
    /// For models of sequences, the number of annealed chains of a frame.
    pub frame_chains: usize,
    /// For models of sequences, the number of inverse temperatures of a frame's chains.
    pub frame_temperatures: usize,
}

impl EvaluateOptions {
    /// The maximum cost, in softplus, of an enumeration that was not asked for.
    const CHEAP_ENUMERATION: f64 = 1e9;

    /// Returns true if the log-likelihood of a model is computed by enumeration.
    pub fn enumerates(&self, density: &dyn Density) -> bool {
        let possible = density.enumerated_units().is_none_or(|units| units <= MAXIMUM_ENUMERATED_UNITS);
        possible
            && match self.log_likelihood {
                LikelihoodMethod::None => false,
                LikelihoodMethod::Exact => true,
                LikelihoodMethod::Auto | LikelihoodMethod::Ais => density.enumeration_cost() <= Self::CHEAP_ENUMERATION,
            }
    }

    /// Returns the options of annealing.
    pub fn annealing(&self) -> AnnealingOptions {
        AnnealingOptions {
            chains: self.ais_chains,
            temperatures: self.ais_temperatures,
            spacing: self.ais_spacing,
            mixing_steps: self.ais_mixing_steps as u64,
            raise_windows: self.raise_windows,
            frames: FrameAnnealing {
                frames: self.frames,
                chains: self.frame_chains,
                temperatures: self.frame_temperatures,
            },
        }
    }
}

impl Default for EvaluateOptions {
    fn default() -> Self {
        Self {
            every: 1,
            pseudo_likelihood_windows: 100,
            windows: 0,
            log_likelihood: LikelihoodMethod::Auto,
            ais_chains: 500,
            ais_temperatures: 10_000,
            ais_spacing: Spacing::Linear,
            ais_mixing_steps: 1_000,
            raise_windows: 100,
            posterior_samples: 20,
            frames: 1_000,
            frame_chains: 20,
            frame_temperatures: 300,
        }
    }
}
