//! The evaluation of samples as music, in comparison with three baselines.
//!
//! The metrics are defined at the fields of [`MusicMetrics`]. A metric that is undefined for its input, such as the
//! note length of silence, is `None` (`null` in JSON).

mod baselines;
mod comparison;
mod coverage;
mod diversity;
mod memorisation;
mod metrics;
mod modes;
mod nearest;
mod pieces;

pub use baselines::{bernoulli_windows, chosen_windows, shuffled_windows};
pub use comparison::{Baselines, MusicComparison, MusicDistance, MusicProfile};
pub use coverage::{Coverage, ModeCoverage, ModeDetector};
pub(crate) use diversity::jaccard_distance;
pub use diversity::{Diversity, Harmonies, Variety};
pub use memorisation::{DistanceSpread, Memorisation};
pub use metrics::MusicMetrics;
pub(crate) use modes::mode_coverage;
pub use nearest::{Nearest, NearestBits, nearest_training_window};
pub use pieces::{PieceMetrics, shuffled_bars};
