//! Results of ten thousand runs without ten thousand trainings: the record of one real run under every name of a plan.

use rayon::prelude::*;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs of the plan: 5 × 5 × 20 × 10 points, two replicates each.
pub(crate) const RUNS: usize = 10_000;

const SWEEP: &str = r#"
name = "many"
[train]
epochs = 1
[sample]
count = 4
start = "noise"
[sweep.grid]
"model.hidden" = [4, 8, 12, 16, 20]
"train.k" = [1, 2, 3, 4, 5]
"train.learning_rate" = { logspace = [1e-4, 1e-1], count = 20 }
"train.momentum" = { linspace = [0.0, 0.9], count = 10 }
[replicates]
count = 2
"#;

/// A temporary folder with the sweep's configuration and its results.
pub(crate) struct Folders {
    folder: tempfile::TempDir,
    runner: PathBuf,
    run_ids: Vec<String>,
    record: String,
}

impl Folders {
    /// Returns a folder with the plan of the sweep and no runs; `runner` is the program.
    pub(crate) fn planned(runner: &Path) -> Result<Self, Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("many.toml"), SWEEP)?;
        let mut own = Self { folder, runner: runner.into(), run_ids: Vec::new(), record: String::new() };
        let plan = String::from_utf8(own.call(&["plan", "--config", "many.toml", "--json"])?)?;
        let lines: Vec<&str> = plan.lines().collect();
        for line in &lines {
            let run: serde_json::Value = serde_json::from_str(line)?;
            own.run_ids.push(run["run_id"].as_str().ok_or("a run without a name")?.to_owned());
        }
        let runs = lines.join(",\n");
        fs::create_dir_all(own.results().join("runs"))?;
        let plan = format!(
            "{{\"schema\":1,\"name\":\"many\",\"swept\":[],\"corpora\":[{{\"digest\":\"\",\"songs\":1,\"files\":\"corpora/0.jsonl\"}}],\"runs\":[{runs}]}}"
        );
        fs::write(own.results().join("plan.json"), plan)?;

        let one = "run --config many.toml --out one -q --set model.hidden=4 --set train.k=1 --set train.momentum=0 --set \
                   train.learning_rate=0.001 --set replicates.count=1";
        own.call(&one.split(' ').collect::<Vec<_>>())?;
        let run = fs::read_dir(own.folder.path().join("one/many/runs"))?.next().ok_or("no run")??.path();
        let name = run.file_name().and_then(|name| name.to_str()).ok_or("no name")?.to_owned();
        let record: serde_json::Value = serde_json::from_slice(&fs::read(run.join("result.json"))?)?;
        own.record = record.to_string().replace(&name, "RUN_ID");
        Ok(own)
    }

    /// Gives the runs of a range their records.
    pub(crate) fn complete(&self, runs: std::ops::Range<usize>) -> std::io::Result<()> {
        self.run_ids[runs].par_iter().try_for_each(|run_id| {
            let folder = self.results().join("runs").join(run_id);
            fs::create_dir(&folder)?;
            fs::write(folder.join("result.json"), self.record.replace("RUN_ID", run_id))
        })
    }

    /// Returns the folder of the results.
    pub(crate) fn results(&self) -> PathBuf {
        self.folder.path().join("results/many")
    }

    /// Returns what the program prints, whatever its exit code.
    pub(crate) fn call(&self, arguments: &[&str]) -> Result<Vec<u8>, Box<dyn Error>> {
        Ok(Command::new(&self.runner).current_dir(self.folder.path()).args(arguments).output()?.stdout)
    }
}
