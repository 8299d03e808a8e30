//! The instruction sets that kernels are compiled for, and the choice among them at run time.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod scalar;

use super::super::random::RowStreams;
use super::super::update::Update;
use super::kernels::{BLOCK, CountUpdate, RuleTile, STRIP, Side, TABLED, TILE, Tables};
use super::lanes::{Lanes, StreamState, Words};
use super::lists::{Lists, Parts};
use super::simd::Plain;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// The environment variable that pins the instruction set: `auto`, `scalar`, `avx2` or `avx512`.
pub const ISA_VARIABLE: &str = "CHORDBENCH_ISA";

/// An instruction set that the packed engine has kernels for. All of them compute the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isa {
    /// What every processor of the target has.
    Scalar,
    /// x86-64 with AVX2, BMI1, BMI2, LZCNT and POPCNT: Haswell (2013), Zen (2017) and later.
    Avx2,
    /// x86-64 with AVX-512 F, BW, CD, DQ, VL, VBMI, VBMI2, BITALG and VPOPCNTDQ, and GFNI, besides those of
    /// [`Self::Avx2`]: Ice Lake (2019), Zen 4 (2022) and later.
    Avx512,
}

/// Why an instruction set cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IsaError {
    /// The name is none of an instruction set.
    #[error("{name:?} is no instruction set that kernels exist for: use auto, scalar, avx2 or avx512")]
    Unknown {
        /// The name as given.
        name: String,
    },
    /// This processor lacks it.
    #[error("this processor does not have {isa}: use auto, or one of {}", join(&Isa::available()))]
    Unavailable {
        /// The instruction set that was asked for.
        isa: Isa,
    },
    /// As one of the above, and asked for by the environment.
    #[error("environment variable {ISA_VARIABLE}: {0}")]
    Environment(Box<IsaError>),
}

impl Isa {
    /// All, the plainest first.
    pub const ALL: [Self; 3] = [Self::Scalar, Self::Avx2, Self::Avx512];

