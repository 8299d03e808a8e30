//! Tests of every term of an update against a textbook: a centred RBM in plain f64 loops that shares only the raw
//! random numbers with the engines.

use crate::engine::{BitMatrix, EngineKind, Parameters, Purpose, RowStreams, sigmoid_f64};
use crate::model::{ModelOptions, Trainer};
use crate::testing::{random_bits, trained_parameters};
use crate::train::{Batches, Centring, LearningRateSchedule, Method, StatisticsKind, TrainOptions, TrainingSet};

const ENGINES: [EngineKind; 3] = [EngineKind::Reference, EngineKind::Dense, EngineKind::Packed];
const ROWS: usize = 12;
const VISIBLE: usize = 20;
const HIDDEN: usize = 7;
const BATCH: usize = 4;

type Vector = Vec<f64>;

/// The model E(v, h) = −b·(v − μ) − c·(h − λ) − (v − μ) W (h − λ), trained by algorithm 1 of Melchior, Fischer and
/// Wiskott (2016): the parameters of the centred model are kept, and its biases are corrected whenever the offsets
/// move.
struct Textbook {
    w: Vec<Vector>,
    b: Vector,
    c: Vector,
    mu: Vector,
    lambda: Vector,
    /// The running means of the hidden units' activity.
    q: Option<Vector>,
    velocity: (Vec<Vector>, Vector, Vector),
}

impl Textbook {
    fn of(parameters: &Parameters, centred: bool, data_means: Vector) -> Self {
        let widen = |values: &[f32]| values.iter().map(|&x| f64::from(x)).collect::<Vector>();
        let mut model = Self {
            w: (0..VISIBLE).map(|i| widen(parameters.weight_row(i))).collect(),
            b: widen(&parameters.visible_bias),
            c: widen(&parameters.hidden_bias),
            mu: vec![0.0; VISIBLE],
            lambda: vec![0.0; HIDDEN],
            q: None,
            velocity: (vec![vec![0.0; HIDDEN]; VISIBLE], vec![0.0; VISIBLE], vec![0.0; HIDDEN]),
        };
        if centred {
            model.move_offsets(data_means, vec![0.5; HIDDEN]);
        }
        model
    }

    /// Sets new offsets and corrects the biases so that the model stays the same: b += W Δλ, c += Wᵀ Δμ.
    fn move_offsets(&mut self, mu: Vector, lambda: Vector) {
        for (i, mu) in mu.iter().enumerate() {
            for (j, lambda) in lambda.iter().enumerate() {
                self.b[i] += self.w[i][j] * (lambda - self.lambda[j]);
                self.c[j] += self.w[i][j] * (mu - self.mu[i]);
            }
        }
        (self.mu, self.lambda) = (mu, lambda);
    }

    fn up(&self, v: &[f64]) -> Vector {
        (0..HIDDEN).map(|j| self.c[j] + (0..VISIBLE).map(|i| (v[i] - self.mu[i]) * self.w[i][j]).sum::<f64>()).collect()
    }

    fn down(&self, h: &[f64]) -> Vector {
        (0..VISIBLE)
            .map(|i| self.b[i] + (0..HIDDEN).map(|j| (h[j] - self.lambda[j]) * self.w[i][j]).sum::<f64>())
            .collect()
    }

    /// Returns the parameters of the ordinary form of the same model.
    fn ordinary(&self) -> (Vec<Vector>, Vector, Vector) {
        let b =
            (0..VISIBLE).map(|i| self.b[i] - (0..HIDDEN).map(|j| self.w[i][j] * self.lambda[j]).sum::<f64>()).collect();
        let c = (0..HIDDEN).map(|j| self.c[j] - (0..VISIBLE).map(|i| self.w[i][j] * self.mu[i]).sum::<f64>()).collect();
        (self.w.clone(), b, c)
    }

