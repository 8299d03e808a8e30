//! Tests of both readings against naive twins, which follow the rules literally.

use super::{options, seed};
use crate::music::midi::{Event, EventKind, MidiFile, Quarter, Track};
use crate::music::{CorpusOptions, PianoRoll, Plane, read_midi};
use proptest::prelude::*;

/// Returns files of few pitches and many events, in which all cases of overlap occur.
fn files() -> impl Strategy<Value = MidiFile> {
    let kind = prop_oneof![
        6 => (0u8..2, 58u8..64).prop_map(|(channel, pitch)| EventKind::NoteOn { channel: channel * 9, pitch }),
        5 => (0u8..2, 58u8..64).prop_map(|(channel, pitch)| EventKind::NoteOff { channel: channel * 9, pitch }),
        1 => prop::sample::select(vec![4, 4, 4, 3]).prop_map(|numerator| EventKind::Metre { numerator }),
        1 => (0u8..2, any::<bool>()).prop_map(|(channel, down)| EventKind::Pedal { channel: channel * 9, down }),
        1 => (0u8..2).prop_map(|channel| EventKind::Silence { channel: channel * 9 }),
    ];
    let track = (prop::collection::vec((0u64..12, kind), 0..20), 0u64..30).prop_map(|(timed, rest)| {
        let mut track = Track::default();
        for (delta, kind) in timed {
            track.end += delta;
            track.events.push(Event { tick: track.end, kind });
        }
        track.end += rest;
        track
    });
    (prop::collection::vec(track, 0..4), 4u64..40).prop_map(|(tracks, ticks)| MidiFile {
        sequential: false,
        quarter: Quarter { ticks, parts: 1 },
        tracks,
        damage: Vec::new(),
        alien_chunks: 0,
    })
}

fn narrow(base: CorpusOptions) -> CorpusOptions {
    CorpusOptions { lowest_pitch: 59, highest_pitch: 63, metres: vec![2, 4], ..base }
}

/// Returns the pitch of an event's note if it is kept.
fn kept(kind: EventKind, options: &CorpusOptions) -> Option<u8> {
    let (EventKind::NoteOn { channel, pitch } | EventKind::NoteOff { channel, pitch }) = kind else {
        return None;
    };
    let in_range = (options.lowest_pitch..options.highest_pitch).contains(&pitch);
    (in_range && (options.drums || channel != 9)).then_some(pitch)
}

/// Returns the rows of (hold, onset) for four pitches by the original's loop over ticks.
fn seed_twin(file: &MidiFile, options: &CorpusOptions) -> Vec<[(bool, bool); 4]> {
    let (row, early) = (file.quarter.ticks / 4, file.quarter.ticks / 8);
    let last = file.tracks.iter().map(|track| track.end).max().unwrap_or(0);
    let mut rows = vec![[(false, false); 4]];
    for tick in 0..=last {
        if tick >= early && (tick - early) % row == 0 {
            let before = *rows.last().unwrap();
            rows.push(before.map(|(hold, _)| (hold, false)));
        }
        for event in file.tracks.iter().flat_map(|track| &track.events).filter(|event| event.tick == tick) {
            if event.kind == (EventKind::Metre { numerator: 3 }) {
                return rows;
            }
            if let Some(pitch) = kept(event.kind, options) {
                let on = matches!(event.kind, EventKind::NoteOn { .. });
                rows.last_mut().unwrap()[usize::from(pitch - 59)] = (on, on);
            }
        }
    }
    rows
}

