//! The learner of an RNN-RBM: contrastive divergence of whole songs, back through time.

use super::gradient::{Differences, NetworkGradient};
use super::initial::initial_network;
use super::model::RnnRbm;
use super::network::{Network, Prepared, States, transposed};
use super::sequences::{Sequence, batches};
use crate::engine::{
    BitMatrix, Engine, HiddenStatistics, Isa, ProductKernels, Products, Purpose, RowStreams, Rule, SparseRows,
    Statistics, Step, join_if_worth,
};
use crate::model::contract::{Context, Learner, LearnerError, Model};
use crate::model::gibbs::{GibbsStreams, Offsets, advance_from_hidden, advance_from_visible};
use crate::model::options::ModelOptions;
use crate::model::rbm::{Gradient, as_numbers, initial_parameters};
use crate::model::tensors::{TensorError, TensorReader, Tensors};
use crate::model::training::optimizer::{Adam, Moments, Rate};
use crate::train::{Method, PositiveSample, StatisticsKind, TrainOptions, TrainingSet};
use std::ops::Range;

/// A learner that trains one RNN-RBM on the songs of a corpus.
pub struct RnnRbmLearner<'a> {
    set: TrainingSet<'a>,
    options: &'a TrainOptions,
    seed: u64,
    model: RnnRbm,
    velocity: Network,
    /// Wuv (recurrent × visible), of which the network keeps the transpose; out of date unless `settled`.
    to_visible: Vec<f32>,
    /// The gradient of the latest update, and room for the next.
    gradient: NetworkGradient,
    /// True once an update without Adam has passed over all parameters since they were set: it makes zeros of −0.
    settled: bool,
    /// The moments of all parameters, under Adam.
    moments: Option<Moments>,
    /// One fantasy for every training frame (frames × visible), under pcd.
    fantasies: Option<BitMatrix>,
    epoch: u64,
    batches: Vec<Vec<Sequence>>,
}

/// The sides of the gradient of one update.
struct Sides {
    data: Hidden,
    fantasies: BitMatrix,
    model: Hidden,
}

/// The hidden half of a side: states, or probabilities (frames × hidden).
enum Hidden {
    Samples(BitMatrix),
    Probabilities(Vec<f32>),
}

impl Hidden {
    fn statistics<'a>(&'a self, visible: &'a BitMatrix) -> Statistics<'a> {
        let hidden = match self {
            Self::Samples(samples) => HiddenStatistics::Samples(samples),
            Self::Probabilities(probabilities) => HiddenStatistics::Probabilities(probabilities),
        };
        Statistics { visible, hidden }
    }

    /// Returns the states or probabilities as numbers (frames × hidden).
    fn numbers(&self) -> Vec<f32> {
        match self {
            Self::Samples(samples) => as_numbers(samples),
            Self::Probabilities(probabilities) => probabilities.clone(),
        }
    }
}

/// The frames of a batch, as the network reads them and as the biases see its states.
struct Batch {
    frames: BitMatrix,
    /// The frames without those units that dropout hides.
    read: SparseRows,
    sequences: Vec<Range<usize>>,
    from_initial: Vec<bool>,
    before: Vec<f32>,
    seen: Vec<f32>,
    masks: Option<Vec<f32>>,
    scale: f32,
    context: Context,
}

impl<'a> RnnRbmLearner<'a> {
    /// Returns a learner at the state before the first update. Everything drawn is a function of `seed`; the
    /// instruction set changes no bit. `pretrained` are W, b and c to start from. An error if this processor lacks the
    /// instruction set.
    pub fn new(
        set: TrainingSet<'a>,
        model: &ModelOptions,
        options: &'a TrainOptions,
        seed: u64,
        isa: Isa,
        pretrained: Option<&Tensors>,
    ) -> Result<Self, LearnerError> {
        let trained = set.trained_windows(options);
        let visible = set.windows.columns();
        let parameters = match pretrained {
            Some(tensors) => TensorReader::new(tensors).parameters("", (visible, model.hidden))?,
            None => initial_parameters(model, set.windows, &trained, seed),
        };
        let network = initial_network((visible, model.hidden, model.recurrent), model.recurrent_std, seed);
        let velocity = Network::zeros(visible, model.hidden, model.recurrent);
        let count = network.arrays().iter().map(|array| array.len()).sum::<usize>()
            + parameters.weights.len()
            + visible
            + model.hidden;
        let model = RnnRbm::new(parameters, network, options.engine, isa)?;
        Ok(Self {
            set,
            options,
            seed,
            to_visible: Vec::new(),
            gradient: NetworkGradient::new(visible, model.network.hidden, model.network.recurrent),
            settled: false,
            model,
            velocity,
            moments: Moments::under(options, count),
            fantasies: (options.method == Method::Pcd).then(|| set.windows.clone()),
            epoch: 0,
            batches: Vec::new(),
        })
    }

