//! The NumPy format (`.npy`) of tables of bits.
//!
//! A file is the magic string, a version, the length of a header, the header, and the values. The header is a Python
//! dictionary in text, such as `{'descr': '|u1', 'fortran_order': False, 'shape': (3, 4), }`. Versions differ in the
//! bytes of the length (2 in 1.0, 4 later) and in the encoding of the header.
//! Source: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.

use super::DataError;
use crate::engine::BitMatrix;

/// The bytes that every file begins with.
const MAGIC: &[u8] = b"\x93NUMPY";
/// The bytes to a multiple of which `numpy.save` pads the part before the values.
const ALIGNMENT: usize = 64;
/// The most characters of a header that a message shows.
const SHOWN: usize = 120;

/// The fields of a header.
#[derive(Debug, PartialEq, Eq)]
struct Header {
    /// The type; the text of the list for a structured one.
    descr: String,
    /// True if the columns lie one after the other, instead of the rows.
    fortran_order: bool,
    /// The sizes.
    shape: Vec<u64>,
}

/// Reads an array of bool or uint8 with two dimensions, in C or Fortran order, whose values are 0 and 1.
pub(super) fn from_npy(bytes: &[u8]) -> Result<BitMatrix, DataError> {
    let (text, values) = divide(bytes)?;
    let header = Header::parse(text)
        .ok_or_else(|| DataError::Header { found: text.trim_end().chars().take(SHOWN).collect() })?;
    if !matches!(header.descr.as_str(), "|b1" | "|u1" | "b1" | "u1" | "?" | "|?" | "<u1" | ">u1" | "=u1") {
        return Err(DataError::Type { found: type_in_words(&header.descr) });
    }
    let hint = match header.shape.len() {
        1 => ": save `array.reshape(1, -1)` for one row",
        3.. => ": save `array.reshape(len(array), -1)`",
        _ => "",
    };
    let no_table = || DataError::Shape { found: shape_in_words(&header.shape), hint };
    let &[rows, units] = header.shape.as_slice() else { return Err(no_table()) };
    let cells = rows.checked_mul(units).filter(|&cells| cells > 0).ok_or_else(no_table)?;
    let found = values.len() as u64;
    if found < cells {
        return Err(DataError::Truncated { part: "array", expected: cells, found });
    }
    if found > cells {
        return Err(DataError::Trailing { expected: cells, extra: found - cells });
    }
    // As many values lie in memory, so both fit into it.
    let (rows, units) = (rows as usize, units as usize);
    let at = |row: usize, unit: usize| if header.fortran_order { unit * rows + row } else { row * units + unit };
    if let Some(place) = values.iter().position(|&value| value > 1) {
        let (row, unit) =
            if header.fortran_order { (place % rows, place / rows) } else { (place / units, place % units) };
        let place = format!("row {}, column {}", row + 1, unit + 1);
        return Err(DataError::Value { place, found: values[at(row, unit)].to_string(), hint: "" });
    }
    Ok(BitMatrix::from_fn(rows, units, |row, unit| values[at(row, unit)] == 1))
}

/// Divides a file into the text of its header and its values.
fn divide(bytes: &[u8]) -> Result<(&str, &[u8]), DataError> {
    let start = &bytes[..bytes.len().min(MAGIC.len())];
    if !MAGIC.starts_with(start) {
        return Err(DataError::Magic { found: start.escape_ascii().to_string() });
    }
    let part = |range: std::ops::Range<usize>, part| {
        let (expected, found) = (range.len() as u64, bytes.len().saturating_sub(range.start) as u64);
        bytes.get(range).ok_or(DataError::Truncated { part, expected, found })
    };
    let after_version = MAGIC.len() + 2;
    let fixed = part(0..after_version, "magic string and version")?;
    let (major, minor) = (fixed[MAGIC.len()], fixed[MAGIC.len() + 1]);
    let width = match (major, minor) {
        (1, 0) => 2,
        (2 | 3, 0) => 4,
        _ => return Err(DataError::Version { major, minor }),
    };
    let length = part(after_version..after_version + width, "length of the header")?;
    let length = length.iter().rev().fold(0, |length, &byte| length << 8 | usize::from(byte));
    let start = after_version + width;
    let header = part(start..start.saturating_add(length), "header")?;
    let text = std::str::from_utf8(header)
        .map_err(|_| DataError::Header { found: String::from_utf8_lossy(header).chars().take(SHOWN).collect() })?;
    Ok((text, &bytes[start + length..]))
}

