//! Oracles of the RNN-RBM, against an f64 model in plain loops.

use super::gradient::{Differences, NetworkGradient};
use super::initial::initial_network;
use super::network::{Network, States};
use super::{RnnRbm, RnnRbmLearner};
use crate::engine::{
    BitMatrix, EngineKind, Isa, Parameters, ProductKernels, Purpose, RowStreams, SparseRows, log_sigmoid,
    standard_normals,
};
use crate::model::contract::{Learner as _, Model as _, Recurrence as _};
use crate::model::likelihood::{AnnealingOptions, FrameAnnealing, LikelihoodRequest, NamedWindows, Spacing};
use crate::model::options::{ModelKind, ModelOptions};
use crate::model::rbm::RbmLearner;
use crate::model::tensors::{TensorReader, TensorValues};
use crate::testing::{random_bits, random_parameters};
use crate::train::{Batches, Method, Optimizer, TrainOptions, TrainingSet};
use std::ops::Range;

/// The model in f64: W, b, c, then the arrays of the network with Wuv as recurrent × visible.
#[derive(Clone)]
struct Plain {
    visible: usize,
    hidden: usize,
    recurrent: usize,
    arrays: [Vec<f64>; 9],
}

const W: usize = 0;
const B: usize = 1;
const C: usize = 2;
const WUV: usize = 3;
const WUH: usize = 4;
const WVU: usize = 5;
const WUU: usize = 6;
const BU: usize = 7;
const U0: usize = 8;

impl Plain {
    fn new((visible, hidden, recurrent): (usize, usize, usize), seed: u64, scale: f64) -> Self {
        let sizes = [
            visible * hidden,
            visible,
            hidden,
            recurrent * visible,
            recurrent * hidden,
            visible * recurrent,
            recurrent * recurrent,
            recurrent,
            recurrent,
        ];
        let mut generator = RowStreams::new(seed, Purpose::Baseline, 7, 0, 0).generator(0);
        let arrays = sizes.map(|size| {
            let mut values = vec![0.0; size];
            standard_normals(&mut generator, &mut values);
            values.into_iter().map(|value| f64::from((scale * value) as f32)).collect()
        });
        Self { visible, hidden, recurrent, arrays }
    }

    fn states(&self, frames: &BitMatrix) -> Vec<Vec<f64>> {
        let (r, a) = (self.recurrent, &self.arrays);
        let mut states = vec![a[U0].clone()];
        for row in 0..frames.rows() {
            let last = states.last().unwrap();
            let next = (0..r)
                .map(|to| {
                    let seen: f64 = frames.ones(row).map(|unit| a[WVU][unit * r + to]).sum();
                    let own: f64 = (0..r).map(|from| last[from] * a[WUU][from * r + to]).sum();
                    (a[BU][to] + seen + own).tanh()
                })
                .collect();
            states.push(next);
        }
        states
    }

    /// Returns b_t and c_t from u_{t−1}.
    fn biases(&self, state: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let (v, h, a) = (self.visible, self.hidden, &self.arrays);
        let sum = |own: &[f64], weights: &[f64], unit: usize, units: usize| -> f64 {
            own[unit] + state.iter().enumerate().map(|(from, u)| u * weights[from * units + unit]).sum::<f64>()
        };
        let visible = (0..v).map(|unit| sum(&a[B], &a[WUV], unit, v)).collect();
        (visible, (0..h).map(|unit| sum(&a[C], &a[WUH], unit, h)).collect())
    }

    fn hidden_inputs(&self, c: &[f64], state: usize) -> Vec<f64> {
        let on = |unit: &usize| state >> unit & 1 == 1;
        (0..self.hidden)
            .map(|j| c[j] + (0..self.visible).filter(on).map(|i| self.arrays[W][i * self.hidden + j]).sum::<f64>())
            .collect()
    }

    /// Returns −F(v) for every state v of the visible units.
    fn log_weights(&self, (b, c): &(Vec<f64>, Vec<f64>)) -> Vec<f64> {
        (0..1 << self.visible)
            .map(|state| {
                let own: f64 = (0..self.visible).filter(|unit| state >> unit & 1 == 1).map(|unit| b[unit]).sum();
                own + self.hidden_inputs(c, state).iter().map(|x| x.exp().ln_1p()).sum::<f64>()
            })
            .collect()
    }

