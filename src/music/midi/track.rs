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
    /// The sustain pedal of a channel (controller 64).
    Pedal {
        /// The channel, 0 to 15.
        channel: u8,
        /// True if it is pressed, false if it is lifted.
        down: bool,
    },
    /// The end of all notes of a channel (controllers 120 and 123).
    Silence {
        /// The channel, 0 to 15.
        channel: u8,
    },
    /// The use of a channel for drums or for pitched notes, by a system exclusive message of GS or XG.
    Part {
        /// The channel, 0 to 15.
        channel: u8,
        /// True for drums.
        drums: bool,
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
    /// The events that mean something to a piano roll, in the order of the file.
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
            let Some(Mended { fault, delta, length, status, kind }) = mended else {
                break Some((at, rest));
            };
            let keeps_all = fault == Fault::PaddedNumber || kind.is_some();
            note(fault, at, if keeps_all { 0 } else { length });
            track.end += delta;
            track.events.extend(kind.map(|kind| Event { tick: track.end, kind }));
            if matches!(fault, Fault::DataByte) {
                channel_status = status;
            }
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
            TrackEventKind::SysEx(data) => {
                track.events.extend(of_system_exclusive(data).map(|kind| Event { tick, kind }));
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
        MidiMessage::Controller { controller, value } => match controller.as_int() {
            64 => Some(EventKind::Pedal { channel, down: value.as_int() >= 64 }),
            120 | 123 => Some(EventKind::Silence { channel }),
            _ => None,
        },
        _ => None,
    }
}

