//! The pairing of two results by configuration.

use super::error::Unpaired;
use crate::inspect::results::Results;
use crate::sweep::{RunRecord, display};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// The keys of the table `sample` that decide how music is written, and not which.
const OF_FILES: [&str; 4] = ["sample.tempo", "sample.velocity", "sample.program", "sample.skip_empty"];

/// Two results, configuration by configuration.
#[derive(Debug)]
pub(super) struct Pairing<'a> {
    /// The parameters with one value in all of A and another in all of B. They have no part in the pairing.
    pub(super) apart: BTreeMap<String, [Value; 2]>,
    /// The parameters that only the records of A, and only those of B, have.
    pub(super) unshared: [Vec<String>; 2],
    /// The configurations that both have.
    pub(super) configurations: Vec<Configuration<'a>>,
    /// The number of configurations that only A, and only B, has.
    pub(super) unmatched: [usize; 2],
}

/// The runs of one configuration.
#[derive(Debug)]
pub(super) struct Configuration<'a> {
    /// Its values of the parameters that vary among the configurations compared.
    pub(super) label: Map<String, Value>,
    /// The replicates of A.
    pub(super) a: Vec<&'a RunRecord>,
    /// The replicates of B.
    pub(super) b: Vec<&'a RunRecord>,
}

impl<'a> Pairing<'a> {
    /// Pairs by the parameters that all records have, and the digest of the corpus. An error gives the reason why
    /// nothing pairs.
    pub(super) fn of(a: &'a Results, b: &'a Results) -> Result<Self, Unpaired> {
        let values = [a, b].map(|side| ValuesByKey::of(&side.records));
        let shared: BTreeSet<&String> =
            values[0].common.iter().filter(|key| values[1].common.contains(*key)).copied().collect();
        let unshared = [0, 1].map(|side| {
            let keys = values[side].values.keys().filter(|key| !shared.contains(*key));
            keys.map(|key| (*key).clone()).collect::<Vec<String>>()
        });
        let mut apart = BTreeMap::new();
        for &key in &shared {
            if let ([one], [other]) = (values[0].of_key(key).as_slice(), values[1].of_key(key).as_slice())
                && one != other
            {
                apart.insert(key.clone(), [parse(one), parse(other)]);
            }
        }
        let by: Vec<&String> = shared.iter().copied().filter(|key| !apart.contains_key(*key)).collect();

        let groups = [a, b].map(|side| group(&side.records, &by));
        let both: Vec<&String> = groups[0].keys().filter(|key| groups[1].contains_key(*key)).collect();
        let unmatched = [0, 1].map(|side| groups[side].len() - both.len());
        if both.is_empty() {
            return Err(why_nothing_pairs(&values, &shared, [a, b]));
        }
        let varies = |key: &str| {
            let value = |identity: &&String| groups[0][*identity][0].params.get(key);
            both.iter().any(|identity| value(identity) != value(&both[0]))
        };
        let varying: Vec<&String> = by.iter().copied().filter(|key| varies(key)).collect();
        let configurations = both.iter().map(|identity| {
            let (a, b) = (groups[0][*identity].clone(), groups[1][*identity].clone());
            let value = |key: &String| (key.clone(), a[0].params.get(key).cloned().unwrap_or_default());
            Configuration { label: varying.iter().map(|key| value(key)).collect(), a, b }
        });
        let mut configurations: Vec<_> = configurations.collect();
        configurations.sort_by(|one, other| order(&one.label, &other.label));
        Ok(Self { apart, unshared, configurations, unmatched })
    }

    /// Returns the keys of sampling in which A and B differ: their samples tell the samplings apart as much as the models.
    pub(super) fn sampled_apart(&self) -> Vec<String> {
        let keys = self.apart.keys().chain(self.unshared.iter().flatten());
        keys.filter(|key| key.starts_with("sample.") && !OF_FILES.contains(&key.as_str())).cloned().collect()
    }

