//! Tests of the packed engine against the reference engine.

use super::*;
use crate::engine::contract::{Draw, Engine, HiddenStatistics, Products, Rule, Statistics, Step};
use crate::engine::kind::{EngineKind, build};
use crate::engine::math::wide::softplus_sum_change;
use crate::engine::packed::TABLES_FROM_ROWS;
use crate::engine::packed::kernels::GROUP;
use crate::engine::reference::ReferenceEngine;

/// Returns the canonical visible inputs: partial sums of groups of hidden units in ascending order, then the groups.
fn visible_inputs_twin(parameters: &Parameters, hidden: &BitMatrix) -> Vec<f32> {
    let group = if hidden.rows() < TABLES_FROM_ROWS { 1 } else { GROUP };
    let mut inputs = Vec::new();
    for row in 0..hidden.rows() {
        for unit in 0..parameters.visible {
            let mut input = parameters.visible_bias[unit];
            for first in (0..parameters.hidden).step_by(group) {
                let on = (first..parameters.hidden.min(first + group)).filter(|&index| hidden.get(row, index));
                if let Some(partial) = on.map(|index| parameters.weight_row(unit)[index]).reduce(|a, b| a + b) {
                    input += partial;
                }
            }
            inputs.push(input);
        }
    }
    inputs
}

/// The changes of softplus sums are those of the plain function on the same inputs, bit for bit.
#[test]
fn softplus_changes_are_the_same_on_every_instruction_set() {
    for (rows, visible, hidden) in [(3, 20, 1), (5, 33, 150), (2, 70, 1100)] {
        let parameters = random_parameters(3, visible, hidden, uneven);
        let states = random_states(4, rows, visible, 0.3);
        let mut inputs = Vec::new();
        ReferenceEngine::new(parameters.clone()).hidden_inputs(&states, &mut inputs);
        let expected: Vec<f64> =
            inputs.chunks(hidden).map(|inputs| -7.5 + softplus_sum_change(inputs, 0.25, 0.75)).collect();
        for isa in Isa::available() {
            let mut engine = PackedEngine::with_isa(&parameters, isa).unwrap();
            let mut changes = vec![-7.5; rows];
            engine.add_softplus_changes(&states, (0.25, 0.75), &mut changes);
            assert_eq!(changes, expected, "{isa}, {hidden} hidden units");
        }
    }
}

/// An engine whose visible biases were replaced is one that was built with them, whichever way its down pass goes.
#[test]
fn visible_biases_can_be_replaced() {
    for (rows, visible, hidden) in [(5, 130, 20), (5, 300, 70), (40, 150, 70)] {
        let parameters = random_parameters(3, visible, hidden, uneven);
        let other = random_parameters(4, visible, hidden, uneven).visible_bias;
        let replaced = Parameters { visible_bias: other.clone(), ..parameters.clone() };
        let hidden_states = random_states(5, rows, hidden, 0.5);
        let draw = Draw::plain(RowStreams::new(1, Purpose::Baseline, 0, 0, 0));
        let mut engine = PackedEngine::new(&parameters).unwrap();
        let (mut before, mut found, mut expected) = (BitMatrix::default(), BitMatrix::default(), BitMatrix::default());
        engine.sample_visible(&hidden_states, draw, &mut before);
        engine.set_visible_bias(&other);
        assert_eq!(engine.parameters(), replaced);
        engine.sample_visible(&hidden_states, draw, &mut found);
        PackedEngine::new(&replaced).unwrap().sample_visible(&hidden_states, draw, &mut expected);
        assert_eq!(found, expected);
        assert_ne!(before, expected);
    }
}

/// The results of a few updates by one engine, as bits.
#[derive(Debug, PartialEq)]
struct Trace {
    inputs: Vec<Vec<u32>>,
    states: Vec<BitMatrix>,
    parameters: Vec<u32>,
}

