//! The baseline of independent Bernoulli units, which knows only the frequency of each unit.

use crate::engine::BitMatrix;

/// A model of independent units, with one probability for each.
#[derive(Clone, Debug, PartialEq)]
pub struct IndependentBernoulli {
    /// The pair ln p and ln (1 − p) of each unit.
    log_probabilities: Vec<(f64, f64)>,
}

impl IndependentBernoulli {
    /// Fits the probabilities to the rows of all matrices (rows × units): p = (n + 1) / (N + 2) for a unit that is on
    /// in n of N rows. The added counts leave no state impossible.
    pub fn fit<'a>(units: usize, matrices: impl IntoIterator<Item = &'a BitMatrix>) -> Self {
        let mut counts = vec![0u64; units];
        let mut rows = 0;
        for matrix in matrices {
            assert_eq!(matrix.columns(), units, "rows of {} units among rows of {units}", matrix.columns());
            let own = matrix.column_counts(0..matrix.rows());
            counts.iter_mut().zip(own).for_each(|(count, more)| *count += u64::from(more));
            rows += matrix.rows();
        }
        let log_probabilities = counts
            .into_iter()
            .map(|count| {
                let on = (count as f64 + 1.0) / (rows as f64 + 2.0);
                (libm::log(on), libm::log1p(-on))
            })
            .collect();
        Self { log_probabilities }
    }

    /// Returns the sum of ln p(row) over the rows of a matrix (rows × units), in nats.
    pub fn log_likelihood(&self, matrix: &BitMatrix) -> f64 {
        let counts = matrix.column_counts(0..matrix.rows());
        assert_eq!(counts.len(), self.log_probabilities.len(), "a row has another number of units");
        let of_unit = |(count, (on, off)): (u32, &(f64, f64))| {
            f64::from(count) * on + (matrix.rows() as f64 - f64::from(count)) * off
        };
        counts.into_iter().zip(&self.log_probabilities).map(of_unit).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::IndependentBernoulli;
    use crate::engine::BitMatrix;
    use crate::testing::random_bits;

    /// Three rows in two matrices, worked out by hand: counts 3, 1, 0 of 3, so p = 4/5, 2/5, 1/5.
    #[test]
    fn counts_are_pooled_and_add_one() {
        let first = BitMatrix::from_fn(2, 3, |row, unit| unit == 0 || (unit == 1 && row == 1));
        let second = BitMatrix::from_fn(1, 3, |_, unit| unit == 0);
        let fitted = IndependentBernoulli::fit(3, [&first, &second]);
        let test = BitMatrix::from_fn(2, 3, |row, unit| row == 0 && unit > 0);
        let expected = (0.2f64 * 0.4 * 0.2).ln() + (0.2f64 * 0.6 * 0.8).ln();
        assert!((fitted.log_likelihood(&test) - expected).abs() < 1e-14);
    }

    /// The probabilities of all states sum to one.
    #[test]
    fn it_is_a_distribution() {
        let fitted = IndependentBernoulli::fit(10, [&random_bits(3, 50, 10, 0.3)]);
        let state = |state: usize| BitMatrix::from_fn(1, 10, |_, unit| state >> unit & 1 == 1);
        let total: f64 = (0..1 << 10).map(|index| fitted.log_likelihood(&state(index)).exp()).sum();
        assert!((total - 1.0).abs() < 1e-12, "{total}");
    }
}
