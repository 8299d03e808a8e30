//! The melody of a built-in song: chord tones on strong beats, steps of the scale between them.

use super::STEPS_PER_BAR;
use super::chord::Chord;
use super::key::{Key, Mode, TONES};
use super::part::{Part, Struck};
use crate::engine::{Purpose, RowStreams, uniform_below};
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
const RHYTHMS: [&[usize]; 8] = [
    &[4, 4, 4, 4],
    &[4, 4, 8],
    &[8, 4, 4],
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

/// One melody note before it has its pitch.
struct Slot {
    bar: usize,
    /// The step of the bar at which it is struck.
    step: usize,
    length: usize,
    /// The scale step (see [`Key::pitch`]), once chosen.
    scale_step: Option<i32>,
}

/// The melody over `bars`, whole phrases of chords; everything free in it follows from `streams`.
pub(super) fn compose(key: Key, bars: &[Chord], streams: RowStreams) -> Part {
    let phrases: Vec<&[Chord]> = bars.chunks(BARS_PER_PHRASE).collect();
    let mut part = Part::new();
    for (index, (chords, &letter)) in std::iter::zip(&phrases, form(phrases.len())).enumerate() {
        // Each letter has a stream of its own, read anew for each of its phrases: hence the return of the tune.
        let mut generator = streams.generator(usize::from(letter));
        let closing = index + 1 == phrases.len();
        let slots = phrase(key, chords, closing, &mut generator);
        let start = index * BARS_PER_PHRASE * STEPS_PER_BAR;
        part.extend(slots.iter().map(|slot| Struck {
            start: start + slot.bar * STEPS_PER_BAR + slot.step,
            length: slot.length,
            pitch: key.pitch(slot.scale_step.unwrap_or_default(), chords[slot.bar].leading),
        }));
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
            slots.push(Slot {
                bar,
                step,
                length,
                scale_step: None,
            });
            step += length;
        }
    }
    slots
}

/// On strong beats a chord tone, one of the nearest to the last; at the very end the nearest tonic.
fn place_strong(key: Key, chords: &[Chord], closing: bool, slots: &mut [Slot], generator: &mut Xoshiro256PlusPlus) {
    let mut last = middle_step(key);
    for slot in slots.iter_mut().filter(|slot| STRONG.contains(&slot.step)) {
        let end = closing && slot.bar + 1 == chords.len();
        let tones = if end { vec![0] } else { chords[slot.bar].scale_steps().to_vec() };
        let mut steps: Vec<i32> = register_steps(key)
            .filter(|step| tones.contains(&step.rem_euclid(TONES)))
            .collect();
        steps.sort_by_key(|step| (step - last).abs());
        let choices = if end { 1 } else { CHOICES.min(steps.len() as u64) };
        last = steps[uniform_below(generator, choices) as usize];
        slot.scale_step = Some(last);
    }
}

/// Between strong beats the way in even steps of the scale; where it does not move, neighbours.
fn place_between(key: Key, chords: &[Chord], slots: &mut [Slot], generator: &mut Xoshiro256PlusPlus) {
    let strong: Vec<usize> = (0..slots.len()).filter(|&slot| slots[slot].scale_step.is_some()).collect();
    for (place, &from) in strong.iter().enumerate() {
        let to = strong.get(place + 1).copied();
        let end = to.unwrap_or(slots.len());
        let start_step = slots[from].scale_step.unwrap_or_default();
        let goal = to.and_then(|to| slots[to].scale_step).unwrap_or(start_step);
        let (distance, parts) = (goal - start_step, (end - from) as i32);
        let neighbour = if uniform_below(generator, 2) == 0 { 1 } else { -1 };
        for (index, slot) in slots[from + 1..end].iter_mut().enumerate() {
            let index = index as i32 + 1;
            let mut step = if distance == 0 {
                let aside = if index % 2 == 1 { neighbour } else { 0 };
                let inside = register_steps(key).any(|step| step == start_step + aside);
                start_step + if inside { aside } else { -aside }
            } else {
                // The nearest step to start + distance × index / parts; halves go up.
                start_step + (2 * distance * index + parts).div_euclid(2 * parts)
            };
            let raised = key.mode == Mode::Minor && chords[slot.bar].leading;
            if raised && step.rem_euclid(TONES) == SIXTH {
                step -= 1;
            }
            slot.scale_step = Some(step);
        }
    }
}

/// The scale steps within the melody's register, ascending.
fn register_steps(key: Key) -> impl Iterator<Item = i32> {
    let highest = i32::from(*REGISTER.end()) * TONES / 12;
    (0..=highest).filter(move |&step| REGISTER.contains(&key.pitch(step, false)))
}

/// The scale step in the middle of the register, where every phrase sets out from.
fn middle_step(key: Key) -> i32 {
    let steps: Vec<i32> = register_steps(key).collect();
    steps[steps.len() / 2]
}
