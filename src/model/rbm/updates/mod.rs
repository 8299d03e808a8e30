//! The updates of an RBM's parameters: contrastive divergence or a relative of it, one batch at a time.

mod phases;
mod streams;
mod tempering;
mod terms;

use super::expectations::{Expectations, MAXIMUM_GRADIENT_UNITS};
use super::gradient::{Gradient, as_numbers};
use crate::engine::{
    BitMatrix, Engine, Parameters, ProductKernels, Products, Purpose, RowStreams, Step, fires, sigmoid, uniform_below,
};
use crate::model::contract::{LearnerError, Metrics};
use crate::model::tensors::{TensorError, TensorReader, Tensors};
use crate::model::training::optimizer::{Adam, Moments};
use crate::train::{Method, StatisticsKind, TrainOptions};
use phases::{HiddenSide, NegativePhase, Pace, PositivePhase};
use streams::UpdateStreams;
use tempering::Tempering;
use terms::{Means, Terms};

/// The rule of updates with everything that it keeps from one update to the next besides the parameters, which an
/// engine holds.
pub(in crate::model) struct Updates<'a> {
    options: &'a TrainOptions,
    seed: u64,
    positive_phase: PositivePhase,
    negative_phase: NegativePhase,
    negative_side: HiddenSide,
    /// The terms beyond those of an engine's plain step, if there are any.
    terms: Option<Terms>,
    /// The moments of the parameters, under Adam.
    moments: Option<Moments>,
    /// The epoch that was started.
    epoch: u64,
    pace: Pace,
}

impl<'a> Updates<'a> {
    /// Returns the rule before the first update of a model of `hidden` hidden units on the rows `trained` of `data`
    /// (examples × visible). Everything drawn is a function of `seed`. An error if the model is too large for an exact
    /// gradient.
    pub(in crate::model) fn new(
        options: &'a TrainOptions,
        hidden: usize,
        (data, trained): (&BitMatrix, &[usize]),
        seed: u64,
    ) -> Result<Self, LearnerError> {
        let units = data.columns().min(hidden);
        if options.method == Method::Exact && units > MAXIMUM_GRADIENT_UNITS {
            return Err(LearnerError::TooManyStates { units, most: MAXIMUM_GRADIENT_UNITS });
        }
        let start = |temperature: u64| persistent_chains(data, trained, options, (seed, temperature));
        let terms = Terms::new(options, hidden, || column_means(data, trained));
        let terms = if options.method == Method::Exact { terms.or_else(|| Some(Terms::none())) } else { terms };
        Ok(Self {
            options,
            seed,
            positive_phase: PositivePhase::new(options),
            negative_phase: NegativePhase::new(options, start),
            negative_side: HiddenSide::new(options.statistics),
            terms,
            moments: Moments::under(options, data.columns() * (hidden + 1) + hidden),
            epoch: 0,
            pace: Pace { step: step_of(options, 0), gibbs_steps: options.gibbs_steps_at(0) },
        })
    }

    /// Returns the scalars of the updates of the epoch that was started.
    pub(in crate::model) fn step(&self) -> Step {
        self.pace.step
    }

    /// Prepares the updates of an epoch, counted from 0, from the batch `first_batch` on.
    pub(in crate::model) fn start(&mut self, epoch: u64, first_batch: u64) {
        self.epoch = epoch;
        self.pace = Pace { step: step_of(self.options, epoch), gibbs_steps: self.options.gibbs_steps_at(epoch) };
        if first_batch == 0 {
            self.negative_phase.start_epoch();
        }
    }

    /// Makes the update number `number` of the epoch on a batch (examples × visible).
    pub(in crate::model) fn make(&mut self, engine: &mut dyn Engine, batch: &BitMatrix, number: u64) {
        if self.options.method == Method::Exact {
            self.ascend(engine, batch);
        } else {
            self.contrast(engine, batch, &UpdateStreams { seed: self.seed, epoch: self.epoch, batch: number });
        }
    }

