//! CSV files: read by the types of the canvas, written so that reading gives the same values again.

use super::Table;
use super::batch::Batches;
use super::schema::{ColumnKind, misfit};
use crate::canvas::FeatureKind;
use crate::error::{Error, ErrorKind, Result};
use crate::features::Value;
use crate::time::parse_timestamp;
use csv::{ReaderBuilder, StringRecord, WriterBuilder};
use std::io::{Read, Write};

/// How missing values are written in files from elsewhere, besides an empty cell.
const MISSING: [&str; 7] = ["NA", "N/A", "NaN", "nan", "null", "NULL", "None"];

/// Reads the wanted columns of a CSV text; others are left out. An empty cell is missing, and so is one of the words
/// [`MISSING`] unless the canvas lists that word as a value.
pub(super) fn read(input: impl Read, rows: &mut Batches<'_>) -> Result<()> {
    let place = rows.place.clone();
    let mut reader = ReaderBuilder::new().trim(csv::Trim::All).buffer_capacity(1 << 16).from_reader(input);
    let header = reader.headers().map_err(|error| unreadable(&error, &place))?.clone();
    // A byte order mark is no part of the first name.
    let names = header.iter().map(|name| name.strip_prefix('\u{feff}').unwrap_or(name));
    let places = rows.header(names, &format!("{place}:1"))?;
    let mut record = StringRecord::new();
    while rows.room() > 0 && reader.read_record(&mut record).map_err(|error| unreadable(&error, &place))? {
        for (column, &at) in places.iter().enumerate() {
            let needed = &rows.wanted[column];
            let (name, kind) = (needed.name, needed.kind);
            let listed = needed.feature.map(|feature| feature.values.as_slice()).unwrap_or_default();
            let cell = record.get(at).unwrap_or_default();
            let wrong = |error: Error| {
                let line = record.position().map_or(0, csv::Position::line);
                error.item(name).place(format!("{place}:{line}")).row(rows.row())
            };
            match kind {
                // Texts go by reference: most are words that came before.
                ColumnKind::Text if !is_missing(cell, listed) => rows.cells(column).push_text(cell),
                ColumnKind::Category if !is_missing(cell, listed) && listed.iter().any(|value| value == cell) => {
                    rows.cells(column).push_text(cell);
                }
                _ => {
                    let value = parse(cell, kind, listed).map_err(wrong)?;
                    rows.cells(column).push(value);
                }
            }
        }
        rows.end_row()?;
    }
    Ok(())
}

fn is_missing(cell: &str, listed: &[String]) -> bool {
    cell.is_empty() || (MISSING.contains(&cell) && !listed.iter().any(|value| value == cell))
}

/// One cell by the kind of its column.
fn parse(cell: &str, kind: ColumnKind, listed: &[String]) -> Result<Value> {
    if is_missing(cell, listed) {
        return Ok(Value::Missing);
    }
    let text = || Value::Text(cell.to_owned());
    let value = match kind {
        ColumnKind::Text => Some(text()),
        ColumnKind::Category => Some(text()).filter(|_| listed.is_empty() || listed.iter().any(|value| value == cell)),
        ColumnKind::Number => number(cell).map(Value::Number),
        ColumnKind::Integer => number(cell).filter(|number| number.fract() == 0.0).map(Value::Number),
        ColumnKind::Timestamp => parse_timestamp(cell).map(Value::Number),
        ColumnKind::Boolean => match cell.to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => Some(Value::Bool(true)),
            "false" | "no" | "0" => Some(Value::Bool(false)),
            _ => None,
        },
    };
    value.ok_or_else(|| misfit(kind, listed, &text()))
}

/// The raw value of a cell, as a page would send it for a feature of this kind. What is not of the kind stays a text, so
/// that the boundaries of the model speak of it.
///
/// Strings keep the spaces around them: a model that learned " Private" knows no "Private".
pub fn cell(cell: &str, kind: FeatureKind, listed: &[String]) -> Value {
    let trimmed = cell.trim();
    let text = || Value::Text(cell.to_owned());
    match kind {
        _ if trimmed.is_empty() => Value::Missing,
        FeatureKind::Text => text(),
        FeatureKind::Category if MISSING.contains(&trimmed) && !listed.iter().any(|value| value == cell) => {
            Value::Missing
        }
        FeatureKind::Category => text(),
        _ => parse(trimmed, kind.into(), &[]).unwrap_or_else(|_| text()),
    }
}

fn number(cell: &str) -> Option<f64> {
    cell.parse().ok().filter(|number: &f64| number.is_finite())
}

