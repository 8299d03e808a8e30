//! Damage: a place at which a MIDI file breaks the standard, and what was lost by it.

use std::fmt;

/// A place, or a number of like places, at which a MIDI file breaks the standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// What is wrong.
    pub fault: Fault,
    /// The track, counted from 1, if it is a track's.
    pub track: Option<usize>,
    /// The byte of the file at which it was first found.
    pub offset: usize,
    /// How often it was found in the track.
    pub times: usize,
    /// Bytes of the file that could not be read, or that the file should have had.
    pub lost: usize,
}

/// What can be wrong with a MIDI file that is not wholly unreadable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An event without status after a meta or system exclusive event, which end running status. Read with the status
    /// before that event, as many programs write it: nothing is lost.
    RunningStatus,
    /// A message of live MIDI (f1 to f6, f8 to fe) that files cannot have. Passed over with its data bytes.
    SystemMessage,
    /// A meta event whose length or content is not that of its type. Passed over; a time signature keeps its numerator.
    MalformedMeta,
    /// Bytes that are no event; the time of what follows is unknown, and the rest of the track lost.
    NoEvent,
    /// An event cut off by the end of its track.
    CutEvent,
    /// A track without End-of-Track.
    NoEnd,
    /// Events after End-of-Track. They are whole events and were read.
    EventsAfterEnd,
    /// Bytes after End-of-Track that are not events.
    BytesAfterEnd,
    /// A track that begins inside another, after its End-of-Track: the other's length is wrong. Both were read.
    TrackInside,
    /// A track longer than the file.
    CutTrack,
    /// Bytes between or after tracks that are no chunk.
    NoChunk,
    /// A second file header; what follows it is another file.
    SecondHeader,
    /// The header's count of tracks is not that of the tracks there are.
    TrackCount {
        /// Tracks by the header.
        declared: usize,
        /// Tracks in the file.
        found: usize,
    },
    /// A file of format 0, which has one track, with several. Read as of format 1, all at once.
    SeveralTracks {
        /// Tracks in the file.
        found: usize,
    },
}

impl Damage {
    /// Damage found once.
    pub(super) fn new(fault: Fault, track: Option<usize>, offset: usize, lost: usize) -> Self {
        Self { fault, track, offset, times: 1, lost }
    }

    /// Add damage to a list; the same fault in the same track is one entry.
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
                f.write_str("running status after a meta or system exclusive event, read as before it")
            }
            Fault::SystemMessage => f.write_str("a system message that files cannot have, passed over"),
            Fault::MalformedMeta => f.write_str("a malformed meta event, passed over"),
            Fault::NoEvent => f.write_str("no MIDI event, the rest of the track is lost"),
            Fault::CutEvent => f.write_str("an event runs past the end of the track"),
            Fault::NoEnd => f.write_str("the track has no End-of-Track"),
            Fault::EventsAfterEnd => f.write_str("events after End-of-Track, read all the same"),
            Fault::BytesAfterEnd => f.write_str("bytes after End-of-Track"),
            Fault::TrackInside => f.write_str("the length of the track is wrong, another one begins inside it"),
            Fault::CutTrack => f.write_str("the file ends before the track does"),
            Fault::NoChunk => f.write_str("bytes that are no track"),
            Fault::SecondHeader => f.write_str("a second file header, what follows is left out"),
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