impl Header {
    /// Parses the dictionary, its three keys in any order; `None` if it is another one.
    fn parse(text: &str) -> Option<Self> {
        let mut rest = text.trim().strip_prefix('{')?.strip_suffix('}')?.trim();
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        while !rest.is_empty() {
            let (key, value) = quoted(rest)?;
            let value = value.trim_start().strip_prefix(':')?.trim_start();
            rest = match key {
                "descr" if descr.is_none() => {
                    let (found, after) = quoted(value).or_else(|| bracketed(value, '[', ']'))?;
                    descr = Some(found.to_owned());
                    after
                }
                "fortran_order" if fortran_order.is_none() => {
                    let (found, after) = match value.strip_prefix("True") {
                        Some(after) => (true, after),
                        None => (false, value.strip_prefix("False")?),
                    };
                    fortran_order = Some(found);
                    after
                }
                "shape" if shape.is_none() => {
                    let (found, after) = bracketed(value, '(', ')')?;
                    shape = Some(sizes(&found[1..found.len() - 1])?);
                    after
                }
                _ => return None,
            };
            rest = rest.trim_start();
            rest = if rest.is_empty() { rest } else { rest.strip_prefix(',')?.trim_start() };
        }
        Some(Self { descr: descr?, fortran_order: fortran_order?, shape: shape? })
    }
}

/// Returns the contents of the string that a text begins with, and the rest.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
    text[1..].split_once(quote)
}

/// Returns the list or tuple that a text begins with, brackets included, and the rest.
fn bracketed(text: &str, open: char, close: char) -> Option<(&str, &str)> {
    let mut depth = 0usize;
    for (place, letter) in text.char_indices() {
        depth += usize::from(letter == open);
        if depth == 0 {
            return None;
        }
        depth -= usize::from(letter == close);
        if depth == 0 {
            return Some(text.split_at(place + close.len_utf8()));
        }
    }
    None
}

/// Returns the integers of a tuple without its brackets. Python 2 wrote some with an L.
fn sizes(text: &str) -> Option<Vec<u64>> {
    let text = text.trim();
    let text = text.strip_suffix(',').unwrap_or(text);
    if text.trim().is_empty() {
        return Some(Vec::new());
    }
    text.split(',').map(|size| size.trim().trim_end_matches('L').parse().ok()).collect()
}

