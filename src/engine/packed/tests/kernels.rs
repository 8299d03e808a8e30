//! Tests of every kernel on every instruction set against plain twins.

use super::*;
use crate::engine::math::fires;
use crate::engine::packed::kernels::{BLOCK, CountUpdate, GROUP, STRIP, TABLED, TILE};
use crate::engine::packed::lanes::{Lanes, StreamState, Words};
use crate::engine::packed::lists::{Lists, Parts};
use crate::engine::random::LANES;

#[test]
fn the_instruction_set_asked_for_is_there_and_in_use() {
    let isa = Isa::detect().unwrap_or_else(|error| panic!("{error}"));
    let engine = PackedEngine::new(&Parameters::zeros(3, 2)).unwrap();
    assert_eq!(engine.isa(), isa);
    assert!(Isa::available().contains(&isa));
    match std::env::var(ISA_VARIABLE) {
        Ok(name) if !name.is_empty() && name != "auto" => assert_eq!(isa.name(), name, "another path was taken"),
        _ => assert_eq!(isa, Isa::best()),
    }
}

#[test]
fn names_of_instruction_sets_are_checked() {
    assert_eq!(Isa::named("scalar"), Ok(Isa::Scalar));
    assert_eq!(Isa::named("auto"), Ok(Isa::best()));
    let error = Isa::named("sse9").unwrap_err();
    let known = "use auto, scalar, avx2 or avx512, on 64-bit ARM also neon";
    assert_eq!(error.to_string(), format!("\"sse9\" is not an instruction set with kernels: {known}"));
    for isa in Isa::ALL.into_iter().filter(|isa| !isa.is_available()) {
        assert_eq!(Isa::named(isa.name()), Err(IsaError::Unavailable { isa }));
        assert!(PackedEngine::with_isa(&Parameters::zeros(3, 2), isa).is_err());
    }
}