/// The statistics that [`train`] gathers and the steps that it takes.
#[derive(Clone, Copy, Debug)]
struct Recipe {
    probabilities: bool,
    momentum: f32,
    weight_decay: f32,
    learning_rate: f32,
    /// Rows of the model's side beyond those of the data.
    extra_chains: usize,
    density: f32,
}

fn recipes() -> impl Strategy<Value = Recipe> {
    let density = prop_oneof![3 => 0.0f32..0.2, 1 => 0.4f32..0.6, 1 => Just(0.0), 1 => Just(1.1)];
    (any::<bool>(), any::<bool>(), any::<bool>(), prop::sample::select(vec![0, 0, 3]), density).prop_map(
        |(probabilities, momentum, decay, extra_chains, density)| Recipe {
            probabilities,
            momentum: if momentum { 0.5 } else { 0.0 },
            weight_decay: if decay { 0.25 } else { 0.0 },
            learning_rate: 0.25,
            extra_chains,
            density,
        },
    )
}

/// Makes a few updates and keeps every result on the way.
fn train(engine: &mut dyn Engine, rows: usize, seed: u64, recipe: Recipe) -> Trace {
    let updates = if cfg!(miri) { 2 } else { 3 };
    let mut trace = Trace { inputs: Vec::new(), states: Vec::new(), parameters: Vec::new() };
    for update in 0..updates {
        let data = random_states(seed ^ update, rows, engine.visible(), recipe.density);
        let start = random_states(!seed ^ update, rows + recipe.extra_chains, engine.visible(), 0.1);
        let draw = |purpose| Draw::at(RowStreams::new(seed, purpose, 0, update, 0), 0.75);
        let (mut positive, mut chain, mut model, mut negative) = Default::default();
        engine.sample_hidden(&data, draw(Purpose::PositiveHidden), &mut positive);
        engine.sample_hidden(&start, draw(Purpose::ChainHidden), &mut chain);
        engine.sample_visible(&chain, draw(Purpose::ChainVisible), &mut model);
        engine.sample_hidden(&model, draw(Purpose::NegativeHidden), &mut negative);
        let (mut data_inputs, mut model_inputs, mut visible_inputs) = Default::default();
        engine.hidden_inputs(&data, &mut data_inputs);
        engine.hidden_inputs(&model, &mut model_inputs);
        engine.visible_inputs(&chain, &mut visible_inputs);
        let (mut data_probabilities, mut model_probabilities) = Default::default();
        engine.hidden_probabilities(&data, &mut data_probabilities);
        engine.hidden_probabilities(&model, &mut model_probabilities);
        let (data_hidden, model_hidden) = if recipe.probabilities {
            (
                HiddenStatistics::Probabilities(&data_probabilities),
                HiddenStatistics::Probabilities(&model_probabilities),
            )
        } else {
            (HiddenStatistics::Samples(&positive), HiddenStatistics::Samples(&negative))
        };
        engine.step(
            &Statistics { visible: &data, hidden: data_hidden },
            &Statistics { visible: &model, hidden: model_hidden },
            &Step { learning_rate: recipe.learning_rate, momentum: recipe.momentum, weight_decay: recipe.weight_decay },
        );
        for inputs in [&data_inputs, &model_inputs, &visible_inputs, &data_probabilities, &model_probabilities] {
            trace.inputs.push(bits_of(inputs));
        }
        trace.states.extend([positive, chain, model, negative]);
        let parameters = engine.parameters();
        for part in [&parameters.weights, &parameters.visible_bias, &parameters.hidden_bias] {
            trace.parameters.extend(bits_of(part));
        }
    }
    trace
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    /// Hidden inputs are the reference's on any weights; visible inputs are those of the canonical order.
    #[test]
    fn inputs_are_in_canonical_order((visible, hidden, rows) in shapes(), seed: u64, density in 0.0f32..1.0) {
        let parameters = random_parameters(seed, visible, hidden, uneven);
        let (v, h) = (random_states(seed, rows, visible, density), random_states(!seed, rows, hidden, density));
        let mut reference = ReferenceEngine::new(parameters.clone());
        let (mut expected, mut inputs) = (Vec::new(), Vec::new());
        reference.hidden_inputs(&v, &mut expected);
        for isa in Isa::available() {
            let mut engine = packed(&parameters, isa);
            engine.hidden_inputs(&v, &mut inputs);
            prop_assert_eq!(bits_of(&inputs), bits_of(&expected), "hidden inputs by {}", isa);
            engine.visible_inputs(&h, &mut inputs);
            prop_assert_eq!(bits_of(&inputs), bits_of(&visible_inputs_twin(&parameters, &h)), "visible inputs by {}", isa);
        }
        if rows < TABLES_FROM_ROWS {
            reference.visible_inputs(&h, &mut expected);
            prop_assert_eq!(bits_of(&inputs), bits_of(&expected), "visible inputs of few rows");
        }
    }

    /// Where every sum is exact, so that order does not matter, the engine is the reference bit for bit.
    #[test]
    fn exact_weights_train_as_the_reference((visible, hidden, rows) in shapes(), seed: u64, recipe in recipes()) {
        // Powers of two as batch sizes, rate and decay keep samples' updates exact too; probabilities are summed in one
        // order.
        let few = rows + 3 < TABLES_FROM_ROWS;
        let recipe = Recipe { probabilities: recipe.probabilities && few, ..recipe };
        let rows = if recipe.probabilities { rows } else { rows.next_power_of_two() };
        let recipe = Recipe { extra_chains: if recipe.probabilities { recipe.extra_chains } else { 0 }, ..recipe };
        let rows = rows.min(64);
        let parameters = random_parameters(seed, visible, hidden, exact);
        let expected = train(&mut ReferenceEngine::new(parameters.clone()), rows, seed, recipe);
        for isa in Isa::available() {
            let same = train(&mut packed(&parameters, isa), rows, seed, recipe) == expected;
            prop_assert!(same, "{}", isa);
        }
    }

    /// On any weights the bits are the same for every instruction set and number of threads.
    #[test]
    fn bits_depend_on_neither_instructions_nor_threads((visible, hidden, rows) in shapes(), seed: u64, recipe in recipes()) {
        let parameters = random_parameters(seed, visible, hidden, uneven);
        let expected = train(&mut packed(&parameters, Isa::Scalar), rows, seed, recipe);
        for isa in Isa::available() {
            let trace = train(&mut packed(&parameters, isa), rows, seed, recipe);
            prop_assert!(trace == expected, "{}", isa);
        }
    }

    /// Earlier work does not change later work: a fresh engine agrees with a used one.
    #[test]
    fn nothing_before_changes_anything_after((visible, hidden, rows) in shapes(), seed: u64, recipe in recipes()) {
        // Momentum is memory of its own.
        let recipe = Recipe { momentum: 0.0, ..recipe };
        let mut used = packed(&random_parameters(seed, visible, hidden, uneven), Isa::pinned_or_best());
        train(&mut used, rows, seed, recipe);
        let mut fresh = packed(&used.parameters(), Isa::pinned_or_best());
        prop_assert!(train(&mut used, rows, !seed, recipe) == train(&mut fresh, rows, !seed, recipe));
    }
}

