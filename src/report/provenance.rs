//! The provenance of the results: program, machine, corpus, seeds, configuration.

use super::number::Rounded;
use super::sweep_results::SweepResults;
use crate::machine::file::read_regular_text;
use crate::machine::text::Shown as _;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// The most characters of the configuration shown.
const CONFIG_LENGTH: usize = 40_000;
/// The most seeds listed.
const SEEDS: usize = 100;
/// The most different machines or builds listed.
const ENVIRONMENTS: usize = 50;

/// The origin of results.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Provenance {
    /// Version and commit of the program that made the report.
    made_by: (&'static str, &'static str),
    /// The machines and builds of the runs.
    environments: Vec<RunEnvironment>,
    /// The readings of corpora.
    corpora: Vec<Corpus>,
    /// The first seeds of replicates.
    seeds: Vec<String>,
    /// The number of different seeds.
    seed_count: usize,
    /// The resolved configuration.
    config: String,
    /// The parameters that all runs share, defaults included.
    fixed: Map<String, Value>,
}

/// A machine with a build of the program, and the number of its runs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct RunEnvironment {
    version: String,
    git: String,
    rustc: String,
    cpu: String,
    isa: String,
    os: String,
    logical_cpus: usize,
    runs: usize,
}

/// One reading of a corpus, as the first run that used it saw it.
#[derive(Clone, Debug, Serialize)]
struct Corpus {
    digest: String,
    songs: usize,
    training_songs: Option<usize>,
    validation_songs: Option<usize>,
    test_songs: Option<usize>,
    density: Option<Rounded>,
    used: Option<usize>,
    skipped: Option<usize>,
    damaged: Option<usize>,
    failed: Option<usize>,
}

impl Provenance {
    pub(super) fn of(results: &SweepResults) -> Self {
        let mut counted: BTreeMap<RunEnvironment, usize> = BTreeMap::new();
        for record in results.records.iter().flatten() {
            let own = record.environment.clone();
            let key = RunEnvironment {
                version: own.version,
                git: own.git,
                rustc: own.rustc,
                cpu: own.cpu,
                isa: own.isa,
                os: own.os,
                logical_cpus: own.logical_cpus,
                runs: 0,
            };
            *counted.entry(key).or_default() += 1;
        }
        let mut environments: Vec<RunEnvironment> =
            counted.into_iter().map(|(environment, runs)| RunEnvironment { runs, ..environment }).collect();
        environments.sort_by_key(|environment| std::cmp::Reverse(environment.runs));
        environments.truncate(ENVIRONMENTS);
        let configs = results.folders.iter().map(|folder| {
            let config = read_regular_text(&folder.join("sweep.toml")).unwrap_or_default();
            if results.folders.len() > 1 { format!("# {}\n\n{config}\n", folder.shown()) } else { config }
        });
        let config: String = configs.collect();
        let seeds: BTreeSet<&String> = results.plan.runs.iter().map(|run| &run.seed).collect();
        let mut listed: Vec<String> = Vec::new();
        for run in &results.plan.runs {
            if listed.len() < SEEDS && !listed.contains(&run.seed) {
                listed.push(run.seed.clone());
            }
        }
        let first = results.records.iter().flatten().next();
        let fixed = first.map_or_else(Map::new, |record| {
            let swept = |key: &String| results.plan.swept.contains(key);
            record.params.clone().into_iter().filter(|(key, _)| !swept(key)).collect()
        });
        Self {
            made_by: (env!("CARGO_PKG_VERSION"), env!("CHORDBENCH_GIT")),
            environments,
            corpora: corpora_of(results),
            seeds: listed,
            seed_count: seeds.len(),
            config: shortened(&config),
            fixed,
        }
    }
}

fn corpora_of(results: &SweepResults) -> Vec<Corpus> {
    let seen = |index: usize| {
        let mut runs = results.plan.runs.iter().filter(|run| run.corpus == index);
        runs.find_map(|run| results.records[run.index].as_ref()?.corpus.as_ref())
    };
    let corpora = results.plan.corpora.iter().enumerate();
    corpora
        .map(|(index, planned)| {
            let own = seen(index);
            Corpus {
                digest: planned.digest.clone(),
                songs: planned.songs,
                training_songs: own.map(|own| own.training_songs),
                validation_songs: own.map(|own| own.validation_songs),
                test_songs: own.map(|own| own.test_songs),
                density: own.map(|own| Rounded(own.density)),
                used: own.map(|own| own.files.used),
                skipped: own.map(|own| own.files.skipped),
                damaged: own.map(|own| own.files.damaged),
                failed: own.map(|own| own.files.failed),
            }
        })
        .collect()
}

/// Returns the text, or its beginning with a note on the rest.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(CONFIG_LENGTH) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}\n# … and {} more bytes in sweep.toml", &text[..end], text.len() - end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_configurations_are_cut_between_characters() {
        assert_eq!(shortened("ä = 1"), "ä = 1");
        let long = "ä".repeat(CONFIG_LENGTH + 3);
        assert!(shortened(&long).ends_with("ä\n# … and 6 more bytes in sweep.toml"));
    }
}
