//! Parallel tempering: chains of one model at several temperatures, where neighbours exchange their states (Desjardins
//! et al. 2010; Cho, Raiko and Ilin 2010).

use super::streams::UpdateStreams;
use crate::engine::{BitMatrix, Draw, Engine, Purpose, RowStreams, open_unit};
use crate::model::tensors::{TensorError, TensorReader, TensorValues, Tensors};

/// The chains at evenly spaced inverse temperatures, from 1, the model itself, down to the lowest. At β states are
/// distributed as p(v, h) ∝ e^−βE(v, h).
#[derive(Clone, Debug)]
pub(super) struct Tempering {
    inverse_temperatures: Vec<f64>,
    /// The visible states (chains × visible) at each temperature.
    visible: Vec<BitMatrix>,
    /// The hidden states that the visible ones were drawn from.
    hidden: Vec<BitMatrix>,
    /// The numbers of exchanges tried and made between each temperature and the next, since the epoch began.
    tried: Vec<u64>,
    made: Vec<u64>,
    inputs: Vec<f32>,
}

impl Tempering {
    /// Returns chains that start at the given visible states, one matrix for each temperature.
    pub(super) fn new(lowest_inverse_temperature: f64, visible: Vec<BitMatrix>) -> Self {
        let count = visible.len();
        let step = (1.0 - lowest_inverse_temperature) / (count - 1).max(1) as f64;
        Self {
            inverse_temperatures: (0..count).map(|index| 1.0 - step * index as f64).collect(),
            hidden: vec![BitMatrix::default(); count],
            visible,
            tried: vec![0; count - 1],
            made: vec![0; count - 1],
            inputs: Vec::new(),
        }
    }

    /// Returns the share of the exchanges tried since the epoch began that were made, for each temperature and the
    /// next; `None` if none were tried.
    pub(super) fn acceptance(&self) -> Vec<Option<f64>> {
        let pairs = self.made.iter().zip(&self.tried);
        pairs.map(|(&made, &tried)| (tried > 0).then(|| made as f64 / tried as f64)).collect()
    }

    /// Resets the counts of exchanges.
    pub(super) fn start_epoch(&mut self) {
        self.tried.fill(0);
        self.made.fill(0);
    }

    /// Makes `steps` rounds, each of one Gibbs step at every temperature and exchanges between all neighbours. Returns
    /// the states at temperature 1.
    pub(super) fn advance(&mut self, engine: &mut dyn Engine, steps: u64, streams: &UpdateStreams) -> &BitMatrix {
        let count = self.visible.len();
        for step in 0..steps {
            for temperature in 0..count {
                let inverse_temperature = self.inverse_temperatures[temperature] as f32;
                let draw = |purpose| {
                    Draw::at(streams.of(purpose, step * count as u64 + temperature as u64), inverse_temperature)
                };
                let (visible, hidden) = (&mut self.visible[temperature], &mut self.hidden[temperature]);
                engine.sample_hidden(visible, draw(Purpose::ChainHidden), hidden);
                engine.sample_visible(hidden, draw(Purpose::ChainVisible), visible);
            }
            if count > 1 {
                self.exchange(engine, streams.of(Purpose::Swap, step));
            }
        }
        &self.visible[0]
    }

    /// Exchanges the states of chains between the pairs of neighbours (0, 1), (2, 3), …, then (1, 2), (3, 4), …, chain
    /// by chain, each with the probability min(1, e^((β − β')(E − E'))) (Metropolis).
    fn exchange(&mut self, engine: &mut dyn Engine, numbers: RowStreams) {
        let bias = engine.visible_bias();
        let count = self.visible.len();
        let mut energies: Vec<Vec<f64>> =
            (0..count).map(|temperature| self.energies(engine, &bias, temperature)).collect();
        for hotter in (1..count).step_by(2).chain((2..count).step_by(2)) {
            let colder = hotter - 1;
            let difference = self.inverse_temperatures[colder] - self.inverse_temperatures[hotter];
            let mut generator = numbers.generator(colder);
            let (cold, hot) = self.visible.split_at_mut(hotter);
            let (cold, hot) = (&mut cold[colder], &mut hot[0]);
            let (cold_energies, hot_energies) = energies.split_at_mut(hotter);
            let (cold_energies, hot_energies) = (&mut cold_energies[colder], &mut hot_energies[0]);
            for chain in 0..cold.rows() {
                let log_ratio = difference * (cold_energies[chain] - hot_energies[chain]);
                self.tried[colder] += 1;
                if libm::log(open_unit(&mut generator)) < log_ratio {
                    self.made[colder] += 1;
                    cold.row_mut(chain).swap_with_slice(hot.row_mut(chain));
                    std::mem::swap(&mut cold_energies[chain], &mut hot_energies[chain]);
                }
            }
        }
    }

    /// Returns E(v, h) = −b·v − h·(c + vW) of every chain at one temperature, in nats.
    ///
    /// The hidden states are those that the visible ones were drawn from. Only visible states are kept and exchanged;
    /// hidden states are drawn from them again.
    fn energies(&mut self, engine: &mut dyn Engine, bias: &[f32], temperature: usize) -> Vec<f64> {
        let (visible, hidden) = (&self.visible[temperature], &self.hidden[temperature]);
        engine.hidden_inputs(visible, &mut self.inputs);
        let inputs = self.inputs.chunks(hidden.columns());
        let energy = |(chain, inputs): (usize, &[f32])| {
            let visible_part: f64 = visible.ones(chain).map(|unit| f64::from(bias[unit])).sum();
            let hidden_part: f64 = hidden.ones(chain).map(|unit| f64::from(inputs[unit])).sum();
            -visible_part - hidden_part
        };
        inputs.enumerate().map(energy).collect()
    }

    /// Adds the states of all chains and the counts of exchanges.
    pub(super) fn save(&self, state: &mut Tensors) {
        for (temperature, visible) in self.visible.iter().enumerate() {
            state.insert_bits(&format!("chains.{temperature}"), visible);
        }
        for (name, counts) in [("exchanges.tried", &self.tried), ("exchanges.made", &self.made)] {
            state.insert(name, &[counts.len()], TensorValues::U64(counts.clone()));
        }
    }

    /// Returns these chains with the values that [`Self::save`] added.
    pub(super) fn restored(&self, state: &mut TensorReader) -> Result<Self, TensorError> {
        let read = |(temperature, like)| state.bits(&format!("chains.{temperature}"), like);
        let visible = self.visible.iter().enumerate().map(read).collect::<Result<_, _>>()?;
        let pairs = [self.tried.len()];
        let (tried, made) = (state.u64("exchanges.tried", &pairs)?, state.u64("exchanges.made", &pairs)?);
        Ok(Self { visible, tried, made, ..self.clone() })
    }
}
