//! The bracket of successive halving: its rungs, each with its epochs and its points.

use crate::sweep::config::{ConfigError, ConfigErrors};
use crate::sweep::config::{Explicit, Halving, RunParameters, Settings};
use crate::sweep::plan::{Plan, Point, RunSpec};
use serde_json::Value;
use std::sync::Arc;

/// The rungs of successive halving. Runs of all but the last rung stop early (`train.stop_after`), and leave out the
/// steps after training that the metric does not need.
#[derive(Clone, Debug)]
pub struct Bracket {
    /// The rule.
    pub halving: Halving,
    /// The rungs, in order.
    pub rungs: Vec<Rung>,
}

/// A rung: points that are trained for equally many epochs, and then ranked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    /// The epochs that its runs train in all, those of the rungs before included.
    pub epochs: usize,
    /// The number of its points, if every point of the rung before has a value of the metric.
    pub points: usize,
    /// The value of `train.stop_after`; 0 in the last rung.
    stop_after: usize,
}

impl Bracket {
    /// Returns the bracket of `points` points of `epochs` epochs. The rung i trains `first_epochs` · ηⁱ epochs and has
    /// 1/η of the points of the rung before, rounded down; the last trains all epochs, at least √η times as many as the
    /// rung before. A point that is left alone is trained to the end at once.
    fn new(halving: &Halving, points: usize, epochs: usize) -> Self {
        let square = |number: usize| (number as u128).pow(2);
        let (mut trained, mut left) = (halving.first_epochs, points);
        let mut rungs = Vec::new();
        while left > 1 && square(trained) * halving.eta as u128 <= square(epochs) {
            rungs.push(Rung { epochs: trained, points: left, stop_after: trained });
            (trained, left) = (trained * halving.eta, (left / halving.eta).max(1));
        }
        rungs.push(Rung { epochs, points: left, stop_after: 0 });
        Self { halving: halving.clone(), rungs }
    }

    /// Returns the settings of a point in a rung.
    fn settings(&self, explicit: &Explicit, rung: usize) -> Result<Settings, ConfigError> {
        let mut own = explicit.clone();
        let stop_after = self.rungs[rung].stop_after;
        if stop_after > 0 {
            let mut set = |key: &str, value: Value| own.set(key, value, self.halving.origin.clone());
            set("train.stop_after", stop_after.into());
            if !self.halving.needs_likelihood() {
                set("evaluate.log_likelihood", "none".into());
            }
            if !self.halving.needs_samples() {
                set("sample.count", 0.into());
            }
        }
        Settings::resolve(&own)
    }
}

impl Point {
    /// Returns the point in a rung of a bracket.
    fn in_rung(&self, bracket: &Bracket, rung: usize) -> Result<Self, ConfigError> {
        let settings = bracket.settings(&self.explicit, rung)?;
        let parameters = RunParameters::from_settings(&settings);
        Ok(Self { parameters, settings, explicit: self.explicit.clone(), rung })
    }
}

impl Plan {
    /// Makes a plan of whole runs the first rung of successive halving.
    pub(super) fn halved(mut self, halving: &Halving) -> Result<Self, ConfigErrors> {
        let epochs = self.points[0].parameters.train.epochs;
        let refused =
            |message: String, label: &str| ConfigErrors::from(ConfigError::at(&halving.origin, message, label));
        for point in &self.points {
            let RunParameters { model, train, .. } = &point.parameters;
            if model.kind.has_layers() {
                let message = "`[sweep.halving]` cannot rank models of layers, which are trained one after the other";
                return Err(refused(message.to_owned(), "a stack that stops in a lower layer is not a model yet"));
            }
            if train.epochs != epochs {
                let message =
                    format!("`[sweep.halving]` needs one `train.epochs` for all points: {epochs} and {}", train.epochs);
                return Err(refused(message, "the last rung trains them all"));
            }
            if train.stop_after != 0 {
                let message = "`train.stop_after` is for the rungs of `[sweep.halving]` to set".to_owned();
                return Err(refused(message, "stops its runs"));
            }
        }
        let bracket = Bracket::new(halving, self.points.len(), epochs);
        if let [_] = bracket.rungs.as_slice()
            && self.points.len() > 1
        {
            let message = format!(
                "`sweep.halving.first_epochs` = {} leaves no rung before the {epochs} epochs of `train.epochs`",
                halving.first_epochs
            );
            return Err(refused(message, "too many epochs"));
        }
        if bracket.rungs.len() > 1 {
            self.swept.push("train.stop_after");
        }
        let first: Result<Vec<Arc<Point>>, ConfigError> =
            self.points.iter().map(|point| point.in_rung(&bracket, 0).map(Arc::new)).collect();
        self.points = first?;
        for run in &mut self.runs {
            run.point = Arc::clone(&self.points[run.point_index]);
        }
        self.bracket = Some(bracket);
        Ok(self)
    }

    /// Returns the newest rung that the plan has points of; 0 without halving.
    pub fn rung(&self) -> usize {
        self.points.last().map_or(0, |point| point.rung)
    }

    /// Returns the rungs that the plan has no points of yet.
    pub fn rungs_to_come(&self) -> &[Rung] {
        self.bracket.as_ref().map_or(&[], |bracket| &bracket.rungs[self.rung() + 1..])
    }

