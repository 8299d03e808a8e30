//! The learner of the top layer of a deep belief network, given the layers below it.

use super::layers::{Layers, exchanged};
use super::lower::LowerLayer;
use super::model::Dbn;
use super::up_down::UpDownLearner;
use crate::engine::{BitMatrix, Draw, Isa, Parameters, ProductKernels, Purpose, RowStreams, derive_seed, sigmoid};
use crate::model::contract::{Learner, LearnerError, Metrics, Model};
use crate::model::options::ModelOptions;
use crate::model::rbm::{Updates, initial_parameters};
use crate::model::tensors::{TensorError, TensorReader, Tensors};
use crate::train::{Propagate, TrainOptions, TrainingSet};

/// Returns the learner of the stage of training that follows on `earlier`: of the top one of the layers of `model`, or, if
/// `earlier` has all of them, of all layers together.
pub fn learner<'a>(
    set: TrainingSet<'a>,
    model: &ModelOptions,
    options: &'a TrainOptions,
    seed: u64,
    isa: Isa,
    earlier: Option<&Tensors>,
) -> Result<Box<dyn Learner + 'a>, LearnerError> {
    let earlier = earlier.map(Layers::of).transpose()?;
    if options.up_down {
        let layers = earlier.unwrap_or_else(|| Layers::zeros(set.windows.columns(), &model.layers));
        return Ok(Box::new(UpDownLearner::new(set, layers, options, seed, isa)?));
    }
    Ok(Box::new(LayerLearner::new(set, model, options, seed, isa, earlier)?))
}

/// A learner that trains the top layer alone (Hinton, Osindero and Teh 2006, section 5).
struct LayerLearner<'a> {
    set: TrainingSet<'a>,
    options: &'a TrainOptions,
    seed: u64,
    model: Dbn,
    updates: Updates<'a>,
    kernels: ProductKernels,
    data: LayerData,
    /// The rows of the batches of the epoch that was started.
    batches: Vec<Vec<usize>>,
    batch: BitMatrix,
    means: Vec<f32>,
}

/// The examples of the top layer, one row a window.
enum LayerData {
    /// The windows themselves, under a single layer.
    Windows,
    /// States of the layer below, drawn afresh in every epoch.
    Samples(BitMatrix),
    /// Mean activations of the layer below (windows × units), the same in every epoch; empty before the first.
    Means(Vec<f32>),
}

impl<'a> LayerLearner<'a> {
    /// Returns a learner of the top one of the layers of `model` at its state before the first update. `earlier` are the
    /// layers below; zeros, to be replaced by a state, without them.
    fn new(
        set: TrainingSet<'a>,
        model: &ModelOptions,
        options: &'a TrainOptions,
        run_seed: u64,
        isa: Isa,
        earlier: Option<Layers>,
    ) -> Result<Self, LearnerError> {
        let (top, below) = model.layers.split_last().expect("a network of at least one layer");
        let mut layers = earlier.unwrap_or_else(|| Layers::zeros(set.windows.columns(), below));
        let trained = set.trained_windows(options);
        let own = ModelOptions { hidden: *top, ..model.clone() };
        // A single layer draws the numbers of an RBM.
        let seed = if below.is_empty() { run_seed } else { derive_seed(run_seed, Purpose::Layer, below.len() as u64) };
        let tied = layers.rbms.last().filter(|below| model.tied_start && below.visible == *top).map(exchanged);
        layers.rbms.push(Parameters::zeros(below.last().map_or(set.windows.columns(), |units| *units), *top));
        let mut model = Dbn::new(layers, options.engine, isa)?;
        let drawn = (!below.is_empty()).then(|| draw_states(&mut model.lower, set.windows, (seed, 0)));
        let data = drawn.as_ref().unwrap_or(set.windows);
        let updates = Updates::new(options, *top, (data, &trained), seed)?;
        let parameters = tied.unwrap_or_else(|| initial_parameters(&own, data, &trained, seed));
        model.top.engine_mut().restore(&parameters, None);
        let data = match (drawn, options.propagate) {
            (None, _) => LayerData::Windows,
            (Some(drawn), Propagate::Samples) => LayerData::Samples(drawn),
            (Some(_), Propagate::Means) => LayerData::Means(Vec::new()),
        };
        let kernels = ProductKernels::new(isa)?;
        let (batches, batch, means) = (Vec::new(), BitMatrix::default(), Vec::new());
        Ok(Self { set, options, seed, model, updates, kernels, data, batches, batch, means })
    }
}

