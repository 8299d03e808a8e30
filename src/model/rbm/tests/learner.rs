//! Tests of plain updates, against a textbook RBM or among the engines.

use crate::engine::{
    BitMatrix, Draw, EngineKind, HiddenStatistics, Parameters, Purpose, RowStreams, Statistics, Step, build,
    sigmoid_f64,
};
use crate::model::energy::Rbm;
use crate::model::likelihood::{exact_log_partition, mean_free_energy};
use crate::model::{ModelOptions, Trainer};
use crate::testing::{bars_and_stripes, random_bits, random_parameters, trained_parameters};
use crate::train::{Batches, Method, PositiveSample, StatisticsKind, TrainOptions, TrainingSet};

const ENGINES: [EngineKind; 3] = [EngineKind::Reference, EngineKind::Dense, EngineKind::Packed];

fn log_likelihood(parameters: &Parameters, data: &BitMatrix) -> f64 {
    let rbm = Rbm::new(parameters.clone());
    let rows: Vec<usize> = (0..data.rows()).collect();
    -mean_free_energy(&rbm, data, &rows).unwrap() - exact_log_partition(&rbm).unwrap()
}

/// An RBM of plain f64 loops that shares only the raw random numbers with the engines: the update as the article gives
/// it.
struct Textbook {
    w: Vec<Vec<f64>>,
    b: Vec<f64>,
    c: Vec<f64>,
}

impl Textbook {
    fn draw(inputs: &[f64], streams: RowStreams, row: usize) -> Vec<f64> {
        let mut stream = streams.row(row);
        let uniform = |number: u32| (f64::from(number >> 1) + 0.5) / 2f64.powi(31);
        inputs.iter().map(|&x| f64::from(uniform(stream.next_u32()) <= sigmoid_f64(x))).collect()
    }

    fn up(&self, v: &[f64]) -> Vec<f64> {
        (0..self.c.len()).map(|j| self.c[j] + (0..v.len()).map(|i| v[i] * self.w[i][j]).sum::<f64>()).collect()
    }

    fn down(&self, h: &[f64]) -> Vec<f64> {
        (0..self.b.len()).map(|i| self.b[i] + (0..h.len()).map(|j| h[j] * self.w[i][j]).sum::<f64>()).collect()
    }

    fn update(&mut self, batch: &[Vec<f64>], learning_rate: f64, k: u64, key: (u64, u64, u64)) {
        let streams = |purpose, step| RowStreams::new(key.0, purpose, key.1, key.2, step);
        let scale = learning_rate / batch.len() as f64;
        let (old_w, old_b, old_c) = (self.w.clone(), self.b.clone(), self.c.clone());
        let model = Self { w: old_w, b: old_b, c: old_c };
        for (row, v) in batch.iter().enumerate() {
            let mut fantasy = v.clone();
            for step in 0..k {
                let h = Self::draw(&model.up(&fantasy), streams(Purpose::ChainHidden, step), row);
                fantasy = Self::draw(&model.down(&h), streams(Purpose::ChainVisible, step), row);
            }
            let h = Self::draw(&model.up(v), streams(Purpose::PositiveHidden, 0), row);
            let fantasy_h = Self::draw(&model.up(&fantasy), streams(Purpose::NegativeHidden, 0), row);
            for i in 0..v.len() {
                self.b[i] += scale * (v[i] - fantasy[i]);
                for j in 0..h.len() {
                    self.w[i][j] += scale * (v[i] * h[j] - fantasy[i] * fantasy_h[j]);
                }
            }
            for j in 0..h.len() {
                self.c[j] += scale * (h[j] - fantasy_h[j]);
            }
        }
    }
}

