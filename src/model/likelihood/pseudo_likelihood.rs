//! The exact pseudo-log-likelihood, in which each visible unit is predicted from all others.

use super::free_energy::mean_over_rows;
use crate::engine::{BitMatrix, log_sigmoid, sigmoid_f64, softplus};
use crate::model::energy::Rbm;

/// The number of partial products side by side, and of factors in each before its exponent is taken out.
const LANES: usize = 8;
/// The maximum weight for products: eight factors between e^−80 and e^80 have a normal f64 product.
const LARGEST_WEIGHT: f32 = 80.0;

/// Returns the mean over rows of Σ_i ln p(v_i | v without i) = Σ_i ln σ(F(v with i flipped) − F(v)), in nats per window
/// (Besag 1975; the free-energy form is that of the deep-learning tutorials' RBM, but over every unit, not a random
/// one).
///
/// A flip changes hidden input j by ±w_ij, so F changes by ∓b_i − Σ_j ln(σ(−x_j) + σ(x_j) e^±w_ij): one multiplication
/// and one addition a weight. `None` without rows; NaN if the model has weights that are not finite.
pub fn mean_pseudo_log_likelihood(rbm: &Rbm, windows: &BitMatrix, rows: &[usize]) -> Option<f64> {
    if rows.is_empty() {
        return None;
    }
    let weights = &rbm.parameters().weights;
    if weights.iter().all(|weight| weight.abs() <= LARGEST_WEIGHT) {
        let grown: Vec<f64> = weights.iter().map(|&weight| libm::exp(f64::from(weight))).collect();
        let shrunk: Vec<f64> = grown.iter().map(|&factor| 1.0 / factor).collect();
        mean_over_rows(rows, |row| by_products(rbm, (&grown, &shrunk), windows, row))
    } else {
        mean_over_rows(rows, |row| by_free_energies(rbm, windows, row))
    }
}

/// Computes one row's value by products of the hidden units' factors. `grown` holds e^w and `shrunk` e^−w (visible ×
/// hidden).
fn by_products(rbm: &Rbm, (grown, shrunk): (&[f64], &[f64]), windows: &BitMatrix, row: usize) -> f64 {
    let inputs = rbm.hidden_inputs(windows, row);
    let on: Vec<f64> = inputs.iter().map(|&input| sigmoid_f64(input)).collect();
    let off: Vec<f64> = inputs.iter().map(|&input| sigmoid_f64(-input)).collect();
    let hidden = rbm.hidden();
    let mut total = 0.0;
    for (unit, &bias) in rbm.parameters().visible_bias.iter().enumerate() {
        let is_on = windows.get(row, unit);
        let factors = if is_on { shrunk } else { grown };
        let hidden_part = log_of_product(&on, &off, &factors[unit * hidden..][..hidden]);
        let bias = f64::from(bias);
        let flipped_minus_own = if is_on { bias } else { -bias } - hidden_part;
        total += log_sigmoid(flipped_minus_own);
    }
    total
}

/// Returns ln Π_j (off_j + on_j · factor_j), with exponents kept apart from the mantissas so that nothing overflows.
fn log_of_product(on: &[f64], off: &[f64], factors: &[f64]) -> f64 {
    let mut mantissas = [1.0f64; LANES];
    let mut exponent = 0i64;
    let group = LANES * LANES;
    for start in (0..factors.len()).step_by(group) {
        let range = start..factors.len().min(start + group);
        let chunks = on[range.clone()].chunks(LANES).zip(off[range.clone()].chunks(LANES));
        for ((on, off), factors) in chunks.zip(factors[range].chunks(LANES)) {
            for lane in 0..factors.len() {
                mantissas[lane] *= off[lane] + on[lane] * factors[lane];
            }
        }
        for mantissa in &mut mantissas {
            exponent += take_exponent(mantissa);
        }
    }
    let mut product = 1.0;
    for mantissa in mantissas {
        product *= mantissa;
    }
    libm::log(product) + exponent as f64 * std::f64::consts::LN_2
}

