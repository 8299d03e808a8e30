//! The learner of an RBM: contrastive divergence or a relative of it, one update at a time.

use super::expectations::{Expectations, MAXIMUM_GRADIENT_UNITS};
use super::gradient::Gradient;
use super::initial::initial_parameters;
use super::model::RbmModel;
use super::phases::{HiddenSide, NegativePhase, Pace, PositivePhase};
use super::streams::UpdateStreams;
use super::tempering::Tempering;
use super::terms::{Means, Terms};
use crate::engine::{BitMatrix, Isa, Products, Purpose, RowStreams, Step, uniform_below};
use crate::model::contract::{Learner, LearnerError, Metrics, Model};
use crate::model::options::ModelOptions;
use crate::model::tensors::{TensorError, TensorReader, Tensors};
use crate::model::training::optimizer::{Adam, Moments};
use crate::train::{Method, TrainOptions, TrainingSet};

/// A learner that trains one RBM on one set of windows.
pub struct RbmLearner<'a> {
    set: TrainingSet<'a>,
    options: &'a TrainOptions,
    seed: u64,
    model: RbmModel,
    positive_phase: PositivePhase,
    negative_phase: NegativePhase,
    negative_side: HiddenSide,
    /// The terms beyond those of an engine's plain step, if there are any.
    terms: Option<Terms>,
    /// The moments of the parameters, under Adam.
    moments: Option<Moments>,
    /// The epoch that was started; `batches` holds the rows of its batches.
    epoch: u64,
    pace: Pace,
    batches: Vec<Vec<usize>>,
    batch: BitMatrix,
}

impl<'a> RbmLearner<'a> {
    /// Returns a learner at the state before the first update. Everything drawn is a function of `seed`; the
    /// instruction set changes no bit. An error if this processor lacks it, or if the model is too large for an exact
    /// gradient.
    pub fn new(
        set: TrainingSet<'a>,
        model: &ModelOptions,
        options: &'a TrainOptions,
        seed: u64,
        isa: Isa,
    ) -> Result<Self, LearnerError> {
        let units = set.windows.columns().min(model.hidden);
        if options.method == Method::Exact && units > MAXIMUM_GRADIENT_UNITS {
            return Err(LearnerError::TooManyStates { units, most: MAXIMUM_GRADIENT_UNITS });
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
            model: RbmModel::new(parameters, options.engine, isa)?,
            positive_phase: PositivePhase::new(options),
            negative_phase: NegativePhase::new(options, start),
            negative_side: HiddenSide::new(options.statistics),
            terms,
            moments: Moments::under(options, set.windows.columns() * (model.hidden + 1) + model.hidden),
            epoch: 0,
            pace: Pace { step: step_of(options, 0), gibbs_steps: options.gibbs_steps_at(0) },
            batches: Vec::new(),
            batch: BitMatrix::default(),
        })
    }

    /// Makes one update (contrastive divergence: Hinton 2002, equation 7) on the current batch.
    fn contrast(&mut self, streams: &UpdateStreams) {
        let engine = self.model.engine_mut();
        let data = self.positive_phase.gather(engine, &self.batch, streams);
        let fantasy = self.negative_phase.advance(engine, &data, streams, &self.pace);
        let model = self.negative_side.gather(engine, fantasy, streams, Purpose::NegativeHidden);
        if let Some(moments) = &mut self.moments {
            let gradient = Gradient::estimated(&data, &model, engine.hidden());
            gradient.ascend(engine, moments, Adam::of(self.options), self.pace.rate());
            return;
        }
        match &mut self.terms {
            None => engine.step(&data, &model, &self.pace.step),
            Some(terms) => {
                let means = [&data, &model].map(|side| Means::of(side, engine.hidden()));
                let products = Products::Estimated { data: &data, model: &model };
                terms.step(engine, &products, (&means[0], &means[1]), &self.pace.step);
            }
        }
    }

    /// Makes one update along the gradient of the batch's mean log-likelihood.
    fn ascend(&mut self) {
        let parameters = self.model.engine().parameters();
        let data = Expectations::of_data(&parameters, &self.batch);
        let model = Expectations::of_model(&parameters).expect("the size was checked before training");
        let products = data.products.iter().zip(&model.products).map(|(data, model)| (data - model) as f32);
        let products: Vec<f32> = products.collect();
        let [data, model] = [data, model].map(|Expectations { visible, hidden, .. }| Means { visible, hidden });
        if let Some(moments) = &mut self.moments {
            let less = |own: &[f64], other: &[f64]| -> Vec<f32> {
                own.iter().zip(other).map(|(own, other)| (own - other) as f32).collect()
            };
            let gradient = Gradient {
                weights: products,
                visible_bias: less(&data.visible, &model.visible),
                hidden_bias: less(&data.hidden, &model.hidden),
            };
            gradient.ascend(self.model.engine_mut(), moments, Adam::of(self.options), self.pace.rate());
            return;
        }
        let terms = self.terms.as_mut().expect("exact gradients are applied with terms");
        terms.step(self.model.engine_mut(), &Products::Given(&products), (&data, &model), &self.pace.step);
    }
}

