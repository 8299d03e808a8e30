//! The packed engine against this machine's limits: `cargo bench --bench roofline`.
//!
//! The rates of one core are measured in the same process: operations of each kind in registers, alone and side by
//! side, loads from each level of its caches, stores. The work of each phase is counted in the same operations, by
//! kind, and at the least that its algorithm can do with. A phase's limit is the time of the part of its work that
//! takes longest at its rate: no phase can be faster. The benchmark prints that time over the time taken, and the part
//! that binds.
//!
//! The limit counts no dependence of one operation on another and no waiting for a cache, so that 100 % is out of reach.

mod support;

use chordbench::engine::cost::{Rates, Work};
use chordbench::engine::{
    BitMatrix, Draw, Engine, HiddenStatistics, Isa, PackedEngine, Parameters, Probe, Purpose, RowOffsets, RowStreams,
    Statistics, Step,
};
use std::hint::black_box;
use std::time::Instant;
use support::{CELLS, DENSITY, random_states};

/// Repetitions of which the fastest counts: others share the machine.
const REPETITIONS: usize = 300;
/// Seconds of the fastest of many calls.
fn fastest(repetitions: usize, mut work: impl FnMut()) -> f64 {
    let time = |_| {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64()
    };
    (0..repetitions).map(time).fold(f64::INFINITY, f64::min)
}

/// Makes sure that a result is computed.
fn keep<T>(result: T) {
    black_box(result);
}

/// Returns the bytes of this core's cache of a level; `None` where the system does not say.
fn cache_bytes(level: usize) -> Option<usize> {
    let folder = std::path::Path::new("/sys/devices/system/cpu/cpu0/cache");
    let read = |index: usize, name: &str| std::fs::read_to_string(folder.join(format!("index{index}/{name}"))).ok();
    (0..8).find_map(|index| {
        let own = read(index, "level")?.trim() == level.to_string() && read(index, "type")?.trim() != "Instruction";
        let kibibytes: usize = read(index, "size")?.trim().strip_suffix('K')?.parse().ok()?;
        own.then_some(kibibytes << 10)
    })
}

/// One core with one instruction set.
struct Core {
    isa: Isa,
    rates: Rates,
    /// The bytes that the second-level cache holds.
    second_level: usize,
}

impl Core {
    fn measure(isa: Isa) -> Result<Self, chordbench::engine::IsaError> {
        let first_level = cache_bytes(1).unwrap_or(32 << 10);
        let second_level = cache_bytes(2).unwrap_or(512 << 10);
        let mut probe = Probe::new(isa)?;
        let rate = |count: usize, seconds: f64| count as f64 / seconds;
        let additions = rate(probe.additions(1).0 * 1000, fastest(REPETITIONS, || keep(probe.additions(1000))));
        let multiplications =
            rate(probe.multiplications(1).0 * 1000, fastest(REPETITIONS, || keep(probe.multiplications(1000))));
        let integers = rate(probe.integers(1).0 * 1000, fastest(REPETITIONS, || keep(probe.integers(1000))));
        let mixed = rate(probe.mixed(1).0 * 1000, fastest(REPETITIONS, || keep(probe.mixed(1000))));
        let mut loads = |rounds: usize, bytes: usize| {
            let (count, _) = probe.loads(rounds, bytes);
            rate(count, fastest(REPETITIONS, || keep(probe.loads(rounds, bytes))))
        };
        // Half of a cache surely stays in it.
        let near = loads(100, first_level / 2);
        let second = loads(8, second_level / 2);
        let beyond = loads(1, 8 * second_level);
        let (stored, _) = probe.stores(100, first_level / 2);
        let stores = rate(stored, fastest(REPETITIONS, || keep(probe.stores(100, first_level / 2))));
        // No mixture can be slower than its fastest part: what one kind reaches alone counts.
        let instructions = mixed.max(integers).max(additions).max(multiplications);
        let rates = Rates {
            additions,
            multiplications,
            integers,
            instructions,
            loads: near,
            stores,
            second_level: second,
            beyond,
        };
        Ok(Self { isa, rates, second_level })
    }

