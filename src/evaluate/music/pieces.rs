//! The metrics of whole pieces, which need several bars: how music repeats itself, keeps to its key and its metre.

use crate::engine::{BitMatrix, Purpose, RowStreams, permutation};
use crate::music::builtin::Mode;
use crate::music::{Layout, PianoRoll, Plane, notes, roll_from_bits};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The number of beats in a bar. The metre of a roll is taken to be 4/4 from its first step on.
const BEATS: usize = 4;
/// The number of bars that a piece has at least.
const BARS: usize = 2;
/// The number of adjacent bars whose common scale is sought.
const TOGETHER: usize = 4;

/// The metrics of pieces of at least two bars of four beats.
///
/// A pitch *sounds* as in [`super::MusicMetrics`]. Counts of several pieces are pooled before they are divided; the number of
/// distinct chords is a mean over pieces. The first bar begins at the first step of a piece.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PieceMetrics {
    /// The share of the steps at which the same pitches sound as a bar before, 0 to 1. Steps that are silent both times
    /// do not count; `None` without others.
    pub bar_repetition: Option<f64>,
    /// The same share at a distance of four bars; `None` for shorter pieces too.
    pub four_bar_repetition: Option<f64>,
    /// The share of the notes that begin on a beat, 0 to 1. Notes at the first step of a piece do not count, since a
    /// stretch of a song may begin in the middle of one; `None` without others, or if every step is a beat.
    pub onsets_on_beats: Option<f64>,
    /// The share of the beats at which a note begins, 0 to 1, the first of a piece aside; `None` without others.
    pub struck_beats: Option<f64>,
    /// The share of the sounding cells of four adjacent bars that lie in one major scale, the one with the most of them,
    /// 0 to 1; of all bars in a shorter piece. Natural minor scales have the same pitch classes. The cells of all groups
    /// of bars, which overlap, are pooled; `None` if none sounds.
    pub key_stability: Option<f64>,
    /// The mean number of times in a bar that the pitch classes which sound at a beat are others than at the beat
    /// before. Silent beats are passed over; `None` without two others in a piece.
    pub chord_changes: Option<f64>,
    /// The number of different sets of pitch classes that sound at the beats of a piece, the empty one aside. The mean
    /// over pieces.
    ///
    /// Always a number: its absence tells that a record has no metrics of pieces.
    pub distinct_chords: f64,
}

impl PieceMetrics {
    /// Measures windows of bits (windows × timesteps · columns of the layout, time outer); `None` if they are shorter
    /// than two bars, or if there are none.
    pub fn of_windows(layout: &Layout, timesteps: usize, steps_per_beat: u32, windows: &BitMatrix) -> Option<Self> {
        let beat = steps_per_beat as usize;
        if timesteps < BARS * BEATS * beat || windows.rows() == 0 || beat == 0 {
            return None;
        }
        let tally = |window| Tally::of(&roll_from_bits(layout, timesteps, windows.row(window)), beat);
        let tallies: Vec<Tally> = (0..windows.rows()).into_par_iter().map(tally).collect();
        Some(Self::pool(&tallies))
    }

    fn pool(tallies: &[Tally]) -> Self {
        let share = |count: fn(&Tally) -> Share| {
            let sum = tallies.iter().map(count).fold(Share::default(), |sum, own| Share(sum.0 + own.0, sum.1 + own.1));
            (sum.1 > 0).then(|| sum.0 as f64 / sum.1 as f64)
        };
        let chords: u64 = tallies.iter().map(|tally| tally.chords).sum();
        Self {
            bar_repetition: share(|tally| tally.bar_repetition),
            four_bar_repetition: share(|tally| tally.four_bar_repetition),
            onsets_on_beats: share(|tally| tally.onsets_on_beats),
            struck_beats: share(|tally| tally.struck_beats),
            key_stability: share(|tally| tally.key_stability),
            chord_changes: share(|tally| tally.chord_changes).map(|share| share * BEATS as f64),
            distinct_chords: chords as f64 / tallies.len().max(1) as f64,
        }
    }
}

