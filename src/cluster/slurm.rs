//! The job scripts of Slurm.

use super::packing::Packing;
use super::quoting::{directive, log_path, shell};
use std::fmt::Write as _;

/// What is asked of Slurm; nothing of it changes a bit of the results.
#[derive(Clone, Debug, Default)]
pub struct SlurmOptions {
    /// Give every task a node of its own.
    pub whole_nodes: bool,
    /// Tasks that may run at once; none for as many as there is room for.
    pub at_once: Option<u32>,
    /// Where to run.
    pub partition: Option<String>,
    /// Who pays.
    pub account: Option<String>,
    /// Time limit of a job, as Slurm writes it.
    pub time: Option<String>,
    /// Memory of a job, as Slurm writes it.
    pub memory: Option<String>,
    /// Processors of a task.
    pub cpus_per_task: Option<u32>,
    /// More arguments of `sbatch`, for both jobs.
    pub sbatch_arguments: Vec<String>,
    /// Seconds before the time limit at which a task is told to save what it has; 0 for no warning.
    pub warning_seconds: u32,
    /// How often a task that reached its time limit is put into the queue again.
    pub requeues: u32,
}

/// A sweep as a job array and a job that sums up.
#[derive(Clone, Debug)]
pub struct SlurmJob {
    /// The sweep's name.
    pub name: String,
    /// The program, as the nodes find it.
    pub runner: String,
    /// The resolved configuration.
    pub config: String,
    /// The folder of the results; its last part is the name of the sweep.
    pub results: String,
    /// The folder above it.
    pub above_results: String,
    /// The folder of this submission, with scripts and logs.
    pub submission: String,
    /// What the plan of every task must be: [`PlanFile::digest`](crate::sweep::PlanFile::digest).
    pub plan_digest: String,
    /// Whether every shard has a folder of its own below `shards/` until all are merged.
    pub separate: bool,
    /// Shards and tasks.
    pub packing: Packing,
    /// What is asked of Slurm.
    pub options: SlurmOptions,
}

impl SlurmJob {
    /// The name of the array's script in the folder of the submission.
    pub const ARRAY_SCRIPT: &str = "array.sh";
    /// The name of the script that sums up.
    pub const MERGE_SCRIPT: &str = "merge.sh";

    /// The script of the job array.
    pub fn array_script(&self) -> String {
        let Packing { shards, tasks } = self.packing;
        let options = &self.options;
        let limit = options.at_once.map(|most| format!("%{most}")).unwrap_or_default();
        let mut head = vec![
            format!("--job-name={}", self.name),
            format!("--array=1-{tasks}{limit}"),
            format!("--output={}/logs/%A_%a.log", log_path(&self.submission)),
            // A task that is started again goes on in its log.
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
                // All the memory of the node.
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

    /// The script of the job that sums up, which waits for the array however it ends.
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
# Sums up the sweep `{name}` and says what is missing. Written by `runner submit slurm`.
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

    /// `#SBATCH` lines: those of a job, those of both jobs, and those of the user, which win.
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

/// What a task does. BELOW stands for where a shard's results go.
const ARRAY_BODY: &str = r#"# Ahead of the time limit Slurm sends USR1, to this shell alone. It is passed on: the runner saves a checkpoint and ends with
# 143. TERM, of a cancellation or preemption, mostly reaches the runner too, for which a second TERM would mean to stop at
# once: so it is told by USR1 again.
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
    # A signal ends the wait, not the runner.
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
    # A wrong configuration, or a signal: the next shard would fare no better.
    ((own != 2 && own <= 128)) || break
done

# 138: the signal came before the runner could heed it.
if ((warned && (code == 143 || code == 138))); then
    restarts=${SLURM_RESTART_COUNT:-0}
    if ((restarts < requeues)); then
        echo "The time limit is near: back into the queue, to go on from the checkpoints (restart $((restarts + 1)) of $requeues)."
        scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"
    else
        echo "The time limit is near, after $restarts restarts: what is left waits for another submission." >&2
    fi
fi
exit "$code"
"#;