    /// Returns p(v | the past) for every state v.
    fn probabilities(&self, biases: &(Vec<f64>, Vec<f64>)) -> Vec<f64> {
        let logs = self.log_weights(biases);
        let total: f64 = logs.iter().map(|log| log.exp()).sum();
        logs.into_iter().map(|log| log.exp() / total).collect()
    }

    /// Returns ln p of each frame given those before it.
    fn log_likelihoods(&self, frames: &BitMatrix) -> Vec<f64> {
        let states = self.states(frames);
        (0..frames.rows())
            .map(|row| self.probabilities(&self.biases(&states[row]))[frames.row(row)[0] as usize].ln())
            .collect()
    }

    fn parameters(&self) -> Parameters {
        let narrow = |values: &[f64]| values.iter().map(|&value| value as f32).collect::<Vec<f32>>();
        Parameters {
            visible: self.visible,
            hidden: self.hidden,
            weights: narrow(&self.arrays[W]),
            visible_bias: narrow(&self.arrays[B]),
            hidden_bias: narrow(&self.arrays[C]),
        }
    }

    fn network(&self) -> Network {
        let mut network = Network::zeros(self.visible, self.hidden, self.recurrent);
        for (array, values) in network.arrays_mut().into_iter().zip(&self.arrays[WUV..]) {
            array.iter_mut().zip(values).for_each(|(own, &value)| *own = value as f32);
        }
        network.to_visible = super::network::transposed(&network.to_visible, self.visible);
        network
    }

    fn model(&self) -> RnnRbm {
        RnnRbm::new(self.parameters(), self.network(), EngineKind::Packed, Isa::pinned_or_best()).unwrap()
    }
}

fn kernels() -> ProductKernels {
    ProductKernels::new(Isa::pinned_or_best()).unwrap()
}

/// Oracle 1. The gradient of the mean exact log-likelihood against central differences in f64, for the six arrays of the
/// network; expectations under each frame's RBM by enumeration. Two songs of 6 and 3 frames.
#[test]
fn the_gradient_is_that_of_finite_differences() {
    let (v, h, r) = (4, 3, 3);
    let plain = Plain::new((v, h, r), 1, 0.8);
    let frames = random_bits(2, 9, v, 0.4);
    let songs = [0..6, 6..9];
    let song = |range: &Range<usize>| frames.gather(&range.clone().collect::<Vec<_>>());
    let mean = |plain: &Plain| songs.iter().flat_map(|own| plain.log_likelihoods(&song(own))).sum::<f64>() / 9.0;

    let (mut visible, mut hidden) = (Vec::new(), Vec::new());
    let mut rbm = [vec![0.0f64; v * h], vec![0.0; v], vec![0.0; h]];
    for own in &songs {
        let states = plain.states(&song(own));
        for (row, state) in own.clone().zip(&states) {
            let biases = plain.biases(state);
            let probabilities = plain.probabilities(&biases);
            let active: Vec<Vec<f64>> = (0..1 << v)
                .map(|state| plain.hidden_inputs(&biases.1, state).iter().map(|x| 1.0 / (1.0 + (-x).exp())).collect())
                .collect();
            let data = frames.row(row)[0] as usize;
            for (state, probability) in probabilities.iter().enumerate() {
                let weight = f64::from(u8::from(state == data)) - probability;
                for i in (0..v).filter(|unit| state >> unit & 1 == 1) {
                    rbm[B][i] += weight / 9.0;
                    (0..h).for_each(|j| rbm[W][i * h + j] += weight * active[state][j] / 9.0);
                }
                (0..h).for_each(|j| rbm[C][j] += weight * active[state][j] / 9.0);
            }
            let expected = |on: &dyn Fn(usize) -> f64| -> f64 {
                probabilities.iter().enumerate().map(|(state, p)| p * on(state)).sum()
            };
            visible.extend((0..v).map(|i| {
                (f64::from(u8::from(frames.get(row, i))) - expected(&|state| f64::from((state >> i & 1) as u8))) as f32
            }));
            hidden.extend((0..h).map(|j| (active[data][j] - expected(&|state| active[state][j])) as f32));
        }
    }
    let network = plain.network();
    let starts = network.initial.repeat(2);
    let States { before, .. } = network.prepared(kernels()).pass(&frames, &songs, &starts, 1.0);
    let mut gradient = NetworkGradient::new(network.visible, network.hidden, network.recurrent);
    let mut read = SparseRows::default();
    read.fill_with_bits(&frames);
    Differences {
        frames: &read,
        sequences: &songs,
        from_initial: &[true, true],
        before: &before,
        seen: &before,
        masks: None,
        scale: 1.0,
        visible: &SparseRows::of_numbers(&visible, network.visible),
        hidden: &hidden,
    }
    .gradient(&network, kernels(), &mut gradient);
    let gradient = gradient.arrays;
    let to_visible = super::network::transposed(&gradient.to_visible, r);
    let [_, others @ ..] = gradient.arrays();
    let mut found: Vec<Vec<f64>> = rbm.to_vec();
    found.push(to_visible.iter().map(|&value| f64::from(value)).collect());
    found.extend(others.into_iter().map(|array| array.iter().map(|&value| f64::from(value)).collect()));
    for array in W..=U0 {
        for index in 0..plain.arrays[array].len() {
            let moved = |by: f64| {
                let mut moved = plain.clone();
                moved.arrays[array][index] += by;
                mean(&moved)
            };
            let expected = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            let found = found[array][index];
            assert!((found - expected).abs() < 2e-6, "array {array}, {index}: {found} against {expected}");
        }
    }
    let largest = found.iter().flatten().fold(0.0f64, |most, value| most.max(value.abs()));
    assert!(largest > 0.05, "the gradient vanishes: {largest}");
}

