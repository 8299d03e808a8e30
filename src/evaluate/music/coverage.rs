//! Coverage: which of the keys, progressions and textures of a corpus whose truth is known the samples reach.

use super::baselines::{bernoulli_windows, chosen_windows};
use crate::engine::BitMatrix;
use crate::music::builtin::SongTruth;
use crate::music::{Layout, Plane, Windows};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The registers of the built-in corpus: bass, chords, melody; the lowest pitches of the last two.
const REGISTERS: [u8; 2] = [52, 68];

/// Pitch classes, and so cells of a step of harmony.
const PITCH_CLASSES: usize = 12;

/// Counts of a step of texture: the notes that are struck and those that sound, by register.
const COUNTS: usize = 2 * (REGISTERS.len() + 1);

/// Real windows that the detector is tried on, at most: the standard error of an accuracy is then below 2.3 %.
const TRIED: usize = 500;

/// Windows of independent bits that the bounds are drawn against.
const NOISE: usize = 200;

/// The share of real windows nearer, and of windows of independent bits farther, than what the bounds lie halfway between.
const WITHIN: f64 = 0.95;

/// The accuracy that a detector needs for its finds to count: right more often than wrong.
const RELIABLE: f64 = 0.5;

/// What a mode is a mode of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trait {
    Key,
    Progression,
    Texture,
}

/// Finds key, progression and texture of windows by the nearest window of a corpus whose truth is known.
///
/// Nearness is measured in what carries each trait. Key and progression: the pitch classes that sound, step by step,
/// as bits (Hamming distance). Texture: how many notes are struck and how many sound in the registers of bass, chords
/// and melody, step by step (sum of absolute differences).
#[derive(Clone, Debug)]
pub struct ModeDetector {
    layout: Layout,
    timesteps: usize,
    /// Pitch classes by step (windows × 12 · timesteps).
    harmonies: BitMatrix,
    /// Counts by step (windows × 6 · timesteps).
    textures: Vec<Vec<u8>>,
    /// The mode of each window in each trait, as an index into its names.
    modes: [Vec<usize>; 3],
    names: [Vec<String>; 3],
    /// Shares of real windows whose mode is found, with their own songs left out.
    accuracy: [f64; 3],
    /// The largest distances, in harmony and in texture, of a window that is like the corpus.
    bounds: [u32; 2],
}

/// The nearest window of the corpus, in harmony and in texture, and how far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Found {
    window: [usize; 2],
    distance: [u32; 2],
}

impl ModeDetector {
    /// A detector from all windows of songs of which `truths[i]` is true of song i, tried on up to 500 of them, drawn by
    /// `seed`, each without the windows of its own song. `None` if there are no windows of at least two songs.
    pub fn new(windows: &Windows, truths: &[&SongTruth], seed: u64) -> Option<Self> {
        assert_eq!(windows.songs.len(), truths.len(), "songs, and what is true of them");
        if windows.songs.iter().filter(|song| !song.is_empty()).count() < 2 {
            return None;
        }
        let song_of: Vec<usize> =
            windows.songs.iter().enumerate().flat_map(|(song, own)| own.clone().map(move |_| song)).collect();
        let name = |which: Trait, truth: &SongTruth| match which {
            Trait::Key => truth.key.name(),
            Trait::Progression => truth.progression.to_owned(),
            Trait::Texture => truth.texture.name().to_owned(),
        };
        let [(key_names, keys), (progression_names, progressions), (texture_names, textures)] =
            [Trait::Key, Trait::Progression, Trait::Texture].map(|which| {
                let of_song: Vec<String> = truths.iter().map(|truth| name(which, truth)).collect();
                let mut names: Vec<String> = song_of.iter().map(|&song| of_song[song].clone()).collect();
                names.sort_unstable();
                names.dedup();
                let place = |song: &usize| names.partition_point(|name| *name < of_song[*song]);
                let modes: Vec<usize> = song_of.iter().map(place).collect();
                (names, modes)
            });
        let mut detector = Self {
            layout: windows.layout.clone(),
            timesteps: windows.timesteps,
            harmonies: BitMatrix::zeros(windows.len(), PITCH_CLASSES * windows.timesteps),
            textures: Vec::with_capacity(windows.len()),
            modes: [keys, progressions, textures],
            names: [key_names, progression_names, texture_names],
            accuracy: [0.0; 3],
            bounds: [0; 2],
        };
        for window in 0..windows.len() {
            let (harmony, texture) = detector.features(windows.bits.row(window));
            detector.harmonies.row_mut(window).copy_from_slice(harmony.row(0));
            detector.textures.push(texture);
        }
        let noise = bernoulli_windows(&windows.bits, NOISE, seed);
        detector.try_out(&song_of, &noise, seed);
        Some(detector)
    }

