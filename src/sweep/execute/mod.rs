//! The execution of a sweep: runs side by side, shared with other processes, each recorded when it ends.

mod board;
mod commit;
mod courses;
mod followers;
mod interrupt;
mod options;
mod rungs;
mod survey;
mod workload;

pub use interrupt::{Interrupt, StopSignal};
pub use options::{ExecuteOptions, Rerun, SweepObserver};
pub use rungs::add_decided_rungs;
pub use workload::Workload;

use crate::sweep::claim::heart::Heart;
use crate::sweep::claim::presence::Presence;
use crate::sweep::plan::{Prepared, Shard};
use crate::sweep::results::{LayOutError, RunRecord, RunStatus, Summary, lay_out, lay_out_in_place, sum_up};
use crate::sweep::run::course;
use crate::sweep::store::StoreError;
use board::{Board, record_in};
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};
use rungs::Decision;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use survey::Survey;

/// The outcome of a sweep.
#[derive(Debug)]
pub struct Outcome {
    /// The folder of the results.
    pub folder: PathBuf,
    /// The summary of the whole plan, as the folder now holds it.
    pub summary: Summary,
    /// The number of runs of the shard that are complete and did not fail.
    pub ok: usize,
    /// The runs of the shard that failed, each with its reason.
    pub failed: Vec<(String, String)>,
    /// The number of runs of the shard that ran out of `run.timeout`.
    pub timed_out: usize,
    /// The number of runs of the shard that are not complete: interrupted, out of time, held by another process, or not
    /// started.
    pub incomplete: usize,
    /// The greatest number of runs of rungs that are not decided yet.
    pub to_come: usize,
    /// The signal that ended the sweep, if one did.
    pub interrupted: Option<StopSignal>,
}

/// Does all runs of a shard, leaves the records in `folder`, and sums up the records of the whole plan.
///
/// Complete runs in the folder are kept, and interrupted ones continue. Other processes may work on it at the same
/// time. An error means that the folder holds another sweep, or that results could not be written; complete runs stay.
///
/// Under successive halving the rungs follow one another: when all runs of a rung have records, those decide the points
/// of the next, which are added to the plan.
pub fn execute(
    prepared: &mut Prepared,
    config_text: &str,
    folder: &Path,
    options: &ExecuteOptions,
    observer: &dyn SweepObserver,
) -> Result<Outcome, LayOutError> {
    // What is to be done again is done again rung by rung.
    let anew = matches!(options.rerun, Rerun::All | Rerun::Failed);
    if !anew {
        add_decided_rungs(prepared, folder);
    }
    if options.rerun == Rerun::All {
        course::forget_all(folder);
    }
    loop {
        let mut outcome = execute_rung(prepared, config_text, folder, options, observer)?;
        match Decision::in_folder(prepared, folder) {
            Decision::Survivors(survivors) if !survivors.is_empty() => {
                forget_the_dropped(prepared, folder, &survivors);
                if outcome.interrupted.is_none() {
                    prepared.promote(&survivors);
                    continue;
                }
            }
            Decision::Survivors(_) => tracing::warn!(
                "successive halving ends at rung {}: no run of it has a value of `{}`",
                prepared.plan.rung() + 1,
                prepared.plan.bracket.as_ref().map(|bracket| bracket.halving.metric.name()).unwrap_or_default()
            ),
            Decision::Last if outcome.summary.missing == 0 => course::forget_all(folder),
            Decision::Last | Decision::Open => {}
        }
        let replicates = prepared.plan.runs.len() / prepared.plan.points.len().max(1);
        outcome.to_come = prepared.plan.rungs_to_come().iter().map(|rung| rung.points * replicates).sum();
        return Ok(outcome);
    }
}

/// Removes the states of the runs of the newest rung whose points do not go on.
fn forget_the_dropped(prepared: &Prepared, folder: &Path, survivors: &[usize]) {
    let plan = &prepared.plan;
    let rung = plan.rung();
    for run in
        plan.runs.iter().filter(|run| run.point.rung == rung && survivors.binary_search(&run.point_index).is_err())
    {
        if let Some(id) = prepared.course_id(run.index) {
            course::forget(folder, &id);
        }
    }
}

