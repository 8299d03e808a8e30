//! The comparison of two results, with verdicts where B is worse.

mod difference;
mod error;
mod measurement;
mod options;
mod outcome;
mod pairing;
mod quantity;
#[cfg(test)]
mod tests;
mod verdict;

pub use difference::{Difference, Method, student_quantile};
pub use error::{ComparisonError, Unpaired};
pub use options::ComparisonOptions;
pub use outcome::{Comparison, Failure, Identical};
pub use verdict::{Contrast, Quantified, Regression, Verdict};
