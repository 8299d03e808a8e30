//! The options of evaluation, as the `evaluate` table of a configuration gives them.

use serde::{Deserialize, Serialize};

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
}

impl Default for EvaluateOptions {
    fn default() -> Self {
        Self {
            every: 1,
            pseudo_likelihood_windows: 100,
            windows: 0,
        }
    }
}
