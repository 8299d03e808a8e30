//! The MIDI file: tracks of events at absolute ticks, with an account of each place where it breaks the standard.

mod damage;
mod track;

pub use damage::{Damage, Fault};
pub use track::{Event, EventKind, Track};

use midly::{Format, Fps, MetaMessage, Timing, TrackEventKind};
use track::read_track;

/// A MIDI file, as far as it can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MidiFile {
    /// True if the tracks follow one another (format 2), false if they sound at once (formats 0 and 1).
    pub sequential: bool,
    /// The length of a quarter note in ticks.
    pub quarter: Quarter,
    /// The tracks, in the order of the file.
    pub tracks: Vec<Track>,
    /// The places where the file breaks the standard; empty for a sound file.
    pub damage: Vec<Damage>,
    /// The number of chunks that are not tracks. The standard tells readers to ignore them.
    pub alien_chunks: usize,
}

/// The length of a quarter note, `ticks / parts` ticks: a fraction if time is counted in film frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quarter {
    /// The number of ticks in `parts` quarter notes.
    pub ticks: u64,
    /// The number of quarter notes that `ticks` spans.
    pub parts: u64,
}

impl Quarter {
    /// Returns the quarter note of a header. If time is counted in frames, it lasts half a second: 120 beats a minute
    /// is the tempo of a file that states none.
    fn of(timing: Timing) -> Self {
        match timing {
            Timing::Metrical(ticks) => Self { ticks: u64::from(ticks.as_int()), parts: 1 },
            Timing::Timecode(frames, subframes) => {
                let (frames, seconds) = match frames {
                    Fps::Fps24 => (24, 1),
                    Fps::Fps25 => (25, 1),
                    // 29.97, the rate of television.
                    Fps::Fps29 => (30_000, 1001),
                    Fps::Fps30 => (30, 1),
                };
                Self { ticks: frames * u64::from(subframes), parts: 2 * seconds }
            }
        }
    }
}

/// The reason no part of a file could be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MidiError {
    /// The file has no bytes.
    #[error("the file is empty")]
    Empty,
    /// The file does not begin like a MIDI file.
    #[error("not a MIDI file: it does not begin with MThd")]
    NotMidi,
    /// The file header is invalid.
    #[error("the file header cannot be read: {0}")]
    Header(String),
}

impl MidiFile {
    /// The largest file read as MIDI, in bytes. The largest in circulation have some tens of megabytes.
    pub const MAX_BYTES: u64 = 1 << 28;

    /// Reads the bytes of a MIDI file, also of one wrapped in RIFF or behind a MacBinary header.
    pub fn parse(bytes: &[u8]) -> Result<Self, MidiError> {
        if bytes.is_empty() {
            return Err(MidiError::Empty);
        }
        let midi = unwrap(bytes);
        if !midi.starts_with(b"MThd") {
            return Err(MidiError::NotMidi);
        }
        // A frame rate of 128 is stored as −128, which midly cannot negate.
        let negatable = midi.get(12) != Some(&0x80);
        let header = negatable.then(|| midly::parse(midi).ok()).flatten();
        let (header, chunks) = header.ok_or_else(|| MidiError::Header(header_fault(midi)))?;
        let declared = chunks.size_hint().0;
        let mut file = Self {
            sequential: header.format == Format::Sequential,
            quarter: Quarter::of(header.timing),
            tracks: Vec::new(),
            damage: Vec::new(),
            alien_chunks: 0,
        };
        file.read_chunks(bytes, chunks.unread());

        let found = file.tracks.len();
        if found != declared {
            let fault = Fault::TrackCount { declared, found };
            Damage::new(fault, None, 0, 0).add(&mut file.damage);
        }
        if header.format == Format::SingleTrack && found > 1 {
            Damage::new(Fault::SeveralTracks { found }, None, 0, 0).add(&mut file.damage);
        }
        Ok(file)
    }

    /// Returns the number of note-on events in the file, on any channel and at any pitch.
    pub fn note_ons(&self) -> u64 {
        let is_on = |event: &&Event| matches!(event.kind, EventKind::NoteOn { .. });
        let count = |track: &Track| track.events.iter().filter(is_on).count() as u64;
        self.tracks.iter().map(count).sum()
    }

    /// Returns the first tempo stated by the bytes of a MIDI file, in quarter notes a minute, if there is one.
    pub fn tempo(bytes: &[u8]) -> Option<f64> {
        Self::tempi(bytes).first().copied()
    }

