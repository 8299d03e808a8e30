//! Tests of training by the exact gradient, alone or with further terms.

use crate::engine::{BitMatrix, EngineKind, Parameters};
use crate::model::energy::Rbm;
use crate::model::likelihood::{exact_log_partition, mean_free_energy};
use crate::model::{LearnerError, ModelOptions, Trainer};
use crate::testing::{random_bits, trained_parameters};
use crate::train::{Centring, Method, TrainOptions, TrainingSet};

const ENGINES: [EngineKind; 3] = [EngineKind::Reference, EngineKind::Dense, EngineKind::Packed];

fn log_likelihood(parameters: &Parameters, data: &BitMatrix) -> f64 {
    let rbm = Rbm::new(parameters.clone());
    let rows: Vec<usize> = (0..data.rows()).collect();
    -mean_free_energy(&rbm, data, &rows).unwrap() - exact_log_partition(&rbm).unwrap()
}

/// Returns the parameters before training and after some epochs of one update each on all windows.
fn trained(windows: &BitMatrix, hidden: usize, options: &TrainOptions, epochs: u64) -> [Parameters; 2] {
    let song = 0..windows.rows();
    let set = TrainingSet { windows, songs: std::slice::from_ref(&song) };
    let model = ModelOptions { hidden, weight_std: 0.7, ..ModelOptions::default() };
    let mut trainer = Trainer::new(set, &model, options, 61);
    let before = trained_parameters(&trainer);
    (0..epochs).for_each(|epoch| _ = trainer.train_epoch(epoch));
    [before, trained_parameters(&trainer)]
}

fn exact(rate: f64) -> TrainOptions {
    TrainOptions { method: Method::Exact, learning_rate: rate, batch_size: 10_000, ..TrainOptions::default() }
}

/// Returns all parameters in one row: W, b, c.
fn flat(parameters: &Parameters) -> Vec<f64> {
    let Parameters { weights, visible_bias, hidden_bias, .. } = parameters;
    weights.iter().chain(visible_bias).chain(hidden_bias).map(|&x| f64::from(x)).collect()
}

/// One step of rate 1 is the gradient of the mean log-likelihood by central differences, minus the decay. Seed 61.
#[test]
fn a_step_is_the_gradient_by_finite_differences() {
    for (visible, hidden) in [(5, 3), (3, 5)] {
        for engine in ENGINES {
            let windows = random_bits(61, 7, visible, 0.5);
            for decay in [0.0, 0.25] {
                let options = TrainOptions { engine, weight_decay: decay, ..exact(1.0) };
                let [before, after] = trained(&windows, hidden, &options, 1);
                let (start, end) = (flat(&before), flat(&after));
                for index in 0..start.len() {
                    let at = |delta: f32| {
                        let mut moved = before.clone();
                        let Parameters { weights, visible_bias, hidden_bias, .. } = &mut moved;
                        let parameter = weights.iter_mut().chain(visible_bias).chain(hidden_bias).nth(index).unwrap();
                        *parameter += delta;
                        let decayed: f64 = weights.iter().map(|&w| f64::from(w).powi(2)).sum();
                        log_likelihood(&moved, &windows) - 0.5 * decay * decayed
                    };
                    // Differences of f32 parameters are exact to 2^-22. A step of 2^-6 turns that into an error of
                    // 2^-16.
                    let expected = (at(0.015625) - at(-0.015625)) / 0.03125;
                    let change = end[index] - start[index];
                    assert!((change - expected).abs() < 2e-4, "{engine:?}: parameter {index}: {change}, {expected}");
                }
            }
        }
    }
}

/// The learning rate is applied once: if it were applied again to the velocity, twice the rate would make four times
/// the change.
#[test]
fn the_learning_rate_is_applied_once_under_momentum() {
    let windows = random_bits(62, 9, 6, 0.4);
    for nesterov in [false, true] {
        let change = |rate: f64| {
            let options = TrainOptions { momentum: 0.9, initial_momentum: 0.9, nesterov, ..exact(rate) };
            let [before, after] = trained(&windows, 3, &options, 4);
            flat(&before).into_iter().zip(flat(&after)).map(|(before, after)| after - before).collect::<Vec<f64>>()
        };
        let (small, large) = (change(0.001), change(0.002));
        let norm = |changes: &[f64]| changes.iter().map(|x| x * x).sum::<f64>().sqrt();
        let ratio = norm(&large) / norm(&small);
        assert!((ratio - 2.0).abs() < 0.02, "twice the rate moved parameters {ratio} times as far");
        // Four steps in nearly the same direction: 1 + 1.9 + 2.71 + 3.439 times a step without momentum; by Nesterov's
        // rule each is the next of this row.
        let [before, after] = trained(&windows, 3, &exact(0.001), 1);
        let single: Vec<f64> =
            flat(&before).into_iter().zip(flat(&after)).map(|(before, after)| after - before).collect();
        let steps = norm(&small) / norm(&single);
        let expected = if nesterov { 1.9 + 2.71 + 3.439 + 4.0951 } else { 1.0 + 1.9 + 2.71 + 3.439 };
        assert!((steps / expected - 1.0).abs() < 0.02, "{steps} steps where {expected} were due");
    }
}

