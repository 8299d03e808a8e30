//! The lists of the units that are on, one list a row of bits.

/// Ascending index lists, one after the other.
#[derive(Clone, Debug, Default)]
pub(super) struct Lists {
    /// The start of each list in `indices`, and the end of the last.
    starts: Vec<usize>,
    indices: Vec<u32>,
}

impl Lists {
    /// Forgets all lists.
    pub(super) fn clear(&mut self) {
        self.starts.clear();
        self.starts.push(0);
        self.indices.clear();
    }

    /// Appends one list: the indices that `fill` pushes.
    pub(super) fn push(&mut self, fill: impl FnOnce(&mut Vec<u32>)) {
        if self.starts.is_empty() {
            self.starts.push(0);
        }
        fill(&mut self.indices);
        self.starts.push(self.indices.len());
    }

    /// Returns the number of lists.
    pub(super) fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Returns the number of indices in all lists.
    pub(super) fn total(&self) -> usize {
        self.indices.len()
    }

    #[inline(always)]
    pub(super) fn list(&self, index: usize) -> &[u32] {
        &self.indices[self.starts[index]..self.starts[index + 1]]
    }

    /// Lists for each of `columns` indices the lists it stands in, ascending (a counting sort).
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

/// Units in one part of a list: their weights to a tile, 32 KiB, stay in the first-level cache.
pub(super) const PART_UNITS: usize = 128;

/// The places at which lists of units pass from one stretch of [`PART_UNITS`] units to the next.
#[derive(Clone, Debug, Default)]
pub(super) struct Parts {
    /// list × (parts + 1): places among the indices of all lists.
    bounds: Vec<u32>,
    per_list: usize,
}

impl Parts {
    /// Finds the parts of lists of `units` units at most.
    pub(super) fn find(&mut self, lists: &Lists, units: usize) {
        self.per_list = units.div_ceil(PART_UNITS) + 1;
        self.bounds.clear();
        for list in 0..lists.len() {
            let start = lists.starts[list];
            let indices = lists.list(list);
            let mut place = 0;
            for part in 0..self.per_list {
                let limit = part * PART_UNITS;
                place += indices[place..].partition_point(|&index| (index as usize) < limit);
                self.bounds.push((start + place) as u32);
            }
        }
    }

    /// Returns the number of parts of a list.
    pub(super) fn count(&self) -> usize {
        self.per_list - 1
    }

    #[inline(always)]
    pub(super) fn part<'a>(&self, lists: &'a Lists, list: usize, part: usize) -> &'a [u32] {
        let bounds = &self.bounds[list * self.per_list + part..][..2];
        &lists.indices[bounds[0] as usize..bounds[1] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::{Lists, Parts};

    #[test]
    fn parts_make_up_the_list() {
        let mut lists = Lists::default();
        for list in [&[0, 3, 127, 128, 400][..], &[], &[255, 256]] {
            lists.push(|indices| indices.extend_from_slice(list));
        }
        let mut parts = Parts::default();
        parts.find(&lists, 401);
        assert_eq!(parts.count(), 4);
        let found = |list| (0..4).map(|part| parts.part(&lists, list, part).to_vec()).collect::<Vec<_>>();
        assert_eq!(found(0), [vec![0, 3, 127], vec![128], vec![], vec![400]]);
        assert_eq!(found(1), vec![Vec::<u32>::new(); 4]);
        assert_eq!(found(2), [vec![], vec![255], vec![256], vec![]]);
    }

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
