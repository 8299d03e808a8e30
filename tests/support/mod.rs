//! The bench on which tests of the program work.

#![allow(dead_code, unreachable_pub, reason = "each test uses a part of this")]

use assert_cmd::Command;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// A sweep of two runs that takes a moment.
pub const TWO_RUNS: &str = r#"
name = "small"
[model]
hidden = 4
timesteps = 6
[train]
epochs = 1
[evaluate]
pseudo_likelihood_windows = 5
windows = 20
[sample]
count = 2
start = "noise"
[sweep.grid]
"train.k" = [1, 2]
"#;

/// A temporary folder with a configuration, `sweep.toml`.
pub struct Bench {
    pub folder: tempfile::TempDir,
}

impl Bench {
    pub fn new(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("sweep.toml"), config).unwrap();
        Self { folder }
    }

    /// Returns a path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Returns a call of the program in the folder.
    pub fn runner(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_runner"));
        command.current_dir(self.folder.path()).args(arguments);
        command
    }

    /// Returns a call that runs the sweep with some keys set, without progress.
    pub fn sweep(&self, sets: &[&str]) -> Command {
        let mut command = self.runner(&["run", "--config", "sweep.toml", "--quiet"]);
        for set in sets {
            command.args(["--set", set]);
        }
        command
    }
}

/// Reads a file of JSON.
pub fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Returns the folder of the first run in a folder of results.
pub fn first_run(results: &Path) -> PathBuf {
    let plan = json(&results.join("plan.json"));
    results.join("runs").join(plan["runs"][0]["run_id"].as_str().unwrap())
}