/// The expected update of the learner: contrastive divergence with so many steps that it samples the model comes close
/// to the exact gradient, for every array and both ways of applying it.
#[test]
fn an_update_goes_along_the_gradient() {
    let (v, h, r) = (4, 3, 3);
    let frames = random_bits(5, 600, v, 0.4);
    let songs: Vec<Range<usize>> = (0..100).map(|song| 6 * song..6 * song + 6).collect();
    let set = TrainingSet { windows: &frames, songs: &songs };
    let model = ModelOptions {
        kind: ModelKind::RnnRbm,
        timesteps: 1,
        hidden: h,
        recurrent: r,
        weight_std: 0.5,
        recurrent_std: 0.5,
        ..ModelOptions::default()
    };
    let change = |norm: f64| {
        let options =
            TrainOptions { k: 30, learning_rate: 1.0, batch_size: 100, gradient_norm: norm, ..TrainOptions::default() };
        let mut learner = RnnRbmLearner::new(set, &model, &options, 3, Isa::pinned_or_best(), None).unwrap();
        let before = learner.model().tensors();
        learner.start(0, 0);
        learner.update(0);
        let after = learner.model().tensors();
        let values = |name: &String| {
            let pair = [&before, &after].map(|tensors| tensors.tensors[name].values.as_f32().to_vec());
            pair[1].iter().zip(&pair[0]).map(|(after, before)| f64::from(after - before)).collect::<Vec<f64>>()
        };
        before.tensors.keys().map(|name| (name.clone(), values(name))).collect::<Vec<_>>()
    };
    let plain = change(0.0);
    // A bound that is never reached takes the other way through the code, to the same update up to rounding.
    for ((name, own), (_, other)) in plain.iter().zip(&change(1e6)) {
        for (own, other) in own.iter().zip(other) {
            assert!((own - other).abs() < 1e-6, "{name}: {own} and {other}");
        }
    }
    let norm = plain.iter().flat_map(|(_, values)| values).map(|value| value * value).sum::<f64>().sqrt();
    let clipped = change(norm / 4.0);
    let of_clipped = clipped.iter().flat_map(|(_, values)| values).map(|value| value * value).sum::<f64>().sqrt();
    assert!((of_clipped / norm - 0.25).abs() < 1e-4, "{of_clipped} of {norm}");
}

