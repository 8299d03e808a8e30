//! The sums of selected rows of weights.

use super::widths::{GROUP, STRIP, TABLED, TILE};
use crate::engine::packed::lanes::{Lanes, NOTHING};
use crate::engine::packed::lists::{Lists, Parts};
use crate::engine::packed::simd::Simd;

/// Appends the positions of the bits that are on, ascending.
#[inline(always)]
pub(in super::super) fn indices(words: &[u64], target: &mut Vec<u32>) {
    for (position, &word) in words.iter().enumerate() {
        let mut rest = word;
        while rest != 0 {
            target.push(position as u32 * 64 + rest.trailing_zeros());
            rest &= rest - 1;
        }
    }
}

/// out[r] ← start + Σ matrix[i] over the i in list `first + r`, in the order of the list; without a start from out[r].
///
/// `PIECE` lanes are summed at a time, as many as the instruction set has registers for.
#[inline(always)]
pub(in super::super) fn sum_lists<S: Simd, const WIDTH: usize, const PIECE: usize>(
    simd: S,
    matrix: &[[Lanes; WIDTH]],
    lists: &Lists,
    first: usize,
    start: Option<&[Lanes; WIDTH]>,
    out: &mut [[Lanes; WIDTH]],
) {
    for (row, out) in out.iter_mut().enumerate() {
        let list = lists.list(first + row);
        for piece in (0..WIDTH).step_by(PIECE) {
            let start = match start {
                Some(start) => &start[piece..],
                None => &out[piece..],
            };
            let mut sum = load_all::<S, PIECE>(simd, start);
            for &index in list {
                let weights = &matrix[index as usize][piece..];
                for lane in 0..PIECE {
                    sum[lane] = simd.add(sum[lane], simd.load(&weights[lane]));
                }
            }
            store_all(simd, &mut out[piece..], sum);
        }
    }
}

/// out[r] ← out[r] + the sum of the rows of a tile in part `part` of list `first + r`: see [`Parts`].
#[inline(always)]
pub(in super::super) fn sum_parts<S: Simd>(
    simd: S,
    tile: &[[Lanes; TILE]],
    (lists, parts): (&Lists, &Parts),
    (part, first): (usize, usize),
    out: &mut [[Lanes; TILE]],
) {
    for (row, out) in out.iter_mut().enumerate() {
        let mut sum = load_all::<S, TILE>(simd, out);
        for &index in parts.part(lists, first + row, part) {
            let weights = &tile[index as usize];
            for lane in 0..TILE {
                sum[lane] = simd.add(sum[lane], simd.load(&weights[lane]));
            }
        }
        store_all(simd, out, sum);
    }
}

#[inline(always)]
pub(super) fn load_all<S: Simd, const COUNT: usize>(simd: S, lanes: &[Lanes]) -> [S::Numbers; COUNT] {
    let mut numbers = [simd.splat(0.0); COUNT];
    for (numbers, lanes) in numbers.iter_mut().zip(lanes) {
        *numbers = simd.load(lanes);
    }
    numbers
}

#[inline(always)]
pub(super) fn store_all<S: Simd, const COUNT: usize>(simd: S, lanes: &mut [Lanes], numbers: [S::Numbers; COUNT]) {
    for (lanes, numbers) in lanes.iter_mut().zip(numbers) {
        simd.store(lanes, numbers);
    }
}

/// The partial sums of the weights of four hidden units to the visible units of a strip.
pub(in super::super) type Table = [[Lanes; STRIP]; 1 << GROUP];

/// sums[r] ← sums[r] + T₀[n₀] + T₁[n₁] + …, where the nibbles n of bits[r] choose from tables of partial sums.
///
/// chunk (hidden × 32 visible units) holds the weights of [`TABLED`] hidden units, of which the tables, at most
/// `TABLED / GROUP`, are made in order.
#[inline(always)]
pub(in super::super) fn sum_tables<S: Simd>(
    simd: S,
    chunk: &[[Lanes; STRIP]; TABLED],
    tables: &mut [Table],
    bits: &[u32],
    sums: &mut [[Lanes; STRIP]],
) {
    build_tables(simd, chunk, tables);
    add_tables(simd, tables, bits, 0, sums);
}

/// tables ← the partial sums of chunk (hidden × 32 visible units). Table g holds, for each subset of hidden units
/// 4g … 4g + 3, the sum of their weights in ascending order.
#[inline(always)]
pub(in super::super) fn build_tables<S: Simd>(simd: S, chunk: &[[Lanes; STRIP]; TABLED], tables: &mut [Table]) {
    for (table, weights) in tables.iter_mut().zip(chunk.chunks_exact(GROUP)) {
        for lane in 0..STRIP {
            let mut entries = [simd.splat(NOTHING); 1 << GROUP];
            for unit in 0..GROUP {
                let weights = simd.load(&weights[unit][lane]);
                for subset in 0..1 << unit {
                    entries[subset | 1 << unit] = simd.add(entries[subset], weights);
                }
            }
            for (entry, numbers) in table.iter_mut().zip(entries) {
                simd.store(&mut entry[lane], numbers);
            }
        }
    }
}

/// sums[r] ← sums[r] + T₀[n₀] + T₁[n₁] + … in the [`STRIP`] lanes from `first` on: see [`sum_tables`].
#[inline(always)]
pub(in super::super) fn add_tables<S: Simd, const WIDTH: usize>(
    simd: S,
    tables: &[Table],
    bits: &[u32],
    first: usize,
    sums: &mut [[Lanes; WIDTH]],
) {
    for (sum, &bits) in sums.iter_mut().zip(bits) {
        let sum = &mut sum[first..][..STRIP];
        let mut total = load_all::<S, STRIP>(simd, sum);
        for (group, table) in tables.iter().enumerate() {
            let entry = &table[(bits >> (GROUP * group)) as usize & ((1 << GROUP) - 1)];
            for lane in 0..STRIP {
                total[lane] = simd.add(total[lane], simd.load(&entry[lane]));
            }
        }
        store_all(simd, sum, total);
    }
}
