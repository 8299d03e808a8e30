//! `checkpoint.safetensors`: a run under way, from which it goes on to the same bits.
//!
//! The file is replaced whole and carries a checksum over everything in it. It belongs to one run, one build of the
//! program, and one state of `epochs.jsonl`, which it names by length and hash; where any of these differs, or the file is
//! torn, it is of no use, and the run starts afresh.

use super::early_stopping::EarlyStopping;
use crate::engine::Parameters;
use crate::machine::Environment;
use crate::sweep::store::{StoreError, write_whole};
use crate::train::{Tensor, TensorValues, TrainerState};
use safetensors::tensor::{Dtype, SafeTensors, View};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// The file's name in the folder of its run.
pub(crate) const CHECKPOINT_FILE: &str = "checkpoint.safetensors";
const METADATA_KEY: &str = "chordbench";

/// How far a run has come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// The epoch under way, as `epochs.jsonl` counts them: 0 is the model before training.
    pub(crate) epoch: u64,
    /// The batch of that epoch to go on with.
    pub(crate) batch: u64,
    /// Whether that epoch is trained and only its evaluation is left.
    pub(crate) trained: bool,
    /// Whether all training and evaluating is done and only sampling is left.
    pub(crate) finished: bool,
    /// Updates of the epoch under way so far.
    pub(crate) updates: u64,
    /// Examples of the epoch under way so far.
    pub(crate) examples: u64,
    /// Seconds of training of the epoch under way so far.
    pub(crate) train_s: f64,
    /// Whether early stopping has looked for an improvement, and what it found.
    pub(crate) early_stopping: EarlyStopping,
    /// Bytes of `epochs.jsonl` that belong to this state.
    pub(crate) lines_bytes: u64,
    /// BLAKE3 of these bytes.
    pub(crate) lines_blake3: String,
    /// Seconds that the run has taken so far.
    pub(crate) spent_s: f64,
    /// Seconds of processor time so far.
    pub(crate) cpu_s: f64,
    /// How often the run has gone on after an interruption.
    pub(crate) continued: u32,
}

/// Everything that a run under way consists of, besides `epochs.jsonl`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Checkpoint {
    /// How far it has come.
    pub(crate) position: Position,
    /// Parameters, velocities, chains and whatever else training goes on from.
    pub(crate) trainer: TrainerState,
    /// The parameters that the next update-to-weight ratio compares with.
    pub(crate) before: Option<Parameters>,
    /// The best parameters so far, where early stopping restores them.
    pub(crate) best: Option<Parameters>,
}

/// The text beside the numbers.
#[derive(Serialize, Deserialize)]
struct Description {
    schema: u32,
    run_id: String,
    /// Version and commit of the program, and its compiler: another build may compute other bits.
    build: String,
    position: Position,
    /// BLAKE3 over names, shapes and numbers of all arrays, and over this description with nothing in this place.
    checksum: String,
}

impl Checkpoint {
    const SCHEMA: u32 = 1;

    /// Put it in place of the one before, which stays valid until this one is whole.
    pub(crate) fn write(&self, run_folder: &Path, run_id: &str, environment: &Environment) -> Result<(), StoreError> {
        let path = run_folder.join(CHECKPOINT_FILE);
        let arrays = self.arrays();
        let mut description = Description {
            schema: Self::SCHEMA,
            run_id: run_id.to_owned(),
            build: build_of(environment),
            position: self.position.clone(),
            checksum: String::new(),
        };
        description.checksum = checksum(&description, arrays.iter().map(|(name, tensor)| (name, &**tensor)));
        let text = serde_json::to_string(&description).expect("a description is plain data");
        let metadata = HashMap::from([(METADATA_KEY.to_owned(), text)]);
        let bytes = safetensors::serialize(arrays.iter().map(|(name, tensor)| (name, Bytes(tensor))), Some(metadata));
        let bytes = bytes.map_err(std::io::Error::other).map_err(StoreError::at("cannot make", &path))?;
        write_whole(&path, &bytes)
    }

