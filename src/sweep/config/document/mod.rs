//! A TOML document as a tree in which every node knows its place.

mod files;

pub(in crate::sweep::config) use files::{documents, read};

use crate::machine::text::Shown as _;
use crate::sweep::config::error::{ConfigError, Origin, Source};
use crate::sweep::config::key::Kind;
use crate::sweep::config::keys::KEYS;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) value: Raw,
    pub(crate) origin: Origin,
}

/// A TOML value, before the key it belongs to gives it a meaning.
#[derive(Clone, Debug)]
pub(crate) enum Raw {
    Text(String),
    /// None where the number does not fit 128 bits.
    Integer(Option<i128>),
    Float(f64),
    Bool(bool),
    Date,
    List(Vec<Node>),
    /// Entries in the order written.
    Table(Vec<Entry>),
}

impl Raw {
    /// Returns the name of the type of a value, for messages.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a float",
            Self::Bool(_) => "a boolean",
            Self::Date => "a date",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// A key of a table and its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_origin: Origin,
    pub(crate) node: Node,
}

/// The name of the arguments as a source.
pub(crate) const ARGUMENTS: &str = "command line";
/// The text before an argument in messages.
pub(crate) const ARGUMENT_FLAG: &str = "--set ";

/// One layer of settings: a file, or one `--set` argument.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) entries: Vec<Entry>,
    /// The folder that relative paths of the corpus start from; empty for the working directory.
    pub(crate) folder: PathBuf,
}

impl Document {
    /// Parses the text of a file.
    pub(crate) fn from_file(path: &Path, text: String) -> Result<Self, ConfigError> {
        let source = Arc::new(Source { name: path.shown().to_string(), text });
        let entries = parse(&source, 0)?;
        Ok(Self { entries, folder: path.parent().map(Path::to_path_buf).unwrap_or_default() })
    }

    /// Parses `KEY=VALUE`. A bare word, which is not TOML, is a string.
    pub(crate) fn from_argument(argument: &str) -> Result<Self, ConfigError> {
        let source = Arc::new(Source { name: ARGUMENTS.to_owned(), text: format!("{ARGUMENT_FLAG}{argument}") });
        let whole = Origin { source: Arc::clone(&source), span: ARGUMENT_FLAG.len()..source.text.len() };
        let form = |message: &str| {
            ConfigError::at(&whole, message, "expected KEY=VALUE").help("for example `--set train.k=5`")
        };
        let Some(equals) = unquoted_equals(argument) else {
            return Err(form("`--set` without a value"));
        };
        if argument.contains(['\n', '\r']) || argument.trim_start().starts_with('[') {
            return Err(form("`--set` takes one key and its value"));
        }
        let (key, value) = (&argument[..equals], argument[equals + 1..].trim());
        if value.is_empty() {
            return Err(form("`--set` without a value"));
        }
        let entries = parse(&source, ARGUMENT_FLAG.len()).or_else(|error| {
            // Not TOML as a whole: with a value of zero the key shows whether the fault is its own.
            let is_text = value.starts_with(['[', '{']) && is_text_key(key);
            if !is_text && !is_bare_word(value) {
                return Err(error);
            }
            let start = ARGUMENT_FLAG.len()
                + equals
                + 1
                + (argument.len() - equals - 1 - argument[equals + 1..].trim_start().len());
            let word = Node {
                value: Raw::Text(value.to_owned()),
                origin: Origin { source: Arc::clone(&source), span: start..start + value.len() },
            };
            let mut entries = parse_text(&format!("{key}=0"), &source, ARGUMENT_FLAG.len())?;
            if let Some(entry) = entries.first_mut() {
                innermost(entry).node = word;
            }
            Ok(entries)
        })?;
        Ok(Self { entries, folder: PathBuf::new() })
    }
}

/// Returns the last entry of a chain of tables with one entry each, as a dotted key makes them.
fn innermost(entry: &mut Entry) -> &mut Entry {
    if matches!(&entry.node.value, Raw::Table(inner) if !inner.is_empty()) {
        let Raw::Table(inner) = &mut entry.node.value else { unreachable!("the value was a table a line ago") };
        return innermost(&mut inner[0]);
    }
    entry
}

