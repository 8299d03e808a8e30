//! The layout of the parameters: tiles, with blocks of the transpose for the down pass.

use super::counts::CountChange;
use super::isa::{Kernels, prefetch};
use super::kernels::{BLOCK, BLOCK_UNITS, STRIP, STRIP_UNITS, TABLED, TILE, TILE_UNITS};
use super::lanes::{Lanes, copy_out, padded};
use super::threads::{for_each_chunk, worth_dividing};
use crate::engine::parameters::{Parameters, add_to};
use crate::engine::random::LANES;

/// Parts of a tile that tables are made of one after the other.
const PARTS: usize = TILE_UNITS / TABLED;

/// The cost of changing one lane of weights besides counting one plane, in additions of lanes.
const COUNT_COST: usize = 4;
/// Planes of a change that is cheaper to make to the blocks too than to transpose the tiles again.
const MOST_BLOCK_PLANES: usize = 2;

/// Weights of more bytes than this are transposed block by block in each down pass of few rows: to keep the blocks and
/// to change them with every update would take more traffic beyond the second-level cache than transposing takes
/// instructions.
pub(super) const MOST_KEPT_BYTES: usize = if cfg!(test) { 16 << 10 } else { 1 << 20 };

/// The parameters of one layer in the engine's layouts. Units beyond the shape are there to fill up and hold zeros.
#[derive(Clone, Debug)]
pub(super) struct WeightLayout {
    visible: usize,
    hidden: usize,
    /// W in tiles of 64 hidden units: tile × visible × 64.
    tiles: Vec<[Lanes; TILE]>,
    /// Wᵀ in blocks of 128 visible units: block × hidden × 128. Empty until first asked for.
    blocks: Vec<[Lanes; BLOCK]>,
    /// The state of `blocks` against `tiles`.
    blocks_state: BlocksState,
    /// The last change by counts.
    change: CountChange,
    /// b, by blocks.
    pub(super) visible_bias: Vec<[Lanes; BLOCK]>,
    /// c, by tiles.
    pub(super) hidden_bias: Vec<[Lanes; TILE]>,
}

impl WeightLayout {
    pub(super) fn new(parameters: &Parameters) -> Self {
        let (visible, hidden) = (parameters.visible, parameters.hidden);
        assert!(visible > 0 && hidden > 0, "a layer of {visible} visible and {hidden} hidden units");
        Self {
            visible,
            hidden,
            tiles: weight_tiles(&parameters.weights, (visible, hidden)),
            blocks: Vec::new(),
            blocks_state: BlocksState::Stale,
            change: CountChange::default(),
            visible_bias: bias_blocks(&parameters.visible_bias),
            hidden_bias: bias_tiles(&parameters.hidden_bias),
        }
    }

    pub(super) fn parameters(&self) -> Parameters {
        row_major((self.visible, self.hidden), &self.tiles, &self.visible_bias, &self.hidden_bias)
    }

    /// Returns true if every parameter is a finite number; lanes beyond the units do not count.
    pub(super) fn is_finite(&self) -> bool {
        let finite = |lanes: &[Lanes], units: usize| {
            let values = lanes.iter().flat_map(|lanes| &lanes.0);
            values.take(units).all(|value| value.is_finite())
        };
        let mut tiles = self.tiles.chunks_exact(self.visible).enumerate();
        finite(self.visible_bias.as_flattened(), self.visible)
            && finite(self.hidden_bias.as_flattened(), self.hidden)
            && tiles.all(|(tile, rows)| {
                let units = (self.hidden - tile * TILE_UNITS).min(TILE_UNITS);
                rows.iter().all(|row| finite(row, units))
            })
    }

    /// Adds the parameters without a copy of them on the way.
    pub(super) fn add_parameters_to(&self, sums: &mut [f64]) {
        let (weights, biases) = sums.split_at_mut(self.visible * self.hidden);
        let (visible, hidden) = biases.split_at_mut(self.visible);
        for (unit, sums) in weights.chunks_mut(self.hidden).enumerate() {
            for (tile, sums) in sums.chunks_mut(TILE_UNITS).enumerate() {
                add_lanes(sums, &self.tiles[tile * self.visible + unit]);
            }
        }
        add_lanes(visible, self.visible_bias.as_flattened());
        add_lanes(hidden, self.hidden_bias.as_flattened());
    }

    pub(super) fn set_visible_bias(&mut self, bias: &[f32]) {
        assert_eq!(bias.len(), self.visible, "biases and visible units");
        for (lanes, bias) in self.visible_bias.as_flattened_mut().iter_mut().zip(bias.chunks(LANES)) {
            lanes.0[..bias.len()].copy_from_slice(bias);
        }
    }

    pub(super) fn visible(&self) -> usize {
        self.visible
    }

