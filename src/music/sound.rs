//! The sound: a piano roll becomes stereo samples, by additive synthesis, and these the bytes of a WAV file.
//!
//! Everything is additions and multiplications of floats in one fixed order, and functions of the crate `libm`: the same
//! roll gives the same bytes on every machine.

use super::{MidiStyle, Note, PianoRoll, notes};
use std::f64::consts::{FRAC_PI_4, TAU};
use std::io::Cursor;

/// Frames, of a left and a right sample, in a second.
pub const SAMPLE_RATE: u32 = 44_100;

/// Seconds after the end of the roll, in which the last notes and their echo die away.
pub const TAIL_SECONDS: f64 = 1.5;

/// The longest piece that is rendered, in seconds; half an hour takes about a gigabyte of memory while it is made.
pub const MAX_SECONDS: f64 = 1800.0;

/// The largest sample of any piece that sounds, of 1: just below full scale, as a lossy encoder may overshoot.
const PEAK: f64 = 0.89;

/// A piece too long to be rendered.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{seconds:.0} seconds of sound are more than the {MAX_SECONDS} that are rendered at once")]
pub struct TooLong {
    /// Its seconds.
    pub seconds: f64,
}

/// How an instrument sounds: a row of partials, and how each rises and dies away.
struct Timbre {
    /// Amplitudes of the partials, the fundamental first.
    partials: &'static [f64],
    /// Nepers a second by which the fundamental of middle C dies away while the note is held.
    decay: f64,
    /// How much faster each partial dies away than the one below, as a share of `decay`.
    damping: f64,
    /// B in f·n·√(1 + B·n²): stiff strings have partials sharper than the multiples of the fundamental (Fletcher 1964).
    inharmonicity: f64,
    /// Seconds of the rise.
    attack: f64,
    /// Seconds in which a note dies away after its end.
    release: f64,
}

/// Struck strings: the piano, and what has no timbre of its own here.
const STRUCK: Timbre = Timbre {
    partials: &[1.0, 0.55, 0.32, 0.2, 0.13, 0.08, 0.05, 0.03],
    decay: 1.1,
    damping: 0.45,
    inharmonicity: 4e-4,
    attack: 0.004,
    release: 0.18,
};

/// Bars and bells: few partials, far apart.
const BARS: Timbre = Timbre {
    partials: &[1.0, 0.0, 0.0, 0.35, 0.0, 0.0, 0.0, 0.0, 0.0, 0.12],
    decay: 2.2,
    damping: 0.3,
    inharmonicity: 0.0,
    attack: 0.002,
    release: 0.4,
};

/// Plucked strings: bright, soon gone.
const PLUCKED: Timbre = Timbre {
    partials: &[1.0, 0.7, 0.5, 0.35, 0.25, 0.18, 0.12, 0.08, 0.05],
    decay: 2.4,
    damping: 0.5,
    inharmonicity: 1e-4,
    attack: 0.002,
    release: 0.08,
};

/// Pipes: as loud at the end as at the start.
const PIPES: Timbre = Timbre {
    partials: &[1.0, 0.6, 0.15, 0.35, 0.0, 0.08, 0.0, 0.12],
    decay: 0.0,
    damping: 0.0,
    inharmonicity: 0.0,
    attack: 0.02,
    release: 0.08,
};

/// Bowed strings, voices and winds: a slow rise, then held.
const BOWED: Timbre = Timbre {
    partials: &[1.0, 0.5, 0.33, 0.22, 0.14, 0.09, 0.05],
    decay: 0.05,
    damping: 0.5,
    inharmonicity: 0.0,
    attack: 0.07,
    release: 0.22,
};

impl Timbre {
    /// The timbre nearest to a program of General MIDI, counted from 0.
    fn of_program(program: u8) -> &'static Self {
        match program {
            8..=15 => &BARS,
            16..=23 => &PIPES,
            24..=39 => &PLUCKED,
            40..=79 => &BOWED,
            _ => &STRUCK,
        }
    }
}

/// The fundamental of a MIDI pitch in hertz, in equal temperament: A4, pitch 69, at 440.
pub fn frequency(pitch: u8) -> f64 {
    440.0 * libm::exp2((f64::from(pitch) - 69.0) / 12.0)
}