    /// Gathers the frames of a batch and passes the network over them.
    fn batch(&self, batch: &[Sequence], streams: &dyn Fn(Purpose) -> RowStreams) -> Batch {
        let rows: Vec<usize> = batch.iter().flat_map(|sequence| sequence.frames.clone()).collect();
        let frames = self.set.windows.gather(&rows);
        let mut sequences = Vec::with_capacity(batch.len());
        for Sequence { frames, .. } in batch {
            let start = sequences.last().map_or(0, |last: &Range<usize>| last.end);
            sequences.push(start..start + frames.len());
        }
        let network = self.prepared();
        let units = self.model.network.recurrent;
        let dropout = self.options.dropout;
        let scale = (1.0 / (1.0 - dropout)) as f32;
        let mut read = SparseRows::default();
        if dropout == 0.0 {
            read.fill_with_bits(&frames);
        } else {
            read.fill_with_bits(&kept_bits(&frames, dropout, streams(Purpose::DropoutVisible)));
        }
        let starts: Vec<f32> = batch.iter().flat_map(|sequence| self.start_of(sequence)).collect();
        let States { before, .. } = network.pass_over(&read, &sequences, &starts, scale);
        let masks = (dropout > 0.0).then(|| {
            let streams = streams(Purpose::DropoutRecurrent);
            let mut masks = vec![0.0; before.len()];
            for (row, masks) in masks.chunks_exact_mut(units).enumerate() {
                let mut stream = streams.row(row);
                for mask in masks {
                    *mask = if stays(stream.next_u32(), dropout) { scale } else { 0.0 };
                }
            }
            masks
        });
        let seen = match &masks {
            Some(masks) => before.iter().zip(masks).map(|(state, mask)| state * mask).collect(),
            None => before.clone(),
        };
        let context = network.context(&seen);
        let from_initial = batch.iter().map(|sequence| sequence.before.is_empty()).collect();
        Batch { frames, read, sequences, from_initial, before, seen, masks, scale, context }
    }

