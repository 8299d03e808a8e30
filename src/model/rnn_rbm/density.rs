//! The density of an RNN-RBM: every frame has a partition function of its own.

use super::known::KnownFrames;
use super::model::{gathered, states_before};
use super::network::Network;
use crate::engine::{
    BitMatrix, Draw, Engine, EngineKind, Isa, Parameters, ProductKernels, Purpose, RowOffsets, RowStreams, build_for,
    fires, log_sigmoid, permutation, softplus, softplus_sum,
};
use crate::model::contract::{Context, Density, Unanswered};
use crate::model::energy::Rbm;
use crate::model::likelihood::{
    FrameAnnealing, FrameFindings, Likelihood, LikelihoodRequest, NamedWindows, SplitLikelihood, base_rate,
    enumeration_cost, exact_log_partition, inverse_temperatures,
};
use rayon::prelude::*;
use std::collections::{BTreeMap, HashSet};

/// The number of annealed chains that run side by side in one engine.
const ROWS_AT_ONCE: usize = 512;
/// The least share of known frames among the weighted ends that a partition function is anchored in. Where chains rarely
/// end at one, those that do by chance make the share too large.
const LEAST_SHARE: f64 = 0.25;
/// The number of frames whose biases are computed at once.
const FRAMES_AT_ONCE: usize = 1024;
/// The number of frames that the cost of an enumeration is estimated for.
const TYPICAL_FRAMES: f64 = 1e4;

/// An RNN-RBM as the distribution of a frame given those before it.
pub(super) struct FrameDensity {
    rbm: Rbm,
    network: Network,
    kernels: ProductKernels,
    kind: EngineKind,
    isa: Isa,
}

/// The values of ln Z_t of one frame.
#[derive(Clone, Copy, Debug, Default)]
struct Partition {
    exact: Option<f64>,
    annealed: Option<Annealed>,
    floor: Option<f64>,
}

/// The findings of the annealed chains of one frame.
#[derive(Clone, Copy, Debug)]
struct Annealed {
    /// ln Z_t by the mean of the weights.
    log_partition: f64,
    /// ln Z_t by the share of known frames among the weighted ends; `None` if that is below [`LEAST_SHARE`].
    anchored: Option<f64>,
    /// The units that the weighted ends predict.
    predicted: Matches,
}

/// The units of frames that a prediction gets right or wrong, in expectation.
#[derive(Clone, Copy, Debug, Default)]
struct Matches {
    /// The units that are on in both.
    right: f64,
    /// The units that are on in one of them.
    wrong: f64,
}

impl Matches {
    /// Compares a prediction with a frame, both in words of 64 units.
    fn of(predicted: &[u64], frame: &[u64]) -> Self {
        let count = |of: &dyn Fn(u64, u64) -> u64| -> f64 {
            predicted.iter().zip(frame).map(|(&own, &other)| f64::from(of(own, other).count_ones())).sum()
        };
        Self { right: count(&|own, other| own & other), wrong: count(&|own, other| own ^ other) }
    }

    /// Returns the accuracy over several frames, right / (right + wrong) (Bay, Ehmann and Downie 2009, equation 4 pooled over frames);
    /// `None` if no unit is on.
    fn accuracy(all: impl Iterator<Item = Self>) -> Option<f64> {
        let Self { right, wrong } =
            all.fold(Self::default(), |sum, own| Self { right: sum.right + own.right, wrong: sum.wrong + own.wrong });
        (right + wrong > 0.0).then(|| right / (right + wrong))
    }
}

impl FrameDensity {
    pub(super) fn new(
        parameters: Parameters,
        network: Network,
        kernels: ProductKernels,
        (kind, isa): (EngineKind, Isa),
    ) -> Self {
        Self { rbm: Rbm::new(parameters), network, kernels, kind, isa }
    }

    /// Returns the state before each of the rows of a split that count (rows × recurrent).
    fn states(&self, split: &NamedWindows) -> Vec<f32> {
        let network = self.network.prepared(self.kernels);
        let before = states_before(&network, &self.network.initial, split.windows, split.songs);
        gathered(&before, split.rows, self.network.recurrent)
    }

