//! The reading of bits from comma-separated text.

use super::DataError;
use crate::engine::BitMatrix;

/// The most characters of a value that a message shows.
const SHOWN: usize = 24;

/// Reads lines of 0 and 1, separated by commas. Spaces around a value and blank lines do not count.
pub(super) fn from_csv(bytes: &[u8]) -> Result<BitMatrix, DataError> {
    const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let mut cells: Vec<bool> = Vec::with_capacity(bytes.len() / 2);
    // The number of the first line with values, and the number of its values.
    let mut first: Option<(usize, usize)> = None;
    for (index, text) in bytes.split(|&byte| byte == b'\n').enumerate() {
        let text = text.trim_ascii();
        if text.is_empty() {
            continue;
        }
        let (line, start) = (index + 1, cells.len());
        for (column, value) in text.split(|&byte| byte == b',').enumerate() {
            match value.trim_ascii() {
                b"0" => cells.push(false),
                b"1" => cells.push(true),
                other => return Err(no_bit(line, column + 1, other, first.is_none())),
            }
        }
        let found = cells.len() - start;
        let &mut (first, expected) = first.get_or_insert((line, found));
        if found != expected {
            return Err(DataError::Ragged { line, found, first, expected });
        }
    }
    let (_, units) = first.ok_or(DataError::Blank)?;
    Ok(BitMatrix::from_fn(cells.len() / units, units, |row, unit| cells[row * units + unit]))
}

/// Returns the error of a value that is neither 0 nor 1. The first line may be a header.
fn no_bit(line: usize, column: usize, value: &[u8], in_first_line: bool) -> DataError {
    let text = String::from_utf8_lossy(value);
    let is_list = value.contains(&b' ') || value.contains(&b'\t') || value.contains(&b';');
    let hint = if value.is_empty() {
        "; no comma stands at the start or the end of a line"
    } else if is_list {
        "; values are separated by commas"
    } else if text.parse::<f64>().is_ok_and(|number| number == 0.0 || number == 1.0) {
        "; write it without decimals: `numpy.savetxt(path, array, fmt=\"%d\", delimiter=\",\")`"
    } else if in_first_line && text.parse::<f64>().is_err() {
        "; a header line is not read: remove it"
    } else {
        ""
    };
    let mut found: String = text.chars().take(SHOWN).collect();
    if found.len() < text.len() {
        found.push('…');
    }
    let found = if found.is_empty() { "nothing".to_owned() } else { format!("{found:?}") };
    DataError::Value { place: format!("line {line}, column {column}"), found, hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &[u8]) -> String {
        from_csv(text).unwrap_err().to_string()
    }

    #[test]
    fn lines_are_rows_and_blank_ones_are_skipped() {
        let expected = BitMatrix::from_fn(2, 3, |row, unit| [[true, false, true], [false, false, true]][row][unit]);
        for text in ["1,0,1\n0,0,1\n", "\u{feff}1, 0 ,1\r\n\r\n  \n0,0,1", "\n\n1,0,1\n0,0,1\n\n"] {
            assert_eq!(from_csv(text.as_bytes()).as_ref(), Ok(&expected), "{text:?}");
        }
        assert_eq!(from_csv(b"1").map(|table| (table.rows(), table.columns())), Ok((1, 1)));
    }

    #[test]
    fn errors_name_line_and_column() {
        assert_eq!(message(b"0,1\n\n1,2\n"), "line 3, column 2: expected 0 or 1, found \"2\"");
        assert_eq!(message(b"0,1\n-1,0\n"), "line 2, column 1: expected 0 or 1, found \"-1\"");
        assert_eq!(
            message(b"first,second\n0,1\n"),
            "line 1, column 1: expected 0 or 1, found \"first\"; a header line is not read: remove it"
        );
        assert!(message(b"0,1\n1.0,0\n").starts_with("line 2, column 1: expected 0 or 1, found \"1.0\"; write it"));
        assert!(message(b"0 1 1\n").ends_with("found \"0 1 1\"; values are separated by commas"));
        assert!(message(b"0,1,\n").starts_with("line 1, column 3: expected 0 or 1, found nothing; no comma"));
        assert_eq!(message(b"0,1\nx\n"), "line 2, column 1: expected 0 or 1, found \"x\"");
        assert_eq!(message(b"\n0,1\n1\n"), "line 3: expected 2 values, as in line 2, found 1");
        assert_eq!(message(b"0\n1,1\n"), "line 2: expected 1 values, as in line 1, found 2");
        assert!(message(b" \n\r\n").starts_with("the file has only blank lines"));
        assert!(message(&[b"0,".to_vec(), vec![b'x'; 100]].concat()).contains(&format!("{}…", "x".repeat(SHOWN))));
        assert!(message(b"\xff\xfe0\n").starts_with("line 1, column 1: expected 0 or 1, found "));
    }
}
