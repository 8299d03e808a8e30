//! Oracles of the deep belief network, against enumeration of all states in f64.

use super::layers::{Layers, exchanged};
use super::model::Dbn;
use super::posterior::Posterior;
use super::up_down::{move_down, move_up};
use crate::engine::{BitMatrix, EngineKind, Isa, Parameters, Step, build_for, sigmoid_f64, softplus};
use crate::model::contract::Model as _;
use crate::model::energy::Rbm;
use crate::model::likelihood::{Likelihood, LikelihoodRequest, NamedWindows, exact_log_partition};
use crate::model::options::{ModelKind, ModelOptions};
use crate::model::{ChainStart, Chains, Clamp, Trainer};
use crate::testing::{random_bits, random_parameters};
use crate::train::{Method, Propagate, StatisticsKind, TrainOptions, TrainingSet};

/// Returns random layers of these sizes, from the visible one up.
fn random_layers(seed: u64, sizes: &[usize], deviation: f64) -> Layers {
    let layer =
        |(number, pair): (usize, &[usize])| random_parameters(seed + number as u64, pair[0], pair[1], deviation);
    Layers { rbms: sizes.windows(2).enumerate().map(layer).collect(), recognition: Vec::new() }
}

/// Returns the layers with ways up of their own below the top.
fn untied(mut layers: Layers, seed: u64, deviation: f64) -> Layers {
    let lower = &layers.rbms[..layers.rbms.len() - 1];
    let own = |(number, rbm): (usize, &Parameters)| Parameters {
        visible_bias: vec![0.0; rbm.visible],
        ..random_parameters(seed + number as u64, rbm.visible, rbm.hidden, deviation)
    };
    layers.recognition = lower.iter().enumerate().map(own).collect();
    layers
}

fn train(trainer: &mut Trainer, epochs: u64) {
    for epoch in 0..epochs {
        trainer.train_epoch(epoch);
    }
}

fn states(units: usize) -> BitMatrix {
    BitMatrix::from_fn(1 << units, units, |state, unit| state >> unit & 1 == 1)
}

fn log_bernoulli(inputs: &[f64], state: usize) -> f64 {
    let on = inputs.iter().enumerate().filter(|(unit, _)| state >> unit & 1 == 1);
    on.map(|(_, x)| x).sum::<f64>() - inputs.iter().map(|&x| softplus(x)).sum::<f64>()
}

/// Returns p(v) of all visible states: the top RBM's p(h_{L−1}), passed down layer by layer.
fn probabilities(layers: &Layers) -> Vec<f64> {
    let (top, lower) = layers.rbms.split_last().unwrap();
    let rbm = Rbm::new(top.clone());
    let all = states(top.visible);
    let weights: Vec<f64> = (0..all.rows()).map(|state| (-rbm.free_energy(&all, state)).exp()).collect();
    let total: f64 = weights.iter().sum();
    let mut own: Vec<f64> = weights.iter().map(|weight| weight / total).collect();
    for parameters in lower.iter().rev() {
        let rbm = Rbm::new(parameters.clone());
        let above = states(parameters.hidden);
        let mut below = vec![0.0; 1 << parameters.visible];
        for (state, p) in own.iter().enumerate() {
            let inputs = rbm.visible_inputs(&above, state);
            below.iter_mut().enumerate().for_each(|(v, sum)| *sum += p * log_bernoulli(&inputs, v).exp());
        }
        own = below;
    }
    own
}

/// Returns q(h | v) of all hidden states of a network of two layers, each with its ln w.
fn weighted(layers: &Layers, visible: usize) -> Vec<(f64, f64)> {
    let [lower, top] = layers.rbms.as_slice() else { panic!("two layers") };
    let (down, up, top) = (Rbm::new(lower.clone()), Rbm::new(layers.upward(0).clone()), Rbm::new(top.clone()));
    let (windows, hidden) = (states(lower.visible), states(lower.hidden));
    let upward = up.hidden_inputs(&windows, visible);
    (0..hidden.rows())
        .map(|state| {
            let log_q = log_bernoulli(&upward, state);
            let log_p = log_bernoulli(&down.visible_inputs(&hidden, state), visible) - top.free_energy(&hidden, state);
            (log_q.exp(), log_p - log_q)
        })
        .collect()
}