/// Returns the rows by the careful rules, and finds each note's end by a search.
fn careful_twin(file: &MidiFile, options: &CorpusOptions) -> Vec<[(bool, bool); 4]> {
    let step = |tick: u64| ((tick * 4) as f64 / file.quarter.ticks as f64 + 0.5).floor() as usize;
    let all = || file.tracks.iter().flat_map(|track| &track.events);
    let waltz = EventKind::Metre { numerator: 3 };
    let stop = all().filter(|event| event.kind == waltz).map(|event| event.tick).min();
    let last = file.tracks.iter().map(|track| track.end).max().unwrap_or(0);
    let end = stop.unwrap_or(last);
    let mut rows = vec![[(false, false); 4]; step(end)];
    for track in &file.tracks {
        for (index, event) in track.events.iter().enumerate() {
            let EventKind::NoteOn { channel, pitch } = event.kind else { continue };
            if kept(event.kind, options).is_none() || stop.is_some_and(|stop| event.tick >= stop) {
                continue;
            }
            let own = [EventKind::NoteOn { channel, pitch }, EventKind::NoteOff { channel, pitch }];
            let next = track.events[index + 1..].iter().find(|event| own.contains(&event.kind));
            let next = next.filter(|next| next.tick < end || stop.is_none());
            let mut until = next.map_or(end, |next| next.tick);
            let within = |tick: u64, until: u64| tick > event.tick && tick < until;
            let mut let_go = next.is_some_and(|next| next.kind == own[1]);
            if !let_go {
                let strays = file.tracks.iter().flat_map(|track| {
                    let heard = track.events.iter().filter(|event| stop.is_none_or(|stop| event.tick < stop));
                    let mut sounds = false;
                    let of_note: Vec<_> = heard.filter(|event| own.contains(&event.kind)).collect();
                    of_note.into_iter().filter(move |event| {
                        let before = std::mem::replace(&mut sounds, event.kind == own[0]);
                        !before && !sounds
                    })
                });
                if let Some(tick) = strays.map(|event| event.tick).filter(|&tick| within(tick, until)).min() {
                    (until, let_go) = (tick, true);
                }
            }
            let mut heard: Vec<&Event> = all().filter(|event| stop.is_none_or(|stop| event.tick < stop)).collect();
            heard.sort_by_key(|event| event.tick);
            if options.sustain && let_go {
                let pedals = heard.iter().filter_map(|event| match event.kind {
                    EventKind::Pedal { channel: own, down } if own == channel => Some((event.tick, down)),
                    _ => None,
                });
                if pedals.clone().rfind(|&(tick, _)| tick <= until).is_some_and(|(_, down)| down) {
                    let lifted =
                        pedals.clone().find(|&(tick, down)| tick > until && !down).map_or(end, |(tick, _)| tick);
                    let again = heard.iter().find(|next| next.kind == own[0] && next.tick > event.tick);
                    until = again.map_or(lifted, |again| lifted.min(again.tick.max(until)));
                }
            }
            let silence =
                heard.iter().find(|next| next.kind == EventKind::Silence { channel } && next.tick > event.tick);
            until = silence.map_or(until, |silence| until.min(silence.tick));
            let first = step(event.tick);
            let after = step(until).max(first + 1);
            rows.resize(rows.len().max(after), [(false, false); 4]);
            let column = usize::from(pitch - 59);
            rows[first][column].1 = true;
            rows[first..after].iter_mut().for_each(|row| row[column].0 = true);
        }
    }
    rows
}

fn rows_of(roll: &PianoRoll) -> Vec<[(bool, bool); 4]> {
    let cell = |step, plane, pitch| roll.cells.get(step, roll.layout.column(plane, pitch).unwrap());
    let row = |step| [59, 60, 61, 62].map(|pitch| (cell(step, Plane::Hold, pitch), cell(step, Plane::Onset, pitch)));
    (0..roll.steps()).map(row).collect()
}

proptest! {
    #[test]
    fn the_seed_reading_is_that_of_the_tick_loop(file in files()) {
        let options = narrow(seed());
        prop_assert_eq!(rows_of(&read_midi(&file, &options).unwrap().roll), seed_twin(&file, &options));
    }

    #[test]
    fn the_careful_reading_is_that_of_searching_for_ends(file in files(), drums: bool, sustain: bool) {
        let options = CorpusOptions { drums, sustain, ..narrow(options()) };
        prop_assert_eq!(rows_of(&read_midi(&file, &options).unwrap().roll), careful_twin(&file, &options));
    }
}
