//! The machine as a benchmark meets it: processor, instruction sets, what limits the process, memory, and who else is at
//! work. What a system does not tell is `None`.

use crate::engine::{Isa, IsaError};
use crate::sweep::{Environment, logical_cpus};
use serde::Serialize;
use std::fs;
use std::path::{Path, PathBuf};

/// What is known of the machine.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Machine {
    /// The build, and the processor by name.
    #[serde(flatten)]
    pub environment: Environment,
    /// The instruction sets that kernels exist for and this processor has.
    pub isas: Vec<Isa>,
    /// Logical processors that are on.
    pub online_cpus: Option<usize>,
    /// Those that the process may run on, by number.
    pub allowed_cpus: Option<String>,
    /// Processors' worth of time that the control group grants.
    pub cgroup_cpus: Option<f64>,
    /// The governor of the first processor's clock.
    pub governor: Option<String>,
    /// Processes that wanted to run, mean over the last minute.
    pub load: Option<f64>,
    /// Bytes of memory.
    pub memory_total: Option<u64>,
    /// Bytes of memory that can be had without swapping.
    pub memory_available: Option<u64>,
    /// Bytes of memory that the control group grants.
    pub cgroup_memory: Option<u64>,
}

impl Machine {
    /// The present machine; an error if the environment names an instruction set that cannot be used.
    pub fn inspect(isa: Isa) -> Self {
        let text = |path: &str| fs::read_to_string(path).ok();
        let meminfo = text("/proc/meminfo").unwrap_or_default();
        let groups = ControlGroups::of_this_process();
        Self {
            environment: Environment::capture(isa),
            isas: Isa::available(),
            online_cpus: text("/sys/devices/system/cpu/online").and_then(|list| count_list(&list)),
            allowed_cpus: text("/proc/self/status").and_then(|status| field(&status, "Cpus_allowed_list:")),
            cgroup_cpus: groups.cpus(),
            governor: text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").map(|name| name.trim().to_owned()),
            load: text("/proc/loadavg").and_then(|text| text.split_whitespace().next()?.parse().ok()),
            memory_total: kibibytes(&meminfo, "MemTotal:"),
            memory_available: kibibytes(&meminfo, "MemAvailable:"),
            cgroup_memory: groups.memory(),
        }
    }

    /// The instruction set that runs would choose.
    pub fn chosen_isa() -> Result<Isa, IsaError> {
        Isa::detect()
    }

    /// Logical processors that the process may use.
    pub fn usable_cpus() -> usize {
        logical_cpus()
    }

    /// Bytes that a process can have: what is available, or what the control group grants if that is less.
    pub fn usable_memory(&self) -> Option<u64> {
        match (self.memory_available, self.cgroup_memory) {
            (Some(available), Some(limit)) => Some(available.min(limit)),
            (available, limit) => available.or(limit),
        }
    }
}

/// The value of a field of a text of lines `NAME value`.
fn field(text: &str, name: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line[name.len()..].trim().to_owned())
}

