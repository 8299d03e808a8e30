//! The parameters of one run, as typed options for the layers below.

use super::keys::{KEYS, find_key};
use super::settings::layers;
use crate::evaluate::EvaluateOptions;
use crate::model::{ChainStart, Chains, LastStep, ModelKind, ModelOptions};
use crate::music::CorpusOptions;
use crate::train::TrainOptions;
use serde::de::Error as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Everything that decides the bits of a run but the corpus' content and the seed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunParameters {
    /// The source of the songs, with the rules of reading.
    pub corpus: CorpusOptions,
    /// The shape of the model and its state before training.
    pub model: ModelOptions,
    /// The options of its training; of a deep network, those of the lowest layer.
    pub train: TrainOptions,
    /// The options of training each layer of a deep network above the lowest; none for other kinds.
    #[serde(skip)]
    pub upper: Vec<TrainOptions>,
    /// The options of a first stage that trains the RBM of a larger model alone; none without epochs.
    pub pretrain: PretrainOptions,
    /// The options of its evaluation.
    pub evaluate: EvaluateOptions,
    /// The music it makes.
    pub sample: SampleOptions,
}

/// The options of a stage of training before the main one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PretrainOptions(pub TrainOptions);

impl Default for PretrainOptions {
    fn default() -> Self {
        Self(TrainOptions { epochs: 0, ..TrainOptions::default() })
    }
}

/// A stage of training: a part of the model is trained with options of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// The name in the records of its epochs; `None` of a kind that is trained in one stage.
    pub name: Option<String>,
    /// The options of the model that the stage leaves.
    pub model: ModelOptions,
    /// The options of training.
    pub train: TrainOptions,
    /// True if runs of a sweep share the model that the stage leaves.
    pub shared: bool,
}

impl RunParameters {
    /// Returns the options of training each layer, from below; of kinds without layers one.
    pub fn layers(&self) -> impl Iterator<Item = &TrainOptions> {
        std::iter::once(&self.train).chain(&self.upper)
    }

    /// Returns the stages of training in order: for a model of layers each layer, then all together if they are
    /// fine-tuned; for others the RBM alone, if it is pretrained, then the model.
    pub fn stages(&self) -> Vec<Stage> {
        let Self { model, train, pretrain, .. } = self;
        let mut stages = Vec::new();
        if model.kind.has_layers() {
            for (layer, train) in self.layers().enumerate() {
                let layers = model.layers[..=layer].to_vec();
                let name = Some(format!("layer {}", layer + 1));
                let model = ModelOptions { layers, ..model.clone() };
                stages.push(Stage { name, model, train: train.clone(), shared: true });
            }
            if let Some(top) = self.layers().last().filter(|top| top.fine_tune_epochs > 0) {
                let (epochs, learning_rate) = (top.fine_tune_epochs, top.fine_tune_rate);
                let train = TrainOptions { epochs, learning_rate, up_down: true, ..top.clone() };
                stages.push(Stage { name: Some("fine-tune".into()), model: model.clone(), train, shared: false });
            }
            return stages;
        }
        if pretrain.0.epochs > 0 {
            let model = ModelOptions { kind: ModelKind::Rbm, ..model.clone() };
            stages.push(Stage { name: Some("pretrain".into()), model, train: pretrain.0.clone(), shared: true });
        }
        stages.push(Stage { name: None, model: model.clone(), train: train.clone(), shared: false });
        stages
    }

    /// Returns the number of epochs that are trained in all stages.
    pub fn epochs(&self) -> u64 {
        self.stages().iter().map(|stage| stage.train.trained_epochs() as u64).sum()
    }

    /// Returns these parameters with the engine of training in all stages.
    pub(crate) fn with_one_engine(mut self) -> Self {
        self.pretrain.0.engine = self.train.engine;
        self
    }

    /// Returns the options that the dotted parameters of a record or a model stand for; others have their defaults. A
    /// value outside those of its key is an error: a file may come from anywhere.
    pub fn from_map(parameters: &Map<String, Value>) -> Result<Self, serde_json::Error> {
        let mut tables = serde_json::to_value(Self::default())?;
        for (key, value) in parameters {
            if let Some(known) = find_key(key) {
                KEYS[known].check_recorded(value).map_err(serde_json::Error::custom)?;
            }
            let (table, name) = key.split_once('.').unwrap_or(("", key));
            tables[table][name] = value.clone();
        }
        let mut layers = Vec::new();
        if let Some(train) = tables["train"].as_object().cloned() {
            let model: ModelOptions = serde_json::from_value(tables["model"].clone())?;
            layers = layers::options(&train, if model.kind.has_layers() { model.layers.len() } else { 1 })?;
            tables["train"] = Value::Object(layers::of_layer(&train, 0));
        }
        let own: Self = serde_json::from_value(tables)?;
        Ok(Self { upper: layers.into_iter().skip(1).collect(), ..own.with_one_engine() })
    }
}

