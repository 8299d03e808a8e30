//! The density of an RBM: free energies in closed form, ln Z by enumeration or annealing.

use crate::engine::{EngineKind, Isa, Parameters, build_for};
use crate::model::contract::{Density, Unanswered};
use crate::model::energy::Rbm;
use crate::model::likelihood::{
    Likelihood, LikelihoodRequest, NamedWindows, base_rate, enumeration_cost, mean_free_energy,
    mean_pseudo_log_likelihood,
};

/// An RBM with the engine that annealed chains use.
pub(super) struct RbmDensity {
    rbm: Rbm,
    kind: EngineKind,
    isa: Isa,
}

impl RbmDensity {
    /// Returns the density of the RBM of these parameters. The processor must have the instruction set `isa`.
    pub(super) fn new(parameters: Parameters, kind: EngineKind, isa: Isa) -> Self {
        Self { rbm: Rbm::new(parameters), kind, isa }
    }
}

impl Density for RbmDensity {
    fn mean_free_energy(&self, split: &NamedWindows) -> Result<Option<f64>, Unanswered> {
        Ok(mean_free_energy(&self.rbm, split.windows, split.rows))
    }

    fn mean_pseudo_log_likelihood(&self, split: &NamedWindows) -> Result<Option<f64>, Unanswered> {
        Ok(mean_pseudo_log_likelihood(&self.rbm, split.windows, split.rows))
    }

    fn enumerated_units(&self) -> Option<usize> {
        Some(self.rbm.visible().min(self.rbm.hidden()))
    }

    fn enumeration_cost(&self) -> f64 {
        enumeration_cost(self.rbm.visible(), self.rbm.hidden())
    }

    fn log_likelihood(&self, splits: &[NamedWindows], request: &LikelihoodRequest) -> Result<Likelihood, Unanswered> {
        let build = |parameters: Parameters| {
            build_for(self.kind, parameters, self.isa)
                .unwrap_or_else(|error| panic!("an engine of this instruction set was built before: {error}"))
        };
        let base = splits.first().map_or_else(Vec::new, |training| base_rate(training.windows, training.rows));
        Ok(Likelihood::of(self.rbm.parameters(), &base, splits, request, &build))
    }
}
