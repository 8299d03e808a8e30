//! The summary of a sweep: every point with the statistics of its metrics over replicates.

use super::metric::{MetricGroup, MusicValue, NamedMetric, Reach};
use super::metrics::{METRICS, ranking, times_of};
use super::plan_file::{PlanFile, PlannedRun};
use super::record::{RunRecord, RunStatus, canonical_json};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The mean and deviation of one quantity over replicates.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Statistic {
    /// The arithmetic mean.
    pub mean: f64,
    /// The sample standard deviation (n − 1 in the denominator); `null` for a single value.
    pub sd: Option<f64>,
    /// The number of values.
    pub count: usize,
}

impl Statistic {
    /// Computes the statistic of the values that are defined and finite; `None` if there are none.
    pub fn of(values: impl IntoIterator<Item = Option<f64>>) -> Option<Self> {
        let values: Vec<f64> = values.into_iter().flatten().filter(|value| value.is_finite()).collect();
        let count = values.len();
        if count == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / count as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Some(Self { mean, sd: (count > 1).then(|| (squares / (count - 1) as f64).sqrt()), count })
    }
}

/// The replicates of one point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PointSummary {
    /// The values of the keys that vary over the sweep.
    pub swept: Map<String, Value>,
    /// The rung of successive halving; absent in the first, and without halving.
    #[serde(default, skip_serializing_if = "is_none")]
    pub rung: usize,
    /// The runs of the point, complete or not.
    pub runs: Vec<String>,
    /// The number of replicates that did not fail.
    pub ok: usize,
    /// The number of replicates that failed.
    pub failed: usize,
    /// The number of replicates without a record.
    pub missing: usize,
    /// The metrics of the model after training.
    pub metrics: BTreeMap<String, Option<Statistic>>,
    /// The music metrics of the samples.
    pub music: BTreeMap<String, Option<Statistic>>,
    /// The times and rates, which are not reproducible.
    pub timing: BTreeMap<String, Option<Statistic>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_none(number: &usize) -> bool {
    *number == 0
}

/// The summary in `summary.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The version of this summary.
    pub schema: u32,
    /// The sweep's name.
    pub name: String,
    /// The number of runs of the plan.
    pub runs: usize,
    /// The number of runs that did not fail.
    pub ok: usize,
    /// The number of runs that failed.
    pub failed: usize,
    /// The number of runs without a record.
    pub missing: usize,
    /// The greatest number of runs of rungs of successive halving that are not decided yet; absent if there are none.
    #[serde(default, skip_serializing_if = "is_none")]
    pub to_come: usize,
    /// The keys that vary.
    pub swept: Vec<String>,
    /// The metric that points are ordered by, best first.
    pub ordered_by: Option<String>,
    /// The points; those of the last rung of successive halving first, and those without a complete run last.
    pub points: Vec<PointSummary>,
    /// The BLAKE3 hash of the part without times: equal for equal results, wherever and in how many parts the runs were
    /// done.
    pub digest: String,
}

impl Summary {
    /// The version that this program writes.
    pub const SCHEMA: u32 = 1;

    /// Returns the summary of a plan. `records[i]` belongs to run `i`.
    pub fn of(plan: &PlanFile, records: &[Option<RunRecord>]) -> Self {
        // The runs of a point follow each other.
        let of_points = plan.runs.chunk_by(|run, next| run.point == next.point);
        let mut points: Vec<PointSummary> = of_points.map(|members| PointSummary::of(members, records)).collect();
        // Under halving the runs of earlier rungs are shorter, and lack metrics that no choice depends on.
        let newest = points.iter().filter(|point| point.ok > 0).map(|point| point.rung).max().unwrap_or(0);
        let complete = || points.iter().filter(|point| point.ok > 0 && point.rung == newest);
        let usable = |metric: &String| complete().all(|point| point.mean(metric).is_some());
        let ordered_by = ranking().map(|named| named.name()).find(usable).filter(|_| complete().next().is_some());
        if let Some(metric) = &ordered_by {
            let score = |point: &PointSummary| point.mean(metric).unwrap_or(f64::NEG_INFINITY);
            let rung = |point: &PointSummary| if point.ok > 0 { point.rung } else { 0 };
            points.sort_by(|a, b| rung(b).cmp(&rung(a)).then(score(b).total_cmp(&score(a))));
        } else {
            points.sort_by_key(|point| point.ok == 0);
        }
        let total = |part: fn(&PointSummary) -> usize| points.iter().map(part).sum();
        let mut summary = Self {
            schema: Self::SCHEMA,
            name: plan.name.clone(),
            runs: plan.runs.len(),
            ok: total(|point| point.ok),
            failed: total(|point| point.failed),
            missing: total(|point| point.missing),
            to_come: plan.runs_to_come(),
            swept: plan.swept.clone(),
            ordered_by,
            points,
            digest: String::new(),
        };
        summary.digest = summary.deterministic_digest(records);
        summary
    }

