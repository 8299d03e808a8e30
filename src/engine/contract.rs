//! The contract that every engine fulfils for training.

use super::bits::BitMatrix;
use super::math::wide::softplus_sum_change;
use super::parameters::{Parameters, add_to};
use super::random::RowStreams;

/// The offsets that the rows of a batch add to the biases of a layer (rows × units, row-major).
///
/// A model whose biases differ by row, such as one that another network sets at each time step, keeps in the engine the
/// biases that all rows share, and gives each row's difference from them. An offset is added to a finished input, in
/// one f32 addition after the sum that began at the bias: an offset of −0 changes no bit, and one of +0 none but that
/// of −0.
#[derive(Clone, Copy, Debug)]
pub struct RowOffsets<'a> {
    values: &'a [f32],
    units: usize,
}

impl<'a> RowOffsets<'a> {
    /// Takes `values` as offsets for rows of `units` units.
    ///
    /// # Panics
    /// If `values` does not divide into such rows.
    pub fn new(values: &'a [f32], units: usize) -> Self {
        let whole = units > 0 && values.len().is_multiple_of(units);
        assert!(whole, "{} offsets for rows of {units} units", values.len());
        Self { values, units }
    }

    /// Returns the number of rows.
    pub fn rows(self) -> usize {
        self.values.len() / self.units
    }

    /// Returns the number of units in a row.
    pub fn units(self) -> usize {
        self.units
    }

    /// Returns the offsets of one row (units).
    pub fn row(self, row: usize) -> &'a [f32] {
        &self.values[row * self.units..][..self.units]
    }

    /// inputs (rows × units) ← inputs + offsets.
    pub fn add_to(self, inputs: &mut [f32]) {
        assert_eq!(inputs.len(), self.values.len(), "inputs and offsets");
        inputs.iter_mut().zip(self.values).for_each(|(input, offset)| *input += offset);
    }

    /// Panics unless these are offsets for `rows × units` inputs.
    pub(super) fn check(self, rows: usize, units: usize) {
        let own = (self.rows(), self.units);
        assert_eq!(own, (rows, units), "shapes (rows, units) of the offsets and of the inputs they are added to");
    }
}

/// The way in which the units of a layer are drawn.
#[derive(Clone, Copy, Debug)]
pub struct Draw<'a> {
    /// The stream of each row; unit `i` of row `r` takes number `i` of stream `r`.
    pub streams: RowStreams,
    /// β = 1 / temperature: units turn on with probability σ(β · input).
    pub inverse_temperature: f32,
    /// The offsets of the drawn layer: part of the inputs that β scales.
    pub offsets: Option<RowOffsets<'a>>,
}

impl Draw<'_> {
    /// Returns draws at temperature 1.
    pub fn plain(streams: RowStreams) -> Self {
        Self::at(streams, 1.0)
    }

    /// Returns draws at inverse temperature β.
    pub fn at(streams: RowStreams, inverse_temperature: f32) -> Self {
        Self { streams, inverse_temperature, offsets: None }
    }
}

impl<'a> Draw<'a> {
    /// Returns the same draws from inputs with offsets.
    pub fn with_offsets(self, offsets: RowOffsets<'a>) -> Self {
        Self { offsets: Some(offsets), ..self }
    }
}

/// One step of block Gibbs chains: hidden given visible states, then visible given hidden ones.
#[derive(Clone, Copy, Debug)]
pub struct GibbsStep<'a> {
    /// The draw of the hidden units; `None` where their states are given.
    pub hidden: Option<Draw<'a>>,
    /// The draw of the visible units.
    pub visible: Draw<'a>,
}

/// Advances chains by [`Engine::sample_hidden`] and [`Engine::sample_visible`], one call after the other.
pub(super) fn advance_one_by_one<E: Engine + ?Sized>(
    engine: &mut E,
    steps: &[GibbsStep],
    visible: &mut BitMatrix,
    hidden: &mut BitMatrix,
) {
    for step in steps {
        if let Some(draw) = step.hidden {
            engine.sample_hidden(visible, draw, hidden);
        }
        engine.sample_visible(hidden, step.visible, visible);
    }
}

/// The hidden half of the sufficient statistics of a batch.
#[derive(Clone, Copy, Debug)]
pub enum HiddenStatistics<'a> {
    /// Sampled states (batch × hidden).
    Samples(&'a BitMatrix),
    /// Probabilities p(h = 1 | v) (batch × hidden), row-major.
    Probabilities(&'a [f32]),
}

/// The states whose products v hᵀ, averaged over the batch, are one side of the gradient.
#[derive(Clone, Copy, Debug)]
pub struct Statistics<'a> {
    /// Visible states (batch × visible).
    pub visible: &'a BitMatrix,
    /// The hidden states or probabilities that go with them.
    pub hidden: HiddenStatistics<'a>,
}

