//! The relative change of the weights.

use crate::engine::Parameters;

/// Returns ‖W_after − W_before‖ / ‖W_before‖ (Frobenius norms), the relative change of the weights over an epoch.
/// `None` if the weights before were all zero.
///
/// Divided by the number of updates in the epoch, it is a lower bound on the mean relative size of an update. The rule
/// of thumb for a good learning rate is about 1e-3 an update (Hinton 2010, section 7).
pub fn update_to_weight_ratio(before: &Parameters, after: &Parameters) -> Option<f64> {
    assert_eq!(before.weights.len(), after.weights.len(), "weights before and after");
    let (mut change, mut size) = (0.0, 0.0);
    for (&before, &after) in before.weights.iter().zip(&after.weights) {
        change += (f64::from(after) - f64::from(before)).powi(2);
        size += f64::from(before).powi(2);
    }
    (size > 0.0).then(|| (change / size).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_of_norms() {
        let mut before = Parameters::zeros(2, 1);
        before.weights = vec![3.0, 4.0];
        let mut after = before.clone();
        after.weights = vec![3.0, 3.0];
        assert_eq!(update_to_weight_ratio(&before, &after), Some(0.2));
        assert_eq!(update_to_weight_ratio(&Parameters::zeros(2, 1), &after), None);
    }
}
