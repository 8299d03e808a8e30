//! The kernels for AVX2, with intrinsics where the plain loops do not reach the speed.

#![allow(clippy::wildcard_imports, reason = "the names of intrinsics say where they come from")]

use crate::engine::contract::RowOffsets;
use crate::engine::packed::kernels::{self, BLOCK, CountUpdate, RuleTile, STRIP, Side, Strided, TABLED, TILE, Table};
use crate::engine::packed::lanes::{Lanes, StreamState, Words};
use crate::engine::packed::lists::{Lists, Parts};
use crate::engine::packed::simd::Simd;
use crate::engine::random::RowStreams;
use crate::engine::sparse::SparseRows;
use crate::engine::update::Update;
use std::arch::x86_64::*;
use std::ops::Range;

/// Lanes to sum at a time: they fit the sixteen 256-bit registers, with room to load.
const PIECE: usize = 4;

/// Sixteen numbers in two registers.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Avx2(());

impl Avx2 {
    /// Returns the proof that the processor has every feature that the functions of this file are compiled for, or
    /// `None`.
    pub(super) fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("popcnt"))
        .then_some(Self(()))
    }
}

impl Simd for Avx2 {
    type Numbers = [__m256; 2];
    type Words = [__m256i; 2];
    const ROWS_WORTH_A_PLANE: u32 = 6;
    #[inline(always)]
    fn load(self, lanes: &Lanes) -> [__m256; 2] {
        self.load_unaligned(&lanes.0)
    }

    #[inline(always)]
    fn load_unaligned(self, numbers: &[f32; 16]) -> [__m256; 2] {
        let (halves, _) = numbers.as_chunks::<8>();
        // SAFETY: the reference is to eight f32; the instruction needs no alignment, and the processor has it.
        let low = unsafe { _mm256_loadu_ps(halves[0].as_ptr()) };
        // SAFETY: as above.
        let high = unsafe { _mm256_loadu_ps(halves[1].as_ptr()) };
        [low, high]
    }

    #[inline(always)]
    fn store(self, lanes: &mut Lanes, numbers: [__m256; 2]) {
        self.store_unaligned(&mut lanes.0, numbers);
    }

    #[inline(always)]
    fn store_unaligned(self, target: &mut [f32; 16], numbers: [__m256; 2]) {
        let (halves, _) = target.as_chunks_mut::<8>();
        for (half, numbers) in halves.iter_mut().zip(numbers) {
            // SAFETY: the reference is to eight f32; the instruction needs no alignment, and the processor has it.
            unsafe { _mm256_storeu_ps(half.as_mut_ptr(), numbers) }
        }
    }

    #[inline(always)]
    fn load_words(self, words: &Words) -> [__m256i; 2] {
        let (halves, _) = words.0.as_chunks::<8>();
        // SAFETY: the reference is to eight u32; the instruction needs no alignment, and the processor has it.
        let low = unsafe { _mm256_loadu_si256(halves[0].as_ptr().cast()) };
        // SAFETY: as above.
        let high = unsafe { _mm256_loadu_si256(halves[1].as_ptr().cast()) };
        [low, high]
    }

    #[inline(always)]
    fn store_words(self, words: &mut Words, values: [__m256i; 2]) {
        let (halves, _) = words.0.as_chunks_mut::<8>();
        for (half, values) in halves.iter_mut().zip(values) {
            // SAFETY: the reference is to eight u32; the instruction needs no alignment, and the processor has it.
            unsafe { _mm256_storeu_si256(half.as_mut_ptr().cast(), values) }
        }
    }

    #[inline(always)]
    fn splat(self, number: f32) -> [__m256; 2] {
        // SAFETY: the value of this type proves that the processor has the instruction.
        let half = unsafe { _mm256_set1_ps(number) };
        [half; 2]
    }

    #[inline(always)]
    fn add(self, a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] {
        // SAFETY: the value of this type proves that the processor has the instruction.
        let low = unsafe { _mm256_add_ps(a[0], b[0]) };
        // SAFETY: as above.
        let high = unsafe { _mm256_add_ps(a[1], b[1]) };
        [low, high]
    }

    #[inline(always)]
    fn subtract(self, a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] {
        // SAFETY: the value of this type proves that the processor has the instruction.
        let low = unsafe { _mm256_sub_ps(a[0], b[0]) };
        // SAFETY: as above.
        let high = unsafe { _mm256_sub_ps(a[1], b[1]) };
        [low, high]
    }

