//! The values of keys: checked against their kinds, with the places where they were written.

use super::document::{ARGUMENT_FLAG, Node, Raw};
use super::error::{ConfigError, Origin};
use super::key::{Key, Kind, LONGEST_TEXT, Literal, display};
use super::keys::{KEYS, find_key};
use crate::machine::text::Shown as _;
use serde_json::Value;
use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

/// A checked value and where it was written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Assignment {
    pub(crate) value: Value,
    pub(crate) origin: Origin,
}

/// The assignments of a point, one for each of [`KEYS`]; `None` where the default holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Explicit(pub(crate) Vec<Option<Arc<Assignment>>>);

impl Default for Explicit {
    fn default() -> Self {
        Self(vec![None; KEYS.len()])
    }
}

impl Explicit {
    /// Returns the assignment of a key.
    pub(crate) fn get(&self, path: &str) -> Option<&Assignment> {
        self.0[position(path)].as_deref()
    }

    /// Sets a key that the code itself names.
    pub(in crate::sweep) fn set(&mut self, path: &str, value: Value, origin: Origin) {
        self.0[position(path)] = Some(Arc::new(Assignment { value, origin }));
    }

    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.get(path)?.value.as_str()
    }
}

/// Returns the position of a key that the code itself names.
pub(crate) fn position(path: &str) -> usize {
    find_key(path).unwrap_or_else(|| panic!("`{path}` is not in the registry of keys"))
}

impl Key {
    /// Returns a key that the code itself names.
    pub(crate) fn named(path: &str) -> &'static Self {
        &KEYS[position(path)]
    }
}

/// Checks a value against the kind of its key. Paths are resolved against `folder`; a float key takes integers too.
pub(crate) fn check(key: &Key, node: &Node, folder: &Path) -> Result<Value, ConfigError> {
    match (key.kind, &node.value) {
        (Kind::Integer { min, max }, Raw::Integer(number)) => integer(key, node, *number, min, max),
        (Kind::Float { .. }, Raw::Integer(_) | Raw::Float(_)) => {
            let number = as_float(&node.value).ok_or_else(|| wrong_type(key, node))?;
            float(key, number).ok_or_else(|| out_of_range(key, node))
        }
        (Kind::Bool, Raw::Bool(flag)) => Ok((*flag).into()),
        (Kind::Choice(choices), Raw::Text(text)) => {
            Ok(choice(key, node, text, choices).map(|name| stored_name(key, name))?.into())
        }
        (Kind::Choices(choices), Raw::List(items)) => {
            let names = list(key, items, |item| match &item.value {
                Raw::Text(text) => choice(key, item, text, choices).map(Value::from),
                other => Err(wrong_item(key, item, other)),
            })?;
            if names.is_empty() {
                return Err(empty_list(&node.origin, key));
            }
            Ok(Value::Array(names))
        }
        (Kind::Layers { min, max }, Raw::List(items)) if !items.is_empty() => {
            let sizes = items.iter().map(|item| match &item.value {
                Raw::Integer(number) => integer(key, item, *number, min, max),
                other => Err(wrong_item(key, item, other)),
            });
            Ok(Value::Array(sizes.collect::<Result<_, _>>()?))
        }
        (_, Raw::List(items)) if key.may_differ_by_layer() && !items.is_empty() => {
            let values = items.iter().map(|item| match &item.value {
                Raw::List(_) => Err(wrong_item(key, item, &item.value)),
                _ => check(key, item, folder),
            });
            Ok(Value::Array(values.collect::<Result<_, _>>()?))
        }
        (Kind::Integers { min, max }, Raw::List(items)) => {
            let numbers = list(key, items, |item| match &item.value {
                Raw::Integer(number) => integer(key, item, *number, min, max),
                other => Err(wrong_item(key, item, other)),
            })?;
            Ok(Value::Array(numbers))
        }
        (Kind::Seed, Raw::Integer(number)) => {
            let seed = number.and_then(|number| u64::try_from(number).ok());
            seed.map(Value::from).ok_or_else(|| out_of_range(key, node))
        }
        (Kind::Seed, Raw::Text(text)) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
            text.parse::<u64>().map(Value::from).map_err(|_| out_of_range(key, node))
        }
        (Kind::AutoOrInteger { max }, Raw::Integer(number)) => integer(key, node, *number, 1, max),
        (Kind::AutoOrInteger { .. }, Raw::Text(text)) if text == "auto" => Ok("auto".into()),
        (Kind::Seed | Kind::AutoOrInteger { .. }, Raw::Text(_)) => Err(out_of_range(key, node)),
        (Kind::FileName, Raw::Text(text)) => file_name(key, node, text),
        (Kind::Text, Raw::Text(text)) => short_text(key, node, text),
        (Kind::Texts, Raw::List(items)) => Ok(Value::Array(list(key, items, |item| match &item.value {
            Raw::Text(text) => short_text(key, item, text),
            other => Err(wrong_item(key, item, other)),
        })?)),
        (Kind::InputPath | Kind::OutputPath, Raw::Text(text)) if text.is_empty() || text.contains('\0') => {
            Err(ConfigError::at(&node.origin, format!("`{}` names no file or folder", key.path), "expected a path"))
        }
        (Kind::InputPath, Raw::Text(text)) => path_below(folder, &at_home(text)).ok_or_else(|| {
            ConfigError::at(
                &node.origin,
                format!("`{}` starts from a folder whose name is not Unicode", key.path),
                format!("relative to {}", folder.shown()),
            )
            .help("write an absolute path, or give it with `--set` relative to the working directory")
        }),
        (Kind::OutputPath, Raw::Text(text)) => Ok(at_home(text).as_ref().into()),
        _ => Err(wrong_type(key, node)),
    }
}

