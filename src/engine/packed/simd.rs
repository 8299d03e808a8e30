//! The operations on sixteen numbers that kernels are written in.

use super::lanes::{Lanes, Words};

/// The operations on sixteen numbers in the registers of one instruction set.
///
/// A value of an implementing type proves that the processor has the instruction set: the operations are safe to call.
/// They are fast only where they are inlined into a function that is compiled for it. None fuses a multiplication with
/// an addition.
pub(super) trait Simd: Copy {
    /// Sixteen f32.
    type Numbers: Copy;
    /// Sixteen u32.
    type Words: Copy;
    /// The rows of 64 numbers that can be added up in the time in which one plane of 64 columns of bits is counted.
    const ROWS_WORTH_A_PLANE: u32;

    fn load(self, lanes: &Lanes) -> Self::Numbers;
    fn load_unaligned(self, numbers: &[f32; 16]) -> Self::Numbers;
    fn store(self, lanes: &mut Lanes, numbers: Self::Numbers);
    fn store_unaligned(self, target: &mut [f32; 16], numbers: Self::Numbers);
    fn splat(self, number: f32) -> Self::Numbers;
    fn add(self, a: Self::Numbers, b: Self::Numbers) -> Self::Numbers;
    fn subtract(self, a: Self::Numbers, b: Self::Numbers) -> Self::Numbers;
    fn multiply(self, a: Self::Numbers, b: Self::Numbers) -> Self::Numbers;
    fn divide(self, a: Self::Numbers, b: Self::Numbers) -> Self::Numbers;
    /// a where a > b, else b: b where either is NaN.
    fn maximum(self, a: Self::Numbers, b: Self::Numbers) -> Self::Numbers;
    /// a where a < b, else b: b where either is NaN.
    fn minimum(self, a: Self::Numbers, b: Self::Numbers) -> Self::Numbers;
    /// One bit a lane, set if a ≤ b.
    fn at_most(self, a: Self::Numbers, b: Self::Numbers) -> u16;

    fn load_words(self, words: &Words) -> Self::Words;
    fn store_words(self, words: &mut Words, values: Self::Words);
    fn splat_word(self, word: u32) -> Self::Words;
    fn add_words(self, a: Self::Words, b: Self::Words) -> Self::Words;
    fn shift_left<const BITS: u32>(self, a: Self::Words) -> Self::Words;
    fn shift_right<const BITS: u32>(self, a: Self::Words) -> Self::Words;
    fn rotate_left<const BITS: u32>(self, a: Self::Words) -> Self::Words;
    fn xor(self, a: Self::Words, b: Self::Words) -> Self::Words;
    /// a ⊕ b ⊕ c.
    fn xor_three(self, a: Self::Words, b: Self::Words, c: Self::Words) -> Self::Words;
    /// (a ∧ b) ⊕ c.
    fn and_xor(self, a: Self::Words, b: Self::Words, c: Self::Words) -> Self::Words;
    fn count_ones(self, a: Self::Words) -> Self::Words;
    /// Returns the words as signed integers, converted.
    fn to_numbers(self, words: Self::Words) -> Self::Numbers;
    fn bits(self, numbers: Self::Numbers) -> Self::Words;
    fn numbers_of_bits(self, words: Self::Words) -> Self::Numbers;

    /// Turns rows into columns in a square of 16 × 16: the lane of each row with the given index becomes a number of
    /// the lanes with the given index of the target.
    fn transpose_square<const FROM: usize, const TO: usize>(
        self,
        rows: (&[[Lanes; FROM]; 16], usize),
        target: (&mut [[Lanes; TO]; 16], usize),
    );
}

/// The absence of a particular instruction set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plain;

#[inline(always)]
fn each<T: Copy, U: Copy + Default>(a: [T; 16], operation: impl Fn(T) -> U) -> [U; 16] {
    let mut result = [U::default(); 16];
    for lane in 0..16 {
        result[lane] = operation(a[lane]);
    }
    result
}

#[inline(always)]
fn both<T: Copy + Default>(a: [T; 16], b: [T; 16], operation: impl Fn(T, T) -> T) -> [T; 16] {
    let mut result = [T::default(); 16];
    for lane in 0..16 {
        result[lane] = operation(a[lane], b[lane]);
    }
    result
}

impl Simd for Plain {
    type Numbers = [f32; 16];
    type Words = [u32; 16];
    const ROWS_WORTH_A_PLANE: u32 = 6;

    #[inline(always)]
    fn load(self, lanes: &Lanes) -> [f32; 16] {
        lanes.0
    }