    #[inline(always)]
    fn multiply(self, a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] {
        // SAFETY: the value of this type proves that the processor has the instruction.
        let low = unsafe { _mm256_mul_ps(a[0], b[0]) };
        // SAFETY: as above.
        let high = unsafe { _mm256_mul_ps(a[1], b[1]) };
        [low, high]
    }

    #[inline(always)]
    fn divide(self, a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] {
        // SAFETY: the value of this type proves that the processor has the instruction.
        let low = unsafe { _mm256_div_ps(a[0], b[0]) };
        // SAFETY: as above.
        let high = unsafe { _mm256_div_ps(a[1], b[1]) };
        [low, high]
    }

    #[inline(always)]
    fn maximum(self, a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] {
        // SAFETY: the value of this type proves that the processor has the instruction.
        let low = unsafe { _mm256_max_ps(a[0], b[0]) };
        // SAFETY: as above.
        let high = unsafe { _mm256_max_ps(a[1], b[1]) };
        [low, high]
    }

    #[inline(always)]
    fn minimum(self, a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] {
        // SAFETY: the value of this type proves that the processor has the instruction.
        let low = unsafe { _mm256_min_ps(a[0], b[0]) };
        // SAFETY: as above.
        let high = unsafe { _mm256_min_ps(a[1], b[1]) };
        [low, high]
    }

    #[inline(always)]
    fn at_most(self, a: [__m256; 2], b: [__m256; 2]) -> u16 {
        let mut mask = 0;
        for half in 0..2 {
            // SAFETY: the value of this type proves that the processor has the instruction.
            let less = unsafe { _mm256_cmp_ps::<_CMP_LE_OQ>(a[half], b[half]) };
            // SAFETY: as above.
            let bits = unsafe { _mm256_movemask_ps(less) };
            mask |= (bits as u16) << (8 * half);
        }
        mask
    }

    #[inline(always)]
    fn splat_word(self, word: u32) -> [__m256i; 2] {
        // SAFETY: the value of this type proves that the processor has the instruction.
        let half = unsafe { _mm256_set1_epi32(word as i32) };
        [half; 2]
    }

    #[inline(always)]
    fn add_words(self, a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
        // SAFETY: the value of this type proves that the processor has the instruction.
        let low = unsafe { _mm256_add_epi32(a[0], b[0]) };
        // SAFETY: as above.
        let high = unsafe { _mm256_add_epi32(a[1], b[1]) };
        [low, high]
    }

    #[inline(always)]
    fn xor(self, a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
        // SAFETY: the value of this type proves that the processor has the instruction.
        let low = unsafe { _mm256_xor_si256(a[0], b[0]) };
        // SAFETY: as above.
        let high = unsafe { _mm256_xor_si256(a[1], b[1]) };
        [low, high]
    }

    #[inline(always)]
    fn to_numbers(self, words: [__m256i; 2]) -> [__m256; 2] {
        // SAFETY: the value of this type proves that the processor has the instruction.
        let low = unsafe { _mm256_cvtepi32_ps(words[0]) };
        // SAFETY: as above.
        let high = unsafe { _mm256_cvtepi32_ps(words[1]) };
        [low, high]
    }

    #[inline(always)]
    fn bits(self, numbers: [__m256; 2]) -> [__m256i; 2] {
        // SAFETY: the value of this type proves that the processor has the instruction.
        let low = unsafe { _mm256_castps_si256(numbers[0]) };
        // SAFETY: as above.
        let high = unsafe { _mm256_castps_si256(numbers[1]) };
        [low, high]
    }

    #[inline(always)]
    fn numbers_of_bits(self, words: [__m256i; 2]) -> [__m256; 2] {
        // SAFETY: the value of this type proves that the processor has the instruction.
        let low = unsafe { _mm256_castsi256_ps(words[0]) };
        // SAFETY: as above.
        let high = unsafe { _mm256_castsi256_ps(words[1]) };
        [low, high]
    }

    #[inline(always)]
    fn shift_left<const BITS: u32>(self, a: [__m256i; 2]) -> [__m256i; 2] {
        let count = self.splat_word(BITS);
        // SAFETY: the value of this type proves that the processor has the instruction.
        let low = unsafe { _mm256_sllv_epi32(a[0], count[0]) };
        // SAFETY: as above.
        let high = unsafe { _mm256_sllv_epi32(a[1], count[1]) };
        [low, high]
    }

    #[inline(always)]
    fn shift_right<const BITS: u32>(self, a: [__m256i; 2]) -> [__m256i; 2] {
        let count = self.splat_word(BITS);
        // SAFETY: the value of this type proves that the processor has the instruction.
        let low = unsafe { _mm256_srlv_epi32(a[0], count[0]) };
        // SAFETY: as above.
        let high = unsafe { _mm256_srlv_epi32(a[1], count[1]) };
        [low, high]
    }

