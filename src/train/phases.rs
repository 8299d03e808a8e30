//! The two phases of an update: hidden statistics under the data, and the fantasies that stand for the model.

use super::options::{Method, PositiveSample, StatisticsKind, TrainOptions};
use super::state::{StateError, StateReader, TrainerState};
use crate::engine::{BitMatrix, Draw, Engine, HiddenStatistics, Purpose, RowStreams, Statistics};
use crate::rbm::{GibbsStreams, advance_from_hidden, advance_from_visible};

/// Hidden states or probabilities under some visible states: one side of the gradient.
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

    /// ⟨v h⟩ with h drawn from p(h | v) for `purpose`, or p(h | v) itself.
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

/// The streams of one update.
#[derive(Clone, Copy, Debug)]
pub(super) struct UpdateStreams {
    pub(super) seed: u64,
    pub(super) epoch: u64,
    pub(super) batch: u64,
}

impl UpdateStreams {
    fn hidden_draw(&self, purpose: Purpose) -> Draw {
        Draw::plain(RowStreams::new(self.seed, purpose, self.epoch, self.batch, 0))
    }

    fn chain(&self) -> GibbsStreams {
        GibbsStreams {
            seed: self.seed,
            hidden: Purpose::ChainHidden,
            visible: Purpose::ChainVisible,
            epoch: self.epoch,
            batch: self.batch,
            inverse_temperature: 1.0,
        }
    }
}

/// The positive phase: hidden units driven by the data.
#[derive(Debug)]
pub(super) struct PositivePhase {
    side: HiddenSide,
    /// The sample in the gradient: the chain's first hidden states, or one of its own.
    purpose: Purpose,
}

impl PositivePhase {
    pub(super) fn new(options: &TrainOptions) -> Self {
        let apart = options.method == Method::Pcd || options.positive_sample == PositiveSample::Separate;
        let purpose = if apart { Purpose::PositiveHidden } else { Purpose::ChainHidden };
        Self { side: HiddenSide::new(options.statistics), purpose }
    }

    /// ⟨v h⟩ under the data.
    pub(super) fn gather<'a>(
        &'a mut self,
        engine: &mut dyn Engine,
        batch: &'a BitMatrix,
        streams: &UpdateStreams,
    ) -> Statistics<'a> {
        self.side.gather(engine, batch, streams, self.purpose)
    }
}

/// The negative phase: k Gibbs steps towards the model's own distribution.
#[derive(Clone, Debug)]
pub(super) struct NegativePhase {
    method: Method,
    /// Whether the hidden sample of the positive statistics is the chain's first state.
    continues_positive_sample: bool,
    k: u64,
    /// Visible states of the chains: persistent ones stay from one update to the next.
    visible: BitMatrix,
    hidden: BitMatrix,
}

impl NegativePhase {
    /// `start` holds the first states of persistent chains (chains × visible); contrastive divergence starts at the batch.
    pub(super) fn new(options: &TrainOptions, start: BitMatrix) -> Self {
        Self {
            method: options.method,
            continues_positive_sample: options.positive_sample == PositiveSample::Chain,
            k: options.k as u64,
            visible: start,
            hidden: BitMatrix::default(),
        }
    }

    /// Add what stays from one update to the next: the states of persistent chains.
    pub(super) fn save(&self, state: &mut TrainerState) {
        match self.method {
            Method::Cd => {}
            Method::Pcd => state.insert_bits("chains", &self.visible),
        }
    }

    /// This phase with what [`Self::save`] added.
    pub(super) fn restored(&self, state: &mut StateReader) -> Result<Self, StateError> {
        let visible = match self.method {
            Method::Cd => BitMatrix::default(),
            Method::Pcd => state.bits("chains", &self.visible)?,
        };
        Ok(Self { visible, ..self.clone() })
    }

    /// Visible states (chains × visible) after k Gibbs steps: from the batch (CD, Hinton 2002), or from where the
    /// last update left the chains (PCD, Tieleman 2008). `data` are the positive statistics of the same update: where
    /// they hold the chain's own hidden sample, it is the first state of the chain.
    pub(super) fn advance(
        &mut self,
        engine: &mut dyn Engine,
        data: &Statistics,
        streams: &UpdateStreams,
    ) -> &BitMatrix {
        let chain = streams.chain();
        match self.method {
            Method::Pcd => advance_from_visible(engine, &mut self.visible, &mut self.hidden, self.k, &chain),
            Method::Cd => {
                match data.hidden {
                    HiddenStatistics::Samples(samples) if self.continues_positive_sample => {
                        self.hidden.clone_from(samples);
                    }
                    _ => engine.sample_hidden(data.visible, chain.hidden_draw(0), &mut self.hidden),
                }
                advance_from_hidden(engine, &mut self.hidden, &mut self.visible, self.k, &chain);
            }
        }
        &self.visible
    }
}
