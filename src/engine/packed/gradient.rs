//! The parameter update: gradients from bit counts where both sides are few samples, from sums of rows otherwise.

use super::batch::{RecentBatches, VisibleBatch};
use super::counts::CountChange;
use super::isa::Kernels;
use super::kernels::{BLOCK, CountUpdate, RuleTile, Side, TILE, TILE_UNITS};
use super::lanes::Lanes;
use super::layout::{WeightLayout, bias_blocks, bias_tiles, row_major, weight_tiles};
use super::threads::{for_each, for_each_chunk, for_each_pair, worth_dividing};
use crate::engine::bits::BitMatrix;
use crate::engine::contract::{HiddenStatistics, Products, Rule, Statistics, Step};
use crate::engine::parameters::Parameters;
use crate::engine::random::LANES;
use crate::engine::update::{RuleScalars, Update};

/// Visible units whose weights to one tile are updated by one task.
const UPDATE_UNITS: usize = 256;

/// The cost of a change by rule of one lane of weights, in additions of lanes.
const RULE_COST: usize = 8;

/// The state that updates keep from one to the next.
#[derive(Clone, Debug, Default)]
pub(super) struct Gradient {
    /// The last changes; empty until momentum is first used.
    velocity: TiledVelocity,
    /// True if no weight can be −0, so that adding a gradient of 0 changes nothing and may be left out.
    without_negative_zeros: bool,
    /// Hidden values by tiles, of either side; kept to save allocations.
    hidden: [Vec<[Lanes; TILE]>; 2],
    /// The gradient of the weights, then their changes, in tiles, where an update has more terms than these.
    changes: Vec<[Lanes; TILE]>,
}

/// One tile of an update by rule.
struct Task<'a> {
    tile: usize,
    weights: &'a mut [[Lanes; TILE]],
    /// Empty without momentum.
    velocity: &'a mut [[Lanes; TILE]],
    changes: &'a mut [[Lanes; TILE]],
    /// The amounts that the biases lose where there are offsets: visible biases by this tile's units, and the tile's
    /// own.
    visible_shift: &'a mut [f32],
    hidden_shift: &'a mut [Lanes; TILE],
}

/// The last changes of the parameters, laid out as [`WeightLayout`] does.
#[derive(Clone, Debug, Default)]
struct TiledVelocity {
    tiles: Vec<[Lanes; TILE]>,
    visible_bias: Vec<[Lanes; BLOCK]>,
    hidden_bias: Vec<[Lanes; TILE]>,
}

impl Gradient {
    /// Returns the last changes, row-major; `None` until momentum is first used.
    pub(super) fn velocity(&self, layout: &WeightLayout) -> Option<Parameters> {
        let TiledVelocity { tiles, visible_bias, hidden_bias } = &self.velocity;
        let shape = (layout.visible(), layout.hidden());
        (!tiles.is_empty()).then(|| row_major(shape, tiles, visible_bias, hidden_bias))
    }

    /// Continues from what [`Self::velocity`] returned, with any weights: some may be −0.
    pub(super) fn restore(&mut self, velocity: Option<&Parameters>) {
        self.velocity = velocity.map_or_else(TiledVelocity::default, |velocity| TiledVelocity {
            tiles: weight_tiles(&velocity.weights, (velocity.visible, velocity.hidden)),
            visible_bias: bias_blocks(&velocity.visible_bias),
            hidden_bias: bias_tiles(&velocity.hidden_bias),
        });
        self.without_negative_zeros = false;
    }

