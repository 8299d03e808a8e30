//! The contract of a kind of model with everything that trains, samples, evaluates or stores one.

use super::clamp::Clamp;
use super::gibbs::{GibbsStreams, Offsets};
use super::likelihood::{Likelihood, LikelihoodRequest, NamedWindows};
use super::tensors::{TensorError, TensorReader, TensorValues, Tensors};
use crate::engine::{BitMatrix, IsaError, RowOffsets, RowStreams};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Range;

/// The metrics by name; `None` if a metric is undefined, such as one of an empty validation set.
pub type Metrics = BTreeMap<String, Option<f64>>;

/// A model of binary visible units, trained or under training.
///
/// Its tensors determine it: two models of one kind with equal tensors compute the same bits.
pub trait Model: Send {
    /// Returns the names and shapes of the parameters, in the order of [`Self::add_to`]. All parameters are f32.
    fn layout(&self) -> Vec<(String, Vec<usize>)>;

    /// Returns a copy of the parameters, as the model file stores them.
    fn tensors(&self) -> Tensors;

    /// Replaces the parameters. An error if names or shapes are not those of [`Self::layout`]; nothing changes then.
    fn restore(&mut self, tensors: &Tensors) -> Result<(), TensorError>;

    /// Adds every parameter to `sums`, the tensors one after the other in the order of [`Self::layout`], row-major.
    fn add_to(&self, sums: &mut [f64]) {
        let tensors = self.tensors();
        let values = self.layout().into_iter().flat_map(|(name, _)| match tensors.tensors.get(&name) {
            Some(tensor) => tensor.values.as_f32().to_vec(),
            None => Vec::new(),
        });
        sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += f64::from(value));
    }

    /// Returns true if every parameter is a finite number. Training that has diverged leaves others.
    fn is_finite(&self) -> bool {
        self.tensors().tensors.values().all(|tensor| match &tensor.values {
            TensorValues::F32(values) => values.iter().all(|value| value.is_finite()),
            TensorValues::F64(values) => values.iter().all(|value| value.is_finite()),
            TensorValues::U64(_) => true,
        })
    }

    /// Returns the part of the model that draws visible states.
    fn sampler(&mut self) -> &mut dyn Sampler;

    /// Returns the part of the model that measures how probable it finds data, as the parameters are now.
    fn density(&self) -> Option<Box<dyn Density>>;

    /// Returns the part of the model that remembers the frames before; `None` if it finds every window alike, whatever
    /// came before it.
    fn recurrence(&self) -> Option<&dyn Recurrence> {
        None
    }
}

/// The states of a recurrent network between two frames, one row a sequence.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// The states u (sequences × recurrent units), row-major.
    pub states: Vec<f32>,
    /// The number of recurrent units.
    pub units: usize,
}

impl Memory {
    /// Returns the memory of some of the sequences.
    pub fn part(&self, sequences: Range<usize>) -> Self {
        let states = self.states[sequences.start * self.units..sequences.end * self.units].to_vec();
        Self { states, units: self.units }
    }
}

/// The offsets that the past gives to the biases of a frame, one row a frame.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Context {
    /// The offsets of the visible biases (frames × visible), row-major.
    pub visible: Vec<f32>,
    /// The offsets of the hidden biases (frames × hidden), row-major.
    pub hidden: Vec<f32>,
    /// The number of visible and of hidden units.
    pub units: (usize, usize),
}

impl Context {
    /// Returns the offsets, as chains take them.
    pub fn offsets(&self) -> Offsets<'_> {
        self.offsets_of(0..self.visible.len() / self.units.0.max(1))
    }

    /// Returns the offsets of some of the frames.
    pub fn offsets_of(&self, frames: Range<usize>) -> Offsets<'_> {
        let (visible, hidden) = self.units;
        Offsets {
            visible: Some(RowOffsets::new(&self.visible[frames.start * visible..frames.end * visible], visible)),
            hidden: Some(RowOffsets::new(&self.hidden[frames.start * hidden..frames.end * hidden], hidden)),
        }
    }
}

/// A model of sequences of frames, each a window: a frame depends on those before it through a memory.
pub trait Recurrence {
    /// Returns the visible biases (visible) that the offsets of a context add to.
    fn visible_bias(&self) -> Vec<f32>;

    /// Returns the memory of sequences that have not begun.
    fn begin(&self, sequences: usize) -> Memory;

    /// Moves every sequence past one frame (sequences × visible).
    fn pass(&self, memory: &mut Memory, frames: &BitMatrix);

    /// Returns the context of the next frame of every sequence.
    fn context(&self, memory: &Memory) -> Context;

    /// Returns the memory before some frames of songs: the rows `rows` of `frames` (frames × visible), each after the
    /// frames of its own song before it. A frame of no song begins one.
    fn before(&self, frames: &BitMatrix, songs: &[Range<usize>], rows: &[usize]) -> Memory;

    /// Returns the distinct frames among the rows `rows` of `frames` (frames × visible), for chains to start at; `None`
    /// without rows.
    fn starts(&self, frames: &BitMatrix, rows: &[usize]) -> Option<Box<dyn FrameStarts>>;
}

/// Known frames that the chain of a frame may start at.
pub trait FrameStarts: Send {
    /// Draws one of the frames for each frame of a context (chains × visible), with a probability proportional to
    /// e^−F_t. Each chain draws from the generator of its row.
    fn choose(&self, context: &Context, streams: &RowStreams) -> BitMatrix;
}

/// The choice of the visible units in a chain's last step, given its hidden units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LastStep {
    /// A draw, as in every other step: the chain ends at a sample of the model.
    #[default]
    Draw,
    /// The likelier state of each, the mode of p(v | h): the sample without the noise of its last draw. A unit that is
    /// as likely on as off is off.
    Likeliest,
}

