//! `checkpoint.safetensors`: the state of a run under way, from which it continues to the same bits.
//!
//! The file is replaced whole and carries a checksum over all of its content. It belongs to one run, one build of the
//! program, and one state of `epochs.jsonl`, which it names by length and hash. If any of these differs, or the file is
//! torn, it is not used, and the run starts again.

use super::session::line_of;
use super::training::early_stopping::EarlyStopping;
use crate::machine::Environment;
use crate::machine::file::{read_regular, read_regular_text};
use crate::model::{Tensor, Tensors};
use crate::sweep::results::EpochRecord;
use crate::sweep::results::tensor_file::{self, LittleEndian, TensorFileError};
use crate::sweep::store::{StoreError, create_folder, replace, write_whole};
use safetensors::SafeTensorError;
use safetensors::tensor::View as _;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// The file's name in the folder of its run.
pub(crate) const CHECKPOINT_FILE: &str = "checkpoint.safetensors";

/// The progress of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// The epoch under way, as `epochs.jsonl` counts them: 0 is the model before training.
    pub(crate) epoch: u64,
    /// The batch of that epoch to continue with.
    pub(crate) batch: u64,
    /// True if that epoch is trained and only its evaluation is left.
    pub(crate) trained: bool,
    /// True if training and its evaluations are done and the steps after them are left.
    pub(crate) finished: bool,
    /// The number of updates of the epoch under way so far.
    pub(crate) updates: u64,
    /// The number of examples of the epoch under way so far.
    pub(crate) examples: u64,
    /// The seconds of training of the epoch under way so far.
    pub(crate) train_s: f64,
    /// The state of early stopping.
    pub(crate) early_stopping: EarlyStopping,
    /// The number of bytes of `epochs.jsonl` that belong to this state.
    pub(crate) lines_bytes: u64,
    /// The BLAKE3 hash of these bytes.
    pub(crate) lines_blake3: String,
    /// The seconds that the run has taken so far.
    pub(crate) spent_s: f64,
    /// The seconds of processor time so far.
    pub(crate) cpu_s: f64,
    /// The number of times that the run has continued after an interruption.
    pub(crate) continued: u32,
}

/// The state of a run under way, besides `epochs.jsonl`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Checkpoint {
    /// The progress of the run.
    pub(crate) position: Position,
    /// The parameters, velocities, chains and other state that training continues from.
    pub(crate) trainer: Tensors,
    /// The parameters that the next update-to-weight ratio compares with.
    pub(crate) before: Option<Tensors>,
    /// The best parameters so far, if early stopping restores them.
    pub(crate) best: Option<Tensors>,
}

/// The reason why a checkpoint cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CheckpointError {
    /// The file cannot be read.
    #[error(transparent)]
    Unreadable(#[from] std::io::Error),
    /// The bytes are not a file of arrays, or not whole.
    #[error("it is torn ({0})")]
    Torn(SafeTensorError),
    /// The arrays are not those of a checkpoint.
    #[error(transparent)]
    Arrays(TensorFileError),
    /// The description is not that of a checkpoint.
    #[error("its description cannot be read ({0})")]
    Description(serde_json::Error),
    /// The checksum differs from that of the content.
    #[error("its checksum is wrong")]
    Checksum,
    /// It belongs to another run or another version of the format.
    #[error("it belongs to run {run_id}, schema {schema}")]
    OtherRun {
        /// The run it belongs to.
        run_id: String,
        /// The version of its format.
        schema: u32,
    },
    /// Another build of the program made it.
    #[error("it was made by another build ({0})")]
    OtherBuild(String),
}

impl From<TensorFileError> for CheckpointError {
    fn from(error: TensorFileError) -> Self {
        match error {
            TensorFileError::Format(error) => Self::Torn(error),
            error => Self::Arrays(error),
        }
    }
}

/// The text beside the arrays.
#[derive(Serialize, Deserialize)]
struct Description {
    schema: u32,
    run_id: String,
    /// The version and commit of the program, and its compiler: another build may compute other bits.
    build: String,
    position: Position,
    /// The BLAKE3 hash over names, shapes and numbers of all arrays, and over this description with this field empty.
    checksum: String,
}

impl Checkpoint {
    const SCHEMA: u32 = 1;