/// The scalars of one parameter update.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// ε, the factor of the gradient.
    pub learning_rate: f32,
    /// μ, the share of the last change that is repeated. Steps without momentum are not remembered.
    pub momentum: f32,
    /// λ of an L2 penalty ½λ‖W‖² on the weights alone.
    pub weight_decay: f32,
}

/// The gradient of the log-likelihood by the weights.
#[derive(Clone, Copy, Debug)]
pub enum Products<'a> {
    /// ⟨v hᵀ⟩ of data less that of the model: each the mean over its own batch.
    Estimated {
        /// The states under the data.
        data: &'a Statistics<'a>,
        /// The states under the model.
        model: &'a Statistics<'a>,
    },
    /// That difference itself (visible × hidden), row-major.
    Given(&'a [f32]),
}

/// An update with more terms than a [`Step`] has.
///
/// With P the gradient by the weights of `step_by_rule`, the gradient of W is G = P + Σ u zᵀ over the pairs of `outer`,
/// and
///
/// - Δ = εG − ελ₂W − ελ₁ sign(W), for biases ε times their gradients;
/// - without momentum δ = Δ; with it, V ← μV + Δ and δ = V, or, by Nesterov's rule, δ = Δ + μV;
/// - W ← W + δ_W, b ← b + δ_b − δ_W λ, c ← c + δ_c − δ_Wᵀ μ', where (μ', λ) are `offsets`, if there are any.
///
/// The last line turns an update of the parameters of a centred model, E(v, h) = −b'·(v − μ') − c'·(h − λ) −
/// (v − μ') W (h − λ), into one of the ordinary parameters: b = b' − Wλ and c = c' − Wᵀμ'.
#[derive(Clone, Copy, Debug)]
pub struct Rule<'a> {
    /// ε, the momentum and λ₂.
    pub step: Step,
    /// Nesterov's rule: the gradient is taken to be that at the parameters after the momentum's share of the next
    /// change, and that is where the parameters are kept.
    pub nesterov: bool,
    /// λ₁ of a penalty λ₁ Σ |w| on the weights.
    pub weight_decay_l1: f32,
    /// Pairs of vectors (visible) and (hidden) whose products are added to the gradient of the weights, in order.
    pub outer: &'a [(&'a [f32], &'a [f32])],
    /// The gradient of the visible biases (visible).
    pub visible_gradient: &'a [f32],
    /// The gradient of the hidden biases (hidden).
    pub hidden_gradient: &'a [f32],
    /// The offsets of a centred model, (visible) and (hidden).
    pub offsets: Option<(&'a [f32], &'a [f32])>,
}

/// The parameters of one RBM in a layout of the engine's own, with the operations of training and sampling.
///
/// The contract: the results of every method are a function of its arguments and of the parameters alone. They do not
/// depend on the number of threads of the rayon pool that calls, on the instruction set, or on anything called before.
/// Sums run in one canonical order that belongs to the engine, and units are drawn by [`Draw`].
pub trait Engine: Send {
    /// Returns the number of visible units.
    fn visible(&self) -> usize;

    /// Returns the number of hidden units.
    fn hidden(&self) -> usize;

    /// Returns a copy of the parameters in row-major order.
    fn parameters(&self) -> Parameters;

    /// Returns true if every parameter is a finite number.
    fn parameters_are_finite(&self) -> bool {
        self.parameters().is_finite()
    }

    /// sums ← sums + the parameters: weights (visible × hidden, row-major), visible biases, hidden biases, in f64.
    fn add_parameters_to(&self, sums: &mut [f64]) {
        let parameters = self.parameters();
        let (weights, biases) = sums.split_at_mut(parameters.weights.len());
        let (visible, hidden) = biases.split_at_mut(parameters.visible);
        for (sums, values) in
            [(weights, &parameters.weights), (visible, &parameters.visible_bias), (hidden, &parameters.hidden_bias)]
        {
            add_to(sums, values);
        }
    }

    /// Returns a copy of the last change of every parameter, which momentum repeats a share of; `None` before the first
    /// step with momentum.
    fn velocity(&self) -> Option<Parameters>;

    /// Takes over the results of [`Self::parameters`] and [`Self::velocity`] of an engine of the same kind and shape.
    /// Later results have the bits that they would have had there.
    fn restore(&mut self, parameters: &Parameters, velocity: Option<&Parameters>);

