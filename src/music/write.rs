//! The MIDI writer: a piano roll becomes the bytes of a MIDI file.

use super::{PianoRoll, notes, options::MAX_STEPS_PER_BEAT};
use midly::num::{u4, u7, u15, u24, u28};
use midly::{Format, Header, MetaMessage, MidiMessage, Timing, TrackEvent, TrackEventKind};

/// Ticks in a step of written MIDI, as the original has them.
const TICKS_PER_STEP: u32 = 55;

/// Ticks in a quarter note end below this: the header gives them 15 bits.
const MAX_TICKS_PER_BEAT: u32 = 0x7fff;

/// How a piano roll is to sound.
#[derive(Clone, Debug, PartialEq)]
pub struct MidiStyle {
    /// Quarter notes a minute.
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
        Self {
            beats_per_minute: 120.0,
            velocity: 40,
            program: 0,
            steps_per_beat: 4,
        }
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
    assert!(
        (1..=MAX_STEPS_PER_BEAT).contains(&style.steps_per_beat),
        "{} steps a beat",
        style.steps_per_beat
    );
    // (step, starts, pitch): ends come before starts.
    let mut changes: Vec<(usize, bool, u8)> = notes(roll)
        .iter()
        .flat_map(|note| [(note.start, true, note.pitch), (note.end, false, note.pitch)])
        .collect();
    changes.sort_unstable();

    let channel = u4::from(0);
    let tempo = MetaMessage::Tempo(u24::from(style.microseconds_per_beat()));
    let program = MidiMessage::ProgramChange {
        program: u7::from(style.program),
    };
    let mut track = vec![
        event(0, TrackEventKind::Meta(tempo)),
        event(
            0,
            TrackEventKind::Midi {
                channel,
                message: program,
            },
        ),
    ];
    let ticks_per_step = u64::from(style.ticks_per_step());
    let mut now = 0;
    for (step, starts, pitch) in changes {
        let tick = step as u64 * ticks_per_step;
        wait(&mut track, tick - now);
        let (key, vel) = (u7::from(pitch), u7::from(style.velocity));
        let message = if starts {
            MidiMessage::NoteOn { key, vel }
        } else {
            MidiMessage::NoteOff { key, vel: u7::from(0) }
        };
        let delta = (tick - now) % WAIT;
        track.push(event(delta, TrackEventKind::Midi { channel, message }));
        now = tick;
    }
    let rest = roll.steps() as u64 * ticks_per_step - now;
    wait(&mut track, rest);
    track.push(event(rest % WAIT, TrackEventKind::Meta(MetaMessage::EndOfTrack)));

    let timing = Timing::Metrical(u15::from(style.ticks_per_beat() as u16));
    let mut bytes = Vec::new();
    midly::write_std(&Header::new(Format::SingleTrack, timing), [&track], &mut bytes)
        .expect("one track of channel messages fits the format, and memory does not refuse bytes");
    bytes
}

/// Longest time an event may wait for; a longer one is divided by empty texts.
const WAIT: u64 = 1 << 28;

/// Fill all whole multiples of [`WAIT`] in a span of ticks.
fn wait(track: &mut Vec<TrackEvent<'static>>, ticks: u64) {
    for _ in 0..ticks / WAIT {
        track.push(event(WAIT - 1, TrackEventKind::Meta(MetaMessage::Text(b""))));
        track.push(event(1, TrackEventKind::Meta(MetaMessage::Text(b""))));
    }
}

fn event(delta: u64, kind: TrackEventKind<'static>) -> TrackEvent<'static> {
    TrackEvent {
        delta: u28::from(delta as u32),
        kind,
    }
}
