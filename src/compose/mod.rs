//! Pieces of any length from a model of short windows: each window is drawn given what the sketch gives and what the
//! windows before it have left. Reads no files and no clocks; prints nothing.

use crate::engine::BitMatrix;
use crate::model::{Chains, Clamp, Sampler};
use crate::music::{PianoRoll, Sketch};

/// Windows over a piece: how long, and how far apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// Steps of a window: those of the model.
    pub timesteps: usize,
    /// Steps from one window to the next, 1 to `timesteps`; the windows share the others.
    pub hop: usize,
}

impl Overlap {
    /// Windows that share half of their steps, brought to whole beats where a window has room for two: music changes on
    /// the beat. A window of one step shares nothing.
    pub fn half(timesteps: usize, steps_per_beat: usize) -> Self {
        let half = (timesteps / 2).max(1);
        let beats = half / steps_per_beat.max(1) * steps_per_beat;
        Self { timesteps, hop: if beats == 0 { half } else { beats } }
    }
}

/// Fill in the open cells of a sketch, once for each of `chains.count` chains; `None` if the chains are to start at data
/// and there is none.
///
/// The first window is the last that shows no more than `timesteps − hop` steps before the first open one; each next
/// starts `hop` steps later, the last where the piece ends. In a window, held are the cells that the sketch gives, those
/// still to come included, and every cell of the steps that earlier windows have filled in; the others are drawn by
/// chains of their own `stage`. A window that shares no step with the one before, as those of one step do, starts its
/// chains at that one's cells instead of at `chains.start`: all the memory such a model can have. In a piece shorter than a window, the window runs on beyond
/// its end and is cut.
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
    let (mut start, mut filled) = (first.saturating_sub(timesteps - hop), first);
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

/// The piece with every open cell off.
fn given_cells(sketch: &Sketch) -> PianoRoll {
    let mut roll = PianoRoll::silent(sketch.layout().clone(), sketch.steps());
    roll.cells = BitMatrix::from_fn(sketch.steps(), sketch.layout().columns(), |step, column| {
        sketch.cell(step, column) == Some(true)
    });
    roll
}

/// The cells of the window from `start` on in every piece (pieces × visible).
fn window_states(pieces: &[PianoRoll], start: usize, timesteps: usize) -> BitMatrix {
    let columns = pieces.first().map_or(0, |piece| piece.layout.columns());
    BitMatrix::from_fn(pieces.len(), timesteps * columns, |chain, unit| {
        pieces[chain].cells.get(start + unit / columns, unit % columns)
    })
}

/// What the chains of the window from `start` on hold: the steps before `filled`, and the cells that are given.
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
