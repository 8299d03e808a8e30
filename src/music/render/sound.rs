//! The sound of a piano roll: stereo samples made by additive synthesis.
//!
//! The same roll gives the same bytes on every machine: floats are only added and multiplied, in one fixed order, and
//! other functions are those of the crate `libm`.

use super::midi::MidiStyle;
use crate::music::piano_roll::{Note, PianoRoll, notes};
use std::f64::consts::{FRAC_PI_4, TAU};
use std::io::Cursor;

/// The number of frames, each a left and a right sample, in a second.
pub const SAMPLE_RATE: u32 = 44_100;

/// The seconds after the end of the roll in which the last notes and their echo die away.
pub const TAIL_SECONDS: f64 = 1.5;

/// The longest piece that is rendered, in seconds. Half an hour takes about a gigabyte of memory.
pub const MAX_SECONDS: f64 = 1800.0;

/// The largest sample of a piece, as a share of full scale. It is below 1 because a lossy encoder may overshoot.
const PEAK: f64 = 0.89;

/// The error of a piece that is too long to be rendered.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("the piece lasts {seconds:.0} seconds; {MAX_SECONDS} is the maximum")]
pub struct TooLong {
    /// The length of the piece in seconds.
    pub seconds: f64,
}

/// The sound of an instrument: its partials with their rise and decay.
struct Timbre {
    /// The amplitudes of the partials, the fundamental first.
    partials: &'static [f64],
    /// The decay of middle C's fundamental while the note is held, in nepers a second.
    decay: f64,
    /// The increase in decay from one partial to the next, as a share of `decay`.
    damping: f64,
    /// The B in f·n·√(1 + B·n²): stiff strings have partials sharper than harmonic ones (Fletcher 1964).
    inharmonicity: f64,
    /// The length of the rise in seconds.
    attack: f64,
    /// The time in seconds in which a note dies away after its end.
    release: f64,
}

/// The timbre of struck strings: the piano, and all instruments without another timbre here.
const STRUCK: Timbre = Timbre {
    partials: &[1.0, 0.55, 0.32, 0.2, 0.13, 0.08, 0.05, 0.03],
    decay: 1.1,
    damping: 0.45,
    inharmonicity: 4e-4,
    attack: 0.004,
    release: 0.18,
};

/// The timbre of bars and bells: few partials, far apart.
const BARS: Timbre = Timbre {
    partials: &[1.0, 0.0, 0.0, 0.35, 0.0, 0.0, 0.0, 0.0, 0.0, 0.12],
    decay: 2.2,
    damping: 0.3,
    inharmonicity: 0.0,
    attack: 0.002,
    release: 0.4,
};

/// The timbre of plucked strings: bright and short.
const PLUCKED: Timbre = Timbre {
    partials: &[1.0, 0.7, 0.5, 0.35, 0.25, 0.18, 0.12, 0.08, 0.05],
    decay: 2.4,
    damping: 0.5,
    inharmonicity: 1e-4,
    attack: 0.002,
    release: 0.08,
};

/// The timbre of pipes: as loud at the end as at the start.
const PIPES: Timbre = Timbre {
    partials: &[1.0, 0.6, 0.15, 0.35, 0.0, 0.08, 0.0, 0.12],
    decay: 0.0,
    damping: 0.0,
    inharmonicity: 0.0,
    attack: 0.02,
    release: 0.08,
};

/// The timbre of bowed strings, voices and winds: a slow rise, then almost constant.
const BOWED: Timbre = Timbre {
    partials: &[1.0, 0.5, 0.33, 0.22, 0.14, 0.09, 0.05],
    decay: 0.05,
    damping: 0.5,
    inharmonicity: 0.0,
    attack: 0.07,
    release: 0.22,
};

impl Timbre {
    /// Returns the timbre nearest to a program of General MIDI, counted from 0.
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

/// Returns the frequency of a MIDI pitch in hertz, in equal temperament with A4 (pitch 69) at 440.
pub fn frequency(pitch: u8) -> f64 {
    440.0 * libm::exp2((f64::from(pitch) - 69.0) / 12.0)
}

/// Renders the frames of a piece: the notes that [`notes`] finds, in the tempo and with the instrument of `style`, with
/// a little echo, and [`TAIL_SECONDS`] after the end. The loudest sample is always the same, unless the piece is
/// silent.
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

/// Adds a note to the frames that start with it; `held` is its length in frames.
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
        // A partial above half the sample rate would sound at another frequency.
        .filter(|partial| partial.frequency < 0.45)
        .collect();
    // Low notes are on the left, high ones on the right, as a pianist hears them, with equal power everywhere.
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

/// A decaying sine: a point that turns by the same angle and shrinks by the same factor every frame.
struct Partial {
    /// The frequency in turns a frame.
    frequency: f64,
    /// The turn and shrinkage of a frame, as a complex factor.
    step: [f64; 2],
    /// The present point, a complex number.
    point: [f64; 2],
}

impl Partial {
    /// Returns a sine of `frequency` turns a frame and `decay` nepers a frame.
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

/// The gain of the echo.
const ECHO: f32 = 0.16;

/// The delays of the four combs in frames. All delays are coprime, so that echoes do not coincide.
const COMBS: [usize; 4] = [1117, 1187, 1277, 1361];
/// The delays of the two all-pass filters in frames.
const ALL_PASSES: [usize; 2] = [557, 443];
/// The frames by which each delay on the right is longer than on the left.
const SPREAD: usize = 24;

/// The share of a comb's output that is fed back.
const FEEDBACK: f32 = 0.78;
/// The coefficient of the low-pass filter in a comb's feedback, which absorbs high frequencies.
const ABSORPTION: f32 = 0.35;

/// Adds the echo of a room: parallel combs, then all-pass filters in series (Schroeder 1962; Moorer 1979).
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

/// Converts the frames to 16 bits, with the loudest sample at [`PEAK`].
fn to_full_scale(mix: &[[f32; 2]]) -> Vec<[i16; 2]> {
    let loudest = mix.iter().flatten().fold(0.0f32, |loudest, sample| loudest.max(sample.abs()));
    let scale = if loudest > 0.0 { PEAK * f64::from(i16::MAX) / f64::from(loudest) } else { 0.0 };
    mix.iter().map(|frame| frame.map(|sample| (f64::from(sample) * scale).round() as i16)).collect()
}

/// Returns the bytes of a WAV file: stereo, 16 bits, [`SAMPLE_RATE`].
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

    /// Returns a roll of the given notes with a hold and an onset plane.
    fn roll(steps: usize, played: &[Note]) -> PianoRoll {
        let layout =
            Layout { lowest_pitch: 24, highest_pitch: 102, planes: vec![Plane::Hold, Plane::Onset], units: None };
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

    /// Returns the power of a frequency in the left samples (Goertzel 1958), relative to that of a sine at full scale.
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

    /// For every instrument, the note played is louder than the twelve others within six semitones.
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
        // The sound has died away at the end.
        let end = &frames[frames.len() - 2000..];
        assert!(end.iter().flatten().all(|sample| sample.unsigned_abs() < 300));
        assert!(frames.iter().all(|frame| frame[0].unsigned_abs() < 32_767));
    }

    #[test]
    fn silence_is_silent_and_a_rest_is_a_rest() {
        let frames = render(&roll(4, &[]), &MidiStyle::default()).unwrap();
        assert!(frames.iter().all(|frame| *frame == [0, 0]));
        // The note starts after four steps, half a second.
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

    /// The bytes are pinned, since they are the same on every machine, and the library that wrote them reads them back.
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
