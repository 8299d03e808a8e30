//! The instruction sets that kernels are compiled for, and the choice among them at run time.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod scalar;

use super::super::random::RowStreams;
use super::super::update::Update;
use super::kernels::{BLOCK, NarrowUpdate, STRIP, Side, TABLED, TILE};
use super::lanes::{Lanes, StreamState, Words};
use super::lists::Lists;
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
            Self::Avx2 => avx2::is_available(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => avx2::is_available() && avx512::is_available(),
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

/// The kernels of one instruction set that this processor has: that is what owning a value of this type proves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kernels {
    isa: Isa,
}

impl Kernels {
    pub(super) fn new(isa: Isa) -> Result<Self, IsaError> {
        if isa.is_available() { Ok(Self { isa }) } else { Err(IsaError::Unavailable { isa }) }
    }

    pub(super) fn isa(self) -> Isa {
        self.isa
    }
}

/// Methods of [`Kernels`] that call the function of the same name of the instruction set at hand.
macro_rules! dispatch {
    ($($(#[$attribute:meta])* fn $name:ident($($argument:ident: $type:ty),* $(,)?);)*) => {
        impl Kernels {
            $(
                $(#[$attribute])*
                #[inline]
                pub(super) fn $name(self, $($argument: $type),*) {
                    match self.isa {
                        Isa::Scalar => scalar::$name($($argument),*),
                        // SAFETY: `Kernels::new` saw that the processor has every feature the function is compiled for.
                        #[cfg(target_arch = "x86_64")]
                        Isa::Avx2 => unsafe { avx2::$name($($argument),*) },
                        // SAFETY: as above.
                        #[cfg(target_arch = "x86_64")]
                        Isa::Avx512 => unsafe { avx512::$name($($argument),*) },
                        #[cfg(not(target_arch = "x86_64"))]
                        Isa::Avx2 | Isa::Avx512 => unreachable!("{} kernels on another processor", self.isa),
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
    /// out[r] ← start + the sum of the rows of a block in list `first + r`.
    fn sum_block_lists(block: &[[Lanes; BLOCK]], lists: &Lists, first: usize, start: &[Lanes; BLOCK], out: &mut [[Lanes; BLOCK]]);
    /// sums[r] ← sums[r] + the table entries that bits[r] selects: see [`super::kernels::sum_tables`].
    fn sum_tables(chunk: &[[Lanes; STRIP]; TABLED], bits: &[u32], sums: &mut [[Lanes; STRIP]]);
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
    /// columns[c] ← bit c of every row, row r as bit r; at most 32 rows.
    fn transpose_bits(rows: &[&[u64]], columns: &mut [u32]);
    /// Add the gradient of at most 16 sampled rows a side to the rows of a tile.
    fn update_narrow(weights: &mut [[Lanes; TILE]], touched: &[u32], visible: &[u32], hidden: &[Words; TILE], update: NarrowUpdate);
    /// The same on a block of the transposed weights.
    fn update_narrow_block(block: &mut [[Lanes; BLOCK]], touched: [bool; BLOCK], visible: &[Words; BLOCK], hidden: &[u32], update: NarrowUpdate);
    /// Add the gradient of any statistics to the rows of a tile.
    fn update_sums(weights: &mut [[Lanes; TILE]], velocity: &mut [[Lanes; TILE]], units: Range<usize>, data: Side, model: Side, update: Update);
}