impl Key {
    /// Reads a value from the text of a flag, which has no quotes.
    pub(crate) fn parse(&self, text: &str) -> Result<Value, ConfigError> {
        let integer = || text.parse().ok().map(|number| Raw::Integer(Some(number)));
        let value = match self.kind {
            Kind::Integer { .. } | Kind::Seed | Kind::AutoOrInteger { .. } => integer(),
            Kind::Float { .. } => text.parse().ok().map(Raw::Float),
            Kind::Bool => text.parse().ok().map(Raw::Bool),
            _ => None,
        };
        let value = value.unwrap_or_else(|| Raw::Text(text.to_owned()));
        check(self, &Node { value, origin: Origin::of_argument(text) }, Path::new(""))
    }

    /// Checks a value that a record or a model file has for the key, as one of a configuration is checked. The error
    /// names the value and those possible.
    pub(crate) fn check_recorded(&self, value: &Value) -> Result<(), String> {
        let absent = value.is_null() && self.default == Literal::Absent;
        let checked = raw(value).filter(|_| !absent).map(|value| {
            let origin = Origin::of_argument("");
            check(self, &Node { value, origin }, Path::new(""))
        });
        if absent || checked.is_some_and(|checked| checked.is_ok()) {
            return Ok(());
        }
        let (expected, mut value) = (self.kind.describe(), display(value));
        if let Some((end, _)) = value.char_indices().nth(LONGEST_SHOWN) {
            value.replace_range(end.., "…");
        }
        Err(format!("`{}` is {value}: expected {expected}", self.path))
    }

    /// Returns true for a number within the range of a key of numbers.
    pub(crate) fn admits(&self, number: &Value) -> bool {
        match self.kind {
            Kind::Integer { min, max } => number.as_i64().is_some_and(|number| (min..=max).contains(&number)),
            Kind::Float { .. } => number.as_f64().is_some_and(|number| float(self, number).is_some()),
            _ => panic!("`{}` is not a key of numbers", self.path),
        }
    }
}

/// Returns a value of JSON as one of TOML, without its place; `None` if TOML has none like it.
fn raw(value: &Value) -> Option<Raw> {
    Some(match value {
        Value::Null | Value::Object(_) => return None,
        Value::Bool(flag) => Raw::Bool(*flag),
        Value::String(text) => Raw::Text(text.clone()),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Raw::Integer(Some(number.into())),
            (None, Some(number)) => Raw::Integer(Some(number.into())),
            (None, None) => Raw::Float(number.as_f64()?),
        },
        Value::Array(items) => {
            let node = |item| Some(Node { value: raw(item)?, origin: Origin::of_argument("") });
            Raw::List(items.iter().map(node).collect::<Option<_>>()?)
        }
    })
}

/// Returns the number of an integer or a float.
pub(crate) fn as_float(value: &Raw) -> Option<f64> {
    match value {
        Raw::Integer(number) => Some(number.map_or(f64::INFINITY, |number| number as f64)),
        Raw::Float(number) => Some(*number),
        _ => None,
    }
}

/// Returns a float within the range of its key. Zero has no sign, so that −0 and 0 are the same run.
pub(crate) fn float(key: &Key, number: f64) -> Option<Value> {
    let Kind::Float { min, max, below_max } = key.kind else {
        panic!("`{}` is not a key of floats", key.path);
    };
    let within = number >= min && (number < max || (number == max && !below_max));
    within.then(|| Value::from(if number == 0.0 { 0.0 } else { number }))
}

