//! The packed engine: products with states, which stay bits, are sums of selected rows of weights.
//!
//! The README beside this file says in which order sums run, why the layouts are what they are, and what bounds the
//! speed.

#![expect(
    clippy::inline_always,
    reason = "kernels must be inlined into the functions that are compiled for an instruction set"
)]

mod batch;
mod counts;
mod gradient;
mod isa;
mod kernels;
mod lanes;
mod layout;
mod lists;
mod passes;
mod probe;
mod product;
mod simd;
mod threads;

pub use isa::{ISA_VARIABLE, Isa, IsaError};
pub(super) use passes::TABLES_FROM_ROWS;
pub use probe::Probe;
pub use product::{ProductKernels, join_if_worth};
pub use threads::keep_awake;

use super::bits::BitMatrix;
use super::contract::{Draw, Engine, GibbsStep, Products, RowOffsets, Rule, Statistics, Step, advance_one_by_one};
use super::parameters::Parameters;
use super::random::{LANES, RowStreams};
use batch::RecentBatches;
use gradient::Gradient;
use isa::Kernels;
use kernels::TILE;
pub(super) use kernels::TILE_UNITS;
use lanes::{Lanes, StreamState, copy_out};
use layout::{WeightLayout, lanes_in_use, last_word_mask};
use lists::PART_UNITS;
use passes::{ChainPass, DownPass, DownScratch};
use threads::{for_each_chunk, worth_dividing};

/// Rows that one task of the up pass takes.
const UP_ROWS: usize = 64;
/// The cost of sampling one lane, in additions of lanes.
pub(super) const SAMPLING_COST: usize = 30;
/// Units on in a part from which dividing lists into parts pays.
const PARTS_FROM_ONES: usize = 24;

/// Sums of selected rows of weights, by the instruction set at hand.
#[derive(Clone, Debug)]
pub struct PackedEngine {
    kernels: Kernels,
    layout: WeightLayout,
    gradient: Gradient,
    /// The number of changes so far: remembered inputs of another number are out of date.
    generation: u64,
    recent: RecentBatches,
    /// Kept between calls to save allocations.
    down_scratch: DownScratch,
    inputs: Vec<f32>,
}

impl PackedEngine {
    /// Returns an engine that starts from `parameters` and uses the instruction set that [`Isa::detect`] finds.
    pub fn new(parameters: &Parameters) -> Result<Self, IsaError> {
        Self::with_isa(parameters, Isa::detect()?)
    }

    /// Returns an engine that starts from `parameters` and uses the given instruction set.
    pub fn with_isa(parameters: &Parameters, isa: Isa) -> Result<Self, IsaError> {
        Ok(Self {
            kernels: Kernels::new(isa)?,
            layout: WeightLayout::new(parameters),
            gradient: Gradient::default(),
            generation: 0,
            recent: RecentBatches::default(),
            down_scratch: DownScratch::default(),
            inputs: Vec::new(),
        })
    }

    /// Returns the instruction set in use.
    pub fn isa(&self) -> Isa {
        self.kernels.isa()
    }

    /// Returns the place among the recent batches where the hidden inputs of these states stand.
    fn up(&mut self, visible: &BitMatrix) -> usize {
        let (kernels, layout) = (self.kernels, &self.layout);
        assert_eq!(visible.columns(), layout.visible(), "columns of the visible states and visible units");
        let place = self.recent.place(kernels, visible);
        let batch = self.recent.at_mut(place);
        if batch.inputs_generation == Some(self.generation) {
            return place;
        }
        batch.inputs_generation = Some(self.generation);
        let rows = visible.rows();
        if batch.inputs.len() != layout.tile_count() * rows {
            batch.inputs.clear();
            batch.inputs.resize(layout.tile_count() * rows, [Lanes::ZERO; TILE]);
        }
        if rows == 0 {
            return place;
        }
        let parallel = worth_dividing(batch.rows.total() * layout.tile_count() * TILE);
        // Where many units are on, stretches of weights are kept in the first-level cache for all rows. The order of
        // additions stays the same.
        let in_parts = batch.rows.total() * PART_UNITS >= rows * layout.visible() * PARTS_FROM_ONES;
        if in_parts {
            batch.divide();
        }
        let (lists, parts) = (&batch.rows, &batch.parts);
        for_each_chunk(parallel, &mut batch.inputs, rows, |tile, inputs| {
            let (weights, bias) = (layout.tile(tile), &layout.hidden_bias[tile]);
            for_each_chunk(parallel, inputs, UP_ROWS, |index, inputs| {
                let first = index * UP_ROWS;
                if in_parts {
                    inputs.fill(*bias);
                    for part in 0..parts.count() {
                        kernels.sum_parts(weights, (lists, parts), (part, first), inputs);
                    }
                } else {
                    kernels.sum_tile_lists(weights, lists, first, bias, inputs);
                }
            });
        });
        place
    }

