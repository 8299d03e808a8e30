//! Products of small matrices, dense or sparse, with the same bits on every instruction set.
//!
//! Each element of a result is one sum of products in ascending order of the summed index, each product rounded before
//! it is added (no fused multiply-add). Vectors lie across the elements of a row of the result, so their width changes
//! no bit; nor does the division among threads, which is by rows.

use super::isa::{Isa, IsaError, Kernels};
use super::kernels::{PRODUCT_ROWS, Strided};
use crate::engine::sparse::SparseRows;
use rayon::prelude::*;

/// The number of multiplications above which rows are divided among threads.
const WORTH_DIVIDING: usize = 1 << 18;

/// The kernels of one instruction set that this processor has.
#[derive(Clone, Copy, Debug)]
pub struct ProductKernels {
    kernels: Kernels,
}

impl ProductKernels {
    /// Returns the kernels of an instruction set; an error if the processor lacks it.
    pub fn new(isa: Isa) -> Result<Self, IsaError> {
        Ok(Self { kernels: Kernels::new(isa)? })
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
        self.add(Strided { values: a, row: summed, column: 1 }, b, c, (columns, summed));
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
        self.add(Strided { values: a, row: 1, column: rows }, b, c, (columns, summed));
    }

    fn add(self, a: Strided, b: &[f32], c: &mut [f32], (columns, summed): (usize, usize)) {
        if summed == 0 {
            return;
        }
        let rows = c.len() / columns;
        let share = share(rows, rows * columns * summed).next_multiple_of(PRODUCT_ROWS);
        for_each_share(c, share * columns, |index, c| {
            let a = Strided { values: &a.values[index * share * a.row..], ..a };
            self.kernels.add_product(a, b, c, (columns, summed));
        });
    }

    /// c (m × n) ← c + a (m × k) · b (k × n), with a sparse.
    ///
    /// # Panics
    /// If the lengths are not those of such matrices.
    pub fn add_sparse_product(self, a: &SparseRows, b: &[f32], c: &mut [f32], columns: usize) {
        assert_eq!(c.len(), a.rows() * columns, "shapes of a sparse product");
        let share = share(a.rows(), a.count() * columns);
        for_each_share(c, share * columns, |index, c| {
            self.kernels.add_sparse_product((a, index * share), b, c, columns);
        });
    }

    /// c (k × n) ← c + aᵀ · b, with a (m × k) sparse and b (m × n): the sum of the outer products of their rows.
    ///
    /// # Panics
    /// If the lengths are not those of such matrices.
    pub fn add_sparse_outer_products(self, a: &SparseRows, b: &[f32], c: &mut [f32], columns: usize) {
        assert_eq!(b.len(), a.rows() * columns, "shapes of sparse outer products");
        let share = share(c.len() / columns.max(1), a.count() * columns);
        for_each_share(c, share * columns, |index, c| {
            self.kernels.add_sparse_outer_products(a, b, (c, index * share), columns);
        });
    }
}

/// Calls both, on two threads where that number of `multiplications` is worth dividing.
pub fn join_if_worth<A: Send, B: Send>(
    multiplications: usize,
    a: impl FnOnce() -> A + Send,
    b: impl FnOnce() -> B + Send,
) -> (A, B) {
    if multiplications < WORTH_DIVIDING { (a(), b()) } else { rayon::join(a, b) }
}

/// Returns the rows of a result that one thread takes.
fn share(rows: usize, multiplications: usize) -> usize {
    let threads = if multiplications < WORTH_DIVIDING { 1 } else { rayon::current_num_threads() };
    rows.div_ceil(threads).max(1)
}

/// Calls `work` with the number and the values of each share of `size` values.
fn for_each_share(values: &mut [f32], size: usize, work: impl Fn(usize, &mut [f32]) + Send + Sync) {
    if values.len() <= size {
        work(0, values);
    } else {
        values.par_chunks_mut(size).enumerate().for_each(|(index, values)| work(index, values));
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
        #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 2 } else { 128 }, failure_persistence: None, ..ProptestConfig::default() })]

        /// Products with sparse factors are those with the same numbers, zeros included.
        #[test]
        fn sparse_products_are_products(
            rows in 1usize..14, summed in 1usize..90, columns in 1usize..150, large: bool, seed: u64,
        ) {
            let rows = if large && !cfg!(miri) { rows * 20 } else { rows };
            let mut a = normals(rows * summed, seed);
            a.iter_mut().enumerate().filter(|(at, _)| at % 3 != seed as usize % 3).for_each(|(_, value)| *value = 0.0);
            let (b, c) = (normals(summed * columns, seed ^ 1), normals(rows * columns, seed ^ 2));
            let sparse = SparseRows::of_numbers(&a, summed);
            let (mut product, mut outer) = (c.clone(), b.clone());
            for row in 0..rows {
                for index in 0..summed {
                    let factor = a[row * summed + index];
                    for column in 0..columns {
                        product[row * columns + column] += factor * b[index * columns + column];
                        outer[index * columns + column] += factor * c[row * columns + column];
                    }
                }
            }
            for isa in Isa::available() {
                let kernels = ProductKernels::new(isa).unwrap();
                for threads in [1, 3] {
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                    let (mut own_product, mut own_outer) = (c.clone(), b.clone());
                    pool.install(|| {
                        kernels.add_sparse_product(&sparse, &b, &mut own_product, columns);
                        kernels.add_sparse_outer_products(&sparse, &c, &mut own_outer, columns);
                    });
                    prop_assert_eq!(&own_product, &product, "{}", isa);
                    prop_assert_eq!(&own_outer, &outer, "{}", isa);
                }
            }
        }

        /// Both products have the bits of three plain loops, on every instruction set and for any number of threads.
        #[test]
        fn products_are_sums_in_ascending_order(
            rows in 1usize..14, summed in 0usize..9, columns in 1usize..70, large: bool, seed: u64,
        ) {
            let rows = if large && !cfg!(miri) { rows * 40 } else { rows };
            let summed = if large && !cfg!(miri) { summed * 30 } else { summed };
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
