//! A matrix of bits: the storage of every binary unit in the program.

/// A row-major matrix of bits, one bit a unit, each row padded to whole 64-bit words.
///
/// Column `c` of a row is bit `c % 64` of word `c / 64`. The padding bits of every row are zero, so that words may be
/// counted and compared without masks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct BitMatrix {
    rows: usize,
    columns: usize,
    words_per_row: usize,
    words: Vec<u64>,
}

impl BitMatrix {
    /// Returns a matrix of `rows × columns` zeros.
    pub fn zeros(rows: usize, columns: usize) -> Self {
        let words_per_row = columns.div_ceil(64);
        Self { rows, columns, words_per_row, words: vec![0; rows * words_per_row] }
    }

    /// Returns a matrix from one closure call a cell, in row-major order.
    pub fn from_fn(rows: usize, columns: usize, mut cell: impl FnMut(usize, usize) -> bool) -> Self {
        let mut matrix = Self::zeros(rows, columns);
        for row in 0..rows {
            for column in 0..columns {
                if cell(row, column) {
                    matrix.set(row, column, true);
                }
            }
        }
        matrix
    }

    /// Returns the matrix of `rows × columns` with these words; `None` unless their number fits and the padding bits
    /// are zero.
    pub fn from_words(rows: usize, columns: usize, words: Vec<u64>) -> Option<Self> {
        let words_per_row = columns.div_ceil(64);
        let padding = if columns.is_multiple_of(64) { 0 } else { !0 << (columns % 64) };
        let fits = words.len() == rows * words_per_row
            && (words_per_row == 0 || words.chunks(words_per_row).all(|row| row[words_per_row - 1] & padding == 0));
        fits.then_some(Self { rows, columns, words_per_row, words })
    }

    /// Returns the number of rows (examples, windows, chains or time steps).
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Returns the number of columns (units).
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Returns the number of 64-bit words that hold one row.
    pub fn words_per_row(&self) -> usize {
        self.words_per_row
    }

    /// Returns all words, row after row.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// Returns the words of one row; padding bits are zero.
    pub fn row(&self, row: usize) -> &[u64] {
        assert!(row < self.rows, "row {row} of a matrix of {} rows", self.rows);
        &self.words[row * self.words_per_row..][..self.words_per_row]
    }

    /// Returns the words of one row for writing. The caller leaves the padding bits zero.
    pub fn row_mut(&mut self, row: usize) -> &mut [u64] {
        assert!(row < self.rows, "row {row} of a matrix of {} rows", self.rows);
        &mut self.words[row * self.words_per_row..][..self.words_per_row]
    }

    /// Returns all words for writing in parallel by row. The caller leaves the padding bits zero.
    pub fn words_mut(&mut self) -> &mut [u64] {
        &mut self.words
    }

    /// Returns the bit at (row, column).
    pub fn get(&self, row: usize, column: usize) -> bool {
        assert!(column < self.columns, "column {column} of a matrix of {} columns", self.columns);
        self.row(row)[column / 64] >> (column % 64) & 1 == 1
    }

    /// Sets or clears the bit at (row, column).
    pub fn set(&mut self, row: usize, column: usize, on: bool) {
        assert!(column < self.columns, "column {column} of a matrix of {} columns", self.columns);
        let word = &mut self.row_mut(row)[column / 64];
        let mask = 1 << (column % 64);
        if on { *word |= mask } else { *word &= !mask }
    }

    /// Returns the columns that are on in one row, ascending.
    pub fn ones(&self, row: usize) -> impl Iterator<Item = usize> + '_ {
        self.row(row).iter().enumerate().flat_map(|(index, &word)| {
            std::iter::successors((word != 0).then_some(word), |&rest| {
                let rest = rest & (rest - 1);
                (rest != 0).then_some(rest)
            })
            .map(move |rest| index * 64 + rest.trailing_zeros() as usize)
        })
    }

    /// Returns the number of bits that are on.
    pub fn count_ones(&self) -> u64 {
        self.words.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// Returns the number of bits that are on in one row.
    pub fn count_ones_in(&self, row: usize) -> u32 {
        self.row(row).iter().map(|word| word.count_ones()).sum()
    }

    /// Returns the number of bits in which two rows of equal length differ (Hamming distance).
    pub fn distance(a: &[u64], b: &[u64]) -> u32 {
        assert_eq!(a.len(), b.len(), "rows of {} and {} words", a.len(), b.len());
        a.iter().zip(b).map(|(a, b)| (a ^ b).count_ones()).sum()
    }

    /// Returns a new matrix of the given rows, in the given order.
    pub fn gather(&self, rows: &[usize]) -> Self {
        let mut gathered = Self::default();
        self.gather_into(rows, &mut gathered);
        gathered
    }

    /// Gathers as [`Self::gather`] does, in the memory of `target`.
    pub fn gather_into(&self, rows: &[usize], target: &mut Self) {
        target.reset(rows.len(), self.columns);
        for (to, &from) in rows.iter().enumerate() {
            target.row_mut(to).copy_from_slice(self.row(from));
        }
    }

    /// Turns this into a matrix of `rows × columns` zeros in the memory it has.
    pub fn reset(&mut self, rows: usize, columns: usize) {
        self.rows = rows;
        self.columns = columns;
        self.words_per_row = columns.div_ceil(64);
        self.words.clear();
        self.words.resize(rows * self.words_per_row, 0);
    }

    /// Returns one byte (0 or 1) a cell, row-major.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.rows * self.columns];
        for row in 0..self.rows {
            for column in self.ones(row) {
                bytes[row * self.columns + column] = 1;
            }
        }
        bytes
    }

    /// Returns for each column the number of the given rows in which it is on.
    pub fn column_counts(&self, rows: impl IntoIterator<Item = usize>) -> Vec<u32> {
        let mut counts = vec![0; self.columns];
        for row in rows {
            for column in self.ones(row) {
                counts[column] += 1;
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::BitMatrix;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ones_are_the_cells_set(rows in 1usize..5, columns in 1usize..200, cells in proptest::collection::vec(any::<u16>(), 0..60)) {
            let mut matrix = BitMatrix::zeros(rows, columns);
            let mut expected = vec![vec![false; columns]; rows];
            for cell in cells {
                let (row, column) = (cell as usize % rows, (cell as usize / rows) % columns);
                expected[row][column] ^= true;
                matrix.set(row, column, expected[row][column]);
            }
            for (row, cells) in expected.iter().enumerate() {
                let ones: Vec<usize> = (0..columns).filter(|&column| cells[column]).collect();
                prop_assert_eq!(matrix.ones(row).collect::<Vec<_>>(), ones.clone());
                prop_assert_eq!(matrix.count_ones_in(row) as usize, ones.len());
            }
            let bytes: Vec<u8> = expected.iter().flatten().map(|&on| u8::from(on)).collect();
            prop_assert_eq!(matrix.to_bytes(), bytes);
        }
    }

    #[test]
    fn gather_copies_rows_in_order() {
        let matrix = BitMatrix::from_fn(4, 70, |row, column| (row + column) % 3 == 0);
        let gathered = matrix.gather(&[3, 1, 1]);
        assert_eq!(gathered.rows(), 3);
        assert_eq!(gathered.row(0), matrix.row(3));
        assert_eq!(gathered.row(2), matrix.row(1));
        assert_eq!(BitMatrix::distance(matrix.row(1), matrix.row(1)), 0);
    }
}
