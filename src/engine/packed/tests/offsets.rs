//! Tests of rows with offsets: every engine against the reference, the packed one on every instruction set.

use super::*;
use crate::engine::contract::{Draw, Engine, RowOffsets};
use crate::engine::dense::DenseEngine;
use crate::engine::math::wide::softplus_sum_change;
use crate::engine::math::{fires, sigmoid};
use crate::engine::packed::kernels::{BLOCK, STRIP, TILE};
use crate::engine::reference::ReferenceEngine;

/// Returns shapes of a layer, with rows for all three sources of the down pass: blocks that are kept, tiles, and
/// strips.
fn shapes() -> impl Strategy<Value = (usize, usize, usize)> {
    let sizes = |small: usize, edges: &[usize]| prop_oneof![1..small, prop::sample::select(edges.to_vec())];
    if cfg!(miri) {
        (1usize..70, 1usize..10, 1usize..3).boxed()
    } else {
        let rows = prop_oneof![1usize..32, 1usize..300, prop::sample::select(vec![31, 32, 64, 65, 128, 129])];
        (sizes(300, &[16, 31, 32, 33, 64, 127, 128, 129, 160, 256]), sizes(140, &[15, 16, 63, 64, 65, 128]), rows)
            .boxed()
    }
}

/// A batch of either layer, with offsets for the units of the other.
struct Batch {
    visible: BitMatrix,
    hidden: BitMatrix,
    to_visible: Vec<f32>,
    to_hidden: Vec<f32>,
}

impl Batch {
    fn random(seed: u64, parameters: &Parameters, rows: usize, value: impl Fn(&mut UnitStream) -> f32) -> Self {
        let (visible, hidden) = (parameters.visible, parameters.hidden);
        let mut stream = stream(seed ^ 0xb1a5);
        let mut values = |count: usize| (0..count).map(|_| value(&mut stream)).collect();
        Self {
            visible: random_states(seed, rows, visible, 0.3),
            hidden: random_states(!seed, rows, hidden, 0.5),
            to_visible: values(rows * visible),
            to_hidden: values(rows * hidden),
        }
    }

    fn with_offsets(self, to_visible: f32, to_hidden: f32) -> Self {
        let (visible, hidden) = (self.to_visible.len(), self.to_hidden.len());
        Self { to_visible: vec![to_visible; visible], to_hidden: vec![to_hidden; hidden], ..self }
    }
}

/// Everything that an engine computes from one batch.
#[derive(Clone, Debug, PartialEq)]
struct Results {
    hidden_inputs: Vec<f32>,
    visible_inputs: Vec<f32>,
    hidden_probabilities: Vec<f32>,
    softplus_changes: Vec<f64>,
    hidden: BitMatrix,
    visible: BitMatrix,
}

const BETA: f32 = 0.75;

fn streams(purpose: Purpose) -> RowStreams {
    RowStreams::new(7, purpose, 0, 0, 0)
}

/// Returns the results of a batch, with its offsets if `with_offsets`.
fn results(engine: &mut dyn Engine, batch: &Batch, with_offsets: bool) -> Results {
    let to_hidden = with_offsets.then(|| RowOffsets::new(&batch.to_hidden, engine.hidden()));
    let to_visible = with_offsets.then(|| RowOffsets::new(&batch.to_visible, engine.visible()));
    let draw = |purpose, offsets| Draw { offsets, ..Draw::at(streams(purpose), BETA) };
    let (mut hidden, mut visible) = (BitMatrix::default(), BitMatrix::default());
    let (mut hidden_inputs, mut visible_inputs, mut hidden_probabilities) = Default::default();
    let mut softplus_changes = vec![0.5; batch.visible.rows()];
    engine.sample_hidden(&batch.visible, draw(Purpose::ChainHidden, to_hidden), &mut hidden);
    engine.sample_visible(&batch.hidden, draw(Purpose::ChainVisible, to_visible), &mut visible);
    engine.hidden_inputs_with(&batch.visible, to_hidden, &mut hidden_inputs);
    engine.visible_inputs_with(&batch.hidden, to_visible, &mut visible_inputs);
    engine.hidden_probabilities_with(&batch.visible, to_hidden, &mut hidden_probabilities);
    engine.add_softplus_changes_with(&batch.visible, to_hidden, (0.25, 0.75), &mut softplus_changes);
    Results { hidden_inputs, visible_inputs, hidden_probabilities, softplus_changes, hidden, visible }
}

