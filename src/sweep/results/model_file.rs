//! `model.safetensors`: a trained model with all that is needed to make music from it.

use super::tensor_file::{self, TensorFileError};
use crate::engine::{EngineKind, Isa, Parameters};
use crate::machine::file::read_regular;
use crate::machine::text::Shown as _;
use crate::model::{LearnerError, Model, ModelKind, Tensors};
use crate::music::Layout;
use crate::sweep::config::{Key, RunParameters};
use crate::sweep::store::{StoreError, write_whole};
use safetensors::SafeTensorError;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The meaning of a model's numbers: all that is needed to turn its visible units into music or rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelDescription {
    /// The version of this description.
    pub schema: u32,
    /// The kind of model; absent for an RBM.
    #[serde(default, skip_serializing_if = "ModelKind::is_rbm")]
    pub kind: ModelKind,
    /// The number of time steps of a window.
    pub timesteps: usize,
    /// The meaning of the columns of a step.
    pub layout: Layout,
    /// The number of time steps in a quarter note.
    pub steps_per_beat: u32,
    /// The run that trained the model.
    pub run_id: String,
    /// The seed of that run, in decimal.
    pub seed: String,
    /// All parameters of that run.
    pub params: serde_json::Map<String, serde_json::Value>,
}

/// A model with its description.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelFile {
    /// The meaning of the numbers.
    pub description: ModelDescription,
    /// The parameters.
    pub tensors: Tensors,
}

/// The reason why a model could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ModelFileError {
    /// The file cannot be opened or read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is not a safetensors file, or not one of this program.
    #[error("{}: {fault}", path.shown())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The fault.
        fault: ModelFault,
    },
}

/// The fault of the bytes of a model file.
#[derive(Debug, thiserror::Error)]
pub enum ModelFault {
    /// The bytes are not in the format, or not whole.
    #[error("not a safetensors file ({0})")]
    Format(SafeTensorError),
    /// The metadata has no description.
    #[error(
        "its metadata has no \"{}\" entry: it was not written by this program's training",
        tensor_file::METADATA_KEY
    )]
    NoDescription,
    /// A tensor has a type of number that this program does not write.
    #[error("its tensor \"{name}\" is of type {found}")]
    Type {
        /// The tensor.
        name: String,
        /// Its type.
        found: String,
    },
    /// The description has other fields.
    #[error("the description in its metadata cannot be read: {0}")]
    Description(serde_json::Error),
    /// The description is of another version.
    #[error("its description has schema {0}; this version reads {expected}", expected = ModelFile::SCHEMA)]
    Schema(u32),
    /// The tensors are not those of a model of its kind.
    #[error(transparent)]
    Tensors(LearnerError),
    /// The parameters of its run cannot be read.
    #[error("the parameters of its run cannot be read: {0}")]
    Parameters(serde_json::Error),
    /// The visible units do not make up the windows.
    #[error("its {0} visible units are not the windows that its description names")]
    Windows(usize),
    /// The number of steps a beat is out of range.
    #[error("its description says {beat} steps a beat: expected {expected}")]
    StepsPerBeat {
        /// The number.
        beat: u32,
        /// The numbers possible.
        expected: String,
    },
    /// The number of steps of its windows is not that of its run.
    #[error("its windows of {0} steps are not those of the parameters of its run")]
    Timesteps(usize),
}

impl From<TensorFileError> for ModelFault {
    fn from(error: TensorFileError) -> Self {
        match error {
            TensorFileError::Format(error) => Self::Format(error),
            TensorFileError::NoDescription => Self::NoDescription,
            TensorFileError::Type { name, found } => Self::Type { name, found },
        }
    }
}

impl ModelFile {
    /// The version of [`ModelDescription`] that this program writes.
    pub const SCHEMA: u32 = 1;

    /// The name of the file in the folder of a run.
    pub const NAME: &str = "model.safetensors";

