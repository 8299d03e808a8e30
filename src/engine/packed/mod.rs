//! The packed engine: states stay bits, and products with them are sums of selected rows of weights.
//!
//! The README beside this file says in which order sums run, why the layouts are what they are, and what bounds the speed.

#![expect(
    clippy::inline_always,
    reason = "kernels must be inlined into the functions that are compiled for an instruction set"
)]

mod batch;
mod counts;
mod gradient;
mod isa;
mod kernels;
mod lanes;
mod layout;
mod lists;
mod probe;
mod simd;
mod threads;

pub use isa::{ISA_VARIABLE, Isa, IsaError};
pub use probe::Probe;
pub use threads::keep_awake;

use super::seam::{Draw, Engine, Products, Statistics, Step};
use super::update::Rule;
use super::{BitMatrix, LANES, Parameters};
use batch::RecentBatches;
use gradient::Gradient;
use isa::Kernels;
use kernels::{BLOCK, GROUP, STRIP, TABLED, TILE};
use lanes::{Lanes, StreamState, copy_out};
use layout::{BLOCK_UNITS, Layout, STRIP_UNITS, TILE_UNITS, last_word_mask};
use lists::{Lists, PART_UNITS};
use threads::{for_each_chunk, for_each_pair, task_size, worth_dividing};

/// From so many rows on, the down pass sums by tables; with fewer, building the tables costs more than they save.
const TABLES_FROM_ROWS: usize = 32;
/// Rows that one task of the down pass takes: their sums of one strip, 16 KiB, stay in the first-level cache.
const DOWN_ROWS: usize = 128;
/// Rows that one task of the up pass takes.
const UP_ROWS: usize = 64;
/// Units on in a part from which dividing lists into parts pays.
const PARTS_FROM_ONES: usize = 24;

/// Sums of selected rows of weights, by the instruction set at hand.
#[derive(Clone, Debug)]
pub struct PackedEngine {
    kernels: Kernels,
    layout: Layout,
    gradient: Gradient,
    /// Counts the updates, to tell whether remembered inputs are of the present parameters.
    generation: u64,
    recent: RecentBatches,
    /// Kept between calls to save allocations.
    scratch: Scratch,
}

#[derive(Clone, Debug, Default)]
struct Scratch {
    hidden_rows: Lists,
    /// Hidden bits by halves of a tile: part × row.
    parts: Vec<u32>,
    words: Vec<u64>,
    inputs: Vec<f32>,
}

impl PackedEngine {
    /// An engine that starts from `parameters` and uses the instruction set that [`Isa::detect`] finds.
    pub fn new(parameters: &Parameters) -> Result<Self, IsaError> {
        Self::with_isa(parameters, Isa::detect()?)
    }

    /// An engine that starts from `parameters` and uses the given instruction set.
    pub fn with_isa(parameters: &Parameters, isa: Isa) -> Result<Self, IsaError> {
        Ok(Self {
            kernels: Kernels::new(isa)?,
            layout: Layout::new(parameters),
            gradient: Gradient::default(),
            generation: 0,
            recent: RecentBatches::default(),
            scratch: Scratch::default(),
        })
    }

    /// The instruction set in use.
    pub fn isa(&self) -> Isa {
        self.kernels.isa()
    }

