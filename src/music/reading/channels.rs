//! The channels of tracks that sound at once: drums, pedals, silences, by time.

use super::DRUM_CHANNEL;
use crate::music::midi::{Event, EventKind};

/// The changes of the channels, each list ordered by tick.
#[derive(Debug, Default)]
pub(super) struct Channels {
    /// The uses for drums or pitched notes: (tick, drums).
    parts: [Vec<(u64, bool)>; 16],
    /// The moves of the sustain pedal: (tick, down).
    pedals: [Vec<(u64, bool)>; 16],
    /// The ticks at which all notes end.
    silences: [Vec<u64>; 16],
}

impl Channels {
    /// Gathers the changes of some events, in any order.
    pub(super) fn of<'a>(events: impl Iterator<Item = &'a Event>) -> Self {
        let mut own = Self::default();
        for &Event { tick, kind } in events {
            match kind {
                EventKind::Part { channel, drums } => own.parts[usize::from(channel)].push((tick, drums)),
                EventKind::Pedal { channel, down } => own.pedals[usize::from(channel)].push((tick, down)),
                EventKind::Silence { channel } => own.silences[usize::from(channel)].push(tick),
                _ => {}
            }
        }
        // Stable: of several at one tick the last counts.
        own.parts.iter_mut().chain(&mut own.pedals).for_each(|changes| changes.sort_by_key(|&(tick, _)| tick));
        own.silences.iter_mut().for_each(|ticks| ticks.sort_unstable());
        own
    }

    /// Returns true if a channel has drums at a tick.
    pub(super) fn is_drum(&self, channel: u8, tick: u64) -> bool {
        last(&self.parts[usize::from(channel)], tick).unwrap_or(channel == DRUM_CHANNEL)
    }

    /// Returns the first tick after `tick` at which all notes of a channel end.
    pub(super) fn silence_after(&self, channel: u8, tick: u64) -> Option<u64> {
        let ticks = &self.silences[usize::from(channel)];
        ticks.get(ticks.partition_point(|&silence| silence <= tick)).copied()
    }

    /// Returns the tick at which a note of a channel ends that is let go at `tick`: that at which the pedal is lifted,
    /// or `end` if it never is.
    pub(super) fn lifted(&self, channel: u8, tick: u64, end: u64) -> u64 {
        let moves = &self.pedals[usize::from(channel)];
        if !last(moves, tick).unwrap_or(false) {
            return tick;
        }
        let after = &moves[moves.partition_point(|&(moved, _)| moved <= tick)..];
        after.iter().find(|(_, down)| !down).map_or(end, |&(lifted, _)| lifted)
    }
}

/// Returns the last state at or before a tick.
fn last(changes: &[(u64, bool)], tick: u64) -> Option<bool> {
    changes[..changes.partition_point(|&(changed, _)| changed <= tick)].last().map(|&(_, state)| state)
}
