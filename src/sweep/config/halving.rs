//! Successive halving as a configuration asks for it: the table `[sweep.halving]`.

use super::error::{ConfigError, Origin};
use super::value::{Explicit, position};
use super::{Key, display};
use crate::sweep::results::{Direction, MetricGroup, NamedMetric, SplitName, Subject, find_metric};

/// The table of its keys.
pub(super) const HALVING: &str = "sweep.halving";

/// Successive halving: all points are trained for a few epochs, the best of them for longer, and so on until the last
/// are trained to the end (Karnin, Koren and Somekh 2013; Jamieson and Talwalkar 2016).
#[derive(Clone, Debug)]
pub struct Halving {
    /// The metric that points are ranked by.
    pub metric: NamedMetric,
    /// The factor η: of the points of a rung one in η goes on, for η times the epochs.
    pub eta: usize,
    /// The epochs of the first rung.
    pub first_epochs: usize,
    /// The place of the number of epochs of the first rung.
    pub(in crate::sweep) origin: Origin,
}

impl Halving {
    /// Reads the settings of a sweep; `None` if it does not ask for halving.
    pub(super) fn read(base: &Explicit) -> Result<Option<Self>, ConfigError> {
        let key = |name: &str| position(&format!("{HALVING}.{name}"));
        let set = |name: &str| base.0[key(name)].as_deref();
        let number = |name: &str| {
            let default = serde_json::Value::from(super::KEYS[key(name)].default);
            set(name).map_or(default, |set| set.value.clone()).as_u64().unwrap_or_default() as usize
        };
        let Some(first) = set("first_epochs") else {
            return match set("metric").or(set("eta")) {
                None => Ok(None),
                Some(other) => Err(ConfigError::at(
                    &other.origin,
                    "`[sweep.halving]` has no `first_epochs`",
                    "trained for how many epochs at first?",
                )
                .help("add `first_epochs = 1`, or another number of epochs after which points can be told apart")),
            };
        };
        let own = set("metric");
        let name = own.map_or_else(
            || display(&Key::named("sweep.halving.metric").default.into()).trim_matches('"').to_owned(),
            |set| set.value.as_str().unwrap_or_default().to_owned(),
        );
        let metric = rankable(&name).map_err(|why| {
            let origin = own.map_or(&first.origin, |set| &set.origin);
            ConfigError::at(origin, format!("points cannot be ranked by `{name}`"), why)
                .help("docs/reference/metrics.md lists the metrics; `validation_pseudo_log_likelihood` is one of them")
        })?;
        let (eta, first_epochs) = (number("eta"), number("first_epochs"));
        Ok(Some(Self { metric, eta, first_epochs, origin: first.origin.clone() }))
    }

    /// Returns true if the metric is known without an estimate of the log-likelihood after training.
    pub(in crate::sweep) fn needs_likelihood(&self) -> bool {
        self.metric.metric.name.starts_with("log_likelihood")
    }

    /// Returns true if the metric is one of samples.
    pub(in crate::sweep) fn needs_samples(&self) -> bool {
        self.metric.metric.group() == MetricGroup::Music
    }
}

/// Returns the metric of a name; an error with the reason if nothing may be chosen by it.
fn rankable(name: &str) -> Result<NamedMetric, &'static str> {
    let named = find_metric(name).ok_or("not a metric")?;
    let metric = named.metric;
    if metric.group() == MetricGroup::Timing || metric.subject != Subject::Run {
        return Err("it says nothing of the model");
    }
    if named.split == Some(SplitName::Test) {
        return Err("nothing may be chosen by test windows");
    }
    match metric.better {
        Direction::Higher | Direction::Lower => Ok(named),
        Direction::Near | Direction::Neither => Err("neither more nor less of it is better"),
    }
}
