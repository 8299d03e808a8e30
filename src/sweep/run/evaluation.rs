//! The metrics of a model during training: which are computed, on which windows, and how long each takes.

use crate::engine::{BitMatrix, Engine, Parameters, Purpose, RowStreams, permutation};
use crate::evaluate::{
    EvaluateOptions, mean_free_energy, mean_pseudo_log_likelihood, reconstruction_error, update_to_weight_ratio,
};
use crate::rbm::Rbm;
use crate::sweep::results::{EpochTiming, Metrics};
use std::time::Instant;

/// Windows of one split, and the rows of them that metrics are computed on.
struct SplitRows<'a> {
    name: &'static str,
    number: u64,
    windows: &'a BitMatrix,
    rows: Vec<usize>,
    pseudo_likelihood_rows: Vec<usize>,
}

/// Evaluates one run's model again and again on the same windows.
pub(crate) struct Evaluation<'a> {
    seed: u64,
    k: u64,
    timesteps: usize,
    splits: Vec<SplitRows<'a>>,
    /// The parameters at the last evaluation or the last epoch's end.
    before: Option<Parameters>,
}

impl<'a> Evaluation<'a> {
    /// `training` and `validation` are windows with the rows of them that count.
    pub(crate) fn new(
        options: &EvaluateOptions,
        (k, timesteps, seed): (u64, usize, u64),
        training: (&'a BitMatrix, &[usize]),
        validation: (&'a BitMatrix, &[usize]),
    ) -> Self {
        let split = |name, number, (windows, rows): (&'a BitMatrix, &[usize])| SplitRows {
            name,
            number,
            windows,
            rows: subset(rows, if options.windows == 0 { rows.len() } else { options.windows }, seed, 2 * number),
            pseudo_likelihood_rows: subset(rows, options.pseudo_likelihood_windows, seed, 2 * number + 1),
        };
        Self {
            seed,
            k,
            timesteps,
            splits: vec![split("train", 0, training), split("validation", 1, validation)],
            before: None,
        }
    }

    /// The metrics after `epoch` epochs, and the time each took; `None` if `go_on`, asked before each, ended it.
    pub(crate) fn metrics(
        &mut self,
        engine: &mut dyn Engine,
        epoch: u64,
        mut go_on: impl FnMut() -> bool,
    ) -> Option<(Metrics, EpochTiming)> {
        let (mut metrics, mut timing) = (Metrics::new(), EpochTiming::default());
        let parameters = engine.parameters();
        timing.weights_s += timed(|| {
            let ratio = self.before.as_ref().and_then(|before| update_to_weight_ratio(before, &parameters));
            metrics.insert("update_to_weight_ratio".into(), ratio);
        });
        let rbm = Rbm::new(parameters.clone());
        for split in &self.splits {
            let name = |metric: &str| format!("{}_{metric}", split.name);
            if !go_on() {
                return None;
            }
            timing.reconstruction_s += timed(|| {
                let key = (self.seed, epoch, split.number);
                let error = reconstruction_error(engine, split.windows, &split.rows, self.k, key);
                metrics.insert(name("reconstruction_error"), error);
            });
            timing.free_energy_s += timed(|| {
                metrics.insert(name("free_energy"), mean_free_energy(&rbm, split.windows, &split.rows));
            });
            if !go_on() {
                return None;
            }
            timing.pseudo_likelihood_s += timed(|| {
                let mean = mean_pseudo_log_likelihood(&rbm, split.windows, &split.pseudo_likelihood_rows);
                metrics.insert(name("pseudo_log_likelihood"), mean);
                let per_step = mean.map(|mean| mean / self.timesteps as f64);
                metrics.insert(name("pseudo_log_likelihood_per_step"), per_step);
            });
        }
        let gap = metrics["validation_free_energy"].zip(metrics["train_free_energy"]).map(|(held, own)| held - own);
        metrics.insert("free_energy_gap".into(), gap);
        self.before = Some(parameters);
        Some((metrics, timing))
    }

    /// The parameters that the next ratio of update to weight compares with.
    pub(crate) fn before(&self) -> Option<&Parameters> {
        self.before.as_ref()
    }

    /// Go on from the parameters that [`Self::before`] gave.
    pub(crate) fn go_on_from(&mut self, before: Option<Parameters>) {
        self.before = before;
    }

    /// Remember the parameters, so that the next ratio of update to weight is of one epoch alone.
    pub(crate) fn remember(&mut self, engine: &dyn Engine) {
        self.before = Some(engine.parameters());
    }
}

fn timed(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

/// At most `count` of the rows, the choice keyed by seed and `which`, in ascending order.
fn subset(rows: &[usize], count: usize, seed: u64, which: u64) -> Vec<usize> {
    if count >= rows.len() {
        return rows.to_vec();
    }
    let mut generator = RowStreams::new(seed, Purpose::EvaluateSubset, 0, which, 0).generator(0);
    let mut chosen: Vec<usize> =
        permutation(&mut generator, rows.len()).into_iter().take(count).map(|index| rows[index]).collect();
    chosen.sort_unstable();
    chosen
}