fn integer(key: &Key, node: &Node, number: Option<i128>, min: i64, max: i64) -> Result<Value, ConfigError> {
    number
        .and_then(|number| i64::try_from(number).ok())
        .filter(|number| (min..=max).contains(number))
        .map(Value::from)
        .ok_or_else(|| out_of_range(key, node))
}

/// Names of values that records have under an older name: key, name, name in records.
const OLDER_NAMES: &[(&str, &str, &str)] = &[("corpus.compat", "article", "seed")];

/// Returns the name that records have for a choice.
fn stored_name<'a>(key: &Key, name: &'a str) -> &'a str {
    let older = OLDER_NAMES.iter().find(|(path, newer, _)| *path == key.path && *newer == name);
    older.map_or(name, |(_, _, older)| older)
}

fn choice<'a>(key: &Key, node: &Node, text: &'a str, choices: &[&str]) -> Result<&'a str, ConfigError> {
    if choices.contains(&text) {
        return Ok(text);
    }
    let error = ConfigError::at(
        &node.origin,
        format!("`{}` cannot be {}", key.path, written(node)),
        format!("expected {}", key.kind.describe()),
    );
    Err(match closest(text, choices) {
        Some(meant) => error.help(format!("did you mean \"{meant}\"?")),
        None => error,
    })
}

/// Checks every item, and that none occurs twice.
fn list(
    key: &Key,
    items: &[Node],
    check: impl Fn(&Node) -> Result<Value, ConfigError>,
) -> Result<Vec<Value>, ConfigError> {
    let mut values: Vec<Value> = Vec::with_capacity(items.len());
    for item in items {
        let value = check(item)?;
        if let Some(first) = values.iter().position(|earlier| *earlier == value) {
            return Err(twice(key, &value, &item.origin, &items[first].origin));
        }
        values.push(value);
    }
    Ok(values)
}

/// Checks the name of a folder: a single path component that every system accepts.
fn file_name(key: &Key, node: &Node, text: &str) -> Result<Value, ConfigError> {
    file_name_fault(text).map_or_else(
        || Ok(text.into()),
        |fault| {
            Err(ConfigError::at(&node.origin, format!("`{}` cannot be {}", key.path, written(node)), fault)
                .help("the name becomes that of a folder below `output.dir`"))
        },
    )
}

/// Checks the length of a text.
fn short_text(key: &Key, node: &Node, text: &str) -> Result<Value, ConfigError> {
    if text.chars().count() > LONGEST_TEXT { Err(out_of_range(key, node)) } else { Ok(text.into()) }
}

/// Returns the reason why a text cannot name a folder on every system; `None` if it can.
pub(crate) fn file_name_fault(text: &str) -> Option<&'static str> {
    const RESERVED: &[char] = &['/', '\\', ':', '*', '?', '"', '<', '>', '|'];
    if text.is_empty() {
        Some("an empty name")
    } else if text.contains(RESERVED) || text.chars().any(char::is_control) {
        Some("a file name holds no / \\ : * ? \" < > | and no control character")
    } else if text.starts_with(['.', '-', ' ']) || text.ends_with(['.', ' ']) {
        Some("a name starts with no dot, dash or space, and ends with no dot or space")
    } else if text.len() > 200 {
        Some("a name has at most 200 bytes")
    } else {
        None
    }
}

/// Returns a path with `~` at its start as the user's home folder; as it is if there is none.
pub(in crate::sweep::config) fn at_home(path: &str) -> Cow<'_, str> {
    let rest = match path.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with(std::path::is_separator) => rest,
        _ => return path.into(),
    };
    let home = std::env::home_dir().filter(|home| !home.as_os_str().is_empty());
    let home = home.and_then(|home| home.into_os_string().into_string().ok());
    home.map_or_else(|| path.into(), |home| format!("{home}{rest}").into())
}

/// Converts a `path` relative to `folder` to one relative to the working directory.
fn path_below(folder: &Path, path: &str) -> Option<Value> {
    folder.join(path).to_str().map(Value::from)
}

fn wrong_type(key: &Key, node: &Node) -> ConfigError {
    let error = ConfigError::at(
        &node.origin,
        format!("`{}` cannot be {}", key.path, node.value.type_name()),
        format!("expected {}", key.kind.describe()),
    );
    let is_number = matches!(key.kind, Kind::Integer { .. } | Kind::Float { .. });
    let is_text = matches!(key.kind, Kind::FileName | Kind::Text | Kind::InputPath | Kind::OutputPath);
    match &node.value {
        Raw::List(_) if key.may_be_swept() => error.help(sweep_advice(key, &node.origin)),
        Raw::Text(text) if is_number && text.parse::<f64>().is_ok() => {
            error.help(format!("a number stands without quotes: `{text}`"))
        }
        Raw::Integer(_) | Raw::Float(_) | Raw::Bool(_) | Raw::Date if is_text => {
            let text = node.origin.text();
            error.help(if on_command_line(&node.origin) {
                format!("a string stands in quotes: `--set '{}=\"{text}\"'`", key.path)
            } else {
                format!("a string stands in quotes: `\"{text}\"`")
            })
        }
        _ => error,
    }
}