    /// Returns `true` if equal runs have equal digests: digests cover all parameters.
    pub(super) fn digests_comparable(&self) -> bool {
        self.apart.is_empty() && self.unshared.iter().all(Vec::is_empty)
    }
}

/// The values that each parameter takes among some records, as JSON.
struct ValuesByKey<'a> {
    values: BTreeMap<&'a String, BTreeSet<String>>,
    /// The parameters that every record has.
    common: BTreeSet<&'a String>,
}

impl<'a> ValuesByKey<'a> {
    fn of(records: &'a [RunRecord]) -> Self {
        let mut values: BTreeMap<&String, BTreeSet<String>> = BTreeMap::new();
        let mut counts: BTreeMap<&String, usize> = BTreeMap::new();
        for (key, value) in records.iter().flat_map(|record| &record.params) {
            values.entry(key).or_default().insert(value.to_string());
            *counts.entry(key).or_default() += 1;
        }
        let common = counts.into_iter().filter(|(_, count)| *count == records.len()).map(|(key, _)| key).collect();
        Self { values, common }
    }

    fn of_key(&self, key: &String) -> Vec<&String> {
        self.values.get(key).map(|values| values.iter().collect()).unwrap_or_default()
    }
}

/// Groups records by their values of some keys and the digest of their corpus.
fn group<'a>(records: &'a [RunRecord], by: &[&String]) -> BTreeMap<String, Vec<&'a RunRecord>> {
    let mut groups: BTreeMap<String, Vec<&RunRecord>> = BTreeMap::new();
    for record in records {
        let values: Vec<Option<&Value>> = by.iter().map(|key| record.params.get(*key)).collect();
        let corpus = record.corpus.as_ref().map(|corpus| &corpus.digest);
        let identity = serde_json::to_string(&(values, corpus)).unwrap_or_else(|error| panic!("plain JSON: {error}"));
        groups.entry(identity).or_default().push(record);
    }
    groups
}

/// Orders configurations key by key: numbers by size, other values by their text.
fn order(one: &Map<String, Value>, other: &Map<String, Value>) -> std::cmp::Ordering {
    let by_key = one.iter().map(|(key, value)| (value, &other[key]));
    by_key
        .map(|(one, other)| match (one.as_f64(), other.as_f64()) {
            (Some(one), Some(other)) => one.total_cmp(&other),
            _ => one.to_string().cmp(&other.to_string()),
        })
        .find(|ordering| ordering.is_ne())
        .unwrap_or(std::cmp::Ordering::Equal)
}

fn why_nothing_pairs(values: &[ValuesByKey<'_>; 2], shared: &BTreeSet<&String>, sides: [&Results; 2]) -> Unpaired {
    for (name, side) in ["A", "B"].into_iter().zip(sides) {
        if side.records.is_empty() {
            return Unpaired::Empty { name, path: side.path.clone() };
        }
    }
    let digests = sides.map(|side| {
        let digests = side.records.iter().filter_map(|record| record.corpus.as_ref());
        digests.map(|corpus| corpus.digest.as_str()).collect::<BTreeSet<&str>>()
    });
    if digests[0].is_disjoint(&digests[1]) {
        let short = |digest: &&str| digest[..digest.len().min(12)].to_owned();
        return Unpaired::Corpora { digests: digests.map(|digests| digests.iter().map(short).collect()) };
    }
    let mut differences = Vec::new();
    for key in shared {
        let [a, b] = [0, 1].map(|side| values[side].of_key(key));
        if a.iter().all(|value| !b.contains(value)) && a.len() + b.len() > 2 {
            let list =
                |values: &[&String]| values.iter().map(|value| display(&parse(value))).collect::<Vec<_>>().join(", ");
            differences.push(format!("`{key}` is {} in A and {} in B", list(&a), list(&b)));
        }
    }
    if differences.is_empty() {
        differences.push("each of their configurations differs from each of the other's in some parameter".into());
    }
    Unpaired::Configurations { differences }
}

fn parse(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_default()
}
