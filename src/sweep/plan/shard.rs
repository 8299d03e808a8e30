//! The shard: one of several equal parts of a plan.

use std::str::FromStr;

/// A part of several equal parts of a plan. `2/3` is every third run, from the second on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// The number of the part, from 1.
    pub index: usize,
    /// The number of parts.
    pub count: usize,
}

impl Shard {
    /// The whole plan.
    pub const WHOLE: Self = Self { index: 1, count: 1 };

    /// Returns true if a run belongs to this part.
    pub fn contains(self, run_index: usize) -> bool {
        run_index % self.count == self.index - 1
    }
}

/// The error of a shard that is not of the form `I/N` with 1 ≤ I ≤ N.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a shard: expected I/N with I from 1 to N, such as 2/3")]
pub struct ShardError(String);

impl FromStr for Shard {
    type Err = ShardError;

    fn from_str(text: &str) -> Result<Self, ShardError> {
        let parts = text.split_once('/');
        let shard =
            parts.and_then(|(index, count)| Some(Self { index: index.parse().ok()?, count: count.parse().ok()? }));
        shard.filter(|shard| (1..=shard.count).contains(&shard.index)).ok_or_else(|| ShardError(text.to_owned()))
    }
}
