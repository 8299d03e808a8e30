//! The tests of the packed engine, with the random numbers that they share.

mod chains;
mod engine;
mod kernels;
mod offsets;

use super::PackedEngine;
use super::isa::{ISA_VARIABLE, Isa, IsaError, Kernels};
use super::lanes::Lanes;
use crate::engine::bits::BitMatrix;
use crate::engine::parameters::Parameters;
use crate::engine::random::{Purpose, RowStreams, UnitStream};
use proptest::prelude::*;

/// Cases a property is tried on; few under Miri, which is slow.
const CASES: u32 = if cfg!(miri) { 2 } else { 48 };

fn all_kernels() -> Vec<Kernels> {
    Isa::available().into_iter().map(|isa| Kernels::new(isa).unwrap()).collect()
}

fn stream(seed: u64) -> UnitStream {
    RowStreams::new(seed, Purpose::Baseline, 0, 0, 0).row(0)
}

fn random_states(seed: u64, rows: usize, columns: usize, density: f32) -> BitMatrix {
    let mut stream = stream(seed);
    BitMatrix::from_fn(rows, columns, |_, _| (stream.next_u32() as f32) < density * 4_294_967_296.0)
}

/// Returns a number of one of very different sizes, of either sign, so that every change in the order of a sum shows.
fn uneven(stream: &mut UnitStream) -> f32 {
    let number = stream.next_u32();
    let size = [1e-3, 0.1, 1.0, 30.0][number as usize % 4];
    (number >> 8) as f32 / 8_388_608.0 * size - size
}

/// Returns a small multiple of 2^-8: sums of them are exact in any order.
fn exact(stream: &mut UnitStream) -> f32 {
    ((stream.next_u32() % 512) as f32 - 256.0) / 256.0
}

fn random_parameters(
    seed: u64,
    visible: usize,
    hidden: usize,
    mut value: impl FnMut(&mut UnitStream) -> f32,
) -> Parameters {
    let mut stream = stream(seed);
    let mut values = |count: usize| (0..count).map(|_| value(&mut stream)).collect::<Vec<f32>>();
    Parameters {
        visible,
        hidden,
        weights: values(visible * hidden),
        visible_bias: values(visible),
        hidden_bias: values(hidden),
    }
}

fn random_lanes<const WIDTH: usize>(seed: u64, count: usize) -> Vec<[Lanes; WIDTH]> {
    let mut stream = stream(seed);
    (0..count).map(|_| std::array::from_fn(|_| Lanes(std::array::from_fn(|_| uneven(&mut stream))))).collect()
}

fn bits_of(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Returns shapes of a layer with batch sizes: odd ones, single ones, and those on either side of every boundary.
fn shapes() -> impl Strategy<Value = (usize, usize, usize)> {
    let sizes = |small: usize, edges: &[usize]| prop_oneof![1..small, prop::sample::select(edges.to_vec())];
    if cfg!(miri) {
        (1usize..70, 1usize..10, 0usize..3).boxed()
    } else {
        let rows =
            prop_oneof![4 => 0usize..20, 2 => prop::sample::select(vec![16, 17, 31, 32, 33, 64, 65]), 1 => Just(257)];
        (sizes(300, &[64, 127, 128, 129, 256]), sizes(140, &[1, 31, 32, 33, 63, 64, 65]), rows).boxed()
    }
}

fn packed(parameters: &Parameters, isa: Isa) -> PackedEngine {
    PackedEngine::with_isa(parameters, isa).unwrap()
}

/// Calls `work` on a pool of `threads` threads; 0 stands for the calling thread.
fn with_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    if threads == 0 {
        return work();
    }
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}