/// Returns the mean bound E_q[ln w] − ln Z over rows, by enumeration.
fn exact_bound(layers: &Layers, windows: &BitMatrix) -> f64 {
    let log_z = exact_log_partition(&Rbm::new(layers.rbms[1].clone())).unwrap();
    let state = |row: usize| windows.ones(row).map(|unit| 1 << unit).sum::<usize>();
    let of_row = |row: usize| weighted(layers, state(row)).iter().map(|(q, log_w)| q * log_w).sum::<f64>() - log_z;
    (0..windows.rows()).map(of_row).sum::<f64>() / windows.rows() as f64
}

fn likelihood_of(layers: &Layers, windows: &BitMatrix, posterior_samples: usize) -> Likelihood {
    let rows: Vec<usize> = (0..windows.rows()).collect();
    let model = Dbn::new(layers.clone(), EngineKind::Reference, Isa::Scalar).unwrap();
    let request = LikelihoodRequest { exact: true, annealing: None, posterior_samples, seed: 5 };
    model.density().unwrap().log_likelihood(&[NamedWindows::of_rows(windows, &rows)], &request).unwrap()
}

fn mean_of(likelihood: &Likelihood, method: &str) -> f64 {
    likelihood.mean(&likelihood.splits[0], method).unwrap()
}

/// The likelihood of all states sums to 1, for two layers and for three, tied and not; each equals enumeration.
#[test]
fn probabilities_sum_to_one() {
    for layers in [
        random_layers(1, &[5, 4, 3], 1.0),
        random_layers(2, &[4, 3, 5, 3], 0.9),
        untied(random_layers(3, &[5, 4, 3], 1.0), 30, 1.0),
    ] {
        let visible = layers.visible();
        let all = states(visible);
        let expected = probabilities(&layers);
        let mut sum = 0.0;
        for (state, expected) in expected.iter().enumerate() {
            let one = all.gather(&[state]);
            let found = mean_of(&likelihood_of(&layers, &one, 1), "exact");
            assert!((found - expected.ln()).abs() < 1e-10, "state {state}: {found} and {}", expected.ln());
            sum += found.exp();
        }
        assert!((sum - 1.0).abs() < 1e-10, "{sum}");
    }
}

/// By enumeration of q, E[w] = p(v)·Z and E[ln w] is at most its logarithm; the program's ln w are those values.
#[test]
fn weights_are_unbiased_and_the_bound_is_a_bound() {
    for layers in [random_layers(4, &[5, 4, 3], 1.2), untied(random_layers(5, &[5, 4, 3], 1.0), 50, 0.8)] {
        let log_z = exact_log_partition(&Rbm::new(layers.rbms[1].clone())).unwrap();
        let exact = probabilities(&layers);
        let all = states(5);
        let posterior = Posterior::new(&layers);
        let hidden = states(4);
        for (visible, p) in exact.iter().enumerate() {
            let weighted = weighted(&layers, visible);
            let mean: f64 = weighted.iter().map(|(q, log_w)| q * log_w.exp()).sum();
            assert!((mean.ln() - log_z - p.ln()).abs() < 1e-10);
            let bound: f64 = weighted.iter().map(|(q, log_w)| q * log_w).sum::<f64>() - log_z;
            assert!(bound <= p.ln() + 1e-12);
            for (state, (_, log_w)) in weighted.iter().enumerate() {
                let found = posterior.log_weights(&all.gather(&[visible]), [&[hidden.gather(&[state])]], 0)[0];
                assert!((found - log_w).abs() < 1e-10);
            }
        }
    }
}

