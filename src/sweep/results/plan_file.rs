//! `plan.json`: the runs of a sweep, readable without its corpus.

use super::names::{Named, check_keys};
use crate::machine::file::read_regular_text;
use crate::machine::text::Shown as _;
use crate::sweep::plan::{Bracket, Plan, Prepared, RunSpec, Rung};
use crate::sweep::store::{StoreError, keep_whole};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// The runs of a sweep, each with its name and the values by which it differs from others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanFile {
    /// The version of this file.
    pub schema: u32,
    /// The sweep's name.
    pub name: String,
    /// The words by which a user finds the sweep again; absent if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The purpose of the sweep in the user's words; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The keys that take more than one value, in the order of the axes.
    pub swept: Vec<String>,
    /// The readings of corpora that runs train on.
    pub corpora: Vec<PlannedCorpus>,
    /// The rungs of successive halving; absent without it. The runs are those of the rungs that are decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halving: Option<PlannedHalving>,
    /// The runs, in order.
    pub runs: Vec<PlannedRun>,
}

/// The rungs of successive halving.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedHalving {
    /// The metric that points are ranked by.
    pub metric: String,
    /// The factor from one rung to the next.
    pub eta: usize,
    /// The rungs, in order.
    pub rungs: Vec<PlannedRung>,
}

/// A rung of successive halving.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedRung {
    /// The epochs that its runs train in all.
    pub epochs: usize,
    /// The number of its points, or the greatest possible where it is not decided yet.
    pub points: usize,
}

/// A reading of a corpus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedCorpus {
    /// The BLAKE3 hash of the songs' cells.
    pub digest: String,
    /// The number of songs used.
    pub songs: usize,
    /// The path of the list of its files, below the sweep's folder.
    pub files: String,
}

/// A run of the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedRun {
    /// The position in the plan.
    pub index: usize,
    /// The run's name.
    pub run_id: String,
    /// The position of its point among the points of the plan; the replicates of a point share it.
    pub point: usize,
    /// The number of the replicate, from zero.
    pub replicate: u32,
    /// The seed, in decimal.
    pub seed: String,
    /// The values of the keys that vary.
    pub swept: Map<String, Value>,
    /// The place in `corpora` of the corpus that it trains on.
    pub corpus: usize,
    /// The rung of successive halving; absent in the first, and without halving.
    #[serde(default, skip_serializing_if = "is_first")]
    pub rung: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_first(rung: &usize) -> bool {
    *rung == 0
}

/// The reason why a plan cannot be read from a folder of results.
#[derive(Debug, thiserror::Error)]
pub enum PlanFileError {
    /// The file does not exist or cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file is not a plan that this program understands.
    #[error("{} is not a plan of this version of the program: {reason}", path.shown())]
    Format {
        /// The file.
        path: PathBuf,
        /// The fault.
        reason: String,
    },
}

impl PlanFile {
    /// The version that this program writes.
    pub const SCHEMA: u32 = 1;
    /// The name of the file in a sweep's folder.
    pub const NAME: &str = "plan.json";

    /// Returns the plan of a sweep whose corpora are read.
    pub fn of(prepared: &Prepared) -> Self {
        let plan = &prepared.plan;
        let corpora = prepared.corpora.iter().enumerate().map(|(index, corpus)| PlannedCorpus {
            digest: corpus.digest.clone(),
            songs: corpus.songs.len(),
            files: format!("corpora/{index}.jsonl"),
        });
        Self {
            schema: Self::SCHEMA,
            name: plan.name.clone(),
            tags: plan.tags.clone(),
            note: plan.note.clone(),
            swept: plan.swept.iter().map(|&key| key.to_owned()).collect(),
            corpora: corpora.collect(),
            halving: plan.bracket.as_ref().map(|bracket| PlannedHalving::of(plan, bracket)),
            runs: plan.runs.iter().map(|run| PlannedRun::of(prepared, run)).collect(),
        }
    }

    /// Reads the plan of the sweep whose results are in `folder`.
    pub fn read(folder: &Path) -> Result<Self, PlanFileError> {
        let path = folder.join(Self::NAME);
        let text = read_regular_text(&path).map_err(StoreError::at("cannot read", &path))?;
        let format = |reason: String| PlanFileError::Format { path: path.clone(), reason };
        let plan: Self = serde_json::from_str(&text).map_err(|error| format(error.to_string()))?;
        if plan.schema != Self::SCHEMA {
            return Err(format(format_args!("its schema is {}, not {}", plan.schema, Self::SCHEMA).to_string()));
        }
        plan.check().map_err(format)?;
        Ok(plan)
    }

