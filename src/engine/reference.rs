//! The plain engine: textbook loops in f32, one thread. Every other engine is tested against it.

use super::bits::BitMatrix;
use super::contract::{Draw, Engine, HiddenStatistics, Products, RowOffsets, Rule, Statistics, Step};
use super::math::{fires, sigmoid};
use super::parameters::Parameters;
use super::update::{Update, Velocity};

/// Plain loops over units, every sum in ascending order of its index.
#[derive(Clone, Debug)]
pub struct ReferenceEngine {
    parameters: Parameters,
    velocity: Velocity,
}

impl ReferenceEngine {
    /// Returns an engine that starts from `parameters`.
    pub fn new(parameters: Parameters) -> Self {
        Self { parameters, velocity: Velocity::default() }
    }
}

/// Sums over a batch: Σ v hᵀ (visible × hidden), Σ v (visible), Σ h (hidden), rows in ascending order.
struct Sums {
    products: Vec<f32>,
    visible: Vec<f32>,
    hidden: Vec<f32>,
}

impl Sums {
    fn of(statistics: &Statistics, visible_units: usize, hidden_units: usize) -> Self {
        let mut sums = Self {
            products: vec![0.0; visible_units * hidden_units],
            visible: vec![0.0; visible_units],
            hidden: vec![0.0; hidden_units],
        };
        for row in 0..statistics.visible.rows() {
            let hidden = |unit: usize| match statistics.hidden {
                HiddenStatistics::Samples(samples) => f32::from(u8::from(samples.get(row, unit))),
                HiddenStatistics::Probabilities(probabilities) => probabilities[row * hidden_units + unit],
            };
            for unit in 0..hidden_units {
                sums.hidden[unit] += hidden(unit);
            }
            for visible in statistics.visible.ones(row) {
                sums.visible[visible] += 1.0;
                for unit in 0..hidden_units {
                    sums.products[visible * hidden_units + unit] += hidden(unit);
                }
            }
        }
        sums
    }
}

impl Engine for ReferenceEngine {
    fn visible(&self) -> usize {
        self.parameters.visible
    }

    fn hidden(&self) -> usize {
        self.parameters.hidden
    }

    fn parameters(&self) -> Parameters {
        self.parameters.clone()
    }

    fn parameters_are_finite(&self) -> bool {
        self.parameters.is_finite()
    }

    fn velocity(&self) -> Option<Parameters> {
        self.velocity.to_parameters(self.parameters.visible, self.parameters.hidden)
    }

    fn restore(&mut self, parameters: &Parameters, velocity: Option<&Parameters>) {
        self.parameters.assert_same_shape(parameters);
        self.parameters.clone_from(parameters);
        self.velocity = Velocity::of(velocity);
    }

    fn set_visible_bias(&mut self, bias: &[f32]) {
        self.parameters.visible_bias.copy_from_slice(bias);
    }

    fn hidden_inputs(&mut self, visible: &BitMatrix, inputs: &mut Vec<f32>) {
        assert_eq!(visible.columns(), self.visible(), "columns of the visible states and visible units");
        inputs.clear();
        for row in 0..visible.rows() {
            for unit in 0..self.hidden() {
                let mut input = self.parameters.hidden_bias[unit];
                for on in visible.ones(row) {
                    input += self.parameters.weight_row(on)[unit];
                }
                inputs.push(input);
            }
        }
    }

    fn visible_inputs(&mut self, hidden: &BitMatrix, inputs: &mut Vec<f32>) {
        assert_eq!(hidden.columns(), self.hidden(), "columns of the hidden states and hidden units");
        inputs.clear();
        for row in 0..hidden.rows() {
            for unit in 0..self.visible() {
                let mut input = self.parameters.visible_bias[unit];
                for on in hidden.ones(row) {
                    input += self.parameters.weight_row(unit)[on];
                }
                inputs.push(input);
            }
        }
    }

    fn hidden_probabilities_with(
        &mut self,
        visible: &BitMatrix,
        offsets: Option<RowOffsets>,
        probabilities: &mut Vec<f32>,
    ) {
        self.hidden_inputs_with(visible, offsets, probabilities);
        for value in probabilities {
            *value = sigmoid(*value);
        }
    }

    fn sample_hidden(&mut self, visible: &BitMatrix, draw: Draw, hidden: &mut BitMatrix) {
        let mut inputs = Vec::new();
        self.hidden_inputs_with(visible, draw.offsets, &mut inputs);
        sample(&inputs, visible.rows(), self.hidden(), draw, hidden);
    }

    fn sample_visible(&mut self, hidden: &BitMatrix, draw: Draw, visible: &mut BitMatrix) {
        let mut inputs = Vec::new();
        self.visible_inputs_with(hidden, draw.offsets, &mut inputs);
        sample(&inputs, hidden.rows(), self.visible(), draw, visible);
    }

    fn step(&mut self, data: &Statistics, model: &Statistics, step: &Step) {
        let (visible, hidden) = (self.visible(), self.hidden());
        self.velocity.prepare(step, visible, hidden);
        let positive = Sums::of(data, visible, hidden);
        let negative = Sums::of(model, visible, hidden);
        let update = Update::new(step, data.visible.rows(), model.visible.rows());
        let (parameters, velocity) = (&mut self.parameters, &mut self.velocity);
        update.apply(&mut parameters.weights, &mut velocity.weights, &positive.products, &negative.products);
        let biases = update.without_decay();
        biases.apply(&mut parameters.visible_bias, &mut velocity.visible_bias, &positive.visible, &negative.visible);
        biases.apply(&mut parameters.hidden_bias, &mut velocity.hidden_bias, &positive.hidden, &negative.hidden);
    }

    fn step_by_rule(&mut self, products: &Products, rule: &Rule) {
        let (visible, hidden) = (self.visible(), self.hidden());
        let mut gradient = vec![0.0; visible * hidden];
        match products {
            Products::Estimated { data, model } => {
                let [positive, negative] = [data, model].map(|side| Sums::of(side, visible, hidden).products);
                let update = Update::gradient(data.visible.rows(), model.visible.rows());
                update.apply(&mut gradient, &mut [], &positive, &negative);
            }
            Products::Given(products) => gradient.copy_from_slice(products),
        }
        rule.apply(&mut self.parameters, &mut self.velocity, &mut gradient);
    }

    fn visible_bias(&self) -> Vec<f32> {
        self.parameters.visible_bias.clone()
    }
}

/// Draws states (rows × columns) ~ Bernoulli(σ(β · inputs)).
fn sample(inputs: &[f32], rows: usize, columns: usize, draw: Draw, states: &mut BitMatrix) {
    states.reset(rows, columns);
    for row in 0..rows {
        let mut stream = draw.streams.row(row);
        for column in 0..columns {
            let input = inputs[row * columns + column] * draw.inverse_temperature;
            let on = fires(input, stream.next_u32());
            states.set(row, column, on);
        }
    }
}
