//! `runner evaluate`: the log-likelihood of a trained model.

use super::{MODEL_HELP, chosen_model};
use crate::cli::arguments::Verbosity;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::key_flag::{help, values_of};
use crate::cli::output::console::{other_columns, print, start_logging};
use crate::engine::Isa;
use crate::machine::text::Shown as _;
use crate::model::likelihood::{
    Anchored, AnnealingOptions, FrameAnnealing, FrameFindings, Likelihood, LikelihoodRequest, MAXIMUM_ENUMERATED_UNITS,
    METHODS, Spacing,
};
use crate::music::{Corpus, CorpusOptions, SongSplit, SplitWindows, Splits};
use crate::sweep::{ModelFile, RunParameters, load_corpus, named_splits, run_id_of};
use crate::train::TrainingSet;
use clap::{Args, ValueEnum};
use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Arguments of `runner evaluate`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example:\n  runner evaluate --model results/jsb --corpus jsb_chorales.json --json\n\n\
    Exact where the smaller layer has at most 25 units, otherwise by annealed importance sampling from both sides.\n\
    Test songs are for the final judgement: never choose a model by their numbers.")]
pub(in crate::cli) struct EvaluateArguments {
    #[arg(long, value_name = "MODEL", help = MODEL_HELP)]
    model: PathBuf,
    /// The songs, read and split as the model's run did its own [default: the songs that the model was trained on,
    /// if they came with the program; otherwise the built-in corpus].
    #[arg(long, value_name = "PATH")]
    corpus: Option<PathBuf>,
    /// One JSON object instead of a table.
    #[arg(long)]
    json: bool,
    /// Enumerate the smaller layer, of at most 25 units.
    #[arg(long)]
    exact: bool,
    /// Anneal, forwards and backwards, at any size.
    #[arg(long)]
    ais: bool,
    /// The songs to judge by.
    #[arg(long, value_enum, default_value = "all")]
    split: SplitName,
    #[arg(long, value_name = "N", help = help("evaluate.ais_chains"), value_parser = values_of::<usize>("evaluate.ais_chains"))]
    chains: Option<usize>,
    #[arg(long, value_name = "N", help = help("evaluate.ais_temperatures"))]
    #[arg(value_parser = values_of::<usize>("evaluate.ais_temperatures"))]
    temperatures: Option<usize>,
    #[arg(long, help = help("evaluate.ais_spacing"), value_parser = values_of::<Spacing>("evaluate.ais_spacing"))]
    spacing: Option<Spacing>,
    #[arg(long, value_name = "N", help = help("evaluate.ais_mixing_steps"))]
    #[arg(value_parser = values_of::<u64>("evaluate.ais_mixing_steps"))]
    mixing_steps: Option<u64>,
    #[arg(long, value_name = "N", help = help("evaluate.raise_windows"))]
    #[arg(value_parser = values_of::<usize>("evaluate.raise_windows"))]
    raise_windows: Option<usize>,
    #[arg(long, value_name = "N", help = help("evaluate.frames"), value_parser = values_of::<usize>("evaluate.frames"))]
    frames: Option<usize>,
    #[arg(long, value_name = "N", help = help("evaluate.frame_chains"))]
    #[arg(value_parser = values_of::<usize>("evaluate.frame_chains"))]
    frame_chains: Option<usize>,
    #[arg(long, value_name = "N", help = help("evaluate.frame_temperatures"))]
    #[arg(value_parser = values_of::<usize>("evaluate.frame_temperatures"))]
    frame_temperatures: Option<usize>,
    #[arg(long, value_name = "N", help = help("evaluate.posterior_samples"))]
    #[arg(value_parser = values_of::<usize>("evaluate.posterior_samples"))]
    posterior_samples: Option<usize>,
    /// Seed of the chains [default: 1].
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Threads [default: all processors]. No result depends on it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096))]
    threads: Option<u16>,
    #[command(flatten)]
    verbosity: Verbosity,
}

