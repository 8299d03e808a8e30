//! The comparison of two results: which metrics and times differ, by how much, and whether that is a regression.

use super::difference::{Difference, Method};
use super::pairing::{Configuration, Pairing};
use super::quantity::{Direction, TIMES, metrics, times};
use super::results::{Results, Side};
use crate::sweep::{Metrics, RunRecord, RunStatus};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// What is compared and what counts as a regression.
#[derive(Clone, Debug, PartialEq)]
pub struct ComparisonOptions {
    /// The metrics and times to compare, by name; all if empty.
    pub metrics: Vec<String>,
    /// A change for the worse by more than this share of A's mean is a regression.
    pub threshold: f64,
    /// Thresholds of single metrics in the unit of the metric, in place of the share.
    pub thresholds: BTreeMap<String, f64>,
    /// The confidence of intervals, between 0 and 1.
    pub confidence: f64,
}

impl Default for ComparisonOptions {
    fn default() -> Self {
        Self { metrics: Vec::new(), threshold: 0.05, thresholds: BTreeMap::new(), confidence: 0.95 }
    }
}

/// Why two results cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComparisonError {
    /// No run of one has a counterpart in the other.
    #[error("nothing to compare: {0}")]
    NothingPairs(String),
    /// A name that was asked for occurs in no record.
    #[error("no record has `{name}`: the names are {}", known.join(", "))]
    UnknownMetric {
        /// The name.
        name: String,
        /// Those there are.
        known: Vec<String>,
    },
}

/// What A and B have in common and what sets them apart.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Version of this report.
    pub schema: u32,
    /// What A consists of.
    pub a: Side,
    /// What B consists of.
    pub b: Side,
    /// The confidence of the intervals.
    pub confidence: f64,
    /// The parameters of one value in A and another in B.
    pub apart: BTreeMap<String, [Value; 2]>,
    /// The parameters that only the records of A, or only those of B, have.
    pub unshared: [Vec<String>; 2],
    /// The configurations compared: their values of the parameters that vary.
    pub configurations: Vec<Map<String, Value>>,
    /// Configurations that only A, and only B, has.
    pub unmatched: [usize; 2],
    /// How many runs are the same to the last bit.
    pub identical: Identical,
    /// Runs that ended well in A and failed in B: a regression whatever the threshold.
    pub newly_failed: Vec<Failure>,
    /// The metrics.
    pub metrics: Vec<Quantified>,
    /// The times, as ratios B / A.
    pub times: Vec<Quantified>,
    /// Why times of configurations were not compared, and how many of them for that reason.
    pub times_left_out: BTreeMap<String, usize>,
    /// How many differences were judged, of means over configurations and of single configurations.
    pub judged: [usize; 2],
    /// The confidence of the intervals behind the verdicts on each of the two: wider, as many are judged.
    pub verdict_confidence: [f64; 2],
    /// What has got worse beyond doubt and threshold.
    pub regressions: Vec<Regression>,
}

/// Runs of the same configuration and seed on both sides.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Identical {
    /// Those with the same digest.
    pub same: usize,
    /// All of them.
    pub of: usize,
    /// Why digests cannot be the same, if they cannot.
    pub impossible: Option<String>,
}

/// A run that ended well in A and failed in B.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Failure {
    /// The run in B.
    pub run_id: String,
    /// Why it failed.
    pub error: Option<String>,
}

/// One metric or time in all configurations.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Quantified {
    /// Its name.
    pub name: String,
    /// Which way it should move.
    pub direction: Direction,
    /// The change for the worse that is still accepted, as a share of A's mean or, if `absolute`, in its unit; `None`
    /// where no direction is worse.
    pub threshold: Option<f64>,
    /// Whether the threshold is in the unit of the metric.
    pub absolute: bool,
    /// Runs that it was undefined in, of A and of B.
    pub undefined: [usize; 2],
    /// The mean over configurations.
    pub overall: Contrast,
    /// Each configuration; empty if there is but one.
    pub configurations: Vec<Contrast>,
}

/// A and B in one quantity.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Contrast {
    /// Which configuration, by its place in the list of them; `None` for the mean of all.
    pub configuration: Option<usize>,
    /// The mean of A; of times, the geometric mean.
    pub a: f64,
    /// The mean of B.
    pub b: f64,
    /// B − A; of times, B / A.
    pub change: f64,
    /// The interval of the change; `None` where there is one replicate alone.
    pub interval: Option<[f64; 2]>,
    /// How the interval was found.
    pub method: Method,
    /// Degrees of freedom.
    pub degrees_of_freedom: Option<f64>,
    /// Values of A and of B.
    pub values: [usize; 2],
    /// What it means.
    pub verdict: Verdict,
}

