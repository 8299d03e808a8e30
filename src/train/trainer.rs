//! The training loop.

use super::averaging::Averaging;
use super::batches::TrainingSet;
use super::initial::initial_parameters;
use super::options::{Method, ModelOptions, TrainOptions};
use super::phases::{HiddenSide, NegativePhase, Pace, PositivePhase, UpdateStreams};
use super::state::{StateError, StateReader, TrainerState};
use super::terms::{Means, Terms};
use crate::engine::{
    BitMatrix, Engine, Isa, IsaError, Products, Purpose, RowStreams, Step, build_for, keep_awake, uniform_below,
};
use crate::rbm::{Expectations, MAXIMUM_GRADIENT_UNITS};
use std::ops::AddAssign;

/// Trains one RBM on one set of windows; the caller decides when, observes and times.
pub struct Trainer<'a> {
    set: TrainingSet<'a>,
    options: &'a TrainOptions,
    seed: u64,
    engine: Box<dyn Engine>,
    positive_phase: PositivePhase,
    negative_phase: NegativePhase,
    negative_side: HiddenSide,
    /// Terms beyond those of an engine's plain step, where there are any.
    terms: Option<Terms>,
    averaging: Option<Averaging>,
    batch: BitMatrix,
}

/// Why a model cannot be trained as its options say.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrainerError {
    /// The processor lacks the instruction set.
    #[error(transparent)]
    Isa(#[from] IsaError),
    /// Too many states for an exact gradient.
    #[error(
        "train.method = \"exact\" enumerates the states of the smaller layer, here of {units} units: \
         at most {MAXIMUM_GRADIENT_UNITS} are possible"
    )]
    TooManyStates {
        /// Units of the smaller layer.
        units: usize,
    },
}

/// What one epoch did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EpochCounts {
    /// Parameter updates.
    pub updates: u64,
    /// Examples seen, over all batches.
    pub examples: u64,
}

impl AddAssign for EpochCounts {
    fn add_assign(&mut self, other: Self) {
        self.updates += other.updates;
        self.examples += other.examples;
    }
}

/// What a part of an epoch did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochPart {
    /// The updates of this part.
    pub counts: EpochCounts,
    /// The batch to go on with, counted from zero within the epoch.
    pub next_batch: u64,
    /// Whether that was the last batch of the epoch.
    pub finished: bool,
}

impl<'a> Trainer<'a> {
    /// As [`Self::with_isa`], with the most capable instruction set there is.
    pub fn new(set: TrainingSet<'a>, model: &ModelOptions, options: &'a TrainOptions, seed: u64) -> Self {
        Self::with_isa(set, model, options, seed, Isa::best()).unwrap_or_else(|error| panic!("{error}"))
    }

    /// A trainer at the state before the first update. Everything drawn is a function of `seed`; the instruction set
    /// changes no bit. An error if this processor lacks it, or if the model is too large for an exact gradient.
    pub fn with_isa(
        set: TrainingSet<'a>,
        model: &ModelOptions,
        options: &'a TrainOptions,
        seed: u64,
        isa: Isa,
    ) -> Result<Self, TrainerError> {
        let units = set.windows.columns().min(model.hidden);
        if options.method == Method::Exact && units > MAXIMUM_GRADIENT_UNITS {
            return Err(TrainerError::TooManyStates { units });
        }
        let trained = set.trained_windows(options);
        let parameters = initial_parameters(model, set.windows, &trained, seed);
        let start = |temperature: u64| persistent_chains(set.windows, &trained, options, (seed, temperature));
        let terms = Terms::new(options, model.hidden, || column_means(set.windows, &trained));
        let terms = if options.method == Method::Exact { terms.or_else(|| Some(Terms::none())) } else { terms };
        Ok(Self {
            set,
            options,
            seed,
            engine: build_for(options.engine, parameters, isa)?,
            positive_phase: PositivePhase::new(options),
            negative_phase: NegativePhase::new(options, start),
            negative_side: HiddenSide::new(options.statistics),
            terms,
            averaging: Averaging::new(options),
            batch: BitMatrix::default(),
        })
    }

    /// The engine with the parameters as they are now.
    pub fn engine(&mut self) -> &mut dyn Engine {
        self.engine.as_mut()
    }

    /// Train on every batch of one epoch, counted from zero.
    pub fn train_epoch(&mut self, epoch: u64) -> EpochCounts {
        self.train_part(epoch, 0, &mut || true).counts
    }

    /// Train on the batches of one epoch from `first_batch` on, both counted from zero, for as long as `go_on`, asked after
    /// every update but the last, says so. One update at least is made where there is one to make.
    ///
    /// An epoch in parts has the bits of one in a whole.
    pub fn train_part(&mut self, epoch: u64, first_batch: u64, go_on: &mut dyn FnMut() -> bool) -> EpochPart {
        let (visible, hidden) = (self.engine.visible(), self.engine.hidden());
        keep_awake(self.options.batch_size * visible * hidden, || self.train_batches(epoch, first_batch, go_on))
    }

