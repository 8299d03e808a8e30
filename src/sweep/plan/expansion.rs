//! The plan of a sweep: its points, each with its runs.

use super::bracket::Bracket;
use super::identity::{course_id_of, run_id_of, training_id_of};
use super::shard::Shard;
use crate::sweep::config::Axis;
use crate::sweep::config::KEYS;
use crate::sweep::config::PointSettings;
use crate::sweep::config::RunParameters;
use crate::sweep::config::SweepConfig;
use crate::sweep::config::{ConfigError, ConfigErrors};
use crate::sweep::config::{Explicit, Settings};
use serde_json::Value;
use std::collections::HashSet;
use std::sync::Arc;

/// The maximum number of points, and of runs, of a sweep.
pub const MAX_RUNS: usize = 1_000_000;

/// The maximum number of mistakes shown at once. A sweep may repeat one in thousands of points.
const MAX_ERRORS: usize = 20;

/// The runs of a sweep, in order.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The name of the sweep.
    pub name: String,
    /// The words by which a user finds the sweep again.
    pub tags: Vec<String>,
    /// The purpose of the sweep in the user's words.
    pub note: Option<String>,
    /// The keys that take more than one value, in the order of the axes.
    pub swept: Vec<&'static str>,
    /// The points, each once: first those of the axes in order, the last axis fastest, then those included.
    pub points: Vec<Arc<Point>>,
    /// The runs: the replicates of the first point, then those of the second, and so on.
    pub runs: Vec<RunSpec>,
    /// The number of points that equal an earlier one and are left out.
    pub merged: usize,
    /// The warnings about likely mistakes, such as an exclusion that matches nothing.
    pub warnings: Vec<ConfigError>,
    /// The rungs of successive halving, if the sweep asks for it. The plan has the points of the first; later ones are
    /// added when the records of the one before are complete.
    pub bracket: Option<Bracket>,
}

/// A point of a sweep: parameters without a seed.
#[derive(Clone, Debug)]
pub struct Point {
    /// The typed parameters.
    pub parameters: RunParameters,
    /// The parameters by key.
    pub settings: Settings,
    /// The rung of successive halving; 0 without it.
    pub rung: usize,
    /// The values that were set, with their places, without those of the rung.
    pub(super) explicit: Explicit,
}

impl Point {
    /// Returns the error of a mistake in this point that shows only later, at the line and value of the key. It has no
    /// place if the key has its default.
    pub fn error_at(&self, key: &str, message: impl Into<String>, label: impl Into<String>) -> ConfigError {
        match self.explicit.get(key) {
            Some(set) => ConfigError::at(&set.origin, message, label),
            None => ConfigError::new(message).help(format!("`{key}` has its default: {}", label.into())),
        }
    }
}

/// A run: a point with a seed.
#[derive(Clone, Debug)]
pub struct RunSpec {
    /// The position in the plan.
    pub index: usize,
    /// The position of the point in the plan.
    pub point_index: usize,
    /// The parameters, shared by all replicates.
    pub point: Arc<Point>,
    /// The number of the replicate, from zero.
    pub replicate: u32,
    /// The seed of everything random in the run.
    pub seed: u64,
}

impl RunSpec {
    /// Returns the typed parameters.
    pub fn parameters(&self) -> &RunParameters {
        &self.point.parameters
    }

    /// Returns every parameter that decides the bits of the run, by key.
    pub fn parameter_map(&self) -> serde_json::Map<String, Value> {
        let parameters = self.point.settings.parameters().into_iter();
        parameters.map(|(key, value)| (key.to_owned(), value.clone())).collect()
    }

    /// Returns the identity of the run, given the digest of its corpus: see [`run_id_of`].
    pub fn run_id(&self, corpus_digest: &str) -> String {
        run_id_of(self.point.settings.parameters(), corpus_digest, self.seed)
    }

    /// Returns the identity of the run's training, given the digest of its corpus: see [`training_id_of`].
    pub fn training_id(&self, corpus_digest: &str) -> String {
        training_id_of(self.point.settings.parameters(), corpus_digest, self.seed)
    }