    /// Calls `work` with the rows of a split that count, in groups, and the context of each group; returns the results
    /// of all rows in order.
    fn by_frame<T: Send>(&self, split: &NamedWindows, work: impl Fn(usize, Offsets) -> T + Sync) -> Vec<T> {
        let network = self.network.prepared(self.kernels);
        let states = self.states(split);
        let mut results = Vec::with_capacity(split.rows.len());
        let groups = split.rows.chunks(FRAMES_AT_ONCE).zip(states.chunks(FRAMES_AT_ONCE * self.network.recurrent));
        for (rows, states) in groups {
            let context = network.context(states);
            let own: Vec<T> =
                rows.par_iter().enumerate().map(|(index, &row)| work(row, Offsets::of(&context, index))).collect();
            results.extend(own);
        }
        results
    }

    /// Returns F_t(v_t) of a row, in nats.
    fn free_energy(&self, windows: &BitMatrix, row: usize, offsets: Offsets) -> f64 {
        let bias = &self.rbm.parameters().visible_bias;
        let own: f64 = windows.ones(row).map(|unit| f64::from(bias[unit]) + f64::from(offsets.visible[unit])).sum();
        -own - softplus_sum(&self.inputs(windows, row, offsets))
    }

    /// Returns c_t + v·W of a row (hidden).
    fn inputs(&self, windows: &BitMatrix, row: usize, offsets: Offsets) -> Vec<f64> {
        let mut inputs = self.rbm.hidden_inputs(windows, row);
        inputs.iter_mut().zip(offsets.hidden).for_each(|(input, &offset)| *input += f64::from(offset));
        inputs
    }

    /// Returns Σ_i ln p(v_i | v without i, the frames before) of a row, in nats.
    fn pseudo_log_likelihood(&self, windows: &BitMatrix, row: usize, offsets: Offsets) -> f64 {
        let Parameters { visible_bias, hidden, .. } = self.rbm.parameters();
        let inputs = self.inputs(windows, row, offsets);
        let own = softplus_sum(&inputs);
        let mut flipped = vec![0.0; *hidden];
        let mut sum = 0.0;
        for (unit, (&bias, &offset)) in visible_bias.iter().zip(offsets.visible).enumerate() {
            let sign = if windows.get(row, unit) { -1.0 } else { 1.0 };
            let weights = self.rbm.parameters().weight_row(unit);
            for ((flipped, input), &weight) in flipped.iter_mut().zip(&inputs).zip(weights) {
                *flipped = input + sign * f64::from(weight);
            }
            let rise = sign * (f64::from(bias) + f64::from(offset)) + softplus_sum(&flipped) - own;
            sum += log_sigmoid(-rise);
        }
        sum
    }

    /// Returns ln Z_t by enumeration.
    fn exact(&self, offsets: Offsets) -> Option<f64> {
        let mut parameters = self.rbm.parameters().clone();
        parameters.visible_bias.iter_mut().zip(offsets.visible).for_each(|(bias, offset)| *bias += offset);
        parameters.hidden_bias.iter_mut().zip(offsets.hidden).for_each(|(bias, offset)| *bias += offset);
        exact_log_partition(&Rbm::new(parameters))
    }

    /// Returns ln Σ e^−F_t(s) over the known frames s: ln Z_t is at least that.
    fn floor(known: &KnownFrames, offsets: Offsets) -> f64 {
        log_sum(&known.negative_free_energies(offsets.visible, offsets.hidden))
    }

