//! The log-likelihood of a model, bracketed from both sides if it cannot be computed exactly.

use super::annealing::{Annealing, BAND, Estimate, LogWeights, inverse_temperatures};
use super::exact::exact_log_partition;
use super::free_energy::mean_free_energy;
use super::known::{Anchored, KnownStates};
use super::request::{LikelihoodRequest, NamedWindows};
use crate::engine::{BitMatrix, Engine, Parameters, Purpose, RowStreams, permutation, uniform_below};
use crate::model::energy::Rbm;
use serde::Serialize;
use std::collections::BTreeMap;

/// A function that builds an engine with given parameters.
pub type BuildEngine<'a> = dyn Fn(Parameters) -> Box<dyn Engine> + Sync + 'a;

/// The values of ln Z found for a model, with the free energies that turn them into log-likelihoods. In nats.
#[derive(Clone, Debug, PartialEq)]
pub struct Likelihood {
    /// The value by enumeration.
    pub exact: Option<f64>,
    /// The estimate by annealing from the base-rate model. Its expectation is at most ln Z, so log-likelihoods from it
    /// tend to be too high.
    pub ais: Option<Estimate>,
    /// The estimate by annealing back from the ends of long chains of the model. Its expectation is at least ln Z if
    /// those are samples of the model.
    pub reverse_ais: Option<Estimate>,
    /// The logarithm of the part of Z that the training windows contribute: a certain lower bound on ln Z. It is
    /// computed only with annealing.
    pub floor: Option<f64>,
    /// The estimate from that part and its share among the weighted final states of annealing from the base-rate model;
    /// `None` if no final state is a training window.
    pub anchored_ais: Option<Anchored>,
    /// The estimate from that part and its share among the final states of long chains of the model. The chains start
    /// at training windows. If they have not mixed, the share is usually too large and the estimate too small.
    pub anchored_samples: Option<Anchored>,
    /// The splits, in the order given.
    pub splits: Vec<SplitLikelihood>,
}

/// The quantities of one split's windows.
#[derive(Clone, Debug, PartialEq)]
pub struct SplitLikelihood {
    /// The name of the split.
    pub name: &'static str,
    /// The number of windows.
    pub windows: usize,
    /// The mean of F(v), in nats; `None` without windows.
    pub mean_free_energy: Option<f64>,
    /// The estimate of RAISE, by annealing back from windows of the split itself. Its `mean_of_logs` takes the place of
    /// ln Z.
    pub raise: Option<Estimate>,
    /// The mean log-likelihoods themselves, by method, of a model that has a ln Z for every window; `None` where one ln Z
    /// holds for all of them.
    pub means: Option<BTreeMap<&'static str, f64>>,
    /// The cautious log-likelihoods of a deep network's lowest layer, of its two lowest, and so on up to all but the top,
    /// each taken as a model of its own; empty without a ln Z and for other kinds.
    pub of_lower_layers: Vec<f64>,
    /// The findings about single frames; none of a model with one ln Z for all windows.
    pub of_frames: FrameFindings,
}

/// The findings about the frames of a split under a model that has a ln Z for every frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct FrameFindings {
    /// The cautious log-likelihood as the mean over songs of the mean over their frames, in nats per frame; `None` where
    /// not all frames were judged.
    pub by_song: Option<f64>,
    /// The share of the frames whose ln Z annealing finds below the floor, which is certainly wrong.
    pub below_floor: Option<f64>,
    /// The expected share of units that are on in frame and prediction among those on in either, pooled over frames;
    /// predictions are the weighted ends of the annealed chains.
    pub accuracy: Option<f64>,
    /// The same where the frame before is the prediction.
    pub accuracy_of_copy: Option<f64>,
}

/// The methods of computing log-likelihoods, by their names in records.
///
/// `ceiling` uses the floor of ln Z, so it is an upper bound. `cautious` uses the exact ln Z if there is one, otherwise
/// the greatest of the floor and of both directions' estimates.
pub const METHODS: [&str; 10] = [
    "exact",
    "ais",
    "reverse_ais",
    "anchored_ais",
    "anchored_samples",
    "raise",
    "ceiling",
    "bound",
    "estimate",
    "cautious",
];

impl Likelihood {
    /// Returns the likelihood of a model whose ln Z is known exactly.
    pub fn exactly(log_partition: f64, splits: Vec<SplitLikelihood>) -> Self {
        let exact = Some(log_partition);
        let (ais, reverse_ais, floor, anchored_ais, anchored_samples) = (None, None, None, None, None);
        Self { exact, ais, reverse_ais, floor, anchored_ais, anchored_samples, splits }
    }

