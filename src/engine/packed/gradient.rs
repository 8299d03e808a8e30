//! The parameter update: gradients from bit counts where both sides are few samples, from sums of rows otherwise.

use super::super::seam::{HiddenStatistics, Statistics, Step};
use super::super::update::Update;
use super::super::{BitMatrix, LANES};
use super::batch::{RecentBatches, VisibleBatch};
use super::isa::Kernels;
use super::kernels::{BLOCK, NARROW, NarrowUpdate, Side, TILE};
use super::lanes::{Lanes, Words};
use super::layout::{BLOCK_UNITS, Layout, TILE_UNITS, last_word_mask};
use super::threads::{for_each_chunk, worth_dividing};
use rayon::prelude::*;

/// Visible units whose weights to one tile are updated by one task.
const UPDATE_UNITS: usize = 256;

/// What updates keep from one to the next.
#[derive(Clone, Debug, Default)]
pub(super) struct Gradient {
    /// The last changes; empty until momentum is first used.
    velocity: Velocity,
    /// Whether no weight can be −0, so that adding a gradient of 0 changes nothing and may be left out.
    without_negative_zeros: bool,
    scratch: Scratch,
}

/// The last changes of the parameters, laid out as [`Layout`] does.
#[derive(Clone, Debug, Default)]
struct Velocity {
    tiles: Vec<[Lanes; TILE]>,
    visible_bias: Vec<[Lanes; BLOCK]>,
    hidden_bias: Vec<[Lanes; TILE]>,
}

#[derive(Clone, Debug, Default)]
struct Scratch {
    /// Bit columns of the visible and the hidden states, data in the low half of a word, model in the high.
    visible_columns: Vec<u32>,
    hidden_columns: Vec<u32>,
    /// The visible units that are on in any row, as bits and as a list.
    union: Vec<u64>,
    touched: Vec<u32>,
    /// Hidden values by tiles, of either side.
    hidden: [Vec<[Lanes; TILE]>; 2],
}

impl Gradient {
    /// Change the parameters by one step. Visible states are looked up in `recent`.
    pub(super) fn step(
        &mut self,
        kernels: Kernels,
        layout: &mut Layout,
        recent: &mut RecentBatches,
        [data, model]: [&Statistics; 2],
        step: &Step,
    ) {
        let (data_rows, model_rows) = (data.visible.rows(), model.visible.rows());
        let update = Update::new(step, data_rows, model_rows);
        let narrow = data_rows.max(model_rows) <= NARROW;
        match (data.hidden, model.hidden, update.plain()) {
            (HiddenStatistics::Samples(data_hidden), HiddenStatistics::Samples(model_hidden), Some((scale, decay)))
                if narrow =>
            {
                let visible = [data.visible, model.visible];
                let update = NarrowUpdate { scale, decay };
                self.count(kernels, layout, visible, [data_hidden, model_hidden], update);
            }
            _ => {
                if step.momentum != 0.0 {
                    self.velocity.prepare(layout);
                }
                let momentum = step.momentum != 0.0;
                let places = [data, model].map(|side| recent.place(kernels, side.visible));
                for place in places {
                    recent.at_mut(place).sort_by_unit();
                }
                let batches = places.map(|place| recent.at(place));
                self.sum(kernels, layout, batches, [data.hidden, model.hidden], update, momentum);
            }
        }
    }

