//! The machine that the program runs on, as the operating system describes it. Values that a system does not give are
//! `None`.

pub(crate) mod clock;
pub(crate) mod control_group;
pub(crate) mod cpu;
mod environment;
pub(crate) mod file;
pub(crate) mod host;
pub(crate) mod memory;
pub(crate) mod text;

pub use cpu::logical_cpus;
pub use environment::Environment;
pub use memory::available_bytes;
