//! The values of keys that the layers of a deep network may have for themselves, written as a list from below.

use crate::sweep::config::key::Key;
use crate::train::TrainOptions;
use serde_json::{Map, Value};

/// Returns the options of training a layer, numbered from below: of a value for each layer its own.
pub(in crate::sweep::config) fn of_layer(table: &Map<String, Value>, layer: usize) -> Map<String, Value> {
    let own = |(name, value): (&String, &Value)| {
        let value = match value {
            Value::Array(values) => values.get(layer).cloned().unwrap_or(Value::Null),
            value => value.clone(),
        };
        (name.clone(), value)
    };
    table.iter().map(own).collect()
}

/// Returns the options of training each of some layers.
pub(in crate::sweep::config) fn options(
    table: &Map<String, Value>,
    layers: usize,
) -> Result<Vec<TrainOptions>, serde_json::Error> {
    (0..layers).map(|layer| serde_json::from_value(Value::Object(of_layer(table, layer)))).collect()
}

/// Returns the value of a key that has these in the layers: one for all where they agree.
pub(in crate::sweep) fn joined(values: &[Value]) -> Value {
    match values {
        [first, others @ ..] if others.iter().all(|value| value == first) => first.clone(),
        values => Value::Array(values.to_vec()),
    }
}

impl Key {
    /// Returns true if each layer of a deep network may have a value of its own.
    pub(crate) fn may_differ_by_layer(&self) -> bool {
        const OF_ALL: [&str; 3] = ["train.skip_first_window", "train.engine", "train.propagate"];
        let of_layers = self.kinds.is_empty();
        let of_run = self.path.starts_with("train.early_stopping") || OF_ALL.contains(&self.path);
        self.table() == "train" && of_layers && !of_run
    }
}
