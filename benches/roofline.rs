//! The packed engine against this machine's limits: `cargo bench --bench roofline`.
//!
//! The limits are measured in the same process, on the same core: additions of sixteen numbers in registers, loads with
//! an addition each from the first- and the second-level cache and from beyond, and raw random numbers. A phase's limit
//! is the least time that its own counted work would take at those rates; the benchmark prints that time over the time
//! taken.

mod support;

use chordbench::engine::{
    BitMatrix, Draw, Engine, HiddenStatistics, Isa, PackedEngine, Parameters, Probe, Purpose, RowStreams, Statistics,
    Step,
};
use std::hint::black_box;
use std::time::Instant;
use support::{CELLS, DENSITY, random_states};

/// Repetitions of which the fastest counts: others share the machine.
const REPETITIONS: usize = 300;
/// Weights that are taken to stay in the second-level cache.
const SECOND_LEVEL_BYTES: usize = 1 << 20;
/// Instructions on sixteen numbers that one draw takes besides the raw numbers: 2 to clamp, 16 for e^x, 3 to convert
/// the number, 5 to weigh and compare.
const DRAW_INSTRUCTIONS: f64 = 26.0;
/// Instructions on sixteen weights that an update from one plane of bits takes besides its load and store.
const UPDATE_INSTRUCTIONS: f64 = 6.0;

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

/// This core's limits with one instruction set, in operations a second on sixteen numbers each.
struct Limits {
    additions: f64,
    first_level: f64,
    second_level: f64,
    beyond: f64,
    numbers: f64,
}

impl Limits {
    fn measure(isa: Isa) -> Result<Self, chordbench::engine::IsaError> {
        let mut probe = Probe::new(isa)?;
        let rate = |count: usize, seconds: f64| count as f64 / seconds;
        let (additions, _) = probe.additions(1);
        let additions = rate(additions * 1000, fastest(REPETITIONS, || keep(probe.additions(1000))));
        let (numbers, _) = probe.numbers(1);
        let numbers = rate(numbers * 4000, fastest(REPETITIONS, || keep(probe.numbers(4000))));
        let mut loads = |rounds: usize, bytes: usize| {
            let (count, _) = probe.loads(rounds, bytes);
            rate(count, fastest(REPETITIONS, || keep(probe.loads(rounds, bytes))))
        };
        let (first_level, second_level, beyond) = (loads(100, 24 << 10), loads(4, 600 << 10), loads(1, 10 << 20));
        Ok(Self { additions, first_level, second_level, beyond, numbers: numbers / 16.0 })
    }
}

fn report(phase: &str, seconds: f64, limit: f64, bound: &str) {
    println!(
        "  {phase:<32} {:>10.2} µs   limit {:>9.2} µs   {:>4.0} %   {bound}",
        seconds * 1e6,
        limit * 1e6,
        100.0 * limit / seconds
    );
}