    fn train_batches(&mut self, epoch: u64, first_batch: u64, go_on: &mut dyn FnMut() -> bool) -> EpochPart {
        let batches = self.set.batches(self.options, self.seed, epoch);
        let pace = Pace { step: step_of(self.options, epoch), gibbs_steps: self.options.gibbs_steps_at(epoch) };
        if first_batch == 0 {
            self.negative_phase.start_epoch();
        }
        let mut counts = EpochCounts::default();
        for (batch, rows) in (0..).zip(&batches).skip(first_batch as usize) {
            if counts.updates > 0 && !go_on() {
                return EpochPart { counts, next_batch: batch, finished: false };
            }
            self.set.windows.gather_into(rows, &mut self.batch);
            self.update(&UpdateStreams { seed: self.seed, epoch, batch }, &pace);
            if let Some(averaging) = self.averaging.as_mut().filter(|own| own.counts(epoch)) {
                averaging.add(self.engine.as_ref());
            }
            counts += EpochCounts { updates: 1, examples: rows.len() as u64 };
        }
        if let Some(averaging) = self.averaging.as_mut().filter(|own| own.ends_with(epoch))
            && let Some(mean) = averaging.take_mean(self.engine.visible(), self.engine.hidden())
        {
            self.engine.restore(&mean, None);
        }
        EpochPart { counts, next_batch: batches.len() as u64, finished: true }
    }

    /// Everything that the next update depends on besides the options, the windows, the seed, and the numbers of its epoch
    /// and batch.
    pub fn state(&self) -> TrainerState {
        let mut state = TrainerState::default();
        state.insert_parameters("", self.engine.parameters());
        if let Some(velocity) = self.engine.velocity() {
            state.insert_parameters("velocity.", velocity);
        }
        self.negative_phase.save(&mut state);
        if let Some(terms) = &self.terms {
            terms.save(&mut state);
        }
        if let Some(averaging) = &self.averaging {
            averaging.save(&mut state);
        }
        state
    }

    /// Take over the state of another trainer of the same options, windows and seed: it goes on to the same bits. Nothing is
    /// changed where that is impossible.
    pub fn restore(&mut self, state: &TrainerState) -> Result<(), StateError> {
        let mut reader = StateReader::new(state);
        let shape = (self.engine.visible(), self.engine.hidden());
        let parameters = reader.parameters("", shape)?;
        let moving = reader.has("velocity.weights");
        let velocity = moving.then(|| reader.parameters("velocity.", shape)).transpose()?;
        let negative_phase = self.negative_phase.restored(&mut reader)?;
        let terms = self.terms.as_ref().map(|terms| terms.restored(&mut reader, shape.1)).transpose()?;
        let averaging = self.averaging.as_ref().map(|own| own.restored(&mut reader, shape)).transpose()?;
        reader.finish()?;
        self.engine.restore(&parameters, velocity.as_ref());
        self.negative_phase = negative_phase;
        self.terms = terms;
        self.averaging = averaging;
        Ok(())
    }

    /// Of each pair of neighbouring temperatures, coldest first, the share of exchanges made of those tried in the epoch so
    /// far, where any were; `None` but under parallel tempering.
    pub fn exchange_acceptance(&self) -> Option<Vec<Option<f64>>> {
        self.negative_phase.tempering().map(super::tempering::Tempering::acceptance)
    }

    /// One update (contrastive divergence: Hinton 2002, equation 7) on the current batch.
    fn update(&mut self, streams: &UpdateStreams, pace: &Pace) {
        if self.options.method == Method::Exact {
            return self.update_exactly(&pace.step);
        }
        let engine = self.engine.as_mut();
        let data = self.positive_phase.gather(engine, &self.batch, streams);
        let fantasy = self.negative_phase.advance(engine, &data, streams, pace);
        let model = self.negative_side.gather(engine, fantasy, streams, Purpose::NegativeHidden);
        match &mut self.terms {
            None => engine.step(&data, &model, &pace.step),
            Some(terms) => {
                let means = [&data, &model].map(|side| Means::of(side, engine.hidden()));
                let products = Products::Estimated { data: &data, model: &model };
                terms.step(engine, &products, (&means[0], &means[1]), &pace.step);
            }
        }
    }

    /// One update along the gradient of the batch's mean log-likelihood itself.
    fn update_exactly(&mut self, step: &Step) {
        let parameters = self.engine.parameters();
        let data = Expectations::of_data(&parameters, &self.batch);
        let model = Expectations::of_model(&parameters).expect("the size was checked before training");
        let products = data.products.iter().zip(&model.products).map(|(data, model)| (data - model) as f32);
        let products: Vec<f32> = products.collect();
        let [data, model] = [data, model].map(|Expectations { visible, hidden, .. }| Means { visible, hidden });
        let terms = self.terms.as_mut().expect("exact gradients are applied with terms");
        terms.step(self.engine.as_mut(), &Products::Given(&products), (&data, &model), step);
    }
}

