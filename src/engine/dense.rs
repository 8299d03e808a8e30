//! The dense engine, the baseline for faster ones: bits expanded to floats, multiplied by `matrixmultiply`.
//!
//! Its bits do not depend on the instruction set that `matrixmultiply` finds. One factor of every product is 0 or 1, so
//! a product is exact and fusing it with the addition changes nothing; every kernel of the pinned version sums along
//! the inner dimension in ascending order within blocks of the same length. Work is divided over threads in blocks of
//! output rows of a fixed size, and no output depends on the block it falls into.

use super::bits::BitMatrix;
use super::contract::{Draw, Engine, HiddenStatistics, Products, RowOffsets, Rule, Statistics, Step};
use super::math::{fires, sigmoid};
use super::parameters::Parameters;
use super::random::{LANES, UnitStream};
use super::update::{Update, Velocity};
use rayon::prelude::*;

/// Rows of the batch that one task multiplies.
const BATCH_BLOCK: usize = 32;
/// Visible units whose weights one task updates.
const VISIBLE_BLOCK: usize = 256;

/// Dense products over fixed row blocks.
#[derive(Clone, Debug)]
pub struct DenseEngine {
    parameters: Parameters,
    velocity: Velocity,
    /// Expanded operands and products, kept between calls to save allocations.
    scratch: Scratch,
}

#[derive(Clone, Debug, Default)]
struct Scratch {
    expanded: Vec<f32>,
    inputs: Vec<f32>,
    positive: Expanded,
    negative: Expanded,
}

/// The statistics of one batch as floats, with their sums over the batch.
#[derive(Clone, Debug, Default)]
struct Expanded {
    visible: Vec<f32>,
    hidden: Vec<f32>,
    visible_sums: Vec<f32>,
    hidden_sums: Vec<f32>,
}

impl DenseEngine {
    /// Returns an engine that starts from `parameters`.
    pub fn new(parameters: Parameters) -> Self {
        Self { parameters, velocity: Velocity::default(), scratch: Scratch::default() }
    }
}

impl Engine for DenseEngine {
    fn visible(&self) -> usize {
        self.parameters.visible
    }

    fn hidden(&self) -> usize {
        self.parameters.hidden
    }

    fn parameters(&self) -> Parameters {
        self.parameters.clone()
    }

    fn parameters_are_finite(&self) -> bool {
        self.parameters.is_finite()
    }

    fn velocity(&self) -> Option<Parameters> {
        self.velocity.to_parameters(self.parameters.visible, self.parameters.hidden)
    }

    fn restore(&mut self, parameters: &Parameters, velocity: Option<&Parameters>) {
        self.parameters.assert_same_shape(parameters);
        self.parameters.clone_from(parameters);
        self.velocity = Velocity::of(velocity);
    }

    fn set_visible_bias(&mut self, bias: &[f32]) {
        self.parameters.visible_bias.copy_from_slice(bias);
    }

    fn hidden_inputs(&mut self, visible: &BitMatrix, inputs: &mut Vec<f32>) {
        let parameters = &self.parameters;
        assert_eq!(visible.columns(), parameters.visible, "columns of the visible states and visible units");
        expand(visible, &mut self.scratch.expanded);
        let weights = Matrix { values: &parameters.weights, strides: (parameters.hidden, 1) };
        inputs_from(
            &self.scratch.expanded,
            visible.rows(),
            parameters.visible,
            weights,
            &parameters.hidden_bias,
            inputs,
        );
    }

    fn visible_inputs(&mut self, hidden: &BitMatrix, inputs: &mut Vec<f32>) {
        let parameters = &self.parameters;
        assert_eq!(hidden.columns(), parameters.hidden, "columns of the hidden states and hidden units");
        expand(hidden, &mut self.scratch.expanded);
        let transposed = Matrix { values: &parameters.weights, strides: (1, parameters.hidden) };
        inputs_from(
            &self.scratch.expanded,
            hidden.rows(),
            parameters.hidden,
            transposed,
            &parameters.visible_bias,
            inputs,
        );
    }

    fn hidden_probabilities_with(
        &mut self,
        visible: &BitMatrix,
        offsets: Option<RowOffsets>,
        probabilities: &mut Vec<f32>,
    ) {
        self.hidden_inputs_with(visible, offsets, probabilities);
        probabilities.par_chunks_mut(BATCH_BLOCK * self.hidden()).for_each(|block| {
            for value in block {
                *value = sigmoid(*value);
            }
        });
    }

    fn sample_hidden(&mut self, visible: &BitMatrix, draw: Draw, hidden: &mut BitMatrix) {
        let mut inputs = std::mem::take(&mut self.scratch.inputs);
        self.hidden_inputs_with(visible, draw.offsets, &mut inputs);
        sample(&inputs, visible.rows(), self.hidden(), draw, hidden);
        self.scratch.inputs = inputs;
    }

