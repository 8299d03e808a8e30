//! The followers among runs: they wait for another run of the same training, to take over its model with its curves.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The runs that follow another, their leader, until it has a record or has stopped.
#[derive(Debug, Default)]
pub(super) struct Followers {
    /// The leader of each follower.
    leaders: HashMap<usize, usize>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The leaders that have not ended yet.
    unsettled: HashSet<usize>,
    /// The followers that are held, in the order of the plan.
    held: Vec<usize>,
}

impl Followers {
    /// Finds the followers among the runs to do: all but the first of each training, and those that continue a `shorter` run
    /// of their course. A training that is `complete` already has none.
    pub(super) fn among(
        pending: &[usize],
        training_id: impl Fn(usize) -> String,
        complete: impl Fn(&str) -> bool,
        shorter: impl Fn(usize) -> Option<usize>,
    ) -> Self {
        let mut first: HashMap<String, usize> = HashMap::new();
        let mut leaders = HashMap::new();
        for &run in pending {
            let training_id = training_id(run);
            if complete(&training_id) {
                continue;
            }
            let leader = *first.entry(training_id).or_insert(run);
            if leader != run {
                leaders.insert(run, leader);
            } else if let Some(shorter) = shorter(run) {
                leaders.insert(run, shorter);
            }
        }
        let unsettled = leaders.values().copied().collect();
        Self { leaders, state: Mutex::new(State { unsettled, held: Vec::new() }) }
    }

    /// Holds a run if its leader has not ended; returns false if there is nothing to wait for.
    pub(super) fn hold(&self, run: usize) -> bool {
        let Some(leader) = self.leaders.get(&run) else { return false };
        let mut state = self.lock();
        let waits = state.unsettled.contains(leader);
        if waits {
            state.held.push(run);
        }
        waits
    }

    /// Notes that a run has ended, so that its followers need not wait any longer.
    pub(super) fn release(&self, run: usize) {
        self.lock().unsettled.remove(&run);
    }

    /// Takes the next held run that need not wait any longer.
    pub(super) fn next(&self) -> Option<usize> {
        let mut state = self.lock();
        let State { unsettled, held } = &mut *state;
        let ready = held.iter().position(|run| !unsettled.contains(&self.leaders[run]))?;
        Some(held.remove(ready))
    }

    /// Returns true if no run is held.
    pub(super) fn is_empty(&self) -> bool {
        self.lock().held.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn followers_wait_for_the_first_run_of_their_training() {
        let trainings = ["a", "b", "a", "c", "b", "a"];
        let followers =
            Followers::among(&[0, 1, 2, 3, 4, 5], |run| trainings[run].to_owned(), |id| id == "c", |_| None);
        assert_eq!([0, 1, 3].map(|run| followers.hold(run)), [false; 3]);
        assert_eq!([2, 4, 5].map(|run| followers.hold(run)), [true; 3]);
        assert_eq!(followers.next(), None);
        followers.release(1);
        assert_eq!((followers.next(), followers.next()), (Some(4), None));
        followers.release(0);
        assert_eq!((followers.next(), followers.next(), followers.next()), (Some(2), Some(5), None));
        assert!(followers.is_empty() && !followers.hold(2));
    }

    #[test]
    fn a_longer_run_waits_for_the_next_shorter_one() {
        let shorter = [None, Some(0), Some(1)];
        let followers = Followers::among(&[0, 2, 1], |run| run.to_string(), |_| false, |run| shorter[run]);
        assert_eq!([0, 2, 1].map(|run| followers.hold(run)), [false, true, true]);
        followers.release(0);
        assert_eq!((followers.next(), followers.next()), (Some(1), None));
        followers.release(1);
        assert_eq!(followers.next(), Some(2));
    }
}