    /// Estimates ln Z_t of some frames by annealing from independent units with the log-odds `base` of the training data
    /// and the frame's own offsets: with the mean of the weights, and with the share of known frames among the ends.
    fn anneal(
        &self,
        (base, known): (&[f32], &KnownFrames),
        (windows, rows, context): (&BitMatrix, &[usize], &Context),
        options: FrameAnnealing,
        (seed, split, first): (u64, u64, usize),
    ) -> Vec<Annealed> {
        let chains = options.chains;
        let repeat = |values: &[f32], units: usize| -> Vec<f32> {
            values.chunks_exact(units).flat_map(|row| row.repeat(chains)).collect()
        };
        let hidden = repeat(&context.hidden, self.network.hidden);
        let visible = repeat(&context.visible, self.network.visible);
        let mut walk = Walk {
            engine: build_for(self.kind, self.rbm.parameters().clone(), self.isa)
                .unwrap_or_else(|error| panic!("an engine of this instruction set was built before: {error}")),
            bias: &self.rbm.parameters().visible_bias,
            base,
            visible: &visible,
            hidden: &hidden,
            scaled: vec![0.0; visible.len()],
            bias_at: vec![0.0; base.len()],
            streams: (seed, split, first as u64),
        };
        let mut states = walk.start();
        let mut logs = vec![0.0; states.rows()];
        let temperatures = inverse_temperatures(options.temperatures, crate::model::likelihood::Spacing::Linear);
        for step in 1..temperatures.len() {
            walk.weigh(&states, (temperatures[step - 1], temperatures[step]), &mut logs);
            walk.step(&mut states, temperatures[step], step as u64);
        }
        rows.iter()
            .enumerate()
            .map(|(frame, &row_of_frame)| {
                let rows = frame * chains..(frame + 1) * chains;
                let offsets = Offsets::of(context, frame);
                let free = base.iter().zip(offsets.visible);
                let log_base: f64 = free.map(|(&bias, &offset)| softplus(f64::from(bias) + f64::from(offset))).sum();
                let log_base = log_base + self.network.hidden as f64 * std::f64::consts::LN_2;
                let own = &logs[rows.clone()];
                let all = log_sum(own);
                let mut on_known = Vec::new();
                let mut predicted = Matches::default();
                for row in rows {
                    if known.contains(states.row(row)) {
                        on_known.push(logs[row]);
                    }
                    let own = Matches::of(states.row(row), windows.row(row_of_frame));
                    let weight = libm::exp(logs[row] - all);
                    predicted.right += weight * own.right;
                    predicted.wrong += weight * own.wrong;
                }
                let share = Some(log_sum(&on_known) - all).filter(|share| *share >= libm::log(LEAST_SHARE));
                Annealed {
                    log_partition: log_base + all - libm::log(chains as f64),
                    anchored: share.map(|share| Self::floor(known, offsets) - share),
                    predicted,
                }
            })
            .collect()
    }

    /// Returns the values of ln Z_t of the rows of a split.
    fn partitions(
        &self,
        (base, known): (&[f32], &KnownFrames),
        split: &NamedWindows,
        number: u64,
        request: &LikelihoodRequest,
    ) -> Vec<Partition> {
        let mut partitions: Vec<Partition> = self.by_frame(split, |_, offsets| Partition {
            exact: request.exact.then(|| self.exact(offsets)).flatten(),
            floor: (request.annealing.is_some() && !known.is_empty()).then(|| Self::floor(known, offsets)),
            ..Partition::default()
        });
        let Some(options) = request.annealing.map(|options| options.frames) else { return partitions };
        let size = (ROWS_AT_ONCE / options.chains).max(1);
        let network = self.network.prepared(self.kernels);
        let states = self.states(split);
        let groups = states.chunks(size * self.network.recurrent).zip(split.rows.chunks(size)).enumerate();
        let found: Vec<Vec<Annealed>> = groups
            .collect::<Vec<_>>()
            .into_par_iter()
            .map(|(group, (states, rows))| {
                let frames = (split.windows, rows, &network.context(states));
                self.anneal((base, known), frames, options, (request.seed, number, group))
            })
            .collect();
        for (partition, annealed) in partitions.iter_mut().zip(found.into_iter().flatten()) {
            partition.annealed = Some(annealed);
        }
        partitions
    }

