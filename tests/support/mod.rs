//! What tests of the program share: a folder to work in, and the program at work there.

#![allow(dead_code, unreachable_pub, reason = "each test takes what it needs")]

use assert_cmd::Command;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// A folder to work in, with a configuration in it, `sweep.toml`.
pub struct Bench {
    pub folder: tempfile::TempDir,
}

impl Bench {
    pub fn new(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("sweep.toml"), config).unwrap();
        Self { folder }
    }

    /// A place in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program with these arguments, in the folder.
    pub fn runner(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_runner"));
        command.current_dir(self.folder.path()).args(arguments);
        command
    }

    /// The sweep with some keys set anew, without its progress.
    pub fn sweep(&self, sets: &[&str]) -> Command {
        let mut command = self.runner(&["run", "--config", "sweep.toml", "--quiet"]);
        for set in sets {
            command.args(["--set", set]);
        }
        command
    }
}

/// A file of JSON.
pub fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The first run of a folder of results.
pub fn first_run(results: &Path) -> PathBuf {
    let plan = json(&results.join("plan.json"));
    results.join("runs").join(plan["runs"][0]["run_id"].as_str().unwrap())
}
