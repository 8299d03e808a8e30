//! The time that runs are expected to take.
//!
//! The engine's estimate of an update is the only figure of cost: a Gibbs step is what one step more adds to it, and
//! all else is counted in these two. Songs that are held out are counted as trained on, and epochs before an early stop
//! as all.

use super::expansion::RunSpec;
use super::prepared::Prepared;
use super::workers::{mean_batch, update_microseconds};
use crate::engine::Isa;
use crate::evaluate::LikelihoodMethod;
use crate::model::likelihood::enumeration_cost;
use crate::music::Corpus;
use crate::sweep::config::RunParameters;
use crate::train::{Method, TrainOptions};
use std::collections::HashSet;
use std::fmt;

/// The most softplus of an enumeration that nobody asked for.
const CHEAP_ENUMERATION: f64 = 1e9;
/// The softplus that one thread computes in a microsecond.
const SOFTPLUS_A_MICROSECOND: f64 = 1000.0;
/// The Gibbs steps that the evaluation of a window takes as long as, apart from its pseudo-log-likelihood.
const STEPS_OF_EVALUATION: f64 = 3.0;
/// The passes of annealing over all temperatures: forwards, backwards, and those anchored in the training windows.
const PASSES_OF_ANNEALING: f64 = 3.0;

/// The time that runs are expected to take on one thread, in seconds, part by part.
#[expect(clippy::struct_field_names, reason = "the names are those of the times in records")]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Duration {
    /// Updates, those of a stage of pretraining included.
    pub train_s: f64,
    /// Evaluation after epochs, and likelihoods at the end.
    pub evaluate_s: f64,
    /// Samples.
    pub sample_s: f64,
}

/// The time that the runs of a sweep are expected to take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SweepDuration {
    /// The sum over the runs.
    pub work: Duration,
    /// The time from start to end with some runs at once, in seconds.
    pub elapsed_s: f64,
}

impl Duration {
    /// Returns the whole time, in seconds.
    pub fn total_s(self) -> f64 {
        self.train_s + self.evaluate_s + self.sample_s
    }

    /// Returns the time of a run with these parameters, on one thread.
    pub fn of_run(parameters: &RunParameters, corpus: &Corpus, isa: Isa) -> Self {
        let RunParameters { corpus: reading, model, train, evaluate, sample, .. } = parameters;
        let columns = corpus.layout.columns();
        let visible = columns * model.timesteps;
        let songs = corpus.songs.len().max(1) as f64;
        let keys = (1 + reading.transpose.len()) as f64;
        let stride = reading.stride_of(model.timesteps);
        let windows = corpus.songs.iter().map(|song| song.roll.steps() / stride).sum::<usize>() as f64;
        let sequences = model.kind.has_memory();

        // Seconds of an epoch over all windows, or over all frames of the songs.
        let epoch = |own: &RunParameters| {
            let songs_at_once = (own.train.batch_size as f64).min(songs);
            let rows = if sequences { songs_at_once * windows / songs } else { mean_batch(own, corpus) };
            let rows = rows.min(windows).max(1.0);
            let chains = if own.train.method == Method::Pt { own.train.temperatures as f64 } else { 1.0 };
            chains * keys * windows / rows * update_microseconds(own, columns, rows, isa) * 1e-6
        };
        let of_layer = |layer: &TrainOptions| {
            let own = RunParameters { train: layer.clone(), ..parameters.clone() };
            layer.trained_epochs() as f64 * epoch(&own)
        };
        let pretrain = if sequences { of_layer(&parameters.pretrain.0) } else { 0.0 };
        let train_s = of_layer(train) + parameters.upper.iter().map(of_layer).sum::<f64>() + pretrain;

        let gibbs = |rows: f64| {
            let of_steps = |k: usize| {
                let own = RunParameters { train: TrainOptions { k, ..train.clone() }, ..parameters.clone() };
                update_microseconds(&own, columns, rows, isa)
            };
            (of_steps(2) - of_steps(1)) * 1e-6
        };
        let limited = |limit: usize| if limit == 0 { windows } else { windows.min(limit as f64) };
        let hidden = model.hidden as f64;
        let flips = limited(evaluate.pseudo_likelihood_windows) * visible as f64;
        let flips = if evaluate.pseudo_likelihood_windows == 0 { 0.0 } else { flips };
        let evaluations = (train.trained_epochs() / evaluate.every.max(1)) as f64 + 2.0;
        // Both sides of the split.
        let once = 2.0
            * (STEPS_OF_EVALUATION * gibbs(limited(evaluate.windows)) + flips * hidden / SOFTPLUS_A_MICROSECOND * 1e-6);
        let enumerated = enumeration_cost(visible, model.hidden);
        let enumeration = match evaluate.log_likelihood {
            LikelihoodMethod::None => 0.0,
            LikelihoodMethod::Auto | LikelihoodMethod::Ais if enumerated > CHEAP_ENUMERATION => 0.0,
            LikelihoodMethod::Auto | LikelihoodMethod::Ais | LikelihoodMethod::Exact => enumerated,
        };
        let annealing = if evaluate.log_likelihood != LikelihoodMethod::Ais {
            0.0
        } else if sequences {
            let frames = 2.0 * limited(evaluate.frames);
            frames * evaluate.frame_temperatures as f64 * gibbs(evaluate.frame_chains as f64)
        } else {
            let chains =
                PASSES_OF_ANNEALING * gibbs(evaluate.ais_chains as f64) + 2.0 * gibbs(evaluate.raise_windows as f64);
            evaluate.ais_temperatures as f64 * chains
                + evaluate.ais_mixing_steps as f64 * gibbs(evaluate.ais_chains as f64)
        };
        let evaluate_s = evaluations * once + enumeration / SOFTPLUS_A_MICROSECOND * 1e-6 + annealing;

        let frames = if sequences { sample.length.div_ceil(model.timesteps) as f64 } else { 1.0 };
        let sample_s = frames * sample.steps as f64 * gibbs(sample.count as f64);
        Self { train_s, evaluate_s, sample_s }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            train_s: self.train_s + other.train_s,
            evaluate_s: self.evaluate_s + other.evaluate_s,
            sample_s: self.sample_s + other.sample_s,
        }
    }
}

