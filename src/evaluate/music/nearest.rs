//! The training window nearest to a sample, by the number of bits that differ.

use crate::engine::BitMatrix;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// The training window nearest to one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Nearest {
    /// The number of bits in which the two differ (Hamming distance).
    pub bits: u32,
    /// The index of the training window: the first if several are equally near.
    pub window: usize,
}

/// Finds the training window (training windows × bits) nearest to each sample (samples × bits).
///
/// If the samples are themselves training windows, `own` holds the index of each, which is left out: otherwise every
/// distance would be zero. Empty without a training window to compare with.
pub fn nearest_training_window(samples: &BitMatrix, training: &BitMatrix, own: Option<&[usize]>) -> Vec<Nearest> {
    if samples.rows() > 0 && training.rows() > 0 {
        let (bits, known) = (samples.columns(), training.columns());
        assert_eq!(bits, known, "samples of {bits} bits beside training windows of {known}");
    }
    if let Some(own) = own {
        assert_eq!(own.len(), samples.rows(), "{} own windows of {} samples", own.len(), samples.rows());
    }
    let nearest = |sample: usize| {
        let distance = |window| BitMatrix::distance(samples.row(sample), training.row(window));
        (0..training.rows())
            .filter(|&window| own.is_none_or(|own| own[sample] != window))
            .map(|window| Nearest { bits: distance(window), window })
            .min()
    };
    let found: Vec<Option<Nearest>> = (0..samples.rows()).into_par_iter().map(nearest).collect();
    found.into_iter().flatten().collect()
}

/// The distances of several windows to their nearest training windows, in bits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NearestBits {
    /// The mean distance.
    pub mean: f64,
    /// The smallest distance; 0 means that a training window was reproduced bit for bit.
    pub smallest: u32,
    /// The largest distance.
    pub largest: u32,
}

impl NearestBits {
    /// Summarises distances; `None` if there are none.
    pub fn of(nearest: &[Nearest]) -> Option<Self> {
        let bits = || nearest.iter().map(|nearest| nearest.bits);
        let sum: u64 = bits().map(u64::from).sum();
        Some(Self { mean: sum as f64 / nearest.len() as f64, smallest: bits().min()?, largest: bits().max()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a matrix of 70 columns, which takes two words a row.
    fn windows(rows: &[&[usize]]) -> BitMatrix {
        BitMatrix::from_fn(rows.len(), 70, |row, column| rows[row].contains(&column))
    }

    #[test]
    fn the_nearest_is_found_and_of_equals_the_first() {
        let training = windows(&[&[0, 1, 69], &[5], &[6]]);
        let samples = windows(&[&[0, 69], &[], &[6]]);
        let expected = [(1, 0), (1, 1), (0, 2)].map(|(bits, window)| Nearest { bits, window });
        let nearest = nearest_training_window(&samples, &training, None);
        assert_eq!(nearest, expected);
        let summary = NearestBits::of(&nearest).unwrap();
        assert_eq!((summary.mean, summary.smallest, summary.largest), (2.0 / 3.0, 0, 1));
    }

    #[test]
    fn a_training_window_is_compared_with_the_others() {
        let training = windows(&[&[0, 1, 69], &[5], &[6]]);
        let chosen = training.gather(&[2, 0]);
        let expected = [(2, 1), (4, 1)].map(|(bits, window)| Nearest { bits, window });
        assert_eq!(nearest_training_window(&chosen, &training, Some(&[2, 0])), expected);
    }

    #[test]
    fn no_training_window_no_distance() {
        let alone = windows(&[&[3]]);
        assert_eq!(nearest_training_window(&alone, &windows(&[]), None), []);
        assert_eq!(nearest_training_window(&alone, &alone, Some(&[0])), []);
        assert_eq!(NearestBits::of(&[]), None);
    }
}
