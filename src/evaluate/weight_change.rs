//! The relative change of the weights.

use crate::model::Tensors;

/// Returns ‖W_after − W_before‖ / ‖W_before‖ (Frobenius norms), the relative change of the weights over an epoch; the
/// weights are the matrices among the tensors of a model. `None` if the weights before were all zero.
///
/// Divided by the number of updates in the epoch, it is a lower bound on the mean relative size of an update. The rule
/// of thumb for a good learning rate is about 1e-3 an update (Hinton 2010, section 7).
pub fn update_to_weight_ratio(before: &Tensors, after: &Tensors) -> Option<f64> {
    let (mut change, mut size) = (0.0, 0.0);
    for (name, before) in before.tensors.iter().filter(|(_, tensor)| tensor.shape.len() == 2) {
        let after = after.tensors.get(name).filter(|after| after.shape == before.shape);
        let after =
            after.unwrap_or_else(|| panic!("a matrix `{name}` of shape {:?} before and not after", before.shape));
        for (&before, &after) in before.values.as_f32().iter().zip(after.values.as_f32()) {
            change += (f64::from(after) - f64::from(before)).powi(2);
            size += f64::from(before).powi(2);
        }
    }
    (size > 0.0).then(|| (change / size).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Parameters;

    #[test]
    fn the_ratio_is_of_norms() {
        let mut before = Parameters::zeros(2, 1);
        before.weights = vec![3.0, 4.0];
        let mut after = before.clone();
        after.weights = vec![3.0, 3.0];
        assert_eq!(update_to_weight_ratio(&before.into(), &after.clone().into()), Some(0.2));
        assert_eq!(update_to_weight_ratio(&Parameters::zeros(2, 1).into(), &after.into()), None);
    }
}
