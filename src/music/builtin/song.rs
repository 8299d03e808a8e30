//! A song of the built-in corpus.

use super::STEPS_PER_BAR;
use super::chord::{Chord, voice};
use super::key::{Key, PitchClass, TONES};
use super::melody;
use super::progression::Progression;
use super::texture::{BASS_LIMIT, Bar, Texture};
use crate::music::{Layout, Note, PianoRoll, Plane};
use serde::Serialize;
use std::ops::RangeInclusive;

/// The MIDI pitches of the roots in the bass, below every chord.
const BASS_REGISTER: RangeInclusive<u8> = 36..=50;

/// The MIDI pitches of the chords.
pub(super) const CHORD_REGISTER: RangeInclusive<u8> = 52..=67;

/// The voicing before a song's first chord: C major over its fifth, in the middle of the register.
const FIRST_VOICING: [u8; 3] = [55, 60, 64];

/// The pitch near which a song's first bass note is chosen.
const FIRST_BASS: u8 = 43;

/// The facts known about a song from its composition, by which samples can be judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SongTruth {
    /// The file name, such as `001-c-major-axis-arpeggio.mid`.
    pub file: String,
    /// The key.
    pub key: Key,
    /// The name of the progression.
    pub progression: &'static str,
    /// The texture: the way in which the accompaniment plays the chords.
    pub texture: Texture,
    /// The tempo in quarter notes a minute.
    pub tempo: u16,
    /// The chord of each bar of 16 steps.
    pub bars: Vec<BarTruth>,
}

/// The chord of a bar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BarTruth {
    /// The Roman numeral: upper case for a major third, lower case for a minor third, a circle for a diminished fifth.
    /// The third of `V` in minor is the raised seventh tone of the scale.
    pub numeral: &'static str,
    /// The pitch classes of root, third and fifth.
    pub pitch_classes: [PitchClass; 3],
}

impl SongTruth {
    /// Returns the length in steps, with four steps a beat.
    pub fn steps(&self) -> usize {
        self.bars.len() * STEPS_PER_BAR
    }
}

/// The parts from which a song is composed.
pub(super) struct Song {
    pub(super) key: Key,
    pub(super) progression: &'static Progression,
    pub(super) texture: Texture,
    /// The chord of each bar.
    pub(super) chords: Vec<Chord>,
    /// The seed of the melody's free choices.
    pub(super) melody_seed: u64,
}

impl Song {
    /// Returns the facts about the song, which is in `file`.
    pub(super) fn truth(&self, file: String) -> SongTruth {
        let bar = |chord: &Chord| BarTruth { numeral: chord.numeral, pitch_classes: chord.pitch_classes(self.key) };
        SongTruth {
            file,
            key: self.key,
            progression: self.progression.name,
            texture: self.texture,
            tempo: self.texture.tempo(),
            bars: self.chords.iter().map(bar).collect(),
        }
    }

    /// Composes the song: a piano roll with a hold and an onset plane.
    pub(super) fn roll(&self) -> PianoRoll {
        let layout =
            Layout { lowest_pitch: 0, highest_pitch: 128, planes: vec![Plane::Hold, Plane::Onset], units: None };
        let mut roll = PianoRoll::silent(layout, self.chords.len() * STEPS_PER_BAR);
        let mut notes = self.accompaniment();
        notes.extend(melody::compose(self.key, &self.chords, self.melody_seed));
        paint(&notes, &mut roll);
        roll
    }

    /// Returns the notes of bass and chords.
    fn accompaniment(&self) -> Vec<Note> {
        let basses = self.basses();
        let mut voicing = FIRST_VOICING;
        let mut part = Vec::new();
        for (index, chord) in self.chords.iter().enumerate() {
            let start = index * STEPS_PER_BAR;
            voicing = voice(chord.pitch_classes(self.key), voicing, CHORD_REGISTER);
            let bass = self.key.pitch(basses[index], chord.leading);
            let Some(&next) = basses.get(index + 1) else {
                Texture::close(&mut part, start, bass, voicing);
                break;
            };
            let above = |steps| self.key.pitch(basses[index] + steps, chord.leading);
            let bar = Bar {
                bass,
                third: above(2),
                fifth: above(4),
                approach: self.approach(basses[index], next, chord),
                chord: voicing,
            };
            self.texture.play(&mut part, start, &bar);
        }
        part
    }

    /// Returns the scale step of each bar's bass note: the chord's root in the octave nearest to the bass note before.
    fn basses(&self) -> Vec<i32> {
        let mut last = i32::from(FIRST_BASS);
        let mut nearest_root = |chord: &Chord| {
            let octaves = (0..10).map(|octave| chord.root + octave * TONES);
            let pitch = |step: i32| self.key.pitch(step, chord.leading);
            let step = octaves
                .filter(|&step| BASS_REGISTER.contains(&pitch(step)))
                .min_by_key(|&step| (i32::from(pitch(step)) - last).abs());
            let step = step.unwrap_or_else(|| panic!("no {} within {BASS_REGISTER:?}", chord.numeral));
            last = i32::from(pitch(step));
            step
        };
        self.chords.iter().map(&mut nearest_root).collect()
    }

    /// Returns the pitch from which a walking bass steps to `next`: the scale neighbour on the side of `from`, or the
    /// one above if `from` is `next`. If the one above exceeds [`BASS_LIMIT`], it is the one below.
    fn approach(&self, from: i32, next: i32, chord: &Chord) -> u8 {
        let [below, above] = [next - 1, next + 1].map(|step| self.key.pitch(step, chord.leading));
        if from < next || above > BASS_LIMIT { below } else { above }
    }
}

/// Writes notes into a roll with a hold and an onset plane. A note struck while its pitch sounds replaces the old note.
fn paint(notes: &[Note], roll: &mut PianoRoll) {
    for note in notes {
        let column = |plane| {
            let column = roll.layout.column(plane, note.pitch);
            column.unwrap_or_else(|| panic!("pitch {} is not in the layout", note.pitch))
        };
        let (hold, onset) = (column(Plane::Hold), column(Plane::Onset));
        for step in note.start..note.end {
            roll.cells.set(step, hold, true);
        }
        roll.cells.set(note.start, onset, true);
    }
}
