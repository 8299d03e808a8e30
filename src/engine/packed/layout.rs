//! The layouts of the parameters: tiles for the up pass and the update, blocks of the transpose for the down pass.

use super::super::Parameters;
use super::isa::Kernels;
use super::kernels::{BLOCK, STRIP, TABLED, TILE};
use super::lanes::{Lanes, copy_out, padded};
use super::threads::for_each_chunk;
use crate::engine::LANES;

/// Hidden units in a tile.
pub(super) const TILE_UNITS: usize = TILE * LANES;
/// Visible units in a block.
pub(super) const BLOCK_UNITS: usize = BLOCK * LANES;
/// Visible units in a strip.
pub(super) const STRIP_UNITS: usize = STRIP * LANES;

/// The parameters of one layer in the engine's layouts. Units beyond the shape are there to fill up and hold zeros.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    visible: usize,
    hidden: usize,
    /// W in tiles of 64 hidden units: tile × visible × 64.
    tiles: Vec<[Lanes; TILE]>,
    /// Wᵀ in blocks of 128 visible units: block × hidden × 128. Empty until first asked for.
    blocks: Vec<[Lanes; BLOCK]>,
    /// Whether `blocks` hold the weights that `tiles` hold.
    blocks_current: bool,
    /// b, by blocks.
    pub(super) visible_bias: Vec<[Lanes; BLOCK]>,
    /// c, by tiles.
    pub(super) hidden_bias: Vec<[Lanes; TILE]>,
}

impl Layout {
    pub(super) fn new(parameters: &Parameters) -> Self {
        let (visible, hidden) = (parameters.visible, parameters.hidden);
        assert!(visible > 0 && hidden > 0, "a layer of {visible} visible and {hidden} hidden units");
        let (tile_count, block_count) = (hidden.div_ceil(TILE_UNITS), visible.div_ceil(BLOCK_UNITS));
        let mut tiles = Vec::with_capacity(tile_count * visible);
        for tile in 0..tile_count {
            for unit in 0..visible {
                let weights = parameters.weight_row(unit).chunks(TILE_UNITS).nth(tile).unwrap_or_default();
                tiles.extend_from_slice(padded(weights, TILE).as_chunks().0);
            }
        }
        Self {
            visible,
            hidden,
            tiles,
            blocks: Vec::new(),
            blocks_current: false,
            visible_bias: padded(&parameters.visible_bias, block_count * BLOCK).as_chunks().0.to_vec(),
            hidden_bias: padded(&parameters.hidden_bias, tile_count * TILE).as_chunks().0.to_vec(),
        }
    }

    pub(super) fn parameters(&self) -> Parameters {
        let mut parameters = Parameters::zeros(self.visible, self.hidden);
        for (unit, weights) in parameters.weights.chunks_mut(self.hidden).enumerate() {
            for (tile, weights) in weights.chunks_mut(TILE_UNITS).enumerate() {
                copy_out(&self.tile(tile)[unit], weights);
            }
        }
        copy_out(self.visible_bias.as_flattened(), &mut parameters.visible_bias);
        copy_out(self.hidden_bias.as_flattened(), &mut parameters.hidden_bias);
        parameters
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

    /// The weights of all visible units to the 64 hidden units of one tile.
    pub(super) fn tile(&self, tile: usize) -> &[[Lanes; TILE]] {
        &self.tiles[tile * self.visible..][..self.visible]
    }

    /// All tiles, to be changed: the blocks are out of date from here on.
    pub(super) fn tiles_mut(&mut self) -> &mut [[Lanes; TILE]] {
        self.blocks_current = false;
        &mut self.tiles
    }

    /// All tiles, and the blocks if they are current, for a change that the caller makes to both alike.
    pub(super) fn both_mut(&mut self) -> (&mut [[Lanes; TILE]], Option<&mut [[Lanes; BLOCK]]>) {
        (&mut self.tiles, self.blocks_current.then_some(&mut self.blocks))
    }

    /// The weights of one block of visible units to all hidden units. They must be current.
    pub(super) fn block(&self, block: usize) -> &[[Lanes; BLOCK]] {
        debug_assert!(self.blocks_current, "blocks that hold older weights than the tiles");
        &self.blocks[block * self.hidden..][..self.hidden]
    }

    /// The biases of one strip.
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
        const PARTS: usize = TILE_UNITS / TABLED;
        let rows = &self.tile(part / PARTS)[strip * STRIP_UNITS..];
        let rows = &rows[..rows.len().min(STRIP_UNITS)];
        kernels.transpose_strip(rows, part % PARTS * (TABLED / LANES), chunk);
    }

    /// Bring the blocks up to date.
    pub(super) fn refresh_blocks(&mut self, kernels: Kernels, parallel: bool) {
        if self.blocks_current {
            return;
        }
        let mut blocks = std::mem::take(&mut self.blocks);
        blocks.resize(self.block_count() * self.hidden, [Lanes::ZERO; BLOCK]);
        for_each_chunk(parallel, &mut blocks, self.hidden, |index, block| {
            for (tile, block) in block.chunks_mut(TILE_UNITS).enumerate() {
                let rows = &self.tile(tile)[index * BLOCK_UNITS..];
                kernels.transpose_block(&rows[..rows.len().min(BLOCK_UNITS)], block);
            }
        });
        self.blocks = blocks;
        self.blocks_current = true;
    }
}

/// The bits of the last word of a row that stand for units.
pub(super) fn last_word_mask(units: usize) -> u64 {
    !0 >> (units.div_ceil(64) * 64 - units)
}
