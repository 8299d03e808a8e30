//! The cases that are timed: updates of several shapes with their parts, Gibbs steps of frames, short jobs of two
//! recipes.
//!
//! A case keeps its name for as long as it means the same work; another work gets another name, and the gate then has
//! nothing to compare it with.

use crate::report::Report;
use chordbench::engine::{
    BitMatrix, Draw, Engine, EngineKind, HiddenStatistics, Isa, Parameters, Purpose, RowOffsets, RowStreams,
    Statistics, Step, build, build_for,
};
use chordbench::machine::Environment;
use chordbench::model::Trainer;
use chordbench::music::Windows;
use chordbench::sweep::{Stage, SweepConfig, load_corpus};
use chordbench::train::TrainingSet;
use std::path::Path;
use std::time::{Duration, Instant};

/// Visible units: 15 steps of 78 pitches on two planes.
const VISIBLE: usize = 2340;
/// Share of the visible units that are on in piano rolls.
const DENSITY: f64 = 0.034;
/// Time spent on updates of one shape by one engine, at least; the job gets twice as much.
const BUDGET: Duration = Duration::from_millis(150);
/// Repetitions of an update or of the job, at least.
const LEAST_REPETITIONS: usize = 4;
/// Batches of one repetition: the engine meets none of them while it may still remember it.
const BATCHES: usize = 2;
/// Epochs of the job: the first ones, in which samples become sparse.
const JOB_EPOCHS: u64 = 8;
/// Epochs of the job that trains on whole songs.
const SONGS_EPOCHS: u64 = 2;
const SEED: u64 = 42;
/// The recipe of the article.
const SEED_RECIPE: &str = include_str!("../../configs/seed.toml");
/// Epochs of the job that trains an upper layer.
const LAYER_EPOCHS: u64 = 4;
/// The recipe of a deep belief network, whose upper layer alone is trained, on draws from an untrained lower one.
const LAYERS_RECIPE: &str = include_str!("../../configs/dbn.toml");
/// The recipe of its successor, without the stage of pretraining.
const SONGS_RECIPE: &str = include_str!("../../configs/rnn-rbm-article.toml");

/// The size of an update, and what its statistics are.
#[derive(Clone, Copy)]
struct Shape {
    name: &'static str,
    hidden: usize,
    rows: usize,
    probabilities: bool,
    /// True if half of the visible units are on, in data and fantasies, as in the first epochs of the article's recipe.
    dense: bool,
}

/// A batch of the seed recipe, one of the practical recipe, a larger one like it, one too large for the second-level
/// cache, and one of the seed recipe with dense units.
const SHAPES: [Shape; 5] = [
    Shape { name: "H=50 B=10 samples", hidden: 50, rows: 10, probabilities: false, dense: false },
    Shape { name: "H=200 B=20 probabilities", hidden: 200, rows: 20, probabilities: true, dense: false },
    Shape { name: "H=250 B=100 probabilities", hidden: 250, rows: 100, probabilities: true, dense: false },
    Shape { name: "H=1024 B=100 samples", hidden: 1024, rows: 100, probabilities: false, dense: false },
    Shape { name: "H=50 B=10 dense samples", hidden: 50, rows: 10, probabilities: false, dense: true },
];

impl Shape {
    /// Returns the parameters of the engines, which decide how many units of a fantasy are on.
    fn parameters(self) -> Parameters {
        let mut parameters = parameters(VISIBLE, self.hidden);
        if self.dense {
            parameters.visible_bias.fill(0.0);
        }
        parameters
    }

    /// Returns the share of the units that are on in the data.
    fn density(self) -> f64 {
        if self.dense { 0.5 } else { DENSITY }
    }
}

/// The parts of an update that are timed apart.
const PARTS: [&str; 4] = ["hidden", "visible", "step", "update"];

