//! The submission of jobs to Slurm.

use super::quoting::command;
use super::slurm::SlurmJob;
use crate::sweep::{StoreError, create_folder, write_whole};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// The maximum size of an array if Slurm states none. Its default `MaxArraySize` is 1001, one more than the largest
/// index.
const DEFAULT_ARRAY_LIMIT: usize = 1000;

/// The reason jobs were not submitted.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// This machine has no Slurm.
    #[error(
        "there is no `{0}` in PATH: submit from a machine that belongs to a Slurm cluster, or look at the scripts with \
         --dry-run"
    )]
    NoSlurm(&'static str),
    /// The cluster does not allow job arrays.
    #[error("this cluster allows no job arrays: its MaxArraySize is {0}")]
    NoArrays(usize),
    /// A program of Slurm has failed.
    #[error("`{command}` failed: {message}{}", .already.as_ref().map(|job| format!(
        "; the array was submitted as job {job} and will run: sum up with `runner merge` when it has ended, or cancel it \
         with `scancel {job}`"
    )).unwrap_or_default())]
    Failed {
        /// The command.
        command: String,
        /// The message of the program.
        message: String,
        /// The array that was submitted before.
        already: Option<String>,
    },
    /// A file cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Returns the maximum number of tasks in an array on this cluster: what `scontrol` reports, or Slurm's default if
/// there is no Slurm.
pub fn array_limit() -> Result<usize, SubmitError> {
    let arguments = ["show".to_owned(), "config".to_owned()];
    match call("scontrol", &arguments, None) {
        Ok(text) => array_limit_of(&text),
        Err(SubmitError::NoSlurm(_)) => Ok(DEFAULT_ARRAY_LIMIT),
        Err(error) => Err(error),
    }
}

/// Reads the maximum from the output of `scontrol show config`.
fn array_limit_of(config: &str) -> Result<usize, SubmitError> {
    let value = |name: &str| {
        let line = config.lines().find(|line| line.split('=').next().is_some_and(|key| key.trim() == name))?;
        Some(line.split_once('=')?.1.trim())
    };
    let size = value("MaxArraySize").and_then(|size| size.parse().ok()).unwrap_or(DEFAULT_ARRAY_LIMIT + 1);
    let tasks = value("SchedulerParameters")
        .into_iter()
        .flat_map(|parameters| parameters.split(','))
        .find_map(|parameter| parameter.trim().strip_prefix("max_array_tasks=")?.parse().ok())
        .unwrap_or(usize::MAX);
    // Tasks are numbered from 1, and the size exceeds the largest number by 1.
    match size.saturating_sub(1).min(tasks) {
        0 => Err(SubmitError::NoArrays(size)),
        limit => Ok(limit),
    }
}

/// The folder of a submission below that of the results: `submissions/1`, `submissions/2`, …
#[derive(Debug)]
pub struct Submission {
    folder: PathBuf,
}

impl Submission {
    /// Returns the folder of the next submission without creating it.
    pub fn next_folder(results: &Path) -> PathBuf {
        let above = results.join("submissions");
        let mut number = 1;
        while above.join(number.to_string()).exists() {
            number += 1;
        }
        above.join(number.to_string())
    }

    /// Creates the folder of the next submission. No two submissions get the same.
    pub fn create(results: &Path) -> Result<Self, StoreError> {
        create_folder(&results.join("submissions"))?;
        loop {
            let folder = Self::next_folder(results);
            match std::fs::create_dir(&folder) {
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                made => {
                    made.map_err(StoreError::at("cannot create the folder", &folder))?;
                    create_folder(&folder.join("logs"))?;
                    return Ok(Self { folder });
                }
            }
        }
    }

    /// Returns the path of the folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes a file into the folder.
    pub fn write(&self, name: &str, text: &str) -> Result<(), StoreError> {
        write_whole(&self.folder.join(name), text.as_bytes())
    }

    /// Submits both scripts, which must be in the folder, to Slurm, and records this in `submission.json`.
    pub fn submit(&self, job: &SlurmJob) -> Result<Submitted, SubmitError> {
        let mut arrays: Vec<String> = Vec::new();
        let mut commands = Vec::new();
        for _ in 0..job.rungs.max(1) {
            let arguments = array_arguments(job, arrays.last().map(String::as_str));
            arrays.push(job_id(&call("sbatch", &arguments, arrays.first().map(String::as_str))?));
            commands.push(sbatch(&arguments));
        }
        let last = arrays.last().cloned().unwrap_or_default();
        let merge_arguments = merge_arguments(job, &last);
        let merge = call("sbatch", &merge_arguments, arrays.first().map(String::as_str)).map(|said| job_id(&said));
        commands.push(sbatch(&merge_arguments));
        let mut note = json!({
            "schema": 1,
            "system": "slurm",
            "version": env!("CARGO_PKG_VERSION"),
            "git": env!("CHORDBENCH_GIT"),
            "submitted_at": SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs()),
            "plan_digest": job.plan_digest,
            "shards": job.packing.shards,
            "tasks": job.packing.tasks,
            "array_job": arrays[0],
            "merge_job": merge.as_ref().ok(),
            "commands": commands,
        });
        if arrays.len() > 1 {
            note["array_jobs"] = json!(arrays);
        }
        let note = serde_json::to_string_pretty(&note).expect("a note is plain data");
        self.write("submission.json", &note)?;
        Ok(Submitted { arrays, merge: merge? })
    }
}

