//! The reasons why two results cannot be compared.

use crate::machine::text::Shown as _;
use std::path::PathBuf;

/// The reason why two results cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComparisonError {
    /// No run of A has a counterpart in B.
    #[error("nothing to compare: {0}")]
    NothingPairs(#[from] Unpaired),
    /// No record has a metric of this name.
    #[error("no record has `{name}`: the names are {}", known.join(", "))]
    UnknownMetric {
        /// The name.
        name: String,
        /// The names that records have.
        known: Vec<String>,
    },
}

/// The reason why no configuration occurs in two results.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unpaired {
    /// One of the results has no complete run.
    #[error("{name}, {}, has no complete run", path.shown())]
    Empty {
        /// `A` or `B`.
        name: &'static str,
        /// The folder or file of the results.
        path: PathBuf,
    },
    /// The runs trained on different corpora.
    #[error(
        "A and B are of different corpora (digests {} and {}): their metrics do not compare",
        digests[0].join(", "), digests[1].join(", ")
    )]
    Corpora {
        /// The digests of the corpora of A and of B, shortened.
        digests: [Vec<String>; 2],
    },
    /// Every configuration differs in some parameter from every one of the other results.
    #[error("no configuration occurs in both A and B: {}", differences.join("; "))]
    Configurations {
        /// The differences.
        differences: Vec<String>,
    },
}
