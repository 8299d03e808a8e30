//! The annealed chains, which lead from the base-rate model to the model or back.

use super::weights::LogWeights;
use crate::engine::{BitMatrix, Draw, Engine, Parameters, Purpose, RowStreams, fires, softplus};
use crate::model::likelihood::bracket::BuildEngine;
use rayon::prelude::*;

/// The number of chains that run side by side in one engine. It is a constant because it decides the stream of a chain.
const CHAINS_AT_ONCE: usize = 64;

/// Annealing between the base-rate model and a model (Neal 2001; Salakhutdinov and Murray 2008, section 4.1).
///
/// The intermediate model at inverse temperature β has the weights βW, the hidden biases βc and the visible biases
/// (1 − β) b_A + β b, where b_A are those of the base-rate model. Summed over the hidden units, its unnormalised
/// probability is
///
/// ```text
/// f_β(v) = e^{((1−β) b_A + β b)·v} Π_j (1 + e^{β (c_j + v·W_j)}),
/// ```
///
/// so Z_0 = 2^hidden Π_i (1 + e^{b_A,i}) is known and Z_1 is sought. T_β is one Gibbs step at β: it leaves f_β
/// invariant and is its own reversal. With β_0 = 0 < β_1 < … < β_K = 1:
///
/// ```text
/// forwards:   v_0 ~ f_0;       for k = 1 … K:  w ← w · f_k(v_{k−1}) / f_{k−1}(v_{k−1});  v_k ~ T_k(v_{k−1})
/// backwards:  v_K is given;    for k = K … 1:  v_{k−1} ~ T_k(v_k);  w ← w · f_{k−1}(v_{k−1}) / f_k(v_{k−1})
/// ```
///
/// `E[w] = Z / Z_0` forwards, and `E[w] = Z_0 / Z` backwards if v_K ~ f_K / Z. Hidden inputs are computed by the
/// engine, in f32 and its order of summation. Weights are logarithms in f64.
pub struct Annealing<'a> {
    parameters: &'a Parameters,
    base: &'a [f32],
    temperatures: &'a [f64],
    build: &'a BuildEngine<'a>,
    seed: u64,
    /// The changes of the visible biases: b − b_A (visible).
    bias_changes: Vec<f64>,
}

/// The kinds of chains. Each draws from its own streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
enum Kind {
    Forward = 0,
    Mixing = 1,
    /// Backward chains; the number of the set of starts is added.
    Backward = 2,
}

impl<'a> Annealing<'a> {
    /// Prepares annealing from the base-rate model with visible biases `base` (visible), through the inverse
    /// temperatures `temperatures` from 0 to 1.
    pub fn new(
        parameters: &'a Parameters,
        base: &'a [f32],
        temperatures: &'a [f64],
        build: &'a BuildEngine<'a>,
        seed: u64,
    ) -> Self {
        assert_eq!(base.len(), parameters.visible, "biases of the base-rate model and visible units");
        assert!(temperatures.len() >= 2, "{} inverse temperatures", temperatures.len());
        assert_eq!((temperatures[0], temperatures[temperatures.len() - 1]), (0.0, 1.0), "inverse temperatures' ends");
        let pairs = parameters.visible_bias.iter().zip(base);
        let bias_changes = pairs.map(|(&bias, &base)| f64::from(bias) - f64::from(base)).collect();
        Self { parameters, base, temperatures, build, seed, bias_changes }
    }

    /// Returns ln Z_0, in nats.
    pub fn log_base(&self) -> f64 {
        let visible: f64 = self.base.iter().map(|&bias| softplus(f64::from(bias))).sum();
        visible + self.parameters.hidden as f64 * std::f64::consts::LN_2
    }

    /// Returns ln w of `chains` chains from the base-rate model to the model.
    pub fn forward(&self, chains: usize) -> LogWeights {
        self.forward_to(chains).1
    }

    /// Returns the final states (chains × visible) of `chains` chains from the base-rate model, and ln w of each. They
    /// are samples of the model, weighted by w.
    pub fn forward_to(&self, chains: usize) -> (BitMatrix, LogWeights) {
        let starts: Vec<usize> = (0..chains).step_by(CHAINS_AT_ONCE).collect();
        let (ends, logs): (Vec<BitMatrix>, Vec<Vec<f64>>) = starts
            .into_par_iter()
            .map(|first| {
                let count = CHAINS_AT_ONCE.min(chains - first);
                let mut walk = self.walk(Kind::Forward as u64, first);
                walk.visible = self.base_samples(first, count);
                let mut logs = vec![0.0; count];
                for step in 1..self.temperatures.len() {
                    walk.add_changes(self, self.temperatures[step - 1], self.temperatures[step], &mut logs);
                    if step + 1 < self.temperatures.len() {
                        walk.step(self, self.temperatures[step], step as u64);
                    }
                }
                (walk.visible, logs)
            })
            .unzip();
        (together(&ends, chains, self.base.len()), LogWeights(logs.concat()))
    }

