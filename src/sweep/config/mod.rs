//! The configuration of a sweep: TOML with dotted keys, some of which vary.
//!
//! Its keys are listed in [`KEYS`]; the table `sweep` says which of them vary:
//!
//! | table | points |
//! |---|---|
//! | `[sweep.grid]` | `"model.hidden" = [50, 100]`: every combination of all axes, the last written varies fastest |
//! | `[[sweep.zip]]` | lists of equal length, walked together; each zip is one more axis after those of the grid |
//! | `[sweep.random]` | `count` points, each key drawn from `{ uniform = [a, b] }`, `{ log-uniform = [a, b] }` or `{ choice = [a, b] }`; the last axis of all |
//! | `[[sweep.include]]` | one more point: its settings over the base; where there is no axis, these are the only points |
//! | `[[sweep.exclude]]` | drops the combinations that have all its values; included points stay |
//! | `[sweep.halving]` | trains all points for a few epochs, then the best of them for longer, and so on |
//!
//! Precedence: defaults < file < `--set`, and a later `--set` wins over an earlier one. Several files are layers: a later
//! one wins, and a file is above the one that it `extends`. What a later file or `--set` gives a key holds
//! in every run: the key leaves the axes and the included points of the file. `--set sweep.grid.model.hidden=[5,10]`
//! sweeps a key, in place of any axis the file has for it.
//!
//! In a grid or zip, `{ logspace = [a, b], count = n }` and `{ linspace = [a, b], count = n }` stand for a list. Points
//! that come out the same are run once.

mod axis;
mod difference;
mod document;
mod error;
mod halving;
mod key;
mod keys;
mod layer;
mod parameters;
mod resolved;
mod rows;
pub(in crate::sweep) mod settings;
mod value;

pub(in crate::sweep) use difference::Difference;
pub use error::{ConfigError, ConfigErrors, Origin, Place, Severity, Source};
pub use halving::Halving;
pub use key::{Key, Kind, Literal, Role, display};
pub use keys::{KEYS, find_key, keys_markdown};
pub use parameters::{RunParameters, SampleOptions, Stage};
pub use settings::Settings;

pub(in crate::sweep) use axis::Axis;
pub(in crate::sweep) use layer::PointSettings;
pub(in crate::sweep) use value::Explicit;
pub(crate) use value::{file_name_fault, meant_key};

use crate::engine::{ISA_VARIABLE, Isa, IsaError, Purpose, derive_seed};
use crate::machine::text::Shown as _;
use axis::RandomAxis;
use document::{Document, documents, read};
use layer::Layer;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use value::{Assignment, position};

/// The number of things to run at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parallelism {
    /// As many as fill the processor.
    Auto,
    /// This many.
    Exactly(usize),
}

/// Runs of every point that differ in their seed alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replicates {
    /// Runs of every point.
    pub count: u32,
    /// The seed that their seeds derive from.
    pub seed: u64,
}

impl Replicates {
    /// Returns the seeds of the replicates, in order.
    pub fn seeds(&self) -> impl Iterator<Item = u64> + use<> {
        let seed = self.seed;
        (0..u64::from(self.count)).map(move |replicate| derive_seed(seed, Purpose::Replicate, replicate))
    }
}

/// A configuration that has been read and checked, key by key.
///
/// Precedence: defaults < file < `--set`. What `--set` gives a key holds in every run, so an axis of that key in the
/// file drops out; and `--set sweep.grid.KEY=[…]` takes the place of whatever axis the file has for the key. A later
/// argument wins over an earlier one.
#[derive(Clone, Debug)]
pub struct SweepConfig {
    /// The name of the sweep and of its folder of results.
    pub name: String,
    /// The words by which a user finds the sweep again.
    pub tags: Vec<String>,
    /// The purpose of the sweep in the user's words.
    pub note: Option<String>,
    /// The folder that the folder of results is made in, relative to the working directory.
    pub output_dir: PathBuf,
    /// Runs at the same time.
    pub jobs: Parallelism,
    /// Threads of one run.
    pub threads_per_run: Parallelism,
    /// The instruction set asked for, by name.
    pub isa: String,
    /// The longest that a run may take.
    pub timeout: Option<Duration>,
    /// The time from one checkpoint of a run to the next.
    pub checkpoint_interval: Option<Duration>,
    /// Runs of every point.
    pub replicates: Replicates,
    /// The settings of the file and the arguments for all points.
    pub(crate) base: Explicit,
    /// Groups of axes, each walked in step; every combination of groups is a point, the last varies fastest.
    pub(crate) walks: Vec<Vec<Axis>>,
    pub(crate) random_count: usize,
    pub(crate) random: Vec<RandomAxis>,
    pub(crate) include: Vec<PointSettings>,
    pub(crate) exclude: Vec<PointSettings>,
    /// Successive halving over the points, if the sweep asks for it.
    pub halving: Option<Halving>,
}

