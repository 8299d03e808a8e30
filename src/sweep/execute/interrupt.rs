//! The request that a sweep stop: raised by a signal, seen by every run before its next batch.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A signal that asks the program to stop.
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

    /// Returns the exit code of a program that the signal stopped: 128 plus the number of the signal. A warning counts
    /// as the SIGTERM that it announces.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate | Self::TimeLimitNear => 143,
        }
    }

    /// Returns the reason that a run's `interrupted.json` gives.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
            Self::TimeLimitNear => "SIGUSR1: the time limit of the job is near",
        }
    }
}

/// A flag that asks a sweep to stop. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    /// Zero, or one plus the signal's place in [`StopSignal::ALL`].
    raised: Arc<AtomicUsize>,
}

impl Interrupt {
    /// Returns a flag that the signals of this process raise. The first SIGINT or SIGTERM raises it; a second ends the
    /// process at once.
    #[cfg(unix)]
    pub fn on_signals() -> io::Result<Self> {
        use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};
        use signal_hook::flag;
        use std::sync::atomic::AtomicBool;
        let own = Self::default();
        let armed = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds the trap unarmed, then arms it.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&armed))?;
            flag::register(signal, Arc::clone(&armed))?;
        }
        for (place, signal) in [SIGINT, SIGTERM, SIGUSR1].into_iter().enumerate() {
            flag::register_usize(signal, Arc::clone(&own.raised), place + 1)?;
        }
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
