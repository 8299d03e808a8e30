//! The kernels as plain loops over arrays: one text for every instruction set.
//!
//! Each is inlined into a function that is compiled for one instruction set (see `isa`), where the operations of [`Simd`]
//! become its instructions. They work across outputs, never along a sum, so each instruction set computes the same.

use super::super::math::{LIMIT, LOG2_E, POLYNOMIAL, ROUND, UNIFORM_SCALE};
use super::super::random::{GOLDEN_GAMMA, LANES, RowStreams, split_mix};
use super::super::update::{RuleScalars, Scalars, Update};
use super::super::wide::softplus_sum_change;
use super::lanes::{Lanes, NOTHING, StreamState, Words};
use super::lists::{Lists, Parts};
use super::simd::{Plain, Simd};
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

/// out[r] ← start + Σ matrix[i] over the i in list `first + r`, in the order of the list; without a start from out[r].
///
/// `PIECE` lanes are summed at a time, as many as the instruction set has registers for.
#[inline(always)]
pub(super) fn sum_lists<S: Simd, const WIDTH: usize, const PIECE: usize>(
    simd: S,
    matrix: &[[Lanes; WIDTH]],
    lists: &Lists,
    first: usize,
    start: Option<&[Lanes; WIDTH]>,
    out: &mut [[Lanes; WIDTH]],
) {
    for (row, out) in out.iter_mut().enumerate() {
        let list = lists.list(first + row);
        for piece in (0..WIDTH).step_by(PIECE) {
            let start = match start {
                Some(start) => &start[piece..],
                None => &out[piece..],
            };
            let mut sum = load_all::<S, PIECE>(simd, start);
            for &index in list {
                let weights = &matrix[index as usize][piece..];
                for lane in 0..PIECE {
                    sum[lane] = simd.add(sum[lane], simd.load(&weights[lane]));
                }
            }
            store_all(simd, &mut out[piece..], sum);
        }
    }
}

/// out[r] ← out[r] + the sum of the rows of a tile in part `part` of list `first + r`: see [`Parts`].
#[inline(always)]
pub(super) fn sum_parts<S: Simd>(
    simd: S,
    tile: &[[Lanes; TILE]],
    (lists, parts): (&Lists, &Parts),
    (part, first): (usize, usize),
    out: &mut [[Lanes; TILE]],
) {
    for (row, out) in out.iter_mut().enumerate() {
        let mut sum = load_all::<S, TILE>(simd, out);
        for &index in parts.part(lists, first + row, part) {
            let weights = &tile[index as usize];
            for lane in 0..TILE {
                sum[lane] = simd.add(sum[lane], simd.load(&weights[lane]));
            }
        }
        store_all(simd, out, sum);
    }
}

#[inline(always)]
fn load_all<S: Simd, const COUNT: usize>(simd: S, lanes: &[Lanes]) -> [S::Numbers; COUNT] {
    let mut numbers = [simd.splat(0.0); COUNT];
    for (numbers, lanes) in numbers.iter_mut().zip(lanes) {
        *numbers = simd.load(lanes);
    }
    numbers
}

#[inline(always)]
fn store_all<S: Simd, const COUNT: usize>(simd: S, lanes: &mut [Lanes], numbers: [S::Numbers; COUNT]) {
    for (lanes, numbers) in lanes.iter_mut().zip(numbers) {
        simd.store(lanes, numbers);
    }
}

/// Tables of the partial sums of [`TABLED`] hidden units' weights to the visible units of a strip.
pub(super) type Tables = [[[Lanes; STRIP]; 1 << GROUP]; TABLED / GROUP];

