//! The cost of log-likelihoods: `cargo bench --bench likelihood [FILTER]`.
//!
//! Annealing counts chain-temperature-connections: chains × inverse temperatures × visible × hidden units. Beside it
//! stands a Gibbs step of the same chains without weights, which is what sampling alone costs. Enumeration counts
//! softplus: states of the smaller layer × units of the larger. All on one thread; every benchmark first checks what it
//! computes against a computation in plain f64, or against the same model without weights.

mod support;

use chordbench::engine::{
    BitMatrix, Draw, EngineKind, Parameters, Purpose, RowStreams, build, softplus, standard_normals,
};
use chordbench::model::Rbm;
use chordbench::model::likelihood::{Annealing, Spacing, exact_log_partition, inverse_temperatures};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use support::{CELLS, DENSITY, random_states};

/// (visible, hidden): a time step of the polyphonic data sets, windows of fifteen steps of two planes.
const SHAPES: [(usize, usize); 3] = [(88, 150), (15 * CELLS, 50), (15 * CELLS, 200)];
const CHAINS: usize = 64;
const TEMPERATURES: usize = 51;

fn parameters(visible: usize, hidden: usize, deviation: f64) -> Parameters {
    let mut generator = RowStreams::new(7, Purpose::InitialWeights, 0, 0, 0).generator(0);
    let mut weights = vec![0.0; visible * hidden];
    standard_normals(&mut generator, &mut weights);
    let mut parameters = Parameters::zeros(visible, hidden);
    for (target, weight) in parameters.weights.iter_mut().zip(weights) {
        *target = (weight * deviation) as f32;
    }
    parameters.visible_bias.fill(-3.0);
    parameters
}

fn one_thread(work: impl FnOnce() + Send) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread can be started");
    pool.install(work);
}

fn annealing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("annealing");
    group.sample_size(10);
    for (visible, hidden) in SHAPES {
        let own = parameters(visible, hidden, 0.1);
        let base = vec![-3.0; visible];
        let temperatures = inverse_temperatures(TEMPERATURES, Spacing::Linear);
        let make = |parameters: Parameters| build(EngineKind::Packed, parameters);
        let without = parameters(visible, hidden, 0.0);
        let known = Annealing::new(&without, &base, &temperatures, &make, 1);
        let found = known.forward(CHAINS).forward(known.log_base()).log_partition;
        let expected = visible as f64 * softplus(-3.0) + hidden as f64 * softplus(0.0);
        assert!((found - expected).abs() < 1e-8 * expected, "{found} against {expected}");

        let connections = CHAINS * (TEMPERATURES - 1) * visible * hidden;
        let name = format!("{visible}x{hidden}");
        group.throughput(Throughput::Elements(connections as u64));
        group.bench_function(BenchmarkId::new("forward", &name), |bencher| {
            let annealing = Annealing::new(&own, &base, &temperatures, &make, 1);
            one_thread(|| bencher.iter(|| black_box(annealing.forward(CHAINS))));
        });
        group.bench_function(BenchmarkId::new("gibbs-steps-alone", &name), |bencher| {
            let mut engine = build(EngineKind::Packed, own.clone());
            let start = random_states(3, CHAINS, visible, DENSITY);
            one_thread(|| {
                bencher.iter(|| {
                    let (mut states, mut units) = (start.clone(), BitMatrix::default());
                    for step in 1..TEMPERATURES as u64 {
                        let draw = |purpose| Draw::plain(RowStreams::new(1, purpose, 0, 0, step));
                        engine.sample_hidden(&states, draw(Purpose::AnnealingHidden), &mut units);
                        engine.sample_visible(&units, draw(Purpose::AnnealingVisible), &mut states);
                    }
                    black_box(states)
                });
            });
        });
    }
    group.finish();
}

fn enumeration(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("enumeration");
    group.sample_size(10);
    for (visible, hidden) in [(88, 20), (15 * CELLS, 16), (20, 500)] {
        let own = Rbm::new(parameters(visible, hidden, 0.3));
        let without = exact_log_partition(&Rbm::new(parameters(visible, hidden, 0.0))).expect("a small layer");
        let expected = visible as f64 * softplus(-3.0) + hidden as f64 * softplus(0.0);
        assert!((without - expected).abs() < 1e-10 * expected, "{without} against {expected}");
        let terms = (1u64 << visible.min(hidden)) * visible.max(hidden) as u64;
        group.throughput(Throughput::Elements(terms));
        group.bench_function(BenchmarkId::from_parameter(format!("{visible}x{hidden}")), |bencher| {
            one_thread(|| bencher.iter(|| black_box(exact_log_partition(&own))));
        });
    }
    group.finish();
}

criterion_group!(benches, annealing, enumeration);
criterion_main!(benches);
