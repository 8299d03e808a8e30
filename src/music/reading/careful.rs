//! The careful reading: each note is put onto the grid from its start to its end.

use super::channels::Channels;
use super::grid::Grid;
use super::{Omissions, Reading, ReadingError, silent, stops};
use crate::music::midi::{Event, EventKind, MidiFile, Track};
use crate::music::options::{CorpusOptions, MAX_STEPS};
use std::collections::BTreeMap;

/// The mark of a pitch at which no note sounds.
const SILENT: u64 = u64::MAX;

/// A note on the grid, with its onset at `start`, held over `start..end`.
struct Span {
    start: u64,
    end: u64,
    pitch: u8,
}

/// Reads a file note by note.
///
/// - A note lasts from note-on to note-off of its pitch on its channel in its track. Note-on of a pitch that already
///   sounds ends that note and begins another. A note without note-off in its track ends with the first one in another
///   track on its channel that ends no note there, otherwise with the last event of the song.
/// - Controllers 120 and 123 end all notes of their channel. With `sustain`, a note that is let go while the pedal of its
///   channel is down lasts until it is lifted or the pitch is struck again.
/// - Drums are on channel 10, and where a system exclusive message of GS or XG says so.
/// - Both ends are put onto the grid, and a note lasts at least one step. Its hold cells are on at all its steps, its
///   onset cell at the first. Notes of one pitch that overlap unite in the hold plane; each has its onset.
/// - The song lasts to the end of its last note or to its last event, End-of-Track included, whichever is later. Final
///   silence is left out if it makes the song too long.
/// - The song stops at a time signature that is not allowed; notes that sound then end there.
/// - The tracks of a file of format 2 follow one another, each from the step at which the one before ended.
pub(super) fn read(file: &MidiFile, options: &CorpusOptions) -> Result<Reading, ReadingError> {
    let grid = Grid::new(file.quarter, options.steps_per_beat, options.rounding).ok_or(ReadingError::NoTicks)?;
    let mut omissions = Omissions::default();
    let mut spans = Vec::new();
    let mut steps = 0u64;
    let mut last_note = 0;
    for tracks in file.tracks.chunks(if file.sequential { 1 } else { file.tracks.len().max(1) }) {
        if omissions.stop.is_some() {
            omissions.after_stop += tracks.iter().map(note_ons).sum::<u64>();
            continue;
        }
        let first = spans.len();
        let end = read_sequence(tracks, &grid, options, &mut omissions, &mut spans);
        let length = spans[first..].iter().map(|span| span.end).max().unwrap_or(0);
        for span in &mut spans[first..] {
            span.start = span.start.saturating_add(steps);
            span.end = span.end.saturating_add(steps);
        }
        if length > 0 {
            last_note = steps.saturating_add(length);
        }
        if let Some((step, _)) = &mut omissions.stop {
            *step = step.saturating_add(steps);
        }
        steps = steps.saturating_add(length.max(grid.step(end)));
    }
    if steps > MAX_STEPS && last_note <= MAX_STEPS {
        omissions.silence = steps - last_note;
        steps = last_note;
    }

    let mut roll = silent(options, steps)?;
    // (step, pitch, starts)
    let mut changes: Vec<(u64, u8, bool)> =
        spans.iter().flat_map(|span| [(span.start, span.pitch, true), (span.end, span.pitch, false)]).collect();
    changes.sort_unstable();
    let mut sounding = [0u32; 128];
    let (mut step, mut hold) = (0, 0u128);
    for changes in changes.chunk_by(|a, b| a.0 == b.0) {
        let at = changes[0].0 as usize;
        (step..at).for_each(|held| roll.fill_step(held, hold, 0));
        let mut onset = 0u128;
        for &(_, pitch, starts) in changes {
            let count = &mut sounding[usize::from(pitch)];
            if starts {
                *count += 1;
                onset |= 1 << pitch;
            } else {
                *count -= 1;
            }
        }
        for &(_, pitch, _) in changes {
            let bit = u128::from(sounding[usize::from(pitch)] > 0) << pitch;
            hold = hold & !(1 << pitch) | bit;
        }
        step = at;
        if at < roll.steps() {
            roll.fill_step(at, hold, onset);
            step += 1;
        }
    }
    Ok(Reading { roll, omissions })
}

