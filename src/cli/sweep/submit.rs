//! `runner submit`: a sweep handed to a batch system.

use super::plan;
use crate::cli::arguments::{ConfigArguments, Verbosity};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::console::{print, start_logging};
use crate::cluster::{Packing, SlurmJob, SlurmOptions, Submission, Submitted, array_limit, by_hand, find_sbatch};
use crate::machine::text::Shown as _;
use crate::sweep::{PlanFile, Prepared, add_decided_rungs, lay_out};
use clap::{Args, Subcommand};
use std::path::{Path, PathBuf};

/// Arguments of `runner submit`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  runner submit slurm --config configs/quick.toml --shards 4 --dry-run")]
pub(in crate::cli) struct SubmitArguments {
    #[command(subcommand)]
    system: System,
}

/// The batch system.
#[derive(Debug, Subcommand)]
enum System {
    /// Slurm: a job array, and a job that sums up after it.
    Slurm(Box<SlurmArguments>),
}

/// Arguments of `runner submit slurm`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  runner submit slurm --config sweep.toml --shards 100 --cpus-per-task 4 --time 2:00:00\n  \
    runner submit slurm --config sweep.toml --nodes 8 --partition long --dry-run\n\n\
    docs/guide/cluster.md has more, also on other batch systems."
)]
struct SlurmArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// Folder for the results, instead of `output.dir`; the sweep makes a folder of its name there. All nodes must see
    /// it.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Divide the sweep into N parts, a task of the job array each.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    #[arg(required_unless_present = "nodes", conflicts_with = "nodes")]
    shards: Option<u32>,
    /// Divide the sweep into N parts, and give each a whole node.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    nodes: Option<u32>,
    /// Print the scripts and the commands; write and submit nothing.
    #[arg(long)]
    dry_run: bool,
    /// Partition of both jobs.
    #[arg(long, value_name = "NAME", value_parser = word)]
    partition: Option<String>,
    /// Account of both jobs.
    #[arg(long, value_name = "NAME", value_parser = word)]
    account: Option<String>,
    /// Time limit of each task, such as 30, 2:00:00 or 1-12.
    #[arg(long, value_name = "TIME", value_parser = word)]
    time: Option<String>,
    /// Memory of each task, such as 4G.
    #[arg(long, value_name = "SIZE", value_parser = word)]
    mem: Option<String>,
    /// Processors of each task; the runner fills them.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    cpus_per_task: Option<u32>,
    /// Let at most N tasks run at once.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    at_once: Option<u32>,
    /// One more argument of sbatch, for both jobs: `--sbatch-arg=--qos=long`. It overrides the scripts.
    #[arg(long = "sbatch-arg", value_name = "ARG", value_parser = word, allow_hyphen_values = true)]
    sbatch_arguments: Vec<String>,
    /// Number of times that a task that reaches its time limit goes back into the queue, to continue where it stopped.
    #[arg(long, value_name = "N", default_value_t = 10)]
    requeue: u32,
    /// Seconds before the time limit at which a task saves a checkpoint; 0 for no warning.
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u32).range(0..=65535))]
    warning: u32,
    /// Give every shard a folder of its own below `shards/` of the results, for file systems on which many nodes should
    /// not write to one folder; they are merged at the end.
    #[arg(long)]
    separate: bool,
    /// Path of the program on the nodes [default: this one].
    #[arg(long, value_name = "FILE")]
    runner: Option<PathBuf>,
    #[command(flatten)]
    verbosity: Verbosity,
}

/// Parses an argument that fits into one line of a script.
fn word(text: &str) -> Result<String, &'static str> {
    match text {
        "" => Err("it is empty"),
        text if text.contains(char::is_control) => Err("it holds a line break or another control character"),
        text => Ok(text.to_owned()),
    }
}

pub(in crate::cli) fn run(arguments: &SubmitArguments) -> Result<Exit, CliError> {
    match &arguments.system {
        System::Slurm(arguments) => slurm(arguments),
    }
}

