//! What the canvas says about the columns of its data, and whether a table keeps to it.

use super::cells::Cells;
use super::{Column, Table};
use crate::canvas::{Canvas, Feature, FeatureKind, nearest};
use crate::error::{Error, ErrorKind, Result};
use crate::features::Value;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnKind {
    /// Real numbers.
    Number,
    /// Whole numbers.
    Integer,
    /// Values that the canvas lists.
    Category,
    /// True and false.
    Boolean,
    /// Moments: milliseconds since 1970-01-01 UTC, written as numbers or as ISO 8601.
    Timestamp,
    /// Anything: the target's classes, a date, the name of a group.
    Text,
}

impl From<FeatureKind> for ColumnKind {
    fn from(kind: FeatureKind) -> Self {
        match kind {
            FeatureKind::Number => Self::Number,
            FeatureKind::Integer => Self::Integer,
            FeatureKind::Category => Self::Category,
            FeatureKind::Boolean => Self::Boolean,
            FeatureKind::Text => Self::Text,
            FeatureKind::Timestamp => Self::Timestamp,
        }
    }
}

/// One column that the canvas needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Needed<'a> {
    pub(super) name: &'a str,
    pub(super) kind: ColumnKind,
    pub(super) feature: Option<&'a Feature>,
}

/// The columns that the canvas needs, each once: those of the features, the split's, the target's. Whatever else a
/// source holds is not kept.
pub(super) fn needed(canvas: &Canvas) -> Vec<Needed<'_>> {
    let stated = canvas.features.iter().filter(|feature| feature.derived().is_none());
    let features =
        stated.map(|feature| Needed { name: feature.column(), kind: feature.kind.into(), feature: Some(feature) });
    let others = [canvas.offline_evaluation.split.column.as_deref(), Some(canvas.prediction_task.target.as_str())];
    let others = others.into_iter().flatten().filter(|name| !name.is_empty()).map(|name| Needed {
        name,
        kind: ColumnKind::Text,
        feature: None,
    });
    let mut columns: Vec<Needed<'_>> = Vec::new();
    for column in features.chain(others) {
        if !columns.iter().any(|known| known.name == column.name) {
            columns.push(column);
        }
    }
    columns
}

/// Checks that `table` holds what the canvas says: rows, every feature with values of its type, listed categories
/// only, no missing value where there is no rule for it, and a target of at least two classes.
///
/// # Errors
/// `invalid-data` that names the source, the column, the row (counted from 1), and what to do.
pub fn check_schema(canvas: &Canvas, table: &Table) -> Result<()> {
    check_columns(canvas, table)?;
    check_target(canvas, table)
}

/// The part of [`check_schema`] that holds for each source by itself.
pub(super) fn check_columns(canvas: &Canvas, table: &Table) -> Result<()> {
    if table.rows() == 0 {
        return Err(Error::new(ErrorKind::InvalidData, "there are no rows")
            .place(&table.source)
            .help("give at least one row per class of the target"));
    }
    for feature in canvas.features.iter().filter(|feature| feature.derived().is_none()) {
        check_feature(table, table.column(feature.column())?, feature)?;
    }
    if let Some(name) = canvas.offline_evaluation.split.column.as_deref() {
        refuse_missing(table, table.column(name)?, "every row needs a value to be split by")?;
    }
    Ok(())
}

fn check_feature(table: &Table, column: &Column, feature: &Feature) -> Result<()> {
    let kind = feature.kind;
    let wrong = match column.cells() {
        Cells::Numbers(numbers) => {
            let fits = |number: f64| match kind {
                FeatureKind::Number | FeatureKind::Timestamp => number.is_finite(),
                FeatureKind::Integer => number.is_finite() && number.fract() == 0.0,
                _ => false,
            };
            numbers.iter().position(|number| !number.is_nan() && !fits(*number))
        }
        Cells::Flags(flags) if kind != FeatureKind::Boolean => flags.iter().position(Option::is_some),
        Cells::Flags(_) => None,
        // Each word is looked up once, however many rows have it.
        Cells::Texts { codes, words } => {
            let fits = |word: &String| match kind {
                FeatureKind::Category => feature.values.contains(word),
                kind => kind == FeatureKind::Text,
            };
            let fits: Vec<bool> = words.iter().map(fits).collect();
            codes.iter().position(|code| fits.get(*code as usize) == Some(&false))
        }
        // No kind takes values of two types: the first that is not of the column's own is wrong.
        Cells::Mixed(values) => values.iter().position(|value| match (kind, value) {
            (_, Value::Missing) | (FeatureKind::Boolean, Value::Bool(_)) | (FeatureKind::Text, Value::Text(_)) => false,
            (FeatureKind::Number | FeatureKind::Timestamp, Value::Number(number)) => !number.is_finite(),
            (FeatureKind::Integer, Value::Number(number)) => !number.is_finite() || number.fract() != 0.0,
            (FeatureKind::Category, Value::Text(text)) => !feature.values.contains(text),
            _ => true,
        }),
    };
    if let Some(row) = wrong {
        return Err(misfit(kind.into(), &feature.values, &column.value(row))
            .place(&table.source)
            .item(&column.name)
            .row(row + 1));
    }
    let missing = column.missing_share();
    if missing == 1.0 {
        let error = Error::new(ErrorKind::InvalidData, "every value is missing").place(&table.source);
        return Err(error.item(&column.name).help("correct the source, or take the feature out of the canvas"));
    }
    // A sensitive feature is no model input: rows that do not declare it stay in.
    if feature.needs_value() && !feature.sensitive {
        refuse_missing(
            table,
            column,
            "the canvas has no rule for missing values: add missing = \"median\" or another",
        )?;
    }
    Ok(())
}