    /// The checkpoint of a run: none if there is no file, an error that says why if it is of no use.
    pub(crate) fn read(run_folder: &Path, run_id: &str, environment: &Environment) -> Result<Option<Self>, String> {
        match std::fs::read(run_folder.join(CHECKPOINT_FILE)) {
            Ok(bytes) => Self::from_bytes(&bytes, run_id, environment).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    fn from_bytes(bytes: &[u8], run_id: &str, environment: &Environment) -> Result<Self, String> {
        let torn = |error: safetensors::SafeTensorError| format!("it is torn ({error})");
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(torn)?;
        let tensors = SafeTensors::deserialize(bytes).map_err(torn)?;
        let text = metadata.metadata().as_ref().and_then(|own| own.get(METADATA_KEY)).ok_or("it has no description")?;
        let mut description: Description =
            serde_json::from_str(text).map_err(|error| format!("its description does not read ({error})"))?;
        let mut arrays = BTreeMap::new();
        for (name, view) in tensors.iter() {
            let values = match view.dtype() {
                Dtype::F32 => TensorValues::F32(numbers(view.data(), f32::from_le_bytes)),
                Dtype::F64 => TensorValues::F64(numbers(view.data(), f64::from_le_bytes)),
                Dtype::U64 => TensorValues::U64(numbers(view.data(), u64::from_le_bytes)),
                other => return Err(format!("its array `{name}` is of {other:?}")),
            };
            arrays.insert(name.to_owned(), Tensor { shape: view.shape().to_vec(), values });
        }
        let stated = std::mem::take(&mut description.checksum);
        if stated != checksum(&description, &arrays) {
            return Err("its checksum is wrong".into());
        }
        if description.schema != Self::SCHEMA || description.run_id != run_id {
            return Err(format!("it is of run {}, schema {}", description.run_id, description.schema));
        }
        if description.build != build_of(environment) {
            return Err(format!("it was made by another build ({})", description.build));
        }
        let before = take_parameters(&mut arrays, "before.")?;
        let best = take_parameters(&mut arrays, "best.")?;
        let own =
            arrays.into_iter().filter_map(|(name, tensor)| Some((name.strip_prefix("trainer.")?.to_owned(), tensor)));
        let trainer = TrainerState { tensors: own.collect() };
        Ok(Self { position: description.position, trainer, before, best })
    }

    fn arrays(&self) -> BTreeMap<String, Cow<'_, Tensor>> {
        let mut arrays = BTreeMap::new();
        for (name, tensor) in &self.trainer.tensors {
            arrays.insert(format!("trainer.{name}"), Cow::Borrowed(tensor));
        }
        for (prefix, parameters) in [("before.", &self.before), ("best.", &self.best)] {
            let Some(Parameters { visible, hidden, weights, visible_bias, hidden_bias }) = parameters else { continue };
            let mut insert = |name: &str, shape: &[usize], values: &[f32]| {
                let tensor = Tensor { shape: shape.to_vec(), values: TensorValues::F32(values.to_vec()) };
                arrays.insert(format!("{prefix}{name}"), Cow::Owned(tensor));
            };
            insert("weights", &[*visible, *hidden], weights);
            insert("visible_bias", &[*visible], visible_bias);
            insert("hidden_bias", &[*hidden], hidden_bias);
        }
        arrays
    }
}

/// An array as bytes in little-endian order.
struct Bytes<'a>(&'a Tensor);