/// The parameters kept under Nesterov's rule are those of Sutskever et al. (2013) after the next momentum step:
/// v ← μv + ε∇(θ + μv), θ ← θ + v, worked out here with f64 velocities on gradients of the same trainer.
#[test]
fn nesterov_looks_ahead() {
    let windows = random_bits(63, 9, 5, 0.4);
    let (rate, momentum) = (0.25, 0.5);
    let options = TrainOptions { nesterov: true, momentum, initial_momentum: momentum, ..exact(rate) };
    let [start, found] = trained(&windows, 3, &options, 5);
    let gradient_at = |parameters: &[f64]| {
        let mut model = start.clone();
        let Parameters { weights, visible_bias, hidden_bias, .. } = &mut model;
        let own = weights.iter_mut().chain(visible_bias).chain(hidden_bias);
        own.zip(parameters).for_each(|(own, &value)| *own = value as f32);
        let data = crate::model::rbm::Expectations::of_data(&model, &windows);
        let expected = crate::model::rbm::Expectations::of_model(&model).unwrap();
        let all = |side: crate::model::rbm::Expectations| [side.products, side.visible, side.hidden].concat();
        all(data).into_iter().zip(all(expected)).map(|(data, model)| data - model).collect::<Vec<f64>>()
    };
    let mut theta = flat(&start);
    let mut velocity = vec![0.0; theta.len()];
    for _ in 0..5 {
        let ahead: Vec<f64> = theta.iter().zip(&velocity).map(|(theta, v)| theta + momentum * v).collect();
        for ((theta, v), gradient) in theta.iter_mut().zip(&mut velocity).zip(gradient_at(&ahead)) {
            *v = momentum * *v + rate * gradient;
            *theta += *v;
        }
    }
    for ((theta, v), found) in theta.iter().zip(&velocity).zip(flat(&found)) {
        let ahead = theta + momentum * v;
        assert!((ahead - found).abs() < 1e-5, "{found} against {ahead}");
    }
}

/// Offsets that move without any learning change no bit of the model.
#[test]
fn moving_offsets_leave_the_model_as_it_is() {
    let windows = random_bits(64, 9, 6, 0.2);
    for engine in ENGINES {
        for centring in [Centring::Data, Centring::Average] {
            for method in [Method::Exact, Method::Cd, Method::Pcd] {
                let options =
                    TrainOptions { engine, centring, centring_rate: 0.5, method, momentum: 0.5, ..exact(0.0) };
                let song = 0..windows.rows();
                let set = TrainingSet { windows: &windows, songs: std::slice::from_ref(&song) };
                let model = ModelOptions { hidden: 4, weight_std: 0.7, ..ModelOptions::default() };
                let mut trainer = Trainer::new(set, &model, &options, 64);
                let (parameters, offsets) =
                    (trained_parameters(&trainer), trainer.state().tensors["offsets.hidden"].clone());
                (0..5).for_each(|epoch| _ = trainer.train_epoch(epoch));
                assert_eq!(trained_parameters(&trainer), parameters, "{engine:?}, {centring:?}, {method:?}");
                assert_ne!(trainer.state().tensors["offsets.hidden"], offsets, "the offsets did not move");
            }
        }
    }
}

/// Small steps along the centred gradient climb, and lead elsewhere than those along the ordinary gradient.
#[test]
fn the_centred_gradient_climbs_the_likelihood() {
    let windows = random_bits(65, 9, 6, 0.2);
    let plain = trained(&windows, 4, &exact(0.01), 1);
    let centred = trained(&windows, 4, &TrainOptions { centring: Centring::Data, ..exact(0.01) }, 1);
    for [before, after] in [&plain, &centred] {
        assert!(log_likelihood(after, &windows) > log_likelihood(before, &windows));
    }
    assert_ne!(plain[1], centred[1]);
}

/// The pull is that of the mean over the batch: a batch with every window five times pulls no harder.
#[test]
fn sparsity_is_averaged_over_the_batch() {
    let windows = random_bits(66, 8, 6, 0.4);
    let fivefold = windows.gather(&(0..40).map(|row| row % 8).collect::<Vec<_>>());
    let options = TrainOptions { sparsity_strength: 3.0, sparsity_target: 0.05, sparsity_decay: 0.5, ..exact(0.1) };
    let [_, once] = trained(&windows, 3, &options, 3);
    let [_, five] = trained(&fivefold, 3, &options, 3);
    let [_, without] = trained(&windows, 3, &exact(0.1), 3);
    // The initial visible biases are clamped by the number of windows; no unit is always on or off here.
    for ((once, five), without) in flat(&once).into_iter().zip(flat(&five)).zip(flat(&without)) {
        assert!((once - five).abs() < 1e-5, "{once} against {five}");
        assert!(once != without);
    }
}

/// Hidden units reach the target: after 200 epochs of a strong pull their activities lie within 0.02 of it.
#[test]
fn sparsity_reaches_its_target() {
    let windows = random_bits(67, 30, 8, 0.4);
    for target in [0.1, 0.7] {
        let options =
            TrainOptions { sparsity_strength: 20.0, sparsity_target: target, sparsity_decay: 0.5, ..exact(0.05) };
        let [_, after] = trained(&windows, 4, &options, 200);
        let activity = crate::model::rbm::Expectations::of_data(&after, &windows).hidden;
        assert!(activity.iter().all(|mean| (mean - target).abs() < 0.02), "{activity:?} where {target} was due");
    }
}

#[test]
fn models_of_too_many_states_are_refused() {
    let windows = BitMatrix::zeros(3, 30);
    let song = 0..3;
    let options = exact(0.1);
    let set = TrainingSet { windows: &windows, songs: std::slice::from_ref(&song) };
    let trainer = |hidden| {
        let model = ModelOptions { hidden, ..ModelOptions::default() };
        Trainer::with_isa(set, &model, &options, 1, crate::engine::Isa::pinned_or_best()).map(|_| ())
    };
    assert_eq!(trainer(20), Ok(()));
    assert_eq!(trainer(21), Err(LearnerError::TooManyStates { units: 21, most: 20 }));
}
