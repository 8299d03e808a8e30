//! Music made from piano rolls: MIDI files and sound.

mod midi;
pub mod sound;

pub use midi::{MidiStyle, to_midi};