/// Draws the states of the highest of some layers given windows (windows × units), with the numbers of an epoch.
fn draw_states(lower: &mut [LowerLayer], windows: &BitMatrix, (seed, epoch): (u64, u64)) -> BitMatrix {
    let (mut states, mut below) = (BitMatrix::default(), BitMatrix::default());
    for (number, layer) in lower.iter_mut().enumerate() {
        std::mem::swap(&mut states, &mut below);
        let streams = RowStreams::new(seed, Purpose::Propagation, epoch, 0, number as u64);
        let from = if number == 0 { windows } else { &below };
        layer.upward().sample_hidden(from, Draw::plain(streams), &mut states);
    }
    states
}

/// Returns the mean activations of the highest of some layers given windows (windows × units): those of the lowest layer
/// are its probabilities, those of another one follow from the means of the layer below in their place of its states.
fn mean_activations(lower: &mut [LowerLayer], windows: &BitMatrix, kernels: ProductKernels) -> Vec<f32> {
    let mut means = Vec::new();
    for (number, layer) in lower.iter_mut().enumerate() {
        if number == 0 {
            layer.upward().hidden_probabilities(windows, &mut means);
            continue;
        }
        let Parameters { hidden, weights, hidden_bias, .. } = layer.upward().parameters();
        let mut inputs = hidden_bias.repeat(windows.rows());
        kernels.add_product(&means, &weights, &mut inputs, hidden);
        means = inputs.into_iter().map(sigmoid).collect();
    }
    means
}

impl Learner for LayerLearner<'_> {
    fn model(&self) -> &dyn Model {
        &self.model
    }

    fn model_mut(&mut self) -> &mut dyn Model {
        &mut self.model
    }

    fn start(&mut self, epoch: u64, first_batch: u64) -> u64 {
        match &mut self.data {
            LayerData::Samples(states) => {
                *states = draw_states(&mut self.model.lower, self.set.windows, (self.seed, epoch));
            }
            LayerData::Means(means) if means.is_empty() => {
                *means = mean_activations(&mut self.model.lower, self.set.windows, self.kernels);
            }
            LayerData::Windows | LayerData::Means(_) => {}
        }
        self.batches = self.set.batches(self.options, self.seed, epoch);
        self.updates.start(epoch, first_batch);
        self.batches.len() as u64
    }

    fn update(&mut self, batch: u64) -> u64 {
        let Self { set, model, updates, kernels, data, batches, batch: own, means, .. } = self;
        let rows = &batches[batch as usize];
        let engine = model.top.engine_mut();
        match data {
            LayerData::Windows => {
                set.windows.gather_into(rows, own);
                updates.make(engine, own, batch);
            }
            LayerData::Samples(states) => {
                states.gather_into(rows, own);
                updates.make(engine, own, batch);
            }
            LayerData::Means(all) => {
                let units = engine.visible();
                means.clear();
                for row in rows {
                    means.extend_from_slice(&all[row * units..][..units]);
                }
                updates.make_from_means(engine, *kernels, means, batch);
            }
        }
        rows.len() as u64
    }

    fn work(&self) -> usize {
        let engine = self.model.top.engine();
        self.options.batch_size * engine.visible() * engine.hidden()
    }

    fn state(&self) -> Tensors {
        let engine = self.model.top.engine();
        let mut state = Tensors::from(engine.parameters());
        self.updates.save(engine, &mut state);
        for (number, layer) in self.model.lower.iter().enumerate() {
            state.insert_parameters(&format!("below.{number}."), layer.generative.parameters());
        }
        state
    }

    fn restore(&mut self, mut state: TensorReader) -> Result<(), TensorError> {
        let below = self.model.lower.iter().enumerate().map(|(number, layer)| {
            let shape = (layer.generative.visible(), layer.generative.hidden());
            state.parameters(&format!("below.{number}."), shape)
        });
        let below = below.collect::<Result<Vec<_>, _>>()?;
        self.updates.restore(self.model.top.engine_mut(), state)?;
        for (layer, parameters) in self.model.lower.iter_mut().zip(&below) {
            layer.generative.restore(parameters, None);
        }
        if let LayerData::Means(means) = &mut self.data {
            means.clear();
        }
        Ok(())
    }

    fn metrics(&self) -> Metrics {
        self.updates.metrics()
    }
}