    /// Replaces the last checkpoint, which stays valid until this one is whole.
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
        description.checksum = checksum(&description, arrays.iter().map(|(name, tensor)| (name, *tensor)));
        let text = serde_json::to_string(&description).expect("a description is plain data");
        let bytes = tensor_file::to_bytes(arrays.iter().map(|(name, tensor)| (name.as_str(), *tensor)), text);
        let bytes = bytes.map_err(std::io::Error::other).map_err(StoreError::at("cannot make", &path))?;
        write_whole(&path, &bytes)
    }

    /// Reads the checkpoint of a run: `None` if there is no file, an error with the reason if it cannot be used.
    pub(crate) fn read(
        run_folder: &Path,
        run_id: &str,
        environment: &Environment,
    ) -> Result<Option<Self>, CheckpointError> {
        match read_regular(&run_folder.join(CHECKPOINT_FILE)) {
            Ok(bytes) => Self::from_bytes(&bytes, run_id, environment).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn from_bytes(bytes: &[u8], run_id: &str, environment: &Environment) -> Result<Self, CheckpointError> {
        let (text, arrays) = tensor_file::from_bytes(bytes)?;
        let mut description: Description = serde_json::from_str(&text).map_err(CheckpointError::Description)?;
        let stated = std::mem::take(&mut description.checksum);
        if stated != checksum(&description, &arrays.tensors) {
            return Err(CheckpointError::Checksum);
        }
        if description.schema != Self::SCHEMA || description.run_id != run_id {
            return Err(CheckpointError::OtherRun { run_id: description.run_id, schema: description.schema });
        }
        if description.build != build_of(environment) {
            return Err(CheckpointError::OtherBuild(description.build));
        }
        let some = |tensors: Tensors| (!tensors.tensors.is_empty()).then_some(tensors);
        let (before, best) = (some(arrays.below("before.")), some(arrays.below("best.")));
        Ok(Self { position: description.position, trainer: arrays.below("trainer."), before, best })
    }

    /// Leaves the checkpoint with its lines in a folder, for other runs to continue from.
    pub(crate) fn leave(
        mut self,
        folder: &Path,
        id: &str,
        epochs: &[EpochRecord],
        environment: &Environment,
    ) -> Result<(), StoreError> {
        create_folder(folder)?;
        let lines: String = epochs.iter().map(line_of).collect();
        replace(&folder.join("epochs.jsonl"), lines.as_bytes())?;
        self.position.lines_bytes = lines.len() as u64;
        self.position.lines_blake3 = blake3::hash(lines.as_bytes()).to_hex().to_string();
        self.write(folder, id, environment)
    }

    /// Reads what [`Self::leave`] has left, with the records of its lines; `None` if it is not there, torn, or another
    /// build's.
    pub(crate) fn find(folder: &Path, id: &str, environment: &Environment) -> Option<(Self, Vec<EpochRecord>)> {
        let checkpoint = Self::read(folder, id, environment).ok()??;
        let lines = read_regular_text(&folder.join("epochs.jsonl")).ok()?;
        if blake3::hash(lines.as_bytes()).to_hex().as_str() != checkpoint.position.lines_blake3 {
            return None;
        }
        let epochs = lines.lines().map(serde_json::from_str).collect::<Result<_, _>>().ok()?;
        Some((checkpoint, epochs))
    }

    /// Returns the tensors of all parts under the names of the file.
    fn arrays(&self) -> BTreeMap<String, &Tensor> {
        let parts =
            [("trainer.", Some(&self.trainer)), ("before.", self.before.as_ref()), ("best.", self.best.as_ref())];
        let named = parts.into_iter().flat_map(|(prefix, part)| {
            let tensors = part.into_iter().flat_map(|part| &part.tensors);
            tensors.map(move |(name, tensor)| (format!("{prefix}{name}"), tensor))
        });
        named.collect()
    }
}

fn checksum<'a>(description: &Description, arrays: impl IntoIterator<Item = (&'a String, &'a Tensor)>) -> String {
    assert!(description.checksum.is_empty(), "a checksum does not cover itself");
    let mut hasher = blake3::Hasher::new();
    hasher.update(serde_json::to_string(description).expect("a description is plain data").as_bytes());
    for (name, tensor) in arrays {
        let bytes = LittleEndian(tensor);
        hasher.update(format!("\n{name} {:?} {:?}\n", bytes.dtype(), tensor.shape).as_bytes());
        hasher.update(&bytes.data());
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
    use crate::model::TensorValues;
    use crate::testing::random_parameters;

    fn checkpoint() -> Checkpoint {
        let tensor = |shape: &[usize], values| Tensor { shape: shape.to_vec(), values };
        let trainer = Tensors {
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
        Checkpoint { position, trainer, before: Some(random_parameters(5, 4, 3, 1.0).into()), best: None }
    }

    #[test]
    fn a_checkpoint_comes_back_to_the_bit() {
        let folder = tempfile::tempdir().unwrap();
        let environment = Environment::capture(Isa::Scalar);
        let read = || Checkpoint::read(folder.path(), "run", &environment).unwrap();
        assert_eq!(read(), None);
        let mut own = checkpoint();
        own.write(folder.path(), "run", &environment).unwrap();
        assert_eq!(read(), Some(own.clone()));
        own.best = own.before.take();
        own.write(folder.path(), "run", &environment).unwrap();
        assert_eq!(read(), Some(own));
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
        // Any single changed byte is found, or changes nothing: the last digit of a number may be one that does not
        // count. White space fills the end of the header.
        for place in (0..bytes.len()).filter(|&place| bytes[place] != b' ') {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            if let Ok(read) = Checkpoint::from_bytes(&changed, "run", &environment) {
                assert_eq!(read, checkpoint(), "byte {place}");
            }
        }
        let fault = |run_id, environment| Checkpoint::from_bytes(&bytes, run_id, environment).unwrap_err().to_string();
        assert!(fault("another", &environment).contains("belongs to run run"));
        let other = Environment { git: "another".into(), ..environment.clone() };
        assert!(fault("run", &other).contains("another build"));
    }
}