    /// Returns the likelihood of a model with a ln Z for every window, whose splits bring their means.
    pub fn of_frames(splits: Vec<SplitLikelihood>) -> Self {
        let (exact, floor) = (None, None);
        let (ais, reverse_ais, anchored_ais, anchored_samples) = (None, None, None, None);
        Self { exact, ais, reverse_ais, floor, anchored_ais, anchored_samples, splits }
    }

    /// Computes ln Z by the ways that `request` asks for. The first split must be that of the training windows. The
    /// biases `base` of the base-rate model should be computed from them, and the chains that sample the model start at
    /// them.
    pub fn of(
        parameters: &Parameters,
        base: &[f32],
        splits: &[NamedWindows],
        request: &LikelihoodRequest,
        build: &BuildEngine,
    ) -> Self {
        let rbm = Rbm::new(parameters.clone());
        let mut likelihood = Self {
            exact: request.exact.then(|| exact_log_partition(&rbm)).flatten(),
            ais: None,
            reverse_ais: None,
            floor: None,
            anchored_ais: None,
            anchored_samples: None,
            splits: splits
                .iter()
                .map(|split| SplitLikelihood {
                    name: split.name,
                    windows: split.rows.len(),
                    mean_free_energy: mean_free_energy(&rbm, split.windows, split.rows),
                    raise: None,
                    means: None,
                    of_lower_layers: Vec::new(),
                    of_frames: FrameFindings::default(),
                })
                .collect(),
        };
        let Some(options) = request.annealing else { return likelihood };
        let temperatures = inverse_temperatures(options.temperatures, options.spacing);
        let annealing = Annealing::new(parameters, base, &temperatures, build, request.seed);
        let log_base = annealing.log_base();
        let (ends, weights) = annealing.forward_to(options.chains);
        likelihood.ais = Some(weights.forward(log_base));
        let training = splits.first().filter(|split| !split.rows.is_empty());
        if let Some(training) = training
            && let Some(known) = KnownStates::of(&rbm, training.windows, training.rows)
        {
            let starts = drawn(training, options.chains, request.seed);
            let samples = annealing.mixed(&starts, options.mixing_steps);
            likelihood.reverse_ais = Some(annealing.backward(&samples, 0).backward(log_base));
            likelihood.floor = Some(known.log_partition());
            likelihood.anchored_ais = known.anchored(&ends, &weights);
            likelihood.anchored_samples = known.anchored(&samples, &LogWeights(vec![0.0; samples.rows()]));
        }
        let judged = splits.iter().zip(&mut likelihood.splits).enumerate().filter(|(_, (split, _))| split.judged);
        for (number, (split, own)) in judged {
            let chosen = chosen(split, options.raise_windows, request.seed, number as u64);
            own.raise = (!chosen.is_empty())
                .then(|| annealing.backward(&split.windows.gather(&chosen), 1 + number as u64).backward(log_base));
        }
        likelihood
    }

    /// Returns the mean log-likelihood of a split's windows by one of [`METHODS`], in nats per window: mean(−F(v)) − ln
    /// Z.
    pub fn mean(&self, split: &SplitLikelihood, method: &str) -> Option<f64> {
        if let Some(means) = &split.means {
            return means.get(method).copied();
        }
        let log_partition = match method {
            "exact" => self.exact,
            "ais" => self.ais.map(|estimate| estimate.log_partition),
            "reverse_ais" => self.reverse_ais.map(|estimate| estimate.log_partition),
            "anchored_ais" => self.anchored_ais.map(|anchored| anchored.log_partition),
            "anchored_samples" => self.anchored_samples.map(|anchored| anchored.log_partition),
            "ceiling" => self.floor,
            "cautious" => self.greatest_log_partition(),
            _ => split.raise.map(|estimate| estimate.mean_of_logs),
        };
        split.mean_free_energy.zip(log_partition).map(|(free_energy, log_partition)| -free_energy - log_partition)
    }

    /// Returns the exact ln Z, or else the greatest of the floor and of both directions' estimates. If the bands of a
    /// direction's two estimates overlap, the one with the narrower band counts, otherwise the greater one. `None`
    /// without annealing, or if reverse AIS is missing: AIS alone may well be too small.
    pub(in crate::model) fn greatest_log_partition(&self) -> Option<f64> {
        if self.exact.is_some() {
            return self.exact;
        }
        self.reverse_ais?;
        let directions = [(self.ais, self.anchored_ais), (self.reverse_ais, self.anchored_samples)];
        let found = directions.map(|(estimate, anchored)| {
            let Some((plain, own)) = estimate.zip(anchored) else { return estimate.map(|plain| plain.log_partition) };
            let (low, high) = band(&plain);
            let narrower = if own.high - own.low < high - low { own.log_partition } else { plain.log_partition };
            Some(if overlap(&plain, &own) { narrower } else { own.log_partition.max(plain.log_partition) })
        });
        found.into_iter().chain([self.floor]).flatten().reduce(f64::max)
    }

