//! Piano rolls, with other forms of the same music: notes, other keys, windows of bits.

mod note;
mod roll;
mod transpose;
mod windows;

pub use note::{Note, notes};
pub use roll::{Layout, PianoRoll, Plane};
pub(in crate::music) use transpose::pitch_range;
pub use transpose::transposed;
pub use windows::{Windows, roll_from_bits};
