//! Pieces of any length from a model of sequences, frame by frame.

use super::given_cells;
use crate::engine::{BitMatrix, Purpose, RowStreams, fires};
use crate::model::{ChainStart, Chains, Clamp, Context, Model};
use crate::music::{PianoRoll, Sketch};

/// Fills in the open cells of a sketch, once for each of `chains.count` chains, by a model whose frames have
/// `timesteps` steps and depend on those before them. Returns `None` if the model is not one of sequences, or if the
/// chains are to start at data and there are none: `data` are known frames, one of which is drawn by its probability
/// at the frame.
///
/// The cells given at the start of the piece prime the memory. Each later frame is drawn given the frames before it and
/// the cells of its own that the sketch gives, with a `stage` of its own; what the sketch gives later on has no
/// influence, since the past does not depend on it. A last frame that extends beyond the end is cut. `go_on` is asked
/// before each Gibbs step; once it returns false, chains stay where they are.
pub fn fill_in_frames(
    model: &mut dyn Model,
    sketch: &Sketch,
    timesteps: usize,
    chains: &Chains,
    data: Option<(&BitMatrix, &[usize])>,
    go_on: &mut dyn FnMut() -> bool,
) -> Option<Vec<PianoRoll>> {
    let columns = sketch.layout().columns();
    let mut pieces = vec![given_cells(sketch); chains.count];
    let mut memory = model.recurrence()?.begin(chains.count);
    let mut frame = BitMatrix::zeros(chains.count, timesteps * columns);
    let known = match chains.start {
        ChainStart::Data => {
            let (frames, rows) = data?;
            Some(model.recurrence()?.starts(frames, rows)?)
        }
        _ => None,
    };
    for (stage, first) in (0..sketch.steps()).step_by(timesteps).enumerate() {
        let steps = first..(first + timesteps).min(sketch.steps());
        let mut clamp = Clamp::free(chains.count, timesteps * columns);
        let mut open = false;
        for step in steps.clone() {
            for column in 0..columns {
                match sketch.cell(step, column) {
                    None => open = true,
                    Some(on) => {
                        let unit = (step - first) * columns + column;
                        (0..chains.count).for_each(|chain| clamp.hold(chain, unit, on));
                    }
                }
            }
        }
        if open {
            let context = model.recurrence()?.context(&memory);
            let chains = Chains { stage: stage as u64, ..*chains };
            frame = match (chains.start, &known) {
                (ChainStart::Previous, _) => frame,
                (ChainStart::Independent, _) => independent(&context, &model.recurrence()?.visible_bias(), &chains),
                (ChainStart::Data, Some(known)) => {
                    known.choose(&context, &RowStreams::new(chains.seed, Purpose::FrameStart, chains.stage, 1, 0))
                }
                (ChainStart::Zeros | ChainStart::Noise | ChainStart::Data, _) => {
                    chains.first_states(frame.columns(), None)?
                }
            };
            clamp.apply(&mut frame);
            chains.advance_within(model.sampler(), &mut frame, (Some(&clamp), context.offsets()), go_on);
        } else {
            frame = BitMatrix::zeros(chains.count, timesteps * columns);
            clamp.apply(&mut frame);
        }
        for (chain, piece) in pieces.iter_mut().enumerate() {
            for step in steps.clone() {
                for column in 0..columns {
                    piece.cells.set(step, column, frame.get(chain, (step - first) * columns + column));
                }
            }
        }
        model.recurrence()?.pass(&mut memory, &frame);
    }
    Some(pieces)
}

/// Draws every unit of a frame by its bias alone (chains × visible).
fn independent(context: &Context, bias: &[f32], chains: &Chains) -> BitMatrix {
    let streams = RowStreams::new(chains.seed, Purpose::FrameStart, chains.stage, 0, 0);
    let mut states = BitMatrix::zeros(chains.count, bias.len());
    for (row, offsets) in context.visible.chunks_exact(bias.len()).enumerate() {
        let mut stream = streams.row(row);
        for (unit, (bias, offset)) in bias.iter().zip(offsets).enumerate() {
            states.set(row, unit, fires(bias + offset, stream.next_u32()));
        }
    }
    states
}