    /// Returns the reasons to doubt the numbers, one sentence each.
    pub fn doubts(&self) -> Vec<String> {
        /// The share of effective samples among the chains below which a few chains decide.
        const LEAST_EFFECTIVE: f64 = 0.05;
        /// The number of effective samples below which one chain decides, whatever the number of chains. It is never
        /// below 1.
        const FEWEST_EFFECTIVE: f64 = 1.5;
        let mut doubts = Vec::new();
        let remedy = "more inverse temperatures may help (evaluate.ais_temperatures)";
        if let Some((forward, backward)) = self.ais.zip(self.reverse_ais) {
            let (forward_z, backward_z) = (forward.log_partition, backward.log_partition);
            let above = |high: Option<f64>, low: Option<f64>| high.zip(low).is_some_and(|(high, low)| high < low);
            if above(forward.high, backward.low) {
                doubts.push(format!(
                    "AIS and reverse AIS disagree on log Z by {:.2} nats, beyond their 3-sigma bands ({forward_z:.2} \
                     and {backward_z:.2}): the log-likelihood lies between them if the chains of reverse AIS have \
                     mixed; {remedy}",
                    backward_z - forward_z
                ));
            }
            if above(backward.high, forward.low) {
                doubts.push(format!(
                    "reverse AIS finds a smaller log Z than AIS ({backward_z:.2} below {forward_z:.2}), beyond their \
                     3-sigma bands: its chains have not reached the model's distribution, so it is not a bound; more \
                     steps may help (evaluate.ais_mixing_steps)"
                ));
            }
        }
        if self.ais.is_some() && self.reverse_ais.is_none() {
            doubts.push(
                "there are no training windows at which the chains of reverse AIS could start: log Z is estimated from \
                 one side alone and is more often too small than not, so log-likelihoods are more often too high"
                    .into(),
            );
        }
        if let Some((mixed, ais)) = self.anchored_samples.zip(self.ais) {
            // If no annealed chain ends at a training window, the share of these is at most Wilson's upper end.
            let most = BAND * BAND / (ais.effective_sample_size + BAND * BAND);
            let at_least = mixed.share * libm::exp(mixed.log_partition - mixed.high);
            let apart = match self.anchored_ais {
                Some(annealed) => annealed.high < mixed.low || mixed.high < annealed.low,
                None => at_least > most,
            };
            if apart {
                doubts.push(format!(
                    "the training windows have {:.1} % of the model's probability by annealed chains and {:.1} % by \
                     chains that start at them, which differ beyond the 3-sigma bands: the latter have not mixed \
                     (evaluate.ais_mixing_steps), or the former miss modes ({remedy})",
                    100.0 * self.anchored_ais.map_or(0.0, |annealed| annealed.share),
                    100.0 * mixed.share
                ));
            }
        }
        for (name, estimate) in [("AIS", self.ais), ("reverse AIS", self.reverse_ais)] {
            let Some(estimate) = estimate else { continue };
            if let Some(floor) = self.floor.filter(|&floor| estimate.high.is_some_and(|high| high < floor)) {
                doubts.push(format!(
                    "{name} finds a log Z of {:.2}, but the training windows alone contribute {floor:.2}: its chains \
                     miss modes, and its log-likelihoods are certainly too high; the ceiling is an upper bound; {remedy}",
                    estimate.log_partition
                ));
            }
            let (low, high) = band(&estimate);
            if let Some(exact) = self.exact.filter(|&exact| exact < low || high < exact) {
                doubts.push(format!(
                    "{name} finds a log Z of {:.2}, whose 3-sigma band misses the exact {exact:.2}; {remedy}",
                    estimate.log_partition
                ));
            }
            let least = (LEAST_EFFECTIVE * estimate.chains as f64).max(FEWEST_EFFECTIVE);
            if estimate.effective_sample_size < least {
                let few = format!(
                    "{name}: the effective sample size is {:.1} of {} chains, so its band is too narrow",
                    estimate.effective_sample_size, estimate.chains
                );
                let more = if estimate.chains < 100 { "more chains (evaluate.ais_chains) and " } else { "" };
                doubts.push(format!("{few}; {more}{remedy}"));
            }
        }
        doubts
    }
}