/// The frames of a piece: its notes as [`notes`] finds them, in the tempo and by the instrument of `style`, with a little
/// echo, and [`TAIL_SECONDS`] after the end. The loudest sample is always the same, unless all is silence.
pub fn render(roll: &PianoRoll, style: &MidiStyle) -> Result<Vec<[i16; 2]>, TooLong> {
    let step_seconds = 60.0 / style.beats_per_minute / f64::from(style.steps_per_beat);
    let seconds = roll.steps() as f64 * step_seconds;
    if seconds > MAX_SECONDS {
        return Err(TooLong { seconds });
    }
    let frame = |seconds: f64| (seconds * f64::from(SAMPLE_RATE)).round() as usize;
    let mut mix = vec![[0.0f32; 2]; frame(seconds + TAIL_SECONDS)];
    let timbre = Timbre::of_program(style.program);
    for Note { start, pitch, end } in notes(roll) {
        let [start, end] = [start, end].map(|step| frame(step as f64 * step_seconds));
        sound_note(timbre, pitch, end - start, &mut mix[start..]);
    }
    echo(&mut mix);
    Ok(to_full_scale(&mix))
}

/// Add one note to the frames from its start on; `held` is its length in frames.
fn sound_note(timbre: &Timbre, pitch: u8, held: usize, mix: &mut [[f32; 2]]) {
    let rate = f64::from(SAMPLE_RATE);
    let fundamental = frequency(pitch);
    let [attack, release] = [timbre.attack, timbre.release].map(|seconds| (seconds * rate).round().max(1.0));
    let length = mix.len().min(held + release as usize);
    // High strings are short and die away soon.
    let decay = timbre.decay * libm::sqrt(fundamental / frequency(60));
    let mut partials: Vec<Partial> = (1..)
        .zip(timbre.partials)
        .filter(|&(_, &amplitude)| amplitude > 0.0)
        .map(|(number, &amplitude)| {
            let number = f64::from(number);
            let frequency = fundamental * number * libm::sqrt(1.0 + timbre.inharmonicity * number * number);
            Partial::new(frequency / rate, decay * (1.0 + timbre.damping * (number - 1.0)) / rate, amplitude)
        })
        // What lies above half the rate of samples would sound as another frequency.
        .filter(|partial| partial.frequency < 0.45)
        .collect();
    // Low notes to the left, high ones to the right, as a pianist hears them; equal power everywhere.
    let place = (1.0 + ((f64::from(pitch) - 60.0) / 60.0).clamp(-0.7, 0.7)) * FRAC_PI_4;
    let [left, right] = [libm::cos(place), libm::sin(place)];
    for (index, frame) in mix[..length].iter_mut().enumerate() {
        let rise = (index as f64 / attack).min(1.0);
        let fall = 1.0 - index.saturating_sub(held) as f64 / release;
        let sound: f64 = partials.iter_mut().map(Partial::next).sum();
        let sound = sound * rise * fall * fall;
        frame[0] += (sound * left) as f32;
        frame[1] += (sound * right) as f32;
    }
}

/// A sine that dies away: a point that turns and shrinks by the same amount every frame.
struct Partial {
    /// Turns a frame.
    frequency: f64,
    /// The rotation of a frame, shrunk.
    step: [f64; 2],
    point: [f64; 2],
}

impl Partial {
    /// `decay` in nepers a frame.
    fn new(frequency: f64, decay: f64, amplitude: f64) -> Self {
        let shrink = libm::exp(-decay);
        let angle = TAU * frequency;
        Self { frequency, step: [shrink * libm::cos(angle), shrink * libm::sin(angle)], point: [amplitude, 0.0] }
    }

    fn next(&mut self) -> f64 {
        let ([x, y], [cos, sin]) = (self.point, self.step);
        self.point = [x * cos - y * sin, x * sin + y * cos];
        y
    }
}

/// Share of the echo in what is heard.
const ECHO: f32 = 0.16;

