//! The parameter update, element by element: the one place where its formula stands.

use super::contract::{Rule, Step};
use super::parameters::Parameters;

/// One update's scalars, ready to be applied to any slice of parameters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Update {
    /// ε / batch size, for the positive and the negative statistics.
    scales: (f32, f32),
    momentum: f32,
    /// ελ.
    decay: f32,
}

impl Update {
    /// Returns the update that adds the gradient itself, the difference of two means.
    pub(super) fn gradient(data_rows: usize, model_rows: usize) -> Self {
        Self::new(&Step { learning_rate: 1.0, momentum: 0.0, weight_decay: 0.0 }, data_rows, model_rows)
    }

    pub(super) fn new(step: &Step, data_rows: usize, model_rows: usize) -> Self {
        let scale = |rows: usize| {
            if rows == 0 { 0.0 } else { step.learning_rate / rows as f32 }
        };
        Self {
            scales: (scale(data_rows), scale(model_rows)),
            momentum: step.momentum,
            decay: step.learning_rate * step.weight_decay,
        }
    }

    /// Returns the same update without weight decay, as biases get it.
    pub(super) fn without_decay(self) -> Self {
        Self { decay: 0.0, ..self }
    }

    /// parameters ← parameters + change, where positive and negative are the sums Σ v h over the two batches.
    ///
    /// `velocity` holds the last changes; it is read and written only where there is momentum.
    pub(super) fn apply(self, parameters: &mut [f32], velocity: &mut [f32], positive: &[f32], negative: &[f32]) {
        assert_eq!(parameters.len(), positive.len(), "parameters and positive statistics");
        assert_eq!(parameters.len(), negative.len(), "parameters and negative statistics");
        let sums = positive.iter().zip(negative);
        if self.momentum == 0.0 {
            for (parameter, (&positive, &negative)) in parameters.iter_mut().zip(sums) {
                *parameter += self.change(*parameter, positive, negative);
            }
        } else {
            assert_eq!(parameters.len(), velocity.len(), "parameters and their last changes");
            for ((parameter, velocity), (&positive, &negative)) in parameters.iter_mut().zip(velocity).zip(sums) {
                *velocity = self.momentum * *velocity + self.change(*parameter, positive, negative);
                *parameter += *velocity;
            }
        }
    }

    /// Returns the numbers of the formula, for kernels that apply it sixteen parameters at a time.
    #[inline]
    pub(super) fn scalars(self) -> Scalars {
        Scalars { data: self.scales.0, model: self.scales.1, momentum: self.momentum, decay: self.decay }
    }

    /// Returns the factor of the difference of counts, with ελ, where a change has those two terms alone.
    pub(super) fn plain(self) -> Option<(f32, f32)> {
        (self.momentum == 0.0 && self.scales.0 == self.scales.1).then_some((self.scales.0, self.decay))
    }

    #[inline]
    fn change(self, parameter: f32, positive: f32, negative: f32) -> f32 {
        let (data, model) = self.scales;
        let gradient = if data == model { (positive - negative) * data } else { positive * data - negative * model };
        if self.decay == 0.0 { gradient } else { gradient - self.decay * parameter }
    }
}

/// The numbers of an [`Update`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Scalars {
    /// ε / batch size of the positive statistics.
    pub(super) data: f32,
    /// ε / batch size of the negative statistics.
    pub(super) model: f32,
    pub(super) momentum: f32,
    /// ελ.
    pub(super) decay: f32,
}

/// The numbers of a [`Rule`].
#[derive(Clone, Copy, Debug)]
pub(super) struct RuleScalars {
    pub(super) learning_rate: f32,
    pub(super) momentum: f32,
    pub(super) nesterov: bool,
    /// ελ₂ and ελ₁.
    pub(super) decay: [f32; 2],
}

impl RuleScalars {
    /// Returns the same update without weight decay, as biases get it.
    pub(super) fn without_decay(self) -> Self {
        Self { decay: [0.0; 2], ..self }
    }

    /// Returns δ of one parameter from its gradient; changes its velocity where there is momentum.
    #[inline]
    pub(super) fn change(self, parameter: f32, velocity: &mut f32, gradient: f32) -> f32 {
        let sign = if parameter > 0.0 {
            1.0
        } else if parameter < 0.0 {
            -1.0
        } else {
            0.0
        };
        let change = self.learning_rate * gradient - self.decay[0] * parameter - self.decay[1] * sign;
        if self.momentum == 0.0 {
            return change;
        }
        *velocity = self.momentum * *velocity + change;
        if self.nesterov { change + self.momentum * *velocity } else { *velocity }
    }

