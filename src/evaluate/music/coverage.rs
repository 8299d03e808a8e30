//! Coverage: the share of a corpus's known modes (keys, progressions, textures) that samples reach.

use super::baselines::{bernoulli_windows, chosen_windows};
use crate::engine::BitMatrix;
use crate::music::builtin::SongTruth;
use crate::music::{Layout, Plane, Windows};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The lowest pitches of the chords and of the melody in the built-in corpus, whose registers are bass, chords, melody.
const REGISTERS: [u8; 2] = [52, 68];

/// The number of pitch classes, which is the number of cells in a step of harmony.
const PITCH_CLASSES: usize = 12;

/// The number of counts in a step of texture: the notes that sound and those that are struck, by register.
const COUNTS: usize = 2 * (REGISTERS.len() + 1);

/// The maximum number of real windows on which the detector is tried. The standard error of an accuracy is then below
/// 2.3 %.
const TRIED: usize = 500;

/// The number of windows of independent bits from which the bounds are derived.
const NOISE: usize = 200;

/// The share for the bounds, which lie halfway between two distances: that within which this share of real windows
/// lies, and that beyond which this share of windows of independent bits lies.
const WITHIN: f64 = 0.95;

/// The minimum accuracy of a detector whose results count: right more often than wrong.
const RELIABLE: f64 = 0.5;

/// A trait of a song whose values are the modes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trait {
    Key,
    Progression,
    Texture,
}

/// A detector of the key, progression and texture of a window, by the nearest window of a corpus with known modes.
///
/// Distances are measured in features that carry the trait. For key and progression these are the pitch classes that
/// sound at each step, as bits (Hamming distance). For texture they are the numbers of notes that are struck and that
/// sound at each step in the registers of bass, chords and melody (sum of absolute differences).
#[derive(Clone, Debug)]
pub struct ModeDetector {
    layout: Layout,
    timesteps: usize,
    /// The pitch classes by step (windows × 12 · timesteps).
    harmonies: BitMatrix,
    /// The counts by step (windows × 6 · timesteps).
    textures: Vec<Vec<u8>>,
    /// The mode of each window in each trait, as an index into `names`.
    modes: [Vec<usize>; 3],
    /// The names of the modes of each trait, sorted.
    names: [Vec<String>; 3],
    /// The shares of real windows whose mode is found, with their own songs left out.
    accuracy: [f64; 3],
    /// The maximum distances, in harmony and in texture, of a window that is like the corpus.
    bounds: [u32; 2],
}

/// The nearest windows of the corpus in harmony and in texture, with their distances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Found {
    window: [usize; 2],
    distance: [u32; 2],
}

impl ModeDetector {
    /// Builds a detector from all windows of songs; `truths[i]` holds the facts about song i. It is tried on up to 500
    /// windows, drawn by `seed`, each without the windows of its own song. `None` if fewer than two songs have windows.
    pub fn new(windows: &Windows, truths: &[&SongTruth], seed: u64) -> Option<Self> {
        assert_eq!(windows.songs.len(), truths.len(), "songs and their truths");
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

    /// Measures accuracy and bounds on real windows, each without its own song, and on windows of noise.
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

    /// Finds the nearest windows of the corpus for each window (windows × timesteps · columns of the layout).
    fn find_all(&self, windows: &BitMatrix) -> Vec<Found> {
        let find = |window: usize| {
            let (harmony, texture) = self.features(windows.row(window));
            self.nearest(harmony.row(0), &texture, |_| true)
        };
        (0..windows.rows()).into_par_iter().map(find).collect()
    }

    /// Returns the modes that the samples (samples × timesteps · columns of the layout) reach; `None` without samples.
    pub fn coverage(&self, samples: &BitMatrix) -> Option<Coverage> {
        assert_eq!(samples.columns(), self.timesteps * self.layout.columns(), "bits of a sample and of a window");
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

    /// Returns the mode of the nearest window in a trait: by harmony for key and progression, else by texture.
    fn mode(&self, which: usize, found: Found) -> usize {
        let space = usize::from(which == Trait::Texture as usize);
        self.modes[which][found.window[space]]
    }

    /// Finds the nearest windows among those allowed: the first if several are equally near.
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

    /// Computes the harmony (1 × 12 · timesteps) and the texture (6 · timesteps) of a window.
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

/// The modes of a corpus that samples reach.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// The share of the samples that sound and are like the corpus. In both harmony and texture they lie within a bound
    /// of its nearest windows. The bound is halfway between the distance within which 19 of 20 real windows lie, with
    /// their own songs left out, and the distance beyond which 19 of 20 windows of independent bits lie. Only these
    /// samples count below.
    pub recognised: f64,
    /// The keys.
    pub key: ModeCoverage,
    /// The progressions, which a window of one or two bars does not reveal.
    pub progression: ModeCoverage,
    /// The textures.
    pub texture: ModeCoverage,
}

/// The modes of one trait that samples reach.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModeCoverage {
    /// The number of modes in the corpus.
    pub modes: usize,
    /// The share of real windows whose mode the detector finds when their own song is left out.
    pub accuracy: f64,
    /// The accuracy of a detector that always names the commonest mode.
    pub chance: f64,
    /// The share of the modes that some recognised sample has; `None` if the detector is wrong more often than right.
    pub reached: Option<f64>,
    /// The mean share that the same number of random windows of the corpus would reach.
    pub expected: f64,
    /// The number of recognised samples of each mode.
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

    /// With the song of each window left out, a bar reveals the texture, mostly the key, hardly the progression. Four
    /// bars reveal all. The windows tried are a fixed choice (seed 1).
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
        // As few windows are expected to reach more than one mode, but not all.
        assert!((0.5..1.0).contains(&coverage.texture.expected), "{}", coverage.texture.expected);
    }

    /// Silent samples do not count, even if the corpus has silent windows and no bound excludes them.
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
        // A song shorter than a window does not count as another song.
        let alone = Windows { songs: vec![0..2, 2..2], bits: windows.bits.gather(&[0, 1]), ..windows };
        assert!(ModeDetector::new(&alone, &[&truths[0], &truths[1]], 1).is_none());
    }
}