    /// The place among the recent batches where the hidden inputs of these states stand.
    fn up(&mut self, visible: &BitMatrix) -> usize {
        let (kernels, layout) = (self.kernels, &self.layout);
        assert_eq!(visible.columns(), layout.visible(), "columns of the visible states and visible units");
        let place = self.recent.place(kernels, visible);
        let batch = self.recent.at_mut(place);
        if batch.inputs_generation == Some(self.generation) {
            return place;
        }
        batch.inputs_generation = Some(self.generation);
        let rows = visible.rows();
        if batch.inputs.len() != layout.tile_count() * rows {
            batch.inputs.clear();
            batch.inputs.resize(layout.tile_count() * rows, [Lanes::ZERO; TILE]);
        }
        if rows == 0 {
            return place;
        }
        let parallel = worth_dividing(batch.rows.total() * layout.tile_count() * TILE);
        // Where many units are on, stretches of weights are kept in the first-level cache for all rows. The order of
        // additions stays the same.
        let in_parts = batch.rows.total() * PART_UNITS >= rows * layout.visible() * PARTS_FROM_ONES;
        if in_parts {
            batch.divide();
        }
        let (lists, parts) = (&batch.rows, &batch.parts);
        for_each_chunk(parallel, &mut batch.inputs, rows, |tile, inputs| {
            let (weights, bias) = (layout.tile(tile), &layout.hidden_bias[tile]);
            for_each_chunk(parallel, inputs, UP_ROWS, |index, inputs| {
                let first = index * UP_ROWS;
                if in_parts {
                    inputs.fill(*bias);
                    for part in 0..parts.count() {
                        kernels.sum_parts(weights, (lists, parts), (part, first), inputs);
                    }
                } else {
                    kernels.sum_tile_lists(weights, lists, first, bias, inputs);
                }
            });
        });
        place
    }

    /// Make the hidden states ready for the down pass.
    fn prepare_down(&mut self, hidden: &BitMatrix) -> Down {
        let layout = &mut self.layout;
        assert_eq!(hidden.columns(), layout.hidden(), "columns of the hidden states and hidden units");
        let rows = hidden.rows();
        let work = rows * layout.hidden().div_ceil(2) * layout.block_count() * BLOCK;
        let parallel = worth_dividing(work);
        if rows < TABLES_FROM_ROWS {
            let lists = &mut self.scratch.hidden_rows;
            lists.clear();
            if layout.keeps_blocks() {
                for row in 0..rows {
                    lists.push(|indices| self.kernels.indices(hidden.row(row), indices));
                }
                return Down { rows, parallel, from: Source::Blocks };
            }
            for tile in 0..layout.tile_count() {
                for row in 0..rows {
                    lists.push(|indices| self.kernels.indices(&hidden.row(row)[tile..=tile], indices));
                }
            }
            return Down { rows, parallel, from: Source::Tiles };
        }
        let parts = &mut self.scratch.parts;
        parts.clear();
        parts.resize(hidden.words_per_row() * 2 * rows, 0);
        for row in 0..rows {
            for (word, &bits) in hidden.row(row).iter().enumerate() {
                parts[2 * word * rows + row] = bits as u32;
                parts[(2 * word + 1) * rows + row] = (bits >> 32) as u32;
            }
        }
        Down { rows, parallel, from: Source::Strips }
    }

    /// sums (row × 128) ← the visible inputs of one block, from tiles; `chunk` is scratch.
    fn block_sums(&self, block: usize, chunk: &mut [[Lanes; BLOCK]], sums: &mut [[Lanes; BLOCK]]) {
        sums.fill(self.layout.visible_bias[block]);
        for tile in 0..self.layout.tile_count() {
            self.layout.transpose_into(self.kernels, (tile, block), chunk);
            self.kernels.add_block_lists(chunk, &self.scratch.hidden_rows, tile * sums.len(), sums);
        }
    }

    /// sums (row × 32) ← the visible inputs of one strip, for the rows from `first` on of `rows` in all.
    fn strip_sums(&self, strip: usize, first: usize, rows: usize, sums: &mut [[Lanes; STRIP]]) {
        let mut chunk = [[Lanes::ZERO; STRIP]; TABLED];
        let mut tables = [[[Lanes::ZERO; STRIP]; 1 << GROUP]; TABLED / GROUP];
        sums.fill(self.layout.strip_bias(strip));
        for part in 0..self.layout.hidden().div_ceil(TABLED) {
            self.layout.strip_chunk(self.kernels, strip, part, &mut chunk);
            self.layout.prefetch_chunk(strip, part + 2);
            self.kernels.sum_tables(
                &chunk,
                &mut tables,
                &self.scratch.parts[part * rows + first..][..sums.len()],
                sums,
            );
        }
    }
}

