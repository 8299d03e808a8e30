//! The overview of a corpus: its splits, its duplicates, the score of a model without any structure, its music.

use crate::engine::BitMatrix;
use crate::evaluate::IndependentBernoulli;
use crate::evaluate::music::{MusicMetrics, shuffled_bars};
use crate::music::{Corpus, Duplicates, Passages, SongSplit, SplitWindows, Splits, Windows};
use crate::sweep::RunParameters;
use serde::Serialize;

/// The overview of a corpus, split and cut into windows as for a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CorpusOverview {
    /// BLAKE3 of the songs' cells.
    pub digest: String,
    /// The number of units of a time step.
    pub units: usize,
    /// The number of time steps of a window.
    pub timesteps: usize,
    /// The number of training songs in other keys, whose windows are trained on too.
    pub transposed_songs: usize,
    /// The number of transpositions left out because a note would leave the pitches kept.
    pub transpositions_left_out: usize,
    /// The contents of each split.
    pub splits: Splits<SplitOverview>,
    /// The songs, windows and steps that occur more than once.
    pub duplicates: Duplicates,
    /// The number of tunes: songs that are versions of one another are one.
    pub tunes: usize,
    /// The share of the bars of the validation songs that also stand in training; `None` without any.
    pub validation_bars_in_training: Option<f64>,
    /// The same share of the test songs.
    pub test_bars_in_training: Option<f64>,
    /// The music of all songs; absent if the corpus is not music, or if no song is long enough for a piece of at least
    /// two bars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pieces: Option<PiecesOverview>,
}

/// The music of all songs of a corpus, cut into pieces of one length.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PiecesOverview {
    /// The number of time steps of a piece.
    pub length: usize,
    /// The pieces.
    pub songs: MusicMetrics,
    /// The same pieces, with the bars of all in random order.
    pub shuffled_bars: MusicMetrics,
}

/// The contents of a split.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SplitOverview {
    /// The number of songs.
    pub songs: usize,
    /// The number of time steps of these songs.
    pub steps: usize,
    /// The number of windows.
    pub windows: usize,
    /// The share of the units of these steps that are on; `None` without steps.
    pub density: Option<f64>,
    /// The log-likelihood of independent Bernoulli units with add-one counts of the training steps, in nats per time
    /// step: the mean over all steps of the split.
    pub bernoulli_log_likelihood_per_step: Option<f64>,
    /// The same, but the mean over songs of each song's own mean: short songs count as much as long ones.
    pub bernoulli_log_likelihood_per_step_by_song: Option<f64>,
}

impl CorpusOverview {
    /// Returns the overview of a corpus as a run with these parameters and this seed sees it, its music in pieces of
    /// `length` steps. The baseline counts the training songs without transpositions.
    pub fn of(corpus: &Corpus, parameters: &RunParameters, length: usize, seed: u64) -> Self {
        let split = SongSplit::of(corpus, &parameters.corpus, seed);
        let passages = Passages::of(corpus, parameters.corpus.steps_per_beat);
        let timesteps = parameters.model.timesteps;
        let cut = SplitWindows::cut(corpus, &split, &parameters.corpus, timesteps);
        let cells = |songs: &[usize]| songs.iter().map(|&song| &corpus.songs[song].roll.cells).collect::<Vec<_>>();
        let baseline = IndependentBernoulli::fit(corpus.layout.columns(), cells(&split.training));
        let overview = |songs: &[usize], windows: usize| SplitOverview::of(&cells(songs), windows, &baseline);
        Self {
            digest: corpus.digest.clone(),
            units: corpus.layout.columns(),
            timesteps,
            transposed_songs: cut.transposed_songs,
            transpositions_left_out: cut.transpositions_left_out,
            splits: Splits {
                training: overview(&split.training, cut.windows.training.len()),
                validation: overview(&split.validation, cut.windows.validation.len()),
                test: overview(&split.test, cut.windows.test.len()),
            },
            duplicates: cut.duplicates(corpus, &split),
            tunes: passages.tunes().iter().max().map_or(0, |last| last + 1),
            validation_bars_in_training: passages.in_training(&split.training, &split.validation),
            test_bars_in_training: passages.in_training(&split.training, &split.test),
            pieces: PiecesOverview::of(corpus, parameters.corpus.steps_per_beat, length, seed),
        }
    }
}

