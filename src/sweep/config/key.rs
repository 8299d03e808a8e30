//! A key of the configuration: its path, the values it takes, its default.

use crate::model::ModelKind;
use serde_json::Value;
use std::collections::BTreeMap;

/// A key of the configuration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Key {
    /// The dotted path, such as `model.hidden`.
    pub path: &'static str,
    /// The values it takes.
    pub kind: Kind,
    /// The value where nothing is set.
    pub default: Literal,
    /// The default under `corpus.compat = "seed"`, where it is another.
    pub seed_default: Option<Literal>,
    /// The default for a polyphonic data set in JSON, where it is another.
    pub data_set_default: Option<Literal>,
    /// The default for rows of 0 and 1 that are not music, where it is another.
    pub rows_default: Option<Literal>,
    /// The part of the key in a sweep.
    pub role: Role,
    /// The version of the identity in which the key was added. A key newer than version 1 takes part in the identity of
    /// a run only where it differs from its default, so that adding it renames no run.
    pub since: u32,
    /// True if the key concerns only what comes after training, so that runs that differ in it share their training.
    pub after_training: bool,
    /// The kinds of model that the key concerns; empty for all. Beside another kind it has its default.
    pub kinds: &'static [ModelKind],
    /// One sentence for the reference.
    pub doc: &'static str,
}

/// The part of a key in a sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Decides the bits of a result: part of the identity of a run and of `params` in its record. May be swept.
    Parameter,
    /// Says where data come from. May be swept, but what counts in the identity of a run is the digest of the data.
    Input,
    /// A label, a place, a number of threads or of replicates: one value for the whole sweep, no part of an identity.
    Setup,
}

/// The values a key takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// An integer from `min` to `max`, both included.
    Integer {
        /// The least value.
        min: i64,
        /// The greatest value.
        max: i64,
    },
    /// A finite number from `min` to `max`; `below_max` leaves `max` itself out.
    Float {
        /// The least value.
        min: f64,
        /// The greatest value, or the first too great.
        max: f64,
        /// True if `max` itself is too great.
        below_max: bool,
    },
    /// `true` or `false`.
    Bool,
    /// One of these strings.
    Choice(&'static [&'static str]),
    /// A non-empty list of these strings, each at most once.
    Choices(&'static [&'static str]),
    /// A list, possibly empty, of integers from `min` to `max`, each at most once.
    Integers {
        /// The least value.
        min: i64,
        /// The greatest value.
        max: i64,
    },
    /// A non-empty list of integers from `min` to `max`: the sizes of layers, from below.
    Layers {
        /// The least size.
        min: i64,
        /// The greatest size.
        max: i64,
    },
    /// A seed of 64 bits: an integer, or a string of decimal digits.
    Seed,
    /// `"auto"` or an integer from 1 to `max`.
    AutoOrInteger {
        /// The greatest value.
        max: i64,
    },
    /// A string that can name a file or folder on any system.
    FileName,
    /// A string of at most `LONGEST_TEXT` characters.
    Text,
    /// A list of such strings, each at most once.
    Texts,
    /// A path that the corpus is read from, relative to the file it is written in.
    InputPath,
    /// A path that results are written to, relative to the working directory.
    OutputPath,
}

/// The most characters of a text.
pub(super) const LONGEST_TEXT: usize = 2000;

impl Kind {
    /// Returns the values in words, for the reference.
    pub fn describe(&self) -> String {
        let quoted = |choices: &[&str]| choices.iter().map(|choice| format!("\"{choice}\"")).collect::<Vec<_>>();
        let alternatives = |choices: &[&str]| match quoted(choices).as_slice() {
            [rest @ .., last] if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
            quoted => quoted.concat(),
        };
        match self {
            Self::Integer { min, max } if min == max => format!("the integer {min}"),
            Self::Integer { min, max } => format!("an integer from {min} to {max}"),
            Self::Float { min, max, below_max } if *below_max => format!("a number from {min} to below {max}"),
            Self::Float { min, max, .. } => format!("a number from {min} to {max}"),
            Self::Bool => "true or false".to_owned(),
            Self::Choice(choices) => alternatives(choices),
            Self::Choices(choices) => format!("a list of {}, each at most once", alternatives(choices)),
            Self::Integers { min, max } => format!("a list of integers from {min} to {max}"),
            Self::Layers { min, max } => format!("a list of one or more integers from {min} to {max}"),
            Self::Seed => format!("an integer from 0 to {}, as a string if need be", u64::MAX),
            Self::AutoOrInteger { max } => format!("\"auto\" or an integer from 1 to {max}"),
            Self::FileName => "a plain file name".to_owned(),
            Self::Text => format!("a string of at most {LONGEST_TEXT} characters"),
            Self::Texts => "a list of strings, each at most once".to_owned(),
            Self::InputPath | Self::OutputPath => "a path".to_owned(),
        }
    }
}

