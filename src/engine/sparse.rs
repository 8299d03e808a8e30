//! Rows of numbers most of which are zero.

use super::bits::BitMatrix;

/// The numbers of a matrix that are not zero, row by row, in ascending columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SparseRows {
    /// The start of each row among the numbers, and the end of the last.
    starts: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<f32>,
}

impl SparseRows {
    /// Returns the rows of a row-major matrix of `columns` columns.
    pub fn of_numbers(numbers: &[f32], columns: usize) -> Self {
        let mut sparse = Self::default();
        sparse.clear();
        for row in numbers.chunks(columns) {
            for (column, &value) in row.iter().enumerate().filter(|&(_, &value)| value != 0.0) {
                sparse.columns.push(column as u32);
                sparse.values.push(value);
            }
            sparse.starts.push(sparse.columns.len());
        }
        sparse
    }

    /// Makes these the rows of a matrix of bits: 1 where a bit is on.
    pub fn fill_with_bits(&mut self, bits: &BitMatrix) {
        self.clear();
        for row in 0..bits.rows() {
            self.columns.extend(bits.ones(row).map(|column| column as u32));
            self.starts.push(self.columns.len());
        }
        self.values.resize(self.columns.len(), 1.0);
    }

    /// Makes these the differences a − b of two matrices of bits.
    ///
    /// # Panics
    /// If their shapes differ.
    pub fn fill_with_differences(&mut self, a: &BitMatrix, b: &BitMatrix) {
        assert_eq!((a.rows(), a.columns()), (b.rows(), b.columns()), "shapes of bits to subtract");
        self.clear();
        for row in 0..a.rows() {
            for (number, (&a, &b)) in a.row(row).iter().zip(b.row(row)).enumerate() {
                let mut rest = a ^ b;
                while rest != 0 {
                    let bit = rest.trailing_zeros();
                    self.columns.push(number as u32 * 64 + bit);
                    self.values.push(if a >> bit & 1 == 1 { 1.0 } else { -1.0 });
                    rest &= rest - 1;
                }
            }
            self.starts.push(self.columns.len());
        }
    }

    /// Returns the number of rows.
    pub fn rows(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Returns the number of numbers that are not zero.
    pub fn count(&self) -> usize {
        self.columns.len()
    }

    /// Returns the columns of all numbers, row by row.
    pub fn columns(&self) -> &[u32] {
        &self.columns
    }

    /// Returns the columns and the values of one row's numbers.
    #[inline]
    pub(super) fn row(&self, row: usize) -> (&[u32], &[f32]) {
        let range = self.starts[row]..self.starts[row + 1];
        (&self.columns[range.clone()], &self.values[range])
    }

    fn clear(&mut self) {
        self.starts.clear();
        self.starts.push(0);
        self.columns.clear();
        self.values.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::SparseRows;
    use crate::engine::bits::BitMatrix;

    #[test]
    fn bits_and_differences_are_the_numbers_they_stand_for() {
        let a = BitMatrix::from_fn(3, 130, |row, column| row != 1 && column % (row + 7) == 0);
        let b = BitMatrix::from_fn(3, 130, |row, column| column % (row + 5) == 1);
        let numbers = |bits: &BitMatrix| bits.to_bytes().into_iter().map(f32::from).collect::<Vec<f32>>();
        let mut sparse = SparseRows::default();
        sparse.fill_with_bits(&a);
        assert_eq!(sparse, SparseRows::of_numbers(&numbers(&a), 130));
        sparse.fill_with_differences(&a, &b);
        let differences: Vec<f32> = numbers(&a).iter().zip(numbers(&b)).map(|(a, b)| a - b).collect();
        assert_eq!(sparse, SparseRows::of_numbers(&differences, 130));
        assert_eq!((sparse.rows(), sparse.count()), (3, differences.iter().filter(|&&value| value != 0.0).count()));
    }
}
