//! The choice of one thread or the pool, made from the size of the work.

use rayon::prelude::*;
use std::cell::Cell;
use std::num::NonZero;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// Work below this many additions of sixteen numbers stays on the calling thread where the others of the pool may
/// sleep.
///
/// An addition from the first-level cache takes 0.2 ns or more, so this is at least 120 µs; to wake a sleeping thread
/// takes up to 100 µs on a virtual machine.
const FORK_FROM: usize = if cfg!(test) { 100_000 } else { 600_000 };
/// The same bound where the others are kept awake: a fork and its join then take about a microsecond.
const FORK_FROM_AWAKE: usize = 40_000;
/// An update of fewer connections (examples × visible × hidden units) is not worth the time that other threads spend on
/// waiting.
const CONNECTIONS_WORTH_WAITING_FOR: usize = 1_000_000;
/// The looks for work that a waiting thread takes before it queues up again.
const LOOKS: usize = 64;

thread_local! {
    /// True if this thread is inside [`keep_awake`].
    static AWAKE: Cell<bool> = const { Cell::new(false) };
}

/// Returns true if `additions` additions of sixteen numbers are worth dividing among the threads of the pool.
pub(super) fn worth_dividing(additions: usize) -> bool {
    additions >= if AWAKE.get() { FORK_FROM_AWAKE } else { FORK_FROM } && rayon::current_num_threads() > 1
}

/// Calls `work` while the other threads of the pool wait for its forks without falling asleep, if updates of that
/// number of `connections` (examples × visible × hidden units) are worth that.
///
/// Between the phases of an update a pool's threads would fall asleep, and waking them takes longer than many a phase.
/// This changes no result.
pub fn keep_awake<T>(connections: usize, work: impl FnOnce() -> T) -> T {
    let threads = rayon::current_num_threads();
    let worth_it = connections >= CONNECTIONS_WORTH_WAITING_FOR
        && (2..=processors()).contains(&threads)
        && rayon::current_thread_index().is_some()
        && !AWAKE.get();
    if !worth_it {
        return work();
    }
    let over = AtomicBool::new(false);
    // Ends the waiting on unwinding too.
    let awake = AwakeUntilDropped(&over);
    rayon::in_place_scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|scope| wait_for_work(scope, &over));
        }
        AWAKE.set(true);
        let result = work();
        drop(awake);
        result
    })
}

struct AwakeUntilDropped<'a>(&'a AtomicBool);

impl Drop for AwakeUntilDropped<'_> {
    fn drop(&mut self) {
        AWAKE.set(false);
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Looks for work for a short while, and queues up to do so again.
///
/// That it returns matters: a thread that waits for the end of a fork may take this up meanwhile.
fn wait_for_work<'scope>(scope: &rayon::Scope<'scope>, over: &'scope AtomicBool) {
    for _ in 0..LOOKS {
        if over.load(Ordering::Relaxed) {
            return;
        }
        match rayon::yield_now() {
            Some(rayon::Yield::Executed) => break,
            _ => std::hint::spin_loop(),
        }
    }
    scope.spawn(|scope| wait_for_work(scope, over));
}

/// Returns the processors of this machine that the program may use.
fn processors() -> usize {
    static PROCESSORS: OnceLock<usize> = OnceLock::new();
    *PROCESSORS.get_or_init(|| std::thread::available_parallelism().map_or(1, NonZero::get))
}

/// Two tasks a thread even out what others take from a core. More of them would spend time on moving random streams to
/// where a task starts.
pub(super) const TASKS_PER_THREAD: usize = 2;

/// Returns the number of `count` pieces of work that one task takes.
pub(super) fn task_size(parallel: bool, count: usize) -> usize {
    if parallel { count.div_ceil(TASKS_PER_THREAD * rayon::current_num_threads()) } else { count }
}

/// Calls `work` with the number and the values of each chunk of `size` values; chunk numbers depend on `size` alone.
pub(super) fn for_each_chunk<T: Send>(
    parallel: bool,
    values: &mut [T],
    size: usize,
    work: impl Fn(usize, &mut [T]) + Send + Sync,
) {
    if parallel && values.len() > size {
        values.par_chunks_mut(size).enumerate().for_each(|(index, chunk)| work(index, chunk));
    } else {
        values.chunks_mut(size).enumerate().for_each(|(index, chunk)| work(index, chunk));
    }
}

/// Calls `work` with each of the tasks.
pub(super) fn for_each<T: Send>(parallel: bool, tasks: Vec<T>, work: impl Fn(T) + Send + Sync) {
    if parallel && tasks.len() > 1 {
        tasks.into_par_iter().for_each(work);
    } else {
        tasks.into_iter().for_each(work);
    }
}

/// Calls `work` as [`for_each_chunk`] does, with two slices whose chunks go together.
pub(super) fn for_each_pair<T: Send, U: Send>(
    parallel: bool,
    (first, first_size): (&mut [T], usize),
    (second, second_size): (&mut [U], usize),
    work: impl Fn(usize, &mut [T], &mut [U]) + Send + Sync,
) {
    if parallel && first.len() > first_size {
        let pairs = first.par_chunks_mut(first_size).zip(second.par_chunks_mut(second_size));
        pairs.enumerate().for_each(|(index, (first, second))| work(index, first, second));
    } else {
        let pairs = first.chunks_mut(first_size).zip(second.chunks_mut(second_size));
        pairs.enumerate().for_each(|(index, (first, second))| work(index, first, second));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(threads: usize) -> rayon::ThreadPool {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
    }

    #[test]
    #[cfg_attr(miri, ignore = "many threads")]
    fn forks_inside_end_and_nothing_stays_awake() {
        for threads in [1, 2, 3] {
            let sum = pool(threads).install(|| {
                let sum = keep_awake(usize::MAX, || {
                    let mut values = vec![1usize; 5_000];
                    for _ in 0..50 {
                        for_each_chunk(true, &mut values, 7, |index, values| values[0] += index);
                    }
                    // Inside another call nothing changes.
                    keep_awake(usize::MAX, || values.iter().sum::<usize>())
                });
                assert!(!AWAKE.get());
                sum
            });
            let chunks = 5_000usize.div_ceil(7);
            assert_eq!(sum, 5_000 + 50 * chunks * (chunks - 1) / 2);
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "many threads")]
    fn a_panic_inside_ends_the_waiting() {
        let pool = pool(2);
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            pool.install(|| keep_awake(usize::MAX, || panic!("on purpose")));
        }));
        assert!(panic.is_err());
        assert_eq!(pool.install(|| (AWAKE.get(), rayon::join(|| 1, || 2))), (false, (1, 2)));
    }
}