/// The songs of one split, or of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SplitName {
    /// The songs trained on.
    Train,
    /// The songs held out to choose models by.
    Validation,
    /// The songs that the data set keeps for the final judgement.
    Test,
    /// All songs.
    All,
}

pub(in crate::cli) fn run(arguments: &EvaluateArguments) -> Result<Exit, CliError> {
    start_logging(arguments.verbosity);
    let arguments = &EvaluateArguments { model: chosen_model(&arguments.model)?, ..arguments.clone() };
    let report = evaluate(arguments)?;
    for warning in &report.warnings {
        tracing::warn!("{warning}");
    }
    let text = if arguments.json { format!("{:#}\n", report.json(arguments)) } else { report.table() };
    print(&text, Exit::Done)
}

/// The likelihood found, with the model and the corpus that it belongs to.
struct Report {
    model: ModelFile,
    corpus_digest: String,
    same_corpus: bool,
    request: LikelihoodRequest,
    likelihood: Likelihood,
    warnings: Vec<String>,
    seconds: f64,
}

fn evaluate(arguments: &EvaluateArguments) -> Result<Report, CliError> {
    let model = ModelFile::read(&arguments.model)?;
    let place = arguments.model.shown();
    let run = model
        .run_parameters()
        .map_err(|error| CliError::usage(format!("{place}: the parameters of its run: {error}")))?;
    let run_seed = model.description.seed.parse::<u64>();
    let run_seed = run_seed.map_err(|error| CliError::usage(format!("{place}: the seed of its run: {error}")))?;
    let isa = Isa::detect()?;
    let own = model.open(isa).map_err(|error| CliError::usage(format!("{place}: {error}")))?;
    if !own.is_finite() {
        return Err(CliError::usage(format!(
            "{place}: some of its parameters are not finite numbers: there is no likelihood"
        )));
    }

    let Songs { corpus, name, same_corpus } = songs(arguments.corpus.as_deref(), &model, &run, run_seed)?;
    if corpus.layout != model.description.layout {
        let columns = other_columns(&corpus.layout, &model.description.layout);
        return Err(CliError::usage(format!("{name}: {columns}")));
    }
    let timesteps = model.description.timesteps;
    let split = SongSplit::of(&corpus, &run.corpus, run_seed);
    let Splits { training, validation, test } = SplitWindows::cut(&corpus, &split, &run.corpus, timesteps).windows;
    let set = TrainingSet { windows: &training.bits, songs: &training.songs };
    let trained = set.trained_windows(&run.train);
    if trained.len() + validation.len() + test.len() == 0 {
        return Err(CliError::usage(format!("{name}: no song is as long as the model's {timesteps} time steps")));
    }

    let density = own.density();
    let density = density.ok_or_else(|| CliError::usage(format!("{place}: this kind of model has no likelihood")))?;
    let smaller = density.enumerated_units().unwrap_or(0);
    let possible = smaller <= MAXIMUM_ENUMERATED_UNITS;
    if arguments.exact && !possible {
        return Err(CliError::usage(format!(
            "--exact: the smaller layer of {place} has {smaller} units, and at most {MAXIMUM_ENUMERATED_UNITS} can be \
             enumerated: leave the flag out for a bracket by annealing"
        )));
    }
    let annealed = run.evaluate.annealing();
    let annealing = AnnealingOptions {
        chains: arguments.chains.unwrap_or(annealed.chains),
        temperatures: arguments.temperatures.unwrap_or(annealed.temperatures),
        spacing: arguments.spacing.unwrap_or(annealed.spacing),
        mixing_steps: arguments.mixing_steps.unwrap_or(annealed.mixing_steps),
        raise_windows: arguments.raise_windows.unwrap_or(annealed.raise_windows),
        frames: FrameAnnealing {
            frames: arguments.frames.unwrap_or(annealed.frames.frames),
            chains: arguments.frame_chains.unwrap_or(annealed.frames.chains),
            temperatures: arguments.frame_temperatures.unwrap_or(annealed.frames.temperatures),
        },
    };
    let request = LikelihoodRequest {
        exact: possible && (arguments.exact || !arguments.ais),
        annealing: (arguments.ais || !possible).then_some(annealing),
        posterior_samples: arguments.posterior_samples.unwrap_or(run.evaluate.posterior_samples),
        seed: arguments.seed.unwrap_or(1),
    };
    let mut warnings = Vec::new();
    let unused = arguments.of_annealing();
    if request.annealing.is_none() && !unused.is_empty() {
        warnings.push(format!(
            "log Z is found by enumeration, without chance: {} without effect (--ais anneals at any size)",
            unused.join(", ")
        ));
    }
    let windows = Splits { training, validation, test };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(arguments.threads.map_or(0, usize::from)).build();
    let pool = pool.map_err(|error| CliError::usage(format!("cannot start threads: {error}")))?;
    let start = Instant::now();
    let rows = windows.map(|windows| (0..windows.len()).collect::<Vec<usize>>());
    let mut splits = named_splits(&windows, [&trained, &rows.validation, &rows.test]);
    let chosen = |name: &str| match arguments.split {
        SplitName::All => true,
        SplitName::Train => name == "train",
        SplitName::Validation => name == "validation",
        SplitName::Test => name == "test",
    };
    for split in &mut splits {
        split.judged = chosen(split.name);
    }
    let likelihood = pool.install(|| density.log_likelihood(&splits, &request));
    let mut likelihood =
        likelihood.map_err(|_| CliError::usage(format!("{place}: this kind of model has no likelihood")))?;
    let seconds = start.elapsed().as_secs_f64();
    let all = arguments.split == SplitName::All;
    likelihood.splits.retain(|split| chosen(split.name) && (!all || split.windows > 0));
    if likelihood.splits.iter().all(|split| split.windows == 0) {
        return Err(CliError::usage(format!("{name}: it has no windows in the split of --split")));
    }
    if !same_corpus {
        let mut warning = format!("{name} is not the corpus that the model was trained on, or not all of it");
        if !trained.is_empty() {
            warning += ", or is split differently: the model may never have seen its \"train\" songs";
        }
        if arguments.corpus.is_none() {
            warning += " (--corpus names another)";
        }
        warnings.push(warning);
    }
    warnings.extend(likelihood.doubts());
    Ok(Report { corpus_digest: corpus.digest, model, same_corpus, request, likelihood, warnings, seconds })
}