/// Measures every case, on one thread.
pub(crate) fn measure() -> Report {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool of one thread");
    let mut report = Report { commit: Environment::capture(Isa::pinned_or_best()).git, ..Report::default() };
    pool.install(|| {
        for shape in SHAPES {
            for (engine_name, mut engine) in timed_engines(shape) {
                for (part, time) in PARTS.iter().zip(Update::new(shape).least_times(engine.as_mut(), BUDGET)) {
                    report.minima.insert(format!("{part} {}, {engine_name}", shape.name), time);
                }
            }
        }
        for (engine_name, mut engine) in frames_engines() {
            let mut frames = Frames::new();
            for (offsets, name) in [(false, "Gibbs step"), (true, "Gibbs step with offsets")] {
                let time = frames.least_time(engine.as_mut(), offsets, BUDGET);
                report.minima.insert(format!("{name} V=88 H=150 B=1000, {engine_name}"), time);
            }
        }
        let job = Job::new(SEED_RECIPE);
        let time = job.least_time(JOB_EPOCHS, 2 * BUDGET);
        report.minima.insert(format!("seed job, first {JOB_EPOCHS} epochs"), time);
        let songs = Job::new(SONGS_RECIPE);
        let time = songs.least_time(SONGS_EPOCHS, 2 * BUDGET);
        report.minima.insert(format!("RNN-RBM job, first {SONGS_EPOCHS} epochs"), time);
        let layer = Job::new(LAYERS_RECIPE);
        let time = layer.least_time(LAYER_EPOCHS, 2 * BUDGET);
        report.minima.insert(format!("upper layer of a DBN, first {LAYER_EPOCHS} epochs"), time);
    });
    report
}

/// Checks that every engine timed agrees with the reference bit for bit, and that the job learns.
pub(crate) fn check() {
    for shape in SHAPES {
        let outcome = |engine: &mut dyn Engine| {
            let mut update = Update::new(shape);
            // The rate of which a change is a multiple of 2^-8: sums are exact in every order.
            update.step.learning_rate = shape.rows as f32 / 256.0;
            update.run(engine, 0);
            (update.chain, update.fantasy, engine.parameters())
        };
        if shape.probabilities {
            // Their sums are not exact: engines agree to rounding.
            let expected = outcome(build(EngineKind::Reference, shape.parameters()).as_mut()).2;
            for (name, mut engine) in engines(&shape.parameters()) {
                let own = outcome(engine.as_mut()).2;
                let error = own.weights.iter().zip(&expected.weights).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(own != shape.parameters() && error < 1e-4, "{name} is off by {error} at {}", shape.name);
            }
        } else {
            let expected = outcome(build(EngineKind::Reference, shape.parameters()).as_mut());
            assert!(expected.1.count_ones() > 0, "the fantasies of {} are empty", shape.name);
            for (name, mut engine) in engines(&shape.parameters()) {
                assert!(outcome(engine.as_mut()) == expected, "{name} differs from the reference at {}", shape.name);
            }
        }
    }
    let outcome = |engine: &mut dyn Engine, offsets| {
        let mut frames = Frames::new();
        frames.run(engine, 0, offsets);
        (frames.hidden, frames.visible)
    };
    for offsets in [false, true] {
        let mut reference = build(EngineKind::Reference, parameters(Frames::VISIBLE, Frames::HIDDEN));
        let expected = outcome(reference.as_mut(), offsets);
        for (name, mut engine) in engines(&parameters(Frames::VISIBLE, Frames::HIDDEN)) {
            assert!(outcome(engine.as_mut(), offsets) == expected, "{name} differs from the reference on frames");
        }
    }
    for (recipe, epochs) in [(SEED_RECIPE, JOB_EPOCHS), (SONGS_RECIPE, SONGS_EPOCHS), (LAYERS_RECIPE, LAYER_EPOCHS)] {
        let job = Job::new(recipe);
        let mut trainer = job.trainer();
        let first = trainer.model().tensors();
        for epoch in 0..epochs {
            trainer.train_epoch(epoch);
        }
        assert!(trainer.model().tensors() != first && trainer.model().is_finite(), "a job does not learn");
    }
}

/// Returns the engines worth timing: plain instructions are the fallback of rare machines, and slow for large models.
fn timed_engines(shape: Shape) -> Vec<(String, Box<dyn Engine>)> {
    let mut engines = engines(&shape.parameters());
    engines.retain(|(name, _)| shape.hidden == SHAPES[0].hidden || *name != format!("packed {}", Isa::Scalar));
    engines
}

/// Returns the engines that frames are timed with.
fn frames_engines() -> Vec<(String, Box<dyn Engine>)> {
    let mut engines = engines(&parameters(Frames::VISIBLE, Frames::HIDDEN));
    engines.retain(|(name, _)| *name != format!("packed {}", Isa::Scalar));
    engines
}

/// Returns the packed engine with every instruction set of this processor, and the dense engine.
fn engines(parameters: &Parameters) -> Vec<(String, Box<dyn Engine>)> {
    let packed = Isa::available().into_iter().map(|isa| {
        let engine = build_for(EngineKind::Packed, parameters.clone(), isa).expect("an available instruction set");
        (format!("packed {isa}"), engine)
    });
    packed.chain([("dense".to_owned(), build(EngineKind::Dense, parameters.clone()))]).collect()
}

