//! The settings of one point: a value for every key, defaults filled in.

use super::error::ConfigError;
use super::key::{Key, display, identifying};
use super::keys::KEYS;
use super::parameters::RunParameters;
use super::rows::{check_rows, row_files};
use super::value::{Explicit, position};
use crate::evaluate::LikelihoodMethod;
use crate::model::likelihood::MAXIMUM_ENUMERATED_UNITS;
use crate::model::rbm::MAXIMUM_GRADIENT_UNITS;
use crate::model::{ChainStart, ModelKind};
use crate::music::{Compat, CorpusOptions, MOST_LINES, Plane, RowFiles};
use crate::train::{Centring, LearningRateSchedule, Method, Optimizer, StatisticsKind, StopMetric, TrainOptions};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// A value for every key of the registry.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// One value a key, in the order of [`KEYS`].
    values: Vec<Value>,
}

impl Settings {
    /// Fills in defaults, checks the keys that must fit each other, and resets those without effect.
    pub(crate) fn resolve(explicit: &Explicit) -> Result<Self, ConfigError> {
        let article = explicit.text("corpus.compat") == Some("seed");
        let data_set = explicit.text("corpus.path").is_some_and(|path| is_data_set(Path::new(path)));
        let rows = row_files(explicit);
        if rows.is_some() {
            check_rows(explicit)?;
        }
        let values = KEYS
            .iter()
            .zip(&explicit.0)
            .map(|(key, set)| {
                let default = || key.default_for(article, data_set, rows.is_some()).into();
                set.as_ref().map_or_else(default, |set| set.value.clone())
            })
            .collect();
        let mut settings = Self { values };
        let run = RunParameters::from_settings(&settings);
        Joint { explicit, settings: &settings, run: &run, data_set, rows: rows.as_ref() }.check()?;
        settings.reset_idle("train", &run.train);
        if run.pretrain.0.epochs > 0 {
            settings.reset_idle("pretrain", &run.pretrain.0);
        }
        settings.reset_foreign(&run);
        Ok(settings)
    }

    /// Gives the keys that do not concern the kind of model, or a stage of training without epochs, their defaults.
    fn reset_foreign(&mut self, run: &RunParameters) {
        let unused = |key: &Key| {
            let foreign = !key.kinds.is_empty() && !key.kinds.contains(&run.model.kind);
            foreign || key.table() == "pretrain" && run.pretrain.0.epochs == 0
        };
        for (key, value) in KEYS.iter().zip(&mut self.values).filter(|(key, _)| unused(key)) {
            *value = key.default.into();
        }
    }

    /// Gives the keys that have no effect beside the others their defaults: runs that compute the same have the same
    /// name.
    fn reset_idle(&mut self, table: &str, train: &TrainOptions) {
        let epochs = train.epochs;
        let (cd, pt) = (train.method == Method::Cd, train.method == Method::Pt);
        let exact = train.method == Method::Exact;
        let persistent = matches!(train.method, Method::Pcd | Method::Pt);
        let samples = train.statistics == StatisticsKind::Samples;
        let steady = train.learning_rate_schedule == LearningRateSchedule::Constant || epochs <= 1;
        // A momentum that applies in no epoch has no effect.
        let switch = train.momentum_switch_epoch.min(epochs);
        let no_first = switch == 0 || train.initial_momentum == 0.0;
        let no_last = switch == epochs || train.momentum == 0.0;
        let no_momentum = no_first && no_last;
        let no_sparsity = train.sparsity_strength == 0.0;
        let sgd = train.optimizer == Optimizer::Sgd;
        let place = |name: &str| position(&format!("{table}.{name}"));
        let idle = [
            ("chains", !persistent),
            ("temperatures", !pt),
            ("lowest_inverse_temperature", !pt),
            ("k_final", exact || epochs <= 1 || train.k_final == train.k),
            ("statistics", exact),
            ("positive_sample", !cd || !samples),
            ("learning_rate_schedule", steady),
            ("learning_rate_final", steady),
            ("initial_momentum", no_first),
            ("momentum", no_last),
            ("momentum_switch_epoch", no_momentum),
            ("nesterov", no_momentum),
            ("sparsity_target", no_sparsity),
            ("sparsity_decay", no_sparsity),
            ("centring_rate", train.centring == Centring::None),
            ("adam_first", sgd),
            ("adam_second", sgd),
            ("adam_epsilon", sgd),
        ];
        // Values above the number of epochs mean that number.
        self.values[place("averaged_epochs")] = train.averaged_epochs.min(epochs).into();
        self.values[place("momentum_switch_epoch")] = switch.into();
        for (name, _) in idle.into_iter().filter(|(_, idle)| *idle) {
            self.values[place(name)] = KEYS[place(name)].default.into();
        }
    }

