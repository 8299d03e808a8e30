//! Whole chains: all Gibbs steps of a group of rows, made by one thread from weights that all groups share.
//!
//! Steps in the order of [`Engine::advance`](crate::engine::Engine::advance), each with the sums and draws of the single
//! passes, so with their bits. A group forks once for all its steps, and its states stay in the first-level cache.

use crate::engine::bits::BitMatrix;
use crate::engine::contract::GibbsStep;
use crate::engine::packed::SAMPLING_COST;
use crate::engine::packed::isa::Kernels;
use crate::engine::packed::kernels::{BLOCK, BLOCK_UNITS, GROUP, STRIP, TABLED, TILE, TILE_UNITS, Table};
use crate::engine::packed::lanes::{Lanes, StreamState};
use crate::engine::packed::layout::{WeightLayout, lanes_in_use, last_word_mask};
use crate::engine::packed::lists::Lists;
use crate::engine::packed::passes::down::{TABLES_FROM_ROWS, divide_into_parts};
use crate::engine::packed::threads::{for_each_chunk, for_each_pair, worth_dividing};

/// The most rows of a group.
const MOST_ROWS: usize = 32;
/// The least rows of a group: with fewer, the blocks' way into the first-level cache takes longer than their sums.
const LEAST_ROWS: usize = 8;
/// The least steps for which blocks or tables are made ready in a pass of their own.
const LEAST_STEPS: usize = 2;
/// Tables of more bytes than this are built in every step: to read them would take longer.
const MOST_TABLE_BYTES: usize = 1 << 20;

/// The weights that down passes add up, in the order that the number of rows asks for.
enum Source {
    /// The blocks of the layout, by lists of the units that are on.
    Blocks,
    /// The tables of all strips, by parts of the hidden bits: strip × group.
    Tables(Vec<Table>),
}

/// Chains that are ready to run.
pub(in super::super) struct ChainPass<'a> {
    kernels: Kernels,
    layout: &'a WeightLayout,
    source: Source,
    /// Rows of a group.
    group: usize,
    parallel: bool,
}

impl<'a> ChainPass<'a> {
    /// Makes `steps` steps from these hidden states (rows × hidden) ready; `None` if single passes are faster.
    pub(in super::super) fn new(
        kernels: Kernels,
        layout: &'a mut WeightLayout,
        hidden: &BitMatrix,
        steps: usize,
    ) -> Option<Self> {
        let rows = hidden.rows();
        let tables = rows >= TABLES_FROM_ROWS;
        let count = layout.strip_count() * layout.hidden().div_ceil(GROUP);
        let fits = if tables { count * size_of::<Table>() <= MOST_TABLE_BYTES } else { layout.keeps_blocks() };
        if rows == 0 || steps < LEAST_STEPS || !fits {
            return None;
        }
        let lanes = layout.block_count() * BLOCK;
        let parallel = worth_dividing(steps * lanes * rows * (layout.hidden().div_ceil(GROUP) + SAMPLING_COST));
        let threads = if parallel { rayon::current_num_threads() } else { 1 };
        if parallel && rows < threads * LEAST_ROWS {
            return None;
        }
        let groups = rows.div_ceil(MOST_ROWS).next_multiple_of(threads);
        let source = if tables {
            Source::Tables(build_tables(kernels, layout, parallel))
        } else {
            layout.settle_blocks(kernels, parallel);
            Source::Blocks
        };
        Some(Self { kernels, layout, source, group: rows.div_ceil(groups), parallel })
    }

    /// Moves all rows through `steps`; the first finds its hidden states (rows × hidden) drawn.
    pub(in super::super) fn run(&self, steps: &[GibbsStep], visible: &mut BitMatrix, hidden: &mut BitMatrix) {
        let rows = hidden.rows();
        visible.reset(rows, self.layout.visible());
        for step in steps {
            step.hidden.and_then(|draw| draw.offsets).inspect(|offsets| offsets.check(rows, self.layout.hidden()));
            step.visible.offsets.inspect(|offsets| offsets.check(rows, self.layout.visible()));
        }
        let (of_visible, of_hidden) = (visible.words_per_row(), hidden.words_per_row());
        let visible = (visible.words_mut(), self.group * of_visible);
        let hidden = (hidden.words_mut(), self.group * of_hidden);
        for_each_pair(self.parallel, visible, hidden, |group, visible, hidden| {
            let first = group * self.group;
            let mut chains = Group {
                pass: self,
                first,
                visible,
                hidden,
                lists: Lists::default(),
                parts: Vec::new(),
                states: [StreamState::ZERO; MOST_ROWS],
            };
            for (number, step) in steps.iter().enumerate() {
                if number > 0 {
                    chains.draw_hidden(step);
                }
                chains.draw_visible(step);
            }
        });
    }
}

/// The chains of some rows.
struct Group<'a> {
    pass: &'a ChainPass<'a>,
    /// The first of the rows.
    first: usize,
    /// Row × words of visible units.
    visible: &'a mut [u64],
    /// Row × words of hidden units: one for each tile.
    hidden: &'a mut [u64],
    /// The units that are on, of one layer or the other.
    lists: Lists,
    /// The hidden bits: part × row.
    parts: Vec<u32>,
    states: [StreamState; MOST_ROWS],
}