    /// Returns ln w of chains from `starts`, samples of the model (chains × visible), back to the base-rate model. Sets
    /// of starts with different numbers draw from different streams.
    pub fn backward(&self, starts: &BitMatrix, set: u64) -> LogWeights {
        let logs: Vec<Vec<f64>> = chunks(starts)
            .into_par_iter()
            .map(|(first, visible)| {
                let mut walk = self.walk(Kind::Backward as u64 + set, first);
                let mut logs = vec![0.0; visible.rows()];
                walk.visible = visible;
                for step in (1..self.temperatures.len()).rev() {
                    walk.step(self, self.temperatures[step], step as u64);
                    walk.add_changes(self, self.temperatures[step], self.temperatures[step - 1], &mut logs);
                }
                logs
            })
            .collect();
        LogWeights(logs.concat())
    }

    /// Returns the states (chains × visible) after `steps` Gibbs steps of the model itself from `starts`.
    pub fn mixed(&self, starts: &BitMatrix, steps: u64) -> BitMatrix {
        let ends: Vec<BitMatrix> = chunks(starts)
            .into_par_iter()
            .map(|(first, visible)| {
                let mut walk = self.walk(Kind::Mixing as u64, first);
                walk.visible = visible;
                for step in 0..steps {
                    walk.step(self, 1.0, step);
                }
                walk.visible
            })
            .collect();
        together(&ends, starts.rows(), starts.columns())
    }

    fn walk(&self, kind: u64, first: usize) -> Walk {
        let group = (first / CHAINS_AT_ONCE) as u64;
        Walk {
            engine: (self.build)(self.parameters.clone()),
            seed: self.seed,
            kind,
            group,
            visible: BitMatrix::default(),
            hidden: BitMatrix::default(),
            bias: vec![0.0; self.base.len()],
        }
    }

    /// Returns exact samples of the base-rate model (count × visible).
    fn base_samples(&self, first: usize, count: usize) -> BitMatrix {
        let group = (first / CHAINS_AT_ONCE) as u64;
        let streams = RowStreams::new(self.seed, Purpose::AnnealingStart, 0, group, 0);
        let mut samples = BitMatrix::zeros(count, self.base.len());
        for row in 0..count {
            let mut stream = streams.row(row);
            for (unit, &bias) in self.base.iter().enumerate() {
                samples.set(row, unit, fires(bias, stream.next_u32()));
            }
        }
        samples
    }
}

/// Divides the rows of a matrix into groups of [`CHAINS_AT_ONCE`], each with the number of its first row.
fn chunks(states: &BitMatrix) -> Vec<(usize, BitMatrix)> {
    let rows: Vec<usize> = (0..states.rows()).collect();
    rows.chunks(CHAINS_AT_ONCE).map(|rows| (rows[0], states.gather(rows))).collect()
}

/// Joins the groups into which [`chunks`] divided a matrix.
fn together(groups: &[BitMatrix], rows: usize, columns: usize) -> BitMatrix {
    let mut all = BitMatrix::zeros(rows, columns);
    for (index, group) in groups.iter().enumerate() {
        for row in 0..group.rows() {
            all.row_mut(index * CHAINS_AT_ONCE + row).copy_from_slice(group.row(row));
        }
    }
    all
}

/// A group of chains side by side.
struct Walk {
    engine: Box<dyn Engine>,
    seed: u64,
    kind: u64,
    group: u64,
    visible: BitMatrix,
    hidden: BitMatrix,
    bias: Vec<f32>,
}

impl Walk {
    /// Takes one Gibbs step at inverse temperature β > 0: visible ← T_β(visible).
    ///
    /// The engine multiplies inputs by β, so it is given the visible biases of the intermediate model divided by β.
    fn step(&mut self, annealing: &Annealing, beta: f64, step: u64) {
        let streams = |purpose| RowStreams::new(self.seed, purpose, self.kind, self.group, step);
        let draw = |purpose| Draw::at(streams(purpose), beta as f32);
        let (hidden, visible) = (draw(Purpose::AnnealingHidden), draw(Purpose::AnnealingVisible));
        let share = (1.0 - beta) / beta;
        let biases = annealing.parameters.visible_bias.iter().zip(annealing.base);
        for (target, (&own, &base)) in self.bias.iter_mut().zip(biases) {
            *target = (f64::from(own) + share * f64::from(base)) as f32;
        }
        self.engine.sample_hidden(&self.visible, hidden, &mut self.hidden);
        self.engine.set_visible_bias(&self.bias);
        self.engine.sample_visible(&self.hidden, visible, &mut self.visible);
    }

    /// Adds the changes of ln f: logs (chains) ← logs + ln f_to(v) − ln f_from(v).
    fn add_changes(&mut self, annealing: &Annealing, from: f64, to: f64, logs: &mut [f64]) {
        self.engine.add_softplus_changes(&self.visible, (from, to), logs);
        for (row, log) in logs.iter_mut().enumerate() {
            let visible: f64 = self.visible.ones(row).map(|unit| annealing.bias_changes[unit]).sum();
            *log += (to - from) * visible;
        }
    }
}
