//! CSV files: read by the types of the canvas, written so that reading gives the same values again.

use super::cells::Growing;
use super::schema::{ColumnKind, Needed, misfit};
use super::{Column, Table};
use crate::canvas::{FeatureKind, nearest};
use crate::error::{Error, ErrorKind, Result};
use crate::features::Value;
use crate::time::parse_timestamp;
use csv::{ReaderBuilder, StringRecord, WriterBuilder};

/// How missing values are written in files from elsewhere, besides an empty cell.
pub(super) const MISSING: [&str; 7] = ["NA", "N/A", "NaN", "nan", "null", "NULL", "None"];

/// How often progress is told, in rows.
const STRIDE: u64 = 8_192;

/// Reads the needed columns of a CSV text; others are left out. An empty cell is missing, and so is one of the words
/// `missing` unless the canvas lists that word as a value. `most` limits the number of rows.
pub(super) fn read(
    bytes: &[u8],
    source: &str,
    needed: &[Needed<'_>],
    missing: &[&str],
    most: Option<u64>,
    progress: &mut dyn FnMut(u64, Option<u64>),
) -> Result<Table> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let mut reader = ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
    let header = reader.headers().map_err(|error| unreadable(&error, source))?.clone();
    let places = places(&header, needed, source)?;
    let mut columns = vec![Growing::new(); needed.len()];
    let mut record = StringRecord::new();
    let mut rows: u64 = 0;
    while most.is_none_or(|most| rows < most)
        && reader.read_record(&mut record).map_err(|error| unreadable(&error, source))?
    {
        rows += 1;
        for ((column, needed), &place) in columns.iter_mut().zip(needed).zip(&places) {
            let listed = needed.feature.map(|feature| feature.values.as_slice()).unwrap_or_default();
            let cell = record.get(place).unwrap_or_default();
            column.push(parse(cell, needed.kind, listed, missing).map_err(|error| {
                let line = record.position().map_or(0, csv::Position::line);
                error.item(needed.name).place(format!("{source}:{line}")).row(rows as usize)
            })?);
        }
        if rows.is_multiple_of(STRIDE) {
            progress(rows, None);
        }
    }
    progress(rows, Some(rows));
    let columns = needed.iter().zip(columns);
    Table::new(
        source,
        columns.map(|(needed, cells)| Column { name: needed.name.into(), cells: cells.finish() }).collect(),
    )
}

/// Where in the header each needed column stands.
fn places(header: &StringRecord, needed: &[Needed<'_>], source: &str) -> Result<Vec<usize>> {
    let at = format!("{source}:1");
    let place = |needed: &Needed<'_>| {
        let mut found = header.iter().enumerate().filter(|(_, name)| *name == needed.name).map(|(place, _)| place);
        match (found.next(), found.next()) {
            (Some(place), None) => Ok(place),
            (Some(_), Some(_)) => {
                let error = Error::new(ErrorKind::InvalidData, "the column comes twice").item(needed.name);
                Err(error.place(&at).help("give each column its own name"))
            }
            (None, _) => {
                let meant = nearest(needed.name, header).map(|near| format!("did you mean \"{near}\"? "));
                let names: Vec<&str> = header.iter().collect();
                Err(Error::new(ErrorKind::InvalidData, format!("there is no column \"{}\"", needed.name))
                    .place(&at)
                    .help(format!("{}columns: {}", meant.unwrap_or_default(), names.join(", "))))
            }
        }
    };
    needed.iter().map(place).collect()
}

/// One cell by the kind of its column.
fn parse(cell: &str, kind: ColumnKind, listed: &[String], missing: &[&str]) -> Result<Value> {
    if cell.is_empty() || (missing.contains(&cell) && !listed.iter().any(|value| value == cell)) {
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
        _ => parse(trimmed, kind.into(), &[], &MISSING).unwrap_or_else(|_| text()),
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
    let failed = |error: csv::Error| Error::new(ErrorKind::Io, error.to_string());
    let mut writer = WriterBuilder::new().from_writer(Vec::new());
    writer.write_record(table.columns.iter().map(|column| column.name.as_str())).map_err(failed)?;
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
    writer.into_inner().map_err(|error| Error::new(ErrorKind::Io, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needed() -> Vec<Needed<'static>> {
        let column = |name, kind| Needed { name, kind, feature: None };
        vec![column("n", ColumnKind::Number), column("flag", ColumnKind::Boolean), column("word", ColumnKind::Text)]
    }

    fn parsed(text: &str) -> Result<Table> {
        read(text.as_bytes(), "x.csv", &needed(), &MISSING, None, &mut |_, _| {})
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
