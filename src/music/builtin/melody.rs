//! The melody of a built-in song: chord tones on strong beats, steps of the scale between them.

use super::STEPS_PER_BAR;
use super::chord::Chord;
use super::key::{Key, Mode, TONES};
use crate::engine::uniform_below;
use crate::music::Note;
use rand_core::SeedableRng as _;
use rand_xoshiro::Xoshiro256PlusPlus;
use std::ops::RangeInclusive;

/// The number of bars in a phrase.
pub(super) const BARS_PER_PHRASE: usize = 4;

/// The MIDI pitches of the melody, above every chord.
pub(super) const REGISTER: RangeInclusive<u8> = 68..=86;

/// The steps of a bar at which a melody note takes a tone of the chord: beats one and three.
const STRONG: [usize; 2] = [0, 8];

/// The tone of the minor scale that lies an augmented second from the leading tone.
const SIXTH: i32 = 5;

/// The number of nearest chord tones that a strong beat chooses from.
const CHOICES: u64 = 4;

/// The rhythms of a bar within a phrase: the lengths of its notes in steps.
const RHYTHMS: [&[usize]; 9] = [
    &[4, 4, 4, 4],
    &[8, 4, 4],
    &[3, 3, 2, 8],
    &[2, 2, 2, 2, 8],
    &[6, 2, 8],
    &[6, 2, 4, 4],
    &[6, 6, 4],
    &[2, 2, 4, 8],
    &[4, 2, 2, 4, 4],
];

/// The rhythms of a phrase's last bar: the lengths of its notes in steps. The rest of the bar is silent.
const ENDINGS: [&[usize]; 4] = [&[8, 8], &[12], &[8, 4], &[16]];

/// Returns one letter for each phrase of a melody. Phrases of the same letter share rhythm and contour.
fn form(phrases: usize) -> &'static [u8] {
    match phrases {
        2 => b"AA",
        3 => b"AAB",
        4 => b"AABA",
        _ => panic!("a form of {phrases} phrases"),
    }
}

/// A melody note. Its place and length are chosen first, its pitch afterwards.
struct Slot {
    bar: usize,
    /// The step of the bar at which the note is struck.
    step: usize,
    length: usize,
    /// The scale step (see [`Key::pitch`]).
    scale_step: i32,
}

impl Slot {
    fn is_strong(&self) -> bool {
        STRONG.contains(&self.step)
    }
}

/// Composes the melody over `bars`, one chord a bar, in whole phrases. All free choices follow from `seed`.
pub(super) fn compose(key: Key, bars: &[Chord], seed: u64) -> Vec<Note> {
    let phrases: Vec<&[Chord]> = bars.chunks(BARS_PER_PHRASE).collect();
    let mut part = Vec::new();
    for (index, (chords, &letter)) in std::iter::zip(&phrases, form(phrases.len())).enumerate() {
        // Each letter has its own seed, and the generator starts again with each phrase: so the tune returns.
        let mut generator = Xoshiro256PlusPlus::seed_from_u64(seed + u64::from(letter));
        let closing = index + 1 == phrases.len();
        let slots = phrase(key, chords, closing, &mut generator);
        let start = index * BARS_PER_PHRASE * STEPS_PER_BAR;
        for slot in slots {
            let struck = start + slot.bar * STEPS_PER_BAR + slot.step;
            part.push(Note {
                start: struck,
                pitch: key.pitch(slot.scale_step, chords[slot.bar].leading),
                end: struck + slot.length,
            });
        }
    }
    part
}

/// Composes one phrase over its chords.
fn phrase(key: Key, chords: &[Chord], closing: bool, generator: &mut Xoshiro256PlusPlus) -> Vec<Slot> {
    let mut slots = rhythm(chords.len(), closing, generator);
    place_strong(key, chords, closing, &mut slots, generator);
    place_between(key, chords, &mut slots, generator);
    slots
}

