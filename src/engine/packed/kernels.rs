//! The kernels as plain loops over arrays: one text for every instruction set.
//!
//! Each is inlined into a function that is compiled for one instruction set (see `isa`), where the loops over [`Lanes`]
//! become vector instructions. They vectorise across outputs, never along a sum, so each instruction set computes the same.

use super::super::math::{fires, sigmoid};
use super::super::random::{GOLDEN_GAMMA, LANES, RowStreams, split_mix};
use super::super::update::Update;
use super::lanes::{Lanes, NOTHING, StreamState, Words};
use super::lists::Lists;
use std::array::from_fn;
use std::ops::Range;

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
/// Rows of each side that [`update_narrow`] can count.
pub(super) const NARROW: usize = 16;

/// Append the positions of the bits that are on, ascending.
#[inline(always)]
pub(super) fn indices(words: &[u64], target: &mut Vec<u32>) {
    for (position, &word) in words.iter().enumerate() {
        let mut rest = word;
        while rest != 0 {
            target.push(position as u32 * 64 + rest.trailing_zeros());
            rest &= rest - 1;
        }
    }
}

/// out[r] ← start + Σ matrix[i] over the i in list `first + r`, in the order of the list.
///
/// `PIECE` lanes are summed at a time, as many as the instruction set has registers for.
#[inline(always)]
pub(super) fn sum_lists<const WIDTH: usize, const PIECE: usize>(
    matrix: &[[Lanes; WIDTH]],
    lists: &Lists,
    first: usize,
    start: &[Lanes; WIDTH],
    out: &mut [[Lanes; WIDTH]],
) {
    for (row, out) in out.iter_mut().enumerate() {
        let list = lists.list(first + row);
        for piece in (0..WIDTH).step_by(PIECE) {
            let mut sum: [Lanes; PIECE] = from_fn(|lane| start[piece + lane]);
            for &index in list {
                let weights = &matrix[index as usize];
                for lane in 0..PIECE {
                    sum[lane] = sum[lane].plus(&weights[piece + lane]);
                }
            }
            out[piece..piece + PIECE].copy_from_slice(&sum);
        }
    }
}

/// sums[r] ← sums[r] + T₀[n₀] + T₁[n₁] + …, where the nibbles n of bits[r] choose from tables of partial sums.
///
/// chunk (hidden × 32 visible units) holds the weights of [`TABLED`] hidden units. Table g holds, for each subset of
/// hidden units 4g … 4g + 3, the sum of their weights in ascending order.
#[inline(always)]
pub(super) fn sum_tables(chunk: &[[Lanes; STRIP]; TABLED], bits: &[u32], sums: &mut [[Lanes; STRIP]]) {
    let mut tables = [[[Lanes([NOTHING; LANES]); STRIP]; 1 << GROUP]; TABLED / GROUP];
    for (table, weights) in tables.iter_mut().zip(chunk.chunks_exact(GROUP)) {
        for (unit, weights) in weights.iter().enumerate() {
            for subset in 0..1 << unit {
                let partial = table[subset];
                table[subset | 1 << unit] = from_fn(|lane| partial[lane].plus(&weights[lane]));
            }
        }
    }
    for (sum, &bits) in sums.iter_mut().zip(bits) {
        let mut total = *sum;
        for (group, table) in tables.iter().enumerate() {
            let entry = &table[(bits >> (GROUP * group)) as usize & ((1 << GROUP) - 1)];
            total = from_fn(|lane| total[lane].plus(&entry[lane]));
        }
        *sum = total;
    }
}

/// Rows become columns in a square of 16 × 16.
#[inline(always)]
pub(super) fn transpose_square(rows: &[Lanes; LANES]) -> [Lanes; LANES] {
    let mut columns = [Lanes::ZERO; LANES];
    for (row, lanes) in rows.iter().enumerate() {
        for (column, &value) in lanes.0.iter().enumerate() {
            columns[column].0[row] = value;
        }
    }
    columns
}

/// Up to 16 rows' lane number `lane`, with zeros for rows that are missing.
#[inline(always)]
pub(super) fn square(rows: &[[Lanes; TILE]], lane: usize) -> [Lanes; LANES] {
    let mut square = [Lanes::ZERO; LANES];
    for (target, row) in square.iter_mut().zip(rows) {
        *target = row[lane];
    }
    square
}

