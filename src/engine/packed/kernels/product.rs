//! Products of small dense matrices, and of sparse rows with dense ones.
//!
//! An element of a result is one sum in ascending order of the summed index. Vectors that reach past the end of a row
//! load the start of the next one with it and do not store it.

use crate::engine::packed::simd::Simd;
use crate::engine::random::LANES;
use crate::engine::sparse::SparseRows;
use std::array::from_fn;

/// The rows of a tile of a dense product's result.
pub(in super::super) const PRODUCT_ROWS: usize = 4;
/// The lanes of a tile of one row: as many sums at a time as a tile of several rows has.
const WIDE: usize = 4;

/// A matrix whose element (i, j) is `values[i · row + j · column]`.
#[derive(Clone, Copy)]
pub(in super::super) struct Strided<'a> {
    pub(in super::super) values: &'a [f32],
    pub(in super::super) row: usize,
    pub(in super::super) column: usize,
}

impl Strided<'_> {
    /// Returns `count` rows from `first` on in groups of `HEIGHT`: group × summed index, the rows of a group side by side.
    #[inline(always)]
    fn packed<const HEIGHT: usize>(self, first: usize, count: usize, summed: usize) -> Vec<[f32; HEIGHT]> {
        let mut packed = Vec::with_capacity(count / HEIGHT * summed);
        for group in (first..first + count).step_by(HEIGHT) {
            for index in 0..summed {
                let start = group * self.row + index * self.column;
                packed.push(from_fn(|own| self.values[start + own * self.row]));
            }
        }
        packed
    }
}

/// c (m × n) ← c + a (m × k) · b (k × n), tile by tile: the columns of a tile of b stay in the first-level cache for all
/// rows.
#[inline(always)]
pub(in super::super) fn add_product<S: Simd>(
    simd: S,
    a: Strided,
    b: &[f32],
    c: &mut [f32],
    (columns, summed): (usize, usize),
) {
    let rows = c.len() / columns;
    let whole = rows - rows % PRODUCT_ROWS;
    if whole > 0 {
        let factors = a.packed::<PRODUCT_ROWS>(0, whole, summed);
        for first in (0..columns).step_by(LANES) {
            for (factors, c) in factors.chunks_exact(summed).zip(c.chunks_exact_mut(PRODUCT_ROWS * columns)) {
                tile::<S, PRODUCT_ROWS, 1>(simd, factors, b, c, (first, columns));
            }
        }
    }
    let packed = if a.column == 1 { Vec::new() } else { a.packed::<1>(whole, rows - whole, summed) };
    for (row, c) in c[whole * columns..].chunks_exact_mut(columns).enumerate() {
        let factors = match a.column {
            1 => a.values[(whole + row) * a.row..][..summed].as_chunks().0,
            _ => &packed[row * summed..][..summed],
        };
        for_each_stretch(columns, |first, is_wide| {
            if is_wide {
                tile::<S, 1, WIDE>(simd, factors, b, c, (first, columns));
            } else {
                tile::<S, 1, 1>(simd, factors, b, c, (first, columns));
            }
        });
    }
}

/// Calls `work` with the starts of stretches of a row: wide ones, or of one lane where fewer than half a wide one is left.
#[inline(always)]
fn for_each_stretch(columns: usize, mut work: impl FnMut(usize, bool)) {
    let mut first = 0;
    while first < columns {
        let is_wide = first + WIDE * LANES / 2 < columns;
        work(first, is_wide);
        first += if is_wide { WIDE * LANES } else { LANES };
    }
}

/// Adds one tile of at most `WIDTH` lanes from column `first` on to `HEIGHT` rows of c.
#[inline(always)]
fn tile<S: Simd, const HEIGHT: usize, const WIDTH: usize>(
    simd: S,
    factors: &[[f32; HEIGHT]],
    b: &[f32],
    c: &mut [f32],
    (first, columns): (usize, usize),
) {
    let width = (WIDTH * LANES).min(columns - first);
    let mut sums: [[S::Numbers; WIDTH]; HEIGHT] = from_fn(|own| load(simd, &c[own * columns + first..][..width]));
    // The rows of b that are followed by enough numbers to load whole vectors.
    let whole = (b.len() + columns).saturating_sub(first + WIDTH * LANES) / columns;
    let (followed, last) = factors.split_at(whole.min(factors.len()));
    for (index, factors) in followed.iter().enumerate() {
        let b = &b[index * columns + first..][..WIDTH * LANES];
        add_outer_product(simd, &mut sums, factors, load(simd, b));
    }
    for (index, factors) in last.iter().enumerate() {
        let b = &b[(followed.len() + index) * columns + first..][..width];
        add_outer_product(simd, &mut sums, factors, load(simd, b));
    }
    for (own, sums) in sums.into_iter().enumerate() {
        store(simd, sums, &mut c[own * columns + first..][..width]);
    }
}