/// Put the words (block × row × 2) of drawn units into the rows they are of.
fn place_block_words(words: &[u64], rows: usize, visible: &mut BitMatrix) {
    for (block, words) in words.chunks(2 * rows).enumerate() {
        for (row, words) in words.chunks(2).enumerate() {
            for (target, word) in visible.row_mut(row)[2 * block..].iter_mut().zip(words) {
                *target = *word;
            }
        }
    }
}

/// How one down pass is done.
#[derive(Clone, Copy)]
struct Down {
    rows: usize,
    parallel: bool,
    from: Source,
}

/// Where a down pass has the transposed weights from.
#[derive(Clone, Copy)]
enum Source {
    /// Blocks that are kept. The lists are those of the rows.
    Blocks,
    /// Tiles, each transposed block by block. The lists are tile × row, of units within a tile.
    Tiles,
    /// Tables over strips.
    Strips,
}

impl Engine for PackedEngine {
    fn visible(&self) -> usize {
        self.layout.visible()
    }

    fn hidden(&self) -> usize {
        self.layout.hidden()
    }

    fn parameters(&self) -> Parameters {
        self.layout.parameters()
    }

    fn add_parameters_to(&self, sums: &mut [f64]) {
        self.layout.add_parameters_to(sums);
    }

    fn velocity(&self) -> Option<Parameters> {
        self.gradient.velocity(&self.layout)
    }

    fn restore(&mut self, parameters: &Parameters, velocity: Option<&Parameters>) {
        self.layout.parameters().assert_same_shape(parameters);
        self.layout = Layout::new(parameters);
        self.gradient.restore(velocity);
        self.generation += 1;
    }

    fn set_visible_bias(&mut self, bias: &[f32]) {
        self.layout.set_visible_bias(bias);
    }

    fn hidden_inputs(&mut self, visible: &BitMatrix, inputs: &mut Vec<f32>) {
        let place = self.up(visible);
        let (rows, hidden) = (visible.rows(), self.hidden());
        inputs.clear();
        inputs.resize(rows * hidden, 0.0);
        let sums = &self.recent.at(place).inputs;
        for (row, inputs) in inputs.chunks_mut(hidden).enumerate() {
            for (tile, inputs) in inputs.chunks_mut(TILE_UNITS).enumerate() {
                copy_out(&sums[tile * rows + row], inputs);
            }
        }
    }

    fn visible_inputs(&mut self, hidden: &BitMatrix, inputs: &mut Vec<f32>) {
        let down = self.prepare_down(hidden);
        let visible = self.visible();
        inputs.clear();
        inputs.resize(down.rows * visible, 0.0);
        match down.from {
            Source::Strips => {
                let mut sums = vec![[Lanes::ZERO; STRIP]; down.rows];
                for (strip, first) in (0..visible).step_by(STRIP_UNITS).enumerate() {
                    for (index, sums) in sums.chunks_mut(DOWN_ROWS).enumerate() {
                        self.strip_sums(strip, index * DOWN_ROWS, down.rows, sums);
                    }
                    copy_columns(&sums, first, visible, inputs);
                }
            }
            Source::Tiles => {
                let mut chunk = vec![[Lanes::ZERO; BLOCK]; TILE_UNITS];
                let mut sums = vec![[Lanes::ZERO; BLOCK]; down.rows];
                for (block, first) in (0..visible).step_by(BLOCK_UNITS).enumerate() {
                    self.block_sums(block, &mut chunk, &mut sums);
                    copy_columns(&sums, first, visible, inputs);
                }
            }
            Source::Blocks => {
                let lists = &self.scratch.hidden_rows;
                let pass = self.layout.pass_over_blocks(self.kernels, down.parallel);
                let mut sums = vec![[Lanes::ZERO; BLOCK]; down.rows];
                for (index, block) in pass.blocks.chunks_mut(pass.hidden).enumerate() {
                    if let Some(change) = pass.owed {
                        change.apply_to_block(self.kernels, index, block);
                    }
                    self.kernels.sum_block_lists(block, lists, 0, &pass.bias[index], &mut sums);
                    copy_columns(&sums, index * BLOCK_UNITS, visible, inputs);
                }
            }
        }
    }

