//! Products of small dense matrices, with the same bits on every instruction set.
//!
//! Each element of a result is one sum of products in ascending order of the summed index, each product rounded before
//! it is added (no fused multiply-add). Vectors lie across the elements of a row of the result, so their width changes
//! no bit; nor does the division among threads, which is by rows.

#![allow(clippy::inline_always, reason = "the loops must be compiled for the instruction set of their caller")]

use super::packed::{Isa, IsaError};
use rayon::prelude::*;

/// The rows of a tile of the result.
const ROWS: usize = 4;
/// The columns of a tile of the result.
const COLUMNS: usize = 16;
/// The number of multiplications above which rows are divided among threads.
const WORTH_DIVIDING: usize = 1 << 18;

/// The kernels of one instruction set that this processor has.
#[derive(Clone, Copy, Debug)]
pub struct ProductKernels {
    isa: Isa,
}

/// A matrix whose element (i, j) is `values[i · rows + j · columns]`.
#[derive(Clone, Copy)]
struct Strided<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
}

impl ProductKernels {
    /// Returns the kernels of an instruction set; an error if the processor lacks it.
    pub fn new(isa: Isa) -> Result<Self, IsaError> {
        if isa.is_available() { Ok(Self { isa }) } else { Err(IsaError::Unavailable { isa }) }
    }

    /// c (m × n) ← c + a (m × k) · b (k × n), all row-major.
    ///
    /// # Panics
    /// If the lengths are not those of such matrices.
    pub fn add_product(self, a: &[f32], b: &[f32], c: &mut [f32], columns: usize) {
        let Some(rows) = c.len().checked_div(columns).filter(|&rows| rows > 0) else { return };
        assert_eq!(c.len(), rows * columns, "rows of {columns} columns");
        let summed = a.len() / rows;
        assert_eq!((a.len(), b.len()), (rows * summed, summed * columns), "shapes of a product");
        self.add(Strided { values: a, rows: summed, columns: 1 }, b, c, (columns, summed));
    }

    /// c (m × n) ← c + aᵀ · b, with a (k × m) and b (k × n), all row-major: the sum of the outer products of their rows.
    ///
    /// # Panics
    /// If the lengths are not those of such matrices.
    pub fn add_outer_products(self, a: &[f32], b: &[f32], c: &mut [f32], columns: usize) {
        let Some(rows) = c.len().checked_div(columns).filter(|&rows| rows > 0) else { return };
        assert_eq!(c.len(), rows * columns, "rows of {columns} columns");
        let summed = a.len() / rows;
        assert_eq!((a.len(), b.len()), (rows * summed, summed * columns), "shapes of outer products");
        self.add(Strided { values: a, rows: 1, columns: rows }, b, c, (columns, summed));
    }

    fn add(self, a: Strided, b: &[f32], c: &mut [f32], (columns, summed): (usize, usize)) {
        if summed == 0 {
            return;
        }
        let rows = c.len() / columns;
        let threads = rayon::current_num_threads();
        if threads == 1 || rows * columns * summed < WORTH_DIVIDING {
            return self.add_rows(a, b, c, (columns, summed));
        }
        let share = rows.div_ceil(threads).next_multiple_of(ROWS);
        c.par_chunks_mut(share * columns).enumerate().for_each(|(index, c)| {
            let a = Strided { values: &a.values[index * share * a.rows..], ..a };
            self.add_rows(a, b, c, (columns, summed));
        });
    }