    fn prepared(&self) -> Prepared<'_> {
        self.model.network.prepared_with(self.model.kernels, &self.to_visible)
    }

    /// Returns the state that a sequence starts from (recurrent).
    fn start_of(&self, sequence: &Sequence) -> Vec<f32> {
        let initial = &self.model.network.initial;
        if sequence.before.is_empty() {
            return initial.clone();
        }
        let earlier = self.set.windows.gather(&sequence.before.clone().collect::<Vec<_>>());
        let all = 0..earlier.rows();
        self.prepared().pass(&earlier, std::slice::from_ref(&all), initial, 1.0).after
    }

    /// Returns both sides of the gradient: hidden units under the data, and under fantasies after the Gibbs steps.
    fn contrast(
        &mut self,
        batch: &Batch,
        rows: &[usize],
        streams: &dyn Fn(Purpose) -> RowStreams,
        chain: &GibbsStreams,
    ) -> Sides {
        let offsets = batch.context.offsets();
        let steps = self.options.gibbs_steps_at(self.epoch);
        let persistent = self.options.method == Method::Pcd;
        let apart = persistent || self.options.positive_sample == PositiveSample::Separate;
        let purpose = if apart { Purpose::PositiveHidden } else { Purpose::ChainHidden };
        let kind = self.options.statistics;
        let engine = self.model.rbm.engine_mut();
        let data = hidden_side(engine, kind, &batch.frames, offsets, streams(purpose));
        let (mut visible, mut hidden) = (BitMatrix::default(), BitMatrix::default());
        if let Some(fantasies) = &self.fantasies {
            fantasies.gather_into(rows, &mut visible);
            advance_from_visible(engine, &mut visible, &mut hidden, steps, chain, offsets);
        } else {
            match &data {
                Hidden::Samples(samples) if !apart => hidden.clone_from(samples),
                _ => engine.sample_hidden(&batch.frames, offsets.of_hidden(chain.hidden_draw(0)), &mut hidden),
            }
            advance_from_hidden(engine, &mut hidden, &mut visible, steps, chain, offsets);
        }
        let model = hidden_side(engine, kind, &visible, offsets, streams(Purpose::NegativeHidden));
        if let Some(fantasies) = &mut self.fantasies {
            for (index, &row) in rows.iter().enumerate() {
                fantasies.row_mut(row).copy_from_slice(visible.row(index));
            }
        }
        Sides { data, fantasies: visible, model }
    }

    /// Changes the parameters along the gradient, which is clipped first. `last` is the place in its song of the batch's
    /// latest chunk, which may bound the step size.
    fn ascend(&mut self, batch: &Batch, sides: &Sides, last: usize) {
        let step = self.step_at(last);
        let rbm_step = Step { learning_rate: step.learning_rate * self.options.rbm_rate as f32, ..step };
        let (data, other) = (sides.data.statistics(&batch.frames), sides.model.statistics(&sides.fantasies));
        let Self { options, model, velocity, moments, gradient, .. } = self;
        let clipped = options.gradient_norm > 0.0 || options.gradient_clip > 0.0;
        let by_engine = !clipped && moments.is_none();
        let RnnRbm { rbm, network, kernels, .. } = model;
        let size = batch.frames.rows() * network.recurrent * network.visible;
        let (by_rbm, ()) = join_if_worth(
            size,
            || {
                if by_engine {
                    rbm.engine_mut().step(&data, &other, &rbm_step);
                    return None;
                }
                Some(Gradient::estimated(&data, &other, network.hidden))
            },
            || batch.gradient_by_network(sides, network, *kernels, gradient),
        );
        let mut scale = 1.0;
        if let Some(mut by_rbm) = by_rbm {
            scale = clip(options, &mut by_rbm, gradient);
            by_rbm.arrays_mut().into_iter().flatten().for_each(|value| *value *= scale);
            if let Some(moments) = moments {
                gradient.for_each_stretch(|values| values.iter_mut().for_each(|value| *value *= scale));
                ascend_by_moments(model, moments, Adam::of(options), (&by_rbm, rbm_step), (&gradient.arrays, step));
                // Adam changes every weight: the next update transposes Wuv anew.
                return;
            }
            let rule = Rule {
                step: rbm_step,
                nesterov: false,
                weight_decay_l1: 0.0,
                outer: &[],
                visible_gradient: &by_rbm.visible_bias,
                hidden_gradient: &by_rbm.hidden_bias,
                offsets: None,
            };
            rbm.engine_mut().step_by_rule(&Products::Given(&by_rbm.weights), &rule);
        }
        let plain = options.momentum == 0.0 && options.initial_momentum == 0.0 && step.weight_decay == 0.0;
        if plain && self.settled {
            network.ascend_plainly(gradient, step.learning_rate * scale);
            let (units, visible) = (network.recurrent, network.visible);
            for &row in gradient.rows()[0].unwrap_or_default() {
                for (unit, &value) in network.to_visible[row * units..][..units].iter().enumerate() {
                    self.to_visible[unit * visible + row] = value;
                }
            }
        } else {
            network.ascend(velocity, &gradient.arrays, scale, &step);
            self.to_visible = transposed(&network.to_visible, network.recurrent);
            self.settled = true;
        }
    }

    /// Returns the step of the network's parameters in an update whose latest chunk begins at frame `last` of its song.
    fn step_at(&self, last: usize) -> Step {
        let Self { options, epoch, .. } = self;
        let rate = options.learning_rate_at(*epoch);
        let bound = if options.rate_by_frame == 0.0 { rate } else { options.rate_by_frame / last as f64 };
        Step {
            learning_rate: rate.min(bound) as f32,
            momentum: options.momentum_at(*epoch) as f32,
            weight_decay: options.weight_decay as f32,
        }
    }
}

