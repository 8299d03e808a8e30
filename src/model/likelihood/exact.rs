//! The exact partition function of small models, computed by enumeration of the smaller layer.

use super::pseudo_likelihood::take_exponent;
use crate::engine::{WIDE, exp_of_nonpositive, softplus_sum};
use crate::model::energy::Rbm;
use rayon::prelude::*;
use std::ops::Range;

/// The maximum number of units in an enumerated layer. Its 2^25 states take seconds, and each further unit doubles
/// that.
pub const MAXIMUM_ENUMERATED_UNITS: usize = 25;

/// Returns ln Z = ln Σ_{v, h} e^−E(v, h), in nats; `None` if the smaller layer has more than
/// [`MAXIMUM_ENUMERATED_UNITS`] units.
///
/// The other layer is summed out in closed form. The threads of the rayon pool share the work in pieces of one size,
/// whose sums are merged in order, so the result does not depend on the number of threads.
pub fn exact_log_partition(rbm: &Rbm) -> Option<f64> {
    let parameters = rbm.parameters();
    let weight = |visible: usize, hidden: usize| f64::from(parameters.weights[visible * parameters.hidden + hidden]);
    let widen = |biases: &[f32]| biases.iter().map(|&bias| f64::from(bias)).collect::<Vec<f64>>();
    let (visible_bias, hidden_bias) = (widen(&parameters.visible_bias), widen(&parameters.hidden_bias));
    let layers = if parameters.hidden <= parameters.visible {
        let row = |hidden: usize| (0..parameters.visible).map(|visible| weight(visible, hidden)).collect();
        Layers { own: hidden_bias, other: visible_bias, rows: (0..parameters.hidden).map(row).collect() }
    } else {
        let row = |visible: usize| (0..parameters.hidden).map(|hidden| weight(visible, hidden)).collect();
        Layers { own: visible_bias, other: hidden_bias, rows: (0..parameters.visible).map(row).collect() }
    };
    (layers.own.len() <= MAXIMUM_ENUMERATED_UNITS).then(|| layers.log_sum_over_states())
}

/// Returns the cost of [`exact_log_partition`] in softplus of units: 2^(units of the smaller layer) × units of the
/// larger. One core does 10^9 or more a second.
pub fn enumeration_cost(visible: usize, hidden: usize) -> f64 {
    libm::exp2(visible.min(hidden) as f64) * visible.max(hidden) as f64
}

/// The number of units of the enumerated layer whose states are in tables.
const TABLED_UNITS: usize = 6;
/// The number of states of the tabled units.
const TABLED_STATES: usize = 1 << TABLED_UNITS;
/// The number of tabled states whose products are formed side by side.
const GROUP: usize = 2 * WIDE;
/// The number of units of the Gray code within one piece of work, which has 2^10 of their states times the tabled ones.
const PIECE_UNITS: usize = 10;
/// The maximum shrinkage of a product, as −ln, before its exponent is taken out. If one factor may shrink by more,
/// nothing is tabled.
const SMALLEST_LOG: f64 = 650.0;
/// The maximum number of factors, each between 1 and 2, multiplied before the exponent is taken out.
const MOST_FACTORS: usize = 900;

/// The two layers: the one to enumerate with biases a (`own`), the other with biases b (`other`). `rows` holds the
/// weights w from each unit of the former to all units of the latter.
struct Layers {
    own: Vec<f64>,
    other: Vec<f64>,
    rows: Vec<Vec<f64>>,
}

