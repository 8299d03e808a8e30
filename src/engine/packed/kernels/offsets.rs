//! The addition of offsets to the inputs of rows.

use crate::engine::contract::RowOffsets;
use crate::engine::packed::lanes::Lanes;
use crate::engine::packed::simd::Simd;
use crate::engine::random::LANES;

/// inputs[r] ← inputs[r] + the offsets of row `row + r` to the units from `unit` on. Lanes without a unit stay as they
/// are.
#[inline(always)]
pub(in super::super) fn add_offsets<S: Simd, const WIDTH: usize>(
    simd: S,
    offsets: RowOffsets,
    (row, unit): (usize, usize),
    inputs: &mut [[Lanes; WIDTH]],
) {
    let units = (offsets.units() - unit).min(WIDTH * LANES);
    if units == WIDTH * LANES {
        for (index, inputs) in inputs.iter_mut().enumerate() {
            let (offsets, _) = offsets.row(row + index)[unit..][..WIDTH * LANES].as_chunks::<LANES>();
            for lane in 0..WIDTH {
                let sum = simd.add(simd.load(&inputs[lane]), simd.load_unaligned(&offsets[lane]));
                simd.store(&mut inputs[lane], sum);
            }
        }
    } else {
        for (index, inputs) in inputs.iter_mut().enumerate() {
            let (whole, rest) = offsets.row(row + index)[unit..][..units].as_chunks::<LANES>();
            for (inputs, offsets) in inputs.iter_mut().zip(whole) {
                let sum = simd.add(simd.load(inputs), simd.load_unaligned(offsets));
                simd.store(inputs, sum);
            }
            if let Some(inputs) = inputs.get_mut(whole.len()) {
                inputs.0.iter_mut().zip(rest).for_each(|(input, offset)| *input += offset);
            }
        }
    }
}
