//! The wish that a sweep stop: raised by a signal, seen by every run before its next batch.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What asks a program to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopSignal {
    /// SIGINT: Ctrl-C.
    Interrupt,
    /// SIGTERM: the end of a session, of a job, of a container.
    Terminate,
    /// SIGUSR1: a batch system's warning that the time limit of the job is near (`sbatch --signal=USR1@120`).
    TimeLimitNear,
}

impl StopSignal {
    const ALL: [Self; 3] = [Self::Interrupt, Self::Terminate, Self::TimeLimitNear];

    /// The exit code of a program that it stopped: 128 and the number of the signal; a warning counts as the SIGTERM that
    /// it announces.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate | Self::TimeLimitNear => 143,
        }
    }

    /// The reason that a run's `interrupted.json` gives.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
            Self::TimeLimitNear => "SIGUSR1: the time limit of the job is near",
        }
    }
}

/// Whether a sweep has been asked to stop. Clones share the answer.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    /// Zero, or one more than the signal's place in [`StopSignal::ALL`].
    raised: Arc<AtomicUsize>,
}

impl Interrupt {
    /// One that the signals of this process raise. The first SIGINT or SIGTERM raises it; a second ends the process at
    /// once.
    #[cfg(unix)]
    pub fn on_signals() -> io::Result<Self> {
        use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};
        use signal_hook::flag;
        use std::sync::atomic::AtomicBool;
        let own = Self::default();
        let armed = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds the trap unarmed, and arms it.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&armed))?;
            flag::register(signal, Arc::clone(&armed))?;
        }
        for (place, signal) in [SIGINT, SIGTERM, SIGUSR1].into_iter().enumerate() {
            flag::register_usize(signal, Arc::clone(&own.raised), place + 1)?;
        }
        Ok(own)
    }

    /// One that nothing raises but [`Self::raise`]: this system has no signals that could be caught alike.
    #[cfg(not(unix))]
    pub fn on_signals() -> io::Result<Self> {
        Ok(Self::default())
    }

    /// Ask to stop.
    pub fn raise(&self, signal: StopSignal) {
        let place = StopSignal::ALL.iter().position(|own| *own == signal).unwrap_or_default();
        self.raised.store(place + 1, Ordering::Relaxed);
    }

    /// What asked to stop, if anything has.
    pub fn raised(&self) -> Option<StopSignal> {
        StopSignal::ALL.get(self.raised.load(Ordering::Relaxed).checked_sub(1)?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_raised_is_seen_by_all_clones() {
        let interrupt = Interrupt::default();
        let clone = interrupt.clone();
        assert_eq!(clone.raised(), None);
        for (signal, code) in
            [(StopSignal::TimeLimitNear, 143), (StopSignal::Terminate, 143), (StopSignal::Interrupt, 130)]
        {
            interrupt.raise(signal);
            assert_eq!(clone.raised(), Some(signal));
            assert_eq!(signal.exit_code(), code);
        }
    }
}
