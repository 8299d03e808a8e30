//! One layer of a configuration: the keys that a file or one `--set` argument sets or sweeps.

use super::axis::{Axis, RandomAxis};
use super::document::{Document, Entry, Node, Raw};
use super::error::{ConfigError, Origin};
use super::halving::HALVING;
use super::key::Key;
use super::keys::{KEYS, find_key};
use super::value::{Assignment, check, closest, closest_key};
use std::path::Path;
use std::sync::Arc;

/// A key that is set to one value.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    /// Position in [`KEYS`].
    pub(crate) key: usize,
    pub(crate) assignment: Arc<Assignment>,
}

/// The settings and axes of one layer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layer {
    /// Keys set for the whole sweep.
    pub(crate) settings: Vec<Setting>,
    /// Axes of which every combination is run, in the order written.
    pub(crate) grid: Vec<Axis>,
    /// Groups of axes that are walked together; none where the layer does not speak of them.
    pub(crate) zips: Option<Vec<Vec<Axis>>>,
    /// Extra points.
    pub(crate) include: Option<Vec<PointSettings>>,
    /// Points to drop.
    pub(crate) exclude: Option<Vec<PointSettings>>,
    /// Number of random points.
    pub(crate) random_count: Option<(u64, Origin)>,
    /// Keys drawn at random for each of these points.
    pub(crate) random: Vec<RandomAxis>,
}

/// The settings of an `include` or `exclude` table, and where the table stands.
#[derive(Clone, Debug)]
pub(crate) struct PointSettings {
    pub(crate) origin: Origin,
    pub(crate) settings: Vec<Setting>,
}

impl Layer {
    /// Reads a document; mistakes are added to `errors`, and their entries are left out.
    pub(crate) fn read(document: &Document, errors: &mut Vec<ConfigError>) -> Self {
        let mut reader = Reader { folder: &document.folder, errors };
        let mut layer = Self::default();
        let (sweep, rest): (Vec<&Entry>, Vec<&Entry>) = document.entries.iter().partition(|entry| entry.key == "sweep");
        layer.settings = reader.settings(&rest, "", true);
        for entry in sweep {
            match &entry.node.value {
                Raw::Table(tables) => reader.sweep_tables(tables, &mut layer),
                _ => reader.errors.push(not_a_table("sweep", entry)),
            }
        }
        layer
    }
}

/// The tables below `sweep`.
const SWEEP_TABLES: &[&str] = &["grid", "zip", "include", "exclude", "random", "halving"];

struct Reader<'a> {
    folder: &'a Path,
    errors: &'a mut Vec<ConfigError>,
}

