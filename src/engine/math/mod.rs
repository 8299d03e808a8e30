//! Elementary functions that give the same bits on every machine.
//!
//! The `f32` functions are polynomials of multiplications, additions, comparisons and integer operations in one fixed
//! order, never fused: a vector of any width computes what the scalar computes. The `f64` functions, for metrics, rest
//! on the `libm` crate, which computes in software what the system's C library would compute differently on each
//! machine.

pub(in crate::engine) mod wide;

/// log2(e).
pub(in crate::engine) const LOG2_E: f32 = std::f32::consts::LOG2_E;
/// Adding and subtracting 1.5 · 2^23 rounds a small f32 to the nearest integer.
pub(in crate::engine) const ROUND: f32 = 12_582_912.0;
/// Arguments beyond ±87 are taken as ±87: e^87 and its inverse are the last that stay normal f32 numbers.
pub(in crate::engine) const LIMIT: f32 = 87.0;
/// 2^f on [−½, ½] by a minimax polynomial (Remez), relative error below 1.6e-7; the constant term is 1 so that e^0 = 1.
pub(in crate::engine) const POLYNOMIAL: [f32; 6] =
    [1.0, 0.693_146_94, 0.240_221_2, 0.055_507_13, 0.009_675_541, 0.001_327_647_2];

/// 2^31: see [`uniform_offset`].
pub(in crate::engine) const UNIFORM_SCALE: f32 = 2_147_483_648.0;

/// Returns e^x, relative error below 2.5e-7 + 9e-8 · |x|, for |x| ≤ 87; beyond, the value at ±87. NaN counts as −87.
#[inline]
pub fn exp(x: f32) -> f32 {
    let x = if x > -LIMIT { x } else { -LIMIT };
    let x = if x < LIMIT { x } else { LIMIT };
    let scaled = x * LOG2_E;
    let rounded = scaled + ROUND;
    let fraction = scaled - (rounded - ROUND);
    let mut power = POLYNOMIAL[5];
    power = power * fraction + POLYNOMIAL[4];
    power = power * fraction + POLYNOMIAL[3];
    power = power * fraction + POLYNOMIAL[2];
    power = power * fraction + POLYNOMIAL[1];
    power = power * fraction + POLYNOMIAL[0];
    // The low bits of `rounded` are the integer part in two's complement: add it to the exponent field.
    f32::from_bits(power.to_bits().wrapping_add(rounded.to_bits() << 23))
}

/// Returns σ(x) = 1 / (1 + e^−x), relative error below 3e-7 + 9e-8 · |x|. NaN gives a number below 1e-37, not NaN.
#[inline]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp_of_negative(x))
}

/// Returns tanh(x), odd to the bit, with a relative error below 6e-7; ±1 beyond ±9.02, and NaN for NaN.
///
/// Below 0.625 it is an odd polynomial (the coefficients of Moshier's Cephes library), above it 1 − 2 / (e^2x + 1).
#[inline]
pub fn tanh(x: f32) -> f32 {
    let size = x.abs();
    let magnitude = if size < 0.625 {
        let square = size * size;
        let mut tail = -5.704_988_7e-3;
        tail = tail * square + 2.063_909e-2;
        tail = tail * square - 5.373_971_6e-2;
        tail = tail * square + 1.333_144_2e-1;
        tail = tail * square - 0.333_332_8;
        tail * square * size + size
    } else if size < 9.02 {
        1.0 - 2.0 / (exp(2.0 * size) + 1.0)
    } else if size.is_nan() {
        size
    } else {
        1.0
    };
    magnitude.copysign(x)
}

/// Returns e^−x; NaN counts as the large end, so that a unit with a NaN input stays off.
#[inline]
fn exp_of_negative(x: f32) -> f32 {
    let x = if x > -LIMIT { x } else { -LIMIT };
    exp(-x)
}

/// Returns 2^31 · u, where u is the uniform number in (0, 1] that the raw `number` stands for.
///
/// 31 bits are kept (signed conversion is what every vector unit has), moved to the middle of their cell, so that
/// small probabilities are met to an absolute error of 2^-32.
#[inline]
fn uniform_offset(number: u32) -> f32 {
    (number >> 1) as i32 as f32 + 0.5
}