    /// Draws hidden states (row × tile) from the inputs at `place`. `sample` draws some rows' units of one tile; it is told
    /// the first of the rows and of the units.
    fn draw_hidden(
        &self,
        place: usize,
        streams: RowStreams,
        hidden: &mut BitMatrix,
        sample: impl Fn((usize, usize), &[[Lanes; TILE]], &mut [StreamState], &mut [u64]) + Send + Sync,
    ) {
        let (kernels, tile_count, rows) = (self.kernels, self.layout.tile_count(), hidden.rows());
        let last = last_word_mask(self.layout.hidden());
        let sums = &self.recent.at(place).inputs;
        let parallel = worth_dividing(rows * tile_count * TILE * SAMPLING_COST);
        for_each_chunk(parallel, hidden.words_mut(), UP_ROWS * tile_count, |index, words| {
            let (first, count) = (index * UP_ROWS, words.len() / tile_count);
            let mut states = [StreamState::ZERO; UP_ROWS];
            let states = &mut states[..count];
            kernels.seed(streams, first, states);
            let mut bits = [0; UP_ROWS];
            for tile in 0..tile_count {
                let inputs = &sums[tile * rows + first..][..count];
                sample((first, tile * TILE_UNITS), inputs, states, &mut bits[..count]);
                let mask = if tile + 1 == tile_count { last } else { !0 };
                for (row, bits) in bits[..count].iter().enumerate() {
                    words[row * tile_count + tile] = bits & mask;
                }
            }
        });
    }

    /// Returns the down pass from these hidden states.
    fn down(&mut self, hidden: &BitMatrix) -> DownPass<'_> {
        DownPass::new(self.kernels, &mut self.layout, &mut self.down_scratch, hidden)
    }
}

impl Engine for PackedEngine {
    fn visible(&self) -> usize {
        self.layout.visible()
    }

    fn hidden(&self) -> usize {
        self.layout.hidden()
    }

    fn parameters(&self) -> Parameters {
        self.layout.parameters()
    }

    fn parameters_are_finite(&self) -> bool {
        self.layout.is_finite()
    }

    fn add_parameters_to(&self, sums: &mut [f64]) {
        self.layout.add_parameters_to(sums);
    }

    fn velocity(&self) -> Option<Parameters> {
        self.gradient.velocity(&self.layout)
    }

    fn restore(&mut self, parameters: &Parameters, velocity: Option<&Parameters>) {
        self.layout.parameters().assert_same_shape(parameters);
        self.layout = WeightLayout::new(parameters);
        self.gradient.restore(velocity);
        self.generation += 1;
    }

    fn set_visible_bias(&mut self, bias: &[f32]) {
        self.layout.set_visible_bias(bias);
    }

    fn hidden_inputs(&mut self, visible: &BitMatrix, inputs: &mut Vec<f32>) {
        let place = self.up(visible);
        let (rows, hidden) = (visible.rows(), self.hidden());
        inputs.clear();
        inputs.resize(rows * hidden, 0.0);
        let sums = &self.recent.at(place).inputs;
        for (row, inputs) in inputs.chunks_mut(hidden).enumerate() {
            for (tile, inputs) in inputs.chunks_mut(TILE_UNITS).enumerate() {
                copy_out(&sums[tile * rows + row], inputs);
            }
        }
    }

