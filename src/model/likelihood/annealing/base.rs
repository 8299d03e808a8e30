//! The base-rate model of independent units, from which annealing starts.

use crate::engine::BitMatrix;

/// Returns the visible biases of the base-rate model: ln(p / (1 − p)), where p is each unit's share of ones among the
/// rows of `windows`. Half an example of either kind is added, so p is never 0 or 1. Without rows the biases are zero.
///
/// The maximum-likelihood biases of a model without weights are a better start than zero, since they are nearer to the
/// model (Salakhutdinov and Murray 2008, section 4.1).
pub fn base_rate(windows: &BitMatrix, rows: &[usize]) -> Vec<f32> {
    let total = rows.len() as f64;
    let log_odds = |count: u32| libm::log((f64::from(count) + 0.5) / (total - f64::from(count) + 0.5)) as f32;
    windows.column_counts(rows.iter().copied()).into_iter().map(log_odds).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_rates_are_smoothed_log_odds() {
        let windows = BitMatrix::from_fn(5, 3, |row, column| column == 0 || (column == 1 && row == 0));
        let bias = base_rate(&windows, &[0, 1, 2, 3]);
        assert_eq!(bias, [9.0f32.ln(), (1.5f32 / 3.5).ln(), -(9.0f32.ln())]);
        assert_eq!(base_rate(&windows, &[]), [0.0; 3]);
    }
}
