//! The kernels of the instruction set at hand, called by name.

#[cfg(target_arch = "x86_64")]
use super::avx2;
#[cfg(target_arch = "x86_64")]
use super::avx512;
use super::choice::{Isa, IsaError};
use super::scalar;
use crate::engine::contract::RowOffsets;
use crate::engine::packed::kernels::{BLOCK, CountUpdate, RuleTile, STRIP, Side, Strided, TABLED, TILE, Table};
use crate::engine::packed::lanes::{Lanes, StreamState, Words};
use crate::engine::packed::lists::{Lists, Parts};
use crate::engine::packed::simd::Plain;
use crate::engine::random::RowStreams;
use crate::engine::sparse::SparseRows;
use crate::engine::update::Update;
use std::ops::Range;

/// The kernels of one instruction set that this processor has.
#[derive(Clone, Copy, Debug)]
pub(in super::super) enum Kernels {
    Scalar(Plain),
    #[cfg(target_arch = "x86_64")]
    Avx2(avx2::Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(avx512::Avx512),
}

impl Kernels {
    pub(in super::super) fn new(isa: Isa) -> Result<Self, IsaError> {
        let kernels = match isa {
            Isa::Scalar => Some(Self::Scalar(Plain)),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => avx2::Avx2::detect().map(Self::Avx2),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => avx512::Avx512::detect().map(Self::Avx512),
            #[cfg(not(target_arch = "x86_64"))]
            Isa::Avx2 | Isa::Avx512 => None,
        };
        kernels.ok_or(IsaError::Unavailable { isa })
    }