    /// Changes the parameters by one step. Visible states are looked up in `recent`.
    pub(super) fn step(
        &mut self,
        kernels: Kernels,
        layout: &mut WeightLayout,
        recent: &mut RecentBatches,
        [data, model]: [&Statistics; 2],
        step: &Step,
    ) {
        let (data_rows, model_rows) = (data.visible.rows(), model.visible.rows());
        let update = Update::new(step, data_rows, model_rows);
        let planes = CountChange::planes_for(data_rows.max(model_rows));
        if let (
            HiddenStatistics::Samples(positive),
            HiddenStatistics::Samples(negative),
            Some((scale, decay)),
            Some(planes),
        ) = (data.hidden, model.hidden, update.plain(), planes)
        {
            let visible = [data.visible, model.visible];
            self.count(kernels, layout, visible, [positive, negative], CountUpdate { scale, decay, planes });
            return;
        }
        let momentum = step.momentum != 0.0;
        if momentum {
            self.velocity.prepare(layout);
        }
        let batches = recent.sorted(kernels, [data.visible, model.visible]);
        self.sum(kernels, layout, batches, [data.hidden, model.hidden], update, momentum);
    }

    /// Changes the parameters by one step of many terms.
    pub(super) fn step_by_rule(
        &mut self,
        kernels: Kernels,
        layout: &mut WeightLayout,
        recent: &mut RecentBatches,
        products: &Products,
        rule: &Rule,
    ) {
        let (visible, hidden) = (layout.visible(), layout.hidden());
        rule.check(visible, hidden);
        self.without_negative_zeros = false;
        if rule.step.momentum != 0.0 {
            self.velocity.prepare(layout);
        }
        let mut changes = std::mem::take(&mut self.changes);
        match products {
            Products::Estimated { data, model } => {
                changes.clear();
                changes.resize(layout.tile_count() * visible, [Lanes::ZERO; TILE]);
                let batches = recent.sorted(kernels, [data.visible, model.visible]);
                let update = Update::gradient(data.visible.rows(), model.visible.rows());
                self.spread([data.hidden, model.hidden], layout, batches);
                self.add_sums(kernels, batches, update, (&mut changes, visible), None);
            }
            Products::Given(values) => changes = weight_tiles(values, (visible, hidden)),
        }
        self.apply_rule(kernels, layout, &mut changes, rule);
        self.changes = changes;
    }

    /// Adds the rule's terms to `changes`, the gradient, and changes the parameters by it.
    fn apply_rule(&mut self, kernels: Kernels, layout: &mut WeightLayout, changes: &mut [[Lanes; TILE]], rule: &Rule) {
        let (units, tile_count) = (layout.visible(), layout.tile_count());
        let scalars = rule.scalars();
        let outer: Vec<(&[f32], Vec<[Lanes; TILE]>)> =
            rule.outer.iter().map(|&(visible, hidden)| (visible, bias_tiles(hidden))).collect();
        let offsets = rule.offsets.map(|(visible, hidden)| (visible, bias_tiles(hidden)));
        let mut visible_shift = vec![0.0; if offsets.is_some() { tile_count * units } else { 0 }];
        let mut hidden_shift = vec![[Lanes::ZERO; TILE]; tile_count];

        let TiledVelocity { tiles: velocity, visible_bias: visible_velocity, hidden_bias: hidden_velocity } =
            &mut self.velocity;
        let biases = scalars.without_decay();
        let visible_gradient = bias_blocks(rule.visible_gradient);
        let lanes = (layout.visible_bias.as_flattened_mut(), visible_velocity.as_flattened_mut());
        change_lanes(biases, lanes, visible_gradient.as_flattened());
        let hidden_gradient = bias_tiles(rule.hidden_gradient);
        let lanes = (layout.hidden_bias.as_flattened_mut(), hidden_velocity.as_flattened_mut());
        change_lanes(biases, lanes, hidden_gradient.as_flattened());

        let mut velocity = velocity.chunks_mut(units);
        let mut visible_shifts = visible_shift.chunks_mut(units);
        let weights = layout.tiles_mut().chunks_mut(units).zip(changes.chunks_mut(units)).zip(&mut hidden_shift);
        let tasks: Vec<Task> = weights
            .enumerate()
            .map(|(tile, ((weights, changes), hidden_shift))| Task {
                tile,
                weights,
                velocity: velocity.next().unwrap_or_default(),
                changes,
                visible_shift: visible_shifts.next().unwrap_or_default(),
                hidden_shift,
            })
            .collect();
        let parallel = worth_dividing(units * tile_count * TILE * (RULE_COST + outer.len()));
        for_each(parallel, tasks, |Task { tile, weights, velocity, changes, visible_shift, hidden_shift }| {
            let outer: Vec<(&[f32], [Lanes; TILE])> = outer.iter().map(|(own, other)| (*own, other[tile])).collect();
            kernels.apply_rule(weights, velocity, changes, &RuleTile { scalars, outer: &outer });
            if let Some((visible, hidden)) = &offsets {
                kernels.shift_biases(changes, (visible, &hidden[tile]), visible_shift, hidden_shift);
            }
        });
        // Tiles in ascending order, whichever task came first.
        let bias = layout.visible_bias.as_flattened_mut();
        for shifts in visible_shift.chunks(units) {
            for (bias, shifts) in bias.iter_mut().zip(shifts.chunks(LANES)) {
                bias.0.iter_mut().zip(shifts).for_each(|(bias, shift)| *bias -= shift);
            }
        }
        for (bias, shift) in layout.hidden_bias.as_flattened_mut().iter_mut().zip(hidden_shift.as_flattened()) {
            bias.0.iter_mut().zip(shift.0).for_each(|(bias, shift)| *bias -= shift);
        }
    }

