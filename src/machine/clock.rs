//! The clock of the processor time that the threads of a pool take.

/// A clock of the processor time of the threads of the current pool.
#[derive(Debug)]
pub(crate) struct CpuClock {
    start: Vec<Option<f64>>,
}

impl CpuClock {
    /// Starts the measurement.
    pub(crate) fn start() -> Self {
        Self { start: rayon::broadcast(|_| thread_seconds()) }
    }

    /// Returns true if the system gives the time of every thread.
    pub(crate) fn is_known(&self) -> bool {
        self.start.iter().all(Option::is_some)
    }

    /// Returns the seconds that all threads of the pool together have taken since the start.
    pub(crate) fn seconds(&self) -> f64 {
        let now = rayon::broadcast(|_| thread_seconds());
        now.into_iter().zip(&self.start).filter_map(|(now, start)| Some(now? - (*start)?)).sum::<f64>() + 0.0
    }
}

#[cfg(unix)]
#[allow(clippy::unnecessary_wraps, reason = "other systems do not give it")]
fn thread_seconds() -> Option<f64> {
    use rustix::time::{ClockId, clock_gettime};
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Some(time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9)
}

#[cfg(not(unix))]
fn thread_seconds() -> Option<f64> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn threads_at_work_are_counted_and_waiting_ones_are_not() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        pool.install(|| {
            let clock = CpuClock::start();
            assert!(clock.is_known());
            std::thread::sleep(Duration::from_millis(50));
            let asleep = clock.seconds();
            rayon::broadcast(|_| {
                let (start, own) = (Instant::now(), thread_seconds().unwrap());
                while thread_seconds().unwrap() - own < 0.05 && start.elapsed() < Duration::from_mins(1) {}
            });
            assert!(asleep < 0.04, "{asleep} s asleep");
            assert!(clock.seconds() - asleep > 0.09, "{} s of two threads", clock.seconds() - asleep);
        });
    }
}