    /// b (visible) ← `bias`: annealing moves between models that differ in this and in temperature alone.
    fn set_visible_bias(&mut self, bias: &[f32]);

    /// inputs (batch × hidden) ← v · W + c.
    fn hidden_inputs(&mut self, visible: &BitMatrix, inputs: &mut Vec<f32>);

    /// inputs (batch × hidden) ← v · W + c + offsets.
    fn hidden_inputs_with(&mut self, visible: &BitMatrix, offsets: Option<RowOffsets>, inputs: &mut Vec<f32>) {
        self.hidden_inputs(visible, inputs);
        if let Some(offsets) = offsets {
            offsets.check(visible.rows(), self.hidden());
            offsets.add_to(inputs);
        }
    }

    /// changes (batch) ← changes + Σ_j softplus(to · x_j) − softplus(from · x_j), with x the hidden inputs v · W + c:
    /// what annealing from one inverse temperature to another changes in the hidden half of −F(v). In f64 but for the
    /// inputs.
    fn add_softplus_changes(&mut self, visible: &BitMatrix, temperatures: (f64, f64), changes: &mut [f64]) {
        self.add_softplus_changes_with(visible, None, temperatures, changes);
    }

    /// Adds as [`Self::add_softplus_changes`] does, with the hidden inputs x = v · W + c + offsets.
    fn add_softplus_changes_with(
        &mut self,
        visible: &BitMatrix,
        offsets: Option<RowOffsets>,
        (from, to): (f64, f64),
        changes: &mut [f64],
    ) {
        let mut inputs = Vec::new();
        self.hidden_inputs_with(visible, offsets, &mut inputs);
        assert_eq!(changes.len(), visible.rows(), "numbers to change and rows");
        for (change, inputs) in changes.iter_mut().zip(inputs.chunks_exact(self.hidden())) {
            *change += softplus_sum_change(inputs, from, to);
        }
    }

    /// inputs (batch × visible) ← h · Wᵀ + b.
    fn visible_inputs(&mut self, hidden: &BitMatrix, inputs: &mut Vec<f32>);

    /// inputs (batch × visible) ← h · Wᵀ + b + offsets.
    fn visible_inputs_with(&mut self, hidden: &BitMatrix, offsets: Option<RowOffsets>, inputs: &mut Vec<f32>) {
        self.visible_inputs(hidden, inputs);
        if let Some(offsets) = offsets {
            offsets.check(hidden.rows(), self.visible());
            offsets.add_to(inputs);
        }
    }

    /// probabilities (batch × hidden) ← σ(v · W + c).
    fn hidden_probabilities(&mut self, visible: &BitMatrix, probabilities: &mut Vec<f32>) {
        self.hidden_probabilities_with(visible, None, probabilities);
    }

    /// probabilities (batch × hidden) ← σ(v · W + c + offsets).
    fn hidden_probabilities_with(
        &mut self,
        visible: &BitMatrix,
        offsets: Option<RowOffsets>,
        probabilities: &mut Vec<f32>,
    );

    /// Draws hidden (batch × hidden) ~ p(h | v).
    fn sample_hidden(&mut self, visible: &BitMatrix, draw: Draw, hidden: &mut BitMatrix);

    /// Draws visible (batch × visible) ~ p(v | h).
    fn sample_visible(&mut self, hidden: &BitMatrix, draw: Draw, visible: &mut BitMatrix);

    /// Moves chains, one a row, through `steps` one after the other.
    ///
    /// `visible` (batch × visible) and `hidden` (batch × hidden) hold the states before and after. Where the first step
    /// draws no hidden units, it starts from `hidden`, and `visible` need not have a shape yet.
    fn advance(&mut self, steps: &[GibbsStep], visible: &mut BitMatrix, hidden: &mut BitMatrix) {
        advance_one_by_one(self, steps, visible, hidden);
    }

    /// Takes one gradient step on W, b and c from ⟨v hᵀ⟩ under the data and under the model.
    ///
    /// With batches of the same size B the change of a parameter is (Σ_data − Σ_model) · (ε / B), otherwise Σ_data · (ε
    /// / B_data) − Σ_model · (ε / B_model); weights lose ελw besides. With momentum μ the change is added to μ times
    /// the last change.
    fn step(&mut self, data: &Statistics, model: &Statistics, step: &Step);

    /// Makes one update with all the terms of a [`Rule`].
    ///
    /// Without any, W moves as by [`Self::step`] up to rounding, which is done in another order here.
    fn step_by_rule(&mut self, products: &Products, rule: &Rule);

    /// Returns b (visible).
    fn visible_bias(&self) -> Vec<f32>;
}