    /// Counts sampled rows: one column of bits holds both sides, and counting bits gives the gradient.
    fn count(
        &mut self,
        kernels: Kernels,
        layout: &mut WeightLayout,
        visible: [&BitMatrix; 2],
        hidden: [&BitMatrix; 2],
        update: CountUpdate,
    ) {
        // Where neither side has a unit on, its weights change by 0 · scale.
        let sparse = self.without_negative_zeros && update.decay == 0.0 && update.scale.is_finite();
        self.without_negative_zeros |= update.scale.is_sign_positive();
        layout.change_by_counts(kernels, |change| change.gather(kernels, visible, hidden, update, sparse));
    }

    /// Sums any statistics: for each visible unit, the hidden rows in which it is on.
    fn sum(
        &mut self,
        kernels: Kernels,
        layout: &mut WeightLayout,
        batches: [&VisibleBatch; 2],
        hidden: [HiddenStatistics; 2],
        update: Update,
        momentum: bool,
    ) {
        let units = layout.visible();
        self.spread(hidden, layout, batches);
        let mut velocity = std::mem::take(&mut self.velocity.tiles);
        self.add_sums(kernels, batches, update, (layout.tiles_mut(), units), momentum.then_some(&mut velocity));
        self.velocity.tiles = velocity;

        let biases = update.without_decay();
        let mut unused = [Lanes::ZERO; BLOCK];
        for (index, bias) in layout.visible_bias.as_flattened_mut().iter_mut().enumerate() {
            let counts = batches.map(|batch| {
                Lanes(std::array::from_fn(|lane| {
                    let unit = index * LANES + lane;
                    if unit < units { batch.units.list(unit).len() as f32 } else { 0.0 }
                }))
            });
            let velocity = self.velocity.visible_bias.as_flattened_mut().get_mut(index).unwrap_or(&mut unused[0]);
            biases.apply(&mut bias.0, &mut velocity.0, &counts[0].0, &counts[1].0);
        }
        for (tile, bias) in layout.hidden_bias.iter_mut().enumerate() {
            for (lane, bias) in bias.iter_mut().enumerate() {
                let sums = [0, 1].map(|index| {
                    let mut sum = Lanes::ZERO;
                    let rows = batches[index].states.rows();
                    self.hidden[index][tile * rows..][..rows].iter().for_each(|values| sum.add(&values[lane]));
                    sum
                });
                let velocity =
                    self.velocity.hidden_bias.get_mut(tile).map_or(&mut unused[lane], |tile| &mut tile[lane]);
                biases.apply(&mut bias.0, &mut velocity.0, &sums[0].0, &sums[1].0);
            }
        }
    }

