//! What a column says about its feature.

use super::inputs::Wired;
use super::rows::Rows;
use crate::canvas::{FeatureKind, Missing};
use crate::error::{Error, ErrorKind, Result};
use crate::features::{FeatureSchema, Record, Value};
use crate::sources::cell;
use crate::tensor::ElementType;
use crate::train::{ANY_TEXT, deciles};
use std::collections::BTreeMap;

/// A range is what was seen, and this share of it on either side.
const WIDENED: f64 = 0.05;
/// More values than this are no list that a person chooses from.
const MOST_VALUES: usize = 100;
/// A category of this length is a sentence.
const LONGEST_VALUE: usize = 80;

/// Whether a cell holds nothing, in a column of numbers.
pub fn is_missing(text: &str) -> bool {
    cell(text, FeatureKind::Number, &[]) == Value::Missing
}

/// Whether a cell is a number.
pub fn is_number(text: &str) -> bool {
    matches!(cell(text, FeatureKind::Number, &[]), Value::Number(_))
}

/// Whether a cell is a flag in words.
pub fn is_flag(text: &str) -> bool {
    let text = text.trim();
    text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false")
}

/// The schema of a column as the model takes it.
///
/// # Errors
/// `invalid-data` with line, row and column: a text where the model takes numbers, a fraction where it takes whole
/// numbers, nothing where it cannot be fed nothing.
pub fn feature(rows: &Rows, wired: &Wired) -> Result<FeatureSchema> {
    let name = rows.names[wired.column].clone();
    let kind = kind(rows, wired);
    let values = match kind {
        FeatureKind::Category => distinct(rows, wired.column).into_keys().map(str::to_owned).collect(),
        FeatureKind::Boolean => vec!["false".to_owned(), "true".to_owned()],
        FeatureKind::Text => vec![ANY_TEXT.to_owned()],
        _ => Vec::new(),
    };
    let mut schema = FeatureSchema {
        name,
        kind,
        unit: None,
        range: None,
        values,
        missing: Missing::Error,
        note: None,
        bins: Vec::new(),
        example: Value::Missing,
        feeds: Some(wired.feeds.clone()),
    };
    let mut numbers = Vec::new();
    for (row, text) in rows.cells(wired.column).enumerate() {
        match (kind, cell(text, kind, &schema.values)) {
            (_, Value::Missing) => missing(rows, row, wired, &mut schema)?,
            (FeatureKind::Number, Value::Number(number)) => numbers.push(number),
            (FeatureKind::Integer, Value::Number(number)) => numbers.push(number),
            (FeatureKind::Boolean, Value::Bool(_)) | (FeatureKind::Category | FeatureKind::Text, Value::Text(_)) => {}
            _ => return Err(strange(rows, row, wired, text)),
        }
    }
    if kind.is_numeric() {
        numbers.sort_by(f64::total_cmp);
        let (Some(&low), Some(&high)) = (numbers.first(), numbers.last()) else { return Err(empty(rows, wired)) };
        schema.range = Some(widened(low, high, kind == FeatureKind::Integer));
        schema.bins = deciles(&numbers);
        schema.example = Value::Number(numbers[numbers.len() / 2]);
        schema.note = Some(format!(
            "Range inferred: {} rows hold {low} to {high}, widened by {} % on either side",
            rows.len(),
            WIDENED * 100.0
        ));
    } else {
        let counts = distinct(rows, wired.column);
        let usual = counts.iter().max_by_key(|(_, count)| **count).map(|(text, _)| *text);
        schema.example = cell(usual.ok_or_else(|| empty(rows, wired))?, kind, &schema.values);
    }
    Ok(schema)
}

/// A row as a page would send it.
pub fn record(rows: &Rows, row: usize, columns: &[usize], features: &[FeatureSchema]) -> Record {
    let cells: Vec<&str> = rows.cells_of(row).collect();
    let values = columns.iter().zip(features).map(|(&column, feature)| {
        let text = cells.get(column).copied().unwrap_or_default();
        (feature.name.clone(), cell(text, feature.kind, &feature.values))
    });
    values.filter(|(_, value)| *value != Value::Missing).collect()
}