    fn visible_inputs(&mut self, hidden: &BitMatrix, inputs: &mut Vec<f32>) {
        self.down(hidden).inputs(inputs);
    }

    fn add_softplus_changes_with(
        &mut self,
        visible: &BitMatrix,
        offsets: Option<RowOffsets>,
        temperatures: (f64, f64),
        changes: &mut [f64],
    ) {
        assert_eq!(changes.len(), visible.rows(), "numbers to change and rows");
        let mut inputs = std::mem::take(&mut self.inputs);
        self.hidden_inputs_with(visible, offsets, &mut inputs);
        self.kernels.softplus_changes(&inputs, self.hidden(), temperatures, changes);
        self.inputs = inputs;
    }

    fn hidden_probabilities_with(
        &mut self,
        visible: &BitMatrix,
        offsets: Option<RowOffsets>,
        probabilities: &mut Vec<f32>,
    ) {
        self.hidden_inputs_with(visible, offsets, probabilities);
        let parallel = worth_dividing(probabilities.len());
        for_each_chunk(parallel, probabilities, UP_ROWS * LANES * TILE, |_, values| self.kernels.sigmoids(values));
    }

    fn sample_hidden(&mut self, visible: &BitMatrix, draw: Draw, hidden: &mut BitMatrix) {
        let place = self.up(visible);
        let (kernels, beta, units) = (self.kernels, draw.inverse_temperature, self.hidden());
        hidden.reset(visible.rows(), self.hidden());
        match draw.offsets {
            None => self.draw_hidden(place, draw.streams, hidden, |first, inputs, states, bits| {
                kernels.sample_tile(inputs, lanes_in_use::<TILE>(first.1 / TILE_UNITS, units), beta, states, bits);
            }),
            Some(offsets) => {
                offsets.check(visible.rows(), self.hidden());
                self.draw_hidden(place, draw.streams, hidden, |first, inputs, states, bits| {
                    // Remembered inputs stay as they are: the offsets are added to a copy.
                    let mut inputs = inputs.to_vec();
                    kernels.add_offsets_to_tile(offsets, first, &mut inputs);
                    kernels.sample_tile(&inputs, lanes_in_use::<TILE>(first.1 / TILE_UNITS, units), beta, states, bits);
                });
            }
        }
    }

    fn sample_visible(&mut self, hidden: &BitMatrix, draw: Draw, visible: &mut BitMatrix) {
        self.down(hidden).sample(draw, visible);
    }

    fn advance(&mut self, steps: &[GibbsStep], visible: &mut BitMatrix, hidden: &mut BitMatrix) {
        let Some((first, later)) = steps.split_first() else { return };
        if let Some(draw) = first.hidden {
            self.sample_hidden(visible, draw, hidden);
        }
        if let Some(pass) = ChainPass::new(self.kernels, &mut self.layout, hidden, steps.len()) {
            pass.run(steps, visible, hidden);
        } else {
            self.sample_visible(hidden, first.visible, visible);
            advance_one_by_one(self, later, visible, hidden);
        }
    }

    fn step(&mut self, data: &Statistics, model: &Statistics, step: &Step) {
        for statistics in [data, model] {
            assert_eq!(statistics.visible.columns(), self.visible(), "columns of the visible states and visible units");
        }
        self.generation += 1;
        self.gradient.step(self.kernels, &mut self.layout, &mut self.recent, [data, model], step);
    }

    fn step_by_rule(&mut self, products: &Products, rule: &Rule) {
        self.generation += 1;
        self.gradient.step_by_rule(self.kernels, &mut self.layout, &mut self.recent, products, rule);
    }

    fn visible_bias(&self) -> Vec<f32> {
        let mut bias = vec![0.0; self.visible()];
        copy_out(self.layout.visible_bias.as_flattened(), &mut bias);
        bias
    }
}

#[cfg(test)]
mod tests;