impl Reader<'_> {
    /// Returns the value of a result; an error is added to the mistakes.
    fn keep<T>(&mut self, result: Result<T, ConfigError>) -> Option<T> {
        result.map_err(|error| self.errors.push(error)).ok()
    }

    fn sweep_tables(&mut self, tables: &[Entry], layer: &mut Layer) {
        for table in tables {
            match (table.key.as_str(), &table.node.value) {
                ("grid", Raw::Table(entries)) => {
                    let entries: Vec<&Entry> = entries.iter().collect();
                    layer.grid = self.axes(&entries, "`[sweep.grid]`");
                }
                ("random", Raw::Table(entries)) => self.random(entries, layer),
                ("halving", Raw::Table(entries)) => self.halving(entries, layer),
                ("grid" | "random" | "halving", _) => {
                    self.errors.push(not_a_table(&format!("sweep.{}", table.key), table));
                }
                ("zip", Raw::List(items)) => {
                    let zips = items.iter().filter_map(|item| self.zip(item)).collect();
                    layer.zips = Some(zips);
                }
                ("include", Raw::List(items)) => layer.include = Some(self.points(items, "`[[sweep.include]]`")),
                ("exclude", Raw::List(items)) => layer.exclude = Some(self.points(items, "`[[sweep.exclude]]`")),
                (name @ ("zip" | "include" | "exclude"), found) => self.errors.push(
                    ConfigError::at(
                        &table.key_origin,
                        format!("`sweep.{name}` cannot be {}", found.type_name()),
                        "expected a list of tables",
                    )
                    .help(format!("write `[[sweep.{name}]]`, in double brackets")),
                ),
                (name, _) => {
                    let error = ConfigError::at(
                        &table.key_origin,
                        format!("unknown table `[sweep.{name}]`"),
                        format!("expected one of {}", SWEEP_TABLES.join(", ")),
                    );
                    self.errors.push(match closest(name, SWEEP_TABLES) {
                        Some(meant) => error.help(format!("did you mean `sweep.{meant}`?")),
                        None => error,
                    });
                }
            }
        }
    }

    /// Reads the settings of a table; unless `any_key`, of keys that may be swept only.
    fn settings(&mut self, entries: &[&Entry], table: &str, any_key: bool) -> Vec<Setting> {
        let mut leaves = self.leaves(entries, table);
        if !any_key {
            leaves.retain(|&(key, entry)| self.keep(may_be_swept(key, entry)).is_some());
        }
        self.values(leaves)
    }

    /// Reads the values of keys.
    fn values(&mut self, leaves: Vec<(usize, &Entry)>) -> Vec<Setting> {
        let setting = |(key, entry): (usize, &Entry)| {
            let value = self.keep(check(&KEYS[key], &entry.node, self.folder))?;
            Some(Setting { key, assignment: Arc::new(Assignment { value, origin: entry.node.origin.clone() }) })
        };
        leaves.into_iter().filter_map(setting).collect()
    }

    /// Reads the table of successive halving, whose keys hold for the whole sweep.
    fn halving(&mut self, entries: &[Entry], layer: &mut Layer) {
        let below = |entry: &'_ Entry| format!("{HALVING}.{}", entry.key);
        let open = entries.iter().rev().map(|entry| (below(entry), entry)).collect();
        let leaves = self.leaves_of(open, "");
        layer.settings.extend(self.values(leaves));
    }

    /// Reads the axes of a `grid` or `zip` table.
    fn axes(&mut self, entries: &[&Entry], table: &str) -> Vec<Axis> {
        let leaves = self.leaves(entries, table);
        let axis = |reader: &mut Self, (key, entry): (usize, &Entry)| {
            reader.keep(may_be_swept(key, entry))?;
            reader.keep(Axis::read(key, entry, reader.folder))
        };
        leaves.into_iter().filter_map(|leaf| axis(self, leaf)).collect()
    }

    fn zip(&mut self, item: &Node) -> Option<Vec<Axis>> {
        let entries = self.table_of(item, "`[[sweep.zip]]`")?;
        let known = self.errors.len();
        let axes = self.axes(&entries, "`[[sweep.zip]]`");
        if self.errors.len() > known {
            return None;
        }
        let Some(first) = axes.first() else {
            self.errors.push(ConfigError::at(
                &item.origin,
                "`[[sweep.zip]]` has no key",
                "expected at least one key with a list",
            ));
            return None;
        };
        let count = |axis: &Axis| match axis.values.len() {
            1 => "1 value".to_owned(),
            length => format!("{length} values"),
        };
        if let Some(other) = axes.iter().find(|axis| axis.values.len() != first.values.len()) {
            self.errors.push(
                ConfigError::at(&other.origin, "lists of unequal length in `[[sweep.zip]]`", count(other))
                    .related(&first.origin, count(first))
                    .help("lists of a zip are walked together; for every combination use `[sweep.grid]`"),
            );
            return None;
        }
        Some(axes)
    }

    fn points(&mut self, items: &[Node], table: &str) -> Vec<PointSettings> {
        let point = |reader: &mut Self, item: &Node| {
            let entries = reader.table_of(item, table)?;
            Some(PointSettings { origin: item.origin.clone(), settings: reader.settings(&entries, table, false) })
        };
        items.iter().filter_map(|item| point(self, item)).collect()
    }

    fn random(&mut self, entries: &[Entry], layer: &mut Layer) {
        const MOST: i128 = 1_000_000;
        let (count, keys): (Vec<&Entry>, Vec<&Entry>) = entries.iter().partition(|entry| entry.key == "count");
        for entry in count {
            match entry.node.value {
                Raw::Integer(Some(number)) if (1..=MOST).contains(&number) => {
                    layer.random_count = Some((number as u64, entry.node.origin.clone()));
                }
                _ => self.errors.push(ConfigError::at(
                    &entry.node.origin,
                    format!("`sweep.random.count` cannot be {}", entry.node.origin.text()),
                    format!("expected an integer from 1 to {MOST}"),
                )),
            }
        }
        for (key, entry) in self.leaves(&keys, "`[sweep.random]`") {
            let axis = may_be_swept(key, entry).and_then(|()| RandomAxis::read(key, entry, self.folder));
            layer.random.extend(self.keep(axis));
        }
    }

    /// Returns the entries of an item of a list of tables.
    fn table_of<'n>(&mut self, item: &'n Node, table: &str) -> Option<Vec<&'n Entry>> {
        if let Raw::Table(entries) = &item.value {
            return Some(entries.iter().collect());
        }
        self.errors.push(ConfigError::at(
            &item.origin,
            format!("an item of {table} cannot be {}", item.value.type_name()),
            "expected a table",
        ));
        None
    }

    /// Returns the keys of the registry that a table sets, whether it nests tables or dots its keys.
    fn leaves<'n>(&mut self, entries: &[&'n Entry], table: &str) -> Vec<(usize, &'n Entry)> {
        let open = entries.iter().rev().map(|entry| (entry.key.clone(), *entry)).collect();
        self.leaves_of(open, table)
    }

    /// Returns the keys of the registry at or below entries, each with its path; the last entry comes first.
    fn leaves_of<'n>(&mut self, mut open: Vec<(String, &'n Entry)>, table: &str) -> Vec<(usize, &'n Entry)> {
        let mut found: Vec<(usize, &Entry)> = Vec::new();
        while let Some((path, entry)) = open.pop() {
            if let Some(key) = find_key(&path) {
                if let Some((_, first)) = found.iter().find(|(other, _)| *other == key) {
                    self.errors.push(
                        ConfigError::at(&entry.key_origin, format!("`{path}` is set twice"), "set again")
                            .related(&first.key_origin, "first here"),
                    );
                    continue;
                }
                found.push((key, entry));
            } else if KEYS.iter().any(|key| key.table() == path) {
                match &entry.node.value {
                    Raw::Table(inner) => {
                        open.extend(inner.iter().rev().map(|entry| (format!("{path}.{}", entry.key), entry)));
                    }
                    _ => self.errors.push(not_a_table(&path, entry)),
                }
            } else {
                self.errors.push(unknown(&path, entry, table));
            }
        }
        found
    }
}

