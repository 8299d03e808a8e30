//! Benchmarks of the engines, by updates and their parts: `cargo bench --bench engine [FILTER]`.
//!
//! The packed engine is measured with every instruction set of this processor, and the dense engine beside it. Each of
//! them first makes the update that is measured and must agree with the reference engine bit for bit, on weights that
//! are small multiples of 2^-8, where every order of summation is exact. Times are of one thread unless the name says
//! otherwise.
//!
//! States are drawn apart from one another at the density of piano rolls (3.4 % of the cells are on).

mod support;

use chordbench::engine::{
    BitMatrix, Draw, Engine, EngineKind, HiddenStatistics, Isa, Parameters, Purpose, RowOffsets, RowStreams,
    Statistics, Step, build, build_for,
};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::time::Duration;
use support::{CELLS, DENSITY, random_states};

/// Batches that take turns, so that no engine is asked for the same states twice in a row.
const BATCHES: u64 = 3;

/// The size of a job.
#[derive(Clone, Copy)]
struct Size {
    timesteps: usize,
    hidden: usize,
    batch: usize,
}

impl Size {
    fn visible(self) -> usize {
        self.timesteps * CELLS
    }

    fn name(self) -> String {
        format!("T{}-H{}-B{}", self.timesteps, self.hidden, self.batch)
    }
}

/// Returns small multiples of 2^-8, and visible biases that keep samples sparse.
fn parameters(size: Size) -> Parameters {
    parameters_of(size.visible(), size.hidden)
}

fn parameters_of(visible: usize, hidden: usize) -> Parameters {
    let mut stream = RowStreams::new(7, Purpose::InitialWeights, 0, 0, 0).row(0);
    let mut parameters = Parameters::zeros(visible, hidden);
    for weight in &mut parameters.weights {
        *weight = ((stream.next_u32() % 5) as f32 - 2.0) / 256.0;
    }
    parameters.visible_bias.fill(-3.375);
    parameters
}

/// The states of a training loop and the streams it draws from.
struct Job {
    data: Vec<BitMatrix>,
    updates: u64,
    step: Step,
    positive: BitMatrix,
    chain: BitMatrix,
    fantasy: BitMatrix,
    negative: BitMatrix,
}

impl Job {
    fn new(size: Size) -> Self {
        Self {
            data: (0..BATCHES).map(|seed| random_states(seed, size.batch, size.visible(), DENSITY)).collect(),
            updates: 0,
            // A power of two times the batch size leaves changes that are multiples of 2^-8: the gradient itself.
            step: Step { learning_rate: size.batch as f32 / 256.0, momentum: 0.0, weight_decay: 0.0 },
            positive: BitMatrix::default(),
            chain: BitMatrix::default(),
            fantasy: BitMatrix::default(),
            negative: BitMatrix::default(),
        }
    }

    /// Makes one update by contrastive divergence with one Gibbs step, all statistics from samples.
    fn update(&mut self, engine: &mut dyn Engine) {
        let update = self.updates;
        let draw = |purpose| Draw::plain(RowStreams::new(1, purpose, 0, update, 0));
        let data = &self.data[(update % BATCHES) as usize];
        engine.sample_hidden(data, draw(Purpose::PositiveHidden), &mut self.positive);
        engine.sample_hidden(data, draw(Purpose::ChainHidden), &mut self.chain);
        engine.sample_visible(&self.chain, draw(Purpose::ChainVisible), &mut self.fantasy);
        engine.sample_hidden(&self.fantasy, draw(Purpose::NegativeHidden), &mut self.negative);
        engine.step(
            &Statistics { visible: data, hidden: HiddenStatistics::Samples(&self.positive) },
            &Statistics { visible: &self.fantasy, hidden: HiddenStatistics::Samples(&self.negative) },
            &self.step,
        );
        self.updates += 1;
    }

    /// Makes two updates and returns everything that they leave behind.
    fn outcome(size: Size, engine: &mut dyn Engine) -> (Parameters, [BitMatrix; 4]) {
        let mut job = Self::new(size);
        job.update(engine);
        job.update(engine);
        (engine.parameters(), [job.positive, job.chain, job.fantasy, job.negative])
    }
}

