//! The up-down learner, which trains all layers of a deep belief network together.

use super::layers::Layers;
use super::model::Dbn;
use crate::engine::{
    BitMatrix, Draw, Engine, HiddenStatistics, Isa, Parameters, Products, Purpose, RowStreams, Rule, Statistics, Step,
    derive_seed, sigmoid,
};
use crate::model::contract::{Learner, LearnerError, Metrics, Model};
use crate::model::gibbs::{GibbsStreams, Offsets, advance_from_visible};
use crate::model::rbm::Updates;
use crate::model::tensors::{TensorError, TensorReader, Tensors};
use crate::train::{TrainOptions, TrainingSet};

/// A learner of all layers by the up-down algorithm: wake-sleep, with contrastive divergence in the top RBM (Hinton,
/// Osindero and Teh 2006, section 5 and appendix B).
///
/// The weights of the way up and of the way down of each lower layer are apart from here on. An update
///
/// - passes a batch up by draws, and moves each layer's way down towards the states that it should have drawn;
/// - makes an update of the top RBM on the states that arrive there;
/// - runs its chain from them for `k` steps, passes the end down by draws, and moves each layer's way up towards the states
///   that it should have drawn.
///
/// All draws are made before the first parameter moves.
pub(super) struct UpDownLearner<'a> {
    set: TrainingSet<'a>,
    options: &'a TrainOptions,
    seed: u64,
    model: Dbn,
    updates: Updates<'a>,
    epoch: u64,
    batches: Vec<Vec<usize>>,
}

impl<'a> UpDownLearner<'a> {
    /// Returns a learner of these layers at the state before the first update. The ways up start as those of the RBMs.
    pub(super) fn new(
        set: TrainingSet<'a>,
        mut layers: Layers,
        options: &'a TrainOptions,
        run_seed: u64,
        isa: Isa,
    ) -> Result<Self, LearnerError> {
        if layers.recognition.is_empty() {
            let lower = &layers.rbms[..layers.rbms.len() - 1];
            let untied = lower.iter().map(|own| Parameters { visible_bias: vec![0.0; own.visible], ..own.clone() });
            layers.recognition = untied.collect();
        }
        let trained = set.trained_windows(options);
        // Beyond the numbers of the layers' own stages.
        let seed = derive_seed(run_seed, Purpose::Dream, layers.rbms.len() as u64);
        let mut model = Dbn::new(layers, options.engine, isa)?;
        let states = passed_up(&mut model, set.windows, &|layer| {
            Draw::plain(streams(seed, Purpose::Propagation, (0, 0), layer))
        });
        let data = (states.last().unwrap_or(set.windows), trained.as_slice());
        let updates = Updates::new(options, model.top.engine().hidden(), data, seed)?;
        Ok(Self { set, options, seed, model, updates, epoch: 0, batches: Vec::new() })
    }
}

/// Returns the numbers of a layer's draws in an update.
fn streams(seed: u64, purpose: Purpose, (epoch, batch): (u64, u64), layer: usize) -> RowStreams {
    RowStreams::new(seed, purpose, epoch, batch, layer as u64)
}

/// Draws the states of every layer below the top RBM's hidden one, from below, given windows.
fn passed_up(model: &mut Dbn, windows: &BitMatrix, draw: &dyn Fn(usize) -> Draw<'static>) -> Vec<BitMatrix> {
    let mut all: Vec<BitMatrix> = Vec::new();
    for (number, layer) in model.lower.iter_mut().enumerate() {
        let mut states = BitMatrix::default();
        layer.upward().sample_hidden(all.last().unwrap_or(windows), draw(number), &mut states);
        all.push(states);
    }
    all
}

/// Moves a layer's way down towards `below` given `states`: W += ε ⟨(h_{l−1} − p) h_lᵀ⟩ and b += ε ⟨h_{l−1} − p⟩ with p =
/// p(h_{l−1} | h_l).
pub(super) fn move_down(engine: &mut dyn Engine, below: &BitMatrix, states: &BitMatrix, step: Step) {
    let (visible, hidden, rows) = (engine.visible(), engine.hidden(), states.rows());
    let mut errors = Vec::new();
    engine.visible_inputs(states, &mut errors);
    for input in &mut errors {
        *input = -sigmoid(*input);
    }
    let mut transposed = vec![0.0f32; hidden * visible];
    let mut visible_gradient = vec![0.0f32; visible];
    for (row, errors) in errors.chunks_exact_mut(visible).enumerate() {
        below.ones(row).for_each(|unit| errors[unit] += 1.0);
        let add = |sums: &mut [f32]| sums.iter_mut().zip(&*errors).for_each(|(sum, error)| *sum += error);
        states.ones(row).for_each(|unit| add(&mut transposed[unit * visible..][..visible]));
        add(&mut visible_gradient);
    }
    let share = 1.0 / rows as f32;
    for sum in &mut visible_gradient {
        *sum *= share;
    }
    let products: Vec<f32> =
        (0..visible * hidden).map(|index| transposed[index % hidden * visible + index / hidden] * share).collect();
    let rule = Rule {
        step,
        nesterov: false,
        weight_decay_l1: 0.0,
        outer: &[],
        visible_gradient: &visible_gradient,
        hidden_gradient: &vec![0.0; hidden],
        offsets: None,
    };
    engine.step_by_rule(&Products::Given(&products), &rule);
}

