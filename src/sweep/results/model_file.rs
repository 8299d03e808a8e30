//! Trained models as safetensors files that suffice to make music.

use crate::engine::Parameters;
use crate::music::Layout;
use crate::sweep::config::{Key, RunParameters};
use crate::sweep::store::{StoreError, write_whole};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The key of the file's metadata under which [`ModelDescription`] stands as JSON. One key, since the order of several
/// is not defined by the format's library, and equal models must give equal files.
const METADATA_KEY: &str = "chordbench";

/// What the numbers of a model mean: all that is needed to turn its visible units into music.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelDescription {
    /// Version of this description.
    pub schema: u32,
    /// Time steps of a window.
    pub timesteps: usize,
    /// What the columns of a step mean.
    pub layout: Layout,
    /// Time steps in a quarter note.
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
    /// What the numbers mean.
    pub description: ModelDescription,
    /// W (visible × hidden), b and c.
    pub parameters: Parameters,
}

/// Why a model could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ModelFileError {
    /// The file cannot be opened or read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is no safetensors file, or not one of ours.
    #[error("{}: {reason}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl ModelFile {
    /// The version of [`ModelDescription`] that this program writes.
    pub const SCHEMA: u32 = 1;

    /// The bytes of the file: `weights` (visible × hidden), `visible_bias`, `hidden_bias`, all f32.
    pub fn to_bytes(&self) -> Vec<u8> {
        let Parameters { visible, hidden, weights, visible_bias, hidden_bias } = &self.parameters;
        let little_endian = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
        let tensors = [
            ("weights", vec![*visible, *hidden], little_endian(weights)),
            ("visible_bias", vec![*visible], little_endian(visible_bias)),
            ("hidden_bias", vec![*hidden], little_endian(hidden_bias)),
        ];
        let views = tensors.iter().map(|(name, shape, bytes)| {
            let view = TensorView::new(Dtype::F32, shape.clone(), bytes);
            (*name, view.expect("four bytes were made for each of the shape's numbers"))
        });
        let description = serde_json::to_string(&self.description).expect("a description is plain data");
        let metadata = HashMap::from([(METADATA_KEY.to_owned(), description)]);
        safetensors::serialize(views, Some(metadata)).expect("three tensors of distinct names serialise")
    }

    /// Write the file whole or not at all; returns its bytes.
    pub fn write(&self, path: &Path) -> Result<Vec<u8>, StoreError> {
        let bytes = self.to_bytes();
        write_whole(path, &bytes)?;
        Ok(bytes)
    }

    /// Read a file that [`Self::write`] wrote.
    pub fn read(path: &Path) -> Result<Self, ModelFileError> {
        let bytes = std::fs::read(path).map_err(StoreError::at("cannot read the model", path))?;
        Self::from_bytes(&bytes).map_err(|reason| ModelFileError::Invalid { path: path.to_path_buf(), reason })
    }

    /// The parameters of the run that trained the model.
    pub fn run_parameters(&self) -> Result<RunParameters, serde_json::Error> {
        RunParameters::from_map(&self.description.params)
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let (_, metadata) =
            SafeTensors::read_metadata(bytes).map_err(|error| format!("not a safetensors file ({error})"))?;
        let tensors = SafeTensors::deserialize(bytes).map_err(|error| format!("not a safetensors file ({error})"))?;
        let description = metadata.metadata().as_ref().and_then(|own| own.get(METADATA_KEY)).ok_or_else(|| {
            format!("its metadata has no \"{METADATA_KEY}\" entry: it was not written by this program's training")
        })?;
        let description: ModelDescription = serde_json::from_str(description)
            .map_err(|error| format!("the description in its metadata does not read: {error}"))?;
        if description.schema != Self::SCHEMA {
            let schema = description.schema;
            return Err(format!("its description has schema {schema}; this version reads {}", Self::SCHEMA));
        }
        let floats = |name: &str, dimensions: usize| -> Result<(Vec<usize>, Vec<f32>), String> {
            let tensor = tensors.tensor(name).map_err(|_| format!("it has no tensor \"{name}\""))?;
            if tensor.dtype() != Dtype::F32 || tensor.shape().len() != dimensions {
                return Err(format!("its tensor \"{name}\" is not f32 of {dimensions} dimensions"));
            }
            let values = tensor.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
            Ok((tensor.shape().to_vec(), values))
        };
        let (shape, weights) = floats("weights", 2)?;
        let (visible, hidden) = (shape[0], shape[1]);
        let (visible_bias, hidden_bias) = (floats("visible_bias", 1)?.1, floats("hidden_bias", 1)?.1);
        RunParameters::from_map(&description.params)
            .map_err(|error| format!("the parameters of its run do not read: {error}"))?;
        let layout = &description.layout;
        let pitches = layout.lowest_pitch < layout.highest_pitch && layout.highest_pitch <= 128;
        if !pitches || layout.planes.is_empty() || description.timesteps.checked_mul(layout.columns()) != Some(visible)
        {
            return Err(format!("its {visible} visible units are not the windows its description speaks of"));
        }
        if visible_bias.len() != visible || hidden_bias.len() != hidden || hidden == 0 || visible == 0 {
            return Err("its biases do not fit its weights".into());
        }
        let (beat, steps) = (description.steps_per_beat, description.timesteps);
        let key = Key::named("corpus.steps_per_beat");
        if !key.admits(&beat.into()) {
            return Err(format!("its description says {beat} steps a beat: expected {}", key.kind.describe()));
        }
        if description.params.get("model.timesteps").is_some_and(|own| own.as_u64() != Some(steps as u64)) {
            return Err(format!("its windows of {steps} steps are not those of the parameters of its run"));
        }
        Ok(Self { description, parameters: Parameters { visible, hidden, weights, visible_bias, hidden_bias } })
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
                timesteps: 2,
                layout: Layout { lowest_pitch: 60, highest_pitch: 63, planes: vec![Plane::Hold, Plane::Onset] },
                steps_per_beat: 4,
                run_id: "0123456789ab".into(),
                seed: u64::MAX.to_string(),
                params: serde_json::Map::from_iter([("model.hidden".to_owned(), 5.into())]),
            },
            parameters: random_parameters(3, 12, 5, 1.0),
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
        let bytes = model().to_bytes();
        assert!(ModelFile::from_bytes(&bytes[..40]).unwrap_err().contains("not a safetensors file"));
        assert!(ModelFile::from_bytes(b"").unwrap_err().contains("not a safetensors file"));
        let mut other = model();
        other.description.timesteps = 3;
        assert!(ModelFile::from_bytes(&other.to_bytes()).unwrap_err().contains("visible units"));
        other = model();
        other.description.params.insert("model.timesteps".into(), 3.into());
        assert!(ModelFile::from_bytes(&other.to_bytes()).unwrap_err().contains("windows of 2 steps"));
        for beat in [0, 97, 4_000_000_000] {
            other = model();
            other.description.steps_per_beat = beat;
            assert!(ModelFile::from_bytes(&other.to_bytes()).unwrap_err().contains("steps a beat"));
        }
        other = model();
        other.description.schema = 99;
        assert!(ModelFile::from_bytes(&other.to_bytes()).unwrap_err().contains("schema 99"));
        let missing = ModelFile::read(Path::new("no/such/model")).unwrap_err().to_string();
        assert!(missing.contains("no/such/model"), "{missing}");
    }
}
