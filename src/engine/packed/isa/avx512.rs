//! The kernels for AVX-512, with intrinsics where the plain loops do not reach the speed.

#![allow(clippy::wildcard_imports, reason = "the names of intrinsics say where they come from")]

use super::avx2::Avx2;
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

/// Lanes to sum at a time: they fit the thirty-two 512-bit registers, with room to load.
const PIECE: usize = 8;

/// Sixteen numbers in one register.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Avx512(());

impl Avx512 {
    /// Returns the proof that the processor has every feature that the functions of this file are compiled for, or
    /// `None`.
    pub(super) fn detect() -> Option<Self> {
        (Avx2::detect().is_some()
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512cd")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vbmi")
            && is_x86_feature_detected!("avx512vbmi2")
            && is_x86_feature_detected!("avx512bitalg")
            && is_x86_feature_detected!("avx512vpopcntdq")
            && is_x86_feature_detected!("gfni"))
        .then_some(Self(()))
    }
}

impl Simd for Avx512 {
    type Numbers = __m512;
    type Words = __m512i;
    const ROWS_WORTH_A_PLANE: u32 = 1;

    #[inline(always)]
    fn load(self, lanes: &Lanes) -> __m512 {
        // SAFETY: the reference is to sixteen f32, aligned to 64 bytes; the processor has the instruction.
        unsafe { _mm512_load_ps(lanes.0.as_ptr()) }
    }

    #[inline(always)]
    fn load_unaligned(self, numbers: &[f32; 16]) -> __m512 {
        // SAFETY: the reference is to sixteen f32; the instruction needs no alignment, and the processor has it.
        unsafe { _mm512_loadu_ps(numbers.as_ptr()) }
    }

    #[inline(always)]
    fn store(self, lanes: &mut Lanes, numbers: __m512) {
        // SAFETY: the reference is to sixteen f32, aligned to 64 bytes; the processor has the instruction.
        unsafe { _mm512_store_ps(lanes.0.as_mut_ptr(), numbers) }
    }

    #[inline(always)]
    fn store_unaligned(self, target: &mut [f32; 16], numbers: __m512) {
        // SAFETY: the reference is to sixteen f32; the instruction needs no alignment, and the processor has it.
        unsafe { _mm512_storeu_ps(target.as_mut_ptr(), numbers) }
    }

    #[inline(always)]
    fn load_words(self, words: &Words) -> __m512i {
        // SAFETY: the reference is to sixteen u32, aligned to 64 bytes; the processor has the instruction.
        unsafe { _mm512_load_si512(words.0.as_ptr().cast()) }
    }

    #[inline(always)]
    fn store_words(self, words: &mut Words, values: __m512i) {
        // SAFETY: the reference is to sixteen u32, aligned to 64 bytes; the processor has the instruction.
        unsafe { _mm512_store_si512(words.0.as_mut_ptr().cast(), values) }
    }

    #[inline(always)]
    fn splat(self, number: f32) -> __m512 {
        // SAFETY: the value of this type proves that the processor has the instruction.
        unsafe { _mm512_set1_ps(number) }
    }

    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the value of this type proves that the processor has the instruction.
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    fn subtract(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the value of this type proves that the processor has the instruction.
        unsafe { _mm512_sub_ps(a, b) }
    }

