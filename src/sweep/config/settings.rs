//! The settings of one point: a value for every key, defaults filled in.

use super::error::ConfigError;
use super::key::identifying;
use super::keys::{KEYS, find_key};
use super::rows::{check_rows, row_files};
use super::value::{Assignment, display};
use crate::model::likelihood::MAXIMUM_ENUMERATED_UNITS;
use crate::model::rbm::MAXIMUM_GRADIENT_UNITS;
use crate::music::{MOST_LINES, RowFiles};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// A value for every key of the registry.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// One value a key, in the order of [`KEYS`].
    values: Vec<Value>,
}

/// What was set, key by key in the order of [`KEYS`]; none where the default holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Explicit(pub(crate) Vec<Option<Arc<Assignment>>>);

impl Default for Explicit {
    fn default() -> Self {
        Self(vec![None; KEYS.len()])
    }
}

impl Explicit {
    /// What was set for a key.
    pub(crate) fn get(&self, path: &str) -> Option<&Assignment> {
        self.0[position(path)].as_deref()
    }

    fn text(&self, path: &str) -> Option<&str> {
        self.get(path)?.value.as_str()
    }
}

/// The position of a key that the code itself names.
pub(crate) fn position(path: &str) -> usize {
    find_key(path).unwrap_or_else(|| panic!("`{path}` is not in the registry of keys"))
}

impl Settings {
    /// Fill in defaults, and check what no key can check alone.
    pub(crate) fn resolve(explicit: &Explicit) -> Result<Self, ConfigError> {
        let seed = explicit.text("corpus.compat") == Some("seed");
        let data_set = explicit.text("corpus.path").is_some_and(is_data_set);
        let rows = row_files(explicit);
        if rows.is_some() {
            check_rows(explicit)?;
        }
        let values = KEYS
            .iter()
            .zip(&explicit.0)
            .map(|(key, set)| {
                let default = || key.default_for(seed, data_set, rows.is_some()).into();
                set.as_ref().map_or_else(default, |set| set.value.clone())
            })
            .collect();
        let mut settings = Self { values };
        settings.check_together(explicit, seed, data_set, rows.as_ref())?;
        settings.check_training(explicit, rows.is_some())?;
        settings.reset_idle();
        Ok(settings)
    }

    /// Keys that have no effect beside the others get their defaults: runs that compute the same bear the same name.
    fn reset_idle(&mut self) {
        let text = |path: &str| self.get(path).as_str().unwrap_or_default();
        let zero = |path: &str| self.get(path).as_f64() == Some(0.0);
        let (method, samples) = (text("train.method"), text("train.statistics") == "samples");
        let exact = method == "exact";
        let epochs = self.get("train.epochs").as_u64().unwrap_or_default();
        let steady = text("train.learning_rate_schedule") == "constant" || epochs <= 1;
        // Of the two momenta that of no epoch counts for nothing.
        let switch = self.get("train.momentum_switch_epoch").as_u64().unwrap_or_default().min(epochs);
        let no_first = switch == 0 || zero("train.initial_momentum");
        let no_last = switch == epochs || zero("train.momentum");
        let idle = [
            ("train.chains", !matches!(method, "pcd" | "pt")),
            ("train.temperatures", method != "pt"),
            ("train.lowest_inverse_temperature", method != "pt"),
            ("train.k_final", exact || epochs <= 1 || self.get("train.k_final") == self.get("train.k")),
            ("train.statistics", exact),
            ("train.positive_sample", method != "cd" || !samples),
            ("train.learning_rate_schedule", steady),
            ("train.learning_rate_final", steady),
            ("train.initial_momentum", no_first),
            ("train.momentum", no_last),
            ("train.momentum_switch_epoch", no_first && no_last),
            ("train.nesterov", no_first && no_last),
            ("train.sparsity_target", zero("train.sparsity_strength")),
            ("train.sparsity_decay", zero("train.sparsity_strength")),
            ("train.centring_rate", text("train.centring") == "none"),
        ];
        // No more epochs are averaged over than there are, and none is the first that comes after all.
        let averaged = self.get("train.averaged_epochs").as_u64().unwrap_or_default().min(epochs);
        self.values[position("train.averaged_epochs")] = averaged.into();
        self.values[position("train.momentum_switch_epoch")] = switch.into();
        for (path, _) in idle.into_iter().filter(|(_, idle)| *idle) {
            self.values[position(path)] = KEYS[position(path)].default.into();
        }
    }

