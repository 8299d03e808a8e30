//! The machine as a benchmark meets it: processor, memory, limits, load. A fact that the system does not give is
//! `None`.

use crate::engine::{Isa, IsaError};
use crate::machine::Environment;
use crate::machine::control_group::ControlGroups;
use crate::machine::memory::machine_bytes;
use serde::Serialize;
use std::fs;

/// The facts known about the machine.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Machine {
    /// The build, and the processor by name.
    #[serde(flatten)]
    pub environment: Environment,
    /// The instruction sets that kernels exist for and this processor has.
    pub isas: Vec<Isa>,
    /// The number of logical processors that are online.
    pub online_cpus: Option<usize>,
    /// The logical processors that the process may run on, by number.
    pub allowed_cpus: Option<String>,
    /// The processor time that the control group grants, in processors.
    pub cgroup_cpus: Option<f64>,
    /// The governor of the first processor's clock.
    pub governor: Option<String>,
    /// The processes that wanted to run, mean over the last minute.
    pub load: Option<f64>,
    /// The bytes of memory.
    pub memory_total: Option<u64>,
    /// The bytes of memory available without swapping.
    pub memory_available: Option<u64>,
    /// The bytes of memory that the control group grants.
    pub cgroup_memory: Option<u64>,
}

impl Machine {
    /// Looks at this machine; runs would use the instruction set `isa`.
    pub fn inspect(isa: Isa) -> Self {
        let text = |path: &str| fs::read_to_string(path).ok();
        let groups = ControlGroups::of_this_process();
        Self {
            environment: Environment::capture(isa),
            isas: Isa::available(),
            online_cpus: text("/sys/devices/system/cpu/online").and_then(|list| count_list(&list)),
            allowed_cpus: text("/proc/self/status").and_then(|status| field(&status, "Cpus_allowed_list:")),
            cgroup_cpus: groups.cpus(),
            governor: text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").map(|name| name.trim().to_owned()),
            load: text("/proc/loadavg").and_then(|text| text.split_whitespace().next()?.parse().ok()),
            memory_total: machine_bytes("MemTotal:"),
            memory_available: machine_bytes("MemAvailable:"),
            cgroup_memory: groups.memory_limit(),
        }
    }

    /// Returns the instruction set that runs choose; an error if the environment names one that cannot be used.
    pub fn chosen_isa() -> Result<Isa, IsaError> {
        Isa::detect()
    }

    /// Returns the bytes available to a process: the memory available, or the control group's grant if that is less.
    pub fn usable_memory(&self) -> Option<u64> {
        match (self.memory_available, self.cgroup_memory) {
            (Some(available), Some(limit)) => Some(available.min(limit)),
            (available, limit) => available.or(limit),
        }
    }
}

/// Returns the value of a field of a text of lines `NAME value`.
fn field(text: &str, name: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line[name.len()..].trim().to_owned())
}

/// Returns the length of a list such as `0-3,8`.
fn count_list(list: &str) -> Option<usize> {
    let mut count = 0;
    for part in list.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        count += last.parse::<usize>().ok()?.checked_sub(first.parse().ok()?)? + 1;
    }
    Some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_fields_are_read() {
        assert_eq!(count_list("0-3,8\n"), Some(5));
        assert_eq!(count_list("0"), Some(1));
        assert_eq!(count_list(""), None);
        let status = "Name:\trunner\nCpus_allowed_list:\t0-1\n";
        assert_eq!(field(status, "Cpus_allowed_list:").as_deref(), Some("0-1"));
        assert_eq!(field(status, "Swap:"), None);
    }
}