/// Returns the position of the first `=` outside quotes.
fn unquoted_equals(argument: &str) -> Option<usize> {
    let mut quote = None;
    for (index, character) in argument.char_indices() {
        match (quote, character) {
            (None, '=') => return Some(index),
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), _) if open == character => quote = None,
            _ => {}
        }
    }
    None
}

/// Returns true if a value that is not TOML was meant as a plain string: it opens neither a quote nor a list or table.
fn is_bare_word(value: &str) -> bool {
    !value.starts_with(['"', '\'', '[', '{'])
}

/// Returns true if a path, or its last part, is that of a key whose value is a name or a path.
fn is_text_key(path: &str) -> bool {
    let path = path.trim();
    KEYS.iter().any(|key| {
        let is_text = matches!(key.kind, Kind::FileName | Kind::Text | Kind::InputPath | Kind::OutputPath);
        is_text && (key.path == path || key.path.rsplit('.').next() == Some(path))
    })
}

/// Returns the advice to put a name or a path into quotes, if the line around a fault sets one without them.
fn quotes_help(text: &str, fault: usize) -> Option<String> {
    let start = text.get(..fault)?.rfind('\n').map_or(0, |end| end + 1);
    let (key, value) = text[start..].lines().next()?.split_once('=')?;
    let value = value.trim();
    if value.is_empty() || value.contains(['"', '\'', '#']) || !is_text_key(key) {
        return None;
    }
    Some(format!("a string stands in quotes: `{} = \"{value}\"`", key.trim()))
}

fn parse(source: &Arc<Source>, skip: usize) -> Result<Vec<Entry>, ConfigError> {
    parse_text(&source.text[skip..], source, skip)
}

/// Parses `text`, whose first byte stands at `offset` of `source`.
fn parse_text(text: &str, source: &Arc<Source>, offset: usize) -> Result<Vec<Entry>, ConfigError> {
    let place = Places { source, offset };
    match DeTable::parse(text) {
        Ok(table) => Ok(place.entries(table.get_ref())),
        Err(error) => {
            let origin = place.origin(error.span().unwrap_or(0..0));
            if let Some(help) = quotes_help(text, error.span().map_or(0, |span| span.start)) {
                return Err(ConfigError::at(&origin, "not valid TOML", error.message()).help(help));
            }
            // What starts with a letter is read as a misspelt `true` or `false`.
            if error.message().starts_with("invalid boolean") {
                return Err(ConfigError::at(&origin, "not valid TOML", "neither a number, true nor false")
                    .help("a string stands in quotes"));
            }
            Err(ConfigError::at(&origin, "not valid TOML", error.message()))
        }
    }
}

/// Turns spans of a parsed text into places of a source.
struct Places<'a> {
    source: &'a Arc<Source>,
    offset: usize,
}

impl Places<'_> {
    fn origin(&self, span: std::ops::Range<usize>) -> Origin {
        Origin { source: Arc::clone(self.source), span: span.start + self.offset..span.end + self.offset }
    }

    /// Returns the entries of a table in the order written, which the parser's sorted map has lost.
    fn entries(&self, table: &DeTable<'_>) -> Vec<Entry> {
        let mut entries: Vec<Entry> = table
            .iter()
            .map(|(key, value)| Entry {
                key: key.get_ref().to_string(),
                key_origin: self.origin(key.span()),
                node: self.node(value),
            })
            .collect();
        entries.sort_by_key(|entry| entry.key_origin.span.start);
        entries
    }

    fn node(&self, value: &Spanned<DeValue<'_>>) -> Node {
        Node {
            value: match value.get_ref() {
                DeValue::String(text) => Raw::Text(text.to_string()),
                DeValue::Integer(number) => Raw::Integer(i128::from_str_radix(number.as_str(), number.radix()).ok()),
                // A literal beyond f64's range parses to infinity, which every key refuses.
                DeValue::Float(number) => Raw::Float(number.as_str().parse().unwrap_or(f64::NAN)),
                DeValue::Boolean(flag) => Raw::Bool(*flag),
                DeValue::Datetime(_) => Raw::Date,
                DeValue::Array(items) => Raw::List(items.iter().map(|item| self.node(item)).collect()),
                DeValue::Table(table) => Raw::Table(self.entries(table)),
            },
            origin: self.origin(value.span()),
        }
    }
}