    /// Returns the identity of the course of the run's training: runs of one course differ in its length alone.
    pub(super) fn course_id(&self, corpus_digest: &str) -> String {
        course_id_of(self.point.settings.parameters(), &self.parameters().train, corpus_digest, self.seed)
    }
}

impl Plan {
    /// Returns the values by which a run differs from the others, one for each key in `swept`.
    pub fn swept_values<'a>(&'a self, run: &'a RunSpec) -> impl Iterator<Item = (&'static str, &'a Value)> + 'a {
        self.swept.iter().map(|key| (*key, run.point.settings.get(key)))
    }

    /// Returns the runs of one shard, in order.
    pub fn shard(&self, shard: Shard) -> impl Iterator<Item = &RunSpec> {
        self.runs.iter().filter(move |run| shard.contains(run.index))
    }
}

impl SweepConfig {
    /// Expands the axes into points and the points into runs.
    ///
    /// Equal points are run once. Without any axis the base is the only point, unless points are included.
    pub fn plan(&self) -> Result<Plan, ConfigErrors> {
        let walks = self.walks();
        let combinations = self.check_size(&walks)?;
        let mut points = Points::default();
        let mut errors: Vec<ConfigError> = Vec::new();
        let mut matched = vec![false; self.exclude.len()];
        for combination in 0..combinations {
            let explicit = self.combination(&walks, combination);
            let excluded = |explicit: &Explicit, settings: &Settings| {
                let mut any = false;
                for (exclusion, matched) in self.exclude.iter().zip(&mut matched) {
                    let holds = matches(exclusion, explicit, settings);
                    *matched |= holds;
                    any |= holds;
                }
                any
            };
            points.add(explicit, excluded, &mut errors);
        }
        for point in &self.include {
            let mut explicit = self.base.clone();
            for setting in &point.settings {
                explicit.0[setting.key] = Some(Arc::clone(&setting.assignment));
            }
            points.add(explicit, |_, _| false, &mut errors);
        }
        if errors.is_empty() && points.unique.is_empty() {
            errors.push(self.nothing_left());
        }
        if !errors.is_empty() {
            return Err(ConfigErrors(errors));
        }
        let unmatched = self.exclude.iter().zip(&matched).filter(|(_, matched)| !**matched);
        let warnings = unmatched.map(|(exclusion, _)| {
            ConfigError::at(&exclusion.origin, "an exclusion matches no point", "nothing is dropped").warning()
        });
        let plan = Plan {
            name: self.name.clone(),
            tags: self.tags.clone(),
            note: self.note.clone(),
            swept: self.swept(&walks, &points.unique),
            runs: self.runs(&points.unique),
            points: points.unique,
            merged: points.merged,
            warnings: warnings.collect(),
            bracket: None,
        };
        match &self.halving {
            None => Ok(plan),
            Some(halving) => plan.halved(halving),
        }
    }

    /// Returns the groups of axes, random points last.
    fn walks(&self) -> Vec<Vec<Axis>> {
        let drawn = self.random.iter().map(|axis| Axis {
            key: axis.key,
            key_origin: axis.key_origin.clone(),
            origin: axis.key_origin.clone(),
            values: (0..self.random_count).map(|index| axis.draw(self.replicates.seed, index)).collect(),
        });
        let drawn: Vec<Axis> = drawn.collect();
        let groups = self.walks.iter().cloned();
        groups.chain((!drawn.is_empty()).then_some(drawn)).collect()
    }