    /// Measure accuracy and bounds on real windows, each without its own song, and on windows of noise.
    fn try_out(&mut self, song_of: &[usize], noise: &BitMatrix, seed: u64) {
        let tried = chosen_windows(song_of.len(), TRIED, seed);
        let found: Vec<Found> = tried
            .par_iter()
            .map(|&window| {
                let harmony = self.harmonies.row(window);
                self.nearest(harmony, &self.textures[window], |other| song_of[other] != song_of[window])
            })
            .collect();
        self.accuracy = std::array::from_fn(|which| {
            let hit = |(&window, found): (&usize, &Found)| self.mode(which, *found) == self.modes[which][window];
            tried.iter().zip(&found).filter(|&pair| hit(pair)).count() as f64 / tried.len() as f64
        });
        let noise = self.find_all(noise);
        self.bounds = std::array::from_fn(|space| {
            let quantile = |found: &[Found], share: f64| {
                let mut distances: Vec<u32> = found.iter().map(|found| found.distance[space]).collect();
                distances.sort_unstable();
                distances[((distances.len() - 1) as f64 * share) as usize]
            };
            u32::midpoint(quantile(&found, WITHIN), quantile(&noise, 1.0 - WITHIN))
        });
    }

    /// What each window (windows × timesteps · columns of the layout) is nearest to.
    fn find_all(&self, windows: &BitMatrix) -> Vec<Found> {
        let find = |window: usize| {
            let (harmony, texture) = self.features(windows.row(window));
            self.nearest(harmony.row(0), &texture, |_| true)
        };
        (0..windows.rows()).into_par_iter().map(find).collect()
    }

    /// What the samples (samples × timesteps · columns of the layout) reach; `None` if there are none.
    pub fn coverage(&self, samples: &BitMatrix) -> Option<Coverage> {
        assert_eq!(samples.columns(), self.timesteps * self.layout.columns(), "bits of a sample, and of a window");
        let sounds = |sample: usize| samples.row(sample).iter().any(|&word| word != 0);
        let known: Vec<Found> = self
            .find_all(samples)
            .into_iter()
            .enumerate()
            .filter(|(sample, found)| {
                sounds(*sample) && (0..2).all(|space| found.distance[space] <= self.bounds[space])
            })
            .map(|(_, found)| found)
            .collect();
        let [key, progression, texture] = std::array::from_fn(|which| self.of_trait(which, &known));
        let recognised = known.len() as f64 / samples.rows() as f64;
        (samples.rows() > 0).then_some(Coverage { recognised, key, progression, texture })
    }

    fn of_trait(&self, which: usize, known: &[Found]) -> ModeCoverage {
        let names = &self.names[which];
        let mut counts = vec![0u64; names.len()];
        for &found in known {
            counts[self.mode(which, found)] += 1;
        }
        let mut real = vec![0u64; names.len()];
        for &mode in &self.modes[which] {
            real[mode] += 1;
        }
        let windows = self.modes[which].len() as f64;
        // A mode of share p is missed by all of n windows with probability (1 − p)^n.
        let missed: f64 = real.iter().map(|&count| libm::pow(1.0 - count as f64 / windows, known.len() as f64)).sum();
        let accuracy = self.accuracy[which];
        let reached = counts.iter().filter(|&&count| count > 0).count();
        ModeCoverage {
            modes: names.len(),
            accuracy,
            chance: real.iter().max().map_or(0.0, |&most| most as f64 / windows),
            reached: (accuracy >= RELIABLE).then_some(reached as f64 / names.len() as f64),
            expected: 1.0 - missed / names.len() as f64,
            found: names.iter().cloned().zip(counts).collect(),
        }
    }

