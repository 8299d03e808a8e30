//! The music of a report.

mod apart;
mod baselines;
mod rolls;

pub(super) use baselines::Baselines;
pub(super) use rolls::Rolls;