/// Divides a positive normal number by the power of two below it, and returns that power's exponent.
pub(super) fn take_exponent(value: &mut f64) -> i64 {
    const FIELD: u64 = 0x7ff;
    let bits = value.to_bits();
    *value = f64::from_bits(bits & !(FIELD << 52) | 1023 << 52);
    (bits >> 52 & FIELD) as i64 - 1023
}

/// Computes one row's value by free energies, for weights so large that the products might overflow.
fn by_free_energies(rbm: &Rbm, windows: &BitMatrix, row: usize) -> f64 {
    let inputs = rbm.hidden_inputs(windows, row);
    let mut total = 0.0;
    for (unit, &bias) in rbm.parameters().visible_bias.iter().enumerate() {
        let sign = if windows.get(row, unit) { -1.0 } else { 1.0 };
        let change: f64 = inputs
            .iter()
            .zip(rbm.parameters().weight_row(unit))
            .map(|(&input, &weight)| softplus(input + sign * f64::from(weight)) - softplus(input))
            .sum();
        total += log_sigmoid(-sign * f64::from(bias) - change);
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{random_bits, random_parameters};

    /// Computes Σ_i ln σ(F(flipped) − F(v)) straight from the definition.
    fn definition(rbm: &Rbm, windows: &BitMatrix, row: usize) -> f64 {
        (0..rbm.visible())
            .map(|unit| {
                let mut flipped = windows.gather(&[row]);
                flipped.set(0, unit, !windows.get(row, unit));
                log_sigmoid(rbm.free_energy(&flipped, 0) - rbm.free_energy(windows, row))
            })
            .sum()
    }

    #[test]
    fn both_ways_agree_with_the_definition() {
        for (hidden, deviation) in [(1, 0.1), (7, 1.0), (8, 3.0), (130, 0.5), (65, 5.0)] {
            let rbm = Rbm::new(random_parameters(5, 33, hidden, deviation));
            let windows = random_bits(6, 5, 33, 0.3);
            let rows: Vec<usize> = (0..5).collect();
            let expected = rows.iter().map(|&row| definition(&rbm, &windows, row)).sum::<f64>() / 5.0;
            let by_products = mean_pseudo_log_likelihood(&rbm, &windows, &rows).unwrap();
            let by_energies = rows.iter().map(|&row| by_free_energies(&rbm, &windows, row)).sum::<f64>() / 5.0;
            assert!((by_products - expected).abs() < 1e-9 * expected.abs(), "{hidden}: {by_products}, {expected}");
            assert!((by_energies - expected).abs() < 1e-9 * expected.abs(), "{hidden}: {by_energies}, {expected}");
        }
    }

    #[test]
    fn weights_beyond_the_products_range_are_handled() {
        let mut parameters = random_parameters(5, 9, 4, 1.0);
        parameters.weights[3] = 500.0;
        parameters.weights[8] = -900.0;
        let rbm = Rbm::new(parameters);
        let windows = random_bits(6, 4, 9, 0.5);
        let mean = mean_pseudo_log_likelihood(&rbm, &windows, &[0, 1, 2, 3]).unwrap();
        let expected = (0..4).map(|row| definition(&rbm, &windows, row)).sum::<f64>() / 4.0;
        assert!((mean - expected).abs() < 1e-9 * expected.abs());
    }

    #[test]
    fn without_weights_it_is_the_bernoulli_log_likelihood() {
        let mut parameters = random_parameters(5, 12, 3, 1.0);
        parameters.weights.fill(0.0);
        let rbm = Rbm::new(parameters.clone());
        let windows = random_bits(6, 1, 12, 0.5);
        let expected: f64 = (0..12)
            .map(|unit| {
                let bias = f64::from(parameters.visible_bias[unit]);
                log_sigmoid(if windows.get(0, unit) { bias } else { -bias })
            })
            .sum();
        assert!((mean_pseudo_log_likelihood(&rbm, &windows, &[0]).unwrap() - expected).abs() < 1e-12);
    }
}
