//! The memory that runs are expected to take.
//!
//! The peak of a run follows from shapes: copies of the parameters in the engine, in the evaluation and in a
//! checkpoint, plus the rows of units in use at once. The estimate is an upper bound of the large parts; a test
//! compares it with the memory that the program takes.

use super::expansion::RunSpec;
use super::prepared::Prepared;
use crate::evaluate::LikelihoodMethod;
use crate::evaluate::music::Baselines;
use crate::machine::logical_cpus;
use crate::music::Corpus;
use crate::sweep::config::RunParameters;
use crate::sweep::config::{ConfigError, ConfigErrors};
use crate::train::StopMetric;

/// The number of rows that evaluation moves through the chains at once.
const EVALUATION_ROWS: usize = 512;
/// The number of annealed chains that share an engine.
const ANNEALED_AT_ONCE: usize = 64;
/// The bytes that the program holds whatever the models: its code, threads, tables and names of songs.
const BASE_BYTES: u64 = 24 << 20;

/// Returns the bytes that a run of these parameters takes at its peak, apart from the corpus, which is read already.
pub fn expected_bytes(parameters: &RunParameters, corpus: &Corpus) -> u64 {
    let RunParameters { corpus: reading, model, train, evaluate, sample, .. } = parameters;
    let visible = model.timesteps * corpus.layout.columns();
    let own = model.kind.footprint(model, train, visible);
    // As if all songs were for training, which may use them in several keys and with overlapping windows.
    let keys = 1 + reading.transpose.len();
    let stride = reading.stride_of(model.timesteps);
    let songs = corpus.songs.iter().map(|song| song.roll.steps() / stride);
    let windows = (keys * songs.sum::<usize>()) as u64;

    // The weights of the epoch before, the current ones, and the model made from them.
    let before = own.parameters;
    let evaluation =
        2 * own.parameters + if evaluate.pseudo_likelihood_windows > 0 { own.pseudo_likelihood } else { 0 };
    let restores = train.early_stopping_metric != StopMetric::None && train.early_stopping_restore;
    let best = if restores { own.parameters } else { 0 };
    // Sums in f64.
    let averaging = if train.averaged_epochs > 0 { 2 * own.parameters } else { 0 };

    // The arrays of the state, their copy as a file, and one more array while it is copied.
    let state = own.parameters + own.velocity + before + best + own.chains + averaging;
    let checkpoint = 2 * state + own.parameters;

    // The final states of forward chains and the first states of backward ones, both in groups and together, with a
    // weight for each, and an engine for each group at work.
    let annealing = if evaluate.log_likelihood == LikelihoodMethod::Ais {
        let groups = evaluate.ais_chains.div_ceil(ANNEALED_AT_ONCE).min(logical_cpus()) as u64;
        (2 * groups + 2) * own.parameters + evaluate.ais_chains as u64 * (4 * own.chain_states + 16)
    } else {
        0
    };
    let batch = (train.batch_size as u64).min(windows.max(1));
    let rows = batch.max(own.chain_rows).max(EVALUATION_ROWS as u64).max(sample.count as u64);

    let kept_windows = windows + 3 * (Baselines::ENOUGH_WINDOWS as u64).min(windows);
    let material = kept_windows * (visible as u64).div_ceil(64) * 8;
    material
        + windows * own.window
        + own.engine
        + own.terms
        + averaging
        + own.chains
        + own.enumeration
        + before
        + best
        + evaluation.max(checkpoint).max(annealing)
        + rows * own.row
}

/// The memory that the runs of a sweep are expected to take at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryNeed {
    /// The number of runs at once.
    pub jobs: usize,
    /// The bytes of the `jobs` largest runs together, plus the program itself.
    pub together: u64,
    /// The bytes of the largest run, plus the program itself.
    pub largest: u64,
}

impl MemoryNeed {
    /// Estimates the memory of some runs of a plan, `jobs` of them at once.
    pub fn of<'a>(prepared: &Prepared, runs: impl IntoIterator<Item = &'a RunSpec>, jobs: usize) -> Self {
        let mut of_points: Vec<Option<u64>> = vec![None; prepared.plan.points.len()];
        let mut bytes: Vec<u64> = runs
            .into_iter()
            .map(|run| {
                let of_point = &mut of_points[run.point_index];
                *of_point.get_or_insert_with(|| expected_bytes(run.parameters(), prepared.corpus_of(run.index)))
            })
            .collect();
        bytes.sort_unstable_by(|a, b| b.cmp(a));
        let largest = bytes.first().copied().unwrap_or(0) + BASE_BYTES;
        Self { jobs, together: bytes.iter().take(jobs).sum::<u64>() + BASE_BYTES, largest }
    }
}

