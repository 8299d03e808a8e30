//! Independent units, a minimal kind of model: the test of the contract that a kind must fulfil.

use crate::engine::{BitMatrix, fires, log_sigmoid, softplus};
use crate::model::likelihood::{FrameFindings, Likelihood, LikelihoodRequest, NamedWindows, SplitLikelihood};
use crate::model::{
    ChainStep, Density, Learner, Model, Sampler, TensorError, TensorReader, TensorValues, Tensors, Unanswered,
};
use crate::train::{TrainOptions, TrainingSet};

/// The model p(v) = Π_i σ(±b_i), with the log-odds b (visible).
#[derive(Clone)]
pub(crate) struct IndependentUnits {
    pub(crate) log_odds: Vec<f32>,
}

impl IndependentUnits {
    pub(crate) fn open(tensors: &Tensors) -> Result<Self, TensorError> {
        let units = tensors.shape("log_odds").map_or(0, |shape| shape.iter().product());
        Ok(Self { log_odds: TensorReader::new(tensors).f32("log_odds", &[units])? })
    }
}

impl Model for IndependentUnits {
    fn layout(&self) -> Vec<(String, Vec<usize>)> {
        vec![("log_odds".into(), vec![self.log_odds.len()])]
    }

    fn tensors(&self) -> Tensors {
        let mut tensors = Tensors::default();
        tensors.insert("log_odds", &[self.log_odds.len()], TensorValues::F32(self.log_odds.clone()));
        tensors
    }

    fn restore(&mut self, tensors: &Tensors) -> Result<(), TensorError> {
        *self = Self::open(tensors)?;
        Ok(())
    }

    fn sampler(&mut self) -> &mut dyn Sampler {
        self
    }

    fn density(&self) -> Option<Box<dyn Density>> {
        Some(Box::new(self.clone()))
    }
}

impl Sampler for IndependentUnits {
    fn visible(&self) -> usize {
        self.log_odds.len()
    }

    fn step(&mut self, visible: &mut BitMatrix, step: &ChainStep) {
        let draw = step.streams.visible_draw(step.number);
        for row in 0..visible.rows() {
            let mut stream = draw.streams.row(row);
            for (unit, &log_odds) in self.log_odds.iter().enumerate() {
                visible.set(row, unit, fires(draw.inverse_temperature * log_odds, stream.next_u32()));
            }
        }
        if let Some(clamp) = step.clamp {
            clamp.apply(visible);
        }
    }
}

impl Density for IndependentUnits {
    fn mean_free_energy(&self, &NamedWindows { windows, rows, .. }: &NamedWindows) -> Result<Option<f64>, Unanswered> {
        let sum: f64 = rows.iter().flat_map(|&row| windows.ones(row)).map(|unit| -f64::from(self.log_odds[unit])).sum();
        Ok((!rows.is_empty()).then(|| sum / rows.len() as f64))
    }

    fn mean_pseudo_log_likelihood(&self, split: &NamedWindows) -> Result<Option<f64>, Unanswered> {
        let off: f64 = self.log_odds.iter().map(|&b| log_sigmoid(-f64::from(b))).sum();
        Ok(self.mean_free_energy(split)?.map(|mean| off - mean))
    }

    fn log_likelihood(&self, splits: &[NamedWindows], _request: &LikelihoodRequest) -> Result<Likelihood, Unanswered> {
        let log_partition = self.log_odds.iter().map(|&b| softplus(f64::from(b))).sum();
        let of = |split: &NamedWindows| -> Result<SplitLikelihood, Unanswered> {
            let mean_free_energy = self.mean_free_energy(split)?;
            Ok(SplitLikelihood {
                name: split.name,
                windows: split.rows.len(),
                mean_free_energy,
                raise: None,
                means: None,
                of_lower_layers: Vec::new(),
                of_frames: FrameFindings::default(),
            })
        };
        Ok(Likelihood::exactly(log_partition, splits.iter().map(of).collect::<Result<_, _>>()?))
    }
}

/// A learner that counts: after each batch the log-odds are those of all examples seen so far, add-one smoothed.
pub(crate) struct Counting<'a> {
    set: TrainingSet<'a>,
    options: &'a TrainOptions,
    batches: Vec<Vec<usize>>,
    model: IndependentUnits,
    seen: u64,
    ones: Vec<u64>,
}

impl<'a> Counting<'a> {
    pub(crate) fn new(set: TrainingSet<'a>, options: &'a TrainOptions) -> Self {
        let units = set.windows.columns();
        let model = IndependentUnits { log_odds: vec![0.0; units] };
        Self { set, options, batches: Vec::new(), model, seen: 0, ones: vec![0; units] }
    }
}

impl Learner for Counting<'_> {
    fn model(&self) -> &dyn Model {
        &self.model
    }

    fn model_mut(&mut self) -> &mut dyn Model {
        &mut self.model
    }

    fn start(&mut self, epoch: u64, _first_batch: u64) -> u64 {
        self.batches = self.set.batches(self.options, 1, epoch);
        self.batches.len() as u64
    }

    fn update(&mut self, batch: u64) -> u64 {
        let rows = &self.batches[batch as usize];
        let counts = self.set.windows.column_counts(rows.iter().copied());
        self.seen += rows.len() as u64;
        for ((ones, count), log_odds) in self.ones.iter_mut().zip(counts).zip(&mut self.model.log_odds) {
            *ones += u64::from(count);
            let (on, off) = (*ones as f64 + 1.0, (self.seen - *ones) as f64 + 1.0);
            *log_odds = libm::log(on / off) as f32;
        }
        rows.len() as u64
    }

    fn work(&self) -> usize {
        self.ones.len()
    }

    fn state(&self) -> Tensors {
        let mut state = self.model.tensors();
        state.insert("seen", &[1], TensorValues::U64(vec![self.seen]));
        state.insert("ones", &[self.ones.len()], TensorValues::U64(self.ones.clone()));
        state
    }

    fn restore(&mut self, mut state: TensorReader) -> Result<(), TensorError> {
        let shape = [self.ones.len()];
        let (log_odds, seen) = (state.f32("log_odds", &shape)?, state.u64("seen", &[1])?[0]);
        let ones = state.u64("ones", &shape)?;
        state.finish()?;
        (self.model.log_odds, self.seen, self.ones) = (log_odds, seen, ones);
        Ok(())
    }
}
