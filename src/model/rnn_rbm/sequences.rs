//! The sequences of frames that each update trains on: songs, or chunks of them.

use crate::engine::{Purpose, RowStreams, permutation};
use crate::train::{Batches, TrainOptions, TrainingSet};
use std::ops::Range;

/// A stretch of a song that an update trains on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sequence {
    /// The frames of the song before it, which set the state that it starts from; none if it starts from u_0.
    pub before: Range<usize>,
    /// The place of its first frame in the song, counted from 1 as papers count frames; a frame that is left out before it
    /// counts as frame 0.
    pub place: usize,
    /// Its own frames.
    pub frames: Range<usize>,
}

/// Returns the batches of one epoch, in the order of training; none is empty.
///
/// Songs are cut into chunks of `train.chunk` frames, or stay whole. All chunks of an epoch come in a new random order,
/// `train.batch_size` of them a batch, or, under `train.batches = "per-song"`, in their own order, one a batch. Under
/// `train.carry_state` a chunk starts from the state that the song's frames before it lead to, otherwise from u_0.
pub(super) fn batches(set: &TrainingSet, options: &TrainOptions, seed: u64, epoch: u64) -> Vec<Vec<Sequence>> {
    let skipped = usize::from(options.skip_first_window);
    let mut all = Vec::new();
    for song in set.songs {
        let song = song.start.min(set.windows.rows())..song.end.min(set.windows.rows());
        let first = (song.start + skipped).min(song.end);
        let size = if options.chunk == 0 { song.len().max(1) } else { options.chunk };
        for start in (first..song.end).step_by(size) {
            let before = if options.carry_state { first..start } else { start..start };
            let place = (start - song.start).max(1);
            all.push(Sequence { before, place, frames: start..(start + size).min(song.end) });
        }
    }
    match options.batches {
        Batches::PerSong => all.into_iter().map(|sequence| vec![sequence]).collect(),
        Batches::Shuffled => {
            let mut generator = RowStreams::new(seed, Purpose::Shuffle, epoch, 0, 0).generator(0);
            let order = permutation(&mut generator, all.len());
            let shuffled: Vec<Sequence> = order.into_iter().map(|index| all[index].clone()).collect();
            shuffled.chunks(options.batch_size).map(<[Sequence]>::to_vec).collect()
        }
    }
}
