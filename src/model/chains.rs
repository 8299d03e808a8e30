//! Fantasies: visible states that Gibbs chains reach from a chosen start, some of whose units may be held.

use super::clamp::Clamp;
use super::contract::{ChainStep, LastStep, Sampler};
use super::gibbs::{GibbsStreams, Offsets};
use crate::engine::{BitMatrix, Purpose, RowStreams, uniform_below};
use serde::{Deserialize, Serialize};

/// Draws samples (count × visible) of a model: the visible states that `count` chains reach in `steps` Gibbs steps from
/// fair coin flips. [`Chains`] has other starts, temperatures, and units held at given values.
pub fn sample(sampler: &mut dyn Sampler, count: usize, steps: u64, seed: u64) -> BitMatrix {
    let chains = Chains::plain(count, steps, ChainStart::Noise, seed);
    let mut visible = chains.noise(sampler.visible());
    chains.advance(sampler, &mut visible, None);
    visible
}

/// The start of a sampling chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChainStart {
    /// At all visible units off.
    Zeros,
    /// At fair coin flips.
    Noise,
    /// At training windows, drawn with replacement.
    Data,
    /// In a piece of frames, at the frame before; the first at all visible units off.
    Previous,
    /// In a piece of frames, at visible units drawn by their biases alone.
    Independent,
}

/// A set of sampling chains.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Chains {
    /// The number of chains.
    pub count: usize,
    /// The number of Gibbs steps of each chain.
    pub steps: u64,
    /// The visible states that they start at.
    pub start: ChainStart,
    /// T in p(v, h) ∝ e^−E/T. 1 is the model itself; a lower one is more conservative.
    pub temperature: f64,
    /// The ratio of the temperature of the first step to that of the last. From step to step the temperature falls by
    /// the same factor, down to `temperature`. 1 keeps it constant.
    pub annealing: f64,
    /// The choice of the last visible states.
    pub last_step: LastStep,
    /// The seed of everything drawn.
    pub seed: u64,
    /// The number of this set among several sets of chains with one seed, such as the windows of a long piece.
    pub stage: u64,
}

impl Chains {
    /// Returns chains at temperature 1 that end at a draw: stage 0 of their seed.
    pub fn plain(count: usize, steps: u64, start: ChainStart, seed: u64) -> Self {
        let (temperature, annealing, last_step, stage) = (1.0, 1.0, LastStep::Draw, 0);
        Self { count, steps, start, temperature, annealing, last_step, seed, stage }
    }

    /// Returns the visible states (count × visible) that the chains end at. `data` are the windows that a start at data
    /// is drawn from; `None` if such a start is asked for and there are none.
    pub fn run(&self, sampler: &mut dyn Sampler, data: Option<(&BitMatrix, &[usize])>) -> Option<BitMatrix> {
        self.run_while(sampler, data, &mut || true)
    }

