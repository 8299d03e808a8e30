//! The axis of a sweep: a key that varies, with its values.

use crate::report::sweep_results::SweepResults;
use serde::Serialize;
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// A key that varies.
#[derive(Clone, Debug, Serialize)]
pub(in crate::report) struct Axis {
    /// The dotted key.
    key: String,
    /// The last part of the key, or all of it if another axis ends in that.
    label: String,
    /// The values: numbers ascending, others in the order of the plan.
    values: Vec<Value>,
}

/// Returns the axes of a sweep, in the order of the plan.
pub(in crate::report) fn axes_of(results: &SweepResults) -> Vec<Axis> {
    let keys = &results.plan.swept;
    keys.iter()
        .map(|key| {
            let mut seen = HashSet::new();
            let mut values: Vec<Value> = Vec::new();
            for value in results.plan.runs.iter().filter_map(|run| run.swept.get(key)) {
                if seen.insert(value.to_string()) {
                    values.push(value.clone());
                }
            }
            if values.iter().all(Value::is_number) {
                // A run that does not stop before its end is the longest.
                let to_the_end = |number: &f64| *number == 0.0 && key == "train.stop_after";
                let place = |value: &Value| value.as_f64().filter(|number| !to_the_end(number));
                let place = |value: &Value| place(value).unwrap_or(f64::INFINITY);
                values.sort_by(|a, b| place(a).total_cmp(&place(b)));
            }
            Axis { key: key.clone(), label: short_name(key, keys).to_owned(), values }
        })
        .collect()
}

/// Returns the index of the value on each axis, for the first `count` points, best first.
pub(in crate::report) fn points_of(axes: &[Axis], results: &SweepResults, count: usize) -> Vec<Vec<usize>> {
    let places: Vec<HashMap<String, usize>> =
        axes.iter().map(|axis| axis.values.iter().map(Value::to_string).zip(0..).collect()).collect();
    let place = |axis: usize, point: usize| {
        let value = results.summary.points[point].swept.get(&axes[axis].key).map(Value::to_string);
        value.and_then(|value| places[axis].get(&value).copied()).unwrap_or_default()
    };
    (0..count).map(|point| (0..axes.len()).map(|axis| place(axis, point)).collect()).collect()
}

/// Returns the last part of a key, such as `hidden`, or all of it if another swept key ends in that.
fn short_name<'a>(key: &'a str, keys: &[String]) -> &'a str {
    let last = |key: &'a str| key.rsplit('.').next().unwrap_or(key);
    let sharing = keys.iter().filter(|other| other.rsplit('.').next() == Some(last(key))).count();
    if sharing > 1 { key } else { last(key) }
}
