//! The log-likelihood of a run's model: on the run's own splits, under the names of a record.

use crate::engine::{EngineKind, Isa, IsaError, Parameters, build_for};
use crate::evaluate::{
    Anchored, AnnealingOptions, Estimate, Likelihood, LikelihoodMethod, LikelihoodRequest, METHODS, NamedWindows,
    base_rate,
};
use crate::music::{Splits, Windows};
use crate::sweep::config::RunParameters;
use crate::sweep::results::Metrics;

/// The likelihood of a model of the windows of a run: on all windows of each split, in training on those `trained` on. `engine`
/// does the sampling of annealed chains.
pub fn run_likelihood(
    parameters: &Parameters,
    splits: &Splits<Windows>,
    trained: &[usize],
    request: &LikelihoodRequest,
    engine: (EngineKind, Isa),
) -> Result<Likelihood, IsaError> {
    let (kind, isa) = engine;
    // Fails here, where it can be said, if at all.
    drop(build_for(kind, Parameters::zeros(1, 1), isa)?);
    let build = move |parameters: Parameters| {
        build_for(kind, parameters, isa).unwrap_or_else(|error| panic!("an engine was built before: {error}"))
    };
    let all = |windows: &Windows| (0..windows.len()).collect::<Vec<usize>>();
    let (validation, test) = (all(&splits.validation), all(&splits.test));
    let named = [
        NamedWindows { name: "train", windows: &splits.training.bits, rows: trained },
        NamedWindows { name: "validation", windows: &splits.validation.bits, rows: &validation },
        NamedWindows { name: "test", windows: &splits.test.bits, rows: &test },
    ];
    let base = base_rate(&splits.training.bits, trained);
    Ok(Likelihood::of(parameters, &base, &named, request, &build))
}

/// What a run's options ask for of a model of this shape; `None` if nothing.
pub(crate) fn request(parameters: &RunParameters, shape: (usize, usize), seed: u64) -> Option<LikelihoodRequest> {
    let options = &parameters.evaluate;
    let exact = options.enumerates(shape.0, shape.1);
    let annealing: Option<AnnealingOptions> =
        (options.log_likelihood == LikelihoodMethod::Ais).then(|| options.annealing());
    (exact || annealing.is_some()).then_some(LikelihoodRequest { exact, annealing, seed })
}

/// The names and values of a record. Splits without windows are left out, and so is what was not asked for.
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
    metrics
}
