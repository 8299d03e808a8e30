//! The comparison of samples with the training data, with baselines as a scale.

use super::baselines::{bernoulli_windows, chosen_windows, shuffled_windows};
use super::coverage::Coverage;
use super::diversity::Diversity;
use super::memorisation::Memorisation;
use super::metrics::MusicMetrics;
use super::nearest::{Nearest, NearestBits, nearest_training_window};
use super::pieces::shuffled_bars;
use crate::engine::BitMatrix;
use crate::music::Layout;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The music metrics of a set of windows, with its distances to the training windows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MusicProfile {
    /// The metrics.
    #[serde(flatten)]
    pub metrics: MusicMetrics,
    /// The distances to the nearest training windows; `None` if there are no windows on either side.
    pub nearest_training_window: Option<NearestBits>,
}

impl MusicProfile {
    /// Measures windows of bits (windows × timesteps · columns of the layout) whose nearest training windows are given.
    pub fn new(layout: &Layout, timesteps: usize, windows: &BitMatrix, nearest: &[Nearest]) -> Self {
        Self {
            metrics: MusicMetrics::of_windows(layout, timesteps, windows),
            nearest_training_window: NearestBits::of(nearest),
        }
    }

    /// Adds the metrics of whole pieces of the same windows, where they are long enough.
    pub fn with_pieces(self, layout: &Layout, timesteps: usize, steps_per_beat: u32, windows: &BitMatrix) -> Self {
        Self { metrics: self.metrics.with_pieces(layout, timesteps, steps_per_beat, windows), ..self }
    }

    /// Measures windows of bits (windows × timesteps · columns of the layout) that are not training windows.
    pub fn of_windows(layout: &Layout, timesteps: usize, windows: &BitMatrix, training: &BitMatrix) -> Self {
        Self::new(layout, timesteps, windows, &nearest_training_window(windows, training, None))
    }
}

/// The profiles of the three baselines, which depend on the training windows and the seed, not on a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Baselines {
    /// The training windows: the metrics of all, and for a random choice of them the distances to the nearest *other*
    /// one.
    pub training: MusicProfile,
    /// Windows of independent bits with the frequencies of the training windows.
    pub bernoulli: MusicProfile,
    /// The same random choice of training windows, with the time steps of each in random order.
    pub shuffled: MusicProfile,
    /// The same choice, with the bars of all in random order; absent for windows shorter than two bars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shuffled_bars: Option<MusicProfile>,
}

impl Baselines {
    /// Returns these baselines without the metrics of whole pieces.
    #[must_use]
    pub fn without_pieces(mut self) -> Self {
        for profile in [&mut self.training, &mut self.bernoulli, &mut self.shuffled] {
            profile.metrics.pieces = None;
        }
        self.shuffled_bars = None;
        self
    }

    /// The number of windows that suffices for a baseline. The standard error of a share of windows is then below 2.5
    /// %, and that of a share of notes or cells far smaller.
    pub const ENOUGH_WINDOWS: usize = 500;

    /// Draws and measures the baselines of training windows (windows × timesteps · columns of the layout), with `count`
    /// windows each. `training` and the shuffled ones have fewer if there are fewer training windows.
    pub fn draw(
        layout: &Layout,
        (timesteps, steps_per_beat): (usize, u32),
        training: &BitMatrix,
        count: usize,
        seed: u64,
    ) -> Self {
        let profile = |windows: &BitMatrix, nearest: &[Nearest]| {
            MusicProfile::new(layout, timesteps, windows, nearest).with_pieces(
                layout,
                timesteps,
                steps_per_beat,
                windows,
            )
        };
        let apart = |windows: &BitMatrix| profile(windows, &nearest_training_window(windows, training, None));
        let choice = chosen_windows(training.rows(), count, seed);
        let chosen = training.gather(&choice);
        let bernoulli = bernoulli_windows(training, count, seed);
        let shuffled = shuffled_windows(&chosen, timesteps, seed);
        let nearest_others = nearest_training_window(&chosen, training, Some(&choice));
        let of_training = profile(training, &nearest_others);
        let bars =
            of_training.metrics.pieces.is_some().then(|| shuffled_bars(&chosen, timesteps, steps_per_beat, seed));
        Self {
            training: of_training,
            bernoulli: apart(&bernoulli),
            shuffled: apart(&shuffled),
            shuffled_bars: bars.as_ref().map(apart),
        }
    }
}

