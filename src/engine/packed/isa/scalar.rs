//! The kernels for any processor: the plain loops as the target's baseline compiles them.

use super::super::super::random::RowStreams;
use super::super::super::update::Update;
use super::super::kernels::{self, BLOCK, NarrowUpdate, STRIP, Side, TABLED, TILE, transpose_square};
use super::super::lanes::{Lanes, StreamState, Words};
use super::super::lists::Lists;
use std::ops::Range;

/// Lanes that fit the sixteen 128-bit registers of the baseline, with room to load.
const PIECE: usize = 2;

kernels::compile! { #[inline(never)] }

pub(super) fn indices(words: &[u64], target: &mut Vec<u32>) {
    kernels::indices(words, target);
}

pub(super) fn transpose_bits(rows: &[&[u64]], columns: &mut [u32]) {
    kernels::transpose_bits(rows, columns);
}

pub(super) fn sample_tile(inputs: &[[Lanes; TILE]], beta: f32, states: &mut [StreamState], bits: &mut [u64]) {
    kernels::sample(inputs, beta, states, bits);
}

pub(super) fn sample_block(inputs: &[[Lanes; BLOCK]], beta: f32, states: &mut [StreamState], bits: &mut [u64]) {
    kernels::sample(inputs, beta, states, bits);
}

pub(super) fn sample_strip(inputs: &[[Lanes; STRIP]], beta: f32, states: &mut [StreamState], bits: &mut [u64]) {
    kernels::sample(inputs, beta, states, bits);
}
