//! A bound on the partition function that nothing drawn at random goes into.

use crate::engine::BitMatrix;
use crate::rbm::Rbm;
use rayon::prelude::*;
use std::collections::HashSet;

/// ln Σ e^−F(v) over the distinct windows among the given rows, in nats: part of the sum that Z is, so ln Z is at least that.
/// `None` of no rows.
///
/// Annealing that misses modes finds a ln Z that is too small, and cannot tell. Where the modes are those of the data, this
/// can.
pub fn log_partition_floor(rbm: &Rbm, windows: &BitMatrix, rows: &[usize]) -> Option<f64> {
    let mut seen = HashSet::new();
    let distinct: Vec<usize> = rows.iter().copied().filter(|&row| seen.insert(windows.row(row))).collect();
    let logs: Vec<f64> = distinct.par_iter().with_min_len(8).map(|&row| -rbm.free_energy(windows, row)).collect();
    let greatest = logs.iter().copied().reduce(f64::max)?;
    // Summed in the order of the rows, whatever the threads.
    Some(greatest + libm::log(logs.iter().map(|log| libm::exp(log - greatest)).sum()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::exact_log_partition;
    use crate::testing::random_parameters;

    #[test]
    fn all_states_make_the_whole_and_fewer_make_less() {
        let rbm = Rbm::new(random_parameters(5, 6, 9, 1.5));
        let exact = exact_log_partition(&rbm).unwrap();
        // Every state twice, which counts once.
        let states = BitMatrix::from_fn(128, 6, |row, unit| row >> unit & 1 == 1);
        let all: Vec<usize> = (0..128).collect();
        let whole = log_partition_floor(&rbm, &states, &all).unwrap();
        assert!((whole - exact).abs() < 1e-9, "{whole} against {exact}");
        let part = log_partition_floor(&rbm, &states, &all[3..40]).unwrap();
        let share: f64 = (3..40).map(|row| libm::exp(-rbm.free_energy(&states, row) - exact)).sum();
        assert!((part - exact - libm::log(share)).abs() < 1e-9 && part < exact, "{part} against {exact}");
        assert_eq!(log_partition_floor(&rbm, &states, &[]), None);
    }
}