/// Shapes whose work is divided among threads, and rows on both sides of the choice of order: seeds 1 to 4.
#[test]
#[cfg_attr(miri, ignore = "large")]
fn threads_change_no_bit_of_divided_work() {
    let recipe = Recipe {
        probabilities: false,
        momentum: 0.0,
        weight_decay: 0.0,
        learning_rate: 0.05,
        extra_chains: 0,
        density: 0.3,
    };
    let recipes = [
        recipe,
        Recipe { probabilities: true, momentum: 0.9, weight_decay: 1e-3, ..recipe },
        Recipe { weight_decay: 1e-3, extra_chains: 3, ..recipe },
    ];
    for (seed, (visible, hidden, rows)) in [(1500, 300, 29), (1500, 300, 100), (700, 200, 300)].into_iter().enumerate()
    {
        let parameters = random_parameters(seed as u64, visible, hidden, uneven);
        for recipe in recipes {
            let run = |isa, threads| {
                let mut engine = packed(&parameters, isa);
                with_threads(threads, || train(&mut engine, rows, seed as u64, recipe))
            };
            let expected = run(Isa::Scalar, 1);
            for isa in Isa::available() {
                for threads in [1, 2, 3, 7] {
                    let same = run(isa, threads) == expected;
                    assert!(same, "{isa} on {threads} threads, {visible} × {hidden}, {rows} rows, {recipe:?}");
                }
            }
        }
    }
}

