//! A song of the built-in corpus: what it is made of, its notes, and the truth told about it.

use super::STEPS_PER_BAR;
use super::chord::{Chord, voice};
use super::key::{Key, PitchClass, TONES};
use super::melody;
use super::progression::Progression;
use super::texture::{BASS_LIMIT, Bar, Texture};
use crate::music::{Layout, Note, PianoRoll, Plane};
use serde::Serialize;
use std::ops::RangeInclusive;

/// The MIDI pitches of the roots in the bass: below every chord.
const BASS_REGISTER: RangeInclusive<u8> = 36..=50;

/// The MIDI pitches of the chords.
pub(super) const CHORD_REGISTER: RangeInclusive<u8> = 52..=67;

/// The voicing that a song's first chord is voiced from: C major over its fifth, in the middle of the register.
const FIRST_VOICING: [u8; 3] = [55, 60, 64];

/// The bass note that a song's first bass note is chosen near.
const FIRST_BASS: u8 = 43;

/// What is true of a song by the way it was made; samples can be judged by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SongTruth {
    /// The file name, such as `001-c-major-axis-arpeggio.mid`.
    pub file: String,
    /// The key.
    pub key: Key,
    /// The name of the progression.
    pub progression: &'static str,
    /// How the accompaniment plays the chords.
    pub texture: Texture,
    /// Quarter notes a minute.
    pub tempo: u16,
    /// The chord of each bar of 16 steps.
    pub bars: Vec<BarTruth>,
}

/// The chord of a bar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BarTruth {
    /// The roman numeral: upper case for a major third, lower case for a minor one, a circle for a diminished fifth.
    /// `V` in minor has the raised seventh tone of the scale as its third.
    pub numeral: &'static str,
    /// The pitch classes of root, third and fifth.
    pub pitch_classes: [PitchClass; 3],
}

impl SongTruth {
    /// Length in steps, at four steps a beat.
    pub fn steps(&self) -> usize {
        self.bars.len() * STEPS_PER_BAR
    }
}

/// What a song is made of.
pub(super) struct Song {
    pub(super) key: Key,
    pub(super) progression: &'static Progression,
    pub(super) texture: Texture,
    /// The chord of each bar.
    pub(super) chords: Vec<Chord>,
    /// What the melody's free choices follow from.
    pub(super) melody_seed: u64,
}

impl Song {
    /// What is true of it.
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

    /// All notes on a piano roll of hold and onset.
    pub(super) fn roll(&self) -> PianoRoll {
        let layout = Layout { lowest_pitch: 0, highest_pitch: 128, planes: vec![Plane::Hold, Plane::Onset] };
        let mut roll = PianoRoll::silent(layout, self.chords.len() * STEPS_PER_BAR);
        let mut notes = self.accompaniment();
        notes.extend(melody::compose(self.key, &self.chords, self.melody_seed));
        paint(&notes, &mut roll);
        roll
    }

    /// The notes of bass and chords.
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

    /// The scale step of each bar's bass note: the chord's root, where it lies nearest to the bass note before.
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

    /// The pitch from which a bass on its way steps to `next`: the neighbour on the side it comes from. A bass that stays
    /// comes from above where that is not too high.
    fn approach(&self, from: i32, next: i32, chord: &Chord) -> u8 {
        let [below, above] = [next - 1, next + 1].map(|step| self.key.pitch(step, chord.leading));
        if from < next || above > BASS_LIMIT { below } else { above }
    }
}

/// Write notes into a roll of hold and onset. Where a pitch is struck while it sounds, the new note takes over.
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
