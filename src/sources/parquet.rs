//! Parquet files: those of others, and the snapshots that are written here.

use super::batch::{BATCH_ROWS, Batches, Cell};
use super::cells::{Cells, Growing, NO_WORD};
use super::schema::ColumnKind;
use super::{Column, Table};
use crate::error::{Error, ErrorKind, Result};
use ::parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use ::parquet::arrow::{ArrowWriter, ProjectionMask};
use ::parquet::basic::{Compression, ZstdLevel};
use ::parquet::errors::ParquetError;
use ::parquet::file::properties::WriterProperties;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int32Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use std::fs::File;
use std::io::Write;
use std::sync::Arc;

fn unreadable(error: &dyn std::fmt::Display, place: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("it cannot be read as Parquet: {error}"))
        .place(place)
        .help("check the file; compressed with Snappy or Zstandard, or not at all")
}

/// Reads the wanted columns of a Parquet file, row group by row group.
pub(super) fn read(file: File, rows: &mut Batches<'_>) -> Result<()> {
    let place = rows.place.clone();
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options);
    let builder = builder.map_err(|error| unreadable(&error, &place))?;
    rows.expect(u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or_default());
    let schema = builder.schema().clone();
    let places = rows.header(schema.fields().iter().map(|field| field.name().as_str()), &place)?;
    let mask = ProjectionMask::roots(builder.parquet_schema(), places.iter().copied());
    let reader = builder.with_projection(mask).with_batch_size(BATCH_ROWS).build();
    for batch in reader.map_err(|error| unreadable(&error, &place))? {
        let batch = batch.map_err(|error| unreadable(&error, &place))?;
        let room = usize::try_from(rows.room()).unwrap_or(usize::MAX);
        let batch = batch.slice(0, batch.num_rows().min(room));
        for column in 0..rows.wanted.len() {
            let name = rows.wanted[column].name;
            let array = batch.column_by_name(name).ok_or_else(|| unreadable(&format!("no column {name}"), &place))?;
            push_array(array, column, rows).map_err(|error| error.place(&place).item(name))?;
        }
        if !rows.end_batch(batch.num_rows())? {
            break;
        }
    }
    Ok(())
}

/// Adds the values of one column.
fn push_array(array: &ArrayRef, column: usize, rows: &mut Batches<'_>) -> Result<()> {
    fn each<T: ArrowPrimitiveType>(
        array: &ArrayRef,
        column: usize,
        rows: &mut Batches<'_>,
        cell: impl Fn(T::Native) -> Cell<'static>,
    ) -> Result<()> {
        let array = array.as_primitive::<T>();
        array
            .iter()
            .enumerate()
            .try_for_each(|(row, value)| rows.push_at(column, row, value.map_or(Cell::Missing, &cell)))
    }
    let integer = |value: i64| Cell::Integer(value);
    match array.data_type() {
        DataType::Float64 => each::<Float64Type>(array, column, rows, Cell::Number),
        DataType::Float32 => each::<Float32Type>(array, column, rows, |value| Cell::Number(value.into())),
        DataType::Int8 => each::<Int8Type>(array, column, rows, |value| integer(value.into())),
        DataType::Int16 => each::<Int16Type>(array, column, rows, |value| integer(value.into())),
        DataType::Int32 => each::<Int32Type>(array, column, rows, |value| integer(value.into())),
        DataType::Int64 => each::<Int64Type>(array, column, rows, integer),
        DataType::UInt8 => each::<UInt8Type>(array, column, rows, |value| integer(value.into())),
        DataType::UInt16 => each::<UInt16Type>(array, column, rows, |value| integer(value.into())),
        DataType::UInt32 => each::<UInt32Type>(array, column, rows, |value| integer(value.into())),
        DataType::UInt64 => each::<UInt64Type>(array, column, rows, |value| {
            i64::try_from(value).map_or(Cell::Number(value as f64), Cell::Integer)
        }),
        DataType::Decimal128(_, scale) => {
            let scale = 10_f64.powi(i32::from(*scale));
            each::<Decimal128Type>(array, column, rows, |value| Cell::Number(value as f64 / scale))
        }
        DataType::Date32 => each::<Date32Type>(array, column, rows, |value| Cell::Day(value.into())),
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            each::<TimestampMillisecondType>(array, column, rows, |value| Cell::Moment(value.saturating_mul(1_000)))
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            each::<TimestampMicrosecondType>(array, column, rows, Cell::Moment)
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            each::<TimestampNanosecondType>(array, column, rows, |value| Cell::Moment(value.div_euclid(1_000)))
        }
        DataType::Boolean => {
            let cells = array.as_boolean().iter().enumerate();
            let mut cells = cells.map(|(row, flag)| (row, flag.map_or(Cell::Missing, Cell::Flag)));
            cells.try_for_each(|(row, cell)| rows.push_at(column, row, cell))
        }
        DataType::Utf8 => {
            let cells = array.as_string::<i32>().iter().enumerate();
            let mut cells = cells.map(|(row, text)| (row, text.map_or(Cell::Missing, Cell::Text)));
            cells.try_for_each(|(row, cell)| rows.push_at(column, row, cell))
        }
        DataType::Null => (0..array.len()).try_for_each(|row| rows.push_at(column, row, Cell::Missing)),
        other => Err(Error::new(ErrorKind::InvalidData, format!("columns of type {other} are not read"))
            .help("write it as a number, a text, a boolean, a date or a timestamp")),
    }
}