    fn print(&self) {
        let Rates { additions, multiplications, integers, instructions, loads, stores, second_level, beyond } =
            self.rates;
        println!("Rates of one core with {}, operations on sixteen numbers a nanosecond:", self.isa);
        for (name, rate) in [
            ("additions", additions),
            ("multiplications", multiplications),
            ("integers", integers),
            ("all kinds side by side", instructions),
            ("loads, first level", loads),
            ("stores, first level", stores),
            ("loads, second level", second_level),
            ("loads, beyond", beyond),
        ] {
            println!("  {name:<24} {:>6.2}", rate / 1e9);
        }
    }

    /// Returns the work of fetching a matrix of `bytes` bytes of which `loads` are read, each at least once.
    fn fetches(&self, bytes: usize, loads: f64) -> Work {
        if bytes > self.second_level {
            Work { from_beyond: loads, ..Work::default() }
        } else {
            Work { from_second_level: loads, ..Work::default() }
        }
    }

    fn report(&self, phase: &str, seconds: f64, work: Work) {
        let (limit, part) = work.bound(&self.rates);
        println!(
            "  {phase:<32} {:>10.2} µs   limit {:>9.2} µs   {:>4.0} %   {part}",
            seconds * 1e6,
            limit * 1e6,
            100.0 * limit / seconds
        );
    }
}

/// The size of a layer and of a batch.
#[derive(Clone, Copy)]
struct Shape {
    name: &'static str,
    visible: usize,
    hidden: usize,
    rows: usize,
    /// The share of the visible units that are on.
    density: f64,
    /// True if every row has biases of its own.
    offsets: bool,
}

/// Groups of sixteen units.
fn lanes(units: usize) -> f64 {
    units.div_ceil(16) as f64
}

/// Adding one row of numbers to a sum: one addition, one load.
const ADD: Work = Work {
    additions: 1.0,
    multiplications: 0.0,
    integers: 0.0,
    others: 0.0,
    loads: 1.0,
    stores: 0.0,
    from_second_level: 0.0,
    from_beyond: 0.0,
};

