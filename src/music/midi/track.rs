//! The track: its events at absolute ticks, decoded by midly, with an account of every byte that is no event.

use super::damage::{Damage, Fault};
use midly::{EventIter, MetaMessage, MidiMessage, TrackEventKind};

/// What an event means to a piano roll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A note is struck; its velocity is not zero.
    NoteOn {
        /// The channel, 0 to 15; drums are on 9.
        channel: u8,
        /// The MIDI pitch.
        pitch: u8,
    },
    /// A note is let go: note-off, or note-on of velocity zero.
    NoteOff {
        /// The channel, 0 to 15.
        channel: u8,
        /// The MIDI pitch.
        pitch: u8,
    },
    /// A time signature.
    Metre {
        /// Beats in a bar.
        numerator: u8,
    },
}

/// An event at its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Ticks since the start of the track.
    pub tick: u64,
    /// What happens.
    pub kind: EventKind,
}

/// One track of a MIDI file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Track {
    /// Notes and time signatures, in the order of the file.
    pub events: Vec<Event>,
    /// The tick of the last event of any kind, End-of-Track included.
    pub end: u64,
}

/// Read a track chunk.
///
/// `bytes` are the contents of the chunk, `base` their offset in the file, `number` the track's, from 1. Returns the
/// track, and how many of the bytes are its own: fewer than all if another track begins after End-of-Track, as it does
/// where the length of the chunk is wrong.
///
/// midly decodes each event. It gives up a track at the first event it cannot decode, and takes a length that runs past
/// the end for one that ends there; both are found here by the bytes it leaves unread. Reading goes on only where the
/// time of what follows is certain. An event that shifts all later ones by an unknown time ends the track.
pub(super) fn read_track(bytes: &[u8], base: usize, number: usize, damage: &mut Vec<Damage>) -> (Track, usize) {
    let mut found = Vec::new();
    let mut note = |fault, at: usize, lost| Damage::new(fault, Some(number), base + at, lost).add(&mut found);
    // An event takes three to four bytes. The bound is for files whose every track claims to be as long as the file.
    let mut track = Track { events: Vec::with_capacity((bytes.len() / 4).min(4096)), end: 0 };
    let mut events = EventIter::new(bytes);
    let mut channel_status = None;
    let mut own = bytes.len();
    // Where End-of-Track stood, with what was read up to it.
    let mut ended: Option<(usize, usize, u64)> = None;
    let outcome = loop {
        let rest = events.unread();
        let at = bytes.len() - rest.len();
        if rest.is_empty() {
            break None;
        }
        let running_status = events.running_status();
        let decoded = match events.next() {
            Some(Ok(event)) if is_whole(&rest[..rest.len() - events.unread().len()], &event.kind) => Some(event),
            _ => None,
        };
        let Some(event) = decoded else {
            let mended = (ended.is_none()).then(|| mend(rest, running_status, channel_status)).flatten();
            let Some(Mended { fault, delta, length, status }) = mended else {
                break Some((at, rest));
            };
            let lost = length;
            note(fault, at, lost);
            track.end += delta;
            events = EventIter::new(&rest[length..]);
            *events.running_status_mut() = status;
            continue;
        };
        track.end += u64::from(event.delta.as_int());
        let tick = track.end;
        match event.kind {
            TrackEventKind::Midi { channel, message } => {
                channel_status = events.running_status();
                if let Some(kind) = of_message(channel.as_int(), message) {
                    track.events.push(Event { tick, kind });
                }
            }
            TrackEventKind::Meta(MetaMessage::TimeSignature(numerator, ..)) => {
                let kind = EventKind::Metre { numerator };
                track.events.push(Event { tick, kind });
            }
            TrackEventKind::Meta(MetaMessage::Unknown(0x58, payload)) => {
                note(Fault::MalformedMeta, at, 0);
                if let Some(&numerator) = payload.first() {
                    let kind = EventKind::Metre { numerator };
                    track.events.push(Event { tick, kind });
                }
            }
            TrackEventKind::Meta(MetaMessage::EndOfTrack) if ended.is_none() => {
                let rest = events.unread();
                let at = bytes.len() - rest.len();
                ended = Some((at, track.events.len(), tick));
                if let Some(next) = rest.windows(4).position(|id| id == b"MTrk") {
                    own = at + next;
                    note(Fault::TrackInside, at, next);
                    break None;
                }
            }
            _ => {}
        }
    };
    match (outcome, ended) {
        (None, None) => note(Fault::NoEnd, bytes.len(), 0),
        (None, Some((at, ..))) if at < own && own == bytes.len() => note(Fault::EventsAfterEnd, at, 0),
        (None, Some(_)) => {}
        (Some((at, rest)), None) => {
            let fault = if is_cut(rest) { Fault::CutEvent } else { Fault::NoEvent };
            note(fault, at, rest.len());
        }
        (Some(_), Some((at, count, end))) => {
            track.events.truncate(count);
            track.end = end;
            note(Fault::BytesAfterEnd, at, bytes.len() - at);
        }
    }
    damage.append(&mut found);
    (track, own)
}

