//! An axis of a sweep: a key with the values it takes, listed, spaced or drawn at random.

use super::document::{Entry, Node, Raw};
use super::error::{ConfigError, Origin};
use super::key::{Key, Kind};
use super::keys::KEYS;
use super::value::{Assignment, check, closest, empty_list, float, twice};
use crate::engine::{Purpose, RowStreams, uniform_below};
use rand_core::Rng as _;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;

/// A key and the values it takes, in order.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    /// Position in [`KEYS`].
    pub(crate) key: usize,
    pub(crate) key_origin: Origin,
    /// The place of the list of values.
    pub(crate) origin: Origin,
    pub(crate) values: Vec<Arc<Assignment>>,
}

impl Axis {
    /// Reads `key = [values]`, `key = { linspace = [a, b], count = n }` or the same with `logspace`.
    pub(crate) fn read(key: usize, entry: &Entry, folder: &Path) -> Result<Self, ConfigError> {
        let values = match &entry.node.value {
            Raw::List(items) => listed(&KEYS[key], &entry.node.origin, items, folder)?,
            Raw::Table(fields) => spaced(&KEYS[key], &entry.node.origin, fields, folder)?,
            found => {
                let text = entry.node.origin.text();
                return Err(ConfigError::at(
                    &entry.node.origin,
                    format!("the axis `{}` cannot be {}", KEYS[key].path, found.type_name()),
                    "expected a list of values",
                )
                .help(format!("for a single value write `[{text}]`")));
            }
        };
        Ok(Self { key, key_origin: entry.key_origin.clone(), origin: entry.node.origin.clone(), values })
    }
}

/// Reads the values of a list, each once.
fn listed(key: &Key, origin: &Origin, items: &[Node], folder: &Path) -> Result<Vec<Arc<Assignment>>, ConfigError> {
    if items.is_empty() {
        return Err(empty_list(origin, key));
    }
    let mut values: Vec<Arc<Assignment>> = Vec::with_capacity(items.len());
    for item in items {
        let value = check(key, item, folder).map_err(|error| match (key.kind, &item.value) {
            (Kind::Choices(_) | Kind::Integers { .. } | Kind::Layers { .. }, found)
                if !matches!(found, Raw::List(_)) =>
            {
                let text = origin.text();
                error.help(format!("each value of this axis is a list; for this one alone write `[{text}]`"))
            }
            _ => error,
        })?;
        if let Some(first) = values.iter().find(|earlier| earlier.value == value) {
            return Err(twice(key, &value, &item.origin, &first.origin));
        }
        values.push(Arc::new(Assignment { value, origin: item.origin.clone() }));
    }
    Ok(values)
}

/// Returns values from one end to the other at equal distances or ratios. Both ends are exact; those between are
/// rounded to twelve significant digits, so that ten times 0.0001 is 0.001.
fn spaced(key: &Key, origin: &Origin, fields: &[Entry], folder: &Path) -> Result<Vec<Arc<Assignment>>, ConfigError> {
    const MOST: i128 = 100_000;
    let mut scale = None;
    let mut count = None;
    for field in fields {
        match field.key.as_str() {
            name @ ("linspace" | "logspace") if scale.is_none() => {
                scale = Some((name == "logspace", ends(key, field, folder, name == "logspace")?));
            }
            "count" => match field.node.value {
                Raw::Integer(Some(number)) if (2..=MOST).contains(&number) => count = Some(number as usize),
                _ => {
                    return Err(ConfigError::at(
                        &field.node.origin,
                        format!("`count` cannot be {}", field.node.origin.text()),
                        format!("expected an integer from 2 to {MOST}"),
                    ));
                }
            },
            name => return Err(unknown_field(field, name, &["linspace", "logspace", "count"])),
        }
    }
    let (Some((logarithmic, [first, last])), Some(count)) = (scale, count) else {
        return Err(ConfigError::at(origin, format!("the axis `{}` is incomplete", key.path), "no list of values")
            .help("write `[a, b, c]`, `{ linspace = [a, b], count = n }` or `{ logspace = [a, b], count = n }`"));
    };
    let mut values: Vec<Arc<Assignment>> = Vec::with_capacity(count);
    for index in 0..count {
        let share = index as f64 / (count - 1) as f64;
        let number = match index {
            0 => first,
            _ if index == count - 1 => last,
            _ => significant(between(first, last, share, logarithmic), 12).clamp(first.min(last), first.max(last)),
        };
        let value = number_of(key, number);
        if values.last().is_some_and(|previous| previous.value == value) {
            let shown = super::key::display(&value);
            return Err(ConfigError::at(
                origin,
                format!("two values of the axis `{}` are {shown}", key.path),
                format!("{count} values are too many for this range"),
            ));
        }
        values.push(Arc::new(Assignment { value, origin: origin.clone() }));
    }
    Ok(values)
}

