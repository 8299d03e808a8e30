//! The kernels as plain loops over arrays: one text for every instruction set.
//!
//! Each is inlined into a function that is compiled for one instruction set (see `isa`), where the operations of `Simd`
//! become its instructions. They work across outputs, never along a sum, so each instruction set computes the same.

mod compile;
mod counts;
mod draw;
mod offsets;
mod probe;
mod product;
mod rule;
mod sums;
mod transpose;
mod update;
mod widths;

pub(super) use compile::compile;
pub(super) use counts::{CountUpdate, MOST_PLANES, update_counts, update_counts_block};
pub(super) use draw::{sample, seed, sigmoids, skip, softplus_changes};
pub(super) use offsets::add_offsets;
pub(super) use probe::{
    probe_additions, probe_integers, probe_loads, probe_mixed, probe_multiplications, probe_numbers, probe_stores,
};
pub(super) use product::{PRODUCT_ROWS, Strided, add_product, add_sparse_outer_products, add_sparse_product};
pub(super) use rule::{RuleTile, apply_rule, shift_biases};
pub(super) use sums::{Table, add_tables, build_tables, indices, sum_lists, sum_parts, sum_tables};
pub(super) use transpose::{transpose, transpose_bits};
pub(super) use update::{Side, update_sums};
pub(in crate::engine) use widths::TILE_UNITS;
pub(super) use widths::{BLOCK, BLOCK_UNITS, GROUP, STRIP, STRIP_UNITS, TABLED, TILE};
