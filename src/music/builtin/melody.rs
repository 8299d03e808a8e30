//! The melody of a built-in song: chord tones on strong beats, steps of the scale between them.

use super::STEPS_PER_BAR;
use super::chord::Chord;
use super::key::{Key, Mode, TONES};
use crate::engine::uniform_below;
use crate::music::Note;
use rand_core::SeedableRng as _;
use rand_xoshiro::Xoshiro256PlusPlus;
use std::ops::RangeInclusive;

/// Bars of a phrase.
pub(super) const BARS_PER_PHRASE: usize = 4;

/// The MIDI pitches of the melody: above every chord.
pub(super) const REGISTER: RangeInclusive<u8> = 68..=86;

/// Steps of a bar at which a melody note takes a tone of the chord: beats one and three.
const STRONG: [usize; 2] = [0, 8];

/// The tone of the minor scale that, next to the leading tone, would make an augmented second.
const SIXTH: i32 = 5;

/// How many of the nearest chord tones a strong beat chooses from.
const CHOICES: u64 = 4;

/// Lengths in steps of the notes of one bar within a phrase.
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

/// Lengths in steps of the notes of a phrase's last bar; what they leave of the bar is silent.
const ENDINGS: [&[usize]; 4] = [&[8, 8], &[12], &[8, 4], &[16]];

/// Which phrases a melody of so many has: equal letters share rhythm and contour.
fn form(phrases: usize) -> &'static [u8] {
    match phrases {
        2 => b"AA",
        3 => b"AAB",
        4 => b"AABA",
        _ => panic!("a form of {phrases} phrases"),
    }
}

/// One melody note; first its place and length are known, then its pitch.
struct Slot {
    bar: usize,
    /// The step of the bar at which it is struck.
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

/// The melody over `bars`, whole phrases of chords; everything free in it follows from `seed`.
pub(super) fn compose(key: Key, bars: &[Chord], seed: u64) -> Vec<Note> {
    let phrases: Vec<&[Chord]> = bars.chunks(BARS_PER_PHRASE).collect();
    let mut part = Vec::new();
    for (index, (chords, &letter)) in std::iter::zip(&phrases, form(phrases.len())).enumerate() {
        // Each letter has a generator of its own, started anew for each of its phrases: hence the return of the tune.
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

/// The notes of one phrase over its chords.
fn phrase(key: Key, chords: &[Chord], closing: bool, generator: &mut Xoshiro256PlusPlus) -> Vec<Slot> {
    let mut slots = rhythm(chords.len(), closing, generator);
    place_strong(key, chords, closing, &mut slots, generator);
    place_between(key, chords, &mut slots, generator);
    slots
}

/// Two rhythms in turn and an ending: x y x ending. A closing phrase ends on one note held for a bar.
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

/// On strong beats a chord tone, one of the nearest to the last; at the very end the nearest tonic.
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

/// Between strong beats the way in even steps of the scale; where it does not move, neighbours.
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

/// The scale steps within the melody's register, raised or not, ascending.
fn register_steps(key: Key) -> impl Iterator<Item = i32> {
    let inside = move |step| [false, true].iter().all(|&raised| REGISTER.contains(&key.pitch(step, raised)));
    (0..i32::from(*REGISTER.end())).filter(move |&step| inside(step))
}

/// The scale step in the middle of the register, where every phrase sets out from.
fn middle_step(key: Key) -> i32 {
    let steps: Vec<i32> = register_steps(key).collect();
    steps[steps.len() / 2]
}