/// A key that is drawn at random for every random point.
#[derive(Clone, Debug)]
pub(crate) struct RandomAxis {
    /// Position in [`KEYS`].
    pub(crate) key: usize,
    pub(crate) key_origin: Origin,
    origin: Origin,
    range: Range,
}

/// The distribution that values are drawn from.
#[derive(Clone, Debug)]
enum Range {
    /// Uniformly between two ends; integers with both ends included.
    Uniform([f64; 2]),
    /// Uniformly in the logarithm.
    LogUniform([f64; 2]),
    /// One of these.
    Choice(Vec<Arc<Assignment>>),
}

impl RandomAxis {
    /// Reads `key = { uniform = [a, b] }`, `{ log-uniform = [a, b] }` or `{ choice = [values] }`.
    pub(crate) fn read(key: usize, entry: &Entry, folder: &Path) -> Result<Self, ConfigError> {
        const NAMES: &[&str] = &["uniform", "log-uniform", "choice"];
        let form = |message: String| {
            ConfigError::at(&entry.node.origin, message, "expected a range").help(
                "write `{ uniform = [a, b] }`, `{ log-uniform = [a, b] }` or `{ choice = [a, b, c] }`; \
                 integer keys draw integers, both ends included",
            )
        };
        let registered = &KEYS[key];
        let Raw::Table(fields) = &entry.node.value else {
            let found = entry.node.value.type_name();
            return Err(form(format!("`{}` in `[sweep.random]` cannot be {found}", registered.path)));
        };
        let [field] = fields.as_slice() else {
            return Err(form(format!("`{}` in `[sweep.random]` has {} ranges", registered.path, fields.len())));
        };
        let range = match (field.key.as_str(), &field.node.value) {
            ("choice", Raw::List(items)) => Range::Choice(listed(registered, &field.node.origin, items, folder)?),
            ("choice", _) => return Err(form(format!("`choice` of `{}` is not a list", registered.path))),
            ("uniform", _) => Range::Uniform(ascending(field, ends(registered, field, folder, false)?)?),
            ("log-uniform", _) => Range::LogUniform(ascending(field, ends(registered, field, folder, true)?)?),
            (name, _) => return Err(unknown_field(field, name, NAMES)),
        };
        Ok(Self { key, key_origin: entry.key_origin.clone(), origin: entry.node.origin.clone(), range })
    }

    /// Writes the range as TOML; `written` writes a value.
    pub(crate) fn to_toml(&self, written: impl Fn(&Assignment) -> String) -> String {
        let ends = |[low, high]: &[f64; 2]| {
            let key = &KEYS[self.key];
            [low, high].map(|end| super::key::display(&number_of(key, *end))).join(", ")
        };
        match &self.range {
            Range::Uniform(range) => format!("{{ uniform = [{}] }}", ends(range)),
            Range::LogUniform(range) => format!("{{ log-uniform = [{}] }}", ends(range)),
            Range::Choice(values) => {
                let values: Vec<String> = values.iter().map(|value| written(value)).collect();
                format!("{{ choice = [{}] }}", values.join(", "))
            }
        }
    }