fn kibibytes(meminfo: &str, name: &str) -> Option<u64> {
    Some(field(meminfo, name)?.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

/// The length of a list such as `0-3,8`.
fn count_list(list: &str) -> Option<usize> {
    let mut count = 0;
    for part in list.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        count += last.parse::<usize>().ok()?.checked_sub(first.parse().ok()?)? + 1;
    }
    Some(count)
}

/// The control groups of a process: each grants no more than those above it.
struct ControlGroups {
    /// Folders of the unified hierarchy, the innermost first.
    unified: Vec<PathBuf>,
    /// Folders of the older hierarchies for processors and memory.
    cpu: Vec<PathBuf>,
    memory: Vec<PathBuf>,
}

impl ControlGroups {
    fn of_this_process() -> Self {
        Self::of(&fs::read_to_string("/proc/self/cgroup").unwrap_or_default(), Path::new("/sys/fs/cgroup"))
    }

    /// `membership` is as in `/proc/self/cgroup`, lines of `number:controllers:path`.
    fn of(membership: &str, root: &Path) -> Self {
        let folders = |controller: &str, root: PathBuf| {
            let mut lines = membership.lines().filter_map(|line| {
                let mut parts = line.splitn(3, ':').skip(1);
                Some((parts.next()?, parts.next()?))
            });
            let path = lines.find(|(controllers, _)| controllers.split(',').any(|own| own == controller));
            let path = path.map_or(String::new(), |(_, path)| path.trim_start_matches('/').to_owned());
            let innermost = root.join(path);
            innermost.ancestors().take_while(|folder| folder.starts_with(&root)).map(Path::to_path_buf).collect()
        };
        Self {
            unified: folders("", root.to_path_buf()),
            cpu: folders("cpu", root.join("cpu")),
            memory: folders("memory", root.join("memory")),
        }
    }

    /// Processors' worth of time: quota over period, the least of all groups.
    fn cpus(&self) -> Option<f64> {
        let unified = self.unified.iter().filter_map(|folder| {
            let text = fs::read_to_string(folder.join("cpu.max")).ok()?;
            let mut parts = text.split_whitespace().map(str::parse::<f64>);
            Some(parts.next()?.ok()? / parts.next()?.ok()?)
        });
        let older = self.cpu.iter().filter_map(|folder| {
            let number = |name| fs::read_to_string(folder.join(name)).ok()?.trim().parse::<f64>().ok();
            // A quota of −1 is none.
            number("cpu.cfs_quota_us").filter(|quota| *quota > 0.0).zip(number("cpu.cfs_period_us")).map(|(q, p)| q / p)
        });
        unified.chain(older).filter(|share| share.is_finite() && *share > 0.0).min_by(f64::total_cmp)
    }

    /// Bytes: the least of all groups.
    fn memory(&self) -> Option<u64> {
        /// The older hierarchy says "no limit" with a number beyond any memory.
        const NO_LIMIT: u64 = 1 << 60;
        let number = |folder: &PathBuf, name: &str| {
            fs::read_to_string(folder.join(name)).ok()?.trim().parse::<u64>().ok().filter(|limit| *limit < NO_LIMIT)
        };
        let unified = self.unified.iter().filter_map(|folder| number(folder, "memory.max"));
        unified.chain(self.memory.iter().filter_map(|folder| number(folder, "memory.limit_in_bytes"))).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_fields_are_read() {
        assert_eq!(count_list("0-3,8\n"), Some(5));
        assert_eq!(count_list("0"), Some(1));
        assert_eq!(count_list(""), None);
        let meminfo = "MemTotal:       16 kB\nMemAvailable:    8 kB\n";
        assert_eq!((kibibytes(meminfo, "MemTotal:"), kibibytes(meminfo, "MemAvailable:")), (Some(16384), Some(8192)));
        assert_eq!(kibibytes(meminfo, "Swap:"), None);
    }

    #[test]
    fn the_least_of_all_control_groups_counts() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("batch/job");
        fs::create_dir_all(&inner).unwrap();
        fs::write(inner.join("cpu.max"), "max 100000\n").unwrap();
        fs::write(root.path().join("batch/cpu.max"), "150000 100000\n").unwrap();
        fs::write(inner.join("memory.max"), "4096\n").unwrap();
        fs::write(root.path().join("batch/memory.max"), "max\n").unwrap();
        let groups = ControlGroups::of("0::/batch/job\n", root.path());
        assert_eq!((groups.cpus(), groups.memory()), (Some(1.5), Some(4096)));
        let none = ControlGroups::of("0::/other\n", root.path());
        assert_eq!((none.cpus(), none.memory()), (None, None));
    }

    #[test]
    fn the_older_hierarchies_are_read_too() {
        let root = tempfile::tempdir().unwrap();
        let (cpu, memory) = (root.path().join("cpu/job"), root.path().join("memory/job"));
        fs::create_dir_all(&cpu).unwrap();
        fs::create_dir_all(&memory).unwrap();
        fs::write(cpu.join("cpu.cfs_quota_us"), "50000\n").unwrap();
        fs::write(cpu.join("cpu.cfs_period_us"), "100000\n").unwrap();
        fs::write(root.path().join("cpu/cpu.cfs_quota_us"), "-1\n").unwrap();
        fs::write(root.path().join("cpu/cpu.cfs_period_us"), "100000\n").unwrap();
        fs::write(memory.join("memory.limit_in_bytes"), "9223372036854771712\n").unwrap();
        fs::write(root.path().join("memory/memory.limit_in_bytes"), "8192\n").unwrap();
        let groups = ControlGroups::of("4:cpu,cpuacct:/job\n3:memory:/job\n", root.path());
        assert_eq!((groups.cpus(), groups.memory()), (Some(0.5), Some(8192)));
    }
}