    /// Returns the value of a key, which must be one of the registry.
    pub fn get(&self, path: &str) -> &Value {
        &self.values[position(path)]
    }

    /// Returns the value of the key at this position of the registry.
    pub(crate) fn at(&self, key: usize) -> &Value {
        &self.values[key]
    }

    /// Returns the keys that decide the bits of a result, sorted, as `params` of a record lists them. Keys that were
    /// added later are left out where they have their defaults.
    pub fn parameters(&self) -> BTreeMap<&'static str, &Value> {
        identifying(KEYS.iter().zip(&self.values))
    }

    /// Returns the identity of a point: the parameters and the corpus that they name.
    pub(crate) fn identity(&self) -> String {
        let pairs = KEYS.iter().zip(&self.values);
        let values: Vec<&Value> = pairs.filter(|(key, _)| key.may_be_swept()).map(|(_, value)| value).collect();
        serde_json::to_string(&values).unwrap_or_else(|error| panic!("settings are plain JSON: {error}"))
    }

    /// Returns the keys of one table, without the table's name.
    fn table(&self, table: &str) -> serde_json::Map<String, Value> {
        let pairs = KEYS.iter().zip(&self.values).filter(|(key, _)| key.table() == table);
        pairs.map(|(key, value)| (key.path[table.len() + 1..].to_owned(), value.clone())).collect()
    }
}

impl RunParameters {
    /// Returns the options that settings stand for.
    pub(crate) fn from_settings(settings: &Settings) -> Self {
        /// Returns the options of a table. The registry and the structs name the same keys and types, as a test checks.
        fn table<T: DeserializeOwned>(settings: &Settings, name: &str) -> T {
            serde_json::from_value(Value::Object(settings.table(name)))
                .unwrap_or_else(|error| panic!("the keys of `{name}` differ from its options: {error}"))
        }
        Self {
            corpus: table(settings, "corpus"),
            model: table(settings, "model"),
            train: table(settings, "train"),
            pretrain: table(settings, "pretrain"),
            evaluate: table(settings, "evaluate"),
            sample: table(settings, "sample"),
        }
        .with_one_engine()
    }
}

/// The checks that concern several keys of one point.
struct Joint<'a> {
    /// The values that were set, with their places.
    explicit: &'a Explicit,
    /// The values, for messages.
    settings: &'a Settings,
    /// The same values, for conditions.
    run: &'a RunParameters,
    /// True if the corpus is a polyphonic data set in JSON.
    data_set: bool,
    /// The files of the corpus if they are rows that are not music.
    rows: Option<&'a RowFiles>,
}