/// Returns small multiples of 2^-8, and visible biases that keep samples as sparse as the data.
fn parameters(visible: usize, hidden: usize) -> Parameters {
    let mut stream = RowStreams::new(SEED, Purpose::InitialWeights, 0, 0, 0).row(0);
    let mut parameters = Parameters::zeros(visible, hidden);
    for weight in &mut parameters.weights {
        *weight = ((stream.next_u32() % 5) as f32 - 2.0) / 256.0;
    }
    parameters.visible_bias.fill(-3.375);
    parameters
}

/// Returns cells that are on independently of each other.
fn random_batch(number: usize, rows: usize, columns: usize, density: f64) -> BitMatrix {
    let streams = RowStreams::new(SEED, Purpose::Baseline, 0, number as u64, 0);
    let threshold = (density * 4_294_967_296.0) as u32;
    let mut states = BitMatrix::zeros(rows, columns);
    for row in 0..rows {
        let mut stream = streams.row(row);
        for column in 0..columns {
            states.set(row, column, stream.next_u32() < threshold);
        }
    }
    states
}

/// Everything that updates of one shape compute with.
struct Update {
    shape: Shape,
    batches: Vec<BitMatrix>,
    step: Step,
    positive: BitMatrix,
    chain: BitMatrix,
    fantasy: BitMatrix,
    negative: BitMatrix,
    positive_probabilities: Vec<f32>,
    negative_probabilities: Vec<f32>,
}

impl Update {
    fn new(shape: Shape) -> Self {
        let states = BitMatrix::default;
        Self {
            shape,
            batches: (0..BATCHES).map(|number| random_batch(number, shape.rows, VISIBLE, shape.density())).collect(),
            // So small that weights stay where they are: every repetition does the same work.
            step: Step { learning_rate: 1e-12, momentum: 0.0, weight_decay: 0.0 },
            positive: states(),
            chain: states(),
            fantasy: states(),
            negative: states(),
            positive_probabilities: Vec::new(),
            negative_probabilities: Vec::new(),
        }
    }

    /// Makes one update of CD-1 on batch `number`; returns the times of its [`PARTS`] in nanoseconds.
    fn run(&mut self, engine: &mut dyn Engine, number: usize) -> [f64; PARTS.len()] {
        let data = &self.batches[number];
        let draw = |purpose| Draw::plain(RowStreams::new(SEED, purpose, 1, number as u64, 0));
        let start = Instant::now();
        engine.sample_hidden(data, draw(Purpose::ChainHidden), &mut self.chain);
        let hidden = start.elapsed();
        let from = Instant::now();
        engine.sample_visible(&self.chain, draw(Purpose::ChainVisible), &mut self.fantasy);
        let visible = from.elapsed();
        let (positive, negative) = if self.shape.probabilities {
            engine.hidden_probabilities(data, &mut self.positive_probabilities);
            engine.hidden_probabilities(&self.fantasy, &mut self.negative_probabilities);
            (
                HiddenStatistics::Probabilities(&self.positive_probabilities),
                HiddenStatistics::Probabilities(&self.negative_probabilities),
            )
        } else {
            engine.sample_hidden(data, draw(Purpose::PositiveHidden), &mut self.positive);
            engine.sample_hidden(&self.fantasy, draw(Purpose::NegativeHidden), &mut self.negative);
            (HiddenStatistics::Samples(&self.positive), HiddenStatistics::Samples(&self.negative))
        };
        let from = Instant::now();
        let data = Statistics { visible: data, hidden: positive };
        engine.step(&data, &Statistics { visible: &self.fantasy, hidden: negative }, &self.step);
        let (step, update) = (from.elapsed(), start.elapsed());
        [hidden, visible, step, update].map(|time| time.as_nanos() as f64)
    }

    /// Returns for each of the [`PARTS`] the mean over the batches of its least time on each.
    fn least_times(&mut self, engine: &mut dyn Engine, budget: Duration) -> [f64; PARTS.len()] {
        let mut least = [[f64::INFINITY; PARTS.len()]; BATCHES];
        for () in repetitions(budget) {
            for (number, least) in least.iter_mut().enumerate() {
                for (least, time) in least.iter_mut().zip(self.run(engine, number)) {
                    *least = least.min(time);
                }
            }
        }
        std::array::from_fn(|part| least.iter().map(|times| times[part]).sum::<f64>() / BATCHES as f64)
    }
}

