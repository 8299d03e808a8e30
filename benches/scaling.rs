//! The scaling of training: `cargo bench --bench scaling [--] [side-by-side] [threads] [growth] [memory]`.
//!
//! - **side by side**: two runs on a thread each against one run alone, and the same of two loops of plain arithmetic,
//!   which say what the machine has to give in these minutes.
//! - **threads**: one run on two threads against one thread, over the sizes of models and batches.
//! - **growth**: time against the length of windows, hidden units, rows of a batch and k; linear growth is an exponent
//!   of 1.
//! - **memory**: the most that the program holds while it reads and trains a million windows.
//!
//! Two things that are compared take turns, and the fastest of each counts: others share the machine. `--test` goes
//! through everything in small and measures nothing worth reading.

mod support;

use chordbench::engine::BitMatrix;
use chordbench::model::{ModelOptions, Trainer};
use chordbench::music::{Layout, MidiStyle, PianoRoll, Plane, to_midi};
use chordbench::train::{StatisticsKind, TrainOptions, TrainingSet};
use std::error::Error;
use std::hint::black_box;
use std::ops::Range;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Barrier;
use std::time::{Duration, Instant};
use support::{CELLS, DENSITY, random_states};

type Outcome = Result<(), Box<dyn Error>>;

/// A part of this benchmark; it measures in small if told so.
type Part = (&'static str, fn(bool) -> Outcome);

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let small = arguments.iter().any(|argument| argument == "--test");
    let parts: [Part; 4] = [
        ("side-by-side", |small| {
            side_by_side(small);
            Ok(())
        }),
        ("threads", threads),
        ("growth", growth),
        ("memory", memory),
    ];
    let names: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    if let Some(unknown) = names.iter().find(|name| parts.iter().all(|(part, _)| part != &name.as_str())) {
        return Err(format!("{unknown} is not one of side-by-side, threads, growth and memory").into());
    }
    for (part, measure) in parts {
        if names.is_empty() || names.iter().any(|name| name.as_str() == part) {
            measure(small)?;
        }
    }
    Ok(())
}

/// One training job on random windows as dense as music.
#[derive(Clone, Debug)]
struct Job {
    model: ModelOptions,
    train: TrainOptions,
    windows: BitMatrix,
    songs: Vec<Range<usize>>,
}

impl Job {
    /// Updates of `rows` windows of `timesteps` steps by CD-`k`, `updates` an epoch, from small weights.
    fn new(timesteps: usize, hidden: usize, rows: usize, k: usize, updates: usize) -> Self {
        let windows = random_states(1, rows * updates, timesteps * CELLS, DENSITY);
        Self {
            model: ModelOptions { timesteps, hidden, ..ModelOptions::default() },
            train: TrainOptions { k, batch_size: rows, statistics: StatisticsKind::Samples, ..TrainOptions::default() },
            songs: std::iter::once(0..windows.rows()).collect(),
            windows,
        }
    }

    fn trainer(&self) -> Trainer<'_> {
        let set = TrainingSet { windows: &self.windows, songs: &self.songs };
        Trainer::new(set, &self.model, &self.train, 42)
    }

    /// Updates that take about `budget` by the size of the job, from 4 up.
    fn updates_within(budget: Duration, timesteps: usize, hidden: usize, rows: usize, k: usize) -> usize {
        let nanoseconds = 2e4 + (timesteps * CELLS * (hidden + 20) * (rows + 10) * k) as f64 * 0.015;
        ((budget.as_nanos() as f64 / nanoseconds) as usize).max(4)
    }
}

fn pool(threads: usize) -> Result<rayon::ThreadPool, rayon::ThreadPoolBuildError> {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build()
}

fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// Returns `longer` over `shorter`.
fn ratio(longer: Duration, shorter: Duration) -> f64 {
    longer.as_secs_f64() / shorter.as_secs_f64()
}

// Side by side.

/// Returns the fastest of `repetitions` times of `work` on `count` threads at once, from their common start to the last
/// one's end.
fn fastest_at_once<T: Send>(count: usize, make: impl Fn() -> T + Sync, work: impl Fn(&mut T) + Sync) -> Duration {
    let barrier = Barrier::new(count + 1);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..count)
            .map(|_| {
                scope.spawn(|| {
                    let mut state = make();
                    work(&mut state);
                    barrier.wait();
                    work(&mut state);
                })
            })
            .collect();
        barrier.wait();
        time(|| {
            for worker in workers {
                worker.join().expect("a worker that does not panic");
            }
        })
    })
}

/// Runs a loop of plain arithmetic that needs no memory.
fn arithmetic(rounds: u64) {
    let mut sums = [1.0f64, 2.0, 3.0, 4.0];
    for round in 0..rounds {
        for sum in &mut sums {
            *sum = *sum * 0.999_999 + 1e-9;
        }
        if round % 1024 == 0 {
            black_box(&mut sums);
        }
    }
    black_box(sums);
}