impl Layers {
    /// Returns ln Σ_s e^{a·s} Π_i (1 + e^{b_i + Σ_j s_j w_ji}) over the states s of the enumerated layer.
    ///
    /// ```text
    /// for each state of all units but six, along a Gray code:            (in pieces, in parallel)
    ///     x_i ← the input of other unit i from them, by one addition
    ///     for the 64 states t of the six, side by side:
    ///         p(t) ← Π_i (1 + e^{x_i} · T_i(t)),  T_i(t) the tabled exponential of their input
    ///     sum ← sum + e^{a·s} Σ_t p(t) e^{a·t}
    /// ```
    ///
    /// so a state and unit cost two multiplications and an addition. Each factor is divided by the greater of 1 and the
    /// maximum of e^{x_i} T_i, so nothing overflows; exponents are taken out before a product can vanish.
    fn log_sum_over_states(mut self) -> f64 {
        // Too small a layer gets units without weights, each of which doubles the sum.
        let missing = TABLED_UNITS.saturating_sub(self.own.len());
        self.own.resize(self.own.len() + missing, 0.0);
        self.rows.resize(self.own.len(), vec![0.0; self.other.len()]);
        let tables = Tables::new(&self);
        let tabled = if tables.is_some() { TABLED_UNITS } else { 0 };
        let walked = self.own.len() - tabled;
        let pieces = 1usize << walked.saturating_sub(PIECE_UNITS);
        let sums: Vec<LogSum> = (0..pieces)
            .into_par_iter()
            .map(|piece| {
                let states = 1u64 << walked.min(PIECE_UNITS);
                let positions = piece as u64 * states..(piece as u64 + 1) * states;
                match &tables {
                    Some(tables) => {
                        let mut factors = vec![(0.0, 0.0); self.other.len()];
                        self.sum_piece(tabled, positions, |inputs| {
                            let divided = tables.factors(inputs, &mut factors);
                            divided + tables.log_sum(&factors)
                        })
                    }
                    None => self.sum_piece(tabled, positions, softplus_sum),
                }
            })
            .collect();
        let total = sums.into_iter().fold(LogSum::default(), LogSum::merge).value();
        total - missing as f64 * std::f64::consts::LN_2
    }

    /// Returns the part of the sum at the given positions in the Gray code of the units from `tabled` on. `rest` takes
    /// the inputs of the other layer and returns the logarithm that this layer and the tabled units contribute.
    fn sum_piece(&self, tabled: usize, positions: Range<u64>, mut rest: impl FnMut(&[f64]) -> f64) -> LogSum {
        let mut sum = LogSum::default();
        let mut inputs = self.other.clone();
        for position in positions.clone() {
            let gray = position ^ position >> 1;
            let on = |unit: &usize| gray >> (unit - tabled) & 1 == 1;
            if position == positions.start {
                // From here on each input changes by one weight at a time. The next piece starts from the biases again,
                // so rounding errors do not accumulate.
                for unit in (tabled..self.own.len()).filter(on) {
                    inputs.iter_mut().zip(&self.rows[unit]).for_each(|(input, weight)| *input += weight);
                }
            } else {
                let changed = tabled + position.trailing_zeros() as usize;
                let sign = if on(&changed) { 1.0 } else { -1.0 };
                inputs.iter_mut().zip(&self.rows[changed]).for_each(|(input, weight)| *input += sign * weight);
            }
            let own: f64 = (tabled..self.own.len()).filter(on).map(|unit| self.own[unit]).sum();
            sum.add(own + rest(&inputs));
        }
        sum
    }
}

/// The exponentials of the contributions of the first six units of the enumerated layer, for each of their 64 states t.
struct Tables {
    /// The exponentials e^{Σ_j t_j w_ji − g_i}, at most 1 (group × other unit × 16 states).
    exponentials: Vec<[f64; GROUP]>,
    /// The maximum input g_i that the six units can contribute to each other unit.
    greatest: Vec<f64>,
    /// The factors e^{a·t}, each as a number from 1 to 2 and a power of two.
    own: [(f64, i64); TABLED_STATES],
    /// The number of factors multiplied before the exponents are taken out.
    factors_at_once: usize,
}