/// Six updates of CD-3 agree with the textbook to the rounding of f32. Seed 31.
#[test]
fn engines_agree_with_a_textbook_in_f64() {
    let windows = random_bits(31, 12, 20, 0.3);
    let song = 0..12;
    let model = ModelOptions { hidden: 7, weight_std: 0.5, ..ModelOptions::default() };
    for engine in ENGINES {
        let options = TrainOptions {
            engine,
            k: 3,
            learning_rate: 0.125,
            batch_size: 4,
            batches: Batches::PerSong,
            statistics: StatisticsKind::Samples,
            positive_sample: PositiveSample::Separate,
            ..TrainOptions::default()
        };
        let mut trainer =
            Trainer::new(TrainingSet { windows: &windows, songs: std::slice::from_ref(&song) }, &model, &options, 31);
        let start = trained_parameters(&trainer);
        let widen = |values: &[f32]| values.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
        let mut textbook = Textbook {
            w: (0..20).map(|i| widen(start.weight_row(i))).collect(),
            b: widen(&start.visible_bias),
            c: widen(&start.hidden_bias),
        };
        for epoch in 0..2 {
            trainer.train_epoch(epoch);
            for batch in 0..3u64 {
                let rows = (0..4).map(|row| {
                    let row = batch as usize * 4 + row;
                    (0..20).map(|i| f64::from(u8::from(windows.get(row, i)))).collect()
                });
                textbook.update(&rows.collect::<Vec<_>>(), 0.125, 3, (31, epoch, batch));
            }
        }
        let trained = trained_parameters(&trainer);
        assert_ne!(trained, start);
        for i in 0..20 {
            assert!((f64::from(trained.visible_bias[i]) - textbook.b[i]).abs() < 1e-5);
            for j in 0..7 {
                let (ours, theirs) = (f64::from(trained.weight_row(i)[j]), textbook.w[i][j]);
                assert!((ours - theirs).abs() < 1e-5, "{engine:?}: w[{i}][{j}] {ours} against {theirs}");
            }
        }
        for j in 0..7 {
            assert!((f64::from(trained.hidden_bias[j]) - textbook.c[j]).abs() < 1e-5);
        }
    }
}

/// One update of CD-60 on 20,000 examples is the gradient of the exact log-likelihood, taken by finite differences.
///
/// Seed 41. An average of 20,000 products in {−1, 0, 1} has a standard error of at most 0.01 over the two phases. The
/// bound of 0.05 is five of them; over 19 parameters the false-alarm rate is below 2e-5.
#[test]
fn long_chains_follow_the_gradient_of_the_exact_log_likelihood() {
    let patterns = random_bits(41, 6, 4, 0.5);
    let rows: Vec<usize> = (0..20_000).map(|row| row % 6).collect();
    let windows = patterns.gather(&rows);
    let song = 0..20_000;
    let model = ModelOptions { hidden: 3, weight_std: 0.7, ..ModelOptions::default() };
    for (method, statistics) in [
        (Method::Cd, StatisticsKind::Samples),
        (Method::Cd, StatisticsKind::Probabilities),
        (Method::Pcd, StatisticsKind::Probabilities),
    ] {
        let options = TrainOptions {
            method,
            statistics,
            k: 60,
            chains: 15_000,
            learning_rate: 1.0,
            batch_size: 20_000,
            ..TrainOptions::default()
        };
        let mut trainer =
            Trainer::new(TrainingSet { windows: &windows, songs: std::slice::from_ref(&song) }, &model, &options, 41);
        let before = trained_parameters(&trainer);
        trainer.train_epoch(0);
        let after = trained_parameters(&trainer);
        let gradient = |bump: &dyn Fn(&mut Parameters, f32)| {
            let at = |delta: f32| {
                let mut moved = before.clone();
                bump(&mut moved, delta);
                log_likelihood(&moved, &patterns)
            };
            (at(0.0625) - at(-0.0625)) / 0.125
        };
        for index in 0..12 {
            let expected = gradient(&|parameters, delta| parameters.weights[index] += delta);
            let change = f64::from(after.weights[index] - before.weights[index]);
            assert!((change - expected).abs() < 0.05, "{method:?}: w[{index}] {change} against {expected}");
        }
        for index in 0..4 {
            let expected = gradient(&|parameters, delta| parameters.visible_bias[index] += delta);
            let change = f64::from(after.visible_bias[index] - before.visible_bias[index]);
            assert!((change - expected).abs() < 0.05, "{method:?}: b[{index}] {change} against {expected}");
        }
        for index in 0..3 {
            let expected = gradient(&|parameters, delta| parameters.hidden_bias[index] += delta);
            let change = f64::from(after.hidden_bias[index] - before.hidden_bias[index]);
            assert!((change - expected).abs() < 0.05, "{method:?}: c[{index}] {change} against {expected}");
        }
    }
}