/// Returns true if a unit with this input turns on: u ≤ σ(x), decided as u · (1 + e^−x) ≤ 1 without a division.
///
/// An input of +87 or more always turns on, one of −87 or less never does, nor does NaN.
#[inline]
pub fn fires(input: f32, number: u32) -> bool {
    uniform_offset(number) * (1.0 + exp_of_negative(input)) <= UNIFORM_SCALE
}

/// Returns ln(1 + e^x), stable for any x.
pub fn softplus(x: f64) -> f64 {
    x.max(0.0) + libm::log1p(libm::exp(-x.abs()))
}

/// Returns ln σ(x), stable for any x.
pub fn log_sigmoid(x: f64) -> f64 {
    -softplus(-x)
}

/// Returns σ(x) in f64.
pub fn sigmoid_f64(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every 50,021st f32 between the limits, of both signs: about 22,000 values each over all exponents.
    #[test]
    fn exp_keeps_its_error_bound() {
        let mut worst = 0.0f64;
        for bits in (0..LIMIT.to_bits()).step_by(50_021) {
            for x in [f32::from_bits(bits), -f32::from_bits(bits)] {
                let exact = libm::exp(f64::from(x));
                let error = (f64::from(exp(x)) - exact).abs() / exact;
                let bound = 2.5e-7 + 9e-8 * f64::from(x.abs());
                assert!(error <= bound, "exp({x}): relative error {error:e} above {bound:e}");
                worst = worst.max(error);
                let sigmoid_exact = 1.0 / (1.0 + libm::exp(-f64::from(x)));
                let sigmoid_error = (f64::from(sigmoid(x)) - sigmoid_exact).abs() / sigmoid_exact;
                assert!(sigmoid_error <= bound + 0.5e-7, "sigmoid({x}): relative error {sigmoid_error:e}");
            }
        }
        assert!(worst > 1e-8, "the comparison saw no error at all: {worst:e}");
    }

    /// Every 9,973rd f32 up to 20, of both signs.
    #[test]
    fn tanh_keeps_its_error_bound_and_is_odd_to_the_bit() {
        let mut worst = 0.0f64;
        for bits in (0..20.0f32.to_bits()).step_by(9_973) {
            let x = f32::from_bits(bits);
            let exact = libm::tanh(f64::from(x));
            let error = (f64::from(tanh(x)) - exact).abs() / exact.max(f64::from(f32::MIN_POSITIVE));
            assert!(error <= 6e-7, "tanh({x}): relative error {error:e}");
            assert_eq!(tanh(-x).to_bits(), (-tanh(x)).to_bits());
            worst = worst.max(error);
        }
        assert!(worst > 1e-8, "the comparison saw no error at all: {worst:e}");
        assert_eq!((tanh(9.02), tanh(f32::INFINITY), tanh(f32::NEG_INFINITY)), (1.0, 1.0, -1.0));
        assert_eq!(tanh(-0.0).to_bits(), (-0.0f32).to_bits());
        assert!(tanh(f32::NAN).is_nan());
    }

    #[test]
    fn saturation_is_defined() {
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(sigmoid(0.0), 0.5);
        assert_eq!(sigmoid(f32::INFINITY), 1.0);
        assert!(sigmoid(f32::NEG_INFINITY) < 1e-37);
        assert!(sigmoid(f32::NAN) < 1e-37);
        for number in [0, 1, u32::MAX / 2, u32::MAX - 1, u32::MAX] {
            assert!(fires(87.0, number) && fires(f32::INFINITY, number));
            assert!(!fires(-87.0, number) && !fires(f32::NEG_INFINITY, number) && !fires(f32::NAN, number));
        }
    }

    /// The threshold between on and off lies at σ(x): compare with the number that stands for it.
    #[test]
    fn fires_at_the_stated_probability() {
        for x in [-20.0f32, -8.0, -3.5, -0.1, 0.0, 0.7, 4.0, 12.0] {
            let (mut on, mut off) = (0u64, 1u64 << 32);
            while off - on > 1 {
                let middle = u64::midpoint(on, off);
                if fires(x, middle as u32) { on = middle } else { off = middle }
            }
            let probability = off as f64 / 4_294_967_296.0;
            let exact = sigmoid_f64(f64::from(x));
            assert!((probability - exact).abs() < 1e-9 + 4e-7 * exact, "σ({x}): {probability} against {exact}");
        }
    }
}