/// Returns results in the canonical order, from inputs without offsets: one addition to the finished input, then β.
fn twin(engine: &mut dyn Engine, batch: &Batch) -> Results {
    let plain = results(engine, batch, false);
    let add =
        |inputs: &[f32], offsets: &[f32]| -> Vec<f32> { inputs.iter().zip(offsets).map(|(a, b)| a + b).collect() };
    let hidden_inputs = add(&plain.hidden_inputs, &batch.to_hidden);
    let visible_inputs = add(&plain.visible_inputs, &batch.to_visible);
    let draw = |inputs: &[f32], units: usize, purpose| {
        let mut rows: Vec<UnitStream> = (0..inputs.len() / units).map(|row| streams(purpose).row(row)).collect();
        BitMatrix::from_fn(rows.len(), units, |row, unit| {
            fires(inputs[row * units + unit] * BETA, rows[row].next_u32())
        })
    };
    let softplus = hidden_inputs.chunks(engine.hidden());
    Results {
        hidden_probabilities: hidden_inputs.iter().map(|&input| sigmoid(input)).collect(),
        softplus_changes: softplus.map(|inputs| 0.5 + softplus_sum_change(inputs, 0.25, 0.75)).collect(),
        hidden: draw(&hidden_inputs, engine.hidden(), Purpose::ChainHidden),
        visible: draw(&visible_inputs, engine.visible(), Purpose::ChainVisible),
        hidden_inputs,
        visible_inputs,
    }
}

