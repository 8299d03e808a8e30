//! The rendering of piano rolls, as MIDI files or sound.

mod midi;
pub mod sound;

pub use midi::{MidiStyle, to_midi};
