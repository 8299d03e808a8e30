//! `runner corpus`: the outcome for each file of a corpus, or an overview of the whole.

use crate::cli::arguments::{Length, Verbosity};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::console::{print, start_logging};
use crate::data::to_npy;
use crate::engine::BitMatrix;
use crate::inspect::{CorpusOverview, PiecesOverview, SplitOverview};
use crate::machine::text::Shown as _;
use crate::music::{Corpus, FileStatus, SongSplit, SplitWindows, Splits};
use crate::sweep::{METRICS, RunParameters, SweepConfig, load_corpus, write_whole};
use crate::train::TrainingSet;
use clap::{Args, ValueEnum};
use comfy_table::{Table, presets};
use std::fmt::Write as _;
use std::path::PathBuf;

/// A split by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SplitName {
    /// The windows that are trained on.
    Training,
    /// The windows by which models are chosen.
    Validation,
    /// The windows by which the chosen model is judged.
    Test,
}

/// Arguments of `runner corpus`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  runner corpus my-midi-files --set corpus.drums=true --json
  runner corpus jsb_chorales.json --summary --set model.timesteps=1
  runner corpus results/NAME/runs/RUN/samples --summary --length 8bars
  runner corpus --config results/NAME/sweep.toml --windows windows.npy")]
pub(super) struct CorpusArguments {
    /// A folder of MIDI files, one MIDI file, a polyphonic data set in JSON, or rows of 0 and 1 in .npy or .csv
    /// [default: `corpus.path` of the configuration, or else the built-in corpus].
    path: Option<PathBuf>,
    /// One JSON object per file, one per line.
    #[arg(long)]
    json: bool,
    /// In place of the files, the corpus as a whole, split as the first replicate of the configuration has it: songs,
    /// steps and windows of each split, what stands more than once, and the log-likelihood of independent units; of
    /// music too the metrics of all songs in pieces of one length, and of the same with their bars in random order. With
    /// --json, one object.
    #[arg(long)]
    summary: bool,
    /// Length of these pieces: steps, or bars of four beats.
    #[arg(long, value_name = "STEPS|BARS", default_value = "4bars", requires = "summary")]
    length: Length,
    /// In place of the files, write the windows of a split as a NumPy array of 0 and 1 (windows × units, uint8): those
    /// that the first replicate of the configuration trains on, or those that it holds out.
    #[arg(long, value_name = "FILE.npy", conflicts_with_all = ["summary", "json"])]
    windows: Option<PathBuf>,
    /// Split whose windows are written.
    #[arg(long, value_enum, default_value_t = SplitName::Training, requires = "windows")]
    split: SplitName,
    /// A configuration whose `corpus` table has the rules of reading.
    #[arg(long, value_name = "FILE")]
    config: Vec<PathBuf>,
    /// Override a key of the file: `--set corpus.compat=article`.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    #[command(flatten)]
    verbosity: Verbosity,
}

pub(super) fn run(arguments: &CorpusArguments) -> Result<Exit, CliError> {
    start_logging(arguments.verbosity);
    let sweep = SweepConfig::load_layers(arguments.config.iter().map(PathBuf::as_path), &arguments.sets)?;
    let seed = sweep.replicates.seeds().next().unwrap_or(sweep.replicates.seed);
    let parameters = sweep.base(arguments.path.as_deref())?;
    let corpus = if parameters.corpus.path.is_some() {
        Corpus::survey(&parameters.corpus, &|_, _| ())?
    } else {
        load_corpus(&parameters.corpus, &|_, _| ())?
    };
    if arguments.summary {
        let overview =
            CorpusOverview::of(&corpus, &parameters, arguments.length.steps(parameters.corpus.steps_per_beat), seed);
        let text = if arguments.json { to_json(&overview) } else { overview_text(&overview, corpus.layout.is_music()) };
        return print(&text, Exit::Done);
    }
    if let Some(path) = &arguments.windows {
        let windows = windows(&corpus, &parameters, seed, arguments.split);
        write_whole(path, &to_npy(&windows))?;
        let line = format!("{} windows of {} units in {}\n", windows.rows(), windows.columns(), path.shown());
        return print(if arguments.verbosity.quiet { "" } else { &line }, Exit::Done);
    }
    print(&file_list(&corpus, arguments.json), Exit::Done)
}

