//! The weights of draws of the hidden layers given windows, from which the likelihood is bounded and estimated.

use super::layers::Layers;
use crate::engine::{BitMatrix, Parameters, Purpose, RowStreams, fires, softplus_sum};
use rayon::prelude::*;

/// A layer in f64, with its weights in both orders.
struct Layer {
    /// W of the way up (below × units).
    upward: Vec<f64>,
    hidden_bias: Vec<f64>,
    /// Wᵀ of the way down (units × below).
    downward: Vec<f64>,
    visible_bias: Vec<f64>,
}

/// The layers in f64: everything here is a sum in one order, the same for any number of threads.
pub(super) struct Posterior {
    lower: Vec<Layer>,
    top: Layer,
}

/// The hidden states of a window drawn by the way up, with ln w, the logarithm of p*(v, h_1 … h_{L−1}) over their
/// probability q(h_1 … h_{L−1} | v), where p* is p without the top RBM's Z.
pub(super) struct Drawn {
    /// ln w, in nats. Its expectation is at most ln p(v) + ln Z; that of w is p(v)·Z.
    pub(super) log_weight: f64,
    /// The states of the top RBM's visible layer.
    pub(super) states: Vec<bool>,
}

impl Posterior {
    pub(super) fn new(layers: &Layers) -> Self {
        let widen = |values: &[f32]| values.iter().map(|&value| f64::from(value)).collect::<Vec<f64>>();
        let of = |up: &Parameters, down: &Parameters| {
            let Parameters { visible, hidden, weights, .. } = down;
            Layer {
                upward: widen(&up.weights),
                hidden_bias: widen(&up.hidden_bias),
                downward: (0..visible * hidden)
                    .map(|index| f64::from(weights[index % visible * hidden + index / visible]))
                    .collect(),
                visible_bias: widen(&down.visible_bias),
            }
        };
        let (top, lower) = layers.rbms.split_last().expect("a network of at least one layer");
        let lower = lower.iter().enumerate().map(|(number, down)| of(layers.upward(number), down)).collect();
        Self { lower, top: of(top, top) }
    }

    /// Draws `count` times the hidden layers of each of some windows (rows × draws). Draw m of the window at place i of
    /// `rows` takes the numbers of stream i.
    pub(super) fn draw(
        &self,
        windows: &BitMatrix,
        rows: &[usize],
        count: usize,
        (seed, split): (u64, u64),
    ) -> Vec<Vec<Drawn>> {
        let of_window = |(place, &row): (usize, &usize)| {
            let visible: Vec<bool> = (0..windows.columns()).map(|unit| windows.get(row, unit)).collect();
            let first = inputs(&self.lower[0].upward, &self.lower[0].hidden_bias, &visible);
            let draw = |number: usize| {
                let streams = |layer: usize| {
                    RowStreams::new(seed, Purpose::Posterior, split, number as u64, layer as u64).row(place)
                };
                let (mut log_weight, mut below) = (0.0, visible.clone());
                for (number, layer) in self.lower.iter().enumerate() {
                    let computed;
                    let given = if number == 0 {
                        &first
                    } else {
                        computed = inputs(&layer.upward, &layer.hidden_bias, &below);
                        &computed
                    };
                    let mut stream = streams(number);
                    let states: Vec<bool> = given.iter().map(|&input| fires(input as f32, stream.next_u32())).collect();
                    let back = inputs(&layer.downward, &layer.visible_bias, &states);
                    log_weight += log_probability(&back, &below) - log_probability(given, &states);
                    below = states;
                }
                log_weight += self.negative_free_energy(&below);
                Drawn { log_weight, states: below }
            };
            (0..count).map(draw).collect()
        };
        rows.par_iter().enumerate().with_min_len(1).map(of_window).collect()
    }

    /// Returns ln w of a row of visible states with each of several hidden states of the layers below the top RBM's hidden
    /// one, from below: see [`Drawn`].
    pub(super) fn log_weights<const N: usize>(
        &self,
        visible: &BitMatrix,
        hidden: [&[BitMatrix]; N],
        row: usize,
    ) -> [f64; N] {
        let of_row = |bits: &BitMatrix| (0..bits.columns()).map(|unit| bits.get(row, unit)).collect::<Vec<bool>>();
        let visible = of_row(visible);
        let first = inputs(&self.lower[0].upward, &self.lower[0].hidden_bias, &visible);
        hidden.map(|states| {
            let (mut below, mut log_weight) = (visible.clone(), 0.0);
            for (number, (layer, states)) in self.lower.iter().zip(states).enumerate() {
                let states = of_row(states);
                let computed;
                let given = if number == 0 {
                    &first
                } else {
                    computed = inputs(&layer.upward, &layer.hidden_bias, &below);
                    &computed
                };
                let back = inputs(&layer.downward, &layer.visible_bias, &states);
                log_weight += log_probability(&back, &below) - log_probability(given, &states);
                below = states;
            }
            log_weight + self.negative_free_energy(&below)
        })
    }

