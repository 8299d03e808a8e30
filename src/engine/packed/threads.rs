//! The decision between one thread and the pool, made from the size of the work.

use rayon::prelude::*;

/// Work below this many additions of sixteen numbers stays on the calling thread.
///
/// An addition from the first-level cache takes 0.2 ns or more, so this is at least 40 µs; to wake the pool and wait for it takes 10 to 20 µs.
const FORK_FROM: usize = 200_000;

/// Whether work of so many additions of sixteen numbers is worth dividing among the threads of the pool.
pub(super) fn worth_dividing(additions: usize) -> bool {
    additions >= FORK_FROM && rayon::current_num_threads() > 1
}

/// How many of `count` pieces of work one task takes: two tasks a thread even out what others take from a core, and more of them
/// would spend time on moving random streams to where a task starts.
pub(super) fn task_size(parallel: bool, count: usize) -> usize {
    if parallel { count.div_ceil(2 * rayon::current_num_threads()) } else { count }
}

/// Call `work` with the number and the values of each chunk of `size` values; chunk numbers depend on `size` alone.
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

/// As [`for_each_chunk`] with two slices, whose chunks go together.
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