    fn add_rows(self, a: Strided, b: &[f32], c: &mut [f32], shape: (usize, usize)) {
        match self.isa {
            Isa::Scalar => tiles(a, b, c, shape),
            // SAFETY: a value of this type exists only where the processor has the instruction set.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => unsafe { tiles_avx2(a, b, c, shape) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => unsafe { tiles_avx512(a, b, c, shape) },
            #[cfg(not(target_arch = "x86_64"))]
            Isa::Avx2 | Isa::Avx512 => tiles(a, b, c, shape),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn tiles_avx2(a: Strided, b: &[f32], c: &mut [f32], shape: (usize, usize)) {
    tiles(a, b, c, shape);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl")]
fn tiles_avx512(a: Strided, b: &[f32], c: &mut [f32], shape: (usize, usize)) {
    tiles(a, b, c, shape);
}

/// Adds a product tile by tile.
#[inline(always)]
fn tiles(a: Strided, b: &[f32], c: &mut [f32], (columns, summed): (usize, usize)) {
    for (group, c) in c.chunks_mut(ROWS * columns).enumerate() {
        let rows = c.len() / columns;
        let mut first = 0;
        while first + COLUMNS <= columns {
            match rows {
                ROWS => tile::<ROWS>(a, b, c, (group * ROWS, first, columns, summed)),
                _ => (0..rows).for_each(|row| {
                    let c = &mut c[row * columns..];
                    tile::<1>(a, b, c, (group * ROWS + row, first, columns, summed));
                }),
            }
            first += COLUMNS;
        }
        for row in 0..rows {
            let c = &mut c[row * columns..][first..columns];
            for index in 0..summed {
                let factor = a.values[(group * ROWS + row) * a.rows + index * a.columns];
                let b = &b[index * columns + first..][..c.len()];
                c.iter_mut().zip(b).for_each(|(c, b)| *c += factor * b);
            }
        }
    }
}

/// Adds one tile of `HEIGHT` rows, whose first element is (`row`, `first`).
#[inline(always)]
fn tile<const HEIGHT: usize>(
    a: Strided,
    b: &[f32],
    c: &mut [f32],
    (row, first, columns, summed): (usize, usize, usize, usize),
) {
    let mut sums = [[0.0f32; COLUMNS]; HEIGHT];
    for (own, sums) in sums.iter_mut().enumerate() {
        sums.copy_from_slice(&c[own * columns + first..][..COLUMNS]);
    }
    let factors: [&[f32]; HEIGHT] = std::array::from_fn(|own| &a.values[(row + own) * a.rows..]);
    let rows = b
        .chunks_exact(columns)
        .map(|b| -> &[f32; COLUMNS] { b[first..][..COLUMNS].try_into().expect("a slice of this length") });
    for (index, b) in rows.take(summed).enumerate() {
        for (sums, factors) in sums.iter_mut().zip(&factors) {
            let factor = factors[index * a.columns];
            for (sum, b) in sums.iter_mut().zip(b) {
                *sum += factor * b;
            }
        }
    }
    for (own, sums) in sums.iter().enumerate() {
        c[own * columns + first..][..COLUMNS].copy_from_slice(sums);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Purpose, RowStreams, standard_normals};
    use proptest::prelude::*;

    fn normals(count: usize, seed: u64) -> Vec<f32> {
        let mut values = vec![0.0; count];
        standard_normals(&mut RowStreams::new(seed, Purpose::Baseline, 0, 0, 0).generator(0), &mut values);
        values.into_iter().map(|value| value as f32).collect()
    }

    proptest! {
        /// Both products have the bits of three plain loops, on every instruction set and for any number of threads.
        #[test]
        fn products_are_sums_in_ascending_order(
            rows in 1usize..14, summed in 0usize..9, columns in 1usize..70, large: bool, seed: u64,
        ) {
            let rows = if large { rows * 40 } else { rows };
            let summed = if large { summed * 30 } else { summed };
            let (a, b, c) = (normals(rows * summed, seed), normals(summed * columns, seed ^ 1), normals(rows * columns, seed ^ 2));
            let mut expected = c.clone();
            for row in 0..rows {
                for column in 0..columns {
                    for index in 0..summed {
                        expected[row * columns + column] += a[row * summed + index] * b[index * columns + column];
                    }
                }
            }
            let transposed: Vec<f32> = (0..summed * rows).map(|at| a[at % rows * summed + at / rows]).collect();
            for isa in Isa::available() {
                let kernels = ProductKernels::new(isa).unwrap();
                for threads in [1, 3] {
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                    let (mut plain, mut outer) = (c.clone(), c.clone());
                    pool.install(|| {
                        kernels.add_product(&a, &b, &mut plain, columns);
                        kernels.add_outer_products(&transposed, &b, &mut outer, columns);
                    });
                    prop_assert_eq!(&plain, &expected, "{}", isa);
                    prop_assert_eq!(&outer, &expected, "{}", isa);
                }
            }
        }
    }
}
