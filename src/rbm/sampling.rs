//! Fantasies: visible states that Gibbs chains reach from a chosen start.

use super::gibbs::{GibbsStreams, advance_from_visible};
use crate::engine::{BitMatrix, Engine, Purpose, RowStreams, uniform_below};
use serde::{Deserialize, Serialize};

/// Where a sampling chain starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChainStart {
    /// At all visible units off.
    Zeros,
    /// At fair coin flips.
    Noise,
    /// At training windows, drawn with replacement.
    Data,
}

/// Sampling chains: how many, how long, from where, how hot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Chains {
    /// Number of chains.
    pub count: usize,
    /// Gibbs steps of each.
    pub steps: u64,
    /// Where they start.
    pub start: ChainStart,
    /// T in p(v, h) ∝ e^−E/T; 1 is the model itself, less is more conservative.
    pub temperature: f64,
    /// The seed of everything drawn.
    pub seed: u64,
}

impl Chains {
    /// The visible states (count × visible) that the chains end at. `data` are the windows a start at data is drawn
    /// from; `None` if such a start is asked for without any.
    pub fn run(&self, engine: &mut dyn Engine, data: Option<(&BitMatrix, &[usize])>) -> Option<BitMatrix> {
        let mut visible = self.first_states(engine.visible(), data)?;
        let streams = GibbsStreams {
            seed: self.seed,
            hidden: Purpose::SampleHidden,
            visible: Purpose::SampleVisible,
            epoch: 0,
            batch: 0,
            inverse_temperature: (1.0 / self.temperature) as f32,
        };
        advance_from_visible(engine, &mut visible, &mut BitMatrix::default(), self.steps, &streams);
        Some(visible)
    }

    fn first_states(&self, units: usize, data: Option<(&BitMatrix, &[usize])>) -> Option<BitMatrix> {
        let streams = RowStreams::new(self.seed, Purpose::SampleStart, 0, 0, 0);
        match self.start {
            ChainStart::Zeros => Some(BitMatrix::zeros(self.count, units)),
            ChainStart::Noise => {
                let mut states = BitMatrix::zeros(self.count, units);
                for row in 0..self.count {
                    let mut stream = streams.row(row);
                    for unit in 0..units {
                        states.set(row, unit, stream.next_u32() >> 31 == 1);
                    }
                }
                Some(states)
            }
            ChainStart::Data => {
                let (windows, rows) = data.filter(|(_, rows)| !rows.is_empty())?;
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
    use crate::engine::{EngineKind, Parameters, build};
    use crate::testing::{random_bits, random_parameters};

    fn chains(start: ChainStart, steps: u64) -> Chains {
        Chains { count: 6, steps, start, temperature: 1.0, seed: 71 }
    }

    #[test]
    fn chains_without_steps_end_where_they_start() {
        let mut engine = build(EngineKind::Reference, Parameters::zeros(100, 3));
        let data = random_bits(1, 4, 100, 0.3);
        let rows = [1, 3];
        assert_eq!(chains(ChainStart::Zeros, 0).run(engine.as_mut(), None), Some(BitMatrix::zeros(6, 100)));
        let noise = chains(ChainStart::Noise, 0).run(engine.as_mut(), None).unwrap();
        assert!((200..400).contains(&noise.count_ones()), "{} of 600 fair coins", noise.count_ones());
        let from_data = chains(ChainStart::Data, 0).run(engine.as_mut(), Some((&data, &rows))).unwrap();
        assert!((0..6).all(|row| rows.iter().any(|&own| from_data.row(row) == data.row(own))));
        assert_eq!(chains(ChainStart::Data, 0).run(engine.as_mut(), None), None);
    }

    /// A chain is the same whether it runs alone or among others.
    #[test]
    fn chains_do_not_know_of_each_other() {
        for kind in [EngineKind::Reference, EngineKind::Dense, EngineKind::Packed] {
            let mut engine = build(kind, random_parameters(2, 90, 20, 0.5));
            let six = chains(ChainStart::Noise, 4).run(engine.as_mut(), None).unwrap();
            let two = Chains { count: 2, ..chains(ChainStart::Noise, 4) }.run(engine.as_mut(), None).unwrap();
            assert_eq!(six.row(1), two.row(1));
        }
    }

    /// Low temperature freezes a unit at its likelier state.
    #[test]
    fn temperature_scales_the_inputs() {
        let mut parameters = Parameters::zeros(64, 1);
        parameters.visible_bias.fill(0.5);
        let mut engine = build(EngineKind::Dense, parameters);
        let cold = Chains { temperature: 0.01, ..chains(ChainStart::Zeros, 1) }.run(engine.as_mut(), None).unwrap();
        assert_eq!(cold.count_ones(), 6 * 64);
        let hot = Chains { temperature: 1e6, ..chains(ChainStart::Zeros, 1) }.run(engine.as_mut(), None).unwrap();
        assert!((130..254).contains(&hot.count_ones()), "{} of 384 near-fair coins", hot.count_ones());
    }
}
