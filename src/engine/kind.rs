//! The kinds of engine.

use super::contract::Engine;
use super::dense::{DenseEngine, instruction_set};
use super::packed::{Isa, IsaError, PackedEngine};
use super::parameters::Parameters;
use super::reference::ReferenceEngine;
use serde::{Deserialize, Serialize};

/// A kind of engine. Each sums in its own canonical order, so the kind is part of a run's identity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EngineKind {
    /// Sums of selected rows of weights: the fast one.
    #[default]
    Packed,
    /// Dense products of expanded bits by `matrixmultiply`.
    Dense,
    /// Plain loops, one thread: the oracle.
    Reference,
}

impl EngineKind {
    /// Returns the instruction set that this engine computes with where the packed one uses `isa`.
    pub fn instruction_set(self, isa: Isa) -> String {
        match self {
            Self::Packed => isa.name().to_owned(),
            Self::Dense => format!("{} (matrixmultiply)", instruction_set()),
            Self::Reference => "as compiled".to_owned(),
        }
    }
}

/// Builds an engine of the given kind that starts from `parameters`, with the instruction set that the environment or
/// the processor suggests.
///
/// # Panics
/// Where the environment names an instruction set that does not exist or that this processor lacks: a program checks
/// [`Isa::detect`] before it builds engines.
pub fn build(kind: EngineKind, parameters: Parameters) -> Box<dyn Engine> {
    match kind {
        EngineKind::Packed => {
            let engine = PackedEngine::new(&parameters);
            Box::new(engine.unwrap_or_else(|error| panic!("{error}")))
        }
        EngineKind::Dense => Box::new(DenseEngine::new(parameters)),
        EngineKind::Reference => Box::new(ReferenceEngine::new(parameters)),
    }
}

/// Builds as [`build`] does, with the given instruction set where the engine has a choice.
pub fn build_for(kind: EngineKind, parameters: Parameters, isa: Isa) -> Result<Box<dyn Engine>, IsaError> {
    match kind {
        EngineKind::Packed => Ok(Box::new(PackedEngine::with_isa(&parameters, isa)?)),
        EngineKind::Dense | EngineKind::Reference => Ok(build(kind, parameters)),
    }
}