/// Seed the streams of the rows from `first` on.
#[inline(always)]
pub(super) fn seed(streams: RowStreams, first: usize, states: &mut [StreamState]) {
    for (row, state) in states.iter_mut().enumerate() {
        let seed = streams.row_seed(first + row);
        let outputs: [u64; 2 * LANES] =
            from_fn(|output| split_mix(seed.wrapping_add(GOLDEN_GAMMA.wrapping_mul(output as u64 + 1))));
        for lane in 0..LANES {
            state.words[0].0[lane] = outputs[2 * lane] as u32;
            state.words[1].0[lane] = (outputs[2 * lane] >> 32) as u32;
            state.words[2].0[lane] = outputs[2 * lane + 1] as u32;
            state.words[3].0[lane] = (outputs[2 * lane + 1] >> 32) as u32;
        }
    }
}

/// The next number of every lane: one step of xoshiro128++.
#[inline(always)]
pub(super) fn next_numbers(state: &mut StreamState) -> Words {
    let [Words(s0), Words(s1), Words(s2), Words(s3)] = &mut state.words;
    let mut numbers = Words([0; LANES]);
    for lane in 0..LANES {
        numbers.0[lane] = s0[lane].wrapping_add(s3[lane]).rotate_left(7).wrapping_add(s0[lane]);
        let shifted = s1[lane] << 9;
        s2[lane] ^= s0[lane];
        s3[lane] ^= s1[lane];
        s1[lane] ^= s2[lane];
        s0[lane] ^= s3[lane];
        s2[lane] ^= shifted;
        s3[lane] = s3[lane].rotate_left(11);
    }
    numbers
}

/// Move every stream on by `draws` numbers a lane.
#[inline(always)]
pub(super) fn skip(states: &mut [StreamState], draws: usize) {
    for state in states {
        for _ in 0..draws {
            next_numbers(state);
        }
    }
}

/// Draw the units of each row from their inputs: bit i of bits[r] ~ Bernoulli(σ(β · inputs[r][i])).
///
/// Sixteen bits a lane, at most four lanes a word: a row takes `WIDTH.div_ceil(4)` words.
#[inline(always)]
pub(super) fn sample<const WIDTH: usize>(
    inputs: &[[Lanes; WIDTH]],
    inverse_temperature: f32,
    states: &mut [StreamState],
    bits: &mut [u64],
) {
    let words = WIDTH.div_ceil(TILE);
    for ((inputs, state), bits) in inputs.iter().zip(states).zip(bits.chunks_exact_mut(words)) {
        for (word, inputs) in bits.iter_mut().zip(inputs.chunks(TILE)) {
            *word = 0;
            for (group, inputs) in inputs.iter().enumerate() {
                let numbers = next_numbers(state);
                let mut on = 0u64;
                for lane in 0..LANES {
                    on |= u64::from(fires(inputs.0[lane] * inverse_temperature, numbers.0[lane])) << lane;
                }
                *word |= on << (group * LANES);
            }
        }
    }
}

/// Every value becomes its σ.
#[inline(always)]
pub(super) fn sigmoids(values: &mut [f32]) {
    for value in values {
        *value = sigmoid(*value);
    }
}

/// columns[c] ← bit c of every row, row r as bit r; at most 32 rows of `columns.len() / 64` words.
#[inline(always)]
pub(super) fn transpose_bits(rows: &[&[u64]], columns: &mut [u32]) {
    columns.fill(0);
    for (group, rows) in rows.chunks(8).enumerate() {
        for (word, columns) in columns.chunks_exact_mut(64).enumerate() {
            let mut bytes = [0u64; 8];
            for (row, words) in rows.iter().enumerate() {
                for (byte, target) in bytes.iter_mut().enumerate() {
                    *target |= (words[word] >> (8 * byte) & 0xff) << (8 * row);
                }
            }
            for (byte, columns) in columns.chunks_exact_mut(8).enumerate() {
                let transposed = transpose_8x8(bytes[byte]);
                for (column, target) in columns.iter_mut().enumerate() {
                    *target |= ((transposed >> (8 * column)) as u32 & 0xff) << (8 * group);
                }
            }
        }
    }
}

