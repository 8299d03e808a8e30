//! The down pass: from hidden states to visible inputs or samples.

use crate::engine::bits::BitMatrix;
use crate::engine::contract::Draw;
use crate::engine::packed::SAMPLING_COST;
use crate::engine::packed::isa::Kernels;
use crate::engine::packed::kernels::{BLOCK, BLOCK_UNITS, GROUP, STRIP, STRIP_UNITS, TABLED, TILE_UNITS};
use crate::engine::packed::lanes::{Lanes, StreamState, copy_out};
use crate::engine::packed::layout::{WeightLayout, lanes_in_use, last_word_mask};
use crate::engine::packed::lists::Lists;
use crate::engine::packed::threads::{TASKS_PER_THREAD, for_each_chunk, for_each_pair, task_size, worth_dividing};
use crate::engine::random::LANES;

/// The least rows that a down pass sums by tables; with fewer, building the tables costs more than they save.
pub(in crate::engine) const TABLES_FROM_ROWS: usize = 32;
/// The cost of transposing all weights, in rows that a down pass without tables sums.
const TRANSPOSE_COST: usize = 8;
/// Rows that one task of the down pass takes: their sums of one strip, 16 KiB, stay in the first-level cache.
pub(in super::super) const DOWN_ROWS: usize = 128;

/// The room that down passes work in, kept between calls to save allocations.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct DownScratch {
    /// The hidden units that are on.
    lists: Lists,
    /// Hidden bits by halves of a tile: part × row.
    parts: Vec<u32>,
    /// Words of drawn units.
    words: Vec<u64>,
}

/// The source of the transposed weights in a down pass.
#[derive(Clone, Copy)]
enum Source {
    /// Blocks that are kept. The lists are those of the rows.
    Blocks,
    /// Tiles, each transposed block by block. The lists are tile × row, of units within a tile.
    Tiles,
    /// Tables over strips.
    Strips,
}

/// One down pass, from hidden states that are made ready for it.
pub(in super::super) struct DownPass<'a> {
    kernels: Kernels,
    layout: &'a mut WeightLayout,
    scratch: &'a mut DownScratch,
    rows: usize,
    parallel: bool,
    source: Source,
}

impl<'a> DownPass<'a> {
    /// Makes the hidden states (rows × hidden) ready.
    pub(in super::super) fn new(
        kernels: Kernels,
        layout: &'a mut WeightLayout,
        scratch: &'a mut DownScratch,
        hidden: &BitMatrix,
    ) -> Self {
        assert_eq!(hidden.columns(), layout.hidden(), "columns of the hidden states and hidden units");
        let rows = hidden.rows();
        let transposes = rows < TABLES_FROM_ROWS && !layout.keeps_blocks();
        let (on, lanes) = (layout.hidden().div_ceil(2), layout.block_count() * BLOCK);
        let transposing = if transposes { TRANSPOSE_COST * on } else { 0 };
        let parallel = worth_dividing(lanes * (rows * (on + SAMPLING_COST) + transposing));
        let source = if rows >= TABLES_FROM_ROWS {
            divide_into_parts(hidden.words(), rows, &mut scratch.parts);
            Source::Strips
        } else if layout.keeps_blocks() {
            scratch.lists.clear();
            for row in 0..rows {
                scratch.lists.push(|indices| kernels.indices(hidden.row(row), indices));
            }
            Source::Blocks
        } else {
            scratch.lists.clear();
            for tile in 0..layout.tile_count() {
                for row in 0..rows {
                    scratch.lists.push(|indices| kernels.indices(&hidden.row(row)[tile..=tile], indices));
                }
            }
            Source::Tiles
        };
        Self { kernels, layout, scratch, rows, parallel, source }
    }