    /// Makes one update on a batch; `chains` are the persistent chains, if there are any.
    fn update(
        &mut self,
        batch: &[Vector],
        chains: Option<&mut Vec<Vector>>,
        options: &TrainOptions,
        seed: u64,
        at: [u64; 2],
    ) {
        let streams = |purpose, step| RowStreams::new(seed, purpose, at[0], at[1], step);
        let samples = options.statistics == StatisticsKind::Samples;
        let statistics = |model: &Self, states: &[Vector], purpose: Purpose| -> Vec<Vector> {
            let gather = |(row, v): (usize, &Vector)| {
                let inputs = model.up(v);
                if samples {
                    draw(&inputs, streams(purpose, 0), row)
                } else {
                    inputs.into_iter().map(sigmoid_f64).collect()
                }
            };
            states.iter().enumerate().map(gather).collect()
        };
        let positive =
            statistics(self, batch, if chains.is_some() { Purpose::PositiveHidden } else { Purpose::ChainHidden });
        let mut fantasies = chains.as_ref().map_or_else(|| batch.to_vec(), |chains| (*chains).clone());
        for step in 0..options.gibbs_steps_at(at[0]) {
            for (row, v) in fantasies.iter_mut().enumerate() {
                let h = draw(&self.up(v), streams(Purpose::ChainHidden, step), row);
                *v = draw(&self.down(&h), streams(Purpose::ChainVisible, step), row);
            }
        }
        let negative = statistics(self, &fantasies, Purpose::NegativeHidden);
        let mean = |rows: &[Vector], unit: usize| rows.iter().map(|row| row[unit]).sum::<f64>() / rows.len() as f64;
        let means = |rows: &[Vector], count: usize| (0..count).map(|unit| mean(rows, unit)).collect::<Vector>();

        if options.centring != Centring::None {
            let target = |data: Vector, model: Vector| -> Vector {
                let average = |(data, model): (&f64, &f64)| (data + model) / 2.0;
                if options.centring == Centring::Data { data } else { data.iter().zip(&model).map(average).collect() }
            };
            let blend = |old: &Vector, new: Vector| -> Vector {
                let rate = options.centring_rate;
                old.iter().zip(new).map(|(old, new)| (1.0 - rate) * old + rate * new).collect()
            };
            let mu = target(means(batch, VISIBLE), means(&fantasies, VISIBLE));
            let lambda = target(means(&positive, HIDDEN), means(&negative, HIDDEN));
            self.move_offsets(blend(&self.mu, mu), blend(&self.lambda, lambda));
        }
        let activity = means(&positive, HIDDEN);
        let q = match self.q.take() {
            None => activity,
            Some(q) => {
                let decay = options.sparsity_decay;
                q.iter().zip(activity).map(|(q, now)| decay * q + (1.0 - decay) * now).collect()
            }
        };

        let rate = options.learning_rate_at(at[0]);
        let momentum = options.momentum_at(at[0]);
        let pull = |j: usize| options.sparsity_strength * (options.sparsity_target - q[j]);
        let change = |velocity: &mut f64, change: f64| {
            *velocity = momentum * *velocity + change;
            if options.nesterov { change + momentum * *velocity } else { *velocity }
        };
        let centred = |v: &[Vector], h: &[Vector], i: usize, j: usize| {
            let products = v.iter().zip(h).map(|(v, h)| (v[i] - self.mu[i]) * (h[j] - self.lambda[j]));
            products.sum::<f64>() / v.len() as f64
        };
        let mut w = self.w.clone();
        for (i, w) in w.iter_mut().enumerate() {
            for (j, w) in w.iter_mut().enumerate() {
                let pulled = pull(j) * batch.iter().map(|v| v[i] - self.mu[i]).sum::<f64>() / batch.len() as f64;
                let gradient = centred(batch, &positive, i, j) - centred(&fantasies, &negative, i, j) + pulled;
                let sign = if *w > 0.0 { 1.0 } else { -1.0 };
                let decayed = options.weight_decay * *w + options.weight_decay_l1 * sign;
                *w += change(&mut self.velocity.0[i][j], rate * (gradient - decayed));
            }
        }
        for i in 0..VISIBLE {
            self.b[i] += change(&mut self.velocity.1[i], rate * (mean(batch, i) - mean(&fantasies, i)));
        }
        for j in 0..HIDDEN {
            let gradient = mean(&positive, j) - mean(&negative, j) + pull(j);
            self.c[j] += change(&mut self.velocity.2[j], rate * gradient);
        }
        self.w = w;
        self.q = Some(q);
        if let Some(chains) = chains {
            *chains = fantasies;
        }
    }
}

fn draw(inputs: &[f64], streams: RowStreams, row: usize) -> Vector {
    let mut stream = streams.row(row);
    let uniform = |number: u32| (f64::from(number >> 1) + 0.5) / 2f64.powi(31);
    inputs.iter().map(|&x| f64::from(uniform(stream.next_u32()) <= sigmoid_f64(x))).collect()
}

fn rows_of(states: &BitMatrix) -> Vec<Vector> {
    (0..states.rows())
        .map(|row| (0..states.columns()).map(|unit| f64::from(u8::from(states.get(row, unit)))).collect())
        .collect()
}

fn base() -> TrainOptions {
    TrainOptions {
        k: 2,
        learning_rate: 0.125,
        epochs: 3,
        batch_size: BATCH,
        batches: Batches::PerSong,
        ..TrainOptions::default()
    }
}