/// Frames of the delays of the four combs, and of the two all-pass filters after them; the right side's are a little
/// longer. Mutually prime, so that echoes do not fall together.
const COMBS: [usize; 4] = [1117, 1187, 1277, 1361];
const ALL_PASSES: [usize; 2] = [557, 443];
const SPREAD: usize = 24;

/// Share of a comb's output that goes round again, and how much of its high frequencies is lost on the way.
const FEEDBACK: f32 = 0.78;
const ABSORPTION: f32 = 0.35;

/// Add the echo of a room: parallel combs, then all-pass filters in a row (Schroeder 1962; Moorer 1979).
fn echo(mix: &mut [[f32; 2]]) {
    for side in 0..2 {
        let spread = side * SPREAD;
        let mut combs = COMBS.map(|delay| (vec![0.0f32; delay + spread], 0.0f32));
        let mut all_passes = ALL_PASSES.map(|delay| vec![0.0f32; delay + spread]);
        for (index, frame) in mix.iter_mut().enumerate() {
            let mut wet = 0.0;
            for (line, low) in &mut combs {
                let place = index % line.len();
                let late = line[place];
                *low = late * (1.0 - ABSORPTION) + *low * ABSORPTION;
                line[place] = frame[side] + *low * FEEDBACK;
                wet += late;
            }
            for line in &mut all_passes {
                let place = index % line.len();
                let late = line[place];
                line[place] = wet + late * 0.5;
                wet = late - wet * 0.5;
            }
            frame[side] += wet * ECHO;
        }
    }
}

/// The frames in 16 bits, the loudest sample at [`PEAK`].
fn to_full_scale(mix: &[[f32; 2]]) -> Vec<[i16; 2]> {
    let loudest = mix.iter().flatten().fold(0.0f32, |loudest, sample| loudest.max(sample.abs()));
    let scale = if loudest > 0.0 { PEAK * f64::from(i16::MAX) / f64::from(loudest) } else { 0.0 };
    mix.iter().map(|frame| frame.map(|sample| (f64::from(sample) * scale).round() as i16)).collect()
}