    /// inputs (rows × visible) ← h · Wᵀ + b.
    pub(in super::super) fn inputs(self, inputs: &mut Vec<f32>) {
        let (kernels, visible, rows) = (self.kernels, self.layout.visible(), self.rows);
        inputs.clear();
        inputs.resize(rows * visible, 0.0);
        match self.source {
            Source::Strips => {
                let strips = Strips { kernels, layout: self.layout, parts: &self.scratch.parts, rows };
                let mut sums = vec![[Lanes::ZERO; STRIP]; rows];
                for (strip, first) in (0..visible).step_by(STRIP_UNITS).enumerate() {
                    for (index, sums) in sums.chunks_mut(DOWN_ROWS).enumerate() {
                        strips.sum(strip, index * DOWN_ROWS, sums);
                    }
                    copy_columns(&sums, first, visible, inputs);
                }
            }
            Source::Tiles => {
                let tiles = Tiles { kernels, layout: self.layout, lists: &self.scratch.lists };
                let mut chunk = vec![[Lanes::ZERO; BLOCK]; TILE_UNITS];
                let mut sums = vec![[Lanes::ZERO; BLOCK]; rows];
                for (block, first) in (0..visible).step_by(BLOCK_UNITS).enumerate() {
                    tiles.sum(block, &mut chunk, &mut sums);
                    copy_columns(&sums, first, visible, inputs);
                }
            }
            Source::Blocks => {
                let pass = self.layout.pass_over_blocks(kernels, self.parallel);
                let mut sums = vec![[Lanes::ZERO; BLOCK]; rows];
                for (index, block) in pass.blocks.chunks_mut(pass.hidden).enumerate() {
                    if let Some(change) = pass.owed {
                        change.apply_to_block(kernels, index, block);
                    }
                    kernels.sum_block_lists(block, &self.scratch.lists, 0, &pass.bias[index], &mut sums);
                    copy_columns(&sums, index * BLOCK_UNITS, visible, inputs);
                }
            }
        }
    }

    /// Draws visible (rows × visible) ~ Bernoulli(σ(β · inputs)).
    pub(in super::super) fn sample(self, draw: Draw, visible: &mut BitMatrix) {
        let (rows, units) = (self.rows, self.layout.visible());
        if let Some(offsets) = draw.offsets {
            offsets.check(rows, units);
        }
        visible.reset(rows, units);
        if rows == 0 {
            return;
        }
        match self.source {
            Source::Blocks => self.sample_by_blocks(draw, visible),
            Source::Tiles => self.sample_by_tiles(draw, visible),
            Source::Strips => self.sample_by_strips(draw, visible),
        }
        let last = last_word_mask(units);
        for row in 0..rows {
            if let Some(word) = visible.row_mut(row).last_mut() {
                *word &= last;
            }
        }
    }

    /// Draws in blocks of 128 units; the words are block × row × 2.
    fn sample_by_blocks(self, draw: Draw, visible: &mut BitMatrix) {
        let Self { kernels, layout, scratch, rows, parallel, .. } = self;
        let DownScratch { lists, words, .. } = scratch;
        let blocks = layout.block_count();
        let per_block = rows * 2;
        words.clear();
        words.resize(blocks * per_block, 0);
        let task_blocks = task_size(parallel, blocks);
        let units = layout.visible();
        let pass = layout.pass_over_blocks(kernels, parallel);
        let (hidden, owed, bias) = (pass.hidden, pass.owed, pass.bias);
        let words_of_tasks = (words.as_mut_slice(), task_blocks * per_block);
        for_each_pair(parallel, (pass.blocks, task_blocks * hidden), words_of_tasks, |task, blocks, words| {
            let first = task * task_blocks;
            let mut states = [StreamState::ZERO; TABLES_FROM_ROWS];
            let states = &mut states[..rows];
            kernels.seed(draw.streams, 0, states);
            kernels.skip(states, first * BLOCK);
            let mut sums = [[Lanes::ZERO; BLOCK]; TABLES_FROM_ROWS];
            let sums = &mut sums[..rows];
            let blocks = blocks.chunks_mut(hidden).zip(words.chunks_mut(per_block));
            for ((block, words), index) in blocks.zip(first..) {
                if let Some(change) = owed {
                    change.apply_to_block(kernels, index, block);
                }
                kernels.sum_block_lists(block, lists, 0, &bias[index], sums);
                if let Some(offsets) = draw.offsets {
                    kernels.add_offsets_to_block(offsets, (0, index * BLOCK_UNITS), sums);
                }
                kernels.sample_block(
                    sums,
                    lanes_in_use::<BLOCK>(index, units),
                    draw.inverse_temperature,
                    states,
                    words,
                );
            }
        });
        place_block_words(words, rows, visible);
    }