/// Returns the windows of a split (windows × units) as a run with these parameters and this seed has them; of the training
/// songs those alone that it trains on.
fn windows(corpus: &Corpus, parameters: &RunParameters, seed: u64, name: SplitName) -> BitMatrix {
    let split = SongSplit::of(corpus, &parameters.corpus, seed);
    let Splits { training, validation, test } =
        SplitWindows::cut(corpus, &split, &parameters.corpus, parameters.model.timesteps).windows;
    match name {
        SplitName::Training => {
            let set = TrainingSet { windows: &training.bits, songs: &training.songs };
            training.bits.gather(&set.trained_windows(&parameters.train))
        }
        SplitName::Validation => validation.bits,
        SplitName::Test => test.bits,
    }
}

/// Returns a line for each file, and one for all of them unless it is JSON.
fn file_list(corpus: &Corpus, json: bool) -> String {
    let mut text = String::new();
    for file in &corpus.files {
        // Writing to a string cannot fail.
        let _ = if json {
            writeln!(text, "{}", serde_json::to_string(file).expect("a report is plain data"))
        } else {
            let reason = file.reason.as_deref().map(|reason| format!(" ({reason})")).unwrap_or_default();
            let status = status_name(file.status);
            let ones = file.ones.map_or_else(
                || format!("{:>8} hold {:>8} onset", file.hold_ones, file.onset_ones),
                |ones| format!("{ones:>8} ones"),
            );
            writeln!(text, "{status:8} {:>8} rows {ones}  {}{reason}", file.rows, file.file)
        };
    }
    if !json {
        let count = |status| corpus.files.iter().filter(|file| file.status == status).count();
        let rows: usize = corpus.songs.iter().map(|song| song.roll.steps()).sum();
        let contents = match corpus.layout.units {
            Some(units) => format!("{rows} rows of {units} units"),
            None => format!("{} songs of {rows} rows", corpus.songs.len()),
        };
        let _ = writeln!(
            text,
            "{} files: {} used, {} skipped, {} damaged, {} failed; {contents} in all; digest {}",
            corpus.files.len(),
            count(FileStatus::Used),
            count(FileStatus::Skipped),
            count(FileStatus::Damaged),
            count(FileStatus::Failed),
            &corpus.digest[..12],
        );
    }
    text
}

fn to_json(overview: &CorpusOverview) -> String {
    let mut text = serde_json::to_string_pretty(overview).expect("an overview is plain data");
    text.push('\n');
    text
}

