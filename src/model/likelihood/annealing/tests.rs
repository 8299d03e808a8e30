//! Tests of annealing against enumeration or plain loops in f64.
//!
//! Seeds are fixed, so a test has the same outcome every time. The rates stated are those over seeds.

use super::{Annealing, Estimate, LogWeights, Spacing, inverse_temperatures};
use crate::engine::{
    BitMatrix, EngineKind, Isa, Parameters, Purpose, RowStreams, build, build_for, fires, log_sigmoid, softplus,
};
use crate::model::energy::Rbm;
use crate::model::likelihood::{BuildEngine, exact_log_partition};
use crate::testing::{bars_and_stripes, random_parameters};

const PACKED: &BuildEngine<'static> = &|parameters| build(EngineKind::Packed, parameters);

fn exact(parameters: &Parameters) -> f64 {
    exact_log_partition(&Rbm::new(parameters.clone())).unwrap()
}

fn all_states(units: usize) -> BitMatrix {
    BitMatrix::from_fn(1 << units, units, |state, unit| state >> unit & 1 == 1)
}

/// Returns exact samples of a small model, by inversion of its distribution function.
fn exact_samples(parameters: &Parameters, count: usize, seed: u64) -> BitMatrix {
    let rbm = Rbm::new(parameters.clone());
    let states = all_states(parameters.visible);
    let log_partition = exact(parameters);
    let mut sum = 0.0;
    let cumulative: Vec<f64> = (0..states.rows())
        .map(|row| {
            sum += libm::exp(-rbm.free_energy(&states, row) - log_partition);
            sum
        })
        .collect();
    let streams = RowStreams::new(seed, Purpose::Baseline, 3, 0, 0);
    let chosen: Vec<usize> = (0..count)
        .map(|row| {
            let uniform = f64::from(streams.row(row).next_u32()) / 4_294_967_296.0;
            cumulative.partition_point(|&below| below <= uniform).min(states.rows() - 1)
        })
        .collect();
    states.gather(&chosen)
}

fn both_ways(parameters: &Parameters, chains: usize, temperatures: usize, seed: u64) -> (Estimate, Estimate) {
    let base = vec![0.25; parameters.visible];
    let temperatures = inverse_temperatures(temperatures, Spacing::Linear);
    let annealing = Annealing::new(parameters, &base, &temperatures, PACKED, seed);
    let forward = annealing.forward(chains).forward(annealing.log_base());
    let starts = exact_samples(parameters, chains, seed);
    (forward, annealing.backward(&starts, 0).backward(annealing.log_base()))
}

/// 200 random models. The 3-sigma bands of either direction miss the exact value in 0.3 % to 2 % of models, since
/// weights are skewed; more than 10 of 200 has a chance below 1e-3. The plain mean of logarithms lies three of its
/// errors on the wrong side with a chance below 0.14 % a model; more than 3 of 200 has a chance below 1e-3.
#[test]
fn the_exact_value_lies_between_the_bounds() {
    let (mut band, mut bound) = ([0, 0], [0, 0]);
    for model in 0..200u64 {
        let (visible, hidden) = (3 + model as usize % 8, 2 + model as usize / 8 % 7);
        let deviation = [0.3, 0.8, 1.5][model as usize % 3];
        let parameters = random_parameters(1000 + model, visible, hidden, deviation);
        let exact = exact(&parameters);
        let (forward, backward) = both_ways(&parameters, 100, 40, model);
        let inside = |e: Estimate| e.low.is_none_or(|low| low <= exact) && e.high.is_none_or(|high| exact <= high);
        band[0] += usize::from(!inside(forward));
        band[1] += usize::from(!inside(backward));
        bound[0] += usize::from(forward.mean_of_logs - 3.0 * forward.standard_error > exact);
        bound[1] += usize::from(backward.mean_of_logs + 3.0 * backward.standard_error < exact);
        assert!(forward.mean_of_logs <= forward.log_partition && backward.mean_of_logs >= backward.log_partition);
    }
    assert!(band[0] <= 10 && band[1] <= 10, "bands that miss: {band:?} of 200");
    assert!(bound[0] <= 3 && bound[1] <= 3, "bounds on the wrong side: {bound:?} of 200");
}