/// Reports the phases of one update of V × H weights with a batch of B rows.
fn phases(
    limits: &Limits,
    isa: Isa,
    visible: usize,
    hidden: usize,
    rows: usize,
) -> Result<(), chordbench::engine::IsaError> {
    println!("{visible} visible, {hidden} hidden units, {rows} rows, one thread");
    let mut parameters = Parameters::zeros(visible, hidden);
    let mut stream = RowStreams::new(3, Purpose::InitialWeights, 0, 0, 0).row(0);
    for weight in &mut parameters.weights {
        *weight = (f64::from(stream.next_u32()) / 4_294_967_296.0 - 0.5) as f32;
    }
    let mut engine = PackedEngine::with_isa(&parameters, isa)?;
    let repetitions = if visible * hidden * rows > 10_000_000 { REPETITIONS / 10 } else { REPETITIONS };
    let data: [BitMatrix; 3] = [1, 2, 3].map(|seed| random_states(seed, rows, visible, DENSITY));
    let chain = random_states(4, rows, hidden, 0.5);
    let lanes = |units: usize| units.div_ceil(16) as f64;

    let draw_time = |draws: f64| draws / limits.numbers + draws * DRAW_INSTRUCTIONS / limits.additions;
    let mut draws = 0;
    let mut draw = || {
        draws += 1;
        Draw::plain(RowStreams::new(5, Purpose::Baseline, 0, draws, 0))
    };

    // A second sample of the same states needs no second up pass: this is the time of drawing alone.
    let mut states = BitMatrix::default();
    engine.sample_hidden(&data[0], draw(), &mut states);
    let drawing = fastest(repetitions, || engine.sample_hidden(&data[0], draw(), &mut states));
    let mut turn = 0;
    let both = fastest(repetitions, || {
        turn = (turn + 1) % data.len();
        engine.sample_hidden(&data[turn], draw(), &mut states);
    });
    let ones = data.iter().map(BitMatrix::count_ones).min().unwrap_or(0) as f64;
    // Weights of which there is more than the second level holds come from beyond once a pass, those of units that are
    // on.
    let far = visible * hidden * 4 > SECOND_LEVEL_BYTES;
    let fetch_time = |weights: f64| if far { weights / limits.beyond } else { 0.0 };
    let units_on = |states: &[&BitMatrix]| -> Vec<bool> {
        (0..visible).map(|unit| states.iter().any(|states| (0..rows).any(|row| states.get(row, unit)))).collect()
    };
    let count = |units: &[bool]| units.iter().filter(|on| **on).count() as f64;
    let limit =
        (ones * lanes(hidden) / limits.second_level).max(fetch_time(count(&units_on(&[&data[0]])) * lanes(hidden)));
    report("up pass", both - drawing, limit, "loads, second level or beyond");
    report("hidden samples", drawing, draw_time(rows as f64 * lanes(hidden)), "instructions");

    // An update leaves part of its work to the next down pass: measure them in turns.
    let (mut positive, mut negative, mut fantasy) = Default::default();
    engine.sample_hidden(&data[0], draw(), &mut positive);
    engine.sample_hidden(&data[1], draw(), &mut negative);
    let statistics = [(&data[0], &positive), (&data[1], &negative)]
        .map(|(visible, hidden)| Statistics { visible, hidden: HiddenStatistics::Samples(hidden) });
    let rate = Step { learning_rate: 1e-3, momentum: 0.0, weight_decay: 0.0 };
    let (mut step, mut down) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..repetitions {
        step = step.min(fastest(1, || engine.step(&statistics[0], &statistics[1], &rate)));
        let draw = draw();
        down = down.min(fastest(1, || engine.sample_visible(&chain, draw, &mut fantasy)));
    }
    let touched = units_on(&[&data[0], &data[1]]);
    let planes = rows.div_ceil(16).next_power_of_two() as f64;
    let update_time = |weights: f64| {
        let instructions = weights * (UPDATE_INSTRUCTIONS + 3.0 * (planes - 1.0)) / limits.additions;
        // Each weight is read and written.
        instructions.max(2.0 * weights / limits.second_level).max(2.0 * fetch_time(weights))
    };
    report("update from samples", step, update_time(count(&touched) * lanes(hidden)), "instructions or loads");

    // Few rows: the transposed weights are updated, then a row of them is added for each unit that is on. Many rows:
    // one table entry for every four units, after 15 additions to make a table.
    let (additions, updated) = if rows < 32 {
        let groups = touched.chunks(16).filter(|group| group.contains(&true)).count();
        (chain.count_ones() as f64, update_time((groups * hidden) as f64))
    } else {
        (hidden.div_ceil(4) as f64 * (rows as f64 + 15.0), 0.0)
    };
    let sums = (additions * lanes(visible) / limits.first_level).max(fetch_time(visible as f64 * lanes(hidden)));
    let limit = updated + sums + draw_time(rows as f64 * lanes(visible));
    report("down pass and visible samples", down, limit, "loads, first level; instructions");
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let isa = Isa::detect()?;
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global()?;
    let limits = Limits::measure(isa)?;
    println!("Limits of one core with {isa}, on sixteen numbers at a time:");
    println!("  additions in registers           {:>6.2} a ns", limits.additions / 1e9);
    println!(
        "  load and add, first level        {:>6.2} a ns ({:.0} GB/s)",
        limits.first_level / 1e9,
        limits.first_level * 64e-9
    );
    println!(
        "  load and add, second level       {:>6.2} a ns ({:.0} GB/s)",
        limits.second_level / 1e9,
        limits.second_level * 64e-9
    );
    println!(
        "  load and add, 10 MiB             {:>6.2} a ns ({:.0} GB/s)",
        limits.beyond / 1e9,
        limits.beyond * 64e-9
    );
    println!("  raw random numbers               {:>6.2} a ns", limits.numbers / 1e9);
    phases(&limits, isa, 15 * CELLS, 50, 10)?;
    phases(&limits, isa, 15 * CELLS, 1024, 100)?;
    Ok(())
}