/// A step of a set of Markov chains over visible states.
#[derive(Clone, Copy, Debug)]
pub struct ChainStep<'a> {
    /// The number of the step, from 0.
    pub number: u64,
    /// The number of steps that the chains make in all.
    pub count: u64,
    /// The random numbers of the step, and its temperature.
    pub streams: GibbsStreams,
    /// The offsets that each chain adds to the biases, from the [`Context`] of its frame.
    pub offsets: Offsets<'a>,
    /// The choice of the visible units in the step `count − 1`; all others are drawn.
    pub last_step: LastStep,
    /// The visible units that are held at given values.
    pub clamp: Option<&'a Clamp>,
}

impl ChainStep<'_> {
    /// Returns true if the visible units of this step are set to their likelier states.
    pub fn takes_likeliest(&self) -> bool {
        self.last_step == LastStep::Likeliest && self.number + 1 == self.count
    }
}

/// A sampler of visible states, by Markov chains whose stationary distribution is the model's.
pub trait Sampler {
    /// Returns the number of visible units.
    fn visible(&self) -> usize;

    /// Moves every chain by one step: visible (chains × visible) ~ T(· | visible), then puts clamped units at their
    /// values.
    ///
    /// A chain takes its steps in order, from 0 to `step.count − 1`; between them a sampler may keep states of its own.
    fn step(&mut self, visible: &mut BitMatrix, step: &ChainStep);
}

/// The answer of a kind of model that does not define a quantity. The quantity is then absent from records, not null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unanswered;

/// The probability that a model gives to data. A kind overrides the quantities that it defines.
pub trait Density: Send + Sync {
    /// Returns the mean free energy F(v) = −ln p*(v) over the rows of a split that count, in nats; `None` if there are no
    /// rows.
    fn mean_free_energy(&self, _split: &NamedWindows) -> Result<Option<f64>, Unanswered> {
        Err(Unanswered)
    }

    /// Returns the mean over rows of Σ_i ln p(v_i | v without i), in nats; `None` if there are no rows. A model of
    /// sequences conditions on the frames before, too.
    fn mean_pseudo_log_likelihood(&self, _split: &NamedWindows) -> Result<Option<f64>, Unanswered> {
        Err(Unanswered)
    }

    /// Returns the number of units of the layer that an exact ln Z enumerates; `None` if no enumeration is needed.
    fn enumerated_units(&self) -> Option<usize> {
        None
    }

    /// Returns the number of functions of a unit that an exact ln Z evaluates, as a measure of its time.
    fn enumeration_cost(&self) -> f64 {
        0.0
    }

    /// Computes the log-likelihood of the windows of some splits by every way that `request` asks for. The first split
    /// is that of the training windows.
    fn log_likelihood(&self, _splits: &[NamedWindows], _request: &LikelihoodRequest) -> Result<Likelihood, Unanswered> {
        Err(Unanswered)
    }

    /// Returns the mean ln p(v) over all rows of `windows` (windows × visible), in nats, with ln Z by enumeration; `None`
    /// if there are no rows, or if the smaller layer is too large to be enumerated.
    fn exact_log_likelihood(&self, windows: &BitMatrix) -> Result<Option<f64>, Unanswered> {
        let rows: Vec<usize> = (0..windows.rows()).collect();
        let request = LikelihoodRequest { exact: true, annealing: None, posterior_samples: 1, seed: 0 };
        let likelihood = self.log_likelihood(&[NamedWindows::of_rows(windows, &rows)], &request)?;
        Ok(likelihood.splits.first().and_then(|split| likelihood.mean(split, "exact")))
    }
}

/// The reason why a model cannot be made or trained as its options say.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LearnerError {
    /// The processor lacks the instruction set.
    #[error(transparent)]
    Isa(#[from] IsaError),
    /// The tensors are not those of a model of the kind.
    #[error(transparent)]
    Tensors(#[from] TensorError),
    /// There are too many states for an exact gradient.
    #[error(
        "train.method = \"exact\" enumerates the states of the smaller layer, here of {units} units: \
         at most {most} are possible"
    )]
    TooManyStates {
        /// The number of units of the smaller layer.
        units: usize,
        /// The greatest number of units that can be enumerated.
        most: usize,
    },
}

/// A learner that trains a model, batch by batch. Its results are a function of its options, the data and the seed
/// alone.
pub trait Learner: Send {
    /// Returns the model as it is now.
    fn model(&self) -> &dyn Model;

    /// Returns the model as it is now, to be sampled or replaced.
    fn model_mut(&mut self) -> &mut dyn Model;

    /// Prepares the updates of an epoch, counted from 0, from the batch `first_batch` on, and returns the number of
    /// batches of the whole epoch. `first_batch` is 0 but where training continues within an epoch.
    fn start(&mut self, epoch: u64, first_batch: u64) -> u64;

    /// Makes one update, on a batch of the epoch that was started; returns the number of examples in it.
    fn update(&mut self, batch: u64) -> u64;

    /// Returns the number of weights that an update touches times its examples, by which threads are kept awake.
    fn work(&self) -> usize;

    /// Returns everything that the next update depends on besides options, data, seed, epoch and batch.
    fn state(&self) -> Tensors;

    /// Takes over the state of another learner of the same options, data and seed, and continues to the same bits. An
    /// error if a tensor is missing, left over, or of another shape; nothing changes then.
    fn restore(&mut self, state: TensorReader) -> Result<(), TensorError>;

    /// Returns the metrics of training itself in the epoch so far, such as the acceptance of exchanges.
    fn metrics(&self) -> Metrics {
        Metrics::new()
    }
}
