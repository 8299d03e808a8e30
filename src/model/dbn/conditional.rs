//! Chains with held units, which sample the other visible units given these.

use super::layers::Layers;
use super::lower::LowerLayer;
use super::posterior::Posterior;
use crate::engine::{BitMatrix, Purpose, RowStreams, open_unit};
use crate::model::contract::ChainStep;
use crate::model::gibbs::GibbsStreams;
use rayon::prelude::*;

/// The hidden states of chains whose stationary distribution is p(v, h_1 … h_{L−1} | held units).
///
/// A step proposes hidden states by the way up, h' ~ q(h' | v), and accepts them with the probability min(1, w' / w), where
/// w = p*(v, h) / q(h | v) (independence Metropolis–Hastings); the free visible units are then drawn from p(v | h_1),
/// which leaves the distribution as it is, since they are independent given h_1.
pub(super) struct Conditional {
    posterior: Posterior,
    /// The states of the layers below the top RBM's hidden one, from below (chains × units).
    states: Vec<BitMatrix>,
}

impl Conditional {
    /// Returns chains whose first step accepts everything.
    pub(super) fn new(layers: &Layers) -> Self {
        Self { posterior: Posterior::new(layers), states: Vec::new() }
    }

    /// Draws new hidden states of every chain and returns those of the lowest layer. `of_layer` gives the streams of a
    /// layer's draws.
    pub(super) fn advance(
        &mut self,
        lower: &mut [LowerLayer],
        visible: &BitMatrix,
        step: &ChainStep,
        of_layer: &dyn Fn(&GibbsStreams, usize) -> GibbsStreams,
    ) -> &BitMatrix {
        let mut proposed: Vec<BitMatrix> = Vec::new();
        for (number, layer) in lower.iter_mut().enumerate() {
            let mut states = BitMatrix::default();
            let draw = of_layer(&step.streams, number).hidden_draw(step.number);
            layer.upward().sample_hidden(proposed.last().unwrap_or(visible), draw, &mut states);
            proposed.push(states);
        }
        if self.states.is_empty() {
            self.states = proposed;
            return &self.states[0];
        }
        let GibbsStreams { seed, epoch, batch, inverse_temperature, .. } = step.streams;
        let streams = RowStreams::new(seed, Purpose::Acceptance, epoch, batch, step.number);
        let accepts = |chain: usize| {
            let [new, own] = self.posterior.log_weights(visible, [&proposed, &self.states], chain);
            let ratio = f64::from(inverse_temperature) * (new - own);
            libm::log(open_unit(&mut streams.generator(chain))) < ratio
        };
        let accepted: Vec<bool> = (0..visible.rows()).into_par_iter().map(accepts).collect();
        for (chain, _) in accepted.into_iter().enumerate().filter(|(_, accepted)| *accepted) {
            for (own, proposed) in self.states.iter_mut().zip(&proposed) {
                (0..own.columns()).for_each(|unit| own.set(chain, unit, proposed.get(chain, unit)));
            }
        }
        &self.states[0]
    }
}