/// Diverged parameters: infinities and NaN go the same way on every instruction set, and NaN units stay off.
#[test]
fn parameters_that_diverged_are_defined() {
    // Under Miri this is the test of the down pass by tables.
    let (units, hidden_units) = if cfg!(miri) { (20, 6) } else { (200, 70) };
    for rows in [5, 40] {
        let mut parameters = random_parameters(3, units, hidden_units, uneven);
        for (index, weight) in parameters.weights.iter_mut().enumerate() {
            match index % 97 {
                0 => *weight = f32::NAN,
                1 => *weight = f32::INFINITY,
                2 => *weight = f32::NEG_INFINITY,
                3 => *weight = -0.0,
                _ => {}
            }
        }
        let hidden = random_states(4, rows, hidden_units, 0.2);
        let draw = Draw::plain(RowStreams::new(9, Purpose::Baseline, 0, 0, 0));
        let mut outcomes = Vec::new();
        for isa in Isa::available() {
            let mut engine = packed(&parameters, isa);
            let (mut inputs, mut visible) = Default::default();
            engine.visible_inputs(&hidden, &mut inputs);
            engine.sample_visible(&hidden, draw, &mut visible);
            for (index, input) in inputs.iter().enumerate() {
                let on = visible.get(index / units, index % units);
                assert!(!(on && input.is_nan()), "a unit with a NaN input turned on");
                assert!(on || input.is_nan() || *input < 87.0, "a unit with an input of {input} stayed off");
            }
            outcomes.push(visible);
        }
        assert!(outcomes.windows(2).all(|pair| pair[0] == pair[1]));
    }
}