fn not_a_table(path: &str, entry: &Entry) -> ConfigError {
    ConfigError::at(
        &entry.node.origin,
        format!("`{path}` cannot be {}", entry.node.value.type_name()),
        "expected a table of keys",
    )
}

/// Returns the error of a path that is not a key, with the key that was likely meant.
fn unknown(path: &str, entry: &Entry, table: &str) -> ConfigError {
    let place = if table.is_empty() { String::new() } else { format!(" in {table}") };
    let (parent, name) = path.rsplit_once('.').unwrap_or(("", path));
    if matches!(entry.node.value, Raw::Table(_)) && parent.is_empty() && table.is_empty() {
        let error = ConfigError::at(&entry.key_origin, format!("unknown table `[{name}]`"), "no such table");
        let tables = tables();
        return match closest(name, &tables) {
            Some(meant) => error.help(format!("did you mean `[{meant}]`?")),
            None => error.help(format!("the tables are {}", tables.join(", "))),
        };
    }
    let error = ConfigError::at(&entry.key_origin, format!("unknown key `{path}`{place}"), "no such key");
    if let Some(meant) = closest_key(path) {
        return error.help(format!("did you mean `{meant}`?"));
    }
    if parent.is_empty() {
        return error.help(format!("keys stand in the tables {}", tables().join(", ")));
    }
    let keys = KEYS.iter().filter(|key| key.table() == parent);
    let names: Vec<&str> = keys.map(|key| &key.path[parent.len() + 1..]).collect();
    error.help(format!("the keys of `{parent}` are {}", names.join(", ")))
}

/// Returns the tables of a configuration.
fn tables() -> Vec<&'static str> {
    let is_own = |table: &&str| !table.is_empty() && *table != HALVING;
    let mut tables: Vec<&str> = KEYS.iter().map(Key::table).filter(is_own).collect();
    tables.dedup();
    tables.push("sweep");
    tables
}

/// Refuses keys that have one value for the whole sweep.
fn may_be_swept(key: usize, entry: &Entry) -> Result<(), ConfigError> {
    let key = &KEYS[key];
    if key.may_be_swept() {
        return Ok(());
    }
    let error = ConfigError::at(
        &entry.key_origin,
        format!("`{}` cannot be swept", key.path),
        "one value holds for the whole sweep",
    );
    Err(match key.path {
        "replicates.seed" | "replicates.count" => {
            error.help("`replicates.count` runs every point that many times, each with a seed of its own")
        }
        _ => error,
    })
}
