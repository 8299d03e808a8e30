//! Diversity: the distances between samples, in comparison with those between training windows.

use super::baselines::chosen_windows;
use super::comparison::Baselines;
use super::pieces::pitch_classes;
use crate::engine::BitMatrix;
use crate::music::{Layout, Plane, roll_from_bits};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// The variety within a set of windows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Variety {
    /// The number of windows measured.
    pub windows: usize,
    /// The mean over all pairs of windows of the Jaccard distance between their harmonies, 0 to 1; `None` without a pair.
    pub pairwise_distance: Option<f64>,
    /// The share of the windows that remain if those are dropped that equal another bit for bit, one of each kept.
    pub distinct_windows: f64,
    /// The same share for sequences of chords: the sets of pitch classes that sound, silence and repetitions left out.
    pub distinct_chord_sequences: f64,
}

/// The variety of the samples beside that of the training windows.
///
/// Distances within a set of generated music beside those within the corpus are the intra-set distances of Yang and
/// Lerch, "On the evaluation of generative models in music" (2020).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Diversity {
    /// The samples: the first [`Baselines::ENOUGH_WINDOWS`].
    pub samples: Variety,
    /// Training windows drawn at random. The distance is that of up to [`Baselines::ENOUGH_WINDOWS`]; the two shares,
    /// which depend on the number of windows, are those of as many as there are samples. `None` without training windows.
    pub training: Option<Variety>,
}

impl Diversity {
    /// Compares samples (samples × timesteps · columns) with training windows; `None` without samples.
    pub fn of(samples: &Harmonies, training: &Harmonies, training_distance: Option<f64>) -> Option<Self> {
        let of_samples = samples.variety(samples.len())?;
        let training = training.shares(of_samples.windows).map(|own| own.with_distance(training_distance));
        Some(Self { samples: of_samples, training })
    }

    /// Returns the mean distance between samples over that between training windows: 1 for samples as various as the
    /// corpus, 0 if all have the same harmony. `None` if either has no pair, or if the training windows are all alike.
    pub fn ratio(&self) -> Option<f64> {
        let known = self.training?.pairwise_distance.filter(|&distance| distance > 0.0)?;
        Some(self.samples.pairwise_distance? / known)
    }
}

impl Variety {
    fn with_distance(self, pairwise_distance: Option<f64>) -> Self {
        Self { pairwise_distance, ..self }
    }
}

/// The harmonies of several windows: for each step the set of the pitch classes that sound, bit 0 for C.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Harmonies {
    of_windows: Vec<Vec<u16>>,
    /// The windows bit for bit.
    words: Vec<Vec<u64>>,
}

impl Harmonies {
    /// Reads the first [`Baselines::ENOUGH_WINDOWS`] windows of bits (windows × timesteps · columns of the layout).
    pub fn of_windows(layout: &Layout, timesteps: usize, windows: &BitMatrix) -> Self {
        let plane = if layout.planes.contains(&Plane::Hold) { Plane::Hold } else { Plane::Onset };
        let rows = 0..windows.rows().min(Baselines::ENOUGH_WINDOWS);
        let of_row = |row| {
            let roll = roll_from_bits(layout, timesteps, windows.row(row));
            (0..timesteps).map(|step| pitch_classes(roll.pitches_at(step, plane))).collect()
        };
        Self {
            of_windows: rows.clone().into_par_iter().map(of_row).collect(),
            words: rows.map(|row| windows.row(row).to_vec()).collect(),
        }
    }

    /// Reads a random choice of as many training windows.
    pub fn chosen(layout: &Layout, timesteps: usize, training: &BitMatrix, seed: u64) -> Self {
        let choice = chosen_windows(training.rows(), Baselines::ENOUGH_WINDOWS, seed);
        Self::of_windows(layout, timesteps, &training.gather(&choice))
    }

    /// Returns the number of windows.
    fn len(&self) -> usize {
        self.of_windows.len()
    }

    /// Returns the mean Jaccard distance over all pairs of windows; `None` without a pair.
    pub fn pairwise_distance(&self) -> Option<f64> {
        let count = self.len();
        let with_later = |first: usize| -> f64 {
            let own = &self.of_windows[first];
            self.of_windows[first + 1..].iter().map(|other| jaccard_distance(own, other)).sum()
        };
        // The sums are added in the order of the windows, so that they do not depend on threads.
        let sums: Vec<f64> = (0..count).into_par_iter().map(with_later).collect();
        let pairs = count * count.saturating_sub(1) / 2;
        (pairs > 0).then(|| sums.iter().sum::<f64>() / pairs as f64)
    }

    /// Measures the first `count` windows; `None` if there are none.
    fn variety(&self, count: usize) -> Option<Variety> {
        Some(self.shares(count)?.with_distance(self.pairwise_distance()))
    }

    /// Returns the shares of distinct ones among the first `count` windows; `None` if there are none.
    fn shares(&self, count: usize) -> Option<Variety> {
        let windows = count.min(self.len());
        let share = |distinct: usize| distinct as f64 / windows as f64;
        let whole: HashSet<&Vec<u64>> = self.words[..windows].iter().collect();
        let chords: HashSet<Vec<u16>> = self.of_windows[..windows].iter().map(|own| chord_sequence(own)).collect();
        (windows > 0).then(|| Variety {
            windows,
            pairwise_distance: None,
            distinct_windows: share(whole.len()),
            distinct_chord_sequences: share(chords.len()),
        })
    }
}

