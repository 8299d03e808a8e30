//! The starts of a frame's chain among known frames.

use super::known::KnownFrames;
use crate::engine::{BitMatrix, RowStreams, open_unit};
use crate::model::contract::{Context, FrameStarts};
use rayon::prelude::*;

impl FrameStarts for KnownFrames {
    fn choose(&self, context: &Context, streams: &RowStreams) -> BitMatrix {
        let (visible, hidden) = context.units;
        let chains: Vec<_> =
            context.visible.chunks_exact(visible).zip(context.hidden.chunks_exact(hidden)).enumerate().collect();
        let chosen: Vec<usize> = chains
            .into_par_iter()
            .map(|(chain, (visible, hidden))| {
                place(&self.negative_free_energies(visible, hidden), open_unit(&mut streams.generator(chain)))
            })
            .collect();
        self.frames.gather(&chosen)
    }
}

/// Returns the place that the share `share` of the sum of e^x falls into, adding up in order.
fn place(logs: &[f64], share: f64) -> usize {
    let greatest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = logs.iter().map(|log| libm::exp(log - greatest)).collect();
    let mut left = share * weights.iter().sum::<f64>();
    for (place, weight) in weights.iter().enumerate() {
        if left < *weight {
            return place;
        }
        left -= weight;
    }
    weights.len() - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{EngineKind, Isa, Purpose};
    use crate::model::contract::{Memory, Recurrence};
    use crate::model::rnn_rbm::{Network, RnnRbm};
    use crate::testing::{random_bits, random_parameters};

    /// Frames are chosen in proportion to e^−F_t, however often each stands among the rows.
    ///
    /// 30,000 choices among at most 8 frames of 3 units, of which one is not among the rows; seed 91. The chi-square
    /// statistic with 6 degrees of freedom lies below 38 but for a chance of about 1e-6.
    #[test]
    fn starts_come_in_proportion_to_their_weight_at_the_frame() {
        let mut network = Network::zeros(3, 4, 2);
        network.to_visible = vec![0.7, -0.4, 0.2, 1.1, -0.9, 0.3];
        network.to_hidden = vec![0.5, -1.2, 0.8, 0.1, -0.6, 0.9, 1.3, -0.2];
        let parameters = random_parameters(91, 3, 4, 1.0);
        let model = RnnRbm::new(parameters.clone(), network.clone(), EngineKind::Packed, Isa::detect().unwrap());
        let model = model.unwrap();
        let frames = BitMatrix::from_fn(20, 3, |row, unit| (row % 8) >> unit & 1 == 1);
        let rows: Vec<usize> = (0..20).filter(|row| row % 8 != 5).collect();
        let states = [0.6f32, -0.8];
        let count = 30_000;
        let memory = Memory { states: states.repeat(count), units: 2 };
        let streams = RowStreams::new(91, Purpose::FrameStart, 0, 1, 0);
        let starts = model.starts(&frames, &rows).unwrap();
        let chosen = starts.choose(&model.context(&memory), &streams);

        let weight = |state: usize| -> f64 {
            let on = |unit: usize| f64::from(u8::try_from(state >> unit & 1).unwrap());
            let from_past = |matrix: &[f32], columns: usize, column: usize| -> f64 {
                (0..2).map(|unit| f64::from(states[unit]) * f64::from(matrix[unit * columns + column])).sum()
            };
            let visible: f64 = (0..3)
                .map(|unit| {
                    // Wuv is kept transposed.
                    let past: f64 =
                        (0..2).map(|u| f64::from(states[u]) * f64::from(network.to_visible[unit * 2 + u])).sum();
                    on(unit) * (f64::from(parameters.visible_bias[unit]) + past)
                })
                .sum();
            let hidden: f64 = (0..4)
                .map(|unit| {
                    let own: f64 = (0..3).map(|v| on(v) * f64::from(parameters.weight_row(v)[unit])).sum();
                    let bias = f64::from(parameters.hidden_bias[unit]);
                    (own + bias + from_past(&network.to_hidden, 4, unit)).exp().ln_1p()
                })
                .sum();
            (visible + hidden).exp()
        };
        let known: Vec<usize> = (0..8).filter(|&state| state != 5).collect();
        let total: f64 = known.iter().map(|&state| weight(state)).sum();
        let mut counts = [0.0; 8];
        (0..count).for_each(|chain| counts[chosen.row(chain)[0] as usize] += 1.0);
        assert_eq!(counts[5], 0.0);
        let statistic: f64 = known
            .iter()
            .map(|&state| {
                let expected = weight(state) / total * count as f64;
                (counts[state] - expected).powi(2) / expected
            })
            .sum();
        assert!((0.1..38.0).contains(&statistic), "chi-square {statistic}");
        let uniform: f64 = known.iter().map(|&state| (counts[state] - count as f64 / 7.0).powi(2)).sum();
        assert!(uniform / (count as f64 / 7.0) > 1e3, "the weights differ");
        assert!(model.starts(&random_bits(1, 2, 3, 0.5), &[]).is_none());
    }
}
