//! The expected statistics of a small model, exact, or of data. The gradient of the log-likelihood is their difference.

use crate::engine::{BitMatrix, Parameters, sigmoid_f64};
use rayon::prelude::*;

/// The maximum number of units in a layer that is enumerated for a gradient. Its 2^20 states take seconds, and each
/// further unit doubles that.
pub const MAXIMUM_GRADIENT_UNITS: usize = 20;

/// The maximum number of blocks that the states are divided into. Each has sums of its own, which are added up in
/// order.
const MOST_BLOCKS: u64 = 64;
/// The minimum number of states in a block. Inputs are computed again at its start, so rounding errors do not
/// accumulate.
const LEAST_BLOCK: u64 = 1024;

/// The expectations ⟨v hᵀ⟩, ⟨v⟩ and ⟨h⟩ under some distribution.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectations {
    /// ⟨v_i h_j⟩ (visible × hidden), row-major.
    pub products: Vec<f64>,
    /// ⟨v_i⟩ (visible).
    pub visible: Vec<f64>,
    /// ⟨h_j⟩ (hidden).
    pub hidden: Vec<f64>,
}

impl Expectations {
    /// Returns the expectations under the model p(v, h) ∝ e^−E(v, h), by enumeration of the smaller layer; `None` if
    /// that has more than [`MAXIMUM_GRADIENT_UNITS`] units.
    ///
    /// For each state s of the smaller layer, p(s) and the probabilities of the other layer's units have a closed form.
    /// States follow a Gray code, in which neighbours differ in one unit. The number of threads changes no bit.
    pub fn of_model(parameters: &Parameters) -> Option<Self> {
        let Parameters { visible, hidden, .. } = *parameters;
        if visible.min(hidden) > MAXIMUM_GRADIENT_UNITS {
            return None;
        }
        let weight = |visible: usize, unit: usize| f64::from(parameters.weights[visible * hidden + unit]);
        let widen = |biases: &[f32]| biases.iter().map(|&bias| f64::from(bias)).collect::<Vec<f64>>();
        let biases = (widen(&parameters.visible_bias), widen(&parameters.hidden_bias));
        if hidden <= visible {
            let rows = (0..hidden).map(|unit| (0..visible).map(|other| weight(other, unit)).collect()).collect();
            let sums = Enumeration { own: biases.1, other: biases.0, rows }.sums();
            let products = (0..visible * hidden).map(|index| sums.products[index % hidden * visible + index / hidden]);
            Some(Self { products: products.collect(), visible: sums.other, hidden: sums.own })
        } else {
            let rows = (0..visible).map(|unit| (0..hidden).map(|other| weight(unit, other)).collect()).collect();
            let sums = Enumeration { own: biases.0, other: biases.1, rows }.sums();
            Some(Self { products: sums.products, visible: sums.own, hidden: sums.other })
        }
    }

    /// Returns the expectations under the data with h ~ p(h | v): the means over the rows of `states` (rows × visible).
    /// Zero if there are no rows.
    pub fn of_data(parameters: &Parameters, states: &BitMatrix) -> Self {
        let Parameters { visible, hidden, .. } = *parameters;
        assert_eq!(states.columns(), visible, "columns of the visible states and visible units");
        let mut sums =
            Self { products: vec![0.0; visible * hidden], visible: vec![0.0; visible], hidden: vec![0.0; hidden] };
        let share = if states.rows() == 0 { 0.0 } else { 1.0 / states.rows() as f64 };
        for row in 0..states.rows() {
            let mut probabilities: Vec<f64> = parameters.hidden_bias.iter().map(|&bias| f64::from(bias)).collect();
            for unit in states.ones(row) {
                add(&mut probabilities, parameters.weight_row(unit).iter().map(|&weight| f64::from(weight)));
            }
            for value in &mut probabilities {
                *value = share * sigmoid_f64(*value);
            }
            add(&mut sums.hidden, probabilities.iter().copied());
            for unit in states.ones(row) {
                sums.visible[unit] += share;
                add(&mut sums.products[unit * hidden..][..hidden], probabilities.iter().copied());
            }
        }
        sums
    }
}