/// Chooses the rhythm: two rhythms that alternate, then an ending (x y x ending). A closing phrase ends with one note
/// held for a bar.
fn rhythm(bars: usize, closing: bool, generator: &mut Xoshiro256PlusPlus) -> Vec<Slot> {
    let mut draw = |count: usize| uniform_below(generator, count as u64) as usize;
    let pair = [RHYTHMS[draw(RHYTHMS.len())], RHYTHMS[draw(RHYTHMS.len())]];
    let ending = ENDINGS[draw(ENDINGS.len())];
    let mut slots = Vec::new();
    for bar in 0..bars {
        let lengths = match (bar + 1 == bars, closing) {
            (true, true) => &[STEPS_PER_BAR],
            (true, false) => ending,
            _ => pair[bar % 2],
        };
        let mut step = 0;
        for &length in lengths {
            slots.push(Slot { bar, step, length, scale_step: 0 });
            step += length;
        }
    }
    slots
}

/// Gives each note on a strong beat one of the chord tones nearest to the last. The final one gets the nearest tonic.
fn place_strong(key: Key, chords: &[Chord], closing: bool, slots: &mut [Slot], generator: &mut Xoshiro256PlusPlus) {
    let mut last = middle_step(key);
    for slot in slots.iter_mut().filter(|slot| slot.is_strong()) {
        let end = closing && slot.bar + 1 == chords.len();
        let tones = if end { vec![0] } else { chords[slot.bar].tones().to_vec() };
        let mut steps: Vec<i32> = register_steps(key).filter(|step| tones.contains(&step.rem_euclid(TONES))).collect();
        steps.sort_by_key(|step| (step - last).abs());
        let choices = if end { 1 } else { CHOICES.min(steps.len() as u64) };
        last = steps[uniform_below(generator, choices) as usize];
        slot.scale_step = last;
    }
}

/// Gives the notes between two strong beats evenly spaced scale steps, or neighbour tones if both beats have one pitch.
fn place_between(key: Key, chords: &[Chord], slots: &mut [Slot], generator: &mut Xoshiro256PlusPlus) {
    let strong: Vec<usize> = (0..slots.len()).filter(|&slot| slots[slot].is_strong()).collect();
    for (place, &from) in strong.iter().enumerate() {
        let to = strong.get(place + 1).copied();
        let end = to.unwrap_or(slots.len());
        let first = slots[from].scale_step;
        let distance = to.map_or(0, |to| slots[to].scale_step - first);
        let parts = (end - from) as i32;
        let neighbour = if uniform_below(generator, 2) == 0 { 1 } else { -1 };
        for (index, slot) in slots[from + 1..end].iter_mut().enumerate() {
            let index = index as i32 + 1;
            let mut step = if distance == 0 {
                let aside = if index % 2 == 1 { neighbour } else { 0 };
                let inside = register_steps(key).any(|step| step == first + aside);
                first + if inside { aside } else { -aside }
            } else {
                // The nearest step to start + distance × index / parts; halves go up.
                first + (2 * distance * index + parts).div_euclid(2 * parts)
            };
            let raised = key.mode == Mode::Minor && chords[slot.bar].leading;
            if raised && step.rem_euclid(TONES) == SIXTH {
                step -= 1;
            }
            slot.scale_step = step;
        }
    }
}

/// Returns the scale steps that lie in the melody's register whether or not the seventh is raised, in ascending order.
fn register_steps(key: Key) -> impl Iterator<Item = i32> {
    let inside = move |step| [false, true].iter().all(|&raised| REGISTER.contains(&key.pitch(step, raised)));
    (0..i32::from(*REGISTER.end())).filter(move |&step| inside(step))
}

/// Returns the scale step in the middle of the register, from which every phrase starts.
fn middle_step(key: Key) -> i32 {
    let steps: Vec<i32> = register_steps(key).collect();
    steps[steps.len() / 2]
}