/// Returns the engines to measure: the packed one with every instruction set, and the dense one.
fn engines(size: Size) -> Vec<(String, Box<dyn Engine>)> {
    engines_of(size.visible(), size.hidden)
}

fn engines_of(visible: usize, hidden: usize) -> Vec<(String, Box<dyn Engine>)> {
    let parameters = parameters_of(visible, hidden);
    let packed = |isa: Isa| build_for(EngineKind::Packed, parameters.clone(), isa).ok();
    let mut engines: Vec<(String, Box<dyn Engine>)> =
        Isa::available().into_iter().filter_map(|isa| Some((format!("packed-{isa}"), packed(isa)?))).collect();
    engines.push(("dense".into(), build(EngineKind::Dense, parameters)));
    engines
}

/// Weights from which on the dense engine stands in for the reference, which would take minutes. Smaller sizes hold the
/// two together.
const LARGE: usize = 5_000_000;

fn assert_agreement(size: Size) {
    let oracle = if size.visible() * size.hidden < LARGE { EngineKind::Reference } else { EngineKind::Dense };
    let expected = Job::outcome(size, build(oracle, parameters(size)).as_mut());
    for (name, mut engine) in engines(size) {
        assert!(
            Job::outcome(size, engine.as_mut()) == expected,
            "{name} differs from the {oracle:?} engine at {}",
            size.name()
        );
    }
}

/// Returns true if the command line has no filter, or one that asks for this name.
fn wanted(name: &str) -> bool {
    let mut filters = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).peekable();
    filters.peek().is_none() || filters.any(|filter| name.contains(&filter) || filter.contains(name))
}

/// Measures whole updates over the range of sizes of models.
fn updates(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("update");
    group.sample_size(10).warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1));
    for timesteps in [15, 60] {
        for hidden in [50, 250, 1000, 2000] {
            for batch in [10, 100] {
                let size = Size { timesteps, hidden, batch };
                if !wanted(&size.name()) {
                    continue;
                }
                assert_agreement(size);
                let connections = size.visible() * size.hidden * size.batch;
                group.throughput(Throughput::Elements(connections as u64));
                for (name, mut engine) in engines(size) {
                    let mut job = Job::new(size);
                    // Rates of training: with those of the agreement, weights grow.
                    job.step.learning_rate = 0.005;
                    group.bench_function(BenchmarkId::new(name, size.name()), |bencher| {
                        bencher.iter(|| job.update(engine.as_mut()));
                    });
                }
            }
        }
    }
    group.finish();
}

/// Measures draws of both layers with and without offsets: frames of polyphonic music, and batches of long windows.
fn offsets(criterion: &mut Criterion) {
    for (visible, hidden, rows) in [(88, 150, 1000), (15 * CELLS, 250, 10), (15 * CELLS, 250, 100)] {
        let name = format!("V{visible}-H{hidden}-B{rows}");
        if !wanted(&name) {
            continue;
        }
        let mut stream = RowStreams::new(8, Purpose::Baseline, 0, 0, 0).row(0);
        let mut values = |units: usize| -> Vec<f32> {
            (0..rows * units).map(|_| ((stream.next_u32() % 513) as f32 - 256.0) / 256.0).collect()
        };
        let (to_hidden, to_visible) = (values(hidden), values(visible));
        let (to_hidden, to_visible) = (RowOffsets::new(&to_hidden, hidden), RowOffsets::new(&to_visible, visible));
        let data: Vec<BitMatrix> = (0..BATCHES).map(|seed| random_states(10 + seed, rows, visible, DENSITY)).collect();
        let draw =
            |purpose, offsets, number| Draw { offsets, ..Draw::plain(RowStreams::new(3, purpose, 0, number, 0)) };
        let steps = |engine: &mut dyn Engine| {
            let (mut units, mut states) = (BitMatrix::default(), BitMatrix::default());
            engine.sample_hidden(&data[0], draw(Purpose::ChainHidden, Some(to_hidden), 0), &mut units);
            engine.sample_visible(&units, draw(Purpose::ChainVisible, Some(to_visible), 0), &mut states);
            (units, states)
        };
        let expected = steps(build(EngineKind::Reference, parameters_of(visible, hidden)).as_mut());
        let mut group = criterion.benchmark_group(format!("offsets/{name}"));
        group.sample_size(20).warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1));
        group.throughput(Throughput::Elements((rows * visible * hidden) as u64));
        for (engine_name, mut engine) in engines_of(visible, hidden) {
            assert!(steps(engine.as_mut()) == expected, "{engine_name} differs from the reference engine at {name}");
            let (mut states, mut number) = (BitMatrix::default(), 0);
            for (case, to_hidden, to_visible) in [("none", None, None), ("offsets", Some(to_hidden), Some(to_visible))]
            {
                group.bench_function(BenchmarkId::new(format!("sample-hidden, {case}"), &engine_name), |bencher| {
                    bencher.iter(|| {
                        number += 1;
                        let states_of = &data[(number % BATCHES) as usize];
                        engine.sample_hidden(states_of, draw(Purpose::ChainHidden, to_hidden, number), &mut states);
                    });
                });
                group.bench_function(BenchmarkId::new(format!("sample-visible, {case}"), &engine_name), |bencher| {
                    bencher.iter(|| {
                        number += 1;
                        engine.sample_visible(
                            &expected.0,
                            draw(Purpose::ChainVisible, to_visible, number),
                            &mut states,
                        );
                    });
                });
            }
        }
        group.finish();
    }
}

