//! The damage at a place where a MIDI file breaks the standard.

use std::fmt;

/// One or more places of a track at which a MIDI file breaks the standard in the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The fault.
    pub fault: Fault,
    /// The track, counted from 1, if the fault is in a track.
    pub track: Option<usize>,
    /// The byte of the file at which the fault was first found.
    pub offset: usize,
    /// The number of times it was found in the track.
    pub times: usize,
    /// The bytes of the file that could not be read or are missing.
    pub lost: usize,
}

/// A fault of a MIDI file that can be read at least in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An event without status after a meta or system exclusive event, which end running status. Many programs write
    /// it. It is read with the status before that event, and nothing is lost.
    RunningStatus,
    /// A message of live MIDI (f1 to f6, f8 to fe), which files cannot have. It is skipped with its data bytes.
    SystemMessage,
    /// A channel message with a data byte of 0x80 or more, whose length is known all the same. A note whose velocity alone
    /// is wrong is kept; other messages are passed over.
    DataByte,
    /// A number of more than four bytes, which begins with zeros. It is taken at its value, and nothing is lost.
    PaddedNumber,
    /// A meta event whose length or content does not fit its type. It is skipped; a time signature keeps its numerator.
    MalformedMeta,
    /// Bytes that are not an event. The time of what follows is unknown, so the rest of the track is lost.
    NoEvent,
    /// An event cut off by the end of its track.
    CutEvent,
    /// A track without End-of-Track.
    NoEnd,
    /// Whole events after End-of-Track. They were read.
    EventsAfterEnd,
    /// Bytes after End-of-Track that are not events.
    BytesAfterEnd,
    /// A track whose stated length is wrong: another one begins inside it, after its End-of-Track. Both were read.
    TrackInside,
    /// A track that extends past the end of the file.
    CutTrack,
    /// Bytes between or after tracks that are not a chunk.
    NoChunk,
    /// A second file header. What follows it is another file.
    SecondHeader,
    /// A header whose count of tracks is wrong.
    TrackCount {
        /// The number of tracks that the header states.
        declared: usize,
        /// The number of tracks in the file.
        found: usize,
    },
    /// A file of format 0 with several tracks instead of one. They are read like format 1, all at once.
    SeveralTracks {
        /// The number of tracks in the file.
        found: usize,
    },
}

impl Damage {
    /// Returns damage found once.
    pub(super) fn new(fault: Fault, track: Option<usize>, offset: usize, lost: usize) -> Self {
        Self { fault, track, offset, times: 1, lost }
    }

    /// Adds the damage to a list, in which the same fault in the same track is one entry.
    pub(super) fn add(self, list: &mut Vec<Self>) {
        let like = |other: &&mut Self| (other.fault, other.track) == (self.fault, self.track);
        if let Some(known) = list.iter_mut().find(like) {
            known.times += self.times;
            known.lost += self.lost;
        } else {
            list.push(self);
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(track) = self.track {
            write!(f, "track {track}, ")?;
        }
        match self.fault {
            Fault::TrackCount { .. } | Fault::SeveralTracks { .. } => {}
            _ => write!(f, "byte {}: ", self.offset)?,
        }
        match self.fault {
            Fault::RunningStatus => {
                f.write_str("running status after a meta or system exclusive event, read with the status before it")
            }
            Fault::SystemMessage => f.write_str("a system message that files cannot have, skipped"),
            Fault::DataByte => f.write_str("a message with a data byte of 128 or more, passed over"),
            Fault::PaddedNumber => f.write_str("a number padded with zeros, taken at its value"),
            Fault::MalformedMeta => f.write_str("a malformed meta event, skipped"),
            Fault::NoEvent => f.write_str("not a MIDI event, the rest of the track is lost"),
            Fault::CutEvent => f.write_str("an event runs past the end of the track"),
            Fault::NoEnd => f.write_str("the track has no End-of-Track"),
            Fault::EventsAfterEnd => f.write_str("events after End-of-Track, read nevertheless"),
            Fault::BytesAfterEnd => f.write_str("bytes after End-of-Track"),
            Fault::TrackInside => f.write_str("the length of the track is wrong, another track begins inside it"),
            Fault::CutTrack => f.write_str("the file ends before the track does"),
            Fault::NoChunk => f.write_str("bytes that are not a track"),
            Fault::SecondHeader => f.write_str("a second file header, the rest is left out"),
            Fault::TrackCount { declared, found } => {
                write!(f, "the header counts {declared} tracks, the file has {found}")
            }
            Fault::SeveralTracks { found } => write!(f, "format 0 with {found} tracks, all read at once"),
        }?;
        if self.times > 1 {
            write!(f, ", {} times", self.times)?;
        }
        match self.lost {
            0 => Ok(()),
            1 => f.write_str(" (1 byte lost)"),
            lost => write!(f, " ({lost} bytes lost)"),
        }
    }
}