    pub(super) fn hidden(&self) -> usize {
        self.hidden
    }

    pub(super) fn tile_count(&self) -> usize {
        self.hidden_bias.len()
    }

    pub(super) fn block_count(&self) -> usize {
        self.visible_bias.len()
    }

    pub(super) fn strip_count(&self) -> usize {
        self.visible.div_ceil(STRIP_UNITS)
    }

    /// Returns the weights of all visible units to the 64 hidden units of one tile.
    pub(super) fn tile(&self, tile: usize) -> &[[Lanes; TILE]] {
        &self.tiles[tile * self.visible..][..self.visible]
    }

    /// Returns all tiles for changing: the blocks are out of date from here on.
    pub(super) fn tiles_mut(&mut self) -> &mut [[Lanes; TILE]] {
        self.blocks_state = BlocksState::Stale;
        &mut self.tiles
    }

    /// Changes the parameters by the counts that `gather` gathers. Blocks are not touched before they are next used.
    pub(super) fn change_by_counts(&mut self, kernels: Kernels, gather: impl FnOnce(&mut CountChange)) {
        if self.blocks_state == BlocksState::Owed {
            self.settle_blocks(kernels, false);
        }
        gather(&mut self.change);
        let change = &self.change;
        let parallel = worth_dividing(change.touched() * self.tile_count() * TILE * (COUNT_COST + change.planes()));
        for_each_chunk(parallel, &mut self.tiles, self.visible, |tile, weights| {
            change.apply_to_tile(kernels, tile, weights);
        });
        change.apply_to_biases(kernels, &mut self.visible_bias, &mut self.hidden_bias);
        let cheap = change.planes() <= MOST_BLOCK_PLANES;
        self.blocks_state = match self.blocks_state {
            BlocksState::Current if cheap => BlocksState::Owed,
            _ => BlocksState::Stale,
        };
    }

    /// Returns true if the blocks are kept for down passes of few rows.
    pub(super) fn keeps_blocks(&self) -> bool {
        self.visible * self.hidden * size_of::<f32>() <= MOST_KEPT_BYTES
    }

    /// chunk (64 hidden × 128 visible) ← the transpose of one tile's weights to the visible units of one block. Lanes
    /// without a unit stay as they are.
    pub(super) fn transpose_into(&self, kernels: Kernels, (tile, block): (usize, usize), chunk: &mut [[Lanes; BLOCK]]) {
        let rows = &self.tile(tile)[block * BLOCK_UNITS..];
        kernels.transpose_block(&rows[..rows.len().min(BLOCK_UNITS)], chunk);
    }

    /// Returns the blocks for a pass over all of them in which each is brought up to date before it is used.
    pub(super) fn pass_over_blocks(&mut self, kernels: Kernels, parallel: bool) -> BlockPass<'_> {
        if self.blocks_state == BlocksState::Stale {
            self.transpose_blocks(kernels, parallel);
        }
        let owed = self.blocks_state == BlocksState::Owed;
        self.blocks_state = BlocksState::Current;
        BlockPass {
            blocks: &mut self.blocks,
            owed: owed.then_some(&self.change),
            hidden: self.hidden,
            bias: &self.visible_bias,
        }
    }

    /// Brings the blocks up to date for passes that share them.
    pub(super) fn settle_blocks(&mut self, kernels: Kernels, parallel: bool) {
        let hidden = self.hidden;
        let BlockPass { blocks, owed, .. } = self.pass_over_blocks(kernels, parallel);
        if let Some(change) = owed {
            for_each_chunk(parallel, blocks, hidden, |index, block| change.apply_to_block(kernels, index, block));
        }
    }

    /// Returns the weights of all hidden units to the 128 visible units of one block, as they were last brought up to
    /// date.
    pub(super) fn block(&self, block: usize) -> &[[Lanes; BLOCK]] {
        &self.blocks[block * self.hidden..][..self.hidden]
    }

    /// Returns the biases of one strip.
    pub(super) fn strip_bias(&self, strip: usize) -> [Lanes; STRIP] {
        let lanes = &self.visible_bias.as_flattened()[strip * STRIP..];
        std::array::from_fn(|lane| lanes[lane])
    }

    /// chunk (32 hidden × 32 visible) ← the weights of one strip to the hidden units from 32 · `part` on.
    pub(super) fn strip_chunk(
        &self,
        kernels: Kernels,
        strip: usize,
        part: usize,
        chunk: &mut [[Lanes; STRIP]; TABLED],
    ) {
        let rows = &self.tile(part / PARTS)[strip * STRIP_UNITS..];
        let rows = &rows[..rows.len().min(STRIP_UNITS)];
        kernels.transpose_strip(rows, part % PARTS * (TABLED / LANES), chunk);
    }

    /// Asks for a share of the weights that [`Self::strip_chunk`] will need: those of the tile that `part` is of, or
    /// past the last tile those of the next strip. One call a part covers them all.
    pub(super) fn prefetch_chunk(&self, strip: usize, part: usize) {
        let (tile, half) = (part / PARTS, part % PARTS);
        let (strip, tile) = if tile < self.tile_count() { (strip, tile) } else { (strip + 1, 0) };
        let rows = self.tile(tile).chunks(STRIP_UNITS / PARTS).nth(strip * PARTS + half);
        prefetch(rows.unwrap_or_default());
    }

    fn transpose_blocks(&mut self, kernels: Kernels, parallel: bool) {
        let mut blocks = std::mem::take(&mut self.blocks);
        blocks.resize(self.block_count() * self.hidden, [Lanes::ZERO; BLOCK]);
        for_each_chunk(parallel, &mut blocks, self.hidden, |index, block| {
            for (tile, block) in block.chunks_mut(TILE_UNITS).enumerate() {
                let rows = &self.tile(tile)[index * BLOCK_UNITS..];
                kernels.transpose_block(&rows[..rows.len().min(BLOCK_UNITS)], block);
            }
        });
        self.blocks = blocks;
    }
}

