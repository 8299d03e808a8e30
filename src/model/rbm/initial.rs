//! The state of a model before training.

use crate::engine::{BitMatrix, Parameters, Purpose, RowStreams, standard_normals};
use crate::model::options::{ModelOptions, VisibleBias};

/// Returns the parameters before the first update: W ~ N(`weight_mean`, `weight_std`²), with one stream for each row of
/// W; hidden biases zero; visible biases zero or the log-odds of the training windows `rows` of `windows` (windows ×
/// visible).
pub fn initial_parameters(options: &ModelOptions, windows: &BitMatrix, rows: &[usize], seed: u64) -> Parameters {
    let mut parameters = Parameters::zeros(windows.columns(), options.hidden);
    let streams = RowStreams::new(seed, Purpose::InitialWeights, 0, 0, 0);
    let mut variates = vec![0.0; options.hidden];
    for (unit, weights) in parameters.weights.chunks_exact_mut(options.hidden).enumerate() {
        standard_normals(&mut streams.generator(unit), &mut variates);
        for (weight, variate) in weights.iter_mut().zip(&variates) {
            *weight = (options.weight_mean + options.weight_std * variate) as f32;
        }
    }
    if options.visible_bias == VisibleBias::LogOdds {
        parameters.visible_bias = log_odds(windows, rows);
    }
    parameters
}

/// Returns ln(p / (1 − p)) of each unit's share p of ones (Hinton 2010, section 8.1). Of n rows, p is clamped to [1/2n,
/// 1 − 1/2n], so a unit that is never on gets the bias of one that is on half a time. Zero if there are no rows.
pub fn log_odds(windows: &BitMatrix, rows: &[usize]) -> Vec<f32> {
    let counts = windows.column_counts(rows.iter().copied());
    if rows.is_empty() {
        return vec![0.0; counts.len()];
    }
    let smallest = 0.5 / rows.len() as f64;
    counts
        .into_iter()
        .map(|count| {
            let share = (f64::from(count) / rows.len() as f64).clamp(smallest, 1.0 - smallest);
            libm::log(share / (1.0 - share)) as f32
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::random_bits;

    #[test]
    fn log_odds_are_clamped() {
        let windows = BitMatrix::from_fn(4, 3, |row, column| column == 0 || (column == 1 && row == 0));
        let bias = log_odds(&windows, &[0, 1, 2, 3]);
        assert_eq!(bias, [7.0f32.ln(), -(3.0f32.ln()), -(7.0f32.ln())]);
        assert_eq!(log_odds(&windows, &[]), [0.0; 3]);
    }

    /// Seed 21; mean and deviation within five standard errors, false-alarm rate below 1e-6 each.
    #[test]
    fn weights_have_the_stated_mean_and_deviation() {
        let options = ModelOptions {
            hidden: 101,
            weight_mean: 0.01,
            weight_std: 1.0,
            visible_bias: VisibleBias::Zero,
            ..ModelOptions::default()
        };
        let parameters = initial_parameters(&options, &random_bits(1, 3, 400, 0.1), &[0, 1, 2], 21);
        let count = parameters.weights.len() as f64;
        let mean = parameters.weights.iter().map(|&w| f64::from(w)).sum::<f64>() / count;
        let variance = parameters.weights.iter().map(|&w| (f64::from(w) - mean).powi(2)).sum::<f64>() / count;
        assert!((mean - 0.01).abs() < 5.0 / count.sqrt());
        assert!((variance - 1.0).abs() < 5.0 * (2.0 / count).sqrt());
        assert!(parameters.visible_bias.iter().chain(&parameters.hidden_bias).all(|&bias| bias == 0.0));
    }
}
