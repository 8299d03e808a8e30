//! The reconstruction error: the distance that a chain moves from the data in k steps.

use crate::engine::{BitMatrix, Purpose};
use crate::model::likelihood::NamedWindows;
use crate::model::{ChainStep, Context, GibbsStreams, LastStep, Model};

/// The number of rows sent through the chain at once, which bounds the memory of the evaluation.
const ROWS_AT_ONCE: usize = 512;

/// Returns the mean of (v − ṽ)² over rows and visible units, where ṽ are the sampled visible states after `k` Gibbs
/// steps from v. `None` without rows.
///
/// There are many definitions; this one counts sampled states, not probabilities. It measures the stickiness of the
/// chain as much as the quality of the model, so it is not a measure of quality by itself (Hinton 2010, section 5).
/// `split` keeps the streams of different sets of windows apart; row `i` of `rows` draws from stream `i`.
///
/// A model of sequences keeps the frames before each row as they are.
pub fn reconstruction_error(
    model: &mut dyn Model,
    &NamedWindows { windows, songs, rows, .. }: &NamedWindows,
    k: u64,
    (seed, epoch, split): (u64, u64, u64),
) -> Option<f64> {
    let (mut data, mut visible) = (BitMatrix::default(), BitMatrix::default());
    let memory = model.recurrence().map(|recurrence| recurrence.before(windows, songs, rows));
    let mut differing = 0u64;
    for (index, rows) in rows.chunks(ROWS_AT_ONCE).enumerate() {
        let streams = GibbsStreams {
            seed,
            hidden: Purpose::EvaluateHidden,
            visible: Purpose::EvaluateVisible,
            epoch,
            batch: split << 32 | index as u64,
            inverse_temperature: 1.0,
        };
        windows.gather_into(rows, &mut data);
        visible.clone_from(&data);
        let first = index * ROWS_AT_ONCE;
        let past = memory.as_ref().map(|memory| memory.part(first..first + rows.len()));
        let context = model.recurrence().zip(past).map(|(recurrence, past)| recurrence.context(&past));
        let offsets = context.as_ref().map(Context::offsets).unwrap_or_default();
        let sampler = model.sampler();
        for number in 0..k {
            let step = ChainStep { number, count: k, streams, offsets, last_step: LastStep::Draw, clamp: None };
            sampler.step(&mut visible, &step);
        }
        differing += u64::from(BitMatrix::distance(data.words(), visible.words()));
    }
    let units = rows.len() as u64 * windows.columns() as u64;
    (units > 0).then(|| differing as f64 / units as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{EngineKind, Isa, Parameters};
    use crate::model::rbm::RbmModel;
    use crate::testing::random_bits;

    /// With W = 0 and visible probability p, the error is the mean of v(1 − p) + (1 − v)p. Seed 3; six standard errors,
    /// false-alarm rate below 1e-8.
    #[test]
    fn an_unconnected_model_errs_at_its_bernoulli_rate() {
        let windows = random_bits(3, 1000, 50, 0.2);
        let mut parameters = Parameters::zeros(50, 4);
        parameters.visible_bias.fill(-1.0);
        let mut model = RbmModel::new(parameters, EngineKind::Reference, Isa::Scalar).unwrap();
        let rows: Vec<usize> = (0..1000).collect();
        let error = reconstruction_error(&mut model, &NamedWindows::of_rows(&windows, &rows), 2, (3, 0, 0));
        let p = crate::engine::sigmoid_f64(-1.0);
        let density = windows.count_ones() as f64 / 50_000.0;
        let expected = density * (1.0 - p) + (1.0 - density) * p;
        let deviation = (p * (1.0 - p) / 50_000.0).sqrt();
        assert!((error.unwrap() - expected).abs() < 6.0 * deviation);
        assert_eq!(reconstruction_error(&mut model, &NamedWindows::of_rows(&windows, &[]), 2, (3, 0, 0)), None);
    }

    /// Strong couplings make the chain stick to the data, so the error is 0.
    #[test]
    fn a_model_that_copies_has_no_error() {
        let windows = random_bits(4, 40, 6, 0.5);
        let mut parameters = Parameters::zeros(6, 6);
        for unit in 0..6 {
            parameters.weights[unit * 6 + unit] = 400.0;
        }
        parameters.visible_bias.fill(-200.0);
        parameters.hidden_bias.fill(-200.0);
        let mut model = RbmModel::new(parameters, EngineKind::Dense, Isa::Scalar).unwrap();
        let rows: Vec<usize> = (0..40).collect();
        assert_eq!(reconstruction_error(&mut model, &NamedWindows::of_rows(&windows, &rows), 3, (3, 0, 0)), Some(0.0));
    }
}
