//! Music in and out: MIDI files ↔ piano rolls ↔ windows of bits, and the built-in corpus. Knows nothing of RBMs.

mod roll;

pub use roll::{Layout, PianoRoll, Plane};
