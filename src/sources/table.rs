//! A table of raw values in columns.

use super::cells::{Cells, Growing};
use crate::canvas::nearest;
use crate::error::{Error, ErrorKind, Result};
use crate::features::Value;

/// Rows of raw values, kept by column. All columns have the same length.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Where the rows come from, as errors name it: a file, or the name of a source.
    pub source: String,
    /// The columns, in the order of the source.
    pub columns: Vec<Column>,
}

/// One column: a name, and one raw value per row.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// The name in the source's header.
    pub name: String,
    /// The values, one per row.
    pub cells: Cells,
}

impl Table {
    /// A table of columns that are all equally long and have different names.
    ///
    /// # Errors
    /// `invalid-data` when a column is shorter or longer than the first, or a name comes twice.
    pub fn new(source: impl Into<String>, columns: Vec<Column>) -> Result<Self> {
        let table = Self { source: source.into(), columns };
        for (index, column) in table.columns.iter().enumerate() {
            if table.columns[..index].iter().any(|earlier| earlier.name == column.name) {
                return Err(table.error("the column comes twice", column).help("give each column its own name"));
            }
            if column.len() != table.rows() {
                let message = format!("{} values where the table has {} rows", column.len(), table.rows());
                return Err(table.error(message, column).help("give each column one value per row"));
            }
        }
        Ok(table)
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, |column| column.len())
    }

    /// The column of that name.
    ///
    /// # Errors
    /// `invalid-data` that names the source, the nearest name and the columns that there are.
    pub fn column(&self, name: &str) -> Result<&Column> {
        self.columns.iter().find(|column| column.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
            let meant = nearest(name, names.iter().copied()).map(|near| format!("did you mean \"{near}\"? "));
            Error::new(ErrorKind::InvalidData, format!("there is no column \"{name}\""))
                .place(&self.source)
                .help(format!("{}columns: {}", meant.unwrap_or_default(), names.join(", ")))
        })
    }

    /// The rows at these places, in this order. A place that the table does not have is left out.
    pub fn select(&self, rows: &[usize]) -> Self {
        Self { source: self.source.clone(), columns: self.columns.iter().map(|column| column.select(rows)).collect() }
    }

    fn error(&self, message: impl Into<String>, column: &Column) -> Error {
        Error::new(ErrorKind::InvalidData, message).place(&self.source).item(&column.name)
    }
}

impl Column {
    /// A column from anything that becomes values, kept in the tightest form: mixed only where types differ.
    pub fn new<V: Into<Value>>(name: impl Into<String>, values: impl IntoIterator<Item = V>) -> Self {
        let mut cells = Growing::new();
        values.into_iter().for_each(|value| cells.push(value.into()));
        Self { name: name.into(), cells: cells.finish() }
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// The values as they are kept.
    pub fn cells(&self) -> &Cells {
        &self.cells
    }

    /// The value of a row, counted from 0; missing beyond the last.
    pub fn value(&self, row: usize) -> Value {
        self.cells.value(row)
    }

    /// The values, row by row.
    pub fn values(&self) -> impl Iterator<Item = Value> + '_ {
        (0..self.len()).map(|row| self.value(row))
    }

    /// Whether a row, counted from 0, has no value.
    pub fn is_missing(&self, row: usize) -> bool {
        self.cells.is_missing(row)
    }

    /// The first row without a value, counted from 0.
    pub fn first_missing(&self) -> Option<usize> {
        (0..self.len()).find(|&row| self.is_missing(row))
    }

    /// The share of the values that are missing, 0…1; 0 for a column with no rows.
    pub fn missing_share(&self) -> f64 {
        let missing = self.cells.missing();
        if missing == 0 { 0.0 } else { missing as f64 / self.len() as f64 }
    }

    /// The rows at these places, in this order. A place that the column does not have is left out.
    pub fn select(&self, rows: &[usize]) -> Self {
        Self { name: self.name.clone(), cells: self.cells.select(rows) }
    }

    /// Adds the rows of another column, whatever its name.
    pub fn extend(&mut self, more: Self) {
        let mut cells = Growing::from_cells(std::mem::replace(&mut self.cells, Cells::Numbers(Vec::new())));
        cells.append(more.cells);
        self.cells = cells.finish();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let columns = vec![
            Column::new("income", [1.0, 2.0, 3.0]),
            Column::new("purpose", ["car".into(), Value::Missing, "home".into()]),
        ];
        Table::new("data.csv", columns).unwrap()
    }

    #[test]
    fn a_missing_column_is_named_with_the_nearest() {
        let text = table().column("incme").unwrap_err().to_string();
        let wanted = "data.csv: there is no column \"incme\"; did you mean \"income\"? columns: income, purpose";
        assert_eq!(text, wanted);
        assert_eq!(table().column("income").unwrap().value(2), Value::Number(3.0));
    }

    #[test]
    fn rows_are_selected_in_order() {
        let picked = table().select(&[2, 0]);
        assert_eq!(picked.rows(), 2);
        assert_eq!(picked.columns[1], Column::new("purpose", ["home", "car"]));
        assert_eq!(table().columns[1].missing_share(), 1.0 / 3.0);
    }

    #[test]
    fn ragged_and_repeated_columns_are_refused() {
        let ragged = vec![Column::new("a", [1.0]), Column::new("b", [1.0, 2.0])];
        assert!(Table::new("t", ragged).unwrap_err().to_string().contains("2 values where the table has 1 rows"));
        let twice = vec![Column::new("a", [1.0]), Column::new("a", [2.0])];
        assert!(Table::new("t", twice).unwrap_err().to_string().contains("a: the column comes twice"));
    }
}
