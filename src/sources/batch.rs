//! Rows on their way from a source to whoever takes them: a batch at a time, so that no source has to fit into memory.

use super::cells::Growing;
use super::moment::{day_text, moment_text};
use super::schema::{ColumnKind, Needed, misfit};
use super::{Column, Table};
use crate::canvas::nearest;
use crate::error::{Error, ErrorKind, Result};
use crate::features::Value;
use crate::time::parse_timestamp;

/// The number of rows of a batch. The last one of a source may be smaller.
pub(super) const BATCH_ROWS: usize = 65_536;

/// One value as a typed source holds it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cell<'a> {
    Missing,
    Flag(bool),
    Integer(i64),
    Number(f64),
    Text(&'a str),
    /// Days since 1970-01-01.
    Day(i64),
    /// Microseconds since 1970-01-01 UTC.
    Moment(i64),
}

/// Who is told rows done, and their number where it is known.
pub(super) type Progress<'a> = &'a mut dyn FnMut(u64, Option<u64>);

/// Takes the rows of one source and passes them on in batches.
pub(super) struct Batches<'a> {
    /// Where the rows come from, as errors name it.
    pub(super) place: String,
    /// The columns that are taken, in order.
    pub(super) wanted: Vec<Needed<'a>>,
    /// Whether a column may be absent, because another source may have it.
    lenient: bool,
    /// The columns that the source does not have.
    absent: Vec<Needed<'a>>,
    columns: Vec<Growing>,
    /// Which columns had a value, or a null, in an object so far.
    seen: Vec<bool>,
    in_batch: usize,
    rows: u64,
    /// How many rows are taken at most.
    most: Option<u64>,
    /// How many there are, where it is known.
    total: Option<u64>,
    emit: &'a mut dyn FnMut(Table) -> Result<()>,
    progress: Progress<'a>,
}

impl<'a> Batches<'a> {
    pub(super) fn new(
        place: impl Into<String>,
        wanted: &[Needed<'a>],
        lenient: bool,
        most: Option<u64>,
        emit: &'a mut dyn FnMut(Table) -> Result<()>,
        progress: Progress<'a>,
    ) -> Self {
        Self {
            place: place.into(),
            wanted: wanted.to_vec(),
            lenient,
            absent: Vec::new(),
            columns: vec![Growing::new(); wanted.len()],
            seen: vec![false; wanted.len()],
            in_batch: 0,
            rows: 0,
            most,
            total: most,
            emit,
            progress,
        }
    }

    /// The source is known to have so many rows.
    pub(super) fn expect(&mut self, rows: u64) {
        self.total = Some(self.most.map_or(rows, |most| most.min(rows)));
    }

    /// How many more rows are taken.
    pub(super) fn room(&self) -> u64 {
        self.most.map_or(u64::MAX, |most| most.saturating_sub(self.rows))
    }

    /// The row that is being read, counted from 1.
    pub(super) fn row(&self) -> usize {
        self.rows as usize + 1
    }

    /// Where each wanted column stands in the header. What is not there is not taken, or refused.
    pub(super) fn header<'h>(&mut self, names: impl Iterator<Item = &'h str> + Clone, at: &str) -> Result<Vec<usize>> {
        let mut places = Vec::new();
        let mut kept = Vec::new();
        for needed in std::mem::take(&mut self.wanted) {
            let mut found = names.clone().enumerate().filter(|(_, name)| *name == needed.name).map(|(place, _)| place);
            match (found.next(), found.next()) {
                (Some(place), None) => {
                    places.push(place);
                    kept.push(needed);
                }
                (Some(_), Some(_)) => {
                    let error = Error::new(ErrorKind::InvalidData, "the column comes twice").item(needed.name);
                    return Err(error.place(at).help("give each column its own name"));
                }
                (None, _) if self.lenient => self.absent.push(needed),
                (None, _) => return Err(no_column(needed.name, names).place(at)),
            }
        }
        self.wanted = kept;
        self.columns = vec![Growing::new(); self.wanted.len()];
        self.seen = vec![true; self.wanted.len()];
        Ok(places)
    }

    /// The next value of the row, as a column of this source takes it.
    pub(super) fn push(&mut self, column: usize, cell: Cell<'_>) -> Result<()> {
        let (needed, into) = (&self.wanted[column], &mut self.columns[column]);
        let row = self.rows as usize + 1;
        push(needed, cell, into).map_err(|error| error.item(needed.name).row(row))
    }

