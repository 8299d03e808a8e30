//! The request that a sweep stop: raised by a signal, seen by every run before its next batch.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
#[cfg(unix)]
use std::time::{Duration, Instant};

/// A signal that asks the program to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopSignal {
    /// SIGINT: Ctrl-C.
    Interrupt,
    /// SIGTERM: the end of a session, of a job, of a container.
    Terminate,
    /// SIGHUP: the terminal or the connection to it is gone.
    HangUp,
    /// SIGUSR1: a batch system's warning that the time limit of the job is near (`sbatch --signal=USR1@120`).
    TimeLimitNear,
}

impl StopSignal {
    const ALL: [Self; 4] = [Self::Interrupt, Self::Terminate, Self::HangUp, Self::TimeLimitNear];

    /// Returns the exit code of a program that the signal stopped: 128 plus the number of the signal. A warning counts
    /// as the SIGTERM that it announces.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::HangUp => 129,
            Self::Interrupt => 130,
            Self::Terminate | Self::TimeLimitNear => 143,
        }
    }

    /// Returns the reason that a run's `interrupted.json` gives.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
            Self::HangUp => "SIGHUP: the terminal is gone",
            Self::TimeLimitNear => "SIGUSR1: the time limit of the job is near",
        }
    }
}

/// The time from which on a second signal is a second request. `timeout` and job managers signal a process and its
/// group, which delivers one request twice.
#[cfg(unix)]
const APART: Duration = Duration::from_secs(1);

/// Returns true if a signal at this time is a second request. `first` is the time of the first signal.
#[cfg(unix)]
fn is_second(first: &mut Option<Instant>, now: Instant) -> bool {
    now.duration_since(*first.get_or_insert(now)) >= APART
}

/// Returns true if the process ignores a signal.
#[cfg(unix)]
fn is_ignored(number: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask >> (number - 1) & 1 == 1)
}

/// A flag that asks a sweep to stop. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    /// Zero, or one plus the signal's place in [`StopSignal::ALL`].
    raised: Arc<AtomicUsize>,
}

impl Interrupt {
    /// Returns a flag that the signals of this process raise. The first SIGINT, SIGTERM or SIGHUP raises it; a second
    /// after a second ends the process at once. SIGHUP stays ignored where it is, as under `nohup`.
    #[cfg(unix)]
    pub fn on_signals() -> io::Result<Self> {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
        let own = Self::default();
        let known = StopSignal::ALL.into_iter().zip([SIGINT, SIGTERM, SIGHUP, SIGUSR1]);
        let known: Vec<_> = known.filter(|(_, number)| *number != SIGHUP || !is_ignored(*number)).collect();
        let mut signals = signal_hook::iterator::Signals::new(known.iter().map(|(_, number)| *number))?;
        let raised = own.clone();
        let watch = move || {
            let mut first = None;
            for number in signals.forever() {
                let Some((signal, _)) = known.iter().find(|(_, known)| *known == number) else { continue };
                raised.raise(*signal);
                if *signal == StopSignal::TimeLimitNear {
                    continue;
                }
                if is_second(&mut first, Instant::now()) {
                    signal_hook::low_level::exit(signal.exit_code().into());
                }
            }
        };
        std::thread::Builder::new().name("signals".into()).spawn(watch)?;
        Ok(own)
    }

    /// Returns a flag that only [`Self::raise`] raises: this system has no such signals.
    #[cfg(not(unix))]
    pub fn on_signals() -> io::Result<Self> {
        Ok(Self::default())
    }

    /// Raises the flag.
    pub fn raise(&self, signal: StopSignal) {
        let place = StopSignal::ALL.iter().position(|own| *own == signal).unwrap_or_default();
        self.raised.store(place + 1, Ordering::Relaxed);
    }

    /// Returns the signal that raised the flag, if one has.
    pub fn raised(&self) -> Option<StopSignal> {
        StopSignal::ALL.get(self.raised.load(Ordering::Relaxed).checked_sub(1)?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_signal_that_arrives_twice_at_once_is_one() {
        let (mut first, start) = (None, Instant::now());
        assert!(!is_second(&mut first, start));
        for (milliseconds, second) in [(1, false), (999, false), (1000, true), (60_000, true)] {
            assert_eq!(is_second(&mut first, start + Duration::from_millis(milliseconds)), second);
        }
    }

    #[test]
    fn what_is_raised_is_seen_by_all_clones() {
        let interrupt = Interrupt::default();
        let clone = interrupt.clone();
        assert_eq!(clone.raised(), None);
        for (signal, code) in [
            (StopSignal::TimeLimitNear, 143),
            (StopSignal::Terminate, 143),
            (StopSignal::Interrupt, 130),
            (StopSignal::HangUp, 129),
        ] {
            interrupt.raise(signal);
            assert_eq!(clone.raised(), Some(signal));
            assert_eq!(signal.exit_code(), code);
        }
    }
}
