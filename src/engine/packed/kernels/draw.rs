//! The drawing of units from their inputs.

use super::widths::TILE;
use crate::engine::math::wide::softplus_sum_change;
use crate::engine::math::{LIMIT, LOG2_E, POLYNOMIAL, ROUND, UNIFORM_SCALE};
use crate::engine::packed::lanes::{Lanes, StreamState};
use crate::engine::packed::simd::Simd;
use crate::engine::random::{GOLDEN_GAMMA, LANES, RowStreams, split_mix};
use std::array::from_fn;

/// Seeds the streams of the rows from `first` on.
#[inline(always)]
pub(in super::super) fn seed(streams: RowStreams, first: usize, states: &mut [StreamState]) {
    for (row, state) in states.iter_mut().enumerate() {
        let seed = streams.row_seed(first + row);
        let outputs: [u64; 2 * LANES] =
            from_fn(|output| split_mix(seed.wrapping_add(GOLDEN_GAMMA.wrapping_mul(output as u64 + 1))));
        for lane in 0..LANES {
            state.words[0].0[lane] = outputs[2 * lane] as u32;
            state.words[1].0[lane] = (outputs[2 * lane] >> 32) as u32;
            state.words[2].0[lane] = outputs[2 * lane + 1] as u32;
            state.words[3].0[lane] = (outputs[2 * lane + 1] >> 32) as u32;
        }
    }
}

#[inline(always)]
pub(super) fn load_generators<S: Simd>(simd: S, state: &StreamState) -> [S::Words; 4] {
    let [s0, s1, s2, s3] = &state.words;
    [simd.load_words(s0), simd.load_words(s1), simd.load_words(s2), simd.load_words(s3)]
}

#[inline(always)]
pub(super) fn store_generators<S: Simd>(simd: S, state: &mut StreamState, generators: [S::Words; 4]) {
    for (words, generators) in state.words.iter_mut().zip(generators) {
        simd.store_words(words, generators);
    }
}

/// Returns the next number of every lane: one step of xoshiro128++.
#[inline(always)]
pub(super) fn next_numbers<S: Simd>(simd: S, [s0, s1, s2, s3]: &mut [S::Words; 4]) -> S::Words {
    let sum = simd.add_words(*s0, *s3);
    let numbers = simd.add_words(simd.rotate_left::<7>(sum), *s0);
    let next = [
        simd.xor_three(*s0, *s1, *s3),
        simd.xor_three(*s0, *s1, *s2),
        simd.xor_three(*s0, *s2, simd.shift_left::<9>(*s1)),
        simd.rotate_left::<11>(simd.xor(*s1, *s3)),
    ];
    [*s0, *s1, *s2, *s3] = next;
    numbers
}

/// Moves every stream on by `draws` numbers a lane.
#[inline(always)]
pub(in super::super) fn skip<S: Simd>(simd: S, states: &mut [StreamState], draws: usize) {
    for state in states {
        let mut generators = load_generators(simd, state);
        for _ in 0..draws {
            next_numbers(simd, &mut generators);
        }
        store_generators(simd, state, generators);
    }
}

/// Returns e^−x, NaN counting as the large end: the operations of `math` in their order.
#[inline(always)]
fn exp_of_negative<S: Simd>(simd: S, x: S::Numbers) -> S::Numbers {
    let clamped = simd.minimum(simd.maximum(x, simd.splat(-LIMIT)), simd.splat(LIMIT));
    // −x · log2(e), its sign moved into the constant.
    let scaled = simd.multiply(clamped, simd.splat(-LOG2_E));
    let rounded = simd.add(scaled, simd.splat(ROUND));
    let fraction = simd.subtract(scaled, simd.subtract(rounded, simd.splat(ROUND)));
    let mut power = simd.splat(POLYNOMIAL[5]);
    for coefficient in POLYNOMIAL[..5].iter().rev() {
        power = simd.add(simd.multiply(power, fraction), simd.splat(*coefficient));
    }
    let exponent = simd.shift_left::<23>(simd.bits(rounded));
    simd.numbers_of_bits(simd.add_words(simd.bits(power), exponent))
}

/// Returns one bit for each unit, set if it turns on: `math::fires` sixteen at a time.
#[inline(always)]
fn fires<S: Simd>(simd: S, inputs: S::Numbers, numbers: S::Words) -> u16 {
    let offset = simd.add(simd.to_numbers(simd.shift_right::<1>(numbers)), simd.splat(0.5));
    let inverse = simd.add(simd.splat(1.0), exp_of_negative(simd, inputs));
    simd.at_most(simd.multiply(offset, inverse), simd.splat(UNIFORM_SCALE))
}

/// Draws the units of each row from their inputs: bit i of bits[r] ~ Bernoulli(σ(β · inputs[r][i])).
///
/// Sixteen bits a lane, at most four lanes a word: a row takes `WIDTH.div_ceil(4)` words. Lanes from number `lanes` on
/// are not drawn: their bits are 0. A bound that is not a constant also keeps the compiler from interleaving lanes, which
/// takes more registers than AVX2 has.
#[inline(always)]
pub(in super::super) fn sample<S: Simd, const WIDTH: usize>(
    simd: S,
    inputs: &[[Lanes; WIDTH]],
    lanes: usize,
    inverse_temperature: f32,
    states: &mut [StreamState],
    bits: &mut [u64],
) {
    let beta = simd.splat(inverse_temperature);
    let words = WIDTH.div_ceil(TILE);
    for ((inputs, state), bits) in inputs.iter().zip(states).zip(bits.chunks_exact_mut(words)) {
        let mut generators = load_generators(simd, state);
        bits.fill(0);
        for (word, inputs) in bits.iter_mut().zip(inputs[..lanes].chunks(TILE)) {
            for (group, inputs) in inputs.iter().enumerate() {
                let numbers = next_numbers(simd, &mut generators);
                let on = fires(simd, simd.multiply(simd.load(inputs), beta), numbers);
                *word |= u64::from(on) << (group * LANES);
            }
        }
        store_generators(simd, state, generators);
    }
}

/// Turns every value into its σ.
#[inline(always)]
pub(in super::super) fn sigmoids<S: Simd>(simd: S, values: &mut [f32]) {
    for values in values.chunks_mut(LANES) {
        let mut lanes = Lanes::ZERO;
        lanes.0[..values.len()].copy_from_slice(values);
        let inverse = simd.add(simd.splat(1.0), exp_of_negative(simd, simd.load(&lanes)));
        simd.store(&mut lanes, simd.divide(simd.splat(1.0), inverse));
        values.copy_from_slice(&lanes.0[..values.len()]);
    }
}

/// changes[r] ← changes[r] + Σ_j softplus(to · x_j) − softplus(from · x_j) over the `units` numbers x of row r.
#[inline(always)]
pub(in super::super) fn softplus_changes(inputs: &[f32], units: usize, (from, to): (f64, f64), changes: &mut [f64]) {
    for (change, inputs) in changes.iter_mut().zip(inputs.chunks_exact(units)) {
        *change += softplus_sum_change(inputs, from, to);
    }
}