/// Returns both ends of a band, ±∞ for a missing one.
fn band(estimate: &Estimate) -> (f64, f64) {
    (estimate.low.unwrap_or(f64::NEG_INFINITY), estimate.high.unwrap_or(f64::INFINITY))
}

/// Returns true if the bands of both estimates of one direction have a value in common.
fn overlap(plain: &Estimate, anchored: &Anchored) -> bool {
    let (low, high) = band(plain);
    low <= anchored.high && anchored.low <= high
}

/// Draws `count` windows of a split with replacement.
fn drawn(split: &NamedWindows, count: usize, seed: u64) -> BitMatrix {
    let streams = RowStreams::new(seed, Purpose::AnnealingStart, 1, 0, 0);
    let draw = |chain| split.rows[uniform_below(&mut streams.generator(chain), split.rows.len() as u64) as usize];
    split.windows.gather(&(0..count).map(draw).collect::<Vec<usize>>())
}

/// Draws at most `count` rows of a split without replacement, in ascending order.
fn chosen(split: &NamedWindows, count: usize, seed: u64, number: u64) -> Vec<usize> {
    let streams = RowStreams::new(seed, Purpose::AnnealingStart, 2, number, 0);
    let order = permutation(&mut streams.generator(0), split.rows.len());
    let mut rows: Vec<usize> = order.into_iter().take(count).map(|index| split.rows[index]).collect();
    rows.sort_unstable();
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{EngineKind, build};
    use crate::model::likelihood::{AnnealingOptions, FrameAnnealing, Spacing};

    /// The model has two modes, all units off and all on; the second is likelier. If annealing cannot pass the barrier
    /// between them, AIS finds only the first, with a narrow band.
    #[test]
    fn annealing_that_misses_a_mode_of_the_data_is_found_out() {
        let windows = BitMatrix::from_fn(10, 20, |_, _| true);
        let rows: Vec<usize> = (0..10).collect();
        let splits = [NamedWindows { name: "train", windows: &windows, songs: &[], rows: &rows, judged: true }];
        let annealing = AnnealingOptions {
            chains: 100,
            temperatures: 200,
            spacing: Spacing::Linear,
            mixing_steps: 20,
            raise_windows: 0,
            frames: FrameAnnealing::default(),
        };
        let request = LikelihoodRequest { exact: true, annealing: Some(annealing), posterior_samples: 1, seed: 3 };
        let (visible_bias, weights) = (vec![-4.0; 20], vec![8.0; 20]);
        for (hidden_bias, passable) in [(-70.0, false), (-20.0, true)] {
            let (visible_bias, hidden_bias, weights) = (visible_bias.clone(), vec![hidden_bias], weights.clone());
            let parameters = Parameters { visible: 20, hidden: 1, visible_bias, hidden_bias, weights };
            let build = |parameters| build(EngineKind::Packed, parameters);
            let likelihood = Likelihood::of(&parameters, &[-4.0; 20], &splits, &request, &build);
            let mean = |method| likelihood.mean(&likelihood.splits[0], method).unwrap();
            assert!(mean("exact") <= mean("ceiling"), "{likelihood:?}");
            assert_eq!(mean("cautious").to_bits(), mean("exact").to_bits());
            let unknown = Likelihood { exact: None, ..likelihood.clone() };
            let cautious = unknown.mean(&unknown.splits[0], "cautious").unwrap();
            assert!(cautious <= mean("ceiling").min(mean("ais")).min(mean("exact") + 0.3), "{likelihood:?}");
            // Reverse AIS, whose chains start at one mode, is twenty nats off if they do not reach the other. The
            // estimate from that mode's share is not.
            assert!((mean("anchored_samples") - mean("exact")).abs() < 0.3, "{likelihood:?}");
            assert_eq!(mean("ais") <= mean("ceiling") + 0.1, passable, "{likelihood:?}");
            let doubts = likelihood.doubts();
            assert_eq!(!doubts.iter().any(|doubt| doubt.starts_with("AIS finds")), passable, "{doubts:?}");
            // No annealed chain ends at the mode at which most of the others stay.
            assert_eq!(likelihood.anchored_ais.is_some(), passable, "{likelihood:?}");
            let apart = doubts.iter().any(|doubt| doubt.starts_with("the training windows have 0.0 %"));
            assert_eq!(!apart, passable, "{doubts:?}");
        }
    }

    /// An estimate that one chain decides is doubted whatever the number of chains, and so is one that the exact value
    /// or the other direction contradicts. (Effective sample sizes are never below 1, and a twentieth of 20 chains is
    /// 1.)
    #[test]
    fn estimates_by_a_chain_or_two_are_doubted() {
        let estimate = |log_partition: f64, low, high, effective_sample_size| Estimate {
            log_partition,
            low,
            high,
            mean_of_logs: 0.0,
            standard_error: 0.0,
            effective_sample_size,
            chains: 20,
        };
        let sound = Likelihood {
            exact: Some(100.0),
            ais: Some(estimate(99.9, Some(99.7), Some(100.1), 15.0)),
            reverse_ais: Some(estimate(100.1, Some(99.9), Some(100.3), 15.0)),
            floor: None,
            anchored_ais: None,
            anchored_samples: None,
            splits: Vec::new(),
        };
        assert_eq!(sound.doubts(), Vec::<String>::new());
        let found = |change: &dyn Fn(&mut Likelihood), words: &[&str]| {
            let mut own = sound.clone();
            change(&mut own);
            let doubts = own.doubts();
            assert_eq!(doubts.len(), words.len(), "{doubts:?}");
            for word in words {
                assert!(doubts.iter().any(|doubt| doubt.contains(word)), "{word}: {doubts:?}");
            }
        };
        found(&|own| own.ais = Some(estimate(99.9, None, Some(100.2), 1.0)), &["1.0 of 20 chains"]);
        found(
            &|own| own.reverse_ais = Some(estimate(60.0, Some(59.0), None, 1.0)),
            &["reverse AIS: the effective sample size is 1.0 of 20"],
        );
        found(
            &|own| own.exact = Some(101.0),
            &["AIS finds a log Z of 99.90, whose", "reverse AIS finds a log Z of 100.10"],
        );
        found(&|own| (own.exact, own.reverse_ais) = (None, None), &["log Z is estimated from one side alone"]);
        let one_sided = Likelihood { exact: None, reverse_ais: None, ..sound.clone() };
        assert_eq!((one_sided.greatest_log_partition(), sound.greatest_log_partition()), (None, Some(100.0)));
    }

    #[test]
    fn the_cautious_one_goes_by_the_narrower_band_of_each_direction() {
        let plain = |log_partition: f64, half: f64| Estimate {
            log_partition,
            low: Some(log_partition - half),
            high: Some(log_partition + half),
            mean_of_logs: 0.0,
            standard_error: 0.0,
            effective_sample_size: 5.0,
            chains: 9,
        };
        let anchored = |log_partition: f64, half: f64| Anchored {
            log_partition,
            low: log_partition - half,
            high: log_partition + half,
            share: 0.5,
        };
        let likelihood = Likelihood {
            exact: None,
            ais: Some(plain(11.4, 0.3)),
            reverse_ais: Some(plain(11.0, 0.3)),
            floor: Some(10.0),
            anchored_ais: Some(anchored(10.9, 0.25)),
            anchored_samples: Some(anchored(11.5, 0.4)),
            splits: Vec::new(),
        };
        let greatest = |change: &dyn Fn(&mut Likelihood)| {
            let mut own = likelihood.clone();
            change(&mut own);
            own.greatest_log_partition()
        };
        assert_eq!(greatest(&|_| ()), Some(11.0));
        assert_eq!(greatest(&|own| own.anchored_samples = Some(anchored(11.4, 0.2))), Some(11.4));
        assert_eq!(greatest(&|own| own.anchored_ais = None), Some(11.4));
        assert_eq!(greatest(&|own| own.anchored_ais = Some(anchored(10.9, 0.4))), Some(11.4));
        // The bands do not overlap: one of the two is wrong.
        assert_eq!(greatest(&|own| own.anchored_ais = Some(anchored(10.0, 0.1))), Some(11.4));
        assert_eq!(greatest(&|own| own.anchored_ais = Some(anchored(13.0, 0.1))), Some(13.0));
        // A band without an end has infinite width.
        assert_eq!(greatest(&|own| own.reverse_ais = Some(Estimate { low: None, ..plain(11.0, 0.3) })), Some(11.5));
        assert_eq!(greatest(&|own| own.floor = Some(13.0)), Some(13.0));
        assert_eq!(greatest(&|own| own.exact = Some(9.0)), Some(9.0));
        let none = Likelihood { ais: None, reverse_ais: None, floor: None, anchored_ais: None, ..likelihood.clone() };
        assert_eq!(Likelihood { anchored_samples: None, ..none }.greatest_log_partition(), None);
    }
}
