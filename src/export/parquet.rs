//! The Parquet file of a table.

use crate::sweep::{Cell, ColumnType, Table};
use parquet::basic::{LogicalType, Repetition, Type as PhysicalType};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::Result;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type;
use std::sync::Arc;

/// The most rows of a group. A reader takes in a column of a group as a whole.
const GROUP_ROWS: usize = 1 << 20;

/// Returns a table as a Parquet file. The same table gives the same bytes. Every column is optional, and an empty cell
/// is null.
pub(crate) fn to_parquet(table: &Table) -> Result<Vec<u8>> {
    let types: Vec<ColumnType> = (0..table.columns().len()).map(|column| table.column_type(column)).collect();
    let fields = table.columns().iter().zip(&types).map(|(column, kind)| field(&column.name, *kind).map(Arc::new));
    let fields = fields.collect::<Result<Vec<_>>>()?;
    let schema = Arc::new(Type::group_type_builder("schema").with_fields(fields).build()?);
    let mut file = SerializedFileWriter::new(Vec::new(), schema, Arc::new(WriterProperties::builder().build()))?;
    for start in (0..table.rows()).step_by(GROUP_ROWS) {
        let rows = start..table.rows().min(start + GROUP_ROWS);
        let mut group = file.next_row_group()?;
        for (column, kind) in types.iter().enumerate() {
            let cells = table.cells(column, rows.clone());
            match kind {
                ColumnType::Flag => write::<BoolType>(&mut group, cells.map(Cell::to_flag)),
                ColumnType::Integer => write::<Int64Type>(&mut group, cells.map(Cell::to_integer)),
                // The format keeps an unsigned integer as the signed one of the same bits.
                ColumnType::Unsigned => {
                    write::<Int64Type>(&mut group, cells.map(|cell| cell.to_unsigned().map(u64::cast_signed)))
                }
                ColumnType::Number => write::<DoubleType>(&mut group, cells.map(Cell::to_number)),
                ColumnType::Text => write::<ByteArrayType>(&mut group, cells.map(to_bytes)),
            }?;
        }
        group.close()?;
    }
    file.into_inner()
}

/// Returns the entry of a column in the schema.
fn field(name: &str, kind: ColumnType) -> Result<Type> {
    let (physical, logical) = match kind {
        ColumnType::Flag => (PhysicalType::BOOLEAN, None),
        ColumnType::Integer => (PhysicalType::INT64, None),
        ColumnType::Unsigned => (PhysicalType::INT64, Some(LogicalType::integer(64, false))),
        ColumnType::Number => (PhysicalType::DOUBLE, None),
        ColumnType::Text => (PhysicalType::BYTE_ARRAY, Some(LogicalType::String)),
    };
    let field = Type::primitive_type_builder(name, physical).with_logical_type(logical);
    field.with_repetition(Repetition::OPTIONAL).build()
}

fn to_bytes(cell: &Cell) -> Option<ByteArray> {
    (*cell != Cell::Empty).then(|| ByteArray::from(cell.to_text().into_owned().into_bytes()))
}

/// Writes the next column of a group: the values there are, and for each cell the level 1 if it has one, else 0.
fn write<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    cells: impl Iterator<Item = Option<T::T>>,
) -> Result<()> {
    let mut values = Vec::new();
    let mut levels = Vec::new();
    for cell in cells {
        levels.push(i16::from(cell.is_some()));
        values.extend(cell);
    }
    let mut column = group.next_column()?.expect("the schema has every column of the table");
    column.typed::<T>().write_batch(&values, Some(&levels), None)?;
    column.close()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::Column;
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use parquet::record::Field;
    use std::fs::File;
    use std::io::Write as _;

    fn open(bytes: &[u8]) -> SerializedFileReader<File> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        SerializedFileReader::new(file).unwrap()
    }

    #[test]
    fn a_table_is_read_back_as_it_was() {
        let columns = [
            (ColumnType::Text, "text"),
            (ColumnType::Integer, "train.k"),
            (ColumnType::Unsigned, "seed"),
            (ColumnType::Number, "number"),
            (ColumnType::Flag, "flag"),
        ];
        let mut table = Table::new(columns.map(|(kind, name)| Column::of(kind, name)).into());
        let flag = Cell::value(Some(&true.into()));
        table.push([Cell::text("ä,b"), Cell::Count(2), Cell::text(u64::MAX.to_string()), Cell::Number(0.1), flag]);
        table.push([]);
        let bytes = to_parquet(&table).unwrap();
        assert_eq!(bytes, to_parquet(&table).unwrap());

        let reader = open(&bytes);
        let rows: Vec<Vec<(String, Field)>> =
            reader.get_row_iter(None).unwrap().map(|row| row.unwrap().into_columns()).collect();
        let names: Vec<&str> = rows[0].iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["text", "train.k", "seed", "number", "flag"]);
        let values: Vec<&Field> = rows[0].iter().map(|(_, value)| value).collect();
        let text = Field::Str("ä,b".to_owned());
        assert_eq!(values, [&text, &Field::Long(2), &Field::ULong(u64::MAX), &Field::Double(0.1), &Field::Bool(true)]);
        assert!(rows[1].iter().all(|(_, value)| *value == Field::Null));
        assert_eq!(rows.len(), 2);
    }

    #[test]
    fn a_table_without_rows_has_its_columns() {
        let table = Table::new(vec![Column::of(ColumnType::Number, "a"), Column::free("b")]);
        let reader = open(&to_parquet(&table).unwrap());
        let metadata = reader.metadata().file_metadata();
        assert_eq!((metadata.num_rows(), metadata.schema_descr().num_columns()), (0, 2));
    }
}
