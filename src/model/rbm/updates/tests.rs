//! Tests of parallel tempering, which leaves its distributions unchanged yet crosses between modes.

use super::streams::UpdateStreams;
use super::tempering::Tempering;
use crate::engine::{BitMatrix, EngineKind, Parameters, Purpose, RowStreams, build, permutation};
use crate::model::energy::Rbm;
use crate::model::{ModelOptions, TensorValues, Tensors, Trainer};
use crate::testing::{random_bits, random_parameters, trained_parameters};
use crate::train::{Method, TrainOptions, TrainingSet};

const ENGINES: [EngineKind; 3] = [EngineKind::Reference, EngineKind::Dense, EngineKind::Packed];

/// Returns the model at inverse temperature β: all its parameters times β.
fn scaled(parameters: &Parameters, beta: f64) -> Rbm {
    let mut scaled = parameters.clone();
    let Parameters { weights, visible_bias, hidden_bias, .. } = &mut scaled;
    weights.iter_mut().chain(visible_bias).chain(hidden_bias).for_each(|x| *x = (f64::from(*x) * beta) as f32);
    Rbm::new(scaled)
}

/// Returns the probabilities of all visible states.
fn distribution(rbm: &Rbm) -> Vec<f64> {
    let visible = rbm.visible();
    let states = BitMatrix::from_fn(1 << visible, visible, |state, unit| state >> unit & 1 == 1);
    let weights: Vec<f64> = (0..states.rows()).map(|state| libm::exp(-rbm.free_energy(&states, state))).collect();
    let total: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / total).collect()
}

/// Returns the states of one temperature, read back from the state that a trainer would store.
fn states(tempering: &Tempering, temperature: usize) -> Vec<usize> {
    let mut state = Tensors::default();
    tempering.save(&mut state);
    let TensorValues::U64(words) = &state.tensors[&format!("chains.{temperature}")].values else {
        panic!("chains are bits");
    };
    words.iter().map(|&word| word as usize).collect()
}

/// Chains that start at the exact distribution of each temperature stay there, with exchanges.
///
/// Seed 71, 40,000 chains over 2^4 states at each of three temperatures. The start is exact up to rounding. After 3
/// rounds a chi-square statistic with 15 degrees of freedom lies below 60 but for a chance of 3e-7, below 3e-6 over all
/// nine. The total variation at temperature 1 then stays below ½ √(60 / 40,000) = 0.02. With the sign of the energies
/// reversed, or with every exchange made, the statistics are in the thousands.
#[test]
fn tempering_leaves_every_distribution_as_it_is() {
    let parameters = random_parameters(71, 4, 3, 1.0);
    let chains = 40_000;
    let betas = [1.0, 0.6, 0.2];
    for kind in ENGINES {
        let start = |(index, &beta): (usize, &f64)| {
            let mut states = Vec::new();
            for (state, share) in distribution(&scaled(&parameters, beta)).into_iter().enumerate() {
                states.extend(std::iter::repeat_n(state, (share * f64::from(chains)).round() as usize));
            }
            // Rounding may leave a few chains too many or too few.
            states.resize(chains as usize, 0);
            let mut generator = RowStreams::new(71, Purpose::SampleStart, 0, 0, index as u64).generator(0);
            let order = permutation(&mut generator, states.len());
            BitMatrix::from_fn(states.len(), 4, |row, unit| states[order[row]] >> unit & 1 == 1)
        };
        let mut tempering = Tempering::new(0.2, betas.iter().enumerate().map(start).collect());
        let mut engine = build(kind, parameters.clone());
        tempering.advance(engine.as_mut(), 3, &UpdateStreams { seed: 71, epoch: 0, batch: 0 });
        for (temperature, &beta) in betas.iter().enumerate() {
            let mut counts = [0.0f64; 16];
            for state in states(&tempering, temperature) {
                counts[state] += 1.0;
            }
            let expected = distribution(&scaled(&parameters, beta)).into_iter().map(|share| share * f64::from(chains));
            let chi_square: f64 =
                expected.zip(counts).map(|(expected, count)| (count - expected).powi(2) / expected).sum();
            assert!(chi_square < 60.0, "{kind:?}: β = {beta}: chi-square {chi_square}");
            assert!(chi_square > 1.0, "{kind:?}: β = {beta}: the chains did not move: chi-square {chi_square}");
        }
        let acceptance = tempering.acceptance();
        assert!(
            acceptance.iter().all(|share| share.is_some_and(|share| (0.3..0.95).contains(&share))),
            "{acceptance:?}"
        );
    }
}

/// Tempering reaches both of two modes that Gibbs chains do not leave: weights of 8 tie eight visible units together,
/// so that most are on or most off. All chains start at one mode; the exact distribution has half of them at either.
///
/// Seed 72, 400 independent chains. The share at either mode has a standard error of 0.025, so 0.3 to 0.7 is eight of
/// them to either side. A chain by itself crosses about once in 300,000 steps.
#[test]
fn tempering_crosses_between_modes() {
    let mut parameters = Parameters::zeros(8, 1);
    parameters.weights.fill(8.0);
    parameters.visible_bias.fill(-4.0);
    parameters.hidden_bias.fill(-32.0);
    let share_on = |count: usize| {
        let starts = vec![BitMatrix::from_fn(400, 8, |_, _| true); count];
        let mut tempering = Tempering::new(0.0, starts);
        let mut engine = build(EngineKind::Packed, parameters.clone());
        tempering.advance(engine.as_mut(), 400, &UpdateStreams { seed: 72, epoch: 0, batch: 0 });
        states(&tempering, 0).iter().filter(|state| state.count_ones() > 4).count() as f64 / 400.0
    };
    let (alone, tempered) = (share_on(1), share_on(8));
    assert!(alone > 0.95, "one temperature crossed by itself: {alone}");
    assert!((0.3..0.7).contains(&tempered), "{tempered} of the chains at the first mode");
}

/// One temperature has none to exchange with and gives the bits of persistent chains.
#[test]
fn one_temperature_is_persistent_contrastive_divergence() {
    let windows = random_bits(73, 30, 12, 0.3);
    let song = 0..30;
    let set = TrainingSet { windows: &windows, songs: std::slice::from_ref(&song) };
    let model = ModelOptions { hidden: 5, weight_std: 0.5, ..ModelOptions::default() };
    let parameters = |method| {
        let options = TrainOptions {
            method,
            temperatures: 1,
            k: 2,
            batch_size: 8,
            learning_rate: 0.1,
            ..TrainOptions::default()
        };
        let mut trainer = Trainer::new(set, &model, &options, 73);
        (0..3).for_each(|epoch| _ = trainer.train_epoch(epoch));
        trained_parameters(&trainer)
    };
    assert_eq!(parameters(Method::Pt), parameters(Method::Pcd));
    assert_ne!(parameters(Method::Pt), parameters(Method::Cd));
}