impl SweepConfig {
    /// Reads a configuration file, or none for the defaults, and `KEY=VALUE` arguments on top of it.
    pub fn load(path: Option<&Path>, sets: &[String]) -> Result<Self, ConfigErrors> {
        Self::load_layers(path, sets)
    }

    /// Reads configuration files, each a layer above those before it, and `KEY=VALUE` arguments on top of them.
    pub fn load_layers<'a>(paths: impl IntoIterator<Item = &'a Path>, sets: &[String]) -> Result<Self, ConfigErrors> {
        let files = paths.into_iter().map(|path| Ok((path, read(path)?)));
        let files: Vec<(&Path, String)> = files.collect::<Result<_, ConfigError>>()?;
        Self::from_texts(files, sets)
    }

    /// Reads a configuration as [`Self::load`] does, from the text of the file.
    pub fn from_text(file: Option<(&Path, String)>, sets: &[String]) -> Result<Self, ConfigErrors> {
        Self::from_texts(file.into_iter().collect(), sets)
    }

    fn from_texts(files: Vec<(&Path, String)>, sets: &[String]) -> Result<Self, ConfigErrors> {
        let mut errors = Vec::new();
        let path = files.last().map(|(path, _)| path.to_path_buf());
        let mut sweep = Merge::default();
        for (path, text) in files {
            match documents(path, text) {
                Ok(documents) => {
                    for document in &documents {
                        sweep.file(Layer::read(document, &mut errors));
                    }
                }
                Err(error) => errors.push(error),
            }
        }
        for argument in sets {
            match Document::from_argument(argument) {
                Ok(document) => sweep.argument(Layer::read(&document, &mut errors)),
                Err(error) => errors.push(error),
            }
        }
        // Axes that could not be read are missing by now: what follows from that would only confuse.
        if errors.is_empty() {
            sweep.check(&mut errors);
        }
        if !errors.is_empty() {
            return Err(ConfigErrors(errors));
        }
        sweep.finish(path.as_deref()).map_err(ConfigErrors::from)
    }

    /// Returns the parameters outside any sweep: the base alone. `corpus_path` takes the place of `corpus.path`, with
    /// the defaults that follow from it.
    pub fn base(&self, corpus_path: Option<&Path>) -> Result<RunParameters, ConfigErrors> {
        let mut explicit = self.base.clone();
        if let Some(path) = corpus_path {
            let Some(text) = path.to_str() else {
                let message = format!("the path {} is not Unicode", path.shown());
                return Err(ConfigError::new(message).into());
            };
            explicit.0[position("corpus.path")] =
                Some(Arc::new(Assignment { value: text.into(), origin: Origin::of_argument(text) }));
        }
        let settings = Settings::resolve(&explicit)?;
        Ok(RunParameters::from_settings(&settings))
    }

    /// Returns the instruction set to run with: that of the environment if it names one, otherwise that of `run.isa`.
    pub fn instruction_set(&self) -> Result<Isa, IsaError> {
        let pinned = std::env::var_os(ISA_VARIABLE).is_some_and(|name| !name.is_empty());
        if pinned { Isa::detect() } else { Isa::named(&self.isa) }
    }

    /// Returns the folder of results.
    pub fn results_dir(&self) -> PathBuf {
        self.output_dir.join(&self.name)
    }
}

/// The name of a configuration that comes with the program: the recipe for a folder of songs.
pub const SONGS_RECIPE: &str = "recipe:songs";

/// Layers on top of each other.
#[derive(Default)]
struct Merge {
    base: Explicit,
    grid: Vec<Axis>,
    zips: Vec<Vec<Axis>>,
    random_count: Option<(u64, Origin)>,
    random: Vec<RandomAxis>,
    include: Vec<PointSettings>,
    exclude: Vec<PointSettings>,
}

impl Merge {
    /// Adds a file, which overrides all settings of its keys in the files before it. A key that it both sets and sweeps is
    /// swept, as in a file alone.
    fn file(&mut self, mut layer: Layer) {
        let axes = |layer: &Layer| -> Vec<usize> {
            let listed = layer.grid.iter().chain(layer.zips.iter().flatten().flatten()).map(|axis| axis.key);
            listed.chain(layer.random.iter().map(|axis| axis.key)).collect()
        };
        for key in axes(&layer) {
            self.drop_axes(key);
        }
        let (grid, random) = (std::mem::take(&mut layer.grid), std::mem::take(&mut layer.random));
        self.argument(layer);
        // As they are: a key that a file sweeps twice is a mistake.
        self.grid.extend(grid);
        self.random.extend(random);
    }

