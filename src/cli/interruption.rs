//! The stop of the program by signals: at once where work can stop, otherwise after a time of grace.

use super::error::CliError;
use crate::sweep::Interrupt;
use std::time::Duration;

/// The longest time that runs may take to stop after a signal. Work that cannot stop, such as a large evaluation, is
/// left after this time. Batch systems kill half a minute after they have asked.
const GRACE: Duration = Duration::from_secs(20);

/// Returns the flag that the signals of this process raise.
pub(super) fn watch_signals() -> Result<Interrupt, CliError> {
    Interrupt::on_signals().map_err(|error| CliError::failed(format!("cannot watch for signals: {error}")))
}

/// Ends the program some time after a signal, even if runs are at work: their last checkpoints stay. Calls `last`
/// before.
pub(super) fn end_in_time(interrupt: Interrupt, last: impl FnOnce() + Send + 'static) {
    let watch = move || {
        loop {
            std::thread::sleep(Duration::from_millis(100));
            if let Some(signal) = interrupt.raised() {
                std::thread::sleep(GRACE);
                last();
                std::process::exit(i32::from(signal.exit_code()));
            }
        }
    };
    // Without it the program ends too, only later.
    let _ = std::thread::Builder::new().name("end-in-time".into()).spawn(watch);
}