    /// Returns the BLAKE3 hash over the names of the runs, in order: plans with the same digest have the same runs.
    pub fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for run in &self.runs {
            hasher.update(run.run_id.as_bytes()).update(b"\n");
        }
        hasher.finalize().to_hex().to_string()
    }

    /// Returns the newest rung of successive halving that has runs; 0 without it.
    pub fn rung(&self) -> usize {
        self.runs.last().map_or(0, |run| run.rung)
    }

    /// Returns the greatest number of runs of rungs that are not decided yet.
    pub fn runs_to_come(&self) -> usize {
        let rungs = self.halving.iter().flat_map(|halving| &halving.rungs);
        let replicates = self.runs.iter().take_while(|run| run.point == 0).count();
        rungs.skip(self.rung() + 1).map(|rung| rung.points * replicates).sum()
    }

    /// Checks that runs and points are in order, that names can be names of folders, and that corpora are listed.
    fn check(&self) -> Result<(), String> {
        for corpus in &self.corpora {
            Named::FileList.check(&corpus.files).map_err(|error| error.to_string())?;
        }
        check_keys(&self.swept).map_err(|error| error.to_string())?;
        let mut points = 0;
        for (index, run) in self.runs.iter().enumerate() {
            if run.index != index {
                return Err(format!("run {index} has the index {}", run.index));
            }
            Named::Run.check(&run.run_id).map_err(|error| error.to_string())?;
            if run.point > points || run.point + 1 < points {
                return Err(format!("run {index} belongs to point {}, out of order", run.point));
            }
            points = run.point + 1;
            check_keys(run.swept.keys()).map_err(|error| error.to_string())?;
            if run.rung > 0 && self.halving.as_ref().is_none_or(|halving| run.rung >= halving.rungs.len()) {
                return Err(format!("run {index} belongs to rung {}, which is not listed", run.rung));
            }
            if run.corpus >= self.corpora.len() {
                return Err(format!("run {index} trains on corpus {}, which is not listed", run.corpus));
            }
        }
        Ok(())
    }

    /// Writes the plan to the folder of a sweep's results.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), StoreError> {
        let json = serde_json::to_string_pretty(self).expect("a plan is plain data");
        keep_whole(&folder.join(Self::NAME), json.as_bytes())
    }
}

impl PlannedHalving {
    fn of(plan: &Plan, bracket: &Bracket) -> Self {
        let points = |rung: usize| plan.points.iter().filter(|point| point.rung == rung).count();
        let planned = |(place, rung): (usize, &Rung)| PlannedRung {
            epochs: rung.epochs,
            points: if place <= plan.rung() { points(place) } else { rung.points },
        };
        Self {
            metric: bracket.halving.metric.name(),
            eta: bracket.halving.eta,
            rungs: bracket.rungs.iter().enumerate().map(planned).collect(),
        }
    }
}

impl PlannedRun {
    /// Returns the entry of a run of a prepared plan.
    pub fn of(prepared: &Prepared, run: &RunSpec) -> Self {
        let swept = prepared.plan.swept_values(run);
        Self {
            index: run.index,
            run_id: prepared.run_ids[run.index].clone(),
            point: run.point_index,
            replicate: run.replicate,
            seed: run.seed.to_string(),
            swept: swept.map(|(key, value)| (key.to_owned(), value.clone())).collect(),
            corpus: prepared.corpus_of_point[run.point_index],
            rung: run.point.rung,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::SweepConfig;

    fn plan() -> PlanFile {
        let text = "[sweep.grid]\n\"model.hidden\" = [5, 6]\n\"train.k\" = [1, 2]\n[replicates]\ncount = 2\n";
        let sweep = SweepConfig::from_text(Some((Path::new("small.toml"), text.to_owned())), &[]).unwrap();
        PlanFile::of(&Prepared::new(sweep.plan().unwrap(), &|_, _| ()).unwrap())
    }

    #[test]
    fn a_plan_comes_back_from_its_file() {
        let plan = plan();
        assert_eq!(plan.runs.iter().map(|run| run.point).collect::<Vec<_>>(), [0, 0, 1, 1, 2, 2, 3, 3]);
        let folder = tempfile::tempdir().unwrap();
        plan.write(folder.path()).unwrap();
        assert_eq!(PlanFile::read(folder.path()).unwrap(), plan);
        let mut other = plan.clone();
        other.name = "the digest leaves out the name".into();
        assert_eq!(other.digest(), plan.digest());
        other.runs.swap(0, 1);
        assert_ne!(other.digest(), plan.digest());
    }

    #[test]
    fn what_is_no_plan_is_said_so() {
        let folder = tempfile::tempdir().unwrap();
        let message = || PlanFile::read(folder.path()).unwrap_err().to_string();
        assert!(message().starts_with("cannot read"), "{}", message());
        let refused = |breaking: &dyn Fn(&mut PlanFile), expected: &str| {
            let mut plan = plan();
            breaking(&mut plan);
            plan.write(folder.path()).unwrap();
            assert!(message().contains(expected), "{}", message());
        };
        refused(&|plan| plan.schema = 2, "its schema is 2, not 1");
        refused(&|plan| plan.runs.swap(0, 1), "run 0 has the index 1");
        refused(&|plan| plan.runs[3].run_id = "../../elsewhere".into(), "not the name of a run");
        refused(&|plan| plan.corpora[0].files = "../../x".into(), "`../../x` is not the list of a corpus");
        refused(&|plan| plan.corpora[0].files = "/tmp/x".into(), "is not the list of a corpus");
        refused(&|plan| plan.runs[2].point = 5, "out of order");
        refused(&|plan| plan.runs[4].corpus = 1, "not listed");
        refused(&|plan| plan.runs[7].rung = 1, "belongs to rung 1");
        std::fs::write(folder.path().join(PlanFile::NAME), "{\"schema\": 1").unwrap();
        assert!(message().contains("is not a plan"), "{}", message());
    }
}
