//! The split of a corpus into songs trained on or held out, with the windows of each.

use super::duplicates::{Duplicates, Splits};
use super::versions::Passages;
use crate::engine::{Purpose, RowStreams, permutation};
use crate::music::corpus::{Corpus, Split};
use crate::music::options::{CorpusOptions, SplitBy};
use crate::music::piano_roll::{PianoRoll, Windows, transposed};
use std::borrow::Cow;

/// The indices of songs by their use, each list ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SongSplit {
    /// The songs to train on.
    pub training: Vec<usize>,
    /// The songs held out to choose between models by.
    pub validation: Vec<usize>,
    /// The songs that a data set keeps for the final judgement.
    pub test: Vec<usize>,
}

impl SongSplit {
    /// Splits a corpus. A data set with splits of its own keeps them. Otherwise a share of the songs, rounded to
    /// the nearest number but leaving at least one to train on, is drawn by the seed: whole songs, so that windows of
    /// one song never stand on both sides; under `split_by`, whole folders or whole tunes, of which as many are held out
    /// as the same number of songs has room for, and one at least.
    pub fn of(corpus: &Corpus, options: &CorpusOptions, seed: u64) -> Self {
        let songs = corpus.songs.len();
        if corpus.songs.iter().any(|song| song.split.is_some()) {
            let with = |split| (0..songs).filter(|&song| corpus.songs[song].split == Some(split)).collect();
            return Self { training: with(Split::Train), validation: with(Split::Validation), test: with(Split::Test) };
        }
        let held_out = ((options.validation * songs as f64).round() as usize).min(songs.saturating_sub(1));
        let mut generator = RowStreams::new(seed, Purpose::Split, 0, 0, 0).generator(0);
        let groups = match options.split_by {
            SplitBy::Song => None,
            SplitBy::Folder => Some(corpus.folders()),
            SplitBy::Tune => Some(Passages::of(corpus, options.steps_per_beat).tunes().to_vec()),
        };
        if let Some(groups) = groups {
            let count = groups.iter().max().map_or(0, |last| last + 1);
            return Self::of_groups(&groups, held_out, &permutation(&mut generator, count));
        }
        let mut order = permutation(&mut generator, songs);
        let mut training = order.split_off(held_out);
        order.sort_unstable();
        training.sort_unstable();
        Self { training, validation: order, test: Vec::new() }
    }

    /// Holds out whole groups of songs, `groups[song]` being that of a song: in the given order each that still fits into
    /// `room` songs. If none fits, the smallest is held out, and one is always left to train on.
    fn of_groups(groups: &[usize], room: usize, order: &[usize]) -> Self {
        let mut sizes = vec![0; order.len()];
        for &group in groups {
            sizes[group] += 1;
        }
        let mut held_out = vec![false; order.len()];
        let mut left = room;
        for &group in order.iter().take(if room == 0 { 0 } else { order.len() }) {
            if sizes[group] <= left {
                held_out[group] = true;
                left -= sizes[group];
            }
        }
        let smallest = order.iter().min_by_key(|&&group| sizes[group]);
        if let Some(&smallest) = smallest.filter(|_| left == room && room > 0 && order.len() > 1) {
            held_out[smallest] = true;
        }
        let (validation, training) = (0..groups.len()).partition(|&song| held_out[groups[song]]);
        Self { training, validation, test: Vec::new() }
    }
}

/// The windows of a corpus, by their use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitWindows {
    /// The windows of each split. In training, the windows of a song are followed by those of its transpositions.
    pub windows: Splits<Windows>,
    /// The number of training songs added in other keys.
    pub transposed_songs: usize,
    /// The number of transpositions of training songs that do not fit into the pitches of the layout.
    pub transpositions_left_out: usize,
}