/// Returns a shape as Python writes it.
fn shape_in_words(shape: &[u64]) -> String {
    match shape {
        [only] => format!("({only},)"),
        sizes => format!("({})", sizes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    }
}

/// Returns a type as the header has it, with the name that NumPy gives it.
fn type_in_words(descr: &str) -> String {
    let own: String = descr.chars().take(SHOWN).collect();
    if descr.starts_with('[') {
        return format!("{own} (a structured array)");
    }
    let bare = descr.trim_start_matches(['|', '<', '>', '=']);
    let (kind, size) = bare.split_at(bare.char_indices().nth(1).map_or(bare.len(), |(place, _)| place));
    let kind = match kind {
        "O" => return format!("'{own}' (Python objects)"),
        "U" | "S" | "a" => return format!("'{own}' (strings)"),
        "f" => "float",
        "i" => "int",
        "u" => "uint",
        "c" => "complex",
        _ => return format!("'{own}'"),
    };
    match size.parse::<u32>() {
        Ok(bytes) => format!("'{own}' ({kind}{})", 8 * u64::from(bytes)),
        Err(_) => format!("'{own}'"),
    }
}

/// Returns a table (rows × units) as a NumPy file of uint8, version 1.0, the bytes that `numpy.save` writes.
pub fn to_npy(table: &BitMatrix) -> Vec<u8> {
    let (rows, units) = (table.rows(), table.columns());
    let mut header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({rows}, {units}), }}");
    let before = MAGIC.len() + 4;
    // The header ends in a line feed.
    let length = (before + header.len() + 1).next_multiple_of(ALIGNMENT) - before;
    header.extend(std::iter::repeat_n(' ', length - 1 - header.len()));
    header.push('\n');
    let mut bytes = [MAGIC, &[1, 0], &(length as u16).to_le_bytes(), header.as_bytes()].concat();
    let start = bytes.len();
    bytes.resize(start + rows * units, 0);
    for row in 0..rows {
        for unit in table.ones(row) {
            bytes[start + row * units + unit] = 1;
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::random_bits;

    /// Returns a file of a version with a header and values, padded as the format says.
    fn file(version: u8, header: &str, values: &[u8]) -> Vec<u8> {
        let width = if version == 1 { 2 } else { 4 };
        let before = MAGIC.len() + 2 + width;
        let length = (before + header.len() + 1).next_multiple_of(ALIGNMENT) - before;
        let text = format!("{header:length$}");
        let text = format!("{}\n", &text[..length - 1]);
        [MAGIC, &[version, 0], &(length as u32).to_le_bytes()[..width], text.as_bytes(), values].concat()
    }

    fn header(descr: &str, order: &str, shape: &str) -> String {
        format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}")
    }

    fn message(bytes: &[u8]) -> String {
        crate::data::Format::Npy.read(bytes).unwrap_err().to_string()
    }

    /// The bytes of `numpy.save(file, numpy.array([[1, 0, 1], [0, 0, 1]], dtype=numpy.uint8))`, written out.
    #[test]
    fn the_file_is_that_of_numpy() {
        let mut expected =
            b"\x93NUMPY\x01\x00\x76\x00{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }".to_vec();
        expected.resize(127, b' ');
        expected.extend(b"\n\x01\x00\x01\x00\x00\x01");
        let table = BitMatrix::from_fn(2, 3, |row, unit| [[true, false, true], [false, false, true]][row][unit]);
        assert_eq!(to_npy(&table), expected);
        assert_eq!(from_npy(&expected), Ok(table));
    }

    #[test]
    fn tables_come_back_from_every_version_type_and_order() {
        let table = random_bits(3, 7, 70, 0.4);
        assert_eq!(from_npy(&to_npy(&table)).as_ref(), Ok(&table));
        let rows: Vec<u8> = (0..7 * 70).map(|cell| u8::from(table.get(cell / 70, cell % 70))).collect();
        let columns: Vec<u8> = (0..7 * 70).map(|cell| u8::from(table.get(cell % 7, cell / 7))).collect();
        for version in [1, 2, 3] {
            for descr in ["|u1", "|b1"] {
                for (order, values) in [("False", &rows), ("True", &columns)] {
                    let bytes = file(version, &header(descr, order, "(7, 70)"), values);
                    assert_eq!(from_npy(&bytes).as_ref(), Ok(&table), "{version} {descr} {order}");
                }
            }
        }
        let other = "{\"shape\": (7L, 70L), \"fortran_order\": False, \"descr\": \"|u1\"}";
        assert_eq!(from_npy(&file(1, other, &rows)).as_ref(), Ok(&table));
    }

    #[test]
    fn errors_name_the_place_the_value_and_the_remedy() {
        let sound = |shape: &str, values: &[u8]| file(1, &header("|u1", "False", shape), values);
        let typed = |descr: &str| message(&file(1, &header(descr, "False", "(1, 1)"), &[0; 8]));
        assert_eq!(message(b""), "the file is empty: expected rows of 0 and 1");
        assert!(message(b"PK\x03\x04 more").starts_with("not a NumPy file: it begins with PK\\x03\\x04 m, not"));
        assert_eq!(message(b"\x93NUM"), "truncated: 4 of 8 bytes of the magic string and version are there");
        assert!(message(&[MAGIC, &[4, 0, 9, 9]].concat()).starts_with("version 4.0 of the NumPy format is not known"));
        assert_eq!(
            message(&[MAGIC, &[1, 0, 9]].concat()),
            "truncated: 1 of 2 bytes of the length of the header are there"
        );
        assert_eq!(message(&sound("(2, 3)", &[0; 6])[..60]), "truncated: 50 of 118 bytes of the header are there");
        assert_eq!(message(&sound("(2, 3)", &[0; 5])), "truncated: 5 of 6 bytes of the array are there");
        let huge = format!("({}, {})", u64::MAX, 2);
        assert!(message(&sound(&huge, &[0; 6])).contains("expected rows × units"));
        assert!(message(&sound("(99999999999, 3)", &[0; 6])).starts_with("truncated: 6 of 299999999997 bytes"));
        assert!(message(&sound("(2, 3)", &[0; 8])).starts_with("2 bytes follow the array of 6 bytes"));
        assert!(typed("<f8").starts_with("the array is of type '<f8' (float64); expected bool or uint8: save"));
        assert!(typed("<i8").contains("'<i8' (int64)"));
        assert!(typed("|i1").contains("'|i1' (int8)"));
        assert!(typed("|O").contains("'|O' (Python objects)"));
        assert!(typed("<U3").contains("(strings)"));
        assert!(typed("").contains("of type ''"));
        let fields = "{'descr': [('a', '|u1'), ('b', '|u1')], 'fortran_order': False, 'shape': (1,), }";
        assert!(message(&file(1, fields, &[0, 0])).contains("(a structured array)"));
        let shaped = |shape: &str| message(&sound(shape, &[0; 6]));
        assert!(shaped("(6,)").ends_with(
            "the shape (6,); expected rows × units, both at least 1: save `array.reshape(1, -1)` for one row"
        ));
        assert!(shaped("(1, 2, 3)").ends_with("both at least 1: save `array.reshape(len(array), -1)`"));
        assert!(shaped("()").ends_with("the shape (); expected rows × units, both at least 1"));
        assert!(shaped("(0, 3)").ends_with("the shape (0, 3); expected rows × units, both at least 1"));
        assert!(shaped("(3, 0)").ends_with("the shape (3, 0); expected rows × units, both at least 1"));
        assert_eq!(message(&sound("(2, 3)", &[0, 1, 0, 0, 255, 7])), "row 2, column 2: expected 0 or 1, found 255");
        let fortran = file(1, &header("|u1", "True", "(2, 3)"), &[0, 1, 0, 0, 1, 7]);
        assert_eq!(message(&fortran), "row 2, column 3: expected 0 or 1, found 7");
        for broken in
            ["", "{", "{}", "{'descr': '|u1'}", "{'shape': (2, x)}", "[1]", "{'descr': '|u1', 'descr': '|u1'}"]
        {
            assert!(
                message(&file(1, broken, &[])).starts_with("the header of the NumPy file does not read"),
                "{broken}"
            );
        }
        let mut not_text = sound("(2, 3)", &[0; 6]);
        not_text[12] = 0xff;
        assert!(message(&not_text).starts_with("the header of the NumPy file does not read"));
    }
}