    /// Draws in the same blocks where they are not kept.
    fn sample_by_tiles(self, draw: Draw, visible: &mut BitMatrix) {
        let Self { kernels, layout, scratch, rows, parallel, .. } = self;
        let DownScratch { lists, words, .. } = scratch;
        let blocks = layout.block_count();
        let per_block = rows * 2;
        words.clear();
        words.resize(blocks * per_block, 0);
        let task_blocks = task_size(parallel, blocks);
        let units = layout.visible();
        let tiles = Tiles { kernels, layout, lists };
        for_each_chunk(parallel, words, task_blocks * per_block, |task, words| {
            let first = task * task_blocks;
            let mut states = [StreamState::ZERO; TABLES_FROM_ROWS];
            let states = &mut states[..rows];
            kernels.seed(draw.streams, 0, states);
            kernels.skip(states, first * BLOCK);
            let mut chunk = vec![[Lanes::ZERO; BLOCK]; TILE_UNITS];
            let mut sums = [[Lanes::ZERO; BLOCK]; TABLES_FROM_ROWS];
            let sums = &mut sums[..rows];
            for (words, block) in words.chunks_mut(per_block).zip(first..) {
                tiles.sum(block, &mut chunk, sums);
                if let Some(offsets) = draw.offsets {
                    kernels.add_offsets_to_block(offsets, (0, block * BLOCK_UNITS), sums);
                }
                kernels.sample_block(
                    sums,
                    lanes_in_use::<BLOCK>(block, units),
                    draw.inverse_temperature,
                    states,
                    words,
                );
            }
        });
        place_block_words(words, rows, visible);
    }

    /// Draws in strips of 32 units, by tables; the words are strip × row.
    fn sample_by_strips(self, draw: Draw, visible: &mut BitMatrix) {
        let Self { kernels, layout, scratch, rows, parallel, .. } = self;
        let DownScratch { parts, words, .. } = scratch;
        let strip_count = layout.strip_count();
        let strips = Strips { kernels, layout, parts, rows };
        let words_per_row = visible.words_per_row();
        let targets = (visible.words_mut(), DOWN_ROWS * words_per_row);
        if parallel && rows.div_ceil(DOWN_ROWS) >= TASKS_PER_THREAD * rayon::current_num_threads() {
            // Each task takes all units of some rows: one fork in all, and no stream is moved on.
            for_each_chunk(parallel, targets.0, targets.1, |chunk, target| {
                let mut words = vec![0; strip_count * (target.len() / words_per_row)];
                strips.draw(draw, (0, chunk * DOWN_ROWS), target.len() / words_per_row, &mut words);
                place_strip_words(&words, words_per_row, target);
            });
            return;
        }
        for (chunk, target) in targets.0.chunks_mut(targets.1).enumerate() {
            let count = target.len() / words_per_row;
            words.clear();
            words.resize(strip_count * count, 0);
            let task_strips = task_size(parallel, strip_count);
            for_each_chunk(parallel, words, task_strips * count, |task, words| {
                strips.draw(draw, (task * task_strips, chunk * DOWN_ROWS), count, words);
            });
            place_strip_words(words, words_per_row, target);
        }
    }
}

/// The sums of a pass whose source is the tiles.
struct Tiles<'a> {
    kernels: Kernels,
    layout: &'a WeightLayout,
    lists: &'a Lists,
}

impl Tiles<'_> {
    /// sums (row × 128) ← the visible inputs of one block; `chunk` is scratch.
    fn sum(&self, block: usize, chunk: &mut [[Lanes; BLOCK]], sums: &mut [[Lanes; BLOCK]]) {
        sums.fill(self.layout.visible_bias[block]);
        for tile in 0..self.layout.tile_count() {
            self.layout.transpose_into(self.kernels, (tile, block), chunk);
            self.kernels.add_block_lists(chunk, self.lists, tile * sums.len(), sums);
        }
    }
}