impl Learner for RbmLearner<'_> {
    fn model(&self) -> &dyn Model {
        &self.model
    }

    fn model_mut(&mut self) -> &mut dyn Model {
        &mut self.model
    }

    fn start(&mut self, epoch: u64, first_batch: u64) -> u64 {
        self.epoch = epoch;
        self.pace = Pace { step: step_of(self.options, epoch), gibbs_steps: self.options.gibbs_steps_at(epoch) };
        self.batches = self.set.batches(self.options, self.seed, epoch);
        if first_batch == 0 {
            self.negative_phase.start_epoch();
        }
        self.batches.len() as u64
    }

    fn update(&mut self, batch: u64) -> u64 {
        let rows = &self.batches[batch as usize];
        let examples = rows.len() as u64;
        self.set.windows.gather_into(rows, &mut self.batch);
        if self.options.method == Method::Exact {
            self.ascend();
        } else {
            self.contrast(&UpdateStreams { seed: self.seed, epoch: self.epoch, batch });
        }
        examples
    }

    fn work(&self) -> usize {
        let engine = self.model.engine();
        self.options.batch_size * engine.visible() * engine.hidden()
    }

    fn state(&self) -> Tensors {
        let engine = self.model.engine();
        let mut state = Tensors::from(engine.parameters());
        if let Some(velocity) = engine.velocity() {
            state.insert_parameters("velocity.", velocity);
        }
        self.negative_phase.save(&mut state);
        if let Some(terms) = &self.terms {
            terms.save(&mut state);
        }
        if let Some(moments) = &self.moments {
            moments.save(&mut state);
        }
        state
    }

    fn restore(&mut self, mut state: TensorReader) -> Result<(), TensorError> {
        let engine = self.model.engine();
        let shape = (engine.visible(), engine.hidden());
        let parameters = state.parameters("", shape)?;
        let moving = state.has("velocity.weights");
        let velocity = moving.then(|| state.parameters("velocity.", shape)).transpose()?;
        let negative_phase = self.negative_phase.restored(&mut state)?;
        let terms = self.terms.as_ref().map(|terms| terms.restored(&mut state, shape.1)).transpose()?;
        let moments = self.moments.as_ref().map(|moments| moments.restored(&mut state)).transpose()?;
        state.finish()?;
        self.moments = moments;
        self.model.engine_mut().restore(&parameters, velocity.as_ref());
        self.negative_phase = negative_phase;
        self.terms = terms;
        Ok(())
    }

    /// Returns, under parallel tempering, `exchange_acceptance`, the share of tried exchanges that were made, as the
    /// mean over pairs of neighbouring temperatures, and `least_exchange_acceptance`, the share of the pair with the
    /// least. Null before the first exchange.
    fn metrics(&self) -> Metrics {
        let mut metrics = Metrics::new();
        if let Some(shares) = self.negative_phase.tempering().map(Tempering::acceptance) {
            let shares: Option<Vec<f64>> = shares.into_iter().collect();
            let mean = shares.as_ref().map(|shares| shares.iter().sum::<f64>() / shares.len() as f64);
            metrics.insert("exchange_acceptance".into(), mean);
            let least = shares.and_then(|shares| shares.into_iter().reduce(f64::min));
            metrics.insert("least_exchange_acceptance".into(), least);
        }
        metrics
    }
}

/// Returns the scalars of the updates of an epoch.
fn step_of(options: &TrainOptions, epoch: u64) -> Step {
    Step {
        learning_rate: options.learning_rate_at(epoch) as f32,
        momentum: options.momentum_at(epoch) as f32,
        weight_decay: options.weight_decay as f32,
    }
}

/// Returns the share of the given rows in which each column is on; zero if there are no rows.
fn column_means(windows: &BitMatrix, rows: &[usize]) -> Vec<f64> {
    let counts = windows.column_counts(rows.iter().copied());
    counts.into_iter().map(|count| f64::from(count) / rows.len().max(1) as f64).collect()
}

/// Returns the first states of persistent chains of one temperature, by its number: training windows drawn with
/// replacement.
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
