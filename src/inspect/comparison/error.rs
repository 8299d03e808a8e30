//! The reasons why two results cannot be compared.

/// The reason why two results cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComparisonError {
    /// No run of A has a counterpart in B.
    #[error("nothing to compare: {0}")]
    NothingPairs(String),
    /// No record has a metric of this name.
    #[error("no record has `{name}`: the names are {}", known.join(", "))]
    UnknownMetric {
        /// The name.
        name: String,
        /// The names that records have.
        known: Vec<String>,
    },
}
