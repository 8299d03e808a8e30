//! Adam, the optimizer that scales steps by running means of gradients.

use crate::model::tensors::{TensorError, TensorReader, TensorValues, Tensors};
use crate::train::{Optimizer, TrainOptions};

/// The constants of Adam.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::model) struct Adam {
    /// The share of the mean of gradients that an update leaves, β₁.
    pub first: f64,
    /// The share of the mean of squared gradients that an update leaves, β₂.
    pub second: f64,
    /// The number added to the root of the mean of squares, ε.
    pub epsilon: f64,
}

impl Adam {
    /// Returns the constants that options name.
    pub(in crate::model) fn of(options: &TrainOptions) -> Self {
        Self { first: options.adam_first, second: options.adam_second, epsilon: options.adam_epsilon }
    }
}

/// The size of the steps of an array of parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::model) struct Rate {
    /// The step size ε.
    pub step: f32,
    /// The decay λ, apart from the moments.
    pub decay: f32,
}

/// The running means of gradients and of their squares, one number a parameter.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::model) struct Moments {
    /// The means of gradients.
    pub first: Vec<f32>,
    /// The means of squared gradients.
    pub second: Vec<f32>,
    /// The number of updates so far.
    pub updates: u64,
}

impl Moments {
    /// Returns the moments before the first update of `count` parameters, if the options ask for Adam.
    pub(in crate::model) fn under(options: &TrainOptions, count: usize) -> Option<Self> {
        (options.optimizer == Optimizer::Adam).then(|| Self::zeros(count))
    }

    /// Adds the moments to the state of a learner.
    pub(in crate::model) fn save(&self, state: &mut Tensors) {
        for (name, values) in [("first", &self.first), ("second", &self.second)] {
            state.insert(format!("moments.{name}"), &[values.len()], TensorValues::F32(values.clone()));
        }
        state.insert("moments.updates", &[1], TensorValues::U64(vec![self.updates]));
    }

    /// Returns these moments with the values that [`Self::save`] added.
    pub(in crate::model) fn restored(&self, state: &mut TensorReader) -> Result<Self, TensorError> {
        let count = [self.first.len()];
        Ok(Self {
            first: state.f32("moments.first", &count)?,
            second: state.f32("moments.second", &count)?,
            updates: state.u64("moments.updates", &[1])?[0],
        })
    }

    /// Returns the moments before the first update of `count` parameters.
    pub(in crate::model) fn zeros(count: usize) -> Self {
        Self { first: vec![0.0; count], second: vec![0.0; count], updates: 0 }
    }

    /// Makes one update of the parameters, array by array: θ ← θ + ε m̂ / (√v̂ + ε̂) − ελθ (Kingma and Ba 2015, algorithm
    /// 1, ascending; the decay apart from the moments: Loshchilov and Hutter 2019). Each array comes with its gradient,
    /// its step size and its decay λ.
    pub(in crate::model) fn ascend(&mut self, adam: Adam, arrays: &mut [(&mut [f32], &[f32], Rate)]) {
        self.updates += 1;
        let updates = self.updates as f64;
        let (first, second) = (adam.first as f32, adam.second as f32);
        let first_scale = (1.0 / (1.0 - libm::pow(adam.first, updates))) as f32;
        let second_scale = (1.0 / (1.0 - libm::pow(adam.second, updates))) as f32;
        let epsilon = adam.epsilon as f32;
        let mut start = 0;
        for (values, gradients, Rate { step, decay }) in arrays {
            let end = start + values.len();
            let moments = self.first[start..end].iter_mut().zip(&mut self.second[start..end]);
            for ((value, gradient), (mean, square)) in values.iter_mut().zip(*gradients).zip(moments) {
                *mean = first * *mean + (1.0 - first) * gradient;
                *square = second * *square + (1.0 - second) * (gradient * gradient);
                let change = (*mean * first_scale) / ((*square * second_scale).sqrt() + epsilon);
                *value += *step * change - *step * *decay * *value;
            }
            start = end;
        }
    }
}
