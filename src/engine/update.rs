//! The parameter update, element by element: the one place where its formula stands.

use super::Parameters;
use super::seam::Step;

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

    /// The same update without weight decay, as biases get it.
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

    /// The numbers of the formula, for kernels that apply it sixteen parameters at a time.
    #[inline]
    pub(super) fn scalars(self) -> Scalars {
        Scalars { data: self.scales.0, model: self.scales.1, momentum: self.momentum, decay: self.decay }
    }

    /// The factor of the difference of counts and ελ, where a change is no more than those two terms.
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

/// The last changes of all parameters, allocated when momentum is first used.
#[derive(Clone, Debug, Default)]
pub(super) struct Velocity {
    pub(super) weights: Vec<f32>,
    pub(super) visible_bias: Vec<f32>,
    pub(super) hidden_bias: Vec<f32>,
}

impl Velocity {
    /// The last changes of `visible × hidden` parameters, or none before momentum is first used.
    pub(super) fn to_parameters(&self, visible: usize, hidden: usize) -> Option<Parameters> {
        let Self { weights, visible_bias, hidden_bias } = self.clone();
        (!weights.is_empty()).then_some(Parameters { visible, hidden, weights, visible_bias, hidden_bias })
    }

    /// What [`Self::to_parameters`] returned.
    pub(super) fn of(changes: Option<&Parameters>) -> Self {
        changes.cloned().map_or_else(Self::default, |Parameters { weights, visible_bias, hidden_bias, .. }| Self {
            weights,
            visible_bias,
            hidden_bias,
        })
    }

    /// Make room for `visible × hidden` parameters if `step` uses momentum.
    pub(super) fn prepare(&mut self, step: &Step, visible: usize, hidden: usize) {
        if step.momentum != 0.0 {
            self.weights.resize(visible * hidden, 0.0);
            self.visible_bias.resize(visible, 0.0);
            self.hidden_bias.resize(hidden, 0.0);
        }
    }
}
