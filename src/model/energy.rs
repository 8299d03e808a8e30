//! The RBM in plain f64: the exact quantities that the engines are measured against.

use crate::engine::{BitMatrix, Parameters, sigmoid_f64, softplus};

/// A Restricted Boltzmann Machine over binary visible units v and hidden units h (Smolensky 1986; Hinton 2002):
/// p(v, h) ∝ e^−E(v, h) with E(v, h) = −b·v − c·h − v W h.
#[derive(Clone, Debug, PartialEq)]
pub struct Rbm {
    parameters: Parameters,
}

impl Rbm {
    /// Returns the model with these parameters.
    pub fn new(parameters: Parameters) -> Self {
        Self { parameters }
    }

    /// Returns W, b and c.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Returns the number of visible units.
    pub fn visible(&self) -> usize {
        self.parameters.visible
    }

    /// Returns the number of hidden units.
    pub fn hidden(&self) -> usize {
        self.parameters.hidden
    }

    /// Returns E(v, h) of row `row` of both matrices, in nats.
    pub fn energy(&self, visible: &BitMatrix, hidden: &BitMatrix, row: usize) -> f64 {
        let inputs = self.hidden_inputs(visible, row);
        let hidden_part: f64 = hidden.ones(row).map(|unit| inputs[unit]).sum();
        -self.visible_part(visible, row) - hidden_part
    }

    /// Returns F(v) = −b·v − Σ_j softplus(c_j + v·W_j) of one row, in nats.
    pub fn free_energy(&self, visible: &BitMatrix, row: usize) -> f64 {
        let hidden_part: f64 = self.hidden_inputs(visible, row).into_iter().map(softplus).sum();
        -self.visible_part(visible, row) - hidden_part
    }

    /// Returns c + v W (hidden), the inputs of the hidden units for one row.
    pub fn hidden_inputs(&self, visible: &BitMatrix, row: usize) -> Vec<f64> {
        assert_eq!(visible.columns(), self.visible(), "columns of the visible states and visible units");
        let mut inputs: Vec<f64> = self.parameters.hidden_bias.iter().map(|&bias| f64::from(bias)).collect();
        for unit in visible.ones(row) {
            for (input, &weight) in inputs.iter_mut().zip(self.parameters.weight_row(unit)) {
                *input += f64::from(weight);
            }
        }
        inputs
    }

    /// Returns b + W h (visible), the inputs of the visible units for one row.
    pub fn visible_inputs(&self, hidden: &BitMatrix, row: usize) -> Vec<f64> {
        assert_eq!(hidden.columns(), self.hidden(), "columns of the hidden states and hidden units");
        (0..self.visible())
            .map(|unit| {
                let weights = self.parameters.weight_row(unit);
                let sum: f64 = hidden.ones(row).map(|on| f64::from(weights[on])).sum();
                f64::from(self.parameters.visible_bias[unit]) + sum
            })
            .collect()
    }

    /// Returns p(h_j = 1 | v) (hidden) for one row.
    pub fn hidden_probabilities(&self, visible: &BitMatrix, row: usize) -> Vec<f64> {
        self.hidden_inputs(visible, row).into_iter().map(sigmoid_f64).collect()
    }

    /// Returns p(v_i = 1 | h) (visible) for one row.
    pub fn visible_probabilities(&self, hidden: &BitMatrix, row: usize) -> Vec<f64> {
        self.visible_inputs(hidden, row).into_iter().map(sigmoid_f64).collect()
    }

    /// Returns b·v of one row.
    fn visible_part(&self, visible: &BitMatrix, row: usize) -> f64 {
        visible.ones(row).map(|unit| f64::from(self.parameters.visible_bias[unit])).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> Rbm {
        let mut parameters = Parameters::zeros(3, 2);
        parameters.weights = vec![0.5, -1.0, 0.25, 2.0, -0.75, 0.125];
        parameters.visible_bias = vec![0.1, -0.2, 0.3];
        parameters.hidden_bias = vec![-0.5, 1.0];
        Rbm::new(parameters)
    }

    /// e^−F(v) is the sum of e^−E(v, h) over the hidden states.
    #[test]
    fn free_energy_sums_the_hidden_states_out() {
        let rbm = small();
        for state in 0u64..8 {
            let visible = BitMatrix::from_fn(1, 3, |_, unit| state >> unit & 1 == 1);
            let sum: f64 = (0u64..4)
                .map(|hidden| BitMatrix::from_fn(1, 2, |_, unit| hidden >> unit & 1 == 1))
                .map(|hidden| (-rbm.energy(&visible, &hidden, 0)).exp())
                .sum();
            assert!((sum.ln() + rbm.free_energy(&visible, 0)).abs() < 1e-12);
        }
    }

    /// p(v_i | h) follows from the energies with v_i on and off.
    #[test]
    fn conditionals_follow_from_the_energy() {
        let rbm = small();
        let hidden = BitMatrix::from_fn(1, 2, |_, unit| unit == 1);
        for unit in 0..3 {
            let energy = |on: bool| {
                let visible = BitMatrix::from_fn(1, 3, |_, other| if other == unit { on } else { other == 2 });
                rbm.energy(&visible, &hidden, 0)
            };
            let odds = energy(false) - energy(true);
            assert!((rbm.visible_inputs(&hidden, 0)[unit] - odds).abs() < 1e-12);
        }
        let visible = BitMatrix::from_fn(1, 3, |_, unit| unit != 1);
        for unit in 0..2 {
            let energy = |on: bool| {
                let hidden = BitMatrix::from_fn(1, 2, |_, other| other == unit && on);
                rbm.energy(&visible, &hidden, 0)
            };
            assert!((rbm.hidden_inputs(&visible, 0)[unit] - (energy(false) - energy(true))).abs() < 1e-12);
        }
    }
}