fn slurm(arguments: &SlurmArguments) -> Result<Exit, CliError> {
    start_logging(arguments.verbosity);
    if !arguments.dry_run {
        find_sbatch().map_err(CliError::usage)?;
    }
    let (sweep, plan) = plan::read(&arguments.config, arguments.verbosity)?;
    // What is wrong with the corpus is better found here than by every task.
    let mut prepared = Prepared::new(plan, &|_, _| ())?;
    let limit = array_limit().map_err(CliError::usage)?;
    let asked = arguments.shards.or(arguments.nodes).unwrap_or(1) as usize;
    let shards = asked.min(prepared.plan.runs.len());
    if shards < asked {
        tracing::warn!("the sweep has {shards} runs: {shards} shards instead of {asked}");
    }
    let above = arguments.out.clone().unwrap_or_else(|| sweep.output_dir.clone());
    let place = Place::new(&above, &sweep.name, arguments.runner.as_deref())?;
    let plan_file = PlanFile::of(&prepared);
    if arguments.separate && prepared.plan.bracket.is_some() {
        return Err(CliError::usage(
            "`--separate` cannot be combined with `[sweep.halving]`: every rung is decided by the records of all shards, \
             which must share a folder",
        ));
    }
    let rungs = prepared.plan.bracket.as_ref().map_or(1, |bracket| bracket.rungs.len());
    let packing = Packing::new(shards, limit);
    let job = |submission: &Path| {
        Ok::<_, PathError>(SlurmJob {
            name: sweep.name.clone(),
            runner: place.runner.clone(),
            config: text(&submission.join("sweep.toml"))?,
            results: text(&place.results)?,
            above_results: text(&place.above)?,
            submission: text(submission)?,
            plan_digest: plan_file.digest(),
            separate: arguments.separate,
            rungs,
            packing,
            options: options(arguments),
        })
    };
    if arguments.dry_run {
        return print(&shown(&job(&Submission::next_folder(&place.results))?), Exit::Done);
    }
    let config_text = sweep.to_toml();
    add_decided_rungs(&mut prepared, &place.results);
    // The plan stands there from the start: what is missing can be named before anything is done.
    lay_out(&place.results, &prepared, &config_text)?;
    let submission = Submission::create(&place.results)?;
    let job = job(submission.folder())?;
    submission.write("sweep.toml", &config_text)?;
    submission.write(SlurmJob::ARRAY_SCRIPT, &job.array_script())?;
    submission.write(SlurmJob::MERGE_SCRIPT, &job.merge_script())?;
    let submitted = submission.submit(&job).map_err(CliError::failed)?;
    if arguments.verbosity.quiet {
        return Ok(Exit::Done);
    }
    print(&said(&job, &submitted, prepared.plan.runs.len()), Exit::Done)
}

/// A path that cannot stand in a job script.
#[derive(Debug, thiserror::Error)]
enum PathError {
    /// A relative path whose start is unknown.
    #[error("cannot resolve the path {}: {source}", path.shown())]
    Relative { path: PathBuf, source: std::io::Error },
    /// The path of this program, which the system does not give.
    #[error("cannot find the path of this program: {0}")]
    Program(std::io::Error),
    /// A path that is not Unicode.
    #[error("the path {} is not Unicode", .0.shown())]
    NotUnicode(PathBuf),
    /// A path with control characters.
    #[error("the path {} holds a line break or another control character", .0.shown())]
    Control(PathBuf),
    /// A path that would turn off the placeholder for the job's number in the name of a log.
    #[error("the path {} holds a backslash, which Slurm interprets", .0.shown())]
    Backslash(PathBuf),
}

impl From<PathError> for CliError {
    fn from(error: PathError) -> Self {
        Self::usage(error)
    }
}

/// The paths that every node uses.
struct Place {
    runner: String,
    above: PathBuf,
    results: PathBuf,
}

impl Place {
    fn new(above: &Path, name: &str, runner: Option<&Path>) -> Result<Self, PathError> {
        let absolute = |path: &Path| {
            std::path::absolute(path).map_err(|source| PathError::Relative { path: path.to_path_buf(), source })
        };
        let above = absolute(above)?;
        let runner = match runner {
            // A bare name is for the nodes to find in their own PATH.
            Some(name) if name.components().count() == 1 => name.to_path_buf(),
            Some(path) => absolute(path)?,
            None => std::env::current_exe().map_err(PathError::Program)?,
        };
        Ok(Self { runner: text(&runner)?, results: above.join(name), above })
    }
}

/// Returns a path as text for a line of a script.
fn text(path: &Path) -> Result<String, PathError> {
    match path.to_str() {
        None => Err(PathError::NotUnicode(path.to_path_buf())),
        Some(text) if text.contains(char::is_control) => Err(PathError::Control(path.to_path_buf())),
        Some(text) if text.contains('\\') => Err(PathError::Backslash(path.to_path_buf())),
        Some(text) => Ok(text.to_owned()),
    }
}

fn options(arguments: &SlurmArguments) -> SlurmOptions {
    SlurmOptions {
        whole_nodes: arguments.nodes.is_some(),
        at_once: arguments.at_once,
        partition: arguments.partition.clone(),
        account: arguments.account.clone(),
        time: arguments.time.clone(),
        memory: arguments.mem.clone(),
        cpus_per_task: arguments.cpus_per_task,
        sbatch_arguments: arguments.sbatch_arguments.clone(),
        warning_seconds: arguments.warning,
        requeues: arguments.requeue,
    }
}

/// Returns the output of `--dry-run`: both scripts, with the commands that would submit them.
fn shown(job: &SlurmJob) -> String {
    let script = |name: &str, text: &str| format!("# ==> {}/{name}\n{text}\n", job.submission);
    script(SlurmJob::ARRAY_SCRIPT, &job.array_script())
        + &script(SlurmJob::MERGE_SCRIPT, &job.merge_script())
        + "# ==> submitted by\n"
        + &by_hand(job)
}

fn said(job: &SlurmJob, submitted: &Submitted, runs: usize) -> String {
    let Packing { shards, tasks } = job.packing;
    let packed = match job.packing.most_per_task() {
        1 => String::new(),
        most => format!(", up to {most} a task"),
    };
    let arrays = match submitted.arrays.as_slice() {
        [array] => format!("job array {array} of {tasks} tasks"),
        arrays => format!("job arrays {} of {tasks} tasks, a rung of successive halving each", arrays.join(", ")),
    };
    format!(
        "{runs} runs in {shards} shards{packed}: {arrays}, then job {} to sum up.\n\
         Scripts and logs: {}\nResults: {}\n",
        submitted.merge, job.submission, job.results,
    )
}