/// The sums of a pass by tables.
struct Strips<'a> {
    kernels: Kernels,
    layout: &'a WeightLayout,
    parts: &'a [u32],
    /// The rows of the pass.
    rows: usize,
}

impl Strips<'_> {
    /// sums (row × 32) ← the visible inputs of one strip, for the rows from `first` on.
    fn sum(&self, strip: usize, first: usize, sums: &mut [[Lanes; STRIP]]) {
        let mut chunk = [[Lanes::ZERO; STRIP]; TABLED];
        let mut tables = [[[Lanes::ZERO; STRIP]; 1 << GROUP]; TABLED / GROUP];
        sums.fill(self.layout.strip_bias(strip));
        for part in 0..self.layout.hidden().div_ceil(TABLED) {
            self.layout.strip_chunk(self.kernels, strip, part, &mut chunk);
            self.layout.prefetch_chunk(strip, part + 2);
            let bits = &self.parts[part * self.rows + first..][..sums.len()];
            self.kernels.sum_tables(&chunk, &mut tables[..tables_of_part(part, self.layout.hidden())], bits, sums);
        }
    }

    /// words (strip × row) ← the units drawn of `count` rows from `row` on, in the strips from `strip` on.
    fn draw(&self, draw: Draw, (strip, row): (usize, usize), count: usize, words: &mut [u64]) {
        let kernels = self.kernels;
        let mut states = vec![StreamState::ZERO; count];
        kernels.seed(draw.streams, row, &mut states);
        kernels.skip(&mut states, strip * STRIP);
        let mut sums = vec![[Lanes::ZERO; STRIP]; count];
        for (words, strip) in words.chunks_mut(count).zip(strip..) {
            self.sum(strip, row, &mut sums);
            if let Some(offsets) = draw.offsets {
                kernels.add_offsets_to_strip(offsets, (row, strip * STRIP_UNITS), &mut sums);
            }
            let lanes = lanes_in_use::<STRIP>(strip, self.layout.visible());
            kernels.sample_strip(&sums, lanes, draw.inverse_temperature, &mut states, words);
        }
    }
}

/// Returns the number of tables that the hidden units from number `part` · [`TABLED`] on take.
pub(super) fn tables_of_part(part: usize, hidden: usize) -> usize {
    (hidden - part * TABLED).min(TABLED).div_ceil(GROUP)
}

/// parts (part × row) ← the hidden bits of `rows` rows of words by halves of a tile.
pub(super) fn divide_into_parts(words: &[u64], rows: usize, parts: &mut Vec<u32>) {
    let per_row = words.len() / rows;
    parts.clear();
    parts.resize(words.len() * 2, 0);
    for (row, words) in words.chunks(per_row).enumerate() {
        for (word, &bits) in words.iter().enumerate() {
            parts[2 * word * rows + row] = bits as u32;
            parts[(2 * word + 1) * rows + row] = (bits >> 32) as u32;
        }
    }
}

/// Puts the words (block × row × 2) of drawn units into their rows.
fn place_block_words(words: &[u64], rows: usize, visible: &mut BitMatrix) {
    for (block, words) in words.chunks(2 * rows).enumerate() {
        for (row, words) in words.chunks(2).enumerate() {
            for (target, word) in visible.row_mut(row)[2 * block..].iter_mut().zip(words) {
                *target = *word;
            }
        }
    }
}

/// Puts the words (strip × row) of drawn units into their rows (row × `words_per_row`).
fn place_strip_words(words: &[u64], words_per_row: usize, target: &mut [u64]) {
    let rows = target.len() / words_per_row;
    for (strip, words) in words.chunks(rows).enumerate() {
        for (target, word) in target.chunks_mut(words_per_row).zip(words) {
            target[strip / 2] |= word << (strip % 2 * STRIP_UNITS);
        }
    }
}

/// inputs (row × units) ← sums (row × lanes) in the columns from `first` on.
fn copy_columns<const WIDTH: usize>(sums: &[[Lanes; WIDTH]], first: usize, units: usize, inputs: &mut [f32]) {
    let last = (first + WIDTH * LANES).min(units);
    for (inputs, sums) in inputs.chunks_mut(units).zip(sums) {
        copy_out(sums, &mut inputs[first..last]);
    }
}
