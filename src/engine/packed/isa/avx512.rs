//! The kernels for AVX-512: the plain loops, and intrinsics where those do not reach the speed.

use super::super::super::math::{LIMIT, LOG2_E, POLYNOMIAL, ROUND, UNIFORM_SCALE};
use super::super::super::random::RowStreams;
use super::super::super::update::Update;
use super::super::kernels::{self, BLOCK, NarrowUpdate, STRIP, Side, TABLED, TILE};
use super::super::lanes::{Lanes, StreamState, Words};
use super::super::lists::Lists;
use std::arch::x86_64::*;
use std::ops::Range;

/// Lanes that fit the thirty-two 512-bit registers, with room to load.
const PIECE: usize = 8;

/// Whether the processor has every feature that the functions of this file are compiled for, beyond those of AVX2.
pub(super) fn is_available() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512cd")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vbmi")
        && is_x86_feature_detected!("avx512vbmi2")
        && is_x86_feature_detected!("avx512bitalg")
        && is_x86_feature_detected!("avx512vpopcntdq")
        && is_x86_feature_detected!("gfni")
}

/// The function compiled for the features that [`is_available`] asks for.
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
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt,gfni")]
    #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl")]
    #[target_feature(enable = "avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq")]
    #[inline(never)]
}

avx512! {
    /// The compress instruction turns a word of bits into the list of their positions.
    #[inline(never)]
    pub(super) fn indices(words: &[u64], target: &mut Vec<u32>) {
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
    /// Eight rows of eight bytes become, byte by byte, eight columns: a byte shuffle, a bit-matrix transpose by GFNI, and
    /// an interleaving of the four groups of rows.
    #[inline(never)]
    pub(super) fn transpose_bits(rows: &[&[u64]], columns: &mut [u32]) {
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
    #[inline(never)]
    pub(super) fn sample_tile(inputs: &[[Lanes; TILE]], beta: f32, states: &mut [StreamState], bits: &mut [u64]) {
        sample(inputs, beta, states, bits);
    }
}

avx512! {
    #[inline(never)]
    pub(super) fn sample_block(inputs: &[[Lanes; BLOCK]], beta: f32, states: &mut [StreamState], bits: &mut [u64]) {
        sample(inputs, beta, states, bits);
    }
}

avx512! {
    #[inline(never)]
    pub(super) fn sample_strip(inputs: &[[Lanes; STRIP]], beta: f32, states: &mut [StreamState], bits: &mut [u64]) {
        sample(inputs, beta, states, bits);
    }
}

avx512! {
    /// [`kernels::sample`], sixteen units at a time.
    #[inline]
    fn sample<const WIDTH: usize>(
        inputs: &[[Lanes; WIDTH]],
        inverse_temperature: f32,
        states: &mut [StreamState],
        bits: &mut [u64],
    ) {
        let beta = _mm512_set1_ps(inverse_temperature);
        let words = WIDTH.div_ceil(TILE);
        for ((inputs, state), bits) in inputs.iter().zip(states).zip(bits.chunks_exact_mut(words)) {
            let mut generator = load_state(state);
            for (word, inputs) in bits.iter_mut().zip(inputs.chunks(TILE)) {
                *word = 0;
                for (group, inputs) in inputs.iter().enumerate() {
                    let numbers = next_numbers(&mut generator);
                    let on = fires(_mm512_mul_ps(load(inputs), beta), numbers);
                    *word |= u64::from(on) << (group * 16);
                }
            }
            store_state(state, generator);
        }
    }
}

avx512! {
    /// One step of xoshiro128++ in sixteen lanes. 0x96 is the exclusive or of three.
    #[inline]
    fn next_numbers([s0, s1, s2, s3]: &mut [__m512i; 4]) -> __m512i {
        let sum = _mm512_add_epi32(*s0, *s3);
        let numbers = _mm512_add_epi32(_mm512_rol_epi32::<7>(sum), *s0);
        let shifted = _mm512_slli_epi32::<9>(*s1);
        let next = [
            _mm512_ternarylogic_epi32::<0x96>(*s0, *s3, *s1),
            _mm512_ternarylogic_epi32::<0x96>(*s1, *s2, *s0),
            _mm512_ternarylogic_epi32::<0x96>(*s2, *s0, shifted),
            _mm512_rol_epi32::<11>(_mm512_xor_si512(*s3, *s1)),
        ];
        [*s0, *s1, *s2, *s3] = next;
        numbers
    }
}

avx512! {
    /// The operations of [`super::super::super::math::fires`] in their order, one bit a unit.
    #[inline]
    fn fires(input: __m512, numbers: __m512i) -> u16 {
        // The maximum is its second operand where one is NaN: −87, as the scalar comparison decides.
        let clamped = _mm512_max_ps(input, _mm512_set1_ps(-LIMIT));
        let clamped = _mm512_min_ps(clamped, _mm512_set1_ps(LIMIT));
        // −x · log2(e), its sign moved into the constant.
        let scaled = _mm512_mul_ps(clamped, _mm512_set1_ps(-LOG2_E));
        let rounded = _mm512_add_ps(scaled, _mm512_set1_ps(ROUND));
        let fraction = _mm512_sub_ps(scaled, _mm512_sub_ps(rounded, _mm512_set1_ps(ROUND)));
        let mut power = _mm512_set1_ps(POLYNOMIAL[5]);
        for coefficient in POLYNOMIAL[..5].iter().rev() {
            power = _mm512_add_ps(_mm512_mul_ps(power, fraction), _mm512_set1_ps(*coefficient));
        }
        let exponent = _mm512_slli_epi32::<23>(_mm512_castps_si512(rounded));
        let exponential = _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(power), exponent));
        let whole = _mm512_cvtepi32_ps(_mm512_srli_epi32::<1>(numbers));
        let offset = _mm512_add_ps(whole, _mm512_set1_ps(0.5));
        let product = _mm512_mul_ps(offset, _mm512_add_ps(_mm512_set1_ps(1.0), exponential));
        _mm512_cmp_ps_mask::<_CMP_LE_OQ>(product, _mm512_set1_ps(UNIFORM_SCALE))
    }
}

