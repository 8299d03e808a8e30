//! Pieces of any length from a model of short windows.
//!
//! Each window is drawn given the cells of the sketch and the cells that the windows before it have filled in. Nothing
//! here reads files or clocks, or prints.

mod frames;

pub use frames::fill_in_frames;

use crate::engine::BitMatrix;
use crate::model::{Chains, Clamp, Sampler};
use crate::music::{PianoRoll, Sketch};

/// The length and the spacing of the windows over a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// The number of steps of a window, which is that of the model.
    pub timesteps: usize,
    /// The number of steps from one window to the next, 1 to `timesteps`. Adjacent windows share the other steps.
    pub hop: usize,
}

impl Overlap {
    /// Returns windows that share one step; windows of one step share nothing.
    ///
    /// A window that is given more of its steps continues the chord of the one before, and pieces stand still
    /// (`docs/findings/long-pieces.md`, "The overlap of windows").
    pub fn of_one_step(timesteps: usize) -> Self {
        Self { timesteps, hop: timesteps.saturating_sub(1).max(1) }
    }

    /// Returns the number of given steps before the first open one that the first window holds at most: three quarters
    /// of a window, or what windows share if that is more. A file that is continued must be heard.
    fn heard(self) -> usize {
        (self.timesteps - self.hop).max(self.timesteps - self.timesteps.div_ceil(4))
    }
}

/// Fills in the open cells of a sketch, once for each of `chains.count` chains. Returns `None` if the chains are to
/// start at data and there are none.
///
/// The first window is the last one with at most three quarters of its steps, or `timesteps − hop` if that is more, before
/// the first open step. Each next window starts `hop` steps later; the last ends with the piece. In a piece shorter than a window, the window extends beyond
/// the end and is cut.
///
/// A window holds the cells that the sketch gives, later ones included, and every cell of the steps that earlier
/// windows have filled in. Chains draw the others; each window has a `stage` of its own. If a window shares no step
/// with the one before, as with windows of one step, its chains start at the cells of that one instead of at
/// `chains.start`, the only memory that such a model can have.
pub fn fill_in(
    sampler: &mut dyn Sampler,
    sketch: &Sketch,
    overlap: Overlap,
    chains: &Chains,
    data: Option<(&BitMatrix, &[usize])>,
) -> Option<Vec<PianoRoll>> {
    let Overlap { timesteps, hop } = overlap;
    let columns = sketch.layout().columns();
    assert_eq!(sampler.visible(), timesteps * columns, "visible units, and cells of a window");
    assert!((1..=timesteps).contains(&hop), "a hop of {hop} steps over windows of {timesteps}");
    let mut pieces = vec![given_cells(sketch); chains.count];
    let Some(first) = sketch.first_open_step() else { return Some(pieces) };
    let (mut start, mut filled) = (first.saturating_sub(overlap.heard()), first);
    let mut stage = 0;
    while filled < sketch.steps() {
        start = start.min(sketch.steps().saturating_sub(timesteps));
        let clamp = window_clamp(sketch, &pieces, start, filled, timesteps);
        let chains = Chains { stage, ..*chains };
        let states = if start >= filled.max(timesteps) {
            let mut states = window_states(&pieces, start - timesteps, timesteps);
            clamp.apply(&mut states);
            chains.advance(sampler, &mut states, Some(&clamp));
            states
        } else {
            chains.run_clamped(sampler, data, &clamp)?
        };
        for (chain, piece) in pieces.iter_mut().enumerate() {
            for step in filled.max(start)..(start + timesteps).min(sketch.steps()) {
                let offset = (step - start) * columns;
                for column in 0..columns {
                    piece.cells.set(step, column, states.get(chain, offset + column));
                }
            }
        }
        filled = start + timesteps;
        start += hop;
        stage += 1;
    }
    Some(pieces)
}

/// Returns the piece with every open cell off.
fn given_cells(sketch: &Sketch) -> PianoRoll {
    let mut roll = PianoRoll::silent(sketch.layout().clone(), sketch.steps());
    roll.cells = BitMatrix::from_fn(sketch.steps(), sketch.layout().columns(), |step, column| {
        sketch.cell(step, column) == Some(true)
    });
    roll
}

/// Returns the cells of the window that starts at `start` in every piece (pieces × visible).
fn window_states(pieces: &[PianoRoll], start: usize, timesteps: usize) -> BitMatrix {
    let columns = pieces.first().map_or(0, |piece| piece.layout.columns());
    BitMatrix::from_fn(pieces.len(), timesteps * columns, |chain, unit| {
        pieces[chain].cells.get(start + unit / columns, unit % columns)
    })
}

/// Returns the clamp of the window that starts at `start`: the steps before `filled`, and the cells that are given.
fn window_clamp(sketch: &Sketch, pieces: &[PianoRoll], start: usize, filled: usize, timesteps: usize) -> Clamp {
    let columns = sketch.layout().columns();
    let mut clamp = Clamp::free(pieces.len(), timesteps * columns);
    for step in start..(start + timesteps).min(sketch.steps()) {
        for column in 0..columns {
            let unit = (step - start) * columns + column;
            for (chain, piece) in pieces.iter().enumerate() {
                if step < filled {
                    clamp.hold(chain, unit, piece.cells.get(step, column));
                } else if let Some(on) = sketch.cell(step, column) {
                    clamp.hold(chain, unit, on);
                }
            }
        }
    }
    clamp
}

#[cfg(test)]
mod tests;
