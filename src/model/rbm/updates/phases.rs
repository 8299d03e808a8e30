//! The two phases of an update: hidden statistics under the data, then fantasies that stand for the model.

use super::streams::UpdateStreams;
use super::tempering::Tempering;
use crate::engine::{BitMatrix, Engine, HiddenStatistics, Purpose, Statistics, Step};
use crate::model::gibbs::{Offsets, advance_from_hidden, advance_from_visible};
use crate::model::tensors::{TensorError, TensorReader, Tensors};
use crate::model::training::optimizer::Rate;
use crate::train::{Method, PositiveSample, StatisticsKind, TrainOptions};

/// A side of the gradient: hidden states or probabilities given some visible states.
#[derive(Debug)]
pub(super) struct HiddenSide {
    kind: StatisticsKind,
    samples: BitMatrix,
    probabilities: Vec<f32>,
}

impl HiddenSide {
    pub(super) fn new(kind: StatisticsKind) -> Self {
        Self { kind, samples: BitMatrix::default(), probabilities: Vec::new() }
    }

    /// Returns ⟨v h⟩ with h drawn from p(h | v) for `purpose`, or with p(h | v) itself.
    pub(super) fn gather<'a>(
        &'a mut self,
        engine: &mut dyn Engine,
        visible: &'a BitMatrix,
        streams: &UpdateStreams,
        purpose: Purpose,
    ) -> Statistics<'a> {
        let hidden = match self.kind {
            StatisticsKind::Samples => {
                engine.sample_hidden(visible, streams.hidden_draw(purpose), &mut self.samples);
                HiddenStatistics::Samples(&self.samples)
            }
            StatisticsKind::Probabilities => {
                engine.hidden_probabilities(visible, &mut self.probabilities);
                HiddenStatistics::Probabilities(&self.probabilities)
            }
        };
        Statistics { visible, hidden }
    }
}

/// The part of an update that depends on the epoch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) step: Step,
    pub(super) gibbs_steps: u64,
}

impl Pace {
    /// Returns the step size of weights under Adam.
    pub(super) fn rate(&self) -> Rate {
        Rate { step: self.step.learning_rate, decay: self.step.weight_decay }
    }
}

/// The positive phase: hidden units driven by the data.
#[derive(Debug)]
pub(super) struct PositivePhase {
    side: HiddenSide,
    /// The purpose of the sample in the gradient: that of the chain's first hidden states, or one of its own.
    purpose: Purpose,
}

impl PositivePhase {
    pub(super) fn new(options: &TrainOptions) -> Self {
        let apart = options.method != Method::Cd || options.positive_sample == PositiveSample::Separate;
        let purpose = if apart { Purpose::PositiveHidden } else { Purpose::ChainHidden };
        Self { side: HiddenSide::new(options.statistics), purpose }
    }

    /// Returns the purpose of the sample in the gradient.
    pub(super) fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// Returns ⟨v h⟩ under the data.
    pub(super) fn gather<'a>(
        &'a mut self,
        engine: &mut dyn Engine,
        batch: &'a BitMatrix,
        streams: &UpdateStreams,
    ) -> Statistics<'a> {
        self.side.gather(engine, batch, streams, self.purpose)
    }
}

/// The negative phase: Gibbs steps towards the model's own distribution.
#[derive(Clone, Debug)]
pub(super) struct NegativePhase {
    chains: Chains,
    /// The visible states of the chains. Those of persistent chains stay from one update to the next.
    visible: BitMatrix,
    hidden: BitMatrix,
}

/// The start of the chains.
#[derive(Clone, Debug)]
enum Chains {
    /// The batch.
    AtData {
        /// True if the hidden sample of the positive statistics is the chain's first state.
        continues_positive_sample: bool,
    },
    /// The states that the last update left.
    Persistent,
    /// The states that the last update left, at several temperatures.
    Tempered(Tempering),
}