    /// Draws the value of the random point `index`: a function of the seed, the key and the index alone, whatever other
    /// keys and points there are. Floats are rounded to six significant digits, so that tables show them whole.
    pub(crate) fn draw(&self, seed: u64, index: usize) -> Arc<Assignment> {
        let key = &KEYS[self.key];
        let hash = blake3::hash(key.path.as_bytes());
        let stream = hash.as_bytes()[..8].iter().fold(0, |word, &byte| word << 8 | u64::from(byte));
        let mut generator = RowStreams::new(seed, Purpose::RandomSearch, stream, 0, 0).generator(index);
        let mut share = || (generator.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        let value = match &self.range {
            Range::Choice(values) => {
                return Arc::clone(&values[uniform_below(&mut generator, values.len() as u64) as usize]);
            }
            Range::Uniform([low, high]) if matches!(key.kind, Kind::Integer { .. }) => {
                let above = uniform_below(&mut generator, (high - low) as u64 + 1);
                Value::from(*low as i64 + above as i64)
            }
            Range::Uniform([low, high]) => {
                number_of(key, significant(between(*low, *high, share(), false), 6).clamp(*low, *high))
            }
            Range::LogUniform([low, high]) => {
                number_of(key, significant(between(*low, *high, share(), true), 6).clamp(*low, *high))
            }
        };
        Arc::new(Assignment { value, origin: self.origin.clone() })
    }
}

/// Reads the two ends of a range, each a value of the key; above zero where the range is logarithmic.
fn ends(key: &Key, field: &Entry, folder: &Path, logarithmic: bool) -> Result<[f64; 2], ConfigError> {
    if !matches!(key.kind, Kind::Integer { .. } | Kind::Float { .. }) {
        return Err(ConfigError::at(
            &field.key_origin,
            format!("`{}` has no range: it takes {}", key.path, key.kind.describe()),
            "for numbers only",
        ));
    }
    let pair = match &field.node.value {
        Raw::List(items) if items.len() == 2 => [&items[0], &items[1]],
        _ => {
            return Err(ConfigError::at(
                &field.node.origin,
                format!("`{}` of `{}` has no two ends", field.key, key.path),
                "expected a list of two numbers",
            ));
        }
    };
    let mut numbers = [0.0; 2];
    for (number, node) in numbers.iter_mut().zip(pair) {
        *number = check(key, node, folder)?.as_f64().unwrap_or_else(|| panic!("`{}` is a key of numbers", key.path));
        if logarithmic && *number <= 0.0 {
            return Err(ConfigError::at(
                &node.origin,
                format!("`{}` of `{}` cannot reach {}", field.key, key.path, node.origin.text()),
                "expected a number above 0",
            ));
        }
    }
    Ok(numbers)
}

fn ascending(field: &Entry, [low, high]: [f64; 2]) -> Result<[f64; 2], ConfigError> {
    if low < high {
        return Ok([low, high]);
    }
    Err(ConfigError::at(
        &field.node.origin,
        format!("the range `{}` is empty", field.key),
        "expected the lower end first",
    ))
}

fn unknown_field(field: &Entry, name: &str, names: &[&str]) -> ConfigError {
    let error = ConfigError::at(
        &field.key_origin,
        format!("unknown field `{name}`"),
        format!("expected one of {}", names.join(", ")),
    );
    match closest(name, names) {
        Some(meant) => error.help(format!("did you mean `{meant}`?")),
        None => error,
    }
}

/// Returns the number a share of the way between two, on a linear or a logarithmic scale.
fn between(first: f64, last: f64, share: f64, logarithmic: bool) -> f64 {
    if logarithmic {
        let (first, last) = (libm::log(first), libm::log(last));
        libm::exp(first + share * (last - first))
    } else {
        first + share * (last - first)
    }
}

/// Rounds a number to `digits` significant decimal digits.
fn significant(number: f64, digits: usize) -> f64 {
    format!("{number:.*e}", digits - 1).parse().unwrap_or(number)
}

/// Returns a number of a range as a value of the key: integer keys take the nearest integer.
fn number_of(key: &Key, number: f64) -> Value {
    match key.kind {
        Kind::Integer { .. } => Value::from(number.round() as i64),
        _ => float(key, number).unwrap_or_else(|| panic!("{number} lies within the range of `{}`", key.path)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spacing_gives_the_numbers_one_would_write() {
        let shares = (0..4).map(|index| f64::from(index) / 3.0);
        let decades: Vec<f64> = shares.map(|share| significant(between(1e-4, 1e-1, share, true), 12)).collect();
        assert_eq!(decades, [1e-4, 1e-3, 1e-2, 1e-1]);
        assert_eq!(significant(between(0.1, 0.5, 0.5, false), 12), 0.3);
    }
}
