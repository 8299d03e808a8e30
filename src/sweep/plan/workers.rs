//! The division of the processors among runs.

use super::prepared::Prepared;
use crate::engine::Isa;
use crate::machine::logical_cpus;
use crate::music::Corpus;
use crate::sweep::config::RunParameters;
use crate::sweep::config::{Parallelism, SweepConfig};
use crate::train::Batches;

/// The duration of an update below which it stays on one thread. What remains of a second thread's gain, after dividing
/// and joining the phases, is less than a second run would bring.
const WORTH_DIVIDING_MICROSECONDS: f64 = 200.0;
/// The number of runs at once and of threads for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workers {
    /// The number of runs at once.
    pub jobs: usize,
    /// The number of threads of each run.
    pub threads_per_run: usize,
}

impl Workers {
    /// Divides `processors` among `runs` runs so that jobs × threads never exceeds them. Exact numbers are kept as far
    /// as they fit, threads before jobs. Automatic jobs fill the machine, since runs share nothing. Automatic threads
    /// share the processors that jobs leave, if an update is long enough to be `worth_dividing`.
    pub fn divide(
        jobs: Parallelism,
        threads: Parallelism,
        processors: usize,
        runs: usize,
        worth_dividing: bool,
    ) -> Self {
        let (processors, runs) = (processors.max(1), runs.max(1));
        let left = |jobs: usize| if worth_dividing { processors / jobs } else { 1 };
        match (jobs, threads) {
            (_, Parallelism::Exactly(threads)) => {
                let threads_per_run = threads.clamp(1, processors);
                let room = processors / threads_per_run;
                let jobs = match jobs {
                    Parallelism::Auto => room.min(runs),
                    Parallelism::Exactly(jobs) => jobs.min(room),
                };
                Self { jobs: jobs.max(1), threads_per_run }
            }
            (Parallelism::Exactly(jobs), Parallelism::Auto) => {
                let jobs = jobs.clamp(1, processors);
                Self { jobs, threads_per_run: left(jobs) }
            }
            (Parallelism::Auto, Parallelism::Auto) => {
                let jobs = processors.min(runs);
                Self { jobs, threads_per_run: left(jobs) }
            }
        }
    }

    /// Divides as [`Self::divide`] does, for `runs` runs of a sweep on this machine, by the longest update among its
    /// points.
    pub fn for_sweep(sweep: &SweepConfig, prepared: &Prepared, isa: Isa, runs: usize) -> Self {
        let worth_dividing = longest_update(prepared, isa) >= WORTH_DIVIDING_MICROSECONDS;
        Self::divide(sweep.jobs, sweep.threads_per_run, logical_cpus(), runs, worth_dividing)
    }

    /// Returns the division in a sentence, with the estimate that it depends on.
    pub fn explain(self, prepared: &Prepared, isa: Isa) -> String {
        let Self { jobs, threads_per_run } = self;
        let longest = longest_update(prepared, isa);
        format!(
            "{jobs} at once with {threads_per_run} threads each on {} processors (the longest update is estimated at \
             {longest:.0} µs; threads share updates from {WORTH_DIVIDING_MICROSECONDS} µs on)",
            logical_cpus()
        )
    }
}

/// Returns the estimated time of the longest update among the points of a plan, in microseconds on one thread.
fn longest_update(prepared: &Prepared, isa: Isa) -> f64 {
    let points = prepared.plan.points.iter().zip(&prepared.corpus_of_point);
    points
        .map(|(point, &corpus)| {
            let corpus = &prepared.corpora[corpus];
            let rows = mean_batch(&point.parameters, corpus);
            update_microseconds(&point.parameters, corpus.layout.columns(), rows, isa)
        })
        .fold(0.0, f64::max)
}

/// Returns the mean number of windows in a batch: a song often has fewer than a batch may have.
pub(super) fn mean_batch(parameters: &RunParameters, corpus: &Corpus) -> f64 {
    let largest = parameters.train.batch_size as f64;
    match parameters.train.batches {
        Batches::Shuffled => largest,
        Batches::PerSong => {
            let steps: usize = corpus.songs.iter().map(|song| song.roll.steps()).sum();
            let windows = steps as f64 / (parameters.model.timesteps * corpus.songs.len().max(1)) as f64;
            largest.min(windows.max(1.0))
        }
    }
}

/// Returns the estimated time of one update of a batch of `rows` windows on one thread, in microseconds; `columns` is
/// the number of units of a time step.
pub(crate) fn update_microseconds(parameters: &RunParameters, columns: usize, rows: f64, isa: Isa) -> f64 {
    let RunParameters { model, train, .. } = parameters;
    model.kind.update_microseconds(model, train, model.timesteps * columns, rows, isa)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Parallelism::{Auto, Exactly};

    #[test]
    fn jobs_times_threads_never_exceeds_the_processors() {
        for processors in 1..9 {
            for jobs in [Auto, Exactly(1), Exactly(2), Exactly(5), Exactly(100)] {
                for threads in [Auto, Exactly(1), Exactly(3), Exactly(100)] {
                    for runs in [0, 1, 3, 50] {
                        for worth_dividing in [false, true] {
                            let workers = Workers::divide(jobs, threads, processors, runs, worth_dividing);
                            assert!(workers.jobs >= 1 && workers.threads_per_run >= 1);
                            assert!(workers.jobs * workers.threads_per_run <= processors);
                        }
                    }
                }
            }
        }
        let workers = |jobs, threads_per_run| Workers { jobs, threads_per_run };
        assert_eq!(Workers::divide(Auto, Exactly(1), 8, 50, true), workers(8, 1));
        assert_eq!(Workers::divide(Auto, Auto, 8, 3, true), workers(3, 2));
        assert_eq!(Workers::divide(Auto, Auto, 8, 3, false), workers(3, 1));
        assert_eq!(Workers::divide(Auto, Auto, 8, 50, true), workers(8, 1));
        assert_eq!(Workers::divide(Exactly(3), Exactly(2), 8, 50, true), workers(3, 2));
    }

    #[test]
    fn small_updates_are_not_divided_and_large_ones_are() {
        let mut parameters = RunParameters::default();
        let small = update_microseconds(&parameters, 156, 10.0, Isa::Avx512);
        assert!((5.0..100.0).contains(&small), "{small} µs");
        parameters.model.hidden = 1024;
        let large = update_microseconds(&parameters, 156, 100.0, Isa::Avx512);
        assert!((500.0..5000.0).contains(&large), "{large} µs");
        assert!(update_microseconds(&parameters, 156, 100.0, Isa::Scalar) > large);
    }
}
