//! Benchmarks of music in and out: MIDI files parsed, read, cut into windows and written again.
//!
//! ```text
//! cargo bench --bench midi              measure
//! cargo bench --bench midi -- --test    only check
//! ```
//!
//! Everything is of the built-in corpus in memory, but for the folder `../shared/data/pop-music-midi` (or the one of
//! that name below `CHORDBENCH_DATA`), which is passed over where it is absent. Throughputs count the bytes of the MIDI
//! files read or written, or windows, or songs, as the names say.

use chordbench::music::midi::MidiFile;
use chordbench::music::{Corpus, CorpusOptions, MidiStyle, PianoRoll, Windows, builtin, to_midi};
use criterion::{BenchmarkId, Criterion, Throughput};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Songs of the built-in corpus.
const SONGS: usize = 108;

/// Steps of a window.
const TIMESTEPS: usize = 15;

/// Threads that a corpus is read on.
const THREADS: [usize; 2] = [1, 2];

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let files = builtin::songs();
    assert_eq!(files.len(), SONGS);
    assert_eq!(files.len(), builtin::manifest().len());
    reading(&mut criterion, &files);
    windows_and_writing(&mut criterion, &files);
    folder(&mut criterion);
    criterion.final_summary();
}

/// Returns a corpus from files in memory.
fn read(files: &[(String, Vec<u8>)], options: &CorpusOptions) -> Corpus {
    Corpus::from_midi(files, options, &|_, _| ()).expect("a corpus")
}

/// Returns the steps of all songs.
fn steps(corpus: &Corpus) -> usize {
    corpus.songs.iter().map(|song| song.roll.steps()).sum()
}

/// Runs `work` on a pool of `threads` threads of its own.
fn on_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool of threads").install(work)
}

/// Returns the two readings, by name.
fn readings() -> [(&'static str, CorpusOptions); 2] {
    [("careful", CorpusOptions::default()), ("seed", CorpusOptions::seed())]
}

/// From bytes to events, and from bytes to piano rolls with their reports and digest.
fn reading(criterion: &mut Criterion, files: &[(String, Vec<u8>)]) {
    let bytes: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
    let parse = || files.iter().map(|(_, bytes)| MidiFile::parse(bytes).expect("MIDI").note_ons()).sum::<u64>();
    let mut group = criterion.benchmark_group(format!("built-in corpus, {SONGS} files, bytes read"));
    group.throughput(Throughput::Bytes(bytes as u64));
    for (name, options) in readings() {
        let [one, two] = THREADS.map(|threads| on_threads(threads, || read(files, &options)));
        assert!(one == two, "{name}: two threads read another corpus than one");
        assert_eq!(one.songs.len(), SONGS);
        let reported: u64 = one.files.iter().map(|file| file.note_ons).sum();
        assert_eq!(reported, parse(), "{name}: note-ons reported and parsed");
        for threads in THREADS {
            group.bench_function(BenchmarkId::new(format!("read, {name}"), format!("threads: {threads}")), |bencher| {
                on_threads(threads, || bencher.iter(|| read(files, &options)));
            });
        }
    }
    group.bench_function("parse", |bencher| bencher.iter(parse));
    group.finish();
}

/// From piano rolls to windows, from piano rolls to bytes, and from nothing to bytes.
fn windows_and_writing(criterion: &mut Criterion, files: &[(String, Vec<u8>)]) {
    let options = CorpusOptions::default();
    let corpus = read(files, &options);
    let rolls: Vec<&PianoRoll> = corpus.songs.iter().map(|song| &song.roll).collect();

    let cut = || Windows::cut(&corpus.layout, rolls.iter().copied(), TIMESTEPS);
    let windows = cut();
    assert_eq!(windows.len(), rolls.iter().map(|roll| roll.steps() / TIMESTEPS).sum::<usize>());
    for (roll, songs) in rolls.iter().zip(&windows.songs) {
        let last = windows.roll(songs.end - 1);
        let first_step = (songs.len() - 1) * TIMESTEPS;
        assert!((0..TIMESTEPS).all(|step| last.cells.row(step) == roll.cells.row(first_step + step)));
    }
    let mut group = criterion.benchmark_group(format!("windows of {TIMESTEPS} steps, windows cut"));
    group.throughput(Throughput::Elements(windows.len() as u64));
    group.bench_function("cut", |bencher| bencher.iter(cut));
    group.finish();

    let style = MidiStyle { steps_per_beat: options.steps_per_beat, ..MidiStyle::default() };
    let write = || rolls.iter().map(|roll| to_midi(roll, &style)).collect::<Vec<_>>();
    let written: Vec<(String, Vec<u8>)> = corpus.songs.iter().map(|song| song.name.clone()).zip(write()).collect();
    assert_eq!(read(&written, &options).digest, corpus.digest, "what is written reads back as it was");
    let mut group = criterion.benchmark_group(format!("{SONGS} songs, bytes written"));
    group.throughput(Throughput::Bytes(written.iter().map(|(_, bytes)| bytes.len() as u64).sum()));
    group.bench_function("write", |bencher| bencher.iter(write));
    group.finish();

    let mut group = criterion.benchmark_group("built-in corpus, songs composed");
    group.throughput(Throughput::Elements(SONGS as u64));
    group.bench_function("compose", |bencher| bencher.iter(builtin::songs));
    group.finish();
}

/// From a folder on disk to a corpus.
fn folder(criterion: &mut Criterion) {
    let data = std::env::var_os("CHORDBENCH_DATA")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data")), PathBuf::from);
    let path = data.join("pop-music-midi");
    if !path.is_dir() {
        eprintln!("skipped: {} is not there; CHORDBENCH_DATA names the folder above it", path.display());
        return;
    }
    let mut group = criterion.benchmark_group("folder of 126 files, bytes read");
    group.throughput(Throughput::Bytes(bytes_in(&path)));
    for (name, options) in readings() {
        let options = CorpusOptions { path: Some(path.clone()), ..options };
        let load = || Corpus::load(&options, &|_, _| ()).expect("the folder is there");
        let [one, two] = THREADS.map(|threads| on_threads(threads, load));
        assert!(one == two, "{name}: two threads read another corpus than one");
        assert_eq!(one.files.len(), 126);
        if name == "seed" {
            let windows = Windows::cut(&one.layout, one.songs.iter().map(|song| &song.roll), TIMESTEPS);
            assert_eq!((one.songs.len(), steps(&one), windows.len()), (122, 20_260, 1291));
        }
        for threads in THREADS {
            group.bench_function(BenchmarkId::new(format!("load, {name}"), format!("threads: {threads}")), |bencher| {
                on_threads(threads, || bencher.iter(load));
            });
        }
    }
    group.finish();
}

/// Returns the bytes of the files in a folder.
fn bytes_in(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    entries.map(|entry| entry.and_then(|entry| entry.metadata()).expect("a file of it").len()).sum()
}
