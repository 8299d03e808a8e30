//! The work of known size that measures a machine.

use super::draw::{load_generators, next_numbers, store_generators};
use super::sums::{load_all, store_all};
use super::widths::BLOCK;
use crate::engine::packed::lanes::{Lanes, StreamState, Words};
use crate::engine::packed::simd::Simd;

/// Makes `rounds` × 96 additions of sixteen numbers held in registers, in `COUNT` independent sums.
#[inline(always)]
pub(in super::super) fn probe_additions<S: Simd, const COUNT: usize>(
    simd: S,
    rounds: usize,
    lanes: &mut [Lanes; BLOCK],
) {
    let mut sums = load_all::<S, COUNT>(simd, lanes);
    let addend = simd.load(&lanes[0]);
    for _ in 0..rounds {
        for _ in 0..96 / COUNT {
            for sum in &mut sums {
                *sum = simd.add(*sum, addend);
            }
        }
    }
    store_all(simd, lanes, sums);
}

/// Adds all rows of a matrix `rounds` times: one load and one addition for each sixteen numbers.
#[inline(always)]
pub(in super::super) fn probe_loads<S: Simd>(
    simd: S,
    rounds: usize,
    matrix: &[[Lanes; BLOCK]],
    total: &mut [Lanes; BLOCK],
) {
    let mut sums = load_all::<S, BLOCK>(simd, total);
    for _ in 0..rounds {
        for row in matrix {
            for lane in 0..BLOCK {
                sums[lane] = simd.add(sums[lane], simd.load(&row[lane]));
            }
        }
    }
    store_all(simd, total, sums);
}

/// Draws `rounds` numbers in every lane of two streams at a time.
#[inline(always)]
pub(in super::super) fn probe_numbers<S: Simd>(
    simd: S,
    rounds: usize,
    states: &mut [StreamState; 2],
    total: &mut Words,
) {
    let [mut first, mut second] = [load_generators(simd, &states[0]), load_generators(simd, &states[1])];
    let mut sum = simd.load_words(total);
    for _ in 0..rounds {
        let numbers = simd.xor(next_numbers(simd, &mut first), next_numbers(simd, &mut second));
        sum = simd.add_words(sum, numbers);
    }
    simd.store_words(total, sum);
    store_generators(simd, &mut states[0], first);
    store_generators(simd, &mut states[1], second);
}
