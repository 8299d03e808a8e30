//! The processors that this process may use.

/// Returns the number of logical processors that this process may use, at least 1: the number that affinity and control
/// group admit, or the number that a batch system has given to the task if that is less.
pub fn logical_cpus() -> usize {
    let available = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let given = given_cpus(|name| std::env::var(name).ok());
    given.map_or(available, |given| given.min(available))
}

/// Returns the number of processors that a batch system has given, as the environment states it. Many batch systems
/// bind nothing: a task sees the whole machine, whatever its share.
fn given_cpus(variable: impl Fn(&str) -> Option<String>) -> Option<usize> {
    // The variable that shows that the system is at work; those that give the number, the most specific first.
    const SYSTEMS: [(&str, &[&str]); 4] = [
        ("SLURM_JOB_ID", &["SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE"]),
        ("PBS_JOBID", &["NCPUS"]),
        ("JOB_ID", &["NSLOTS"]),
        ("LSB_JOBID", &["LSB_DJOB_NUMPROC"]),
    ];
    let at_work = SYSTEMS.into_iter().filter(|(job, _)| variable(job).is_some());
    let numbers = at_work.flat_map(|(_, names)| names).filter_map(|name| variable(name)?.trim().parse().ok());
    numbers.into_iter().find(|&number| number > 0)
}

/// Returns the name of the processor, or the architecture if the system gives no name.
pub(crate) fn cpu_name() -> String {
    let name = std::fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    });
    name.unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_a_task_is_read_from_its_batch_system() {
        let given = |variables: &[(&str, &str)]| {
            given_cpus(|name| Some(variables.iter().find(|(own, _)| *own == name)?.1.to_owned()))
        };
        assert_eq!(given(&[]), None);
        let slurm = [("SLURM_JOB_ID", "7"), ("SLURM_CPUS_ON_NODE", "8"), ("SLURM_CPUS_PER_TASK", "2")];
        assert_eq!(given(&slurm), Some(2), "a task may have less than its job has on the node");
        assert_eq!(given(&slurm[..2]), Some(8));
        assert_eq!(given(&slurm[..1]), None);
        assert_eq!(given(&slurm[1..]), None, "left over in the environment of no job");
        assert_eq!(given(&[("SLURM_JOB_ID", "7"), ("SLURM_CPUS_PER_TASK", "0"), ("SLURM_CPUS_ON_NODE", "x")]), None);
        assert_eq!(given(&[("PBS_JOBID", "7"), ("NCPUS", "3")]), Some(3));
        assert_eq!(given(&[("JOB_ID", "7"), ("NSLOTS", "4")]), Some(4));
        assert_eq!(given(&[("LSB_JOBID", "7"), ("LSB_DJOB_NUMPROC", "5")]), Some(5));
        assert!(logical_cpus() >= 1);
    }
}