/// The songs to judge by.
struct Songs {
    corpus: Corpus,
    name: String,
    /// True if the model was trained on this very corpus, with this split.
    same_corpus: bool,
}

/// Reads the songs of a path or, without one, the corpus of the program that the model was trained on; the built-in
/// corpus if it was trained on none.
fn songs(path: Option<&Path>, model: &ModelFile, run: &RunParameters, seed: u64) -> Result<Songs, CliError> {
    let read = |source: &str| -> Result<Songs, CliError> {
        let options = CorpusOptions { path: path.map(Path::to_path_buf), source: source.into(), ..run.corpus.clone() };
        let corpus = load_corpus(&options, &|_, _| ())?;
        let parameters = model.description.params.iter().map(|(key, value)| (key.as_str(), value));
        let same_corpus = run_id_of(parameters, &corpus.digest, seed) == model.description.run_id;
        let own = if source == "builtin" { "the built-in corpus" } else { source };
        let name = path.map_or_else(|| own.to_owned(), |path| path.shown().to_string());
        Ok(Songs { corpus, name, same_corpus })
    };
    let first = read("builtin");
    if path.is_some() || first.as_ref().is_ok_and(|songs| songs.same_corpus) {
        return first;
    }
    // Most layouts have no bars and stripes.
    let other = read("bars-and-stripes").ok().filter(|songs| songs.same_corpus);
    other.map_or(first, Ok)
}

