//! Block Gibbs chains, v → h → v → …, with one row for each chain.

use crate::engine::{BitMatrix, Draw, Engine, GibbsStep, Purpose, RowOffsets, RowStreams};

/// The random streams of a set of chains, step by step, with the temperature of the chains.
#[derive(Clone, Copy, Debug)]
pub struct GibbsStreams {
    /// The seed of the run.
    pub seed: u64,
    /// The purpose of the numbers of the hidden units.
    pub hidden: Purpose,
    /// The purpose of the numbers of the visible units.
    pub visible: Purpose,
    /// The epoch, or another outer counter.
    pub epoch: u64,
    /// The batch within the epoch.
    pub batch: u64,
    /// β = 1 / temperature.
    pub inverse_temperature: f32,
}

impl GibbsStreams {
    /// Returns the draw of the hidden units of a step.
    pub fn hidden_draw(&self, step: u64) -> Draw<'static> {
        self.draw(self.hidden, step)
    }

    /// Returns the draw of the visible units of a step.
    pub fn visible_draw(&self, step: u64) -> Draw<'static> {
        self.draw(self.visible, step)
    }

    fn draw(&self, purpose: Purpose, step: u64) -> Draw<'static> {
        let streams = RowStreams::new(self.seed, purpose, self.epoch, self.batch, step);
        Draw::at(streams, self.inverse_temperature)
    }
}

/// The offsets that each row adds to the biases of both layers; none where all rows have the model's own biases.
#[derive(Clone, Copy, Debug, Default)]
pub struct Offsets<'a> {
    /// The offsets of the visible biases (rows × visible).
    pub visible: Option<RowOffsets<'a>>,
    /// The offsets of the hidden biases (rows × hidden).
    pub hidden: Option<RowOffsets<'a>>,
}

impl<'a> Offsets<'a> {
    /// Returns a draw of the hidden units with these offsets.
    pub fn of_hidden(self, draw: Draw<'a>) -> Draw<'a> {
        Draw { offsets: self.hidden, ..draw }
    }

    /// Returns a draw of the visible units with these offsets.
    pub fn of_visible(self, draw: Draw<'a>) -> Draw<'a> {
        Draw { offsets: self.visible, ..draw }
    }
}

/// Runs `steps` Gibbs steps from hidden states, which count as already drawn in step 0.
///
/// `visible` receives the visible states of the last step; `hidden` keeps the hidden states that they were drawn from.
pub fn advance_from_hidden(
    engine: &mut dyn Engine,
    hidden: &mut BitMatrix,
    visible: &mut BitMatrix,
    steps: u64,
    streams: &GibbsStreams,
    offsets: Offsets,
) {
    let steps = gibbs_steps(steps, streams, offsets, false);
    engine.advance(&steps, visible, hidden);
}

/// Runs `steps` Gibbs steps from visible states. `hidden` receives the hidden states of the last step.
pub fn advance_from_visible(
    engine: &mut dyn Engine,
    visible: &mut BitMatrix,
    hidden: &mut BitMatrix,
    steps: u64,
    streams: &GibbsStreams,
    offsets: Offsets,
) {
    let steps = gibbs_steps(steps, streams, offsets, true);
    engine.advance(&steps, visible, hidden);
}

/// Returns the draws of `count` steps; the hidden units of the first are drawn only if `draws_first`.
fn gibbs_steps<'a>(count: u64, streams: &GibbsStreams, offsets: Offsets<'a>, draws_first: bool) -> Vec<GibbsStep<'a>> {
    let step = |number| GibbsStep {
        hidden: (number > 0 || draws_first).then(|| offsets.of_hidden(streams.hidden_draw(number))),
        visible: offsets.of_visible(streams.visible_draw(number)),
    };
    (0..count).map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{EngineKind, build, permutation};
    use crate::model::energy::Rbm;
    use crate::testing::random_parameters;

    /// Chains that start at the model's own distribution stay there.
    ///
    /// Seed 11, 40,000 chains over 2^4 visible states. The start is exact up to rounding: each state occurs in
    /// proportion to its probability. After 3 steps the chi-square statistic with 15 degrees of freedom lies below 55
    /// but for a chance of about 2e-6.
    #[test]
    fn gibbs_steps_leave_the_model_distribution_as_it_is() {
        for kind in [EngineKind::Reference, EngineKind::Dense, EngineKind::Packed] {
            let parameters = random_parameters(11, 4, 3, 1.0);
            let rbm = Rbm::new(parameters.clone());
            let states = BitMatrix::from_fn(16, 4, |state, unit| state >> unit & 1 == 1);
            let weights: Vec<f64> = (0..16).map(|state| libm::exp(-rbm.free_energy(&states, state))).collect();
            let total: f64 = weights.iter().sum();
            let chains = 40_000;
            let mut start = Vec::new();
            for (state, weight) in weights.iter().enumerate() {
                let count = (weight / total * f64::from(chains)).round() as usize;
                start.extend(std::iter::repeat_n(state, count));
            }
            let mut generator = RowStreams::new(11, Purpose::SampleStart, 0, 0, 0).generator(0);
            let order = permutation(&mut generator, start.len());
            let start: Vec<usize> = order.into_iter().map(|index| start[index]).collect();
            let mut visible = states.gather(&start);
            let mut hidden = BitMatrix::default();
            let streams = GibbsStreams {
                seed: 11,
                hidden: Purpose::SampleHidden,
                visible: Purpose::SampleVisible,
                epoch: 0,
                batch: 0,
                inverse_temperature: 1.0,
            };
            let mut engine = build(kind, parameters);
            advance_from_visible(engine.as_mut(), &mut visible, &mut hidden, 3, &streams, Offsets::default());
            let mut counts = [0.0f64; 16];
            for row in 0..visible.rows() {
                counts[visible.row(row)[0] as usize] += 1.0;
            }
            let chi_square: f64 = weights
                .iter()
                .zip(counts)
                .map(|(weight, count)| {
                    let expected = weight / total * start.len() as f64;
                    (count - expected).powi(2) / expected
                })
                .sum();
            assert!(chi_square < 55.0, "{kind:?}: chi-square {chi_square}");
            assert!(chi_square > 1.0, "{kind:?}: the chains did not move: chi-square {chi_square}");
        }
    }
}
