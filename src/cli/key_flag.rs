//! The flags that mirror configuration keys.

use crate::sweep::{Key, Kind};
use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Command};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::ffi::OsStr;
use std::fmt::Display;
use std::marker::PhantomData;

/// A parser of the values of a key.
#[derive(Clone)]
pub(super) struct KeyParser<T> {
    key: &'static Key,
    value: PhantomData<fn() -> T>,
}

/// Returns a parser of the values of the key with this path, as the type that the key's options have.
pub(super) fn values_of<T>(path: &str) -> KeyParser<T> {
    KeyParser { key: Key::named(path), value: PhantomData }
}

impl<T: DeserializeOwned + Clone + Send + Sync + 'static> TypedValueParser for KeyParser<T> {
    type Value = T;

    fn parse_ref(&self, command: &Command, argument: Option<&Arg>, value: &OsStr) -> Result<T, clap::Error> {
        let key = self.key;
        let read = move |text: String| -> Result<T, Box<dyn std::error::Error + Send + Sync>> {
            let value = key.parse(&text).map_err(|_| format!("expected {}", key.kind.describe()))?;
            Ok(serde_json::from_value(value)?)
        };
        StringValueParser::new().try_map(read).parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        match self.key.kind {
            Kind::Choice(choices) => Some(Box::new(choices.iter().map(PossibleValue::new))),
            _ => None,
        }
    }
}

/// Returns the help text of a flag: the key's sentence, its values, and the model's run as the default.
pub(super) fn help(path: &str) -> String {
    help_with_default(path, &format!("`{path}` of the model's run"))
}

/// Returns [`help`] with another default.
pub(super) fn help_with_default(path: &str, default: &str) -> String {
    let key = Key::named(path);
    let values = match key.kind {
        // clap lists the choices itself.
        Kind::Choice(_) => String::new(),
        kind => format!(" Takes {}.", kind.describe()),
    };
    format!("{}{values} [default: {default}]", key.doc)
}

/// A number of a model's run that its flag would not take.
#[derive(Debug, thiserror::Error)]
#[error("the model's run has `{path}` = {value}, expected {}: set {flag}", Key::named(path).kind.describe())]
pub(super) struct OutOfRange {
    path: &'static str,
    flag: &'static str,
    value: Value,
}

/// Returns the number of a flag, or that of the model's run if it is one of the key's.
pub(super) fn or_of_run<T>(flag: (&'static str, Option<T>), path: &'static str, of_run: T) -> Result<T, OutOfRange>
where
    T: Copy + Display + Into<Value>,
{
    let (flag, given) = flag;
    match given {
        Some(number) => Ok(number),
        None if Key::named(path).admits(&of_run.into()) => Ok(of_run),
        None => Err(OutOfRange { path, flag, value: of_run.into() }),
    }
}