fn add(sums: &mut [f64], values: impl Iterator<Item = f64>) {
    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}

/// The enumerated layer, with biases `own`, and the other one; `rows[j]` are the weights of unit j of the enumerated
/// layer.
struct Enumeration {
    own: Vec<f64>,
    other: Vec<f64>,
    rows: Vec<Vec<f64>>,
}

/// The sums over states s of e^(ln p*(s) − maximum) times the expectations under s, where p* is the unnormalised
/// probability.
struct Sums {
    maximum: f64,
    total: f64,
    /// The sums of the products (own × other).
    products: Vec<f64>,
    own: Vec<f64>,
    other: Vec<f64>,
}

impl Enumeration {
    /// Returns the expectations: the sums over all states, divided by their total.
    fn sums(&self) -> Sums {
        let states = 1u64 << self.own.len();
        let length = (states / MOST_BLOCKS).max(LEAST_BLOCK);
        let blocks: Vec<Sums> = (0..states.div_ceil(length))
            .into_par_iter()
            .map(|block| self.block(block * length..((block + 1) * length).min(states)))
            .collect();
        let mut blocks = blocks.into_iter();
        let mut sums = blocks.next().expect("a layer has at least one state");
        for mut block in blocks {
            let maximum = sums.maximum.max(block.maximum);
            sums.rescale(maximum);
            block.rescale(maximum);
            sums.total += block.total;
            add(&mut sums.products, block.products.into_iter());
            add(&mut sums.own, block.own.into_iter());
            add(&mut sums.other, block.other.into_iter());
        }
        let total = sums.total;
        sums.scale(1.0 / total);
        sums
    }

    fn block(&self, states: std::ops::Range<u64>) -> Sums {
        let (own, other) = (self.own.len(), self.other.len());
        let mut sums = Sums {
            maximum: f64::NEG_INFINITY,
            total: 0.0,
            products: vec![0.0; own * other],
            own: vec![0.0; own],
            other: vec![0.0; other],
        };
        let mut inputs = self.other.clone();
        let mut expected = vec![0.0; other];
        for index in states.clone() {
            let gray = index ^ index >> 1;
            if index == states.start {
                for unit in ones(gray) {
                    add(&mut inputs, self.rows[unit].iter().copied());
                }
            } else {
                let changed = index.trailing_zeros() as usize;
                let sign = if gray >> changed & 1 == 1 { 1.0 } else { -1.0 };
                add(&mut inputs, self.rows[changed].iter().map(|weight| sign * weight));
            }
            let mut log_weight: f64 = ones(gray).map(|unit| self.own[unit]).sum::<f64>();
            for (inputs, expected) in inputs.chunks(FACTORS).zip(expected.chunks_mut(FACTORS)) {
                log_weight += other_layer(inputs, expected);
            }
            if log_weight > sums.maximum {
                sums.rescale(log_weight);
            }
            let weight = libm::exp(log_weight - sums.maximum);
            sums.total += weight;
            for value in &mut expected {
                *value *= weight;
            }
            add(&mut sums.other, expected.iter().copied());
            for unit in ones(gray) {
                sums.own[unit] += weight;
                add(&mut sums.products[unit * other..][..other], expected.iter().copied());
            }
        }
        sums
    }
}

/// The number of factors in (1, 2] whose product stays finite.
const FACTORS: usize = 1000;

/// Sets expected ← σ(inputs) and returns Σ softplus(inputs), with one logarithm for all: ln Π (1 + e^−|x|) + Σ max(x,
/// 0).
fn other_layer(inputs: &[f64], expected: &mut [f64]) -> f64 {
    let (mut product, mut sum) = (1.0, 0.0);
    for (&input, expected) in inputs.iter().zip(expected) {
        let small = libm::exp(-input.abs());
        product *= 1.0 + small;
        sum += input.max(0.0);
        *expected = if input >= 0.0 { 1.0 } else { small } / (1.0 + small);
    }
    sum + libm::log(product)
}

