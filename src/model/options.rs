//! The options of a model, as the `model` table of a configuration gives them.

use serde::{Deserialize, Serialize};

/// A kind of model. `kind.rs` maps each to its code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModelKind {
    /// A Restricted Boltzmann Machine over windows.
    #[default]
    Rbm,
    /// An RBM over frames whose biases a recurrent network sets.
    RnnRbm,
    /// A deep belief network: an RBM on top of directed layers.
    Dbn,
    /// Independent units: a minimal kind, which the tests take through a whole sweep.
    #[cfg(test)]
    IndependentUnits,
}

impl ModelKind {
    /// The names of all kinds, as `model.kind` and model files have them.
    #[cfg(not(test))]
    pub const NAMES: &[&str] = &["rbm", "rnn-rbm", "dbn"];
    /// The names of all kinds, as `model.kind` and model files have them.
    #[cfg(test)]
    pub const NAMES: &[&str] = &["rbm", "rnn-rbm", "dbn", "independent-units"];

    /// Returns the name of a model of this kind in words, and that of several.
    pub fn in_words(self) -> (&'static str, &'static str) {
        match self {
            Self::Rbm => ("restricted Boltzmann machine", "restricted Boltzmann machines"),
            Self::RnnRbm => ("RNN-RBM", "RNN-RBMs"),
            Self::Dbn => ("deep belief network", "deep belief networks"),
            #[cfg(test)]
            Self::IndependentUnits => ("model of independent units", "models of independent units"),
        }
    }

    /// Returns true for an RBM, the kind of files and records that name none.
    pub fn is_rbm(&self) -> bool {
        *self == Self::Rbm
    }
}

/// The shape of a model and its state before training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelOptions {
    /// The kind of model.
    pub kind: ModelKind,
    /// The number of time steps in one window, the visible layer.
    pub timesteps: usize,
    /// The number of hidden units.
    pub hidden: usize,
    /// The numbers of units of the hidden layers of a deep network, from below.
    pub layers: Vec<usize>,
    /// True if a layer of a deep network that has as many units as the one two below starts as the layer below with its
    /// sides exchanged.
    pub tied_start: bool,
    /// The mean of the normal distribution that initial weights are drawn from.
    pub weight_mean: f64,
    /// The standard deviation of that distribution.
    pub weight_std: f64,
    /// The visible biases before training.
    pub visible_bias: VisibleBias,
    /// The number of units of the recurrent network, where there is one.
    pub recurrent: usize,
    /// The standard deviation of the network's initial weights.
    pub recurrent_std: f64,
}

impl Default for ModelOptions {
    fn default() -> Self {
        Self {
            kind: ModelKind::Rbm,
            timesteps: 15,
            hidden: 50,
            layers: vec![200, 100],
            tied_start: false,
            weight_mean: 0.0,
            weight_std: 0.01,
            visible_bias: VisibleBias::LogOdds,
            recurrent: 100,
            recurrent_std: 0.01,
        }
    }
}

/// The visible biases before training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VisibleBias {
    /// log(p / (1 − p)) of each unit's share p of ones in the training windows (Hinton 2010, section 8.1).
    LogOdds,
    /// Zero.
    Zero,
}