/// Oracle 2. The probabilities of all sequences of 2 frames of 4 units sum to 1.
#[test]
fn probabilities_of_all_sequences_sum_to_one() {
    let plain = Plain::new((4, 3, 3), 3, 1.0);
    let model = plain.model();
    let all = BitMatrix::from_fn(512, 4, |row, unit| {
        let sequence = row / 2;
        (if row % 2 == 0 { sequence & 15 } else { sequence >> 4 }) >> unit & 1 == 1
    });
    let songs: Vec<Range<usize>> = (0..256).map(|song| 2 * song..2 * song + 2).collect();
    let density = model.density().unwrap();
    let request = LikelihoodRequest { exact: true, annealing: None, posterior_samples: 1, seed: 1 };
    let mut total = 0.0;
    for song in &songs {
        let rows: Vec<usize> = song.clone().collect();
        let split = NamedWindows { name: "train", windows: &all, songs: &songs, rows: &rows, judged: true };
        let likelihood = density.log_likelihood(&[split], &request).unwrap();
        let mean = likelihood.mean(&likelihood.splits[0], "exact").unwrap();
        let expected = plain.log_likelihoods(&all.gather(&rows)).iter().sum::<f64>() / 2.0;
        assert!((mean - expected).abs() < 1e-5, "{mean} against {expected}");
        total += (2.0 * mean).exp();
    }
    assert!((total - 1.0).abs() < 1e-5, "{total}");
}

/// Oracle 3. Flipping a unit of frame s changes the contexts of the frames after it, and no bit of the others.
#[test]
fn the_past_alone_sets_the_biases() {
    let mut model = Plain::new((70, 9, 11), 4, 0.3).model();
    model.network.initial.fill(0.25);
    let frames = random_bits(6, 8, 70, 0.2);
    let all: Vec<usize> = (0..8).collect();
    let song = 0..8;
    let of = |frames: &BitMatrix| {
        let memory = model.before(frames, std::slice::from_ref(&song), &all);
        model.context(&memory)
    };
    let own = of(&frames);
    for frame in 0..8 {
        let mut flipped = frames.clone();
        flipped.set(frame, 33, !frames.get(frame, 33));
        let other = of(&flipped);
        for row in 0..8 {
            let same = own.visible[row * 70..][..70] == other.visible[row * 70..][..70]
                && own.hidden[row * 9..][..9] == other.hidden[row * 9..][..9];
            assert_eq!(same, row <= frame, "frame {row} after a change of frame {frame}");
        }
    }
    // The step by step memory of generation has the same bits.
    let mut memory = model.begin(1);
    for row in 0..8 {
        assert_eq!(model.context(&memory).visible, own.visible[row * 70..][..70]);
        model.pass(&mut memory, &frames.gather(&[row]));
    }
}

/// Oracle 4. With a network of zeros, whose states and gradient stay zero, W, b and c have the bits of a plain
/// RBM on the same batches: whole songs, one a batch.
#[test]
fn without_its_network_it_is_the_plain_rbm_to_the_bit() {
    let windows = random_bits(7, 90, 40, 0.2);
    let songs = [0..20, 20..50, 50..90];
    let set = TrainingSet { windows: &windows, songs: &songs };
    for statistics in [crate::train::StatisticsKind::Probabilities, crate::train::StatisticsKind::Samples] {
        let options = TrainOptions {
            statistics,
            k: 2,
            learning_rate: 0.5,
            batches: Batches::PerSong,
            batch_size: 1000,
            ..TrainOptions::default()
        };
        let model =
            ModelOptions { timesteps: 1, hidden: 12, recurrent: 5, recurrent_std: 0.0, ..ModelOptions::default() };
        let isa = Isa::pinned_or_best();
        let mut rbm = RbmLearner::new(set, &model, &options, 9, isa).unwrap();
        let mut own = RnnRbmLearner::new(set, &model, &options, 9, isa, None).unwrap();
        for epoch in 0..3 {
            assert_eq!(rbm.start(epoch, 0), own.start(epoch, 0));
            for batch in 0..3 {
                rbm.update(batch);
                own.update(batch);
            }
        }
        let (rbm, own) = (rbm.model().tensors(), own.model().tensors());
        // Without states the network has no gradient: nothing has to hold it.
        assert!(own.tensors["recurrent_to_visible"].values.as_f32().iter().all(|&value| value == 0.0));
        for name in ["weights", "visible_bias", "hidden_bias"] {
            assert_eq!(rbm.tensors[name], own.tensors[name], "{name}");
        }
        assert!(rbm.tensors["weights"].values.as_f32().iter().any(|weight| weight.abs() > 0.05));
    }
}

