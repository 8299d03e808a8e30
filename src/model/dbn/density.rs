//! The likelihood of a deep belief network: a lower bound, an estimate, and the exact value of a small one.

use super::layers::Layers;
use super::posterior::{Drawn, Posterior, log_sum};
use crate::engine::{BitMatrix, EngineKind, Isa, Parameters, build_for};
use crate::model::contract::{Density, Model as _, Unanswered};
use crate::model::likelihood::{
    AnnealingOptions, FrameFindings, Likelihood, LikelihoodRequest, NamedWindows, SplitLikelihood, base_rate,
    enumeration_cost,
};
use crate::model::rbm::RbmModel;
use std::collections::BTreeMap;

/// The greatest cost of enumerating the states of a layer that was not asked for.
const MOST_STEPS: f64 = 1e9;

/// A network of several layers with the engine that annealed chains of its top RBM use.
pub(super) struct DbnDensity {
    layers: Layers,
    kind: EngineKind,
    isa: Isa,
}

impl DbnDensity {
    /// Returns the density of these layers, at least two. The processor must have the instruction set `isa`.
    pub(super) fn new(layers: Layers, kind: EngineKind, isa: Isa) -> Self {
        Self { layers, kind, isa }
    }

    /// Returns the cautious log-likelihood of each judged split under the lowest layer alone, under the two lowest, and so on
    /// up to all but the top one. None once the ways up are apart from the RBMs.
    fn of_lower_layers(&self, splits: &[NamedWindows], request: &LikelihoodRequest) -> Vec<Vec<Option<f64>>> {
        if !self.layers.recognition.is_empty() {
            return Vec::new();
        }
        // What only the whole network is asked for is left out.
        let annealing = request.annealing.map(|options| AnnealingOptions { raise_windows: 0, ..options });
        let request = LikelihoodRequest { annealing, ..*request };
        let of_depth = |depth: usize| {
            let rbms = self.layers.rbms[..depth].to_vec();
            let layers = Layers { rbms, recognition: Vec::new() };
            let network = Self::new(layers, self.kind, self.isa);
            let exact = request.exact && network.enumeration_cost() <= MOST_STEPS;
            let request = LikelihoodRequest { exact, ..request };
            let found = if depth > 1 {
                network.of_network(splits, &request)
            } else {
                let rbm = RbmModel::new(self.layers.rbms[0].clone(), self.kind, self.isa).ok()?;
                rbm.density()?.log_likelihood(splits, &request).ok()?
            };
            let judged = |(split, own): (&NamedWindows, &SplitLikelihood)| {
                found.mean(own, "cautious").filter(|_| split.judged && own.windows > 0)
            };
            Some(splits.iter().zip(&found.splits).map(judged).collect())
        };
        (1..self.layers.rbms.len()).filter_map(of_depth).collect()
    }

    /// Computes ln Z of the top RBM by every way that `request` asks for; its data are states drawn for the windows of each
    /// split. With w of [`Drawn`] (Salakhutdinov and Murray 2008, section 4):
    ///
    /// - `bound`: the mean of E[ln w] − ln Z over windows, at most their mean log-likelihood;
    /// - `estimate`: the mean of ln mean w − ln Z, which rises to the log-likelihood with the number of draws; in
    ///   expectation it is a lower bound too, above the other one;
    /// - `exact`, by enumeration, of a small network;
    /// - `cautious`: `exact`, or else `estimate`.
    ///
    /// ln Z is the exact one, or else the greatest of the floor and of both directions' estimates.
    fn of_network(&self, splits: &[NamedWindows], request: &LikelihoodRequest) -> Likelihood {
        let posterior = Posterior::new(&self.layers);
        let draws = request.posterior_samples.max(1);
        let of_split = |(number, split): (usize, &NamedWindows)| {
            let count = if split.judged { draws } else { 1 };
            posterior.draw(split.windows, split.rows, count, (request.seed, number as u64))
        };
        let drawn: Vec<Vec<Vec<Drawn>>> = splits.iter().enumerate().map(of_split).collect();
        let units = self.top().visible;
        let states: Vec<BitMatrix> = drawn
            .iter()
            .map(|own| BitMatrix::from_fn(own.len(), units, |row, unit| own[row][0].states[unit]))
            .collect();
        let rows: Vec<Vec<usize>> = drawn.iter().map(|own| (0..own.len()).collect()).collect();
        let of_top: Vec<NamedWindows> = splits
            .iter()
            .zip(states.iter().zip(&rows))
            .map(|(split, (windows, rows))| NamedWindows { windows, rows, songs: &[], judged: false, ..*split })
            .collect();
        let build = |parameters: Parameters| {
            build_for(self.kind, parameters, self.isa)
                .unwrap_or_else(|error| panic!("an engine of this instruction set was built before: {error}"))
        };
        let base = of_top.first().map_or_else(Vec::new, |training| base_rate(training.windows, training.rows));
        let mut likelihood = Likelihood::of(self.top(), &base, &of_top, request, &build);
        let log_partition = likelihood.greatest_log_partition();
        likelihood.splits = splits
            .iter()
            .zip(&drawn)
            .map(|(split, drawn)| {
                let mut means = BTreeMap::new();
                if let Some(log_partition) = log_partition.filter(|_| split.judged && !drawn.is_empty()) {
                    let mean = |of_window: &dyn Fn(&Vec<Drawn>) -> f64| {
                        drawn.iter().map(of_window).sum::<f64>() / drawn.len() as f64 - log_partition
                    };
                    let count = draws as f64;
                    let logs = |own: &Vec<Drawn>| own.iter().map(|drawn| drawn.log_weight).sum::<f64>() / count;
                    let weights =
                        |own: &Vec<Drawn>| log_sum(own.iter().map(|drawn| drawn.log_weight)) - libm::log(count);
                    means.insert("bound", mean(&logs));
                    means.insert("estimate", mean(&weights));
                    let exact = likelihood.exact.and_then(|exact| posterior.exact(split.windows, split.rows, exact));
                    if let Some(exact) = exact {
                        means.insert("exact", exact);
                    }
                    means.insert("cautious", exact.unwrap_or(means["estimate"]));
                }
                SplitLikelihood {
                    name: split.name,
                    windows: split.rows.len(),
                    mean_free_energy: None,
                    raise: None,
                    means: Some(means),
                    of_lower_layers: Vec::new(),
                    of_frames: FrameFindings::default(),
                }
            })
            .collect();
        likelihood
    }

    fn top(&self) -> &Parameters {
        self.layers.rbms.last().expect("a network of at least one layer")
    }
}

impl Density for DbnDensity {
    fn enumerated_units(&self) -> Option<usize> {
        Some(self.top().visible.min(self.top().hidden))
    }

    fn enumeration_cost(&self) -> f64 {
        enumeration_cost(self.top().visible, self.top().hidden)
    }

    /// Returns the likelihood of the network, with those of its lower layers alone.
    fn log_likelihood(&self, splits: &[NamedWindows], request: &LikelihoodRequest) -> Result<Likelihood, Unanswered> {
        let mut likelihood = self.of_network(splits, request);
        let lower = self.of_lower_layers(splits, request);
        for (number, own) in likelihood.splits.iter_mut().enumerate() {
            own.of_lower_layers = lower.iter().filter_map(|of_depth| of_depth[number]).collect();
        }
        Ok(likelihood)
    }
}
