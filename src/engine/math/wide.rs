//! Sums of softplus in f64, of which partition functions are made, by exponentials eight side by side.
//!
//! Plain multiplications, additions, comparisons and integer operations in one fixed order, never fused, so that a
//! vector of any width computes the same bits. A sum over units is eight products over every eighth unit, on
//! every processor.

/// Numbers side by side.
pub const WIDE: usize = 8;
/// Eight f64: one 512-bit register, two of 256 bits or four of 128.
pub type Wide = [f64; WIDE];

/// log2(e).
const LOG2_E: f64 = std::f64::consts::LOG2_E;
/// ln 2, its upper half exact to 2^-21 so that products with whole numbers below 2^20 are exact.
const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
/// ln 2 − `LN_2_HIGH`.
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
/// Adding and subtracting 1.5 · 2^52 rounds a small f64 to the nearest integer.
const ROUND: f64 = 6_755_399_441_055_744.0;
/// The least argument told apart: e^−708 is still a normal number.
const LEAST_EXPONENT: f64 = -708.0;
/// 1 / n! for n = 13 … 0: on [−½ ln 2, ½ ln 2] what follows is below 5e-18 of the whole.
const TAYLOR: [f64; 14] = [
    1.0 / 6_227_020_800.0,
    1.0 / 479_001_600.0,
    1.0 / 39_916_800.0,
    1.0 / 3_628_800.0,
    1.0 / 362_880.0,
    1.0 / 40_320.0,
    1.0 / 5_040.0,
    1.0 / 720.0,
    1.0 / 120.0,
    1.0 / 24.0,
    1.0 / 6.0,
    0.5,
    1.0,
    1.0,
];

/// Factors between 1 and 2 whose product is still an f64.
const MOST_FACTORS: usize = 1_000;

/// Returns e^x of numbers that are not positive, relative error below 1e-15; below −708 and for NaN the value at −708.
#[inline(always)]
#[expect(clippy::inline_always, reason = "it is to become part of loops that are compiled for wide registers")]
pub fn exp_of_nonpositive(x: Wide) -> Wide {
    let mut result = [0.0; WIDE];
    for lane in 0..WIDE {
        let x = if x[lane] > LEAST_EXPONENT { x[lane] } else { LEAST_EXPONENT };
        let rounded = x * LOG2_E + ROUND;
        let whole = rounded - ROUND;
        let rest = (x - whole * LN_2_HIGH) - whole * LN_2_LOW;
        let mut power = TAYLOR[0];
        for coefficient in &TAYLOR[1..] {
            power = power * rest + coefficient;
        }
        // The low bits of `rounded` are the integer part in two's complement: add it to the exponent field.
        result[lane] = f64::from_bits(power.to_bits().wrapping_add(rounded.to_bits() << 52));
    }
    result
}

/// Returns the product of the lanes, in order.
fn product(lanes: Wide) -> f64 {
    lanes.into_iter().fold(1.0, |product, lane| product * lane)
}

/// Returns Σ_j softplus(x_j) = Σ_j ln(1 + e^{x_j}), in nats.
///
/// softplus(x) = max(x, 0) + ln(1 + e^−|x|), and the logarithm is taken of a product of many such factors at once.
pub fn softplus_sum(inputs: &[f64]) -> f64 {
    let mut total = 0.0;
    for inputs in inputs.chunks(MOST_FACTORS) {
        let (mut positive, mut factors) = ([0.0; WIDE], [1.0; WIDE]);
        for chunk in inputs.chunks(WIDE) {
            // The last chunk is filled up with the softplus of −708: nothing beside 1.
            let mut x = [LEAST_EXPONENT; WIDE];
            x[..chunk.len()].copy_from_slice(chunk);
            let powers = exp_of_nonpositive(x.map(|x| -x.abs()));
            for lane in 0..WIDE {
                positive[lane] += if x[lane] > 0.0 { x[lane] } else { 0.0 };
                factors[lane] *= 1.0 + powers[lane];
            }
        }
        total += positive.into_iter().sum::<f64>() + libm::log(product(factors));
    }
    total
}