/// Drawn weights agree with enumeration: seed 5, 4,000 draws of each of 32 windows. The deviation of ln w is below 2, so
/// five standard errors of the mean are below 0.03; the estimate lies between bound and exact value but for its own
/// error.
#[test]
fn bound_and_estimate_approach_their_limits() {
    let layers = untied(random_layers(6, &[5, 4, 3], 1.2), 60, 0.8);
    let all = states(5);
    let found = likelihood_of(&layers, &all, 4_000);
    let bound = exact_bound(&layers, &all);
    assert!((mean_of(&found, "bound") - bound).abs() < 0.03, "{} and {bound}", mean_of(&found, "bound"));
    let exact = mean_of(&found, "exact");
    assert!((mean_of(&found, "estimate") - exact).abs() < 0.02, "{} and {exact}", mean_of(&found, "estimate"));
    assert!(exact - bound > 0.1, "the bound must differ for the test to tell: {bound} and {exact}");
    assert_eq!(mean_of(&found, "cautious"), exact);
    // Fewer draws: the estimate is lower on average.
    let few = mean_of(&likelihood_of(&layers, &all, 1), "estimate");
    assert!(few < exact);
    assert_eq!(few, mean_of(&likelihood_of(&layers, &all, 1), "bound"));
}

/// The layer below with its sides exchanged on top of it: every draw has ln w = −F_1(v), and the likelihood is the RBM's.
#[test]
fn the_tied_start_is_the_rbm() {
    let rbm = random_parameters(7, 6, 4, 1.0);
    let layers = Layers { rbms: vec![rbm.clone(), exchanged(&rbm)], recognition: Vec::new() };
    let rbm = Rbm::new(rbm);
    let all = states(6);
    let log_z = exact_log_partition(&rbm).unwrap();
    let posterior = Posterior::new(&layers);
    let rows: Vec<usize> = (0..all.rows()).collect();
    for (row, drawn) in posterior.draw(&all, &rows, 7, (9, 0)).iter().enumerate() {
        for draw in drawn {
            assert!((draw.log_weight + rbm.free_energy(&all, row)).abs() < 1e-12);
        }
    }
    let found = likelihood_of(&layers, &all, 2);
    let own = all_mean(&rbm, &all) - log_z;
    for method in ["bound", "estimate", "exact"] {
        assert!((mean_of(&found, method) - own).abs() < 1e-12, "{method}");
    }
    assert!((found.splits[0].of_lower_layers[0] - own).abs() < 1e-12);
}

fn all_mean(rbm: &Rbm, windows: &BitMatrix) -> f64 {
    (0..windows.rows()).map(|row| -rbm.free_energy(windows, row)).sum::<f64>() / windows.rows() as f64
}

/// Without weights the top RBM is independent units: p(v) = Σ_h Π σ(±b_2) p(v | h), and Z = Π (1 + e^b) Π (1 + e^c).
#[test]
fn a_top_without_weights_has_a_closed_form() {
    let mut layers = random_layers(8, &[4, 3, 2], 1.0);
    layers.rbms[1].weights.fill(0.0);
    let (lower, top) = (Rbm::new(layers.rbms[0].clone()), layers.rbms[1].clone());
    let hidden = states(3);
    let all = states(4);
    for visible in 0..16 {
        let p: f64 = (0..8)
            .map(|state: usize| {
                let prior: f64 = (0..3)
                    .map(|unit| {
                        let p = sigmoid_f64(f64::from(top.visible_bias[unit]));
                        if state >> unit & 1 == 1 { p } else { 1.0 - p }
                    })
                    .product();
                prior * log_bernoulli(&lower.visible_inputs(&hidden, state), visible).exp()
            })
            .sum();
        let found = likelihood_of(&layers, &all.gather(&[visible]), 1);
        assert!((mean_of(&found, "exact") - p.ln()).abs() < 1e-12);
        let units = top.visible_bias.iter().chain(&top.hidden_bias);
        let log_z: f64 = units.map(|&bias| softplus(f64::from(bias))).sum();
        assert!((found.exact.unwrap() - log_z).abs() < 1e-12);
    }
}

fn options(layers: &[usize]) -> ModelOptions {
    ModelOptions { kind: ModelKind::Dbn, layers: layers.to_vec(), weight_std: 0.1, ..ModelOptions::default() }
}