/// A value written in the registry itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Literal {
    /// No value, such as that of a path that is not set.
    Absent,
    /// A boolean.
    Bool(bool),
    /// An integer.
    Integer(i64),
    /// A float.
    Float(f64),
    /// A string.
    Text(&'static str),
    /// A list of strings.
    Texts(&'static [&'static str]),
    /// A list of integers.
    Integers(&'static [i64]),
}

impl From<Literal> for Value {
    fn from(literal: Literal) -> Self {
        match literal {
            Literal::Absent => Self::Null,
            Literal::Bool(flag) => flag.into(),
            Literal::Integer(number) => number.into(),
            Literal::Float(number) => number.into(),
            Literal::Text(text) => text.into(),
            Literal::Texts(texts) => texts.into(),
            Literal::Integers(numbers) => numbers.into(),
        }
    }
}

/// Returns a value as a configuration file would write it.
pub fn display(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(display).collect();
            format!("[{}]", items.join(", "))
        }
        value => value.to_string(),
    }
}

impl Key {
    pub(super) const fn new(path: &'static str, kind: Kind, default: Literal, doc: &'static str) -> Self {
        Self {
            path,
            kind,
            default,
            seed_default: None,
            data_set_default: None,
            rows_default: None,
            role: Role::Parameter,
            since: 1,
            after_training: false,
            kinds: &[],
            doc,
        }
    }

    pub(super) const fn integer(path: &'static str, [min, max]: [i64; 2], default: i64, doc: &'static str) -> Self {
        Self::new(path, Kind::Integer { min, max }, Literal::Integer(default), doc)
    }

    pub(super) const fn float(path: &'static str, [min, max]: [f64; 2], default: f64, doc: &'static str) -> Self {
        let below_max = false;
        Self::new(path, Kind::Float { min, max, below_max }, Literal::Float(default), doc)
    }

    /// Makes a key whose value is a number from 0 to below 1.
    pub(super) const fn share(path: &'static str, default: f64, doc: &'static str) -> Self {
        let kind = Kind::Float { min: 0.0, max: 1.0, below_max: true };
        Self::new(path, kind, Literal::Float(default), doc)
    }

    pub(super) const fn flag(path: &'static str, default: bool, doc: &'static str) -> Self {
        Self::new(path, Kind::Bool, Literal::Bool(default), doc)
    }