/// What a channel message means to a piano roll, if anything.
fn of_message(channel: u8, message: MidiMessage) -> Option<EventKind> {
    match message {
        MidiMessage::NoteOn { key, vel } if vel.as_int() > 0 => {
            Some(EventKind::NoteOn { channel, pitch: key.as_int() })
        }
        MidiMessage::NoteOn { key, .. } | MidiMessage::NoteOff { key, .. } => {
            Some(EventKind::NoteOff { channel, pitch: key.as_int() })
        }
        _ => None,
    }
}

/// How reading goes on after an event that midly does not decode.
struct Mended {
    fault: Fault,
    /// Ticks that pass.
    delta: u64,
    /// Bytes passed over.
    length: usize,
    /// The running status for what follows.
    status: Option<u8>,
}

/// Find how to go on at bytes that midly does not decode, if the time of what follows is certain.
fn mend(rest: &[u8], running_status: Option<u8>, channel_status: Option<u8>) -> Option<Mended> {
    let (delta, after) = read_number(rest)?;
    let delta = u64::from(delta);
    match *rest.get(after)? {
        // A data byte: with the status that the meta event should have ended, the same bytes are an event.
        0x00..=0x7f if running_status.is_none() && channel_status.is_some() => {
            Some(Mended { fault: Fault::RunningStatus, delta: 0, length: 0, status: channel_status })
        }
        status @ (0xf1..=0xf6 | 0xf8..=0xfe) => {
            let most = match status {
                0xf1 | 0xf3 => 1,
                0xf2 => 2,
                _ => 0,
            };
            let data = rest[after + 1..].iter().take(most).take_while(|&&byte| byte < 0x80).count();
            Some(Mended { fault: Fault::SystemMessage, delta, length: after + 1 + data, status: None })
        }
        0xff => {
            let length = whole_length(rest)?;
            (length <= rest.len()).then_some(Mended { fault: Fault::MalformedMeta, delta, length, status: None })
        }
        _ => None,
    }
}

/// Whether an event that midly decoded is all there: numbers of at most four bytes, a payload of the length it states,
/// and none for End-of-Track.
fn is_whole(event: &[u8], kind: &TrackEventKind<'_>) -> bool {
    match kind {
        TrackEventKind::Midi { .. } => read_number(event).is_some(),
        TrackEventKind::Meta(MetaMessage::EndOfTrack) => payload(event) == Some((event.len(), 0)),
        _ => whole_length(event) == Some(event.len()),
    }
}

/// Whether the bytes are the beginning of an event that ends too early, rather than no event.
fn is_cut(rest: &[u8]) -> bool {
    let Some((_, after)) = read_number(rest) else {
        return rest.len() < 4;
    };
    match rest.get(after) {
        None => true,
        Some(0xf0 | 0xf7 | 0xff) => whole_length(rest).is_none_or(|length| length > rest.len()),
        Some(0x80..=0xef) => rest[after + 1..].len() < 2 && rest[after + 1..].iter().all(|&byte| byte < 0x80),
        Some(0x00..=0x7f) => rest[after..].len() < 2,
        Some(_) => false,
    }
}

/// The length that a meta, system exclusive or escape event says it has, its time included.
fn whole_length(event: &[u8]) -> Option<usize> {
    payload(event).map(|(start, length)| start + length)
}

/// Where the payload of a meta, system exclusive or escape event starts, and the length it says it has.
fn payload(event: &[u8]) -> Option<(usize, usize)> {
    let (_, after) = read_number(event)?;
    let number = match event.get(after)? {
        0xff => after + 2,
        _ => after + 1,
    };
    let (length, used) = read_number(event.get(number..)?)?;
    Some((number + used, length as usize))
}

/// A variable-length number of one to four bytes, and how many they are. None if it is cut or longer.
fn read_number(bytes: &[u8]) -> Option<(u32, usize)> {
    let mut number = 0;
    for (index, &byte) in bytes.iter().take(4).enumerate() {
        number = number << 7 | u32::from(byte & 0x7f);
        if byte < 0x80 {
            return Some((number, index + 1));
        }
    }
    None
}