    #[inline(always)]
    fn multiply(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the value of this type proves that the processor has the instruction.
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    fn divide(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the value of this type proves that the processor has the instruction.
        unsafe { _mm512_div_ps(a, b) }
    }

    #[inline(always)]
    fn maximum(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the value of this type proves that the processor has the instruction.
        unsafe { _mm512_max_ps(a, b) }
    }

    #[inline(always)]
    fn minimum(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the value of this type proves that the processor has the instruction.
        unsafe { _mm512_min_ps(a, b) }
    }

    #[inline(always)]
    fn at_most(self, a: __m512, b: __m512) -> u16 {
        // SAFETY: the value of this type proves that the processor has the instruction.
        unsafe { _mm512_cmp_ps_mask::<_CMP_LE_OQ>(a, b) }
    }

    #[inline(always)]
    fn splat_word(self, word: u32) -> __m512i {
        // SAFETY: the value of this type proves that the processor has the instruction.
        unsafe { _mm512_set1_epi32(word as i32) }
    }

    #[inline(always)]
    fn add_words(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the value of this type proves that the processor has the instruction.
        unsafe { _mm512_add_epi32(a, b) }
    }

    #[inline(always)]
    fn shift_left<const BITS: u32>(self, a: __m512i) -> __m512i {
        // SAFETY: the value of this type proves that the processor has the instruction.
        unsafe { _mm512_slli_epi32::<BITS>(a) }
    }

    #[inline(always)]
    fn shift_right<const BITS: u32>(self, a: __m512i) -> __m512i {
        // SAFETY: the value of this type proves that the processor has the instruction.
        unsafe { _mm512_srli_epi32::<BITS>(a) }
    }

    #[inline(always)]
    fn rotate_left<const BITS: u32>(self, a: __m512i) -> __m512i {
        // SAFETY: the value of this type proves that the processor has the instruction.
        unsafe { _mm512_rolv_epi32(a, self.splat_word(BITS)) }
    }

    #[inline(always)]
    fn xor(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the value of this type proves that the processor has the instruction.
        unsafe { _mm512_xor_si512(a, b) }
    }

    #[inline(always)]
    fn xor_three(self, a: __m512i, b: __m512i, c: __m512i) -> __m512i {
        // SAFETY: the value of this type proves that the processor has the instruction.
        unsafe { _mm512_ternarylogic_epi32::<0x96>(a, b, c) }
    }

    #[inline(always)]
    fn and_xor(self, a: __m512i, b: __m512i, c: __m512i) -> __m512i {
        // SAFETY: the value of this type proves that the processor has the instruction.
        unsafe { _mm512_ternarylogic_epi32::<0x6a>(a, b, c) }
    }

    #[inline(always)]
    fn count_ones(self, a: __m512i) -> __m512i {
        // SAFETY: the value of this type proves that the processor has the instruction.
        unsafe { _mm512_popcnt_epi32(a) }
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

    #[inline(always)]
    fn to_numbers(self, words: __m512i) -> __m512 {
        // SAFETY: the value of this type proves that the processor has the instruction.
        unsafe { _mm512_cvtepi32_ps(words) }
    }

    #[inline(always)]
    fn bits(self, numbers: __m512) -> __m512i {
        // SAFETY: the value of this type proves that the processor has the instruction.
        unsafe { _mm512_castps_si512(numbers) }
    }

    #[inline(always)]
    fn numbers_of_bits(self, words: __m512i) -> __m512 {
        // SAFETY: the value of this type proves that the processor has the instruction.
        unsafe { _mm512_castsi512_ps(words) }
    }
}

/// The function compiled for the features that [`Avx512::detect`] looks for.
macro_rules! avx512 {
    ($(#[$attribute:meta])* $visibility:vis fn $($rest:tt)*) => {
        $(#[$attribute])*
        #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt,gfni")]
        #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl")]
        #[target_feature(enable = "avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq")]
        $visibility fn $($rest)*
    };
}

kernels::compile! {
    Avx512,
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt,gfni")]
    #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl")]
    #[target_feature(enable = "avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq")]
    #[inline(never)]
}

avx512! {
    /// Appends the positions of the bits that are on: the compress instruction turns a word into the list of its
    /// positions.
    #[inline(never)]
    pub(super) fn indices(_: Avx512, words: &[u64], target: &mut Vec<u32>) {
        let positions: [u8; 64] = std::array::from_fn(|position| position as u8);
        let positions = load_bytes(&positions);
        let total: usize = words.iter().map(|word| word.count_ones() as usize).sum();
        let mut end = target.len();
        // Whole vectors are stored, the last of them up to 15 numbers too far.
        target.resize(end + total + 15, 0);
        for (index, &word) in words.iter().enumerate() {
            let base = _mm512_set1_epi32(index as i32 * 64);
            let count = word.count_ones() as usize;
            let mut compressed = _mm512_maskz_compress_epi8(word, positions);
            for stored in (0..count).step_by(16) {
                let sixteen = _mm512_cvtepu8_epi32(_mm512_castsi512_si128(compressed));
                if let Some(target) = target[end + stored..].first_chunk_mut::<16>() {
                    store_numbers(target, _mm512_add_epi32(sixteen, base));
                }
                compressed = _mm512_shuffle_i64x2::<0b00_11_10_01>(compressed, compressed);
            }
            end += count;
        }
        target.truncate(end);
    }
}

avx512! {
    /// Turns eight rows of eight bytes, byte by byte, into eight columns: a byte shuffle, a bit-matrix transpose by
    /// GFNI, and an interleaving of the four groups of rows.
    #[inline(never)]
    pub(super) fn transpose_bits(_: Avx512, rows: &[&[u64]], columns: &mut [u32]) {
        // gf2p8affine multiplies the 8 × 8 bits of a word by each byte of the other operand. With the unit vectors that
        // yields the columns of the matrix, whose rows it counts from the last byte: row r goes to byte 7 − r.
        const UNIT_VECTORS: i64 = i64::from_le_bytes([1, 2, 4, 8, 16, 32, 64, 128]);
        let gather: [u8; 64] = std::array::from_fn(|byte| ((7 - byte % 8) * 8 + byte / 8) as u8);
        // Interleaving works within 128 bits: put column 16k + 4l + j at byte 4k + j of lane l.
        let spread: [u8; 64] = std::array::from_fn(|byte| {
            let (lane, quad, rest) = (byte / 16, byte % 16 / 4, byte % 4);
            (16 * quad + 4 * lane + rest) as u8
        });
        let (gather, spread) = (load_bytes(&gather), load_bytes(&spread));
        for (word, columns) in columns.as_chunks_mut::<16>().0.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            let mut groups = [_mm512_setzero_si512(); 4];
            for (group, rows) in groups.iter_mut().zip(rows.chunks(8)) {
                let mut words = [0u64; 8];
                for (target, row) in words.iter_mut().zip(rows) {
                    *target = row[word];
                }
                let matrix = _mm512_permutexvar_epi8(gather, load_quads(&words));
                let transposed = _mm512_gf2p8affine_epi64_epi8::<0>(_mm512_set1_epi64(UNIT_VECTORS), matrix);
                *group = _mm512_permutexvar_epi8(spread, transposed);
            }
            let low = [_mm512_unpacklo_epi8(groups[0], groups[1]), _mm512_unpacklo_epi8(groups[2], groups[3])];
            let high = [_mm512_unpackhi_epi8(groups[0], groups[1]), _mm512_unpackhi_epi8(groups[2], groups[3])];
            store_numbers(&mut columns[0], _mm512_unpacklo_epi16(low[0], low[1]));
            store_numbers(&mut columns[1], _mm512_unpackhi_epi16(low[0], low[1]));
            store_numbers(&mut columns[2], _mm512_unpacklo_epi16(high[0], high[1]));
            store_numbers(&mut columns[3], _mm512_unpackhi_epi16(high[0], high[1]));
        }
    }
}

avx512! {
    /// Turns rows into columns in a square of 16 × 16.
    ///
    /// Quarters of the rows 0, 4, 8 and 12 apart are loaded into one register, which leaves only transposes of 4 × 4
    /// within 128 bits: half the shuffles of the usual four rounds.
    #[inline]
    fn transpose_square<const FROM: usize, const TO: usize>(
        simd: Avx512,
        (rows, lane): (&[[Lanes; FROM]; 16], usize),
        (target, column): (&mut [[Lanes; TO]; 16], usize),
    ) {
        for (quarter, target) in target.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            let rows = |row: usize| &rows[row][lane];
            let four: [__m512; 4] = std::array::from_fn(|row| {
                let first = _mm512_castps128_ps512(load_quarter(rows(row), quarter));
                let second = _mm512_insertf32x4::<1>(first, load_quarter(rows(4 + row), quarter));
                let third = _mm512_insertf32x4::<2>(second, load_quarter(rows(8 + row), quarter));
                _mm512_insertf32x4::<3>(third, load_quarter(rows(12 + row), quarter))
            });
            let low = [_mm512_unpacklo_ps(four[0], four[1]), _mm512_unpacklo_ps(four[2], four[3])];
            let high = [_mm512_unpackhi_ps(four[0], four[1]), _mm512_unpackhi_ps(four[2], four[3])];
            simd.store(&mut target[0][column], _mm512_shuffle_ps::<0b01_00_01_00>(low[0], low[1]));
            simd.store(&mut target[1][column], _mm512_shuffle_ps::<0b11_10_11_10>(low[0], low[1]));
            simd.store(&mut target[2][column], _mm512_shuffle_ps::<0b01_00_01_00>(high[0], high[1]));
            simd.store(&mut target[3][column], _mm512_shuffle_ps::<0b11_10_11_10>(high[0], high[1]));
        }
    }
}

avx512! {
    #[inline]
    fn load_quarter(lanes: &Lanes, quarter: usize) -> __m128 {
        let quarter = lanes.0.as_chunks::<4>().0[quarter].as_ptr();
        // SAFETY: `quarter` points to four f32 of a live array; the instruction needs no alignment.
        unsafe { _mm_loadu_ps(quarter) }
    }
}

avx512! {
    #[inline]
    fn store_numbers(target: &mut [u32; 16], values: __m512i) {
        let target = target.as_mut_ptr();
        // SAFETY: `target` points to sixteen u32 of a live array, borrowed mutably; the instruction needs no alignment.
        unsafe { _mm512_storeu_si512(target.cast(), values) }
    }
}

avx512! {
    #[inline]
    fn load_bytes(bytes: &[u8; 64]) -> __m512i {
        let bytes = bytes.as_ptr();
        // SAFETY: `bytes` points to 64 bytes of a live array; the instruction needs no alignment.
        unsafe { _mm512_loadu_si512(bytes.cast()) }
    }
}

avx512! {
    #[inline]
    fn load_quads(words: &[u64; 8]) -> __m512i {
        let words = words.as_ptr();
        // SAFETY: `words` points to 64 bytes of a live array; the instruction needs no alignment.
        unsafe { _mm512_loadu_si512(words.cast()) }
    }
}