    #[inline(always)]
    fn rotate_left<const BITS: u32>(self, a: [__m256i; 2]) -> [__m256i; 2] {
        let (left, count) = (self.shift_left::<BITS>(a), self.splat_word(32 - BITS));
        let right = {
            // SAFETY: the value of this type proves that the processor has the instruction.
            let low = unsafe { _mm256_srlv_epi32(a[0], count[0]) };
            // SAFETY: as above.
            let high = unsafe { _mm256_srlv_epi32(a[1], count[1]) };
            [low, high]
        };
        self.xor(left, right)
    }

    #[inline(always)]
    fn xor_three(self, a: [__m256i; 2], b: [__m256i; 2], c: [__m256i; 2]) -> [__m256i; 2] {
        self.xor(self.xor(a, b), c)
    }

    #[inline(always)]
    fn and_xor(self, a: [__m256i; 2], b: [__m256i; 2], c: [__m256i; 2]) -> [__m256i; 2] {
        let common = {
            // SAFETY: the value of this type proves that the processor has the instruction.
            let low = unsafe { _mm256_and_si256(a[0], b[0]) };
            // SAFETY: as above.
            let high = unsafe { _mm256_and_si256(a[1], b[1]) };
            [low, high]
        };
        self.xor(common, c)
    }

    #[inline(always)]
    fn count_ones(self, a: [__m256i; 2]) -> [__m256i; 2] {
        // SAFETY: the value of this type proves that the processor has the instructions.
        let low = unsafe { count_ones_of_half(a[0]) };
        // SAFETY: as above.
        let high = unsafe { count_ones_of_half(a[1]) };
        [low, high]
    }

    #[inline(always)]
    fn transpose_square<const FROM: usize, const TO: usize>(
        self,
        rows: (&[[Lanes; FROM]; 16], usize),
        target: (&mut [[Lanes; TO]; 16], usize),
    ) {
        // SAFETY: the value of this type proves that the processor has the instructions.
        unsafe { transpose_square(self, rows, target) }
    }
}

kernels::compile! { Avx2, #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")] #[inline(never)] }

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
#[inline(never)]
pub(super) fn indices(_: Avx2, words: &[u64], target: &mut Vec<u32>) {
    kernels::indices(words, target);
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
#[inline(never)]
pub(super) fn transpose_bits(_: Avx2, rows: &[&[u64]], columns: &mut [u32]) {
    kernels::transpose_bits(rows, columns);
}

/// Counts the bits on in each word: looks up the count of each half byte, and adds the counts of four bytes.
#[target_feature(enable = "avx2")]
#[inline]
fn count_ones_of_half(a: __m256i) -> __m256i {
    let counts = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    let low_half = _mm256_set1_epi8(0x0f);
    let low = _mm256_shuffle_epi8(counts, _mm256_and_si256(a, low_half));
    let high = _mm256_shuffle_epi8(counts, _mm256_and_si256(_mm256_srli_epi32::<4>(a), low_half));
    let pairs = _mm256_maddubs_epi16(_mm256_add_epi8(low, high), _mm256_set1_epi8(1));
    _mm256_madd_epi16(pairs, _mm256_set1_epi16(1))
}

/// Turns rows into columns in a square of 16 × 16, a quarter at a time.
#[target_feature(enable = "avx2")]
#[inline]
fn transpose_square<const FROM: usize, const TO: usize>(
    simd: Avx2,
    (rows, lane): (&[[Lanes; FROM]; 16], usize),
    (target, column): (&mut [[Lanes; TO]; 16], usize),
) {
    for row_half in 0..2 {
        for column_half in 0..2 {
            let rows = std::array::from_fn(|row| simd.load(&rows[row_half * 8 + row][lane])[column_half]);
            for (unit, values) in transpose_eighth(rows).into_iter().enumerate() {
                store_half(&mut target[column_half * 8 + unit][column], row_half, values);
            }
        }
    }
}

/// Turns rows into columns in a square of 8 × 8: pairs of rows, pairs of pairs, halves.
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

/// Stores the lower (0) or upper (1) eight numbers.
#[target_feature(enable = "avx2")]
#[inline]
fn store_half(lanes: &mut Lanes, half: usize, values: __m256) {
    let half = lanes.0.as_chunks_mut::<8>().0[half].as_mut_ptr();
    // SAFETY: `half` points to eight f32 of a live array, borrowed mutably; the instruction needs no alignment.
    unsafe { _mm256_storeu_ps(half, values) }
}
