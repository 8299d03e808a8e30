//! The heart of a process: one thread that renews its claims.

use super::{HEARTBEAT, HeldClaim};
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};

/// A thread that renews all claims of a process every [`HEARTBEAT`] until it is dropped.
#[derive(Debug)]
pub(crate) struct Heart {
    shared: Arc<HeartState>,
    thread: Option<std::thread::JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct HeartState {
    claims: Mutex<Vec<Weak<HeldClaim>>>,
    stop: Mutex<bool>,
    stopped: Condvar,
}

impl Heart {
    /// Starts the thread.
    pub(crate) fn start() -> io::Result<Self> {
        let shared = Arc::new(HeartState::default());
        let own = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("heartbeat".into()).spawn(move || own.beat())?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Renews a claim for as long as it is held.
    pub(crate) fn keep(&self, claim: &Arc<HeldClaim>) {
        let mut claims = self.shared.claims.lock().unwrap_or_else(PoisonError::into_inner);
        claims.retain(|claim| claim.strong_count() > 0);
        claims.push(Arc::downgrade(claim));
    }
}

impl HeartState {
    fn beat(&self) {
        let mut stop = self.stop.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            stop = self
                .stopped
                .wait_timeout_while(stop, HEARTBEAT, |stop| !*stop)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            if *stop {
                return;
            }
            let claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner).clone();
            for claim in claims.iter().filter_map(Weak::upgrade) {
                claim.renew();
            }
        }
    }
}

impl Drop for Heart {
    fn drop(&mut self) {
        *self.shared.stop.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.shared.stopped.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