    /// At most [`NARROW`] sampled rows a side: one column of bits holds both sides, and counting bits gives the gradient.
    ///
    /// Tiles and blocks are both brought up to date by the same arithmetic, which is cheaper than transposing.
    fn count(
        &mut self,
        kernels: Kernels,
        layout: &mut Layout,
        visible: [&BitMatrix; 2],
        hidden: [&BitMatrix; 2],
        update: NarrowUpdate,
    ) {
        let scratch = &mut self.scratch;
        narrow_columns(kernels, visible, layout.block_count() * BLOCK_UNITS, &mut scratch.visible_columns);
        narrow_columns(kernels, hidden, layout.tile_count() * TILE_UNITS, &mut scratch.hidden_columns);

        // Where neither side has a unit on, its weights change by 0 · scale.
        let sparse = self.without_negative_zeros && update.decay == 0.0 && update.scale.is_finite();
        scratch.union.clear();
        scratch.union.resize(visible[0].words_per_row(), if sparse { 0 } else { !0 });
        for row in visible.iter().flat_map(|states| states.words().chunks_exact(states.words_per_row())) {
            for (union, word) in scratch.union.iter_mut().zip(row) {
                *union |= word;
            }
        }
        if let Some(last) = scratch.union.last_mut() {
            *last &= last_word_mask(layout.visible());
        }
        scratch.touched.clear();
        kernels.indices(&scratch.union, &mut scratch.touched);
        self.without_negative_zeros |= update.scale.is_sign_positive();

        let (units, hidden_units) = (layout.visible(), layout.hidden());
        let (tiles, blocks) = layout.both_mut();
        for (tile, weights) in tiles.chunks_exact_mut(units).enumerate() {
            let hidden = words(&scratch.hidden_columns[tile * TILE_UNITS..]);
            kernels.update_narrow(weights, &scratch.touched, &scratch.visible_columns, &hidden, update);
        }
        let touched = |block: usize| -> [bool; BLOCK] {
            let words: [u64; 2] = std::array::from_fn(|word| scratch.union.get(2 * block + word).copied().unwrap_or(0));
            std::array::from_fn(|lane| words[lane / 4] >> (lane % 4 * LANES) & 0xffff != 0)
        };
        if let Some(blocks) = blocks {
            for (index, block) in blocks.chunks_exact_mut(hidden_units).enumerate() {
                let visible = words(&scratch.visible_columns[index * BLOCK_UNITS..]);
                kernels.update_narrow_block(block, touched(index), &visible, &scratch.hidden_columns, update);
            }
        }
        let bias = NarrowUpdate { decay: 0.0, ..update };
        for (index, block) in layout.visible_bias.iter_mut().enumerate() {
            let visible = words(&scratch.visible_columns[index * BLOCK_UNITS..]);
            kernels.update_narrow_block(std::slice::from_mut(block), [true; BLOCK], &visible, &[!0], bias);
        }
        for (tile, weights) in layout.hidden_bias.iter_mut().enumerate() {
            let hidden = words(&scratch.hidden_columns[tile * TILE_UNITS..]);
            kernels.update_narrow(std::slice::from_mut(weights), &[0], &[!0], &hidden, bias);
        }
    }

    /// Any statistics: for each visible unit the sums of the hidden rows in which it is on.
    fn sum(
        &mut self,
        kernels: Kernels,
        layout: &mut Layout,
        batches: [&VisibleBatch; 2],
        hidden: [HiddenStatistics; 2],
        update: Update,
        momentum: bool,
    ) {
        let rows = batches.map(|batch| batch.states.rows());
        for side in 0..2 {
            by_tiles(hidden[side], layout, rows[side], &mut self.scratch.hidden[side]);
        }
        let (units, tile_count) = (layout.visible(), layout.tile_count());
        let hidden = [&self.scratch.hidden[0], &self.scratch.hidden[1]];
        let side = |side: usize, tile: usize| Side {
            rows: &batches[side].units,
            hidden: &hidden[side][tile * rows[side]..][..rows[side]],
        };
        let total: usize = batches.iter().map(|batch| batch.rows.total()).sum();
        let parallel = worth_dividing((total + 2 * units) * tile_count * TILE);
        let work = |tile: usize, index: usize, weights: &mut [[Lanes; TILE]], velocity: &mut [[Lanes; TILE]]| {
            let first = index * UPDATE_UNITS;
            let range = first..first + weights.len();
            kernels.update_sums(weights, velocity, range, side(0, tile), side(1, tile), update);
        };
        if momentum {
            let velocity = self.velocity.tiles.chunks_mut(units);
            for (tile, (weights, velocity)) in layout.tiles_mut().chunks_mut(units).zip(velocity).enumerate() {
                if parallel {
                    let pairs = weights.par_chunks_mut(UPDATE_UNITS).zip(velocity.par_chunks_mut(UPDATE_UNITS));
                    pairs.enumerate().for_each(|(index, (weights, velocity))| work(tile, index, weights, velocity));
                } else {
                    let pairs = weights.chunks_mut(UPDATE_UNITS).zip(velocity.chunks_mut(UPDATE_UNITS));
                    pairs.enumerate().for_each(|(index, (weights, velocity))| work(tile, index, weights, velocity));
                }
            }
        } else {
            for_each_chunk(parallel, layout.tiles_mut(), units, |tile, weights| {
                for_each_chunk(parallel, weights, UPDATE_UNITS, |index, weights| work(tile, index, weights, &mut []));
            });
        }

        let biases = update.without_decay();
        let mut unused = [Lanes::ZERO; BLOCK];
        for (index, bias) in layout.visible_bias.as_flattened_mut().iter_mut().enumerate() {
            let counts = batches.map(|batch| {
                Lanes(std::array::from_fn(|lane| {
                    let unit = index * LANES + lane;
                    if unit < units { batch.units.list(unit).len() as f32 } else { 0.0 }
                }))
            });
            let velocity = self.velocity.visible_bias.as_flattened_mut().get_mut(index).unwrap_or(&mut unused[0]);
            biases.apply_lanes(&mut bias.0, &mut velocity.0, &counts[0].0, &counts[1].0);
        }
        for (tile, bias) in layout.hidden_bias.iter_mut().enumerate() {
            for (lane, bias) in bias.iter_mut().enumerate() {
                let sums = [0, 1].map(|index| {
                    let values = side(index, tile).hidden;
                    values.iter().fold(Lanes::ZERO, |sum, values| sum.plus(&values[lane]))
                });
                let velocity =
                    self.velocity.hidden_bias.get_mut(tile).map_or(&mut unused[lane], |tile| &mut tile[lane]);
                biases.apply_lanes(&mut bias.0, &mut velocity.0, &sums[0].0, &sums[1].0);
            }
        }
    }
}

