//! The prepared plan: everything that must be known before the first run starts.

use super::expansion::Plan;
use crate::evaluate::LikelihoodMethod;
use crate::model::likelihood::MAXIMUM_ENUMERATED_UNITS;
use crate::model::rbm::MAXIMUM_GRADIENT_UNITS;
use crate::music::{Corpus, CorpusError, CorpusOptions, Progress, builtin};
use crate::music::{Seen, SongSplit, SplitBy};
use crate::sweep::config::RunParameters;
use crate::sweep::config::{ConfigError, ConfigErrors};
use crate::train::Method;
use std::collections::HashSet;

/// A plan whose corpora are read and whose runs have names.
#[derive(Debug)]
pub struct Prepared {
    /// The plan.
    pub plan: Plan,
    /// Every corpus that the plan needs, each once.
    pub corpora: Vec<Corpus>,
    /// The corpus of each point of the plan, by its place in `corpora`.
    pub corpus_of_point: Vec<usize>,
    /// The name of each run of the plan.
    pub run_ids: Vec<String>,
}

/// The error of a plan that cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// A corpus cannot be read.
    #[error(transparent)]
    Corpus(#[from] CorpusError),
    /// The plan does not fit a corpus.
    #[error("the configuration does not fit the corpus")]
    Config(ConfigErrors),
}

impl Prepared {
    /// Reads the corpora of a plan, checks the plan against them, and names its runs.
    pub fn new(plan: Plan, progress: Progress<'_>) -> Result<Self, PrepareError> {
        let mut read: Vec<(CorpusOptions, Corpus)> = Vec::new();
        let mut corpus_of_point = Vec::with_capacity(plan.points.len());
        for point in &plan.points {
            let options = reading_options(&point.parameters.corpus);
            let known = read.iter().position(|(own, _)| *own == options);
            if let Some(index) = known {
                corpus_of_point.push(index);
            } else {
                corpus_of_point.push(read.len());
                let corpus = load_corpus(&options, progress)?;
                read.push((options, corpus));
            }
        }
        let corpora: Vec<Corpus> = read.into_iter().map(|(_, corpus)| corpus).collect();
        check_timesteps(&plan, &corpora, &corpus_of_point)
            .and_then(|()| check_training_windows(&plan, &corpora, &corpus_of_point))
            .and_then(|()| check_enumeration(&plan, &corpora, &corpus_of_point))
            .map_err(PrepareError::Config)?;
        let run_ids =
            plan.runs.iter().map(|run| run.run_id(&corpora[corpus_of_point[run.point_index]].digest)).collect();
        Ok(Self { plan, corpora, corpus_of_point, run_ids }.without_equal_points())
    }

    /// Leaves out the points that equal an earlier one because two corpora have the same songs, with a warning.
    fn without_equal_points(mut self) -> Self {
        let mut first = HashSet::new();
        let is_new: Vec<bool> = {
            let of_points = self.plan.runs.iter().zip(&self.run_ids).filter(|(run, _)| run.replicate == 0);
            of_points.map(|(_, run_id)| first.insert(run_id.clone())).collect()
        };
        let merged = is_new.iter().filter(|new| !**new).count();
        if merged == 0 || is_new.len() != self.plan.points.len() {
            return self;
        }
        tracing::warn!(
            "{merged} points are the same as earlier ones, since their corpora have the same songs; each is run once"
        );
        let kept = |point: usize| is_new[point];
        // The places of the points and of the corpora that stay.
        let places = |kept: &[bool]| -> Vec<usize> {
            let counts = kept.iter().scan(0, |count, kept| {
                *count += usize::from(*kept);
                Some(*count)
            });
            counts.map(|count: usize| count.saturating_sub(1)).collect()
        };
        let place_of_point = places(&is_new);
        let mut run_ids = std::mem::take(&mut self.run_ids).into_iter();
        self.plan.runs.retain_mut(|run| {
            let run_id = run_ids.next().expect("each run has a name");
            let stays = kept(run.point_index);
            if stays {
                run.index = self.run_ids.len();
                run.point_index = place_of_point[run.point_index];
                self.run_ids.push(run_id);
            }
            stays
        });
        keep(&mut self.plan.points, &is_new);
        keep(&mut self.corpus_of_point, &is_new);
        let is_used: Vec<bool> = (0..self.corpora.len()).map(|corpus| self.corpus_of_point.contains(&corpus)).collect();
        let place_of_corpus = places(&is_used);
        keep(&mut self.corpora, &is_used);
        for corpus in &mut self.corpus_of_point {
            *corpus = place_of_corpus[*corpus];
        }
        self.plan.merged += merged;
        self
    }