/// The scalars of the updates of an epoch.
fn step_of(options: &TrainOptions, epoch: u64) -> Step {
    Step {
        learning_rate: options.learning_rate_at(epoch) as f32,
        momentum: options.momentum_at(epoch) as f32,
        weight_decay: options.weight_decay as f32,
    }
}

/// The share of the given rows in which each column is on; zero of no rows.
fn column_means(windows: &BitMatrix, rows: &[usize]) -> Vec<f64> {
    let counts = windows.column_counts(rows.iter().copied());
    counts.into_iter().map(|count| f64::from(count) / rows.len().max(1) as f64).collect()
}

/// First states of persistent chains of one temperature, by its number: training windows drawn with replacement.
fn persistent_chains(
    windows: &BitMatrix,
    trained: &[usize],
    options: &TrainOptions,
    (seed, temperature): (u64, u64),
) -> BitMatrix {
    let chains = if options.chains == 0 { options.batch_size } else { options.chains };
    if trained.is_empty() {
        return BitMatrix::zeros(chains, windows.columns());
    }
    let mut generator = RowStreams::new(seed, Purpose::ChainStart, 0, 0, temperature).generator(0);
    let chosen: Vec<usize> =
        (0..chains).map(|_| trained[uniform_below(&mut generator, trained.len() as u64) as usize]).collect();
    windows.gather(&chosen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Draw, EngineKind, HiddenStatistics, Parameters, Statistics, build, sigmoid_f64};
    use crate::evaluate::{exact_log_partition, mean_free_energy};
    use crate::rbm::Rbm;
    use crate::testing::{bars_and_stripes, random_bits, random_parameters};
    use crate::train::{Batches, PositiveSample, StatisticsKind};

    const ENGINES: [EngineKind; 3] = [EngineKind::Reference, EngineKind::Dense, EngineKind::Packed];

    fn log_likelihood(parameters: &Parameters, data: &BitMatrix) -> f64 {
        let rbm = Rbm::new(parameters.clone());
        let rows: Vec<usize> = (0..data.rows()).collect();
        -mean_free_energy(&rbm, data, &rows).unwrap() - exact_log_partition(&rbm).unwrap()
    }

    /// An RBM of plain f64 loops that shares nothing with the engines but the raw random numbers: the seed recipe's
    /// update, read off the article.
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

    /// Seed 31: six updates of CD-3 agree with the textbook to f32's rounding.
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
            let mut trainer = Trainer::new(
                TrainingSet { windows: &windows, songs: std::slice::from_ref(&song) },
                &model,
                &options,
                31,
            );
            let start = trainer.engine().parameters();
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
            let trained = trainer.engine().parameters();
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
    /// Seed 41. An average of 20,000 products in {−1, 0, 1} has a standard error of at most 0.01 (of the two phases
    /// together); the bound of 0.05 is five of them, over 19 parameters a false-alarm rate below 2e-5.
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
            let mut trainer = Trainer::new(
                TrainingSet { windows: &windows, songs: std::slice::from_ref(&song) },
                &model,
                &options,
                41,
            );
            let before = trainer.engine().parameters();
            trainer.train_epoch(0);
            let after = trainer.engine().parameters();
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

    /// Seed 51: CD-10 learns 3 × 3 bars and stripes to within 8 % of the best mean log-likelihood there is.
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
            let start = log_likelihood(&trainer.engine().parameters(), &patterns);
            for epoch in 0..2000 {
                trainer.train_epoch(epoch);
            }
            let trained = log_likelihood(&trainer.engine().parameters(), &patterns);
            assert!(start < 2.0 * OPTIMUM, "the start was too good: {start}");
            assert!(trained > 1.08 * OPTIMUM, "{engine:?}: mean log-likelihood {trained}, at best {OPTIMUM}");
            assert!(trained <= OPTIMUM + 1e-9, "{engine:?}: {trained} is better than possible");
        }
    }

    /// Momentum and weight decay by hand: no data gradient, so only decay moves the weight.
    #[test]
    fn momentum_and_decay_follow_their_formula() {
        for kind in ENGINES {
            let mut parameters = Parameters::zeros(1, 1);
            parameters.weights[0] = 1.0;
            let mut engine = build(kind, parameters);
            let visible = BitMatrix::from_fn(2, 1, |_, _| true);
            let statistics = |probabilities| Statistics {
                visible: &visible,
                hidden: HiddenStatistics::Probabilities(probabilities),
            };
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

    /// Random weights that are multiples of 2^-8 sum exactly in every order: the engines agree bit for bit.
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
}