/// Returns the units that are on in a state, ascending.
fn ones(state: u64) -> impl Iterator<Item = usize> {
    (0..64).filter(move |unit| state >> unit & 1 == 1)
}

impl Sums {
    fn rescale(&mut self, maximum: f64) {
        let factor = libm::exp(self.maximum - maximum);
        self.maximum = maximum;
        self.scale(factor);
    }

    fn scale(&mut self, factor: f64) {
        self.total *= factor;
        for part in [&mut self.products, &mut self.own, &mut self.other] {
            for sum in part.iter_mut() {
                *sum *= factor;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::energy::Rbm;
    use crate::testing::{random_bits, random_parameters};

    /// Enumeration equals the sum over both layers, in either orientation and over more than one block.
    #[test]
    fn expectations_equal_the_double_sum() {
        for (visible, hidden) in [(5, 3), (3, 5), (4, 4), (1, 1), (12, 2), (11, 12)] {
            let parameters = random_parameters(18, visible, hidden, 1.5);
            let rbm = Rbm::new(parameters.clone());
            let exact = Expectations::of_model(&parameters).unwrap();
            // By definition: p(h | v) of each row, weighted by p(v).
            let states = BitMatrix::from_fn(1 << visible, visible, |state, unit| state >> unit & 1 == 1);
            let weights: Vec<f64> = (0..1 << visible).map(|state| (-rbm.free_energy(&states, state)).exp()).collect();
            let total: f64 = weights.iter().sum();
            let mut expected = Expectations {
                products: vec![0.0; visible * hidden],
                visible: vec![0.0; visible],
                hidden: vec![0.0; hidden],
            };
            for (state, weight) in weights.iter().enumerate() {
                let share = weight / total;
                for (unit, probability) in rbm.hidden_probabilities(&states, state).into_iter().enumerate() {
                    expected.hidden[unit] += share * probability;
                    states.ones(state).for_each(|on| expected.products[on * hidden + unit] += share * probability);
                }
                states.ones(state).for_each(|on| expected.visible[on] += share);
            }
            let close = |found: &[f64], expected: &[f64]| {
                found.len() == expected.len() && found.iter().zip(expected).all(|(x, y)| (x - y).abs() < 1e-12)
            };
            assert!(close(&exact.products, &expected.products), "{visible} × {hidden}");
            assert!(close(&exact.visible, &expected.visible), "{visible} × {hidden}");
            assert!(close(&exact.hidden, &expected.hidden), "{visible} × {hidden}");
        }
    }

    #[test]
    fn extreme_parameters_stay_finite() {
        let mut parameters = random_parameters(19, 11, 1100, 40.0);
        parameters.visible_bias[3] = 1e5;
        let exact = Expectations::of_model(&parameters).unwrap();
        assert!(
            exact.products.iter().chain(&exact.visible).chain(&exact.hidden).all(|x| (0.0..=1.0 + 1e-12).contains(x))
        );
        assert!((exact.visible[3] - 1.0).abs() < 1e-12);
    }

    #[test]
    fn data_means_are_those_of_the_rows() {
        let parameters = random_parameters(20, 6, 3, 1.0);
        let rbm = Rbm::new(parameters.clone());
        let states = random_bits(20, 5, 6, 0.5);
        let means = Expectations::of_data(&parameters, &states);
        for unit in 0..3 {
            let all: Vec<f64> = (0..5).map(|row| rbm.hidden_probabilities(&states, row)[unit]).collect();
            assert!((means.hidden[unit] - all.iter().sum::<f64>() / 5.0).abs() < 1e-12);
            let on: f64 = (0..5).filter(|&row| states.get(row, 2)).map(|row| all[row]).sum();
            assert!((means.products[2 * 3 + unit] - on / 5.0).abs() < 1e-12);
        }
        assert_eq!(Expectations::of_data(&parameters, &BitMatrix::zeros(0, 6)).visible, [0.0; 6]);
    }

    #[test]
    fn large_layers_are_refused() {
        assert_eq!(Expectations::of_model(&random_parameters(1, 40, 21, 1.0)), None);
    }
}
