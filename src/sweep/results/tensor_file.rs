//! The safetensors form of named tensors with a description, in which models or checkpoints are stored.

use crate::model::{Tensor, TensorValues, Tensors};
use safetensors::SafeTensorError;
use safetensors::tensor::{Dtype, SafeTensors, View};
use std::borrow::Cow;
use std::collections::HashMap;

/// The key of the description in the metadata. There is one key, since the format's library does not define the order
/// of several, and equal models must give equal files.
pub(in crate::sweep) const METADATA_KEY: &str = "chordbench";

/// The reason why bytes are not tensors with a description.
#[derive(Debug, thiserror::Error)]
pub(in crate::sweep) enum TensorFileError {
    /// The bytes are not in the format, or not whole.
    #[error("{0}")]
    Format(SafeTensorError),
    /// The metadata has no description.
    #[error("the metadata has no description")]
    NoDescription,
    /// A tensor has a type of number that this program does not write.
    #[error("its array `{name}` is of {found}")]
    Type {
        /// The tensor.
        name: String,
        /// Its type.
        found: String,
    },
}

/// Returns the bytes of a file with these tensors and this description.
pub(in crate::sweep) fn to_bytes<'a>(
    tensors: impl IntoIterator<Item = (&'a str, &'a Tensor)>,
    description: String,
) -> Result<Vec<u8>, SafeTensorError> {
    let metadata = HashMap::from([(METADATA_KEY.to_owned(), description)]);
    let views = tensors.into_iter().map(|(name, tensor)| (name, LittleEndian(tensor)));
    safetensors::serialize(views, Some(metadata))
}

/// Returns the description and the tensors that the bytes of a file hold.
pub(in crate::sweep) fn from_bytes(bytes: &[u8]) -> Result<(String, Tensors), TensorFileError> {
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(TensorFileError::Format)?;
    let views = SafeTensors::deserialize(bytes).map_err(TensorFileError::Format)?;
    let description = metadata.metadata().as_ref().and_then(|own| own.get(METADATA_KEY));
    let description = description.ok_or(TensorFileError::NoDescription)?.clone();
    let mut tensors = Tensors::default();
    for (name, view) in views.iter() {
        let values = match view.dtype() {
            Dtype::F32 => TensorValues::F32(numbers(view.data(), f32::from_le_bytes)),
            Dtype::F64 => TensorValues::F64(numbers(view.data(), f64::from_le_bytes)),
            Dtype::U64 => TensorValues::U64(numbers(view.data(), u64::from_le_bytes)),
            other => return Err(TensorFileError::Type { name: name.to_owned(), found: format!("{other:?}") }),
        };
        tensors.tensors.insert(name.to_owned(), Tensor { shape: view.shape().to_vec(), values });
    }
    Ok((description, tensors))
}

/// A tensor as bytes in little-endian order.
pub(in crate::sweep) struct LittleEndian<'a>(pub(in crate::sweep) &'a Tensor);

impl View for LittleEndian<'_> {
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