/// CD-10 learns 3 × 3 bars and stripes to within 8 % of the best possible mean log-likelihood. Seed 51.
#[test]
fn bars_and_stripes_are_learnt() {
    const OPTIMUM: f64 = -2.599302;
    let patterns = bars_and_stripes(3);
    let rows: Vec<usize> = (0..64).map(|row| row % patterns.rows()).collect();
    let windows = patterns.gather(&rows);
    let song = 0..windows.rows();
    let set = TrainingSet { windows: &windows, songs: std::slice::from_ref(&song) };
    let model = ModelOptions { hidden: 12, weight_std: 0.1, ..ModelOptions::default() };
    for engine in ENGINES {
        let options = TrainOptions {
            engine,
            k: 10,
            learning_rate: 0.2,
            batch_size: 64,
            momentum: 0.5,
            initial_momentum: 0.5,
            ..TrainOptions::default()
        };
        let mut trainer = Trainer::new(set, &model, &options, 51);
        let start = log_likelihood(&trained_parameters(&trainer), &patterns);
        for epoch in 0..2000 {
            trainer.train_epoch(epoch);
        }
        let trained = log_likelihood(&trained_parameters(&trainer), &patterns);
        let density = trainer.model().density().unwrap();
        let measured = density.exact_log_likelihood(&patterns).unwrap().unwrap();
        assert!((measured - trained).abs() < 1e-9, "{engine:?}: {measured} is not {trained}");
        assert_eq!(density.exact_log_likelihood(&BitMatrix::zeros(0, patterns.columns())), Ok(None));
        assert!(start < 2.0 * OPTIMUM, "the start was too good: {start}");
        assert!(trained > 1.08 * OPTIMUM, "{engine:?}: mean log-likelihood {trained}, at best {OPTIMUM}");
        assert!(trained <= OPTIMUM + 1e-9, "{engine:?}: {trained} is better than possible");
    }
}

/// Momentum and weight decay follow values worked out by hand. Without a data gradient only decay moves the weight.
#[test]
fn momentum_and_decay_follow_their_formula() {
    for kind in ENGINES {
        let mut parameters = Parameters::zeros(1, 1);
        parameters.weights[0] = 1.0;
        let mut engine = build(kind, parameters);
        let visible = BitMatrix::from_fn(2, 1, |_, _| true);
        let statistics =
            |probabilities| Statistics { visible: &visible, hidden: HiddenStatistics::Probabilities(probabilities) };
        let step = Step { learning_rate: 0.5, momentum: 0.5, weight_decay: 0.25 };
        // Gradient of the weight: ((1 + 0.5) − (0.5 + 0)) / 2 = 0.5; of the hidden bias the same.
        engine.step(&statistics(&[1.0, 0.5]), &statistics(&[0.5, 0.0]), &step);
        let first = engine.parameters();
        assert_eq!(first.weights[0], 1.0 + 0.25 - 0.125);
        assert_eq!(first.hidden_bias[0], 0.25);
        engine.step(&statistics(&[0.0, 0.0]), &statistics(&[0.0, 0.0]), &step);
        let second = engine.parameters();
        assert_eq!(second.weights[0], 1.125 + 0.5 * 0.125 - 0.125 * 1.125);
        assert_eq!(second.hidden_bias[0], 0.375);
        assert_eq!(second.visible_bias[0], 0.0);
    }
}

/// Random weights that are multiples of 2^-8 sum exactly in every order, so the engines agree bit for bit.
#[test]
fn engines_agree_bit_for_bit_where_sums_are_exact() {
    for (visible, hidden, rows) in [(1, 1, 1), (70, 3, 5), (300, 65, 300), (129, 40, 33)] {
        let mut parameters = random_parameters(61, visible, hidden, 1.0);
        let quantise = |x: &mut f32| *x = (*x * 256.0).round() / 256.0;
        parameters.weights.iter_mut().for_each(quantise);
        parameters.visible_bias.iter_mut().for_each(quantise);
        parameters.hidden_bias.iter_mut().for_each(quantise);
        let data = random_bits(62, rows, visible, 0.3);
        let streams = RowStreams::new(61, Purpose::ChainHidden, 0, 0, 0);
        let results = ENGINES.map(|kind| {
            let mut engine = build(kind, parameters.clone());
            let draw = Draw::at(streams, 0.5);
            let (mut hidden, mut fantasy, mut inputs) = (BitMatrix::default(), BitMatrix::default(), Vec::new());
            engine.sample_hidden(&data, draw, &mut hidden);
            engine.sample_visible(&hidden, draw, &mut fantasy);
            engine.visible_inputs(&hidden, &mut inputs);
            let samples = HiddenStatistics::Samples(&hidden);
            let statistics = |visible| Statistics { visible, hidden: samples };
            let step = Step { learning_rate: 0.1, momentum: 0.0, weight_decay: 0.0 };
            engine.step(&statistics(&data), &statistics(&fantasy), &step);
            (hidden, fantasy, inputs, engine.parameters())
        });
        assert!(results.iter().all(|own| *own == results[0]), "{visible} × {hidden}, {rows} rows");
    }
}
