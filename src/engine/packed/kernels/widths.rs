//! The widths of the arrays that kernels work on.

use crate::engine::random::LANES;

/// Lanes in a row of a weight tile: 64 hidden units.
pub(in super::super) const TILE: usize = 4;
/// Lanes in a row of a block of the transposed weights: 128 visible units.
pub(in super::super) const BLOCK: usize = 8;
/// Lanes in a row of a strip, where the down pass works with tables: 32 visible units.
pub(in super::super) const STRIP: usize = 2;
/// Hidden units whose partial sums are tabulated together.
pub(in super::super) const GROUP: usize = 4;
/// Hidden units whose tables are in use at a time: half a tile, 16 KiB of tables.
pub(in super::super) const TABLED: usize = 32;

/// Hidden units in a tile.
pub(in crate::engine) const TILE_UNITS: usize = TILE * LANES;
/// Visible units in a block.
pub(in super::super) const BLOCK_UNITS: usize = BLOCK * LANES;
/// Visible units in a strip.
pub(in super::super) const STRIP_UNITS: usize = STRIP * LANES;
