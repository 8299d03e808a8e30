//! The mean free energy of a set of windows.

use crate::engine::BitMatrix;
use crate::model::energy::Rbm;
use rayon::prelude::*;

/// Returns the mean of F(v) over the given rows, in nats; `None` without rows.
///
/// The free-energy gap, mean F(validation) − mean F(training), in which log Z cancels, grows when a model begins to
/// overfit (Hinton 2010, section 6).
pub fn mean_free_energy(rbm: &Rbm, windows: &BitMatrix, rows: &[usize]) -> Option<f64> {
    mean_over_rows(rows, |row| rbm.free_energy(windows, row))
}

/// Returns the mean of a quantity over rows; `None` without rows. It is computed in parallel and summed in the order of
/// the rows.
pub(super) fn mean_over_rows(rows: &[usize], quantity: impl Fn(usize) -> f64 + Sync) -> Option<f64> {
    let values: Vec<f64> = rows.par_iter().with_min_len(8).map(|&row| quantity(row)).collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}