    /// Returns the BLAKE3 hash over the canonical JSON of all that is a function of parameters, corpora and seeds:
    /// everything but the name of the sweep and the times, plus the digests of the runs, which cover every epoch, model
    /// and sample.
    fn deterministic_digest(&self, records: &[Option<RunRecord>]) -> String {
        let digests: BTreeMap<&str, &str> =
            records.iter().flatten().map(|record| (record.run_id.as_str(), record.digest.as_str())).collect();
        // For thousands of points the whole as one value would take hundreds of megabytes. So the text of an object
        // with these fields, sorted, is hashed while it is made, point by point.
        let mut hasher = blake3::Hasher::new();
        let mut add = |before: &str, value: &Value| {
            hasher.update(before.as_bytes());
            hasher.update(canonical_json(value).as_bytes());
        };
        add("{\"digests\":", &json!(digests));
        add(",\"ordered_by\":", &json!(self.ordered_by));
        let mut before = ",\"points\":[";
        for point in &self.points {
            let value = json!({
                "swept": point.swept,
                "runs": point.runs,
                "ok": point.ok,
                "failed": point.failed,
                "missing": point.missing,
                "metrics": point.metrics,
                "music": digested(&point.music),
            });
            add(std::mem::replace(&mut before, ","), &value);
        }
        let after = if self.points.is_empty() { ",\"points\":[],\"schema\":" } else { "],\"schema\":" };
        add(after, &json!(self.schema));
        add(",\"swept\":", &json!(self.swept));
        hasher.update(b"}");
        hasher.finalize().to_hex().to_string()
    }
}

impl PointSummary {
    /// Returns the mean of a metric of the model over the replicates.
    pub fn mean(&self, metric: &str) -> Option<f64> {
        self.metrics.get(metric).copied().flatten().map(|statistic| statistic.mean)
    }

    /// Returns the statistic of a metric over the replicates.
    pub fn statistic(&self, named: &NamedMetric) -> Option<Statistic> {
        let found = match named.metric.group() {
            MetricGroup::Model => self.metrics.get(&named.name()),
            MetricGroup::Music => self.music.get(named.metric.name),
            MetricGroup::Timing => self.timing.get(named.metric.name),
        };
        found.copied().flatten()
    }

    fn of(members: &[PlannedRun], records: &[Option<RunRecord>]) -> Self {
        let found: Vec<&RunRecord> = members.iter().filter_map(|run| records[run.index].as_ref()).collect();
        let ok: Vec<&RunRecord> = found.iter().copied().filter(|record| record.status == RunStatus::Ok).collect();
        let names = |names: &dyn Fn(&RunRecord) -> Vec<String>| {
            let mut names: Vec<String> = ok.iter().flat_map(|record| names(record)).collect();
            names.sort_unstable();
            names.dedup();
            names
        };
        let metrics = names(&|record| record.metrics.keys().cloned().collect())
            .into_iter()
            .map(|name| {
                let statistic = Statistic::of(ok.iter().map(|record| record.metrics.get(&name).copied().flatten()));
                (name, statistic)
            })
            .collect();
        let music = names(&|record| music_of(record).into_keys().collect())
            .into_iter()
            .map(|name| {
                let statistic = Statistic::of(ok.iter().map(|record| music_of(record).get(&name).copied().flatten()));
                (name, statistic)
            })
            .collect();
        let timing = times_of(Reach::Summary)
            .map(|time| {
                let statistic = Statistic::of(ok.iter().map(|record| time.of_run_times(&record.timing)));
                (time.name.to_owned(), statistic)
            })
            .collect();
        Self {
            swept: members[0].swept.clone(),
            rung: members[0].rung,
            runs: members.iter().map(|run| run.run_id.clone()).collect(),
            ok: ok.len(),
            failed: found.len() - ok.len(),
            missing: members.len() - found.len(),
            metrics,
            music,
            timing,
        }
    }
}

/// Returns the metrics of music that the digest of a summary covers.
fn digested(music: &BTreeMap<String, Option<Statistic>>) -> BTreeMap<&String, &Option<Statistic>> {
    let outside = |name: &str| METRICS.iter().any(|metric| !metric.digested && metric.name == name);
    music.iter().filter(|(name, _)| !outside(name)).collect()
}

/// Returns the metrics of music of a record, by their names without `sample_`. Empty without samples.
pub(crate) fn music_of(record: &RunRecord) -> BTreeMap<String, Option<f64>> {
    let Some(music) = &record.music else { return BTreeMap::new() };
    let value = |MusicValue(value)| value;
    METRICS.iter().filter_map(|metric| Some((metric.name.to_owned(), metric.of_run_music(music).map(value)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_leave_out_what_is_undefined() {
        let statistic = Statistic::of([Some(1.0), None, Some(3.0), Some(f64::NAN)]).unwrap();
        assert_eq!(statistic, Statistic { mean: 2.0, sd: Some(2.0f64.sqrt()), count: 2 });
        assert_eq!(Statistic::of([Some(4.0)]), Some(Statistic { mean: 4.0, sd: None, count: 1 }));
        assert_eq!(Statistic::of([None, None]), None);
    }
}