/// Oracle 6. A song in chunks whose state is carried on has the states of the song in one piece, and a song has the same
/// bits whatever stands beside it and in whatever order.
#[test]
fn states_do_not_depend_on_chunks_or_on_other_songs() {
    let network = Plain::new((30, 6, 13), 8, 0.4).network();
    let prepared = network.prepared(kernels());
    let frames = random_bits(9, 60, 30, 0.3);
    let songs = [0..25, 25..27, 27..60];
    let whole = prepared.pass(&frames, &songs, &network.initial.repeat(3), 1.0);
    let of = |rows: Range<usize>, start: &[f32]| {
        let own = frames.gather(&rows.clone().collect::<Vec<_>>());
        let all = 0..rows.len();
        prepared.pass(&own, std::slice::from_ref(&all), start, 1.0)
    };
    for (number, song) in songs.iter().enumerate() {
        let mut start = network.initial.clone();
        for first in song.clone().step_by(7) {
            let rows = first..(first + 7).min(song.end);
            let own = of(rows.clone(), &start);
            assert_eq!(own.before, whole.before[rows.start * 13..rows.end * 13]);
            start = own.after;
        }
        assert_eq!(start, whole.after[number * 13..][..13]);
    }
    let order = [27..60, 0..25];
    let other = prepared.pass(&frames, &order, &network.initial.repeat(2), 1.0);
    assert_eq!(other.before[27 * 13..], whole.before[27 * 13..]);
    assert_eq!(other.before[..25 * 13], whole.before[..25 * 13]);
}

/// Oracle 7. Generated sequences of 2 frames of 3 units come in the proportions of enumeration, and primed ones in those
/// of the exact conditional.
///
/// 20,000 sequences, seed 10; chains of 60 steps from noise. The chi-square statistic with 63 degrees of freedom lies
/// below 130 but for a chance of about 1e-6.
#[test]
fn generated_sequences_have_the_frequencies_of_enumeration() {
    use crate::model::{ChainStart, Chains};
    let plain = Plain::new((3, 3, 4), 11, 0.9);
    let mut model = plain.model();
    let count = 20_000;
    let mut memory = model.begin(count);
    let mut drawn = Vec::new();
    for stage in 0..2 {
        let context = model.context(&memory);
        let chains = Chains { stage, ..Chains::plain(count, 60, ChainStart::Noise, 10) };
        let states = chains.run_within(model.sampler(), context.offsets()).unwrap();
        model.pass(&mut memory, &states);
        drawn.push(states);
    }
    let mut counts = [[0.0f64; 8]; 8];
    (0..count).for_each(|row| counts[drawn[0].row(row)[0] as usize][drawn[1].row(row)[0] as usize] += 1.0);
    let first = plain.probabilities(&plain.biases(&plain.arrays[U0]));
    let (mut joint, mut conditional) = (0.0, 0.0);
    for (v, counts) in counts.iter().enumerate() {
        let states = plain.states(&BitMatrix::from_fn(1, 3, |_, unit| v >> unit & 1 == 1));
        let second = plain.probabilities(&plain.biases(&states[1]));
        let own: f64 = counts.iter().sum();
        for (found, second) in counts.iter().zip(&second) {
            let expected = count as f64 * first[v] * second;
            joint += (found - expected).powi(2) / expected;
            conditional += (found - own * second).powi(2) / (own * second);
        }
    }
    assert!((15.0..130.0).contains(&joint), "chi-square {joint} with 63 degrees of freedom");
    assert!((10.0..120.0).contains(&conditional), "chi-square {conditional} with 56 degrees of freedom");
}

fn annealed(frames: FrameAnnealing) -> AnnealingOptions {
    let spacing = Spacing::Linear;
    AnnealingOptions { chains: 2, temperatures: 2, spacing, mixing_steps: 0, raise_windows: 0, frames }
}

