//! The choice among instruction sets at run time.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The environment variable that pins the instruction set: `auto`, `scalar`, `avx2`, `avx512` or `neon`.
pub const ISA_VARIABLE: &str = "CHORDBENCH_ISA";

/// The name of the kernels that are compiled for the target's baseline.
const BASELINE: &str = if cfg!(target_arch = "aarch64") { "neon" } else { "scalar" };

/// An instruction set that the packed engine has kernels for. All of them compute the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isa {
    /// The baseline of the target, which every processor has. On 64-bit ARM that has NEON, and its name.
    Scalar,
    /// x86-64 with AVX2, BMI1, BMI2, LZCNT and POPCNT: Haswell (2013), Zen (2017) and later.
    Avx2,
    /// x86-64 with AVX-512 F, BW, CD, DQ, VL, VBMI, VBMI2, BITALG and VPOPCNTDQ, and GFNI, besides those of
    /// [`Self::Avx2`]: Ice Lake (2019), Zen 4 (2022) and later.
    Avx512,
}

/// A reason why an instruction set cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IsaError {
    /// The name is not that of an instruction set.
    #[error(
        "{name:?} is not an instruction set with kernels: use auto, scalar, avx2 or avx512, on 64-bit ARM also neon"
    )]
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
    /// One of the above, asked for by the environment.
    #[error("environment variable {ISA_VARIABLE}: {0}")]
    Environment(Box<IsaError>),
}

impl Isa {
    /// All sets, the plainest first.
    pub const ALL: [Self; 3] = [Self::Scalar, Self::Avx2, Self::Avx512];

    /// Returns the name in configurations, records and the environment.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => BASELINE,
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    /// Returns true if this processor can run it.
    pub fn is_available(self) -> bool {
        match self {
            Self::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => super::avx2::Avx2::detect().is_some(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => super::avx512::Avx512::detect().is_some(),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Avx512 => false,
        }
    }

    /// Returns the sets that this processor can run, the plainest first.
    pub fn available() -> Vec<Self> {
        Self::ALL.into_iter().filter(|isa| isa.is_available()).collect()
    }

    /// Returns the most capable set that this processor can run.
    pub fn best() -> Self {
        Self::available().into_iter().next_back().unwrap_or(Self::Scalar)
    }

    /// Returns the instruction set of this name; `auto` is [`Self::best`].
    pub fn named(name: &str) -> Result<Self, IsaError> {
        if name == "auto" {
            return Ok(Self::best());
        }
        let isa: Self = name.parse()?;
        if isa.is_available() { Ok(isa) } else { Err(IsaError::Unavailable { isa }) }
    }

    /// Returns the set that the environment variable [`ISA_VARIABLE`] names, [`Self::best`] where it is unset or empty.
    pub fn detect() -> Result<Self, IsaError> {
        match std::env::var_os(ISA_VARIABLE) {
            None => Ok(Self::best()),
            Some(name) if name.is_empty() => Ok(Self::best()),
            Some(name) => Self::named(&name.to_string_lossy()).map_err(|error| IsaError::Environment(Box::new(error))),
        }
    }

    /// Returns the set of [`Self::detect`]: the default wherever no caller names one, so that the variable pins tests
    /// and benchmarks too.
    ///
    /// # Panics
    /// Where [`Self::detect`] fails: a program calls that before it comes here.
    pub fn pinned_or_best() -> Self {
        Self::detect().unwrap_or_else(|error| panic!("{error}"))
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
        if name == "scalar" {
            return Ok(Self::Scalar);
        }
        Self::ALL.into_iter().find(|isa| isa.name() == name).ok_or_else(|| IsaError::Unknown { name: name.to_owned() })
    }
}

fn join(sets: &[Isa]) -> String {
    sets.iter().map(|isa| isa.name()).collect::<Vec<_>>().join(", ")
}
