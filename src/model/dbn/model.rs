//! A deep belief network in engines, as a model of the contract.

use super::conditional::Conditional;
use super::density::DbnDensity;
use super::layers::Layers;
use super::lower::LowerLayer;
use crate::engine::{BitMatrix, Draw, Engine, EngineKind, Isa, IsaError, Purpose, build_for, derive_seed};
use crate::model::contract::{ChainStep, Density, LastStep, LearnerError, Model, Sampler};
use crate::model::gibbs::{GibbsStreams, Offsets};
use crate::model::rbm::RbmModel;
use crate::model::tensors::{TensorError, Tensors};

/// A deep belief network: p(v, h_1 … h_L) = p(h_{L−1}, h_L) Π_{l<L} p(h_{l−1} | h_l), where the first factor is an RBM
/// and h_0 = v (Hinton, Osindero and Teh 2006).
pub struct Dbn {
    pub(super) lower: Vec<LowerLayer>,
    pub(super) top: RbmModel,
    kind: EngineKind,
    isa: Isa,
    /// The states of the top RBM's visible layer between two steps of the chains, and those of a layer on the way.
    states: BitMatrix,
    passing: BitMatrix,
    /// The hidden states of chains with held units.
    conditional: Option<Conditional>,
}

impl Dbn {
    /// Returns the network of these layers, of which there is at least one; an error if the processor lacks the
    /// instruction set.
    pub fn new(layers: Layers, kind: EngineKind, isa: Isa) -> Result<Self, IsaError> {
        let Layers { mut rbms, recognition } = layers;
        let top = rbms.pop().expect("a network of at least one layer");
        let mut recognition = recognition.into_iter();
        let mut lower = Vec::new();
        for parameters in rbms {
            let generative = build_for(kind, parameters, isa)?;
            let recognition = recognition.next().map(|own| build_for(kind, own, isa)).transpose()?;
            lower.push(LowerLayer { generative, recognition });
        }
        let (states, passing) = (BitMatrix::default(), BitMatrix::default());
        Ok(Self { lower, top: RbmModel::new(top, kind, isa)?, kind, isa, states, passing, conditional: None })
    }

    /// Returns the network that the tensors of a file make. An error if one is missing, does not fit the others, or
    /// stands beside other tensors.
    pub fn open(tensors: &Tensors, kind: EngineKind, isa: Isa) -> Result<Self, LearnerError> {
        Ok(Self::new(Layers::of(tensors)?, kind, isa)?)
    }

    /// Returns a copy of the parameters of all layers.
    pub fn layers(&self) -> Layers {
        let lower = self.lower.iter().map(|layer| layer.generative.parameters());
        let rbms = lower.chain([self.top.engine().parameters()]).collect();
        let recognition = self.lower.iter().filter_map(|layer| layer.recognition.as_ref().map(|own| own.parameters()));
        Layers { rbms, recognition: recognition.collect() }
    }

    /// Draws the states of the top RBM's visible layer, layer by layer from visible states.
    fn pass_up(&mut self, visible: &BitMatrix, streams: &GibbsStreams, step: u64) {
        let Self { lower, states, passing, .. } = self;
        for (number, layer) in lower.iter_mut().enumerate() {
            std::mem::swap(states, passing);
            let below = if number == 0 { visible } else { &*passing };
            layer.upward().sample_hidden(below, of_layer(streams, number).hidden_draw(step), states);
        }
    }

    /// Draws visible states, layer by layer from those of the top RBM's visible layer, which are lost.
    fn pass_down(&mut self, visible: &mut BitMatrix, step: &ChainStep) {
        let Self { lower, states, passing, .. } = self;
        for (number, layer) in lower.iter_mut().enumerate().rev() {
            let draw = of_layer(&step.streams, number).visible_draw(step.number);
            if number > 0 {
                layer.generative.sample_visible(states, draw, passing);
                std::mem::swap(states, passing);
            } else {
                draw_visible(layer.generative.as_mut(), states, draw, step, visible);
            }
        }
    }
}