    /// Adds the next rung of successive halving, given its points by their places in the plan.
    pub(in crate::sweep) fn promote(&mut self, survivors: &[usize]) {
        let known = self.run_ids.len();
        self.plan.promote(survivors);
        self.corpus_of_point.extend(survivors.iter().map(|&point| self.corpus_of_point[point]).collect::<Vec<_>>());
        for run in known..self.plan.runs.len() {
            let run_id = self.plan.runs[run].run_id(&self.corpus_of(run).digest);
            self.run_ids.push(run_id);
        }
    }

    /// Returns the identity of the training of a run of the plan.
    pub fn training_id(&self, run: usize) -> String {
        self.plan.runs[run].training_id(&self.corpus_of(run).digest)
    }

    /// Returns the identity of the course of the training of a run of the plan; `None` if no other length of it can be in
    /// the plan.
    pub(in crate::sweep) fn course_id(&self, run: usize) -> Option<String> {
        let varies = self.plan.swept.iter().any(|key| ["train.epochs", "train.stop_after"].contains(key));
        let spec = &self.plan.runs[run];
        let in_one_stage = !spec.parameters().model.kind.has_layers();
        (varies && in_one_stage).then(|| spec.course_id(&self.corpus_of(run).digest))
    }

    /// Returns the warnings about held-out music that also stands in training, each once. Of the splits of a plan the first
    /// [`Self::SPLITS_LOOKED_AT`] are looked at.
    pub fn seen_in_training(&self) -> Vec<String> {
        let mut known: Vec<(usize, &CorpusOptions, u64)> = Vec::new();
        let mut warnings = Vec::new();
        for run in &self.plan.runs {
            let options = &run.parameters().corpus;
            let place = self.corpus_of_point[run.point_index];
            let is_known = |&(corpus, own, seed): &(usize, &CorpusOptions, u64)| {
                corpus == place
                    && own.split_by == options.split_by
                    && own.validation == options.validation
                    && seed == run.seed
            };
            if known.iter().any(is_known) {
                continue;
            }
            known.push((place, options, run.seed));
            let corpus = &self.corpora[place];
            warnings.extend(Seen::warnings(corpus, &SongSplit::of(corpus, options, run.seed), options));
            if known.len() == Self::SPLITS_LOOKED_AT {
                break;
            }
        }
        warnings.sort_unstable();
        warnings.dedup();
        warnings
    }

    /// The number of splits of a plan that are looked at before its runs start. Each run records the warnings of its own.
    pub const SPLITS_LOOKED_AT: usize = 8;

    /// Returns the corpus that a run of the plan trains on.
    pub fn corpus_of(&self, run: usize) -> &Corpus {
        &self.corpora[self.corpus_of_point[self.plan.runs[run].point_index]]
    }
}

/// Keeps the items that are marked.
fn keep<T>(items: &mut Vec<T>, marked: &[bool]) {
    let mut marked = marked.iter();
    items.retain(|_| marked.next().is_some_and(|marked| *marked));
}

/// Reads the corpus that options name: the path if there is one, otherwise a corpus built into the program.
pub fn load_corpus(options: &CorpusOptions, progress: Progress<'_>) -> Result<Corpus, CorpusError> {
    let corpus = match (&options.path, options.source.as_str()) {
        (None, "builtin") => Corpus::from_midi(&builtin::songs(), options, progress),
        (None, "bars-and-stripes") => Corpus::bars_and_stripes(options),
        _ => Corpus::load(options, progress),
    }?;
    Ok(if options.split_by == SplitBy::Folder { corpus.digested_with_folders() } else { corpus })
}

/// Returns the options without those that do not affect reading, so that equal readings are done once.
fn reading_options(options: &CorpusOptions) -> CorpusOptions {
    // The digest of a corpus that is split by folders covers them.
    let split_by = if options.split_by == SplitBy::Folder { SplitBy::Folder } else { SplitBy::Song };
    CorpusOptions { validation: 0.0, split_by, transpose: Vec::new(), stride: 0, ..options.clone() }
}