    fn add_softplus_changes(&mut self, visible: &BitMatrix, temperatures: (f64, f64), changes: &mut [f64]) {
        assert_eq!(changes.len(), visible.rows(), "numbers to change and rows");
        let mut inputs = std::mem::take(&mut self.scratch.inputs);
        self.hidden_inputs(visible, &mut inputs);
        self.kernels.softplus_changes(&inputs, self.hidden(), temperatures, changes);
        self.scratch.inputs = inputs;
    }

    fn hidden_probabilities(&mut self, visible: &BitMatrix, probabilities: &mut Vec<f32>) {
        self.hidden_inputs(visible, probabilities);
        let parallel = worth_dividing(probabilities.len());
        for_each_chunk(parallel, probabilities, UP_ROWS * LANES * TILE, |_, values| self.kernels.sigmoids(values));
    }

    fn sample_hidden(&mut self, visible: &BitMatrix, draw: Draw, hidden: &mut BitMatrix) {
        let place = self.up(visible);
        let (kernels, tile_count) = (self.kernels, self.layout.tile_count());
        let rows = visible.rows();
        hidden.reset(rows, self.hidden());
        let last = last_word_mask(self.hidden());
        let sums = &self.recent.at(place).inputs;
        let parallel = worth_dividing(rows * tile_count * TILE * SAMPLING_COST);
        for_each_chunk(parallel, hidden.words_mut(), UP_ROWS * tile_count, |index, words| {
            let (first, count) = (index * UP_ROWS, words.len() / tile_count);
            let mut states = [StreamState::ZERO; UP_ROWS];
            let states = &mut states[..count];
            kernels.seed(draw.streams, first, states);
            let mut bits = [0; UP_ROWS];
            for tile in 0..tile_count {
                let inputs = &sums[tile * rows + first..][..count];
                kernels.sample_tile(inputs, draw.inverse_temperature, states, &mut bits[..count]);
                let mask = if tile + 1 == tile_count { last } else { !0 };
                for (row, bits) in bits[..count].iter().enumerate() {
                    words[row * tile_count + tile] = bits & mask;
                }
            }
        });
    }

    fn sample_visible(&mut self, hidden: &BitMatrix, draw: Draw, visible: &mut BitMatrix) {
        let down = self.prepare_down(hidden);
        visible.reset(down.rows, self.visible());
        if down.rows == 0 {
            return;
        }
        let mut words = std::mem::take(&mut self.scratch.words);
        match down.from {
            Source::Blocks => self.sample_by_blocks(down, draw, &mut words, visible),
            Source::Tiles => self.sample_by_tiles(down, draw, &mut words, visible),
            Source::Strips => self.sample_by_strips(down, draw, &mut words, visible),
        }
        self.scratch.words = words;
        let last = last_word_mask(self.visible());
        for row in 0..down.rows {
            if let Some(word) = visible.row_mut(row).last_mut() {
                *word &= last;
            }
        }
    }

    fn step(&mut self, data: &Statistics, model: &Statistics, step: &Step) {
        for statistics in [data, model] {
            assert_eq!(statistics.visible.columns(), self.visible(), "columns of the visible states and visible units");
        }
        self.generation += 1;
        self.gradient.step(self.kernels, &mut self.layout, &mut self.recent, [data, model], step);
    }

    fn step_by_rule(&mut self, products: &Products, rule: &Rule) {
        self.generation += 1;
        self.gradient.step_by_rule(self.kernels, &mut self.layout, &mut self.recent, products, rule);
    }

    fn visible_bias(&self) -> Vec<f32> {
        let mut bias = vec![0.0; self.visible()];
        copy_out(self.layout.visible_bias.as_flattened(), &mut bias);
        bias
    }
}

/// What sampling one lane costs, in additions of lanes.
const SAMPLING_COST: usize = 30;