/// Oracle 8. The exact likelihood is never above the ceiling, and annealing finds it.
#[test]
fn the_exact_likelihood_lies_below_the_ceiling_and_annealing_finds_it() {
    for seed in 0..6 {
        let plain = Plain::new((12, 5, 6), 20 + seed, 0.5);
        let density = plain.model().density().unwrap();
        let frames = random_bits(30 + seed, 60, 12, 0.3);
        let songs = [0..40, 40..60];
        let (train, test): (Vec<usize>, Vec<usize>) = ((0..40).collect(), (40..60).collect());
        let split = |name, rows| NamedWindows { name, windows: &frames, songs: &songs, rows, judged: true };
        let splits = [split("train", &train), split("test", &test)];
        let options = FrameAnnealing { frames: 0, chains: 50, temperatures: 1000 };
        let request =
            LikelihoodRequest { exact: true, annealing: Some(annealed(options)), posterior_samples: 1, seed: 1 };
        let found = density.log_likelihood(&splits, &request).unwrap();
        for split in &found.splits {
            let value = |method| found.mean(split, method).unwrap();
            let (exact, ais, ceiling) = (value("exact"), value("ais"), value("ceiling"));
            assert!(exact <= ceiling, "{exact} above {ceiling}");
            assert!((ais - exact).abs() < 0.05, "{ais} for {exact}");
            assert!((value("anchored_ais") - exact).abs() < 0.1, "{} for {exact}", value("anchored_ais"));
            assert_eq!(value("cautious"), exact);
            assert_eq!(split.of_frames.below_floor, Some(0.0));
        }
    }
}

/// Returns a model of 6 visible units without weights to its hidden ones: a recurrent network of independent units.
fn independent_units() -> Plain {
    let mut plain = Plain::new((6, 3, 4), 12, 0.9);
    for array in [W, C, WUH] {
        plain.arrays[array].fill(0.0);
    }
    plain
}

/// Returns the mean over frames of Σ_i ln σ(±b_ti), the log-likelihood of independent units given the past.
fn independent_log_likelihood(plain: &Plain, frames: &BitMatrix) -> f64 {
    let states = plain.states(frames);
    let of_row = |row: usize| -> f64 {
        let (b, _) = plain.biases(&states[row]);
        b.iter().enumerate().map(|(unit, x)| log_sigmoid(if frames.get(row, unit) { *x } else { -x })).sum()
    };
    (0..frames.rows()).map(of_row).sum::<f64>() / frames.rows() as f64
}

/// Oracle 5, its likelihood. With W = 0 and c = 0 the units of a frame are independent: its ln p is a sum over units.
#[test]
fn without_weights_units_are_independent_given_the_past() {
    let plain = independent_units();
    let frames = random_bits(13, 7, 6, 0.4);
    let expected = independent_log_likelihood(&plain, &frames);
    let rows: Vec<usize> = (0..7).collect();
    let song = 0..7;
    let split =
        NamedWindows { name: "train", windows: &frames, songs: std::slice::from_ref(&song), rows: &rows, judged: true };
    let density = plain.model().density().unwrap();
    let request = LikelihoodRequest { exact: true, annealing: None, posterior_samples: 1, seed: 1 };
    let likelihood = density.log_likelihood(&[split], &request).unwrap();
    let exact = likelihood.mean(&likelihood.splits[0], "exact").unwrap();
    let pseudo = density.mean_pseudo_log_likelihood(&split).unwrap().unwrap();
    assert!((exact - expected).abs() < 1e-5, "{exact} against {expected}");
    assert!((pseudo - expected).abs() < 1e-5, "{pseudo} against {expected}");
}

