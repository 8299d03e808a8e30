//! The update of weights by counts of sampled rows.

use super::widths::{BLOCK, TILE};
use crate::engine::packed::lanes::{Lanes, Words};
use crate::engine::packed::simd::Simd;
use std::array::from_fn;

/// The update by counts of sampled rows: `scale` times the number of the data's rows in which both units are on less
/// that of the model's, less `decay` times the weight.
///
/// A unit's column of bits is `planes` words long. Half of its bits are for the data's rows, half for the model's,
/// whose zeros are counted: data + (room − model) is one count of ones.
#[derive(Clone, Copy, Debug, Default)]
pub(in super::super) struct CountUpdate {
    pub(in super::super) scale: f32,
    pub(in super::super) decay: f32,
    pub(in super::super) planes: usize,
}

/// The rows that a word of a column has bits for.
const WORD_ROWS: usize = 32;

/// The greatest number of words in a column of a [`CountUpdate`].
pub(in super::super) const MOST_PLANES: usize = 8;

impl CountUpdate {
    /// Returns the rows of either side that `planes` words have room for.
    pub(in super::super) const fn room(planes: usize) -> usize {
        planes * 16
    }

    /// Returns the bits of one plane that are the model's.
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
    /// Returns the data's rows in which both units are on less the model's.
    #[inline(always)]
    fn count(&self, visible: &[S::Words; PLANES], hidden: &[S::Words; PLANES]) -> S::Numbers {
        let simd = self.simd;
        let mut count = self.offset;
        for plane in 0..PLANES {
            let both = simd.and_xor(visible[plane], hidden[plane], self.model_bits[plane]);
            count = simd.add_words(count, simd.count_ones(both));
        }
        simd.to_numbers(count)
    }

    /// Changes the weights by the gradient that the counts make.
    #[inline(always)]
    fn apply<const DECAY: bool>(&self, weights: &mut Lanes, counts: S::Numbers) {
        let simd = self.simd;
        let gradient = simd.multiply(counts, self.scale);
        let before = simd.load(weights);
        let change = if DECAY { simd.subtract(gradient, simd.multiply(self.decay, before)) } else { gradient };
        simd.store(weights, simd.add(before, change));
    }

    /// Changes the weights of a visible unit to 64 hidden ones by counting their columns of bits.
    #[inline(always)]
    fn change_by_columns<const DECAY: bool>(
        &self,
        weights: &mut [Lanes; TILE],
        visible: [u32; PLANES],
        hidden: &[[S::Words; PLANES]; TILE],
    ) {
        let visible = visible.map(|word| self.simd.splat_word(word));
        for (weights, hidden) in weights.iter_mut().zip(hidden) {
            self.apply::<DECAY>(weights, self.count(&visible, hidden));
        }
    }
}

/// weights[v] ← weights[v] + gradient, for the visible units in `touched`.
///
/// visible (plane × units) and hidden (plane × 64) are the bit columns of the two layers.
#[inline(always)]
pub(in super::super) fn update_counts<S: Simd>(
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
    let column = |unit: u32| -> [u32; PLANES] { from_fn(|plane| visible[plane * units + unit as usize]) };
    // To add up rows pays only if there are more units than rows to expand.
    if touched.len() <= PLANES * WORD_ROWS {
        for &unit in touched {
            constants.change_by_columns::<DECAY>(&mut weights[unit as usize], column(unit), &hidden);
        }
        return;
    }
    let mut rows = [[[Lanes::ZERO; TILE]; WORD_ROWS]; PLANES];
    for (plane, rows) in rows.iter_mut().enumerate() {
        expand(simd, &hidden.map(|lane| lane[plane]), CountUpdate::model_bits(PLANES, plane), rows);
    }
    for &unit in touched {
        let (column, weights) = (column(unit), &mut weights[unit as usize]);
        if column.iter().map(|word| word.count_ones()).sum::<u32>() > S::ROWS_WORTH_A_PLANE * PLANES as u32 {
            constants.change_by_columns::<DECAY>(weights, column, &hidden);
            continue;
        }
        // A unit that is on in few rows adds up their hidden states, the model's with a minus.
        let mut counts = [simd.splat(0.0); TILE];
        for (words, rows) in column.chunks(2).zip(rows.chunks(2)) {
            let rows = rows.as_flattened();
            let mut rest = words.iter().rev().fold(0, |all, &word| all << 32 | u64::from(word));
            while rest != 0 {
                let row = &rows[rest.trailing_zeros() as usize];
                for lane in 0..TILE {
                    counts[lane] = simd.add(counts[lane], simd.load(&row[lane]));
                }
                rest &= rest - 1;
            }
        }
        for lane in 0..TILE {
            constants.apply::<DECAY>(&mut weights[lane], counts[lane]);
        }
    }
}

/// rows[r] ← 1 for each of 64 hidden units whose column has bit r, −1 where that is one of the model's, 0 for the others.
#[inline(always)]
fn expand<S: Simd>(simd: S, columns: &[S::Words; TILE], model_bits: u32, rows: &mut [[Lanes; TILE]; WORD_ROWS]) {
    let zero = simd.splat_word(0);
    for (row, numbers) in rows.iter_mut().enumerate() {
        let bit = 1 << row;
        // The bit as a signed integer becomes a power of two, whose inverse is exact.
        let sign = if model_bits & bit == 0 { 1.0 } else { -1.0 };
        let (mask, inverse) = (simd.splat_word(bit), simd.splat(sign / (bit as i32 as f32)));
        for lane in 0..TILE {
            let number = simd.to_numbers(simd.and_xor(columns[lane], mask, zero));
            simd.store(&mut numbers[lane], simd.multiply(number, inverse));
        }
    }
}

/// Adds the same to one block of the transposed weights (hidden × 128 visible units), in the lanes that `touched`
/// marks.
///
/// visible (plane × 128) and hidden (plane × units); at most two planes.
#[inline(always)]
pub(in super::super) fn update_counts_block<S: Simd>(
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
                constants.apply::<DECAY>(&mut weights[lane], constants.count(&columns[lane], &hidden));
            }
        }
    }
}