/// Transpose 8 × 8 bits, row r in byte r: squares of 1, 2 and 4 bits off the diagonal change places.
#[inline(always)]
fn transpose_8x8(bits: u64) -> u64 {
    let swap = |bits: u64, mask: u64, distance: u32| {
        let changed = (bits ^ (bits >> distance)) & mask;
        bits ^ changed ^ (changed << distance)
    };
    let bits = swap(bits, 0x00aa_00aa_00aa_00aa, 7);
    let bits = swap(bits, 0x0000_cccc_0000_cccc, 14);
    swap(bits, 0x0000_0000_f0f0_f0f0, 28)
}

/// What [`update_narrow`] and [`update_narrow_block`] add: counts of the data's 16 rows (low half of a column) less those
/// of the model's (high half), times `scale`, less `decay` times the parameter.
#[derive(Clone, Copy, Debug)]
pub(super) struct NarrowUpdate {
    pub(super) scale: f32,
    pub(super) decay: f32,
}

impl NarrowUpdate {
    #[inline(always)]
    fn apply(self, parameters: &mut Lanes, both: impl Fn(usize) -> u32) {
        for lane in 0..LANES {
            // Counting the zeros of the high half makes one count of two: data + (16 − model).
            let count = (both(lane) ^ 0xffff_0000).count_ones() as i32 - NARROW as i32;
            let gradient = count as f32 * self.scale;
            let parameter = &mut parameters.0[lane];
            *parameter += if self.decay == 0.0 { gradient } else { gradient - self.decay * *parameter };
        }
    }
}

/// weights[v] ← weights[v] + gradient, for the visible units in `touched`, from the bit columns of both layers.
#[inline(always)]
pub(super) fn update_narrow(
    weights: &mut [[Lanes; TILE]],
    touched: &[u32],
    visible: &[u32],
    hidden: &[Words; TILE],
    update: NarrowUpdate,
) {
    for &unit in touched {
        let column = visible[unit as usize];
        let weights = &mut weights[unit as usize];
        for (weights, hidden) in weights.iter_mut().zip(hidden) {
            update.apply(weights, |lane| column & hidden.0[lane]);
        }
    }
}

/// The same for one block of the transposed weights: block (hidden × 128 visible units), in the lanes that `touched` marks.
#[inline(always)]
pub(super) fn update_narrow_block(
    block: &mut [[Lanes; BLOCK]],
    touched: [bool; BLOCK],
    visible: &[Words; BLOCK],
    hidden: &[u32],
    update: NarrowUpdate,
) {
    for lane in 0..BLOCK {
        if touched[lane] {
            let visible = &visible[lane];
            for (weights, &hidden) in block.iter_mut().zip(hidden) {
                update.apply(&mut weights[lane], |index| visible.0[index] & hidden);
            }
        }
    }
}

/// One side of the gradient of a tile: for each visible unit the rows in which it is on, for each row its hidden values.
#[derive(Clone, Copy)]
pub(super) struct Side<'a> {
    pub(super) rows: &'a Lists,
    pub(super) hidden: &'a [[Lanes; TILE]],
}

impl Side<'_> {
    /// Σ h over the rows in which a visible unit is on, ascending.
    #[inline(always)]
    fn sum(&self, unit: usize) -> [Lanes; TILE] {
        let mut sum = [Lanes::ZERO; TILE];
        for &row in self.rows.list(unit) {
            let hidden = &self.hidden[row as usize];
            sum = from_fn(|lane| sum[lane].plus(&hidden[lane]));
        }
        sum
    }
}

/// weights[v] ← weights[v] + change for the visible units in `units`; `velocity` is empty where there is no momentum.
#[inline(always)]
pub(super) fn update_sums(
    weights: &mut [[Lanes; TILE]],
    velocity: &mut [[Lanes; TILE]],
    units: Range<usize>,
    data: Side,
    model: Side,
    update: Update,
) {
    let mut none = [[Lanes::ZERO; TILE]; 1];
    for (index, unit) in units.enumerate() {
        let (positive, negative) = (data.sum(unit), model.sum(unit));
        let velocity = if velocity.is_empty() { &mut none[0] } else { &mut velocity[index] };
        let lanes = weights[index].iter_mut().zip(velocity);
        for ((weights, velocity), (positive, negative)) in lanes.zip(positive.iter().zip(&negative)) {
            update.apply_lanes(&mut weights.0, &mut velocity.0, &positive.0, &negative.0);
        }
    }
}