/// Returns 1 − |A ∩ B| / |A ∪ B| (Jaccard 1912) of the pairs of step and pitch class that sound in two windows: 0 for the
/// same harmony at every step, 1 for none in common. Two silent windows are the same.
pub(crate) fn jaccard_distance(a: &[u16], b: &[u16]) -> f64 {
    let (mut common, mut either) = (0, 0);
    for (a, b) in a.iter().zip(b) {
        common += (a & b).count_ones();
        either += (a | b).count_ones();
    }
    if either == 0 { 0.0 } else { 1.0 - f64::from(common) / f64::from(either) }
}

/// Returns the sets of pitch classes that sound one after another, without silence and without repetitions.
fn chord_sequence(harmony: &[u16]) -> Vec<u16> {
    let mut chords: Vec<u16> = harmony.iter().copied().filter(|&chord| chord != 0).collect();
    chords.dedup();
    chords
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::music::{Corpus, CorpusOptions, Windows, builtin};

    /// Returns windows of two steps over the pitches 60 to 83, from the pitches that sound at each step.
    fn windows(rows: &[[&[usize]; 2]]) -> Harmonies {
        let layout = Layout { lowest_pitch: 60, highest_pitch: 84, planes: vec![Plane::Hold], units: None };
        let bits = BitMatrix::from_fn(rows.len(), 48, |row, cell| rows[row][cell / 24].contains(&(60 + cell % 24)));
        Harmonies::of_windows(&layout, 2, &bits)
    }

    const C: &[usize] = &[60, 64, 67];
    const HIGH_C: &[usize] = &[72, 76, 79];
    const G: &[usize] = &[67, 71, 74];

    #[test]
    fn distances_and_shares_by_hand() {
        // The octave does not count. C and G share one of five pitch classes.
        let samples = windows(&[[C, C], [HIGH_C, C], [C, G], [&[], C]]);
        let to_first = |other: usize| jaccard_distance(&samples.of_windows[0], &samples.of_windows[other]);
        assert_eq!((to_first(1), to_first(2), to_first(3)), (0.0, 1.0 - 4.0 / 8.0, 0.5));
        let own = samples.variety(4).unwrap();
        // The pairs: 0-1 0, 0-2 and 1-2 1/2, 0-3 and 1-3 1/2, 2-3: one class of eight.
        assert!((own.pairwise_distance.unwrap() - (4.0 * 0.5 + 7.0 / 8.0) / 6.0).abs() < 1e-15);
        assert_eq!((own.windows, own.distinct_windows, own.distinct_chord_sequences), (4, 1.0, 0.5));

        let diversity = Diversity::of(&samples, &windows(&[[C, C], [C, C], [G, G]]), Some(0.25)).unwrap();
        let training = diversity.training.unwrap();
        assert_eq!((training.windows, training.distinct_windows), (3, 2.0 / 3.0));
        assert!((diversity.ratio().unwrap() - own.pairwise_distance.unwrap() / 0.25).abs() < 1e-15);
    }

    #[test]
    fn sets_without_pairs_and_silence_are_defined_as_far_as_they_can_be() {
        let one = windows(&[[C, G]]);
        assert_eq!(Diversity::of(&windows(&[]), &one, None), None);
        let alone = Diversity::of(&one, &windows(&[]), None).unwrap();
        assert_eq!((alone.samples.pairwise_distance, alone.training, alone.ratio()), (None, None, None));
        let silent = windows(&[[&[], &[]], [&[], &[]]]);
        let found = Diversity::of(&silent, &silent, Some(0.0)).unwrap();
        assert_eq!((found.samples.pairwise_distance, found.samples.distinct_windows), (Some(0.0), 0.5));
        assert_eq!(found.ratio(), None, "training windows that are all alike are not a scale");
    }

    /// Samples of which a quarter are the same triad have a music distance as small as others; their diversity tells.
    #[test]
    fn sameness_is_seen_where_the_music_distance_sees_none() {
        let corpus = Corpus::from_midi(&builtin::songs(), &CorpusOptions::default(), &|_, _| {}).unwrap();
        let all = Windows::cut(&corpus.layout, corpus.songs.iter().map(|song| &song.roll), 15);
        let known = Harmonies::chosen(&all.layout, 15, &all.bits, 3);
        let distance = known.pairwise_distance();
        let real = chosen_windows(all.len(), 48, 4);
        // Twelve of 48 are the same window, and then all of them.
        let alike: Vec<usize> = (0..48).map(|own| if own % 4 == 0 { real[0] } else { real[own] }).collect();
        let measured = |rows: &[usize]| {
            let samples = Harmonies::of_windows(&all.layout, 15, &all.bits.gather(rows));
            Diversity::of(&samples, &known, distance).unwrap()
        };
        let (real, alike, same) = (measured(&real), measured(&alike), measured(&[5; 48]));
        assert!((real.ratio().unwrap() - 1.0).abs() < 0.03, "{real:?}");
        assert!(alike.ratio() < real.ratio().map(|ratio| ratio - 0.03), "{alike:?}");
        assert!(alike.samples.distinct_chord_sequences <= 37.0 / 48.0 && alike.samples.distinct_windows <= 37.0 / 48.0);
        assert_eq!((same.ratio(), same.samples.distinct_windows), (Some(0.0), 1.0 / 48.0));
    }
}