/// The bytes of a WAV file: stereo, 16 bits, [`SAMPLE_RATE`].
pub fn to_wav(frames: &[[i16; 2]]) -> Vec<u8> {
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: SAMPLE_RATE,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut bytes = Cursor::new(Vec::new());
    let mut write = || -> Result<(), hound::Error> {
        let mut writer = hound::WavWriter::new(&mut bytes, spec)?;
        let mut samples = writer.get_i16_writer(2 * frames.len() as u32);
        frames.iter().flatten().for_each(|&sample| samples.write_sample(sample));
        samples.flush()?;
        writer.finalize()
    };
    write().expect("memory does not refuse bytes, and half an hour of sound fits the format");
    bytes.into_inner()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::music::{Layout, Plane};

    /// A roll of the given notes on hold and onset.
    fn roll(steps: usize, played: &[Note]) -> PianoRoll {
        let layout = Layout { lowest_pitch: 24, highest_pitch: 102, planes: vec![Plane::Hold, Plane::Onset] };
        let mut roll = PianoRoll::silent(layout, steps);
        for note in played {
            for step in note.start..note.end {
                let column = roll.layout.column(Plane::Hold, note.pitch).unwrap();
                roll.cells.set(step, column, true);
            }
            let column = roll.layout.column(Plane::Onset, note.pitch).unwrap();
            roll.cells.set(note.start, column, true);
        }
        roll
    }

    fn note(start: usize, pitch: u8, end: usize) -> Note {
        Note { start, pitch, end }
    }

    /// The power of one frequency in the left samples (Goertzel 1958), relative to that of a sine at full scale.
    fn power(frames: &[[i16; 2]], frequency: f64) -> f64 {
        let coefficient = 2.0 * (TAU * frequency / f64::from(SAMPLE_RATE)).cos();
        let (mut last, mut before) = (0.0, 0.0);
        for frame in frames {
            let now = f64::from(frame[0]) / 32_768.0 + coefficient * last - before;
            (before, last) = (last, now);
        }
        let half = frames.len() as f64 / 2.0;
        (last * last + before * before - coefficient * last * before) / (half * half)
    }

    /// Of the twelve notes a semitone apart around it, that which is played is the loudest, for every instrument.
    #[test]
    fn a_note_sounds_at_its_frequency() {
        assert!((frequency(60) - 261.6256).abs() < 1e-4 && frequency(69) == 440.0);
        for program in [0, 9, 19, 25, 48, 80] {
            for pitch in [45, 60, 81] {
                let style = MidiStyle { program, ..MidiStyle::default() };
                let frames = render(&roll(8, &[note(0, pitch, 8)]), &style).unwrap();
                let heard = &frames[2000..2000 + 35_000];
                let loudest = (pitch - 6..=pitch + 6)
                    .max_by(|&a, &b| power(heard, frequency(a)).total_cmp(&power(heard, frequency(b))));
                assert_eq!(loudest, Some(pitch), "program {program}");
                assert!(power(heard, frequency(pitch)) > 1e-4, "program {program}");
            }
        }
    }

    #[test]
    fn a_piece_is_as_long_as_its_steps_and_never_clips() {
        let chord: Vec<Note> = (40..90).map(|pitch| note(0, pitch, 16)).collect();
        // 16 steps, four a beat, at 90 beats a minute: 2.667 seconds.
        let style = MidiStyle { beats_per_minute: 90.0, ..MidiStyle::default() };
        let frames = render(&roll(16, &chord), &style).unwrap();
        assert_eq!(frames.len(), ((16.0 / 4.0 / 1.5 + TAIL_SECONDS) * f64::from(SAMPLE_RATE)).round() as usize);
        let loudest = frames.iter().flatten().map(|sample| sample.unsigned_abs()).max().unwrap();
        assert!((29_100..29_200).contains(&loudest), "{loudest}");
        // It has died away at the end.
        let end = &frames[frames.len() - 2000..];
        assert!(end.iter().flatten().all(|sample| sample.unsigned_abs() < 300));
        assert!(frames.iter().all(|frame| frame[0].unsigned_abs() < 32_767));
    }

    #[test]
    fn silence_is_silent_and_a_rest_is_a_rest() {
        let frames = render(&roll(4, &[]), &MidiStyle::default()).unwrap();
        assert!(frames.iter().all(|frame| *frame == [0, 0]));
        // A note after four steps, half a second.
        let frames = render(&roll(8, &[note(4, 60, 8)]), &MidiStyle::default()).unwrap();
        assert!(frames[..22_050].iter().all(|frame| *frame == [0, 0]));
        assert!(frames[22_050..23_000].iter().any(|frame| frame[0].unsigned_abs() > 1000));
    }

    #[test]
    fn low_notes_are_on_the_left() {
        let sides = |pitch| {
            let frames = render(&roll(4, &[note(0, pitch, 4)]), &MidiStyle::default()).unwrap();
            [0, 1].map(|side| frames.iter().map(|frame| f64::from(frame[side]).powi(2)).sum::<f64>())
        };
        let (low, high) = (sides(30), sides(96));
        assert!(low[0] > 2.0 * low[1] && high[1] > 2.0 * high[0], "{low:?} {high:?}");
    }

    #[test]
    fn too_long_a_piece_is_refused() {
        let style = MidiStyle { beats_per_minute: 4.0, steps_per_beat: 1, ..MidiStyle::default() };
        assert_eq!(render(&roll(200, &[]), &style), Err(TooLong { seconds: 3000.0 }));
    }

    /// The bytes are the same on every machine: pinned, and read back by the library that wrote them.
    #[test]
    fn the_bytes_are_pinned() {
        let frames =
            render(&roll(6, &[note(0, 48, 6), note(0, 64, 3), note(3, 67, 6)]), &MidiStyle::default()).unwrap();
        let bytes = to_wav(&frames);
        let read = hound::WavReader::new(bytes.as_slice()).unwrap();
        assert_eq!((read.spec().channels, read.spec().sample_rate, read.duration()), (2, 44_100, frames.len() as u32));
        let samples: Vec<i16> = read.into_samples().map(Result::unwrap).collect();
        assert_eq!(samples, frames.as_flattened());
        assert_eq!(&blake3::hash(&bytes).to_hex()[..16], "cfc8fa50baaaee16");
    }
}