/// NaN stays off, saturated inputs are certain, and all instruction sets agree on the numbers between.
#[test]
fn sampling_takes_any_input() {
    let special = [
        f32::NAN,
        -f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        0.0,
        -0.0,
        f32::MIN_POSITIVE,
        1e-40,
        -1e-40,
        87.0,
        -87.0,
        86.99,
        -86.99,
        88.5,
        -88.5,
        f32::MAX,
        f32::MIN,
        21.0,
        -21.0,
        -22.2,
        16.6,
        -16.6,
    ];
    let inputs: Vec<[Lanes; BLOCK]> = (0..8)
        .map(|row| {
            std::array::from_fn(|lane| {
                Lanes(std::array::from_fn(|index| special[(row * 7 + lane * 16 + index) % special.len()]))
            })
        })
        .collect();
    for beta in [1.0, 0.5, 3.0, 0.0, -1.0, f32::NAN] {
        let streams = RowStreams::new(5, Purpose::Baseline, 0, 0, 0);
        for kernels in all_kernels() {
            let mut states = [StreamState::ZERO; 8];
            kernels.seed(streams, 0, &mut states);
            let mut bits = [0; 16];
            kernels.sample_block(&inputs, BLOCK, beta, &mut states, &mut bits);
            for (row, inputs) in inputs.iter().enumerate() {
                let mut stream = streams.row(row);
                for (unit, &input) in inputs.iter().flat_map(|lanes| &lanes.0).enumerate() {
                    let on = bits[2 * row + unit / 64] >> (unit % 64) & 1 == 1;
                    let expected = fires(input * beta, stream.next_u32());
                    assert_eq!(on, expected, "{}: unit {unit} with input {input} · {beta}", kernels.isa());
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn indices_are_the_ones(seed: u64, columns in 1usize..300, density in 0.0f32..1.0) {
        let density = if density > 0.95 { 1.0 } else { density };
        let states = random_states(seed, 1, columns, density);
        for kernels in all_kernels() {
            let mut found = vec![7];
            kernels.indices(states.row(0), &mut found);
            let expected: Vec<u32> = std::iter::once(7).chain(states.ones(0).map(|unit| unit as u32)).collect();
            prop_assert_eq!(&found, &expected, "{}", kernels.isa());
        }
    }

    #[test]
    fn sums_run_in_the_order_of_the_list(seed: u64, rows in 0usize..7, units in 1usize..300, density in 0.0f32..1.0) {
        let states = random_states(seed, rows + 1, units, density);
        let mut lists = Lists::default();
        for row in 0..=rows {
            lists.push(|indices| indices.extend(states.ones(row).map(|unit| unit as u32)));
        }
        let (tile, block) = (random_lanes::<TILE>(seed, units), random_lanes::<BLOCK>(seed, units));
        let (tile_start, block_start) = (random_lanes(!seed, 1)[0], random_lanes(!seed, 1)[0]);
        for kernels in all_kernels() {
            let mut tile_sums = vec![[Lanes::ZERO; TILE]; rows];
            kernels.sum_tile_lists(&tile, &lists, 1, &tile_start, &mut tile_sums);
            let mut block_sums = vec![[Lanes::ZERO; BLOCK]; rows];
            kernels.sum_block_lists(&block, &lists, 1, &block_start, &mut block_sums);
            let mut parts = Parts::default();
            parts.find(&lists, units);
            let mut part_sums = vec![tile_start; rows];
            for part in 0..parts.count() {
                kernels.sum_parts(&tile, (&lists, &parts), (part, 1), &mut part_sums);
            }
            prop_assert_eq!(&part_sums, &tile_sums);
            for row in 0..rows {
                for unit in 0..64 {
                    let at = |lanes: &[Lanes]| lanes[unit / 16].0[unit % 16];
                    let sum = states.ones(row + 1).fold(at(&tile_start), |sum, on| sum + at(&tile[on]));
                    prop_assert_eq!(at(&tile_sums[row]).to_bits(), sum.to_bits());
                }
                for unit in 0..128 {
                    let at = |lanes: &[Lanes]| lanes[unit / 16].0[unit % 16];
                    let sum = states.ones(row + 1).fold(at(&block_start), |sum, on| sum + at(&block[on]));
                    prop_assert_eq!(at(&block_sums[row]).to_bits(), sum.to_bits());
                }
            }
        }
    }

    #[test]
    fn tables_sum_groups_of_four(seed: u64, rows in 1usize..40) {
        let chunk: [[Lanes; STRIP]; TABLED] = random_lanes(seed, TABLED).try_into().unwrap();
        let mut stream = stream(seed);
        let mut bits: Vec<u32> = (0..rows).map(|_| stream.next_u32()).collect();
        bits[0] = if seed % 2 == 0 { 0 } else { !0 };
        let start = random_lanes::<STRIP>(!seed, rows);
        for kernels in all_kernels() {
            let mut sums = start.clone();
            let mut tables = [[[Lanes::ZERO; STRIP]; 1 << GROUP]; TABLED / GROUP];
            kernels.sum_tables(&chunk, &mut tables, &bits, &mut sums);
            for row in 0..rows {
                for unit in 0..32 {
                    let at = |lanes: &[Lanes; STRIP]| lanes[unit / 16].0[unit % 16];
                    let mut sum = at(&start[row]);
                    for group in 0..8 {
                        let on = (4 * group..4 * group + 4).filter(|index| bits[row] >> index & 1 == 1);
                        if let Some(partial) = on.map(|index| at(&chunk[index])).reduce(|a, b| a + b) {
                            sum += partial;
                        }
                    }
                    prop_assert_eq!(at(&sums[row]).to_bits(), sum.to_bits(), "{}: row {} unit {}", kernels.isa(), row, unit);
                }
            }
        }
    }

    #[test]
    fn transposes_move_every_number(seed: u64, rows in 1usize..=128, columns in 1usize..=64) {
        let tile = random_lanes::<TILE>(seed, rows);
        for kernels in all_kernels() {
            let mut block = vec![[Lanes::ZERO; BLOCK]; columns];
            kernels.transpose_block(&tile, &mut block);
            for row in 0..rows {
                for column in 0..columns {
                    let (from, to) = (tile[row][column / 16].0[column % 16], block[column][row / 16].0[row % 16]);
                    prop_assert_eq!(from.to_bits(), to.to_bits());
                }
            }
            let rows = rows.min(32);
            let mut chunk = [[Lanes::ZERO; STRIP]; TABLED];
            for first in [0, 2] {
                kernels.transpose_strip(&tile[..rows], first, &mut chunk);
                for row in 0..rows {
                    for column in 0..32 {
                        let from = tile[row][first + column / 16].0[column % 16];
                        prop_assert_eq!(from.to_bits(), chunk[column][row / 16].0[row % 16].to_bits());
                    }
                }
            }
        }
    }

    #[test]
    fn bit_columns_are_the_rows(seed: u64, rows in 0usize..=32, words in 1usize..6, density in 0.0f32..1.0) {
        let states = random_states(seed, rows, words * 64, density);
        let row_words: Vec<&[u64]> = (0..rows).map(|row| states.row(row)).collect();
        let expected: Vec<u32> = (0..words * 64)
            .map(|column| (0..rows).map(|row| u32::from(states.get(row, column)) << row).sum())
            .collect();
        for kernels in all_kernels() {
            let mut columns = vec![!0; words * 64];
            kernels.transpose_bits(&row_words, &mut columns);
            prop_assert_eq!(&columns, &expected, "{}", kernels.isa());
        }
    }

    #[test]
    fn streams_are_those_of_the_units(seed: u64, first in 0usize..1000, rows in 0usize..5, draws in 0usize..40) {
        let streams = RowStreams::new(seed, Purpose::Baseline, 1, 2, 3);
        for kernels in all_kernels() {
            let mut states = vec![StreamState::ZERO; rows];
            kernels.seed(streams, first, &mut states);
            kernels.skip(&mut states, draws);
            for (row, mut state) in states.into_iter().enumerate() {
                let mut stream = streams.row(first + row);
                for _ in 0..draws * LANES {
                    stream.next_u32();
                }
                // Units that turn on with probability ½ show the numbers' first bits.
                for _ in 0..3 {
                    let mut on = [0];
                    kernels.sample_tile(&[[Lanes::ZERO; TILE]], TILE, 1.0, std::slice::from_mut(&mut state), &mut on);
                    let expected = (0..64).map(|unit| u64::from(fires(0.0, stream.next_u32())) << unit).sum::<u64>();
                    prop_assert_eq!(on[0], expected);
                }
            }
        }
    }

    #[test]
    fn units_are_drawn_by_the_formula(seed: u64, rows in 0usize..5, beta in 0.1f32..3.0) {
        let streams = RowStreams::new(seed, Purpose::Baseline, 0, 0, 0);
        let (strip, tile, block) = (random_lanes::<STRIP>(seed, rows), random_lanes::<TILE>(seed, rows), random_lanes::<BLOCK>(seed, rows));
        for kernels in all_kernels() {
            let mut states = vec![StreamState::ZERO; rows];
            kernels.seed(streams, 0, &mut states);
            let (mut strip_bits, mut tile_bits, mut block_bits) = (vec![!0; rows], vec![!0; rows], vec![!0; 2 * rows]);
            kernels.sample_strip(&strip, STRIP, beta, &mut states, &mut strip_bits);
            kernels.sample_tile(&tile, TILE, beta, &mut states, &mut tile_bits);
            kernels.sample_block(&block, BLOCK, beta, &mut states, &mut block_bits);
            for row in 0..rows {
                let mut stream = streams.row(row);
                let mut draw = |lanes: &[Lanes]| -> Vec<u64> {
                    let mut words = vec![0; lanes.len().div_ceil(4)];
                    for (unit, input) in lanes.iter().flat_map(|lanes| lanes.0).enumerate() {
                        words[unit / 64] |= u64::from(fires(input * beta, stream.next_u32())) << (unit % 64);
                    }
                    words
                };
                prop_assert_eq!(draw(&strip[row]), [strip_bits[row]]);
                prop_assert_eq!(draw(&tile[row]), [tile_bits[row]]);
                prop_assert_eq!(draw(&block[row]), &block_bits[2 * row..2 * row + 2]);
            }
        }
    }

    /// Many units are updated as each is alone: those that few rows have on by the sums of these rows, the others by
    /// their columns.
    #[test]
    fn units_of_few_rows_change_as_those_of_many(seed: u64, planes in prop::sample::select(vec![1usize, 2, 4, 8]), decay in prop::sample::select(vec![0.0f32, 0.01])) {
        const UNITS: usize = 300;
        let mut stream = stream(seed);
        // From every second bit to every sixteenth.
        let mut column = |unit: usize| (0..unit % 4).fold(stream.next_u32(), |bits, _| bits & stream.next_u32());
        let visible: Vec<u32> = (0..planes * UNITS).map(&mut column).collect();
        let hidden: Vec<[Words; TILE]> =
            (0..planes).map(|_| std::array::from_fn(|_| Words(std::array::from_fn(|_| column(0))))).collect();
        let update = CountUpdate { scale: 0.0123, decay, planes };
        let tile = random_lanes::<TILE>(seed, UNITS);
        let touched: Vec<u32> = (0..UNITS as u32).collect();
        for kernels in all_kernels() {
            let (mut together, mut apart) = (tile.clone(), tile.clone());
            kernels.update_counts(&mut together, &touched, &visible, &hidden, update);
            for unit in 0..UNITS {
                kernels.update_counts(&mut apart, &touched[unit..=unit], &visible, &hidden, update);
            }
            prop_assert!(together != tile);
            prop_assert_eq!(&together, &apart, "{}", kernels.isa());
        }
    }

    #[test]
    fn updates_count_both_sides(seed: u64, units in 1usize..40, planes in prop::sample::select(vec![1usize, 2, 4, 8]), decay in prop::sample::select(vec![0.0f32, 0.01])) {
        let mut stream = stream(seed);
        let visible: Vec<u32> = (0..planes * 128).map(|_| stream.next_u32() & stream.next_u32()).collect();
        let hidden: Vec<u32> = (0..planes * 64).map(|_| stream.next_u32()).collect();
        let update = CountUpdate { scale: 0.0123, decay, planes };
        let twin = |weight: f32, visible_unit: usize, hidden_unit: usize| {
            let mut count = 0i32;
            for bit in 0..planes * 32 {
                let on = |columns: &[u32], units: usize, unit: usize| columns[bit / 32 * units + unit] >> (bit % 32) & 1 == 1;
                if on(&visible, 128, visible_unit) && on(&hidden, 64, hidden_unit) {
                    count += if bit < planes * 16 { 1 } else { -1 };
                }
            }
            let gradient = count as f32 * update.scale;
            weight + if decay == 0.0 { gradient } else { gradient - decay * weight }
        };
        let (tile, block) = (random_lanes::<TILE>(seed, units), random_lanes::<BLOCK>(seed, units));
        let touched: Vec<u32> = (0..units as u32).filter(|unit| unit % 3 != 1).collect();
        let touched_lanes: [bool; BLOCK] = std::array::from_fn(|lane| lane % 3 != 1);
        let aligned = |words: &[u32]| words.as_chunks().0.iter().map(|words| Words(*words)).collect::<Vec<_>>();
        let hidden_words: Vec<[Words; TILE]> = aligned(&hidden).as_chunks().0.to_vec();
        let visible_words: Vec<[Words; BLOCK]> = aligned(&visible).as_chunks().0.to_vec();
        for kernels in all_kernels() {
            let mut updated = tile.clone();
            kernels.update_counts(&mut updated, &touched, &visible, &hidden_words, update);
            for (index, (before, after)) in tile.iter().zip(&updated).enumerate() {
                for unit in 0..64 {
                    let before = before[unit / 16].0[unit % 16];
                    let expected = if index % 3 == 1 { before } else { twin(before, index, unit) };
                    prop_assert_eq!(after[unit / 16].0[unit % 16].to_bits(), expected.to_bits());
                }
            }
            let mut updated = block.clone();
            kernels.update_counts_block(&mut updated, touched_lanes, &visible_words, &hidden, update);
            for (index, (before, after)) in block.iter().zip(&updated).enumerate() {
                for unit in 0..128 {
                    let before = before[unit / 16].0[unit % 16];
                    let expected = if unit / 16 % 3 == 1 { before } else { twin(before, unit, index) };
                    prop_assert_eq!(after[unit / 16].0[unit % 16].to_bits(), expected.to_bits());
                }
            }
        }
    }
}