fn unreadable(error: &csv::Error, source: &str) -> Error {
    let line = error.position().map(csv::Position::line);
    let (message, help) = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            (format!("{len} cells where the header has {expected_len}"), "give each row one cell per column")
        }
        csv::ErrorKind::Utf8 { .. } => ("the row is not UTF-8 text".to_owned(), "save the file as UTF-8"),
        _ => (error.to_string(), "check the file"),
    };
    let place = line.map_or(source.to_owned(), |line| format!("{source}:{line}"));
    Error::new(ErrorKind::InvalidData, message).place(place).help(help)
}

/// Writes a table as CSV: a header, one line per row, an empty cell for a missing value, numbers in their shortest
/// form that reads back as the same number.
///
/// # Errors
/// `io` when the bytes cannot be made.
pub fn to_csv(table: &Table) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    write_csv(table, true, &mut bytes)?;
    Ok(bytes)
}

/// The same into a writer, with or without the header: tables of the same columns follow each other.
///
/// # Errors
/// `io` when the bytes cannot be written.
pub fn write_csv(table: &Table, header: bool, output: &mut dyn Write) -> Result<()> {
    let failed = |error: csv::Error| Error::new(ErrorKind::Io, error.to_string());
    let mut writer = WriterBuilder::new().from_writer(output);
    if header {
        writer.write_record(table.columns.iter().map(|column| column.name.as_str())).map_err(failed)?;
    }
    let mut cells: Vec<String> = vec![String::new(); table.columns.len()];
    for row in 0..table.rows() {
        for (cell, column) in cells.iter_mut().zip(&table.columns) {
            cell.clear();
            match column.value(row) {
                Value::Bool(flag) => cell.push_str(if flag { "true" } else { "false" }),
                Value::Number(number) => cell.push_str(&number.to_string()),
                Value::Text(text) => cell.push_str(&text),
                Value::Missing => {}
            }
        }
        writer.write_record(&cells).map_err(failed)?;
    }
    writer.flush().map_err(Error::from)
}

#[cfg(test)]
mod tests {
    use super::super::schema::Needed;
    use super::*;

    fn parsed(text: &str) -> Result<Table> {
        let column = |name, kind| Needed { name, kind, feature: None };
        let wanted =
            [column("n", ColumnKind::Number), column("flag", ColumnKind::Boolean), column("word", ColumnKind::Text)];
        let mut table = None;
        let (mut emit, mut progress) = (
            |batch| {
                table = Some(batch);
                Ok(())
            },
            |_, _| {},
        );
        let mut rows = Batches::new("x.csv", &wanted, false, None, &mut emit, &mut progress);
        read(text.as_bytes(), &mut rows)?;
        rows.finish()?;
        Ok(table.unwrap())
    }

    #[test]
    fn cells_become_values_of_their_kind() {
        let table = parsed("\u{feff}extra,word,n,flag\n9,\"a, b\",1.5,yes\n9,,NA,False\n").unwrap();
        assert_eq!(table.columns[0].values().collect::<Vec<_>>(), [Value::Number(1.5), Value::Missing]);
        assert_eq!(table.columns[1].values().collect::<Vec<_>>(), [Value::Bool(true), Value::Bool(false)]);
        assert_eq!(table.columns[2].values().collect::<Vec<_>>(), [Value::Text("a, b".into()), Value::Missing]);
        assert_eq!(table.columns.len(), 3);
    }

    #[test]
    fn what_is_written_reads_back() {
        let table = parsed("n,flag,word\n0.1,true,\"say \"\"x\"\"\"\n1e300,,\n-7,false,y\n").unwrap();
        assert_eq!(parsed(std::str::from_utf8(&to_csv(&table).unwrap()).unwrap()).unwrap(), table);
    }

    #[test]
    fn a_wrong_cell_is_named_by_line_row_and_column() {
        let cases = [
            ("n,flag,word\n1,true,a\n\"1,000\",true,a\n", "x.csv:3: row 2: n: \"1,000\" where a number belongs"),
            ("n,flag,word\ninf,true,a\n", "x.csv:2: row 1: n: \"inf\" where a number belongs"),
            ("n,flag,word\n1,maybe,a\n", "x.csv:2: row 1: flag: \"maybe\" where true or false belongs"),
            ("n,flag,word\n1,true\n", "x.csv:2: 2 cells where the header has 3"),
            (
                "n,flg,word\n1,true,a\n",
                "x.csv:1: there is no column \"flag\"; did you mean \"flg\"? columns: n, flg, word",
            ),
            ("n,flag,n,word\n1,true,2,a\n", "x.csv:1: n: the column comes twice"),
        ];
        for (text, words) in cases {
            let error = parsed(text).unwrap_err().to_string();
            assert!(error.starts_with(words), "{error}\n{words}");
        }
    }
}