    /// Makes one update (contrastive divergence: Hinton 2002, equation 7) on a batch.
    fn contrast(&mut self, engine: &mut dyn Engine, batch: &BitMatrix, streams: &UpdateStreams) {
        let data = self.positive_phase.gather(engine, batch, streams);
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
    fn ascend(&mut self, engine: &mut dyn Engine, batch: &BitMatrix) {
        let parameters = engine.parameters();
        let data = Expectations::of_data(&parameters, batch);
        let model = Expectations::of_model(&parameters).expect("the size was checked before training");
        let products = data.products.iter().zip(&model.products).map(|(data, model)| (data - model) as f32);
        let products: Vec<f32> = products.collect();
        let [data, model] = [data, model].map(|Expectations { visible, hidden, .. }| Means { visible, hidden });
        self.follow(engine, products, (&data, &model));
    }

    /// Makes the update number `number` of the epoch on a batch of numbers from 0 to 1 (examples × visible) that take the
    /// place of visible states, such as the mean activations of a layer below.
    ///
    /// They count in the statistics of the data alone. Chains are of bits: those of contrastive divergence start at hidden
    /// states drawn given these numbers.
    pub(in crate::model) fn make_from_means(
        &mut self,
        engine: &mut dyn Engine,
        kernels: ProductKernels,
        batch: &[f32],
        number: u64,
    ) {
        let streams = UpdateStreams { seed: self.seed, epoch: self.epoch, batch: number };
        let parameters = engine.parameters();
        let Parameters { visible, hidden, .. } = parameters;
        let rows = batch.len() / visible;
        let mut inputs = parameters.hidden_bias.repeat(rows);
        kernels.add_product(batch, &parameters.weights, &mut inputs, hidden);
        let drawn = |purpose: Purpose| {
            let streams = streams.of(purpose, 0);
            let mut states = BitMatrix::zeros(rows, hidden);
            for (row, inputs) in inputs.chunks_exact(hidden).enumerate() {
                let mut stream = streams.row(row);
                inputs
                    .iter()
                    .enumerate()
                    .for_each(|(unit, &input)| states.set(row, unit, fires(input, stream.next_u32())));
            }
            states
        };
        let first = drawn(Purpose::ChainHidden);
        let values: Vec<f32> = match self.options.statistics {
            StatisticsKind::Probabilities => inputs.iter().map(|&input| sigmoid(input)).collect(),
            StatisticsKind::Samples => match self.positive_phase.purpose() {
                Purpose::ChainHidden => as_numbers(&first),
                apart => as_numbers(&drawn(apart)),
            },
        };
        let data =
            Means { visible: column_averages(batch, visible, rows), hidden: column_averages(&values, hidden, rows) };
        let mut products = vec![0.0; visible * hidden];
        kernels.add_outer_products(batch, &values, &mut products, hidden);
        let share = 1.0 / rows as f32;
        for product in &mut products {
            *product *= share;
        }
        let model = if self.options.method == Method::Exact {
            let model = Expectations::of_model(&parameters).expect("the size was checked before training");
            products.iter_mut().zip(&model.products).for_each(|(own, model)| *own -= *model as f32);
            Means { visible: model.visible, hidden: model.hidden }
        } else {
            let fantasy = self.negative_phase.advance_after(engine, first, &streams, &self.pace);
            let model = self.negative_side.gather(engine, fantasy, &streams, Purpose::NegativeHidden);
            let means = Means::of(&model, hidden);
            let model = Gradient::mean(&model, hidden);
            products.iter_mut().zip(&model.weights).for_each(|(own, model)| *own -= model);
            means
        };
        self.follow(engine, products, (&data, &model));
    }

    /// Makes one update along a gradient: `products` by the weights (visible × hidden), and the means of both sides.
    fn follow(&mut self, engine: &mut dyn Engine, products: Vec<f32>, (data, model): (&Means, &Means)) {
        if let Some(moments) = &mut self.moments {
            let less = |own: &[f64], other: &[f64]| -> Vec<f32> {
                own.iter().zip(other).map(|(own, other)| (own - other) as f32).collect()
            };
            let gradient = Gradient {
                weights: products,
                visible_bias: less(&data.visible, &model.visible),
                hidden_bias: less(&data.hidden, &model.hidden),
            };
            gradient.ascend(engine, moments, Adam::of(self.options), self.pace.rate());
            return;
        }
        let terms = self.terms.get_or_insert_with(Terms::none);
        terms.step(engine, &Products::Given(&products), (data, model), &self.pace.step);
    }

    /// Adds everything that the next update depends on besides options, data, seed, epoch, batch and parameters.
    pub(in crate::model) fn save(&self, engine: &dyn Engine, state: &mut Tensors) {
        if let Some(velocity) = engine.velocity() {
            state.insert_parameters("velocity.", velocity);
        }
        self.negative_phase.save(state);
        if let Some(terms) = &self.terms {
            terms.save(state);
        }
        if let Some(moments) = &self.moments {
            moments.save(state);
        }
    }

    /// Takes over what [`Self::save`] added, and puts the parameters of `state` and their velocity into the engine. An
    /// error if a tensor is missing, left over, or of another shape; nothing changes then.
    pub(in crate::model) fn restore(
        &mut self,
        engine: &mut dyn Engine,
        mut state: TensorReader,
    ) -> Result<(), TensorError> {
        let shape = (engine.visible(), engine.hidden());
        let parameters = state.parameters("", shape)?;
        let moving = state.has("velocity.weights");
        let velocity = moving.then(|| state.parameters("velocity.", shape)).transpose()?;
        let negative_phase = self.negative_phase.restored(&mut state)?;
        let terms = self.terms.as_ref().map(|terms| terms.restored(&mut state, shape.1)).transpose()?;
        let moments = self.moments.as_ref().map(|moments| moments.restored(&mut state)).transpose()?;
        state.finish()?;
        self.moments = moments;
        engine.restore(&parameters, velocity.as_ref());
        self.negative_phase = negative_phase;
        self.terms = terms;
        Ok(())
    }

    /// Returns, under parallel tempering, `exchange_acceptance`, the share of tried exchanges that were made, as the
    /// mean over pairs of neighbouring temperatures, and `least_exchange_acceptance`, the share of the pair with the
    /// least. Null before the first exchange.
    pub(in crate::model) fn metrics(&self) -> Metrics {
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

/// Returns the mean of each column of a row-major matrix of `columns` columns.
fn column_averages(values: &[f32], columns: usize, rows: usize) -> Vec<f64> {
    let mut sums = vec![0.0; columns];
    for row in values.chunks_exact(columns) {
        sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
    }
    for sum in &mut sums {
        *sum /= rows.max(1) as f64;
    }
    sums
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

#[cfg(test)]
mod tests;
