//! The update of weights by sums of hidden rows.

use super::widths::TILE;
use crate::engine::packed::lanes::Lanes;
use crate::engine::packed::lists::Lists;
use crate::engine::packed::simd::Simd;
use crate::engine::update::{Scalars, Update};
use std::ops::Range;

/// One side of the gradient of a tile: for each visible unit the rows in which it is on, for each row its hidden
/// values.
#[derive(Clone, Copy)]
pub(in super::super) struct Side<'a> {
    pub(in super::super) rows: &'a Lists,
    pub(in super::super) hidden: &'a [[Lanes; TILE]],
}

impl Side<'_> {
    /// Returns Σ h over the rows in which a visible unit is on, ascending.
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
pub(in super::super) fn update_sums<S: Simd>(
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

/// Applies the operations of `Update::apply` in their order to sixteen parameters.
#[inline(always)]
fn apply_update<S: Simd>(
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
