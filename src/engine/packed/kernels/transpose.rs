//! The transposes of squares, of numbers as of bits.

use super::widths::TILE;
use crate::engine::packed::lanes::Lanes;
use crate::engine::packed::simd::Simd;
use crate::engine::random::LANES;
use std::array::from_fn;

/// target (hidden × 16 · `WIDTH` units) ← the transpose of lane `first` of the rows of a tile and of those after it,
/// as many lanes as the target has rows for.
///
/// The rows that are missing to a multiple of 16 count as zeros.
#[inline(always)]
pub(in super::super) fn transpose<S: Simd, const WIDTH: usize>(
    simd: S,
    rows: &[[Lanes; TILE]],
    first: usize,
    target: &mut [[Lanes; WIDTH]],
) {
    for (column, rows) in rows.chunks(LANES).enumerate() {
        for (lane, target) in (first..).zip(target.chunks_mut(LANES)) {
            if let (Ok(rows), Ok(target)) = (rows.try_into(), <&mut [_; LANES]>::try_from(&mut *target)) {
                simd.transpose_square::<TILE, WIDTH>((rows, lane), (target, column));
                continue;
            }
            // A square that lacks rows or columns.
            let rows = from_fn(|row| [rows.get(row).map_or(Lanes::ZERO, |row| row[lane])]);
            let mut columns = [[Lanes::ZERO]; LANES];
            simd.transpose_square((&rows, 0), (&mut columns, 0));
            for (target, [lanes]) in target.iter_mut().zip(columns) {
                target[column] = lanes;
            }
        }
    }
}

/// columns[c] ← bit c of every row, row r as bit r; at most 32 rows of `columns.len() / 64` words.
#[inline(always)]
pub(in super::super) fn transpose_bits(rows: &[&[u64]], columns: &mut [u32]) {
    columns.fill(0);
    for (group, rows) in rows.chunks(8).enumerate() {
        for (word, columns) in columns.chunks_exact_mut(64).enumerate() {
            let mut bytes = [0u64; 8];
            for (row, words) in rows.iter().enumerate() {
                for (byte, target) in bytes.iter_mut().enumerate() {
                    *target |= (words[word] >> (8 * byte) & 0xff) << (8 * row);
                }
            }
            for (byte, columns) in columns.chunks_exact_mut(8).enumerate() {
                let transposed = transpose_8x8(bytes[byte]);
                for (column, target) in columns.iter_mut().enumerate() {
                    *target |= ((transposed >> (8 * column)) as u32 & 0xff) << (8 * group);
                }
            }
        }
    }
}

/// Transposes 8 × 8 bits, row r in byte r: squares of 1, 2 and 4 bits off the diagonal change places.
#[inline(always)]
fn transpose_8x8(bits: u64) -> u64 {
    let swap = |bits: u64, mask: u64, distance: u32| {
        let changed = (bits ^ (bits >> distance)) & mask;
        bits ^ changed ^ (changed << distance)
    };
    let bits = swap(bits, 0x00aa_00aa_00aa_00aa, 7);
    let bits = swap(bits, 0x0000_cccc_0000_cccc, 14);
    swap(bits, 0x0000_0000_f0f0_f0f0, 28)
}
