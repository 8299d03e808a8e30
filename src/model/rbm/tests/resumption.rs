//! Tests of training that another trainer continues, after any update, to the same bits.

use crate::engine::EngineKind;
use crate::model::{EpochCounts, ModelOptions, Tensor, TensorError, TensorValues, Trainer};
use crate::testing::random_bits;
use crate::train::{
    Batches, Centring, LearningRateSchedule, Method, PositiveSample, StatisticsKind, TrainOptions, TrainingSet,
};
use proptest::prelude::*;
use std::ops::Range;

const EPOCHS: u64 = 3;
const SONGS: [Range<usize>; 3] = [0..9, 9..9, 9..40];

fn engines() -> impl Strategy<Value = EngineKind> {
    prop_oneof![Just(EngineKind::Reference), Just(EngineKind::Dense), Just(EngineKind::Packed)]
}

prop_compose! {
    /// Options of every kind; momentum may set in, change or end between epochs.
    fn options()(
        engine in engines(),
        method in prop_oneof![Just(Method::Cd), Just(Method::Pcd), Just(Method::Pt), Just(Method::Exact)],
        statistics in prop_oneof![Just(StatisticsKind::Probabilities), Just(StatisticsKind::Samples)],
        positive_sample in prop_oneof![Just(PositiveSample::Chain), Just(PositiveSample::Separate)],
        batches in prop_oneof![Just(Batches::Shuffled), Just(Batches::PerSong)],
        (initial_momentum, momentum) in prop_oneof![Just((0.0, 0.0)), Just((0.5, 0.9)), Just((0.5, 0.0)), Just((0.0, 0.9))],
        momentum_switch_epoch in 0usize..3,
        weight_decay in prop_oneof![Just(0.0), Just(0.01)],
        batch_size in 4usize..40,
        chains in prop_oneof![Just(0usize), 1usize..40],
        k in 1usize..3,
        k_final in 0usize..3,
        learning_rate_schedule in prop_oneof![
            Just(LearningRateSchedule::Constant), Just(LearningRateSchedule::Linear), Just(LearningRateSchedule::Inverse),
        ],
        nesterov: bool,
        weight_decay_l1 in prop_oneof![Just(0.0), Just(0.01)],
        sparsity_strength in prop_oneof![Just(0.0), Just(0.5)],
        centring in prop_oneof![Just(Centring::None), Just(Centring::Data), Just(Centring::Average)],
        averaged_epochs in 0usize..5,
    ) -> TrainOptions {
        TrainOptions {
            k_final, learning_rate_schedule, nesterov, weight_decay_l1, sparsity_strength, centring, averaged_epochs,
            temperatures: 3,
            learning_rate_final: 0.1,
            engine, method, statistics, positive_sample, batches, initial_momentum, momentum, momentum_switch_epoch,
            weight_decay, batch_size, chains, k,
            learning_rate: 0.3,
            epochs: EPOCHS as usize,
            ..TrainOptions::default()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn stopping_anywhere_changes_no_bit(options in options(), seed: u64, visible in 1usize..150, hidden in 1usize..70, stop in 0usize..30) {
        // The exact gradient enumerates the smaller layer.
        let hidden = if options.method == Method::Exact { hidden.min(5) } else { hidden };
        let windows = random_bits(seed, 40, visible, 0.3);
        let set = TrainingSet { windows: &windows, songs: &SONGS };
        let model = ModelOptions { hidden, weight_std: 0.3, ..ModelOptions::default() };
        let new_trainer = || Trainer::new(set, &model, &options, seed);

        let mut whole = new_trainer();
        let mut counts = EpochCounts::default();
        (0..EPOCHS).for_each(|epoch| counts += whole.train_epoch(epoch));

        let mut trainer = new_trainer();
        let mut made = 0;
        let mut resumed = EpochCounts::default();
        for epoch in 0..EPOCHS {
            let mut batch = 0;
            loop {
                let part = trainer.train_part(epoch, batch, &mut || { made += 1; made != stop });
                resumed += part.counts;
                batch = part.next_batch;
                let state = trainer.state();
                trainer = new_trainer();
                trainer.restore(&state).unwrap();
                if part.finished {
                    break;
                }
                prop_assert_eq!(made, stop);
            }
        }
        prop_assert_eq!(resumed, counts);
        prop_assert_eq!(trainer.state(), whole.state());
        prop_assert_ne!(whole.state(), new_trainer().state());
    }
}

#[test]
fn an_epoch_in_parts_makes_every_update_once() {
    let windows = random_bits(7, 40, 20, 0.3);
    let set = TrainingSet { windows: &windows, songs: &SONGS };
    let options = TrainOptions { batch_size: 7, ..TrainOptions::default() };
    let model = ModelOptions { hidden: 5, ..ModelOptions::default() };
    let mut trainer = Trainer::new(set, &model, &options, 7);
    let mut examples = Vec::new();
    let mut batch = 0;
    loop {
        let part = trainer.train_part(0, batch, &mut || false);
        assert_eq!(part.counts.updates, 1);
        assert_eq!(part.next_batch, batch + 1);
        examples.push(part.counts.examples);
        batch = part.next_batch;
        if part.finished {
            break;
        }
    }
    assert_eq!(examples, [7, 7, 7, 7, 7, 5]);
    // The epoch has no further update.
    let part = trainer.train_part(0, batch, &mut || panic!("an epoch without updates asks nothing"));
    assert_eq!((part.counts, part.next_batch, part.finished), (EpochCounts::default(), 6, true));
}

#[test]
fn a_state_of_other_options_is_refused_and_changes_nothing() {
    let windows = random_bits(8, 40, 70, 0.3);
    let set = TrainingSet { windows: &windows, songs: &SONGS };
    let model = ModelOptions { hidden: 5, ..ModelOptions::default() };
    let cd = TrainOptions::default();
    let pcd = TrainOptions { method: Method::Pcd, chains: 3, ..TrainOptions::default() };
    let state = |options| Trainer::new(set, &model, options, 8).state();
    let mut trainer = Trainer::new(set, &model, &pcd, 9);
    let before = trainer.state();
    let mut refused = |state: &crate::model::Tensors| {
        let error = trainer.restore(state).unwrap_err();
        assert_eq!(trainer.state(), before);
        error
    };
    assert_eq!(refused(&state(&cd)), TensorError::Missing { name: "chains".into() });
    let mut extra = state(&pcd);
    extra.tensors.insert("more".into(), Tensor { shape: vec![0], values: TensorValues::F32(vec![]) });
    assert_eq!(refused(&extra), TensorError::Unexpected { name: "more".into() });
    let fewer = TrainOptions { chains: 2, ..pcd.clone() };
    let error = refused(&state(&fewer)).to_string();
    assert_eq!(error, "tensor `chains` must be 3 × 2 numbers");
    let mut padding = state(&pcd);
    padding.tensors.get_mut("chains").unwrap().values = TensorValues::U64(vec![!0; 6]);
    let error = refused(&padding).to_string();
    assert_eq!(error, "tensor `chains` must be 3 × 2 u64, for rows of 70 bits");
    let mut kind = state(&pcd);
    kind.tensors.get_mut("weights").unwrap().values = TensorValues::U64(vec![0; 350]);
    assert_eq!(refused(&kind).to_string(), "tensor `weights` must be 70 × 5 f32");
    assert!(trainer.restore(&state(&pcd)).is_ok());
}