    fn sample_visible(&mut self, hidden: &BitMatrix, draw: Draw, visible: &mut BitMatrix) {
        let mut inputs = std::mem::take(&mut self.scratch.inputs);
        self.visible_inputs_with(hidden, draw.offsets, &mut inputs);
        sample(&inputs, hidden.rows(), self.visible(), draw, visible);
        self.scratch.inputs = inputs;
    }

    fn step(&mut self, data: &Statistics, model: &Statistics, step: &Step) {
        let (visible, hidden) = (self.visible(), self.hidden());
        self.velocity.prepare(step, visible, hidden);
        let Scratch { positive, negative, .. } = &mut self.scratch;
        positive.fill(data, hidden);
        negative.fill(model, hidden);
        let (positive, negative) = (&*positive, &*negative);
        let (data_rows, model_rows) = (data.visible.rows(), model.visible.rows());
        let update = Update::new(step, data_rows, model_rows);
        let (parameters, velocity) = (&mut self.parameters, &mut self.velocity);

        let block = VISIBLE_BLOCK * hidden;
        let weights = parameters.weights.par_chunks_mut(block).enumerate();
        let update_block = |first: usize, weights: &mut [f32], velocity: &mut [f32]| {
            let units = weights.len() / hidden;
            let mut sums = [vec![0.0; weights.len()], vec![0.0; weights.len()]];
            positive.products(first, units, visible, hidden, data_rows, &mut sums[0]);
            negative.products(first, units, visible, hidden, model_rows, &mut sums[1]);
            update.apply(weights, velocity, &sums[0], &sums[1]);
        };
        if velocity.weights.is_empty() {
            weights.for_each(|(index, weights)| update_block(index * VISIBLE_BLOCK, weights, &mut []));
        } else {
            weights
                .zip(velocity.weights.par_chunks_mut(block))
                .for_each(|((index, weights), velocity)| update_block(index * VISIBLE_BLOCK, weights, velocity));
        }
        let biases = update.without_decay();
        let (positive, negative) = (positive, negative);
        biases.apply(
            &mut parameters.visible_bias,
            &mut velocity.visible_bias,
            &positive.visible_sums,
            &negative.visible_sums,
        );
        biases.apply(
            &mut parameters.hidden_bias,
            &mut velocity.hidden_bias,
            &positive.hidden_sums,
            &negative.hidden_sums,
        );
    }

    fn step_by_rule(&mut self, products: &Products, rule: &Rule) {
        let (visible, hidden) = (self.visible(), self.hidden());
        let mut gradient = vec![0.0; visible * hidden];
        match products {
            Products::Estimated { data, model } => {
                let Scratch { positive, negative, .. } = &mut self.scratch;
                positive.fill(data, hidden);
                negative.fill(model, hidden);
                let (positive, negative) = (&*positive, &*negative);
                let (data_rows, model_rows) = (data.visible.rows(), model.visible.rows());
                let update = Update::gradient(data_rows, model_rows);
                gradient.par_chunks_mut(VISIBLE_BLOCK * hidden).enumerate().for_each(|(index, gradient)| {
                    let (first, units) = (index * VISIBLE_BLOCK, gradient.len() / hidden);
                    let mut sums = [vec![0.0; gradient.len()], vec![0.0; gradient.len()]];
                    positive.products(first, units, visible, hidden, data_rows, &mut sums[0]);
                    negative.products(first, units, visible, hidden, model_rows, &mut sums[1]);
                    update.apply(gradient, &mut [], &sums[0], &sums[1]);
                });
            }
            Products::Given(products) => gradient.copy_from_slice(products),
        }
        rule.apply(&mut self.parameters, &mut self.velocity, &mut gradient);
    }

    fn visible_bias(&self) -> Vec<f32> {
        self.parameters.visible_bias.clone()
    }
}

impl Expanded {
    fn fill(&mut self, statistics: &Statistics, hidden: usize) {
        expand(statistics.visible, &mut self.visible);
        match statistics.hidden {
            HiddenStatistics::Samples(samples) => expand(samples, &mut self.hidden),
            HiddenStatistics::Probabilities(probabilities) => {
                self.hidden.clear();
                self.hidden.extend_from_slice(probabilities);
            }
        }
        column_sums(&self.visible, statistics.visible.columns(), &mut self.visible_sums);
        column_sums(&self.hidden, hidden, &mut self.hidden_sums);
    }

    /// products (units × hidden) ← vᵀ h for the visible units from `first` on.
    fn products(&self, first: usize, units: usize, visible: usize, hidden: usize, rows: usize, products: &mut [f32]) {
        if rows == 0 {
            return;
        }
        let transposed = Matrix { values: &self.visible[first..], strides: (1, visible) };
        let samples = Matrix { values: &self.hidden, strides: (hidden, 1) };
        multiply_add(transposed, samples, (units, rows, hidden), 0.0, products);
    }
}