    /// The checks that concern several keys of training.
    fn check_training(&self, explicit: &Explicit, rows: bool) -> Result<(), ConfigError> {
        let number = |path: &str| self.get(path).as_f64().unwrap_or_default();
        let schedule = self.get("train.learning_rate_schedule").as_str().unwrap_or_default();
        for path in ["train.learning_rate_final", "train.learning_rate"] {
            if matches!(schedule, "exponential" | "inverse") && number(path) == 0.0 {
                let message = format!("`{path}` cannot be 0 where `train.learning_rate_schedule = \"{schedule}\"`");
                return Err(fault(explicit, &[path, "train.learning_rate_schedule"], message, "no such schedule")
                    .help(format!("set `{path}` to a number above 0, or use \"linear\"")));
            }
        }
        let whole = |path: &str| self.get(path).as_u64().unwrap_or_default();
        let pitches = whole("corpus.highest_pitch").saturating_sub(whole("corpus.lowest_pitch"));
        let planes = self.get("corpus.planes").as_array().map_or(0, Vec::len) as u64;
        let visible = pitches * planes * whole("model.timesteps");
        let smaller = visible.min(whole("model.hidden"));
        // The width of rows is known once they are read.
        if !rows && self.get("train.method") == "exact" && smaller > MAXIMUM_GRADIENT_UNITS as u64 {
            let message = format!(
                "`train.method = \"exact\"` enumerates the states of the smaller layer, which has {smaller} units here"
            );
            let keys = ["train.method", "model.hidden"];
            return Err(fault(explicit, &keys, message, "too many states").help(format!(
                "at most {MAXIMUM_GRADIENT_UNITS} units are possible: lower `model.hidden`, or use \"pt\""
            )));
        }
        Ok(())
    }

