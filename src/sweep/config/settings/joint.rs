//! The checks that concern several keys of one point.

use super::Settings;
use crate::evaluate::LikelihoodMethod;
use crate::model::likelihood::MAXIMUM_ENUMERATED_UNITS;
use crate::model::rbm::MAXIMUM_GRADIENT_UNITS;
use crate::model::{ChainStart, ModelKind};
use crate::music::{Compat, CorpusOptions, MOST_LINES, Plane, RowFiles};
use crate::sweep::config::error::ConfigError;
use crate::sweep::config::key::display;
use crate::sweep::config::parameters::RunParameters;
use crate::sweep::config::value::Explicit;
use crate::train::{Centring, LearningRateSchedule, Method, Optimizer, StopMetric};

/// A point with everything that its checks look at.
pub(super) struct Joint<'a> {
    /// The values that were set, with their places.
    pub(super) explicit: &'a Explicit,
    /// The values, for messages.
    pub(super) settings: &'a Settings,
    /// The same values, for conditions.
    pub(super) run: &'a RunParameters,
    /// True if the corpus is a polyphonic data set in JSON.
    pub(super) data_set: bool,
    /// The files of the corpus if they are rows that are not music.
    pub(super) rows: Option<&'a RowFiles>,
}

impl Joint<'_> {
    /// Returns the first mistake.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
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
        self.check_tied_start()?;
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
        if self.run.corpus.sustain {
            let keys = ["corpus.sustain", "corpus.compat"];
            return Err(self.fault(&keys, cannot(keys[0]), "the article's program does not know the pedal"));
        }
        if self.run.corpus.steps_per_beat != 4 {
            let keys = ["corpus.steps_per_beat", "corpus.compat"];
            return Err(self.fault(&keys, cannot(keys[0]), "expected 4"));
        }
        Ok(())
    }

    fn check_likelihood(&self) -> Result<(), ConfigError> {
        let model = &self.run.model;
        let (visible, hidden) = model.kind.enumerated_layers(model, self.visible());
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
        let size = if model.kind.has_layers() { "model.layers" } else { "model.hidden" };
        Err(self.fault(&["evaluate.log_likelihood", size], message, &label).help(format!(
            "at most {MAXIMUM_ENUMERATED_UNITS} units can be enumerated; \"ais\" brackets the log-likelihood of larger models"
        )))
    }

    fn check_early_stopping(&self) -> Result<(), ConfigError> {
        const METRIC: &str = "train.early_stopping_metric";
        let RunParameters { corpus, model, train, evaluate, .. } = self.run;
        if train.early_stopping_metric == StopMetric::None {
            return Ok(());
        }
        if model.kind.has_layers() {
            let message = format!(
                "`{METRIC}` cannot be {} where `model.kind = {}`, whose layers are trained one after the other",
                self.shown(METRIC),
                self.shown("model.kind")
            );
            return Err(self
                .fault(&[METRIC, "model.kind"], message, "not for this kind of model")
                .help("give each layer its number of epochs: `train.epochs = [100, 50]`"));
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
        let by_factors = self.run.layers().filter(|train| {
            !matches!(train.learning_rate_schedule, LearningRateSchedule::Constant | LearningRateSchedule::Linear)
        });
        let mut rates = by_factors.flat_map(|train| {
            [("train.learning_rate_final", train.learning_rate_final), ("train.learning_rate", train.learning_rate)]
        });
        match rates.find(|(_, rate)| *rate == 0.0) {
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
        let RunParameters { model, .. } = self.run;
        // The width of rows is known once they are read.
        let visible = if self.rows.is_some() { 0 } else { self.visible() };
        let key = if model.kind.has_layers() { "model.layers" } else { "model.hidden" };
        let sizes = model.kind.trained_layers(model, visible);
        let exact = self.run.layers().zip(sizes).filter(|(train, _)| train.method == Method::Exact);
        let smaller = exact.map(|(_, (below, units))| below.min(units)).max().unwrap_or(0);
        if smaller <= MAXIMUM_GRADIENT_UNITS {
            return Ok(());
        }
        let message = format!(
            "`train.method = \"exact\"` enumerates the states of the smaller layer, which has {smaller} units here"
        );
        Err(self
            .fault(&["train.method", key], message, "too many states")
            .help(format!("at most {MAXIMUM_GRADIENT_UNITS} units are possible: lower `{key}`, or use \"pt\"")))
    }

    /// Refuses what Adam's steps leave without a meaning.
    fn check_optimizer(&self) -> Result<(), ConfigError> {
        let of_layers = self.run.layers().map(|train| ("train", train));
        for (table, train) in of_layers.chain([("pretrain", &self.run.pretrain.0)]) {
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

    /// Refuses a tied start that no layer has.
    fn check_tied_start(&self) -> Result<(), ConfigError> {
        let RunParameters { model, .. } = self.run;
        let sizes: Vec<usize> = std::iter::once(self.visible()).chain(model.layers.iter().copied()).collect();
        let fits = self.rows.is_some() || sizes.windows(3).any(|sizes| sizes[0] == sizes[2]);
        if !model.kind.has_layers() || !model.tied_start || self.run.upper.is_empty() || fits {
            return Ok(());
        }
        let message = format!(
            "`model.tied_start` has no effect: no layer of `model.layers` = {} above {} visible units has as many units as \
             the one two below it",
            self.shown("model.layers"),
            sizes[0]
        );
        Err(self
            .fault(&["model.tied_start", "model.layers"], message, "no such layer")
            .help(format!("a second layer of {} units starts as the first with its sides exchanged", sizes[0])))
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
