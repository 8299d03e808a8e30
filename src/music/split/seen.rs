//! Held-out music that a model has seen: bars that also stand in songs trained on.

use super::song_split::SongSplit;
use super::versions::Passages;
use crate::music::corpus::Corpus;
use crate::music::options::{CorpusOptions, SplitBy};

/// The share of what is held out for one purpose that also stands in training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen {
    /// The purpose: `validation` or `test`.
    pub split: &'static str,
    /// The share of its bars, those that begin at each step of its songs, 0 to 1.
    pub share: f64,
    /// `true` if another `corpus.split_by` can lower it.
    avoidable: bool,
    /// `true` if the corpus is rows and not music.
    rows: bool,
}

impl Seen {
    /// The share beyond which a likelihood on what is held out says little about music that is new.
    pub const TOO_MUCH: f64 = 0.25;

    /// Measures each split that holds something out.
    pub fn of(corpus: &Corpus, split: &SongSplit, options: &CorpusOptions) -> Vec<Self> {
        let passages = Passages::of(corpus, options.steps_per_beat);
        let own_splits = corpus.songs.iter().any(|song| song.split.is_some());
        let avoidable = !own_splits && options.split_by != SplitBy::Tune && corpus.layout.is_music();
        let of_split = |(name, songs): (&'static str, &[usize])| {
            let share = passages.in_training(&split.training, songs)?;
            Some(Self { split: name, share, avoidable, rows: !corpus.layout.is_music() })
        };
        [("validation", split.validation.as_slice()), ("test", &split.test)].into_iter().filter_map(of_split).collect()
    }

    /// Returns a warning for each split of which more than [`Self::TOO_MUCH`] stands in training.
    pub fn warnings(corpus: &Corpus, split: &SongSplit, options: &CorpusOptions) -> Vec<String> {
        Self::of(corpus, split, options).into_iter().filter_map(Self::warning).collect()
    }

    fn warning(self) -> Option<String> {
        let Self { split, share, avoidable, rows } = self;
        let things = if rows { "rows" } else { "bars" };
        let remedy = if avoidable { "; corpus.split_by = \"tune\" keeps versions of a song together" } else { "" };
        (share > Self::TOO_MUCH).then(|| {
            format!(
                "{:.0} % of the {things} held out for {split} also stand in training: likelihoods on them say little about \
                 new {}{remedy}",
                100.0 * share,
                if rows { "rows" } else { "music" }
            )
        })
    }
}