/// Draws visible states given those of the lowest hidden layer, or takes the likelier ones if the step does.
fn draw_visible(engine: &mut dyn Engine, hidden: &BitMatrix, draw: Draw, step: &ChainStep, visible: &mut BitMatrix) {
    if !step.takes_likeliest() {
        return engine.sample_visible(hidden, draw, visible);
    }
    let (mut inputs, units) = (Vec::new(), engine.visible());
    engine.visible_inputs(hidden, &mut inputs);
    *visible = BitMatrix::from_fn(hidden.rows(), units, |row, unit| inputs[row * units + unit] > 0.0);
}

/// Returns the streams of the draws of a layer below the top, numbered from below.
fn of_layer(streams: &GibbsStreams, layer: usize) -> GibbsStreams {
    GibbsStreams { seed: derive_seed(streams.seed, Purpose::Layer, layer as u64), ..*streams }
}

impl Model for Dbn {
    fn layout(&self) -> Vec<(String, Vec<usize>)> {
        let tensors = self.tensors().tensors;
        tensors.into_iter().map(|(name, tensor)| (name, tensor.shape)).collect()
    }

    fn tensors(&self) -> Tensors {
        self.layers().tensors()
    }

    fn restore(&mut self, tensors: &Tensors) -> Result<(), TensorError> {
        let (layers, own) = (Layers::of(tensors)?, self.layers());
        let shapes = |layers: &Layers| -> Vec<(usize, usize)> {
            let all = layers.rbms.iter().chain(&layers.recognition);
            all.map(|parameters| (parameters.visible, parameters.hidden)).collect()
        };
        if shapes(&layers) != shapes(&own) {
            let expected = format!("one of layers of {:?} (rows, columns)", shapes(&own));
            return Err(TensorError::Mismatch { name: "layers.0.weights".into(), expected });
        }
        let Layers { rbms, recognition } = layers;
        for (layer, parameters) in self.lower.iter_mut().zip(&rbms) {
            layer.generative.restore(parameters, None);
        }
        for (layer, parameters) in self.lower.iter_mut().zip(&recognition) {
            layer.upward().restore(parameters, None);
        }
        if let Some(top) = rbms.last() {
            self.top.engine_mut().restore(top, None);
        }
        Ok(())
    }

    fn sampler(&mut self) -> &mut dyn Sampler {
        self
    }

    fn density(&self) -> Option<Box<dyn Density>> {
        if self.lower.is_empty() {
            self.top.density()
        } else {
            Some(Box::new(DbnDensity::new(self.layers(), self.kind, self.isa)))
        }
    }
}

impl Sampler for Dbn {
    fn visible(&self) -> usize {
        self.lower.first().map_or(self.top.engine().visible(), |lowest| lowest.generative.visible())
    }

    /// Makes a Gibbs step of the top RBM; the first follows a pass up from the visible states, and a pass down follows
    /// the last. The chain of the top RBM leaves p(h_{L−1}, h_L) unchanged, so the visible states at its end are samples of
    /// the model if it has mixed.
    ///
    /// Where units are held, a step proposes hidden states by the way up, accepts or rejects them, and draws the free
    /// units given the lowest ones, which leaves p(free units | held units) unchanged.
    fn step(&mut self, visible: &mut BitMatrix, step: &ChainStep) {
        if self.lower.is_empty() {
            return self.top.step(visible, step);
        }
        if let Some(clamp) = step.clamp {
            clamp.apply(visible);
            if step.number == 0 {
                self.conditional = Some(Conditional::new(&self.layers()));
            }
            let Self { conditional: Some(conditional), lower, .. } = self else {
                panic!("the steps of a chain are taken in order");
            };
            let states = conditional.advance(lower, visible, step, &of_layer);
            let draw = of_layer(&step.streams, 0).visible_draw(step.number);
            draw_visible(lower[0].generative.as_mut(), states, draw, step, visible);
            return clamp.apply(visible);
        }
        if step.number == 0 {
            self.pass_up(visible, &step.streams, step.number);
        }
        let within = ChainStep { offsets: Offsets::default(), last_step: LastStep::Draw, ..*step };
        self.top.step(&mut self.states, &within);
        if step.number + 1 == step.count {
            self.pass_down(visible, step);
        }
    }
}