impl PiecesOverview {
    /// Cuts all songs into pieces of `length` steps and measures them; `None` without any, or if they are shorter than
    /// two bars. The tail of a song, too short for a piece, is left out.
    pub fn of(corpus: &Corpus, steps_per_beat: u32, length: usize, seed: u64) -> Option<Self> {
        if !corpus.layout.is_music() || corpus.songs.iter().all(|song| song.roll.steps() < length) {
            return None;
        }
        let layout = &corpus.layout;
        let pieces = Windows::cut(layout, corpus.songs.iter().map(|song| &song.roll), length).bits;
        let measured = |bits: &BitMatrix| {
            MusicMetrics::of_windows(layout, length, bits).with_pieces(layout, length, steps_per_beat, bits)
        };
        let songs = measured(&pieces);
        songs.pieces.is_some().then(|| Self {
            length,
            shuffled_bars: measured(&shuffled_bars(&pieces, length, steps_per_beat, seed)),
            songs,
        })
    }
}

impl SplitOverview {
    fn of(songs: &[&BitMatrix], windows: usize, baseline: &IndependentBernoulli) -> Self {
        let steps: usize = songs.iter().map(|cells| cells.rows()).sum();
        let ones: u64 = songs.iter().map(|cells| cells.count_ones()).sum();
        let units = songs.first().map_or(0, |cells| cells.columns());
        let likelihood = |cells: &&BitMatrix| baseline.log_likelihood(cells);
        let with_steps: Vec<&BitMatrix> = songs.iter().copied().filter(|cells| cells.rows() > 0).collect();
        let means: f64 = with_steps.iter().map(|cells| likelihood(cells) / cells.rows() as f64).sum();
        let if_any = |value: f64| (steps > 0).then_some(value);
        Self {
            songs: songs.len(),
            steps,
            windows,
            density: if_any(ones as f64 / (steps * units) as f64),
            bernoulli_log_likelihood_per_step: if_any(songs.iter().map(likelihood).sum::<f64>() / steps as f64),
            bernoulli_log_likelihood_per_step_by_song: if_any(means / with_steps.len() as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::music::PieceMetrics;
    use crate::music::{CorpusOptions, builtin};

    /// Pieces of a corpus have the metrics of its songs cut to that length, whatever the split.
    #[test]
    fn pieces_are_the_songs_cut_to_a_length() {
        let corpus = Corpus::from_midi(&builtin::songs()[..4], &CorpusOptions::default(), &|_, _| {}).unwrap();
        let layout = &corpus.layout;
        let pieces = PiecesOverview::of(&corpus, 4, 96, 7).unwrap();
        let cut = Windows::cut(layout, corpus.songs.iter().map(|song| &song.roll), 96);
        assert_eq!((pieces.length, pieces.songs.rolls, cut.len()), (96, cut.len() as u64, cut.len()));
        assert_eq!(pieces.songs.pieces, PieceMetrics::of_windows(layout, 96, 4, &cut.bits));
        let shuffled = shuffled_bars(&cut.bits, 96, 4, 7);
        assert_eq!(pieces.shuffled_bars.pieces, PieceMetrics::of_windows(layout, 96, 4, &shuffled));
        // Bars in another order have the same cells, and repeat each other less.
        assert_eq!(pieces.songs.hold_density, pieces.shuffled_bars.hold_density);
        let repetition = |metrics: &MusicMetrics| metrics.pieces.as_ref().and_then(|own| own.four_bar_repetition);
        assert!(repetition(&pieces.songs) > repetition(&pieces.shuffled_bars), "{pieces:?}");
        let longest = corpus.songs.iter().map(|song| song.roll.steps()).max().unwrap();
        assert_eq!(PiecesOverview::of(&corpus, 4, longest + 1, 7), None);
        assert_eq!(PiecesOverview::of(&corpus, 4, 31, 7), None);
    }
}