/// Asserts that every engine and the textbook agree after three epochs of three updates. Seed 31.
fn agree(what: &str, change: impl Fn(&mut TrainOptions)) {
    let windows = random_bits(31, ROWS, VISIBLE, 0.3);
    let song = 0..ROWS;
    let set = TrainingSet { windows: &windows, songs: std::slice::from_ref(&song) };
    let model = ModelOptions { hidden: HIDDEN, weight_std: 0.5, ..ModelOptions::default() };
    for engine in ENGINES {
        let mut options = TrainOptions { engine, ..base() };
        change(&mut options);
        let mut trainer = Trainer::new(set, &model, &options, 31);
        let data = rows_of(&windows);
        let means = (0..VISIBLE).map(|i| data.iter().map(|v| v[i]).sum::<f64>() / ROWS as f64).collect();
        let start = trained_parameters(&trainer);
        let mut textbook = Textbook::of(&start, options.centring != Centring::None, means);
        // The trainer draws the first states of persistent chains.
        let mut chains = trainer.state().tensors.get("chains").map(|tensor| {
            let crate::model::TensorValues::U64(words) = &tensor.values else { panic!("chains are bits") };
            rows_of(&BitMatrix::from_words(BATCH, VISIBLE, words.clone()).unwrap())
        });
        for epoch in 0..3 {
            trainer.train_epoch(epoch);
            for (batch, rows) in (0..).zip(data.chunks(BATCH)) {
                textbook.update(rows, chains.as_mut(), &options, 31, [epoch, batch]);
            }
        }
        let (w, b, c) = textbook.ordinary();
        let trained = trained_parameters(&trainer);
        assert_ne!(trained, start);
        let close = |ours: &[f32], theirs: &mut dyn Iterator<Item = f64>, part: &str| {
            for (index, (&ours, theirs)) in ours.iter().zip(theirs).enumerate() {
                let difference = (f64::from(ours) - theirs).abs();
                assert!(difference < 1e-5, "{what}, {engine:?}: {part}[{index}] {ours} against {theirs}");
            }
        };
        close(&trained.weights, &mut w.into_iter().flatten(), "w");
        close(&trained.visible_bias, &mut b.into_iter(), "b");
        close(&trained.hidden_bias, &mut c.into_iter(), "c");
    }
}

/// Also catches hidden statistics of the negative phase that are not those of its last states.
#[test]
fn plain_updates_of_every_kind() {
    agree("probabilities", |_| {});
    agree("samples", |options| options.statistics = StatisticsKind::Samples);
    agree("persistent", |options| options.method = Method::Pcd);
    agree("growing k", |options| options.k_final = 5);
    agree("falling rate", |options| {
        options.learning_rate_schedule = LearningRateSchedule::Exponential;
        options.learning_rate_final = 0.01;
    });
}

#[test]
fn centring() {
    for (statistics, method) in [
        (StatisticsKind::Probabilities, Method::Cd),
        (StatisticsKind::Samples, Method::Cd),
        (StatisticsKind::Probabilities, Method::Pcd),
    ] {
        for (centring, rate) in
            [(Centring::Data, 0.25), (Centring::Average, 0.25), (Centring::Average, 1.0), (Centring::Data, 0.0)]
        {
            agree(&format!("{statistics:?}, {method:?}, {centring:?} at {rate}"), |options| {
                (options.statistics, options.method) = (statistics, method);
                (options.centring, options.centring_rate) = (centring, rate);
            });
        }
    }
}

#[test]
fn sparsity_and_decay() {
    agree("sparsity", |options| options.sparsity_strength = 2.0);
    agree("L1", |options| options.weight_decay_l1 = 0.1);
    agree("L1 and L2", |options| (options.weight_decay_l1, options.weight_decay) = (0.1, 0.2));
}

#[test]
fn momentum_of_either_rule() {
    let moving = |options: &mut TrainOptions| {
        (options.initial_momentum, options.momentum, options.momentum_switch_epoch) = (0.5, 0.75, 1);
    };
    agree("momentum", moving);
    agree("Nesterov", |options| {
        moving(options);
        options.nesterov = true;
    });
}

#[test]
fn everything_at_once() {
    for method in [Method::Cd, Method::Pcd] {
        agree("everything", |options| {
            options.method = method;
            (options.momentum, options.nesterov) = (0.5, true);
            (options.weight_decay_l1, options.weight_decay) = (0.02, 0.1);
            (options.sparsity_strength, options.sparsity_target, options.sparsity_decay) = (0.5, 0.2, 0.5);
            (options.centring, options.centring_rate) = (Centring::Data, 0.125);
            options.learning_rate_schedule = LearningRateSchedule::Linear;
        });
    }
}
