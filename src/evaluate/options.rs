//! The options of evaluation, as the `evaluate` table of a configuration gives them.

use crate::model::Density;
use crate::model::likelihood::{AnnealingOptions, MAXIMUM_ENUMERATED_UNITS, Spacing};
use serde::{Deserialize, Serialize};

/// How the log-likelihood of a trained model is computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LikelihoodMethod {
    /// Exactly where that takes about a second at most, else not at all.
    #[default]
    Auto,
    /// Not at all.
    None,
    /// Exactly, however long it takes.
    Exact,
    /// By annealing, forwards and backwards; exactly too where that takes about a second at most.
    Ais,
}

/// How often and on how many windows a model is evaluated in training.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluateOptions {
    /// Epochs from one evaluation to the next; the last epoch is always evaluated.
    pub every: usize,
    /// Windows of each split that the pseudo-log-likelihood is computed on; zero leaves it out.
    pub pseudo_likelihood_windows: usize,
    /// Windows of each split that the other metrics are computed on; zero for all.
    pub windows: usize,
    /// How the log-likelihood after the last epoch is computed.
    pub log_likelihood: LikelihoodMethod,
    /// Chains of AIS in each direction.
    pub ais_chains: usize,
    /// Inverse temperatures from 0 to 1, both counted.
    pub ais_temperatures: usize,
    /// How they are spaced.
    pub ais_spacing: Spacing,
    /// Gibbs steps that lead from training windows to where the chains of reverse AIS start.
    pub ais_mixing_steps: usize,
    /// Windows of each split that RAISE starts at; zero leaves it out.
    pub raise_windows: usize,
}

impl EvaluateOptions {
    /// The cost of an enumeration up to which it is done without being asked for.
    const CHEAP_ENUMERATION: f64 = 1e9;

    /// Returns true if the log-likelihood of a model is to be computed exactly.
    pub fn enumerates(&self, density: &dyn Density) -> bool {
        let possible = density.enumerated_units().is_none_or(|units| units <= MAXIMUM_ENUMERATED_UNITS);
        possible
            && match self.log_likelihood {
                LikelihoodMethod::None => false,
                LikelihoodMethod::Exact => true,
                LikelihoodMethod::Auto | LikelihoodMethod::Ais => density.enumeration_cost() <= Self::CHEAP_ENUMERATION,
            }
    }

    /// How partition functions are annealed, if they are asked for.
    pub fn annealing(&self) -> AnnealingOptions {
        AnnealingOptions {
            chains: self.ais_chains,
            temperatures: self.ais_temperatures,
            spacing: self.ais_spacing,
            mixing_steps: self.ais_mixing_steps as u64,
            raise_windows: self.raise_windows,
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
        }
    }
}
