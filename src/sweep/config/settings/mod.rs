//! The settings of one point: a value for every key, defaults filled in.

mod joint;
pub(in crate::sweep) mod layers;

use super::error::ConfigError;
use super::key::{Key, identifying};
use super::keys::KEYS;
use super::parameters::RunParameters;
use super::rows::{check_rows, row_files};
use super::value::{Explicit, position, wrong_list};
use crate::model::ModelOptions;
use crate::train::{Centring, LearningRateSchedule, Method, Optimizer, StatisticsKind, TrainOptions};
use joint::Joint;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;

/// A value for every key of the registry.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// One value a key, in the order of [`KEYS`].
    values: Vec<Value>,
}

impl Settings {
    /// Fills in defaults, checks the keys that must fit each other, and resets those without effect.
    pub(crate) fn resolve(explicit: &Explicit) -> Result<Self, ConfigError> {
        let article = explicit.text("corpus.compat") == Some("seed");
        let data_set = explicit.text("corpus.path").is_some_and(|path| is_data_set(Path::new(path)));
        let rows = row_files(explicit);
        if rows.is_some() {
            check_rows(explicit)?;
        }
        let values = KEYS
            .iter()
            .zip(&explicit.0)
            .map(|(key, set)| {
                let default = || key.default_for(article, data_set, rows.is_some()).into();
                set.as_ref().map_or_else(default, |set| set.value.clone())
            })
            .collect();
        let mut settings = Self { values };
        settings.check_layers(explicit)?;
        let run = RunParameters::from_settings(&settings);
        Joint { explicit, settings: &settings, run: &run, data_set, rows: rows.as_ref() }.check()?;
        settings.reset_idle("train", run.layers());
        if run.pretrain.0.epochs > 0 {
            settings.reset_idle("pretrain", std::iter::once(&run.pretrain.0));
        }
        settings.reset_foreign(&run);
        Ok(settings)
    }

    /// Gives the keys that do not concern the kind of model, a layer above the first, or a stage of training with epochs their
    /// defaults.
    fn reset_foreign(&mut self, run: &RunParameters) {
        let unused = |key: &Key| {
            let foreign = !key.kinds.is_empty() && !key.kinds.contains(&run.model.kind);
            let of_upper = ["model.tied_start", "train.propagate"].contains(&key.path) && run.upper.is_empty();
            foreign || of_upper || key.table() == "pretrain" && run.pretrain.0.epochs == 0
        };
        for (key, value) in KEYS.iter().zip(&mut self.values).filter(|(key, _)| unused(key)) {
            *value = key.default.into();
        }
    }

    /// Checks that a list of values, one for each layer, belongs to a network of at most as many layers, and cuts off
    /// those of layers that it does not have.
    fn check_layers(&mut self, explicit: &Explicit) -> Result<(), ConfigError> {
        let model: ModelOptions = table(self, "model");
        let layers = if model.kind.has_layers() { model.layers.len() } else { 0 };
        for (key, value) in KEYS.iter().zip(&mut self.values).filter(|(key, _)| key.may_differ_by_layer()) {
            let Value::Array(values) = value else { continue };
            let set = explicit.get(key.path);
            if let Some(set) = set.filter(|_| values.len() < layers || layers == 0) {
                return Err(wrong_list(key, &set.origin, (values.len(), layers)));
            }
            *value = layers::joined(&values[..layers]);
        }
        Ok(())
    }

    /// Gives the keys that have no effect beside the others their defaults, layer by layer: runs that compute the same
    /// have the same name.
    fn reset_idle<'a>(&mut self, name: &str, options: impl Iterator<Item = &'a TrainOptions>) {
        let written = self.table(name);
        let own = |(layer, train): (usize, &TrainOptions)| effective(layers::of_layer(&written, layer), name, train);
        let layers: Vec<Map<String, Value>> = options.enumerate().map(own).collect();
        for key in written.keys() {
            let place = position(&format!("{name}.{key}"));
            let values: Vec<Value> = layers.iter().map(|layer| layer[key].clone()).collect();
            self.values[place] = layers::joined(&values);
        }
    }

    /// Returns the value of a key, which must be one of the registry.
    pub fn get(&self, path: &str) -> &Value {
        &self.values[position(path)]
    }

    /// Returns the value of the key at this position of the registry.
    pub(crate) fn at(&self, key: usize) -> &Value {
        &self.values[key]
    }

    /// Returns the keys that decide the bits of a result, sorted, as `params` of a record lists them. Keys that were
    /// added later are left out where they have their defaults.
    pub fn parameters(&self) -> BTreeMap<&'static str, &Value> {
        identifying(KEYS.iter().zip(&self.values))
    }

    /// Returns the identity of a point: the parameters and the corpus that they name.
    pub(crate) fn identity(&self) -> String {
        let pairs = KEYS.iter().zip(&self.values);
        let values: Vec<&Value> = pairs.filter(|(key, _)| key.may_be_swept()).map(|(_, value)| value).collect();
        serde_json::to_string(&values).unwrap_or_else(|error| panic!("settings are plain JSON: {error}"))
    }

    /// Returns the keys of one table, without the table's name.
    fn table(&self, table: &str) -> Map<String, Value> {
        let pairs = KEYS.iter().zip(&self.values).filter(|(key, _)| key.table() == table);
        pairs.map(|(key, value)| (key.path[table.len() + 1..].to_owned(), value.clone())).collect()
    }
}