impl View for Bytes<'_> {
    fn dtype(&self) -> Dtype {
        match self.0.values {
            TensorValues::F32(_) => Dtype::F32,
            TensorValues::F64(_) => Dtype::F64,
            TensorValues::U64(_) => Dtype::U64,
        }
    }

    fn shape(&self) -> &[usize] {
        &self.0.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Owned(match &self.0.values {
            TensorValues::F32(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            TensorValues::F64(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            TensorValues::U64(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        })
    }

    fn data_len(&self) -> usize {
        self.0.values.len() * if matches!(self.0.values, TensorValues::F32(_)) { 4 } else { 8 }
    }
}

fn numbers<T, const N: usize>(bytes: &[u8], from: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks::<N>().0.iter().map(|chunk| from(*chunk)).collect()
}

fn take_parameters(arrays: &mut BTreeMap<String, Tensor>, prefix: &str) -> Result<Option<Parameters>, String> {
    let mut take = |name: &str| arrays.remove(&format!("{prefix}{name}"));
    let Some(weights) = take("weights") else { return Ok(None) };
    let floats = |tensor: Option<Tensor>| match tensor {
        Some(Tensor { values: TensorValues::F32(values), .. }) => Ok(values),
        _ => Err(format!("its arrays `{prefix}…` are not parameters")),
    };
    let [visible, hidden] = weights.shape[..] else { return Err(format!("its array `{prefix}weights` is no matrix")) };
    let (visible_bias, hidden_bias) = (floats(take("visible_bias"))?, floats(take("hidden_bias"))?);
    let weights = floats(Some(weights))?;
    Ok(Some(Parameters { visible, hidden, weights, visible_bias, hidden_bias }))
}

fn checksum<'a, T: std::borrow::Borrow<Tensor> + 'a>(
    description: &Description,
    arrays: impl IntoIterator<Item = (&'a String, T)>,
) -> String {
    assert!(description.checksum.is_empty(), "a checksum is no part of itself");
    let mut hasher = blake3::Hasher::new();
    hasher.update(serde_json::to_string(description).expect("a description is plain data").as_bytes());
    for (name, tensor) in arrays {
        let tensor = tensor.borrow();
        hasher.update(format!("\n{name} {:?} {:?}\n", Bytes(tensor).dtype(), tensor.shape).as_bytes());
        hasher.update(&Bytes(tensor).data());
    }
    hasher.finalize().to_hex().to_string()
}

fn build_of(environment: &Environment) -> String {
    format!("{} {} {}", environment.version, environment.git, environment.rustc)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Isa;
    use crate::testing::random_parameters;

    fn checkpoint() -> Checkpoint {
        let tensor = |shape: &[usize], values| Tensor { shape: shape.to_vec(), values };
        let trainer = TrainerState {
            tensors: BTreeMap::from([
                (
                    "weights".into(),
                    tensor(&[2, 3], TensorValues::F32(vec![1.0, -2.5, f32::MIN_POSITIVE, 0.0, -0.0, 7.0])),
                ),
                ("means".into(), tensor(&[2], TensorValues::F64(vec![1e-300, 2.0]))),
                ("chains".into(), tensor(&[1, 2], TensorValues::U64(vec![u64::MAX, 1]))),
            ]),
        };
        let position = Position { epoch: 3, batch: 7, train_s: 0.1 + 0.2, spent_s: 1e-9, ..Position::default() };
        Checkpoint { position, trainer, before: Some(random_parameters(5, 4, 3, 1.0)), best: None }
    }

    #[test]
    fn a_checkpoint_comes_back_to_the_bit() {
        let folder = tempfile::tempdir().unwrap();
        let environment = Environment::capture(Isa::Scalar);
        assert_eq!(Checkpoint::read(folder.path(), "run", &environment), Ok(None));
        let mut own = checkpoint();
        own.write(folder.path(), "run", &environment).unwrap();
        assert_eq!(Checkpoint::read(folder.path(), "run", &environment), Ok(Some(own.clone())));
        own.best = own.before.take();
        own.write(folder.path(), "run", &environment).unwrap();
        assert_eq!(Checkpoint::read(folder.path(), "run", &environment), Ok(Some(own)));
    }

    #[test]
    fn a_checkpoint_that_is_torn_changed_or_foreign_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let environment = Environment::capture(Isa::Scalar);
        checkpoint().write(folder.path(), "run", &environment).unwrap();
        let bytes = std::fs::read(folder.path().join(CHECKPOINT_FILE)).unwrap();
        for end in [0, 1, 8, bytes.len() / 2, bytes.len() - 1] {
            assert!(Checkpoint::from_bytes(&bytes[..end], "run", &environment).is_err(), "{end} bytes");
        }
        // Any single changed byte shows, or changes nothing: the last digit of a number may be one that does not count. The
        // end of the header is filled up with white space.
        for place in (0..bytes.len()).filter(|&place| bytes[place] != b' ') {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            if let Ok(read) = Checkpoint::from_bytes(&changed, "run", &environment) {
                assert_eq!(read, checkpoint(), "byte {place}");
            }
        }
        assert!(Checkpoint::from_bytes(&bytes, "another", &environment).unwrap_err().contains("of run run"));
        let other = Environment { git: "another".into(), ..environment };
        assert!(Checkpoint::from_bytes(&bytes, "run", &other).unwrap_err().contains("another build"));
    }
}