/// sums ← sums + factors ⊗ b.
#[inline(always)]
fn add_outer_product<S: Simd, const HEIGHT: usize, const WIDTH: usize>(
    simd: S,
    sums: &mut [[S::Numbers; WIDTH]; HEIGHT],
    factors: &[f32; HEIGHT],
    b: [S::Numbers; WIDTH],
) {
    for own in 0..HEIGHT {
        let factor = simd.splat(factors[own]);
        for lane in 0..WIDTH {
            sums[own][lane] = simd.add(sums[own][lane], simd.multiply(factor, b[lane]));
        }
    }
}

/// Loads at most `WIDTH` lanes, with zeros after the last number.
#[inline(always)]
fn load<S: Simd, const WIDTH: usize>(simd: S, numbers: &[f32]) -> [S::Numbers; WIDTH] {
    let (whole, rest) = numbers.as_chunks::<LANES>();
    if whole.len() == WIDTH {
        return from_fn(|lane| simd.load_unaligned(&whole[lane]));
    }
    let mut padded = [0.0; LANES];
    padded[..rest.len()].copy_from_slice(rest);
    from_fn(|lane| match whole.get(lane) {
        Some(numbers) => simd.load_unaligned(numbers),
        None if lane == whole.len() => simd.load_unaligned(&padded),
        None => simd.splat(0.0),
    })
}

/// Stores at most `WIDTH` lanes.
#[inline(always)]
fn store<S: Simd, const WIDTH: usize>(simd: S, lanes: [S::Numbers; WIDTH], target: &mut [f32]) {
    for (lanes, target) in lanes.into_iter().zip(target.chunks_mut(LANES)) {
        if let Some(target) = target.first_chunk_mut() {
            simd.store_unaligned(target, lanes);
        } else {
            let mut numbers = [0.0; LANES];
            simd.store_unaligned(&mut numbers, lanes);
            target.copy_from_slice(&numbers[..target.len()]);
        }
    }
}

/// c ← c + a · b for the rows of a from `first` on, of which c has as many as it holds.
#[inline(always)]
pub(in super::super) fn add_sparse_product<S: Simd>(
    simd: S,
    (a, first): (&SparseRows, usize),
    b: &[f32],
    c: &mut [f32],
    columns: usize,
) {
    for (row, c) in c.chunks_exact_mut(columns).enumerate() {
        let row = a.row(first + row);
        for_each_stretch(columns, |first, is_wide| {
            if is_wide {
                sparse_stretch::<S, WIDE>(simd, row, b, c, first);
            } else {
                sparse_stretch::<S, 1>(simd, row, b, c, first);
            }
        });
    }
}

/// c ← c + Σ factor · b[index], for at most `WIDTH` lanes from column `first` on.
#[inline(always)]
fn sparse_stretch<S: Simd, const WIDTH: usize>(
    simd: S,
    (indices, factors): (&[u32], &[f32]),
    b: &[f32],
    c: &mut [f32],
    first: usize,
) {
    let columns = c.len();
    let c = &mut c[first..columns.min(first + WIDTH * LANES)];
    let mut sums = [load(simd, c)];
    for (&index, &factor) in indices.iter().zip(factors) {
        let b = &b[index as usize * columns + first..];
        let b = b.get(..WIDTH * LANES).unwrap_or(&b[..c.len()]);
        add_outer_product(simd, &mut sums, &[factor], load::<S, WIDTH>(simd, b));
    }
    let [sums] = sums;
    store(simd, sums, c);
}

/// c ← c + aᵀ · b for the rows of the result from `first` on, of which c holds some.
#[inline(always)]
pub(in super::super) fn add_sparse_outer_products<S: Simd>(
    simd: S,
    a: &SparseRows,
    b: &[f32],
    (c, first): (&mut [f32], usize),
    columns: usize,
) {
    let last = first + c.len() / columns;
    for (row, b) in b.chunks_exact(columns).enumerate() {
        let (indices, factors) = a.row(row);
        let start = indices.partition_point(|&index| (index as usize) < first);
        for (&index, &factor) in indices[start..].iter().zip(&factors[start..]) {
            let index = index as usize;
            if index >= last {
                break;
            }
            let c = &mut c[(index - first) * columns..][..columns];
            let (c, c_rest) = c.as_chunks_mut::<LANES>();
            let (b, b_rest) = b.as_chunks::<LANES>();
            let factors = simd.splat(factor);
            for (c, b) in c.iter_mut().zip(b) {
                let sum = simd.add(simd.load_unaligned(c), simd.multiply(factors, simd.load_unaligned(b)));
                simd.store_unaligned(c, sum);
            }
            for (c, b) in c_rest.iter_mut().zip(b_rest) {
                *c += factor * b;
            }
        }
    }
}