/// Moves a layer's way up towards `states` given `below`: R += ε ⟨h_{l−1} (h_l − q)ᵀ⟩ and c += ε ⟨h_l − q⟩ with q =
/// q(h_l | h_{l−1}).
pub(super) fn move_up(engine: &mut dyn Engine, below: &BitMatrix, states: &BitMatrix, step: Step) {
    let mut probabilities = Vec::new();
    engine.hidden_probabilities(below, &mut probabilities);
    let wanted = Statistics { visible: below, hidden: HiddenStatistics::Samples(states) };
    let own = Statistics { visible: below, hidden: HiddenStatistics::Probabilities(&probabilities) };
    engine.step(&wanted, &own, &step);
}

impl Learner for UpDownLearner<'_> {
    fn model(&self) -> &dyn Model {
        &self.model
    }

    fn model_mut(&mut self) -> &mut dyn Model {
        &mut self.model
    }

    fn start(&mut self, epoch: u64, first_batch: u64) -> u64 {
        self.epoch = epoch;
        self.batches = self.set.batches(self.options, self.seed, epoch);
        self.updates.start(epoch, first_batch);
        self.batches.len() as u64
    }

    fn update(&mut self, batch: u64) -> u64 {
        let (seed, key, step) = (self.seed, (self.epoch, batch), self.updates.step());
        let windows = self.set.windows.gather(&self.batches[batch as usize]);
        let wake =
            passed_up(&mut self.model, &windows, &|layer| Draw::plain(streams(seed, Purpose::Propagation, key, layer)));
        // The dream: states of every layer from the top RBM's visible one down to the windows'.
        let Dbn { lower, top, .. } = &mut self.model;
        let mut states = wake.last().unwrap_or(&windows).clone();
        let chain = GibbsStreams {
            seed: derive_seed(seed, Purpose::Dream, 0),
            hidden: Purpose::ChainHidden,
            visible: Purpose::ChainVisible,
            epoch: self.epoch,
            batch,
            inverse_temperature: 1.0,
        };
        let steps = self.options.gibbs_steps_at(self.epoch);
        advance_from_visible(
            top.engine_mut(),
            &mut states,
            &mut BitMatrix::default(),
            steps,
            &chain,
            Offsets::default(),
        );
        let mut dream = vec![states];
        for (number, layer) in lower.iter_mut().enumerate().rev() {
            let mut states = BitMatrix::default();
            let draw = Draw::plain(streams(seed, Purpose::Dream, key, number));
            layer.generative.sample_visible(&dream[dream.len() - 1], draw, &mut states);
            dream.push(states);
        }
        dream.reverse();

        for (number, layer) in lower.iter_mut().enumerate() {
            let below = if number == 0 { &windows } else { &wake[number - 1] };
            move_down(layer.generative.as_mut(), below, &wake[number], step);
        }
        self.updates.make(top.engine_mut(), wake.last().unwrap_or(&windows), batch);
        for (number, layer) in lower.iter_mut().enumerate() {
            move_up(layer.upward(), &dream[number], &dream[number + 1], step);
        }
        windows.rows() as u64
    }

    fn work(&self) -> usize {
        self.options.batch_size
            * self.model.lower.first().map_or(0, |layer| layer.generative.visible() * layer.generative.hidden())
    }

    fn state(&self) -> Tensors {
        let engine = self.model.top.engine();
        let mut state = Tensors::from(engine.parameters());
        self.updates.save(engine, &mut state);
        for (number, layer) in self.model.lower.iter().enumerate() {
            for (way, engine) in [("down", Some(&layer.generative)), ("up", layer.recognition.as_ref())] {
                let Some(engine) = engine else { continue };
                state.insert_parameters(&format!("{way}.{number}."), engine.parameters());
                if let Some(velocity) = engine.velocity() {
                    state.insert_parameters(&format!("{way}.{number}.velocity."), velocity);
                }
            }
        }
        state
    }

    fn restore(&mut self, mut state: TensorReader) -> Result<(), TensorError> {
        let mut taken = Vec::new();
        for (number, layer) in self.model.lower.iter().enumerate() {
            let shape = (layer.generative.visible(), layer.generative.hidden());
            for way in ["down", "up"] {
                let parameters = state.parameters(&format!("{way}.{number}."), shape)?;
                let prefix = format!("{way}.{number}.velocity.");
                let moving = state.has(&format!("{prefix}weights"));
                let velocity = moving.then(|| state.parameters(&prefix, shape)).transpose()?;
                taken.push((parameters, velocity));
            }
        }
        self.updates.restore(self.model.top.engine_mut(), state)?;
        for (layer, ways) in self.model.lower.iter_mut().zip(taken.chunks_exact(2)) {
            layer.generative.restore(&ways[0].0, ways[0].1.as_ref());
            layer.upward().restore(&ways[1].0, ways[1].1.as_ref());
        }
        Ok(())
    }

    fn metrics(&self) -> Metrics {
        self.updates.metrics()
    }
}