/// Does the runs of a shard that belong to the newest rung; without halving all runs do.
fn execute_rung(
    prepared: &Prepared,
    config_text: &str,
    folder: &Path,
    options: &ExecuteOptions,
    observer: &dyn SweepObserver,
) -> Result<Outcome, LayOutError> {
    let plan = &prepared.plan;
    let plan_file = if options.replace {
        lay_out_in_place(folder, prepared, config_text)?
    } else {
        lay_out(folder, prepared, config_text)?
    };

    let in_shard: Vec<usize> = plan.shard(options.shard).map(|run| run.index).collect();
    let same_run = first_of_name(&prepared.run_ids, options.shard);
    let rung = plan.rung();
    let is_own = |&run: &usize| same_run[run] == run && (plan.bracket.is_none() || plan.runs[run].point.rung == rung);
    let own: Vec<usize> = in_shard.iter().copied().filter(is_own).collect();
    let survey = Survey::of(prepared, folder, options, &own);
    let timed_out = survey.timed_out.len();
    if let Some(bracket) = &plan.bracket {
        observer.rung_started(rung, &bracket.rungs);
    }
    observer.sweep_started(own.len() - timed_out, own.len() - timed_out - survey.pending.len());

    let (records, newly_timed_out) = if survey.pending.is_empty() {
        Presence::clear_away(folder);
        (HashMap::new(), 0)
    } else {
        let heart = Heart::start().map_err(StoreError::at("cannot start the heartbeat of claims in", folder))?;
        let presence = Presence::enter(folder, &heart)?;
        let board = Board::new(prepared, folder, options, observer, &heart, &presence, survey);
        board.work()?;
        let records = board.records.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        (records, board.timed_out.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
    };
    observer.sweep_finished();

    // Other shards and processes may have completed runs in the meantime; these are summed up too.
    let record_of = |run: usize| -> Option<RunRecord> {
        let known = records.get(&same_run[run]).cloned();
        known.or_else(|| record_in(folder, &prepared.run_ids[run]).map(RunRecord::without_details))
    };
    let (records, summary) = loop {
        let records: Vec<Option<RunRecord>> = (0..plan.runs.len()).into_par_iter().map(record_of).collect();
        let summary = sum_up(folder, &plan_file, &records)?;
        // A process that completed its last run since these were read may have written a summary that this one has
        // replaced. The process that completes a run after this sums it up.
        let newly = |run: usize| records[run].is_none() && record_of(run).is_some();
        if !(0..plan.runs.len()).into_par_iter().any(newly) {
            break (records, summary);
        }
    };

    let of_shard =
        |status| in_shard.iter().filter_map(|&run| records[run].as_ref()).filter(move |r| r.status == status);
    let failed = of_shard(RunStatus::Failed)
        .map(|record| (record.run_id.clone(), record.error.clone().unwrap_or_default()))
        .collect::<Vec<_>>();
    let ok = of_shard(RunStatus::Ok).count();
    Ok(Outcome {
        folder: folder.to_path_buf(),
        summary,
        ok,
        timed_out: timed_out + newly_timed_out,
        incomplete: in_shard.len() - ok - failed.len(),
        failed,
        to_come: 0,
        interrupted: options.interrupt.raised(),
    })
}

/// Finds, for each run, the first run of the same name. Two paths with the same songs below them give the same run
/// twice; it is done once, by the shard itself if it contains one of them.
fn first_of_name(run_ids: &[String], shard: Shard) -> Vec<usize> {
    let mut first = HashMap::new();
    let (own, others): (Vec<usize>, Vec<usize>) = (0..run_ids.len()).partition(|&run| shard.contains(run));
    for run in own.into_iter().chain(others) {
        first.entry(&run_ids[run]).or_insert(run);
    }
    run_ids.iter().map(|run_id| first[run_id]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_the_same_name_are_done_once() {
        let run_ids = ["a", "b", "a", "c", "b"].map(str::to_owned);
        assert_eq!(first_of_name(&run_ids, Shard::WHOLE), [0, 1, 0, 3, 1]);
        assert_eq!(first_of_name(&run_ids, "3/3".parse().unwrap()), [2, 1, 2, 3, 1]);
    }
}