/// What a difference means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Worse than A by more than the threshold, beyond doubt.
    Regression,
    /// Not worse by more than the threshold, beyond doubt.
    Within,
    /// The interval lies on both sides of the threshold, or there is none: more replicates would tell.
    Unclear,
    /// No direction is the worse one, or A's mean is 0 and the threshold a share of it.
    NotJudged,
}

/// Something that has got worse.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Regression {
    /// The metric or time.
    pub name: String,
    /// In which configuration; `None` for the mean of all.
    pub configuration: Option<usize>,
}

impl Comparison {
    /// The version of the report.
    pub const SCHEMA: u32 = 1;

    /// Compare B with A.
    pub fn of(a: &Results, b: &Results, options: &ComparisonOptions) -> Result<Self, ComparisonError> {
        let pairing = Pairing::of(a, b).map_err(ComparisonError::NothingPairs)?;
        let (metrics, times, times_left_out) = measure(&pairing, options)?;
        let all = || metrics.iter().chain(&times);
        let judged = [
            all().filter(|quantity| quantity.overall.is_judged()).count(),
            all().flat_map(|quantity| &quantity.configurations).filter(|own| own.is_judged()).count(),
        ];
        // Of many intervals some miss the truth by chance. Divided among all (Bonferroni), one half to the means over
        // configurations and one to single ones, the chance that any verdict is wrong stays that of one interval.
        let families = judged.iter().filter(|count| **count > 0).count().max(1) as f64;
        let verdict_confidence =
            judged.map(|count| 1.0 - (1.0 - options.confidence) / (families * count.max(1) as f64));
        let conclude = |measured: Vec<Measured>| -> Vec<Quantified> {
            measured.into_iter().map(|quantity| quantity.conclude(options.confidence, verdict_confidence)).collect()
        };
        let (metrics, times) = (conclude(metrics), conclude(times));
        let regressions = metrics.iter().chain(&times).flat_map(Quantified::regressions).collect();
        Ok(Self {
            schema: Self::SCHEMA,
            a: a.side(),
            b: b.side(),
            confidence: options.confidence,
            configurations: pairing.configurations.iter().map(|configuration| configuration.label.clone()).collect(),
            unmatched: pairing.unmatched,
            identical: Identical::of(&pairing),
            newly_failed: newly_failed(&pairing),
            metrics,
            times,
            times_left_out,
            judged,
            verdict_confidence,
            regressions,
            apart: pairing.apart,
            unshared: pairing.unshared,
        })
    }

    /// Whether B is worse than A: something beyond doubt and threshold, or a run that now fails.
    pub fn is_regression(&self) -> bool {
        !self.regressions.is_empty() || !self.newly_failed.is_empty()
    }
}

impl Quantified {
    /// The overall mean and every configuration.
    pub fn contrasts(&self) -> impl Iterator<Item = &Contrast> {
        std::iter::once(&self.overall).chain(&self.configurations)
    }

    fn regressions(&self) -> impl Iterator<Item = Regression> {
        let found = self.contrasts().filter(|contrast| contrast.verdict == Verdict::Regression);
        found.map(|contrast| Regression { name: self.name.clone(), configuration: contrast.configuration })
    }
}

impl Identical {
    fn of(pairing: &Pairing<'_>) -> Self {
        let pairs = pairing.configurations.iter().flat_map(same_seed);
        let (mut same, mut of) = (0, 0);
        for (a, b) in pairs {
            of += 1;
            same += usize::from(a.digest == b.digest);
        }
        let impossible = (!pairing.digests_comparable()).then(|| {
            let keys = pairing.apart.keys().chain(pairing.unshared.iter().flatten());
            let keys: Vec<String> = keys.map(|key| format!("`{key}`")).collect();
            format!("a digest covers every parameter, and A and B differ in {}", keys.join(", "))
        });
        Self { same, of, impossible }
    }
}

/// Runs of the same seed in a configuration.
fn same_seed<'a>(configuration: &'a Configuration<'_>) -> impl Iterator<Item = (&'a RunRecord, &'a RunRecord)> {
    configuration.a.iter().filter_map(|a| {
        let b = configuration.b.iter().find(|b| b.seed == a.seed)?;
        Some((*a, *b))
    })
}

fn newly_failed(pairing: &Pairing<'_>) -> Vec<Failure> {
    let pairs = pairing.configurations.iter().flat_map(same_seed);
    pairs
        .filter(|(a, b)| a.status == RunStatus::Ok && b.status == RunStatus::Failed)
        .map(|(_, b)| Failure { run_id: b.run_id.clone(), error: b.error.clone() })
        .collect()
}

/// A metric or time before the verdicts, which depend on how many there are.
struct Measured {
    name: String,
    direction: Direction,
    threshold: f64,
    absolute: bool,
    undefined: [usize; 2],
    time: bool,
    overall: Contrasted,
    configurations: Vec<Contrasted>,
}

