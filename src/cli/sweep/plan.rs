//! `runner plan`: the runs of a sweep.

use crate::cli::arguments::{ConfigArguments, Verbosity};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::console::{configuration_warning, print, start_logging};
use crate::engine::Isa;
use crate::sweep::{
    ConfigErrors, MemoryNeed, Plan, PlanFile, PlannedRun, Prepared, Shard, SweepConfig, SweepDuration, Workers,
    Workload, add_decided_rungs, display, expected_bytes, in_words,
};
use clap::Args;
use comfy_table::{Table, presets};
use std::fmt::Write as _;
use std::path::PathBuf;

/// Arguments of `runner plan`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  runner plan --config configs/quick.toml --set replicates.count=3")]
pub(in crate::cli) struct PlanArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// Show only part I of N of the plan.
    #[arg(long, value_name = "I/N", default_value = "1/1")]
    shard: Shard,
    /// Folder of results, below which the sweep has its own [default: output.dir].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// One JSON object per line instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    verbosity: Verbosity,
}

/// Reads a configuration and makes its plan; warnings are shown at once.
pub(in crate::cli) fn read(
    arguments: &ConfigArguments,
    verbosity: Verbosity,
) -> Result<(SweepConfig, Plan), ConfigErrors> {
    let sweep = SweepConfig::load_layers(arguments.config.iter().map(PathBuf::as_path), &arguments.sets)?;
    let plan = sweep.plan()?;
    if !verbosity.quiet {
        plan.warnings.iter().for_each(configuration_warning);
    }
    if plan.merged > 0 {
        tracing::warn!("{} points are the same as earlier ones; each is run once", plan.merged);
    }
    Ok((sweep, plan))
}

pub(in crate::cli) fn run(arguments: &PlanArguments) -> Result<Exit, CliError> {
    start_logging(arguments.verbosity);
    let (sweep, plan) = read(&arguments.config, arguments.verbosity)?;
    let folder = arguments.out.as_ref().map_or_else(|| sweep.results_dir(), |out| out.join(&sweep.name));
    let mut prepared = Prepared::new(plan, &|_, _| ())?;
    add_decided_rungs(&mut prepared, &folder);
    prepared.seen_in_training().iter().for_each(|warning| tracing::warn!("{warning}"));
    let isa = sweep.instruction_set()?;
    if arguments.json {
        return print(&lines(&prepared, arguments.shard), Exit::Done);
    }
    let workload = Workload::of(&prepared, &folder, arguments.shard);
    print(&table(&sweep, &prepared, isa, arguments.shard, workload), Exit::Done)
}

fn lines(prepared: &Prepared, shard: Shard) -> String {
    let lines: Vec<String> = prepared
        .plan
        .shard(shard)
        .map(|run| {
            let mut line = serde_json::to_value(PlannedRun::of(prepared, run)).expect("a planned run is plain data");
            line["expected_bytes"] = expected_bytes(run.parameters(), prepared.corpus_of(run.index)).into();
            line.to_string()
        })
        .collect();
    lines.join("\n") + "\n"
}

/// Returns a line for each rung of successive halving, and the cost of all beside that of training every point to the
/// end; nothing without halving.
fn rungs(prepared: &Prepared, replicates: u32) -> String {
    let Some(halving) = PlanFile::of(prepared).halving else { return String::new() };
    let mut text = format!("successive halving by {}, one point in {} goes on:\n", halving.metric, halving.eta);
    let (mut epochs, mut before) = (0, 0);
    for (place, rung) in halving.rungs.iter().enumerate() {
        let state = if place <= prepared.plan.rung() { "" } else { " at most, to be decided" };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  rung {}: {} points to epoch {}{state}", place + 1, rung.points, rung.epochs);
        epochs += rung.points * (rung.epochs - before);
        before = rung.epochs;
    }
    let all = halving.rungs.first().map_or(0, |rung| rung.points) * before;
    let replicates = replicates as usize;
    text + &format!(
        "  {} epochs in all, {} if every point were trained to the end\n",
        epochs * replicates,
        all * replicates
    )
}

fn table(sweep: &SweepConfig, prepared: &Prepared, isa: Isa, shard: Shard, workload: Workload) -> String {
    let plan = &prepared.plan;
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let mut header = vec!["run".to_owned(), "id".to_owned(), "replicate".to_owned(), "seed".to_owned()];
    header.extend(plan.swept.iter().map(|&key| key.to_owned()));
    table.set_header(header);
    for run in plan.shard(shard) {
        let mut row = vec![
            (run.index + 1).to_string(),
            prepared.run_ids[run.index].clone(),
            run.replicate.to_string(),
            run.seed.to_string(),
        ];
        row.extend(plan.swept_values(run).map(|(_, value)| display(value)));
        table.add_row(row);
    }
    let runs = plan.shard(shard).count();
    let workers = Workers::for_sweep(sweep, prepared, isa, runs);
    let need = MemoryNeed::of(prepared, plan.shard(shard), workers.jobs);
    let memory = format!("memory: at most {} a run, {} at once", in_words(need.largest), in_words(need.together));
    let time = SweepDuration::of(prepared, plan.shard(shard), workers.jobs, isa);
    let workers = workers.explain(prepared, isa);
    let corpora: Vec<String> = prepared
        .corpora
        .iter()
        .map(|corpus| format!("{} songs (digest {})", corpus.songs.len(), &corpus.digest[..12]))
        .collect();
    format!(
        "{table}\n{} points, {} replicates, {runs} runs: {workload}; {workers}; {memory}; corpus: {}\ntime, \
         a rough estimate of all {runs} runs on an idle machine: {time}\n{}",
        plan.points.len(),
        sweep.replicates.count,
        corpora.join(", "),
        rungs(prepared, sweep.replicates.count),
    )
}