/// Returns the options of a table. The registry and the structs name the same keys and types, as a test checks.
fn table<T: DeserializeOwned>(settings: &Settings, name: &str) -> T {
    serde_json::from_value(Value::Object(settings.table(name))).unwrap_or_else(|error| differ(name, &error))
}

fn differ(table: &str, error: &serde_json::Error) -> ! {
    panic!("the keys of `{table}` differ from its options: {error}")
}

impl RunParameters {
    /// Returns the options that settings stand for.
    pub(crate) fn from_settings(settings: &Settings) -> Self {
        let model: ModelOptions = table(settings, "model");
        let layers = if model.kind.has_layers() { model.layers.len() } else { 1 };
        let of_layers = layers::options(&settings.table("train"), layers);
        let mut of_layers = of_layers.unwrap_or_else(|error| differ("train", &error)).into_iter();
        Self {
            corpus: table(settings, "corpus"),
            model,
            train: of_layers.next().unwrap_or_default(),
            upper: of_layers.collect(),
            pretrain: table(settings, "pretrain"),
            evaluate: table(settings, "evaluate"),
            sample: table(settings, "sample"),
        }
        .with_one_engine()
    }
}

/// Returns the values of a table of training in which keys without effect beside the others have their defaults.
fn effective(mut values: Map<String, Value>, table: &str, train: &TrainOptions) -> Map<String, Value> {
    let epochs = train.epochs;
    let (cd, pt) = (train.method == Method::Cd, train.method == Method::Pt);
    let exact = train.method == Method::Exact;
    let persistent = matches!(train.method, Method::Pcd | Method::Pt);
    let samples = train.statistics == StatisticsKind::Samples;
    let steady = train.learning_rate_schedule == LearningRateSchedule::Constant || epochs <= 1;
    // A momentum that applies in no epoch has no effect.
    let switch = train.momentum_switch_epoch.min(epochs);
    let no_first = switch == 0 || train.initial_momentum == 0.0;
    let no_last = switch == epochs || train.momentum == 0.0;
    let no_momentum = no_first && no_last;
    let no_sparsity = train.sparsity_strength == 0.0;
    let sgd = train.optimizer == Optimizer::Sgd;
    let idle = [
        ("chains", !persistent),
        ("temperatures", !pt),
        ("lowest_inverse_temperature", !pt),
        ("k_final", exact || epochs <= 1 || train.k_final == train.k),
        ("statistics", exact),
        ("positive_sample", !cd || !samples),
        ("learning_rate_schedule", steady),
        ("learning_rate_final", steady),
        ("initial_momentum", no_first),
        ("momentum", no_last),
        ("momentum_switch_epoch", no_momentum),
        ("nesterov", no_momentum),
        ("sparsity_target", no_sparsity),
        ("sparsity_decay", no_sparsity),
        ("centring_rate", train.centring == Centring::None),
        ("adam_first", sgd),
        ("adam_second", sgd),
        ("adam_epsilon", sgd),
        ("stop_after", table == "train" && train.stop_after >= epochs),
        ("fine_tune_rate", table == "train" && train.fine_tune_epochs == 0),
    ];
    // Values above the number of epochs mean that number.
    values["averaged_epochs"] = train.averaged_epochs.min(epochs).into();
    values["momentum_switch_epoch"] = switch.into();
    for (name, _) in idle.into_iter().filter(|(_, idle)| *idle) {
        values[name] = Key::named(&format!("{table}.{name}")).default.into();
    }
    values
}

/// Returns true for the path of a polyphonic data set in JSON.
fn is_data_set(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
}
