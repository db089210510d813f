//! A table as a Parquet file: rows in, row groups of limited size out, so that a video of any length takes a limited memory.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::Type;

use crate::columns::{CellType, ResultTable, TableColumn};
use crate::rows::Cell;

/// Rows of a row group: some 10 MB in memory.
const GROUP: usize = 1 << 16;
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
            rows: 0,
        })
    }

    /// Adds a row, whose cells are of the types of the columns.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn push(&mut self, cells: Vec<Cell>) -> Result<()> {
        for (buffer, cell) in self.buffers.iter_mut().zip(cells) {
            buffer.push(cell);
        }
        self.rows += 1;
        self.waiting += 1;
        if self.waiting == GROUP {
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
        self.waiting = 0;
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

    /// Adds a cell; one of another type counts as null.
    fn push(&mut self, cell: Cell) {
        let is_there = match (&mut self.values, cell) {
            (ColumnValues::Text(values), Cell::Text(Some(text))) => {
                values.push(text.into_bytes().into());
                true
            }
            (ColumnValues::Number(values), Cell::Number(Some(number))) => {
                values.push(number);
                true
            }
            (ColumnValues::Integer(values), Cell::Integer(Some(integer))) => {
                values.push(integer);
                true
            }
            (ColumnValues::Truth(values), Cell::Truth(Some(truth))) => {
                values.push(truth);
                true
            }
            _ => false,
        };
        self.levels.push(if is_there { DEFINED } else { NULL });
    }

    /// Writes what waits, and is empty then.
    fn write(&mut self, mut column: SerializedColumnWriter) -> Result<()> {
        let levels = Some(&self.levels[..]);
        match &mut self.values {
            ColumnValues::Text(values) => {
                column
                    .typed::<ByteArrayType>()
                    .write_batch(values, levels, None)?;
                values.clear();
            }
            ColumnValues::Number(values) => {
                column
                    .typed::<DoubleType>()
                    .write_batch(values, levels, None)?;
                values.clear();
            }
            ColumnValues::Integer(values) => {
                column
                    .typed::<Int64Type>()
                    .write_batch(values, levels, None)?;
                values.clear();
            }
            ColumnValues::Truth(values) => {
                column
                    .typed::<BoolType>()
                    .write_batch(values, levels, None)?;
                values.clear();
            }
        }
        column.close()?;
        self.levels.clear();
        Ok(())
    }
}