    /// The next value of the row, that is of its column's kind already.
    pub(super) fn cells(&mut self, column: usize) -> &mut Growing {
        &mut self.columns[column]
    }

    /// One row from an object, by the names of its keys; `find` gives nothing for a key that it does not have.
    pub(super) fn object<'o>(&mut self, find: impl Fn(&str) -> Result<Option<Cell<'o>>>) -> Result<()> {
        for column in 0..self.wanted.len() {
            let name = self.wanted[column].name;
            match find(name).map_err(|error| error.item(name).row(self.row()))? {
                Some(cell) => {
                    self.seen[column] = true;
                    self.push(column, cell)?;
                }
                None => self.columns[column].push_missing(),
            }
        }
        for needed in &self.absent {
            if find(needed.name)?.is_some() {
                let message = format!("the key first comes after {BATCH_ROWS} rows without it");
                let error = Error::new(ErrorKind::InvalidData, message).item(needed.name).row(self.row());
                return Err(error.help("write the key in every object, with null where there is no value"));
            }
        }
        Ok(())
    }

    /// Ends a row; says whether another one is wanted.
    pub(super) fn end_row(&mut self) -> Result<bool> {
        self.rows += 1;
        self.in_batch += 1;
        if self.in_batch == BATCH_ROWS {
            self.flush()?;
        }
        Ok(self.room() > 0)
    }

    /// A value of a column, `ahead` rows after the one that is being read: for sources that give whole columns.
    pub(super) fn push_at(&mut self, column: usize, ahead: usize, cell: Cell<'_>) -> Result<()> {
        push(&self.wanted[column], cell, &mut self.columns[column]).map_err(|error| error.row(self.row() + ahead))
    }

    /// Ends as many rows as the columns were given; says whether more are wanted.
    pub(super) fn end_batch(&mut self, rows: usize) -> Result<bool> {
        self.rows += rows as u64;
        self.in_batch += rows;
        if self.in_batch > 0 {
            self.flush()?;
        }
        Ok(self.room() > 0)
    }

    fn flush(&mut self) -> Result<()> {
        if self.lenient {
            self.leave_unseen();
        }
        let columns = self.wanted.iter().zip(std::mem::take(&mut self.columns));
        let columns = columns.map(|(needed, cells)| Column { name: needed.name.to_owned(), cells: cells.finish() });
        let table = Table::new(self.place.clone(), columns.collect())?;
        self.columns = vec![Growing::new(); self.wanted.len()];
        self.in_batch = 0;
        (self.progress)(self.rows, self.total);
        (self.emit)(table)
    }

    /// Of objects, what the first batch never had is not a column of this source.
    fn leave_unseen(&mut self) {
        for column in (0..self.wanted.len()).rev().filter(|&column| !self.seen[column]).collect::<Vec<_>>() {
            self.absent.push(self.wanted.remove(column));
            self.columns.remove(column);
            self.seen.remove(column);
        }
    }

    /// Passes on what is left; gives the number of rows.
    ///
    /// # Errors
    /// `invalid-data` when a column never came.
    pub(super) fn finish(mut self) -> Result<u64> {
        if self.in_batch > 0 {
            self.flush()?;
        }
        if let Some(column) = self.seen.iter().position(|seen| !seen).filter(|_| self.rows > 0) {
            let known = self.wanted.iter().zip(&self.seen).filter(|(_, seen)| **seen).map(|(needed, _)| needed.name);
            return Err(no_column(self.wanted[column].name, known).place(&self.place));
        }
        (self.progress)(self.rows, Some(self.rows));
        Ok(self.rows)
    }
}

/// The error for a column that a source does not have.
pub(super) fn no_column<'n>(name: &str, names: impl Iterator<Item = &'n str> + Clone) -> Error {
    let meant = nearest(name, names.clone()).map(|near| format!("did you mean \"{near}\"? "));
    let names: Vec<&str> = names.collect();
    Error::new(ErrorKind::InvalidData, format!("there is no column \"{name}\"")).help(format!(
        "{}columns: {}",
        meant.unwrap_or_default(),
        names.join(", ")
    ))
}