/// sums[r] ← sums[r] + T₀[n₀] + T₁[n₁] + …, where the nibbles n of bits[r] choose from tables of partial sums.
///
/// chunk (hidden × 32 visible units) holds the weights of [`TABLED`] hidden units. Table g holds, for each subset of
/// hidden units 4g … 4g + 3, the sum of their weights in ascending order; they are room to work in.
#[inline(always)]
pub(super) fn sum_tables<S: Simd>(
    simd: S,
    chunk: &[[Lanes; STRIP]; TABLED],
    tables: &mut Tables,
    bits: &[u32],
    sums: &mut [[Lanes; STRIP]],
) {
    for (table, weights) in tables.iter_mut().zip(chunk.chunks_exact(GROUP)) {
        for lane in 0..STRIP {
            let mut entries = [simd.splat(NOTHING); 1 << GROUP];
            for unit in 0..GROUP {
                let weights = simd.load(&weights[unit][lane]);
                for subset in 0..1 << unit {
                    entries[subset | 1 << unit] = simd.add(entries[subset], weights);
                }
            }
            for (entry, numbers) in table.iter_mut().zip(entries) {
                simd.store(&mut entry[lane], numbers);
            }
        }
    }
    for (sum, &bits) in sums.iter_mut().zip(bits) {
        let mut total = load_all::<S, STRIP>(simd, sum);
        for (group, table) in tables.iter().enumerate() {
            let entry = &table[(bits >> (GROUP * group)) as usize & ((1 << GROUP) - 1)];
            for lane in 0..STRIP {
                total[lane] = simd.add(total[lane], simd.load(&entry[lane]));
            }
        }
        store_all(simd, sum, total);
    }
}

/// Rows become columns in a square of 16 × 16.
#[inline(always)]
pub(super) fn transpose_square(_: Plain, rows: [&Lanes; LANES]) -> [Lanes; LANES] {
    let mut columns = [Lanes::ZERO; LANES];
    for (row, lanes) in rows.into_iter().enumerate() {
        for (column, &value) in lanes.0.iter().enumerate() {
            columns[column].0[row] = value;
        }
    }
    columns
}

