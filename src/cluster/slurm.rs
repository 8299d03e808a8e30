//! The job scripts of Slurm.

use super::packing::Packing;
use super::quoting::{directive, log_path, shell};
use std::fmt::Write as _;

/// The options for Slurm. None of them changes a bit of the results.
#[derive(Clone, Debug, Default)]
pub struct SlurmOptions {
    /// True if every task gets a whole node.
    pub whole_nodes: bool,
    /// The maximum number of tasks that run at once; `None` for no limit.
    pub at_once: Option<u32>,
    /// The partition to run in.
    pub partition: Option<String>,
    /// The account to charge.
    pub account: Option<String>,
    /// The time limit of a job, in Slurm's notation.
    pub time: Option<String>,
    /// The memory of a job, in Slurm's notation.
    pub memory: Option<String>,
    /// The number of processors for a task.
    pub cpus_per_task: Option<u32>,
    /// The user's arguments of `sbatch`, for both jobs.
    pub sbatch_arguments: Vec<String>,
    /// The seconds before the time limit at which a task is told to save its work; 0 for no warning.
    pub warning_seconds: u32,
    /// The number of times that a task is requeued after it reached its time limit.
    pub requeues: u32,
}

/// A job array for a sweep, with a job that sums up.
#[derive(Clone, Debug)]
pub struct SlurmJob {
    /// The name of the sweep.
    pub name: String,
    /// The path of the program on the nodes.
    pub runner: String,
    /// The path of the resolved configuration.
    pub config: String,
    /// The folder of the results. Its last part is the name of the sweep.
    pub results: String,
    /// The folder above that of the results.
    pub above_results: String,
    /// The folder of this submission, with scripts and logs.
    pub submission: String,
    /// The digest that every task's plan must have: [`PlanFile::digest`](crate::sweep::PlanFile::digest).
    pub plan_digest: String,
    /// True if every shard has its own folder below `shards/` until all are merged.
    pub separate: bool,
    /// The number of rungs of successive halving, each an array that waits for the one before; 1 without halving.
    pub rungs: usize,
    /// The numbers of shards and tasks.
    pub packing: Packing,
    /// The options for Slurm.
    pub options: SlurmOptions,
}

impl SlurmJob {
    /// The name of the array's script in the folder of the submission.
    pub const ARRAY_SCRIPT: &str = "array.sh";
    /// The name of the script that sums up, in the same folder.
    pub const MERGE_SCRIPT: &str = "merge.sh";

    /// Returns the script of the job array.
    pub fn array_script(&self) -> String {
        let Packing { shards, tasks } = self.packing;
        let options = &self.options;
        let limit = options.at_once.map(|most| format!("%{most}")).unwrap_or_default();
        let mut head = vec![
            format!("--job-name={}", self.name),
            format!("--array=1-{tasks}{limit}"),
            format!("--output={}/logs/%A_%a.log", log_path(&self.submission)),
            // A task that is started again continues its log.
            "--open-mode=append".to_owned(),
            "--requeue".to_owned(),
            "--nodes=1".to_owned(),
            "--ntasks=1".to_owned(),
        ];
        if options.warning_seconds > 0 {
            head.push(format!("--signal=B:USR1@{}", options.warning_seconds));
        }
        if options.whole_nodes {
            head.push("--exclusive".to_owned());
            if options.memory.is_none() {
                // All memory of the node.
                head.push("--mem=0".to_owned());
            }
        }
        head.extend(options.cpus_per_task.map(|cpus| format!("--cpus-per-task={cpus}")));
        let out = if self.separate { format!("{}/shards", self.results) } else { self.above_results.clone() };
        let below = if self.separate { "$out/$shard" } else { "$out" };
        format!(
            "#!/bin/bash
# A part of the sweep `{name}` in every task of an array. Written by `runner submit slurm`.
{directives}
set -u
runner={runner}
config={config}
out={out}
plan={plan}
shards={shards}
tasks={tasks}
requeues={requeues}

{BODY}",
            name = self.name,
            directives = self.directives(&head),
            runner = shell(&self.runner),
            config = shell(&self.config),
            out = shell(&out),
            plan = shell(&self.plan_digest),
            requeues = options.requeues,
            BODY = ARRAY_BODY.replace("BELOW", below),
        )
    }