    /// Spreads the hidden values of both sides by tiles.
    fn spread(&mut self, hidden: [HiddenStatistics; 2], layout: &WeightLayout, batches: [&VisibleBatch; 2]) {
        for side in 0..2 {
            by_tiles(hidden[side], layout, batches[side].states.rows(), &mut self.hidden[side]);
        }
    }

    /// weights (tile × units × 64) ← weights + change, from the hidden values that were spread.
    fn add_sums(
        &self,
        kernels: Kernels,
        batches: [&VisibleBatch; 2],
        update: Update,
        (weights, units): (&mut [[Lanes; TILE]], usize),
        velocity: Option<&mut Vec<[Lanes; TILE]>>,
    ) {
        let rows = batches.map(|batch| batch.states.rows());
        let side = |side: usize, tile: usize| Side {
            rows: &batches[side].units,
            hidden: &self.hidden[side][tile * rows[side]..][..rows[side]],
        };
        let total: usize = batches.iter().map(|batch| batch.rows.total()).sum();
        let parallel = worth_dividing((total + 2 * units) * (weights.len() / units) * TILE);
        let work = |tile: usize, index: usize, weights: &mut [[Lanes; TILE]], velocity: &mut [[Lanes; TILE]]| {
            let first = index * UPDATE_UNITS;
            let range = first..first + weights.len();
            kernels.update_sums(weights, velocity, range, side(0, tile), side(1, tile), update);
        };
        if let Some(velocity) = velocity {
            for_each_pair(parallel, (weights, units), (velocity, units), |tile, weights, velocity| {
                let (weights, velocity) = ((weights, UPDATE_UNITS), (velocity, UPDATE_UNITS));
                for_each_pair(parallel, weights, velocity, |index, weights, velocity| {
                    work(tile, index, weights, velocity);
                });
            });
        } else {
            for_each_chunk(parallel, weights, units, |tile, weights| {
                for_each_chunk(parallel, weights, UPDATE_UNITS, |index, weights| work(tile, index, weights, &mut []));
            });
        }
    }
}

/// lanes ← lanes + δ, with their velocities, of which there are none without momentum.
fn change_lanes(scalars: RuleScalars, (lanes, velocity): (&mut [Lanes], &mut [Lanes]), gradient: &[Lanes]) {
    let mut unused = Lanes::ZERO;
    for (index, (lanes, gradient)) in lanes.iter_mut().zip(gradient).enumerate() {
        let velocity = velocity.get_mut(index).unwrap_or(&mut unused);
        scalars.apply(&mut lanes.0, &mut velocity.0, &gradient.0);
    }
}

impl TiledVelocity {
    fn prepare(&mut self, layout: &WeightLayout) {
        self.tiles.resize(layout.tile_count() * layout.visible(), [Lanes::ZERO; TILE]);
        self.visible_bias.resize(layout.block_count(), [Lanes::ZERO; BLOCK]);
        self.hidden_bias.resize(layout.tile_count(), [Lanes::ZERO; TILE]);
    }
}

/// values (tile × row × 64) ← hidden states or probabilities.
fn by_tiles(hidden: HiddenStatistics, layout: &WeightLayout, rows: usize, values: &mut Vec<[Lanes; TILE]>) {
    let units = layout.hidden();
    values.clear();
    values.resize(layout.tile_count() * rows, [Lanes::ZERO; TILE]);
    for (tile, values) in values.chunks_mut(rows.max(1)).enumerate() {
        let first = tile * TILE_UNITS;
        let width = (units - first).min(TILE_UNITS);
        for (row, values) in values.iter_mut().enumerate() {
            match hidden {
                HiddenStatistics::Samples(samples) => {
                    let word = samples.row(row)[tile];
                    for (unit, value) in values.iter_mut().flat_map(|lanes| &mut lanes.0).enumerate() {
                        *value = (word >> unit & 1) as f32;
                    }
                }
                HiddenStatistics::Probabilities(probabilities) => {
                    let from = &probabilities[row * units + first..][..width];
                    for (lanes, from) in values.iter_mut().zip(from.chunks(LANES)) {
                        lanes.0[..from.len()].copy_from_slice(from);
                    }
                }
            }
        }
    }
}