impl SplitWindows {
    /// Cuts the songs of each split into windows of `timesteps` steps. Transpositions and overlap are for training
    /// alone: what models are judged on is the same for all of them.
    pub fn cut(corpus: &Corpus, split: &SongSplit, options: &CorpusOptions, timesteps: usize) -> Self {
        let mut training = Vec::new();
        let mut transpositions_left_out = 0;
        for &song in &split.training {
            let roll = &corpus.songs[song].roll;
            training.push(Cow::Borrowed(roll));
            for &semitones in options.transpose.iter().filter(|&&semitones| semitones != 0) {
                match transposed(roll, semitones) {
                    Some(roll) => training.push(Cow::Owned(roll)),
                    None => transpositions_left_out += 1,
                }
            }
        }
        let held_out = |songs: &[usize]| Windows::cut(&corpus.layout, rolls_of(corpus, songs), timesteps);
        let stride = options.stride_of(timesteps);
        let rolls = training.iter().map(Cow::as_ref);
        Self {
            windows: Splits {
                training: Windows::cut_every(&corpus.layout, rolls, timesteps, stride),
                validation: held_out(&split.validation),
                test: held_out(&split.test),
            },
            transposed_songs: training.len() - split.training.len(),
            transpositions_left_out,
        }
    }

    /// Returns the duplicates among these windows and their songs.
    pub fn duplicates(&self, corpus: &Corpus, split: &SongSplit) -> Duplicates {
        let songs = Splits {
            training: rolls_of(corpus, &split.training).collect(),
            validation: rolls_of(corpus, &split.validation).collect(),
            test: rolls_of(corpus, &split.test).collect(),
        };
        Duplicates::of(&songs, &self.windows.map(|windows| windows))
    }
}

