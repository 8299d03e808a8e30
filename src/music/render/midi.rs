//! The MIDI writer, which turns a piano roll into the bytes of a MIDI file.

use crate::music::options::{MAX_STEPS, MAX_STEPS_PER_BEAT};
use crate::music::piano_roll::{PianoRoll, notes};
use midly::num::{u4, u7, u15, u24, u28};
use midly::{Format, Header, MetaMessage, MidiMessage, Timing, TrackEvent, TrackEventKind};

/// The ticks in a step of written MIDI, as in the original.
const TICKS_PER_STEP: u32 = 55;

/// The maximum number of ticks in a quarter note, for which the header has 15 bits.
const MAX_TICKS_PER_BEAT: u32 = 0x7fff;

/// The tempo, loudness and instrument of a piano roll.
#[derive(Clone, Debug, PartialEq)]
pub struct MidiStyle {
    /// The tempo in quarter notes a minute, above zero.
    pub beats_per_minute: f64,
    /// The velocity of all notes, 1 to 127.
    pub velocity: u8,
    /// The program of General MIDI, 0 to 127; 0 is the grand piano.
    pub program: u8,
    /// The number of steps in a quarter note, 1 to [`MAX_STEPS_PER_BEAT`].
    pub steps_per_beat: u32,
}

impl Default for MidiStyle {
    fn default() -> Self {
        Self { beats_per_minute: 120.0, velocity: 40, program: 0, steps_per_beat: 4 }
    }
}

impl MidiStyle {
    /// Returns the number of ticks in a step: 55, or fewer if a beat has too many steps for its ticks to fit the
    /// header.
    pub fn ticks_per_step(&self) -> u32 {
        TICKS_PER_STEP.min(MAX_TICKS_PER_BEAT / self.steps_per_beat)
    }

    /// Returns the number of ticks in a quarter note.
    pub fn ticks_per_beat(&self) -> u32 {
        self.ticks_per_step() * self.steps_per_beat
    }

    /// Returns the microseconds in a quarter note, clamped to the 24 bits of the format.
    fn microseconds_per_beat(&self) -> u32 {
        (60_000_000.0 / self.beats_per_minute).round().clamp(1.0, 16_777_215.0) as u32
    }
}

/// Returns the bytes of a MIDI file that plays a piano roll. It has one track with the notes that [`notes`] finds; at
/// each step ends come before starts, both in order of pitch. The track lasts to the end of the last step.
pub fn to_midi(roll: &PianoRoll, style: &MidiStyle) -> Vec<u8> {
    let sounds = (1..=127).contains(&style.velocity) && style.program <= 127 && style.beats_per_minute > 0.0;
    assert!(sounds && (1..=MAX_STEPS_PER_BEAT).contains(&style.steps_per_beat), "{style:?} is out of range");
    // Every time must fit the 28 bits of the format.
    assert!(roll.steps() as u64 <= MAX_STEPS, "a song of {} steps", roll.steps());
    // (step, starts, pitch): ends come before starts.
    let mut changes: Vec<(usize, bool, u8)> =
        notes(roll).iter().flat_map(|note| [(note.start, true, note.pitch), (note.end, false, note.pitch)]).collect();
    changes.sort_unstable();

    let channel = u4::from(0);
    let tempo = MetaMessage::Tempo(u24::from(style.microseconds_per_beat()));
    let program = MidiMessage::ProgramChange { program: u7::from(style.program) };
    let mut track =
        vec![event(0, TrackEventKind::Meta(tempo)), event(0, TrackEventKind::Midi { channel, message: program })];
    let ticks_per_step = style.ticks_per_step();
    let mut now = 0;
    let mut at = |step: usize, kind| {
        let tick = step as u32 * ticks_per_step;
        track.push(event(tick - now, kind));
        now = tick;
    };
    for (step, starts, pitch) in changes {
        let key = u7::from(pitch);
        let message = if starts {
            let vel = u7::from(style.velocity);
            MidiMessage::NoteOn { key, vel }
        } else {
            MidiMessage::NoteOff { key, vel: u7::from(0) }
        };
        at(step, TrackEventKind::Midi { channel, message });
    }
    at(roll.steps(), TrackEventKind::Meta(MetaMessage::EndOfTrack));

    let timing = Timing::Metrical(u15::from(style.ticks_per_beat() as u16));
    let mut bytes = Vec::new();
    midly::write_std(&Header::new(Format::SingleTrack, timing), [&track], &mut bytes)
        .expect("one track of channel messages fits the format, and memory does not refuse bytes");
    bytes
}

fn event(delta: u32, kind: TrackEventKind<'static>) -> TrackEvent<'static> {
    TrackEvent { delta: u28::from(delta), kind }
}
