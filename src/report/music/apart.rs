//! The order in which samples are heard: each as far from those before it as can be.

use crate::evaluate::music::jaccard_distance;
use crate::sweep::Roll;

/// Returns the places of samples in the order in which they are heard: the first that sounds, then always the one whose
/// smallest distance to those before it is greatest, the earlier of two as far (farthest-first traversal, Gonzalez 1985).
/// Silent samples come last. The distance is the Jaccard distance between the pitch classes that sound, step by step.
pub(super) fn farthest_first(rolls: &[&Roll], steps: usize) -> Vec<usize> {
    let harmonies: Vec<Vec<u16>> = rolls.iter().map(|roll| harmony(roll, steps)).collect();
    let sounds = |place: &usize| harmonies[*place].iter().any(|&chord| chord != 0);
    let (mut left, silent): (Vec<usize>, Vec<usize>) = (0..rolls.len()).partition(sounds);
    let mut order: Vec<usize> = Vec::new();
    // The distance of each sample to the nearest of those in the order.
    let mut nearest = vec![f64::INFINITY; rolls.len()];
    while !left.is_empty() {
        let farthest =
            (1..left.len()).fold(0, |best, own| if nearest[left[own]] > nearest[left[best]] { own } else { best });
        let chosen = left.remove(farthest);
        for &own in &left {
            nearest[own] = nearest[own].min(jaccard_distance(&harmonies[own], &harmonies[chosen]));
        }
        order.push(chosen);
    }
    order.extend(silent);
    order
}

/// Returns the set of pitch classes that sound at each step of a roll.
fn harmony(roll: &Roll, steps: usize) -> Vec<u16> {
    let mut harmony = vec![0; steps];
    for &(pitch, start, length, _) in &roll.notes {
        for chord in harmony.iter_mut().skip(start).take(length) {
            *chord |= 1 << (pitch % 12);
        }
    }
    harmony
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roll(notes: &[(u8, usize, usize)]) -> Roll {
        let notes = notes.iter().map(|&(pitch, start, length)| (pitch, start, length, 1)).collect();
        Roll { notes, silent_onsets: Vec::new() }
    }

    #[test]
    fn samples_far_apart_come_first() {
        let c = roll(&[(60, 0, 4), (64, 0, 4), (67, 0, 4)]);
        let c_again = roll(&[(72, 0, 4), (64, 0, 4), (67, 0, 4)]);
        let g = roll(&[(67, 0, 4), (71, 0, 4), (62, 0, 4)]);
        let f_sharp = roll(&[(66, 0, 4), (70, 0, 4), (73, 0, 4)]);
        let silent = roll(&[]);
        let rolls = [&silent, &c, &c_again, &g, &c_again, &f_sharp];
        // F sharp has nothing in common with C; G has a note of it; the others are C once more, in their own order.
        assert_eq!(farthest_first(&rolls, 4), [1, 5, 3, 2, 4, 0]);
        assert_eq!(farthest_first(&[&silent], 4), [0]);
        assert!(farthest_first(&[], 4).is_empty());
    }
}
