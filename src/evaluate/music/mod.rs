//! shim
use serde::{Deserialize, Serialize};
/// m
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MusicMetrics {
    /// p
    pub polyphony: Option<f64>,
}
/// m
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MusicComparison {
    /// s
    pub samples: MusicMetrics,
}
impl MusicComparison {
    /// o
    pub fn of(_: &crate::engine::BitMatrix, _: &crate::music::Windows, _: &[usize], _: u64) -> Option<Self> {
        None
    }
}