impl Joint<'_> {
    /// Returns the first mistake.
    fn check(&self) -> Result<(), ConfigError> {
        self.check_pitches()?;
        self.check_data_set()?;
        self.check_bars_and_stripes()?;
        self.check_article()?;
        self.check_likelihood()?;
        self.check_early_stopping()?;
        self.check_schedule()?;
        self.check_exact_gradient()?;
        self.check_optimizer()?;
        self.check_start()?;
        self.check_sequences()
    }

    fn check_pitches(&self) -> Result<(), ConfigError> {
        let CorpusOptions { lowest_pitch, highest_pitch, .. } = self.run.corpus;
        if highest_pitch > lowest_pitch {
            return Ok(());
        }
        let message = format!(
            "`corpus.highest_pitch` is {highest_pitch} and `corpus.lowest_pitch` {lowest_pitch}: no pitch is left"
        );
        let keys = ["corpus.highest_pitch", "corpus.lowest_pitch"];
        Err(self
            .fault(&keys, message, "the range ends before this pitch")
            .help("pitches from the lowest to one below the highest are kept"))
    }

    fn check_data_set(&self) -> Result<(), ConfigError> {
        if !self.data_set {
            return Ok(());
        }
        if self.reads_as_article() {
            let message =
                format!("`corpus.compat = {}` is a reading of MIDI files, not of a data set in JSON", self.compat());
            return Err(self.fault(&["corpus.compat", "corpus.path"], message, "not for this corpus"));
        }
        if self.run.corpus.planes.contains(&Plane::Onset) {
            let message = "a polyphonic data set in JSON does not say when notes are struck: it has no plane \"onset\"";
            let keys = ["corpus.planes", "corpus.path"];
            return Err(self.fault(&keys, message.to_owned(), "expected [\"hold\"]"));
        }
        Ok(())
    }

    fn check_bars_and_stripes(&self) -> Result<(), ConfigError> {
        let corpus = &self.run.corpus;
        if corpus.path.is_some() || corpus.source != "bars-and-stripes" {
            return Ok(());
        }
        let (lines, timesteps) = (corpus.layout().pitches(), self.run.model.timesteps);
        let (article, transposed) = (self.reads_as_article(), !corpus.transpose.is_empty());
        let square = lines == timesteps && lines <= MOST_LINES;
        if square && corpus.planes == [Plane::Hold] && !article && !transposed {
            return Ok(());
        }
        let message = format!(
            "`corpus.source = \"bars-and-stripes\"` has no windows of {timesteps} steps × {lines} pitches in the planes \
             {}{}{}",
            self.shown("corpus.planes"),
            if transposed { ", transposed" } else { "" },
            if article { format!(" under `corpus.compat = {}`", self.compat()) } else { String::new() }
        );
        let keys = ["corpus.source", "model.timesteps", "corpus.highest_pitch", "corpus.planes", "corpus.compat"];
        Err(self.fault(&keys, message, "this set has n steps × n pitches").help(format!(
            "for n × n, n at most {MOST_LINES}, set `model.timesteps` to n, `corpus.highest_pitch` to n above \
             `corpus.lowest_pitch`, and `corpus.planes` to [\"hold\"]"
        )))
    }

    fn check_article(&self) -> Result<(), ConfigError> {
        if !self.reads_as_article() {
            return Ok(());
        }
        let cannot =
            |key: &str| format!("`{key}` cannot be {} where `corpus.compat = {}`", self.shown(key), self.compat());
        if self.run.corpus.planes != [Plane::Hold, Plane::Onset] {
            let keys = ["corpus.planes", "corpus.compat"];
            return Err(self.fault(&keys, cannot(keys[0]), "expected [\"hold\", \"onset\"], in this order"));
        }
        if self.run.corpus.steps_per_beat != 4 {
            let keys = ["corpus.steps_per_beat", "corpus.compat"];
            return Err(self.fault(&keys, cannot(keys[0]), "expected 4"));
        }
        Ok(())
    }

    fn check_likelihood(&self) -> Result<(), ConfigError> {
        let (visible, hidden) = (self.visible(), self.run.model.hidden);
        let smaller = visible.min(hidden);
        let exact = self.run.evaluate.log_likelihood == LikelihoodMethod::Exact;
        // The width of rows is known once they are read.
        if self.rows.is_some() || !exact || smaller <= MAXIMUM_ENUMERATED_UNITS {
            return Ok(());
        }
        let message = format!(
            "`evaluate.log_likelihood` cannot be \"exact\" for a model of {visible} visible and {hidden} hidden units"
        );
        let label = format!("a layer of {smaller} units is too large to enumerate");
        Err(self.fault(&["evaluate.log_likelihood", "model.hidden"], message, &label).help(format!(
            "at most {MAXIMUM_ENUMERATED_UNITS} units can be enumerated; \"ais\" brackets the log-likelihood of larger models"
        )))
    }

    fn check_early_stopping(&self) -> Result<(), ConfigError> {
        const METRIC: &str = "train.early_stopping_metric";
        let RunParameters { corpus, train, evaluate, .. } = self.run;
        if train.early_stopping_metric == StopMetric::None {
            return Ok(());
        }
        let own_splits = self.data_set || self.rows.is_some_and(RowFiles::are_split);
        if !own_splits && corpus.validation == 0.0 {
            let message = format!("`{METRIC}` is {}, but no songs are held out", self.shown(METRIC));
            return Err(self
                .fault(&[METRIC, "corpus.validation"], message, "a metric of held-out songs")
                .help("hold some out with `corpus.validation`, such as 0.1"));
        }
        if train.averaged_epochs > 0 {
            let message = "`train.averaged_epochs` averages over the last epochs, which `train.early_stopping_metric` \
                           does not let be known beforehand";
            let keys = ["train.averaged_epochs", METRIC];
            return Err(self
                .fault(&keys, message.to_owned(), "not beside early stopping")
                .help("leave one of them out"));
        }
        if train.early_stopping_metric == StopMetric::PseudoLogLikelihood && evaluate.pseudo_likelihood_windows == 0 {
            let message = "`train.early_stopping_metric` is \"pseudo-log-likelihood\", which \
                           `evaluate.pseudo_likelihood_windows` = 0 leaves out";
            let keys = [METRIC, "evaluate.pseudo_likelihood_windows"];
            return Err(self.fault(&keys, message.to_owned(), "a metric that is not computed"));
        }
        Ok(())
    }

    fn check_schedule(&self) -> Result<(), ConfigError> {
        const SCHEDULE: &str = "train.learning_rate_schedule";
        let train = &self.run.train;
        if matches!(train.learning_rate_schedule, LearningRateSchedule::Constant | LearningRateSchedule::Linear) {
            return Ok(());
        }
        let rates =
            [("train.learning_rate_final", train.learning_rate_final), ("train.learning_rate", train.learning_rate)];
        match rates.into_iter().find(|(_, rate)| *rate == 0.0) {
            None => Ok(()),
            Some((path, _)) => {
                let message = format!("`{path}` cannot be 0 where `{SCHEDULE} = {}`", self.shown(SCHEDULE));
                Err(self
                    .fault(&[path, SCHEDULE], message, "no such schedule")
                    .help(format!("set `{path}` to a number above 0, or use \"linear\"")))
            }
        }
    }

    fn check_exact_gradient(&self) -> Result<(), ConfigError> {
        let smaller = self.visible().min(self.run.model.hidden);
        let exact = self.run.train.method == Method::Exact;
        if self.rows.is_some() || !exact || smaller <= MAXIMUM_GRADIENT_UNITS {
            return Ok(());
        }
        let message = format!(
            "`train.method = \"exact\"` enumerates the states of the smaller layer, which has {smaller} units here"
        );
        Err(self
            .fault(&["train.method", "model.hidden"], message, "too many states")
            .help(format!("at most {MAXIMUM_GRADIENT_UNITS} units are possible: lower `model.hidden`, or use \"pt\"")))
    }

    /// Refuses what Adam's steps leave without a meaning.
    fn check_optimizer(&self) -> Result<(), ConfigError> {
        for (table, train) in [("train", &self.run.train), ("pretrain", &self.run.pretrain.0)] {
            if train.optimizer == Optimizer::Sgd || table == "pretrain" && train.epochs == 0 {
                continue;
            }
            let with_terms = [
                ("momentum", train.momentum > 0.0 || train.initial_momentum > 0.0),
                ("weight_decay_l1", train.weight_decay_l1 > 0.0),
                ("sparsity_strength", train.sparsity_strength > 0.0),
                ("centring", train.centring != Centring::None),
            ];
            if let Some((name, _)) = with_terms.into_iter().find(|(_, set)| *set) {
                let (key, optimizer) = (format!("{table}.{name}"), format!("{table}.optimizer"));
                let message = format!("`{key}` cannot be {} beside `{optimizer} = \"adam\"`", self.shown(&key));
                return Err(self
                    .fault(&[&key, &optimizer], message, "a term of plain steps")
                    .help("leave one of them out"));
            }
        }
        Ok(())
    }

    /// Refuses starts of chains that only frames which follow one another have.
    fn check_start(&self) -> Result<(), ConfigError> {
        const START: &str = "sample.start";
        let RunParameters { model, sample, .. } = self.run;
        let of_frames = matches!(sample.start, ChainStart::Previous | ChainStart::Independent);
        if model.kind == ModelKind::RnnRbm || !of_frames {
            return Ok(());
        }
        let message =
            format!("`{START}` cannot be {} where `model.kind = {}`", self.shown(START), self.shown("model.kind"));
        Err(self
            .fault(&[START, "model.kind"], message, "a start of frames that follow one another")
            .help("use \"zeros\", \"noise\" or \"data\", or a model of sequences (`model.kind = \"rnn-rbm\"`)"))
    }

    /// Refuses what a model of sequences has no meaning for.
    fn check_sequences(&self) -> Result<(), ConfigError> {
        let RunParameters { corpus, model, train, .. } = self.run;
        if model.kind != ModelKind::RnnRbm {
            return Ok(());
        }
        let stride = corpus.stride != 0 && corpus.stride != model.timesteps;
        let refused = [
            (
                "train.method",
                matches!(train.method, Method::Pt | Method::Exact),
                "its chains are those of frames: use \"cd\" or \"pcd\"",
            ),
            (
                "train.chains",
                train.method == Method::Pcd && train.chains != 0,
                "it has one persistent chain for every training frame",
            ),
            ("train.nesterov", train.nesterov && train.momentum > 0.0, "use plain momentum"),
            ("train.weight_decay_l1", train.weight_decay_l1 > 0.0, "use `train.weight_decay`"),
            (
                "train.sparsity_strength",
                train.sparsity_strength > 0.0,
                "its hidden units have biases of their own at every frame",
            ),
            ("train.centring", train.centring != Centring::None, "its biases differ from frame to frame"),
            ("corpus.stride", stride, "its frames follow one another without overlap"),
        ];
        let Some((key, _, why)) = refused.into_iter().find(|(_, refused, _)| *refused) else { return Ok(()) };
        let message =
            format!("`{key}` cannot be {} where `model.kind = {}`", self.shown(key), self.shown("model.kind"));
        Err(self.fault(&[key, "model.kind"], message, "not for this kind of model").help(why))
    }

    /// Returns the number of visible units.
    fn visible(&self) -> usize {
        self.run.model.timesteps * self.run.corpus.layout().columns()
    }

    /// Returns true if MIDI files are read as the article's program reads them.
    fn reads_as_article(&self) -> bool {
        self.run.corpus.compat == Compat::Seed
    }

    /// Returns the value of `corpus.compat` by the name that the user gave it.
    fn compat(&self) -> String {
        let name = self.explicit.get("corpus.compat").map_or("article", |set| set.origin.text());
        format!("\"{}\"", name.trim_matches(['"', '\'']))
    }

    /// Returns the value of a key as a configuration would write it.
    fn shown(&self, path: &str) -> String {
        display(self.settings.get(path))
    }

    /// Returns an error at the first of the keys that is set, with the places of the others.
    fn fault(&self, keys: &[&str], message: String, label: &str) -> ConfigError {
        let mut places = keys.iter().filter_map(|key| self.explicit.get(key).map(|set| (key, &set.origin)));
        let mut error = match places.next() {
            Some((_, origin)) => ConfigError::at(origin, message, label),
            None => ConfigError::new(message),
        };
        for (key, origin) in places {
            error = error.related(origin, format!("`{key}` is set here"));
        }
        error
    }
}

/// Returns true for the path of a polyphonic data set in JSON.
fn is_data_set(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
}
