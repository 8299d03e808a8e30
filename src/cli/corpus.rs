//! `runner corpus`: what becomes of every file, and what the corpus is as a whole.

use crate::cli::arguments::Verbosity;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::console::{print, start_logging};
use crate::inspect::{CorpusOverview, SplitOverview};
use crate::music::{Corpus, FileStatus, Splits};
use crate::sweep::Sweep;
use clap::Args;
use comfy_table::{Table, presets};
use std::fmt::Write as _;
use std::path::PathBuf;

/// Arguments of `runner corpus`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  runner corpus my-midi-files --set corpus.drums=true --json
  runner corpus jsb_chorales.json --summary --set model.timesteps=1")]
pub(super) struct CorpusArguments {
    /// A folder of MIDI files, one MIDI file, or a polyphonic data set in JSON.
    path: PathBuf,
    /// One JSON object a file and line.
    #[arg(long)]
    json: bool,
    /// In place of the files, the corpus as a whole, split as the first replicate of the configuration has it: songs,
    /// steps and windows of each split, what stands more than once, and the log-likelihood of independent units. With
    /// --json, one object.
    #[arg(long)]
    summary: bool,
    /// A configuration whose `corpus` table says how to read.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Set a key, over the file: `--set corpus.compat=article`.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    #[command(flatten)]
    verbosity: Verbosity,
}

pub(super) fn run(arguments: &CorpusArguments) -> Result<Exit, CliError> {
    start_logging(arguments.verbosity);
    let sweep = Sweep::load(arguments.config.as_deref(), &arguments.sets)?;
    let seed = sweep.replicates.seeds().next().unwrap_or(sweep.replicates.seed);
    let parameters = sweep.base(Some(&arguments.path))?;
    let corpus = Corpus::survey(&parameters.corpus, &|_, _| ())?;
    if arguments.summary {
        let overview = CorpusOverview::of(&corpus, &parameters, seed);
        return print(&if arguments.json { to_json(&overview) } else { overview_text(&overview) }, Exit::Done);
    }
    print(&file_list(&corpus, arguments.json), Exit::Done)
}

/// A line for each file, and one for all of them unless it is JSON.
fn file_list(corpus: &Corpus, json: bool) -> String {
    let mut text = String::new();
    for file in &corpus.files {
        // Writing to a string cannot fail.
        let _ = if json {
            writeln!(text, "{}", serde_json::to_string(file).expect("a report is plain data"))
        } else {
            let reason = file.reason.as_deref().map(|reason| format!(" ({reason})")).unwrap_or_default();
            let status = status_name(file.status);
            writeln!(
                text,
                "{status:8} {:>8} rows {:>8} hold {:>8} onset  {}{reason}",
                file.rows, file.hold_ones, file.onset_ones, file.file
            )
        };
    }
    if !json {
        let count = |status| corpus.files.iter().filter(|file| file.status == status).count();
        let rows: usize = corpus.songs.iter().map(|song| song.roll.steps()).sum();
        let _ = writeln!(
            text,
            "{} files: {} used, {} skipped, {} damaged, {} failed; {} songs of {rows} rows in all; digest {}",
            corpus.files.len(),
            count(FileStatus::Used),
            count(FileStatus::Skipped),
            count(FileStatus::Damaged),
            count(FileStatus::Failed),
            corpus.songs.len(),
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

/// The overview in three tables: what there is, what stands more than once, what independent units score.
fn overview_text(overview: &CorpusOverview) -> String {
    let splits = |splits: &Splits<SplitOverview>, cells: &dyn Fn(&SplitOverview) -> Vec<String>| {
        named(splits).map(|(name, split)| [vec![name.to_owned()], cells(split)].concat()).to_vec()
    };
    let number = |value: Option<f64>, digits: usize| value.map_or("–".into(), |value| format!("{value:.digits$}"));
    let contents = splits(&overview.splits, &|split| {
        vec![split.songs.to_string(), split.steps.to_string(), split.windows.to_string(), number(split.density, 5)]
    });
    let windows = format!("windows of {}", overview.timesteps);
    let mut text = grid(&["split", "songs", "steps", &windows, "density"], contents);
    if overview.transposed_songs + overview.transpositions_left_out > 0 {
        let (made, left_out) = (overview.transposed_songs, overview.transpositions_left_out);
        // Writing to a string cannot fail.
        let _ =
            writeln!(text, "\n{made} transpositions of training songs; {left_out} left out, beyond the pitches kept");
    }
    let duplicates = &overview.duplicates;
    let kinds = [
        ("songs", &duplicates.songs),
        ("songs in any key", &duplicates.songs_transposed),
        (windows.as_str(), &duplicates.windows),
        ("steps", &duplicates.steps),
    ];
    let count = |value: Option<usize>| value.map_or("–".into(), |value| value.to_string());
    let repeats = kinds.into_iter().flat_map(|(kind, repeats)| {
        named(repeats).map(|(split, own)| {
            let counts = [Some(own.count), Some(own.silent), Some(own.repeated), own.in_training, own.in_validation];
            [vec![kind.to_owned(), split.to_owned()], counts.map(count).to_vec()].concat()
        })
    });
    let header = ["duplicates", "split", "all", "silent", "repeated", "in training", "in validation"];
    let _ = write!(text, "\n{}", grid(&header, repeats.collect()));
    let scores = splits(&overview.splits, &|split| {
        let scores = [split.bernoulli_log_likelihood_per_step, split.bernoulli_log_likelihood_per_step_by_song];
        scores.map(|score| number(score, 3)).to_vec()
    });
    let _ = write!(
        text,
        "\nlog-likelihood of independent units with add-one counts of the training steps, nats per time step\n{}",
        grid(&["split", "mean of all steps", "mean of songs' means"], scores)
    );
    let _ = writeln!(text, "\ndigest {}", &overview.digest[..12]);
    text
}

/// The splits with their names.
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