    /// Runs as [`Self::run`] does, until `go_on`, asked before each step, returns false; then returns the states
    /// reached so far.
    pub fn run_while(
        &self,
        sampler: &mut dyn Sampler,
        data: Option<(&BitMatrix, &[usize])>,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Option<BitMatrix> {
        let mut visible = self.first_states(sampler.visible(), data)?;
        self.advance_while(sampler, &mut visible, None, go_on);
        Some(visible)
    }

    /// Runs as [`Self::run`] does, with the units that `clamp` (count × visible) holds at their values from the start
    /// to the end: the others are drawn given these.
    pub fn run_clamped(
        &self,
        sampler: &mut dyn Sampler,
        data: Option<(&BitMatrix, &[usize])>,
        clamp: &Clamp,
    ) -> Option<BitMatrix> {
        let mut visible = self.first_states(sampler.visible(), data)?;
        clamp.apply(&mut visible);
        self.advance(sampler, &mut visible, Some(clamp));
        Some(visible)
    }

    /// Returns the visible states (count × visible) that the chains end at if each adds `offsets` to the biases; `None` if
    /// they are to start at data.
    pub fn run_within(&self, sampler: &mut dyn Sampler, offsets: Offsets) -> Option<BitMatrix> {
        let mut visible = self.first_states(sampler.visible(), None)?;
        self.advance_within(sampler, &mut visible, (None, offsets), &mut || true);
        Some(visible)
    }

    /// Runs the steps of the chains from `visible` (count × visible) instead of from `start`.
    pub fn advance(&self, sampler: &mut dyn Sampler, visible: &mut BitMatrix, clamp: Option<&Clamp>) {
        self.advance_while(sampler, visible, clamp, &mut || true);
    }

    fn advance_while(
        &self,
        sampler: &mut dyn Sampler,
        visible: &mut BitMatrix,
        clamp: Option<&Clamp>,
        go_on: &mut dyn FnMut() -> bool,
    ) {
        self.advance_within(sampler, visible, (clamp, Offsets::default()), go_on);
    }

    /// Runs the steps of the chains from `visible` (count × visible), with the units that `clamp` holds and the offsets that
    /// each chain adds to the biases, until `go_on`, asked before each step, returns false.
    pub fn advance_within(
        &self,
        sampler: &mut dyn Sampler,
        visible: &mut BitMatrix,
        (clamp, offsets): (Option<&Clamp>, Offsets),
        go_on: &mut dyn FnMut() -> bool,
    ) {
        for number in 0..self.steps {
            if !go_on() {
                return;
            }
            let (count, streams) = (self.steps, self.streams(number));
            sampler.step(visible, &ChainStep { number, count, streams, offsets, last_step: self.last_step, clamp });
        }
    }

    /// Returns the streams of the chains, at the temperature of a step.
    fn streams(&self, step: u64) -> GibbsStreams {
        GibbsStreams {
            seed: self.seed,
            hidden: Purpose::SampleHidden,
            visible: Purpose::SampleVisible,
            epoch: self.stage,
            batch: 0,
            inverse_temperature: (1.0 / self.temperature_at(step)) as f32,
        }
    }

    /// Returns T · a^((n − 1 − step) / (n − 1)), where the first of n steps is a times hotter than the last.
    fn temperature_at(&self, step: u64) -> f64 {
        let left = self.steps.saturating_sub(step + 1);
        if self.annealing == 1.0 || left == 0 {
            return self.temperature;
        }
        self.temperature * libm::pow(self.annealing, left as f64 / (self.steps - 1) as f64)
    }

    /// Returns the random numbers of the starts, a stream a chain.
    fn start_streams(&self) -> RowStreams {
        RowStreams::new(self.seed, Purpose::SampleStart, self.stage, 0, 0)
    }

    /// Returns fair coin flips (count × units).
    fn noise(&self, units: usize) -> BitMatrix {
        let streams = self.start_streams();
        let mut states = BitMatrix::zeros(self.count, units);
        for row in 0..self.count {
            let mut stream = streams.row(row);
            for unit in 0..units {
                states.set(row, unit, stream.next_u32() >> 31 == 1);
            }
        }
        states
    }

    /// Returns the visible states (count × units) that the chains start at; `None` if these are data and there are none.
    pub(crate) fn first_states(&self, units: usize, data: Option<(&BitMatrix, &[usize])>) -> Option<BitMatrix> {
        match self.start {
            ChainStart::Zeros | ChainStart::Previous | ChainStart::Independent => {
                Some(BitMatrix::zeros(self.count, units))
            }
            ChainStart::Noise => Some(self.noise(units)),
            ChainStart::Data => {
                let (windows, rows) = data.filter(|(_, rows)| !rows.is_empty())?;
                let streams = self.start_streams();
                let draw = |chain| uniform_below(&mut streams.generator(chain), rows.len() as u64) as usize;
                let chosen: Vec<usize> = (0..self.count).map(|chain| rows[draw(chain)]).collect();
                Some(windows.gather(&chosen))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{EngineKind, Parameters, sigmoid_f64};
    use crate::model::energy::Rbm;
    use crate::testing::{random_bits, random_parameters, rbm_model};

    fn chains(start: ChainStart, steps: u64) -> Chains {
        Chains::plain(6, steps, start, 71)
    }

    #[test]
    fn chains_without_steps_end_where_they_start() {
        let mut model = rbm_model(EngineKind::Reference, Parameters::zeros(100, 3));
        let data = random_bits(1, 4, 100, 0.3);
        let rows = [1, 3];
        assert_eq!(chains(ChainStart::Zeros, 0).run(&mut model, None), Some(BitMatrix::zeros(6, 100)));
        let noise = chains(ChainStart::Noise, 0).run(&mut model, None).unwrap();
        assert!((200..400).contains(&noise.count_ones()), "{} of 600 fair coins", noise.count_ones());
        let from_data = chains(ChainStart::Data, 0).run(&mut model, Some((&data, &rows))).unwrap();
        assert!((0..6).all(|row| rows.iter().any(|&own| from_data.row(row) == data.row(own))));
        assert_eq!(chains(ChainStart::Data, 0).run(&mut model, None), None);
        assert_eq!(sample(&mut model, 6, 0, 71), noise);
    }

    /// A chain is the same alone as among others.
    #[test]
    fn chains_do_not_know_of_each_other() {
        for kind in ENGINES {
            let mut model = rbm_model(kind, random_parameters(2, 90, 20, 0.5));
            let six = chains(ChainStart::Noise, 4).run(&mut model, None).unwrap();
            let two = Chains { count: 2, ..chains(ChainStart::Noise, 4) }.run(&mut model, None).unwrap();
            assert_eq!(six.row(1), two.row(1));
            assert_eq!(sample(&mut model, 6, 4, 71), six);
        }
    }

    /// A low temperature freezes a unit at its likelier state.
    #[test]
    fn temperature_scales_the_inputs() {
        let mut parameters = Parameters::zeros(64, 1);
        parameters.visible_bias.fill(0.5);
        let mut model = rbm_model(EngineKind::Dense, parameters);
        let cold = Chains { temperature: 0.01, ..chains(ChainStart::Zeros, 1) }.run(&mut model, None).unwrap();
        assert_eq!(cold.count_ones(), 6 * 64);
        let hot = Chains { temperature: 1e6, ..chains(ChainStart::Zeros, 1) }.run(&mut model, None).unwrap();
        assert!((130..254).contains(&hot.count_ones()), "{} of 384 near-fair coins", hot.count_ones());
    }

    const ENGINES: [EngineKind; 3] = [EngineKind::Reference, EngineKind::Dense, EngineKind::Packed];

    /// Clamped chains reach the conditional distribution that enumeration finds.
    ///
    /// Seed 72, 20,000 chains of 30 steps from noise over 6 visible units. Two units are held, one on and one off,
    /// which leaves 16 states. Weights of deviation 1.5 mix within a few steps. The chi-square statistic with 15
    /// degrees of freedom lies below 55 but for a chance of about 2e-6; with the clamp put in at the end alone it is in
    /// the hundreds.
    #[test]
    fn clamped_chains_sample_the_exact_conditional() {
        for kind in ENGINES {
            let parameters = random_parameters(72, 6, 4, 1.5);
            let rbm = Rbm::new(parameters.clone());
            let count = 20_000;
            let mut clamp = Clamp::free(count, 6);
            (0..count).for_each(|chain| {
                clamp.hold(chain, 1, true);
                clamp.hold(chain, 4, false);
            });
            let mut model = rbm_model(kind, parameters);
            let chains = Chains::plain(count, 30, ChainStart::Noise, 72);
            let states = chains.run_clamped(&mut model, None, &clamp).unwrap();
            let allowed = |state: u64| state >> 1 & 1 == 1 && state >> 4 & 1 == 0;
            let (freedom, statistic) = chi_square(&rbm, &states, 1.0, allowed);
            assert_eq!(freedom, 15);
            assert!((1.0..55.0).contains(&statistic), "{kind:?}: chi-square {statistic}");

            // Units that are held at the end alone do not influence the others.
            let mut late = chains.run(&mut model, None).unwrap();
            clamp.apply(&mut late);
            let (_, statistic) = chi_square(&rbm, &late, 1.0, allowed);
            assert!(statistic > 150.0, "{kind:?}: the test cannot tell: {statistic}");
        }
    }

    /// Returns the degrees of freedom and the chi-square statistic of visible states against p(v) ∝ Σ_h e^(−E(v, h)/T),
    /// by enumeration, over the states for which `allowed` returns true.
    fn chi_square(rbm: &Rbm, states: &BitMatrix, temperature: f64, allowed: impl Fn(u64) -> bool) -> (usize, f64) {
        let (visible, hidden) = (rbm.visible(), rbm.hidden());
        let weight = |state: u64| -> f64 {
            let v = BitMatrix::from_fn(1, visible, |_, unit| state >> unit & 1 == 1);
            (0u64..1 << hidden)
                .map(|state| BitMatrix::from_fn(1, hidden, |_, unit| state >> unit & 1 == 1))
                .map(|h| libm::exp(-rbm.energy(&v, &h, 0) / temperature))
                .sum()
        };
        let weights: Vec<(u64, f64)> =
            (0..1 << visible).filter(|&state| allowed(state)).map(|state| (state, weight(state))).collect();
        let total: f64 = weights.iter().map(|(_, weight)| weight).sum();
        let statistic = weights
            .iter()
            .map(|&(state, weight)| {
                let expected = weight / total * states.rows() as f64;
                let found = (0..states.rows()).filter(|&row| states.row(row)[0] == state).count() as f64;
                (found - expected).powi(2) / expected
            })
            .sum();
        (weights.len() - 1, statistic)
    }

    /// Annealed chains end at the distribution of their last temperature.
    ///
    /// Seed 73, 20,000 chains of 400 steps from 8 times the temperature down to 1.5, slow enough for a small model to
    /// keep up: a lag of two steps, 1 % of the temperature, adds less than 1 to the statistic. 15 degrees of freedom,
    /// false alarms about 2e-6. At temperature 1 the statistic would be in the hundreds.
    #[test]
    fn annealed_chains_end_at_the_last_temperature() {
        let parameters = random_parameters(73, 4, 3, 1.0);
        let rbm = Rbm::new(parameters.clone());
        let chains = Chains { temperature: 1.5, annealing: 8.0, ..Chains::plain(20_000, 400, ChainStart::Noise, 73) };
        let states = chains.run(&mut rbm_model(EngineKind::Packed, parameters), None).unwrap();
        let (_, statistic) = chi_square(&rbm, &states, 1.5, |_| true);
        assert!((1.0..55.0).contains(&statistic), "chi-square {statistic}");
        assert!(chi_square(&rbm, &states, 1.0, |_| true).1 > 200.0);
        let temperatures = [0, 399].map(|step| chains.temperature_at(step));
        assert!((temperatures[0] - 12.0).abs() < 1e-12 && temperatures[1] == 1.5, "{temperatures:?}");
        assert!((0..399).all(|step| chains.temperature_at(step) > chains.temperature_at(step + 1)));
        // A single step is the last.
        assert_eq!(Chains { steps: 1, ..chains }.temperature_at(0), 1.5);
    }

    /// The likeliest last step switches the units on for which p(v = 1 | h) of the same hidden states exceeds ½.
    #[test]
    fn the_likeliest_last_step_is_the_mode_of_the_conditional() {
        for kind in ENGINES {
            let mut parameters = random_parameters(74, 90, 1, 1.0);
            // The hidden unit is surely on, so the last hidden states are known.
            parameters.hidden_bias[0] = 200.0;
            let rbm = Rbm::new(parameters.clone());
            let mut model = rbm_model(kind, parameters);
            let chains = Chains { last_step: LastStep::Likeliest, ..chains(ChainStart::Noise, 3) };
            let ends = chains.run(&mut model, None).unwrap();
            let on = BitMatrix::from_fn(1, 1, |_, _| true);
            let inputs = rbm.visible_inputs(&on, 0);
            for row in 0..ends.rows() {
                for (unit, &input) in inputs.iter().enumerate() {
                    assert_eq!(ends.get(row, unit), sigmoid_f64(input) > 0.5, "{kind:?}: unit {unit}");
                }
            }
            let mut clamp = Clamp::free(6, 90);
            let other = inputs[7] <= 0.0;
            clamp.hold(2, 7, other);
            let held = chains.run_clamped(&mut model, None, &clamp).unwrap();
            assert_eq!(held.get(2, 7), other);
            assert_eq!(held.row(1), ends.row(1));
        }
    }

    /// Another stage draws other numbers; stage 0 draws those of plain chains.
    #[test]
    fn stages_draw_numbers_of_their_own() {
        let mut model = rbm_model(EngineKind::Packed, random_parameters(2, 90, 20, 0.5));
        let mut run = |stage| Chains { stage, ..chains(ChainStart::Noise, 2) }.run(&mut model, None).unwrap();
        assert_ne!(run(0), run(1));
        assert_eq!(run(1), run(1));
    }
}