/// A number of things of a kind, and the number of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Share(u64, u64);

impl Share {
    /// Counts the things for which `of` returns true among those for which it returns a value.
    fn count<T>(things: impl IntoIterator<Item = T>, of: impl Fn(T) -> Option<bool>) -> Self {
        things
            .into_iter()
            .filter_map(of)
            .fold(Self::default(), |Self(part, all), own| Self(part + u64::from(own), all + 1))
    }
}

/// The counts of one piece.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    bar_repetition: Share,
    four_bar_repetition: Share,
    onsets_on_beats: Share,
    struck_beats: Share,
    key_stability: Share,
    /// The changes among the pairs of successive beats that sound.
    chord_changes: Share,
    chords: u64,
}

impl Tally {
    fn of(roll: &PianoRoll, beat: usize) -> Self {
        let plane = if roll.layout.planes.contains(&Plane::Hold) { Plane::Hold } else { Plane::Onset };
        let sounding: Vec<u128> = (0..roll.steps()).map(|step| roll.pitches_at(step, plane)).collect();
        let bar = BEATS * beat;
        let repetition = |lag: usize| {
            Share::count(sounding.iter().zip(sounding.iter().skip(lag)), |(&before, &now)| {
                (before | now != 0).then_some(before == now)
            })
        };
        let starts: Vec<usize> = notes(roll).iter().map(|note| note.start).filter(|&start| start > 0).collect();
        let struck: BTreeSet<usize> = starts.iter().copied().filter(|start| start % beat == 0).collect();
        let beats = sounding.len().div_ceil(beat);
        let bars: Vec<[u64; 12]> = sounding.chunks_exact(bar).map(class_counts).collect();
        let groups = bars
            .windows(TOGETHER.min(bars.len()).max(1))
            .map(|group| within_a_scale(std::array::from_fn(|class| group.iter().map(|counts| counts[class]).sum())));
        let chords: Vec<u16> =
            sounding.iter().step_by(beat).map(|&pitches| pitch_classes(pitches)).filter(|&chord| chord != 0).collect();
        Self {
            bar_repetition: repetition(bar),
            four_bar_repetition: repetition(4 * bar),
            onsets_on_beats: if beat == 1 {
                Share::default()
            } else {
                Share::count(&starts, |start| Some(start % beat == 0))
            },
            struck_beats: Share(struck.len() as u64, beats.saturating_sub(1) as u64),
            key_stability: groups.fold(Share::default(), |sum, own| Share(sum.0 + own.0, sum.1 + own.1)),
            chord_changes: Share::count(chords.windows(2), |pair| Some(pair[0] != pair[1])),
            chords: chords.iter().collect::<BTreeSet<_>>().len() as u64,
        }
    }
}

/// Returns the set of the pitch classes of a set of pitches.
pub(super) fn pitch_classes(pitches: u128) -> u16 {
    (0..128).filter(|pitch| pitches >> pitch & 1 == 1).fold(0, |classes, pitch| classes | 1 << (pitch % 12))
}

/// Returns the number of cells of each pitch class that sound at some steps.
fn class_counts(steps: &[u128]) -> [u64; 12] {
    let mut counts = [0; 12];
    for &pitches in steps {
        (0..128).filter(|pitch| pitches >> pitch & 1 == 1).for_each(|pitch| counts[pitch % 12] += 1);
    }
    counts
}

/// Returns the cells within the major scale that has most of them, of all.
fn within_a_scale(counts: [u64; 12]) -> Share {
    let scale = Mode::Major.intervals();
    let within = |tonic: usize| -> u64 { scale.iter().map(|&own| counts[(tonic + usize::from(own)) % 12]).sum() };
    Share((0..12).map(within).max().unwrap_or(0), counts.iter().sum())
}

