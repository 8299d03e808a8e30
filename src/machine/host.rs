//! The identity of a process: its host, its boot, its start, its batch job.

use crate::machine::text::Shown as _;
use std::fs;

/// Returns the name of this host, as the system gives it.
pub(crate) fn host_name_if_known() -> Option<String> {
    fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|name| name.trim().to_owned())
}

/// Returns the name of this host; "unknown" if neither the system nor the environment gives one.
pub(crate) fn host_name() -> String {
    let name = host_name_if_known().or_else(|| std::env::var("HOSTNAME").ok());
    name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).unwrap_or_else(|| "unknown".into())
}

/// Returns the boot, the namespace of process numbers and the start time of a process. `None` if there is no such
/// process or the system does not describe it.
pub(crate) fn process_identity(process: &str) -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The fields after the name in brackets, which may hold anything: the state is field 3, the start time field 22.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    let start = fields.nth(18)?;
    // A process that has ended but that its parent has not waited for is gone.
    let ended = matches!(state, "Z" | "X");
    (!ended).then(|| format!("{}/{}/{start}", boot.trim(), namespace.shown()))
}

/// Returns the job of the batch system that this process belongs to.
pub(crate) fn batch_job() -> Option<String> {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    match (variable("SLURM_ARRAY_JOB_ID"), variable("SLURM_ARRAY_TASK_ID")) {
        (Some(job), Some(task)) => Some(format!("{job}_{task}")),
        _ => variable("SLURM_JOB_ID").or_else(|| variable("PBS_JOBID")),
    }
}
