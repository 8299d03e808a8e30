//! The track: its events at absolute ticks, decoded by midly, with an account of every byte that is not an event.

use super::damage::{Damage, Fault};
use midly::{EventIter, MetaMessage, MidiMessage, TrackEventKind};

/// The meaning of an event to a piano roll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A note is struck, with a velocity above zero.
    NoteOn {
        /// The channel, 0 to 15; drums are on 9.
        channel: u8,
        /// The MIDI pitch.
        pitch: u8,
    },
    /// A note is released: note-off, or note-on with velocity zero.
    NoteOff {
        /// The channel, 0 to 15.
        channel: u8,
        /// The MIDI pitch.
        pitch: u8,
    },
    /// A time signature.
    Metre {
        /// The number of beats in a bar.
        numerator: u8,
    },
}

/// An event with its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// The ticks since the start of the track.
    pub tick: u64,
    /// The meaning of the event.
    pub kind: EventKind,
}

/// A track of a MIDI file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Track {
    /// The notes and time signatures, in the order of the file.
    pub events: Vec<Event>,
    /// The tick of the last event of any kind, End-of-Track included.
    pub end: u64,
}

/// Reads a track chunk.
///
/// `bytes` are the contents of the chunk, `base` their offset in the file, `number` the number of the track, from 1.
/// Returns the track and the number of bytes that belong to it. That is fewer than all if the stated length of the
/// chunk is wrong and another track begins after End-of-Track.
///
/// midly decodes each event. It gives up the track at the first event it cannot decode, and shortens a payload that
/// runs past the end. Both are detected by the bytes that it leaves unread. Reading continues only if the time of what
/// follows is certain; an event that would shift all later ones by an unknown time ends the track.
pub(super) fn read_track(bytes: &[u8], base: usize, number: usize, damage: &mut Vec<Damage>) -> (Track, usize) {
    let mut found = Vec::new();
    let mut note = |fault, at: usize, lost| Damage::new(fault, Some(number), base + at, lost).add(&mut found);
    // An event takes three or four bytes. The bound is for files in which every track claims to be as long as the file.
    let mut track = Track { events: Vec::with_capacity((bytes.len() / 4).min(4096)), end: 0 };
    let mut events = EventIter::new(bytes);
    let mut channel_status = None;
    let mut own = bytes.len();
    // The offset after End-of-Track, the events read up to it, and its tick.
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

/// Returns the meaning of a channel message to a piano roll, if it has one.
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

/// A way to continue after an event that midly cannot decode.
struct Mended {
    fault: Fault,
    /// The ticks that pass.
    delta: u64,
    /// The bytes to skip.
    length: usize,
    /// The running status of the next event.
    status: Option<u8>,
}

/// Finds a way to continue after bytes that midly cannot decode; `None` if the time of what follows is uncertain.
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

/// Returns true if an event that midly decoded is complete: its numbers have at most four bytes and its payload has the
/// stated length, which is zero for End-of-Track.
fn is_whole(event: &[u8], kind: &TrackEventKind<'_>) -> bool {
    match kind {
        TrackEventKind::Midi { .. } => read_number(event).is_some(),
        TrackEventKind::Meta(MetaMessage::EndOfTrack) => payload(event) == Some((event.len(), 0)),
        _ => whole_length(event) == Some(event.len()),
    }
}

/// Returns true if the bytes are the beginning of an event that ends too early, false if they are not an event.
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

/// Returns the length that a meta, system exclusive or escape event states, its delta time included.
fn whole_length(event: &[u8]) -> Option<usize> {
    payload(event).map(|(start, length)| start + length)
}

/// Returns the offset of the payload of a meta, system exclusive or escape event, and the length it states.
fn payload(event: &[u8]) -> Option<(usize, usize)> {
    let (_, after) = read_number(event)?;
    let number = match event.get(after)? {
        0xff => after + 2,
        _ => after + 1,
    };
    let (length, used) = read_number(event.get(number..)?)?;
    Some((number + used, length as usize))
}

/// Reads a variable-length number of one to four bytes. Returns it with its length; `None` if it is cut or longer.
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
