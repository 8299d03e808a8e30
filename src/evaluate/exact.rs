//! The exact partition function of small models, by enumeration of the smaller layer.

use crate::engine::softplus;
use crate::rbm::Rbm;

/// Layers of more units than this are not enumerated: 2^25 states take seconds, each unit more doubles that.
pub const MAXIMUM_ENUMERATED_UNITS: usize = 25;

/// ln Z = ln Σ_{v, h} e^−E(v, h), in nats; `None` if the smaller layer has more than [`MAXIMUM_ENUMERATED_UNITS`] units.
///
/// The other layer is summed out in closed form. States follow a Gray code, so that neighbours differ in one unit and
/// an input changes by one weight; inputs are made anew every 4,096 states so that rounding does not pile up.
pub fn exact_log_partition(rbm: &Rbm) -> Option<f64> {
    let parameters = rbm.parameters();
    let weight = |visible: usize, hidden: usize| f64::from(parameters.weights[visible * parameters.hidden + hidden]);
    let widen = |biases: &[f32]| biases.iter().map(|&bias| f64::from(bias)).collect::<Vec<f64>>();
    let (visible_bias, hidden_bias) = (widen(&parameters.visible_bias), widen(&parameters.hidden_bias));
    if parameters.hidden <= parameters.visible {
        let row = |hidden: usize| (0..parameters.visible).map(|visible| weight(visible, hidden)).collect();
        let rows: Vec<Vec<f64>> = (0..parameters.hidden).map(row).collect();
        log_sum_over_states(&hidden_bias, &visible_bias, &rows)
    } else {
        let row = |visible: usize| (0..parameters.hidden).map(|hidden| weight(visible, hidden)).collect();
        let rows: Vec<Vec<f64>> = (0..parameters.visible).map(row).collect();
        log_sum_over_states(&visible_bias, &hidden_bias, &rows)
    }
}

/// ln Σ_s e^{a·s} Π_i (1 + e^{b_i + Σ_j s_j w_ji}) over the states s of the layer with biases `a`; `rows[j]` are the
/// weights of its unit j to the other layer, whose biases are `b`.
fn log_sum_over_states(a: &[f64], b: &[f64], rows: &[Vec<f64>]) -> Option<f64> {
    const STATES_BETWEEN_REFRESHES: u64 = 4096;
    if a.len() > MAXIMUM_ENUMERATED_UNITS {
        return None;
    }
    let mut inputs = b.to_vec();
    let mut sum = LogSum::default();
    for index in 0u64..1 << a.len() {
        let gray = index ^ index >> 1;
        if index % STATES_BETWEEN_REFRESHES == 0 {
            inputs.copy_from_slice(b);
            for (unit, row) in rows.iter().enumerate().filter(|(unit, _)| gray >> unit & 1 == 1) {
                debug_assert!(unit < a.len());
                inputs.iter_mut().zip(row).for_each(|(input, weight)| *input += weight);
            }
        } else {
            let changed = index.trailing_zeros() as usize;
            let sign = if gray >> changed & 1 == 1 { 1.0 } else { -1.0 };
            inputs.iter_mut().zip(&rows[changed]).for_each(|(input, weight)| *input += sign * weight);
        }
        let own: f64 = (0..a.len()).filter(|unit| gray >> unit & 1 == 1).map(|unit| a[unit]).sum();
        sum.add(own + inputs.iter().map(|&input| softplus(input)).sum::<f64>());
    }
    Some(sum.value())
}

/// ln Σ e^x of a stream of x, with a running maximum.
#[derive(Debug)]
struct LogSum {
    maximum: f64,
    scaled: f64,
}

impl Default for LogSum {
    fn default() -> Self {
        Self { maximum: f64::NEG_INFINITY, scaled: 0.0 }
    }
}

impl LogSum {
    fn add(&mut self, x: f64) {
        if x > self.maximum {
            self.scaled = self.scaled * libm::exp(self.maximum - x) + 1.0;
            self.maximum = x;
        } else {
            self.scaled += libm::exp(x - self.maximum);
        }
    }

    fn value(&self) -> f64 {
        self.maximum + libm::log(self.scaled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{BitMatrix, log_sigmoid};
    use crate::evaluate::mean_free_energy;
    use crate::testing::{random_bits, random_parameters};

    /// Against the sum over both layers, in either orientation.
    #[test]
    fn enumeration_equals_the_double_sum() {
        for (visible, hidden) in [(5, 3), (3, 5), (4, 4), (1, 1), (6, 2)] {
            let rbm = Rbm::new(random_parameters(8, visible, hidden, 1.5));
            let mut total = 0.0;
            for v in 0u64..1 << visible {
                let v = BitMatrix::from_fn(1, visible, |_, unit| v >> unit & 1 == 1);
                for h in 0u64..1 << hidden {
                    let h = BitMatrix::from_fn(1, hidden, |_, unit| h >> unit & 1 == 1);
                    total += (-rbm.energy(&v, &h, 0)).exp();
                }
            }
            let exact = exact_log_partition(&rbm).unwrap();
            assert!((exact - total.ln()).abs() < 1e-11, "{visible} × {hidden}: {exact}, {}", total.ln());
        }
    }

    /// With W = 0 the log-likelihood is the Bernoulli base rate, whatever the hidden biases.
    #[test]
    fn without_weights_the_log_likelihood_is_the_base_rate() {
        let mut parameters = random_parameters(9, 40, 13, 1.0);
        parameters.weights.fill(0.0);
        let rbm = Rbm::new(parameters.clone());
        let windows = random_bits(10, 20, 40, 0.3);
        let rows: Vec<usize> = (0..20).collect();
        let likelihood = -mean_free_energy(&rbm, &windows, &rows).unwrap() - exact_log_partition(&rbm).unwrap();
        let mut expected = 0.0;
        for row in 0..20 {
            for unit in 0..40 {
                let bias = f64::from(parameters.visible_bias[unit]);
                expected += log_sigmoid(if windows.get(row, unit) { bias } else { -bias }) / 20.0;
            }
        }
        assert!((likelihood - expected).abs() < 1e-10, "{likelihood} against {expected}");
    }

    /// More than 4,096 states: the refresh of the inputs is exercised, and biases far from zero do not overflow.
    #[test]
    fn long_enumerations_stay_exact() {
        let mut parameters = random_parameters(12, 14, 15, 2.0);
        parameters.visible_bias.fill(300.0);
        let rbm = Rbm::new(parameters);
        let through_visible = exact_log_partition(&rbm).unwrap();
        let mut sum = LogSum::default();
        let states = BitMatrix::from_fn(1 << 14, 14, |row, unit| row >> unit & 1 == 1);
        for row in 0..states.rows() {
            sum.add(-rbm.free_energy(&states, row));
        }
        assert!((through_visible - sum.value()).abs() < 1e-10 * through_visible.abs());
    }

    #[test]
    fn large_layers_are_refused() {
        assert_eq!(exact_log_partition(&Rbm::new(random_parameters(1, 40, 26, 1.0))), None);
    }
}
