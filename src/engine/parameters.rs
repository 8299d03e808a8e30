//! The parameters of one RBM.

/// The parameters of a Restricted Boltzmann Machine with binary units.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parameters {
    /// The number of visible units.
    pub visible: usize,
    /// The number of hidden units.
    pub hidden: usize,
    /// W (visible × hidden), row-major.
    pub weights: Vec<f32>,
    /// b (visible).
    pub visible_bias: Vec<f32>,
    /// c (hidden).
    pub hidden_bias: Vec<f32>,
}

impl Parameters {
    /// Returns parameters of zeros.
    pub fn zeros(visible: usize, hidden: usize) -> Self {
        Self {
            visible,
            hidden,
            weights: vec![0.0; visible * hidden],
            visible_bias: vec![0.0; visible],
            hidden_bias: vec![0.0; hidden],
        }
    }

    /// Returns the weights of one visible unit to every hidden unit (hidden).
    pub fn weight_row(&self, visible: usize) -> &[f32] {
        &self.weights[visible * self.hidden..][..self.hidden]
    }

    /// Panics unless the other parameters are of the same shape, and whole.
    pub(super) fn assert_same_shape(&self, other: &Self) {
        let shapes = [self, other]
            .map(|own| (own.visible, own.hidden, own.weights.len(), own.visible_bias.len(), own.hidden_bias.len()));
        assert_eq!(shapes[0], shapes[1], "shapes of two sets of parameters");
    }

    /// Returns true if every parameter is a finite number; training that has diverged leaves others.
    pub fn is_finite(&self) -> bool {
        [&self.weights, &self.visible_bias, &self.hidden_bias].iter().all(|part| part.iter().all(|x| x.is_finite()))
    }
}

/// sums ← sums + values, of the same number.
pub(super) fn add_to(sums: &mut [f64], values: &[f32]) {
    assert_eq!(sums.len(), values.len(), "sums and values");
    sums.iter_mut().zip(values).for_each(|(sum, &value)| *sum += f64::from(value));
}