    /// Returns the tempi stated by the bytes of a MIDI file, in order of time, in quarter notes a minute. If several
    /// are stated for one tick, only the last counts; a tempo that is stated again while it holds is listed once.
    pub fn tempi(bytes: &[u8]) -> Vec<f64> {
        let midi = unwrap(bytes);
        if midi.get(12) == Some(&0x80) {
            return Vec::new();
        }
        let Ok((_, tracks)) = midly::parse(midi) else { return Vec::new() };
        let mut stated: Vec<(u64, u32)> = Vec::new();
        for events in tracks.map_while(Result::ok) {
            let mut tick = 0u64;
            for event in events.map_while(Result::ok) {
                tick += u64::from(event.delta.as_int());
                if let TrackEventKind::Meta(MetaMessage::Tempo(microseconds)) = event.kind {
                    stated.push((tick, microseconds.as_int()));
                }
            }
        }
        stated.retain(|&(_, microseconds)| microseconds > 0);
        stated.sort_by_key(|&(tick, _)| tick);
        stated.reverse();
        stated.dedup_by_key(|&mut (tick, _)| tick);
        stated.reverse();
        stated.dedup_by_key(|&mut (_, microseconds)| microseconds);
        stated.into_iter().map(|(_, microseconds)| 60_000_000.0 / f64::from(microseconds)).collect()
    }

    /// Reads the chunks after the header; `rest` are the bytes after it, the end of `bytes`.
    fn read_chunks(&mut self, bytes: &[u8], mut rest: &[u8]) {
        let base = if rest.is_empty() { bytes.len() } else { rest.as_ptr().addr() - bytes.as_ptr().addr() };
        let total = rest.len();
        let mut damage = Vec::new();
        while !rest.is_empty() {
            let at = base + total - rest.len();
            let whole = rest.split_at_checked(8).map(|(head, data)| {
                let length = u32::from_be_bytes([head[4], head[5], head[6], head[7]]) as usize;
                (&head[..4], length, data)
            });
            rest = match whole {
                Some((b"MTrk", length, data)) => {
                    let number = self.tracks.len() + 1;
                    let present = length.min(data.len());
                    let (track, own) = read_track(&data[..present], at + 8, number, &mut self.damage);
                    self.tracks.push(track);
                    if length > present && own == present {
                        // The missing End-of-Track is the same fault.
                        self.damage.pop_if(|last| (last.fault, last.track) == (Fault::NoEnd, Some(number)));
                        Damage::new(Fault::CutTrack, Some(number), at, length - present).add(&mut damage);
                    }
                    &data[own..]
                }
                Some((b"MThd", ..)) => {
                    Damage::new(Fault::SecondHeader, None, at, rest.len()).add(&mut damage);
                    &[]
                }
                Some((id, length, data)) if length <= data.len() && id.iter().all(u8::is_ascii_alphanumeric) => {
                    self.alien_chunks += 1;
                    &data[length..]
                }
                // Search from 1: a track at 0 would have been read, unless its length is cut.
                _ => {
                    let next = rest[1..].windows(4).position(|id| id == b"MTrk").map_or(rest.len(), |next| next + 1);
                    Damage::new(Fault::NoChunk, None, at, next).add(&mut damage);
                    &rest[next..]
                }
            };
        }
        damage.append(&mut self.damage);
        self.damage = damage;
    }
}

/// Describes the fault of a header that midly cannot read.
fn header_fault(midi: &[u8]) -> String {
    let number = |at: usize| midi.get(at..at + 2).map_or(0, |word| u16::from_be_bytes([word[0], word[1]]));
    let length = midi.len().min(14);
    let stated = u32::from(number(4)) << 16 | u32::from(number(6));
    if length < 14 {
        return format!("the file has {length} bytes; a header has 14");
    }
    match (stated, number(8)) {
        (0..6, _) => format!("its length is {stated}; 6 is the minimum"),
        (_, format @ 3..) => format!("format {format} is not 0, 1 or 2"),
        _ => format!("{} frames a second is not 24, 25, 29 or 30", -i32::from(midi[12].cast_signed())),
    }
}

/// Returns the MIDI file inside a RIFF file or behind a MacBinary header; other bytes as they are.
fn unwrap(bytes: &[u8]) -> &[u8] {
    /// The length of a MacBinary header, which begins with a zero and the length of a name.
    const MAC_BINARY: usize = 128;
    match bytes {
        [b'R', b'I', b'F', b'F', ..] => unwrap_riff(bytes),
        [0, 1..=63, ..] if bytes.get(MAC_BINARY..).is_some_and(|fork| fork.starts_with(b"MThd")) => {
            let fork = &bytes[MAC_BINARY..];
            let stated = u32::from_be_bytes([bytes[83], bytes[84], bytes[85], bytes[86]]) as usize;
            // Zeros fill the file up after the fork.
            if stated >= 14 { &fork[..stated.min(fork.len())] } else { fork }
        }
        _ => bytes,
    }
}

/// Returns the MIDI file inside a RIFF file, the contents of its `data` chunk; empty if there is none.
fn unwrap_riff(bytes: &[u8]) -> &[u8] {
    let mut rest = match bytes.get(8..12) {
        Some(b"RMID") => &bytes[12..],
        _ => &[],
    };
    while let Some((head, data)) = rest.split_at_checked(8) {
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        if head.starts_with(b"data") {
            return &data[..length.min(data.len())];
        }
        // Chunks begin at even bytes.
        rest = data.get(length.next_multiple_of(2)..).unwrap_or_default();
    }
    &[]
}