avx512! {
    /// Rows become columns in a square of 16 × 16.
    ///
    /// Quarters of the rows 0, 4, 8 and 12 apart are loaded into one register, which leaves only transposes of 4 × 4
    /// within 128 bits: half the shuffles of the usual four rounds.
    #[inline]
    fn transpose_square(rows: &[Lanes; 16]) -> [Lanes; 16] {
        let mut columns = [Lanes::ZERO; 16];
        for (quarter, columns) in columns.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            let four: [__m512; 4] = std::array::from_fn(|row| {
                let first = _mm512_castps128_ps512(load_quarter(&rows[row], quarter));
                let second = _mm512_insertf32x4::<1>(first, load_quarter(&rows[4 + row], quarter));
                let third = _mm512_insertf32x4::<2>(second, load_quarter(&rows[8 + row], quarter));
                _mm512_insertf32x4::<3>(third, load_quarter(&rows[12 + row], quarter))
            });
            let low = [_mm512_unpacklo_ps(four[0], four[1]), _mm512_unpacklo_ps(four[2], four[3])];
            let high = [_mm512_unpackhi_ps(four[0], four[1]), _mm512_unpackhi_ps(four[2], four[3])];
            store(&mut columns[0], _mm512_shuffle_ps::<0b01_00_01_00>(low[0], low[1]));
            store(&mut columns[1], _mm512_shuffle_ps::<0b11_10_11_10>(low[0], low[1]));
            store(&mut columns[2], _mm512_shuffle_ps::<0b01_00_01_00>(high[0], high[1]));
            store(&mut columns[3], _mm512_shuffle_ps::<0b11_10_11_10>(high[0], high[1]));
        }
        columns
    }
}

avx512! {
    #[inline]
    fn load(lanes: &Lanes) -> __m512 {
        let lanes = lanes.0.as_ptr();
        // SAFETY: `lanes` points to sixteen f32 of a live array; the instruction needs no alignment.
        unsafe { _mm512_loadu_ps(lanes) }
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
    fn store(lanes: &mut Lanes, values: __m512) {
        let lanes = lanes.0.as_mut_ptr();
        // SAFETY: `lanes` points to sixteen f32 of a live array, borrowed mutably; the instruction needs no alignment.
        unsafe { _mm512_storeu_ps(lanes, values) }
    }
}

avx512! {
    #[inline]
    fn load_state(state: &StreamState) -> [__m512i; 4] {
        let load = |words: &Words| {
            let words = words.0.as_ptr();
            // SAFETY: `words` points to sixteen u32 of a live array; the instruction needs no alignment.
            unsafe { _mm512_loadu_si512(words.cast()) }
        };
        [load(&state.words[0]), load(&state.words[1]), load(&state.words[2]), load(&state.words[3])]
    }
}

avx512! {
    #[inline]
    fn store_state(state: &mut StreamState, generator: [__m512i; 4]) {
        for (words, generator) in state.words.iter_mut().zip(generator) {
            store_numbers(&mut words.0, generator);
        }
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
