//! Named tensors, the form in which models, checkpoints or averages are stored.

use crate::engine::{BitMatrix, Parameters};
use std::collections::BTreeMap;

/// The tensors by name, such as `weights`, `velocity.weights` or `chains`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tensors {
    /// The tensors.
    pub tensors: BTreeMap<String, Tensor>,
}

/// An array of numbers with its shape, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// The length of each dimension.
    pub shape: Vec<usize>,
    /// The numbers, as many as the product of the shape.
    pub values: TensorValues,
}

/// The numbers of a [`Tensor`].
#[derive(Clone, Debug, PartialEq)]
pub enum TensorValues {
    /// Parameters.
    F32(Vec<f32>),
    /// Running means and sums.
    F64(Vec<f64>),
    /// Counts, and rows of bits in words of 64.
    U64(Vec<u64>),
}

/// The reason why tensors do not fit the model or the learner that takes them over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TensorError {
    /// A tensor is missing.
    #[error("tensor `{name}` is missing")]
    Missing {
        /// The name.
        name: String,
    },
    /// A tensor is left over.
    #[error("tensor `{name}` is not expected")]
    Unexpected {
        /// The name.
        name: String,
    },
    /// A tensor has another shape or another type of number.
    #[error("tensor `{name}` must be {expected}")]
    Mismatch {
        /// The name.
        name: String,
        /// The shape and type of number that are expected.
        expected: String,
    },
}

impl TensorValues {
    /// Returns the number of numbers.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
            Self::U64(values) => values.len(),
        }
    }

    /// Returns true if there are no numbers.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the numbers of an f32 tensor; none of another.
    pub fn as_f32(&self) -> &[f32] {
        match self {
            Self::F32(values) => values,
            Self::F64(_) | Self::U64(_) => &[],
        }
    }
}

impl Tensors {
    /// Adds a tensor.
    ///
    /// # Panics
    /// If the number of values is not the product of the shape.
    pub fn insert(&mut self, name: impl Into<String>, shape: &[usize], values: TensorValues) {
        assert_eq!(values.len(), shape.iter().product::<usize>(), "numbers of a tensor of shape {shape:?}");
        self.tensors.insert(name.into(), Tensor { shape: shape.to_vec(), values });
    }

    /// Adds W, b and c of an RBM, or arrays of the same shapes, under names that start with `prefix`.
    pub fn insert_parameters(&mut self, prefix: &str, parameters: Parameters) {
        let Parameters { visible, hidden, weights, visible_bias, hidden_bias } = parameters;
        self.insert(format!("{prefix}weights"), &[visible, hidden], TensorValues::F32(weights));
        self.insert(format!("{prefix}visible_bias"), &[visible], TensorValues::F32(visible_bias));
        self.insert(format!("{prefix}hidden_bias"), &[hidden], TensorValues::F32(hidden_bias));
    }

    /// Adds rows of bits as words of 64 (rows × words in a row).
    pub fn insert_bits(&mut self, name: &str, bits: &BitMatrix) {
        self.insert(name, &[bits.rows(), bits.words_per_row()], TensorValues::U64(bits.words().to_vec()));
    }

    /// Returns the shape of a tensor, if it is there.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|tensor| tensor.shape.as_slice())
    }

    /// Returns the tensors whose names start with `prefix`, under the rest of their names.
    pub fn below(&self, prefix: &str) -> Self {
        let own = self.tensors.iter().filter_map(|(name, tensor)| Some((name.strip_prefix(prefix)?, tensor)));
        Self { tensors: own.map(|(name, tensor)| (name.to_owned(), tensor.clone())).collect() }
    }
}

impl From<Parameters> for Tensors {
    fn from(parameters: Parameters) -> Self {
        let mut tensors = Self::default();
        tensors.insert_parameters("", parameters);
        tensors
    }
}

impl TryFrom<&Tensors> for Parameters {
    type Error = TensorError;

    /// Returns the RBM that `weights` (visible × hidden), `visible_bias` and `hidden_bias` make; other tensors are
    /// ignored.
    fn try_from(tensors: &Tensors) -> Result<Self, TensorError> {
        let shape = tensors.shape("weights").ok_or_else(|| TensorError::Missing { name: "weights".into() })?;
        let [visible, hidden] = *shape else {
            return Err(TensorError::Mismatch { name: "weights".into(), expected: "a matrix".into() });
        };
        TensorReader::new(tensors).parameters("", (visible, hidden))
    }
}

/// A reader that takes tensors out of a collection one by one; none may be left at the end.
pub struct TensorReader(BTreeMap<String, Tensor>);

impl TensorReader {
    /// Starts with all tensors of a collection.
    pub fn new(tensors: &Tensors) -> Self {
        Self(tensors.tensors.clone())
    }

    /// Returns true if there is still a tensor of this name.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Takes an f32 tensor of the given shape.
    pub fn f32(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, TensorError> {
        match self.take(name, shape)? {
            TensorValues::F32(values) => Ok(values),
            _ => Err(mismatch(name, shape, "f32")),
        }
    }

    /// Takes an f64 tensor of the given shape.
    pub fn f64(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f64>, TensorError> {
        match self.take(name, shape)? {
            TensorValues::F64(values) => Ok(values),
            _ => Err(mismatch(name, shape, "f64")),
        }
    }

    /// Takes a u64 tensor of the given shape.
    pub fn u64(&mut self, name: &str, shape: &[usize]) -> Result<Vec<u64>, TensorError> {
        match self.take(name, shape)? {
            TensorValues::U64(values) => Ok(values),
            _ => Err(mismatch(name, shape, "u64")),
        }
    }

    /// Takes the parameters that [`Tensors::insert_parameters`] added.
    pub fn parameters(&mut self, prefix: &str, (visible, hidden): (usize, usize)) -> Result<Parameters, TensorError> {
        Ok(Parameters {
            visible,
            hidden,
            weights: self.f32(&format!("{prefix}weights"), &[visible, hidden])?,
            visible_bias: self.f32(&format!("{prefix}visible_bias"), &[visible])?,
            hidden_bias: self.f32(&format!("{prefix}hidden_bias"), &[hidden])?,
        })
    }

    /// Takes the bits that [`Tensors::insert_bits`] added, as a matrix of the same shape as `like`.
    pub fn bits(&mut self, name: &str, like: &BitMatrix) -> Result<BitMatrix, TensorError> {
        let shape = [like.rows(), like.words_per_row()];
        let bits = match self.take(name, &shape)? {
            TensorValues::U64(words) => BitMatrix::from_words(like.rows(), like.columns(), words),
            _ => None,
        };
        bits.ok_or_else(|| mismatch(name, &shape, &format!("u64, for rows of {} bits", like.columns())))
    }

    /// Ends the reading. An error if a tensor has not been taken.
    pub fn finish(self) -> Result<(), TensorError> {
        self.0.into_keys().next().map_or(Ok(()), |name| Err(TensorError::Unexpected { name }))
    }

    fn take(&mut self, name: &str, shape: &[usize]) -> Result<TensorValues, TensorError> {
        let tensor = self.0.remove(name).ok_or_else(|| TensorError::Missing { name: name.to_owned() })?;
        if tensor.shape != shape || tensor.values.len() != shape.iter().product::<usize>() {
            return Err(mismatch(name, shape, "numbers"));
        }
        Ok(tensor.values)
    }
}

fn mismatch(name: &str, shape: &[usize], kind: &str) -> TensorError {
    let shape: Vec<String> = shape.iter().map(usize::to_string).collect();
    TensorError::Mismatch { name: name.to_owned(), expected: format!("{} {kind}", shape.join(" × ")) }
}