    /// Returns the script of the job that sums up. It waits for the array, whether that succeeds or fails.
    pub fn merge_script(&self) -> String {
        let head = [
            format!("--job-name={}-merge", self.name),
            format!("--output={}/logs/merge-%j.log", log_path(&self.submission)),
            "--nodes=1".to_owned(),
            "--ntasks=1".to_owned(),
        ];
        let shards =
            if self.separate { format!(r#" "$results"/shards/*/{}"#, shell(&self.name)) } else { String::new() };
        format!(
            r#"#!/bin/bash
# Sums up the sweep `{name}` and lists missing runs. Written by `runner submit slurm`.
{directives}
set -u
shopt -s nullglob
runner={runner}
results={results}

exec "$runner" merge "$results"{shards}
"#,
            name = self.name,
            directives = self.directives(&head),
            runner = shell(&self.runner),
            results = shell(&self.results),
        )
    }

    /// Returns the `#SBATCH` lines: those of one job, then those of both jobs, then those of the user, which take
    /// precedence.
    fn directives(&self, head: &[String]) -> String {
        let options = &self.options;
        let both = [
            ("partition", &options.partition),
            ("account", &options.account),
            ("time", &options.time),
            ("mem", &options.memory),
        ];
        let both = both.into_iter().filter_map(|(name, value)| Some(format!("--{name}={}", value.as_ref()?)));
        let mut lines = String::new();
        for argument in head.iter().cloned().chain(both) {
            let _ = writeln!(lines, "#SBATCH {}", directive(&argument));
        }
        if !options.sbatch_arguments.is_empty() {
            let words: Vec<String> = options.sbatch_arguments.iter().map(|word| directive(word)).collect();
            let _ = writeln!(lines, "#SBATCH {}", words.join(" "));
        }
        lines.pop();
        lines
    }
}

/// The commands of a task. BELOW stands for the folder above a shard's results.
const ARRAY_BODY: &str = r#"# Before the time limit Slurm sends USR1 to this shell only. The shell forwards it, and the runner saves a checkpoint and
# exits with 143. TERM, from a cancellation or preemption, usually reaches the runner too. A second TERM would stop it at
# once, so the shell forwards USR1 instead.
pid=
warned=0
stopped=0
tell() { [[ -z $pid ]] || kill -s USR1 "$pid" 2>/dev/null; }
trap 'warned=1; tell' USR1
trap 'stopped=1; tell' TERM

echo "Task $SLURM_ARRAY_TASK_ID of $tasks on ${SLURMD_NODENAME:-$HOSTNAME}."
code=0
for ((shard = SLURM_ARRAY_TASK_ID; shard <= shards; shard += tasks)); do
    if ((warned || stopped)); then
        code=143
        break
    fi
    echo "Shard $shard of $shards."
    "$runner" run --config "$config" --out "BELOW" --shard "$shard/$shards" --plan-digest "$plan" --progress plain &
    pid=$!
    wait "$pid"
    own=$?
    # A signal ends `wait`, not the runner.
    while ((own > 128)) && kill -s 0 "$pid" 2>/dev/null; do
        wait "$pid"
        own=$?
    done
    if ((own > 128)); then
        wait "$pid"
        own=$?
    fi
    pid=
    ((own <= code)) || code=$own
    # After a wrong configuration or a signal, the next shard would fail too.
    ((own != 2 && own <= 128)) || break
done

# 138: the signal came before the runner could handle it.
if ((warned && (code == 143 || code == 138))); then
    restarts=${SLURM_RESTART_COUNT:-0}
    if ((restarts < requeues)); then
        echo "The time limit is near: requeued, to continue from the checkpoints (restart $((restarts + 1)) of $requeues)."
        scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"
    else
        echo "The time limit is near, after $restarts restarts: submit again to do the rest." >&2
    fi
fi
exit "$code"
"#;