/// Writes tables of the same columns as one Parquet file, a row group each few batches.
pub(super) struct Writer<W: Write + Send> {
    writer: ArrowWriter<W>,
    schema: Arc<Schema>,
}

impl<W: Write + Send> Writer<W> {
    /// A file of columns of these names and kinds.
    pub(super) fn new<'a>(output: W, columns: impl Iterator<Item = (&'a str, ColumnKind)>) -> Result<Self> {
        let field = |(name, kind)| {
            let kind = match kind {
                ColumnKind::Number | ColumnKind::Integer | ColumnKind::Timestamp => DataType::Float64,
                ColumnKind::Boolean => DataType::Boolean,
                ColumnKind::Category | ColumnKind::Text => {
                    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
                }
            };
            Field::new(name, kind, true)
        };
        let schema = Arc::new(Schema::new(columns.map(field).collect::<Vec<_>>()));
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(4 * BATCH_ROWS))
            .build();
        let writer = ArrowWriter::try_new(output, schema.clone(), Some(properties)).map_err(|error| failed(&error))?;
        Ok(Self { writer, schema })
    }

    /// Adds rows.
    pub(super) fn write(&mut self, table: &Table) -> Result<()> {
        let fields = self.schema.fields().iter().zip(&table.columns);
        let arrays = fields.map(|(field, column)| array(column, field.data_type())).collect::<Result<Vec<_>>>()?;
        let batch = RecordBatch::try_new(self.schema.clone(), arrays).map_err(|error| {
            Error::new(ErrorKind::Internal, format!("the rows do not fit the snapshot: {error}")).place(&table.source)
        })?;
        self.writer.write(&batch).map_err(|error| failed(&error))
    }

    /// Ends the file; gives what it was written to.
    pub(super) fn finish(self) -> Result<W> {
        self.writer.into_inner().map_err(|error| failed(&error))
    }
}

fn failed(error: &ParquetError) -> Error {
    Error::new(ErrorKind::Io, error.to_string()).help("make sure that the folder can be written and has room")
}