fn side_by_side(small: bool) {
    println!("Two runs side by side, throughput against one run alone");
    let (repetitions, rounds, budget) = if small { (1, 1_000, 1) } else { (9, 60_000_000, 300) };
    let loops = |count| fastest_at_once(count, || (), |()| arithmetic(rounds));
    for (name, hidden, rows) in [("H = 50, B = 10", 50, 10), ("H = 1024, B = 100", 1024, 100)] {
        let updates = Job::updates_within(Duration::from_millis(budget), 15, hidden, rows, 1);
        let job = Job::new(15, hidden, rows, 1, updates);
        let runs = |count| {
            // One pool of one thread for each run, as the scheduler has it.
            let make = || (pool(1).expect("a pool of one thread"), job.trainer());
            fastest_at_once(count, make, |(pool, trainer)| {
                pool.install(|| trainer.train_epoch(0));
            })
        };
        let mut least = [Duration::MAX; 4];
        for _ in 0..repetitions {
            for (least, now) in least.iter_mut().zip([runs(1), runs(2), loops(1), loops(2)]) {
                *least = now.min(*least);
            }
        }
        let [one, two, one_loop, two_loops] = least;
        println!(
            "  {name:<18} {:.2} ×   two loops of arithmetic {:.2} ×",
            2.0 * ratio(one, two),
            2.0 * ratio(one_loop, two_loops)
        );
    }
}

// Threads.

fn threads(small: bool) -> Outcome {
    println!("One run, µs an update: one thread, two threads, how many times as fast");
    let (one, two) = (pool(1)?, pool(2)?);
    let (repetitions, budget) = if small { (1, 1) } else { (15, 60) };
    for rows in [10, 100] {
        for hidden in if small { vec![50, 250] } else { vec![50, 100, 250, 500, 1000, 1024, 2000] } {
            let updates = Job::updates_within(Duration::from_millis(budget), 15, hidden, rows, 1);
            let job = Job::new(15, hidden, rows, 1, updates);
            let mut trainers = [job.trainer(), job.trainer()];
            let mut least = [Duration::MAX; 2];
            for epoch in 0..=repetitions {
                for ((trainer, pool), least) in trainers.iter_mut().zip([&one, &two]).zip(&mut least) {
                    let now = pool.install(|| {
                        time(|| {
                            trainer.train_epoch(epoch);
                        })
                    });
                    // The first epoch warms caches and pages up.
                    if epoch > 0 {
                        *least = now.min(*least);
                    }
                }
            }
            let [first, second] = trainers.map(|trainer| trainer.model().tensors());
            assert!(first == second, "two threads leave other bits than one");
            let [one, two] = least.map(|time| time.as_secs_f64() / updates as f64 * 1e6);
            println!("  H = {hidden:<5} B = {rows:<4} {one:>9.1} {two:>9.1}   {:.2} ×", one / two);
        }
    }
    Ok(())
}

// Growth.

/// A job by its numbers: timesteps, hidden units, rows and k.
type Size = [usize; 4];

/// Returns the fastest update of each size in µs, the sizes taking turns.
fn least_update_times(sizes: &[Size], small: bool) -> Vec<f64> {
    let (repetitions, budget) = if small { (1, 1) } else { (9, 40) };
    let jobs: Vec<(usize, Job)> = sizes
        .iter()
        .map(|&[timesteps, hidden, rows, k]| {
            let updates = Job::updates_within(Duration::from_millis(budget), timesteps, hidden, rows, k);
            (updates, Job::new(timesteps, hidden, rows, k, updates))
        })
        .collect();
    let mut trainers: Vec<Trainer> = jobs.iter().map(|(_, job)| job.trainer()).collect();
    let mut least = vec![f64::INFINITY; sizes.len()];
    for epoch in 0..=repetitions {
        for ((trainer, (updates, _)), least) in trainers.iter_mut().zip(&jobs).zip(&mut least) {
            let now = time(|| {
                trainer.train_epoch(epoch);
            });
            if epoch > 0 {
                *least = least.min(now.as_secs_f64() / *updates as f64 * 1e6);
            }
        }
    }
    least
}

