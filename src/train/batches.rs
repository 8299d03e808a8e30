//! The batches of windows that each epoch trains on.

use super::options::{Batches, TrainOptions};
use crate::engine::{BitMatrix, Purpose, RowStreams, permutation};
use std::ops::Range;

/// The windows to train on, with the songs that they come from.
#[derive(Clone, Copy, Debug)]
pub struct TrainingSet<'a> {
    /// The windows (windows × visible).
    pub windows: &'a BitMatrix,
    /// The windows of each song, in order; a song shorter than a window has an empty range. Ranges end at the last window.
    pub songs: &'a [Range<usize>],
}

impl<'a> TrainingSet<'a> {
    /// Returns the set of all rows of a matrix (examples × visible), for data that are not songs: the rows count as one
    /// song.
    pub fn of_rows(rows: &'a BitMatrix) -> Self {
        // It outlives every set; `trained_songs` ends the song at the last row.
        static ALL: Range<usize> = 0..usize::MAX;
        Self { windows: rows, songs: std::slice::from_ref(&ALL) }
    }

    /// Returns the windows that take part in training under `options`, ascending.
    pub fn trained_windows(&self, options: &TrainOptions) -> Vec<usize> {
        self.trained_songs(options).flatten().collect()
    }

    /// Returns the batches of one epoch, in the order of training; none is empty.
    pub fn batches(&self, options: &TrainOptions, seed: u64, epoch: u64) -> Vec<Vec<usize>> {
        match options.batches {
            Batches::PerSong => self
                .trained_songs(options)
                .flat_map(|song| {
                    song.collect::<Vec<_>>().chunks(options.batch_size).map(<[usize]>::to_vec).collect::<Vec<_>>()
                })
                .collect(),
            Batches::Shuffled => {
                let windows = self.trained_windows(options);
                let mut generator = RowStreams::new(seed, Purpose::Shuffle, epoch, 0, 0).generator(0);
                let order = permutation(&mut generator, windows.len());
                let shuffled: Vec<usize> = order.into_iter().map(|index| windows[index]).collect();
                shuffled.chunks(options.batch_size).map(<[usize]>::to_vec).collect()
            }
        }
    }

    fn trained_songs(&self, options: &TrainOptions) -> impl Iterator<Item = Range<usize>> {
        let skipped = usize::from(options.skip_first_window);
        let windows = self.windows.rows();
        self.songs.iter().map(move |song| {
            let end = song.end.min(windows);
            (song.start + skipped).min(end)..end
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set<'a>(windows: &'a BitMatrix, songs: &'a [Range<usize>]) -> TrainingSet<'a> {
        TrainingSet { windows, songs }
    }

    #[test]
    fn batches_per_song_never_cross_songs() {
        let windows = BitMatrix::zeros(12, 3);
        let songs = [0..5, 5..5, 5..6, 6..12];
        let mut options = TrainOptions {
            batches: Batches::PerSong,
            batch_size: 3,
            skip_first_window: true,
            ..TrainOptions::default()
        };
        let batches = set(&windows, &songs).batches(&options, 1, 0);
        assert_eq!(batches, [vec![1, 2, 3], vec![4], vec![7, 8, 9], vec![10, 11]]);
        assert_eq!(set(&windows, &songs).trained_windows(&options), [1, 2, 3, 4, 7, 8, 9, 10, 11]);
        options.skip_first_window = false;
        assert_eq!(set(&windows, &songs).trained_windows(&options).len(), 12);
    }

    #[test]
    fn rows_are_one_song() {
        let rows = BitMatrix::zeros(12, 3);
        for batches in [Batches::PerSong, Batches::Shuffled] {
            let options = TrainOptions { batches, batch_size: 5, ..TrainOptions::default() };
            let song = 0..12;
            let expected = set(&rows, std::slice::from_ref(&song)).batches(&options, 9, 3);
            assert_eq!(TrainingSet::of_rows(&rows).batches(&options, 9, 3), expected);
            assert_eq!(expected.len(), 3);
        }
        assert!(TrainingSet::of_rows(&BitMatrix::zeros(0, 3)).batches(&TrainOptions::default(), 9, 3).is_empty());
    }

    #[test]
    fn shuffled_batches_hold_every_window_once_in_an_order_of_the_epoch() {
        let windows = BitMatrix::zeros(50, 3);
        let songs = [0..20, 20..50];
        let options = TrainOptions { batch_size: 7, ..TrainOptions::default() };
        let epochs = [0, 1].map(|epoch| set(&windows, &songs).batches(&options, 9, epoch));
        assert_ne!(epochs[0], epochs[1]);
        for batches in epochs {
            assert_eq!(batches.len(), 8);
            let mut seen: Vec<usize> = batches.into_iter().flatten().collect();
            seen.sort_unstable();
            assert_eq!(seen, (0..50).collect::<Vec<_>>());
        }
    }
}