fn kind(rows: &Rows, wired: &Wired) -> FeatureKind {
    let flags = || {
        let mut cells = rows.cells(wired.column).filter(|cell| !is_missing(cell)).peekable();
        cells.peek().is_some() && cells.all(is_flag)
    };
    match wired.element {
        ElementType::Text => {
            let values = distinct(rows, wired.column);
            let few = values.len() <= MOST_VALUES && (values.len() <= 20 || values.len() * 2 <= rows.len());
            let short = values.keys().all(|value| value.chars().count() <= LONGEST_VALUE);
            // A list in which most values come once is no list.
            let repeated = values.values().filter(|count| **count > 1).count() * 2 >= values.len();
            if few && short && (repeated || values.len() <= 2) { FeatureKind::Category } else { FeatureKind::Text }
        }
        ElementType::Bool => FeatureKind::Boolean,
        _ if flags() => FeatureKind::Boolean,
        ElementType::I64 | ElementType::I32 => FeatureKind::Integer,
        _ => FeatureKind::Number,
    }
}

/// The texts of a column but for empty ones, with their counts.
fn distinct(rows: &Rows, column: usize) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for text in rows.cells(column).filter(|text| !text.trim().is_empty()) {
        *counts.entry(text).or_default() += 1;
    }
    counts
}

/// A model is fed NaN or an empty text for nothing; whole numbers and flags have no such value.
fn missing(rows: &Rows, row: usize, wired: &Wired, schema: &mut FeatureSchema) -> Result<()> {
    if matches!(wired.element, ElementType::F32 | ElementType::F64 | ElementType::Text) {
        schema.missing = Missing::Model;
        return Ok(());
    }
    let message = format!("the value is missing, and the model takes {} there", wired.element.name());
    let error = Error::new(ErrorKind::InvalidData, message).place(rows.line(row)).row(row + 1).item(&schema.name);
    Err(error.help("fill the value, or leave the row out"))
}

fn strange(rows: &Rows, row: usize, wired: &Wired, text: &str) -> Error {
    let wanted = match wired.element {
        ElementType::Bool => "true or false",
        ElementType::I64 | ElementType::I32 => "whole numbers",
        _ => "numbers",
    };
    let message = format!("\"{text}\" where the model takes {wanted} ({} {})", wired.feeds.input, wired.element.name());
    let error = Error::new(ErrorKind::InvalidData, message).place(rows.line(row)).row(row + 1);
    error
        .item(&rows.names[wired.column])
        .help("write the values as the model was trained on them: a decimal point, no unit")
}

fn empty(rows: &Rows, wired: &Wired) -> Error {
    let error = Error::new(ErrorKind::InvalidData, "every value is missing").place(&rows.place);
    error.item(&rows.names[wired.column]).help("give rows that have values in this column")
}

/// The range with a margin, on round numbers. What is never negative stays so.
fn widened(low: f64, high: f64, whole: bool) -> [f64; 2] {
    let span = if high > low { high - low } else { low.abs().max(1.0) };
    let margin = span * WIDENED;
    let digits = (2.0 - span.log10().floor()).clamp(-300.0, 300.0);
    let step = if whole { 1.0 } else { 10f64.powf(-digits) };
    let round = |value: f64, up: bool| {
        let steps = value / step;
        let rounded = if up { steps.ceil() } else { steps.floor() };
        // Dividing by a power of ten is exact where multiplying by its inverse is not.
        if step < 1.0 { rounded / 10f64.powf(digits).round() } else { rounded * step }
    };
    let below = round(low - margin, false);
    [if low >= 0.0 { below.max(0.0) } else { below }, round(high + margin, true)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_widened_on_round_numbers() {
        assert_eq!(widened(4.3, 7.9, false), [4.12, 8.08]);
        assert_eq!(widened(0.0, 100.0, false), [0.0, 105.0]);
        assert_eq!(widened(18.0, 90.0, true), [14.0, 94.0]);
        assert_eq!(widened(-1.0, 1.0, false), [-1.1, 1.1]);
        assert_eq!(widened(5.0, 5.0, false), [4.75, 5.25]);
    }
}