/// Returns Σ_j softplus(to · x_j) − softplus(from · x_j), in nats: the change of the hidden half of −F with
/// temperature.
///
/// Exactly zero where `from` and `to` are equal. Inputs of zero change nothing either.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "kernels must be inlined into the functions that are compiled for an instruction set"
)]
pub fn softplus_sum_change(inputs: &[f32], from: f64, to: f64) -> f64 {
    let mut total = 0.0;
    for inputs in inputs.chunks(MOST_FACTORS) {
        let mut positive = [0.0; WIDE];
        let (mut before, mut after) = ([1.0; WIDE], [1.0; WIDE]);
        for chunk in inputs.chunks(WIDE) {
            // Zeros fill the last chunk up: the same factor 2 in both products.
            let mut x = [0.0; WIDE];
            for (x, &input) in x.iter_mut().zip(chunk) {
                *x = f64::from(input);
            }
            let sizes = x.map(f64::abs);
            let was = exp_of_nonpositive(sizes.map(|size| -from * size));
            let is = exp_of_nonpositive(sizes.map(|size| -to * size));
            for lane in 0..WIDE {
                positive[lane] += if x[lane] > 0.0 { x[lane] } else { 0.0 };
                before[lane] *= 1.0 + was[lane];
                after[lane] *= 1.0 + is[lane];
            }
        }
        total += (to - from) * positive.into_iter().sum::<f64>() + libm::log(product(after) / product(before));
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Purpose, RowStreams, softplus, standard_normals};

    /// A million numbers from 0 to −708 and beyond, against libm.
    #[test]
    fn exponentials_keep_their_error_bound() {
        let mut worst = 0.0f64;
        for step in 0..125_000 {
            let x: Wide = std::array::from_fn(|lane| -f64::from(step * 8 + lane as u32) * 7.08e-4);
            for (x, power) in x.into_iter().zip(exp_of_nonpositive(x)) {
                let exact = libm::exp(x);
                worst = worst.max((power - exact).abs() / exact);
            }
        }
        assert!(worst < 1e-15 && worst > 0.0, "relative error {worst:e}");
        let ends = [0.0, -0.0, f64::NEG_INFINITY, -1e300, f64::NAN, -708.0, -1e-300, -707.9];
        let powers = exp_of_nonpositive(ends);
        assert_eq!(powers[..2], [1.0, 1.0]);
        assert_eq!(powers[2..6], [powers[5]; 4], "{powers:?}");
        assert!(powers[5] > 0.0 && powers[5] < 1e-307 && powers[6] == 1.0);
    }

    fn normals(count: usize, deviation: f64) -> Vec<f64> {
        let mut values = vec![0.0; count];
        standard_normals(&mut RowStreams::new(5, Purpose::Baseline, 0, 0, 0).generator(count), &mut values);
        values.into_iter().map(|value| value * deviation).collect()
    }

    #[test]
    fn sums_agree_with_softplus_term_by_term() {
        for (count, deviation) in [(1, 1.0), (7, 3.0), (8, 0.1), (150, 2.0), (1000, 30.0), (2345, 400.0)] {
            let inputs = normals(count, deviation);
            let expected: f64 = inputs.iter().map(|&x| softplus(x)).sum();
            assert!((softplus_sum(&inputs) - expected).abs() < 1e-12 * expected.max(1.0), "{count} × {deviation}");
            let single: Vec<f32> = inputs.iter().map(|&x| x as f32).collect();
            let (from, to) = (0.3, 0.7);
            let change: f64 = single.iter().map(|&x| softplus(to * f64::from(x)) - softplus(from * f64::from(x))).sum();
            let found = softplus_sum_change(&single, from, to);
            assert!((found - change).abs() < 1e-12 * expected.max(1.0), "{count} × {deviation}: {found}, {change}");
            assert_eq!(softplus_sum_change(&single, to, to), 0.0);
        }
        assert_eq!(softplus_sum(&[]), 0.0);
    }
}