/// A network of one layer is an RBM: the same bits of parameters, chains and likelihoods, and the same tensors.
#[test]
fn a_single_layer_is_an_rbm() {
    let windows = random_bits(9, 60, 30, 0.2);
    let options_of_training =
        TrainOptions { epochs: 3, batch_size: 16, momentum: 0.5, method: Method::Pcd, ..TrainOptions::default() };
    let rbm = ModelOptions { kind: ModelKind::Rbm, hidden: 12, weight_std: 0.1, ..ModelOptions::default() };
    let trained = [rbm, options(&[12])].map(|model| {
        let mut trainer = Trainer::new(TrainingSet::of_rows(&windows), &model, &options_of_training, 4);
        train(&mut trainer, 3);
        let ends = Chains::plain(8, 5, ChainStart::Noise, 3).run(trainer.model_mut().sampler(), None).unwrap();
        let rows: Vec<usize> = (0..60).collect();
        let split = NamedWindows::of_rows(&windows, &rows);
        let free_energy = trainer.model().density().unwrap().mean_free_energy(&split).unwrap();
        (trainer.model().tensors(), trainer.state(), ends, free_energy)
    });
    assert!(trained[0] == trained[1]);
}

/// Returns the chi-square statistic of visible states against probabilities over the states with p > 0, with its degrees
/// of freedom.
fn chi_square(found: &BitMatrix, expected: &[f64]) -> (usize, f64) {
    let mut counts = vec![0.0; expected.len()];
    for row in 0..found.rows() {
        counts[found.ones(row).map(|unit| 1 << unit).sum::<usize>()] += 1.0;
    }
    let rows = found.rows() as f64;
    let possible = counts.iter().zip(expected).filter(|(_, p)| **p > 0.0);
    let statistic = possible.clone().map(|(count, p)| (count - rows * p).powi(2) / (rows * p)).sum();
    (possible.count() - 1, statistic)
}

/// Samples have the frequencies that enumeration finds. Seed 10, 20,000 chains of 60 steps of a network of 4, 3 and 3
/// units: a chi-square statistic with 15 degrees of freedom lies below 55 but for a chance of about 2e-6; those of the
/// lowest RBM alone are in the thousands.
#[test]
fn samples_follow_the_model() {
    for (kind, layers) in [
        (EngineKind::Reference, random_layers(10, &[4, 3, 3], 1.0)),
        (EngineKind::Packed, random_layers(11, &[4, 3, 3, 2], 1.0)),
        (EngineKind::Packed, untied(random_layers(10, &[4, 3, 3], 1.0), 12, 1.0)),
    ] {
        let expected = probabilities(&layers);
        let mut model = Dbn::new(layers.clone(), kind, Isa::pinned_or_best()).unwrap();
        let found = Chains::plain(20_000, 60, ChainStart::Noise, 13).run(&mut model, None).unwrap();
        let (freedom, statistic) = chi_square(&found, &expected);
        assert_eq!(freedom, 15);
        assert!((1.0..55.0).contains(&statistic), "{kind:?}: chi-square {statistic}");
        let lowest = Layers { rbms: vec![layers.rbms[0].clone()], recognition: Vec::new() };
        assert!(chi_square(&found, &probabilities(&lowest)).1 > 500.0);
    }
}

/// Chains with held units have the exact conditional frequencies, though the way up is not the posterior. Seed 14, 4,000
/// chains of 300 steps; one unit held on and one off leave 4 of 16 states, 3 degrees of freedom: below 32 but for a chance
/// of 1e-6 or less. Taking every proposal gives more.
#[test]
fn held_units_condition_the_others() {
    for layers in [random_layers(14, &[4, 3, 3], 1.0), untied(random_layers(15, &[4, 3, 2, 2], 1.0), 16, 0.7)] {
        let held = |state: usize| state & 1 == 1 && state >> 2 & 1 == 0;
        let mut expected = probabilities(&layers);
        expected.iter_mut().enumerate().filter(|(state, _)| !held(*state)).for_each(|(_, p)| *p = 0.0);
        let total: f64 = expected.iter().sum();
        for p in &mut expected {
            *p /= total;
        }
        let count = 4_000;
        let mut clamp = Clamp::free(count, 4);
        for chain in 0..count {
            clamp.hold(chain, 0, true);
            clamp.hold(chain, 2, false);
        }
        let mut model = Dbn::new(layers, EngineKind::Packed, Isa::pinned_or_best()).unwrap();
        let found = Chains::plain(count, 300, ChainStart::Noise, 17).run_clamped(&mut model, None, &clamp).unwrap();
        assert!((0..count).all(|row| found.get(row, 0) && !found.get(row, 2)));
        let (freedom, statistic) = chi_square(&found, &expected);
        assert_eq!(freedom, 3);
        assert!(statistic < 32.0, "chi-square {statistic}");
    }
}