impl PackedEngine {
    /// visible ~ Bernoulli(σ(β · inputs)) in blocks of 128 units; `words` is scratch (block × row × 2).
    fn sample_by_blocks(&mut self, down: Down, draw: Draw, words: &mut Vec<u64>, visible: &mut BitMatrix) {
        let blocks = self.layout.block_count();
        let per_block = down.rows * 2;
        words.clear();
        words.resize(blocks * per_block, 0);
        let task_blocks = task_size(down.parallel, blocks);
        let (kernels, lists) = (self.kernels, &self.scratch.hidden_rows);
        let pass = self.layout.pass_over_blocks(kernels, down.parallel);
        let (hidden, owed, bias) = (pass.hidden, pass.owed, pass.bias);
        let words_of_tasks = (words.as_mut_slice(), task_blocks * per_block);
        for_each_pair(down.parallel, (pass.blocks, task_blocks * hidden), words_of_tasks, |task, blocks, words| {
            let first = task * task_blocks;
            let mut states = [StreamState::ZERO; TABLES_FROM_ROWS];
            let states = &mut states[..down.rows];
            kernels.seed(draw.streams, 0, states);
            kernels.skip(states, first * BLOCK);
            let mut sums = [[Lanes::ZERO; BLOCK]; TABLES_FROM_ROWS];
            let sums = &mut sums[..down.rows];
            let blocks = blocks.chunks_mut(hidden).zip(words.chunks_mut(per_block));
            for ((block, words), index) in blocks.zip(first..) {
                if let Some(change) = owed {
                    change.apply_to_block(kernels, index, block);
                }
                kernels.sum_block_lists(block, lists, 0, &bias[index], sums);
                kernels.sample_block(sums, draw.inverse_temperature, states, words);
            }
        });
        place_block_words(words, down.rows, visible);
    }

    /// The same where blocks are not kept.
    fn sample_by_tiles(&self, down: Down, draw: Draw, words: &mut Vec<u64>, visible: &mut BitMatrix) {
        let blocks = self.layout.block_count();
        let per_block = down.rows * 2;
        words.clear();
        words.resize(blocks * per_block, 0);
        let task_blocks = task_size(down.parallel, blocks);
        for_each_chunk(down.parallel, words, task_blocks * per_block, |task, words| {
            let first = task * task_blocks;
            let mut states = [StreamState::ZERO; TABLES_FROM_ROWS];
            let states = &mut states[..down.rows];
            self.kernels.seed(draw.streams, 0, states);
            self.kernels.skip(states, first * BLOCK);
            let mut chunk = vec![[Lanes::ZERO; BLOCK]; TILE_UNITS];
            let mut sums = [[Lanes::ZERO; BLOCK]; TABLES_FROM_ROWS];
            let sums = &mut sums[..down.rows];
            for (words, block) in words.chunks_mut(per_block).zip(first..) {
                self.block_sums(block, &mut chunk, sums);
                self.kernels.sample_block(sums, draw.inverse_temperature, states, words);
            }
        });
        place_block_words(words, down.rows, visible);
    }

    /// The same in strips of 32 units, by tables; `words` is scratch (strip × row).
    fn sample_by_strips(&self, down: Down, draw: Draw, words: &mut Vec<u64>, visible: &mut BitMatrix) {
        let strips = self.layout.strip_count();
        for first_row in (0..down.rows).step_by(DOWN_ROWS) {
            let count = (down.rows - first_row).min(DOWN_ROWS);
            words.clear();
            words.resize(strips * count, 0);
            let task_strips = task_size(down.parallel, strips);
            for_each_chunk(down.parallel, words, task_strips * count, |task, words| {
                let first = task * task_strips;
                let mut states = vec![StreamState::ZERO; count];
                self.kernels.seed(draw.streams, first_row, &mut states);
                self.kernels.skip(&mut states, first * STRIP);
                let mut sums = vec![[Lanes::ZERO; STRIP]; count];
                for (index, words) in words.chunks_mut(count).enumerate() {
                    self.strip_sums(first + index, first_row, down.rows, &mut sums);
                    self.kernels.sample_strip(&sums, draw.inverse_temperature, &mut states, words);
                }
            });
            for (strip, words) in words.chunks(count).enumerate() {
                for (row, word) in words.iter().enumerate() {
                    visible.row_mut(first_row + row)[strip / 2] |= word << (strip % 2 * STRIP_UNITS);
                }
            }
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

#[cfg(test)]
mod tests;
