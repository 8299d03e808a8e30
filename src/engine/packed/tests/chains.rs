//! Tests of whole chains: the bits of single passes, whatever the threads, the instruction set and the state of the
//! blocks.

use super::*;
use crate::engine::contract::{
    Draw, Engine, GibbsStep, HiddenStatistics, RowOffsets, Statistics, Step, advance_one_by_one,
};

/// Returns the states that `steps` steps lead to after an update, which leaves the blocks behind.
fn advanced(
    engine: &mut PackedEngine,
    one_by_one: bool,
    steps: &[GibbsStep],
    start: [&BitMatrix; 2],
) -> (BitMatrix, BitMatrix) {
    let [mut visible, mut hidden] = start.map(Clone::clone);
    let statistics = Statistics { visible: &visible, hidden: HiddenStatistics::Samples(&hidden) };
    let none = (BitMatrix::zeros(1, visible.columns()), BitMatrix::zeros(1, hidden.columns()));
    let other = Statistics { visible: &none.0, hidden: HiddenStatistics::Samples(&none.1) };
    engine.sample_visible(&hidden, steps[0].visible, &mut BitMatrix::default());
    engine.step(&statistics, &other, &Step { learning_rate: 0.1, momentum: 0.0, weight_decay: 0.0 });
    if one_by_one {
        advance_one_by_one(engine, steps, &mut visible, &mut hidden);
    } else {
        engine.advance(steps, &mut visible, &mut hidden);
    }
    (visible, hidden)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn chains_have_the_bits_of_single_passes(
        (visible, hidden, rows) in shapes(), density in 0.0f32..1.0, count in 1u64..4, draws_first: bool, seed: u64,
    ) {
        let parameters = random_parameters(seed, visible, hidden, uneven);
        let start = [random_states(seed, rows, visible, 0.1), random_states(!seed, rows, hidden, density)];
        let mut values = stream(seed ^ 0xb1a5);
        let offsets: Vec<f32> = (0..rows * (visible + hidden)).map(|_| uneven(&mut values)).collect();
        let (of_visible, of_hidden) = offsets.split_at(rows * visible);
        for with_offsets in [false, true] {
            let draw = |purpose, step, values, units| {
                let offsets = with_offsets.then(|| RowOffsets::new(values, units));
                Draw { offsets, ..Draw::at(RowStreams::new(seed, purpose, 0, 0, step), 0.75) }
            };
            let step = |number| GibbsStep {
                hidden: (number > 0 || draws_first).then(|| draw(Purpose::ChainHidden, number, of_hidden, hidden)),
                visible: draw(Purpose::ChainVisible, number, of_visible, visible),
            };
            let steps: Vec<GibbsStep> = (0..count).map(step).collect();
            let start = [&start[0], &start[1]];
            let expected = advanced(&mut packed(&parameters, Isa::Scalar), true, &steps, start);
            for isa in Isa::available() {
                for threads in [0, 1, 3] {
                    let found = with_threads(threads, || advanced(&mut packed(&parameters, isa), false, &steps, start));
                    prop_assert!(found == expected, "{} on {} threads", isa, threads);
                }
            }
        }
    }
}