/// Small steps along the exact gradient from the tied start raise the bound: by enumeration, in every epoch. Each window
/// stands 2,000 times in the data, so the hidden states drawn for it are nearly in proportion to q.
#[test]
fn exact_steps_from_the_tied_start_raise_the_bound() {
    let rbm = random_parameters(18, 4, 3, 0.8);
    let distinct = random_bits(19, 6, 4, 0.5);
    let repeated: Vec<usize> = (0..12_000).map(|row| row % 6).collect();
    let windows = distinct.gather(&repeated);
    let model = ModelOptions { tied_start: true, ..options(&[3, 4]) };
    let train = TrainOptions {
        method: Method::Exact,
        learning_rate: 0.2,
        batch_size: 12_000,
        epochs: 20,
        ..TrainOptions::default()
    };
    let earlier = Layers { rbms: vec![rbm.clone()], recognition: Vec::new() }.tensors();
    let set = TrainingSet::of_rows(&windows);
    let mut trainer = Trainer::after(Some(&earlier), set, &model, &train, 20, Isa::Scalar).unwrap();
    let bound = |trainer: &Trainer| exact_bound(&Layers::of(&trainer.model().tensors()).unwrap(), &distinct);
    let rbm = Rbm::new(rbm);
    let own = all_mean(&rbm, &distinct) - exact_log_partition(&rbm).unwrap();
    let mut last = bound(&trainer);
    assert!((last - own).abs() < 1e-10, "the tied start: {last} and {own}");
    for epoch in 0..20 {
        trainer.train_epoch(epoch);
        let next = bound(&trainer);
        assert!(next > last - 1e-5, "epoch {epoch}: {last} then {next}");
        last = next;
    }
    assert!(last > own + 0.01, "{own} then {last}");
}

/// The update of the second layer is the gradient of the mean bound, by finite differences of its enumeration. 24,000
/// examples give means a standard error of 0.5 / √24,000 = 0.003; five of them are allowed.
#[test]
fn the_second_layer_follows_the_gradient_of_the_bound() {
    let distinct = random_bits(21, 6, 4, 0.5);
    let repeated: Vec<usize> = (0..24_000).map(|row| row % 6).collect();
    let windows = distinct.gather(&repeated);
    let below = random_parameters(22, 4, 3, 1.0);
    let start = random_parameters(23, 3, 2, 0.7);
    let train = TrainOptions {
        method: Method::Exact,
        learning_rate: 1.0,
        batch_size: 24_000,
        epochs: 1,
        ..TrainOptions::default()
    };
    let earlier = Layers { rbms: vec![below.clone()], recognition: Vec::new() }.tensors();
    let (set, model) = (TrainingSet::of_rows(&windows), options(&[3, 2]));
    let mut trainer = Trainer::after(Some(&earlier), set, &model, &train, 24, Isa::Scalar).unwrap();
    let layers = |top: &Parameters| Layers { rbms: vec![below.clone(), top.clone()], recognition: Vec::new() };
    trainer.model_mut().restore(&layers(&start).tensors()).unwrap();
    trainer.train_epoch(0);
    let after = Layers::of(&trainer.model().tensors()).unwrap();
    assert_eq!(after.rbms[0], below);
    let arrays = |own: &Parameters| [own.weights.clone(), own.visible_bias.clone(), own.hidden_bias.clone()].concat();
    let moved: Vec<f64> =
        arrays(&after.rbms[1]).iter().zip(arrays(&start)).map(|(after, before)| f64::from(after - before)).collect();
    let mut largest = 0.0f64;
    for (index, moved) in moved.into_iter().enumerate() {
        let at = |change: f32| {
            let mut changed = start.clone();
            let Parameters { weights, visible_bias, hidden_bias, .. } = &mut changed;
            *weights.iter_mut().chain(visible_bias).chain(hidden_bias).nth(index).unwrap() += change;
            exact_bound(&layers(&changed), &distinct)
        };
        let gradient = (at(1e-2) - at(-1e-2)) / 2e-2;
        assert!((moved - gradient).abs() < 0.016, "parameter {index}: moved by {moved}, gradient {gradient}");
        largest = largest.max(gradient.abs());
    }
    assert!(largest > 0.1, "the gradient must be large for the test to tell: {largest}");
}