impl EvaluateArguments {
    /// Returns the arguments given that apply to annealing alone.
    fn of_annealing(&self) -> Vec<&'static str> {
        let given = [
            ("--chains", self.chains.is_some()),
            ("--temperatures", self.temperatures.is_some()),
            ("--spacing", self.spacing.is_some()),
            ("--mixing-steps", self.mixing_steps.is_some()),
            ("--raise-windows", self.raise_windows.is_some()),
            ("--frames", self.frames.is_some()),
            ("--frame-chains", self.frame_chains.is_some()),
            ("--frame-temperatures", self.frame_temperatures.is_some()),
            ("--seed", self.seed.is_some()),
        ];
        given.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect()
    }
}

impl Report {
    fn json(&self, arguments: &EvaluateArguments) -> Value {
        let Self { likelihood, model, .. } = self;
        let description = &model.description;
        let by_split = |steps: f64| {
            let splits = likelihood.splits.iter().map(|split| {
                let mut values: Map<String, Value> = METHODS
                    .iter()
                    .map(|method| {
                        ((*method).to_owned(), json!(likelihood.mean(split, method).map(|mean| mean / steps)))
                    })
                    .collect();
                values.insert("windows".into(), split.windows.into());
                (split.name.to_owned(), Value::Object(values))
            });
            Value::Object(splits.collect())
        };
        let raise: Map<String, Value> =
            likelihood.splits.iter().map(|split| (split.name.to_owned(), json!(split.raise))).collect();
        let annealing = self.request.annealing.map(|options| {
            json!({
                "chains": options.chains,
                "temperatures": options.temperatures,
                "spacing": options.spacing,
                "mixing_steps": options.mixing_steps,
                "raise_windows": options.raise_windows,
                "seed": self.request.seed.to_string(),
                "ais": likelihood.ais,
                "reverse_ais": likelihood.reverse_ais,
                "anchored_ais": likelihood.anchored_ais,
                "anchored_samples": likelihood.anchored_samples,
                "raise": raise,
            })
        });
        let by_frame = description.kind.has_memory();
        let layers: Vec<usize> =
            description.kind.features(&model.tensors).iter().map(|features| features.hidden).collect();
        let frames: Map<String, Value> =
            likelihood.splits.iter().map(|split| (split.name.to_owned(), json!(split.of_frames))).collect();
        let mut report = json!({
            "schema": 1,
            "model": arguments.model.shown(),
            "run_id": description.run_id,
            "visible": description.timesteps * description.layout.columns(),
            "hidden": layers.first(),
            "timesteps": description.timesteps,
            "corpus": {
                "path": arguments.corpus.as_ref().map(|path| path.shown()),
                "digest": self.corpus_digest,
                "of_the_run": self.same_corpus,
            },
            "log_partition": {
                "exact": likelihood.exact,
                "ais": likelihood.ais.map(|estimate| estimate.log_partition),
                "reverse_ais": likelihood.reverse_ais.map(|estimate| estimate.log_partition),
                "anchored_ais": likelihood.anchored_ais.map(|anchored| anchored.log_partition),
                "anchored_samples": likelihood.anchored_samples.map(|anchored| anchored.log_partition),
                "floor": likelihood.floor,
            },
            "log_likelihood": by_split(1.0),
            "log_likelihood_per_step": by_split(description.timesteps as f64),
            "annealing": annealing,
            "warnings": self.warnings,
            "evaluate_s": self.seconds,
        });
        if layers.len() > 1 {
            report["layers"] = json!(layers);
            report["posterior_samples"] = json!(self.request.posterior_samples);
            let lower = likelihood.splits.iter().map(|split| (split.name.to_owned(), json!(split.of_lower_layers)));
            report["of_lower_layers"] = Value::Object(lower.collect());
        }
        if by_frame {
            // Every frame has a partition function of its own.
            report["frames"] = frames.into();
            report.as_object_mut().map(|report| report.remove("log_partition"));
        }
        report
    }

