//! The MIDI writer: a piano roll becomes the bytes of a MIDI file.

use super::{
    PianoRoll, notes,
    options::{MAX_STEPS, MAX_STEPS_PER_BEAT},
};
use midly::num::{u4, u7, u15, u24, u28};
use midly::{Format, Header, MetaMessage, MidiMessage, Timing, TrackEvent, TrackEventKind};

/// Ticks in a step of written MIDI, as the original has them.
const TICKS_PER_STEP: u32 = 55;

/// Ticks in a quarter note end below this: the header gives them 15 bits.
const MAX_TICKS_PER_BEAT: u32 = 0x7fff;

/// How a piano roll is to sound.
#[derive(Clone, Debug, PartialEq)]
pub struct MidiStyle {
    /// Quarter notes a minute, above zero.
    pub beats_per_minute: f64,
    /// How hard notes are struck, 1 to 127.
    pub velocity: u8,
    /// The instrument, 0 to 127; 0 is the grand piano of General MIDI.
    pub program: u8,
    /// Steps of the piano roll in a quarter note, 1 to [`MAX_STEPS_PER_BEAT`].
    pub steps_per_beat: u32,
}

impl Default for MidiStyle {
    fn default() -> Self {
        Self { beats_per_minute: 120.0, velocity: 40, program: 0, steps_per_beat: 4 }
    }
}

impl MidiStyle {
    /// Ticks in a step: 55, or as many as fit where a beat has so many steps that its ticks would not.
    pub fn ticks_per_step(&self) -> u32 {
        TICKS_PER_STEP.min(MAX_TICKS_PER_BEAT / self.steps_per_beat)
    }

    /// Ticks in a quarter note.
    pub fn ticks_per_beat(&self) -> u32 {
        self.ticks_per_step() * self.steps_per_beat
    }

    /// Microseconds in a quarter note, within what the format can say.
    fn microseconds_per_beat(&self) -> u32 {
        (60_000_000.0 / self.beats_per_minute).round().clamp(1.0, 16_777_215.0) as u32
    }
}

/// The bytes of a MIDI file that plays a piano roll: one track, notes as [`notes`] finds them, at each step the ends
/// before the starts and either by ascending pitch. The track lasts to the end of the last step.
pub fn to_midi(roll: &PianoRoll, style: &MidiStyle) -> Vec<u8> {
    let sounds = (1..=127).contains(&style.velocity) && style.program <= 127 && style.beats_per_minute > 0.0;
    assert!(sounds && (1..=MAX_STEPS_PER_BEAT).contains(&style.steps_per_beat), "{style:?} is out of range");
    // So that every time fits the 28 bits of the format.
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