/// In coarse annealing of models with larger and larger weights, the plain means of logarithms move apart and still
/// enclose the exact value.
#[test]
fn bounds_widen_with_the_weights() {
    let mut gap = -1.0;
    for deviation in [0.1, 1.0, 2.0, 4.0] {
        let parameters = random_parameters(31, 9, 8, deviation);
        let exact = exact(&parameters);
        let (forward, backward) = both_ways(&parameters, 400, 12, 4);
        let (low, high) = (forward.mean_of_logs, backward.mean_of_logs);
        assert!(low - 3.0 * forward.standard_error <= exact, "{deviation}: {low}, {exact}");
        assert!(high + 3.0 * backward.standard_error >= exact, "{deviation}: {high}, {exact}");
        assert!(high - low > gap, "{deviation}: the gap {} does not grow from {gap}", high - low);
        gap = high - low;
    }
    assert!(gap > 1.0, "at the last: {gap}");
}

/// Without weights, and from the model's own biases, every importance weight is exactly Z / Z_0 for any hidden biases.
#[test]
fn annealing_without_weights_is_exact() {
    let mut parameters = random_parameters(9, 70, 13, 1.0);
    parameters.weights.fill(0.0);
    let exact = exact(&parameters);
    let base = parameters.visible_bias.clone();
    for (count, spacing) in [(2, Spacing::Linear), (1000, Spacing::LateDense)] {
        let temperatures = inverse_temperatures(count, spacing);
        let annealing = Annealing::new(&parameters, &base, &temperatures, PACKED, 1);
        let starts = BitMatrix::from_fn(5, 70, |row, unit| (row + unit) % 3 == 0);
        let forward = annealing.forward(70).forward(annealing.log_base());
        let backward = annealing.backward(&starts, 0).backward(annealing.log_base());
        for estimate in [forward, backward] {
            assert!((estimate.log_partition - exact).abs() < 1e-10, "{estimate:?} against {exact}");
            assert!((estimate.mean_of_logs - exact).abs() < 1e-10);
        }
        assert!((forward.effective_sample_size - 70.0).abs() < 1e-6);
    }
}

/// Computes ln w of forward chains by plain loops in f64, from the same random numbers.
fn textbook_forward(parameters: &Parameters, base: &[f32], temperatures: &[f64], seed: u64, chains: usize) -> Vec<f64> {
    let rbm = Rbm::new(parameters.clone());
    (0..chains)
        .map(|chain| {
            let stream = |purpose, kind, step| RowStreams::new(seed, purpose, kind, 0, step).row(chain);
            let mut start = stream(Purpose::AnnealingStart, 0, 0);
            let mut visible = BitMatrix::from_fn(1, base.len(), |_, unit| fires(base[unit], start.next_u32()));
            let mut log = 0.0;
            for step in 1..temperatures.len() {
                let inputs = rbm.hidden_inputs(&visible, 0);
                let log_f = |beta: f64| {
                    let bias = |unit: usize| {
                        (1.0 - beta) * f64::from(base[unit]) + beta * f64::from(parameters.visible_bias[unit])
                    };
                    let hidden: f64 = inputs.iter().map(|&input| softplus(beta * input)).sum();
                    visible.ones(0).map(bias).sum::<f64>() + hidden
                };
                log += log_f(temperatures[step]) - log_f(temperatures[step - 1]);
                let beta = temperatures[step];
                let mut numbers = stream(Purpose::AnnealingHidden, 0, step as u64);
                let hidden = BitMatrix::from_fn(1, parameters.hidden, |_, unit| {
                    fires((beta * inputs[unit]) as f32, numbers.next_u32())
                });
                let inputs = rbm.visible_inputs(&hidden, 0);
                let mut numbers = stream(Purpose::AnnealingVisible, 0, step as u64);
                visible = BitMatrix::from_fn(1, base.len(), |_, unit| {
                    let input = (1.0 - beta) * f64::from(base[unit]) + beta * inputs[unit];
                    fires(input as f32, numbers.next_u32())
                });
            }
            log
        })
        .collect()
}

/// Two computations of different precision diverge if a random number falls between their probabilities: a chance of
/// about 1e-6 for each of these 200,000 units. Five of 50 chains would have a chance below 1e-6.
#[test]
fn engines_agree_with_the_textbook() {
    let parameters = random_parameters(17, 75, 40, 0.4);
    let base: Vec<f32> = (0..75).map(|unit| -0.03 * unit as f32).collect();
    let temperatures = inverse_temperatures(30, Spacing::Linear);
    let expected = textbook_forward(&parameters, &base, &temperatures, 6, 50);
    for kind in [EngineKind::Packed, EngineKind::Dense, EngineKind::Reference] {
        let make = |parameters: Parameters| build(kind, parameters);
        let LogWeights(found) = Annealing::new(&parameters, &base, &temperatures, &make, 6).forward(50);
        let apart = found.iter().zip(&expected).filter(|(found, expected)| (*found - *expected).abs() > 1e-3).count();
        assert!(apart < 5, "{kind:?}: {apart} of 50 chains differ: {found:?}, {expected:?}");
    }
}