    /// Returns −F_L(h_{L−1}) of the top RBM, in nats.
    fn negative_free_energy(&self, states: &[bool]) -> f64 {
        let own: f64 = states.iter().zip(&self.top.visible_bias).map(|(&on, bias)| if on { *bias } else { 0.0 }).sum();
        own + softplus_sum(&inputs(&self.top.upward, &self.top.hidden_bias, states))
    }

    /// Returns the mean ln p(v) over some windows by enumeration of all states of the layers below the top RBM's hidden
    /// one, given its ln Z, in nats; `None` without windows or where that would cost more than some 10^9 steps.
    pub(super) fn exact(&self, windows: &BitMatrix, rows: &[usize], log_partition: f64) -> Option<f64> {
        const MOST_STATES: u32 = 20;
        const MOST_STEPS: f64 = 2e9;
        let sizes: Vec<u32> = self.lower.iter().map(|layer| layer.hidden_bias.len() as u32).collect();
        if rows.is_empty() || sizes.iter().any(|&units| units > MOST_STATES) {
            return None;
        }
        let lowest = windows.columns() as f64 * rows.len() as f64 * libm::exp2(f64::from(sizes[0]));
        let between: f64 =
            sizes.windows(2).map(|pair| libm::exp2(f64::from(pair[0] + pair[1])) * f64::from(pair[0])).sum();
        if lowest + between > MOST_STEPS {
            return None;
        }
        let state =
            |number: usize, units: u32| -> Vec<bool> { (0..units).map(|unit| number >> unit & 1 == 1).collect() };
        let all = |units: u32| 0..1usize << units;
        let highest = *sizes.last()?;
        let mut logs: Vec<f64> =
            all(highest).map(|number| self.negative_free_energy(&state(number, highest)) - log_partition).collect();
        // ln p(h_{l−1}) for all states of a layer, from that of the layer above.
        for layer in (1..self.lower.len()).rev() {
            let own = &self.lower[layer];
            let back: Vec<Vec<f64>> = all(sizes[layer])
                .map(|above| inputs(&own.downward, &own.visible_bias, &state(above, sizes[layer])))
                .collect();
            let below = all(sizes[layer - 1]).into_par_iter().map(|number| {
                let states = state(number, sizes[layer - 1]);
                log_sum(back.iter().zip(&logs).map(|(back, log)| log + log_probability(back, &states)))
            });
            logs = below.collect();
        }
        let own = &self.lower[0];
        let back: Vec<(Vec<f64>, f64)> = all(sizes[0])
            .map(|above| inputs(&own.downward, &own.visible_bias, &state(above, sizes[0])))
            .map(|inputs| {
                let normalizer = softplus_sum(&inputs);
                (inputs, normalizer)
            })
            .collect();
        let of_windows: Vec<f64> = rows
            .par_iter()
            .map(|&row| {
                let on: Vec<usize> = windows.ones(row).collect();
                log_sum(back.iter().zip(&logs).map(|((inputs, normalizer), log)| {
                    log + on.iter().map(|&unit| inputs[unit]).sum::<f64>() - normalizer
                }))
            })
            .collect();
        Some(of_windows.iter().sum::<f64>() / rows.len() as f64)
    }
}

/// Returns bias + states · weights, with weights (states × units) row-major.
fn inputs(weights: &[f64], bias: &[f64], states: &[bool]) -> Vec<f64> {
    let mut inputs = bias.to_vec();
    for (_, weights) in states.iter().zip(weights.chunks_exact(bias.len())).filter(|(on, _)| **on) {
        inputs.iter_mut().zip(weights).for_each(|(input, weight)| *input += weight);
    }
    inputs
}

/// Returns the logarithm of the probability of independent units' states, given their inputs.
fn log_probability(inputs: &[f64], states: &[bool]) -> f64 {
    let on: f64 = inputs.iter().zip(states).map(|(&input, &on)| if on { input } else { 0.0 }).sum();
    on - softplus_sum(inputs)
}

/// Returns ln Σ e^x.
pub(super) fn log_sum(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let greatest = values.clone().fold(f64::NEG_INFINITY, f64::max);
    if greatest == f64::NEG_INFINITY {
        return greatest;
    }
    greatest + libm::log(values.map(|value| libm::exp(value - greatest)).sum::<f64>())
}