/// sums (columns) ← the sum of all rows, in ascending order.
fn column_sums(values: &[f32], columns: usize, sums: &mut Vec<f32>) {
    sums.clear();
    sums.resize(columns, 0.0);
    for row in values.chunks_exact(columns) {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += value;
        }
    }
}

/// Writes one float a bit, row-major.
fn expand(bits: &BitMatrix, floats: &mut Vec<f32>) {
    floats.clear();
    floats.resize(bits.rows() * bits.columns(), 0.0);
    for row in 0..bits.rows() {
        let floats = &mut floats[row * bits.columns()..][..bits.columns()];
        for column in bits.ones(row) {
            floats[column] = 1.0;
        }
    }
}

/// inputs (rows × bias.len()) ← states (rows × inner) · matrix (inner × bias.len()) + bias.
fn inputs_from(states: &[f32], rows: usize, inner: usize, matrix: Matrix, bias: &[f32], inputs: &mut Vec<f32>) {
    let columns = bias.len();
    inputs.clear();
    inputs.resize(rows * columns, 0.0);
    inputs.par_chunks_mut(BATCH_BLOCK * columns).enumerate().for_each(|(index, block)| {
        for row in block.chunks_exact_mut(columns) {
            row.copy_from_slice(bias);
        }
        let rows = block.len() / columns;
        let states = Matrix { values: &states[index * BATCH_BLOCK * inner..], strides: (inner, 1) };
        multiply_add(states, matrix, (rows, inner, columns), 1.0, block);
    });
}

/// A matrix to read, with the distance between rows and between columns.
#[derive(Clone, Copy)]
struct Matrix<'a> {
    values: &'a [f32],
    strides: (usize, usize),
}

impl Matrix<'_> {
    fn holds(&self, rows: usize, columns: usize) -> bool {
        (rows - 1) * self.strides.0 + (columns - 1) * self.strides.1 < self.values.len()
    }
}

/// c (m × n, row-major) ← a (m × k) · b (k × n) + beta · c.
fn multiply_add(a: Matrix, b: Matrix, (m, k, n): (usize, usize, usize), beta: f32, c: &mut [f32]) {
    assert!(m > 0 && k > 0 && n > 0, "empty product {m} × {k} × {n}");
    assert!(a.holds(m, k), "left factor of {} values is not {m} × {k}", a.values.len());
    assert!(b.holds(k, n), "right factor of {} values is not {k} × {n}", b.values.len());
    assert_eq!(c.len(), m * n, "product of {m} × {n}");
    // SAFETY: the assertions above show that every index i·strides.0 + j·strides.1 of the two factors lies within its
    // slice, and that c is exactly m × n with rows of n; c is borrowed mutably, so it overlaps neither factor.
    unsafe {
        matrixmultiply::sgemm(
            m,
            k,
            n,
            1.0,
            a.values.as_ptr(),
            a.strides.0 as isize,
            a.strides.1 as isize,
            b.values.as_ptr(),
            b.strides.0 as isize,
            b.strides.1 as isize,
            beta,
            c.as_mut_ptr(),
            n as isize,
            1,
        );
    }
}

/// Draws states (rows × columns) ~ Bernoulli(σ(β · inputs)), rows in parallel.
fn sample(inputs: &[f32], rows: usize, columns: usize, draw: Draw, states: &mut BitMatrix) {
    states.reset(rows, columns);
    let words = states.words_per_row();
    states.words_mut().par_chunks_mut(words).with_min_len(4).zip(inputs.par_chunks(columns)).enumerate().for_each(
        |(row, (states, inputs))| {
            sample_row(inputs, draw.inverse_temperature, draw.streams.row(row), states);
        },
    );
}

/// Draws one row of [`sample`]: the lanes of the stream side by side with 16 units.
fn sample_row(inputs: &[f32], inverse_temperature: f32, mut stream: UnitStream, states: &mut [u64]) {
    for (word, inputs) in states.iter_mut().zip(inputs.chunks(64)) {
        for (group, inputs) in inputs.chunks(LANES).enumerate() {
            let mut bits = 0u64;
            for (lane, &input) in inputs.iter().enumerate() {
                bits |= u64::from(fires(input * inverse_temperature, stream.next_u32())) << lane;
            }
            *word |= bits << (group * LANES);
        }
    }
}
/// Returns the set that the pinned version of `matrixmultiply` chooses for products of f32 on this processor.
pub(super) fn instruction_set() -> &'static str {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    {
        use std::arch::is_x86_feature_detected;
        if is_x86_feature_detected!("avx512f") {
            return "avx512";
        }
        if is_x86_feature_detected!("fma") && is_x86_feature_detected!("avx2") {
            return "avx2 and fma";
        }
        if is_x86_feature_detected!("avx") {
            return "avx";
        }
    }
    if cfg!(target_arch = "aarch64") { "neon" } else { "as compiled" }
}
