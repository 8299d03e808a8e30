//! The change of parameters by counts of sampled rows, as columns of bits from which any layout can be brought up to
//! date.

use super::isa::Kernels;
use super::kernels::{BLOCK, BLOCK_UNITS, CountUpdate, MOST_PLANES, TILE, TILE_UNITS};
use super::lanes::{Lanes, Words};
use crate::engine::bits::BitMatrix;
use crate::engine::random::LANES;

/// Bit columns of both layers for one update. Within a column the data's rows come first, then the model's.
#[derive(Clone, Debug, Default)]
pub(super) struct CountChange {
    update: CountUpdate,
    /// plane × visible unit, and plane × hidden unit, each filled up to whole blocks or tiles.
    visible: Vec<u32>,
    hidden: Vec<u32>,
    /// The visible units whose weights change, as bits and as a list.
    union: Vec<u64>,
    touched: Vec<u32>,
}

impl CountChange {
    /// Returns the words that a column needs for `rows` rows of either side; `None` if there are too many.
    pub(super) fn planes_for(rows: usize) -> Option<usize> {
        [1, 2, 4, MOST_PLANES].into_iter().find(|&planes| rows <= CountUpdate::room(planes))
    }

    /// Gathers the columns of the data's and the model's states. If `sparse`, weights of visible units that are on in
    /// no row are left alone.
    pub(super) fn gather(
        &mut self,
        kernels: Kernels,
        visible: [&BitMatrix; 2],
        hidden: [&BitMatrix; 2],
        update: CountUpdate,
        sparse: bool,
    ) {
        self.update = update;
        bit_columns(kernels, visible, update.planes, BLOCK_UNITS, &mut self.visible);
        bit_columns(kernels, hidden, update.planes, TILE_UNITS, &mut self.hidden);
        self.union.clear();
        self.touched.clear();
        if sparse {
            self.union.resize(visible[0].words_per_row(), 0);
            for row in visible.iter().flat_map(|states| states.words().chunks_exact(states.words_per_row())) {
                for (union, word) in self.union.iter_mut().zip(row) {
                    *union |= word;
                }
            }
            kernels.indices(&self.union, &mut self.touched);
        } else {
            self.union.resize(visible[0].words_per_row(), !0);
            self.touched.extend(0..visible[0].columns() as u32);
        }
    }

    /// Returns the number of visible units whose weights change.
    pub(super) fn touched(&self) -> usize {
        self.touched.len()
    }

    pub(super) fn planes(&self) -> usize {
        self.update.planes
    }

    /// Changes the weights of one tile.
    pub(super) fn apply_to_tile(&self, kernels: Kernels, tile: usize, weights: &mut [[Lanes; TILE]]) {
        let hidden = aligned(&self.hidden, self.update.planes, tile);
        kernels.update_counts(weights, &self.touched, &self.visible, &hidden[..self.update.planes], self.update);
    }

    /// Changes the weights of one block.
    pub(super) fn apply_to_block(&self, kernels: Kernels, index: usize, block: &mut [[Lanes; BLOCK]]) {
        let visible = aligned(&self.visible, self.update.planes, index);
        let words: [u64; 2] = std::array::from_fn(|word| self.union.get(2 * index + word).copied().unwrap_or(0));
        let touched = std::array::from_fn(|lane| words[lane / 4] >> (lane % 4 * LANES) & 0xffff != 0);
        kernels.update_counts_block(block, touched, &visible[..self.update.planes], &self.hidden, self.update);
    }

    /// Changes the biases, as weights to a unit that is always on, without decay.
    pub(super) fn apply_to_biases(
        &self,
        kernels: Kernels,
        visible_bias: &mut [[Lanes; BLOCK]],
        hidden_bias: &mut [[Lanes; TILE]],
    ) {
        let planes = self.update.planes;
        let (update, always) = (CountUpdate { decay: 0.0, ..self.update }, [!0; MOST_PLANES]);
        for (index, block) in visible_bias.iter_mut().enumerate() {
            let visible = aligned(&self.visible, planes, index);
            let block = std::slice::from_mut(block);
            kernels.update_counts_block(block, [true; BLOCK], &visible[..planes], &always[..planes], update);
        }
        for (tile, weights) in hidden_bias.iter_mut().enumerate() {
            let hidden = aligned(&self.hidden, planes, tile);
            kernels.update_counts(std::slice::from_mut(weights), &[0], &always[..planes], &hidden[..planes], update);
        }
    }
}

/// columns (plane × unit) ← the bits of the data's rows in the first half of a column, of the model's in the second.
///
/// Units are filled up to a multiple of `multiple`, with empty columns.
fn bit_columns(
    kernels: Kernels,
    [data, model]: [&BitMatrix; 2],
    planes: usize,
    multiple: usize,
    columns: &mut Vec<u32>,
) {
    const NO_WORDS: &[u64] = &[];
    let units = data.columns().next_multiple_of(multiple);
    if columns.len() != planes * units {
        columns.clear();
        columns.resize(planes * units, 0);
    }
    let absent = vec![0; data.words_per_row()];
    let room = CountUpdate::room(planes);
    for (plane, columns) in columns.chunks_exact_mut(units).enumerate() {
        let mut rows = [NO_WORDS; 32];
        for (bit, target) in rows.iter_mut().enumerate() {
            let place = plane * 32 + bit;
            let (side, row) = if place < room { (data, place) } else { (model, place - room) };
            *target = if row < side.rows() { side.row(row) } else { &absent };
        }
        kernels.transpose_bits(&rows, &mut columns[..data.words_per_row() * 64]);
    }
}

/// Returns the words of one tile or block in every plane of `columns`, aligned; planes beyond are zero.
#[inline]
fn aligned<const COUNT: usize>(columns: &[u32], planes: usize, index: usize) -> [[Words; COUNT]; MOST_PLANES] {
    let units = columns.len() / planes;
    let mut words = [[Words([0; LANES]); COUNT]; MOST_PLANES];
    for (words, columns) in words.iter_mut().zip(columns.chunks_exact(units)) {
        let (lanes, _) = columns.as_chunks();
        for (words, lane) in words.iter_mut().zip(&lanes[index * COUNT..]) {
            words.0 = *lane;
        }
    }
    words
}
