//! The kernels for any processor: the plain loops as the target's baseline compiles them.

use crate::engine::contract::RowOffsets;
use crate::engine::packed::kernels::{self, BLOCK, CountUpdate, RuleTile, STRIP, Side, Strided, TABLED, TILE, Table};
use crate::engine::packed::lanes::{Lanes, StreamState, Words};
use crate::engine::packed::lists::{Lists, Parts};
use crate::engine::packed::simd::Plain;
use crate::engine::random::RowStreams;
use crate::engine::sparse::SparseRows;
use crate::engine::update::Update;
use std::ops::Range;

/// Lanes to sum at a time: they fit the sixteen 128-bit registers of common baselines, with room to load.
const PIECE: usize = 2;

kernels::compile! { Plain, #[inline(never)] }

pub(super) fn indices(_: Plain, words: &[u64], target: &mut Vec<u32>) {
    kernels::indices(words, target);
}

pub(super) fn transpose_bits(_: Plain, rows: &[&[u64]], columns: &mut [u32]) {
    kernels::transpose_bits(rows, columns);
}
