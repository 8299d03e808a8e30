//! The splits of a corpus, with what stands in them more than once.

mod duplicates;
mod seen;
mod song_split;
mod versions;

pub use duplicates::{Duplicates, Repeats, SplitRepeats, Splits};
pub use seen::Seen;
pub use song_split::{SongSplit, SplitWindows};
pub(crate) use versions::Passages;