    /// Adds the next rung, given its points by their places in the newest rung's.
    pub(in crate::sweep) fn promote(&mut self, survivors: &[usize]) {
        let bracket = self.bracket.as_ref().expect("a plan with rungs has a bracket");
        let rung = self.rung() + 1;
        for &survivor in survivors {
            let point = self.points[survivor].in_rung(bracket, rung);
            let point = Arc::new(point.expect("settings that fit at one length fit at another"));
            let point_index = self.points.len();
            // The runs of a point follow each other.
            let first = self.runs.partition_point(|run| run.point_index < survivor);
            let of_point = self.runs[first..].iter().take_while(|run| run.point_index == survivor);
            let seeds: Vec<(u32, u64)> = of_point.map(|run| (run.replicate, run.seed)).collect();
            self.points.push(Arc::clone(&point));
            for (replicate, seed) in seeds {
                let index = self.runs.len();
                self.runs.push(RunSpec { index, point_index, point: Arc::clone(&point), replicate, seed });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::SweepConfig;

    fn rungs(points: usize, epochs: usize, first_epochs: usize, eta: usize) -> Vec<(usize, usize)> {
        let sets = [format!("sweep.halving.first_epochs={first_epochs}"), format!("sweep.halving.eta={eta}")];
        let halving = SweepConfig::from_text(None, &sets).unwrap().halving.unwrap();
        Bracket::new(&halving, points, epochs).rungs.iter().map(|rung| (rung.points, rung.epochs)).collect()
    }

    #[test]
    fn rungs_grow_by_eta_up_to_the_whole() {
        assert_eq!(rungs(81, 81, 1, 3), [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)]);
        // A last rung of 100 epochs after one of 81 would gain little.
        assert_eq!(rungs(81, 100, 1, 3), [(81, 1), (27, 3), (9, 9), (3, 27), (1, 100)]);
        assert_eq!(rungs(50, 200, 10, 3), [(50, 10), (16, 30), (5, 90), (1, 200)]);
        // A point that is alone goes to the end, and points are left where the epochs end first.
        assert_eq!(rungs(4, 81, 1, 3), [(4, 1), (1, 81)]);
        assert_eq!(rungs(64, 8, 2, 2), [(64, 2), (32, 4), (16, 8)]);
        assert_eq!(rungs(1, 10, 1, 3), [(1, 10)]);
        assert_eq!(rungs(9, 4, 3, 3), [(9, 4)]);
    }

    #[test]
    fn a_promoted_point_is_the_plain_one_in_the_end() {
        let text = "[train]\nepochs = 9\n[sweep.grid]\n\"model.hidden\" = [3, 4, 5, 6, 7, 8, 9, 10, 11]\n[replicates]\ncount = 2\n";
        let read = |sets: &[String]| SweepConfig::from_text(Some((std::path::Path::new("s.toml"), text.into())), sets);
        let plain = read(&[]).unwrap().plan().unwrap();
        let mut halved = read(&["sweep.halving.first_epochs=1".to_owned()]).unwrap().plan().unwrap();
        let ids = |plan: &Plan| plan.runs.iter().map(|run| run.run_id("corpus")).collect::<Vec<_>>();
        assert_eq!((halved.runs.len(), halved.rung(), halved.rungs_to_come().len()), (18, 0, 2));
        assert!(ids(&halved).iter().all(|id| !ids(&plain).contains(id)));
        halved.promote(&[2, 4, 8]);
        assert_eq!((halved.runs.len(), halved.rung(), halved.rungs_to_come().len()), (24, 1, 1));
        halved.promote(&[10]);
        assert_eq!((halved.points.len(), halved.rung(), halved.rungs_to_come().len()), (13, 2, 0));
        let last: Vec<(usize, u32)> = halved.runs[24..].iter().map(|run| (run.index, run.replicate)).collect();
        assert_eq!(last, [(24, 0), (25, 1)]);
        assert_eq!(ids(&halved)[24..], ids(&plain)[8..10]);
        let shown =
            |run: usize| halved.swept_values(&halved.runs[run]).map(|(_, value)| value.clone()).collect::<Vec<_>>();
        assert_eq!(
            [shown(8), shown(20), shown(24)],
            [[7, 1], [7, 3], [7, 0]].map(|pair| pair.map(Value::from).to_vec())
        );
    }

    #[test]
    fn what_cannot_be_ranked_is_refused() {
        let refused = |sets: &[&str], expected: &str| {
            let sets: Vec<String> = sets.iter().map(|&set| set.to_owned()).collect();
            let sweep = SweepConfig::from_text(None, &sets);
            let error = sweep.and_then(|sweep| sweep.plan()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        let first = "sweep.halving.first_epochs=1";
        refused(&["sweep.halving.eta=4"], "has no `first_epochs`");
        refused(&[first, "sweep.halving.metric=\"fun\""], "not a metric");
        refused(&[first, "sweep.halving.metric=\"train_s\""], "says nothing of the model");
        refused(&[first, "sweep.halving.metric=\"test_log_likelihood_exact\""], "by test windows");
        refused(&[first, "sweep.halving.eta=1"], "eta");
        refused(&[first, "model.kind=\"dbn\""], "models of layers");
        refused(&[first, "sweep.grid.train.epochs=[10, 20]"], "one `train.epochs` for all points: 10 and 20");
        refused(&[first, "train.stop_after=3"], "for the rungs");
        refused(&["sweep.halving.first_epochs=9", "train.epochs=10", "sweep.grid.train.k=[1, 2]"], "leaves no rung");
    }
}