impl NegativePhase {
    /// Returns the phase before the first update. `start` draws the first states (chains × visible) of the persistent
    /// chains of a temperature, given its number.
    pub(super) fn new(options: &TrainOptions, start: impl Fn(u64) -> BitMatrix) -> Self {
        let mut visible = BitMatrix::default();
        let chains = match options.method {
            Method::Cd | Method::Exact => {
                Chains::AtData { continues_positive_sample: options.positive_sample == PositiveSample::Chain }
            }
            Method::Pcd => {
                visible = start(0);
                Chains::Persistent
            }
            Method::Pt => {
                let starts = (0..options.temperatures as u64).map(start).collect();
                Chains::Tempered(Tempering::new(options.lowest_inverse_temperature, starts))
            }
        };
        Self { chains, visible, hidden: BitMatrix::default() }
    }

    /// Returns the chains at several temperatures, if there are any.
    pub(super) fn tempering(&self) -> Option<&Tempering> {
        match &self.chains {
            Chains::Tempered(tempering) => Some(tempering),
            Chains::AtData { .. } | Chains::Persistent => None,
        }
    }

    /// Resets the counts of exchanges.
    pub(super) fn start_epoch(&mut self) {
        if let Chains::Tempered(tempering) = &mut self.chains {
            tempering.start_epoch();
        }
    }

    /// Adds the states of persistent chains, which stay from one update to the next.
    pub(super) fn save(&self, state: &mut Tensors) {
        match &self.chains {
            Chains::AtData { .. } => {}
            Chains::Persistent => state.insert_bits("chains", &self.visible),
            Chains::Tempered(tempering) => tempering.save(state),
        }
    }

    /// Returns this phase with the states that [`Self::save`] added.
    pub(super) fn restored(&self, state: &mut TensorReader) -> Result<Self, TensorError> {
        let mut phase = self.clone();
        match &mut phase.chains {
            Chains::AtData { .. } => {}
            Chains::Persistent => phase.visible = state.bits("chains", &self.visible)?,
            Chains::Tempered(tempering) => *tempering = tempering.restored(state)?,
        }
        Ok(phase)
    }

    /// Returns the visible states (chains × visible) after some Gibbs steps, which start from the batch (CD, Hinton
    /// 2002) or continue from the last update (PCD, Tieleman 2008; at several temperatures, Desjardins et al. 2010).
    /// `data` are the positive statistics of the same update. If they hold the chain's own hidden sample, it is the
    /// first state of the chain.
    pub(super) fn advance(
        &mut self,
        engine: &mut dyn Engine,
        data: &Statistics,
        streams: &UpdateStreams,
        pace: &Pace,
    ) -> &BitMatrix {
        if let Chains::AtData { continues_positive_sample } = self.chains {
            match data.hidden {
                HiddenStatistics::Samples(samples) if continues_positive_sample => self.hidden.clone_from(samples),
                _ => engine.sample_hidden(data.visible, streams.chain().hidden_draw(0), &mut self.hidden),
            }
        }
        self.proceed(engine, streams, pace)
    }

    /// Returns the visible states as [`Self::advance`] does, where chains that start from the batch have the first hidden
    /// states `first`.
    pub(super) fn advance_after(
        &mut self,
        engine: &mut dyn Engine,
        first: BitMatrix,
        streams: &UpdateStreams,
        pace: &Pace,
    ) -> &BitMatrix {
        if let Chains::AtData { .. } = self.chains {
            self.hidden = first;
        }
        self.proceed(engine, streams, pace)
    }

    fn proceed(&mut self, engine: &mut dyn Engine, streams: &UpdateStreams, pace: &Pace) -> &BitMatrix {
        let Self { chains, visible, hidden } = self;
        let (steps, chain, none) = (pace.gibbs_steps, streams.chain(), Offsets::default());
        match chains {
            Chains::Tempered(tempering) => return tempering.advance(engine, steps, streams),
            Chains::Persistent => advance_from_visible(engine, visible, hidden, steps, &chain, none),
            Chains::AtData { .. } => advance_from_hidden(engine, hidden, visible, steps, &chain, none),
        }
        &self.visible
    }
}