impl Tables {
    /// Returns the tables; `None` if weights are so large that the exponentials of one unit could vanish.
    fn new(layers: &Layers) -> Option<Self> {
        let units = layers.other.len();
        let tabled = &layers.rows[..TABLED_UNITS];
        let contribution = |state: usize, of: &dyn Fn(usize) -> f64| -> f64 {
            (0..TABLED_UNITS).filter(|unit| state >> unit & 1 == 1).map(of).sum()
        };
        let positive = |values: &mut dyn Iterator<Item = f64>| values.filter(|value| *value > 0.0).sum::<f64>();
        let greatest: Vec<f64> = (0..units).map(|other| positive(&mut tabled.iter().map(|row| row[other]))).collect();
        let spread = |other: usize| tabled.iter().map(|row| row[other].abs()).sum::<f64>();
        let widest = (0..units).map(spread).fold(0.0, f64::max);
        if widest >= SMALLEST_LOG {
            return None;
        }
        let mut exponentials = Vec::with_capacity(TABLED_STATES / GROUP * units);
        for group in 0..TABLED_STATES / GROUP {
            for other in 0..units {
                exponentials.push(std::array::from_fn(|index| {
                    let input = contribution(group * GROUP + index, &|unit| tabled[unit][other]);
                    libm::exp(input - greatest[other])
                }));
            }
        }
        let own = std::array::from_fn(|state| {
            let exponent = contribution(state, &|unit| layers.own[unit]);
            let power = libm::floor(exponent * std::f64::consts::LOG2_E);
            (libm::exp(exponent - power * std::f64::consts::LN_2), power as i64)
        });
        let factors_at_once = ((SMALLEST_LOG / widest.max(f64::MIN_POSITIVE)) as usize).clamp(1, MOST_FACTORS);
        Some(Self { exponentials, greatest, own, factors_at_once })
    }

    /// Computes factors (other unit) ← (A, B) such that 1 + e^{x_i} T = e^m (A + B · `exponentials`). Returns Σ m.
    fn factors(&self, inputs: &[f64], factors: &mut [(f64, f64)]) -> f64 {
        let mut divided = [0.0; WIDE];
        let chunks = inputs.chunks(WIDE).zip(self.greatest.chunks(WIDE)).zip(factors.chunks_mut(WIDE));
        for ((inputs, greatest), factors) in chunks {
            let mut x = [0.0; WIDE];
            for (x, (input, greatest)) in x.iter_mut().zip(inputs.iter().zip(greatest)) {
                *x = input + greatest;
            }
            let powers = exp_of_nonpositive(x.map(|x| -x.abs()));
            for (lane, factors) in factors.iter_mut().enumerate() {
                let above = x[lane] > 0.0;
                divided[lane] += if above { x[lane] } else { 0.0 };
                *factors = if above { (powers[lane], 1.0) } else { (1.0, powers[lane]) };
            }
        }
        divided.into_iter().sum()
    }

    /// Returns ln Σ_t e^{a·t} Π_i (A_i + B_i T_i(t)).
    fn log_sum(&self, factors: &[(f64, f64)]) -> f64 {
        let mut products = [0.0; TABLED_STATES];
        let mut exponents = [0i64; TABLED_STATES];
        let groups = products.as_chunks_mut::<GROUP>().0.iter_mut().zip(exponents.as_chunks_mut::<GROUP>().0);
        for ((products, exponents), tables) in groups.zip(self.exponentials.chunks(factors.len())) {
            let mut running = [1.0; GROUP];
            let blocks = factors.chunks(self.factors_at_once).zip(tables.chunks(self.factors_at_once));
            for (factors, tables) in blocks {
                for (&(a, b), table) in factors.iter().zip(tables) {
                    for lane in 0..GROUP {
                        running[lane] *= a + b * table[lane];
                    }
                }
                for (value, exponent) in running.iter_mut().zip(exponents.iter_mut()) {
                    *exponent += take_exponent(value);
                }
            }
            *products = running;
        }
        for ((product, exponent), (own, power)) in products.iter_mut().zip(&mut exponents).zip(self.own) {
            *product *= own;
            *exponent += power;
        }
        log_of_scaled_sum(&products, &exponents)
    }
}

/// Returns ln Σ p · 2^e.
fn log_of_scaled_sum(products: &[f64], exponents: &[i64]) -> f64 {
    let greatest = exponents.iter().copied().max().unwrap_or_default();
    let scaled = |(product, exponent): (&f64, &i64)| {
        // A term smaller by 2^−1000 adds nothing.
        let distance = (greatest - exponent).min(1_000);
        product * f64::from_bits(((1023 - distance) as u64) << 52)
    };
    let sum: f64 = products.iter().zip(exponents).map(scaled).sum();
    libm::log(sum) + greatest as f64 * std::f64::consts::LN_2
}

