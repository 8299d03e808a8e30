//! The update of weights by a rule of many terms.

use super::widths::TILE;
use crate::engine::packed::lanes::Lanes;
use crate::engine::packed::simd::Simd;
use crate::engine::random::LANES;
use crate::engine::update::RuleScalars;

/// One tile of an update by rule.
#[derive(Clone, Copy)]
pub(in super::super) struct RuleTile<'a> {
    pub(in super::super) scalars: RuleScalars,
    /// Pairs of vectors whose products join the gradient: of all visible units, of this tile's hidden units.
    pub(in super::super) outer: &'a [(&'a [f32], [Lanes; TILE])],
}

/// weights[v] ← weights[v] + changes[v], where `changes` is the gradient before and δ after. `velocity` is empty
/// without momentum. The operations are those of `Rule::apply` in their order.
#[inline(always)]
pub(in super::super) fn apply_rule<S: Simd>(
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
/// hidden_shift ← Σ_v changes[v] · offset_v, ascending. `offsets` are those of the visible and of this tile's hidden
/// units.
#[inline(always)]
pub(in super::super) fn shift_biases<S: Simd>(
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
