//! The random streams of an update.

use crate::engine::{Draw, Purpose, RowStreams};
use crate::model::gibbs::GibbsStreams;

/// The random streams of one update.
#[derive(Clone, Copy, Debug)]
pub(super) struct UpdateStreams {
    pub(super) seed: u64,
    pub(super) epoch: u64,
    pub(super) batch: u64,
}

impl UpdateStreams {
    /// Returns the streams of one step of this update.
    pub(super) fn of(&self, purpose: Purpose, step: u64) -> RowStreams {
        RowStreams::new(self.seed, purpose, self.epoch, self.batch, step)
    }

    pub(super) fn hidden_draw(&self, purpose: Purpose) -> Draw<'static> {
        Draw::plain(self.of(purpose, 0))
    }

    pub(super) fn chain(&self) -> GibbsStreams {
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
