//! The kernels for AVX2: the plain loops, and intrinsics where those do not reach the speed.

use super::super::super::math::{LIMIT, LOG2_E, POLYNOMIAL, ROUND, UNIFORM_SCALE};
use super::super::super::random::RowStreams;
use super::super::super::update::Update;
use super::super::kernels::{self, BLOCK, NarrowUpdate, STRIP, Side, TABLED, TILE};
use super::super::lanes::{Lanes, StreamState, Words};
use super::super::lists::Lists;
use std::arch::x86_64::*;
use std::ops::Range;

/// Lanes that fit the sixteen 256-bit registers, with room to load.
const PIECE: usize = 4;

/// Whether the processor has every feature that the functions of this file are compiled for.
pub(super) fn is_available() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("lzcnt")
        && is_x86_feature_detected!("popcnt")
}

kernels::compile! { #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")] #[inline(never)] }

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
#[inline(never)]
pub(super) fn indices(words: &[u64], target: &mut Vec<u32>) {
    kernels::indices(words, target);
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
#[inline(never)]
pub(super) fn transpose_bits(rows: &[&[u64]], columns: &mut [u32]) {
    kernels::transpose_bits(rows, columns);
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
#[inline(never)]
pub(super) fn sample_tile(inputs: &[[Lanes; TILE]], beta: f32, states: &mut [StreamState], bits: &mut [u64]) {
    sample(inputs, beta, states, bits);
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
#[inline(never)]
pub(super) fn sample_block(inputs: &[[Lanes; BLOCK]], beta: f32, states: &mut [StreamState], bits: &mut [u64]) {
    sample(inputs, beta, states, bits);
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
#[inline(never)]
pub(super) fn sample_strip(inputs: &[[Lanes; STRIP]], beta: f32, states: &mut [StreamState], bits: &mut [u64]) {
    sample(inputs, beta, states, bits);
}

/// [`kernels::sample`], eight units at a time: the lower and the upper halves of the lanes one after the other.
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
#[inline]
fn sample<const WIDTH: usize>(
    inputs: &[[Lanes; WIDTH]],
    inverse_temperature: f32,
    states: &mut [StreamState],
    bits: &mut [u64],
) {
    let beta = _mm256_set1_ps(inverse_temperature);
    let words = WIDTH.div_ceil(TILE);
    for ((inputs, state), bits) in inputs.iter().zip(states).zip(bits.chunks_exact_mut(words)) {
        bits.fill(0);
        for half in 0..2 {
            let mut generator = state.words.map(|words| load_words(&words, half));
            for (group, inputs) in inputs.iter().enumerate() {
                let numbers = next_numbers(&mut generator);
                let on = fires(_mm256_mul_ps(load(inputs, half), beta), numbers);
                bits[group / TILE] |= u64::from(on) << (group % TILE * 16 + half * 8);
            }
            for (words, generator) in state.words.iter_mut().zip(generator) {
                store_words(words, half, generator);
            }
        }
    }
}

/// One step of xoshiro128++ in eight lanes.
#[target_feature(enable = "avx2")]
#[inline]
fn next_numbers([s0, s1, s2, s3]: &mut [__m256i; 4]) -> __m256i {
    let sum = _mm256_add_epi32(*s0, *s3);
    let numbers = _mm256_add_epi32(rotate::<7, 25>(sum), *s0);
    let shifted = _mm256_slli_epi32::<9>(*s1);
    *s2 = _mm256_xor_si256(*s2, *s0);
    *s3 = _mm256_xor_si256(*s3, *s1);
    *s1 = _mm256_xor_si256(*s1, *s2);
    *s0 = _mm256_xor_si256(*s0, *s3);
    *s2 = _mm256_xor_si256(*s2, shifted);
    *s3 = rotate::<11, 21>(*s3);
    numbers
}

#[target_feature(enable = "avx2")]
#[inline]
fn rotate<const LEFT: i32, const RIGHT: i32>(x: __m256i) -> __m256i {
    _mm256_or_si256(_mm256_slli_epi32::<LEFT>(x), _mm256_srli_epi32::<RIGHT>(x))
}

/// The operations of [`super::super::super::math::fires`] in their order, one bit a unit.
#[target_feature(enable = "avx2")]
#[inline]
fn fires(input: __m256, numbers: __m256i) -> u8 {
    // The maximum is its second operand where one is NaN: −87, as the scalar comparison decides.
    let clamped = _mm256_max_ps(input, _mm256_set1_ps(-LIMIT));
    let clamped = _mm256_min_ps(clamped, _mm256_set1_ps(LIMIT));
    // −x · log2(e), its sign moved into the constant.
    let scaled = _mm256_mul_ps(clamped, _mm256_set1_ps(-LOG2_E));
    let rounded = _mm256_add_ps(scaled, _mm256_set1_ps(ROUND));
    let fraction = _mm256_sub_ps(scaled, _mm256_sub_ps(rounded, _mm256_set1_ps(ROUND)));
    let mut power = _mm256_set1_ps(POLYNOMIAL[5]);
    for coefficient in POLYNOMIAL[..5].iter().rev() {
        power = _mm256_add_ps(_mm256_mul_ps(power, fraction), _mm256_set1_ps(*coefficient));
    }
    let exponent = _mm256_slli_epi32::<23>(_mm256_castps_si256(rounded));
    let exponential = _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(power), exponent));
    let whole = _mm256_cvtepi32_ps(_mm256_srli_epi32::<1>(numbers));
    let offset = _mm256_add_ps(whole, _mm256_set1_ps(0.5));
    let product = _mm256_mul_ps(offset, _mm256_add_ps(_mm256_set1_ps(1.0), exponential));
    let on = _mm256_cmp_ps::<_CMP_LE_OQ>(product, _mm256_set1_ps(UNIFORM_SCALE));
    _mm256_movemask_ps(on) as u8
}

/// Rows become columns in a square of 16 × 16, a quarter at a time.
#[target_feature(enable = "avx2")]
#[inline]
fn transpose_square(rows: &[Lanes; 16]) -> [Lanes; 16] {
    let mut columns = [Lanes::ZERO; 16];
    for row_half in 0..2 {
        for column_half in 0..2 {
            let quarter = std::array::from_fn(|row| load(&rows[row_half * 8 + row], column_half));
            for (column, values) in transpose_eighth(quarter).into_iter().enumerate() {
                store(&mut columns[column_half * 8 + column], row_half, values);
            }
        }
    }
    columns
}

/// Rows become columns in a square of 8 × 8: pairs of rows, pairs of pairs, halves.
#[target_feature(enable = "avx2")]
#[inline]
fn transpose_eighth(r: [__m256; 8]) -> [__m256; 8] {
    let mut pairs = r;
    for pair in 0..4 {
        pairs[2 * pair] = _mm256_unpacklo_ps(r[2 * pair], r[2 * pair + 1]);
        pairs[2 * pair + 1] = _mm256_unpackhi_ps(r[2 * pair], r[2 * pair + 1]);
    }
    let mut fours = pairs;
    for four in 0..2 {
        let [a, b, c, d] = [pairs[4 * four], pairs[4 * four + 1], pairs[4 * four + 2], pairs[4 * four + 3]];
        fours[4 * four] = _mm256_shuffle_ps::<0b01_00_01_00>(a, c);
        fours[4 * four + 1] = _mm256_shuffle_ps::<0b11_10_11_10>(a, c);
        fours[4 * four + 2] = _mm256_shuffle_ps::<0b01_00_01_00>(b, d);
        fours[4 * four + 3] = _mm256_shuffle_ps::<0b11_10_11_10>(b, d);
    }
    let mut columns = fours;
    for column in 0..4 {
        columns[column] = _mm256_permute2f128_ps::<0x20>(fours[column], fours[4 + column]);
        columns[4 + column] = _mm256_permute2f128_ps::<0x31>(fours[column], fours[4 + column]);
    }
    columns
}

/// The lower (0) or upper (1) eight numbers.
#[target_feature(enable = "avx2")]
#[inline]
fn load(lanes: &Lanes, half: usize) -> __m256 {
    let half = lanes.0.as_chunks::<8>().0[half].as_ptr();
    // SAFETY: `half` points to eight f32 of a live array; the instruction needs no alignment.
    unsafe { _mm256_loadu_ps(half) }
}

#[target_feature(enable = "avx2")]
#[inline]
fn store(lanes: &mut Lanes, half: usize, values: __m256) {
    let half = lanes.0.as_chunks_mut::<8>().0[half].as_mut_ptr();
    // SAFETY: `half` points to eight f32 of a live array, borrowed mutably; the instruction needs no alignment.
    unsafe { _mm256_storeu_ps(half, values) }
}

#[target_feature(enable = "avx2")]
#[inline]
fn load_words(words: &Words, half: usize) -> __m256i {
    let half = words.0.as_chunks::<8>().0[half].as_ptr();
    // SAFETY: `half` points to eight u32 of a live array; the instruction needs no alignment.
    unsafe { _mm256_loadu_si256(half.cast()) }
}

#[target_feature(enable = "avx2")]
#[inline]
fn store_words(words: &mut Words, half: usize, values: __m256i) {
    let half = words.0.as_chunks_mut::<8>().0[half].as_mut_ptr();
    // SAFETY: `half` points to eight u32 of a live array, borrowed mutably; the instruction needs no alignment.
    unsafe { _mm256_storeu_si256(half.cast(), values) }
}
