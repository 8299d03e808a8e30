//! Benchmarks of the kinds of model beside the RBM: the phases of an RNN-RBM and of a deep belief network.
//!
//! ```text
//! cargo bench --bench kinds              measure
//! cargo bench --bench kinds -- --test    only check
//! ```
//!
//! The recipes are those of `configs/`, the data the built-in corpus. Every benchmark first checks the work that it
//! times: training changes every tensor that its stage trains and leaves the same bits on two threads, likelihoods are
//! finite and keep their order, chains leave their start. All on one thread.

use chordbench::engine::{BitMatrix, Isa, Purpose};
use chordbench::model::likelihood::{AnnealingOptions, FrameAnnealing, LikelihoodRequest, NamedWindows, Spacing};
use chordbench::model::{ChainStep, GibbsStreams, LastStep, Model, Offsets, Tensors, Trainer};
use chordbench::music::Windows;
use chordbench::sweep::{RunParameters, Stage, SweepConfig, load_corpus};
use chordbench::train::TrainingSet;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

/// The seed of everything drawn here.
const SEED: u64 = 42;
/// Windows whose likelihood is computed.
const JUDGED: usize = 100;
/// Chains that draw samples side by side.
const CHAINS: usize = 50;
/// Gibbs steps of these chains.
const STEPS: u64 = 20;

/// A recipe and its windows of the built-in corpus.
struct Job {
    name: &'static str,
    parameters: RunParameters,
    windows: Windows,
}

impl Job {
    fn new(name: &'static str, config: &str, changes: &[&str]) -> Self {
        let changes: Vec<String> = changes.iter().map(|&change| change.to_owned()).collect();
        let sweep =
            SweepConfig::from_text(Some((Path::new(name), config.to_owned())), &changes).expect("a configuration");
        let parameters = sweep.base(None).expect("parameters of a run");
        let corpus = load_corpus(&parameters.corpus, &|_, _| ()).expect("the built-in corpus");
        let rolls = corpus.songs.iter().map(|song| &song.roll);
        let windows = Windows::cut(&corpus.layout, rolls, parameters.model.timesteps);
        Self { name, parameters, windows }
    }

    fn rnn_rbm(changes: &[&str]) -> Self {
        Self::new("rnn-rbm", include_str!("../configs/rnn-rbm.toml"), changes)
    }

    fn dbn() -> Self {
        Self::new("dbn", include_str!("../configs/dbn.toml"), &[])
    }

    /// Returns a trainer of a stage that starts from what the stage before left.
    fn trainer<'a>(&'a self, stage: &'a Stage, earlier: Option<&Tensors>) -> Trainer<'a> {
        let set = TrainingSet { windows: &self.windows.bits, songs: &self.windows.songs };
        Trainer::after(earlier, set, &stage.model, &stage.train, SEED, Isa::pinned_or_best()).expect("a trainer")
    }

    /// Trains one epoch of each of some stages, which must change the model; returns the model that the last one leaves.
    fn trained(&self, stages: &[Stage]) -> Option<Tensors> {
        let mut earlier: Option<Tensors> = None;
        for stage in stages {
            let mut trainer = self.trainer(stage, earlier.as_ref());
            let before = trainer.model().tensors();
            trainer.train_epoch(0);
            let tensors = trainer.model().tensors();
            assert!(tensors != before && trainer.model().is_finite(), "{} does not learn", self.name);
            earlier = Some(tensors);
        }
        earlier
    }

    /// Returns the model after one epoch of every stage.
    fn model(&self) -> Box<dyn Model> {
        let tensors = self.trained(&self.parameters.stages()).expect("a stage");
        let (kind, engine) = (self.parameters.model.kind, self.parameters.train.engine);
        kind.open(&tensors, engine, Isa::pinned_or_best()).expect("the tensors of a model")
    }
}

/// Runs `work` on a pool of `threads` threads of its own.
fn on_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool of threads").install(work)
}

