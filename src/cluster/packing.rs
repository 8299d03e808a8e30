//! The division of shards over the tasks of a job array.

/// The numbers of shards and of tasks that do them: task t does the shards t, t + tasks, t + 2 · tasks, …
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packing {
    /// The number of shards, the parts of the plan. They are numbered from 1.
    pub shards: usize,
    /// The number of tasks in the job array, at most that of the shards. They are numbered from 1.
    pub tasks: usize,
}

impl Packing {
    /// Packs one shard into each task, or as few as an array of at most `most_tasks` tasks allows. The numbers of two
    /// tasks' shards differ by 1 at most. Fewer tasks of equal length take no longer than more of unequal length.
    pub fn new(shards: usize, most_tasks: usize) -> Self {
        let shards = shards.max(1);
        let per_task = shards.div_ceil(most_tasks.max(1));
        Self { shards, tasks: shards.div_ceil(per_task) }
    }

    /// Returns the maximum number of shards in a task.
    pub fn most_per_task(self) -> usize {
        self.shards.div_ceil(self.tasks)
    }

    /// Returns the shards of a task, which is counted from 1. The job script does the same.
    pub fn shards_of(self, task: usize) -> impl Iterator<Item = usize> {
        (task..=self.shards).step_by(self.tasks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shard_has_one_task_and_tasks_are_even() {
        for shards in 1..60 {
            for most in 1..70 {
                let packing = Packing::new(shards, most);
                assert!((1..=most.min(shards)).contains(&packing.tasks), "{shards} in {most}: {packing:?}");
                let tasks: Vec<Vec<usize>> =
                    (1..=packing.tasks).map(|task| packing.shards_of(task).collect()).collect();
                let mut all: Vec<usize> = tasks.iter().flatten().copied().collect();
                all.sort_unstable();
                assert_eq!(all, (1..=shards).collect::<Vec<_>>(), "{packing:?}");
                let lengths = || tasks.iter().map(Vec::len);
                assert!(lengths().max().unwrap() - lengths().min().unwrap() <= 1, "{packing:?}");
                assert_eq!(lengths().max().unwrap(), packing.most_per_task());
                assert_eq!(packing.most_per_task(), shards.div_ceil(most), "no longer than necessary");
            }
        }
        assert_eq!(Packing::new(4, 1000), Packing { shards: 4, tasks: 4 });
        assert_eq!(Packing::new(1001, 1000), Packing { shards: 1001, tasks: 501 });
    }
}
