//! Tables of bits (rows × units) in files, as NumPy arrays or as comma-separated text.

mod csv;
mod npy;

pub use npy::to_npy;

use crate::engine::BitMatrix;
use std::ffi::OsStr;
use std::path::Path;

/// The format of a file of bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A NumPy array of two dimensions.
    Npy,
    /// Lines of 0 and 1, separated by commas.
    Csv,
}

/// The reason a file holds no table of bits. Rows, lines and columns are counted from 1.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DataError {
    /// The file has no bytes.
    #[error("the file is empty: expected rows of 0 and 1")]
    Empty,
    /// The file does not begin as a NumPy file does.
    #[error(
        "not a NumPy file: it begins with {found}, not with \\x93NUMPY; write it with \
         `numpy.save(path, array.astype(numpy.uint8))`"
    )]
    Magic {
        /// The first bytes.
        found: String,
    },
    /// The version of the format is newer than this program.
    #[error("version {major}.{minor} of the NumPy format is not known; versions 1.0, 2.0 and 3.0 are read")]
    Version {
        /// The major version.
        major: u8,
        /// The minor version.
        minor: u8,
    },
    /// The file ends early.
    #[error("truncated: {found} of {expected} bytes of the {part} are there")]
    Truncated {
        /// The part that is cut off.
        part: &'static str,
        /// The bytes that belong there.
        expected: u64,
        /// The bytes that are there.
        found: u64,
    },
    /// The header of a NumPy file does not read.
    #[error(
        "the header of the NumPy file does not read: {found:?}; expected a dictionary of descr, fortran_order and shape"
    )]
    Header {
        /// The header.
        found: String,
    },
    /// The array has another type.
    #[error(
        "the array is of type {found}; expected bool or uint8: save `array.astype(numpy.uint8)`, whose values are 0 \
         and 1"
    )]
    Type {
        /// The type, as the header and as NumPy name it.
        found: String,
    },
    /// The array has another shape.
    #[error("the array has the shape {found}; expected rows × units, both at least 1{hint}")]
    Shape {
        /// The shape, as Python writes it.
        found: String,
        /// A remedy, where one is likely; begins with a separator.
        hint: &'static str,
    },
    /// There are bytes after the array.
    #[error("{extra} bytes follow the array of {expected} bytes; a file holds one array, as `numpy.save` writes it")]
    Trailing {
        /// The bytes of the array.
        expected: u64,
        /// The bytes after it.
        extra: u64,
    },
    /// A value is neither 0 nor 1.
    #[error("{place}: expected 0 or 1, found {found}{hint}")]
    Value {
        /// The place of the value.
        place: String,
        /// The value.
        found: String,
        /// A remedy, where one is likely; begins with a separator.
        hint: &'static str,
    },
    /// A line has another number of values than the first.
    #[error("line {line}: expected {expected} values, as in line {first}, found {found}")]
    Ragged {
        /// The line.
        line: usize,
        /// The number of its values.
        found: usize,
        /// The first line with values.
        first: usize,
        /// The number of values in the first line.
        expected: usize,
    },
    /// The text has only blank lines.
    #[error("the file has only blank lines: expected lines of 0 and 1, separated by commas")]
    Blank,
}

impl Format {
    /// The formats with their extensions.
    pub const ALL: [(&'static str, Self); 2] = [("npy", Self::Npy), ("csv", Self::Csv)];

    /// Returns the format of a file by its extension, in upper or lower case; `None` for any other.
    pub fn of(path: &Path) -> Option<Self> {
        let own = path.extension().and_then(OsStr::to_str)?;
        Self::ALL.iter().find(|(extension, _)| own.eq_ignore_ascii_case(extension)).map(|&(_, format)| format)
    }

    /// Reads the table (rows × units) in the bytes of a file.
    pub fn read(self, bytes: &[u8]) -> Result<BitMatrix, DataError> {
        match self {
            _ if bytes.is_empty() => Err(DataError::Empty),
            Self::Npy => npy::from_npy(bytes),
            Self::Csv => csv::from_csv(bytes),
        }
    }
}