    #[inline(always)]
    fn load_unaligned(self, numbers: &[f32; 16]) -> [f32; 16] {
        *numbers
    }

    #[inline(always)]
    fn store(self, lanes: &mut Lanes, numbers: [f32; 16]) {
        lanes.0 = numbers;
    }

    #[inline(always)]
    fn store_unaligned(self, target: &mut [f32; 16], numbers: [f32; 16]) {
        *target = numbers;
    }

    #[inline(always)]
    fn splat(self, number: f32) -> [f32; 16] {
        [number; 16]
    }

    #[inline(always)]
    fn add(self, a: [f32; 16], b: [f32; 16]) -> [f32; 16] {
        both(a, b, |a, b| a + b)
    }

    #[inline(always)]
    fn subtract(self, a: [f32; 16], b: [f32; 16]) -> [f32; 16] {
        both(a, b, |a, b| a - b)
    }

    #[inline(always)]
    fn multiply(self, a: [f32; 16], b: [f32; 16]) -> [f32; 16] {
        both(a, b, |a, b| a * b)
    }

    #[inline(always)]
    fn divide(self, a: [f32; 16], b: [f32; 16]) -> [f32; 16] {
        both(a, b, |a, b| a / b)
    }

    #[inline(always)]
    fn maximum(self, a: [f32; 16], b: [f32; 16]) -> [f32; 16] {
        both(a, b, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    fn minimum(self, a: [f32; 16], b: [f32; 16]) -> [f32; 16] {
        both(a, b, |a, b| if a < b { a } else { b })
    }

    #[inline(always)]
    fn at_most(self, a: [f32; 16], b: [f32; 16]) -> u16 {
        (0..16).fold(0, |mask, lane| mask | u16::from(a[lane] <= b[lane]) << lane)
    }

    #[inline(always)]
    fn load_words(self, words: &Words) -> [u32; 16] {
        words.0
    }

    #[inline(always)]
    fn store_words(self, words: &mut Words, values: [u32; 16]) {
        words.0 = values;
    }

    #[inline(always)]
    fn splat_word(self, word: u32) -> [u32; 16] {
        [word; 16]
    }

    #[inline(always)]
    fn add_words(self, a: [u32; 16], b: [u32; 16]) -> [u32; 16] {
        both(a, b, u32::wrapping_add)
    }

    #[inline(always)]
    fn shift_left<const BITS: u32>(self, a: [u32; 16]) -> [u32; 16] {
        each(a, |a| a << BITS)
    }

    #[inline(always)]
    fn shift_right<const BITS: u32>(self, a: [u32; 16]) -> [u32; 16] {
        each(a, |a| a >> BITS)
    }

    #[inline(always)]
    fn rotate_left<const BITS: u32>(self, a: [u32; 16]) -> [u32; 16] {
        each(a, |a| a.rotate_left(BITS))
    }

    #[inline(always)]
    fn xor(self, a: [u32; 16], b: [u32; 16]) -> [u32; 16] {
        both(a, b, |a, b| a ^ b)
    }

    #[inline(always)]
    fn xor_three(self, a: [u32; 16], b: [u32; 16], c: [u32; 16]) -> [u32; 16] {
        self.xor(self.xor(a, b), c)
    }

    #[inline(always)]
    fn and_xor(self, a: [u32; 16], b: [u32; 16], c: [u32; 16]) -> [u32; 16] {
        self.xor(both(a, b, |a, b| a & b), c)
    }

    #[inline(always)]
    fn count_ones(self, a: [u32; 16]) -> [u32; 16] {
        each(a, u32::count_ones)
    }

    #[inline(always)]
    fn to_numbers(self, words: [u32; 16]) -> [f32; 16] {
        each(words, |word| word as i32 as f32)
    }

    #[inline(always)]
    fn bits(self, numbers: [f32; 16]) -> [u32; 16] {
        each(numbers, f32::to_bits)
    }

    #[inline(always)]
    fn numbers_of_bits(self, words: [u32; 16]) -> [f32; 16] {
        each(words, f32::from_bits)
    }

    #[inline(always)]
    fn transpose_square<const FROM: usize, const TO: usize>(
        self,
        (rows, lane): (&[[Lanes; FROM]; 16], usize),
        (target, index): (&mut [[Lanes; TO]; 16], usize),
    ) {
        for (column, target) in target.iter_mut().enumerate() {
            target[index] = Lanes(std::array::from_fn(|row| rows[row][lane].0[column]));
        }
    }
}
