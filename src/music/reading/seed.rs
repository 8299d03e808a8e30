//! The original's reading: a state matrix whose rows are written by the events in order of time.

use super::grid::SeedGrid;
use super::{Omissions, Reading, ReadingError, silent, stops};
use crate::music::midi::{Event, EventKind, MidiFile};
use crate::music::options::CorpusOptions;

/// Reads all tracks merged, whatever the format.
///
/// A new row copies the held pitches of the row before and has no onsets. In a row, note-on sets (hold, onset) of its
/// pitch to (1, 1), note-off to (0, 0). The last event wins, ordered by time, then track, then place in the track. A
/// time signature that is not allowed stops the song and keeps the rows so far, the present one included.
pub(super) fn read(file: &MidiFile, options: &CorpusOptions) -> Result<Reading, ReadingError> {
    let grid = SeedGrid::new(file.quarter)
        .ok_or(ReadingError::TooCoarse { ticks: file.quarter.ticks / file.quarter.parts })?;
    // The sort is stable: events of one tick stay in the order of tracks and of places within them.
    let mut events: Vec<Event> = file.tracks.iter().flat_map(|track| &track.events).copied().collect();
    events.sort_by_key(|event| event.tick);
    let mut omissions = Omissions::default();
    let mut end = file.tracks.iter().map(|track| track.end).max().unwrap_or(0);
    let stop = events
        .iter()
        .enumerate()
        .find_map(|(index, event)| stops(event.kind, options).map(|numerator| (index, event.tick, numerator)));
    if let Some((index, tick, numerator)) = stop {
        let is_on = |event: &&Event| matches!(event.kind, EventKind::NoteOn { .. });
        omissions.after_stop = events[index..].iter().filter(is_on).count() as u64;
        omissions.stop = Some((grid.row(tick), numerator));
        events.truncate(index);
        end = tick;
    }

    let mut roll = silent(options, grid.row(end) + 1)?;
    let (mut row, mut hold, mut onset) = (0, 0u128, 0u128);
    for event in events {
        if !omissions.keeps_by_channel(event.kind, options) {
            continue;
        }
        let at = grid.row(event.tick) as usize;
        if at > row {
            roll.fill_step(row, hold, onset);
            (row + 1..at).for_each(|held| roll.fill_step(held, hold, 0));
            (row, onset) = (at, 0);
        }
        match event.kind {
            EventKind::NoteOn { pitch, .. } => {
                hold |= 1 << pitch;
                onset |= 1 << pitch;
            }
            EventKind::NoteOff { pitch, .. } => {
                hold &= !(1 << pitch);
                onset &= !(1 << pitch);
            }
            _ => {}
        }
    }
    roll.fill_step(row, hold, onset);
    (row + 1..roll.steps()).for_each(|held| roll.fill_step(held, hold, 0));
    Ok(Reading { roll, omissions })
}
