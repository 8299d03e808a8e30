//! The kernels as plain loops over arrays: one text for every instruction set.
//!
//! Each is inlined into a function that is compiled for one instruction set (see `isa`), where the operations of `Simd`
//! become its instructions. They work across outputs, never along a sum, so each instruction set computes the same.

mod compile;
mod counts;
mod draw;
mod offsets;
mod probe;
mod rule;
mod sums;
mod transpose;
mod update;

pub(super) use compile::compile;
pub(super) use counts::{CountUpdate, MOST_PLANES, update_counts, update_counts_block};
pub(super) use draw::{sample, seed, sigmoids, skip, softplus_changes};
pub(super) use offsets::add_offsets;
pub(super) use probe::{probe_additions, probe_loads, probe_numbers};
pub(super) use rule::{RuleTile, apply_rule, shift_biases};
pub(super) use sums::{Tables, indices, sum_lists, sum_parts, sum_tables};
pub(super) use transpose::{square, transpose_bits, transpose_square};
pub(super) use update::{Side, update_sums};

use crate::engine::random::LANES;

/// Lanes in a row of a weight tile: 64 hidden units.
pub(super) const TILE: usize = 4;
/// Lanes in a row of a block of the transposed weights: 128 visible units.
pub(super) const BLOCK: usize = 8;
/// Lanes in a row of a strip, where the down pass works with tables: 32 visible units.
pub(super) const STRIP: usize = 2;
/// Hidden units whose partial sums are tabulated together.
pub(super) const GROUP: usize = 4;
/// Hidden units whose tables are in use at a time: half a tile, 16 KiB of tables.
pub(super) const TABLED: usize = 32;

/// Hidden units in a tile.
pub(in crate::engine) const TILE_UNITS: usize = TILE * LANES;
/// Visible units in a block.
pub(super) const BLOCK_UNITS: usize = BLOCK * LANES;
/// Visible units in a strip.
pub(super) const STRIP_UNITS: usize = STRIP * LANES;
