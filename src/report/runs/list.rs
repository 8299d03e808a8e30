//! The list of runs with their states, best point first.

use crate::machine::text::Shown as _;
use crate::report::sweep_results::{SweepResults, state_of};
use crate::sweep::RunState;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// The most runs listed.
const LISTED: usize = 20_000;

/// The most runs whose digests are listed.
const WITH_DIGEST: usize = 2_000;

/// The most runs whose warnings are listed.
const WITH_WARNINGS: usize = 100;

/// The numbers of runs and points of the plan.
#[derive(Clone, Debug, Serialize)]
pub(in crate::report) struct Totals {
    runs: usize,
    points: usize,
    /// The runs of the point that has most.
    replicates: usize,
    ok: usize,
    failed: usize,
    /// The runs without a record: at work, interrupted or not begun.
    incomplete: usize,
}

impl Totals {
    pub(in crate::report) fn of(results: &SweepResults) -> Self {
        let summary = &results.summary;
        Self {
            runs: summary.runs,
            points: summary.points.len(),
            replicates: results.members.iter().map(Vec::len).max().unwrap_or(0),
            ok: summary.ok,
            failed: summary.failed,
            incomplete: summary.missing,
        }
    }
}

/// The runs listed, the replicates of the best point first. Each field has a value for each run.
#[derive(Clone, Debug, Serialize)]
pub(in crate::report) struct Runs {
    id: Vec<String>,
    /// The folders of the runs, if the page shows several sweeps: their files do not lie beside it.
    folder: Vec<String>,
    /// The place of the point, best first.
    point: Vec<usize>,
    replicate: Vec<u32>,
    /// The place of the seed in `seeds`.
    seed: Vec<usize>,
    seeds: Vec<String>,
    /// `ok`, `failed`, `interrupted`, `running` or `missing`.
    status: Vec<&'static str>,
    /// The reasons why runs failed or stopped, by the place in this list.
    reason: BTreeMap<usize, String>,
    /// The warnings of their records, by the place in this list.
    warnings: BTreeMap<usize, Vec<String>>,
    /// 1 where other runs shared the machine: these times are not a benchmark.
    contended: Vec<u8>,
    threads: Vec<usize>,
    /// The digests of the runs; empty if there are more than [`WITH_DIGEST`] runs.
    digest: Vec<String>,
    /// The place of each run in the plan.
    #[serde(skip)]
    pub(in crate::report) places: Vec<usize>,
    /// The places of the runs of each point in this list.
    #[serde(skip)]
    pub(in crate::report) of_point: Vec<Vec<usize>>,
}

impl Runs {
    pub(in crate::report) fn of(results: &SweepResults, left_out: &mut Vec<String>) -> Self {
        let mut runs = Self {
            id: Vec::new(),
            folder: Vec::new(),
            point: Vec::new(),
            replicate: Vec::new(),
            seed: Vec::new(),
            seeds: Vec::new(),
            status: Vec::new(),
            reason: BTreeMap::new(),
            warnings: BTreeMap::new(),
            contended: Vec::new(),
            threads: Vec::new(),
            digest: Vec::new(),
            places: Vec::new(),
            of_point: Vec::new(),
        };
        let mut seeds: HashMap<&str, usize> = HashMap::new();
        let states = results.states();
        for (point, members) in results.members.iter().enumerate() {
            if runs.id.len() + members.len() > LISTED && point > 0 {
                break;
            }
            let first = runs.id.len();
            for &place in members {
                let planned = &results.plan.runs[place];
                let record = results.records[place].as_ref();
                let state = state_of(record, || states[results.folder_of_run[place]].state(&planned.run_id));
                if let Some(reason) = reason(&state) {
                    runs.reason.insert(runs.id.len(), reason);
                }
                let warnings = record.map_or(&[][..], |record| &record.warnings);
                if !warnings.is_empty() && runs.warnings.len() < WITH_WARNINGS {
                    runs.warnings.insert(runs.id.len(), warnings.to_vec());
                }
                runs.status.push(state.name());
                runs.id.push(planned.run_id.clone());
                if results.folders.len() > 1 {
                    runs.folder.push(results.run_folder(place).shown().into_owned());
                }
                runs.point.push(point);
                runs.replicate.push(planned.replicate);
                let next = seeds.len();
                let seed = *seeds.entry(&planned.seed).or_insert(next);
                if seed == next {
                    runs.seeds.push(planned.seed.clone());
                }
                runs.seed.push(seed);
                runs.contended.push(u8::from(record.is_some_and(|record| record.timing.contended)));
                runs.threads.push(record.map_or(0, |record| record.timing.threads));
                runs.places.push(place);
            }
            runs.of_point.push((first..runs.id.len()).collect());
        }
        if runs.id.len() <= WITH_DIGEST {
            let digest =
                |&place: &usize| results.records[place].as_ref().map_or_else(String::new, |own| own.digest.clone());
            runs.digest = runs.places.iter().map(digest).collect();
        } else {
            left_out.push(format!(
                "Digests are left out because there are more than {WITH_DIGEST} runs; summary.csv has them."
            ));
        }
        if runs.warnings.len() == WITH_WARNINGS {
            left_out.push(format!("Warnings are shown for {WITH_WARNINGS} runs; each result.json has its own."));
        }
        let (listed, all) = (runs.id.len(), results.plan.runs.len());
        if listed < all {
            left_out.push(format!("The list has the {listed} runs of the best points, of {all}; summary.csv has all."));
        }
        runs
    }

    /// Returns the number of points listed.
    pub(in crate::report) fn points(&self) -> usize {
        self.of_point.len()
    }

    /// Returns the number of runs listed.
    pub(in crate::report) fn len(&self) -> usize {
        self.id.len()
    }

    /// Returns the first run of each point, best point first, then the others; only those that satisfy a condition.
    pub(in crate::report) fn one_a_point_first(&self, wanted: impl Fn(usize) -> bool) -> Vec<usize> {
        let of_point: Vec<Vec<usize>> =
            self.of_point.iter().map(|runs| runs.iter().copied().filter(|&run| wanted(run)).collect()).collect();
        let first = of_point.iter().filter_map(|runs| runs.first());
        let others = of_point.iter().flat_map(|runs| runs.iter().skip(1));
        first.chain(others).copied().collect()
    }
}

fn reason(state: &RunState) -> Option<String> {
    match state {
        RunState::Failed { error } => Some(error.clone().unwrap_or_else(|| "no reason given".into())),
        RunState::Interrupted(stopped) => {
            Some(format!("after {} of {} epochs: {}", stopped.epoch, stopped.epochs, stopped.reason))
        }
        RunState::Running(claim) => Some(format!("epoch {} of {}", claim.epoch, claim.epochs)),
        RunState::Ok | RunState::Missing => None,
    }
}