    /// Adds an argument, which overrides all earlier settings of its keys.
    fn argument(&mut self, layer: Layer) {
        for setting in layer.settings {
            let key = setting.key;
            self.drop_axes(key);
            for point in &mut self.include {
                point.settings.retain(|other| other.key != key);
            }
            self.base.0[key] = Some(setting.assignment);
        }
        for axis in layer.grid {
            if let Some(place) = self.grid.iter_mut().find(|other| other.key == axis.key) {
                *place = axis;
            } else {
                self.drop_axes(axis.key);
                self.grid.push(axis);
            }
        }
        for axis in layer.random {
            self.drop_axes(axis.key);
            self.random.push(axis);
        }
        self.random_count = layer.random_count.or(self.random_count.take());
        self.zips = layer.zips.unwrap_or(std::mem::take(&mut self.zips));
        self.include = layer.include.unwrap_or(std::mem::take(&mut self.include));
        self.exclude = layer.exclude.unwrap_or(std::mem::take(&mut self.exclude));
    }

    /// Takes a key out of all axes. A zip keeps its other keys.
    fn drop_axes(&mut self, key: usize) {
        self.grid.retain(|axis| axis.key != key);
        self.random.retain(|axis| axis.key != key);
        for zip in &mut self.zips {
            zip.retain(|axis| axis.key != key);
        }
        self.zips.retain(|zip| !zip.is_empty());
        if self.random.is_empty() {
            self.random_count = None;
        }
    }

    /// Checks that every key is swept once, and that random keys and their number come together: no layer can check it
    /// alone.
    fn check(&self, errors: &mut Vec<ConfigError>) {
        let listed = self.grid.iter().chain(self.zips.iter().flatten());
        let axes: Vec<(usize, &Origin)> = listed
            .map(|axis| (axis.key, &axis.key_origin))
            .chain(self.random.iter().map(|axis| (axis.key, &axis.key_origin)))
            .collect();
        for (index, (key, origin)) in axes.iter().enumerate() {
            if let Some((_, first)) = axes[..index].iter().find(|(other, _)| other == key) {
                let message = format!("`{}` is swept twice", KEYS[*key].path);
                errors.push(ConfigError::at(origin, message, "a second axis of this key").related(first, "the first"));
            }
        }
        match (&self.random_count, self.random.first()) {
            (Some((_, origin)), None) => errors.push(
                ConfigError::at(origin, "`[sweep.random]` draws no key", "nothing to draw")
                    .help("add a key, such as `\"train.learning_rate\" = { log-uniform = [0.0001, 0.1] }`"),
            ),
            (None, Some(axis)) => errors.push(
                ConfigError::at(&axis.key_origin, "`[sweep.random]` has no `count`", "drawn how many times?")
                    .help("add `count = 20`"),
            ),
            _ => {}
        }
    }

    fn finish(self, path: Option<&Path>) -> Result<SweepConfig, ConfigError> {
        let value = |path: &str| -> Value {
            let key = position(path);
            self.base.0[key].as_ref().map_or_else(|| KEYS[key].default.into(), |set| set.value.clone())
        };
        let name = match value("name") {
            Value::String(name) => name,
            _ => default_name(path)?,
        };
        let parallelism =
            |path: &str| value(path).as_u64().map_or(Parallelism::Auto, |n| Parallelism::Exactly(n as usize));
        let number = |path: &str| value(path).as_u64().unwrap_or_default();
        let seconds = |path: &str| {
            let seconds = value(path).as_f64().filter(|&seconds| seconds > 0.0);
            seconds.map(Duration::from_secs_f64)
        };
        let halving = Halving::read(&self.base)?;
        let walks = self.grid.into_iter().map(|axis| vec![axis]).chain(self.zips).collect();
        Ok(SweepConfig {
            name,
            tags: serde_json::from_value(value("tags")).unwrap_or_default(),
            note: value("note").as_str().map(str::to_owned),
            output_dir: value("output.dir").as_str().map(PathBuf::from).unwrap_or_default(),
            jobs: parallelism("run.jobs"),
            threads_per_run: parallelism("run.threads_per_run"),
            timeout: seconds("run.timeout"),
            checkpoint_interval: seconds("run.checkpoint_seconds"),
            isa: value("run.isa").as_str().unwrap_or("auto").to_owned(),
            replicates: Replicates { count: number("replicates.count") as u32, seed: number("replicates.seed") },
            walks,
            random_count: self.random_count.map_or(0, |(count, _)| count as usize),
            random: self.random,
            include: self.include,
            exclude: self.exclude,
            halving,
            base: self.base,
        })
    }
}

/// Returns the name of a file without its extension, if it can name a folder.
fn default_name(path: Option<&Path>) -> Result<String, ConfigError> {
    let Some(path) = path else {
        return Ok("sweep".to_owned());
    };
    let stem = path.file_stem().and_then(std::ffi::OsStr::to_str).unwrap_or_default();
    match file_name_fault(stem) {
        None => Ok(stem.to_owned()),
        Some(fault) => Err(ConfigError::new(format!("the file `{}` cannot name its sweep: {fault}", path.shown()))
            .help("set `name` at the top of the file, or with `--set name=…`")),
    }
}