/// Checks that some runs of a plan fit into `available` bytes, `jobs` of them at once. An error names values that would
/// fit.
pub fn check_memory(prepared: &Prepared, runs: &[&RunSpec], jobs: usize, available: u64) -> Result<(), ConfigErrors> {
    let need = MemoryNeed::of(prepared, runs.iter().copied(), jobs);
    if need.together <= available {
        return Ok(());
    }
    let (there, mut errors) = (in_words(available), Vec::new());
    if need.largest > available {
        let mut seen = Vec::new();
        for run in runs {
            let (parameters, corpus) = (run.parameters(), prepared.corpus_of(run.index));
            let bytes = expected_bytes(parameters, corpus) + BASE_BYTES;
            let (hidden, timesteps) = (parameters.model.hidden, parameters.model.timesteps);
            if bytes <= available || seen.contains(&(hidden, timesteps)) {
                continue;
            }
            seen.push((hidden, timesteps));
            let message = format!(
                "a model of {hidden} hidden units and {timesteps} time steps takes about {}, with {there} of memory available",
                in_words(bytes)
            );
            let error = run.point.error_at("model.hidden", message, "too many for this machine");
            errors.push(match most_hidden(parameters, corpus, available) {
                0 => error.help("shorter windows (`model.timesteps`) or fewer rows (`train.batch_size`) take less"),
                most => error.help(format!("with windows of {timesteps} steps, {most} hidden units would fit")),
            });
        }
    } else {
        let fitting =
            (1..jobs).rev().find(|&jobs| MemoryNeed::of(prepared, runs.iter().copied(), jobs).together <= available);
        let together = in_words(need.together);
        let message = format!("{jobs} runs at once take about {together}, with {there} available");
        errors.push(ConfigError::new(message).help(format!("`--jobs {}` would fit", fitting.unwrap_or(1))));
    }
    Err(ConfigErrors(errors))
}

/// Returns the greatest number of hidden units that fits, all else being equal; 0 if not even one fits.
fn most_hidden(parameters: &RunParameters, corpus: &Corpus, available: u64) -> usize {
    let fits = |hidden: usize| {
        let mut smaller = parameters.clone();
        smaller.model.hidden = hidden;
        expected_bytes(&smaller, corpus) + BASE_BYTES <= available
    };
    // The least number that does not fit is in (fitting, failing].
    let (mut fitting, mut failing) = (0, parameters.model.hidden);
    while fitting + 1 < failing {
        let middle = usize::midpoint(fitting, failing);
        if fits(middle) { fitting = middle } else { failing = middle }
    }
    fitting
}

/// Formats a number of bytes, such as "3.2 GiB".
pub fn in_words(bytes: u64) -> String {
    let mebibytes = bytes as f64 / f64::from(1 << 20);
    if mebibytes < 1024.0 { format!("{mebibytes:.0} MiB") } else { format!("{:.1} GiB", mebibytes / 1024.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::SweepConfig;
    use std::path::Path;

    fn prepared(config: &str) -> Prepared {
        let plan = SweepConfig::from_text(Some((Path::new("m.toml"), config.into())), &[]).unwrap().plan().unwrap();
        Prepared::new(plan, &|_, _| ()).unwrap()
    }

    #[test]
    fn larger_models_and_more_jobs_take_more() {
        let prepared = prepared("[sweep.grid]\n\"model.hidden\" = [64, 128, 1024]\n");
        let bytes: Vec<u64> =
            (0..3).map(|run| expected_bytes(prepared.plan.runs[run].parameters(), prepared.corpus_of(run))).collect();
        let copy = |hidden: u64| 4 * 15 * 156 * hidden;
        // Between one and two dozen copies of the weights more.
        let more = bytes[2] - bytes[1];
        assert!((6 * copy(896)..24 * copy(896)).contains(&more), "{more}");
        let need = |jobs| MemoryNeed::of(&prepared, &prepared.plan.runs, jobs);
        assert_eq!(need(1).together, need(1).largest);
        assert_eq!(need(2).together, bytes[2] + bytes[1] + BASE_BYTES);
        assert_eq!(need(5).together, need(3).together);
    }

    #[test]
    fn chains_of_many_temperatures_and_of_annealing_are_counted() {
        let bytes = |keys: &str| {
            let prepared = prepared(&format!("[model]\ntimesteps = 1\nhidden = 64\n{keys}"));
            expected_bytes(prepared.plan.runs[0].parameters(), prepared.corpus_of(0))
        };
        let pcd = bytes("[train]\nmethod = \"pcd\"\nchains = 100000\n");
        let pt = bytes("[train]\nmethod = \"pt\"\nchains = 100000\ntemperatures = 100\n");
        // 156 visible and 64 hidden units take 20 and 8 bytes; a checkpoint doubles its content.
        assert!((28..4 * 28).contains(&((pt - pcd) / 10_000_000)), "{pcd} and {pt}");
        let annealed = bytes("[evaluate]\nlog_likelihood = \"ais\"\nais_chains = 1000000\n");
        assert!(annealed > bytes("") + 1_000_000 * 50, "{annealed}");
    }

    #[test]
    fn what_does_not_fit_is_refused_with_what_would() {
        let prepared = prepared("[sweep.grid]\n\"model.hidden\" = [50, 4000]\n");
        let runs: Vec<&RunSpec> = prepared.plan.runs.iter().collect();
        let need = |jobs| MemoryNeed::of(&prepared, runs.iter().copied(), jobs);
        assert_eq!(check_memory(&prepared, &runs, 2, need(2).together), Ok(()));
        let tight = check_memory(&prepared, &runs, 2, need(2).together - 1).unwrap_err().to_string();
        assert!(tight.contains("2 runs at once") && tight.contains("`--jobs 1` would fit"), "{tight}");
        let small = check_memory(&prepared, &runs, 1, need(1).largest / 2).unwrap_err();
        let text = small.to_string();
        assert!(text.contains("4000 hidden units") && text.contains("hidden units would fit"), "{text}");
        assert_eq!(small.0.len(), 1, "the small model fits");
        let digits = text.split("steps, ").nth(1).unwrap();
        let most: usize = digits.split(' ').next().unwrap().parse().unwrap();
        let at = |hidden| {
            let mut parameters = runs[1].parameters().clone();
            parameters.model.hidden = hidden;
            expected_bytes(&parameters, prepared.corpus_of(1)) + BASE_BYTES
        };
        assert!(at(most) <= need(1).largest / 2 && at(most + 1) > need(1).largest / 2, "{most}");
    }
}
