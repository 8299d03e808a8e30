//! What a training under way consists of besides its options: named arrays of numbers, ready to be stored.
//!
//! Random streams have no state: they are keyed by seed, purpose, epoch and batch. So a trainer that is given the arrays of
//! another, and the epoch and batch it had come to, goes on to the same bits.

use crate::engine::{BitMatrix, Parameters};
use std::collections::BTreeMap;

/// The state of a [`super::Trainer`] between two updates.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrainerState {
    /// Every array by its name: `weights`, `velocity.weights`, `chains` and so on.
    pub tensors: BTreeMap<String, Tensor>,
}

/// An array of numbers with its shape, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// The length of each dimension.
    pub shape: Vec<usize>,
    /// As many numbers as the product of the shape says.
    pub values: TensorValues,
}

/// The numbers of a [`Tensor`].
#[derive(Clone, Debug, PartialEq)]
pub enum TensorValues {
    /// Parameters and the like.
    F32(Vec<f32>),
    /// Running means.
    F64(Vec<f64>),
    /// Counts, and rows of bits in words of 64.
    U64(Vec<u64>),
}

/// Why a state is none of the trainer that is to take it over: it comes from other options, another shape or other data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// The trainer needs an array that is not there.
    #[error("the state has no array `{name}`, which these training options need")]
    Missing {
        /// The name.
        name: String,
    },
    /// There is an array that the trainer has no use for.
    #[error("the state has an array `{name}`, which these training options have no use for")]
    Unexpected {
        /// The name.
        name: String,
    },
    /// An array has another shape or other numbers than it must have.
    #[error("the array `{name}` of the state must be {expected}")]
    Mismatch {
        /// The name.
        name: String,
        /// The shape and the numbers that would be right.
        expected: String,
    },
}

impl TensorValues {
    /// How many numbers there are.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
            Self::U64(values) => values.len(),
        }
    }

    /// Whether there is no number.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl TrainerState {
    pub(super) fn insert(&mut self, name: impl Into<String>, shape: &[usize], values: TensorValues) {
        assert_eq!(values.len(), shape.iter().product::<usize>(), "numbers of an array of shape {shape:?}");
        self.tensors.insert(name.into(), Tensor { shape: shape.to_vec(), values });
    }

    /// W, b and c, or what there is one of for each, under names that start with `prefix`.
    pub(super) fn insert_parameters(&mut self, prefix: &str, parameters: Parameters) {
        let Parameters { visible, hidden, weights, visible_bias, hidden_bias } = parameters;
        self.insert(format!("{prefix}weights"), &[visible, hidden], TensorValues::F32(weights));
        self.insert(format!("{prefix}visible_bias"), &[visible], TensorValues::F32(visible_bias));
        self.insert(format!("{prefix}hidden_bias"), &[hidden], TensorValues::F32(hidden_bias));
    }

    /// Bits as words of 64 (rows × words in a row).
    pub(super) fn insert_bits(&mut self, name: &str, bits: &BitMatrix) {
        self.insert(name, &[bits.rows(), bits.words_per_row()], TensorValues::U64(bits.words().to_vec()));
    }
}

/// Takes the arrays out of a state one by one; none may be left at the end.
pub(super) struct StateReader(BTreeMap<String, Tensor>);

impl StateReader {
    pub(super) fn new(state: &TrainerState) -> Self {
        Self(state.tensors.clone())
    }

    /// Whether there is still an array of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(super) fn f32(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, StateError> {
        match self.take(name, shape)? {
            TensorValues::F32(values) => Ok(values),
            _ => Err(mismatch(name, shape, "f32")),
        }
    }

    pub(super) fn f64(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f64>, StateError> {
        match self.take(name, shape)? {
            TensorValues::F64(values) => Ok(values),
            _ => Err(mismatch(name, shape, "f64")),
        }
    }

    pub(super) fn u64(&mut self, name: &str, shape: &[usize]) -> Result<Vec<u64>, StateError> {
        match self.take(name, shape)? {
            TensorValues::U64(values) => Ok(values),
            _ => Err(mismatch(name, shape, "u64")),
        }
    }

    /// What [`TrainerState::insert_parameters`] put there.
    pub(super) fn parameters(
        &mut self,
        prefix: &str,
        (visible, hidden): (usize, usize),
    ) -> Result<Parameters, StateError> {
        Ok(Parameters {
            visible,
            hidden,
            weights: self.f32(&format!("{prefix}weights"), &[visible, hidden])?,
            visible_bias: self.f32(&format!("{prefix}visible_bias"), &[visible])?,
            hidden_bias: self.f32(&format!("{prefix}hidden_bias"), &[hidden])?,
        })
    }

    /// What [`TrainerState::insert_bits`] put there, as a matrix of the same shape as `like`.
    pub(super) fn bits(&mut self, name: &str, like: &BitMatrix) -> Result<BitMatrix, StateError> {
        let shape = [like.rows(), like.words_per_row()];
        let bits = match self.take(name, &shape)? {
            TensorValues::U64(words) => BitMatrix::from_words(like.rows(), like.columns(), words),
            _ => None,
        };
        bits.ok_or_else(|| mismatch(name, &shape, &format!("u64, for rows of {} bits", like.columns())))
    }

    /// An error if an array has not been taken.
    pub(super) fn finish(self) -> Result<(), StateError> {
        self.0.into_keys().next().map_or(Ok(()), |name| Err(StateError::Unexpected { name }))
    }

    fn take(&mut self, name: &str, shape: &[usize]) -> Result<TensorValues, StateError> {
        let tensor = self.0.remove(name).ok_or_else(|| StateError::Missing { name: name.to_owned() })?;
        if tensor.shape != shape || tensor.values.len() != shape.iter().product::<usize>() {
            return Err(mismatch(name, shape, "numbers"));
        }
        Ok(tensor.values)
    }
}

fn mismatch(name: &str, shape: &[usize], kind: &str) -> StateError {
    let shape: Vec<String> = shape.iter().map(usize::to_string).collect();
    StateError::Mismatch { name: name.to_owned(), expected: format!("{} {kind}", shape.join(" × ")) }
}
