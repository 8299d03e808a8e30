//! The table of typed columns, which CSV and other forms are written from.

mod runs;

pub use runs::to_csv;
pub(crate) use runs::{key_column, run_cells, run_columns, runs_table};

use serde_json::Value;
use std::borrow::Cow;
use std::sync::Arc;

/// A table of typed columns.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    /// The cells (rows × columns).
    cells: Vec<Cell>,
}

/// A column of a table.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    /// The name.
    pub(crate) name: String,
    /// The type if every cell allows it; `None` for the narrowest type that every cell allows.
    pub(crate) wanted: Option<ColumnType>,
}

/// The type of the values of a column. Any of them may be absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ColumnType {
    /// `true` or `false`.
    Flag,
    /// A signed integer of 64 bits.
    Integer,
    /// An unsigned integer of 64 bits, or the digits of one.
    Unsigned,
    /// A float of 64 bits.
    Number,
    /// A text; lists and objects are JSON.
    Text,
}

/// A cell of a table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    /// No value.
    Empty,
    /// A value of a parameter or a text, which rows may share.
    Json(Arc<Value>),
    /// A count.
    Count(u64),
    /// A number.
    Number(f64),
}

impl Column {
    /// Makes a column of a type.
    pub(crate) fn of(wanted: ColumnType, name: impl Into<String>) -> Self {
        Self { name: name.into(), wanted: Some(wanted) }
    }

    /// Makes a column of the narrowest type that its cells allow.
    pub(crate) fn free(name: impl Into<String>) -> Self {
        Self { name: name.into(), wanted: None }
    }
}

impl Cell {
    /// Makes a cell of a text.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Json(Arc::new(Value::String(text.into())))
    }

    /// Makes a cell of a value; an empty one of `null` and of no value.
    pub(crate) fn value(value: Option<&Value>) -> Self {
        value.filter(|value| !value.is_null()).map_or(Self::Empty, |value| Self::Json(Arc::new(value.clone())))
    }

    /// Makes a cell of a number; an empty one of no number.
    pub(crate) fn number(number: Option<f64>) -> Self {
        number.map_or(Self::Empty, Self::Number)
    }

    /// Returns the cell as text: a text without quotes, other values as JSON; nothing for no value.
    pub(crate) fn to_text(&self) -> Cow<'_, str> {
        match self {
            Self::Empty => Cow::Borrowed(""),
            Self::Json(value) => value.as_str().map_or_else(|| value.to_string().into(), Cow::Borrowed),
            Self::Count(count) => count.to_string().into(),
            Self::Number(number) => number.to_string().into(),
        }
    }

    pub(crate) fn to_flag(&self) -> Option<bool> {
        if let Self::Json(value) = self { value.as_bool() } else { None }
    }

    pub(crate) fn to_integer(&self) -> Option<i64> {
        match self {
            Self::Json(value) => value.as_i64(),
            &Self::Count(count) => i64::try_from(count).ok(),
            Self::Empty | Self::Number(_) => None,
        }
    }

    pub(crate) fn to_unsigned(&self) -> Option<u64> {
        match self {
            Self::Json(value) => value.as_u64().or_else(|| value.as_str()?.parse().ok()),
            &Self::Count(count) => Some(count),
            Self::Empty | Self::Number(_) => None,
        }
    }

    pub(crate) fn to_number(&self) -> Option<f64> {
        match self {
            Self::Json(value) => value.as_f64(),
            &Self::Count(count) => Some(count as f64),
            &Self::Number(number) => Some(number),
            Self::Empty => None,
        }
    }

    /// Returns true if a column of this type can hold the cell.
    fn allows(&self, kind: ColumnType) -> bool {
        *self == Self::Empty
            || match kind {
                ColumnType::Flag => self.to_flag().is_some(),
                ColumnType::Integer => self.to_integer().is_some(),
                ColumnType::Unsigned => self.to_unsigned().is_some(),
                ColumnType::Number => self.to_number().is_some(),
                ColumnType::Text => true,
            }
    }
}

impl Table {
    /// Makes a table without rows.
    pub(crate) fn new(columns: Vec<Column>) -> Self {
        Self { columns, cells: Vec::new() }
    }