    /// Returns the number of combinations of all axes; an error if the sweep exceeds [`MAX_RUNS`].
    fn check_size(&self, walks: &[Vec<Axis>]) -> Result<usize, ConfigError> {
        let lengths = walks.iter().map(|walk| walk[0].values.len());
        let combinations: f64 = lengths.clone().map(|length| length as f64).product();
        let runs = (combinations + self.include.len() as f64) * f64::from(self.replicates.count);
        if runs > MAX_RUNS as f64 {
            let message = format!("the sweep has {runs} runs, more than {MAX_RUNS}");
            let widest = walks.iter().flatten().max_by_key(|axis| axis.values.len());
            return Err(match widest {
                Some(axis) => {
                    ConfigError::at(&axis.origin, message, format!("the longest axis: {} values", axis.values.len()))
                }
                None => ConfigError::new(message),
            }
            .help("`[sweep.random]` draws a number of points from a large space"));
        }
        if walks.is_empty() && !self.include.is_empty() {
            return Ok(0);
        }
        Ok(lengths.product())
    }

    /// Returns the values set in one combination of the axes, of which the last varies fastest.
    fn combination(&self, walks: &[Vec<Axis>], combination: usize) -> Explicit {
        let mut explicit = self.base.clone();
        let mut rest = combination;
        for walk in walks.iter().rev() {
            let length = walk[0].values.len();
            for axis in walk {
                explicit.0[axis.key] = Some(Arc::clone(&axis.values[rest % length]));
            }
            rest /= length;
        }
        explicit
    }

    fn nothing_left(&self) -> ConfigError {
        let message = "the exclusions leave no point to run";
        match self.exclude.first() {
            Some(exclusion) => ConfigError::at(&exclusion.origin, message, "the first exclusion"),
            None => ConfigError::new("the sweep has no point"),
        }
    }

    /// Returns the keys of axes and inclusions that take more than one value.
    fn swept(&self, walks: &[Vec<Axis>], points: &[Arc<Point>]) -> Vec<&'static str> {
        let axes = walks.iter().flatten().map(|axis| axis.key);
        let included = self.include.iter().flat_map(|point| point.settings.iter().map(|setting| setting.key));
        let mut keys: Vec<usize> = Vec::new();
        for key in axes.chain(included) {
            let first = points[0].settings.at(key);
            if !keys.contains(&key) && points.iter().any(|point| point.settings.at(key) != first) {
                keys.push(key);
            }
        }
        keys.into_iter().map(|key| KEYS[key].path).collect()
    }

    fn runs(&self, points: &[Arc<Point>]) -> Vec<RunSpec> {
        let seeds: Vec<u64> = self.replicates.seeds().collect();
        let count = seeds.len();
        let runs = points.iter().enumerate().flat_map(|(point_index, point)| {
            seeds.iter().enumerate().map(move |(replicate, &seed)| RunSpec {
                index: point_index * count + replicate,
                point_index,
                point: Arc::clone(point),
                replicate: replicate as u32,
                seed,
            })
        });
        runs.collect()
    }
}

/// The points found so far, each once.
#[derive(Default)]
struct Points {
    unique: Vec<Arc<Point>>,
    identities: HashSet<String>,
    merged: usize,
}

impl Points {
    /// Resolves and adds a point, unless it is excluded or known. Each mistake is noted once.
    fn add(
        &mut self,
        explicit: Explicit,
        excluded: impl FnOnce(&Explicit, &Settings) -> bool,
        errors: &mut Vec<ConfigError>,
    ) {
        let settings = match Settings::resolve(&explicit) {
            Ok(settings) => settings,
            Err(error) => {
                if errors.len() < MAX_ERRORS && !errors.contains(&error) {
                    errors.push(error);
                }
                return;
            }
        };
        if excluded(&explicit, &settings) {
            return;
        }
        if !self.identities.insert(settings.identity()) {
            self.merged += 1;
            return;
        }
        self.unique.push(Arc::new(Point {
            parameters: RunParameters::from_settings(&settings),
            settings,
            rung: 0,
            explicit,
        }));
    }
}

/// Returns true if a point has every value that an exclusion names, as the sweep sets it. A key that has no effect at
/// the point counts as its default, but is compared here by the value that was set.
fn matches(exclusion: &PointSettings, explicit: &Explicit, settings: &Settings) -> bool {
    let value = |key: usize| explicit.0[key].as_ref().map_or(settings.at(key), |set| &set.value);
    exclusion.settings.iter().all(|setting| *value(setting.key) == setting.assignment.value)
}
