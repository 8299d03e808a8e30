//! A layer below the top one, in engines.

use crate::engine::Engine;

/// A layer below the top.
pub(super) struct LowerLayer {
    /// The engine of the way down, and of the way up too unless `recognition` has another.
    pub(super) generative: Box<dyn Engine>,
    pub(super) recognition: Option<Box<dyn Engine>>,
}

impl LowerLayer {
    /// Returns the engine of the way up.
    pub(super) fn upward(&mut self) -> &mut dyn Engine {
        self.recognition.as_mut().unwrap_or(&mut self.generative).as_mut()
    }
}