/// Neither threads nor the instruction set change a bit. Chains and sets of starts are independent.
#[test]
fn threads_and_instruction_sets_change_no_bit() {
    let parameters = random_parameters(18, 90, 70, 0.3);
    let base = vec![-1.0; 90];
    let temperatures = inverse_temperatures(12, Spacing::Linear);
    let run = |isa: Isa, threads: usize| {
        let make = move |parameters: Parameters| build_for(EngineKind::Packed, parameters, isa).unwrap();
        let annealing = Annealing::new(&parameters, &base, &temperatures, &make, 2);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let starts = annealing.mixed(&BitMatrix::zeros(130, 90), 3);
            (annealing.forward(200), annealing.backward(&starts, 0), annealing.backward(&starts, 1))
        })
    };
    let first = run(Isa::Scalar, 1);
    assert_ne!(first.1, first.2);
    let mut distinct: Vec<u64> = first.0.0.iter().chain(&first.1.0).map(|log| log.to_bits()).collect();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), 330, "chains that are alike");
    for isa in Isa::available() {
        for threads in [1, 3] {
            assert!(run(isa, threads) == first, "{isa} with {threads} threads differs");
        }
    }
}

/// Computes the distribution over states after all forward steps, by matrices.
fn annealed_distribution(parameters: &Parameters, base: &[f32], temperatures: &[f64]) -> Vec<f64> {
    let units = parameters.visible;
    let states = all_states(units);
    let hidden_states = all_states(parameters.hidden);
    let rbm = Rbm::new(parameters.clone());
    let bernoulli = |logits: &dyn Fn(usize) -> f64, states: &BitMatrix, row: usize| -> f64 {
        let term = |unit| log_sigmoid(if states.get(row, unit) { logits(unit) } else { -logits(unit) });
        libm::exp((0..states.columns()).map(term).sum())
    };
    let mut distribution: Vec<f64> =
        (0..states.rows()).map(|row| bernoulli(&|unit| f64::from(base[unit]), &states, row)).collect();
    for &beta in &temperatures[1..] {
        let mut hidden = vec![0.0; hidden_states.rows()];
        for (row, mass) in distribution.iter().enumerate() {
            let inputs = rbm.hidden_inputs(&states, row);
            for (state, total) in hidden.iter_mut().enumerate() {
                *total += mass * bernoulli(&|unit| beta * inputs[unit], &hidden_states, state);
            }
        }
        distribution.fill(0.0);
        for (row, mass) in hidden.iter().enumerate() {
            let inputs = rbm.visible_inputs(&hidden_states, row);
            let logit = |unit: usize| (1.0 - beta) * f64::from(base[unit]) + beta * inputs[unit];
            for (state, total) in distribution.iter_mut().enumerate() {
                *total += mass * bernoulli(&logit, &states, state);
            }
        }
    }
    distribution
}