fn close(found: &[f32], expected: &[f32]) -> bool {
    found.len() == expected.len()
        && found.iter().zip(expected).all(|(a, b)| (a - b).abs() <= 1e-3 * b.abs().max(100.0) / 100.0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    /// Where every sum is exact, all engines agree with the reference bit for bit.
    #[test]
    fn exact_offsets_are_those_of_the_reference((visible, hidden, rows) in shapes(), seed: u64, threads in 1usize..4) {
        let parameters = random_parameters(seed, visible, hidden, exact);
        let batch = Batch::random(seed, &parameters, rows, exact);
        let expected = results(&mut ReferenceEngine::new(parameters.clone()), &batch, true);
        prop_assert_ne!(&expected, &results(&mut ReferenceEngine::new(parameters.clone()), &batch, false));
        for isa in Isa::available() {
            let found = with_threads(threads, || results(&mut packed(&parameters, isa), &batch, true));
            prop_assert!(found == expected, "packed {}", isa);
        }
        let found = with_threads(threads, || results(&mut DenseEngine::new(parameters.clone()), &batch, true));
        prop_assert!(found == expected, "dense");
    }

    /// On any numbers the order is the canonical one on every instruction set; other engines differ by rounding.
    #[test]
    fn offsets_are_added_once_to_finished_inputs((visible, hidden, rows) in shapes(), seed: u64) {
        let parameters = random_parameters(seed, visible, hidden, uneven);
        let batch = Batch::random(seed, &parameters, rows, uneven);
        let reference = results(&mut ReferenceEngine::new(parameters.clone()), &batch, true);
        prop_assert!(reference == twin(&mut ReferenceEngine::new(parameters.clone()), &batch), "reference");
        let expected = twin(&mut packed(&parameters, Isa::Scalar), &batch);
        for isa in Isa::available() {
            prop_assert!(results(&mut packed(&parameters, isa), &batch, true) == expected, "packed {}", isa);
        }
        prop_assert!(expected.hidden_inputs == reference.hidden_inputs);
        prop_assert!(close(&expected.visible_inputs, &reference.visible_inputs), "visible inputs of packed");
        let mut dense = DenseEngine::new(parameters.clone());
        let found = results(&mut dense, &batch, true);
        prop_assert!(found == twin(&mut dense, &batch), "dense");
        prop_assert!(close(&found.hidden_inputs, &reference.hidden_inputs), "hidden inputs of dense");
        prop_assert!(close(&found.visible_inputs, &reference.visible_inputs), "visible inputs of dense");
    }

    /// Offsets of zero of either sign change no bit, and remembered inputs hold no offsets.
    #[test]
    fn offsets_of_zero_change_no_bit((visible, hidden, rows) in shapes(), seed: u64) {
        let parameters = random_parameters(seed, visible, hidden, uneven);
        let batch = Batch::random(seed, &parameters, rows, uneven);
        for isa in Isa::available() {
            let mut engine = packed(&parameters, isa);
            let (_, plain) = (results(&mut engine, &batch, true), results(&mut engine, &batch, false));
            prop_assert!(results(&mut packed(&parameters, isa), &batch, false) == plain, "{}: remembered", isa);
            for zeros in [(0.0, -0.0), (-0.0, 0.0)] {
                let batch = Batch::random(seed, &parameters, rows, uneven).with_offsets(zeros.0, zeros.1);
                let found = results(&mut engine, &batch, true);
                prop_assert!(found == plain, "{}: {:?}", isa, zeros);
                prop_assert_eq!(bits_of(&found.visible_inputs), bits_of(&plain.visible_inputs));
                prop_assert_eq!(bits_of(&found.hidden_inputs), bits_of(&plain.hidden_inputs));
            }
        }
    }

    #[test]
    fn lanes_beyond_the_last_unit_stay_as_they_are(seed: u64, rows in 1usize..6, units in 1usize..300, first in 0usize..4) {
        let mut numbers = stream(seed);
        let values: Vec<f32> = (0..(rows + 2) * units).map(|_| uneven(&mut numbers)).collect();
        let offsets = RowOffsets::new(&values, units);
        let (strip, tile, block) = (random_lanes::<STRIP>(seed, rows), random_lanes::<TILE>(seed, rows), random_lanes::<BLOCK>(seed, rows));
        let twin = |lanes: &[Lanes], row: usize, first: usize| -> Vec<u32> {
            let inputs = lanes.iter().flat_map(|lanes| lanes.0);
            let offset = |unit: usize| offsets.row(row + 2).get(first + unit);
            bits_of(&inputs.enumerate().map(|(unit, x)| offset(unit).map_or(x, |y| x + y)).collect::<Vec<_>>())
        };
        let flat = |lanes: &[Lanes]| bits_of(lanes.iter().flat_map(|lanes| lanes.0).collect::<Vec<_>>().as_slice());
        for kernels in all_kernels() {
            let (mut found_strip, mut found_tile, mut found_block) = (strip.clone(), tile.clone(), block.clone());
            let at = |width: usize| (first * width).min((units - 1) / width * width);
            kernels.add_offsets_to_strip(offsets, (2, at(32)), &mut found_strip);
            kernels.add_offsets_to_tile(offsets, (2, at(64)), &mut found_tile);
            kernels.add_offsets_to_block(offsets, (2, at(128)), &mut found_block);
            for row in 0..rows {
                prop_assert_eq!(flat(&found_strip[row]), twin(&strip[row], row, at(32)), "{}", kernels.isa());
                prop_assert_eq!(flat(&found_tile[row]), twin(&tile[row], row, at(64)), "{}", kernels.isa());
                prop_assert_eq!(flat(&found_block[row]), twin(&block[row], row, at(128)), "{}", kernels.isa());
            }
        }
    }
}

/// Shapes whose work is divided among threads, by columns and by rows: seeds 1 to 4.
#[test]
#[cfg_attr(miri, ignore = "large")]
fn threads_change_no_bit_of_rows_with_offsets() {
    for (seed, (visible, hidden, rows)) in
        [(1500, 300, 29), (1500, 300, 100), (88, 150, 2000), (700, 70, 900)].into_iter().enumerate()
    {
        let parameters = random_parameters(seed as u64 + 1, visible, hidden, uneven);
        let batch = Batch::random(seed as u64 + 1, &parameters, rows, uneven);
        let expected = twin(&mut packed(&parameters, Isa::Scalar), &batch);
        for isa in Isa::available() {
            for threads in [1, 2, 3] {
                let found = with_threads(threads, || results(&mut packed(&parameters, isa), &batch, true));
                assert!(found == expected, "{isa} on {threads} threads, {visible} × {hidden}, {rows} rows");
            }
        }
    }
}

/// Returns the message of the panic of `work`.
fn panic_of(work: impl FnOnce()) -> String {
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_err();
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[test]
fn offsets_of_another_shape_are_refused() {
    let parameters = Parameters::zeros(6, 4);
    let engines: [Box<dyn Engine>; 3] = [
        Box::new(PackedEngine::new(&parameters).unwrap()),
        Box::new(DenseEngine::new(parameters.clone())),
        Box::new(ReferenceEngine::new(parameters.clone())),
    ];
    let values = [0.0; 12];
    let offsets = RowOffsets::new(&values, 4);
    assert_eq!((offsets.rows(), offsets.units(), offsets.row(2).len()), (3, 4, 4));
    let (visible, hidden) = (BitMatrix::zeros(2, 6), BitMatrix::zeros(3, 4));
    let draw = Draw::plain(streams(Purpose::Baseline)).with_offsets(offsets);
    for mut engine in engines {
        let (mut states, mut numbers) = (BitMatrix::default(), Vec::new());
        let messages = [
            panic_of(|| engine.sample_hidden(&visible, draw, &mut states)),
            panic_of(|| engine.hidden_inputs_with(&visible, Some(offsets), &mut numbers)),
            panic_of(|| engine.hidden_probabilities_with(&visible, Some(offsets), &mut numbers)),
        ];
        for message in messages {
            assert!(message.contains("(3, 4)") && message.contains("(2, 4)"), "{message}");
        }
        let messages = [
            panic_of(|| engine.sample_visible(&hidden, draw, &mut states)),
            panic_of(|| engine.visible_inputs_with(&hidden, Some(offsets), &mut numbers)),
        ];
        for message in messages {
            assert!(message.contains("(3, 4)") && message.contains("(3, 6)"), "{message}");
        }
    }
    assert!(panic_of(|| assert_eq!(RowOffsets::new(&values, 5).rows(), 0)).contains("12 offsets for rows of 5 units"));
}