/// The sum ln Σ e^x of a stream of x, with a running maximum.
#[derive(Clone, Copy, Debug)]
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

    fn merge(self, other: Self) -> Self {
        let (high, low) = if other.maximum > self.maximum { (other, self) } else { (self, other) };
        // The first merge is with an empty sum, whose maximum is −∞.
        let scale = if low.scaled == 0.0 { 0.0 } else { libm::exp(low.maximum - high.maximum) };
        Self { maximum: high.maximum, scaled: high.scaled + low.scaled * scale }
    }

    fn value(&self) -> f64 {
        self.maximum + libm::log(self.scaled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{BitMatrix, Parameters, log_sigmoid};
    use crate::model::likelihood::mean_free_energy;
    use crate::testing::{random_bits, random_parameters};

    /// Enumeration equals the sum over both layers, whichever is larger.
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

    /// With W = 0 the log-likelihood is the Bernoulli base rate, for any hidden biases.
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

    /// Computes ln Σ_v e^−F(v), state by state.
    fn by_definition(rbm: &Rbm) -> f64 {
        let units = rbm.visible();
        let states = BitMatrix::from_fn(1 << units, units, |row, unit| row >> unit & 1 == 1);
        let energies: Vec<f64> = (0..states.rows()).map(|row| -rbm.free_energy(&states, row)).collect();
        let greatest = energies.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        greatest + libm::log(energies.iter().map(|energy| libm::exp(energy - greatest)).sum::<f64>())
    }

    /// The cases have weights of every size, up to those where every factor needs its exponent taken out; biases far
    /// from zero; one piece and many; either layer as the smaller one.
    #[test]
    fn enumeration_stays_exact_for_weights_of_any_size() {
        let cases =
            [(14, 15, 2.0, 300.0), (17, 20, 0.5, -2.0), (9, 33, 40.0, 0.0), (8, 70, 300.0, 0.0), (10, 9, 0.01, -1.0)];
        for (visible, hidden, deviation, bias) in cases {
            let mut parameters = random_parameters(12, visible, hidden, deviation);
            parameters.visible_bias.iter_mut().for_each(|own| *own += bias);
            let rbm = Rbm::new(parameters.clone());
            let (exact, expected) = (exact_log_partition(&rbm).unwrap(), by_definition(&rbm));
            assert!((exact - expected).abs() < 1e-11 * expected.abs().max(1.0), "{exact}, {expected}");
            let turned = Rbm::new(transposed(&parameters));
            let other = exact_log_partition(&turned).unwrap();
            assert!((other - expected).abs() < 1e-11 * expected.abs().max(1.0), "{other}, {expected}");
        }
    }

    fn transposed(parameters: &Parameters) -> Parameters {
        let (visible, hidden) = (parameters.visible, parameters.hidden);
        let mut turned = Parameters::zeros(hidden, visible);
        for unit in 0..visible {
            for other in 0..hidden {
                turned.weights[other * visible + unit] = parameters.weights[unit * hidden + other];
            }
        }
        turned.visible_bias.clone_from(&parameters.hidden_bias);
        turned.hidden_bias.clone_from(&parameters.visible_bias);
        turned
    }

    #[test]
    fn the_number_of_threads_changes_no_bit() {
        let rbm = Rbm::new(random_parameters(3, 40, 19, 0.7));
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| exact_log_partition(&rbm)).map(f64::to_bits)
        };
        assert_eq!(with(1), with(3));
    }

    #[test]
    fn sums_of_logarithms_merge() {
        let sum = |values: &[f64]| {
            let mut sum = LogSum::default();
            for &value in values {
                sum.add(value);
            }
            sum
        };
        let all = sum(&[-700.0, 3.0, 2.5, -1e4]).value();
        assert!((sum(&[-700.0, 3.0]).merge(sum(&[2.5, -1e4])).value() - all).abs() < 1e-15);
        assert!((sum(&[-700.0]).merge(sum(&[3.0, 2.5])).merge(sum(&[])).value() - all).abs() < 1e-15);
        assert!((log_of_scaled_sum(&[1.5, 1.0, 1.0], &[0, 2, -3000]) - 5.5f64.ln()).abs() < 1e-15);
    }

    #[test]
    fn large_layers_are_refused() {
        assert_eq!(exact_log_partition(&Rbm::new(random_parameters(1, 40, 26, 1.0))), None);
    }
}