/// Frames of polyphonic music whose biases another network would set: one Gibbs step of all of them in one call.
struct Frames {
    batches: Vec<BitMatrix>,
    to_visible: Vec<f32>,
    to_hidden: Vec<f32>,
    hidden: BitMatrix,
    visible: BitMatrix,
}

impl Frames {
    const VISIBLE: usize = 88;
    const HIDDEN: usize = 150;
    const ROWS: usize = 1000;
    /// One more than an engine remembers: each is met as if for the first time.
    const BATCHES: usize = 3;

    fn new() -> Self {
        // Multiples of 2^-8, as the weights are.
        let mut stream = RowStreams::new(SEED, Purpose::Baseline, 1, 0, 0).row(0);
        let mut offsets = |units: usize| -> Vec<f32> {
            (0..Self::ROWS * units).map(|_| ((stream.next_u32() % 513) as f32 - 256.0) / 256.0).collect()
        };
        Self {
            batches: (0..Self::BATCHES)
                .map(|number| random_batch(number, Self::ROWS, Self::VISIBLE, DENSITY))
                .collect(),
            to_visible: offsets(Self::VISIBLE),
            to_hidden: offsets(Self::HIDDEN),
            hidden: BitMatrix::default(),
            visible: BitMatrix::default(),
        }
    }

    /// Takes one Gibbs step from batch `number`; returns its time in nanoseconds.
    fn run(&mut self, engine: &mut dyn Engine, number: usize, offsets: bool) -> f64 {
        let draw = |purpose, values, units| {
            let plain = Draw::plain(RowStreams::new(SEED, purpose, 2, number as u64, 0));
            if offsets { plain.with_offsets(RowOffsets::new(values, units)) } else { plain }
        };
        let hidden = draw(Purpose::ChainHidden, &self.to_hidden, Self::HIDDEN);
        let visible = draw(Purpose::ChainVisible, &self.to_visible, Self::VISIBLE);
        let start = Instant::now();
        engine.sample_hidden(&self.batches[number], hidden, &mut self.hidden);
        engine.sample_visible(&self.hidden, visible, &mut self.visible);
        start.elapsed().as_nanos() as f64
    }

    /// Returns the mean over the batches of the least time on each.
    fn least_time(&mut self, engine: &mut dyn Engine, offsets: bool, budget: Duration) -> f64 {
        let mut least = [f64::INFINITY; Self::BATCHES];
        for () in repetitions(budget) {
            for (number, least) in least.iter_mut().enumerate() {
                *least = least.min(self.run(engine, number, offsets));
            }
        }
        least.iter().sum::<f64>() / Self::BATCHES as f64
    }
}

/// Returns the turns that the budget allows, [`LEAST_REPETITIONS`] at least.
fn repetitions(budget: Duration) -> impl Iterator<Item = ()> {
    let start = Instant::now();
    (0..).take_while(move |&done| done < LEAST_REPETITIONS || start.elapsed() < budget).map(|_: usize| ())
}

/// The last stage of a recipe, on the built-in corpus.
struct Job {
    stage: Stage,
    windows: Windows,
}

impl Job {
    fn new(recipe: &str) -> Self {
        let file = Some((Path::new("recipe.toml"), recipe.to_owned()));
        let sweep = SweepConfig::from_text(file, &[]).expect("a configuration");
        let parameters = sweep.base(None).expect("parameters of a run");
        let corpus = load_corpus(&parameters.corpus, &|_, _| ()).expect("the built-in corpus");
        let rolls = corpus.songs.iter().map(|song| &song.roll);
        let windows = Windows::cut(&corpus.layout, rolls, parameters.model.timesteps);
        Self { stage: parameters.stages().pop().expect("a stage of training"), windows }
    }

    fn trainer(&self) -> Trainer<'_> {
        let set = TrainingSet { windows: &self.windows.bits, songs: &self.windows.songs };
        Trainer::new(set, &self.stage.model, &self.stage.train, SEED)
    }

    /// Returns the sum of the least time of each epoch over whole jobs: epochs differ in work, jobs do not.
    fn least_time(&self, epochs: u64, budget: Duration) -> f64 {
        let mut least = vec![f64::INFINITY; epochs as usize];
        for () in repetitions(budget) {
            let mut trainer = self.trainer();
            for (epoch, least) in least.iter_mut().enumerate() {
                let from = Instant::now();
                trainer.train_epoch(epoch as u64);
                *least = least.min(from.elapsed().as_nanos() as f64);
            }
        }
        least.iter().sum()
    }
}