impl SweepDuration {
    /// Returns the time of some runs of a plan, `jobs` at once. Of runs that share their training one trains.
    pub fn of<'a>(prepared: &Prepared, runs: impl IntoIterator<Item = &'a RunSpec>, jobs: usize, isa: Isa) -> Self {
        let mut trained = HashSet::new();
        let mut longest = 0.0f64;
        let mut work = Duration::default();
        for run in runs {
            let mut own = Duration::of_run(run.parameters(), prepared.corpus_of(run.index), isa);
            if !trained.insert(prepared.training_id(run.index)) {
                own.train_s = 0.0;
            }
            longest = longest.max(own.total_s());
            work = work.plus(own);
        }
        Self { work, elapsed_s: (work.total_s() / jobs.max(1) as f64).max(longest) }
    }
}

impl fmt::Display for SweepDuration {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let Duration { train_s, evaluate_s, sample_s } = self.work;
        let [all, train, evaluate, sample] = [self.elapsed_s, train_s, evaluate_s, sample_s].map(rough);
        write!(formatter, "{all} in all: {train} of training, {evaluate} of evaluation, {sample} of sampling")
    }
}

/// Returns a time in words, to two digits at most: an estimate has no more.
fn rough(seconds: f64) -> String {
    let digits = |value: f64| format!("{value:.*}", usize::from(value < 10.0));
    match seconds {
        ..1.0 => "less than 1 s".to_owned(),
        ..120.0 => format!("{} s", digits(seconds)),
        ..7200.0 => format!("{} min", digits(seconds / 60.0)),
        _ => format!("{} h", digits(seconds / 3600.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::SweepConfig;

    fn of(text: &str) -> SweepDuration {
        let sets: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        let sweep = SweepConfig::from_text(None, &sets).unwrap();
        let prepared = Prepared::new(sweep.plan().unwrap(), &|_, _| ()).unwrap();
        SweepDuration::of(&prepared, prepared.plan.runs.iter(), 2, Isa::Avx512)
    }

    #[test]
    fn each_part_grows_with_what_it_does() {
        let base = of("train.epochs=100");
        let longer = of("train.epochs=300 replicates.count=2");
        assert!((longer.work.train_s / base.work.train_s - 6.0).abs() < 1e-9);
        assert!(
            (of("train.epochs=300").elapsed_s - of("train.epochs=300").work.total_s()).abs() < 1e-9,
            "a run has one job"
        );
        let half = longer.work.total_s() / 2.0;
        assert!((longer.elapsed_s - half).abs() < 1e-9, "two runs at once");
        let annealed = of("train.epochs=100 evaluate.log_likelihood=ais model.hidden=200");
        let plain = of("train.epochs=100 evaluate.log_likelihood=none model.hidden=200");
        assert_eq!(annealed.work.train_s, plain.work.train_s);
        assert!(annealed.work.evaluate_s > 2.0 * plain.work.evaluate_s);
        let sampled = of("train.epochs=100 sample.steps=10000");
        assert!(sampled.work.sample_s > 100.0 * of("train.epochs=100 sample.steps=10").work.sample_s);
        // Two tempi share one training.
        let text = "train.epochs=100 sweep.grid.sample.tempo=[90,120]";
        assert!((of(text).work.train_s - base.work.train_s).abs() < 1e-9);
    }

    #[test]
    fn times_have_the_digits_of_estimates() {
        assert_eq!(rough(0.4), "less than 1 s");
        assert_eq!(rough(9.44), "9.4 s");
        assert_eq!(rough(75.2), "75 s");
        assert_eq!(rough(1000.0), "17 min");
        assert_eq!(rough(1e5), "28 h");
    }
}