    /// Makes a key whose value is one of several strings; the first is the default.
    pub(super) const fn choice(path: &'static str, choices: &'static [&'static str], doc: &'static str) -> Self {
        Self::new(path, Kind::Choice(choices), Literal::Text(choices[0]), doc)
    }

    pub(super) const fn seed(mut self, default: Literal) -> Self {
        self.seed_default = Some(default);
        self
    }

    pub(super) const fn data_set(mut self, default: Literal) -> Self {
        self.data_set_default = Some(default);
        self
    }

    /// Sets the default for rows that are not music.
    pub(super) const fn rows(mut self, default: Literal) -> Self {
        self.rows_default = Some(default);
        self
    }

    pub(super) const fn role(mut self, role: Role) -> Self {
        self.role = role;
        self
    }

    /// Returns the value where nothing is set, under `corpus.compat = "seed"`, for a data set in JSON or for rows that
    /// are not music where these hold.
    pub(crate) fn default_for(&self, seed: bool, data_set: bool, rows: bool) -> Literal {
        let seed = self.seed_default.filter(|_| seed);
        let data_set = self.data_set_default.filter(|_| data_set);
        let rows = self.rows_default.filter(|_| rows);
        seed.or(data_set).or(rows).unwrap_or(self.default)
    }

    /// Sets the version of the identity in which the key was added.
    pub(super) const fn since(mut self, version: u32) -> Self {
        self.since = version;
        self
    }

    /// Marks the key as one that concerns only the steps after training.
    pub(super) const fn after_training(mut self) -> Self {
        self.after_training = true;
        self
    }

    /// Limits the key to some kinds of model.
    pub(super) const fn of(mut self, kinds: &'static [ModelKind]) -> Self {
        self.kinds = kinds;
        self
    }

    /// Returns the key of the stage of pretraining that goes with a key of training; `None` if there is none: that stage
    /// trains an RBM, for a fixed number of epochs.
    pub(super) fn of_pretraining(&self) -> Option<Self> {
        let name = self.path.strip_prefix("train.").filter(|name| !name.starts_with("early_stopping"))?;
        if !self.kinds.is_empty() || name == "engine" {
            return None;
        }
        let leak = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
        let (default, doc) = match name {
            "epochs" => {
                (Literal::Integer(0), "Epochs of a first stage that trains the RBM alone; 0 for none.".to_owned())
            }
            _ => (self.default, format!("As `train.{name}`, in that stage.")),
        };
        let key = Self::new(leak(format!("pretrain.{name}")), self.kind, default, leak(doc));
        Some(key.since(3).of(&[ModelKind::RnnRbm]))
    }

    /// Returns true if the key at this value takes part in the identity of a run (`run_id`) and in `params` of its
    /// record.
    pub fn identifies(&self, value: &Value) -> bool {
        self.role == Role::Parameter && (self.since == 1 || *value != Value::from(self.default))
    }

    /// Returns true if a sweep may vary the key.
    pub fn may_be_swept(&self) -> bool {
        self.role != Role::Setup
    }

    /// Returns the table that the key stands in; empty for the top of the file.
    pub fn table(&self) -> &'static str {
        self.path.rsplit_once('.').map_or("", |(table, _)| table)
    }
}

/// Returns the keys that take part in the identity of a run at these values, sorted by path.
pub(super) fn identifying<'a>(
    settings: impl IntoIterator<Item = (&'a Key, &'a Value)>,
) -> BTreeMap<&'static str, &'a Value> {
    let own = settings.into_iter().filter(|(key, value)| key.identifies(value));
    own.map(|(key, value)| (key.path, value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::config::{Explicit, KEYS, Settings};
    use crate::sweep::plan::{run_id_of, training_id_of};

    /// The identity of the default run of a corpus whose digest is `corpus` with seed 7, before and after a key is
    /// added.
    #[test]
    fn a_key_that_is_added_later_renames_no_run() {
        let settings = Settings::resolve(&Explicit::default()).unwrap();
        let values: Vec<Value> = (0..KEYS.len()).map(|key| settings.at(key).clone()).collect();
        let planted = Key::integer("train.planted", [0, 9], 5, "A key that was added later.").since(3);
        let ids = |planted_value: &Value| {
            let planted = std::iter::once((&planted, planted_value));
            let own = identifying(KEYS.iter().zip(&values).chain(planted));
            let ids = [run_id_of(own.clone(), "corpus", 7), training_id_of(own.clone(), "corpus", 7)];
            (ids, own.contains_key("train.planted"))
        };
        let before =
            [run_id_of(settings.parameters(), "corpus", 7), training_id_of(settings.parameters(), "corpus", 7)];
        assert_eq!(before[0], "87171b51de7f");
        assert_eq!(ids(&5.into()), (before.clone(), false));
        let (changed, listed) = ids(&6.into());
        assert!(listed && changed[0] != before[0] && changed[1] != before[1]);
        // A key of the first version counts at its default too, as it always has.
        assert!(settings.parameters().contains_key("train.k") && !settings.parameters().contains_key("model.kind"));
    }

    #[test]
    fn what_comes_after_training_is_no_part_of_its_identity() {
        let settings = Settings::resolve(&Explicit::default()).unwrap();
        let id = |path: &str| {
            let changed = Value::from("changed");
            let mut parameters = settings.parameters();
            parameters.insert(KEYS.iter().find(|key| key.path == path).unwrap().path, &changed);
            training_id_of(parameters, "corpus", 7)
        };
        let own = training_id_of(settings.parameters(), "corpus", 7);
        for key in KEYS.iter().filter(|key| key.role == Role::Parameter && key.since == 1) {
            let after = key.path.starts_with("sample.")
                || ["log_likelihood", "ais_", "raise_"]
                    .iter()
                    .any(|part| key.path.starts_with(&format!("evaluate.{part}")));
            assert_eq!(id(key.path) == own, after, "{}", key.path);
        }
    }
}