/// Returns the meaning of a system exclusive message to a piano roll, if it has one: GS "use for rhythm part" and XG
/// "part mode".
fn of_system_exclusive(data: &[u8]) -> Option<EventKind> {
    match *data {
        // Parts are numbered by blocks: 0 is channel 10, and 1 to 9 are channels 1 to 9.
        [0x41, _, 0x42, 0x12, 0x40, block @ 0x10..=0x1f, 0x15, map @ 0..=2, ..] => {
            let channel = match block & 0x0f {
                0 => 9,
                part @ 1..=9 => part - 1,
                part => part,
            };
            Some(EventKind::Part { channel, drums: map > 0 })
        }
        [0x43, 0x10..=0x1f, 0x4c, 0x08, channel @ 0..=15, 0x07, mode @ 0..=0x7f, ..] => {
            Some(EventKind::Part { channel, drums: mode > 0 })
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
    /// The meaning of the event to a piano roll, as far as it can be told.
    kind: Option<EventKind>,
}

/// Finds a way to continue after bytes that midly cannot decode; `None` if the time of what follows is uncertain.
fn mend(rest: &[u8], running_status: Option<u8>, channel_status: Option<u8>) -> Option<Mended> {
    let padding = padding(rest);
    if padding > 0 {
        let (fault, delta, status) = (Fault::PaddedNumber, 0, running_status);
        return Some(Mended { fault, delta, length: padding, status, kind: None });
    }
    let (delta, after) = read_number(rest)?;
    let delta = u64::from(delta);
    if let Some(message) = Message::read(rest, running_status)
        && follows(&rest[message.length..], Some(message.status))
    {
        let (fault, status, kind) = (Fault::DataByte, Some(message.status), message.kind);
        return Some(Mended { fault, delta, length: message.length, status, kind });
    }
    let skipped = |fault, length| Some(Mended { fault, delta, length, status: None, kind: None });
    match *rest.get(after)? {
        // A data byte: with the status that the meta event should have ended, the same bytes are an event.
        0x00..=0x7f if running_status.is_none() && channel_status.is_some() => {
            Some(Mended { fault: Fault::RunningStatus, delta: 0, length: 0, status: channel_status, kind: None })
        }
        status @ (0xf1..=0xf6 | 0xf8..=0xfe) => {
            let most = match status {
                0xf1 | 0xf3 => 1,
                0xf2 => 2,
                _ => 0,
            };
            let data = rest[after + 1..].iter().take(most).take_while(|&&byte| byte < 0x80).count();
            skipped(Fault::SystemMessage, after + 1 + data)
        }
        status @ (0xf0 | 0xf7 | 0xff) => {
            let (start, length) = padded_payload(rest)?;
            let content = rest.get(start..start + length)?;
            let is_padded = payload(rest).is_none();
            match (is_padded, status, rest[after + 1]) {
                (true, 0xff, 0x58) => Some(Mended {
                    kind: content.first().map(|&numerator| EventKind::Metre { numerator }),
                    ..skipped(Fault::PaddedNumber, start + length)?
                }),
                (true, ..) => skipped(Fault::PaddedNumber, start + length),
                (false, 0xff, _) => skipped(Fault::MalformedMeta, start + length),
                _ => None,
            }
        }
        _ => None,
    }
}

/// A channel message with a data byte of 0x80 or more, at its delta time.
struct Message {
    status: u8,
    /// The bytes of delta time and message.
    length: usize,
    /// A note whose pitch is sound.
    kind: Option<EventKind>,
}

impl Message {
    /// Reads one; `None` if the bytes are something else.
    fn read(rest: &[u8], running_status: Option<u8>) -> Option<Self> {
        let (_, after) = read_number(rest)?;
        let (status, start) = match *rest.get(after)? {
            status @ 0x80..=0xef => (status, after + 1),
            0x00..=0x7f => (running_status?, after),
            _ => return None,
        };
        let data = rest.get(start..start + if matches!(status, 0xc0..=0xdf) { 1 } else { 2 })?;
        if data.iter().all(|&byte| byte < 0x80) {
            return None;
        }
        let (channel, pitch) = (status & 0x0f, data[0]);
        let kind = match status {
            0x80..=0x8f if pitch < 0x80 => Some(EventKind::NoteOff { channel, pitch }),
            0x90..=0x9f if pitch < 0x80 => Some(EventKind::NoteOn { channel, pitch }),
            _ => None,
        };
        Some(Self { status, length: start + data.len(), kind })
    }
}

/// Returns true if bytes begin with some events, among which messages with wrong data bytes count, or are at an end.
fn follows(mut rest: &[u8], mut status: Option<u8>) -> bool {
    /// The number of events that show that a track continues here.
    const EVENTS: usize = 3;
    for _ in 0..EVENTS {
        if rest.is_empty() {
            return true;
        }
        let mut events = EventIter::new(rest);
        *events.running_status_mut() = status;
        if let Some(Ok(event)) = events.next()
            && is_whole(&rest[..rest.len() - events.unread().len()], &event.kind)
        {
            (status, rest) = (events.running_status(), events.unread());
        } else if let Some(message) = Message::read(rest, status) {
            (status, rest) = (Some(message.status), &rest[message.length..]);
        } else {
            return false;
        }
    }
    true
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
    let number = number_of_payload(event)?;
    let (length, used) = read_number(event.get(number..)?)?;
    Some((number + used, length as usize))
}

/// Returns the same where the length may be padded with zeros.
fn padded_payload(event: &[u8]) -> Option<(usize, usize)> {
    let number = number_of_payload(event)?;
    let padded = event.get(number..)?;
    let padding = padding(padded);
    let (length, used) = read_number(&padded[padding..])?;
    Some((number + padding + used, length as usize))
}

/// Returns the offset of the length of the payload of an event.
fn number_of_payload(event: &[u8]) -> Option<usize> {
    let (_, after) = read_number(event)?;
    Some(if *event.get(after)? == 0xff { after + 2 } else { after + 1 })
}

/// Returns the number of zeros in front of a number of more than four bytes that could be left out; 0 for other bytes.
fn padding(bytes: &[u8]) -> usize {
    let zeros = bytes.iter().take_while(|&&byte| byte == 0x80).count();
    let used = read_number(&bytes[zeros..]).map_or(0, |(_, used)| used);
    if used > 0 && zeros + used > 4 { zeros } else { 0 }
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