/// Epochs of the last stage of each recipe: chunks of songs by CD-k with a recurrent network, and a second layer.
fn epochs(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("epoch of the built-in corpus");
    group.sample_size(10);
    for job in [Job::rnn_rbm(&[]), Job::rnn_rbm(&["train.method=\"cd\"", "train.k=15"]), Job::dbn()] {
        let stages = job.parameters.stages();
        let [one, two] = [1, 2].map(|threads| on_threads(threads, || job.trained(&stages)));
        assert!(one == two, "{}: two threads leave other bits than one", job.name);
        let (last, before) = stages.split_last().expect("a stage");
        let earlier = job.trained(before);
        group.throughput(Throughput::Elements(job.windows.bits.rows() as u64));
        let name = format!("{:?} of {} Gibbs steps", last.train.method, last.train.k);
        group.bench_function(BenchmarkId::new(job.name, name), |bencher| {
            on_threads(1, || {
                let (mut trainer, mut epoch) = (job.trainer(last, earlier.as_ref()), 0);
                bencher.iter(|| {
                    epoch += 1;
                    trainer.train_epoch(epoch)
                });
            });
        });
    }
    group.finish();
}

/// Likelihoods of held windows: every frame's own ln Z by annealing, and the bound of a network by draws.
fn likelihoods(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("log-likelihood of 100 windows");
    group.sample_size(10);
    let frames = FrameAnnealing { frames: JUDGED, chains: 10, temperatures: 50 };
    let spacing = Spacing::Linear;
    let annealing =
        AnnealingOptions { chains: 50, temperatures: 50, spacing, mixing_steps: 10, raise_windows: 0, frames };
    let request = LikelihoodRequest { exact: false, annealing: Some(annealing), posterior_samples: 10, seed: SEED };
    for (job, lower, higher) in [(Job::rnn_rbm(&[]), "ais", "ceiling"), (Job::dbn(), "bound", "estimate")] {
        let density = job.model().density().expect("a density");
        let rows: Vec<usize> = (0..JUDGED).collect();
        let split = NamedWindows {
            name: "train",
            windows: &job.windows.bits,
            songs: &job.windows.songs,
            rows: &rows,
            judged: true,
        };
        let compute = || density.log_likelihood(std::slice::from_ref(&split), &request).expect("a likelihood");
        let found = compute();
        let mean = |method: &str| found.mean(&found.splits[0], method).expect("a mean");
        let (low, high) = (mean(lower), mean(higher));
        assert!(low.is_finite() && high.is_finite(), "{}: {low} and {high}", job.name);
        assert!(lower != "bound" || low <= high, "the bound {low} lies above the estimate {high}");
        group.throughput(Throughput::Elements(JUDGED as u64));
        group.bench_function(job.name, |bencher| on_threads(1, || bencher.iter(|| black_box(compute()))));
    }
    group.finish();
}

/// Samples: frames in the context of others, and windows through the layers of a network.
fn samples(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("50 samples by 20 Gibbs steps");
    group.sample_size(20);
    for job in [Job::rnn_rbm(&[]), Job::dbn()] {
        let mut model = job.model();
        let start = job.windows.bits.gather(&(0..CHAINS).collect::<Vec<_>>());
        let context = model.recurrence().map(|recurrence| {
            let mut memory = recurrence.begin(CHAINS);
            recurrence.pass(&mut memory, &start);
            recurrence.context(&memory)
        });
        let streams = GibbsStreams {
            seed: SEED,
            hidden: Purpose::ChainHidden,
            visible: Purpose::ChainVisible,
            epoch: 0,
            batch: 0,
            inverse_temperature: 1.0,
        };
        let offsets = context.as_ref().map_or_else(Offsets::default, |context| context.offsets());
        let mut advance = |mut states: BitMatrix| {
            for number in 0..STEPS {
                let step = ChainStep { number, count: STEPS, streams, offsets, last_step: LastStep::Draw, clamp: None };
                model.sampler().step(&mut states, &step);
            }
            states
        };
        assert!(advance(start.clone()) != start, "{}: the chains stay where they started", job.name);
        group.throughput(Throughput::Elements(CHAINS as u64));
        group.bench_function(job.name, |bencher| {
            bencher.iter_batched(|| start.clone(), |start| black_box(advance(start)), BatchSize::SmallInput);
        });
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    epochs(&mut criterion);
    likelihoods(&mut criterion);
    samples(&mut criterion);
    criterion.final_summary();
}