/// Returns tile × visible × 64 from row-major numbers, one for each weight.
pub(super) fn weight_tiles(weights: &[f32], (visible, hidden): (usize, usize)) -> Vec<[Lanes; TILE]> {
    assert_eq!(weights.len(), visible * hidden, "numbers for {visible} × {hidden} weights");
    let tile_count = hidden.div_ceil(TILE_UNITS);
    let mut tiles = Vec::with_capacity(tile_count * visible);
    for tile in 0..tile_count {
        for row in weights.chunks(hidden) {
            let weights = row.chunks(TILE_UNITS).nth(tile).unwrap_or_default();
            tiles.extend_from_slice(padded(weights, TILE).as_chunks().0);
        }
    }
    tiles
}

/// Returns the values of visible units by blocks.
pub(super) fn bias_blocks(values: &[f32]) -> Vec<[Lanes; BLOCK]> {
    padded(values, values.len().div_ceil(BLOCK_UNITS) * BLOCK).as_chunks().0.to_vec()
}

/// Returns the values of hidden units by tiles.
pub(super) fn bias_tiles(values: &[f32]) -> Vec<[Lanes; TILE]> {
    padded(values, values.len().div_ceil(TILE_UNITS) * TILE).as_chunks().0.to_vec()
}

/// sums ← sums + the first values of the lanes.
fn add_lanes(sums: &mut [f64], lanes: &[Lanes]) {
    for (sums, lanes) in sums.chunks_mut(LANES).zip(lanes) {
        add_to(sums, &lanes.0[..sums.len()]);
    }
}

/// Returns parameters of the shape (visible, hidden) from tiles, blocks of visible units and tiles of hidden units.
pub(super) fn row_major(
    (visible, hidden): (usize, usize),
    tiles: &[[Lanes; TILE]],
    visible_bias: &[[Lanes; BLOCK]],
    hidden_bias: &[[Lanes; TILE]],
) -> Parameters {
    let mut parameters = Parameters::zeros(visible, hidden);
    for (unit, weights) in parameters.weights.chunks_mut(hidden).enumerate() {
        for (tile, weights) in weights.chunks_mut(TILE_UNITS).enumerate() {
            copy_out(&tiles[tile * visible + unit], weights);
        }
    }
    copy_out(visible_bias.as_flattened(), &mut parameters.visible_bias);
    copy_out(hidden_bias.as_flattened(), &mut parameters.hidden_bias);
    parameters
}

/// The state of the blocks against the tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BlocksState {
    /// They hold older weights, or none.
    Stale,
    /// They hold the same weights.
    Current,
    /// They hold the same weights but for the last change by counts.
    Owed,
}

/// The blocks during a pass over all of them.
pub(super) struct BlockPass<'a> {
    /// block × hidden × 128.
    pub(super) blocks: &'a mut [[Lanes; BLOCK]],
    /// A change to be made to each block before use.
    pub(super) owed: Option<&'a CountChange>,
    /// Rows of a block.
    pub(super) hidden: usize,
    /// The biases, by blocks.
    pub(super) bias: &'a [[Lanes; BLOCK]],
}

/// Returns the lanes that stand for units in the stretch of `WIDTH` lanes with this number.
pub(super) fn lanes_in_use<const WIDTH: usize>(number: usize, units: usize) -> usize {
    (units.div_ceil(LANES) - number * WIDTH).min(WIDTH)
}

/// Returns the bits of the last word of a row that stand for units.
pub(super) fn last_word_mask(units: usize) -> u64 {
    !0 >> (units.div_ceil(64) * 64 - units)
}
