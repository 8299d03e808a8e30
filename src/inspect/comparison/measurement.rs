//! The measurement of a metric or time in two results, before the verdicts.

use super::difference::Difference;
use super::error::ComparisonError;
use super::options::ComparisonOptions;
use super::pairing::{Configuration, Pairing};
use super::quantity::{is_of_samples, metrics, times};
use super::verdict::{Contrast, Quantified, Verdict};
use crate::sweep::{Direction, Metric, Metrics, RunRecord, RunStatus, find_metric};
use std::collections::{BTreeMap, BTreeSet};

/// A metric or time before the verdicts, which depend on the number of them.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Measured {
    name: String,
    direction: Direction,
    judged: bool,
    threshold: f64,
    absolute: bool,
    undefined: [usize; 2],
    time: bool,
    /// True if the two sides cannot be compared in it.
    incomparable: bool,
    pub(super) overall: Contrasted,
    pub(super) configurations: Vec<Contrasted>,
}

/// A difference, and the same in units of the threshold.
pub(super) struct Contrasted {
    configuration: Option<usize>,
    means: [f64; 2],
    values: [usize; 2],
    difference: Difference,
    /// The change for the worse in the unit of the threshold; `None` where it is not judged.
    worsening: Option<Difference>,
}

impl Contrasted {
    /// Returns `true` if a verdict is given on it.
    pub(super) fn is_judged(&self) -> bool {
        self.worsening.is_some_and(|worsening| worsening.error.is_some())
    }
}

impl Measured {
    /// Measures the difference in each configuration and over all. `samples` holds the replicates of A and B by
    /// configuration; times are logarithms.
    fn new(
        (name, time, incomparable): (String, bool, bool),
        samples: &Samples<'_>,
        undefined: [usize; 2],
        options: &ComparisonOptions,
    ) -> Option<Self> {
        let registered = find_metric(&name).map(|named| (named.metric.better, named.metric.judged));
        let (direction, judged) = registered.unwrap_or((Direction::Neither, false));
        let judged = judged && !incomparable;
        let own_threshold = options.thresholds.get(&name).copied().filter(|_| !time);
        let absolute = own_threshold.is_some();
        // A ratio of times is a difference of logarithms.
        let threshold = own_threshold.unwrap_or(if time { options.threshold.ln_1p() } else { options.threshold });
        let configurations: Vec<Contrasted> = samples
            .iter()
            .filter_map(|(index, [a, b])| {
                let difference = Difference::between(a, b)?;
                let mean = |side: &[(&str, f64)]| side.iter().map(|(_, value)| value).sum::<f64>() / side.len() as f64;
                let means = [mean(a), mean(b)];
                let unit = if time || absolute { 1.0 } else { means[0].abs() };
                // A share of 0 is not a threshold.
                let worse = direction.worse().filter(|_| judged && unit > 0.0);
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
        Some(Self {
            name,
            direction,
            judged,
            threshold,
            absolute,
            undefined,
            time,
            incomparable,
            overall,
            configurations,
        })
    }

    pub(super) fn conclude(self, confidence: f64, verdict_confidence: [f64; 2]) -> Quantified {
        let (time, threshold) = (self.time, self.threshold);
        let back = |value: f64| if time { value.exp() } else { value };
        let contrast = |contrasted: Contrasted| {
            let Contrasted { configuration, means, values, difference, worsening } = contrasted;
            let confidence_of_verdict = verdict_confidence[usize::from(configuration.is_some())];
            let verdict = match worsening.map(|worsening| worsening.interval(confidence_of_verdict)) {
                None if self.incomparable => Verdict::NotComparable,
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
            threshold: self.judged.then(|| if time { threshold.exp_m1() } else { threshold }),
            absolute: self.absolute,
            undefined: self.undefined,
            overall: contrast(self.overall),
            configurations: self.configurations.into_iter().map(contrast).collect(),
        }
    }
}

/// The replicates of A and B in one configuration, by its place in the list: their seeds and values.
type Samples<'a> = Vec<(usize, [Vec<(&'a str, f64)>; 2])>;

pub(super) type Measurements = (Vec<Measured>, Vec<Measured>, BTreeMap<String, usize>);

/// Measures all metrics and times asked for; counts the configurations whose times are left out, by the reason.
pub(super) fn measure(pairing: &Pairing<'_>, options: &ComparisonOptions) -> Result<Measurements, ComparisonError> {
    let configurations = &pairing.configurations;
    let metrics_of = |side: &[&RunRecord]| -> Vec<Metrics> { ended_well(side).map(metrics).collect() };
    let values: Vec<[Vec<Metrics>; 2]> =
        configurations.iter().map(|own| [metrics_of(&own.a), metrics_of(&own.b)]).collect();
    let names: BTreeSet<&String> = values.iter().flatten().flatten().flat_map(Metrics::keys).collect();
    let known = || names.iter().map(|name| name.as_str()).chain(times().map(|time| time.name));
    for name in options.metrics.iter().chain(options.thresholds.keys()) {
        if !known().any(|known| known == name) {
            let known = known().map(str::to_owned).collect();
            return Err(ComparisonError::UnknownMetric { name: name.clone(), known });
        }
    }
    let asked = |name: &str| options.metrics.is_empty() || options.metrics.iter().any(|metric| metric == name);

    let sampled_apart = !pairing.sampled_apart().is_empty();
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
        compared.extend(Measured::new(
            (name.clone(), false, sampled_apart && is_of_samples(name)),
            &samples,
            undefined,
            options,
        ));
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
    for time in times().filter(|time| asked(time.name)) {
        let samples: Samples =
            timed.iter().map(|(index, own)| (*index, [logarithms(&own.a, time), logarithms(&own.b, time)])).collect();
        compared_times.extend(Measured::new((time.name.to_owned(), true, false), &samples, [0; 2], options));
    }
    Ok((compared, compared_times, left_out))
}

/// Returns the logarithms of a time of the runs that ended well; a time of zero has none.
fn logarithms<'a>(side: &'a [&'a RunRecord], time: &Metric) -> Vec<(&'a str, f64)> {
    let value = |record: &RunRecord| time.of_run_times(&record.timing).filter(|&seconds| seconds > 0.0);
    ended_well(side).filter_map(|record| Some((record.seed.as_str(), libm::log(value(record)?)))).collect()
}

/// Returns the runs that ended well.
fn ended_well<'a>(side: &'a [&'a RunRecord]) -> impl Iterator<Item = &'a RunRecord> {
    side.iter().copied().filter(|record| record.status == RunStatus::Ok)
}

/// Returns the reason why the times of a configuration do not compare: another machine, number of threads or
/// instruction set, or runs that shared their machine.
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
