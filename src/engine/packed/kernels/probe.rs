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

/// Makes `rounds` × 96 multiplications of sixteen numbers held in registers, in `COUNT` independent products.
#[inline(always)]
pub(in super::super) fn probe_multiplications<S: Simd, const COUNT: usize>(
    simd: S,
    rounds: usize,
    lanes: &mut [Lanes; BLOCK],
) {
    let mut products = load_all::<S, COUNT>(simd, lanes);
    let factor = simd.load(&lanes[0]);
    for _ in 0..rounds {
        for _ in 0..96 / COUNT {
            for product in &mut products {
                *product = simd.multiply(*product, factor);
            }
        }
    }
    store_all(simd, lanes, products);
}

/// Makes `rounds` × 96 additions of sixteen integers held in registers.
#[inline(always)]
pub(in super::super) fn probe_integers<S: Simd>(simd: S, rounds: usize, words: &mut [Words; 4]) {
    let mut sums = words.each_ref().map(|words| simd.load_words(words));
    for _ in 0..rounds {
        for _ in 0..24 {
            add_in_turn(simd, &mut sums);
        }
    }
    for (words, sums) in words.iter_mut().zip(sums) {
        simd.store_words(words, sums);
    }
}

/// Makes `rounds` × 96 operations of all three kinds side by side: a quarter additions, a quarter multiplications, half
/// additions of integers.
#[inline(always)]
pub(in super::super) fn probe_mixed<S: Simd>(
    simd: S,
    rounds: usize,
    lanes: &mut [Lanes; BLOCK],
    words: &mut [Words; 4],
) {
    let [mut first, mut second] = [simd.load(&lanes[0]), simd.load(&lanes[1])];
    let [mut third, mut fourth] = [simd.load(&lanes[2]), simd.load(&lanes[3])];
    let mut sums = words.each_ref().map(|words| simd.load_words(words));
    for _ in 0..rounds {
        for _ in 0..12 {
            first = simd.add(first, first);
            third = simd.multiply(third, third);
            second = simd.add(second, second);
            fourth = simd.multiply(fourth, fourth);
            add_in_turn(simd, &mut sums);
        }
    }
    for (lanes, numbers) in lanes.iter_mut().zip([first, second, third, fourth]) {
        simd.store(lanes, numbers);
    }
    for (words, sums) in words.iter_mut().zip(sums) {
        simd.store_words(words, sums);
    }
}

/// Adds four sums to one another, each its neighbour, which no compiler can shorten.
#[inline(always)]
fn add_in_turn<S: Simd>(simd: S, sums: &mut [S::Words; 4]) {
    let [a, b, c, d] = *sums;
    *sums = [simd.add_words(a, b), simd.add_words(b, c), simd.add_words(c, d), simd.add_words(d, a)];
}

/// Writes all rows of a matrix `rounds` times.
#[inline(always)]
pub(in super::super) fn probe_stores<S: Simd>(simd: S, rounds: usize, value: &Lanes, matrix: &mut [[Lanes; BLOCK]]) {
    let numbers = simd.load(value);
    for round in 0..rounds {
        for row in matrix.iter_mut() {
            for lanes in row.iter_mut() {
                simd.store(lanes, numbers);
            }
        }
        // So that no round counts as the same as the one before.
        std::hint::black_box((round, &mut *matrix));
    }
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