impl Batch {
    /// gradient ← that by the parameters of the network, from the differences between both sides.
    fn gradient_by_network(
        &self,
        sides: &Sides,
        network: &Network,
        kernels: ProductKernels,
        gradient: &mut NetworkGradient,
    ) {
        let mut visible = SparseRows::default();
        visible.fill_with_differences(&self.frames, &sides.fantasies);
        let mut hidden = sides.data.numbers();
        hidden.iter_mut().zip(sides.model.numbers()).for_each(|(own, other)| *own -= other);
        let differences = Differences {
            frames: &self.read,
            sequences: &self.sequences,
            from_initial: &self.from_initial,
            before: &self.before,
            seen: &self.seen,
            masks: self.masks.as_deref(),
            scale: self.scale,
            visible: &visible,
            hidden: &hidden,
        };
        differences.gradient(network, kernels, gradient);
    }
}

/// Clips the elements of both parts of a gradient, and returns the factor that brings the norm of the whole within its
/// bound.
fn clip(options: &TrainOptions, by_rbm: &mut Gradient, by_network: &mut NetworkGradient) -> f32 {
    if options.gradient_clip > 0.0 {
        let bound = options.gradient_clip as f32;
        let cut = |values: &mut [f32]| values.iter_mut().for_each(|value| *value = value.clamp(-bound, bound));
        by_rbm.arrays_mut().into_iter().for_each(cut);
        by_network.for_each_stretch(cut);
    }
    if options.gradient_norm == 0.0 {
        return 1.0;
    }
    let norm = norm(by_rbm, &by_network.arrays);
    if norm > options.gradient_norm { (options.gradient_norm / norm) as f32 } else { 1.0 }
}

/// Returns the norm of a gradient, both parts together.
fn norm(by_rbm: &Gradient, by_network: &Network) -> f64 {
    let all = by_rbm.arrays().into_iter().chain(by_network.arrays());
    all.map(sum_of_squares).sum::<f64>().sqrt()
}

/// Makes a step of all parameters by Adam, along each part of the gradient with its own step size. Biases do not decay.
fn ascend_by_moments(
    model: &mut RnnRbm,
    moments: &mut Moments,
    adam: Adam,
    (by_rbm, rbm_step): (&Gradient, Step),
    (by_network, step): (&Network, Step),
) {
    let rate = |step: Step, decays: bool| Rate {
        step: step.learning_rate,
        decay: if decays { step.weight_decay } else { 0.0 },
    };
    let mut parameters = model.rbm.engine().parameters();
    let [weights, visible_bias, hidden_bias] = by_rbm.arrays();
    let mut arrays = vec![
        (parameters.weights.as_mut_slice(), weights, rate(rbm_step, true)),
        (parameters.visible_bias.as_mut_slice(), visible_bias, rate(rbm_step, false)),
        (parameters.hidden_bias.as_mut_slice(), hidden_bias, rate(rbm_step, false)),
    ];
    let of_network = model.network.arrays_mut().into_iter().zip(by_network.arrays()).zip(Network::DECAYS);
    arrays.extend(of_network.map(|((values, gradients), decays)| (values, gradients, rate(step, decays))));
    moments.ascend(adam, &mut arrays);
    model.rbm.engine_mut().restore(&parameters, None);
}

/// Returns the hidden units given visible states: drawn, or their probabilities.
fn hidden_side(
    engine: &mut dyn Engine,
    kind: StatisticsKind,
    visible: &BitMatrix,
    offsets: Offsets,
    streams: RowStreams,
) -> Hidden {
    match kind {
        StatisticsKind::Samples => {
            let mut samples = BitMatrix::default();
            engine.sample_hidden(visible, offsets.of_hidden(crate::engine::Draw::plain(streams)), &mut samples);
            Hidden::Samples(samples)
        }
        StatisticsKind::Probabilities => {
            let mut probabilities = Vec::new();
            engine.hidden_probabilities_with(visible, offsets.hidden, &mut probabilities);
            Hidden::Probabilities(probabilities)
        }
    }
}

