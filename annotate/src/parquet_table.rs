//! A table as a Parquet file: rows in, row groups of limited size out, so that a video of any length takes a limited memory.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::Type;

use crate::columns::{CellType, ResultTable, TableColumn};
use crate::rows::Cell;

/// Rows of a row group at most, and bytes of text in it: what waits in memory takes some 30 MB at most, whatever paths are like.
const GROUP: usize = 1 << 16;
const GROUP_TEXT: usize = 16 << 20;
/// The definition levels of a cell that is null, and of one that is not (Parquet format, nested encoding).
const NULL: i16 = 0;
const DEFINED: i16 = 1;

/// The cells of a column that wait to be written.
enum ColumnValues {
    Text(Vec<ByteArray>),
    Number(Vec<f64>),
    Integer(Vec<i64>),
    Truth(Vec<bool>),
}

/// Those that are not null, and which are.
struct ColumnBuffer {
    values: ColumnValues,
    levels: Vec<i16>,
}

/// A Parquet file that is being written.
pub struct ParquetTable {
    writer: SerializedFileWriter<File>,
    buffers: Vec<ColumnBuffer>,
    waiting: usize,
    /// Bytes of the texts that wait.
    text: usize,
    rows: u64,
}

impl ParquetTable {
    /// Begins a file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn create(path: &Path, table: ResultTable) -> Result<Self> {
        let file =
            File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        let fields = table
            .columns()
            .iter()
            .map(|column| Ok(Arc::new(field(column)?)));
        let schema = Type::group_type_builder(table.name())
            .with_fields(fields.collect::<Result<_>>()?)
            .build()?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .build();
        Ok(Self {
            writer: SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties))?,
            buffers: table.columns().iter().map(ColumnBuffer::new).collect(),
            waiting: 0,
            text: 0,
            rows: 0,
        })
    }

    /// Adds a row, whose cells are of the types of the columns.
    ///
    /// # Errors
    /// It cannot be written, or is none of this table.
    pub fn push(&mut self, cells: Vec<Cell>) -> Result<()> {
        ensure!(
            cells.len() == self.buffers.len(),
            "a row of {} cells is none of a table of {} columns",
            cells.len(),
            self.buffers.len()
        );
        for (buffer, cell) in self.buffers.iter_mut().zip(cells) {
            if let Cell::Text(Some(text)) = &cell {
                self.text += text.len();
            }
            buffer.push(cell)?;
        }
        self.rows += 1;
        self.waiting += 1;
        if self.waiting == GROUP || self.text > GROUP_TEXT {
            self.write_group()?;
        }
        Ok(())
    }

    /// Completes the file, which is on the disk then, and says how many rows it has.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn finish(mut self) -> Result<u64> {
        if self.waiting > 0 {
            self.write_group()?;
        }
        let file = self.writer.into_inner()?;
        // Some file systems tell of a full disk only now.
        file.sync_all()?;
        Ok(self.rows)
    }

    fn write_group(&mut self) -> Result<()> {
        let mut group = self.writer.next_row_group()?;
        for buffer in &mut self.buffers {
            let column = group.next_column()?.context("a column is missing")?;
            buffer.write(column)?;
        }
        group.close()?;
        (self.waiting, self.text) = (0, 0);
        Ok(())
    }
}

fn field(column: &TableColumn) -> Result<Type> {
    let (physical, logical) = match column.kind {
        CellType::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        CellType::Number => (Physical::DOUBLE, None),
        CellType::Integer => (Physical::INT64, None),
        CellType::Truth => (Physical::BOOLEAN, None),
    };
    let field = Type::primitive_type_builder(column.name, physical)
        .with_logical_type(logical)
        .with_repetition(Repetition::OPTIONAL);
    Ok(field.build()?)
}

impl ColumnBuffer {
    fn new(column: &TableColumn) -> Self {
        let values = match column.kind {
            CellType::Text => ColumnValues::Text(vec![]),
            CellType::Number => ColumnValues::Number(vec![]),
            CellType::Integer => ColumnValues::Integer(vec![]),
            CellType::Truth => ColumnValues::Truth(vec![]),
        };
        Self {
            values,
            levels: vec![],
        }
    }

    /// Adds a cell.
    ///
    /// # Errors
    /// It is of another type.
    fn push(&mut self, cell: Cell) -> Result<()> {
        let is_there = match (&mut self.values, cell) {
            (ColumnValues::Text(values), Cell::Text(text)) => {
                add(values, text.map(|text| text.into_bytes().into()))
            }
            (ColumnValues::Number(values), Cell::Number(number)) => add(values, number),
            (ColumnValues::Integer(values), Cell::Integer(integer)) => add(values, integer),
            (ColumnValues::Truth(values), Cell::Truth(truth)) => add(values, truth),
            (_, cell) => bail!("{cell:?} is of another type than its column"),
        };
        self.levels.push(if is_there { DEFINED } else { NULL });
        Ok(())
    }

    /// Writes what waits, and is empty then.
    fn write(&mut self, mut column: SerializedColumnWriter) -> Result<()> {
        let levels = &self.levels;
        match &mut self.values {
            ColumnValues::Text(values) => write::<ByteArrayType>(&mut column, values, levels)?,
            ColumnValues::Number(values) => write::<DoubleType>(&mut column, values, levels)?,
            ColumnValues::Integer(values) => write::<Int64Type>(&mut column, values, levels)?,
            ColumnValues::Truth(values) => write::<BoolType>(&mut column, values, levels)?,
        }
        column.close()?;
        self.levels.clear();
        Ok(())
    }
}

/// Adds a value that is not null, and says whether it was one.
fn add<T>(values: &mut Vec<T>, value: Option<T>) -> bool {
    let is_there = value.is_some();
    values.extend(value);
    is_there
}

/// Writes the values that are not null, and which those are.
fn write<T: DataType>(
    column: &mut SerializedColumnWriter,
    values: &mut Vec<T::T>,
    levels: &[i16],
) -> Result<()> {
    column
        .typed::<T>()
        .write_batch(values, Some(levels), None)?;
    values.clear();
    Ok(())
}

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader, SerializedFileReader};

    use super::*;

    fn row(source: &str) -> Vec<Cell> {
        let columns = ResultTable::Events.columns().iter();
        let empty = columns.map(|column| match column.kind {
            CellType::Text => Cell::Text(Some(source.to_owned())),
            CellType::Number => Cell::Number(None),
            CellType::Integer => Cell::Integer(Some(7)),
            CellType::Truth => Cell::Truth(None),
        });
        empty.collect()
    }

    #[test]
    fn long_paths_make_more_groups_and_no_row_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events");
        let mut table = ParquetTable::create(&path, ResultTable::Events).unwrap();
        let row = row(&"x".repeat(GROUP_TEXT / 16));
        for _ in 0..5 {
            table.push(row.clone()).unwrap();
        }
        assert_eq!(table.finish().unwrap(), 5);
        let reader = SerializedFileReader::new(File::open(&path).unwrap()).unwrap();
        assert!(reader.num_row_groups() > 1);
        assert_eq!(reader.get_row_iter(None).unwrap().count(), 5);
    }

    #[test]
    fn a_row_of_another_table_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events");
        let mut table = ParquetTable::create(&path, ResultTable::Events).unwrap();
        let mut short = row("a");
        short.pop();
        let error = table.push(short).unwrap_err().to_string();
        assert!(error.contains("15 cells"), "{error}");
        let mut other = row("a");
        other.swap(0, 1);
        let error = table.push(other).unwrap_err().to_string();
        assert!(error.contains("another type"), "{error}");
    }
}