    /// Adds a row. Cells that it lacks at its end are empty.
    pub(crate) fn push(&mut self, row: impl IntoIterator<Item = Cell>) {
        let end = self.cells.len() + self.columns.len();
        self.cells.extend(row);
        assert!(self.cells.len() <= end, "a row has more than {} cells", self.columns.len());
        self.cells.resize(end, Cell::Empty);
    }

    /// Returns the number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.cells.len() / self.columns.len()
    }

    /// Returns the columns.
    pub(crate) fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Returns the cells of a column in a range of rows.
    pub(crate) fn cells(&self, column: usize, rows: std::ops::Range<usize>) -> impl Iterator<Item = &Cell> + Clone {
        let width = self.columns.len();
        rows.map(move |row| &self.cells[row * width + column])
    }

    /// Returns the type of a column: the one wanted if every cell allows it, else the first that does. A column without
    /// values that wants no type is one of texts.
    pub(crate) fn column_type(&self, column: usize) -> ColumnType {
        let cells = self.cells(column, 0..self.rows());
        let fits = |kind: &ColumnType| cells.clone().all(|cell| cell.allows(*kind));
        let free = [ColumnType::Flag, ColumnType::Integer, ColumnType::Number];
        let empty = cells.clone().all(|cell| *cell == Cell::Empty);
        let free = free.into_iter().filter(|_| !empty);
        self.columns[column].wanted.into_iter().chain(free).find(fits).unwrap_or(ColumnType::Text)
    }

    /// Returns the table as CSV, with a header.
    pub(crate) fn to_csv(&self) -> Result<Vec<u8>, csv::Error> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(self.columns.iter().map(|column| &column.name))?;
        for row in self.cells.chunks(self.columns.len()) {
            for cell in row {
                writer.write_field(cell.to_text().as_bytes())?;
            }
            writer.write_record(None::<&[u8]>)?;
        }
        writer.into_inner().map_err(|error| error.into_error().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn column_type(wanted: Option<ColumnType>, values: &[Value]) -> ColumnType {
        let mut table = Table::new(vec![Column { name: "column".to_owned(), wanted }]);
        for value in values {
            table.push([Cell::value(Some(value))]);
        }
        table.column_type(0)
    }

    #[test]
    fn columns_have_the_narrowest_type() {
        assert_eq!(column_type(None, &[json!(1), json!(null)]), ColumnType::Integer);
        assert_eq!(column_type(None, &[json!(1), json!(0.5)]), ColumnType::Number);
        assert_eq!(column_type(None, &[json!(true)]), ColumnType::Flag);
        assert_eq!(column_type(None, &[json!(true), json!(1)]), ColumnType::Text);
        assert_eq!(column_type(None, &[json!([1, 2]), json!(1)]), ColumnType::Text);
        assert_eq!(column_type(None, &[json!(null)]), ColumnType::Text);
    }

    #[test]
    fn a_type_wanted_gives_way_to_the_values() {
        assert_eq!(column_type(Some(ColumnType::Integer), &[json!(null)]), ColumnType::Integer);
        assert_eq!(column_type(Some(ColumnType::Number), &[json!(1)]), ColumnType::Number);
        assert_eq!(column_type(Some(ColumnType::Unsigned), &[json!(u64::MAX.to_string())]), ColumnType::Unsigned);
        assert_eq!(column_type(Some(ColumnType::Unsigned), &[json!("one")]), ColumnType::Text);
        assert_eq!(column_type(Some(ColumnType::Integer), &[json!(u64::MAX)]), ColumnType::Number);
    }

    #[test]
    fn cells_are_written_as_json_writes_them_and_quoted_where_need_be() {
        let mut table = Table::new(vec![Column::free("a"), Column::free("b,c")]);
        table.push([Cell::value(Some(&json!(1.0))), Cell::text("x,y")]);
        table.push([Cell::Number(1.0)]);
        table.push([Cell::Count(3), Cell::value(Some(&json!([1, "z"])))]);
        let csv = String::from_utf8(table.to_csv().unwrap()).unwrap();
        assert_eq!(csv, "a,\"b,c\"\n1.0,\"x,y\"\n1,\n3,\"[1,\"\"z\"\"]\"\n");
    }
}