/// Measures the parts of an update, at the size of the original's job and at a large one.
fn phases(criterion: &mut Criterion) {
    for size in [Size { timesteps: 15, hidden: 50, batch: 10 }, Size { timesteps: 15, hidden: 1024, batch: 100 }] {
        if !wanted(&size.name()) {
            continue;
        }
        assert_agreement(size);
        let mut group = criterion.benchmark_group(format!("phase/{}", size.name()));
        group.sample_size(20).warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1));
        for (name, mut engine) in engines(size) {
            let mut job = Job::new(size);
            job.update(engine.as_mut());
            let mut draws = 0;
            let mut draw = move |purpose| {
                draws += 1;
                Draw::plain(RowStreams::new(2, purpose, 0, draws, 0))
            };
            let (mut inputs, mut states, mut turn) = (Vec::new(), BitMatrix::default(), 0);
            group.bench_function(BenchmarkId::new("hidden-inputs", &name), |bencher| {
                bencher.iter(|| {
                    turn = (turn + 1) % job.data.len();
                    engine.hidden_inputs(&job.data[turn], &mut inputs);
                });
            });
            group.bench_function(BenchmarkId::new("sample-hidden", &name), |bencher| {
                bencher.iter(|| {
                    turn = (turn + 1) % job.data.len();
                    engine.sample_hidden(&job.data[turn], draw(Purpose::ChainHidden), &mut states);
                });
            });
            group.bench_function(BenchmarkId::new("visible-inputs", &name), |bencher| {
                bencher.iter(|| engine.visible_inputs(&job.chain, &mut inputs));
            });
            group.bench_function(BenchmarkId::new("sample-visible", &name), |bencher| {
                bencher.iter(|| engine.sample_visible(&job.chain, draw(Purpose::ChainVisible), &mut states));
            });
            let step = Step { learning_rate: 0.005, ..job.step };
            let data = &job.data[0];
            let samples = [
                Statistics { visible: data, hidden: HiddenStatistics::Samples(&job.positive) },
                Statistics { visible: &job.fantasy, hidden: HiddenStatistics::Samples(&job.negative) },
            ];
            group.bench_function(BenchmarkId::new("step-samples", &name), |bencher| {
                bencher.iter(|| engine.step(&samples[0], &samples[1], &step));
            });
            let probabilities = [data, &job.fantasy].map(|visible| {
                let mut probabilities = Vec::new();
                engine.hidden_probabilities(visible, &mut probabilities);
                probabilities
            });
            let averages = [
                Statistics { visible: data, hidden: HiddenStatistics::Probabilities(&probabilities[0]) },
                Statistics { visible: &job.fantasy, hidden: HiddenStatistics::Probabilities(&probabilities[1]) },
            ];
            group.bench_function(BenchmarkId::new("step-probabilities", &name), |bencher| {
                bencher.iter(|| engine.step(&averages[0], &averages[1], &step));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, phases, offsets, updates);
criterion_main!(benches);