/// Checks that every point has a song at least as long as its window.
fn check_timesteps(plan: &Plan, corpora: &[Corpus], corpus_of_point: &[usize]) -> Result<(), ConfigErrors> {
    let mut errors: Vec<ConfigError> = Vec::new();
    let mut seen = Vec::new();
    for (point, &corpus) in plan.points.iter().zip(corpus_of_point) {
        let timesteps = point.parameters.model.timesteps;
        let longest = corpora[corpus].songs.iter().map(|song| song.roll.steps()).max().unwrap_or(0);
        if timesteps > longest && !seen.contains(&(timesteps, corpus)) {
            seen.push((timesteps, corpus));
            let message = format!("`model.timesteps` = {timesteps} is longer than any song of the corpus");
            errors.push(point.error_at("model.timesteps", message, format!("the longest song has {longest} steps")));
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(ConfigErrors(errors)) }
}

/// Returns an error for every point that asks to enumerate a layer of too many units, where the corpus decides how many
/// there are: rows that are not music. For music the configuration has been checked before.
fn check_enumeration(plan: &Plan, corpora: &[Corpus], corpus_of_point: &[usize]) -> Result<(), ConfigErrors> {
    let mut errors: Vec<ConfigError> = Vec::new();
    for (point, &corpus) in plan.points.iter().zip(corpus_of_point) {
        let parameters = &point.parameters;
        let RunParameters { model, evaluate, .. } = parameters;
        let Some(units) = corpora[corpus].layout.units else { continue };
        let trained = parameters.layers().zip(model.kind.trained_layers(model, units));
        let mut asked: Vec<(&str, (usize, usize), usize)> = trained
            .filter(|(train, _)| train.method == Method::Exact)
            .map(|(_, sizes)| ("train.method", sizes, MAXIMUM_GRADIENT_UNITS))
            .collect();
        if evaluate.log_likelihood == LikelihoodMethod::Exact {
            let sizes = model.kind.enumerated_layers(model, units);
            asked.push(("evaluate.log_likelihood", sizes, MAXIMUM_ENUMERATED_UNITS));
        }
        let size = if model.kind.has_layers() { "model.layers" } else { "model.hidden" };
        for (key, (below, own), most) in asked.into_iter().filter(|&(_, (below, own), most)| below.min(own) > most) {
            let message = format!("`{key}` cannot be \"exact\" for a model of {below} visible and {own} hidden units");
            let label = format!("{most} is the maximum for the smaller layer");
            errors.push(point.error_at(key, message, label).help(format!("lower `{size}`, or use another method")));
        }
    }
    errors.dedup();
    if errors.is_empty() { Ok(()) } else { Err(ConfigErrors(errors)) }
}

/// Checks that every run has a window to train on: held-out songs, or left-out first windows, may take all of them.
fn check_training_windows(plan: &Plan, corpora: &[Corpus], corpus_of_point: &[usize]) -> Result<(), ConfigErrors> {
    let mut errors: Vec<ConfigError> = Vec::new();
    let mut seen = Vec::new();
    for run in &plan.runs {
        let RunParameters { corpus: reading, model, train, .. } = run.parameters();
        let corpus = corpus_of_point[run.point_index];
        let songs = &corpora[corpus].songs;
        let training = SongSplit::of(&corpora[corpus], reading, run.seed).training;
        let skipped = if train.skip_first_window { reading.stride_of(model.timesteps) } else { 0 };
        let needed = model.timesteps + skipped;
        let longest = training.iter().map(|&song| songs[song].roll.steps()).max().unwrap_or(0);
        let fault = (needed, train.skip_first_window, corpus);
        if needed <= longest || seen.contains(&fault) {
            continue;
        }
        seen.push(fault);
        let message = format!("`model.timesteps` = {} leaves no window to train on", model.timesteps);
        let mut label = format!("the longest of the {} training songs has {longest} steps", training.len());
        if train.skip_first_window {
            label += ", and `train.skip_first_window` leaves out the first window";
        }
        errors.push(run.point.error_at("model.timesteps", message, label));
    }
    if errors.is_empty() { Ok(()) } else { Err(ConfigErrors(errors)) }
}
