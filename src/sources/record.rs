//! A row of a table as the record that a page would send.

use super::Table;
use crate::canvas::Canvas;
use crate::error::Result;
use crate::features::{Record, Value};

/// The inputs of the model in one row, by the names of the features. What is missing is left out, as a page would.
///
/// # Errors
/// `invalid-data` when the table lacks the column of a feature.
pub fn record(canvas: &Canvas, table: &Table, row: usize) -> Result<Record> {
    let mut record = Record::new();
    for feature in canvas.inputs() {
        match table.column(feature.column())?.value(row) {
            Value::Missing => {}
            value => {
                record.insert(feature.name.clone(), value);
            }
        }
    }
    Ok(record)
}