/// A difference, and the same in units of the threshold.
struct Contrasted {
    configuration: Option<usize>,
    means: [f64; 2],
    values: [usize; 2],
    difference: Difference,
    /// How much worse B is, in the unit of the threshold; `None` where no direction is worse.
    worsening: Option<Difference>,
}

impl Contrasted {
    /// Whether a verdict is given on it.
    fn is_judged(&self) -> bool {
        self.worsening.is_some_and(|worsening| worsening.error.is_some())
    }
}

impl Measured {
    /// `samples` holds the replicates of A and B by configuration, with values on both sides. Times come as logarithms.
    fn new(
        (name, time): (String, bool),
        samples: &Samples<'_>,
        undefined: [usize; 2],
        options: &ComparisonOptions,
    ) -> Option<Self> {
        let direction = if time { Direction::Lower } else { Direction::of_metric(&name) };
        let own_threshold = options.thresholds.get(&name).copied().filter(|_| !time);
        let absolute = own_threshold.is_some();
        // A share of time is a difference of logarithms.
        let threshold = own_threshold.unwrap_or(if time { options.threshold.ln_1p() } else { options.threshold });
        let configurations: Vec<Contrasted> = samples
            .iter()
            .filter_map(|(index, [a, b])| {
                let difference = Difference::between(a, b)?;
                let mean = |side: &[(&str, f64)]| side.iter().map(|(_, value)| value).sum::<f64>() / side.len() as f64;
                let means = [mean(a), mean(b)];
                let unit = if time || absolute { 1.0 } else { means[0].abs() };
                // Where A's mean is 0 there is no share of it.
                let worse = direction.worse().filter(|_| unit > 0.0);
                let worsening = worse.map(|sign| difference.scaled(sign / unit));
                let values = [a.len(), b.len()];
                Some(Contrasted { configuration: Some(*index), means, values, difference, worsening })
            })
            .collect();
        let all = |part: fn(&Contrasted) -> Option<Difference>| -> Vec<Difference> {
            configurations.iter().filter_map(part).collect()
        };
        let difference = Difference::mean_of(&all(|contrasted| Some(contrasted.difference)))?;
        let count = configurations.len() as f64;
        let mean = |side: usize| configurations.iter().map(|contrasted| contrasted.means[side]).sum::<f64>() / count;
        let sum = |side: usize| configurations.iter().map(|contrasted| contrasted.values[side]).sum();
        let overall = Contrasted {
            configuration: None,
            means: [mean(0), mean(1)],
            values: [sum(0), sum(1)],
            difference,
            worsening: Difference::mean_of(&all(|contrasted| contrasted.worsening)),
        };
        let configurations = if configurations.len() > 1 { configurations } else { Vec::new() };
        Some(Self { name, direction, threshold, absolute, undefined, time, overall, configurations })
    }

    fn conclude(self, confidence: f64, verdict_confidence: [f64; 2]) -> Quantified {
        let (time, threshold) = (self.time, self.threshold);
        let back = |value: f64| if time { value.exp() } else { value };
        let contrast = |contrasted: Contrasted| {
            let Contrasted { configuration, means, values, difference, worsening } = contrasted;
            let confidence_of_verdict = verdict_confidence[usize::from(configuration.is_some())];
            let verdict = match worsening.map(|worsening| worsening.interval(confidence_of_verdict)) {
                None => Verdict::NotJudged,
                Some(Some([low, _])) if low > threshold => Verdict::Regression,
                Some(Some([_, high])) if high <= threshold => Verdict::Within,
                Some(_) => Verdict::Unclear,
            };
            Contrast {
                configuration,
                a: back(means[0]),
                b: back(means[1]),
                change: back(difference.value),
                interval: difference.interval(confidence).map(|interval| interval.map(back)),
                method: difference.method,
                degrees_of_freedom: difference.error.map(|(_, freedom)| freedom),
                values,
                verdict,
            }
        };
        Quantified {
            name: self.name,
            direction: self.direction,
            threshold: self.direction.worse().map(|_| if time { threshold.exp_m1() } else { threshold }),
            absolute: self.absolute,
            undefined: self.undefined,
            overall: contrast(self.overall),
            configurations: self.configurations.into_iter().map(contrast).collect(),
        }
    }
}

/// The replicates of A and B in one configuration, by its place in the list: their seeds and values.
type Samples<'a> = Vec<(usize, [Vec<(&'a str, f64)>; 2])>;

type Measurements = (Vec<Measured>, Vec<Measured>, BTreeMap<String, usize>);

