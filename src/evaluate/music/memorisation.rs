//! Memorisation: the nearness of samples to the training windows, in comparison with held-out music.

use super::nearest::Nearest;
use serde::{Deserialize, Serialize};

/// The spread of a set of distances to the nearest training window, in bits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DistanceSpread {
    /// The number of windows measured.
    pub windows: usize,
    /// The smallest distance.
    pub smallest: f64,
    /// The first quartile: a quarter lies below.
    pub lower_quartile: f64,
    /// The median: half lies below.
    pub median: f64,
    /// The third quartile: a quarter lies above.
    pub upper_quartile: f64,
    /// The largest distance.
    pub largest: f64,
}

impl DistanceSpread {
    /// Returns the spread of distances in ascending order; `None` if there are none. Quantiles between two neighbours
    /// are interpolated, as in R's type 7.
    fn of_sorted(bits: &[u32]) -> Option<Self> {
        let last = bits.len().checked_sub(1)?;
        let quantile = |share: f64| {
            let place = share * last as f64;
            let below = place.floor() as usize;
            let (low, high) = (f64::from(bits[below]), f64::from(bits[(below + 1).min(last)]));
            low + (high - low) * (place - below as f64)
        };
        Some(Self {
            windows: bits.len(),
            smallest: quantile(0.0),
            lower_quartile: quantile(0.25),
            median: quantile(0.5),
            upper_quartile: quantile(0.75),
            largest: quantile(1.0),
        })
    }
}

/// The nearness of samples to the training windows, in comparison with real windows of held-out songs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Memorisation {
    /// The share of the samples that equal a training window bit for bit.
    pub copies: f64,
    /// The share of the held-out windows that equal a training window. Some may, since music repeats itself.
    pub held_out_copies: Option<f64>,
    /// The chance that a sample is nearer to its nearest training window than a held-out window is to its own; equal
    /// distances count half. It is about ½ for samples as new as real music, 1 if all samples are nearer than all of
    /// it.
    pub nearer_than_held_out: Option<f64>,
    /// The distances of the samples.
    pub samples: DistanceSpread,
    /// The distances of the held-out windows.
    pub held_out: Option<DistanceSpread>,
}

impl Memorisation {
    /// Compares the nearest training windows of samples with those of held-out windows. `None` without samples; without
    /// held-out windows, the fields that need them are `None`.
    pub fn of(samples: &[Nearest], held_out: &[Nearest]) -> Option<Self> {
        let sorted = |nearest: &[Nearest]| {
            let mut bits: Vec<u32> = nearest.iter().map(|nearest| nearest.bits).collect();
            bits.sort_unstable();
            bits
        };
        let (samples, held_out) = (sorted(samples), sorted(held_out));
        let copies = |bits: &[u32]| bits.partition_point(|&bits| bits == 0) as f64 / bits.len() as f64;
        // The statistic of Mann and Whitney (1947), from the place of each sample among the held-out windows.
        let farther = |bits: u32| {
            let below = held_out.partition_point(|&other| other < bits);
            let equal = held_out.partition_point(|&other| other <= bits) - below;
            (held_out.len() - below - equal) as f64 + 0.5 * equal as f64
        };
        let pairs = (samples.len() * held_out.len()) as f64;
        let real = !held_out.is_empty();
        Some(Self {
            copies: copies(&samples),
            held_out_copies: real.then(|| copies(&held_out)),
            nearer_than_held_out: real.then(|| samples.iter().map(|&bits| farther(bits)).sum::<f64>() / pairs),
            samples: DistanceSpread::of_sorted(&samples)?,
            held_out: DistanceSpread::of_sorted(&held_out),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nearest(bits: &[u32]) -> Vec<Nearest> {
        bits.iter().map(|&bits| Nearest { bits, window: 0 }).collect()
    }

    #[test]
    fn shares_and_quantiles_by_hand() {
        let found = Memorisation::of(&nearest(&[4, 0, 2, 0, 9]), &nearest(&[0, 4, 6, 8])).unwrap();
        assert_eq!((found.copies, found.held_out_copies), (0.4, Some(0.25)));
        // 0 (twice) is nearer than three and equal to one; 2 nearer than three; 4 nearer than two, equal to one; 9 than
        // none.
        assert_eq!(found.nearer_than_held_out, Some((3.5 + 3.5 + 3.0 + 2.5) / 20.0));
        let spread = found.samples;
        assert_eq!((spread.windows, spread.smallest, spread.largest), (5, 0.0, 9.0));
        assert_eq!((spread.lower_quartile, spread.median, spread.upper_quartile), (0.0, 2.0, 4.0));
        let spread = found.held_out.unwrap();
        assert_eq!((spread.lower_quartile, spread.median, spread.upper_quartile), (3.0, 5.0, 6.5));
    }

    #[test]
    fn equal_distances_are_a_half_and_copies_are_one() {
        let same = nearest(&[3, 5, 7]);
        assert_eq!(Memorisation::of(&same, &same).unwrap().nearer_than_held_out, Some(0.5));
        let copies = Memorisation::of(&nearest(&[0, 0]), &same).unwrap();
        assert_eq!((copies.copies, copies.nearer_than_held_out), (1.0, Some(1.0)));
        let alone = Memorisation::of(&same, &[]).unwrap();
        assert_eq!((alone.nearer_than_held_out, alone.held_out, alone.held_out_copies), (None, None, None));
        assert_eq!(Memorisation::of(&[], &same), None);
    }
}