/// The functions of one instruction set that are the plain loops, compiled with the given attributes.
///
/// The place of use brings its `PIECE`, the number of lanes to sum at a time, and its `transpose_square`.
macro_rules! compile {
    ($(#[$attribute:meta])*) => {
        $(#[$attribute])*
        pub(super) fn sum_tile_lists(
            tile: &[[Lanes; TILE]],
            lists: &Lists,
            first: usize,
            start: &[Lanes; TILE],
            out: &mut [[Lanes; TILE]],
        ) {
            const AT_ONCE: usize = if PIECE < TILE { PIECE } else { TILE };
            kernels::sum_lists::<TILE, AT_ONCE>(tile, lists, first, start, out);
        }

        $(#[$attribute])*
        pub(super) fn sum_block_lists(
            block: &[[Lanes; BLOCK]],
            lists: &Lists,
            first: usize,
            start: &[Lanes; BLOCK],
            out: &mut [[Lanes; BLOCK]],
        ) {
            kernels::sum_lists::<BLOCK, PIECE>(block, lists, first, start, out);
        }

        $(#[$attribute])*
        pub(super) fn sum_tables(chunk: &[[Lanes; STRIP]; TABLED], bits: &[u32], sums: &mut [[Lanes; STRIP]]) {
            kernels::sum_tables(chunk, bits, sums);
        }

        $(#[$attribute])*
        pub(super) fn transpose_block(rows: &[[Lanes; TILE]], block: &mut [[Lanes; BLOCK]]) {
            for (column, rows) in rows.chunks(16).enumerate() {
                for (lane, block) in block.chunks_mut(16).enumerate() {
                    let transposed = transpose_square(&kernels::square(rows, lane));
                    for (target, lanes) in block.iter_mut().zip(transposed) {
                        target[column] = lanes;
                    }
                }
            }
        }

        $(#[$attribute])*
        pub(super) fn transpose_strip(rows: &[[Lanes; TILE]], first: usize, chunk: &mut [[Lanes; STRIP]; TABLED]) {
            for (column, rows) in rows.chunks(16).enumerate() {
                for (lane, chunk) in chunk.chunks_mut(16).enumerate() {
                    let transposed = transpose_square(&kernels::square(rows, first + lane));
                    for (target, lanes) in chunk.iter_mut().zip(transposed) {
                        target[column] = lanes;
                    }
                }
            }
        }

        $(#[$attribute])*
        pub(super) fn seed(streams: RowStreams, first: usize, states: &mut [StreamState]) {
            kernels::seed(streams, first, states);
        }

        $(#[$attribute])*
        pub(super) fn skip(states: &mut [StreamState], draws: usize) {
            kernels::skip(states, draws);
        }

        $(#[$attribute])*
        pub(super) fn sigmoids(values: &mut [f32]) {
            kernels::sigmoids(values);
        }

        $(#[$attribute])*
        pub(super) fn update_narrow(
            weights: &mut [[Lanes; TILE]],
            touched: &[u32],
            visible: &[u32],
            hidden: &[Words; TILE],
            update: NarrowUpdate,
        ) {
            kernels::update_narrow(weights, touched, visible, hidden, update);
        }

        $(#[$attribute])*
        pub(super) fn update_narrow_block(
            block: &mut [[Lanes; BLOCK]],
            touched: [bool; BLOCK],
            visible: &[Words; BLOCK],
            hidden: &[u32],
            update: NarrowUpdate,
        ) {
            kernels::update_narrow_block(block, touched, visible, hidden, update);
        }

        $(#[$attribute])*
        pub(super) fn update_sums(
            weights: &mut [[Lanes; TILE]],
            velocity: &mut [[Lanes; TILE]],
            units: Range<usize>,
            data: Side,
            model: Side,
            update: Update,
        ) {
            kernels::update_sums(weights, velocity, units, data, model, update);
        }
    };
}
pub(super) use compile;
