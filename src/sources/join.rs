//! Joining by a key: the joined source is held in memory, the rows it is joined to pass by in batches.

use super::cells::{Cells, Growing, NO_WORD};
use super::checks::refuses_missing;
use super::schema::Needed;
use super::{Column, Table};
use crate::canvas::{Canvas, Join, JoinKind};
use crate::error::{Error, ErrorKind, Result};
use crate::features::Value;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// How a source was joined, and how well it fitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinLineage {
    /// The column.
    pub key: String,
    /// What became of rows without a partner.
    pub kind: JoinKind,
    /// Rows that found a partner.
    pub matched: u64,
    /// Rows that found none.
    pub unmatched: u64,
    /// Keys of the joined source that no row asked for.
    pub unused: u64,
}

/// A source that is joined to others: its columns, and where each key is.
pub(super) struct Joined {
    place: String,
    columns: Vec<Growing>,
    names: Vec<String>,
    rows: HashMap<String, u32>,
    used: Vec<bool>,
    lineage: JoinLineage,
    /// The finished columns, once all rows are in.
    table: Option<Table>,
}

impl Joined {
    pub(super) fn new(join: &Join, place: String) -> Self {
        let lineage = JoinLineage { key: join.key.clone(), kind: join.kind, matched: 0, unmatched: 0, unused: 0 };
        Self { place, columns: vec![], names: vec![], rows: HashMap::new(), used: vec![], lineage, table: None }
    }

    /// Takes the next rows of the joined source.
    ///
    /// # Errors
    /// `invalid-data` for a key that is missing or comes twice, by row.
    pub(super) fn add(&mut self, batch: Table) -> Result<()> {
        let first = self.used.len();
        let error = |row: usize, message: String, help: &str| {
            let error = Error::new(ErrorKind::InvalidData, message).place(&self.place).item(&self.lineage.key);
            Err(error.row(first + row + 1).help(help))
        };
        let keys = batch.column(&self.lineage.key)?;
        for row in 0..batch.rows() {
            let Some(key) = key(keys, row) else {
                return error(row, "the row has no key".into(), "leave rows without a key out of the source");
            };
            if let Some(earlier) = self.rows.insert(key.clone(), (first + row) as u32) {
                let message = format!("the key \"{key}\" is that of row {}, too", earlier + 1);
                return error(row, message, "each key must come once in a source that is joined");
            }
        }
        if self.names.is_empty() {
            self.names = batch.columns.iter().map(|column| column.name.clone()).collect();
            self.columns = vec![Growing::new(); self.names.len()];
        }
        self.used.resize(first + batch.rows(), false);
        for (column, more) in self.columns.iter_mut().zip(batch.columns) {
            column.append(more.cells);
        }
        Ok(())
    }

    /// All rows are in.
    pub(super) fn seal(&mut self) -> Result<()> {
        let columns = std::mem::take(&mut self.columns).into_iter().zip(&self.names);
        let columns = columns.map(|(cells, name)| Column { name: name.clone(), cells: cells.finish() });
        self.table = Some(Table::new(&self.place, columns.collect())?);
        Ok(())
    }

    /// The names of its columns.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// How well it fitted.
    pub(super) fn lineage(&self) -> JoinLineage {
        let unused = self.used.iter().filter(|used| !**used).count() as u64;
        JoinLineage { unused, ..self.lineage.clone() }
    }

    /// For each row of `batch`, its partner.
    fn partners(&mut self, batch: &Table) -> Result<Vec<Option<u32>>> {
        let keys = batch.column(&self.lineage.key)?;
        let partners: Vec<Option<u32>> = match keys.cells() {
            // Each word is looked up once, however many rows have it.
            Cells::Texts { codes, words } => {
                let places: Vec<Option<u32>> = words.iter().map(|word| self.rows.get(word).copied()).collect();
                codes.iter().map(|code| places.get(*code as usize).copied().flatten()).collect()
            }
            _ => (0..batch.rows()).map(|row| self.rows.get(&key(keys, row)?).copied()).collect(),
        };
        for partner in partners.iter().flatten() {
            self.used[*partner as usize] = true;
        }
        let matched = partners.iter().flatten().count() as u64;
        self.lineage.matched += matched;
        self.lineage.unmatched += batch.rows() as u64 - matched;
        Ok(partners)
    }
}

