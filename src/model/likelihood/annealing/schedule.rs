//! The inverse temperatures of annealing.

use serde::{Deserialize, Serialize};

/// A spacing of inverse temperatures between 0 and 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Spacing {
    /// Equal steps.
    #[default]
    Linear,
    /// The spacing of Salakhutdinov and Murray (2008, section 4.2): of 14,500 steps, 500 up to 0.5, 4,000 from there to
    /// 0.9 and 10,000 from there to 1.
    LateDense,
}

/// Returns `count` inverse temperatures from 0 to 1, both included, in ascending order. `count` is at least 2.
pub fn inverse_temperatures(count: usize, spacing: Spacing) -> Vec<f64> {
    assert!(count >= 2, "{count} inverse temperatures: there are two ends");
    let last = (count - 1) as f64;
    (0..count)
        .map(|index| {
            let share = index as f64 / last;
            match spacing {
                Spacing::Linear => share,
                Spacing::LateDense => late_dense(share),
            }
        })
        .collect()
}

/// Returns the inverse temperature after a share of the steps.
fn late_dense(share: f64) -> f64 {
    /// The ends of the pieces: (share of the steps, inverse temperature).
    const CORNERS: [(f64, f64); 4] = [(0.0, 0.0), (500.0 / 14_500.0, 0.5), (4_500.0 / 14_500.0, 0.9), (1.0, 1.0)];
    let piece = CORNERS.windows(2).find(|piece| share <= piece[1].0).unwrap_or(&CORNERS[2..]);
    let ((from, low), (to, high)) = (piece[0], piece[1]);
    // In this form the ends are exact.
    let along = (share - from) / (to - from);
    low * (1.0 - along) + high * along
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temperatures_ascend_from_0_to_1() {
        for spacing in [Spacing::Linear, Spacing::LateDense] {
            for count in [2, 3, 10, 14_501] {
                let temperatures = inverse_temperatures(count, spacing);
                assert_eq!(temperatures.len(), count);
                assert_eq!((temperatures[0], temperatures[count - 1]), (0.0, 1.0));
                assert!(temperatures.windows(2).all(|pair| pair[0] < pair[1]), "{spacing:?} {count}");
            }
        }
        let late = inverse_temperatures(14_501, Spacing::LateDense);
        assert!((late[500] - 0.5).abs() < 1e-12 && (late[4_500] - 0.9).abs() < 1e-12);
        assert!((late[1] - 0.001).abs() < 1e-12 && (late[14_499] - 0.99999).abs() < 1e-12);
    }
}