    fn split(
        &self,
        training: (&[f32], &KnownFrames),
        split: &NamedWindows,
        number: u64,
        request: &LikelihoodRequest,
    ) -> SplitLikelihood {
        let all = split.rows.len();
        let chosen = if split.judged { chosen(split, request, number) } else { Vec::new() };
        let split = &NamedWindows { rows: &chosen, ..*split };
        let free = self.by_frame(split, |row, offsets| self.free_energy(split.windows, row, offsets));
        let partitions = self.partitions(training, split, number, request);
        let frames = free.len();
        let mut means = BTreeMap::new();
        let mut add = |method, value: &dyn Fn(&Partition) -> Option<f64>| {
            let logs: Option<Vec<f64>> =
                free.iter().zip(&partitions).map(|(free, own)| value(own).map(|log| -free - log)).collect();
            if let Some(logs) = logs.filter(|logs| !logs.is_empty()) {
                means.insert(method, logs.iter().sum::<f64>() / frames as f64);
            }
        };
        let ais = |own: &Partition| own.annealed.map(|annealed| annealed.log_partition);
        let greatest = |own: &Partition| ais(own).map(|ais| own.floor.map_or(ais, |floor| floor.max(ais)));
        let anchored = |own: &Partition| own.annealed.and_then(|annealed| annealed.anchored);
        let cautious = |own: &Partition| {
            own.exact.or_else(|| greatest(own).map(|log| anchored(own).map_or(log, |anchored| anchored.max(log))))
        };
        add("exact", &|own| own.exact);
        add("ais", &ais);
        add("anchored_ais", &|own| anchored(own).or_else(|| greatest(own)));
        add("ceiling", &|own| own.floor);
        add("cautious", &cautious);
        let values: Option<Vec<f64>> =
            free.iter().zip(&partitions).map(|(free, own)| cautious(own).map(|log| -free - log)).collect();
        let judged = request.annealing.is_some() && frames > 0;
        let below = partitions.iter().filter(|own| ais(own).zip(own.floor).is_some_and(|(ais, floor)| ais < floor));
        let predicted = partitions.iter().filter_map(|own| own.annealed).map(|annealed| annealed.predicted);
        let of_frames = FrameFindings {
            by_song: values.filter(|_| chosen.len() == all).and_then(|values| mean_of_songs(split, &values)),
            below_floor: judged.then(|| below.count() as f64 / frames as f64),
            accuracy: Matches::accuracy(predicted),
            accuracy_of_copy: judged.then(|| Matches::accuracy(copies(split))).flatten(),
        };
        let (mean_free_energy, raise) = (None, None);
        let of_lower_layers = Vec::new();
        let (name, means) = (split.name, Some(means));
        SplitLikelihood { name, windows: frames, mean_free_energy, raise, means, of_lower_layers, of_frames }
    }
}

/// Returns the mean over songs of the mean over their frames that count, one value a row; `None` without songs.
fn mean_of_songs(split: &NamedWindows, values: &[f64]) -> Option<f64> {
    let means: Vec<f64> = split
        .songs
        .iter()
        .filter_map(|song| {
            let own = split.rows.iter().zip(values).filter(|(row, _)| song.contains(row)).map(|(_, value)| *value);
            let (count, sum) = own.fold((0u32, 0.0), |(count, sum), value| (count + 1, sum + value));
            (count > 0).then(|| sum / f64::from(count))
        })
        .collect();
    (!means.is_empty()).then(|| means.iter().sum::<f64>() / means.len() as f64)
}

/// Returns the matches of each frame that counts with the frame before it in its song, the first of a song with silence.
fn copies<'a>(split: &'a NamedWindows) -> impl Iterator<Item = Matches> + 'a {
    let starts: HashSet<usize> = split.songs.iter().map(|song| song.start).collect();
    let silence = vec![0; split.windows.words_per_row()];
    split.rows.iter().map(move |&row| {
        let before = if row == 0 || starts.contains(&row) { &silence } else { split.windows.row(row - 1) };
        Matches::of(before, split.windows.row(row))
    })
}

/// Returns the rows of a split to judge by: all, or a fixed random choice of as many as annealing is asked for.
fn chosen(split: &NamedWindows, request: &LikelihoodRequest, number: u64) -> Vec<usize> {
    let most = request.annealing.map_or(0, |options| options.frames.frames);
    if most == 0 || most >= split.rows.len() {
        return split.rows.to_vec();
    }
    let streams = RowStreams::new(request.seed, Purpose::AnnealingStart, 3, number, 0);
    let order = permutation(&mut streams.generator(0), split.rows.len());
    let mut rows: Vec<usize> = order.into_iter().take(most).map(|index| split.rows[index]).collect();
    rows.sort_unstable();
    rows
}

/// The offsets of one frame.
#[derive(Clone, Copy)]
struct Offsets<'a> {
    visible: &'a [f32],
    hidden: &'a [f32],
}

impl<'a> Offsets<'a> {
    fn of(context: &'a Context, frame: usize) -> Self {
        let (visible, hidden) = context.units;
        Self {
            visible: &context.visible[frame * visible..][..visible],
            hidden: &context.hidden[frame * hidden..][..hidden],
        }
    }
}

/// Annealed chains of several frames, side by side.
///
/// At the inverse temperature β a row has the visible biases (1 − β) a + β b + d and the hidden inputs
/// β (c + e + v·W), where d and e are the row's offsets: at 0 units are independent, at 1 it is the frame's own RBM.
struct Walk<'a> {
    engine: Box<dyn Engine>,
    bias: &'a [f32],
    base: &'a [f32],
    /// The visible offsets (rows × visible).
    visible: &'a [f32],
    /// The hidden offsets (rows × hidden).
    hidden: &'a [f32],
    /// The visible offsets over β, as an engine that multiplies by β needs them.
    scaled: Vec<f32>,
    bias_at: Vec<f32>,
    streams: (u64, u64, u64),
}