    /// The checks that concern several keys.
    fn check_together(
        &self,
        explicit: &Explicit,
        seed: bool,
        data_set: bool,
        rows: Option<&RowFiles>,
    ) -> Result<(), ConfigError> {
        let fault = |keys: &[&str], message: String, label: &str| fault(explicit, keys, message, label);
        let number = |path: &str| self.get(path).as_i64().unwrap_or_default();
        let (lowest, highest) = (number("corpus.lowest_pitch"), number("corpus.highest_pitch"));
        if highest <= lowest {
            let message =
                format!("`corpus.highest_pitch` is {highest} and `corpus.lowest_pitch` {lowest}: no pitch is left");
            let keys = ["corpus.highest_pitch", "corpus.lowest_pitch"];
            return Err(fault(&keys, message, "the range ends before this pitch")
                .help("pitches from the lowest to one below the highest are kept"));
        }
        let planes = display(self.get("corpus.planes"));
        if data_set && seed {
            let message = "`corpus.compat = \"seed\"` is a reading of MIDI files, not of a data set in JSON".to_owned();
            return Err(fault(&["corpus.compat", "corpus.path"], message, "not for this corpus"));
        }
        if data_set && planes.contains("onset") {
            let message = "a polyphonic data set in JSON does not say when notes are struck: it has no plane \"onset\"";
            return Err(fault(&["corpus.planes", "corpus.path"], message.to_owned(), "expected [\"hold\"]"));
        }
        if self.get("corpus.path").is_null() && self.get("corpus.source") == "bars-and-stripes" {
            let (lines, timesteps) = (highest - lowest, number("model.timesteps"));
            let transposed = display(self.get("corpus.transpose")) != "[]";
            if seed || transposed || planes != r#"["hold"]"# || lines != timesteps || lines > MOST_LINES as i64 {
                let message = format!(
                    "`corpus.source = \"bars-and-stripes\"` has no windows of {timesteps} steps × {lines} pitches in the \
                     planes {planes}{}{}",
                    if transposed { ", transposed" } else { "" },
                    if seed { " under `corpus.compat = \"seed\"`" } else { "" }
                );
                let keys =
                    ["corpus.source", "model.timesteps", "corpus.highest_pitch", "corpus.planes", "corpus.compat"];
                return Err(fault(&keys, message, "this set has n steps × n pitches").help(format!(
                    "for n × n, n at most {MOST_LINES}, set `model.timesteps` to n, `corpus.highest_pitch` to n above \
                     `corpus.lowest_pitch`, and `corpus.planes` to [\"hold\"]"
                )));
            }
        }
        if seed && planes != r#"["hold", "onset"]"# {
            let message = format!("`corpus.planes` cannot be {planes} where `corpus.compat = \"seed\"`");
            let keys = ["corpus.planes", "corpus.compat"];
            return Err(fault(&keys, message, "expected [\"hold\", \"onset\"], in this order"));
        }
        if seed && number("corpus.steps_per_beat") != 4 {
            let steps = number("corpus.steps_per_beat");
            let message = format!("`corpus.steps_per_beat` cannot be {steps} where `corpus.compat = \"seed\"`");
            return Err(fault(&["corpus.steps_per_beat", "corpus.compat"], message, "expected 4"));
        }
        let planes = self.get("corpus.planes").as_array().map_or(0, Vec::len) as i64;
        let visible = number("model.timesteps") * (highest - lowest) * planes;
        let smaller = number("model.hidden").min(visible);
        let exact = self.get("evaluate.log_likelihood").as_str() == Some("exact");
        if rows.is_none() && exact && smaller > MAXIMUM_ENUMERATED_UNITS as i64 {
            let message = format!(
                "`evaluate.log_likelihood` cannot be \"exact\" for a model of {visible} visible and {} hidden units",
                number("model.hidden")
            );
            let label = format!("a layer of {smaller} units is too large to enumerate");
            return Err(fault(&["evaluate.log_likelihood", "model.hidden"], message, &label).help(format!(
                "at most {MAXIMUM_ENUMERATED_UNITS} units can be enumerated; \"ais\" brackets the log-likelihood of larger models"
            )));
        }
        let stop_metric = display(self.get("train.early_stopping_metric"));
        let own_splits = data_set || rows.is_some_and(RowFiles::are_split);
        if stop_metric != "\"none\"" && !own_splits && self.get("corpus.validation").as_f64() == Some(0.0) {
            let message = format!("`train.early_stopping_metric` is {stop_metric}, but no songs are held out");
            let keys = ["train.early_stopping_metric", "corpus.validation"];
            return Err(fault(&keys, message, "a metric of held-out songs")
                .help("hold some out with `corpus.validation`, such as 0.1"));
        }
        if stop_metric != "\"none\"" && number("train.averaged_epochs") > 0 {
            let message = "`train.averaged_epochs` averages over the last epochs, which `train.early_stopping_metric` \
                           does not let be known beforehand";
            let keys = ["train.averaged_epochs", "train.early_stopping_metric"];
            return Err(fault(&keys, message.to_owned(), "not beside early stopping").help("leave one of them out"));
        }
        if stop_metric == "\"pseudo-log-likelihood\"" && number("evaluate.pseudo_likelihood_windows") == 0 {
            let message = "`train.early_stopping_metric` is \"pseudo-log-likelihood\", which \
                           `evaluate.pseudo_likelihood_windows` = 0 leaves out";
            let keys = ["train.early_stopping_metric", "evaluate.pseudo_likelihood_windows"];
            return Err(fault(&keys, message.to_owned(), "a metric that is not computed"));
        }
        Ok(())
    }

    /// The value of a key, which must be one of the registry.
    pub fn get(&self, path: &str) -> &Value {
        &self.values[position(path)]
    }

    /// The value of the key at this position of the registry.
    pub(crate) fn at(&self, key: usize) -> &Value {
        &self.values[key]
    }

    /// Returns the keys that decide the bits of a result, sorted, as `params` of a record lists them. Keys that were added
    /// later are left out where they have their defaults.
    pub fn parameters(&self) -> BTreeMap<&'static str, &Value> {
        identifying(KEYS.iter().zip(&self.values))
    }

    /// What tells points apart: the parameters and the corpus they name.
    pub(crate) fn identity(&self) -> String {
        let pairs = KEYS.iter().zip(&self.values);
        let values: Vec<&Value> = pairs.filter(|(key, _)| key.may_be_swept()).map(|(_, value)| value).collect();
        serde_json::to_string(&values).unwrap_or_else(|error| panic!("settings are plain JSON: {error}"))
    }

    /// The keys of one table, without the table's name.
    pub(crate) fn table(&self, table: &str) -> serde_json::Map<String, Value> {
        let pairs = KEYS.iter().zip(&self.values).filter(|(key, _)| key.table() == table);
        pairs.map(|(key, value)| (key.path[table.len() + 1..].to_owned(), value.clone())).collect()
    }
}

/// An error at the first of the keys that is set, with the places of the others.
fn fault(explicit: &Explicit, keys: &[&str], message: String, label: &str) -> ConfigError {
    let mut places = keys.iter().filter_map(|key| explicit.get(key).map(|set| (key, &set.origin)));
    let mut error = match places.next() {
        Some((_, origin)) => ConfigError::at(origin, message, label),
        None => ConfigError::new(message),
    };
    for (key, origin) in places {
        error = error.related(origin, format!("`{key}` is set here"));
    }
    error
}

/// Whether a path is that of a polyphonic data set in JSON.
fn is_data_set(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
}
