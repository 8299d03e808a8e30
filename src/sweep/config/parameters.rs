//! The parameters of one run, as typed options for the layers below.

use crate::evaluate::EvaluateOptions;
use crate::model::{ChainStart, Chains, LastStep, ModelOptions};
use crate::music::CorpusOptions;
use crate::train::TrainOptions;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Everything that decides the bits of a run but the corpus' content and the seed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunParameters {
    /// The source of the songs, with the rules of reading.
    pub corpus: CorpusOptions,
    /// The shape of the model and its state before training.
    pub model: ModelOptions,
    /// The options of its training.
    pub train: TrainOptions,
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

impl RunParameters {
    /// Returns the number of epochs of all stages.
    pub fn epochs(&self) -> u64 {
        (self.pretrain.0.epochs + self.train.epochs) as u64
    }

    /// Returns these parameters with the engine of training in all stages.
    pub(crate) fn with_one_engine(mut self) -> Self {
        self.pretrain.0.engine = self.train.engine;
        self
    }

    /// Returns the options that the dotted parameters of a record or a model stand for; others have their defaults.
    pub fn from_map(parameters: &Map<String, Value>) -> Result<Self, serde_json::Error> {
        let mut tables = serde_json::to_value(Self::default())?;
        for (key, value) in parameters {
            let (table, name) = key.split_once('.').unwrap_or(("", key));
            tables[table][name] = value.clone();
        }
        serde_json::from_value(tables).map(Self::with_one_engine)
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
    use crate::sweep::config::{Explicit, Settings};

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
    fn the_defaults_of_registry_and_options_agree() {
        let settings = Settings::resolve(&Explicit::default()).unwrap();
        assert_eq!(RunParameters::from_settings(&settings), RunParameters::default());
    }
}