/// An update on mean activations a moves W by ε(⟨a pᵀ⟩ − ⟨v hᵀ⟩), b by ε(⟨a⟩ − ⟨v⟩) and c by ε(⟨p⟩ − ⟨h⟩), with p = σ(c +
/// a·W) and expectations of the model by enumeration.
#[test]
fn mean_activations_take_the_place_of_states() {
    let windows = random_bits(25, 40, 5, 0.4);
    let below = random_layers(26, &[5, 4, 3], 1.0);
    let start = random_parameters(28, 3, 2, 0.7);
    let train = TrainOptions {
        method: Method::Exact,
        learning_rate: 0.5,
        batch_size: 40,
        epochs: 1,
        propagate: Propagate::Means,
        ..TrainOptions::default()
    };
    let (set, model) = (TrainingSet::of_rows(&windows), options(&[4, 3, 2]));
    let mut trainer = Trainer::after(Some(&below.tensors()), set, &model, &train, 24, Isa::Scalar).unwrap();
    let mut layers = below.clone();
    layers.rbms.push(start.clone());
    trainer.model_mut().restore(&layers.tensors()).unwrap();
    trainer.train_epoch(0);
    let after = Layers::of(&trainer.model().tensors()).unwrap().rbms[2].clone();

    let lowest = Rbm::new(below.rbms[0].clone());
    let model = crate::model::rbm::Expectations::of_model(&start).unwrap();
    let mut gradient = model.products.iter().map(|product| -product).collect::<Vec<f64>>();
    let (mut visible, mut hidden) = (model.visible.clone(), model.hidden.clone());
    for mean in visible.iter_mut().chain(&mut hidden) {
        *mean = -*mean;
    }
    let up = |own: &Parameters, below: &[f64]| -> Vec<f64> {
        let input = |unit: usize| {
            let sum: f64 =
                below.iter().enumerate().map(|(i, a)| a * f64::from(own.weights[i * own.hidden + unit])).sum();
            sigmoid_f64(f64::from(own.hidden_bias[unit]) + sum)
        };
        (0..own.hidden).map(input).collect()
    };
    for row in 0..40 {
        let a = up(&below.rbms[1], &lowest.hidden_probabilities(&windows, row));
        let p = up(&start, &a);
        for (i, a) in a.iter().enumerate() {
            visible[i] += a / 40.0;
            p.iter().enumerate().for_each(|(j, p)| gradient[2 * i + j] += a * p / 40.0);
        }
        p.iter().enumerate().for_each(|(j, p)| hidden[j] += p / 40.0);
    }
    let pairs = [
        (&after.weights, &start.weights, &gradient),
        (&after.visible_bias, &start.visible_bias, &visible),
        (&after.hidden_bias, &start.hidden_bias, &hidden),
    ];
    for (after, before, gradient) in pairs {
        for ((after, before), gradient) in after.iter().zip(before).zip(gradient) {
            assert!((f64::from(after - before) - 0.5 * gradient).abs() < 1e-6);
        }
    }
}