    /// The name in configurations, records and the environment.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    /// Whether this processor can run it.
    pub fn is_available(self) -> bool {
        match self {
            Self::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => avx2::Avx2::detect().is_some(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => avx512::Avx512::detect().is_some(),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Avx512 => false,
        }
    }

    /// Those that this processor can run, the plainest first.
    pub fn available() -> Vec<Self> {
        Self::ALL.into_iter().filter(|isa| isa.is_available()).collect()
    }

    /// The most capable that this processor can run.
    pub fn best() -> Self {
        Self::available().into_iter().next_back().unwrap_or(Self::Scalar)
    }

    /// The instruction set of this name; `auto` is [`Self::best`].
    pub fn named(name: &str) -> Result<Self, IsaError> {
        if name == "auto" {
            return Ok(Self::best());
        }
        let isa: Self = name.parse()?;
        if isa.is_available() { Ok(isa) } else { Err(IsaError::Unavailable { isa }) }
    }

    /// What the environment variable [`ISA_VARIABLE`] names, or [`Self::best`] where it is unset or empty.
    pub fn detect() -> Result<Self, IsaError> {
        match std::env::var_os(ISA_VARIABLE) {
            None => Ok(Self::best()),
            Some(name) if name.is_empty() => Ok(Self::best()),
            Some(name) => Self::named(&name.to_string_lossy()).map_err(|error| IsaError::Environment(Box::new(error))),
        }
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Isa {
    type Err = IsaError;

    fn from_str(name: &str) -> Result<Self, IsaError> {
        Self::ALL.into_iter().find(|isa| isa.name() == name).ok_or_else(|| IsaError::Unknown { name: name.to_owned() })
    }
}

fn join(sets: &[Isa]) -> String {
    sets.iter().map(|isa| isa.name()).collect::<Vec<_>>().join(", ")
}

/// The kernels of one instruction set that this processor has.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kernels {
    Scalar(Plain),
    #[cfg(target_arch = "x86_64")]
    Avx2(avx2::Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(avx512::Avx512),
}

impl Kernels {
    pub(super) fn new(isa: Isa) -> Result<Self, IsaError> {
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

    pub(super) fn isa(self) -> Isa {
        match self {
            Self::Scalar(_) => Isa::Scalar,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => Isa::Avx2,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => Isa::Avx512,
        }
    }
}

/// Ask for rows of weights that will be needed soon to be brought into the second-level cache.
#[inline]
pub(super) fn prefetch(rows: &[[Lanes; TILE]]) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    for lanes in rows.as_flattened() {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: a prefetch reads nothing that the program sees and cannot fault; every x86-64 processor has it.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(std::ptr::from_ref(lanes).cast()) }
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = rows;
}

/// Methods of [`Kernels`] that call the function of the same name of the instruction set at hand.
macro_rules! dispatch {
    ($($(#[$attribute:meta])* fn $name:ident($($argument:ident: $type:ty),* $(,)?);)*) => {
        impl Kernels {
            $(
                $(#[$attribute])*
                #[inline]
                pub(super) fn $name(self, $($argument: $type),*) {
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
    /// Append the positions of the bits that are on, ascending.
    fn indices(words: &[u64], target: &mut Vec<u32>);
    /// out[r] ← start + the sum of the rows of a tile in list `first + r`.
    fn sum_tile_lists(tile: &[[Lanes; TILE]], lists: &Lists, first: usize, start: &[Lanes; TILE], out: &mut [[Lanes; TILE]]);
    /// out[r] ← out[r] + the sum of the rows of a tile in one part of list `first + r`; `part` is (part, first).
    fn sum_parts(tile: &[[Lanes; TILE]], lists: (&Lists, &Parts), part: (usize, usize), out: &mut [[Lanes; TILE]]);
    /// out[r] ← start + the sum of the rows of a block in list `first + r`.
    fn sum_block_lists(block: &[[Lanes; BLOCK]], lists: &Lists, first: usize, start: &[Lanes; BLOCK], out: &mut [[Lanes; BLOCK]]);
    /// out[r] ← out[r] + the sum of the rows of a block in list `first + r`.
    fn add_block_lists(block: &[[Lanes; BLOCK]], lists: &Lists, first: usize, out: &mut [[Lanes; BLOCK]]);
    /// sums[r] ← sums[r] + the table entries that bits[r] selects: see [`super::kernels::sum_tables`].
    fn sum_tables(chunk: &[[Lanes; STRIP]; TABLED], tables: &mut Tables, bits: &[u32], sums: &mut [[Lanes; STRIP]]);
    /// block (up to 64 hidden × 128 visible) ← the transpose of up to 128 rows of a tile.
    fn transpose_block(rows: &[[Lanes; TILE]], block: &mut [[Lanes; BLOCK]]);
    /// chunk (32 hidden × 32 visible) ← the transpose of up to 32 rows of a tile, from lane `first` on.
    fn transpose_strip(rows: &[[Lanes; TILE]], first: usize, chunk: &mut [[Lanes; STRIP]; TABLED]);
    /// Seed the streams of the rows from `first` on.
    fn seed(streams: RowStreams, first: usize, states: &mut [StreamState]);
    /// Move every stream on by `draws` numbers a lane.
    fn skip(states: &mut [StreamState], draws: usize);
    /// Draw 64 units a row from their inputs.
    fn sample_tile(inputs: &[[Lanes; TILE]], inverse_temperature: f32, states: &mut [StreamState], bits: &mut [u64]);
    /// Draw 128 units a row from their inputs.
    fn sample_block(inputs: &[[Lanes; BLOCK]], inverse_temperature: f32, states: &mut [StreamState], bits: &mut [u64]);
    /// Draw 32 units a row from their inputs.
    fn sample_strip(inputs: &[[Lanes; STRIP]], inverse_temperature: f32, states: &mut [StreamState], bits: &mut [u64]);
    /// Every value becomes its σ.
    fn sigmoids(values: &mut [f32]);
    /// changes[r] ← changes[r] + Σ_j softplus(to · x_j) − softplus(from · x_j) over the `units` numbers x of row r.
    fn softplus_changes(inputs: &[f32], units: usize, temperatures: (f64, f64), changes: &mut [f64]);
    /// columns[c] ← bit c of every row, row r as bit r; at most 32 rows.
    fn transpose_bits(rows: &[&[u64]], columns: &mut [u32]);
    /// Add the gradient of sampled rows to the rows of a tile.
    fn update_counts(weights: &mut [[Lanes; TILE]], touched: &[u32], visible: &[u32], hidden: &[[Words; TILE]], update: CountUpdate);
    /// The same on a block of the transposed weights.
    fn update_counts_block(block: &mut [[Lanes; BLOCK]], touched: [bool; BLOCK], visible: &[[Words; BLOCK]], hidden: &[u32], update: CountUpdate);
    /// Add the gradient of any statistics to the rows of a tile.
    fn update_sums(weights: &mut [[Lanes; TILE]], velocity: &mut [[Lanes; TILE]], units: Range<usize>, data: Side, model: Side, update: Update);
    /// Change the rows of a tile by a rule: see [`super::kernels::apply_rule`].
    fn apply_rule(weights: &mut [[Lanes; TILE]], velocity: &mut [[Lanes; TILE]], changes: &mut [[Lanes; TILE]], rule: &RuleTile);
    /// Sum the changes of a tile times offsets: see [`super::kernels::shift_biases`].
    fn shift_biases(changes: &[[Lanes; TILE]], offsets: (&[f32], &[Lanes; TILE]), visible_shift: &mut [f32], hidden_shift: &mut [Lanes; TILE]);
    /// `rounds` × 96 additions of sixteen numbers held in registers.
    fn probe_additions(rounds: usize, lanes: &mut [Lanes; BLOCK]);
    /// Add all rows of a matrix, `rounds` times.
    fn probe_loads(rounds: usize, matrix: &[[Lanes; BLOCK]], total: &mut [Lanes; BLOCK]);
    /// Draw `rounds` numbers in every lane of two streams.
    fn probe_numbers(rounds: usize, states: &mut [StreamState; 2], total: &mut Words);
}