/// A key as text: numbers in their shortest form.
fn key(column: &Column, row: usize) -> Option<String> {
    match column.value(row) {
        Value::Missing => None,
        Value::Text(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
    }
}

/// Joins every source to a batch; gives the needed columns, in their order. `first` is the number of rows of the same
/// source before it. A column that several sources have is that of the earliest.
pub(super) fn join(
    canvas: &Canvas,
    needed: &[Needed<'_>],
    joined: &mut [Joined],
    batch: &Table,
    first: u64,
) -> Result<Table> {
    let partners = joined.iter_mut().map(|joined| joined.partners(batch)).collect::<Result<Vec<_>>>()?;
    let stays = |row: &usize| {
        let gone = |(joined, partners): (&Joined, &Vec<Option<u32>>)| {
            joined.lineage.kind == JoinKind::Inner && partners[*row].is_none()
        };
        !joined.iter().zip(&partners).any(gone)
    };
    let rows: Vec<usize> = (0..batch.rows()).filter(stays).collect();
    let all = rows.len() == batch.rows();
    let mut columns = Vec::with_capacity(needed.len());
    for needed in needed {
        if let Some(own) = batch.columns.iter().find(|column| column.name == needed.name) {
            columns.push(if all { own.clone() } else { own.select(&rows) });
            continue;
        }
        let of = |joined: &Joined| joined.table.as_ref()?.columns.iter().position(|column| column.name == needed.name);
        let found = joined.iter().zip(&partners).find_map(|(joined, partners)| Some((joined, partners, of(joined)?)));
        let Some((from, partners, place)) = found else {
            return Err(absent(needed.name, batch, joined));
        };
        let Some(column) = from.table.as_ref().map(|table| &table.columns[place]) else { continue };
        let picked = pick(column, rows.iter().map(|&row| partners[row]));
        let gap = picked.first_missing().zip(refuses_missing(canvas, needed.name));
        if let Some((row, help)) = gap {
            let why = if partners[rows[row]].is_some() {
                "the value is missing"
            } else {
                "no row of the joined source has this key, so the value is missing"
            };
            return Err(Error::new(ErrorKind::InvalidData, why)
                .place(&batch.source)
                .item(needed.name)
                .row(first as usize + rows[row] + 1)
                .help(format!("{help}, or join with kind = \"inner\"")));
        }
        columns.push(picked);
    }
    Table::new(batch.source.clone(), columns)
}

fn absent(name: &str, batch: &Table, joined: &[Joined]) -> Error {
    let mut known: Vec<&str> = batch.columns.iter().map(|column| column.name.as_str()).collect();
    known.extend(joined.iter().flat_map(|joined| joined.names().iter().map(String::as_str)));
    let places: Vec<&str> = joined.iter().map(|joined| joined.place.as_str()).collect();
    Error::new(ErrorKind::InvalidData, format!("there is no column \"{name}\", nor in {}", places.join(", ")))
        .place(&batch.source)
        .help(format!("correct the canvas or a source; of its columns there are: {}", known.join(", ")))
}

/// The values of a column at these places; missing where there is none.
fn pick(column: &Column, places: impl Iterator<Item = Option<u32>>) -> Column {
    let mut cells = Growing::new();
    match column.cells() {
        Cells::Numbers(numbers) => {
            places.for_each(|place| cells.push_number(place.map_or(f64::NAN, |place| numbers[place as usize])));
        }
        Cells::Texts { codes, words } => {
            let code = |place: Option<u32>| place.map_or(NO_WORD, |place| codes[place as usize]);
            places.for_each(|place| match words.get(code(place) as usize) {
                Some(word) => cells.push_text(word),
                None => cells.push_missing(),
            });
        }
        _ => places.for_each(|place| cells.push(place.map_or(Value::Missing, |place| column.value(place as usize)))),
    }
    Column { name: column.name.clone(), cells: cells.finish() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::schema::ColumnKind;

    fn joined(kind: JoinKind) -> Joined {
        let mut joined = Joined::new(&Join { key: "id".into(), kind }, "right".into());
        let right = vec![Column::new("id", ["a", "b", "d"]), Column::new("r", [1.0, 2.0, 4.0])];
        joined.add(Table::new("right", right).unwrap()).unwrap();
        joined.seal().unwrap();
        joined
    }

    fn run(kind: JoinKind) -> (Table, JoinLineage) {
        let left = vec![Column::new("id", ["b", "c", "a"]), Column::new("l", [true, false, true])];
        let mut joined = [joined(kind)];
        let column = |name| Needed { name, kind: ColumnKind::Text, feature: None };
        let left = Table::new("left", left).unwrap();
        let table = join(&Canvas::default(), &[column("r"), column("l")], &mut joined, &left, 0).unwrap();
        (table, joined[0].lineage())
    }

    #[test]
    fn rows_find_their_partners() {
        let (table, lineage) = run(JoinKind::Left);
        assert_eq!(table.columns[0], Column::new("r", [2.0.into(), Value::Missing, 1.0.into()]));
        assert_eq!(table.columns[1], Column::new("l", [true, false, true]));
        assert_eq!((lineage.matched, lineage.unmatched, lineage.unused), (2, 1, 1));
        let (table, _) = run(JoinKind::Inner);
        assert_eq!(table.columns[0], Column::new("r", [2.0, 1.0]));
        assert_eq!(table.columns[1], Column::new("l", [true, true]));
    }

    #[test]
    fn a_key_that_comes_twice_is_named_by_row() {
        let mut joined = joined(JoinKind::Left);
        let more = vec![Column::new("id", ["e", "b"]), Column::new("r", [1.0, 2.0])];
        let error = joined.add(Table::new("right", more).unwrap()).unwrap_err().to_string();
        assert!(error.starts_with("right: row 5: id: the key \"b\" is that of row 2, too"), "{error}");
    }
}
