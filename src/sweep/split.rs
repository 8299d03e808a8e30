//! Which songs are trained on, and which are held out.

use crate::engine::{Purpose, RowStreams, permutation};
use crate::music::{Corpus, Split};

/// Indices of songs by what they are for, each ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SongSplit {
    /// Songs to train on.
    pub training: Vec<usize>,
    /// Songs held out to choose by.
    pub validation: Vec<usize>,
    /// Songs that a data set keeps for the final judgement.
    pub test: Vec<usize>,
}

impl SongSplit {
    /// The split of a corpus. A data set with splits of its own keeps them. Otherwise a share of the songs, rounded to
    /// the nearest number but leaving at least one to train on, is drawn by the seed: whole songs, so that windows of
    /// one song never stand on both sides.
    pub fn of(corpus: &Corpus, share: f64, seed: u64) -> Self {
        let songs = corpus.songs.len();
        if corpus.songs.iter().any(|song| song.split.is_some()) {
            let with = |split| (0..songs).filter(|&song| corpus.songs[song].split == Some(split)).collect();
            return Self { training: with(Split::Train), validation: with(Split::Validation), test: with(Split::Test) };
        }
        let held_out = ((share * songs as f64).round() as usize).min(songs.saturating_sub(1));
        let mut order = permutation(&mut RowStreams::new(seed, Purpose::Split, 0, 0, 0).generator(0), songs);
        let mut training = order.split_off(held_out);
        order.sort_unstable();
        training.sort_unstable();
        Self { training, validation: order, test: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::music::{Layout, PianoRoll, Plane, Song};

    fn corpus(splits: &[Option<Split>]) -> Corpus {
        let layout = Layout { lowest_pitch: 60, highest_pitch: 62, planes: vec![Plane::Hold] };
        let songs = splits
            .iter()
            .map(|&split| Song { name: String::new(), roll: PianoRoll::silent(layout.clone(), 4), split })
            .collect();
        Corpus { layout, songs, files: Vec::new(), digest: String::new() }
    }

    #[test]
    fn a_share_of_the_songs_is_held_out() {
        let corpus = corpus(&[None; 20]);
        let split = SongSplit::of(&corpus, 0.1, 1);
        assert_eq!((split.training.len(), split.validation.len()), (18, 2));
        let mut all: Vec<usize> = split.training.iter().chain(&split.validation).copied().collect();
        all.sort_unstable();
        assert_eq!(all, (0..20).collect::<Vec<_>>());
        assert_ne!(split, SongSplit::of(&corpus, 0.1, 2));
        assert_eq!(split, SongSplit::of(&corpus, 0.1, 1));
        assert_eq!(SongSplit::of(&corpus, 0.0, 1).validation, Vec::<usize>::new());
    }

    #[test]
    fn one_song_is_always_left_to_train_on() {
        let split = SongSplit::of(&corpus(&[None]), 0.9, 1);
        assert_eq!((split.training, split.validation), (vec![0], vec![]));
    }

    #[test]
    fn a_data_set_keeps_its_own_splits() {
        let splits = [Some(Split::Test), Some(Split::Train), Some(Split::Validation), Some(Split::Train)];
        let split = SongSplit::of(&corpus(&splits), 0.5, 1);
        assert_eq!(split, SongSplit { training: vec![1, 3], validation: vec![2], test: vec![0] });
    }
}