/// Returns the sum of squares in f64, as the sum of eight sums of every eighth number each.
fn sum_of_squares(values: &[f32]) -> f64 {
    let mut sums = [0.0; 8];
    for values in values.chunks(8) {
        sums.iter_mut().zip(values).for_each(|(sum, &value)| *sum += f64::from(value) * f64::from(value));
    }
    sums.into_iter().sum()
}

/// Returns true if a unit stays that dropout hides with this probability.
fn stays(number: u32, dropout: f64) -> bool {
    f64::from(number) >= dropout * 4_294_967_296.0
}

/// Returns bits of which each is turned off with the probability `dropout`; bit i of a row takes number i of its stream.
fn kept_bits(bits: &BitMatrix, dropout: f64, streams: RowStreams) -> BitMatrix {
    let mut kept = bits.clone();
    for row in 0..bits.rows() {
        let mut stream = streams.row(row);
        for unit in 0..bits.columns() {
            if !stays(stream.next_u32(), dropout) {
                kept.set(row, unit, false);
            }
        }
    }
    kept
}

impl Learner for RnnRbmLearner<'_> {
    fn model(&self) -> &dyn Model {
        &self.model
    }

    fn model_mut(&mut self) -> &mut dyn Model {
        self.settled = false;
        &mut self.model
    }

    fn start(&mut self, epoch: u64, _first_batch: u64) -> u64 {
        self.epoch = epoch;
        self.batches = batches(&self.set, self.options, self.seed, epoch);
        self.batches.len() as u64
    }

    fn update(&mut self, batch: u64) -> u64 {
        let (seed, epoch) = (self.seed, self.epoch);
        let streams = move |purpose| RowStreams::new(seed, purpose, epoch, batch, 0);
        let chain = GibbsStreams {
            seed,
            hidden: Purpose::ChainHidden,
            visible: Purpose::ChainVisible,
            epoch,
            batch,
            inverse_temperature: 1.0,
        };
        if !self.settled {
            self.to_visible = transposed(&self.model.network.to_visible, self.model.network.recurrent);
        }
        let sequences = std::mem::take(&mut self.batches[batch as usize]);
        let rows: Vec<usize> = sequences.iter().flat_map(|sequence| sequence.frames.clone()).collect();
        let own = self.batch(&sequences, &streams);
        let sides = self.contrast(&own, &rows, &streams, &chain);
        let last = sequences.iter().map(|sequence| sequence.place).max().unwrap_or(1);
        self.ascend(&own, &sides, last);
        rows.len() as u64
    }

    fn work(&self) -> usize {
        let Network { visible, hidden, .. } = self.model.network;
        let frames = self.set.windows.rows() / self.batches.len().max(1);
        frames * visible * hidden
    }

    fn state(&self) -> Tensors {
        let mut state = self.model.tensors();
        if let Some(velocity) = self.model.rbm.engine().velocity() {
            state.insert_parameters("velocity.", velocity);
        }
        self.velocity.insert("velocity.", &mut state);
        if let Some(moments) = &self.moments {
            moments.save(&mut state);
        }
        if let Some(fantasies) = &self.fantasies {
            state.insert_bits("chains", fantasies);
        }
        state
    }

    fn restore(&mut self, mut state: TensorReader) -> Result<(), TensorError> {
        let own = &self.model.network;
        let shape = (own.visible, own.hidden);
        let parameters = state.parameters("", shape)?;
        let network = own.taken("", &mut state)?;
        let moving = state.has("velocity.weights");
        let of_rbm = moving.then(|| state.parameters("velocity.", shape)).transpose()?;
        let velocity = own.taken("velocity.", &mut state)?;
        let moments = self.moments.as_ref().map(|moments| moments.restored(&mut state)).transpose()?;
        let fantasies = self.fantasies.as_ref().map(|own| state.bits("chains", own)).transpose()?;
        state.finish()?;
        self.model.rbm.engine_mut().restore(&parameters, of_rbm.as_ref());
        (self.model.network, self.velocity) = (network, velocity);
        self.settled = false;
        (self.moments, self.fantasies) = (moments, fantasies);
        Ok(())
    }
}