/// The jobs that Slurm has accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// The job arrays: one, or one for each rung of successive halving, each of which waits for the one before.
    pub arrays: Vec<String>,
    /// The job that sums up.
    pub merge: String,
}

/// Returns the lines of a shell that submit the same jobs by hand.
pub fn by_hand(job: &SlurmJob) -> String {
    let after = |command: String| command.replacen("ARRAY", r#""${array%%;*}""#, 1);
    let first = std::iter::once(sbatch(&array_arguments(job, None)));
    let others = (1..job.rungs).map(|_| after(sbatch(&array_arguments(job, Some("ARRAY")))));
    let arrays: Vec<String> = first.chain(others).map(|command| format!("array=$({command})\n")).collect();
    arrays.concat() + &after(sbatch(&merge_arguments(job, "ARRAY"))) + "\n"
}

/// Returns the arguments for an array, which waits for the array of the rung before.
fn array_arguments(job: &SlurmJob, before: Option<&str>) -> Vec<String> {
    let script = format!("{}/{}", job.submission, SlurmJob::ARRAY_SCRIPT);
    let after = before.map(|array| format!("--dependency=afterany:{array}"));
    std::iter::once("--parsable".to_owned()).chain(after).chain([script]).collect()
}

/// Returns the arguments for the job that sums up. It runs even if the array fails, to report what is missing.
fn merge_arguments(job: &SlurmJob, array: &str) -> Vec<String> {
    vec![
        "--parsable".to_owned(),
        format!("--dependency=afterany:{array}"),
        format!("{}/{}", job.submission, SlurmJob::MERGE_SCRIPT),
    ]
}

fn sbatch(arguments: &[String]) -> String {
    format!("sbatch {}", command(arguments))
}

/// Reads the number of a job from the output of `sbatch --parsable`: `123`, or `123;cluster`.
fn job_id(said: &str) -> String {
    said.lines().last().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_owned()
}

/// Runs a program of Slurm and returns its output.
fn call(program: &'static str, arguments: &[String], already: Option<&str>) -> Result<String, SubmitError> {
    let failed = |message: String| SubmitError::Failed {
        command: format!("{program} {}", command(arguments)),
        message,
        already: already.map(str::to_owned),
    };
    let output = match Command::new(program).args(arguments).output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(SubmitError::NoSlurm(program)),
        Err(error) => return Err(failed(error.to_string())),
        Ok(output) => output,
    };
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(failed(if said.is_empty() { output.status.to_string() } else { said }))
}

/// Checks that there is an `sbatch` to submit with.
pub fn find_sbatch() -> Result<(), SubmitError> {
    call("sbatch", &["--version".to_owned()], None).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_read_from_the_configuration() {
        let config = "Configuration data as of 2026-01-01\nMaxArraySize            = 501\nMaxJobCount = 10000\n\
            SchedulerParameters     = bf_interval=1,max_array_tasks=800\n";
        assert_eq!(array_limit_of(config).unwrap(), 500);
        assert_eq!(array_limit_of(&config.replace("=800", "=20")).unwrap(), 20);
        assert_eq!(array_limit_of("").unwrap(), DEFAULT_ARRAY_LIMIT);
        for disabled in ["0", "1"] {
            let error = array_limit_of(&config.replace("501", disabled)).unwrap_err().to_string();
            assert!(error.contains("no job arrays"), "{error}");
        }
    }

    #[test]
    fn job_numbers_are_read_with_and_without_a_cluster() {
        assert_eq!(job_id("123\n"), "123");
        assert_eq!(job_id("123;north\n"), "123");
        assert_eq!(job_id("sbatch: a remark\n124\n"), "124");
    }

    #[test]
    fn submissions_have_folders_of_their_own() {
        let results = tempfile::tempdir().unwrap();
        assert_eq!(Submission::next_folder(results.path()), results.path().join("submissions/1"));
        let first = Submission::create(results.path()).unwrap();
        let second = Submission::create(results.path()).unwrap();
        assert_eq!(first.folder(), results.path().join("submissions/1"));
        assert_eq!(second.folder(), results.path().join("submissions/2"));
        assert!(second.folder().join("logs").is_dir());
    }
}