/// The ways down and up move along the gradients of ln p(h_{l−1} | h_l) and ln q(h_l | h_{l−1}), by finite differences.
#[test]
fn up_down_steps_follow_the_gradients_of_the_conditionals() {
    let (below, above) = (random_bits(31, 50, 5, 0.5), random_bits(32, 50, 3, 0.5));
    let start = random_parameters(33, 5, 3, 0.8);
    let step = Step { learning_rate: 1.0, momentum: 0.0, weight_decay: 0.0 };
    let mut engine = build_for(EngineKind::Packed, start.clone(), Isa::Scalar).unwrap();
    move_down(engine.as_mut(), &below, &above, step);
    let down = engine.parameters();
    let mut engine = build_for(EngineKind::Packed, start.clone(), Isa::Scalar).unwrap();
    move_up(engine.as_mut(), &below, &above, step);
    let up = engine.parameters();
    let state = |bits: &BitMatrix, row: usize| bits.ones(row).map(|unit| 1 << unit).sum::<usize>();
    let mean = |parameters: &Parameters, downwards: bool| -> f64 {
        let rbm = Rbm::new(parameters.clone());
        let of_row = |row: usize| {
            if downwards {
                log_bernoulli(&rbm.visible_inputs(&above, row), state(&below, row))
            } else {
                log_bernoulli(&rbm.hidden_inputs(&below, row), state(&above, row))
            }
        };
        (0..50).map(of_row).sum::<f64>() / 50.0
    };
    let all = |own: &Parameters| [own.weights.clone(), own.visible_bias.clone(), own.hidden_bias.clone()].concat();
    for (moved, downwards) in [(down, true), (up, false)] {
        for (index, (after, before)) in all(&moved).into_iter().zip(all(&start)).enumerate() {
            let at = |change: f32| {
                let mut changed = start.clone();
                let Parameters { weights, visible_bias, hidden_bias, .. } = &mut changed;
                *weights.iter_mut().chain(visible_bias).chain(hidden_bias).nth(index).unwrap() += change;
                mean(&changed, downwards)
            };
            let gradient = (at(5e-3) - at(-5e-3)) / 1e-2;
            assert!((f64::from(after - before) - gradient).abs() < 1e-4, "{index}: {} {gradient}", after - before);
        }
    }
}

/// Up-down training from the greedy layers raises the exact likelihood of bars and stripes.
#[test]
fn up_down_training_raises_the_likelihood() {
    let windows = crate::testing::bars_and_stripes(2);
    let set = TrainingSet::of_rows(&windows);
    let model = options(&[6, 4]);
    let greedy = TrainOptions { epochs: 60, batch_size: 8, learning_rate: 0.1, ..TrainOptions::default() };
    let below = ModelOptions { layers: vec![6], ..model.clone() };
    let mut lowest = Trainer::new(set, &below, &greedy, 1);
    train(&mut lowest, 60);
    let earlier = lowest.model().tensors();
    let mut second = Trainer::after(Some(&earlier), set, &model, &greedy, 1, Isa::Scalar).unwrap();
    train(&mut second, 60);
    let exact = |trainer: &Trainer| {
        let layers = Layers::of(&trainer.model().tensors()).unwrap();
        mean_of(&likelihood_of(&layers, &windows, 1), "exact")
    };
    let before = exact(&second);
    let fine = TrainOptions { up_down: true, epochs: 4_000, k: 5, ..greedy };
    let mut tuned = Trainer::after(Some(&second.model().tensors()), set, &model, &fine, 1, Isa::Scalar).unwrap();
    assert_eq!(exact(&tuned), before);
    train(&mut tuned, 4_000);
    let after = exact(&tuned);
    assert!(after > before + 0.2, "{before} then {after}");
    let layers = Layers::of(&tuned.model().tensors()).unwrap();
    assert!(layers.recognition[0].weights != layers.rbms[0].weights);
}

/// Returns the options of stages that make a network of three layers from two, in every way.
fn ways() -> Vec<TrainOptions> {
    let plain = TrainOptions { epochs: 2, batch_size: 16, k: 2, learning_rate: 0.05, ..TrainOptions::default() };
    vec![
        plain.clone(),
        TrainOptions { propagate: Propagate::Means, momentum: 0.5, ..plain.clone() },
        TrainOptions {
            method: Method::Pcd,
            statistics: StatisticsKind::Samples,
            propagate: Propagate::Means,
            ..plain.clone()
        },
        TrainOptions {
            method: Method::Pt,
            temperatures: 3,
            centring: crate::train::Centring::Average,
            ..plain.clone()
        },
        TrainOptions { up_down: true, momentum: 0.5, method: Method::Pcd, ..plain },
    ]
}