/// Adds a typed value to a column, where it is of the column's kind.
fn push(needed: &Needed<'_>, cell: Cell<'_>, into: &mut Growing) -> Result<()> {
    let listed = needed.feature.map(|feature| feature.values.as_slice()).unwrap_or_default();
    let wrong = |found: Value| Err(misfit(needed.kind, listed, &found));
    match (needed.kind, cell) {
        (_, Cell::Missing | Cell::Text("")) => into.push_missing(),
        (_, Cell::Number(number)) if number.is_nan() => into.push_missing(),
        (ColumnKind::Number, Cell::Number(number)) if number.is_finite() => into.push_number(number),
        (ColumnKind::Number | ColumnKind::Integer, Cell::Integer(number)) => into.push_number(number as f64),
        (ColumnKind::Integer, Cell::Number(number)) if number.is_finite() && number.fract() == 0.0 => {
            into.push_number(number);
        }
        (ColumnKind::Timestamp, Cell::Number(ms)) if ms.is_finite() => into.push_number(ms),
        (ColumnKind::Timestamp, Cell::Integer(ms)) => into.push_number(ms as f64),
        (ColumnKind::Timestamp, Cell::Day(day)) => into.push_number(day as f64 * 86_400_000.0),
        (ColumnKind::Timestamp, Cell::Moment(micros)) => into.push_number(micros.div_euclid(1_000) as f64),
        (ColumnKind::Timestamp, Cell::Text(text)) => match parse_timestamp(text) {
            Some(ms) => into.push_number(ms),
            None => return wrong(text.into()),
        },
        (ColumnKind::Boolean, Cell::Flag(flag)) => into.push_flag(flag),
        (ColumnKind::Boolean, Cell::Integer(number @ 0..=1)) => into.push_flag(number == 1),
        (ColumnKind::Boolean, Cell::Number(number)) if number == 0.0 || number == 1.0 => into.push_flag(number == 1.0),
        (ColumnKind::Text, cell) => into.push_text(&text(cell)),
        (ColumnKind::Category, cell) => {
            let text = text(cell);
            if !listed.is_empty() && !listed.iter().any(|value| **value == *text) {
                return wrong(Value::Text(text.into_owned()));
            }
            into.push_text(&text);
        }
        (_, Cell::Flag(flag)) => return wrong(flag.into()),
        (_, Cell::Integer(number)) => return wrong((number as f64).into()),
        (_, Cell::Number(number)) => return wrong(number.into()),
        (_, cell) => return wrong(Value::Text(text(cell).into_owned())),
    }
    Ok(())
}

/// A value as text: a number in its shortest form, a day as 2024-01-31, a moment as RFC 3339.
fn text(cell: Cell<'_>) -> std::borrow::Cow<'_, str> {
    match cell {
        Cell::Missing => "".into(),
        Cell::Flag(flag) => if flag { "true" } else { "false" }.into(),
        Cell::Integer(number) => number.to_string().into(),
        Cell::Number(number) => number.to_string().into(),
        Cell::Text(text) => text.into(),
        Cell::Day(day) => day_text(day).into(),
        Cell::Moment(micros) => moment_text(micros).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_values_become_those_of_their_column() {
        let column = |kind| Needed { name: "x", kind, feature: None };
        let one = |kind, cell| {
            let mut cells = Growing::new();
            push(&column(kind), cell, &mut cells).map(|()| cells.finish().value(0))
        };
        assert_eq!(one(ColumnKind::Number, Cell::Integer(3)).unwrap(), 3.0.into());
        assert_eq!(one(ColumnKind::Boolean, Cell::Integer(1)).unwrap(), true.into());
        assert_eq!(one(ColumnKind::Text, Cell::Day(0)).unwrap(), "1970-01-01".into());
        assert_eq!(one(ColumnKind::Text, Cell::Moment(1_500_000)).unwrap(), "1970-01-01T00:00:01.500000Z".into());
        assert_eq!(one(ColumnKind::Text, Cell::Integer(i64::MAX)).unwrap(), "9223372036854775807".into());
        assert_eq!(one(ColumnKind::Number, Cell::Number(f64::NAN)).unwrap(), Value::Missing);
        let error = one(ColumnKind::Integer, Cell::Text("12")).unwrap_err().to_string();
        assert!(error.starts_with("\"12\" where a whole number belongs"), "{error}");
        assert!(one(ColumnKind::Number, Cell::Number(f64::INFINITY)).is_err());
    }
}
