//! The environment of a run: its machine, its build.

use super::cpu::{cpu_name, logical_cpus};
use super::host::host_name_if_known;
use crate::engine::Isa;
use serde::{Deserialize, Serialize};

/// The machine and the build, as a record describes them. None of it takes part in a digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// The processor's name, as the system gives it.
    pub cpu: String,
    /// The instruction set that the engine of the run used: avx512, avx2 or scalar. It is that of the packed engine;
    /// the dense engine makes a choice of its own.
    pub isa: String,
    /// The compiler that built the program.
    pub rustc: String,
    /// The settings of the build: profile, level of optimisation, target and flags.
    #[serde(default)]
    pub build: String,
    /// The program's version.
    pub version: String,
    /// The commit that the program was built from, with `-dirty` after it for uncommitted changes; "unknown" outside a
    /// checkout.
    pub git: String,
    /// The operating system and the architecture.
    pub os: String,
    /// The number of logical processors that the process may use.
    pub logical_cpus: usize,
    /// The host's name, if the system gives it.
    pub host: Option<String>,
}

impl Environment {
    /// Describes the current machine and build, and the instruction set that runs use.
    pub fn capture(isa: Isa) -> Self {
        Self {
            cpu: cpu_name(),
            isa: isa.name().into(),
            rustc: env!("CHORDBENCH_RUSTC").into(),
            build: env!("CHORDBENCH_BUILD").into(),
            version: env!("CARGO_PKG_VERSION").into(),
            git: env!("CHORDBENCH_GIT").into(),
            os: format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH),
            logical_cpus: logical_cpus(),
            host: host_name_if_known(),
        }
    }
}