fn rolls_of<'a>(corpus: &'a Corpus, songs: &[usize]) -> impl Iterator<Item = &'a PianoRoll> {
    songs.iter().map(|&song| &corpus.songs[song].roll)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::music::{Layout, Plane, Song};

    fn corpus(splits: &[Option<Split>]) -> Corpus {
        let layout = Layout { lowest_pitch: 60, highest_pitch: 62, planes: vec![Plane::Hold], units: None };
        let songs = splits
            .iter()
            .map(|&split| Song { name: String::new(), roll: PianoRoll::silent(layout.clone(), 4), split })
            .collect();
        Corpus { layout, songs, files: Vec::new(), digest: String::new() }
    }

    fn sharing(validation: f64) -> CorpusOptions {
        CorpusOptions { validation, ..CorpusOptions::default() }
    }

    #[test]
    fn whole_groups_are_held_out_as_far_as_there_is_room() {
        let split = |groups: &[usize], room, order: &[usize]| SongSplit::of_groups(groups, room, order).validation;
        // The group of three does not fit beside that of two; the last does.
        assert_eq!(split(&[0, 1, 1, 2, 0, 1], 3, &[0, 1, 2]), [0, 3, 4]);
        assert_eq!(split(&[0, 1, 1, 2, 0, 1], 3, &[1, 0, 2]), [1, 2, 5]);
        assert_eq!(split(&[0, 0, 1, 1, 1], 1, &[1, 0]), [0, 1], "none fits: the smallest");
        assert_eq!(split(&[0, 0, 0], 1, &[0]), Vec::<usize>::new(), "one is left to train on");
        assert_eq!(split(&[0, 1], 0, &[1, 0]), Vec::<usize>::new());
    }

    #[test]
    fn folders_and_tunes_stay_together() {
        let mut corpus = corpus(&[None; 8]);
        let names = ["a/x.mid", "b/x.mid", "a/y.mid", "top.mid", "b/deep/z.mid", "other.mid", "c/1.mid", "c/2.mid"];
        for (song, name) in corpus.songs.iter_mut().zip(names) {
            song.name = name.into();
        }
        assert_eq!(corpus.folders(), [0, 1, 0, 2, 1, 3, 4, 4]);
        let options = CorpusOptions { split_by: SplitBy::Folder, ..sharing(0.3) };
        for seed in 0..20 {
            let split = SongSplit::of(&corpus, &options, seed);
            let folders = |songs: &[usize]| songs.iter().map(|&song| corpus.folders()[song]).collect::<Vec<_>>();
            let held_out = folders(&split.validation);
            assert!(!held_out.is_empty() && split.validation.len() <= 2, "{split:?}");
            assert!(folders(&split.training).iter().all(|folder| !held_out.contains(folder)), "{split:?}");
        }
        // A song that stands in two folders is one tune.
        for (number, song) in corpus.songs.iter_mut().enumerate() {
            (0..4).for_each(|step| song.roll.fill_step(step, 1 << (60 + (number / 2 + step) % 2), 0));
            song.roll.cells.set(number / 4, 0, true);
        }
        let options = CorpusOptions { split_by: SplitBy::Tune, steps_per_beat: 1, ..sharing(0.3) };
        corpus.digest = "the folders of this test".into();
        let tunes = Passages::of(&corpus, 1).tunes().to_vec();
        assert_eq!(tunes, [0, 0, 1, 1, 2, 2, 3, 3]);
        let split = SongSplit::of(&corpus, &options, 3);
        assert_eq!(split.validation.len(), 2);
        assert_eq!(tunes[split.validation[0]], tunes[split.validation[1]]);
    }

    #[test]
    fn a_share_of_the_songs_is_held_out() {
        let corpus = corpus(&[None; 20]);
        let split = SongSplit::of(&corpus, &sharing(0.1), 1);
        assert_eq!((split.training.len(), split.validation.len()), (18, 2));
        let mut all: Vec<usize> = split.training.iter().chain(&split.validation).copied().collect();
        all.sort_unstable();
        assert_eq!(all, (0..20).collect::<Vec<_>>());
        assert_ne!(split, SongSplit::of(&corpus, &sharing(0.1), 2));
        assert_eq!(split, SongSplit::of(&corpus, &sharing(0.1), 1));
        assert_eq!(SongSplit::of(&corpus, &sharing(0.0), 1).validation, Vec::<usize>::new());
    }

    #[test]
    fn one_song_is_always_left_to_train_on() {
        let split = SongSplit::of(&corpus(&[None]), &sharing(0.9), 1);
        assert_eq!((split.training, split.validation), (vec![0], vec![]));
    }

    /// Two keys up and one down, of which one has no room; windows of training overlap, those held out do not.
    #[test]
    fn transpositions_and_overlap_are_for_training_alone() {
        let layout = Layout { lowest_pitch: 60, highest_pitch: 66, planes: vec![Plane::Hold], units: None };
        let mut roll = PianoRoll::silent(layout.clone(), 4);
        (0..4).for_each(|step| roll.fill_step(step, 1 << (60 + step), 0));
        let song = |split| Song { name: String::new(), roll: roll.clone(), split: Some(split) };
        let songs = [Split::Train, Split::Validation, Split::Test].map(song).to_vec();
        let corpus = Corpus { layout, songs, files: Vec::new(), digest: String::new() };
        let split = SongSplit::of(&corpus, &sharing(0.0), 1);
        let options = CorpusOptions { transpose: vec![2, -1, 0, 1], stride: 1, ..CorpusOptions::default() };
        let cut = SplitWindows::cut(&corpus, &split, &options, 2);
        assert_eq!((cut.transposed_songs, cut.transpositions_left_out), (2, 1));
        assert_eq!(cut.windows.training.songs, [0..3, 3..6, 6..9]);
        let ones = |windows: &Windows, window: usize| windows.bits.ones(window).collect::<Vec<_>>();
        for (key, semitones) in [0, 2, 1].into_iter().enumerate() {
            for start in 0..3 {
                let expected = [start + semitones, 6 + start + 1 + semitones];
                assert_eq!(ones(&cut.windows.training, 3 * key + start), expected);
            }
        }
        for held_out in [&cut.windows.validation, &cut.windows.test] {
            assert_eq!((held_out.len(), ones(held_out, 1)), (2, vec![2, 9]));
        }
        // The song as it is stands in all splits; so do both of its windows that do not overlap.
        let duplicates = cut.duplicates(&corpus, &split);
        assert_eq!(duplicates.windows.test.in_training, Some(2));
        assert_eq!(duplicates.songs.validation.in_training, Some(1));
        let plain = SplitWindows::cut(&corpus, &split, &CorpusOptions::default(), 2);
        assert_eq!(plain.windows.training, plain.windows.test);
    }

    #[test]
    fn a_data_set_keeps_its_own_splits() {
        let splits = [Some(Split::Test), Some(Split::Train), Some(Split::Validation), Some(Split::Train)];
        let split = SongSplit::of(&corpus(&splits), &sharing(0.5), 1);
        assert_eq!(split, SongSplit { training: vec![1, 3], validation: vec![2], test: vec![0] });
    }
}