/// Returns the overview in tables: counts, repetitions, scores of independent units, the music in pieces.
/// Rows that are not music have no songs: each is a window of its own.
fn overview_text(overview: &CorpusOverview, is_music: bool) -> String {
    let splits = |splits: &Splits<SplitOverview>, cells: &dyn Fn(&SplitOverview) -> Vec<String>| {
        named(splits).map(|(name, split)| [vec![name.to_owned()], cells(split)].concat()).to_vec()
    };
    let number = |value: Option<f64>, digits: usize| value.map_or("–".into(), |value| format!("{value:.digits$}"));
    let contents = splits(&overview.splits, &|split| {
        let counts = if is_music { vec![split.songs, split.steps, split.windows] } else { vec![split.windows] };
        let density = number(split.density, 5);
        counts.iter().map(ToString::to_string).chain([density]).collect()
    });
    let windows = if is_music { format!("windows of {}", overview.timesteps) } else { "rows".into() };
    let header = ["split", "songs", "steps", &windows, "density"];
    let mut text = grid(if is_music { &header } else { &["split", "rows", "density"] }, contents);
    if overview.transposed_songs + overview.transpositions_left_out > 0 {
        let (made, left_out) = (overview.transposed_songs, overview.transpositions_left_out);
        // Writing to a string cannot fail.
        let _ =
            writeln!(text, "\n{made} transpositions of training songs; {left_out} left out, beyond the pitches kept");
    }
    let duplicates = &overview.duplicates;
    let all = [
        ("songs", &duplicates.songs),
        ("songs in any key", &duplicates.songs_transposed),
        (windows.as_str(), &duplicates.windows),
        ("steps", &duplicates.steps),
    ];
    let kinds = if is_music { &all[..] } else { &all[2..3] };
    let count = |value: Option<usize>| value.map_or("–".into(), |value| value.to_string());
    let repeats = kinds.iter().flat_map(|&(kind, repeats)| {
        named(repeats).map(|(split, own)| {
            let counts = [Some(own.count), Some(own.silent), Some(own.repeated), own.in_training, own.in_validation];
            [vec![kind.to_owned(), split.to_owned()], counts.map(count).to_vec()].concat()
        })
    });
    let header = ["duplicates", "split", "all", "silent", "repeated", "in training", "in validation"];
    let _ = write!(text, "\n{}", grid(&header, repeats.collect()));
    if is_music {
        let share =
            |name: &str, value: Option<f64>| value.map(|share| format!("{:.1} % of the {name} bars", 100.0 * share));
        let shares = [("validation", overview.validation_bars_in_training), ("test", overview.test_bars_in_training)];
        let shares: Vec<String> = shares.into_iter().filter_map(|(name, value)| share(name, value)).collect();
        let seen =
            if shares.is_empty() { String::new() } else { format!("; {} stand in training", shares.join(" and ")) };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "\n{} tunes, songs that are versions of one another being one{seen}", overview.tunes);
    }
    let scores = splits(&overview.splits, &|split| {
        let scores = [split.bernoulli_log_likelihood_per_step, split.bernoulli_log_likelihood_per_step_by_song];
        scores.iter().take(if is_music { 2 } else { 1 }).map(|score| number(*score, 3)).collect()
    });
    let (steps, step) = if is_music { ("steps", "time step") } else { ("rows", "row") };
    let header = ["split", "mean of all steps", "mean of songs' means"];
    let _ = write!(
        text,
        "\nlog-likelihood of independent units with add-one counts of the training {steps}, nats per {step}\n{}",
        grid(if is_music { &header } else { &["split", "mean of all rows"] }, scores)
    );
    if let Some(pieces) = &overview.pieces {
        text += &pieces_text(pieces);
    }
    let _ = writeln!(text, "\ndigest {}", &overview.digest[..12]);
    text
}

/// Returns a line for each metric of music that is defined for the pieces.
fn pieces_text(pieces: &PiecesOverview) -> String {
    let number = |value: Option<f64>| value.map_or("–".into(), |value| format!("{value:.4}"));
    let lines = METRICS.iter().filter_map(|metric| {
        let of_songs = metric.of_profile_value(&pieces.songs)?;
        let shuffled = metric.of_profile_value(&pieces.shuffled_bars);
        Some([metric.name.to_owned(), number(Some(of_songs)), number(shuffled)].to_vec())
    });
    let header = ["metric", "songs", "shuffled bars"];
    format!(
        "\nall songs in {} pieces of {} steps\n{}",
        pieces.songs.rolls,
        pieces.length,
        grid(&header, lines.collect())
    )
}

/// Returns the splits with their names.
fn named<T>(splits: &Splits<T>) -> [(&'static str, &T); 3] {
    [("training", &splits.training), ("validation", &splits.validation), ("test", &splits.test)]
}

fn grid(header: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(header);
    table.add_rows(rows);
    let text = table.to_string();
    text.lines().flat_map(|line| [line.trim_end(), "\n"]).collect()
}

fn status_name(status: FileStatus) -> &'static str {
    match status {
        FileStatus::Used => "used",
        FileStatus::Skipped => "skipped",
        FileStatus::Damaged => "damaged",
        FileStatus::Failed => "failed",
    }
}
