//! The machine and the build that a run ran on.

use crate::engine::Isa;
use serde::{Deserialize, Serialize};

/// What a record says of the machine and the build. None of it takes part in a digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// The processor's name, as the system gives it.
    pub cpu: String,
    /// The instruction set of the packed engine: avx512, avx2 or scalar.
    pub isa: String,
    /// The compiler that built the program.
    pub rustc: String,
    /// The program's version.
    pub version: String,
    /// The commit it was built from, with `-dirty` after it for uncommitted changes; "unknown" outside a checkout.
    pub git: String,
    /// Operating system and architecture.
    pub os: String,
    /// Logical processors that the process may use.
    pub logical_cpus: usize,
    /// The host's name, where the system tells.
    pub host: Option<String>,
}

impl Environment {
    /// The present machine and build, and the instruction set that runs use.
    pub fn capture(isa: Isa) -> Self {
        Self {
            cpu: cpu_name(),
            isa: isa.name().into(),
            rustc: env!("CHORDBENCH_RUSTC").into(),
            version: env!("CARGO_PKG_VERSION").into(),
            git: env!("CHORDBENCH_GIT").into(),
            os: format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH),
            logical_cpus: logical_cpus(),
            host: std::fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|name| name.trim().to_owned()),
        }
    }
}

/// Logical processors that this process may use, at least one.
pub fn logical_cpus() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn cpu_name() -> String {
    let name = std::fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    });
    name.unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}