/// All metrics and times asked for, and why times of configurations are left out.
fn measure(pairing: &Pairing<'_>, options: &ComparisonOptions) -> Result<Measurements, ComparisonError> {
    let configurations = &pairing.configurations;
    let metrics_of = |side: &[&RunRecord]| -> Vec<Metrics> { ended_well(side).map(metrics).collect() };
    let values: Vec<[Vec<Metrics>; 2]> =
        configurations.iter().map(|own| [metrics_of(&own.a), metrics_of(&own.b)]).collect();
    let names: BTreeSet<&String> = values.iter().flatten().flatten().flat_map(Metrics::keys).collect();
    let known = || names.iter().map(|name| name.as_str()).chain(TIMES);
    for name in options.metrics.iter().chain(options.thresholds.keys()) {
        if !known().any(|known| known == name) {
            let known = known().map(str::to_owned).collect();
            return Err(ComparisonError::UnknownMetric { name: name.clone(), known });
        }
    }
    let asked = |name: &str| options.metrics.is_empty() || options.metrics.iter().any(|metric| metric == name);

    let mut compared = Vec::new();
    for &name in names.iter().filter(|name| asked(name)) {
        let mut undefined = [0; 2];
        let mut sample = |index: usize, side: usize| -> Vec<(&str, f64)> {
            let records = if side == 0 { &configurations[index].a } else { &configurations[index].b };
            let all = ended_well(records).zip(&values[index][side]);
            let value = |own: &Metrics| own.get(name).copied().flatten().filter(|value| value.is_finite());
            let defined: Vec<(&str, f64)> =
                all.filter_map(|(record, own)| Some((record.seed.as_str(), value(own)?))).collect();
            undefined[side] += values[index][side].len() - defined.len();
            defined
        };
        let samples: Samples =
            (0..configurations.len()).map(|index| (index, [sample(index, 0), sample(index, 1)])).collect();
        compared.extend(Measured::new((name.clone(), false), &samples, undefined, options));
    }

    let mut left_out: BTreeMap<String, usize> = BTreeMap::new();
    let mut timed = Vec::new();
    for (index, configuration) in configurations.iter().enumerate() {
        match why_not_timed(configuration) {
            None => timed.push((index, configuration)),
            Some(reason) => *left_out.entry(reason).or_default() += 1,
        }
    }
    let mut compared_times = Vec::new();
    for (position, name) in TIMES.into_iter().enumerate().filter(|(_, name)| asked(name)) {
        let samples: Samples = timed
            .iter()
            .map(|(index, own)| (*index, [logarithms(&own.a, position), logarithms(&own.b, position)]))
            .collect();
        compared_times.extend(Measured::new((name.to_owned(), true), &samples, [0; 2], options));
    }
    Ok((compared, compared_times, left_out))
}

/// The logarithms of a time, by its place among [`TIMES`], of the runs that ended well; a time of zero has none.
fn logarithms<'a>(side: &'a [&'a RunRecord], time: usize) -> Vec<(&'a str, f64)> {
    let positive = ended_well(side).map(|record| (record.seed.as_str(), times(record)[time]));
    positive.filter(|(_, time)| *time > 0.0).map(|(seed, time)| (seed, libm::log(time))).collect()
}

/// The runs that ended well.
fn ended_well<'a>(side: &'a [&'a RunRecord]) -> impl Iterator<Item = &'a RunRecord> {
    side.iter().copied().filter(|record| record.status == RunStatus::Ok)
}

/// Why the times of a configuration say nothing: other machines, threads or instruction sets, or runs that shared theirs.
fn why_not_timed(configuration: &Configuration<'_>) -> Option<String> {
    let sides = [&configuration.a, &configuration.b];
    if sides.iter().any(|side| ended_well(side).next().is_none()) {
        return Some("no run ended well on one of the sides".into());
    }
    let contended = ["A", "B"].into_iter().zip(sides).find(|(_, side)| ended_well(side).any(|r| r.timing.contended));
    if let Some((name, _)) = contended {
        return Some(format!("runs of {name} shared the machine with others (`contended`)"));
    }
    for fact in ["processor", "instruction set", "number of threads"] {
        let of = |record: &RunRecord| match fact {
            "processor" => record.environment.cpu.clone(),
            "instruction set" => record.environment.isa.clone(),
            _ => record.timing.threads.to_string(),
        };
        let [a, b] = sides.map(|side| ended_well(side).map(of).collect::<BTreeSet<String>>());
        let list = |values: &BTreeSet<String>| values.iter().cloned().collect::<Vec<_>>().join(", ");
        if a != b {
            return Some(format!("the {fact} is another: {} in A, {} in B", list(&a), list(&b)));
        }
        if a.len() > 1 {
            return Some(format!("the {fact} differs between replicates: {}", list(&a)));
        }
    }
    None
}