/// The samples beside the three baselines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MusicComparison {
    /// The samples.
    pub samples: MusicProfile,
    /// The baselines.
    #[serde(flatten)]
    pub baselines: Baselines,
    /// The distance of the samples from the training data.
    pub samples_distance: MusicDistance,
    /// The distance of independent bits from the training data.
    pub bernoulli_distance: MusicDistance,
    /// The distance of training windows with shuffled time steps from the training data.
    pub shuffled_distance: MusicDistance,
    /// True if the samples' score is below that of independent bits: the model has learnt more about music than the
    /// frequency of each note. `None` if a score is.
    pub nearer_than_bernoulli: Option<bool>,
    /// The nearness of the samples to the training windows, in comparison with held-out windows.
    #[serde(default)]
    pub memorisation: Option<Memorisation>,
    /// The modes of the corpus that the samples reach; `None` for a corpus without known modes.
    #[serde(default)]
    pub coverage: Option<Coverage>,
    /// The distances between samples beside those between training windows; absent in records of earlier versions. The
    /// digest of a run leaves it out: it follows from files and a corpus that the digest covers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diversity: Option<Diversity>,
}

impl MusicComparison {
    /// Compares samples with baselines. Leaves memorisation, coverage and diversity empty.
    pub fn new(samples: MusicProfile, baselines: Baselines) -> Self {
        let distance = |profile: &MusicProfile| MusicDistance::between(&profile.metrics, &baselines.training.metrics);
        let (of_samples, of_bernoulli) = (distance(&samples), distance(&baselines.bernoulli));
        let of_shuffled = distance(&baselines.shuffled);
        let scores = of_samples.score.zip(of_bernoulli.score);
        Self {
            samples_distance: of_samples,
            bernoulli_distance: of_bernoulli,
            shuffled_distance: of_shuffled,
            nearer_than_bernoulli: scores.map(|(samples, bernoulli)| samples < bernoulli),
            samples,
            baselines,
            memorisation: None,
            coverage: None,
            diversity: None,
        }
    }
}

/// The distance of a set of windows' metrics from those of the training data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MusicDistance {
    /// The differences |metric − training metric|, in the unit of the metric; `None` if either is undefined.
    pub differences: BTreeMap<String, Option<f64>>,
    /// The mean of the differences scaled to 0..=1. It is 0 for the training data itself; smaller is nearer.
    ///
    /// The mean is over eight metrics: polyphony, silent rows, note length, one-step notes, onset without attack,
    /// attack without onset, scale consistency and pitch-class entropy. The densities are left out, since independent
    /// bits have them right by construction. A difference of shares counts unchanged, one of entropies is divided by
    /// log2(12), one of polyphonies or note lengths by the larger of the two values. A metric undefined for the
    /// training data is left out of the mean. One undefined only for the windows counts 1, the maximum, because silence
    /// is not music. `None` if all metrics of the training data are undefined.
    pub score: Option<f64>,
}

/// The divisor that scales a difference of two values of a metric to 0..=1.
#[derive(Clone, Copy)]
enum Scale {
    /// The divisor 1, for shares.
    Share,
    /// The maximum entropy over pitch classes, for entropies.
    Entropy,
    /// The larger of the two values, for positive unbounded ones.
    Larger,
    /// None: the metric is not part of the score.
    Unscored,
}

