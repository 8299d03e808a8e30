//! The windows that an RBM is trained on: stretches of piano roll, one row of bits each.

use super::roll::{Layout, PianoRoll};
use crate::engine::BitMatrix;
use std::ops::Range;

/// The windows of several songs: consecutive steps of one song each. The tail of a song, too short for one, is dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Windows {
    /// The number of steps in a window.
    pub timesteps: usize,
    /// The meaning of a step's columns.
    pub layout: Layout,
    /// The cells (windows × timesteps · columns), time outer, columns inner.
    pub bits: BitMatrix,
    /// The range of windows of each song, in order; empty for a song shorter than a window.
    pub songs: Vec<Range<usize>>,
}

impl Windows {
    /// Cuts songs of one layout into windows of `timesteps` steps, without overlap.
    pub fn cut<'a>(layout: &Layout, rolls: impl IntoIterator<Item = &'a PianoRoll>, timesteps: usize) -> Self {
        Self::cut_every(layout, rolls, timesteps, timesteps)
    }

    /// Cuts songs of one layout into windows of `timesteps` steps, which start at every `stride`-th step. They overlap
    /// if the stride is shorter than a window, and leave steps out if it is longer.
    pub fn cut_every<'a>(
        layout: &Layout,
        rolls: impl IntoIterator<Item = &'a PianoRoll>,
        timesteps: usize,
        stride: usize,
    ) -> Self {
        assert!(timesteps > 0, "windows of no steps");
        assert!(stride > 0, "windows that do not move on");
        let rolls: Vec<&PianoRoll> = rolls.into_iter().collect();
        let mut songs = Vec::with_capacity(rolls.len());
        let mut count = 0;
        for roll in &rolls {
            assert_eq!(&roll.layout, layout, "a song of another layout");
            let windows = roll.steps().checked_sub(timesteps).map_or(0, |last| last / stride + 1);
            songs.push(count..count + windows);
            count += windows;
        }
        let columns = layout.columns();
        let mut bits = BitMatrix::zeros(count, timesteps * columns);
        for (roll, windows) in rolls.iter().zip(&songs) {
            for (index, window) in windows.clone().enumerate() {
                let target = bits.row_mut(window);
                for step in 0..timesteps {
                    append(target, step * columns, roll.cells.row(index * stride + step));
                }
            }
        }
        Self { timesteps, layout: layout.clone(), bits, songs }
    }

    /// Returns the number of windows.
    pub fn len(&self) -> usize {
        self.bits.rows()
    }

    /// Returns true if there are no windows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns one window as a piano roll.
    pub fn roll(&self, window: usize) -> PianoRoll {
        roll_from_bits(&self.layout, self.timesteps, self.bits.row(window))
    }
}

/// Returns the piano roll whose cells are the bits of one window (timesteps · columns, time outer).
pub fn roll_from_bits(layout: &Layout, timesteps: usize, words: &[u64]) -> PianoRoll {
    let columns = layout.columns();
    assert_eq!(
        words.len(),
        (timesteps * columns).div_ceil(64),
        "{} words for a window of {timesteps} × {columns} bits",
        words.len()
    );
    let mut roll = PianoRoll::silent(layout.clone(), timesteps);
    for step in 0..timesteps {
        extract(roll.cells.row_mut(step), words, step * columns, columns);
    }
    roll
}

/// Turns on the bits of `source`, whose padding is zero, from bit `offset` of `target` on.
fn append(target: &mut [u64], offset: usize, source: &[u64]) {
    let (first, shift) = (offset / 64, offset % 64);
    for (index, &word) in source.iter().enumerate() {
        target[first + index] |= word << shift;
        let carried = if shift == 0 { 0 } else { word >> (64 - shift) };
        if carried != 0 {
            target[first + index + 1] |= carried;
        }
    }
}

/// Copies `width` bits of `source`, from bit `offset` on, to the start of `target`, with zeros after them.
fn extract(target: &mut [u64], source: &[u64], offset: usize, width: usize) {
    let (first, shift) = (offset / 64, offset % 64);
    for (index, word) in target.iter_mut().enumerate() {
        let at = first + index;
        let carried = if shift == 0 { 0 } else { source.get(at + 1).map_or(0, |next| next << (64 - shift)) };
        *word = source[at] >> shift | carried;
    }
    if let (Some(last), partial @ 1..) = (target.last_mut(), width % 64) {
        *last &= u64::MAX >> (64 - partial);
    }
}

#[cfg(test)]
mod tests {
    use super::Windows;
    use crate::music::{Layout, PianoRoll, Plane};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_window_holds_the_cells_of_its_steps(
            pitches in 1u8..=128,
            both: bool,
            timesteps in 1usize..40,
            stride in 1usize..50,
            overlap: bool,
            steps in proptest::collection::vec(0usize..100, 0..4),
            seed: u64,
        ) {
            let planes = if both { vec![Plane::Hold, Plane::Onset] } else { vec![Plane::Hold] };
            let layout = Layout { lowest_pitch: 0, highest_pitch: pitches, planes, units: None };
            let columns = layout.columns();
            let rolls: Vec<PianoRoll> = steps
                .iter()
                .enumerate()
                .map(|(song, &steps)| {
                    let mut roll = PianoRoll::silent(layout.clone(), steps);
                    for cell in 0..steps * columns {
                        let hash = (cell as u64 + 1).wrapping_mul(seed | 1).wrapping_add(song as u64) >> 7;
                        roll.cells.set(cell / columns, cell % columns, hash.is_multiple_of(3));
                    }
                    roll
                })
                .collect();
            // Without a stride, windows lie side by side.
            let stride = if overlap { stride } else { timesteps };
            let windows = if overlap {
                Windows::cut_every(&layout, &rolls, timesteps, stride)
            } else {
                Windows::cut(&layout, &rolls, timesteps)
            };
            prop_assert_eq!(windows.songs.len(), rolls.len());
            let mut seen = 0;
            for (roll, range) in rolls.iter().zip(&windows.songs) {
                prop_assert_eq!(range.start, seen);
                let starts = (0..roll.steps()).step_by(stride).filter(|start| start + timesteps <= roll.steps());
                prop_assert_eq!(range.len(), starts.count());
                seen = range.end;
                for (index, window) in range.clone().enumerate() {
                    let back = windows.roll(window);
                    for step in 0..timesteps {
                        prop_assert_eq!(back.cells.row(step), roll.cells.row(index * stride + step));
                        for column in 0..columns {
                            prop_assert_eq!(
                                windows.bits.get(window, step * columns + column),
                                roll.cells.get(index * stride + step, column)
                            );
                        }
                    }
                }
            }
            prop_assert_eq!(windows.len(), seen);
        }
    }
}