impl Velocity {
    fn prepare(&mut self, layout: &Layout) {
        self.tiles.resize(layout.tile_count() * layout.visible(), [Lanes::ZERO; TILE]);
        self.visible_bias.resize(layout.block_count(), [Lanes::ZERO; BLOCK]);
        self.hidden_bias.resize(layout.tile_count(), [Lanes::ZERO; TILE]);
    }
}

/// columns (units) ← the bits of the data's rows from bit 0 on, of the model's from bit 16 on.
fn narrow_columns(kernels: Kernels, [data, model]: [&BitMatrix; 2], units: usize, columns: &mut Vec<u32>) {
    let absent = vec![0; data.words_per_row()];
    let mut rows = [absent.as_slice(); 2 * NARROW];
    for row in 0..data.rows() {
        rows[row] = data.row(row);
    }
    for row in 0..model.rows() {
        rows[NARROW + row] = model.row(row);
    }
    columns.clear();
    columns.resize(units, 0);
    kernels.transpose_bits(&rows, &mut columns[..data.words_per_row() * 64]);
}

/// The first words of `columns`, aligned.
fn words<const COUNT: usize>(columns: &[u32]) -> [Words; COUNT] {
    let (words, _) = columns.as_chunks();
    std::array::from_fn(|index| Words(words[index]))
}

/// values (tile × row × 64) ← hidden states or probabilities.
fn by_tiles(hidden: HiddenStatistics, layout: &Layout, rows: usize, values: &mut Vec<[Lanes; TILE]>) {
    let units = layout.hidden();
    values.clear();
    values.resize(layout.tile_count() * rows, [Lanes::ZERO; TILE]);
    for (tile, values) in values.chunks_mut(rows.max(1)).enumerate() {
        let first = tile * TILE_UNITS;
        let width = (units - first).min(TILE_UNITS);
        for (row, values) in values.iter_mut().enumerate() {
            match hidden {
                HiddenStatistics::Samples(samples) => {
                    let word = samples.row(row)[tile];
                    for (unit, value) in values.iter_mut().flat_map(|lanes| &mut lanes.0).enumerate() {
                        *value = (word >> unit & 1) as f32;
                    }
                }
                HiddenStatistics::Probabilities(probabilities) => {
                    let from = &probabilities[row * units + first..][..width];
                    for (lanes, from) in values.iter_mut().zip(from.chunks(LANES)) {
                        lanes.0[..from.len()].copy_from_slice(from);
                    }
                }
            }
        }
    }
}