/// A stage leaves the same bits on every instruction set, with any number of threads, and if it stops after any batch and
/// continues from its state.
#[test]
fn stages_have_one_result() {
    let windows = random_bits(41, 50, 70, 0.3);
    let set = TrainingSet::of_rows(&windows);
    let model = options(&[40, 24, 16]);
    for options in ways() {
        let full = random_layers(42, &[70, 40, 24, 16], 0.3);
        let mut earlier = full.clone();
        if !options.up_down {
            earlier.rbms.pop();
        }
        let earlier = earlier.tensors();
        let mut expected = None;
        for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
            for threads in [1, 2, 3, 7] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let found = pool.install(|| {
                    let mut trainer = Trainer::after(Some(&earlier), set, &model, &options, 43, isa).unwrap();
                    train(&mut trainer, 2);
                    let ends =
                        Chains::plain(5, 4, ChainStart::Noise, 3).run(trainer.model_mut().sampler(), None).unwrap();
                    (trainer.model().tensors(), ends)
                });
                let expected = expected.get_or_insert_with(|| found.clone());
                assert!(*expected == found, "{isa:?}, {threads} threads: {options:?}");
            }
        }
        let (expected, _) = expected.unwrap();
        for stop in 0..4u64 {
            let mut first = Trainer::after(Some(&earlier), set, &model, &options, 43, Isa::Scalar).unwrap();
            first.train_epoch(0);
            let mut batches = 0;
            let part = first.train_part(1, 0, &mut || {
                batches += 1;
                batches <= stop
            });
            // The state alone continues: the layers below are part of it.
            let mut second = Trainer::after(None, set, &model, &options, 43, Isa::Scalar).unwrap();
            second.restore(&first.state()).unwrap();
            if !part.finished {
                second.train_part(1, part.next_batch, &mut || true);
            }
            assert!(second.model().tensors() == expected, "stopped after batch {stop}: {options:?}");
        }
    }
}

/// Tensors that do not make a network are refused by name, and nothing changes.
#[test]
fn tensors_that_do_not_fit_are_refused() {
    let layers = untied(random_layers(51, &[5, 4, 3], 1.0), 52, 1.0);
    let tensors = layers.tensors();
    assert_eq!(Layers::of(&tensors).unwrap(), layers);
    let open = |change: &dyn Fn(&mut crate::model::Tensors)| {
        let mut changed = tensors.clone();
        change(&mut changed);
        Dbn::open(&changed, EngineKind::Packed, Isa::Scalar).err().map(|error| error.to_string())
    };
    let without = |name: &'static str| move |tensors: &mut crate::model::Tensors| drop(tensors.tensors.remove(name));
    assert_eq!(open(&|_| ()), None);
    assert_eq!(open(&without("layers.1.hidden_bias")).unwrap(), "tensor `layers.1.hidden_bias` is missing");
    assert_eq!(open(&without("recognition.0.hidden_bias")).unwrap(), "tensor `recognition.0.hidden_bias` is missing");
    let wrong = open(&|tensors| tensors.insert_parameters("layers.1.", random_parameters(1, 3, 2, 1.0)));
    let expected = "tensor `layers.1.weights` must be a matrix of 4 rows, as many as the layer below has units";
    assert_eq!(wrong.unwrap(), expected);
    let more = open(&|tensors| tensors.insert_parameters("layers.3.", random_parameters(1, 3, 2, 1.0)));
    assert!(more.unwrap().contains("is not expected"));
    let mut model = Dbn::new(layers, EngineKind::Packed, Isa::Scalar).unwrap();
    assert!(model.restore(&random_layers(51, &[5, 4, 2], 1.0).tensors()).is_err());
    assert!(model.tensors() == tensors);
}
