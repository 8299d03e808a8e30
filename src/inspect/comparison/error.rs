//! The reasons why two results cannot be compared.

/// Why two results cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComparisonError {
    /// No run of one has a counterpart in the other.
    #[error("nothing to compare: {0}")]
    NothingPairs(String),
    /// A name that was asked for occurs in no record.
    #[error("no record has `{name}`: the names are {}", known.join(", "))]
    UnknownMetric {
        /// The name.
        name: String,
        /// Those there are.
        known: Vec<String>,
    },
}