/// Adds the notes of tracks that sound at once to `spans`. Returns the tick at which the tracks end.
fn read_sequence(
    tracks: &[Track],
    grid: &Grid,
    options: &CorpusOptions,
    omissions: &mut Omissions,
    spans: &mut Vec<Span>,
) -> u64 {
    let stop = tracks.iter().filter_map(|track| first_stop(track, options)).min_by_key(|&(tick, _)| tick);
    omissions.stop = stop.map(|(tick, numerator)| (grid.step(tick), numerator));
    let end = stop.map_or_else(|| tracks.iter().map(|track| track.end).max().unwrap_or(0), |(tick, _)| tick);
    let heard = |track: &Track| match stop {
        Some((tick, _)) => track.events.partition_point(|event| event.tick < tick),
        None => track.events.len(),
    };
    let channels = Channels::of(tracks.iter().flat_map(|track| &track.events[..heard(track)]));
    let mut struck: Vec<Struck> = Vec::new();
    // The note-offs that end no note of their own track.
    let mut strays: BTreeMap<(u8, u8), Vec<u64>> = BTreeMap::new();
    let mut sounding = [SILENT; 16 * 128];
    for track in tracks {
        let heard = heard(track);
        omissions.after_stop += note_ons_among(&track.events[heard..]);
        for event in &track.events[..heard] {
            if !omissions.keeps(event.kind, |channel| channels.is_drum(channel, event.tick), options) {
                continue;
            }
            let (EventKind::NoteOn { channel, pitch } | EventKind::NoteOff { channel, pitch }) = event.kind else {
                continue;
            };
            let own = &mut sounding[usize::from(channel) * 128 + usize::from(pitch)];
            let strikes = matches!(event.kind, EventKind::NoteOn { .. });
            if *own != SILENT {
                let ending = if strikes { Ending::StruckAgain } else { Ending::LetGo };
                struck.push(Struck { channel, pitch, start: *own, end: event.tick, ending });
            } else if !strikes {
                strays.entry((channel, pitch)).or_default().push(event.tick);
            }
            *own = if strikes { event.tick } else { SILENT };
        }
        for (index, own) in sounding.iter_mut().enumerate().filter(|(_, own)| **own != SILENT) {
            let (channel, pitch) = ((index / 128) as u8, (index % 128) as u8);
            struck.push(Struck { channel, pitch, start: *own, end, ending: Ending::Never });
            *own = SILENT;
        }
    }
    for ticks in strays.values_mut() {
        ticks.sort_unstable();
    }
    let mut strikes: BTreeMap<(u8, u8), Vec<u64>> = BTreeMap::new();
    if options.sustain {
        for note in &struck {
            strikes.entry((note.channel, note.pitch)).or_default().push(note.start);
        }
        for ticks in strikes.values_mut() {
            ticks.sort_unstable();
        }
    }
    for Struck { channel, pitch, start, end: mut last, mut ending } in struck {
        let after = |ticks: &Vec<u64>, from: u64| ticks.get(ticks.partition_point(|&tick| tick <= from)).copied();
        let note = (channel, pitch);
        // Without a note-off of its own track, that of another one on the channel ends the note.
        if ending != Ending::LetGo
            && let Some(tick) = strays.get(&note).and_then(|ticks| after(ticks, start)).filter(|&tick| tick < last)
        {
            (last, ending) = (tick, Ending::LetGo);
        }
        if options.sustain && ending == Ending::LetGo {
            let again = strikes.get(&note).and_then(|ticks| after(ticks, start));
            last = channels.lifted(channel, last, end).min(again.unwrap_or(u64::MAX).max(last));
        }
        if let Some(tick) = channels.silence_after(channel, start).filter(|&tick| tick < last) {
            (last, ending) = (tick, Ending::LetGo);
        }
        omissions.unclosed += u64::from(ending == Ending::Never && stop.is_none());
        let start = grid.step(start);
        spans.push(Span { start, end: grid.step(last).max(start.saturating_add(1)), pitch });
    }
    end
}

/// A note between two ticks.
struct Struck {
    channel: u8,
    pitch: u8,
    start: u64,
    end: u64,
    ending: Ending,
}

/// The reason for which a note ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// A note-off, or the end of all notes of the channel.
    LetGo,
    /// A note-on of its pitch in its track.
    StruckAgain,
    /// The end of the song.
    Never,
}

/// Returns the tick and the numerator of the first time signature in a track that stops the song.
fn first_stop(track: &Track, options: &CorpusOptions) -> Option<(u64, u8)> {
    let stop = |event: &Event| stops(event.kind, options).map(|numerator| (event.tick, numerator));
    track.events.iter().find_map(stop)
}

fn note_ons(track: &Track) -> u64 {
    note_ons_among(&track.events)
}

fn note_ons_among(events: &[Event]) -> u64 {
    let is_on = |event: &&Event| matches!(event.kind, EventKind::NoteOn { .. });
    events.iter().filter(is_on).count() as u64
}
