//! An RBM in an engine, as a model of the contract.

use super::density::RbmDensity;
use crate::engine::{BitMatrix, Engine, EngineKind, Isa, IsaError, Parameters, build_for};
use crate::model::contract::{ChainStep, Density, LearnerError, Model, Sampler};
use crate::model::tensors::{TensorError, TensorReader, Tensors};

/// An RBM whose parameters an engine holds.
pub struct RbmModel {
    engine: Box<dyn Engine>,
    kind: EngineKind,
    isa: Isa,
    /// The hidden states of the chains' last step, kept to save allocations.
    hidden: BitMatrix,
    inputs: Vec<f32>,
}

impl RbmModel {
    /// Returns the model of these parameters in an engine of this kind; an error if the processor lacks the instruction
    /// set.
    pub fn new(parameters: Parameters, kind: EngineKind, isa: Isa) -> Result<Self, IsaError> {
        let engine = build_for(kind, parameters, isa)?;
        Ok(Self { engine, kind, isa, hidden: BitMatrix::default(), inputs: Vec::new() })
    }

    /// Returns the model that `weights`, `visible_bias` and `hidden_bias` make. An error if one is missing, does not
    /// fit the others, or stands beside other tensors.
    pub fn open(tensors: &Tensors, kind: EngineKind, isa: Isa) -> Result<Self, LearnerError> {
        let shape = shape_of(tensors)?;
        let mut reader = TensorReader::new(tensors);
        let parameters = reader.parameters("", shape)?;
        reader.finish()?;
        Ok(Self::new(parameters, kind, isa)?)
    }

    /// Returns the engine.
    pub fn engine(&self) -> &dyn Engine {
        self.engine.as_ref()
    }

    pub(in crate::model) fn engine_mut(&mut self) -> &mut dyn Engine {
        self.engine.as_mut()
    }
}

/// Returns the numbers of visible and hidden units of the RBM that tensors make; an error if its parts do not fit
/// together or a layer is empty.
pub fn shape_of(tensors: &Tensors) -> Result<(usize, usize), TensorError> {
    let Parameters { visible, hidden, .. } = Parameters::try_from(tensors)?;
    if visible == 0 || hidden == 0 {
        let expected = "a matrix with at least one row and one column".into();
        return Err(TensorError::Mismatch { name: "weights".into(), expected });
    }
    Ok((visible, hidden))
}

impl Model for RbmModel {
    fn layout(&self) -> Vec<(String, Vec<usize>)> {
        let (visible, hidden) = (self.engine.visible(), self.engine.hidden());
        vec![
            ("weights".into(), vec![visible, hidden]),
            ("visible_bias".into(), vec![visible]),
            ("hidden_bias".into(), vec![hidden]),
        ]
    }

    fn tensors(&self) -> Tensors {
        Tensors::from(self.engine.parameters())
    }

    fn restore(&mut self, tensors: &Tensors) -> Result<(), TensorError> {
        let mut reader = TensorReader::new(tensors);
        let parameters = reader.parameters("", (self.engine.visible(), self.engine.hidden()))?;
        reader.finish()?;
        self.engine.restore(&parameters, None);
        Ok(())
    }

    fn add_to(&self, sums: &mut [f64]) {
        self.engine.add_parameters_to(sums);
    }

    fn is_finite(&self) -> bool {
        self.engine.parameters_are_finite()
    }

    fn sampler(&mut self) -> &mut dyn Sampler {
        self
    }

    fn density(&self) -> Option<Box<dyn Density>> {
        Some(Box::new(RbmDensity::new(self.engine.parameters(), self.kind, self.isa)))
    }
}

impl Sampler for RbmModel {
    fn visible(&self) -> usize {
        self.engine.visible()
    }

    /// Makes a Gibbs step: h ~ p(h | v), then v ~ p(v | h) or its mode. Held units are put back after it, which leaves
    /// p(free units, h | held units) unchanged, since the units of a layer are independent given the other layer.
    fn step(&mut self, visible: &mut BitMatrix, step: &ChainStep) {
        let Self { engine, hidden, inputs, .. } = self;
        engine.sample_hidden(visible, step.offsets.of_hidden(step.streams.hidden_draw(step.number)), hidden);
        if step.takes_likeliest() {
            engine.visible_inputs_with(hidden, step.offsets.visible, inputs);
            let (rows, units) = (visible.rows(), visible.columns());
            *visible = BitMatrix::from_fn(rows, units, |row, unit| inputs[row * units + unit] > 0.0);
        } else {
            engine.sample_visible(hidden, step.offsets.of_visible(step.streams.visible_draw(step.number)), visible);
        }
        if let Some(clamp) = step.clamp {
            clamp.apply(visible);
        }
    }
}