    /// The mode of what was found, in a trait; key and progression go by harmony.
    fn mode(&self, which: usize, found: Found) -> usize {
        let space = usize::from(which == Trait::Texture as usize);
        self.modes[which][found.window[space]]
    }

    /// The nearest windows among those allowed; of equals the first.
    fn nearest(&self, harmony: &[u64], texture: &[u8], allowed: impl Fn(usize) -> bool) -> Found {
        let mut found = Found { window: [0; 2], distance: [u32::MAX; 2] };
        for window in (0..self.textures.len()).filter(|&window| allowed(window)) {
            let difference = |(a, b): (&u8, &u8)| u32::from(a.abs_diff(*b));
            let apart = [
                BitMatrix::distance(harmony, self.harmonies.row(window)),
                texture.iter().zip(&self.textures[window]).map(difference).sum(),
            ];
            for (space, distance) in apart.into_iter().enumerate() {
                if distance < found.distance[space] {
                    (found.window[space], found.distance[space]) = (window, distance);
                }
            }
        }
        found
    }

    /// The harmony (1 × 12 · timesteps) and the texture (6 · timesteps) of a window.
    fn features(&self, window: &[u64]) -> (BitMatrix, Vec<u8>) {
        let roll = crate::music::roll_from_bits(&self.layout, self.timesteps, window);
        let sounds = if self.layout.planes.contains(&Plane::Hold) { Plane::Hold } else { Plane::Onset };
        let mut harmony = BitMatrix::zeros(1, PITCH_CLASSES * self.timesteps);
        let mut texture = Vec::with_capacity(COUNTS * self.timesteps);
        let below = |pitch: u8| (1u128 << pitch) - 1;
        for step in 0..self.timesteps {
            let mut sounding = roll.pitches_at(step, sounds);
            for pitches in [sounding, roll.pitches_at(step, Plane::Onset)] {
                let [chords, melody] = REGISTERS.map(|lowest| pitches & !below(lowest));
                let parts = [pitches & !chords, chords & !melody, melody];
                texture.extend(parts.map(|part| part.count_ones() as u8));
            }
            while sounding != 0 {
                harmony.set(0, step * PITCH_CLASSES + sounding.trailing_zeros() as usize % PITCH_CLASSES, true);
                sounding &= sounding - 1;
            }
        }
        (harmony, texture)
    }
}

/// Which modes of a corpus the samples reach.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// Share of the samples that sound and are like the corpus: in harmony and in texture no farther from its nearest windows than
    /// halfway from where 19 of 20 real windows lie, with their own songs left out, to where 19 of 20 windows of
    /// independent bits begin. Only these count below.
    pub recognised: f64,
    /// The keys.
    pub key: ModeCoverage,
    /// The progressions; a window of a bar or two cannot tell them.
    pub progression: ModeCoverage,
    /// The textures.
    pub texture: ModeCoverage,
}