/// A column in the form that the snapshot keeps it in.
fn array(column: &Column, kind: &DataType) -> Result<ArrayRef> {
    let wrong = || Error::new(ErrorKind::Internal, format!("the values are not {kind}")).item(&column.name);
    Ok(match (kind, column.cells()) {
        (DataType::Float64, Cells::Numbers(numbers)) => Arc::new(
            numbers.iter().map(|number| Some(*number).filter(|number| !number.is_nan())).collect::<Float64Array>(),
        ),
        (DataType::Boolean, Cells::Flags(flags)) => Arc::new(flags.iter().copied().collect::<BooleanArray>()),
        (DataType::Dictionary(..), Cells::Texts { codes, words }) => {
            let key = |code: &u32| (*code != NO_WORD).then_some(*code as i32);
            let keys: Int32Array = codes.iter().map(key).collect();
            let words: StringArray = words.iter().map(|word| Some(word.as_str())).collect();
            let array = DictionaryArray::<Int32Type>::try_new(keys, Arc::new(words)).map_err(|_| wrong())?;
            Arc::new(array)
        }
        // A column with no value at all is kept as numbers, whatever its kind.
        (kind, cells) if cells.missing() == cells.len() => arrow_array::new_null_array(kind, cells.len()),
        _ => return Err(wrong()),
    })
}

/// Reads a snapshot: the columns as they were written.
pub(super) fn read_snapshot(file: File, place: &str) -> Result<Table> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| unreadable(&error, place))?;
    let names: Vec<String> = reader.schema().fields().iter().map(|field| field.name().clone()).collect();
    let reader = reader.with_batch_size(BATCH_ROWS).build().map_err(|error| unreadable(&error, place))?;
    let mut columns = vec![Growing::new(); names.len()];
    for batch in reader {
        let batch = batch.map_err(|error| unreadable(&error, place))?;
        for (array, column) in batch.columns().iter().zip(&mut columns) {
            column.append(cells(array).ok_or_else(|| unreadable(&"a column of another kind", place))?);
        }
    }
    let columns = names.into_iter().zip(columns).map(|(name, cells)| Column { name, cells: cells.finish() });
    Table::new(place, columns.collect())
}

fn cells(array: &ArrayRef) -> Option<Cells> {
    Some(match array.data_type() {
        DataType::Float64 => {
            let numbers = array.as_primitive::<Float64Type>();
            Cells::Numbers(numbers.iter().map(|number| number.unwrap_or(f64::NAN)).collect())
        }
        DataType::Boolean => Cells::Flags(array.as_boolean().iter().collect()),
        DataType::Dictionary(..) => {
            let texts = array.as_dictionary_opt::<Int32Type>()?;
            let words = texts.values().as_string_opt::<i32>()?;
            let codes = texts.keys().iter().map(|key| key.map_or(NO_WORD, |key| key as u32)).collect();
            Cells::Texts { codes, words: words.iter().map(|word| word.unwrap_or_default().to_owned()).collect() }
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::Value;

    #[test]
    fn what_is_written_reads_back() {
        let numbers = [0.1, 1e300, -7.0, f64::MIN_POSITIVE, 0.1 + 0.2];
        let flags = [true.into(), Value::Missing, false.into(), true.into(), Value::Missing];
        let words = ["b".into(), "a".into(), Value::Missing, "b".into(), "".into()];
        let columns = vec![
            Column::new("n", numbers),
            Column::new("flag", flags),
            Column::new("word", words),
            Column::new("none", vec![Value::Missing; 5]),
        ];
        let table = Table::new("x", columns).unwrap();
        let kinds = [ColumnKind::Number, ColumnKind::Boolean, ColumnKind::Category, ColumnKind::Text];
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.parquet");
        let columns = table.columns.iter().map(|column| column.name.as_str()).zip(kinds);
        let mut writer = Writer::new(File::create(&path).unwrap(), columns).unwrap();
        writer.write(&table).unwrap();
        // The words of the second batch stand in another order.
        writer.write(&table.select(&[3, 1, 0])).unwrap();
        writer.finish().unwrap();
        let read = read_snapshot(File::open(&path).unwrap(), "x").unwrap();
        assert_eq!(read.select(&[0, 1, 2, 3, 4]), table);
        assert_eq!(read.select(&[5, 6, 7]), table.select(&[3, 1, 0]));
        let Cells::Numbers(kept) = read.columns[0].cells() else { panic!("numbers stay numbers") };
        assert_eq!(kept[..5].iter().map(|n| n.to_bits()).collect::<Vec<_>>(), numbers.map(f64::to_bits));
    }
}