/// A metric: its name in the JSON of [`MusicMetrics`], its value, its scale in the score.
type Term = (&'static str, fn(&MusicMetrics) -> Option<f64>, Scale);

const TERMS: [Term; 10] = [
    ("hold_density", |metrics| metrics.hold_density, Scale::Unscored),
    ("onset_density", |metrics| metrics.onset_density, Scale::Unscored),
    ("polyphony", |metrics| metrics.polyphony, Scale::Larger),
    ("silent_rows", |metrics| metrics.silent_rows, Scale::Share),
    ("note_length", |metrics| metrics.note_length, Scale::Larger),
    ("one_step_notes", |metrics| metrics.one_step_notes, Scale::Share),
    ("onset_without_attack", |metrics| metrics.onset_without_attack, Scale::Share),
    ("attack_without_onset", |metrics| metrics.attack_without_onset, Scale::Share),
    ("scale_consistency", |metrics| metrics.scale_consistency, Scale::Share),
    ("pitch_class_entropy", |metrics| metrics.pitch_class_entropy, Scale::Entropy),
];

impl MusicDistance {
    /// Returns the distance of `metrics` from those of the training data.
    pub fn between(metrics: &MusicMetrics, training: &MusicMetrics) -> Self {
        let mut differences = BTreeMap::new();
        let mut scaled = Vec::new();
        for (name, value_of, scale) in TERMS {
            let (value, target) = (value_of(metrics), value_of(training));
            let difference = value.zip(target).map(|(value, target)| (value - target).abs());
            differences.insert(name.to_owned(), difference);
            let Some(target) = target else { continue };
            let largest = match scale {
                Scale::Share => 1.0,
                Scale::Entropy => libm::log2(12.0),
                Scale::Larger => value.unwrap_or_default().max(target),
                Scale::Unscored => continue,
            };
            scaled.push(difference.map_or(1.0, |difference| difference / largest));
        }
        let score = (!scaled.is_empty()).then(|| scaled.iter().sum::<f64>() / scaled.len() as f64);
        Self { differences, score }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::music::{Corpus, CorpusOptions, Windows, builtin};

    const TIMESTEPS: usize = 15;
    const SEED: u64 = 11;

    /// Returns the windows of the built-in corpus.
    fn builtin_windows() -> Windows {
        let corpus = Corpus::from_midi(&builtin::songs(), &CorpusOptions::default(), &|_, _| {}).unwrap();
        Windows::cut(&corpus.layout, corpus.songs.iter().map(|song| &song.roll), TIMESTEPS)
    }

    fn baselines(windows: &Windows) -> Baselines {
        Baselines::draw(&windows.layout, (TIMESTEPS, 4), &windows.bits, 200, SEED)
    }

    /// Independent bits have the densities of music and nothing else of it. Seed 11; each margin is many times the
    /// spread between seeds, about 0.01 in shares and 0.02 steps in lengths: less than one false alarm in a million
    /// seeds.
    #[test]
    fn independent_bits_are_far_from_music() {
        let windows = builtin_windows();
        let Baselines { training, bernoulli, shuffled, shuffled_bars } = baselines(&windows);
        assert_eq!(shuffled_bars, None, "a window is less than two bars");
        let (music, noise, shuffled) = (training.metrics, bernoulli.metrics, shuffled.metrics);
        assert!((music.hold_density.unwrap() - noise.hold_density.unwrap()).abs() < 0.003);
        assert!((music.onset_density.unwrap() - noise.onset_density.unwrap()).abs() < 0.0015);

        assert_eq!(music.onset_without_attack, Some(0.0));
        assert!(noise.onset_without_attack > Some(0.7));
        assert_eq!(music.attack_without_onset, Some(0.0));
        assert!(noise.attack_without_onset > Some(0.9));
        assert!(music.note_length > Some(3.0) && noise.note_length < Some(1.3));
        assert!(music.one_step_notes < Some(0.2) && noise.one_step_notes > Some(0.8));
        assert!(music.scale_consistency > Some(0.97) && noise.scale_consistency < Some(0.93));
        assert!(music.pitch_class_entropy < Some(2.3) && noise.pitch_class_entropy > Some(2.9));

        // Shuffled steps keep the attack of every onset and the tones of every chord, but break the notes.
        assert_eq!(shuffled.onset_without_attack, Some(0.0));
        assert!(shuffled.attack_without_onset > Some(0.5));
        assert!(shuffled.note_length < Some(2.0));
    }

    #[test]
    fn the_order_of_the_distances_is_music_shuffled_noise() {
        let windows = builtin_windows();
        let baselines = baselines(&windows);
        // Training windows as samples are the best a model can do.
        let other = chosen_windows(windows.len(), 200, SEED + 1);
        let samples = windows.bits.gather(&other);
        let samples = MusicProfile::of_windows(&windows.layout, TIMESTEPS, &samples, &windows.bits);
        let bits = samples.nearest_training_window.unwrap();
        assert_eq!((bits.smallest, bits.largest), (0, 0));
        let comparison = MusicComparison::new(samples, baselines.clone());
        let scores = [&comparison.samples_distance, &comparison.shuffled_distance, &comparison.bernoulli_distance]
            .map(|distance| distance.score.unwrap());
        assert!(scores[0] < 0.02 && scores.is_sorted() && scores[2] > 0.3, "{scores:?}");
        assert_eq!(comparison.nearer_than_bernoulli, Some(true));
        // A training window is nearer to another one than independent bits are to any.
        let bits = baselines.training.nearest_training_window.unwrap();
        let noise = baselines.bernoulli.nearest_training_window.unwrap();
        assert!(0.0 < bits.mean && bits.mean < noise.mean);

        // Silence has the maximum distance.
        let silence = BitMatrix::zeros(10, windows.bits.columns());
        let silence = MusicProfile::of_windows(&windows.layout, TIMESTEPS, &silence, &windows.bits);
        let comparison = MusicComparison::new(silence, baselines);
        assert_eq!(comparison.samples_distance.score, Some(1.0));
        assert_eq!(comparison.nearer_than_bernoulli, Some(false));
    }

    #[test]
    fn a_comparison_follows_from_its_seed() {
        let windows = builtin_windows();
        let draw = |seed| Baselines::draw(&windows.layout, (TIMESTEPS, 4), &windows.bits, 50, seed);
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    /// Returns metrics with the given values.
    fn metrics(polyphony: Option<f64>, shares: f64, entropy: Option<f64>) -> MusicMetrics {
        MusicMetrics {
            rolls: 1,
            steps: 1,
            notes: 1,
            hold_density: Some(shares),
            onset_density: None,
            polyphony,
            silent_rows: Some(shares),
            note_length: polyphony,
            one_step_notes: Some(shares),
            onset_without_attack: Some(shares),
            attack_without_onset: Some(shares),
            scale_consistency: Some(shares),
            pitch_class_entropy: entropy,
            pieces: None,
        }
    }

    #[test]
    fn distances_by_hand() {
        let training = metrics(Some(4.0), 0.5, Some(libm::log2(12.0)));
        // Twice 1 − 3/4, five times 0.1, half of the maximum entropy: divided by eight.
        let distance = MusicDistance::between(&metrics(Some(3.0), 0.6, Some(libm::log2(12.0) / 2.0)), &training);
        assert!((distance.score.unwrap() - (2.0 * 0.25 + 5.0 * 0.1 + 0.5) / 8.0).abs() < 1e-15);
        assert_eq!(distance.differences["polyphony"], Some(1.0));
        assert!((distance.differences["hold_density"].unwrap() - 0.1).abs() < 1e-15);
        assert_eq!(distance.differences["onset_density"], None);
        assert_eq!(distance.differences.len(), 10);
        // The larger value is the scale, whether it is that of the training data or not.
        let above = MusicDistance::between(&metrics(Some(8.0), 0.5, training.pitch_class_entropy), &training);
        assert_eq!(above.score, Some(2.0 * 0.5 / 8.0));

        let itself = MusicDistance::between(&training, &training);
        assert_eq!(itself.score, Some(0.0));
        // Three metrics undefined on this side alone have the maximum distance. Undefined for the training data, they
        // do not count.
        let undefined = metrics(None, 0.5, None);
        assert_eq!(MusicDistance::between(&undefined, &training).score, Some(3.0 / 8.0));
        assert_eq!(MusicDistance::between(&training, &undefined).score, Some(0.0));
        assert_eq!(MusicDistance::between(&undefined, &training).differences["polyphony"], None);
    }

    #[test]
    fn nothing_to_compare_is_null() {
        let layout = CorpusOptions::default().layout();
        let none = BitMatrix::zeros(0, TIMESTEPS * layout.columns());
        let baselines = Baselines::draw(&layout, (TIMESTEPS, 4), &none, 50, SEED);
        let samples = MusicProfile::of_windows(&layout, TIMESTEPS, &none, &none);
        let json = serde_json::to_value(MusicComparison::new(samples, baselines)).unwrap();
        assert!(json["samples_distance"]["score"].is_null());
        assert!(json["nearer_than_bernoulli"].is_null());
        assert!(json["training"]["polyphony"].is_null());
        assert!(json["bernoulli"]["nearest_training_window"].is_null());
    }

    /// The names in the differences are those of the metrics in JSON.
    #[test]
    fn terms_are_named_as_the_metrics() {
        let mut names: Vec<String> = TERMS.iter().map(|(name, ..)| (*name).into()).collect();
        names.sort_unstable();
        let json = serde_json::to_value(metrics(None, 0.0, None)).unwrap();
        let counts = ["rolls", "steps", "notes"];
        let mut keys: Vec<String> = json.as_object().unwrap().keys().cloned().collect();
        keys.retain(|key| !counts.contains(&key.as_str()));
        keys.sort_unstable();
        assert_eq!(names, keys);
    }
}
