//! The courses of trainings that runs of a sweep share: the longer continue the shorter.

use crate::sweep::plan::Prepared;
use crate::sweep::run::course::Course;
use std::collections::HashMap;

/// The courses of the runs to do, where there are runs of several lengths.
#[derive(Debug, Default)]
pub(super) struct Courses {
    of_runs: HashMap<usize, Course>,
    /// The run to do that is next shorter than a run.
    shorter: HashMap<usize, usize>,
}

impl Courses {
    /// Finds the courses of the runs of a plan that are to do.
    pub(super) fn of(prepared: &Prepared, pending: &[usize]) -> Self {
        let mut courses: HashMap<String, Vec<(u64, usize)>> = HashMap::new();
        for &run in pending {
            if let Some(id) = prepared.course_id(run) {
                let length = prepared.plan.runs[run].parameters().epochs();
                courses.entry(id).or_default().push((length, run));
            }
        }
        let mut own = Self::default();
        for (id, mut runs) in courses {
            runs.sort_unstable();
            let longest = runs.last().map_or(0, |&(length, _)| length);
            let (mut shorter, mut of_length) = (None, runs[0]);
            for &(length, run) in &runs {
                if length > of_length.0 {
                    (shorter, of_length) = (Some(of_length.1), (length, run));
                }
                if let Some(shorter) = shorter {
                    own.shorter.insert(run, shorter);
                }
                let stops = prepared.plan.runs[run].parameters().train.stop_after > 0;
                own.of_runs.insert(run, Course { id: id.clone(), leaves_state: stops || length < longest });
            }
        }
        own
    }

    /// Returns the course of a run.
    pub(super) fn of_run(&self, run: usize) -> Option<&Course> {
        self.of_runs.get(&run)
    }

    /// Returns the longest run to do that is shorter than a run of the same course.
    pub(super) fn shorter(&self, run: usize) -> Option<usize> {
        self.shorter.get(&run).copied()
    }
}
