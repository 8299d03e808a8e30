//! Benchmarks of training: every phase of an update on every engine, and whole epochs of the two recipes and of each
//! method.
//!
//! ```text
//! cargo bench --bench training              measure
//! cargo bench --bench training -- --test    only check
//! ```
//!
//! The data are windows of the built-in corpus, 15 steps of 156 cells: 2340 visible units. The work to be timed is
//! checked first: engines against the reference and that against f64, epochs by their counts, their learning, and by
//! two threads leaving the same bits as one.
//!
//! Phases are timed inside whole updates, each on another batch, as training calls them: an engine may remember what it
//! worked out of a batch earlier in the same update. Their throughput counts connections, examples × visible × hidden
//! units, by any engine's means. That of an epoch counts examples.

use chordbench::engine::{
    BitMatrix, Draw, Engine, EngineKind, HiddenStatistics, Parameters, Purpose, RowStreams, Statistics, Step, build,
};
use chordbench::evaluate::reconstruction_error;
use chordbench::model::likelihood::NamedWindows;
use chordbench::model::{EpochCounts, Model, Rbm, Trainer};
use chordbench::music::{Corpus, SongSplit, Windows};
use chordbench::sweep::{RunParameters, SweepConfig, load_corpus};
use chordbench::train::{Centring, Method, StatisticsKind, TrainOptions, TrainingSet};
use criterion::{BenchmarkId, Criterion, Throughput};
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

/// The seed of everything drawn here.
const SEED: u64 = 42;

/// Songs of the built-in corpus.
const SONGS: usize = 108;

/// Visible units: 15 steps of 78 pitches on two planes.
const VISIBLE: usize = 2340;

/// Epochs of training before anything is timed: weights as a run has them, and fantasies about as dense as music.
const EARLIER_EPOCHS: u64 = 6;

/// Batches that the updates timed take turns with, so that none is met again while it may be remembered.
const BATCHES: usize = 8;

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    update_phases(&mut criterion);
    epochs(&mut criterion);
    methods(&mut criterion);
    criterion.final_summary();
}

/// A recipe that comes with the program, and the music it trains on.
struct Job {
    name: &'static str,
    parameters: RunParameters,
    corpus: Corpus,
    training: Windows,
}

impl Job {
    fn new(name: &'static str, config: &str) -> Self {
        let sweep = SweepConfig::from_text(Some((Path::new(name), config.to_owned())), &[]).expect("a configuration");
        let parameters = sweep.base(None).expect("parameters of a run");
        let corpus = load_corpus(&parameters.corpus, &|_, _| ()).expect("the built-in corpus");
        assert_eq!(corpus.songs.len(), SONGS);
        let songs = SongSplit::of(&corpus, &parameters.corpus, SEED).training;
        let rolls = songs.iter().map(|&song| &corpus.songs[song].roll);
        let training = Windows::cut(&corpus.layout, rolls, parameters.model.timesteps);
        assert_eq!(training.bits.columns(), VISIBLE);
        Self { name, parameters, corpus, training }
    }

    fn seed() -> Self {
        Self::new("seed", include_str!("../configs/seed.toml"))
    }

    fn practical() -> Self {
        Self::new("practical", include_str!("../configs/practical.toml"))
    }

    fn set(&self) -> TrainingSet<'_> {
        TrainingSet { windows: &self.training.bits, songs: &self.training.songs }
    }

    fn trainer(&self) -> Trainer<'_> {
        Trainer::new(self.set(), &self.parameters.model, &self.parameters.train, SEED)
    }

    /// Returns a trainer that has gone some epochs already.
    fn warm_trainer(&self) -> Trainer<'_> {
        let mut trainer = self.trainer();
        for epoch in 0..EARLIER_EPOCHS {
            trainer.train_epoch(epoch);
        }
        trainer
    }
}

/// Runs `work` on a pool of `threads` threads of its own.
fn on_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool of threads").install(work)
}

// Phases of an update.

/// A part of an update that is timed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// h ~ p(h | v) under the batch, which the engine has not met before.
    SampleHidden,
    /// v ~ p(v | h): the fantasies of CD-1.
    SampleVisible,
    /// p(h | v) under the fantasies, which the engine has not met before.
    HiddenProbabilities,
    /// The gradient and the step along it.
    Step,
    /// All of these, and the other half of the statistics.
    Whole,
}