/// Oracle 5, its gradient: ⟨v⟩_t = σ(b_t) and δh = 0 give that of the independent units, by central differences in f64.
#[test]
fn without_weights_the_gradient_is_that_of_independent_units() {
    let plain = independent_units();
    let frames = random_bits(13, 7, 6, 0.4);
    let states = plain.states(&frames);
    let of_row = |row: usize| {
        let (b, _) = plain.biases(&states[row]);
        let of_unit = |(unit, x): (usize, &f64)| f64::from(u8::from(frames.get(row, unit))) - 1.0 / (1.0 + (-x).exp());
        b.iter().enumerate().map(of_unit).collect::<Vec<f64>>()
    };
    let differences: Vec<f64> = (0..7).flat_map(of_row).collect();
    let visible: Vec<f32> = differences.iter().map(|&difference| difference as f32).collect();
    let network = plain.network();
    let song = 0..7;
    let before = network.prepared(kernels()).pass(&frames, std::slice::from_ref(&song), &network.initial, 1.0).before;
    let mut gradient = NetworkGradient::new(network.visible, network.hidden, network.recurrent);
    let mut read = SparseRows::default();
    read.fill_with_bits(&frames);
    Differences {
        frames: &read,
        sequences: std::slice::from_ref(&song),
        from_initial: &[true],
        before: &before,
        seen: &before,
        masks: None,
        scale: 1.0,
        visible: &SparseRows::of_numbers(&visible, network.visible),
        hidden: &[0.0; 7 * 3],
    }
    .gradient(&network, kernels(), &mut gradient);
    let gradient = gradient.arrays;
    let visible_bias: Vec<f64> =
        (0..6).map(|unit| differences.iter().skip(unit).step_by(6).sum::<f64>() / 7.0).collect();
    let wide = |values: &[f32]| values.iter().map(|&value| f64::from(value)).collect::<Vec<f64>>();
    let to_visible = super::network::transposed(&gradient.to_visible, 4);
    let found = [
        (B, visible_bias),
        (WUV, wide(&to_visible)),
        (WVU, wide(&gradient.from_visible)),
        (WUU, wide(&gradient.weights)),
        (BU, wide(&gradient.bias)),
        (U0, wide(&gradient.initial)),
    ];
    for (array, found) in found {
        assert!(found.iter().any(|value| value.abs() > 1e-3), "the gradient of array {array} vanishes");
        for (index, found) in found.into_iter().enumerate() {
            let moved = |by: f64| {
                let mut moved = plain.clone();
                moved.arrays[array][index] += by;
                independent_log_likelihood(&moved, &frames)
            };
            let expected = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!((found - expected).abs() < 2e-6, "array {array}, {index}: {found} against {expected}");
        }
    }
    assert!(gradient.to_hidden.iter().all(|&value| value == 0.0));
}

/// Oracle 9. Frames of a Markov chain over 4 states in 2 units, whose entropy rate is known: trained, the model comes
/// within 5 % of it on songs that it has not seen, and not above it by more than their own fluctuation.
#[test]
fn a_markov_chain_is_learnt_to_its_entropy_rate() {
    // From state s to (s + 1) mod 4 with probability 0.85, otherwise to any other alike.
    let next = |state: usize, number: u32| -> usize {
        let u = f64::from(number) / 4_294_967_296.0;
        if u < 0.85 { (state + 1) % 4 } else { (state + 2 + ((u - 0.85) / 0.05) as usize) % 4 }
    };
    let songs: Vec<Range<usize>> = (0..160).map(|song| 50 * song..50 * song + 50).collect();
    let mut frames = BitMatrix::zeros(8000, 2);
    for song in &songs {
        let mut stream = RowStreams::new(14, Purpose::Baseline, 3, 0, 0).row(song.start);
        let mut state = 0;
        for row in song.clone() {
            (0..2).for_each(|unit| frames.set(row, unit, state >> unit & 1 == 1));
            state = next(state, stream.next_u32());
        }
    }
    let entropy = -(0.85 * 0.85f64.ln() + 3.0 * 0.05 * 0.05f64.ln());
    let (trained, others) = songs.split_at(100);
    let set = TrainingSet { windows: &frames, songs: trained };
    let model = ModelOptions {
        kind: ModelKind::RnnRbm,
        timesteps: 1,
        hidden: 4,
        recurrent: 8,
        weight_std: 0.1,
        recurrent_std: 0.3,
        ..ModelOptions::default()
    };
    let options = TrainOptions {
        k: 5,
        learning_rate: 0.02,
        batch_size: 8,
        optimizer: Optimizer::Adam,
        gradient_norm: 5.0,
        ..TrainOptions::default()
    };
    let mut learner = RnnRbmLearner::new(set, &model, &options, 15, Isa::pinned_or_best(), None).unwrap();
    for epoch in 0..60 {
        for batch in 0..learner.start(epoch, 0) {
            learner.update(batch);
        }
    }
    let density = learner.model().density().unwrap();
    let rows: Vec<usize> = others.iter().flat_map(|song| song.start + 1..song.end).collect();
    let split = NamedWindows { name: "train", windows: &frames, songs: &songs, rows: &rows, judged: true };
    let request = LikelihoodRequest { exact: true, annealing: None, posterior_samples: 1, seed: 1 };
    let likelihood = density.log_likelihood(&[split], &request).unwrap();
    let found = likelihood.mean(&likelihood.splits[0], "exact").unwrap();
    // The mean of ln p of the chain itself over the same frames.
    let state = |row: usize| frames.row(row)[0] as usize;
    let own: f64 = rows
        .iter()
        .map(|&row| if state(row) == (state(row - 1) + 1) % 4 { 0.85f64.ln() } else { 0.05f64.ln() })
        .sum::<f64>()
        / rows.len() as f64;
    assert!((own + entropy).abs() < 0.08, "the sample's own {own} against {entropy}");
    assert!(found > own - 0.05 * entropy && found < own + 0.02, "{found} against {own}");
}