/// Checks that an update by rule has the same bits on every instruction set and number of threads: but for the order of
/// one sum, those of the reference engine.
fn check_rule(seed: u64, (visible, hidden): (usize, usize), rows: [usize; 2], momentum: f32, terms: usize) {
    let parameters = random_parameters(seed, visible, hidden, exact);
    let states = [0, 1].map(|side| random_states(seed + side, rows[side as usize], visible, 0.3));
    let mut numbers = stream(seed + 2);
    let mut values = |count: usize| (0..count).map(|_| exact(&mut numbers)).collect::<Vec<f32>>();
    let probabilities = rows.map(|rows| values(rows * hidden));
    let pairs: Vec<(Vec<f32>, Vec<f32>)> = (0..=terms).map(|_| (values(visible), values(hidden))).collect();
    let given = values(visible * hidden);
    let pair = |index: usize| -> (&[f32], &[f32]) { (&pairs[index].0, &pairs[index].1) };
    let outer: Vec<(&[f32], &[f32])> = (1..=terms).map(pair).collect();
    let run = |engine: &mut dyn Engine| {
        for nesterov in [false, true] {
            let rule = Rule {
                step: Step { learning_rate: 0.25, momentum, weight_decay: 0.125 },
                nesterov,
                weight_decay_l1: 0.0625,
                outer: &outer,
                visible_gradient: pair(0).0,
                hidden_gradient: pair(0).1,
                offsets: outer.first().copied(),
            };
            let side = |side: usize| Statistics {
                visible: &states[side],
                hidden: HiddenStatistics::Probabilities(&probabilities[side]),
            };
            engine.step_by_rule(&Products::Estimated { data: &side(0), model: &side(1) }, &rule);
            engine.step_by_rule(&Products::Given(&given), &rule);
        }
        (engine.parameters(), engine.velocity())
    };
    let mut reference = ReferenceEngine::new(parameters.clone());
    let (expected, expected_velocity) = run(&mut reference);
    assert_eq!(expected_velocity.is_some(), momentum != 0.0);
    let mut first = None;
    for isa in Isa::available() {
        for threads in if cfg!(miri) { vec![1] } else { vec![1, 3] } {
            let mut engine = PackedEngine::with_isa(&parameters, isa).unwrap();
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let found = if threads == 1 { run(&mut engine) } else { pool.install(|| run(&mut engine)) };
            assert_eq!(bits_of(&found.0.hidden_bias), bits_of(&expected.hidden_bias), "{isa}: hidden biases");
            assert_eq!(bits_of(&found.0.weights), bits_of(&expected.weights), "{isa}: weights");
            for (found, expected) in found.0.visible_bias.iter().zip(&expected.visible_bias) {
                let bound = 1e-5 * expected.abs().max(1.0) * hidden as f32;
                assert!((found - expected).abs() <= bound, "{isa}: {found} against {expected}");
            }
            assert_eq!(first.get_or_insert_with(|| found.clone()), &found, "{isa}, {threads} threads");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES / 2 + 1, ..ProptestConfig::default() })]

    #[test]
    fn updates_by_rule_do_not_depend_on_the_instruction_set(
        seed in 0u64..1 << 40,
        visible in 1usize..300,
        hidden in 1usize..150,
        rows in [1usize..40, 1usize..40],
        momentum in prop_oneof![Just(0.0f32), Just(0.5)],
        terms in 0usize..4,
    ) {
        let shape = if cfg!(miri) { (visible.min(20), hidden.min(70)) } else { (visible, hidden) };
        check_rule(seed, shape, rows, momentum, terms);
    }
}

/// Shapes on either side of a tile and a block: parameters added twice are twice the parameters, place by place.
/// One parameter that is not finite is found wherever it stands, and the engine finds none beyond the units.
#[test]
fn every_parameter_is_asked_to_be_finite() {
    for (visible, hidden) in [(1, 1), (5, 65), (129, 3)] {
        let parameters = random_parameters(3, visible, hidden, uneven);
        for kind in [EngineKind::Packed, EngineKind::Dense, EngineKind::Reference] {
            let finite = |parameters: &Parameters| build(kind, parameters.clone()).parameters_are_finite();
            assert!(finite(&parameters), "{kind:?}, {visible} × {hidden}");
            for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let places = [visible * hidden, visible, hidden];
                for (part, place) in (0..3).flat_map(|part| (0..places[part]).map(move |place| (part, place))) {
                    let mut other = parameters.clone();
                    let values = [&mut other.weights, &mut other.visible_bias, &mut other.hidden_bias];
                    values.into_iter().nth(part).unwrap()[place] = value;
                    assert!(!finite(&other), "{kind:?}, {visible} × {hidden}: {value} at {place} of part {part}");
                }
            }
        }
    }
}

#[test]
fn parameters_are_added_where_they_belong() {
    for (visible, hidden) in [(1, 1), (63, 65), (64, 64), (128, 200), (129, 130)] {
        let parameters = random_parameters(3, visible, hidden, uneven);
        let engine = PackedEngine::new(&parameters).unwrap();
        let Parameters { weights, visible_bias, hidden_bias, .. } = &parameters;
        let expected: Vec<f64> =
            [weights, visible_bias, hidden_bias].into_iter().flatten().map(|&value| 2.0 * f64::from(value)).collect();
        let mut sums = vec![0.0; expected.len()];
        engine.add_parameters_to(&mut sums);
        engine.add_parameters_to(&mut sums);
        assert_eq!(sums, expected, "{visible} × {hidden}");
    }
}