impl Walk<'_> {
    fn streams(&self, purpose: Purpose, step: u64) -> RowStreams {
        /// Keeps these streams apart from those of a model with one ln Z.
        const FRAMES: u64 = 1 << 32;
        let (seed, split, group) = self.streams;
        RowStreams::new(seed, purpose, FRAMES + split, group, step)
    }

    /// Returns exact samples at β = 0 (rows × visible).
    fn start(&self) -> BitMatrix {
        let units = self.base.len();
        let streams = self.streams(Purpose::AnnealingStart, 0);
        let mut states = BitMatrix::zeros(self.visible.len() / units, units);
        for (row, offsets) in self.visible.chunks_exact(units).enumerate() {
            let mut stream = streams.row(row);
            for (unit, (bias, offset)) in self.base.iter().zip(offsets).enumerate() {
                states.set(row, unit, fires(bias + offset, stream.next_u32()));
            }
        }
        states
    }

    /// Adds ln f_to(v) − ln f_from(v) of every row.
    fn weigh(&mut self, states: &BitMatrix, (from, to): (f64, f64), logs: &mut [f64]) {
        let hidden = RowOffsets::new(self.hidden, self.engine.hidden());
        self.engine.add_softplus_changes_with(states, Some(hidden), (from, to), logs);
        for (row, log) in logs.iter_mut().enumerate() {
            let change = |unit: usize| f64::from(self.bias[unit]) - f64::from(self.base[unit]);
            *log += (to - from) * states.ones(row).map(change).sum::<f64>();
        }
    }

    /// Takes one Gibbs step at β > 0.
    fn step(&mut self, states: &mut BitMatrix, beta: f64, step: u64) {
        let share = (1.0 - beta) / beta;
        for ((target, &own), &base) in self.bias_at.iter_mut().zip(self.bias).zip(self.base) {
            *target = (f64::from(own) + share * f64::from(base)) as f32;
        }
        let inverse = (1.0 / beta) as f32;
        self.scaled.iter_mut().zip(self.visible).for_each(|(scaled, offset)| *scaled = offset * inverse);
        let draw = |purpose| Draw::at(self.streams(purpose, step), beta as f32);
        let (of_hidden, of_visible) = (draw(Purpose::AnnealingHidden), draw(Purpose::AnnealingVisible));
        let mut drawn = BitMatrix::default();
        let hidden = RowOffsets::new(self.hidden, self.engine.hidden());
        self.engine.sample_hidden(states, of_hidden.with_offsets(hidden), &mut drawn);
        self.engine.set_visible_bias(&self.bias_at);
        let visible = RowOffsets::new(&self.scaled, self.base.len());
        self.engine.sample_visible(&drawn, of_visible.with_offsets(visible), states);
    }
}

/// Returns ln Σ e^x, in the order given; −∞ without numbers.
fn log_sum(logs: &[f64]) -> f64 {
    let Some(greatest) = logs.iter().copied().reduce(f64::max) else { return f64::NEG_INFINITY };
    greatest + libm::log(logs.iter().map(|log| libm::exp(log - greatest)).sum())
}

impl Density for FrameDensity {
    fn mean_pseudo_log_likelihood(&self, split: &NamedWindows) -> Result<Option<f64>, Unanswered> {
        let values = self.by_frame(split, |row, offsets| self.pseudo_log_likelihood(split.windows, row, offsets));
        Ok((!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64))
    }

    fn enumerated_units(&self) -> Option<usize> {
        Some(self.rbm.visible().min(self.rbm.hidden()))
    }

    fn enumeration_cost(&self) -> f64 {
        TYPICAL_FRAMES * enumeration_cost(self.rbm.visible(), self.rbm.hidden())
    }

    fn log_likelihood(&self, splits: &[NamedWindows], request: &LikelihoodRequest) -> Result<Likelihood, Unanswered> {
        let Some(training) = splits.first() else { return Ok(Likelihood::of_frames(Vec::new())) };
        let base = base_rate(training.windows, training.rows);
        let known = KnownFrames::new(&self.rbm, training.windows, training.rows);
        let own = |(number, split): (usize, &NamedWindows)| self.split((&base, &known), split, number as u64, request);
        Ok(Likelihood::of_frames(splits.iter().enumerate().map(own).collect()))
    }
}