impl Phase {
    const ALL: [(Self, &'static str); 5] = [
        (Self::SampleHidden, "sample_hidden"),
        (Self::SampleVisible, "sample_visible"),
        (Self::HiddenProbabilities, "hidden_probabilities"),
        (Self::Step, "step"),
        (Self::Whole, "update"),
    ];
}

/// The inputs of updates of one shape.
struct Shape {
    statistics: StatisticsKind,
    parameters: Parameters,
    batches: Vec<BitMatrix>,
    /// The scalars that training would use.
    step: Step,
}

impl Shape {
    /// Batches of `rows` neighbouring windows, and the parameters after some epochs of the job.
    fn of(job: &Job, rows: usize) -> Self {
        let train = &job.parameters.train;
        let windows: Vec<usize> = (0..BATCHES * rows).collect();
        Self {
            statistics: train.statistics,
            parameters: parameters(&job.warm_trainer()),
            batches: windows.chunks(rows).map(|rows| job.training.bits.gather(rows)).collect(),
            step: Step {
                learning_rate: train.learning_rate as f32,
                momentum: train.momentum as f32,
                weight_decay: train.weight_decay as f32,
            },
        }
    }

    fn connections(&self) -> u64 {
        (self.batches[0].rows() * self.parameters.visible * self.parameters.hidden) as u64
    }
}

/// Everything that one update computes.
#[derive(Default)]
struct Update {
    hidden: BitMatrix,
    fantasy: BitMatrix,
    probabilities: Vec<f32>,
    fantasy_hidden: BitMatrix,
    fantasy_probabilities: Vec<f32>,
}

impl Update {
    /// One update of CD-1; returns how long `phase` took.
    fn run(&mut self, engine: &mut dyn Engine, batch: &BitMatrix, index: u64, shape: &Shape, phase: Phase) -> Duration {
        // So small that weights stay where they are: the thousandth update costs what the first one does.
        let step = Step { learning_rate: 1e-12, ..shape.step };
        let draw = |purpose| Draw::plain(RowStreams::new(SEED, purpose, 0, index, 0));
        let mut time = Duration::ZERO;
        let mut timed = |own: Phase, work: &mut dyn FnMut()| {
            let start = Instant::now();
            work();
            if phase == own || phase == Phase::Whole {
                time += start.elapsed();
            }
        };
        timed(Phase::SampleHidden, &mut || {
            engine.sample_hidden(batch, draw(Purpose::ChainHidden), &mut self.hidden);
        });
        timed(Phase::SampleVisible, &mut || {
            engine.sample_visible(&self.hidden, draw(Purpose::ChainVisible), &mut self.fantasy);
        });
        if phase == Phase::HiddenProbabilities || shape.statistics == StatisticsKind::Probabilities {
            timed(Phase::HiddenProbabilities, &mut || {
                engine.hidden_probabilities(&self.fantasy, &mut self.fantasy_probabilities);
            });
        }
        timed(Phase::Whole, &mut || match shape.statistics {
            StatisticsKind::Probabilities => engine.hidden_probabilities(batch, &mut self.probabilities),
            StatisticsKind::Samples => {
                engine.sample_hidden(&self.fantasy, draw(Purpose::NegativeHidden), &mut self.fantasy_hidden);
            }
        });
        let (data, model) = match shape.statistics {
            StatisticsKind::Probabilities => (
                HiddenStatistics::Probabilities(&self.probabilities),
                HiddenStatistics::Probabilities(&self.fantasy_probabilities),
            ),
            StatisticsKind::Samples => {
                (HiddenStatistics::Samples(&self.hidden), HiddenStatistics::Samples(&self.fantasy_hidden))
            }
        };
        timed(Phase::Step, &mut || {
            let data = Statistics { visible: batch, hidden: data };
            engine.step(&data, &Statistics { visible: &self.fantasy, hidden: model }, &step);
        });
        time
    }
}

fn update_phases(criterion: &mut Criterion) {
    let seed = Job::seed();
    let mut wide = Job::practical();
    wide.parameters.model.hidden = 250;
    wide.parameters.train.batch_size = 100;
    for (job, rows) in [(&seed, 10), (&wide, 100)] {
        let shape = Shape::of(job, rows);
        let hidden = shape.parameters.hidden;
        let statistics = if shape.statistics == StatisticsKind::Samples { "samples" } else { "probabilities" };
        let mut group =
            criterion.benchmark_group(format!("update V={VISIBLE} H={hidden} B={rows} {statistics}, 1 thread"));
        group.throughput(Throughput::Elements(shape.connections()));
        for (kind, name) in
            [(EngineKind::Packed, "packed"), (EngineKind::Dense, "dense"), (EngineKind::Reference, "reference")]
        {
            check_engine(kind, &shape);
            for (phase, phase_name) in Phase::ALL {
                group.bench_function(BenchmarkId::new(phase_name, name), |bencher| {
                    let (mut engine, mut update) = (build(kind, shape.parameters.clone()), Update::default());
                    let mut index = 0;
                    bencher.iter_custom(|iterations| {
                        on_threads(1, || {
                            let mut time = Duration::ZERO;
                            for _ in 0..iterations {
                                let batch = &shape.batches[index as usize % BATCHES];
                                time += update.run(engine.as_mut(), batch, index, &shape, phase);
                                index += 1;
                            }
                            time
                        })
                    });
                    black_box(&update.fantasy);
                });
            }
        }
        group.finish();
    }
}

/// Every phase of an engine against the reference engine, and that against f64.
///
/// Sums of some two hundred weights in another order differ by less than 1e-5, and a unit whose probability is off by
/// that falls the other way once in a hundred thousand.
fn check_engine(kind: EngineKind, shape: &Shape) {
    const TOLERANCE: f32 = 1e-5;
    let batch = &shape.batches[0];
    let mut engine = build(kind, shape.parameters.clone());
    let mut reference = build(EngineKind::Reference, shape.parameters.clone());
    let draw = Draw::plain(RowStreams::new(SEED, Purpose::ChainHidden, 0, 0, 0));
    let close = |own: &[f32], other: &[f32]| {
        assert_eq!(own.len(), other.len());
        let error = own.iter().zip(other).map(|(own, other)| (own - other).abs()).fold(0.0, f32::max);
        assert!(error < TOLERANCE, "{kind:?} is off by {error}");
    };
    let same = |own: &BitMatrix, other: &BitMatrix| {
        let units = (own.rows() * own.columns()) as u64;
        let differing = u64::from(BitMatrix::distance(own.words(), other.words()));
        assert!(other.count_ones() > 0 && differing <= 3 + units / 20_000, "{differing} of {units} units differ");
    };

    let (mut probabilities, mut expected) = (Vec::new(), Vec::new());
    engine.hidden_probabilities(batch, &mut probabilities);
    reference.hidden_probabilities(batch, &mut expected);
    close(&probabilities, &expected);
    let rbm = Rbm::new(shape.parameters.clone());
    let exact: Vec<f32> =
        (0..batch.rows()).flat_map(|row| rbm.hidden_probabilities(batch, row)).map(|p| p as f32).collect();
    close(&expected, &exact);

    let (mut own_hidden, mut hidden) = (BitMatrix::default(), BitMatrix::default());
    engine.sample_hidden(batch, draw, &mut own_hidden);
    reference.sample_hidden(batch, draw, &mut hidden);
    same(&own_hidden, &hidden);
    let (mut own_fantasy, mut fantasy) = (BitMatrix::default(), BitMatrix::default());
    engine.sample_visible(&hidden, draw, &mut own_fantasy);
    reference.sample_visible(&hidden, draw, &mut fantasy);
    same(&own_fantasy, &fantasy);

    let data = Statistics { visible: batch, hidden: HiddenStatistics::Probabilities(&expected) };
    let model = Statistics { visible: &fantasy, hidden: HiddenStatistics::Samples(&hidden) };
    for _ in 0..2 {
        engine.step(&data, &model, &shape.step);
        reference.step(&data, &model, &shape.step);
    }
    let (own, expected) = (engine.parameters(), reference.parameters());
    assert!(own != shape.parameters, "{kind:?} took no step");
    close(&own.weights, &expected.weights);
    close(&own.visible_bias, &expected.visible_bias);
    close(&own.hidden_bias, &expected.hidden_bias);
}

// Whole epochs.

/// Returns the parameters of the RBM that a trainer trains, as they are now.
fn parameters(trainer: &Trainer) -> Parameters {
    Parameters::try_from(&trainer.model().tensors()).expect("an RBM is trained")
}

fn epochs(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("epoch of the built-in corpus");
    for job in [Job::seed(), Job::practical()] {
        let counts = check_epoch(&job);
        group.throughput(Throughput::Elements(counts.examples));
        for threads in [1, 2] {
            let name = format!("{} updates, threads: {threads}", counts.updates);
            group.bench_function(BenchmarkId::new(job.name, name), |bencher| {
                on_threads(threads, || {
                    let mut trainer = job.warm_trainer();
                    let mut epoch = EARLIER_EPOCHS;
                    bencher.iter(|| {
                        epoch += 1;
                        trainer.train_epoch(epoch)
                    });
                });
            });
        }
    }
    group.finish();
}

/// Whole epochs by each method of estimating the gradient, and with terms added to it one after the other.
fn methods(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("methods");
    let job = Job::practical();
    let plain = TrainOptions {
        initial_momentum: 0.0,
        momentum: 0.0,
        weight_decay: 0.0,
        batch_size: 100,
        ..job.parameters.train.clone()
    };
    let moving = TrainOptions { initial_momentum: 0.9, momentum: 0.9, ..plain.clone() };
    let centred = TrainOptions { centring: Centring::Data, ..moving.clone() };
    let every_term = TrainOptions { sparsity_strength: 0.01, weight_decay_l1: 1e-4, ..centred.clone() };
    let cd = TrainOptions { method: Method::Cd, ..plain.clone() };
    for (name, options) in [
        ("cd", cd.clone()),
        // Over more epochs than there will be: the mean is never taken.
        ("cd, averaged", TrainOptions { epochs: 1_000_000, averaged_epochs: 1_000_000, ..cd }),
        ("pcd", plain),
        ("pcd, momentum", moving),
        ("pcd, momentum, centring", centred.clone()),
        ("pcd, momentum, centring, sparsity, L1", every_term),
        ("pt of ten, momentum, centring", TrainOptions { method: Method::Pt, ..centred }),
    ] {
        let mut trainer = Trainer::new(job.set(), &job.parameters.model, &options, SEED);
        let before = parameters(&trainer);
        let counts = trainer.train_epoch(0);
        let after = parameters(&trainer);
        assert!(after.is_finite() && after != before, "{name}: an epoch left parameters as they were, or none");
        group.throughput(Throughput::Elements(counts.updates));
        group.bench_function(name, |bencher| {
            on_threads(1, || {
                let mut epoch = 0;
                bencher.iter(|| {
                    epoch += 1;
                    trainer.train_epoch(epoch)
                });
            });
        });
    }
    group.finish();
}

/// Checks that an epoch does the updates it should, learns, and leaves the same bits on two threads as on one.
fn check_epoch(job: &Job) -> EpochCounts {
    let options = &job.parameters.train;
    let trained = job.set().trained_windows(options);
    let expected = EpochCounts {
        updates: if job.name == "seed" {
            job.corpus.songs.len() as u64
        } else {
            trained.len().div_ceil(options.batch_size) as u64
        },
        examples: trained.len() as u64,
    };
    let mut trainer = job.trainer();
    let split = NamedWindows::of_rows(&job.training.bits, &trained);
    let error =
        |model: &mut dyn Model| reconstruction_error(model, &split, 1, (SEED, 0, 0)).expect("there are windows");
    let before = error(trainer.model_mut());
    let counts = on_threads(1, || {
        let mut trainer = job.trainer();
        let counts = trainer.train_epoch(0);
        (counts, parameters(&trainer))
    });
    let again = on_threads(2, || {
        let counts = trainer.train_epoch(0);
        (counts, parameters(&trainer))
    });
    assert_eq!(counts.0, expected, "{}", job.name);
    assert!(counts == again, "{}: two threads leave other bits than one", job.name);
    assert!(counts.1.is_finite());
    let after = error(trainer.model_mut());
    assert!(after < before, "{}: the reconstruction error went from {before} to {after}", job.name);
    counts.0
}