/// Which modes of one trait the samples reach.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModeCoverage {
    /// Modes in the corpus.
    pub modes: usize,
    /// Share of real windows whose mode the detector finds when their own song is left out.
    pub accuracy: f64,
    /// That share for a detector that always names the commonest mode.
    pub chance: f64,
    /// Share of the modes that some recognised sample has; `None` where the detector is wrong more often than right.
    pub reached: Option<f64>,
    /// The share that as many windows of the corpus, drawn at random, would reach on average.
    pub expected: f64,
    /// Recognised samples by mode.
    pub found: BTreeMap<String, u64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::music::bernoulli_windows;
    use crate::music::{Corpus, CorpusOptions, builtin};

    fn builtin_windows(timesteps: usize) -> (Windows, Vec<SongTruth>) {
        let corpus = Corpus::from_midi(&builtin::songs(), &CorpusOptions::default(), &|_, _| {}).unwrap();
        let windows = Windows::cut(&corpus.layout, corpus.songs.iter().map(|song| &song.roll), timesteps);
        (windows, builtin::manifest())
    }

    fn detector(windows: &Windows, truths: &[SongTruth]) -> ModeDetector {
        ModeDetector::new(windows, &truths.iter().collect::<Vec<_>>(), 1).unwrap()
    }

    /// Leaving out the song of each window: a bar tells the texture, mostly the key, hardly the progression; four bars
    /// tell all. The windows tried are a fixed choice (seed 1).
    #[test]
    fn the_detector_knows_real_windows_of_songs_it_has_not_seen() {
        let (windows, truths) = builtin_windows(15);
        let bar = detector(&windows, &truths);
        let [key, progression, texture] = bar.accuracy;
        assert!(texture > 0.95 && key > 0.5, "texture {texture}, key {key}");
        assert!(progression < 0.3, "progression {progression}");
        let (windows, truths) = builtin_windows(64);
        let [key, progression, texture] = detector(&windows, &truths).accuracy;
        assert!(texture > 0.95 && key > 0.75 && progression > 0.65, "{texture} {key} {progression}");
    }

    #[test]
    fn real_windows_cover_everything_and_noise_nothing() {
        let (windows, truths) = builtin_windows(15);
        let detector = detector(&windows, &truths);
        let all = detector.coverage(&windows.bits).unwrap();
        assert_eq!(all.recognised, 1.0);
        assert_eq!((all.key.reached, all.texture.reached), (Some(1.0), Some(1.0)));
        assert_eq!(all.progression.reached, None);
        assert_eq!((all.key.modes, all.progression.modes, all.texture.modes), (6, 12, 6));
        assert!(all.key.expected > 0.999_999);

        let noise = bernoulli_windows(&windows.bits, 50, 2);
        let noise = detector.coverage(&noise).unwrap();
        assert!(noise.recognised < 0.05, "{}", noise.recognised);
        assert_eq!(detector.coverage(&BitMatrix::zeros(0, windows.bits.columns())), None);
    }

    /// The samples of a model that has learnt one song reach one texture.
    #[test]
    fn the_windows_of_one_song_reach_its_modes_alone() {
        let (windows, truths) = builtin_windows(15);
        let detector = detector(&windows, &truths);
        let song: Vec<usize> = windows.songs[40].clone().collect();
        let coverage = detector.coverage(&windows.bits.gather(&song)).unwrap();
        assert_eq!(coverage.recognised, 1.0);
        assert_eq!(coverage.texture.reached, Some(1.0 / 6.0));
        assert_eq!(coverage.texture.found[truths[40].texture.name()], song.len() as u64);
        assert_eq!(coverage.key.found[&truths[40].key.name()], song.len() as u64);
        // So few windows are not expected to reach all, but more than one.
        assert!((0.5..1.0).contains(&coverage.texture.expected), "{}", coverage.texture.expected);
    }

    /// Short windows of the corpus are silent here and there, and no bound is beyond them: silence is no music all the same.
    #[test]
    fn silence_reaches_no_mode() {
        let (windows, truths) = builtin_windows(1);
        let mut detector = detector(&windows, &truths);
        detector.bounds = [u32::MAX; 2];
        let sounding = (0..windows.len()).find(|&window| windows.bits.ones(window).next().is_some()).unwrap();
        let mut samples = BitMatrix::zeros(4, windows.bits.columns());
        samples.row_mut(2).copy_from_slice(windows.bits.row(sounding));
        let coverage = detector.coverage(&samples).unwrap();
        assert_eq!(coverage.recognised, 0.25);
        assert_eq!(coverage.texture.found.values().sum::<u64>(), 1);
    }

    #[test]
    fn expectations_by_hand() {
        let (windows, truths) = builtin_windows(15);
        let detector = detector(&windows, &truths);
        let one = detector.coverage(&windows.bits.gather(&[700])).unwrap();
        // A single window reaches one mode of six.
        assert!((one.texture.expected - 1.0 / 6.0).abs() < 1e-12);
        assert_eq!(one.texture.reached, Some(1.0 / 6.0));
        assert!((0.1..0.3).contains(&one.texture.chance));
    }

    #[test]
    fn one_song_has_no_other_to_be_known_by() {
        let (windows, truths) = builtin_windows(15);
        // A song shorter than a window is no other song.
        let alone = Windows { songs: vec![0..2, 2..2], bits: windows.bits.gather(&[0, 1]), ..windows };
        assert!(ModeDetector::new(&alone, &[&truths[0], &truths[1]], 1).is_none());
    }
}