/// The error for a value that is not of its column's kind.
pub(super) fn misfit(kind: ColumnKind, values: &[String], found: &Value) -> Error {
    let (wanted, help) = match kind {
        ColumnKind::Number => ("a number", "write it with a decimal point and no thousands separator".to_owned()),
        ColumnKind::Integer => ("a whole number", "correct the value, or use type = \"number\"".to_owned()),
        ColumnKind::Timestamp => {
            ("a date", "write it as 2024-01-31, 2024-01-31T08:30Z, or in milliseconds since 1970".to_owned())
        }
        ColumnKind::Boolean => ("true or false", "accepted: true, false, yes, no, 1, 0".to_owned()),
        ColumnKind::Text => ("a text", "correct the value".to_owned()),
        ColumnKind::Category => {
            let meant = match found {
                Value::Text(text) => nearest(text, values.iter().map(String::as_str)),
                _ => None,
            };
            let meant = meant.map(|near| format!("did you mean \"{near}\"? ")).unwrap_or_default();
            ("a value that the canvas lists", format!("{meant}accepted: {}", values.join(", ")))
        }
    };
    Error::new(ErrorKind::InvalidData, format!("{found} where {wanted} belongs")).help(help)
}

fn refuse_missing(table: &Table, column: &Column, help: &str) -> Result<()> {
    match column.first_missing() {
        None => Ok(()),
        Some(row) => {
            let count = column.cells().missing();
            let others = if count > 1 { format!(", and in {} other rows", count - 1) } else { String::new() };
            Err(Error::new(ErrorKind::InvalidData, format!("the value is missing{others}"))
                .place(&table.source)
                .item(&column.name)
                .row(row + 1)
                .help(help))
        }
    }
}

/// The part of [`check_schema`] that holds for all sources together.
pub(super) fn check_target(canvas: &Canvas, table: &Table) -> Result<()> {
    let task = &canvas.prediction_task;
    let column = table.column(&task.target)?;
    refuse_missing(table, column, "leave rows without a label out of the source")?;
    let classes = classes(column);
    let error = |message: String| Error::new(ErrorKind::InvalidData, message).place(&table.source).item(&column.name);
    if let [only] = classes.as_slice() {
        return Err(error(format!("every row has the class \"{only}\""))
            .help("a model needs rows of two classes to tell apart"));
    }
    match &task.positive {
        Some(positive) if !classes.contains(positive) => {
            Err(error(format!("no row has the positive class \"{positive}\""))
                .help(format!("correct prediction_task.positive; classes: {}", classes.join(", "))))
        }
        None if classes.len() == 2 => {
            Err(error("of two classes, the canvas does not say which is positive".to_owned())
                .help(format!("add positive = \"{}\" or \"{}\" to [prediction_task]", classes[0], classes[1])))
        }
        _ => Ok(()),
    }
}

/// The different texts of a column, sorted: the classes of a target.
pub fn classes(column: &Column) -> Vec<String> {
    let text = |value: Value| match value {
        Value::Text(text) => Some(text),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Missing => None,
    };
    let classes: BTreeSet<String> = match column.cells() {
        Cells::Texts { codes, words } => {
            let mut used = vec![false; words.len()];
            codes.iter().filter_map(|code| used.get_mut(*code as usize).map(|used| *used = true)).for_each(drop);
            words.iter().zip(used).filter(|(_, used)| *used).map(|(word, _)| word.clone()).collect()
        }
        _ => column.values().filter_map(text).collect(),
    };
    classes.into_iter().collect()
}
