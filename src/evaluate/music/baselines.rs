//! The baselines: windows drawn from the training data, with which samples are compared.

use crate::engine::{BitMatrix, Purpose, RowStreams, permutation, uniform_below};

/// The purpose of a random stream, as a number in its key.
#[derive(Clone, Copy)]
enum Draw {
    Choice = 0,
    Bernoulli = 1,
    Shuffle = 2,
}

fn streams(seed: u64, draw: Draw) -> RowStreams {
    RowStreams::new(seed, Purpose::Baseline, 0, draw as u64, 0)
}

/// Draws the indices of up to `count` different training windows. If there are no more than `count`, all are returned
/// in random order.
pub fn chosen_windows(windows: usize, count: usize, seed: u64) -> Vec<usize> {
    let mut order = permutation(&mut streams(seed, Draw::Choice).generator(0), windows);
    order.truncate(count);
    order
}

/// Draws `count` windows of independent bits, each on with its frequency among the training windows. A model that has
/// learnt only the biases makes such windows. Empty without training windows.
pub fn bernoulli_windows(training: &BitMatrix, count: usize, seed: u64) -> BitMatrix {
    let windows = training.rows() as u64;
    let counts = training.column_counts(0..training.rows());
    let count = if windows == 0 { 0 } else { count };
    let mut drawn = BitMatrix::zeros(count, training.columns());
    for row in 0..count {
        let mut generator = streams(seed, Draw::Bernoulli).generator(row);
        for (column, &ones) in counts.iter().enumerate() {
            // An integer below the number of windows lies below the number of ones with exactly that frequency.
            drawn.set(row, column, uniform_below(&mut generator, windows) < u64::from(ones));
        }
    }
    drawn
}

/// Puts the time steps of each window (windows × timesteps · columns, time outer) in random order, which keeps the
/// chords of the music but not their order.
pub fn shuffled_windows(windows: &BitMatrix, timesteps: usize, seed: u64) -> BitMatrix {
    assert!(
        timesteps > 0 && windows.columns().is_multiple_of(timesteps),
        "windows of {} bits do not divide into {timesteps} steps",
        windows.columns()
    );
    let columns = windows.columns() / timesteps;
    let mut shuffled = BitMatrix::zeros(windows.rows(), windows.columns());
    for row in 0..windows.rows() {
        let moved = permutation(&mut streams(seed, Draw::Shuffle).generator(row), timesteps);
        for bit in windows.ones(row) {
            shuffled.set(row, moved[bit / columns] * columns + bit % columns, true);
        }
    }
    shuffled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_has_no_window_twice_and_follows_from_its_seed() {
        let mut chosen = chosen_windows(50, 20, 1);
        assert_eq!(chosen, chosen_windows(50, 20, 1));
        assert_ne!(chosen, chosen_windows(50, 20, 2));
        chosen.sort_unstable();
        chosen.dedup();
        assert_eq!(chosen.len(), 20);
        let mut all = chosen_windows(5, 20, 1);
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2, 3, 4]);
    }

    /// Seed 3; five standard errors, a false alarm in less than one of a million columns.
    #[test]
    fn bernoulli_bits_have_the_training_frequencies() {
        // Column c is on in c of 10 windows, for c from 0 to 10.
        let training = BitMatrix::from_fn(10, 11, |row, column| row < column);
        let count = 4000;
        let drawn = bernoulli_windows(&training, count, 3);
        assert_eq!((drawn.rows(), drawn.columns()), (count, 11));
        for (column, &ones) in drawn.column_counts(0..count).iter().enumerate() {
            let share = column as f64 / 10.0;
            let error = (share * (1.0 - share) / count as f64).sqrt();
            let found = f64::from(ones) / count as f64;
            assert!((found - share).abs() <= 5.0 * error, "column {column}: {found}");
        }
        assert_eq!(bernoulli_windows(&BitMatrix::zeros(0, 11), count, 3).rows(), 0);
    }

    /// Two columns that are on together in every other training window coincide only by chance. Seed 5.
    #[test]
    fn bernoulli_bits_are_independent() {
        let training = BitMatrix::from_fn(10, 2, |row, _| row % 2 == 0);
        let drawn = bernoulli_windows(&training, 4000, 5);
        let both = (0..4000).filter(|&row| drawn.count_ones_in(row) == 2).count() as f64;
        // Five standard errors of 1000 expected coincidences among 4000: a false alarm once in a million seeds.
        assert!((both - 1000.0).abs() < 5.0 * (4000.0f64 * 0.25 * 0.75).sqrt(), "{both}");
    }

    #[test]
    fn shuffled_windows_keep_their_steps_in_another_order() {
        let (timesteps, columns) = (15, 7);
        let windows = BitMatrix::from_fn(3, timesteps * columns, |row, bit| (bit * bit + row) % 11 < 3);
        let shuffled = shuffled_windows(&windows, timesteps, 9);
        for row in 0..3 {
            let steps = |matrix: &BitMatrix| -> Vec<Vec<bool>> {
                let step = |step| (0..columns).map(|column| matrix.get(row, step * columns + column)).collect();
                (0..timesteps).map(step).collect()
            };
            let (mut before, mut after) = (steps(&windows), steps(&shuffled));
            assert_ne!(before, after);
            before.sort();
            after.sort();
            assert_eq!(before, after);
        }
    }
}
