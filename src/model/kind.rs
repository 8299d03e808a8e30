//! The kinds of model, told apart here alone.

use super::contract::{Learner, LearnerError, Model};
use super::features::Features;
use super::footprint::Footprint;
use super::options::{ModelKind, ModelOptions};
use super::tensors::Tensors;
use super::{dbn, rbm, rnn_rbm};
use crate::engine::{EngineKind, Isa};
use crate::train::{TrainOptions, TrainingSet};

impl ModelKind {
    /// Returns true if the frames of a song depend on those before them.
    pub fn has_memory(self) -> bool {
        match self {
            Self::Rbm | Self::Dbn => false,
            Self::RnnRbm => true,
            #[cfg(test)]
            Self::IndependentUnits => false,
        }
    }

    /// Returns true if the model is trained layer by layer, each in a stage of its own, with options of its own.
    pub fn has_layers(self) -> bool {
        match self {
            Self::Dbn => true,
            Self::Rbm | Self::RnnRbm => false,
            #[cfg(test)]
            Self::IndependentUnits => false,
        }
    }

    /// Returns the kind that the file of a model of these tensors names: a network of a single layer is an RBM's file.
    pub fn of_file(self, tensors: &Tensors) -> Self {
        match self {
            Self::Dbn if dbn::is_single(tensors) => Self::Rbm,
            kind => kind,
        }
    }

    /// Returns the sizes of the two layers of which an exact ln Z enumerates the smaller one, in a model of `visible` units.
    pub fn enumerated_layers(self, model: &ModelOptions, visible: usize) -> (usize, usize) {
        match (self, model.layers.as_slice()) {
            (Self::Dbn, [.., below, top]) => (*below, *top),
            (Self::Dbn, [only]) => (visible, *only),
            _ => (visible, model.hidden),
        }
    }

    /// Returns the numbers of visible and hidden units of each layer that is trained, from below, in a model of `visible`
    /// units.
    pub fn trained_layers(self, model: &ModelOptions, visible: usize) -> Vec<(usize, usize)> {
        if !self.has_layers() {
            return vec![(visible, model.hidden)];
        }
        let below = std::iter::once(visible).chain(model.layers.iter().copied());
        below.zip(model.layers.iter().copied()).collect()
    }

    /// Returns a learner at the state before the first update. Everything drawn is a function of `seed`. `earlier` is the
    /// model that an earlier stage of training left, to start from.
    pub fn learner<'a>(
        self,
        set: TrainingSet<'a>,
        model: &ModelOptions,
        options: &'a TrainOptions,
        seed: u64,
        isa: Isa,
        earlier: Option<&Tensors>,
    ) -> Result<Box<dyn Learner + 'a>, LearnerError> {
        match self {
            Self::Rbm => Ok(Box::new(rbm::RbmLearner::new(set, model, options, seed, isa)?)),
            Self::RnnRbm => Ok(Box::new(rnn_rbm::RnnRbmLearner::new(set, model, options, seed, isa, earlier)?)),
            Self::Dbn => dbn::learner(set, model, options, seed, isa, earlier),
            #[cfg(test)]
            Self::IndependentUnits => Ok(Box::new(crate::testing::independent_units::Counting::new(set, options))),
        }
    }

    /// Opens the model that the tensors of a file make.
    pub fn open(self, tensors: &Tensors, engine: EngineKind, isa: Isa) -> Result<Box<dyn Model>, LearnerError> {
        match self {
            Self::Rbm => Ok(Box::new(rbm::RbmModel::open(tensors, engine, isa)?)),
            Self::RnnRbm => Ok(Box::new(rnn_rbm::RnnRbm::open(tensors, engine, isa)?)),
            Self::Dbn => Ok(Box::new(dbn::Dbn::open(tensors, engine, isa)?)),
            #[cfg(test)]
            Self::IndependentUnits => Ok(Box::new(crate::testing::independent_units::IndependentUnits::open(tensors)?)),
        }
    }

    /// Returns the number of visible units of the model that the tensors of a file make; an error if the tensors make
    /// none of this kind.
    pub fn visible_units(self, tensors: &Tensors) -> Result<usize, LearnerError> {
        match self {
            Self::Rbm => Ok(rbm::shape_of(tensors)?.0),
            Self::RnnRbm => Ok(rnn_rbm::shape_of(tensors)?.visible),
            Self::Dbn => Ok(dbn::visible_units(tensors)?),
            #[cfg(test)]
            Self::IndependentUnits => {
                Ok(crate::testing::independent_units::IndependentUnits::open(tensors)?.log_odds.len())
            }
        }
    }

    /// Returns the hidden units of the model that the tensors of a file make, layer by layer from below; none of a kind
    /// without weights from hidden to visible units.
    pub fn features(self, tensors: &Tensors) -> Vec<Features> {
        match self {
            Self::Rbm | Self::RnnRbm => Features::of_rbm(tensors),
            Self::Dbn => dbn::features(tensors),
            #[cfg(test)]
            Self::IndependentUnits => Vec::new(),
        }
    }

    /// Returns the number of weights between units, by which speeds are compared.
    pub fn connections(self, model: &ModelOptions, visible: usize) -> usize {
        match self {
            Self::Rbm => visible * model.hidden,
            Self::RnnRbm => {
                let (hidden, recurrent) = (model.hidden, model.recurrent);
                visible * hidden + recurrent * (2 * visible + hidden + recurrent)
            }
            Self::Dbn => dbn::connections(model, visible),
            #[cfg(test)]
            Self::IndependentUnits => visible,
        }
    }

    /// Returns the memory that a model of `visible` units takes.
    pub fn footprint(self, model: &ModelOptions, options: &TrainOptions, visible: usize) -> Footprint {
        match self {
            Self::Rbm => rbm::footprint(model, options, visible),
            Self::RnnRbm => rnn_rbm::footprint(model, options, visible),
            Self::Dbn => dbn::footprint(model, options, visible),
            #[cfg(test)]
            Self::IndependentUnits => {
                Footprint { parameters: 4 * visible as u64, chain_rows: 1, ..Footprint::default() }
            }
        }
    }

    /// Returns the estimated time of one update of `rows` examples on one thread, in microseconds.
    pub fn update_microseconds(
        self,
        model: &ModelOptions,
        options: &TrainOptions,
        visible: usize,
        rows: f64,
        isa: Isa,
    ) -> f64 {
        match self {
            Self::Rbm => rbm::update_microseconds(model, options, visible, rows, isa),
            Self::RnnRbm => rnn_rbm::update_microseconds(model, options, visible, rows, isa),
            Self::Dbn => dbn::update_microseconds(model, options, visible, rows, isa),
            #[cfg(test)]
            Self::IndependentUnits => 1e-3 * visible as f64 * rows,
        }
    }
}