/// Reports the phases of one update by contrastive divergence.
fn phases(core: &Core, shape: Shape) -> Result<(), chordbench::engine::IsaError> {
    let Shape { name, visible, hidden, rows, density, offsets } = shape;
    println!("{name}: {visible} visible, {hidden} hidden units, {rows} rows, one thread");
    let mut parameters = Parameters::zeros(visible, hidden);
    let mut stream = RowStreams::new(3, Purpose::InitialWeights, 0, 0, 0).row(0);
    for weight in &mut parameters.weights {
        *weight = (f64::from(stream.next_u32()) / 4_294_967_296.0 - 0.5) as f32;
    }
    let mut engine = PackedEngine::with_isa(&parameters, core.isa)?;
    let repetitions = if visible * hidden * rows > 10_000_000 { REPETITIONS / 10 } else { REPETITIONS };
    let data: [BitMatrix; 3] = [1, 2, 3].map(|seed| random_states(seed, rows, visible, density));
    let chain = random_states(4, rows, hidden, 0.5);
    let bytes = visible * hidden * 4;
    let (of_visible, of_hidden) = (vec![0.25; rows * visible], vec![0.25; rows * hidden]);
    let with = |draw: Draw<'static>, values, units| -> Draw<'_> {
        if offsets { draw.with_offsets(RowOffsets::new(values, units)) } else { draw }
    };
    let offset_work = |units: usize| {
        let count = if offsets { rows as f64 * lanes(units) } else { 0.0 };
        ADD.times(count).and(core.fetches(rows * units * 4, count))
    };
    let mut draws = 0;
    let mut draw = || {
        draws += 1;
        Draw::plain(RowStreams::new(5, Purpose::Baseline, 0, draws, 0))
    };

    // A second sample of the same states needs no second up pass: this is the time of drawing alone.
    let mut states = BitMatrix::default();
    engine.sample_hidden(&data[0], with(draw(), &of_hidden, hidden), &mut states);
    let drawing =
        fastest(repetitions, || engine.sample_hidden(&data[0], with(draw(), &of_hidden, hidden), &mut states));
    let mut turn = 0;
    let both = fastest(repetitions, || {
        turn = (turn + 1) % data.len();
        engine.sample_hidden(&data[turn], with(draw(), &of_hidden, hidden), &mut states);
    });
    let ones = |states: &BitMatrix| states.count_ones() as f64;
    let least_ones = data.iter().map(ones).fold(f64::INFINITY, f64::min);
    let units_on = |states: &[&BitMatrix]| {
        (0..visible).filter(|&unit| states.iter().any(|states| (0..rows).any(|row| states.get(row, unit)))).count()
            as f64
    };
    let row = lanes(hidden);
    core.report(
        "up pass",
        both - drawing,
        ADD.times(least_ones * row).and(core.fetches(bytes, units_on(&[&data[0]]) * row)),
    );
    let drawn = |units: usize| Work::draw(core.isa).times(rows as f64 * lanes(units)).and(offset_work(units));
    core.report("hidden samples", drawing, drawn(hidden));

    // An update leaves part of its work to the next down pass: measure them in turns.
    let (mut positive, mut negative, mut fantasy) = Default::default();
    engine.sample_hidden(&data[0], draw(), &mut positive);
    engine.sample_hidden(&data[1], draw(), &mut negative);
    let statistics = [(&data[0], &positive), (&data[1], &negative)]
        .map(|(visible, hidden)| Statistics { visible, hidden: HiddenStatistics::Samples(hidden) });
    let rate = Step { learning_rate: 1e-6, momentum: 0.0, weight_decay: 0.0 };
    let (mut step, mut down) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..repetitions {
        step = step.min(fastest(1, || engine.step(&statistics[0], &statistics[1], &rate)));
        let draw = with(draw(), &of_visible, visible);
        down = down.min(fastest(1, || engine.sample_visible(&chain, draw, &mut fantasy)));
    }
    // The hidden states of each row in which a unit is on, then the change of its weights. Few rows: units without a one
    // keep their weights.
    let changed = if rows <= Probe::MOST_COUNTED_ROWS { units_on(&[&data[0], &data[1]]) } else { visible as f64 };
    let change = Work { additions: 1.0, multiplications: 1.0, loads: 1.0, stores: 1.0, ..Work::default() };
    let summed = ADD.times((ones(&data[0]) + ones(&data[1])) * row);
    let update = summed.and(change.times(changed * row)).and(core.fetches(bytes, changed * row));
    core.report("update from samples", step, update);

    // Few rows: a row of transposed weights is added for each unit that is on. They are kept, and changed with the
    // others, or transposed anew. Many rows: one table entry for every four units, after 15 additions to make a table.
    let weights = lanes(hidden) * lanes(visible) * 16.0;
    let transpose = Work { loads: 1.0, stores: 1.0, others: 2.0, ..Work::default() }.times(weights);
    let sums = if rows < Probe::TABLES_FROM_ROWS {
        let own = if bytes <= Probe::MOST_KEPT_BYTES { change.times(changed * row) } else { transpose };
        own.and(ADD.times(ones(&chain) * lanes(visible)))
    } else {
        let sets = rows.div_ceil(Probe::ROWS_OF_TABLES) as f64;
        let groups = hidden.div_ceil(Probe::UNITS_OF_TABLE) as f64 * lanes(visible);
        let table = Work { additions: 15.0, loads: Probe::UNITS_OF_TABLE as f64, stores: 16.0, ..Work::default() };
        transpose.times(sets).and(table.times(groups * sets)).and(ADD.times(groups * rows as f64))
    };
    let sums = sums.and(core.fetches(bytes, visible as f64 * row));
    core.report("down pass and visible samples", down, sums.and(drawn(visible)));
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global()?;
    let shapes = [
        Shape { name: "seed.toml", visible: 15 * CELLS, hidden: 50, rows: 10, density: DENSITY, offsets: false },
        Shape { name: "200 units", visible: 15 * CELLS, hidden: 200, rows: 10, density: DENSITY, offsets: false },
        Shape { name: "wide", visible: 15 * CELLS, hidden: 1024, rows: 100, density: DENSITY, offsets: false },
        Shape { name: "frames of an RNN-RBM", visible: 88, hidden: 150, rows: 1000, density: 0.045, offsets: true },
        Shape { name: "upper layer of a DBN", visible: 200, hidden: 100, rows: 10, density: 0.3, offsets: false },
    ];
    // Benchmarks that are only checked run the smallest case of each kind.
    let checked = std::env::args().any(|argument| argument == "--test");
    for isa in Isa::available().into_iter().filter(|isa| *isa != Isa::Scalar) {
        let core = Core::measure(isa)?;
        core.print();
        for shape in shapes.into_iter().filter(|shape| !checked || shape.rows < 20) {
            phases(&core, shape)?;
        }
    }
    Ok(())
}