    /// Returns the bytes of the file: the tensors, all f32, with the description in the metadata.
    pub fn to_bytes(&self) -> Vec<u8> {
        let description = serde_json::to_string(&self.description).expect("a description is plain data");
        let tensors = self.tensors.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor));
        tensor_file::to_bytes(tensors, description).expect("tensors of distinct names serialise")
    }

    /// Writes the file whole or not at all; returns its bytes.
    pub fn write(&self, path: &Path) -> Result<Vec<u8>, StoreError> {
        let bytes = self.to_bytes();
        write_whole(path, &bytes)?;
        Ok(bytes)
    }

    /// Reads a file that [`Self::write`] wrote.
    pub fn read(path: &Path) -> Result<Self, ModelFileError> {
        let bytes = read_regular(path).map_err(StoreError::at("cannot read the model", path))?;
        Self::from_bytes(&bytes).map_err(|fault| ModelFileError::Invalid { path: path.to_path_buf(), fault })
    }

    /// Returns the parameters of the run that trained the model.
    pub fn run_parameters(&self) -> Result<RunParameters, serde_json::Error> {
        RunParameters::from_map(&self.description.params)
    }

    /// Reads the bytes of a file.
    pub(in crate::sweep) fn from_bytes(bytes: &[u8]) -> Result<Self, ModelFault> {
        let (description, tensors) = tensor_file::from_bytes(bytes)?;
        let description: ModelDescription = serde_json::from_str(&description).map_err(ModelFault::Description)?;
        if description.schema != Self::SCHEMA {
            return Err(ModelFault::Schema(description.schema));
        }
        let visible = description.kind.visible_units(&tensors).map_err(ModelFault::Tensors)?;
        RunParameters::from_map(&description.params).map_err(ModelFault::Parameters)?;
        let layout = &description.layout;
        let steps = description.timesteps;
        let fits = steps.checked_mul(layout.columns()) == Some(visible) && (layout.is_music() || steps == 1);
        if !layout.is_sound() || !fits {
            return Err(ModelFault::Windows(visible));
        }
        let beat = description.steps_per_beat;
        let key = Key::named("corpus.steps_per_beat");
        if !key.admits(&beat.into()) {
            return Err(ModelFault::StepsPerBeat { beat, expected: key.kind.describe() });
        }
        if description.params.get("model.timesteps").is_some_and(|own| own.as_u64() != Some(steps as u64)) {
            return Err(ModelFault::Timesteps(steps));
        }
        Ok(Self { description, tensors })
    }

    /// Returns the model, in an engine of the kind that trained it.
    pub fn open(&self, isa: Isa) -> Result<Box<dyn Model>, LearnerError> {
        let engine = self.run_parameters().map_or_else(|_| EngineKind::default(), |own| own.train.engine);
        self.description.kind.open(&self.tensors, engine, isa)
    }

    /// Returns the RBM that the tensors `weights`, `visible_bias` and `hidden_bias` make; `None` if the model does not
    /// have them.
    pub fn rbm(&self) -> Option<Parameters> {
        Parameters::try_from(&self.tensors).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::music::Plane;
    use crate::testing::random_parameters;

    fn model() -> ModelFile {
        ModelFile {
            description: ModelDescription {
                schema: ModelFile::SCHEMA,
                kind: ModelKind::Rbm,
                timesteps: 2,
                layout: Layout {
                    lowest_pitch: 60,
                    highest_pitch: 63,
                    planes: vec![Plane::Hold, Plane::Onset],
                    units: None,
                },
                steps_per_beat: 4,
                run_id: "0123456789ab".into(),
                seed: u64::MAX.to_string(),
                params: serde_json::Map::from_iter([("model.hidden".to_owned(), 5.into())]),
            },
            tensors: random_parameters(3, 12, 5, 1.0).into(),
        }
    }

    #[test]
    fn a_model_comes_back_as_it_was_and_always_as_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let bytes = model().write(&path).unwrap();
        assert_eq!(bytes, model().to_bytes());
        assert_eq!(ModelFile::read(&path).unwrap(), model());
    }

    #[test]
    fn broken_models_are_refused_with_a_reason() {
        let fault = |bytes: &[u8]| ModelFile::from_bytes(bytes).unwrap_err().to_string();
        let bytes = model().to_bytes();
        assert!(fault(&bytes[..40]).contains("not a safetensors file"));
        assert!(fault(b"").contains("not a safetensors file"));
        let mut other = model();
        other.description.timesteps = 3;
        assert!(fault(&other.to_bytes()).contains("visible units"));
        // Rows that are not music: two steps of them are not possible.
        for (units, timesteps, sound) in [(12, 1, true), (6, 2, false), (11, 1, false)] {
            other = model();
            (other.description.layout, other.description.timesteps) = (Layout::of_units(units), timesteps);
            assert_eq!(ModelFile::from_bytes(&other.to_bytes()).is_ok(), sound, "{units} units");
        }
        other = model();
        other.description.params.insert("model.timesteps".into(), 3.into());
        assert!(fault(&other.to_bytes()).contains("windows of 2 steps"));
        for beat in [0, 97, 4_000_000_000] {
            other = model();
            other.description.steps_per_beat = beat;
            assert!(fault(&other.to_bytes()).contains("steps a beat"));
        }
        other = model();
        other.description.schema = 99;
        assert!(fault(&other.to_bytes()).contains("schema 99"));
        let missing = ModelFile::read(Path::new("no/such/model")).unwrap_err().to_string();
        assert!(missing.contains("no/such/model"), "{missing}");
    }
}
