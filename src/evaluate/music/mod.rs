//! How musical samples are: metrics of piano rolls, and the same metrics of three baselines to read them by.
//!
//! The definitions stand at the fields of [`MusicMetrics`]. A metric that its input leaves undefined, as the note length
//! of silence, is `None` (`null` in JSON), never a number that only looks like one.

mod baselines;
mod comparison;
mod coverage;
mod memorisation;
mod metrics;
mod nearest;

pub use baselines::{bernoulli_windows, chosen_windows, shuffled_windows};
pub use comparison::{Baselines, MusicComparison, MusicDistance, MusicProfile};
pub use coverage::{Coverage, ModeCoverage, ModeDetector};
pub use memorisation::{DistanceSpread, Memorisation};
pub use metrics::MusicMetrics;
pub use nearest::{Nearest, NearestBits, nearest_training_window};
