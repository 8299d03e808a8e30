//! The log-likelihood of a run's model, under the names of a record.

use crate::evaluate::{EvaluateOptions, LikelihoodMethod};
use crate::model::Density;
use crate::model::likelihood::{
    Anchored, AnnealingOptions, Estimate, FrameFindings, Likelihood, LikelihoodRequest, METHODS, NamedWindows,
};
use crate::music::{Splits, Windows};
use crate::sweep::results::Metrics;

/// The greatest number of lowest layers whose own likelihood a record has.
const MOST_DEPTHS: usize = 3;

/// Returns the splits with the rows of each that count, in the order and under the names of a record.
pub fn named_splits<'a>(splits: &'a Splits<Windows>, rows: [&'a [usize]; 3]) -> [NamedWindows<'a>; 3] {
    let [trained, validation, test] = rows;
    [
        NamedWindows {
            name: "train",
            windows: &splits.training.bits,
            songs: &splits.training.songs,
            rows: trained,
            judged: true,
        },
        NamedWindows {
            name: "validation",
            windows: &splits.validation.bits,
            songs: &splits.validation.songs,
            rows: validation,
            judged: true,
        },
        NamedWindows { name: "test", windows: &splits.test.bits, songs: &splits.test.songs, rows: test, judged: true },
    ]
}

/// Returns the request that the options of a run make of its model; `None` if they ask for no method.
pub(super) fn request(options: &EvaluateOptions, density: &dyn Density, seed: u64) -> Option<LikelihoodRequest> {
    let exact = options.enumerates(density);
    let annealing: Option<AnnealingOptions> =
        (options.log_likelihood == LikelihoodMethod::Ais).then(|| options.annealing());
    (exact || annealing.is_some()).then_some(LikelihoodRequest {
        exact,
        annealing,
        posterior_samples: options.posterior_samples,
        seed,
    })
}

/// Returns the names and values of a record. Splits without windows and methods that were not asked for are left out.
pub fn likelihood_metrics(likelihood: &Likelihood, timesteps: usize) -> Metrics {
    let mut metrics = Metrics::new();
    if let Some(exact) = likelihood.exact {
        metrics.insert("log_partition_exact".into(), Some(exact));
    }
    for (name, estimate) in [("ais", likelihood.ais), ("reverse_ais", likelihood.reverse_ais)] {
        let Some(Estimate { log_partition, low, high, effective_sample_size, .. }) = estimate else { continue };
        metrics.insert(format!("log_partition_{name}"), Some(log_partition));
        metrics.insert(format!("log_partition_{name}_low"), low);
        metrics.insert(format!("log_partition_{name}_high"), high);
        metrics.insert(format!("{name}_effective_sample_size"), Some(effective_sample_size));
    }
    for (name, anchored) in [("ais", likelihood.anchored_ais), ("samples", likelihood.anchored_samples)] {
        let Some(Anchored { log_partition, low, high, .. }) = anchored else { continue };
        metrics.insert(format!("log_partition_anchored_{name}"), Some(log_partition));
        metrics.insert(format!("log_partition_anchored_{name}_low"), Some(low));
        metrics.insert(format!("log_partition_anchored_{name}_high"), Some(high));
    }
    if let Some(floor) = likelihood.floor {
        metrics.insert("log_partition_floor".into(), Some(floor));
    }
    for split in likelihood.splits.iter().filter(|split| split.windows > 0) {
        for method in METHODS {
            let Some(mean) = likelihood.mean(split, method) else { continue };
            metrics.insert(format!("{}_log_likelihood_{method}", split.name), Some(mean));
            let per_step = mean / timesteps as f64;
            metrics.insert(format!("{}_log_likelihood_{method}_per_step", split.name), Some(per_step));
        }
    }
    for split in likelihood.splits.iter().filter(|split| split.windows > 0) {
        for (depth, &mean) in split.of_lower_layers.iter().enumerate().take(MOST_DEPTHS) {
            let layers = if depth == 0 { "layer" } else { "layers" };
            let name = format!("{}_log_likelihood_of_{}_{layers}", split.name, depth + 1);
            metrics.insert(name, Some(mean));
        }
        let FrameFindings { by_song, below_floor, accuracy, accuracy_of_copy } = split.of_frames;
        let found = [
            ("log_likelihood_by_song", by_song),
            ("frames_below_floor", below_floor),
            ("accuracy", accuracy),
            ("accuracy_of_copy", accuracy_of_copy),
        ];
        for (name, value) in found.into_iter().filter(|(_, value)| value.is_some()) {
            metrics.insert(format!("{}_{name}", split.name), value);
        }
    }
    metrics
}