/// Up to 16 rows' lane number `lane`, with zeros for rows that are missing.
#[inline(always)]
pub(super) fn square(rows: &[[Lanes; TILE]], lane: usize) -> [&Lanes; LANES] {
    from_fn(|row| rows.get(row).map_or(&Lanes::ZERO, |row| &row[lane]))
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

#[inline(always)]
fn load_generators<S: Simd>(simd: S, state: &StreamState) -> [S::Words; 4] {
    let [s0, s1, s2, s3] = &state.words;
    [simd.load_words(s0), simd.load_words(s1), simd.load_words(s2), simd.load_words(s3)]
}

#[inline(always)]
fn store_generators<S: Simd>(simd: S, state: &mut StreamState, generators: [S::Words; 4]) {
    for (words, generators) in state.words.iter_mut().zip(generators) {
        simd.store_words(words, generators);
    }
}

/// The next number of every lane: one step of xoshiro128++.
#[inline(always)]
fn next_numbers<S: Simd>(simd: S, [s0, s1, s2, s3]: &mut [S::Words; 4]) -> S::Words {
    let sum = simd.add_words(*s0, *s3);
    let numbers = simd.add_words(simd.rotate_left::<7>(sum), *s0);
    let next = [
        simd.xor_three(*s0, *s1, *s3),
        simd.xor_three(*s0, *s1, *s2),
        simd.xor_three(*s0, *s2, simd.shift_left::<9>(*s1)),
        simd.rotate_left::<11>(simd.xor(*s1, *s3)),
    ];
    [*s0, *s1, *s2, *s3] = next;
    numbers
}

/// Move every stream on by `draws` numbers a lane.
#[inline(always)]
pub(super) fn skip<S: Simd>(simd: S, states: &mut [StreamState], draws: usize) {
    for state in states {
        let mut generators = load_generators(simd, state);
        for _ in 0..draws {
            next_numbers(simd, &mut generators);
        }
        store_generators(simd, state, generators);
    }
}

/// e^−x where NaN counts as the large end: the operations of `math` in their order.
#[inline(always)]
fn exp_of_negative<S: Simd>(simd: S, x: S::Numbers) -> S::Numbers {
    let clamped = simd.minimum(simd.maximum(x, simd.splat(-LIMIT)), simd.splat(LIMIT));
    // −x · log2(e), its sign moved into the constant.
    let scaled = simd.multiply(clamped, simd.splat(-LOG2_E));
    let rounded = simd.add(scaled, simd.splat(ROUND));
    let fraction = simd.subtract(scaled, simd.subtract(rounded, simd.splat(ROUND)));
    let mut power = simd.splat(POLYNOMIAL[5]);
    for coefficient in POLYNOMIAL[..5].iter().rev() {
        power = simd.add(simd.multiply(power, fraction), simd.splat(*coefficient));
    }
    let exponent = simd.shift_left::<23>(simd.bits(rounded));
    simd.numbers_of_bits(simd.add_words(simd.bits(power), exponent))
}

/// Which units turn on, one bit each: `math::fires` sixteen at a time.
#[inline(always)]
fn fires<S: Simd>(simd: S, inputs: S::Numbers, numbers: S::Words) -> u16 {
    let offset = simd.add(simd.to_numbers(simd.shift_right::<1>(numbers)), simd.splat(0.5));
    let inverse = simd.add(simd.splat(1.0), exp_of_negative(simd, inputs));
    simd.at_most(simd.multiply(offset, inverse), simd.splat(UNIFORM_SCALE))
}

/// Draw the units of each row from their inputs: bit i of bits[r] ~ Bernoulli(σ(β · inputs[r][i])).
///
/// Sixteen bits a lane, at most four lanes a word: a row takes `WIDTH.div_ceil(4)` words.
#[inline(always)]
pub(super) fn sample<S: Simd, const WIDTH: usize>(
    simd: S,
    inputs: &[[Lanes; WIDTH]],
    inverse_temperature: f32,
    states: &mut [StreamState],
    bits: &mut [u64],
) {
    let beta = simd.splat(inverse_temperature);
    let words = WIDTH.div_ceil(TILE);
    for ((inputs, state), bits) in inputs.iter().zip(states).zip(bits.chunks_exact_mut(words)) {
        let mut generators = load_generators(simd, state);
        for (word, inputs) in bits.iter_mut().zip(inputs.chunks(TILE)) {
            *word = 0;
            for (group, inputs) in inputs.iter().enumerate() {
                let numbers = next_numbers(simd, &mut generators);
                let on = fires(simd, simd.multiply(simd.load(inputs), beta), numbers);
                *word |= u64::from(on) << (group * LANES);
            }
        }
        store_generators(simd, state, generators);
    }
}

/// Every value becomes its σ.
#[inline(always)]
pub(super) fn sigmoids<S: Simd>(simd: S, values: &mut [f32]) {
    for values in values.chunks_mut(LANES) {
        let mut lanes = Lanes::ZERO;
        lanes.0[..values.len()].copy_from_slice(values);
        let inverse = simd.add(simd.splat(1.0), exp_of_negative(simd, simd.load(&lanes)));
        simd.store(&mut lanes, simd.divide(simd.splat(1.0), inverse));
        values.copy_from_slice(&lanes.0[..values.len()]);
    }
}

/// changes[r] ← changes[r] + Σ_j softplus(to · x_j) − softplus(from · x_j) over the `units` numbers x of row r.
#[inline(always)]
pub(super) fn softplus_changes(inputs: &[f32], units: usize, (from, to): (f64, f64), changes: &mut [f64]) {
    for (change, inputs) in changes.iter_mut().zip(inputs.chunks_exact(units)) {
        *change += softplus_sum_change(inputs, from, to);
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

/// The update by counts of sampled rows: `scale` times the number of the data's rows in which both units are on less that
/// of the model's, less `decay` times the weight.
///
/// A unit's column of bits is `planes` words long. Half of its bits are for the data's rows, half for the model's, whose
/// zeros are counted: data + (room − model) is one count of ones.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CountUpdate {
    pub(super) scale: f32,
    pub(super) decay: f32,
    pub(super) planes: usize,
}

/// The greatest number of words in a column of a [`CountUpdate`].
pub(super) const MOST_PLANES: usize = 8;

impl CountUpdate {
    /// Rows of either side that `planes` words have room for.
    pub(super) fn room(planes: usize) -> usize {
        planes * 16
    }

    /// The bits of one plane that are the model's.
    fn model_bits(planes: usize, plane: usize) -> u32 {
        match planes {
            1 => 0xffff_0000,
            _ if plane < planes / 2 => 0,
            _ => !0,
        }
    }

    #[inline(always)]
    fn constants<S: Simd, const PLANES: usize>(self, simd: S) -> CountConstants<S, PLANES> {
        CountConstants {
            simd,
            scale: simd.splat(self.scale),
            decay: simd.splat(self.decay),
            model_bits: from_fn(|plane| simd.splat_word(Self::model_bits(PLANES, plane))),
            offset: simd.splat_word((Self::room(PLANES) as u32).wrapping_neg()),
        }
    }
}

/// The constants of a [`CountUpdate`] in registers.
#[derive(Clone, Copy)]
struct CountConstants<S: Simd, const PLANES: usize> {
    simd: S,
    scale: S::Numbers,
    decay: S::Numbers,
    model_bits: [S::Words; PLANES],
    offset: S::Words,
}

impl<S: Simd, const PLANES: usize> CountConstants<S, PLANES> {
    #[inline(always)]
    fn apply<const DECAY: bool>(&self, weights: &mut Lanes, visible: &[S::Words; PLANES], hidden: &[S::Words; PLANES]) {
        let simd = self.simd;
        let mut count = self.offset;
        for plane in 0..PLANES {
            let both = simd.and_xor(visible[plane], hidden[plane], self.model_bits[plane]);
            count = simd.add_words(count, simd.count_ones(both));
        }
        let gradient = simd.multiply(simd.to_numbers(count), self.scale);
        let before = simd.load(weights);
        let change = if DECAY { simd.subtract(gradient, simd.multiply(self.decay, before)) } else { gradient };
        simd.store(weights, simd.add(before, change));
    }
}

/// weights[v] ← weights[v] + gradient, for the visible units in `touched`.
///
/// visible (plane × units) and hidden (plane × 64) are the bit columns of the two layers.
#[inline(always)]
pub(super) fn update_counts<S: Simd>(
    simd: S,
    weights: &mut [[Lanes; TILE]],
    touched: &[u32],
    visible: &[u32],
    hidden: &[[Words; TILE]],
    update: CountUpdate,
) {
    match (update.planes, update.decay == 0.0) {
        (1, true) => count_tile::<S, 1, false>(simd, weights, touched, visible, hidden, update),
        (1, false) => count_tile::<S, 1, true>(simd, weights, touched, visible, hidden, update),
        (2, true) => count_tile::<S, 2, false>(simd, weights, touched, visible, hidden, update),
        (2, false) => count_tile::<S, 2, true>(simd, weights, touched, visible, hidden, update),
        (4, true) => count_tile::<S, 4, false>(simd, weights, touched, visible, hidden, update),
        (4, false) => count_tile::<S, 4, true>(simd, weights, touched, visible, hidden, update),
        (8, true) => count_tile::<S, 8, false>(simd, weights, touched, visible, hidden, update),
        (8, false) => count_tile::<S, 8, true>(simd, weights, touched, visible, hidden, update),
        (planes, _) => panic!("columns of {planes} words"),
    }
}

#[inline(always)]
fn count_tile<S: Simd, const PLANES: usize, const DECAY: bool>(
    simd: S,
    weights: &mut [[Lanes; TILE]],
    touched: &[u32],
    visible: &[u32],
    hidden: &[[Words; TILE]],
    update: CountUpdate,
) {
    let constants = update.constants::<S, PLANES>(simd);
    let units = visible.len() / PLANES;
    let hidden: [[S::Words; PLANES]; TILE] = from_fn(|lane| from_fn(|plane| simd.load_words(&hidden[plane][lane])));
    for &unit in touched {
        let column = from_fn(|plane| simd.splat_word(visible[plane * units + unit as usize]));
        let weights = &mut weights[unit as usize];
        for lane in 0..TILE {
            constants.apply::<DECAY>(&mut weights[lane], &column, &hidden[lane]);
        }
    }
}

/// The same for one block of the transposed weights: block (hidden × 128 visible units), in the lanes that `touched` marks.
///
/// visible (plane × 128) and hidden (plane × units); at most two planes.
#[inline(always)]
pub(super) fn update_counts_block<S: Simd>(
    simd: S,
    block: &mut [[Lanes; BLOCK]],
    touched: [bool; BLOCK],
    visible: &[[Words; BLOCK]],
    hidden: &[u32],
    update: CountUpdate,
) {
    match (update.planes, update.decay == 0.0) {
        (1, true) => count_block::<S, 1, false>(simd, block, touched, visible, hidden, update),
        (1, false) => count_block::<S, 1, true>(simd, block, touched, visible, hidden, update),
        (2, true) => count_block::<S, 2, false>(simd, block, touched, visible, hidden, update),
        (2, false) => count_block::<S, 2, true>(simd, block, touched, visible, hidden, update),
        (4, true) => count_block::<S, 4, false>(simd, block, touched, visible, hidden, update),
        (4, false) => count_block::<S, 4, true>(simd, block, touched, visible, hidden, update),
        (8, true) => count_block::<S, 8, false>(simd, block, touched, visible, hidden, update),
        (8, false) => count_block::<S, 8, true>(simd, block, touched, visible, hidden, update),
        (planes, _) => panic!("columns of {planes} words"),
    }
}

#[inline(always)]
fn count_block<S: Simd, const PLANES: usize, const DECAY: bool>(
    simd: S,
    block: &mut [[Lanes; BLOCK]],
    touched: [bool; BLOCK],
    visible: &[[Words; BLOCK]],
    hidden: &[u32],
    update: CountUpdate,
) {
    let constants = update.constants::<S, PLANES>(simd);
    let units = hidden.len() / PLANES;
    let columns: [[S::Words; PLANES]; BLOCK] = from_fn(|lane| from_fn(|plane| simd.load_words(&visible[plane][lane])));
    for (unit, weights) in block.iter_mut().enumerate() {
        let hidden = from_fn(|plane| simd.splat_word(hidden[plane * units + unit]));
        for lane in 0..BLOCK {
            if touched[lane] {
                constants.apply::<DECAY>(&mut weights[lane], &columns[lane], &hidden);
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
    fn sum<S: Simd>(&self, simd: S, unit: usize) -> [S::Numbers; TILE] {
        let mut sum = [simd.splat(0.0); TILE];
        for &row in self.rows.list(unit) {
            let hidden = &self.hidden[row as usize];
            for lane in 0..TILE {
                sum[lane] = simd.add(sum[lane], simd.load(&hidden[lane]));
            }
        }
        sum
    }
}

/// weights[v] ← weights[v] + change for the visible units in `units`; `velocity` is empty where there is no momentum.
#[inline(always)]
pub(super) fn update_sums<S: Simd>(
    simd: S,
    weights: &mut [[Lanes; TILE]],
    velocity: &mut [[Lanes; TILE]],
    units: Range<usize>,
    data: Side,
    model: Side,
    update: Update,
) {
    let mut none = [Lanes::ZERO; TILE];
    for (index, unit) in units.enumerate() {
        let (positive, negative) = (data.sum(simd, unit), model.sum(simd, unit));
        let velocity = velocity.get_mut(index).unwrap_or(&mut none);
        for lane in 0..TILE {
            apply_update(simd, update, &mut weights[index][lane], &mut velocity[lane], positive[lane], negative[lane]);
        }
    }
}

/// One tile of an update by rule.
#[derive(Clone, Copy)]
pub(super) struct RuleTile<'a> {
    pub(super) scalars: RuleScalars,
    /// Pairs of vectors whose products join the gradient: of all visible units, of this tile's hidden units.
    pub(super) outer: &'a [(&'a [f32], [Lanes; TILE])],
}

/// weights[v] ← weights[v] + changes[v], where `changes` is the gradient before and δ after. `velocity` is empty without
/// momentum. The operations are those of `Rule::apply` in their order.
#[inline(always)]
pub(super) fn apply_rule<S: Simd>(
    _simd: S,
    weights: &mut [[Lanes; TILE]],
    velocity: &mut [[Lanes; TILE]],
    changes: &mut [[Lanes; TILE]],
    rule: &RuleTile,
) {
    let mut none = [Lanes::ZERO; TILE];
    for (unit, (weights, changes)) in weights.iter_mut().zip(changes).enumerate() {
        let velocity = velocity.get_mut(unit).unwrap_or(&mut none);
        for lane in 0..TILE {
            let (weights, velocity, changes) = (&mut weights[lane].0, &mut velocity[lane].0, &mut changes[lane].0);
            for (own, other) in rule.outer {
                let (own, other) = (own[unit], &other[lane].0);
                for index in 0..LANES {
                    changes[index] += own * other[index];
                }
            }
            for index in 0..LANES {
                changes[index] = rule.scalars.change(weights[index], &mut velocity[index], changes[index]);
                weights[index] += changes[index];
            }
        }
    }
}

/// visible_shift[v] ← Σ_j changes[v][j] · offset_j, the lanes summed first, then halves of them, quarters and so on;
/// hidden_shift ← Σ_v changes[v] · offset_v, ascending. `offsets` are those of the visible and of this tile's hidden units.
#[inline(always)]
pub(super) fn shift_biases<S: Simd>(
    _simd: S,
    changes: &[[Lanes; TILE]],
    (visible, hidden): (&[f32], &[Lanes; TILE]),
    visible_shift: &mut [f32],
    hidden_shift: &mut [Lanes; TILE],
) {
    for ((changes, offset), visible_shift) in changes.iter().zip(visible).zip(visible_shift) {
        let mut sums = [0.0; LANES];
        for lane in 0..TILE {
            let (changes, hidden, shift) = (&changes[lane].0, &hidden[lane].0, &mut hidden_shift[lane].0);
            for (((sum, change), hidden), shift) in sums.iter_mut().zip(changes).zip(hidden).zip(shift) {
                *sum += change * hidden;
                *shift += change * offset;
            }
        }
        let mut half = LANES / 2;
        while half > 0 {
            for index in 0..half {
                sums[index] += sums[index + half];
            }
            half /= 2;
        }
        *visible_shift = sums[0];
    }
}

/// The operations of `Update::apply` in their order, on sixteen parameters.
#[inline(always)]
pub(super) fn apply_update<S: Simd>(
    simd: S,
    update: Update,
    parameters: &mut Lanes,
    velocity: &mut Lanes,
    positive: S::Numbers,
    negative: S::Numbers,
) {
    let Scalars { data, model, momentum, decay } = update.scalars();
    let before = simd.load(parameters);
    let mut change = if data == model {
        simd.multiply(simd.subtract(positive, negative), simd.splat(data))
    } else {
        simd.subtract(simd.multiply(positive, simd.splat(data)), simd.multiply(negative, simd.splat(model)))
    };
    if decay != 0.0 {
        change = simd.subtract(change, simd.multiply(simd.splat(decay), before));
    }
    if momentum != 0.0 {
        change = simd.add(simd.multiply(simd.splat(momentum), simd.load(velocity)), change);
        simd.store(velocity, change);
    }
    simd.store(parameters, simd.add(before, change));
}

/// `rounds` × 96 additions of sixteen numbers held in registers, in `COUNT` independent sums.
#[inline(always)]
pub(super) fn probe_additions<S: Simd, const COUNT: usize>(simd: S, rounds: usize, lanes: &mut [Lanes; BLOCK]) {
    let mut sums = load_all::<S, COUNT>(simd, lanes);
    let addend = simd.load(&lanes[0]);
    for _ in 0..rounds {
        for _ in 0..96 / COUNT {
            for sum in &mut sums {
                *sum = simd.add(*sum, addend);
            }
        }
    }
    store_all(simd, lanes, sums);
}

/// Add all rows of a matrix `rounds` times: one load and one addition for each sixteen numbers.
#[inline(always)]
pub(super) fn probe_loads<S: Simd>(simd: S, rounds: usize, matrix: &[[Lanes; BLOCK]], total: &mut [Lanes; BLOCK]) {
    let mut sums = load_all::<S, BLOCK>(simd, total);
    for _ in 0..rounds {
        for row in matrix {
            for lane in 0..BLOCK {
                sums[lane] = simd.add(sums[lane], simd.load(&row[lane]));
            }
        }
    }
    store_all(simd, total, sums);
}

/// Draw `rounds` numbers in every lane of two streams at a time.
#[inline(always)]
pub(super) fn probe_numbers<S: Simd>(simd: S, rounds: usize, states: &mut [StreamState; 2], total: &mut Words) {
    let [mut first, mut second] = [load_generators(simd, &states[0]), load_generators(simd, &states[1])];
    let mut sum = simd.load_words(total);
    for _ in 0..rounds {
        let numbers = simd.xor(next_numbers(simd, &mut first), next_numbers(simd, &mut second));
        sum = simd.add_words(sum, numbers);
    }
    simd.store_words(total, sum);
    store_generators(simd, &mut states[0], first);
    store_generators(simd, &mut states[1], second);
}

/// The functions of one instruction set that are the plain loops, compiled with the given attributes.
///
/// The place of use brings its `PIECE`, the number of lanes to sum at a time, and its `transpose_square`.
macro_rules! compile {
    ($simd:ty, $(#[$attribute:meta])*) => {
        $(#[$attribute])*
        pub(super) fn sum_tile_lists(
            simd: $simd,
            tile: &[[Lanes; TILE]],
            lists: &Lists,
            first: usize,
            start: &[Lanes; TILE],
            out: &mut [[Lanes; TILE]],
        ) {
            const AT_ONCE: usize = if PIECE < TILE { PIECE } else { TILE };
            kernels::sum_lists::<_, TILE, AT_ONCE>(simd, tile, lists, first, Some(start), out);
        }

        $(#[$attribute])*
        pub(super) fn sum_parts(
            simd: $simd,
            tile: &[[Lanes; TILE]],
            lists: (&Lists, &Parts),
            part: (usize, usize),
            out: &mut [[Lanes; TILE]],
        ) {
            kernels::sum_parts(simd, tile, lists, part, out);
        }

        $(#[$attribute])*
        pub(super) fn sum_block_lists(
            simd: $simd,
            block: &[[Lanes; BLOCK]],
            lists: &Lists,
            first: usize,
            start: &[Lanes; BLOCK],
            out: &mut [[Lanes; BLOCK]],
        ) {
            kernels::sum_lists::<_, BLOCK, PIECE>(simd, block, lists, first, Some(start), out);
        }

        $(#[$attribute])*
        pub(super) fn add_block_lists(
            simd: $simd,
            block: &[[Lanes; BLOCK]],
            lists: &Lists,
            first: usize,
            out: &mut [[Lanes; BLOCK]],
        ) {
            kernels::sum_lists::<_, BLOCK, PIECE>(simd, block, lists, first, None, out);
        }

        $(#[$attribute])*
        pub(super) fn sum_tables(
            simd: $simd,
            chunk: &[[Lanes; STRIP]; TABLED],
            tables: &mut Tables,
            bits: &[u32],
            sums: &mut [[Lanes; STRIP]],
        ) {
            kernels::sum_tables(simd, chunk, tables, bits, sums);
        }

        $(#[$attribute])*
        pub(super) fn transpose_block(simd: $simd, rows: &[[Lanes; TILE]], block: &mut [[Lanes; BLOCK]]) {
            for (column, rows) in rows.chunks(16).enumerate() {
                for (lane, block) in block.chunks_mut(16).enumerate() {
                    let transposed = transpose_square(simd, kernels::square(rows, lane));
                    for (target, lanes) in block.iter_mut().zip(transposed) {
                        target[column] = lanes;
                    }
                }
            }
        }

        $(#[$attribute])*
        pub(super) fn transpose_strip(simd: $simd, rows: &[[Lanes; TILE]], first: usize, chunk: &mut [[Lanes; STRIP]; TABLED]) {
            for (column, rows) in rows.chunks(16).enumerate() {
                for (lane, chunk) in chunk.chunks_mut(16).enumerate() {
                    let transposed = transpose_square(simd, kernels::square(rows, first + lane));
                    for (target, lanes) in chunk.iter_mut().zip(transposed) {
                        target[column] = lanes;
                    }
                }
            }
        }

        $(#[$attribute])*
        pub(super) fn seed(_: $simd, streams: RowStreams, first: usize, states: &mut [StreamState]) {
            kernels::seed(streams, first, states);
        }

        $(#[$attribute])*
        pub(super) fn skip(simd: $simd, states: &mut [StreamState], draws: usize) {
            kernels::skip(simd, states, draws);
        }

        $(#[$attribute])*
        pub(super) fn sample_tile(
            simd: $simd,
            inputs: &[[Lanes; TILE]],
            inverse_temperature: f32,
            states: &mut [StreamState],
            bits: &mut [u64],
        ) {
            kernels::sample(simd, inputs, inverse_temperature, states, bits);
        }

        $(#[$attribute])*
        pub(super) fn sample_block(
            simd: $simd,
            inputs: &[[Lanes; BLOCK]],
            inverse_temperature: f32,
            states: &mut [StreamState],
            bits: &mut [u64],
        ) {
            kernels::sample(simd, inputs, inverse_temperature, states, bits);
        }

        $(#[$attribute])*
        pub(super) fn sample_strip(
            simd: $simd,
            inputs: &[[Lanes; STRIP]],
            inverse_temperature: f32,
            states: &mut [StreamState],
            bits: &mut [u64],
        ) {
            kernels::sample(simd, inputs, inverse_temperature, states, bits);
        }

        $(#[$attribute])*
        pub(super) fn sigmoids(simd: $simd, values: &mut [f32]) {
            kernels::sigmoids(simd, values);
        }

        $(#[$attribute])*
        pub(super) fn softplus_changes(
            _: $simd,
            inputs: &[f32],
            units: usize,
            temperatures: (f64, f64),
            changes: &mut [f64],
        ) {
            kernels::softplus_changes(inputs, units, temperatures, changes);
        }

        $(#[$attribute])*
        pub(super) fn update_counts(
            simd: $simd,
            weights: &mut [[Lanes; TILE]],
            touched: &[u32],
            visible: &[u32],
            hidden: &[[Words; TILE]],
            update: CountUpdate,
        ) {
            kernels::update_counts(simd, weights, touched, visible, hidden, update);
        }

        $(#[$attribute])*
        pub(super) fn update_counts_block(
            simd: $simd,
            block: &mut [[Lanes; BLOCK]],
            touched: [bool; BLOCK],
            visible: &[[Words; BLOCK]],
            hidden: &[u32],
            update: CountUpdate,
        ) {
            kernels::update_counts_block(simd, block, touched, visible, hidden, update);
        }

        $(#[$attribute])*
        pub(super) fn update_sums(
            simd: $simd,
            weights: &mut [[Lanes; TILE]],
            velocity: &mut [[Lanes; TILE]],
            units: Range<usize>,
            data: Side,
            model: Side,
            update: Update,
        ) {
            kernels::update_sums(simd, weights, velocity, units, data, model, update);
        }

        $(#[$attribute])*
        pub(super) fn apply_rule(
            simd: $simd,
            weights: &mut [[Lanes; TILE]],
            velocity: &mut [[Lanes; TILE]],
            changes: &mut [[Lanes; TILE]],
            rule: &RuleTile,
        ) {
            kernels::apply_rule(simd, weights, velocity, changes, rule);
        }

        $(#[$attribute])*
        pub(super) fn shift_biases(
            simd: $simd,
            changes: &[[Lanes; TILE]],
            offsets: (&[f32], &[Lanes; TILE]),
            visible_shift: &mut [f32],
            hidden_shift: &mut [Lanes; TILE],
        ) {
            kernels::shift_biases(simd, changes, offsets, visible_shift, hidden_shift);
        }

        $(#[$attribute])*
        pub(super) fn probe_additions(simd: $simd, rounds: usize, lanes: &mut [Lanes; BLOCK]) {
            kernels::probe_additions::<_, PIECE>(simd, rounds, lanes);
        }

        $(#[$attribute])*
        pub(super) fn probe_loads(
            simd: $simd,
            rounds: usize,
            matrix: &[[Lanes; BLOCK]],
            total: &mut [Lanes; BLOCK],
        ) {
            kernels::probe_loads(simd, rounds, matrix, total);
        }

        $(#[$attribute])*
        pub(super) fn probe_numbers(
            simd: $simd,
            rounds: usize,
            states: &mut [StreamState; 2],
            total: &mut Words,
        ) {
            kernels::probe_numbers(simd, rounds, states, total);
        }
    };
}
pub(super) use compile;