/// Returns the error of a list of values for layers, given their number and that of the model's layers.
pub(super) fn wrong_list(key: &Key, origin: &Origin, (values, layers): (usize, usize)) -> ConfigError {
    if layers == 0 {
        let node = Node { value: Raw::List(Vec::new()), origin: origin.clone() };
        return wrong_type(key, &node);
    }
    let message = format!("`{}` has {values} values for the {layers} layers of `model.layers`", key.path);
    ConfigError::at(origin, message, "one for each layer, from below").help("a single value stands for all layers")
}

/// Returns true if a value was given by `--set`; a file that starts like this is not TOML.
fn on_command_line(origin: &Origin) -> bool {
    origin.source.text.starts_with(ARGUMENT_FLAG)
}

fn out_of_range(key: &Key, node: &Node) -> ConfigError {
    let label = format!("expected {}", key.kind.describe());
    let message = match node.value {
        Raw::Float(number) if !number.is_finite() => {
            format!("`{}` cannot be {}: it is not a finite number", key.path, written(node))
        }
        _ => format!("`{}` cannot be {}", key.path, written(node)),
    };
    ConfigError::at(&node.origin, message, label)
}

fn wrong_item(key: &Key, item: &Node, found: &Raw) -> ConfigError {
    ConfigError::at(
        &item.origin,
        format!("a value in the list `{}` cannot be {}", key.path, found.type_name()),
        format!("expected {}", key.kind.describe()),
    )
}

/// Returns the error of a list without items, of a key or of an axis.
pub(crate) fn empty_list(origin: &Origin, key: &Key) -> ConfigError {
    ConfigError::at(origin, format!("`{}` has an empty list", key.path), "expected at least one value")
}

/// Returns the error of a value that a list holds twice.
pub(crate) fn twice(key: &Key, value: &Value, again: &Origin, first: &Origin) -> ConfigError {
    ConfigError::at(again, format!("`{}` lists {} twice", key.path, display(value)), "the same value again")
        .related(first, "first here")
}

/// Returns the advice to sweep a key, for a list where one value is expected.
fn sweep_advice(key: &Key, origin: &Origin) -> String {
    let list = match origin.text() {
        long if long.contains('\n') => "[…]",
        list => list,
    };
    if on_command_line(origin) {
        format!("to run every value, write `--set 'sweep.grid.\"{}\"={list}'`", key.path)
    } else {
        format!("to run every value, write `\"{}\" = {list}` below `[sweep.grid]`", key.path)
    }
}

/// The most characters of a value in a message.
const LONGEST_SHOWN: usize = 40;

/// Returns a value as it was written, cut to a length that fits a message.
fn written(node: &Node) -> String {
    let text = match &node.value {
        // A bare word of `--set` has no quotes of its own.
        Raw::Text(text) => display(&Value::from(text.as_str())),
        _ => node.origin.text().to_owned(),
    };
    match text.char_indices().nth(LONGEST_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Returns the candidate that was likely meant, if one is near: at most a third of the letters off.
pub(crate) fn closest<'a>(text: &str, candidates: &[&'a str]) -> Option<&'a str> {
    candidates
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(&text.to_lowercase(), candidate), *candidate))
        .filter(|(distance, candidate)| *distance <= candidate.chars().count().div_ceil(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The names that other programs have for keys: the last part of a path, without the dashes or underscores.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("batch", "train.batch_size"),
    ("bpm", "sample.tempo"),
    ("bs", "train.batch_size"),
    ("cd", "train.k"),
    ("cdk", "train.k"),
    ("cdsteps", "train.k"),
    ("corpus", "corpus.path"),
    ("data", "corpus.path"),
    ("dataset", "corpus.path"),
    ("decay", "train.weight_decay"),
    ("earlystopping", "train.early_stopping_patience"),
    ("epoch", "train.epochs"),
    ("folder", "corpus.path"),
    ("gibbs", "train.k"),
    ("gibbssteps", "train.k"),
    ("hiddensize", "model.hidden"),
    ("hiddenunits", "model.hidden"),
    ("iterations", "train.epochs"),
    ("l1", "train.weight_decay_l1"),
    ("l2", "train.weight_decay"),
    ("lr", "train.learning_rate"),
    ("midi", "corpus.path"),
    ("minibatch", "train.batch_size"),
    ("nepochs", "train.epochs"),
    ("nhidden", "model.hidden"),
    ("numepochs", "train.epochs"),
    ("numhidden", "model.hidden"),
    ("optimiser", "train.optimizer"),
    ("patience", "train.early_stopping_patience"),
    ("rate", "train.learning_rate"),
    ("repeats", "replicates.count"),
    ("replicates", "replicates.count"),
    ("seeds", "replicates.count"),
    ("songs", "corpus.path"),
    ("threads", "run.threads_per_run"),
    ("units", "model.hidden"),
    ("window", "model.timesteps"),
    ("wd", "train.weight_decay"),
    ("workers", "run.jobs"),
];

/// Returns the key that was meant by a name alone: its last part, or a name that other programs have for it.
pub(crate) fn meant_key(name: &str) -> Option<&'static str> {
    let plain: String = name.to_lowercase().chars().filter(|letter| !matches!(letter, '-' | '_')).collect();
    let other = OTHER_NAMES.iter().find(|(other, _)| *other == plain).map(|(_, key)| *key);
    let last = |key: &&Key| key.path.rsplit('.').next() == Some(name);
    KEYS.iter().find(last).map(|key| key.path).or(other)
}