/// The music that a trained model makes, as the `sample` table of a configuration gives it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SampleOptions {
    /// The number of samples drawn.
    pub count: usize,
    /// Gibbs steps that lead to a sample.
    pub steps: usize,
    /// The start of the chain of a sample.
    pub start: ChainStart,
    /// The temperature, by which every input of a unit is divided.
    pub temperature: f64,
    /// The factor by which the first Gibbs step is hotter than the last.
    pub annealing: f64,
    /// The choice of the last visible states.
    pub last_step: LastStep,
    /// The time steps of a piece, where the model is one of sequences.
    pub length: usize,
    /// True if a sample without a note gets no file.
    pub skip_empty: bool,
    /// Quarter notes a minute.
    pub tempo: f64,
    /// Velocity of the notes, in 1..=127.
    pub velocity: u8,
    /// MIDI program (instrument), in 0..=127.
    pub program: u8,
}

impl Default for SampleOptions {
    fn default() -> Self {
        Self {
            count: 10,
            steps: 1,
            start: ChainStart::Zeros,
            temperature: 1.0,
            annealing: 1.0,
            last_step: LastStep::Draw,
            length: 64,
            skip_empty: true,
            tempo: 120.0,
            velocity: 40,
            program: 0,
        }
    }
}

impl SampleOptions {
    /// Returns the chains that these options describe.
    pub fn chains(&self, seed: u64) -> Chains {
        Chains {
            temperature: self.temperature,
            annealing: self.annealing,
            last_step: self.last_step,
            ..Chains::plain(self.count, self.steps as u64, self.start, seed)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::config::{Explicit, Kind, Role, Settings};

    #[test]
    fn parameters_come_back_from_their_dotted_form() {
        let settings = Settings::resolve(&Explicit::default()).unwrap();
        let map: Map<String, Value> =
            settings.parameters().into_iter().map(|(key, value)| (key.to_owned(), value.clone())).collect();
        assert_eq!(RunParameters::from_map(&map).unwrap(), RunParameters::default());
        let mut changed = map;
        changed.insert("model.hidden".into(), 7.into());
        assert_eq!(RunParameters::from_map(&changed).unwrap().model.hidden, 7);
        changed.insert("model.hideen".into(), 7.into());
        assert!(RunParameters::from_map(&changed).is_err());
    }

    #[test]
    fn values_are_those_that_their_keys_take() {
        let from = |key: &str, value: Value| RunParameters::from_map(&Map::from_iter([(key.to_owned(), value)]));
        for key in KEYS.iter().filter(|key| key.role == Role::Parameter) {
            key.check_recorded(&key.default.into()).unwrap();
            key.check_recorded(&Value::Null).unwrap_err();
            let beyond: Vec<Value> = match key.kind {
                Kind::Integer { min, max } => vec![(min - 1).into(), (max + 1).into(), u64::MAX.into(), 1e300.into()],
                Kind::Float { min, max, .. } => vec![(min - 0.5).into(), (2.0 * max.abs() + 1.0).into(), "1".into()],
                Kind::Choice(_) => vec!["none of them".into(), 1.into()],
                Kind::Choices(_) => vec![Value::Array(vec![]), "hold".into()],
                Kind::Integers { max, .. } | Kind::Layers { max, .. } => vec![Value::Array(vec![(max + 1).into()])],
                _ => vec![],
            };
            for value in beyond {
                let error = from(key.path, value.clone()).unwrap_err().to_string();
                assert!(error.contains(key.path) && error.contains("expected"), "{} = {value}: {error}", key.path);
            }
        }
        let error = from("evaluate.ais_chains", 1_000_000_000_000_000u64.into()).unwrap_err().to_string();
        assert!(
            error.starts_with("`evaluate.ais_chains` is 1000000000000000: expected an integer from 2 to 1000000"),
            "{error}"
        );
        // Records have names that are older.
        assert!(from("corpus.compat", "seed".into()).is_ok());
    }

    #[test]
    fn the_defaults_of_registry_and_options_agree() {
        let settings = Settings::resolve(&Explicit::default()).unwrap();
        assert_eq!(RunParameters::from_settings(&settings), RunParameters::default());
    }
}
