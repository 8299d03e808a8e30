//! Lists of the units that are on, one list a row of bits.

/// Ascending index lists, one after the other.
#[derive(Clone, Debug, Default)]
pub(super) struct Lists {
    /// Where each list starts in `indices`, and the end of the last.
    starts: Vec<usize>,
    indices: Vec<u32>,
}

impl Lists {
    /// Forget all lists.
    pub(super) fn clear(&mut self) {
        self.starts.clear();
        self.starts.push(0);
        self.indices.clear();
    }

    /// Append one list: whatever `fill` pushes.
    pub(super) fn push(&mut self, fill: impl FnOnce(&mut Vec<u32>)) {
        if self.starts.is_empty() {
            self.starts.push(0);
        }
        fill(&mut self.indices);
        self.starts.push(self.indices.len());
    }

    /// Number of lists.
    pub(super) fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Number of indices in all lists.
    pub(super) fn total(&self) -> usize {
        self.indices.len()
    }

    #[inline(always)]
    pub(super) fn list(&self, index: usize) -> &[u32] {
        &self.indices[self.starts[index]..self.starts[index + 1]]
    }

    /// For each of `columns` indices, the lists it stands in, ascending (a counting sort).
    pub(super) fn transpose_into(&self, columns: usize, target: &mut Self) {
        target.starts.clear();
        target.starts.resize(columns + 2, 0);
        for &index in &self.indices {
            target.starts[index as usize + 2] += 1;
        }
        for column in 2..target.starts.len() {
            target.starts[column] += target.starts[column - 1];
        }
        target.indices.clear();
        target.indices.resize(self.indices.len(), 0);
        // starts[c + 1] is where the next entry of column c goes; once all are placed it is where column c + 1 starts.
        for list in 0..self.len() {
            for &index in self.list(list) {
                let place = &mut target.starts[index as usize + 1];
                target.indices[*place] = list as u32;
                *place += 1;
            }
        }
        target.starts.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::Lists;

    #[test]
    fn transposing_sorts_by_index() {
        let mut lists = Lists::default();
        for list in [&[0, 3][..], &[], &[1, 3], &[3]] {
            lists.push(|indices| indices.extend_from_slice(list));
        }
        let mut columns = Lists::default();
        lists.transpose_into(5, &mut columns);
        let found: Vec<&[u32]> = (0..columns.len()).map(|column| columns.list(column)).collect();
        assert_eq!(found, [&[0][..], &[2], &[], &[0, 2, 3], &[]]);
    }
}