    /// Returns the methods that were used, in the order of their names in records.
    fn methods(&self) -> Vec<&'static str> {
        let Likelihood { splits, .. } = &self.likelihood;
        let used = |method: &&str| splits.iter().any(|split| self.likelihood.mean(split, method).is_some());
        METHODS.into_iter().filter(used).collect()
    }

    fn table(&self) -> String {
        let Self { likelihood, model, .. } = self;
        let number = |value: f64| format!("{value:.3}");
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        let methods = self.methods();
        let mut header = vec!["mean log-likelihood".to_owned(), "windows".into()];
        header.extend(methods.iter().map(|method| method.replace('_', " ")));
        let columns = header.len();
        table.set_header(header);
        let steps = model.description.timesteps as f64;
        for split in likelihood.splits.iter().filter(|split| split.windows > 0) {
            for (unit, divisor) in [("nats a window", 1.0), ("nats a step", steps)] {
                let mut row = vec![format!("{}, {unit}", split.name), split.windows.to_string()];
                row.extend(methods.iter().map(|method| {
                    likelihood.mean(split, method).map_or_else(|| "–".into(), |mean| number(mean / divisor))
                }));
                table.add_row(row);
            }
        }
        for column in 1..columns {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let mut text = format!("{table}\n");
        for split in likelihood.splits.iter().filter(|split| !split.of_lower_layers.is_empty()) {
            let own: Vec<String> = split.of_lower_layers.iter().map(|&mean| number(mean)).collect();
            let _ = writeln!(
                text,
                "{}: {} of the lowest layer alone, the two lowest, … (nats a window)",
                split.name,
                own.join(", ")
            );
        }
        for split in &likelihood.splits {
            let FrameFindings { by_song, below_floor, accuracy, accuracy_of_copy } = split.of_frames;
            let found = [
                by_song.map(|mean| format!("mean of song means {}", number(mean))),
                below_floor.map(|share| format!("{:.1} % of frames below their floor", 100.0 * share)),
                accuracy.map(|share| format!("frame accuracy {:.1} %", 100.0 * share)),
                accuracy_of_copy.map(|share| format!("{:.1} % by copying the frame before", 100.0 * share)),
            ];
            let found: Vec<String> = found.into_iter().flatten().collect();
            if !found.is_empty() {
                let _ = writeln!(text, "{}: {}", split.name, found.join(", "));
            }
        }
        // Writing to a string cannot fail.
        if let Some(exact) = likelihood.exact {
            let _ = writeln!(text, "log Z, exact: {}", number(exact));
        }
        for (name, estimate) in [("AIS", likelihood.ais), ("reverse AIS", likelihood.reverse_ais)] {
            let Some(estimate) = estimate else { continue };
            let end = |value: Option<f64>, none: &str| value.map_or_else(|| none.to_owned(), number);
            let _ = writeln!(
                text,
                "log Z, {name}: {} (3-sigma band {} to {}; effective sample size {:.1} of {} chains)",
                number(estimate.log_partition),
                end(estimate.low, "−∞"),
                end(estimate.high, "∞"),
                estimate.effective_sample_size,
                estimate.chains
            );
        }
        if let Some(floor) = likelihood.floor {
            let _ = writeln!(text, "log Z, floor: {} (the training windows' own part of it)", number(floor));
        }
        let anchored = [("annealed chains", likelihood.anchored_ais), ("mixed chains", likelihood.anchored_samples)];
        for (name, Anchored { log_partition, low, high, share }) in
            anchored.into_iter().filter_map(|(name, anchored)| Some((name, anchored?)))
        {
            let _ = writeln!(
                text,
                "log Z, anchored there by {name}: {} (3-sigma band {} to {}; the training windows have {:.2} % of the \
                 probability)",
                number(log_partition),
                number(low),
                number(high),
                100.0 * share
            );
        }
        text
    }
}