impl Group<'_> {
    /// Draws hidden given visible units, if the step does so.
    fn draw_hidden(&mut self, step: &GibbsStep) {
        let Some(draw) = step.hidden else { return };
        let ChainPass { kernels, layout, .. } = self.pass;
        let tiles = layout.tile_count();
        let rows = self.hidden.len() / tiles;
        list(*kernels, self.visible, rows, &mut self.lists);
        let states = &mut self.states[..rows];
        kernels.seed(draw.streams, self.first, states);
        let mut inputs = [[Lanes::ZERO; TILE]; MOST_ROWS];
        let inputs = &mut inputs[..rows];
        let mut bits = [0; MOST_ROWS];
        for tile in 0..tiles {
            kernels.sum_tile_lists(layout.tile(tile), &self.lists, 0, &layout.hidden_bias[tile], inputs);
            if let Some(offsets) = draw.offsets {
                kernels.add_offsets_to_tile(offsets, (self.first, tile * TILE_UNITS), inputs);
            }
            let lanes = lanes_in_use::<TILE>(tile, layout.hidden());
            kernels.sample_tile(inputs, lanes, draw.inverse_temperature, states, &mut bits[..rows]);
            let mask = if tile + 1 == tiles { last_word_mask(layout.hidden()) } else { !0 };
            for (hidden, bits) in self.hidden.chunks_mut(tiles).zip(bits) {
                hidden[tile] = bits & mask;
            }
        }
    }

    /// Draws visible given hidden units.
    fn draw_visible(&mut self, step: &GibbsStep) {
        let ChainPass { kernels, layout, source, .. } = self.pass;
        let rows = self.hidden.len() / layout.tile_count();
        let words = self.visible.len() / rows;
        match source {
            Source::Blocks => list(*kernels, self.hidden, rows, &mut self.lists),
            Source::Tables(_) => divide_into_parts(self.hidden, rows, &mut self.parts),
        }
        let draw = step.visible;
        let states = &mut self.states[..rows];
        kernels.seed(draw.streams, self.first, states);
        let mut sums = [[Lanes::ZERO; BLOCK]; MOST_ROWS];
        let sums = &mut sums[..rows];
        let mut bits = [0; 2 * MOST_ROWS];
        for block in 0..layout.block_count() {
            match source {
                Source::Blocks => {
                    kernels.sum_block_lists(layout.block(block), &self.lists, 0, &layout.visible_bias[block], sums);
                }
                Source::Tables(tables) => {
                    sums.fill(layout.visible_bias[block]);
                    add_tables(self.pass, tables, &self.parts, block, sums);
                }
            }
            if let Some(offsets) = draw.offsets {
                kernels.add_offsets_to_block(offsets, (self.first, block * BLOCK_UNITS), sums);
            }
            let lanes = lanes_in_use::<BLOCK>(block, layout.visible());
            kernels.sample_block(sums, lanes, draw.inverse_temperature, states, &mut bits[..2 * rows]);
            for (visible, bits) in self.visible.chunks_mut(words).zip(bits.chunks(2)) {
                visible[2 * block..].iter_mut().zip(bits).for_each(|(word, bits)| *word = *bits);
            }
        }
        let last = last_word_mask(layout.visible());
        for visible in self.visible.chunks_mut(words) {
            visible[words - 1] &= last;
        }
    }
}

/// Lists the units that are on in each of `rows` rows of words.
fn list(kernels: Kernels, words: &[u64], rows: usize, lists: &mut Lists) {
    lists.clear();
    for words in words.chunks(words.len() / rows) {
        lists.push(|indices| kernels.indices(words, indices));
    }
}

/// Returns the tables of all strips (strip × group).
fn build_tables(kernels: Kernels, layout: &WeightLayout, parallel: bool) -> Vec<Table> {
    let per_strip = layout.hidden().div_ceil(GROUP);
    let mut tables = vec![[[Lanes::ZERO; STRIP]; 1 << GROUP]; layout.strip_count() * per_strip];
    for_each_chunk(parallel, &mut tables, per_strip, |strip, tables| {
        let mut chunk = [[Lanes::ZERO; STRIP]; TABLED];
        for (part, tables) in tables.chunks_mut(TABLED / GROUP).enumerate() {
            layout.strip_chunk(kernels, strip, part, &mut chunk);
            kernels.build_tables(&chunk, tables);
        }
    });
    tables
}

/// sums (row × 128) ← sums + the entries of the tables of one block's strips that the bits in `parts` select.
fn add_tables(pass: &ChainPass, tables: &[Table], parts: &[u32], block: usize, sums: &mut [[Lanes; BLOCK]]) {
    let per_strip = pass.layout.hidden().div_ceil(GROUP);
    let strips = tables.chunks(per_strip).skip(block * BLOCK / STRIP).take(BLOCK / STRIP);
    for (strip, tables) in strips.enumerate() {
        for (tables, bits) in tables.chunks(TABLED / GROUP).zip(parts.chunks(sums.len())) {
            pass.kernels.add_tables_to_block(tables, bits, strip * STRIP, sums);
        }
    }
}