    /// parameters ← parameters + δ. `velocity` is empty where there is no momentum.
    pub(super) fn apply(self, parameters: &mut [f32], velocity: &mut [f32], gradient: &[f32]) {
        assert_eq!(parameters.len(), gradient.len(), "parameters and their gradient");
        for (index, (parameter, &gradient)) in parameters.iter_mut().zip(gradient).enumerate() {
            let mut none = 0.0;
            let velocity = if self.momentum == 0.0 { &mut none } else { &mut velocity[index] };
            *parameter += self.change(*parameter, velocity, gradient);
        }
    }
}

impl Rule<'_> {
    pub(super) fn scalars(&self) -> RuleScalars {
        let Step { learning_rate, momentum, weight_decay } = self.step;
        let decay = [learning_rate * weight_decay, learning_rate * self.weight_decay_l1];
        RuleScalars { learning_rate, momentum, nesterov: self.nesterov, decay }
    }

    /// Panics where a vector is not as long as its layer.
    pub(super) fn check(&self, visible: usize, hidden: usize) {
        let pairs = self.outer.iter().chain(&self.offsets);
        for (visible_part, hidden_part) in pairs.chain([&(self.visible_gradient, self.hidden_gradient)]) {
            let lengths = (visible_part.len(), hidden_part.len());
            assert_eq!(lengths, (visible, hidden), "lengths of vectors and units of their layers");
        }
    }

    /// Makes the whole update on row-major parameters. `products` (visible × hidden) is P and becomes δ_W.
    pub(super) fn apply(&self, parameters: &mut Parameters, velocity: &mut Velocity, products: &mut [f32]) {
        let (visible, hidden) = (parameters.visible, parameters.hidden);
        self.check(visible, hidden);
        velocity.prepare(&self.step, visible, hidden);
        let scalars = self.scalars();
        let biases = scalars.without_decay();
        biases.apply(&mut parameters.visible_bias, &mut velocity.visible_bias, self.visible_gradient);
        biases.apply(&mut parameters.hidden_bias, &mut velocity.hidden_bias, self.hidden_gradient);
        let mut hidden_shift = vec![0.0; hidden];
        for unit in 0..visible {
            let row = unit * hidden..(unit + 1) * hidden;
            let products = &mut products[row.clone()];
            for (own, other) in self.outer {
                products.iter_mut().zip(*other).for_each(|(product, other)| *product += own[unit] * other);
            }
            let velocity = if scalars.momentum == 0.0 { &mut [] } else { &mut velocity.weights[row.clone()] };
            for (index, (weight, product)) in parameters.weights[row].iter_mut().zip(&mut *products).enumerate() {
                let mut none = 0.0;
                *product = scalars.change(*weight, velocity.get_mut(index).unwrap_or(&mut none), *product);
                *weight += *product;
            }
            if let Some((visible_offsets, hidden_offsets)) = self.offsets {
                let shift: f32 = products.iter().zip(hidden_offsets).map(|(change, offset)| change * offset).sum();
                parameters.visible_bias[unit] -= shift;
                let shifts = hidden_shift.iter_mut().zip(&*products);
                shifts.for_each(|(shift, change)| *shift += change * visible_offsets[unit]);
            }
        }
        parameters.hidden_bias.iter_mut().zip(&hidden_shift).for_each(|(bias, shift)| *bias -= shift);
    }
}

/// The last changes of all parameters, allocated when momentum is first used.
#[derive(Clone, Debug, Default)]
pub(super) struct Velocity {
    pub(super) weights: Vec<f32>,
    pub(super) visible_bias: Vec<f32>,
    pub(super) hidden_bias: Vec<f32>,
}

impl Velocity {
    /// Returns the last changes of `visible × hidden` parameters, or none before momentum is first used.
    pub(super) fn to_parameters(&self, visible: usize, hidden: usize) -> Option<Parameters> {
        let Self { weights, visible_bias, hidden_bias } = self.clone();
        (!weights.is_empty()).then_some(Parameters { visible, hidden, weights, visible_bias, hidden_bias })
    }

    /// Takes back the result of [`Self::to_parameters`].
    pub(super) fn of(changes: Option<&Parameters>) -> Self {
        changes.cloned().map_or_else(Self::default, |Parameters { weights, visible_bias, hidden_bias, .. }| Self {
            weights,
            visible_bias,
            hidden_bias,
        })
    }

    /// Makes room for `visible × hidden` parameters if `step` uses momentum.
    pub(super) fn prepare(&mut self, step: &Step, visible: usize, hidden: usize) {
        if step.momentum != 0.0 {
            self.weights.resize(visible * hidden, 0.0);
            self.visible_bias.resize(visible, 0.0);
            self.hidden_bias.resize(hidden, 0.0);
        }
    }
}
