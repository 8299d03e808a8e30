//! The evaluation of a model during training: its metrics on fixed windows, each with the time that it takes.

use crate::engine::{Purpose, RowStreams, permutation};
use crate::evaluate::{EvaluateOptions, reconstruction_error, update_to_weight_ratio};
use crate::model::likelihood::NamedWindows;
use crate::model::{Model, Tensors};
use crate::music::Windows;
use crate::sweep::results::{EpochTiming, Metrics};
use std::time::Instant;

/// The windows of one split, with the rows that metrics are computed on.
struct SplitRows<'a> {
    name: &'static str,
    number: u64,
    windows: &'a Windows,
    rows: Vec<usize>,
    pseudo_likelihood_rows: Vec<usize>,
}

impl SplitRows<'_> {
    fn named<'b>(&'b self, rows: &'b [usize]) -> NamedWindows<'b> {
        NamedWindows { name: self.name, windows: &self.windows.bits, songs: &self.windows.songs, rows, judged: true }
    }
}

/// The evaluation of one run's model, again and again on the same windows.
pub(crate) struct Evaluation<'a> {
    seed: u64,
    k: u64,
    timesteps: usize,
    splits: Vec<SplitRows<'a>>,
    /// The parameters at the last evaluation or at the end of the last epoch.
    before: Option<Tensors>,
}

impl<'a> Evaluation<'a> {
    /// Chooses the windows to evaluate on. `training` and `validation` are windows with the rows that count.
    pub(crate) fn new(
        options: &EvaluateOptions,
        (k, timesteps, seed): (u64, usize, u64),
        training: (&'a Windows, &[usize]),
        validation: (&'a Windows, &[usize]),
    ) -> Self {
        let split = |name, number, (windows, rows): (&'a Windows, &[usize])| SplitRows {
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

    /// Returns the metrics after `epoch` epochs with the time that each took; `None` if `go_on`, asked before each,
    /// ended the evaluation. A metric that the kind of model does not define is absent.
    pub(super) fn metrics(
        &mut self,
        model: &mut dyn Model,
        epoch: u64,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Option<(Metrics, EpochTiming)> {
        let (mut metrics, mut timing) = (Metrics::new(), EpochTiming::default());
        let tensors = model.tensors();
        timing.weights_s += timed(|| {
            let ratio = self.before.as_ref().and_then(|before| update_to_weight_ratio(before, &tensors));
            metrics.insert("update_to_weight_ratio".into(), ratio);
        });
        let density = model.density();
        for split in &self.splits {
            let name = |metric: &str| format!("{}_{metric}", split.name);
            if !go_on() {
                return None;
            }
            timing.reconstruction_s += timed(|| {
                let key = (self.seed, epoch, split.number);
                let error = reconstruction_error(model, &split.named(&split.rows), self.k, key);
                metrics.insert(name("reconstruction_error"), error);
            });
            let Some(density) = &density else { continue };
            timing.free_energy_s += timed(|| {
                if let Ok(mean) = density.mean_free_energy(&split.named(&split.rows)) {
                    metrics.insert(name("free_energy"), mean);
                }
            });
            if !go_on() {
                return None;
            }
            timing.pseudo_likelihood_s += timed(|| {
                let rows = &split.pseudo_likelihood_rows;
                if let Ok(mean) = density.mean_pseudo_log_likelihood(&split.named(rows)) {
                    metrics.insert(name("pseudo_log_likelihood"), mean);
                    let per_step = mean.map(|mean| mean / self.timesteps as f64);
                    metrics.insert(name("pseudo_log_likelihood_per_step"), per_step);
                }
            });
        }
        let free_energies = ["validation_free_energy", "train_free_energy"].map(|name| metrics.get(name).copied());
        if let [Some(held_out), Some(own)] = free_energies {
            metrics.insert("free_energy_gap".into(), held_out.zip(own).map(|(held_out, own)| held_out - own));
        }
        self.before = Some(tensors);
        Some((metrics, timing))
    }

    /// Returns the parameters that the next ratio of update to weight compares with.
    pub(super) fn before(&self) -> Option<&Tensors> {
        self.before.as_ref()
    }

    /// Continues from the parameters that [`Self::before`] returned.
    pub(super) fn continue_from(&mut self, before: Option<Tensors>) {
        self.before = before;
    }

    /// Remembers the parameters, so that the next ratio of update to weight covers one epoch alone.
    pub(super) fn remember(&mut self, model: &dyn Model) {
        self.before = Some(model.tensors());
    }
}

fn timed(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

/// Returns at most `count` of the rows, chosen by seed and `which`, in ascending order.
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