/// Training has the same bits on every instruction set, with any number of threads, and when it continues from its state
/// after any update.
#[test]
fn training_has_the_same_bits_everywhere_and_continues_to_them() {
    let windows = random_bits(16, 120, 50, 0.2);
    let songs = [0..30, 30..31, 31..80, 80..120];
    let set = TrainingSet { windows: &windows, songs: &songs };
    let model =
        ModelOptions { kind: ModelKind::RnnRbm, timesteps: 1, hidden: 20, recurrent: 17, ..ModelOptions::default() };
    let base = TrainOptions {
        k: 2,
        learning_rate: 0.1,
        momentum: 0.5,
        batch_size: 2,
        chunk: 12,
        dropout: 0.2,
        ..TrainOptions::default()
    };
    let variants = [
        TrainOptions { carry_state: true, gradient_norm: 0.5, weight_decay: 1e-3, ..base.clone() },
        TrainOptions { method: Method::Pcd, rbm_rate: 0.3, ..base.clone() },
        TrainOptions {
            optimizer: Optimizer::Adam,
            learning_rate: 0.01,
            momentum: 0.0,
            gradient_clip: 0.02,
            ..base.clone()
        },
    ];
    for options in &variants {
        let train = |isa: Isa, threads: usize, restart: bool| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut learner = RnnRbmLearner::new(set, &model, options, 17, isa, None).unwrap();
                for epoch in 0..2 {
                    for batch in 0..learner.start(epoch, 0) {
                        learner.update(batch);
                        if restart && batch == 1 {
                            let state = learner.state();
                            learner = RnnRbmLearner::new(set, &model, options, 17, isa, None).unwrap();
                            learner.restore(TensorReader::new(&state)).unwrap();
                            learner.start(epoch, batch + 1);
                        }
                    }
                }
                learner.state()
            })
        };
        let expected = train(Isa::Scalar, 1, false);
        assert!(expected.tensors.values().all(|tensor| match &tensor.values {
            TensorValues::F32(values) => values.iter().all(|value| value.is_finite()),
            _ => true,
        }));
        for isa in Isa::available() {
            for threads in [1, 2, 3, 7] {
                assert_eq!(train(isa, threads, false), expected, "{isa}, {threads} threads");
            }
        }
        assert_eq!(train(Isa::pinned_or_best(), 2, true), expected);
    }
}

#[test]
fn tensors_come_back() {
    let plain = Plain::new((5, 3, 4), 18, 0.5);
    let model = plain.model();
    let tensors = model.tensors();
    assert_eq!(tensors.shape("recurrent_to_visible"), Some(&[4, 5][..]));
    assert_eq!(tensors.shape("visible_to_recurrent"), Some(&[5, 4][..]));
    let to_visible = tensors.tensors["recurrent_to_visible"].values.as_f32();
    assert!(to_visible.iter().zip(&plain.arrays[WUV]).all(|(&own, &value)| f64::from(own) == value));
    let again = RnnRbm::open(&tensors, EngineKind::Reference, Isa::Scalar).unwrap();
    assert_eq!(again.tensors(), tensors);
    let mut missing = tensors.clone();
    missing.tensors.remove("initial_state");
    assert!(RnnRbm::open(&missing, EngineKind::Reference, Isa::Scalar).is_err());
    let network = initial_network((5, 3, 4), 0.5, 1);
    assert!(network.is_finite() && network.initial.iter().all(|&value| value == 0.0));
    assert_ne!(network.to_visible, network.from_visible);
    let _ = random_parameters(1, 2, 2, 1.0);
}