/// RAISE is unbiased for the annealed model's probability of a state, which is computed by matrices. With coarse
/// annealing it differs much from the model's own. Seed 8, 16 states with 4,000 chains each; five errors, false-alarm
/// rate 1e-5.
#[test]
fn raise_estimates_the_annealed_model() {
    let parameters = random_parameters(41, 4, 3, 2.0);
    let base = [0.5, -0.5, 0.0, 1.0];
    let temperatures = [0.0, 0.3, 1.0];
    let expected = annealed_distribution(&parameters, &base, &temperatures);
    assert!((expected.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    let annealing = Annealing::new(&parameters, &base, &temperatures, PACKED, 8);
    let rbm = Rbm::new(parameters.clone());
    let states = all_states(4);
    let mut distance = 0.0;
    for (state, &expected) in expected.iter().enumerate() {
        let starts = states.gather(&vec![state; 4_000]);
        let LogWeights(logs) = annealing.backward(&starts, state as u64);
        let log_f = -rbm.free_energy(&states, state) - annealing.log_base();
        let probabilities: Vec<f64> = logs.iter().map(|log| libm::exp(log_f + log)).collect();
        let mean = probabilities.iter().sum::<f64>() / 4_000.0;
        let variance = probabilities.iter().map(|p| (p - mean).powi(2)).sum::<f64>() / 3_999.0;
        let error = (variance / 4_000.0).sqrt();
        assert!((mean - expected).abs() < 5.0 * error, "{state}: {mean} ± {error}, {expected}");
        distance += (libm::exp(log_f + annealing.log_base() - exact(&parameters)) - expected).abs() / 2.0;
    }
    assert!(distance > 0.02, "annealing in two steps is too good to tell the models apart: {distance}");
}

/// log Z is the same if the layers are exchanged.
#[test]
fn either_orientation_gives_the_same() {
    let parameters = random_parameters(51, 14, 9, 0.6);
    let mut turned = Parameters::zeros(9, 14);
    for unit in 0..14 {
        for other in 0..9 {
            turned.weights[other * 14 + unit] = parameters.weights[unit * 9 + other];
        }
    }
    turned.visible_bias.clone_from(&parameters.hidden_bias);
    turned.hidden_bias.clone_from(&parameters.visible_bias);
    let exact = exact(&parameters);
    for parameters in [parameters, turned] {
        let (forward, backward) = both_ways(&parameters, 500, 200, 5);
        for estimate in [forward, backward] {
            assert!(estimate.low.unwrap() <= exact && exact <= estimate.high.unwrap(), "{estimate:?}, {exact}");
            assert!(estimate.high.unwrap() - estimate.low.unwrap() < 0.5, "{estimate:?}");
        }
    }
}

/// A model of the patterns of bars and stripes is easy for long annealing and hard for short annealing.
#[test]
fn bars_and_stripes_are_bracketed() {
    let patterns = bars_and_stripes(3);
    // There is a hidden unit for each pattern, which that pattern turns on and any other turns off.
    let mut parameters = Parameters::zeros(9, patterns.rows());
    for pattern in 0..patterns.rows() {
        let ones = f64::from(patterns.count_ones_in(pattern));
        for unit in 0..9 {
            parameters.weights[unit * patterns.rows() + pattern] = if patterns.get(pattern, unit) { 6.0 } else { -6.0 };
        }
        parameters.hidden_bias[pattern] = (-6.0 * ones + 3.0) as f32;
    }
    let exact = exact(&parameters);
    let log_likelihood = |log_partition: f64| {
        let rbm = Rbm::new(parameters.clone());
        let total: f64 = (0..patterns.rows()).map(|row| -rbm.free_energy(&patterns, row)).sum();
        total / patterns.rows() as f64 - log_partition
    };
    // The entropy of the patterns bounds any model's mean log-likelihood: 16 patterns, two of them twice.
    assert!(log_likelihood(exact) < -2.599302 && log_likelihood(exact) > -4.0, "{}", log_likelihood(exact));
    let (forward, backward) = both_ways(&parameters, 600, 3_000, 7);
    for estimate in [forward, backward] {
        assert!(estimate.low.unwrap() <= exact && exact <= estimate.high.unwrap(), "{estimate:?}, {exact}");
    }
    assert!(log_likelihood(forward.log_partition) - log_likelihood(backward.log_partition) < 0.3);
    let (short, back) = both_ways(&parameters, 600, 5, 7);
    assert!(short.mean_of_logs < exact - 0.3 && back.mean_of_logs > exact + 1.0, "{short:?}, {back:?}");
}

/// Mixing reaches the model's mean activations from all-off. Seed 3; five errors, false-alarm rate 1e-5 in all.
#[test]
fn mixed_chains_sample_the_model() {
    let parameters = random_parameters(61, 6, 5, 0.7);
    let rbm = Rbm::new(parameters.clone());
    let states = all_states(6);
    let log_partition = exact(&parameters);
    let temperatures = [0.0, 1.0];
    let base = [0.0; 6];
    let annealing = Annealing::new(&parameters, &base, &temperatures, PACKED, 3);
    let samples = annealing.mixed(&BitMatrix::zeros(4_000, 6), 30);
    for unit in 0..6 {
        let on = (0..64).filter(|&state| states.get(state, unit));
        let expected: f64 = on.map(|state| libm::exp(-rbm.free_energy(&states, state) - log_partition)).sum();
        let found = (0..4_000).filter(|&row| samples.get(row, unit)).count() as f64 / 4_000.0;
        let error = (expected * (1.0 - expected) / 4_000.0).sqrt();
        assert!((found - expected).abs() < 5.0 * error, "unit {unit}: {found} against {expected}");
    }
}
