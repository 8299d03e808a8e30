//! The parameter update: gradients from bit counts where both sides are few samples, from sums of rows otherwise.

use super::super::seam::{HiddenStatistics, Statistics, Step};
use super::super::update::Update;
use super::super::{BitMatrix, LANES, Parameters};
use super::batch::{RecentBatches, VisibleBatch};
use super::counts::CountChange;
use super::isa::Kernels;
use super::kernels::{BLOCK, CountUpdate, Side, TILE};
use super::lanes::Lanes;
use super::layout::{Layout, TILE_UNITS, bias_blocks, bias_tiles, row_major, weight_tiles};
use super::threads::{for_each_chunk, for_each_pair, worth_dividing};

/// Visible units whose weights to one tile are updated by one task.
const UPDATE_UNITS: usize = 256;

/// What updates keep from one to the next.
#[derive(Clone, Debug, Default)]
pub(super) struct Gradient {
    /// The last changes; empty until momentum is first used.
    velocity: Velocity,
    /// Whether no weight can be −0, so that adding a gradient of 0 changes nothing and may be left out.
    without_negative_zeros: bool,
    /// Hidden values by tiles, of either side; kept to save allocations.
    hidden: [Vec<[Lanes; TILE]>; 2],
}

/// The last changes of the parameters, laid out as [`Layout`] does.
#[derive(Clone, Debug, Default)]
struct Velocity {
    tiles: Vec<[Lanes; TILE]>,
    visible_bias: Vec<[Lanes; BLOCK]>,
    hidden_bias: Vec<[Lanes; TILE]>,
}

impl Gradient {
    /// The last changes, row-major; `None` until momentum is first used.
    pub(super) fn velocity(&self, layout: &Layout) -> Option<Parameters> {
        let Velocity { tiles, visible_bias, hidden_bias } = &self.velocity;
        let shape = (layout.visible(), layout.hidden());
        (!tiles.is_empty()).then(|| row_major(shape, tiles, visible_bias, hidden_bias))
    }

    /// Go on from what [`Self::velocity`] returned, with whatever weights: any of them may be −0.
    pub(super) fn restore(&mut self, velocity: Option<&Parameters>) {
        self.velocity = velocity.map_or_else(Velocity::default, |velocity| Velocity {
            tiles: weight_tiles(velocity),
            visible_bias: bias_blocks(&velocity.visible_bias),
            hidden_bias: bias_tiles(&velocity.hidden_bias),
        });
        self.without_negative_zeros = false;
    }

    /// Change the parameters by one step. Visible states are looked up in `recent`.
    pub(super) fn step(
        &mut self,
        kernels: Kernels,
        layout: &mut Layout,
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
        let places = [data, model].map(|side| recent.place(kernels, side.visible));
        for place in places {
            recent.at_mut(place).sort_by_unit();
        }
        let batches = places.map(|place| recent.at(place));
        self.sum(kernels, layout, batches, [data.hidden, model.hidden], update, momentum);
    }

    /// Sampled rows: one column of bits holds both sides, and counting bits gives the gradient.
    fn count(
        &mut self,
        kernels: Kernels,
        layout: &mut Layout,
        visible: [&BitMatrix; 2],
        hidden: [&BitMatrix; 2],
        update: CountUpdate,
    ) {
        // Where neither side has a unit on, its weights change by 0 · scale.
        let sparse = self.without_negative_zeros && update.decay == 0.0 && update.scale.is_finite();
        self.without_negative_zeros |= update.scale.is_sign_positive();
        layout.change_by_counts(kernels, |change| change.gather(kernels, visible, hidden, update, sparse));
    }

    /// Any statistics: for each visible unit the sums of the hidden rows in which it is on.
    fn sum(
        &mut self,
        kernels: Kernels,
        layout: &mut Layout,
        batches: [&VisibleBatch; 2],
        hidden: [HiddenStatistics; 2],
        update: Update,
        momentum: bool,
    ) {
        let rows = batches.map(|batch| batch.states.rows());
        for side in 0..2 {
            by_tiles(hidden[side], layout, rows[side], &mut self.hidden[side]);
        }
        let (units, tile_count) = (layout.visible(), layout.tile_count());
        let hidden = [&self.hidden[0], &self.hidden[1]];
        let side = |side: usize, tile: usize| Side {
            rows: &batches[side].units,
            hidden: &hidden[side][tile * rows[side]..][..rows[side]],
        };
        let total: usize = batches.iter().map(|batch| batch.rows.total()).sum();
        let parallel = worth_dividing((total + 2 * units) * tile_count * TILE);
        let work = |tile: usize, index: usize, weights: &mut [[Lanes; TILE]], velocity: &mut [[Lanes; TILE]]| {
            let first = index * UPDATE_UNITS;
            let range = first..first + weights.len();
            kernels.update_sums(weights, velocity, range, side(0, tile), side(1, tile), update);
        };
        if momentum {
            let tiles = (layout.tiles_mut(), units);
            for_each_pair(parallel, tiles, (&mut self.velocity.tiles, units), |tile, weights, velocity| {
                let (weights, velocity) = ((weights, UPDATE_UNITS), (velocity, UPDATE_UNITS));
                for_each_pair(parallel, weights, velocity, |index, weights, velocity| {
                    work(tile, index, weights, velocity);
                });
            });
        } else {
            for_each_chunk(parallel, layout.tiles_mut(), units, |tile, weights| {
                for_each_chunk(parallel, weights, UPDATE_UNITS, |index, weights| work(tile, index, weights, &mut []));
            });
        }

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
                    side(index, tile).hidden.iter().for_each(|values| sum.add(&values[lane]));
                    sum
                });
                let velocity =
                    self.velocity.hidden_bias.get_mut(tile).map_or(&mut unused[lane], |tile| &mut tile[lane]);
                biases.apply(&mut bias.0, &mut velocity.0, &sums[0].0, &sums[1].0);
            }
        }
    }
}

impl Velocity {
    fn prepare(&mut self, layout: &Layout) {
        self.tiles.resize(layout.tile_count() * layout.visible(), [Lanes::ZERO; TILE]);
        self.visible_bias.resize(layout.block_count(), [Lanes::ZERO; BLOCK]);
        self.hidden_bias.resize(layout.tile_count(), [Lanes::ZERO; TILE]);
    }
}

/// values (tile × row × 64) ← hidden states or probabilities.
fn by_tiles(hidden: HiddenStatistics, layout: &Layout, rows: usize, values: &mut Vec<[Lanes; TILE]>) {
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
