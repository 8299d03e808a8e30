//! The built-in corpus: songs composed by rules of harmony.
//!
//! A song combines a key, a progression and a texture, with a melody above. Six keys, six progressions for each mode
//! and six textures make 216 combinations. Half of them are songs; each key, progression and texture occurs equally
//! often. Everything is integer arithmetic on streams of one fixed seed, so the bytes are the same everywhere.

mod chord;
mod key;
mod melody;
mod progression;
mod song;
mod texture;

pub use key::{Key, KeyError, Mode, PitchClass};
pub use song::{BarTruth, SongTruth};
pub use texture::Texture;

use super::{MidiStyle, to_midi};
use progression::Progression;
use song::Song;

/// The number of steps in a beat.
const STEPS_PER_BEAT: usize = 4;

/// The number of steps in a bar of four beats.
const STEPS_PER_BAR: usize = 4 * STEPS_PER_BEAT;

/// The seed of the first song's melody. The other songs count up from it; the low 8 bits are left to the phrases.
const SEED: u64 = 1722;

/// The number of textures in which each pair of key and progression is played.
const TEXTURES_PER_PAIR: usize = 3;

/// The keys: three neighbouring major keys of the circle of fifths, with their relative minors.
const KEYS: [Key; 6] = [Key::major(0), Key::major(5), Key::major(7), Key::minor(9), Key::minor(2), Key::minor(4)];

/// Returns the files of the corpus as (name, bytes of a MIDI file), ordered by name.
pub fn songs() -> Vec<(String, Vec<u8>)> {
    let file = |(name, song): &(String, Song)| {
        let style = MidiStyle {
            beats_per_minute: f64::from(song.texture.tempo()),
            steps_per_beat: STEPS_PER_BEAT as u32,
            ..MidiStyle::default()
        };
        (name.clone(), to_midi(&song.roll(), &style))
    };
    plan().iter().map(file).collect()
}

/// Returns the known facts about each file, in the order of [`songs`].
pub fn manifest() -> Vec<SongTruth> {
    plan().into_iter().map(|(name, song)| song.truth(name)).collect()
}

/// Returns every song under its file name.
fn plan() -> Vec<(String, Song)> {
    let mut plan = Vec::new();
    for (key_index, key) in KEYS.into_iter().enumerate() {
        for (progression_index, progression) in Progression::of(key.mode).iter().enumerate() {
            for turn in 0..TEXTURES_PER_PAIR {
                // Every second texture: the even ones for half of the pairs, the odd ones for the other half.
                let texture = Texture::ALL[(key_index + progression_index + 2 * turn) % Texture::ALL.len()];
                let passes = progression.passes[(key_index + turn) % progression.passes.len()];
                let index = plan.len();
                let name = format!("{:03}-{}-{}-{}.mid", index + 1, key.name(), progression.name, texture.name());
                let song = Song {
                    key,
                    progression,
                    texture,
                    chords: progression.bars(key.mode, passes),
                    melody_seed: (SEED + index as u64) << 8,
                };
                plan.push((name, song));
            }
        }
    }
    plan
}

#[cfg(test)]
mod tests;