    pub(in super::super) fn isa(self) -> Isa {
        match self {
            Self::Scalar(_) => Isa::Scalar,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => Isa::Avx2,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => Isa::Avx512,
        }
    }
}

/// Methods of [`Kernels`] that call the function of the same name of the instruction set at hand.
macro_rules! dispatch {
    ($($(#[$attribute:meta])* fn $name:ident($($argument:ident: $type:ty),* $(,)?);)*) => {
        impl Kernels {
            $(
                $(#[$attribute])*
                #[inline]
                pub(in super::super) fn $name(self, $($argument: $type),*) {
                    match self {
                        Self::Scalar(simd) => scalar::$name(simd, $($argument),*),
                        // SAFETY: the value `simd` proves that the processor has what the function is compiled for.
                        #[cfg(target_arch = "x86_64")]
                        Self::Avx2(simd) => unsafe { avx2::$name(simd, $($argument),*) },
                        // SAFETY: as above.
                        #[cfg(target_arch = "x86_64")]
                        Self::Avx512(simd) => unsafe { avx512::$name(simd, $($argument),*) },
                    }
                }
            )*
        }
    };
}

dispatch! {
    /// Appends the positions of the bits that are on, ascending.
    fn indices(words: &[u64], target: &mut Vec<u32>);
    /// out[r] ← start + the sum of the rows of a tile in list `first + r`.
    fn sum_tile_lists(tile: &[[Lanes; TILE]], lists: &Lists, first: usize, start: &[Lanes; TILE], out: &mut [[Lanes; TILE]]);
    /// out[r] ← out[r] + the sum of the rows of a tile in one part of list `first + r`; `part` is (part, first).
    fn sum_parts(tile: &[[Lanes; TILE]], lists: (&Lists, &Parts), part: (usize, usize), out: &mut [[Lanes; TILE]]);
    /// out[r] ← start + the sum of the rows of a block in list `first + r`.
    fn sum_block_lists(block: &[[Lanes; BLOCK]], lists: &Lists, first: usize, start: &[Lanes; BLOCK], out: &mut [[Lanes; BLOCK]]);
    /// out[r] ← out[r] + the sum of the rows of a block in list `first + r`.
    fn add_block_lists(block: &[[Lanes; BLOCK]], lists: &Lists, first: usize, out: &mut [[Lanes; BLOCK]]);
    /// sums[r] ← sums[r] + the table entries that bits[r] selects: see [`crate::engine::packed::kernels::sum_tables`].
    fn sum_tables(chunk: &[[Lanes; STRIP]; TABLED], tables: &mut [Table], bits: &[u32], sums: &mut [[Lanes; STRIP]]);
    /// tables ← the partial sums of a chunk.
    fn build_tables(chunk: &[[Lanes; STRIP]; TABLED], tables: &mut [Table]);
    /// Adds the table entries that bits[r] selects to the lanes of a block from `first` on.
    fn add_tables_to_block(tables: &[Table], bits: &[u32], first: usize, sums: &mut [[Lanes; BLOCK]]);
    /// c ← c + a · b, with (columns, summed indices): see [`crate::engine::ProductKernels`].
    fn add_product(a: Strided, b: &[f32], c: &mut [f32], shape: (usize, usize));
    /// c ← c + a · b for the rows of a sparse a from a given one on.
    fn add_sparse_product(a: (&SparseRows, usize), b: &[f32], c: &mut [f32], columns: usize);
    /// c ← c + aᵀ · b for the rows of the result from a given one on.
    fn add_sparse_outer_products(a: &SparseRows, b: &[f32], c: (&mut [f32], usize), columns: usize);
    /// block (up to 64 hidden × 128 visible) ← the transpose of up to 128 rows of a tile.
    fn transpose_block(rows: &[[Lanes; TILE]], block: &mut [[Lanes; BLOCK]]);
    /// chunk (32 hidden × 32 visible) ← the transpose of up to 32 rows of a tile, from lane `first` on.
    fn transpose_strip(rows: &[[Lanes; TILE]], first: usize, chunk: &mut [[Lanes; STRIP]; TABLED]);
    /// inputs[r] ← inputs[r] + the offsets of row `first.0 + r` to 64 hidden units from `first.1` on.
    fn add_offsets_to_tile(offsets: RowOffsets, first: (usize, usize), inputs: &mut [[Lanes; TILE]]);
    /// Adds the same for 128 visible units.
    fn add_offsets_to_block(offsets: RowOffsets, first: (usize, usize), inputs: &mut [[Lanes; BLOCK]]);
    /// Adds the same for 32 visible units.
    fn add_offsets_to_strip(offsets: RowOffsets, first: (usize, usize), inputs: &mut [[Lanes; STRIP]]);
    /// Seeds the streams of the rows from `first` on.
    fn seed(streams: RowStreams, first: usize, states: &mut [StreamState]);
    /// Moves every stream on by `draws` numbers a lane.
    fn skip(states: &mut [StreamState], draws: usize);
    /// Draws 64 units a row from their inputs.
    fn sample_tile(inputs: &[[Lanes; TILE]], lanes: usize, inverse_temperature: f32, states: &mut [StreamState], bits: &mut [u64]);
    /// Draws 128 units a row from their inputs.
    fn sample_block(inputs: &[[Lanes; BLOCK]], lanes: usize, inverse_temperature: f32, states: &mut [StreamState], bits: &mut [u64]);
    /// Draws 32 units a row from their inputs.
    fn sample_strip(inputs: &[[Lanes; STRIP]], lanes: usize, inverse_temperature: f32, states: &mut [StreamState], bits: &mut [u64]);
    /// Turns every value into its σ.
    fn sigmoids(values: &mut [f32]);
    /// changes[r] ← changes[r] + Σ_j softplus(to · x_j) − softplus(from · x_j) over the `units` numbers x of row r.
    fn softplus_changes(inputs: &[f32], units: usize, temperatures: (f64, f64), changes: &mut [f64]);
    /// columns[c] ← bit c of every row, row r as bit r; at most 32 rows.
    fn transpose_bits(rows: &[&[u64]], columns: &mut [u32]);
    /// Adds the gradient of sampled rows to the rows of a tile.
    fn update_counts(weights: &mut [[Lanes; TILE]], touched: &[u32], visible: &[u32], hidden: &[[Words; TILE]], update: CountUpdate);
    /// Adds the same to a block of the transposed weights.
    fn update_counts_block(block: &mut [[Lanes; BLOCK]], touched: [bool; BLOCK], visible: &[[Words; BLOCK]], hidden: &[u32], update: CountUpdate);
    /// Adds the gradient of any statistics to the rows of a tile.
    fn update_sums(weights: &mut [[Lanes; TILE]], velocity: &mut [[Lanes; TILE]], units: Range<usize>, data: Side, model: Side, update: Update);
    /// Changes the rows of a tile by a rule: see [`crate::engine::packed::kernels::apply_rule`].
    fn apply_rule(weights: &mut [[Lanes; TILE]], velocity: &mut [[Lanes; TILE]], changes: &mut [[Lanes; TILE]], rule: &RuleTile);
    /// Sums the changes of a tile times offsets: see [`crate::engine::packed::kernels::shift_biases`].
    fn shift_biases(changes: &[[Lanes; TILE]], offsets: (&[f32], &[Lanes; TILE]), visible_shift: &mut [f32], hidden_shift: &mut [Lanes; TILE]);
    /// Makes `rounds` × 96 additions of sixteen numbers held in registers.
    fn probe_additions(rounds: usize, lanes: &mut [Lanes; BLOCK]);
    /// Makes `rounds` × 96 multiplications of sixteen numbers held in registers.
    fn probe_multiplications(rounds: usize, lanes: &mut [Lanes; BLOCK]);
    /// Makes `rounds` × 96 additions of sixteen integers held in registers.
    fn probe_integers(rounds: usize, words: &mut [Words; 4]);
    /// Makes `rounds` × 96 operations of all three kinds.
    fn probe_mixed(rounds: usize, lanes: &mut [Lanes; BLOCK], words: &mut [Words; 4]);
    /// Writes all rows of a matrix, `rounds` times.
    fn probe_stores(rounds: usize, value: &Lanes, matrix: &mut [[Lanes; BLOCK]]);
    /// Adds all rows of a matrix, `rounds` times.
    fn probe_loads(rounds: usize, matrix: &[[Lanes; BLOCK]], total: &mut [Lanes; BLOCK]);
    /// Draws `rounds` numbers in every lane of two streams.
    fn probe_numbers(rounds: usize, states: &mut [StreamState; 2], total: &mut Words);
}