fn growth(small: bool) -> Outcome {
    println!("Growth of an update's time on one thread; the exponent is that between the first and the last size");
    let vary = |base: Size, place: usize, values: &[usize]| -> Vec<Size> {
        let with = |&value: &usize| {
            let mut size = base;
            size[place] = value;
            size
        };
        values.iter().map(with).collect()
    };
    let (few, many): (Size, Size) = ([15, 50, 10, 1], [15, 250, 100, 1]);
    let mut axes: Vec<(&str, usize, Vec<Size>)> = Vec::new();
    for (name, base) in [("H = 50, B = 10", few), ("H = 250, B = 100", many)] {
        axes.push((name, 0, vary(base, 0, if small { &[5, 10] } else { &[5, 15, 30, 60] })));
        axes.push((name, 3, vary(base, 3, if small { &[1, 2] } else { &[1, 2, 5, 10] })));
    }
    axes.push(("B = 10", 1, vary(few, 1, if small { &[50, 100] } else { &[50, 100, 250, 500, 1000, 2000] })));
    axes.push(("B = 100", 1, vary(many, 1, if small { &[50, 100] } else { &[50, 100, 250, 500, 1000, 2000] })));
    axes.push(("H = 50", 2, vary(few, 2, if small { &[10, 20] } else { &[1, 5, 10, 20, 50, 100, 200] })));
    axes.push(("H = 250", 2, vary(many, 2, if small { &[10, 20] } else { &[1, 5, 10, 20, 50, 100, 200] })));
    pool(1)?.install(|| {
        for (name, place, sizes) in axes {
            let times = least_update_times(&sizes, small);
            let axis = ["T", "H", "B", "k"][place];
            let points: Vec<String> = sizes
                .iter()
                .zip(&times)
                .map(|(size, microseconds)| format!("{} {microseconds:.1}", size[place]))
                .collect();
            let grown = (sizes[sizes.len() - 1][place] as f64 / sizes[0][place] as f64).ln();
            let exponent = (times[times.len() - 1] / times[0]).ln() / grown;
            // A step of the axis that takes more than its share of time.
            let steepest = (1..times.len())
                .map(|next| {
                    let linear = sizes[next][place] as f64 / sizes[next - 1][place] as f64;
                    times[next] / times[next - 1] / linear
                })
                .fold(0.0, f64::max);
            println!(
                "  {axis} ({name}): µs {}   exponent {exponent:.2}, steepest step {steepest:.2} × linear",
                points.join(", ")
            );
        }
    });
    Ok(())
}

// Memory.

fn memory(small: bool) -> Outcome {
    const STEPS: usize = 15;
    const WINDOWS_OF_A_SONG: usize = 1_000;
    let windows: usize = if small { 2_000 } else { 1_000_000 };
    let folder = tempfile::tempdir()?;
    let music = folder.path().join("music");
    std::fs::create_dir(&music)?;
    for song in 0..windows / WINDOWS_OF_A_SONG {
        let roll = random_song(song as u64, WINDOWS_OF_A_SONG * STEPS);
        std::fs::write(music.join(format!("{song:06}.mid")), to_midi(&roll, &MidiStyle::default()))?;
    }
    let config = folder.path().join("memory.toml");
    std::fs::write(&config, "schema = 1\nname = \"memory\"\n[corpus]\nlowest_pitch = 24\nhighest_pitch = 102\n")?;
    let program = Command::new(env!("CARGO_BIN_EXE_runner"))
        .args(["run", "--quiet", "--config"])
        .arg(&config)
        .args(["--jobs", "1", "--progress", "never", "--set", "train.epochs=1", "--set", "model.hidden=50", "--set"])
        .arg(format!("corpus.path={}", music.display()))
        .arg("--out")
        .arg(folder.path().join("results"))
        .stdout(Stdio::null())
        .spawn()?;
    let peak = watch(program)?;
    let record = only_record(&folder.path().join("results"))?;
    let counted = &record["corpus"]["windows"];
    let alone = windows * (STEPS * CELLS).div_ceil(64) * 8;
    println!("Memory: {counted} windows of {} bits, read and trained on for one epoch", STEPS * CELLS);
    println!("  at most {:.0} MiB in all; the windows alone are {:.0} MiB", mib(peak), mib(alone as u64));
    Ok(())
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Returns a song of `steps` steps with random notes, as dense as popular music.
fn random_song(seed: u64, steps: usize) -> PianoRoll {
    let layout = Layout { lowest_pitch: 24, highest_pitch: 102, planes: vec![Plane::Hold, Plane::Onset], units: None };
    let states = random_states(seed, steps, 78, 0.025);
    let mut roll = PianoRoll::silent(layout, steps);
    let mut held = 0u128;
    for step in 0..steps {
        let bits = |step: usize| states.row(step).iter().rev().fold(0u128, |bits, &word| bits << 64 | u128::from(word));
        let struck = bits(step) << 24;
        // A note lasts until its pitch comes up again two steps later or another takes over half of the pitches.
        let kept = if step % 2 == 0 { held } else { held & bits(step / 2) << 24 };
        held = struck | kept;
        roll.fill_step(step, held, struck);
    }
    roll
}

/// Returns the greatest resident set of a program, in bytes, which must end well.
fn watch(mut program: Child) -> Result<u64, Box<dyn Error>> {
    let status = format!("/proc/{}/status", program.id());
    let mut peak = 0;
    let outcome = loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        if let Some(kibibytes) = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()) {
            peak = kibibytes * 1024;
        }
        if let Some(outcome) = program.try_wait()? {
            break outcome;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    if !outcome.success() {
        return Err(format!("the program ended with {outcome}").into());
    }
    Ok(peak)
}

/// Returns the record of the only run below a folder of results.
fn only_record(results: &Path) -> Result<serde_json::Value, Box<dyn Error>> {
    let name = std::fs::read_dir(results)?.next().ok_or("no results")??.path();
    let run = std::fs::read_dir(name.join("runs"))?.next().ok_or("no run")??.path();
    Ok(serde_json::from_str(&std::fs::read_to_string(run.join("result.json"))?)?)
}