/// Returns the key that was likely meant by a path: the same name in another table, else a name of another program, else
/// a similar name, in its own table first.
pub(crate) fn closest_key(path: &str) -> Option<&'static str> {
    let (table, name) = path.rsplit_once('.').unwrap_or(("", path));
    let keys = KEYS.iter().map(|key| (key, key.path.rsplit('.').next().unwrap_or(key.path)));
    let (own, other): (Vec<_>, Vec<_>) = keys.partition(|(key, _)| key.table() == table);
    let similar = |keys: &[(&'static Key, &'static str)]| {
        let names: Vec<&'static str> = keys.iter().map(|(_, name)| *name).collect();
        let meant = closest(name, &names)?;
        keys.iter().find(|(_, name)| *name == meant).map(|(key, _)| key.path)
    };
    let same = other.iter().find(|(_, other)| *other == name).map(|(key, _)| key.path);
    same.or_else(|| meant_key(name)).or_else(|| similar(&own)).or_else(|| similar(&other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_other_programs_lead_to_keys_and_hide_none() {
        for (name, path) in OTHER_NAMES {
            assert!(find_key(path).is_some(), "{path}");
            assert!(KEYS.iter().all(|key| key.path != *name), "{name}");
            assert_eq!(closest_key(&format!("train.{name}")), meant_key(name), "{name}");
        }
        assert_eq!(meant_key("lr"), Some("train.learning_rate"));
        assert_eq!(meant_key("cd_steps"), Some("train.k"));
        assert_eq!(meant_key("Batch-Size"), None);
    }

    #[test]
    fn older_names_are_choices_of_their_keys() {
        for (path, newer, older) in OLDER_NAMES {
            let Kind::Choice(choices) = Key::named(path).kind else { panic!("`{path}` is not a key of choices") };
            assert!(choices.contains(newer) && choices.contains(older), "{path}: {choices:?}");
            assert_eq!(Key::named(path).parse(newer), Key::named(path).parse(older));
        }
    }

    #[test]
    fn flags_take_the_values_of_their_keys_and_no_others() {
        let parse = |path: &str, text: &str| Key::named(path).parse(text).ok();
        assert_eq!(parse("sample.count", "100000"), Some(100_000.into()));
        assert_eq!(parse("sample.tempo", "90"), Some(90.0.into()));
        assert_eq!(parse("sample.last_step", "draw"), Some("draw".into()));
        assert_eq!(parse("sample.skip_empty", "false"), Some(false.into()));
        assert_eq!(parse("replicates.seed", "18446744073709551615"), Some(u64::MAX.into()));
        assert_eq!(parse("run.jobs", "auto"), Some("auto".into()));
        assert_eq!(parse("run.jobs", "4"), Some(4.into()));
        for (path, text) in [
            ("sample.count", "100001"),
            ("sample.count", "-1"),
            ("sample.count", "1.5"),
            ("sample.count", "99999999999999999999999999999999999999999999"),
            ("sample.tempo", "nan"),
            ("sample.tempo", "3.9"),
            ("sample.last_step", "\"draw\""),
            ("sample.last_step", ""),
            ("run.jobs", "0"),
        ] {
            assert_eq!(parse(path, text), None, "{path}={text}");
        }
    }
}
