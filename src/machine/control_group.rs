//! The limits that the control groups of a process set.

use std::fs;
use std::path::{Path, PathBuf};

/// The control groups of a process: each grants no more than those above it.
pub(crate) struct ControlGroups {
    /// The folders of the unified hierarchy, the innermost first.
    unified: Vec<PathBuf>,
    /// The folders of the older hierarchy for processors, the innermost first.
    cpu: Vec<PathBuf>,
    /// The folders of the older hierarchy for memory, the innermost first.
    memory: Vec<PathBuf>,
}

/// The names of the files that describe the memory of a group in one hierarchy.
struct MemoryFiles {
    limit: &'static str,
    usage: &'static str,
    /// The field of `memory.stat` that counts pages of files, which make room where memory is needed.
    reclaimable: &'static str,
}

const UNIFIED: MemoryFiles =
    MemoryFiles { limit: "memory.max", usage: "memory.current", reclaimable: "inactive_file " };
const OLDER: MemoryFiles =
    MemoryFiles { limit: "memory.limit_in_bytes", usage: "memory.usage_in_bytes", reclaimable: "total_inactive_file " };

impl ControlGroups {
    /// Reads the groups that this process belongs to.
    pub(crate) fn of_this_process() -> Self {
        Self::of(&fs::read_to_string("/proc/self/cgroup").unwrap_or_default(), Path::new("/sys/fs/cgroup"))
    }

    /// Reads lines of `number:controllers:path`, as `/proc/self/cgroup` has them, of groups below `root`.
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

    /// Returns the processors' worth of time that the groups grant: quota over period, the least of all groups.
    pub(crate) fn cpus(&self) -> Option<f64> {
        let unified = self.unified.iter().filter_map(|folder| {
            let text = fs::read_to_string(folder.join("cpu.max")).ok()?;
            let mut parts = text.split_whitespace().map(str::parse::<f64>);
            Some(parts.next()?.ok()? / parts.next()?.ok()?)
        });
        let older = self.cpu.iter().filter_map(|folder| {
            let number = |name| fs::read_to_string(folder.join(name)).ok()?.trim().parse::<f64>().ok();
            // A quota of −1 stands for no limit.
            number("cpu.cfs_quota_us").filter(|quota| *quota > 0.0).zip(number("cpu.cfs_period_us")).map(|(q, p)| q / p)
        });
        unified.chain(older).filter(|share| share.is_finite() && *share > 0.0).min_by(f64::total_cmp)
    }

    /// Returns the bytes of memory that the groups grant in all: the least limit.
    pub(crate) fn memory_limit(&self) -> Option<u64> {
        self.memory_groups().filter_map(|(folder, files)| limit(folder, files)).min()
    }

    /// Returns the bytes of memory that the groups still grant: the least, over all groups with a limit, of the limit
    /// minus the memory in use, where pages of files that can be dropped do not count as in use.
    pub(crate) fn memory_left(&self) -> Option<u64> {
        let left = |(folder, files): (&PathBuf, &MemoryFiles)| {
            let used = number(&folder.join(files.usage))?;
            let statistics = fs::read_to_string(folder.join("memory.stat")).unwrap_or_default();
            let mut fields = statistics.lines().filter_map(|line| line.strip_prefix(files.reclaimable));
            let reclaimable = fields.next().and_then(|value| value.trim().parse().ok()).unwrap_or(0);
            Some(limit(folder, files)?.saturating_sub(used.saturating_sub(reclaimable)))
        };
        self.memory_groups().filter_map(left).min()
    }

    fn memory_groups(&self) -> impl Iterator<Item = (&PathBuf, &'static MemoryFiles)> {
        let unified = self.unified.iter().map(|folder| (folder, &UNIFIED));
        unified.chain(self.memory.iter().map(|folder| (folder, &OLDER)))
    }
}

/// Returns the limit of one group, if it has one.
fn limit(folder: &Path, files: &MemoryFiles) -> Option<u64> {
    /// The older hierarchy states "no limit" as a number beyond any memory.
    const NO_LIMIT: u64 = 1 << 60;
    number(&folder.join(files.limit)).filter(|limit| *limit < NO_LIMIT)
}

fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!((groups.cpus(), groups.memory_limit()), (Some(1.5), Some(4096)));
        let none = ControlGroups::of("0::/other\n", root.path());
        assert_eq!((none.cpus(), none.memory_limit(), none.memory_left()), (None, None, None));
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
        assert_eq!((groups.cpus(), groups.memory_limit()), (Some(0.5), Some(8192)));
    }

    #[test]
    fn memory_in_use_counts_except_for_pages_that_can_be_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let job = folder.path().join("slurm/job_1");
        fs::create_dir_all(&job).unwrap();
        fs::write(job.join("memory.max"), "max\n").unwrap();
        fs::write(job.join("memory.current"), "100\n").unwrap();
        fs::write(folder.path().join("slurm/memory.max"), "5000\n").unwrap();
        fs::write(folder.path().join("slurm/memory.current"), "3000\n").unwrap();
        fs::write(folder.path().join("slurm/memory.stat"), "anon 1\ninactive_file 500\n").unwrap();
        let left = |membership| ControlGroups::of(membership, folder.path()).memory_left();
        assert_eq!(left("0::/slurm/job_1\n"), Some(2500));
        assert_eq!(left("0::/elsewhere\n"), None);
        let old = folder.path().join("memory/docker/a");
        fs::create_dir_all(&old).unwrap();
        fs::write(old.join("memory.limit_in_bytes"), "7000\n").unwrap();
        fs::write(old.join("memory.usage_in_bytes"), "1000\n").unwrap();
        assert_eq!(left("5:cpu:/docker/a\n4:memory:/docker/a\n"), Some(6000));
    }
}