/// Puts the bars of all windows (windows × timesteps · columns, time outer) in random order, across windows: music
/// without a memory from bar to bar. Steps after the last whole bar of a window stay.
pub fn shuffled_bars(windows: &BitMatrix, timesteps: usize, steps_per_beat: u32, seed: u64) -> BitMatrix {
    /// Keeps these numbers apart from those of the other baselines.
    const BARS_OF_ALL: u64 = 3;
    let columns = windows.columns() / timesteps.max(1);
    let bar = BEATS * steps_per_beat as usize * columns;
    let bars = windows.columns().checked_div(bar).unwrap_or(0);
    let streams = RowStreams::new(seed, Purpose::Baseline, 0, BARS_OF_ALL, 0);
    let moved = permutation(&mut streams.generator(0), windows.rows() * bars);
    let mut shuffled = BitMatrix::zeros(windows.rows(), windows.columns());
    for row in 0..windows.rows() {
        for bit in windows.ones(row) {
            if bit / bar.max(1) < bars {
                let place = moved[row * bars + bit / bar];
                shuffled.set(place / bars, place % bars * bar + bit % bar, true);
            } else {
                shuffled.set(row, bit, true);
            }
        }
    }
    shuffled
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::music::{Corpus, CorpusOptions, Windows, builtin};

    /// Returns a piece of two steps a beat from chords of pitches, one a step; a chord that is named again is held.
    fn piece(steps: &[&[u8]]) -> (Layout, BitMatrix) {
        let layout = Layout { lowest_pitch: 60, highest_pitch: 84, planes: vec![Plane::Hold], units: None };
        let mut bits = BitMatrix::zeros(1, 24 * steps.len());
        for (step, pitches) in steps.iter().enumerate() {
            pitches.iter().for_each(|&pitch| bits.set(0, 24 * step + usize::from(pitch) - 60, true));
        }
        (layout, bits)
    }

    fn measured(steps: &[&[u8]]) -> Option<PieceMetrics> {
        let (layout, bits) = piece(steps);
        PieceMetrics::of_windows(&layout, steps.len(), 2, &bits)
    }

    const C: &[u8] = &[60, 64, 67];
    const G: &[u8] = &[62, 67, 71];
    const F_SHARP: &[u8] = &[66, 70, 73];

    #[test]
    fn metrics_of_a_piece_by_hand() {
        // Two bars of four beats of two steps: C C G G, then C C G and a beat of silence; the third step of the second bar
        // adds a note off the beat.
        let ninth: &[u8] = &[60, 64, 67, 74];
        let steps = [C, C, C, C, G, G, G, G, C, ninth, C, C, G, G, &[], &[]];
        let metrics = measured(&steps).unwrap();
        // Of 8 steps, 5 are as a bar before; the silent ones follow sound.
        assert_eq!(metrics.bar_repetition, Some(5.0 / 8.0));
        assert_eq!(metrics.four_bar_repetition, None);
        // After the first step: 62 and 71 begin at step 4 (67 is held on), 60 and 64 at 8, 74 at 9, 62 and 71 at 12.
        assert_eq!(metrics.onsets_on_beats, Some(6.0 / 7.0));
        // Beats 2, 4 and 6 of 7 are struck.
        assert_eq!(metrics.struck_beats, Some(3.0 / 7.0));
        // C C G G C C G: three changes in six pairs, 4 · 3 / 6 a bar.
        assert_eq!((metrics.chord_changes, metrics.distinct_chords), (Some(2.0), 2.0));
    }

    #[test]
    fn adjacent_bars_keep_to_a_scale_or_leave_it() {
        let stability = |bars: &[&[u8]]| {
            let steps: Vec<&[u8]> = bars.iter().flat_map(|&chord| vec![chord; 8]).collect();
            measured(&steps).unwrap().key_stability
        };
        assert_eq!(stability(&[C, G, C, C]), Some(1.0));
        // F sharp, B flat and C sharp: no major scale has more than four pitch classes of these and of C, E and G.
        assert_eq!(stability(&[C, C, F_SHARP, F_SHARP]), Some(4.0 / 6.0));
        // Of five bars, the first four hold C and F sharp as three to one, the last four as one to one.
        assert_eq!(stability(&[C, C, C, F_SHARP, F_SHARP]), Some((10.0 + 8.0) / 24.0));
        // In silence nothing leaves a scale, and nothing keeps to one.
        assert_eq!(stability(&[C, &[], F_SHARP]), Some(4.0 / 6.0));
        assert_eq!(stability(&[C, &[], C]), Some(1.0));
        assert_eq!(stability(&[&[], &[]]), None);
        // Every tonic is tried.
        for tonic in 0..12u8 {
            let scale: Vec<u8> = Mode::Major.intervals().iter().map(|own| 60 + (tonic + own) % 12).collect();
            assert_eq!(stability(&[&scale[..4], &scale[3..]]), Some(1.0), "{tonic}");
        }
    }

    #[test]
    fn short_silent_and_missing_pieces_have_no_metrics() {
        assert_eq!(measured(&[C; 15]), None);
        let silent = measured(&[&[][..]; 16]).unwrap();
        let nothing = PieceMetrics { distinct_chords: 0.0, struck_beats: Some(0.0), ..PieceMetrics::default() };
        assert_eq!(silent, nothing);
        let (layout, _) = piece(&[C; 16]);
        assert_eq!(PieceMetrics::of_windows(&layout, 16, 2, &BitMatrix::zeros(0, 24 * 16)), None);
        // A drone repeats itself and changes nothing. Where each step is a beat, none is off it.
        let drone = measured(&[C; 80]).unwrap();
        assert_eq!((drone.bar_repetition, drone.four_bar_repetition), (Some(1.0), Some(1.0)));
        assert_eq!((drone.struck_beats, drone.chord_changes, drone.distinct_chords), (Some(0.0), Some(0.0), 1.0));
        let (layout, bits) = piece(&[C, G, C, G, C, G, C, G]);
        let metrics = PieceMetrics::of_windows(&layout, 8, 1, &bits).unwrap();
        assert_eq!((metrics.onsets_on_beats, metrics.struck_beats), (None, Some(1.0)));
        assert_eq!(metrics.chord_changes, Some(4.0));
    }

    /// Shuffled bars are the same bars in other places: they keep what lies within a bar, and lose repetition and key.
    #[test]
    fn shuffled_bars_lose_the_order_of_bars_alone() {
        let corpus = Corpus::from_midi(&builtin::songs(), &CorpusOptions::default(), &|_, _| {}).unwrap();
        let windows = Windows::cut(&corpus.layout, corpus.songs.iter().map(|song| &song.roll), 70);
        let shuffled = shuffled_bars(&windows.bits, 70, 4, 7);
        let bars = |bits: &BitMatrix| -> Vec<Vec<usize>> {
            let bar = 16 * windows.layout.columns();
            let mut bars: Vec<Vec<usize>> = (0..bits.rows())
                .flat_map(|row| {
                    (0..4).map(move |own| {
                        bits.ones(row).filter(|bit| bit / bar == own).map(|bit| bit % bar).collect::<Vec<_>>()
                    })
                })
                .collect();
            bars.sort();
            bars
        };
        assert_ne!(shuffled, windows.bits);
        assert!(bars(&shuffled) == bars(&windows.bits));
        let rest = |bits: &BitMatrix| {
            (0..bits.rows()).map(|row| bits.ones(row).filter(|bit| *bit >= 64 * 156).count()).sum::<usize>()
        };
        assert_eq!((rest(&shuffled), shuffled.count_ones()), (rest(&windows.bits), windows.bits.count_ones()));
        let of = |bits: &BitMatrix| PieceMetrics::of_windows(&windows.layout, 70, 4, bits).unwrap();
        let (songs, shuffled) = (of(&windows.bits), of(&shuffled));
        assert!(songs.key_stability > shuffled.key_stability.map(|share| share + 0.02), "{songs:?} {shuffled:?}");
        assert!(shuffled.distinct_chords > songs.distinct_chords, "{songs:?} {shuffled:?}");
        assert!(songs.bar_repetition > shuffled.bar_repetition, "{songs:?} {shuffled:?}");
    }
}
